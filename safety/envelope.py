"""The envelope: last in line before the plant, for every source and for what is held too; it narrows setpoints and never chooses them.

Every rule permits an interval that depends on the situation only, and the rules clamp one after the other, weakest first. A chain of clamps is
itself a clamp onto one interval, so judging twice changes nothing, and the strongest rule has the last word.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from safety import liquid_rules, plant_rules, rules
from safety.case import Case, Interval
from safety.finite import finite
from safety.limits import Direction, Limits
from safety.records import Intervention, Reach, Situation, Verdict

Rule = Callable[[Case], Interval]

FINITE: Final = "finite"
WHITELIST: Final = "whitelist"
RATE: Final = "rate"


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One rule: its name in every report, what it permits, and whether what it permits now also bounds a plan's later steps."""

    name: str
    permits: Rule
    lasting: bool = False


ROOM_RULES: Final[tuple[RuleRow, ...]] = (
    RuleRow("confidence", rules.confidence),
    RuleRow("humidity", rules.humidity),
    RuleRow("dew_point", rules.dew_point, lasting=True),
    RuleRow(RATE, rules.rate),
    RuleRow("spare", plant_rules.spare),
    RuleRow("capacity", plant_rules.capacity),
    RuleRow("starts", plant_rules.starts_and_stops),
    RuleRow("sensor", rules.sensor),
    RuleRow("inlet_rate", rules.inlet_rate),
    RuleRow("ride_through", plant_rules.stored_cold, lasting=True),
    RuleRow("inlet", rules.inlet),
    RuleRow("range", rules.absolute_range, lasting=True),
)
"""What confidence, room, capacity and range ask, weakest first. Wear is weaker still: ``safety.wear`` decides only what of a verdict is written now."""

MACHINE_RULES: Final[tuple[RuleRow, ...]] = (
    RuleRow("liquid", liquid_rules.liquid, lasting=True),
    RuleRow("lift", rules.lift),
    RuleRow("minimum_flow", rules.minimum_flow),
    RuleRow("freeze", rules.freeze),
)
"""What machines and electronics ask, weakest first; they come last, and choose within the range."""

RULE_NAMES: Final[tuple[str, ...]] = (FINITE, WHITELIST, *(row.name for row in (*ROOM_RULES, *MACHINE_RULES)))
"""Every name that an intervention may carry."""

FLOAT_NOISE: Final = 1e-6  # below the resolution of any register: not worth the name of an intervention


def judge(asked: Mapping[str, float], situation: Situation, limits: Limits) -> Verdict:
    """Permits of what is asked, and of what is held, what every rule agrees to.

    ``asked`` is by setpoint name without role, in the setpoint's own unit. A writable setpoint that is not asked for is judged at the value in
    force and appears in the verdict only where a rule moves it. Total: any number, NaN, infinity or unknown name gives a verdict.
    """
    permitted: dict[str, float] = {}
    interventions = [_forbidden(name, value) for name, value in asked.items() if name not in limits.setpoints or name not in situation.writable]
    ours = [name for name in limits.setpoints if name in situation.writable]
    for setpoint in sorted(ours, key=_condenser_last):
        case = Case(setpoint, limits.setpoints[setpoint], situation, limits, permitted)
        wanted = finite(asked.get(setpoint))
        value, rule = _settle(case, wanted)
        if setpoint in asked:
            rule = FINITE if wanted is None and not rule else rule
            if value is not None:
                permitted[setpoint] = value
            if rule:
                interventions.append(Intervention(rule, setpoint, _as_asked(asked[setpoint]), value))
        elif value is not None and rule:
            permitted[setpoint] = value
            interventions.append(Intervention(rule, setpoint, math.nan if case.held is None else case.held, value))
    return Verdict(permitted, tuple(interventions))


def _condenser_last(setpoint: str) -> bool:
    """Returns the order of judging: the lift rule needs the chilled water before the condenser water."""
    return setpoint.endswith(".cws_setpoint_c")


