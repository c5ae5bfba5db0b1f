"""The gate: which readings may be believed. A refused reading is unknown to everything behind the gate, never a default."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from safety.finite import finite
from safety.limits import Direction
from safety.records import Fault, FaultCause, Measurements, Reading, Snapshot, Status
from safety.signals import QUANTITIES, Kind

BAS_HEARTBEAT: Final = "bas.heartbeat"

SAFER: Final[Mapping[Kind, Direction]] = {
    Kind.TEMPERATURE: Direction.HIGHER,
    Kind.DIFFERENCE: Direction.HIGHER,
    Kind.HUMIDITY: Direction.HIGHER,
    Kind.POWER: Direction.HIGHER,
    Kind.SHARE: Direction.HIGHER,
    Kind.FLOW: Direction.LOWER,
    Kind.PRESSURE: Direction.LOWER,
}
"""Which of two disagreeing readings is believed; of any other kind neither is."""


@dataclass(frozen=True, slots=True)
class GateRule:
    """What one signal must satisfy; None leaves a check out. ``low`` and ``high`` in the signal's own unit.

    ``stuck_after_s`` is for signals that always move a little; ``siblings`` are redundant sensors of the same thing, which agree within ``tolerance``.
    """

    stale_after_s: float = 30.0  # engineering value: several polls
    low: float | None = None
    high: float | None = None
    rate_per_min: float | None = None
    stuck_after_s: float | None = None
    siblings: tuple[str, ...] = ()
    tolerance: float = 1.0
    ahead_max_s: float = 5.0  # engineering value: a stamp further ahead of the snapshot is no stamp


DEFAULT_RULE: Final = GateRule()
"""For a reading that has no rule of its own."""

Seen = tuple[float, float]


@dataclass(frozen=True, slots=True)
class GateMemory:
    """Last accepted (value, time [s]) and last change (value, since [s]) of the signals whose rules need them."""

    accepted: Mapping[str, Seen] = field(default_factory=dict)
    unchanged: Mapping[str, Seen] = field(default_factory=dict)


def check(snapshot: Snapshot, rules: Mapping[str, GateRule], memory: GateMemory) -> tuple[Measurements, GateMemory]:
    """Lets through the readings that pass every check, by themselves first and then against their siblings.

    Order of the checks, of which the first that fails names the cause: missing, status, age, finite, range, stuck, rate, siblings. While the
    BAS's own counter (``bas.heartbeat``, where it has a rule) stands still for longer than it may, every reading is stale.
    """
    now_s = snapshot.taken_at_s
    rule_of = {**dict.fromkeys(snapshot.readings, DEFAULT_RULE), **rules}
    unchanged = _unchanged(snapshot, rule_of, memory)
    stopped = _heartbeat_stopped(rules, unchanged, now_s)
    faults: list[Fault] = []
    alone: dict[str, float] = {}
    for signal, rule in rule_of.items():
        judged = _judge(snapshot.readings.get(signal), signal, rule, now_s, memory, unchanged)
        if not isinstance(judged, Fault) and stopped:
            judged = Fault(signal, FaultCause.STALE, f"{BAS_HEARTBEAT} stands still: nothing behind it is fresh")
        if isinstance(judged, Fault):
            faults.append(judged)
        else:
            alone[signal] = judged
    disagreeing = [fault for signal in alone if (fault := _outvoted(signal, rule_of[signal], alone)) is not None]
    refused = {fault.signal for fault in disagreeing}
    values = {signal: value for signal, value in alone.items() if signal not in refused}
    accepted = {signal: seen for signal, seen in memory.accepted.items() if signal in rules}
    accepted |= {signal: (value, now_s) for signal, value in values.items() if rule_of[signal].rate_per_min is not None}
    return Measurements(now_s, values, (*faults, *disagreeing)), GateMemory(accepted, unchanged)


def _judge(reading: Reading | None, signal: str, rule: GateRule, now_s: float, memory: GateMemory, unchanged: Mapping[str, Seen]) -> float | Fault:
    """Returns a reading's value, or why it is refused, without regard to other sensors."""
    if reading is None or reading.status is Status.MISSING or reading.value is None:
        return Fault(signal, FaultCause.MISSING, "no reading" if reading is None or not reading.detail else reading.detail)
    if reading.status is not Status.GOOD:
        return Fault(signal, FaultCause.BAD_STATUS, f"status {reading.status}")
    age_s = now_s - reading.received_at_s
    if not -rule.ahead_max_s <= age_s <= rule.stale_after_s:
        return Fault(signal, FaultCause.STALE, f"{age_s:g} s old, allowed {-rule.ahead_max_s:g} .. {rule.stale_after_s:g}")
    value = finite(reading.value)
    if value is None:
        return Fault(signal, FaultCause.NOT_FINITE, f"{reading.value} is not a finite number")
    if (rule.low is not None and value < rule.low) or (rule.high is not None and value > rule.high):
        return Fault(signal, FaultCause.IMPLAUSIBLE, f"{value:g} is outside {rule.low} .. {rule.high}")
    since_s = unchanged.get(signal, (value, now_s))[1]
    if rule.stuck_after_s is not None and now_s - since_s > rule.stuck_after_s:
        return Fault(signal, FaultCause.STUCK, f"{value:g} for {now_s - since_s:g} s, allowed {rule.stuck_after_s:g}")
    return _too_fast(signal, value, rule, now_s, memory) or value


