"""When a condition begins and when it is over: hysteresis for what is measured, dwell for what flaps; who is in charge then stands in ``safety.modes``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from safety.finite import finite, known
from safety.modes import Condition

STATES: Final[Mapping[str, Condition]] = {
    "generator_state": Condition.POWER_EVENT,
    "transfer_state": Condition.POWER_EVENT,
    "power_disturbance_state": Condition.POWER_DISTURBED,
    "fire_state": Condition.FIRE,
    "leak_state": Condition.LEAK,
}
"""Which condition a contact of the building speaks for; 0 is none."""


@dataclass(frozen=True, slots=True)
class Dwell:
    """For how long something must be seen before it counts, and must be gone before it is over [s]."""

    sets_after_s: float = 0.0
    clears_after_s: float = 0.0


DWELL: Final[Mapping[Condition, Dwell]] = {
    Condition.FIRE: Dwell(0.0, 60.0),  # engineering value: a contact that bounces
    Condition.LEAK: Dwell(0.0, 60.0),  # engineering value: a contact that bounces
    Condition.POWER_EVENT: Dwell(0.0, 1800.0),  # operators' practice: 30 min of utility power after a transfer
    Condition.POWER_DISTURBED: Dwell(0.0, 900.0),  # engineering value
    Condition.BAS_RESTARTED: Dwell(0.0, 300.0),  # engineering value: its loops settle
    Condition.INLET_ABOVE_ALLOWABLE: Dwell(0.0, 600.0),  # engineering value: a sensor at the limit
    Condition.SENSOR_LOST: Dwell(0.0, 600.0),  # engineering value: a sensor that comes and goes is not back
    Condition.READINGS_DISAGREE: Dwell(0.0, 600.0),  # engineering value
    Condition.PLAN_DISTRUSTED: Dwell(600.0, 1800.0),  # engineering value: two cycles, then half an hour
    Condition.HEAT_WAVE: Dwell(900.0, 3600.0),  # engineering value: a gust in the sun is none
    Condition.VERY_HIGH_LOAD: Dwell(300.0, 1800.0),  # engineering value: a job that ends at once is none
}
"""Dwell of each condition; one that is not here counts at once and is over at once (its mode may still latch or count healthy cycles)."""

AT_ONCE: Final = Dwell()


@dataclass(frozen=True, slots=True)
class Threshold:
    """A measured value above which a condition begins, and the lower one below which it ends; in the unit of what is measured."""

    condition: Condition
    begins_above: float
    ends_below: float


@dataclass(frozen=True, slots=True)
class Settling:
    """Memory, persisted: since when a condition is seen that does not count yet, and when each standing one was last seen [s]."""

    since_s: Mapping[Condition, float] = field(default_factory=dict)
    standing: Mapping[Condition, float] = field(default_factory=dict)


def spoken(signals: Collection[str], measured: Mapping[str, float]) -> tuple[frozenset[Condition], frozenset[Condition]]:
    """Returns the conditions that the building's contacts speak for, and those of which a contact cannot be read; ``signals`` are the declared ones."""
    found, unknown = set(), set()
    for signal in signals:
        condition = STATES.get(signal.partition(".")[2])
        if condition is not None:
            value = known(measured, signal)
            if value is None:
                unknown.add(condition)
            elif value != 0.0:
                found.add(condition)
    return frozenset(found), frozenset(unknown)


def beyond(threshold: Threshold, value: float | None, memory: Settling) -> bool | None:
    """Returns whether a value is beyond its threshold, with hysteresis while the condition is seen or stands; None while it is unknown."""
    number = finite(value)
    if number is None:
        return None
    seen = threshold.condition in memory.since_s or threshold.condition in memory.standing
    return not number <= (threshold.ends_below if seen else threshold.begins_above)


def settle(
    memory: Settling, found: Collection[Condition], unknown: Collection[Condition], at_s: float, dwell: Mapping[Condition, Dwell] = DWELL
) -> tuple[frozenset[Condition], Settling]:
    """Returns the conditions that count now, and the memory; one that cannot be seen at all stays as it was.

    Time that runs backwards ends nothing: a condition's dwell begins again.
    """
    since_s: dict[Condition, float] = {}
    standing: dict[Condition, float] = {}
    for condition in sorted({*found, *memory.since_s, *memory.standing}):
        rule, last_s = dwell.get(condition, AT_ONCE), memory.standing.get(condition)
        if condition in found:
            began_s = min(at_s, memory.since_s.get(condition, at_s))
            if last_s is not None or not at_s - began_s < rule.sets_after_s:
                standing[condition] = at_s
            else:
                since_s[condition] = began_s
        elif last_s is not None:
            seen_s = at_s if condition in unknown else min(at_s, last_s)
            if condition in unknown or at_s - seen_s < rule.clears_after_s:
                standing[condition] = seen_s
        elif condition in unknown:
            since_s[condition] = min(at_s, memory.since_s[condition])
    return frozenset(standing), Settling(since_s, standing)
