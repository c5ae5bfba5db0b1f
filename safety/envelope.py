"""The envelope: last in line before the plant, for every source and for what is held too; it narrows setpoints and never chooses them.

Every rule permits an interval that depends on the situation only, and the rules clamp one after the other, weakest first. A chain of clamps is
itself a clamp onto one interval, so judging twice changes nothing, and the strongest rule has the last word.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

from safety import rules
from safety.case import Case, Interval
from safety.finite import finite
from safety.limits import Limits
from safety.records import Intervention, Situation, Verdict

Rule = Callable[[Case], Interval]

FINITE: Final = "finite"
WHITELIST: Final = "whitelist"
RATE: Final = "rate"

ROOM_RULES: Final[tuple[tuple[str, Rule], ...]] = (
    ("humidity", rules.humidity),
    ("dew_point", rules.dew_point),
    (RATE, rules.rate),
    ("inlet_rate", rules.inlet_rate),
    ("inlet", rules.inlet),
    ("range", rules.absolute_range),
)
"""What room and range ask, weakest first."""

MACHINE_RULES: Final[tuple[tuple[str, Rule], ...]] = (
    ("liquid", rules.liquid),
    ("lift", rules.lift),
    ("minimum_flow", rules.minimum_flow),
    ("freeze", rules.freeze),
)
"""What machines and electronics ask, weakest first; they come last, and choose within the range."""

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
    permitted_range = rules.absolute_range(case)
    room = ((name, rule(case)) for name, rule in ROOM_RULES)
    machines = ((name, rule(case).within(permitted_range)) for name, rule in MACHINE_RULES)
    value, decisive = start, ""
    for name, interval in (*room, *machines):
        clamped = interval.clamp(value)
        if clamped != value:
            value, decisive = clamped, name
    if case.bounds.off_allowed and 0.0 < value < case.bounds.low:
        value, decisive = case.bounds.low, "range"
    return value, decisive


def _forbidden(signal: str, value: object) -> Intervention:
    """Returns the refusal of a signal that is not declared or not ours to move now."""
    return Intervention(WHITELIST, signal, _as_asked(value), None)


def _as_asked(value: object) -> float:
    """Returns what was asked as a float for the record: NaN where it was no number at all."""
    if isinstance(value, float):
        return value
    number = finite(value)
    return math.nan if number is None else number
