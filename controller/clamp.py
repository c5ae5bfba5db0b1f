"""Keeps what is to be asked within each register's own range, as the table of points states it; the envelope has the last word on what is left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from plant_models.site.points import Point, Points
from safety.envelope import FLOAT_NOISE, judge
from safety.limits import Limits
from safety.records import Situation
from safety.signals import Role, point


@dataclass(frozen=True, slots=True)
class Clamp:
    """One setpoint that its register does not take as permitted; ``written`` is None where the nearest value that it takes is not permitted."""

    setpoint: str
    permitted: float
    written: float | None

    @property
    def says(self) -> str:
        """Returns what happened in words."""
        done = f"clamped to {self.written:g}" if self.written is not None else "not written: the envelope does not permit the nearest value within it"
        return f"{self.setpoint}: {self.permitted:g} is outside of its register's range, {done}"


def within(request: Point, value: float) -> float:
    """Returns the value nearest to ``value`` that the point's plausible range holds, in the signal's own unit."""
    low, high = request.plausible_low, request.plausible_high
    value = value if low is None else max(value, low)
    return value if high is None else min(value, high)


def clamped(points: Points, wanted: Mapping[str, float], situation: Situation, limits: Limits) -> tuple[Mapping[str, float], tuple[Clamp, ...]]:
    """Returns the setpoints to be in force, each within its register's range, and what had to be changed.

    A clamped value is judged again, together with all the others; one that the envelope would change is not asked for at all.
    """
    known = points.by_signal
    held = {setpoint: within(known[point(setpoint, Role.REQUEST)], value) for setpoint, value in wanted.items()}
    changed = [setpoint for setpoint, value in wanted.items() if held[setpoint] != value]
    if not changed:
        return wanted, ()
    permitted = judge(held, situation, limits).permitted
    stands = {s for s in changed if s in permitted and abs(permitted[s] - held[s]) <= FLOAT_NOISE}
    clamps = tuple(Clamp(s, wanted[s], held[s] if s in stands else None) for s in changed)
    return {s: value for s, value in held.items() if s in stands or s not in changed}, clamps
