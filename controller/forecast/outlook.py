"""What others say of the hours ahead: published prices and carbon, a weather service, a scheduler, an operator; and how far each is believed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from safety.records import Quantiles

_CORRECTION_LASTS_S: Final = 6 * 3600.0  # engineering value: how long the site's sensor corrects a weather service
WEATHER_OFF_MOST_K: Final = 5.0  # engineering value: a service that is further off now than this speaks of another place, hour or unit


class Origin(StrEnum):
    """Who says it; an operator is believed before all others."""

    PUBLISHED = "published"
    WEATHER_SERVICE = "weather_service"
    SCHEDULER = "scheduler"
    POWER_CAP = "power_cap"
    OPERATOR = "operator"


BELIEF: Final[Mapping[Origin, str]] = {
    Origin.PUBLISHED: "as it is: a day-ahead price is a fact",
    Origin.WEATHER_SERVICE: f"corrected by the site's own sensor, with the spread of our own forecast; not at all where it is {WEATHER_OFF_MOST_K:g} K off now",
    Origin.SCHEDULER: "only where it asks for more cooling than our own forecast: it removes none until measured load confirms it",
    Origin.POWER_CAP: "as what the load may grow to: it raises the upper quantile and lowers nothing until measured load confirms it",
    Origin.OPERATOR: "as it is, until its end",
}
_NEEDS_MEASURED: Final = (Origin.SCHEDULER, Origin.POWER_CAP)


@dataclass(frozen=True)
class Provided:
    """One signal ahead as somebody states it: ``median[k]`` holds from ``start_s + k * step_s`` on, and nothing is said after the last.

    A weather service states instants, so there the way from one to the next is linear.
    """

    signal: str
    origin: Origin
    start_s: float
    step_s: float
    median: tuple[float, ...]
    says: str = ""

    @property
    def end_s(self) -> float:
        """Returns the instant from which on nothing is said."""
        return self.start_s + self.step_s * len(self.median)

    def at(self, at_s: float) -> float | None:
        """Returns the value stated for an instant, None where nothing is."""
        position = (at_s - self.start_s) / self.step_s
        place = math.floor(position)
        if not 0 <= place < len(self.median):
            return None
        if self.origin is not Origin.WEATHER_SERVICE:
            return self.median[place]
        here, there = self.median[place], self.median[min(place + 1, len(self.median) - 1)]
        return here + (position - place) * (there - here)


@dataclass(frozen=True)
class Outlook:
    """All that others say at one cycle; a later one goes before an earlier one, an operator's before both."""

    provided: tuple[Provided, ...] = ()


def believed(own: Mapping[str, Quantiles], outlook: Outlook, now: Mapping[str, float], instants_s: Sequence[float]) -> dict[str, Quantiles]:
    """Returns the forecasts after what others say, each by its ``BELIEF``; ``now`` are present values by signal.

    A value that is not a finite number is not said. A signal that we cannot forecast at all is taken only if it is said of every instant, and
    never from a scheduler: what was not measured cannot confirm it.
    """
    merged = dict(own)
    for said in sorted(outlook.provided, key=lambda p: p.origin is Origin.OPERATOR):
        series = _merged(merged.get(said.signal), said, present_of(said, now, own), instants_s)
        if series is not None:
            merged[said.signal] = series
    return merged


def present_of(said: Provided, now: Mapping[str, float], own: Mapping[str, Quantiles]) -> float | None:
    """Returns what the site itself knows of a signal's present: what it measures, else what its own forecast begins with."""
    if said.signal in now:
        return now[said.signal]
    return own[said.signal].median[0] if said.signal in own else None


def off_k(said: Provided, present: float | None, now_s: float) -> float:
    """Returns what the site's sensor reads beyond what a weather service says of now [K]; 0 for anybody else, and while one of both is unknown."""
    stated = said.at(now_s)
    if said.origin is not Origin.WEATHER_SERVICE or present is None or stated is None or not math.isfinite(stated):
        return 0.0
    return present - stated


def _merged(own: Quantiles | None, said: Provided, present: float | None, instants_s: Sequence[float]) -> Quantiles | None:
    correction = off_k(said, present, instants_s[0])
    if abs(correction) > WEATHER_OFF_MOST_K or (own is None and said.origin in _NEEDS_MEASURED):
        return own
    rows: list[tuple[float, float, float]] = []
    for k, at_s in enumerate(instants_s):
        stated = said.at(at_s)
        ours = None if own is None else (own.low[k], own.median[k], own.high[k])
        if stated is None or not math.isfinite(stated):
            if ours is None:
                return None
            rows.append(ours)
            continue
        fades = math.exp(-(at_s - instants_s[0]) / _CORRECTION_LASTS_S)
        rows.append(_believe(said.origin, stated + correction * fades, ours))
    low, median, high = zip(*rows, strict=True)
    return Quantiles(low, median, high)


def _believe(origin: Origin, stated: float, ours: tuple[float, float, float] | None) -> tuple[float, float, float]:
    if ours is None:
        return stated, stated, stated
    low, median, high = ours
    if origin is Origin.SCHEDULER:
        return max(low, stated), max(median, stated), max(high, stated)
    if origin is Origin.POWER_CAP:
        return low, median, max(high, stated)
    if origin is Origin.WEATHER_SERVICE:
        return stated - (median - low), stated, stated + (high - median)
    return stated, stated, stated
