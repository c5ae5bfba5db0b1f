"""What the daemon has heard of the hours ahead, from whom and when, and what an operator states instead; it asks nobody, the boundary's process does."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Final

from pydantic import ConfigDict, Field

from controller.encode import from_plain
from controller.forecast import CARBON, PRICE
from controller.forecast.outlook import BELIEF, WEATHER_OFF_MOST_K, Origin, Outlook, Provided, off_k
from plant_models.site.forecast import PUSHED
from plant_models.site.topology import Site
from safety.finite import finite

STEP_LEAST_S: Final = 300.0
STEP_MOST_S: Final = 86400.0
VALUES_MOST: Final = 400  # of one series in one message
SERIES_MOST: Final = 64
KEPT_MOST: Final = 120  # of a scheduler's series: what is finer goes into each cycle's record as the highest of several
AWAY_MOST_S: Final = 14 * 86400.0  # a start further from now than this is in another unit or another year
OVERRIDE_MOST_H: Final = 168.0  # a week: what holds longer is a change of the site's description
_PUSHED_FOR_S: Final = 86400.0
_LOOKED_AHEAD_S: Final = 26 * 3600.0  # a day, an hour for its rounding and one for a late cycle
_ORIGIN: Final = {"weather": Origin.WEATHER_SERVICE, "price": Origin.PUBLISHED, "carbon": Origin.PUBLISHED, "load": Origin.SCHEDULER}
_SAYS_MOST: Final = 200  # characters of another's words that are kept


@dataclass(frozen=True)
class Series:
    """One signal ahead as the boundary's process passes it on: ``values[k]`` at ``start_s + k * step_s`` [s since 1970 UTC]."""

    __pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)
    signal: str
    start_s: float
    step_s: float
    values: tuple[float, ...]


@dataclass(frozen=True)
class Saying:
    """What one source said just now, or why nothing could be heard of it."""

    __pydantic_config__ = ConfigDict(extra="forbid")
    source: str
    series: tuple[Series, ...] = ()
    trouble: str = ""
    age_s: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = 0.0
    """How long ago the source said it [s]; the same is said again now and then, so that a new daemon hears it too."""


@dataclass(frozen=True)
class Voice:
    """One source: what it may speak of, whom it speaks as, how long it is believed, what it said last and when [s]."""

    gives: str
    origin: Origin
    believed_for_s: float
    said: tuple[Provided, ...] = ()
    heard_s: float = -math.inf
    trouble: str = ""


