"""When a fallback drill is due and how one went: pure judgements on what the guard saw; nothing here moves the plant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from controller.plant import tolerance
from plant_models.site.load import LoadedSite
from safety.limits import Limits
from safety.records import Snapshot, Status
from safety.signals import Authority, Role, point

INLET_RISE_K: Final = 0.5  # what a transfer may cost in the hottest inlet where it is above the recommended limit anyway
DAY_S: Final = 86400.0


@dataclass(frozen=True, slots=True)
class Sample:
    """What the guard read at one tick of a drill: plant time [s], what is in force, who moves it, and by hall the hottest inlet [degC]."""

    at_s: float
    effective: Mapping[str, float]
    authority: Mapping[str, float]
    inlet_c: Mapping[str, float]

    @property
    def away(self) -> bool:
        """Returns whether the BAS moves every setpoint that says who moves it."""
        return Authority.REMOTE not in self.authority.values()


@dataclass(frozen=True, slots=True)
class DrillResult:
    """How a drill went: times [s] from the hand-back to the BAS in charge, and to our authority again; every failed point in words."""

    passed: bool
    hand_over_s: float | None
    away_s: float | None
    hottest_inlet_c: float | None
    failed: tuple[str, ...]


def signals_of(loaded: LoadedSite) -> tuple[str, ...]:
    """Returns the points that a drill is judged by, beside the guard's own."""
    known = loaded.points.by_signal
    wanted = (point(setpoint, role) for setpoint in loaded.points.setpoints for role in (Role.EFFECTIVE, Role.AUTHORITY))
    return tuple(s for s in wanted if s in known and known[s].readable)


def sample_of(loaded: LoadedSite, snapshot: Snapshot) -> Sample:
    """Returns one tick's readings; what was not read well is left out."""
    good = {s: r.value for s, r in snapshot.readings.items() if r.value is not None and r.status is Status.GOOD}
    names = loaded.points.setpoints
    return Sample(
        snapshot.taken_at_s,
        {n: good[s] for n in names if (s := point(n, Role.EFFECTIVE)) in good},
        {n: good[s] for n in names if (s := point(n, Role.AUTHORITY)) in good},
        {h.name: good[s] for h in loaded.site.hall if (s := f"{h.name}.rack_inlet_max_c") in good},
    )


def due(loaded: LoadedSite, last_s: float, at_s: float) -> bool:
    """Returns whether a scheduled drill may begin: the period is over and the local hour is one of those allowed."""
    drill = loaded.site.drill
    if drill.period_days <= 0.0 or at_s - last_s < drill.period_days * DAY_S:
        return False
    first, last = drill.hours_local
    return first <= datetime.fromtimestamp(at_s, ZoneInfo(loaded.site.site.time_zone)).hour < last


def judge(loaded: LoadedSite, limits: Limits, samples: Sequence[Sample], released_s: float) -> DrillResult:
    """Judges a drill by the guard's samples; ``released_s`` is the plant time of the cycle that handed back [s]."""
    lease, timing = loaded.site.lease, loaded.site.timing
    gone = next((s.at_s for s in samples if s.at_s >= released_s and s.authority and s.away), None)
    back = next((s.at_s for s in samples if gone is not None and s.at_s > gone and s.authority and not s.away), None)
    allowed_s = lease.bas_timeout_s + 2 * timing.guard_s
    failed = []
    if gone is None or gone - released_s > allowed_s:
        failed.append(f"the BAS was not in charge within {allowed_s:g} s of the hand-back")
    if back is None or back - released_s > loaded.site.drill.release_max_s + timing.guard_s:
        failed.append(f"authority was not back within {loaded.site.drill.release_max_s:g} s")
    failed += _jumps(loaded, limits, samples) + _hot(limits, samples)
    hottest = max((c for s in samples for c in s.inlet_c.values()), default=None)
    return DrillResult(not failed, None if gone is None else gone - released_s, None if back is None else back - released_s, hottest, tuple(failed))


def _jumps(loaded: LoadedSite, limits: Limits, samples: Sequence[Sample]) -> list[str]:
    """Returns steps faster than their rate, as far as registers and ticks can tell: a tick may see one scan of the BAS more than its time."""
    known, found = loaded.points.by_signal, []
    for before, after in pairwise(samples):
        minutes = (after.at_s - before.at_s + loaded.site.timing.guard_s) / 60.0
        for setpoint, value in after.effective.items():
            moved = value - before.effective.get(setpoint, value)
            bounds = limits.setpoints[setpoint]
            rate = bounds.raise_per_min if moved > 0 else bounds.lower_per_min
            if rate is not None and abs(moved) > rate * minutes + 2 * tolerance(known[point(setpoint, Role.EFFECTIVE)], value):
                found.append(f"{setpoint} jumped by {moved:+.2f} at {after.at_s:.0f}")
    return found


def _hot(limits: Limits, samples: Sequence[Sample]) -> list[str]:
    """Returns halls that the drill made hotter than recommended, or hotter still by more than ``INLET_RISE_K``."""
    found = []
    for hall in limits.halls:
        course = [s.inlet_c[hall.name] for s in samples if hall.name in s.inlet_c]
        if course and max(course) > max(hall.inlet_recommended_c, course[0] + INLET_RISE_K):
            found.append(f"{hall.name} reached {max(course):.1f} degC from {course[0]:.1f}")
    return found
