"""Who is in charge: one table from conditions to modes, ordered by caution, and the one function that follows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from typing import Final


class Stage(IntEnum):
    """How far the operator trusts the controller; raised only by a person."""

    MONITOR = 0
    SHADOW = 1
    ADVISORY = 2
    CANARY = 3
    AUTO = 4


@dataclass(frozen=True, slots=True)
class StageRights:
    """What a stage writes and who answers for it."""

    heartbeat: bool
    setpoints: bool
    accepted_only: bool
    drills: bool
    responsible: str


WRITES: Final[Mapping[Stage, StageRights]] = {
    Stage.MONITOR: StageRights(heartbeat=False, setpoints=False, accepted_only=False, drills=False, responsible="the BAS; the daemon only reads"),
    Stage.SHADOW: StageRights(heartbeat=False, setpoints=False, accepted_only=False, drills=False, responsible="the BAS; the daemon decides and is scored"),
    Stage.ADVISORY: StageRights(heartbeat=True, setpoints=True, accepted_only=True, drills=False, responsible="the person who accepts each proposal"),
    Stage.CANARY: StageRights(heartbeat=True, setpoints=True, accepted_only=False, drills=True, responsible="the daemon, within narrow bounds and hours"),
    Stage.AUTO: StageRights(heartbeat=True, setpoints=True, accepted_only=False, drills=True, responsible="the daemon, within the envelope"),
}
"""What each stage may write; MONITOR and SHADOW write nothing at all, heartbeat included."""


class Mode(IntEnum):
    """Who is in charge in this cycle, ordered by caution."""

    OPTIMISE = 0
    PLAN_ONLY = 1
    RESET = 2
    HOLD = 3
    RELEASE = 4


class Condition(StrEnum):
    """What may be true of a cycle and bears on who is in charge."""

    RESIDUAL_DISTRUSTED = "residual_distrusted"
    NO_PLAN = "no_plan"
    NO_FORECAST = "no_forecast"
    NO_MODEL = "no_model"
    CYCLES_LATE = "cycles_late"
    INLET_ABOVE_ALLOWABLE = "inlet_above_allowable"
    HEAT_WAVE = "heat_wave"
    VERY_HIGH_LOAD = "very_high_load"
    POWER_DISTURBED = "power_disturbed"
    SENSOR_LOST = "sensor_lost"
    READINGS_DISAGREE = "readings_disagree"
    PLAN_DISTRUSTED = "plan_distrusted"
    READINGS_GAP = "readings_gap"
    READINGS_LOST = "readings_lost"
    INLET_UNKNOWN = "inlet_unknown"
    OPERATOR_RELEASE = "operator_release"
    SECOND_WRITER = "second_writer"
    WRITES_REFUSED = "writes_refused"
    JOURNAL_LOST = "journal_lost"
    CLOCK_JUMPED = "clock_jumped"
    FIRE = "fire"
    LEAK = "leak"
    POWER_EVENT = "power_event"
    MAINTENANCE = "maintenance"
    BAS_RESTARTED = "bas_restarted"
    LEASE_LAPSED = "lease_lapsed"
    KILL_SWITCH = "kill_switch"
    RESTARTED = "restarted"
    STOPPING = "stopping"
    DRILL = "drill"
    DRILL_RESET = "drill_reset"
    ROLLED_BACK = "rolled_back"
    SWITCHBACK = "switchback"


class Return(StrEnum):
    """What it takes to leave a mode once its condition is over."""

    AT_ONCE = "at_once"
    AFTER_HEALTHY_CYCLES = "after_healthy_cycles"
    UNDER_TOKEN = "under_token"
    BY_PERSON = "by_person"


@dataclass(frozen=True, slots=True)
class Row:
    """One condition: the mode it forces, how that mode is left, what clears the condition, and what the operator is told."""

    condition: Condition
    forces: Mode
    returns: Return
    clears: str
    told: str

    @property
    def latches(self) -> bool:
        """Returns whether only a person ends it."""
        return self.returns is Return.BY_PERSON


_C, _M, _R = Condition, Mode, Return

TABLE: Final[tuple[Row, ...]] = (
    # latched RELEASE: fault or operator
    Row(_C.OPERATOR_RELEASE, _M.RELEASE, _R.BY_PERSON, "engage", "An operator handed the plant to the BAS."),
    Row(_C.KILL_SWITCH, _M.RELEASE, _R.BY_PERSON, "switch off, then engage", "The kill switch at the BAS is on."),
    Row(_C.FIRE, _M.RELEASE, _R.BY_PERSON, "alarm cleared, then engage", "Fire alarm: the BAS is in charge."),
    Row(_C.LEAK, _M.RELEASE, _R.BY_PERSON, "leak cleared, then engage", "Leak alarm: the BAS is in charge."),
    Row(_C.SECOND_WRITER, _M.RELEASE, _R.BY_PERSON, "the other writer gone, then engage", "Another controller writes to this plant."),
    Row(_C.WRITES_REFUSED, _M.RELEASE, _R.BY_PERSON, "cause found, then engage", "The BAS does not take or keep what is written."),
    Row(_C.READINGS_LOST, _M.RELEASE, _R.BY_PERSON, "readings back, then engage", "Readings that the control needs are lost."),
    Row(_C.INLET_UNKNOWN, _M.RELEASE, _R.BY_PERSON, "an inlet reading back, then engage", "A hall's rack inlet temperature is unknown."),
    Row(_C.JOURNAL_LOST, _M.RELEASE, _R.BY_PERSON, "journal writable, then engage", "Decisions cannot be recorded, so none is made."),
    Row(_C.CLOCK_JUMPED, _M.RELEASE, _R.BY_PERSON, "clock trusted, then engage", "The clock jumped; ages and rates cannot be judged."),
    # RELEASE that returns under the token
    Row(_C.POWER_EVENT, _M.RELEASE, _R.UNDER_TOKEN, "utility power for 30 min", "On generator, or a transfer was less than 30 min ago."),
    Row(_C.MAINTENANCE, _M.RELEASE, _R.UNDER_TOKEN, "its end, or ended by a person", "Maintenance: the BAS is in charge until it ends."),
    Row(_C.BAS_RESTARTED, _M.RELEASE, _R.UNDER_TOKEN, "BAS heartbeat steady", "The BAS restarted."),
    Row(_C.LEASE_LAPSED, _M.RELEASE, _R.UNDER_TOKEN, "taken again from what is in force", "The lease lapsed and the BAS took the plant back."),
    Row(_C.RESTARTED, _M.RELEASE, _R.UNDER_TOKEN, "first healthy cycle", "The daemon restarted."),
    Row(_C.STOPPING, _M.RELEASE, _R.UNDER_TOKEN, "started again", "The daemon is stopping."),
    Row(_C.DRILL, _M.RELEASE, _R.UNDER_TOKEN, "drill over", "Fallback drill: the BAS is in charge on purpose."),
    Row(_C.SWITCHBACK, _M.RELEASE, _R.UNDER_TOKEN, "turn over", "Switchback experiment: the BAS has its turn."),
    # HOLD
    Row(_C.READINGS_GAP, _M.HOLD, _R.AT_ONCE, "readings back", "A short gap in readings: setpoints stay as they are."),
    # RESET
    Row(_C.INLET_ABOVE_ALLOWABLE, _M.RESET, _R.AFTER_HEALTHY_CYCLES, "inlet allowable", "A rack inlet is above its allowable limit: full cooling."),
    Row(_C.NO_PLAN, _M.RESET, _R.AFTER_HEALTHY_CYCLES, "plan solved", "No valid plan: Guideline 36 resets are in charge."),
    Row(_C.NO_FORECAST, _M.RESET, _R.AFTER_HEALTHY_CYCLES, "forecast back", "No forecast: Guideline 36 resets are in charge."),
    Row(_C.NO_MODEL, _M.RESET, _R.AFTER_HEALTHY_CYCLES, "model valid", "No valid model: Guideline 36 resets are in charge."),
    Row(_C.CYCLES_LATE, _M.RESET, _R.AFTER_HEALTHY_CYCLES, "cycles on time", "Cycles are late: Guideline 36 resets are in charge."),
    Row(_C.SENSOR_LOST, _M.RESET, _R.AFTER_HEALTHY_CYCLES, "reading back", "A reading that a plan needs is lost: Guideline 36 resets are in charge."),
    Row(_C.READINGS_DISAGREE, _M.RESET, _R.AFTER_HEALTHY_CYCLES, "readings agree", "Readings contradict each other: Guideline 36 resets are in charge."),
    Row(_C.PLAN_DISTRUSTED, _M.RESET, _R.AFTER_HEALTHY_CYCLES, "trust regained", "The plan's inputs are beyond what its model knows: resets are in charge."),
    Row(_C.POWER_DISTURBED, _M.RESET, _R.AFTER_HEALTHY_CYCLES, "utility steady", "Utility power is disturbed: Guideline 36 resets are in charge."),
    Row(_C.HEAT_WAVE, _M.RESET, _R.AFTER_HEALTHY_CYCLES, "weather within design", "Weather beyond design: Guideline 36 resets are in charge."),
    Row(_C.ROLLED_BACK, _M.RESET, _R.AFTER_HEALTHY_CYCLES, "engage", "Rolled back: the last known good setpoints are in charge."),
    Row(_C.DRILL_RESET, _M.RESET, _R.AFTER_HEALTHY_CYCLES, "drill over", "Fallback drill: Guideline 36 resets are in charge on purpose."),
    Row(_C.VERY_HIGH_LOAD, _M.RESET, _R.AFTER_HEALTHY_CYCLES, "load within design", "Load near capacity: Guideline 36 resets are in charge."),
    # PLAN_ONLY
    Row(_C.RESIDUAL_DISTRUSTED, _M.PLAN_ONLY, _R.AT_ONCE, "trust regained", "The learned correction is not used."),
)
"""One row for each condition; of several, the highest mode decides, and within it the first row is the cause that is named."""

ROW_OF: Final[Mapping[Condition, Row]] = {row.condition: row for row in TABLE}

CAPPED: Final = frozenset({_C.HEAT_WAVE, _C.VERY_HIGH_LOAD, _C.POWER_DISTURBED})
"""Conditions of operation for which a site says what they cap: the mode at RESET, or the stage at ADVISORY (then the BAS is in charge meanwhile)."""

HARMLESS: Final = frozenset({_C.RESIDUAL_DISTRUSTED})
"""Conditions under which a drill, an excitation or an experiment may go on; under every other one none is begun, and a running one ends."""

WITHOUT_MODEL: Final = frozenset({_C.NO_PLAN, _C.NO_MODEL})
"""Conditions that an excitation stands besides: it needs neither plan nor model, and is how a site gets one."""


@dataclass(frozen=True, slots=True)
class ModeRules:
    """The durations and counts that the table leaves open."""

    hold_max_s: float = 600.0  # at most 10 min without readings
    healthy_cycles: int = 3
    returns_max: int = 2  # automatic returns
    returns_window_s: float = 86400.0  # in 24 h
    advisory: frozenset[Condition] = frozenset()
    """Those of ``CAPPED`` that cap the stage at ADVISORY: nothing is written without a person, so the plant is the BAS's until they are over."""