@dataclass
class Heard:
    """The outlook of one site, in plant time."""

    site: Site
    voices: dict[str, Voice] = field(default_factory=dict)
    overrides: dict[str, Provided] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Knows the sources that the site declares, and those that come in through the boundary's own port."""
        self.plausible = plausible_of(self.site)
        declared = {name: Voice(s.gives, _ORIGIN[s.gives], s.believed_for_s) for name, s in self.site.forecast.items()}
        pushed = dict(zip(PUSHED, (Voice("load", o, _PUSHED_FOR_S) for o in (Origin.SCHEDULER, Origin.POWER_CAP)), strict=True))
        self.voices = {**declared, **pushed, **self.voices}

    def outlook(self, at_s: float) -> Outlook:
        """Returns what is said of the day ahead by all who were heard recently enough; an operator's word as it stands."""
        fresh = [p for v in self.voices.values() if at_s - v.heard_s <= v.believed_for_s for p in v.said]
        ahead = [cut for p in fresh if (cut := _ahead(p, at_s)).median]
        return Outlook((*ahead, *(p for p in self.overrides.values() if at_s < p.end_s)))

    def say(self, asked: Mapping[str, Any], at_s: float) -> dict[str, Any]:
        """Takes what a source said, all of it or nothing; the answer says what is wrong with it, under ``problems``."""
        try:
            saying = from_plain(Saying, dict(asked))
        except ValueError as error:
            return {"error": "not understood", "problems": [f"{'.'.join(str(x) for x in e['loc'])}: {e['msg']}" for e in getattr(error, "errors", list)()]}
        voice = self.voices.get(saying.source)
        if voice is None:
            return {"error": "not understood", "problems": [f"source {saying.source[:80]!r}: must be one of {', '.join(self.voices)}"]}
        if saying.trouble:
            self.voices[saying.source] = replace(voice, trouble=saying.trouble[:_SAYS_MOST])
            return {"done": "say"}
        problems = list(self._problems(saying, voice, at_s))
        if problems:
            self.voices[saying.source] = replace(voice, trouble=f"refused: {problems[0]}"[:_SAYS_MOST])
            return {"error": "refused", "problems": problems}
        said = tuple(_kept(s, voice.origin, saying.source) for s in saying.series)
        self.voices[saying.source] = replace(voice, said=said, heard_s=at_s - saying.age_s, trouble="")
        return {"done": "say"}

    def _problems(self, saying: Saying, voice: Voice, at_s: float) -> Iterator[str]:
        """Yields what cannot be believed of any source, before how far this one is believed is asked at all."""
        if len(saying.series) > SERIES_MOST:
            yield f"{len(saying.series)} series: at most {SERIES_MOST}"
        allowed = {s for s in self.plausible if _gives(s) == voice.gives}
        for series in saying.series[:SERIES_MOST]:
            name = series.signal[:80]
            if series.signal not in allowed:
                yield f"{name}: must be one of {', '.join(sorted(allowed)) or 'none'}"
                continue
            if not STEP_LEAST_S <= series.step_s <= STEP_MOST_S:
                yield f"{name}: step_s {series.step_s:g} must be {STEP_LEAST_S:g} .. {STEP_MOST_S:g}"
            if abs(series.start_s - at_s) > AWAY_MOST_S:
                yield f"{name}: start_s {series.start_s:g} must be within 14 days of {at_s:.0f}"
            if len(series.values) > VALUES_MOST:
                yield f"{name}: {len(series.values)} values: at most {VALUES_MOST}"
            low, high = self.plausible[series.signal]
            wrong = next((v for v in series.values if not low <= v <= high), None)
            if wrong is not None:
                yield f"{name}: {wrong:g} must be {low:g} .. {high:g}"

    def override(self, asked: Mapping[str, Any], who: str, reason: str, at_s: float) -> dict[str, Any]:
        """Takes an operator's own forecast of a signal until an instant; it goes before everybody else's."""
        signal, value, until_s = str(asked.get("signal", "")), finite(asked.get("value")), finite(asked.get("until_s"))
        if signal not in self.plausible:
            return {"error": f"forecast: signal {signal!r} must be one of {', '.join(self.plausible)}"}
        low, high = self.plausible[signal]
        if value is None or not low <= value <= high:
            return {"error": f"forecast: value of {signal} must be {low:g} .. {high:g}"}
        if until_s is None or not at_s < until_s <= at_s + 3600.0 * OVERRIDE_MOST_H:
            return {"error": f"forecast: its end must be later than now and within {OVERRIDE_MOST_H:g} h"}
        self.overrides[signal] = Provided(signal, Origin.OPERATOR, at_s, until_s - at_s, (value,), f"{who}: {reason}"[:_SAYS_MOST])
        return {"done": "forecast", "signal": signal, "until_s": until_s, "says": "from the next cycle on"}

    def clear(self, signal: str) -> dict[str, Any]:
        """Ends an operator's forecast of a signal."""
        if self.overrides.pop(signal, None) is None:
            return {"error": f"forecast: nothing is overridden of {signal!r}; overridden are: {', '.join(self.overrides) or 'none'}"}
        return {"done": "forecast", "signal": signal, "says": "from the next cycle on"}

    def ended(self, at_s: float) -> list[Provided]:
        """Returns the operator's forecasts that are over by now, once each."""
        over = [p for p in self.overrides.values() if p.end_s <= at_s]
        self.overrides = {signal: p for signal, p in self.overrides.items() if p.end_s > at_s}
        return over

    def resume(self, last: Outlook) -> None:
        """Goes on with an operator's forecasts that stood in the last recorded cycle of an earlier process; sources speak again by themselves."""
        self.overrides = {p.signal: p for p in last.provided if p.origin is Origin.OPERATOR and p.signal in self.plausible}

    def told(self, at_s: float, measured: Mapping[str, float]) -> list[dict[str, Any]]:
        """Returns each source for an operator: what it gives, its age [s], whether it is believed, and if not, why; overrides come last."""
        voices = [
            {"source": name, "gives": v.gives, "as": v.origin.value, "age_s": _age(v, at_s), "trouble": v.trouble, **_standing(v, at_s, measured)}
            for name, v in self.voices.items()
            if name not in PUSHED or v.said or v.trouble
        ]
        overrides = [
            {"source": "operator", "gives": p.signal, "value": p.median[0], "until_s": p.end_s, "believed": True, "says": p.says}
            for p in self.overrides.values()
            if at_s < p.end_s
        ]
        return [*voices, *overrides]


