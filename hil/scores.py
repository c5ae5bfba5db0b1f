"""What a run on the bench is judged by: the plant's true course step by step, and pure judgements on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from hil.devices.watch import HEARTBEAT, Watch
from plant_models.scores import Scores
from plant_models.simulator.series import hottest_inlet_c
from plant_models.simulator.site import SimulatedSite
from plant_models.site.load import LoadedSite
from safety.limits import Limits
from safety.modes import Mode
from safety.signals import Authority, Role, point

MODE = "daemon.mode"


@dataclass(frozen=True, slots=True)
class Moment:
    """The site after one step: plant time [s], the mode that the daemon last told the BMS (None before it did), the hottest true rack inlet, and by
    setpoint what is in force and who moves it.
    """

    at_s: float
    mode: float | None
    hottest_inlet_c: float | None
    effective: Mapping[str, float]
    authority: Mapping[str, Authority]

    @property
    def remote(self) -> frozenset[str]:
        """Returns the setpoints that the daemon may move."""
        return frozenset(s for s, who in self.authority.items() if who is Authority.REMOTE)


class Trace:
    """Keeps a moment for every step of a site and the scores of ``plant_models.scores``."""

    def __init__(self, loaded: LoadedSite, site: SimulatedSite, watch: Watch | None = None) -> None:
        """Watches ``site``; without a ``watch`` the modes stay unknown."""
        known = loaded.points.by_signal
        self._setpoints = [s for s in loaded.points.setpoints if point(s, Role.EFFECTIVE) in known]
        self._loaded, self._site, self._watch = loaded, site, watch
        self.moments: list[Moment] = []
        self.scores = Scores(loaded.site)

    def observe(self) -> None:
        """Adds the present moment."""
        self.scores.observe(self._site)
        told = self._watch.latest(MODE) if self._watch else None
        self.moments.append(
            Moment(
                at_s=self._site.now_s,
                mode=told.value if told else None,
                hottest_inlet_c=hottest_inlet_c(self._loaded, self._site.truth),
                effective=self._shown(Role.EFFECTIVE, float),
                authority=self._shown(Role.AUTHORITY, lambda code: Authority(int(code))),
            )
        )

    def _shown(self, role: Role, as_type: Callable[[float], Any]) -> dict[str, Any]:
        shown = {s: self._site.read(point(s, role)) for s in self._setpoints}
        return {s: as_type(value) for s, value in shown.items() if value is not None}

    def since(self, at_s: float) -> list[Moment]:
        """Returns the moments from plant time ``at_s`` on."""
        return [m for m in self.moments if m.at_s >= at_s]


def back_under_bas_s(moments: Sequence[Moment], since_s: float) -> float | None:
    """Returns how long after ``since_s`` [s] the BAS had every setpoint back, None if it never had."""
    return next((m.at_s - since_s for m in moments if m.at_s >= since_s and not m.remote), None)


def last_beat_s(watch: Watch) -> float | None:
    """Returns the plant time of the last heartbeat seen on the wire [s]."""
    beat = watch.latest(HEARTBEAT)
    return beat.plant_at_s if beat else None


def too_fast(moments: Sequence[Moment], limits: Limits) -> list[str]:
    """Returns every step of an effective setpoint that was faster than its limit, in words; what is in force moves as floats, so no rounding is forgiven."""
    found = []
    for before, after in pairwise(moments):
        minutes = (after.at_s - before.at_s) / 60.0
        for setpoint, value in after.effective.items():
            moved = value - before.effective.get(setpoint, value)
            bounds = limits.setpoints[setpoint]
            rate = bounds.raise_per_min if moved > 0 else bounds.lower_per_min
            if rate is not None and abs(moved) > rate * minutes + 1e-9:
                found.append(f"{setpoint} moved by {moved:+.3f} in {60 * minutes:.0f} s at {after.at_s:.0f}, allowed are {rate:g} a minute")
    return found


def returned_s(moments: Sequence[Moment], alone: Sequence[Moment], since_s: float, bands: Mapping[str, float]) -> float | None:
    """Returns the plant time from which what is in force is what the BAS alone would use, to within each setpoint's band; None if it never is."""
    theirs = {m.at_s: m for m in alone}
    back: float | None = None
    for moment in moments:
        same = moment.at_s >= since_s and moment.at_s in theirs and _same(moment, theirs[moment.at_s], bands)
        back = (moment.at_s if back is None else back) if same else None
    return back


def _same(one: Moment, other: Moment, bands: Mapping[str, float]) -> bool:
    return all(abs(value - other.effective[s]) <= bands.get(s, 0.0) + 1e-9 for s, value in one.effective.items())


def hotter_than_alone_k(moments: Sequence[Moment], alone: Sequence[Moment], since_s: float, ramped_s: float) -> float:
    """Returns by how much [K] the hottest inlet went above what it may be after the BAS took over at ``since_s``.

    Until ``ramped_s`` that is the hotter of the value at the take-over and of the BAS alone at that instant, since setpoints come back at their
    rates; after it the BAS alone. Negative where it stayed below.
    """
    theirs = {m.at_s: m.hottest_inlet_c for m in alone if m.hottest_inlet_c is not None}
    ours = [(m.at_s, m.hottest_inlet_c) for m in moments if m.at_s >= since_s and m.at_s in theirs and m.hottest_inlet_c is not None]
    if not ours:
        return 0.0
    at_loss_c = ours[0][1]
    return max(hot_c - (max(at_loss_c, theirs[at_s]) if at_s <= ramped_s else theirs[at_s]) for at_s, hot_c in ours)


def mode_minutes(moments: Sequence[Moment]) -> dict[str, float]:
    """Returns how long the daemon told each mode [min]."""
    minutes = dict.fromkeys((m.name for m in Mode), 0.0)
    for before, after in pairwise(moments):
        if after.mode is not None:
            minutes[Mode(int(after.mode)).name] += (after.at_s - before.at_s) / 60.0
    return minutes