@dataclass(frozen=True, slots=True)
class ModeState:
    """Who is in charge, why and since when; persisted, so that a latch survives a restart.

    ``cause`` names the condition that decided, also while a RESET recovers from it; ``returns_s`` are the times of automatic returns [s].
    """

    mode: Mode
    cause: Condition | None
    since_s: float
    latched: bool = False
    healthy_cycles: int = 0
    hold_since_s: float | None = None
    returns_s: tuple[float, ...] = ()


def first(at_s: float) -> ModeState:
    """Returns the state in which the plant is first taken: resets first, the plan once it has proved healthy."""
    return ModeState(Mode.RESET, None, at_s)


def untouched(at_s: float) -> ModeState:
    """Returns the state of a daemon that has never had this plant: the BAS is in charge for no cause, and taking over spends no return."""
    return ModeState(Mode.RELEASE, None, at_s)


def next_mode(state: ModeState, conditions: frozenset[Condition], at_s: float, rules: ModeRules) -> ModeState:
    """Follows the table for one cycle."""
    rows = [_capped(row, rules) for row in TABLE if row.condition in conditions]
    forced = max((row.forces for row in rows), default=Mode.OPTIMISE)
    cause = next((row.condition for row in rows if row.forces is forced), None)
    if state.mode is Mode.RELEASE and (state.latched or forced > Mode.RESET):
        return _stay_released(state, rows)
    if state.mode is Mode.RELEASE:
        return _return_under_token(state, at_s, rules)
    if forced is Mode.RELEASE:
        return _release(state, cause, any(row.latches for row in rows), at_s)
    if forced is Mode.HOLD:
        return _hold(state, cause, any(row.forces is Mode.RESET for row in rows), at_s, rules)
    healthy = 0 if forced is Mode.RESET else min(state.healthy_cycles + 1, rules.healthy_cycles)
    mode = forced if healthy >= rules.healthy_cycles else Mode.RESET
    recovering = mode is Mode.RESET and forced is not Mode.RESET
    since_s = state.since_s if mode is state.mode else at_s
    return ModeState(mode, state.cause if recovering else cause, since_s, healthy_cycles=healthy, returns_s=state.returns_s)


