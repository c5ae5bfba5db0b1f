"""The frozen values that pass between the stages of a cycle; nothing here decides anything."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Status(StrEnum):
    """What the protocol says of a reading."""

    GOOD = "good"
    UNCERTAIN = "uncertain"
    BAD = "bad"
    MISSING = "missing"  # the read itself failed: the value is unknown, never zero


@dataclass(frozen=True, slots=True)
class Reading:
    """One point as it was read. ``value`` is None when there is none; ``received_at_s`` is plant time [s]."""

    signal: str
    value: float | None
    status: Status
    received_at_s: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The process image at one instant of plant time: every declared point, readable or not."""

    taken_at_s: float
    readings: Mapping[str, Reading]


class FaultCause(StrEnum):
    """Why the gate refused a reading."""

    MISSING = "missing"
    BAD_STATUS = "bad_status"
    STALE = "stale"
    NOT_FINITE = "not_finite"
    IMPLAUSIBLE = "implausible"
    TOO_FAST = "too_fast"
    STUCK = "stuck"
    DISAGREES = "disagrees"


@dataclass(frozen=True, slots=True)
class Fault:
    """A reading that the gate refused, and why in words."""

    signal: str
    cause: FaultCause
    says: str


@dataclass(frozen=True, slots=True)
class Measurements:
    """What the gate let through, by signal; a signal that is not in ``values`` is unknown."""

    taken_at_s: float
    values: Mapping[str, float]
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class Estimate:
    """States, loads and slow offsets of the reduced model, by name with unit suffix; ``valid`` is False while too little is known."""

    at_s: float
    states: Mapping[str, float]
    loads_kw: Mapping[str, float]
    offsets: Mapping[str, float]
    valid: bool
    says: str = ""


@dataclass(frozen=True, slots=True)
class Quantiles:
    """A forecast quantity on the forecast's time grid: median and the 10 % and 90 % quantiles."""

    low: tuple[float, ...]
    median: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Forecast:
    """Quantities ahead, by signal (``hall-a.it_load_kw``, ``weather.oa_wetbulb_c``), at ``made_at_s + k * step_s``, k = 0 .. n-1."""

    made_at_s: float
    step_s: float
    series: Mapping[str, Quantiles]


class Source(StrEnum):
    """Who proposes."""

    PLAN = "plan"
    CORRECTED = "corrected"
    RESET = "reset"
    EXPERIMENT = "experiment"
    KEEP = "keep"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Course:
    """What the model expects of one course of setpoints over a plan's horizon: mean power [kW], the facility's power [kW] and the temperatures [degC] one
    step ahead, by hall the hottest inlet [degC], and for how long one is above recommended [min].
    """

    facility_kw: float
    cooling_kw: float
    next_kw: float
    next_c: Mapping[str, float]
    hottest_c: Mapping[str, float]
    above_min: float


@dataclass(frozen=True, slots=True)
class DayPlan:
    """How many machines are to run, by stage setpoint, a step of ``step_s`` [s] each from ``made_at_s`` on.

    ``cost_kwh`` is what the course costs at the mean price, ``gap_kwh`` how far that may be above the best that there is.
    """

    made_at_s: float
    step_s: float
    counts: Mapping[str, tuple[int, ...]]
    cost_kwh: float
    gap_kwh: float
    says: str = ""

    def count_at(self, setpoint: str, at_s: float) -> int | None:
        """Returns the machines planned for an instant [s], None before the plan and beyond its end."""
        counts = self.counts.get(setpoint, ())
        step = math.floor((at_s - self.made_at_s) / self.step_s)
        return counts[step] if 0 <= step < len(counts) else None


@dataclass(frozen=True, slots=True)
class Proposal:
    """Setpoints asked for, by setpoint name without role; an unsolved proposal has none.

    ``ahead`` is the rest of the plan (setpoints a step of the tracker each), ``predicted`` what the model expects one cycle ahead, ``binding``
    the limits that held the plan with their multipliers; ``planned`` and ``held`` are what the same model expects of this plan, and of what is in
    force if it stays.
    """

    source: Source
    made_at_s: float
    solved: bool
    setpoints: Mapping[str, float]
    says: str = ""
    iterations: int = 0
    objective: float | None = None
    ahead: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    predicted: Mapping[str, float] = field(default_factory=dict)
    binding: Mapping[str, float] = field(default_factory=dict)
    planned: Course | None = None
    held: Course | None = None
    day: DayPlan | None = None
    """What is to run over the day, where the site lets its stage be asked for."""


@dataclass(frozen=True, slots=True)
class InletTrend:
    """How a hall's hottest rack inlet has moved, see ``safety.trends``; a rate of None is unknown."""

    hot_for_s: float
    """How long it has been above the recommended limit [s]."""
    rate_k_per_h: float | None
    """Slope over the last 15 min [K/h]."""
    rise_k: float
    """Over its lowest value in the last 15 min [K]."""
    fall_k: float
    """Below its highest value in the last 15 min [K]."""


@dataclass(frozen=True, slots=True)
class Run:
    """One machine: on or off and since when [s, None: since before it was watched], and its starts of the last 12 h."""

    on: bool
    since_s: float | None = None
    starts_s: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Situation:
    """What the envelope must know to judge: accepted measurements, what is in force, time since the last verdict [s], and what was in force then."""

    at_s: float
    elapsed_s: float
    measured: Mapping[str, float]
    in_force: Mapping[str, float]
    """Effective setpoints as read from the plant (or last written, where a site has no effective point)."""
    writable: frozenset[str]
    """Setpoints that are ours to move now: declared, authority not in hand."""
    inlets: Mapping[str, InletTrend] = field(default_factory=dict)
    """By hall. A hall that is missing here is judged cautiously: nothing may reduce its cooling."""
    frozen: frozenset[str] = frozenset()
    """Setpoints that stay where they are while a reading is lost; a hot room comes first."""
    confidence: float = 1.0
    """How much of a step towards less cooling the proposer is trusted with, 0 .. 1."""
    runs: Mapping[str, Run] = field(default_factory=dict)
    """When each chiller started and stopped."""
    withdrawn: frozenset[str] = frozenset()
    """Equipment in maintenance."""


@dataclass(frozen=True, slots=True)
class Intervention:
    """One change that a rule of the envelope made; ``permitted`` None means that nothing may be written to that signal."""

    rule: str
    signal: str
    asked: float
    permitted: float | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What may be written, by setpoint, with every intervention."""

    permitted: Mapping[str, float]
    interventions: tuple[Intervention, ...] = ()


@dataclass(frozen=True, slots=True)
class Reach:
    """Between what values a setpoint may be set now, and later as far as that is known now; rates come on top of the latter."""

    low: float
    high: float
    low_later: float
    high_later: float


@dataclass(frozen=True, slots=True)
class Command:
    """What is written in this cycle: changed requests by signal, or a hand-back."""

    writes: Mapping[str, float]
    hand_back: bool = False


class Outcome(StrEnum):
    """What became of one write."""

    VERIFIED = "verified"
    REFUSED = "refused"
    NOT_READ_BACK = "not_read_back"
    DIFFERS = "differs"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a command, by signal, and what was read back."""

    at_s: float
    outcomes: Mapping[str, Outcome]
    read_back: Mapping[str, float] = field(default_factory=dict)
    says: str = ""