def plausible_of(site: Site) -> dict[str, tuple[float, float]]:
    """Returns what a forecast of each signal can be at all, in its own unit: engineering values, and the halls' capacities [kW]."""
    halls = {f"{h.name}.it_load_kw": (0.0, h.it_capacity_kw) for h in site.hall}
    return {**halls, "weather.oa_drybulb_c": (-60.0, 60.0), "weather.oa_wetbulb_c": (-60.0, 40.0), PRICE: (-5.0, 20.0), CARBON: (0.0, 2.0)}


def _gives(signal: str) -> str:
    """Returns which kind of source speaks of a signal."""
    if signal in (PRICE, CARBON):
        return "price" if signal == PRICE else "carbon"
    return "weather" if signal.startswith("weather.") else "load"


def _kept(series: Series, origin: Origin, name: str) -> Provided:
    """Returns a series as it is kept: six figures, and a scheduler's at most ``KEPT_MOST`` values, each the highest of those it stands for."""
    n = math.ceil(len(series.values) / KEPT_MOST) if origin in (Origin.SCHEDULER, Origin.POWER_CAP) else 1
    values = tuple(float(f"{max(series.values[i : i + n]):.6g}") for i in range(0, len(series.values), n))
    return Provided(series.signal, origin, series.start_s, n * series.step_s, values, name)


def _ahead(said: Provided, at_s: float) -> Provided:
    """Returns a series from the value of now on, for as far as anybody plans."""
    first = min(max(math.floor((at_s - said.start_s) / said.step_s), 0), len(said.median))
    last = max(math.ceil((at_s + _LOOKED_AHEAD_S - said.start_s) / said.step_s), first)
    return replace(said, start_s=said.start_s + first * said.step_s, median=said.median[first:last])


def _age(voice: Voice, at_s: float) -> float | None:
    return None if math.isinf(voice.heard_s) else round(at_s - voice.heard_s, 1)


def _standing(voice: Voice, at_s: float, measured: Mapping[str, float]) -> dict[str, Any]:
    """Returns whether a source is believed now, and how far, or why not."""
    if math.isinf(voice.heard_s):
        return {"believed": False, "says": "not heard yet"}
    if at_s - voice.heard_s > voice.believed_for_s:
        return {"believed": False, "says": f"last heard {at_s - voice.heard_s:.0f} s ago, believed for {voice.believed_for_s:.0f} s"}
    if all(p.end_s <= at_s for p in voice.said):
        return {"believed": False, "says": "says nothing of the hours ahead"}
    for p in voice.said:
        off = off_k(p, measured.get(p.signal), at_s)
        if abs(off) > WEATHER_OFF_MOST_K:
            return {"believed": False, "says": f"{p.signal} is {-off:+.1f} K off the site's sensor, at most {WEATHER_OFF_MOST_K:g} K"}
    return {"believed": True, "says": BELIEF[voice.origin]}