def experiment_refused(stage: Stage, conditions: frozenset[Condition], own: frozenset[Condition] = frozenset()) -> str:
    """Says why no drill, excitation or experiment may run now, "" where one may; ``own`` are the conditions that it makes itself."""
    if not WRITES[stage].drills:
        return f"stage {stage.name} allows none; they start at {Stage.CANARY.name}"
    standing = [row.told for row in TABLE if row.condition in conditions - HARMLESS - own]
    return " ".join(standing)


def engage(state: ModeState, at_s: float) -> ModeState:
    """Takes the plant back by a person's word: ends a RELEASE, latched or not, and renews the token; resets come first."""
    return first(at_s) if state.mode is Mode.RELEASE else state


def after_restart(state: ModeState, at_s: float) -> ModeState:
    """Returns the state that a restarted daemon begins in: RELEASE, latched as it was."""
    if state.mode is Mode.RELEASE and state.latched:
        return state
    return _release(state, Condition.RESTARTED, False, at_s)


def _capped(row: Row, rules: ModeRules) -> Row:
    """Returns a condition's row as the site wants it."""
    if row.condition in rules.advisory & CAPPED:
        return replace(row, forces=Mode.RELEASE, returns=Return.UNDER_TOKEN)
    return row


def _release(state: ModeState, cause: Condition | None, latched: bool, at_s: float) -> ModeState:
    """Hands the plant back."""
    return ModeState(Mode.RELEASE, cause, at_s, latched, returns_s=state.returns_s)