def _settle(case: Case, wanted: float | None) -> tuple[float | None, str]:
    """Returns the permitted value of a setpoint (None: nothing may be written) and the rule that decided it, "" where none had to.

    With nothing known in force a step cannot be judged: then only full cooling of an overheated room is written, and only where the machines stand it.
    """
    held = case.held
    start = held if wanted is None else wanted
    if held is None:
        start = case.full_cooling if case.overheated else None
    if start is None:
        return None, RATE if wanted is not None else ""
    value, rule = _clamped(case, start)
    if held is None:
        return (None, rule) if rule else (value, "" if wanted == value else "inlet")
    reference = held if wanted is None else wanted
    return value, rule if abs(value - reference) > FLOAT_NOISE else ""


def _clamped(case: Case, start: float) -> tuple[float, str]:
    """Returns the value after all rules, and the last rule that moved it."""
    value, decisive = start, ""
    for row, interval in _intervals(case):
        clamped = interval.clamp(value)
        if clamped != value:
            value, decisive = clamped, row.name
    stepped = _stepped(case, value)
    return (value, decisive) if stepped == value else (stepped, "range")


def _intervals(case: Case) -> Iterator[tuple[RuleRow, Interval]]:
    """Yields what every rule permits, weakest first."""
    permitted_range = rules.absolute_range(case)
    for row in ROOM_RULES:
        yield row, row.permits(case)
    for row in MACHINE_RULES:
        yield row, row.permits(case).within(permitted_range)


def _stepped(case: Case, value: float) -> float:
    """Returns the value that a machine can have: none between off and its floor, none in a locked-out band, a whole number of machines."""
    bounds, more = case.bounds, case.more_cooling
    if bounds.off_allowed and 0.0 < value < bounds.low:
        return bounds.low
    for lowest, highest in bounds.bands:
        if lowest < value < highest:
            return lowest if more is Direction.LOWER else highest
    if bounds.whole and value != (whole := math.floor(value) if more is Direction.LOWER else math.ceil(value)):
        return float(whole)
    return value


def reach(situation: Situation, limits: Limits) -> Mapping[str, Reach]:
    """Returns between what values each writable setpoint may be set now, and what of that lasts: the bounds of whoever plans.

    A chain of clamps is a clamp, so its ends are what it makes of the infinities. Where a rule looks at another setpoint, it is asked with that one at
    either end of its own reach, so that whatever lies within all of them passes. A setpoint of which nothing is known to be in force has no reach.
    """
    found: dict[str, Reach] = {}
    for setpoint in sorted(sorted(name for name in limits.setpoints if name in situation.writable), key=_condenser_last):
        ends = ({name: one.low for name, one in found.items()}, {name: one.high for name, one in found.items()})
        cases = [Case(setpoint, limits.setpoints[setpoint], situation, limits, decided) for decided in ends]
        if cases[0].held is not None:
            found[setpoint] = _common([_reach(case) for case in cases])
    return dict(sorted(found.items()))


def _reach(case: Case) -> Reach:
    """Returns the reach of one setpoint with the others as decided."""
    intervals = list(_intervals(case))
    low, high = (_chained((i for _, i in intervals), end) for end in (-math.inf, math.inf))
    low_later, high_later = (_chained((i for row, i in intervals if row.lasting), end) for end in (-math.inf, math.inf))
    return Reach(low, high, low_later, high_later)


def _common(reaches: Iterable[Reach]) -> Reach:
    """Returns what lies within every reach; where nothing does, the highest low end, as in an interval."""
    lows, highs, lows_later, highs_later = zip(*((r.low, r.high, r.low_later, r.high_later) for r in reaches), strict=True)
    low, low_later = max(lows), max(lows_later)
    return Reach(low, max(low, min(highs)), low_later, max(low_later, min(highs_later)))


def _chained(intervals: Iterable[Interval], value: float) -> float:
    """Returns a value clamped into one interval after the other."""
    for interval in intervals:
        value = interval.clamp(value)
    return value


def _forbidden(signal: str, value: object) -> Intervention:
    """Returns the refusal of a signal that is not declared or not ours to move now."""
    return Intervention(WHITELIST, signal, _as_asked(value), None)


def _as_asked(value: object) -> float:
    """Returns what was asked as a float for the record: NaN where it was no number at all."""
    if isinstance(value, float):
        return value
    number = finite(value)
    return math.nan if number is None else number