def _too_fast(signal: str, value: float, rule: GateRule, now_s: float, memory: GateMemory) -> Fault | None:
    """Returns a fault where a value is further from the last accepted one than the time since allows; a memory from the future does not count."""
    last = memory.accepted.get(signal)
    if rule.rate_per_min is None or last is None or not last[1] <= now_s:
        return None
    allowed = rule.rate_per_min * (now_s - last[1]) / 60.0
    if abs(value - last[0]) <= allowed:
        return None
    return Fault(signal, FaultCause.TOO_FAST, f"{last[0]:g} to {value:g} in {now_s - last[1]:g} s, allowed {rule.rate_per_min:g} a minute")


def _outvoted(signal: str, rule: GateRule, alone: Mapping[str, float]) -> Fault | None:
    """Returns a fault where siblings outvote a reading: three or more by their median, two by the safer of them."""
    value = alone[signal]
    others = [alone[sibling] for sibling in rule.siblings if sibling in alone and sibling != signal]
    if not others:
        return None
    if len(others) > 1:
        trusted: float | None = statistics.median([value, *others])
    else:
        trusted = _safer(signal, value, others[0])
    if abs(value - (others[0] if trusted is None else trusted)) <= rule.tolerance:
        return None
    return Fault(signal, FaultCause.DISAGREES, f"{value:g} against {', '.join(f'{other:g}' for other in others)}, tolerance {rule.tolerance:g}")


def _safer(signal: str, left: float, right: float) -> float | None:
    """Returns the safer of two readings, None where neither is."""
    quantity = QUANTITIES.get(signal.partition(".")[2])
    safer = None if quantity is None else SAFER.get(quantity.kind)
    if safer is None:
        return None
    return max(left, right) if safer is Direction.HIGHER else min(left, right)


def _unchanged(snapshot: Snapshot, rule_of: Mapping[str, GateRule], memory: GateMemory) -> dict[str, Seen]:
    """Returns since when each watched value is what it is; a failed read changes nothing."""
    now_s = snapshot.taken_at_s
    watched = {signal for signal, rule in rule_of.items() if rule.stuck_after_s is not None or signal == BAS_HEARTBEAT}
    unchanged = {signal: seen for signal, seen in memory.unchanged.items() if signal in watched}
    for signal in sorted(watched):
        reading = snapshot.readings.get(signal)
        value = finite(reading.value) if reading is not None and reading.status is Status.GOOD else None
        last = unchanged.get(signal)
        if value is not None and (last is None or last[0] != value or last[1] > now_s):
            unchanged[signal] = (value, now_s)
    return unchanged


def _heartbeat_stopped(rules: Mapping[str, GateRule], unchanged: Mapping[str, Seen], now_s: float) -> bool:
    """Returns whether the BAS's counter stands still for longer than it may, or has never been seen."""
    rule = rules.get(BAS_HEARTBEAT)
    if rule is None:
        return False
    seen = unchanged.get(BAS_HEARTBEAT)
    return seen is None or not 0.0 <= now_s - seen[1] <= rule.stale_after_s