def _stay_released(state: ModeState, rows: list[Row]) -> ModeState:
    """Keeps the plant with the BAS; a fault that comes up meanwhile latches."""
    latching = next((row.condition for row in rows if row.latches), None)
    return state if state.latched or latching is None else replace(state, cause=latching, latched=True)


def _return_under_token(state: ModeState, at_s: float, rules: ModeRules) -> ModeState:
    """Returns from an unlatched RELEASE by itself, into RESET; used up, the token latches."""
    if state.cause is None:
        return replace(first(at_s), returns_s=state.returns_s)
    recent = tuple(then_s for then_s in state.returns_s if not at_s - then_s >= rules.returns_window_s)
    if len(recent) >= rules.returns_max:
        return replace(state, latched=True, returns_s=recent)
    return ModeState(Mode.RESET, state.cause, at_s, returns_s=(*recent, at_s))


def _hold(state: ModeState, cause: Condition | None, unhealthy: bool, at_s: float, rules: ModeRules) -> ModeState:
    """Holds what is in force, for so long and no longer; a gap that lasts is a loss."""
    since_s = at_s if state.hold_since_s is None else state.hold_since_s
    if not 0.0 <= at_s - since_s < rules.hold_max_s:
        return _release(state, Condition.READINGS_LOST, True, at_s)
    healthy = 0 if unhealthy else state.healthy_cycles
    return ModeState(Mode.HOLD, cause, since_s, False, healthy, since_s, state.returns_s)
