"""What a stage has to show before it is raised, and what lowers it: two tables and the functions that read them; pure, and no judge of single cycles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from safety.finite import finite
from safety.modes import Stage


class Measure(StrEnum):
    """What is counted of the time since the count began: at the start, or when a stage was last lowered."""

    MONITOR_DAYS = "monitor_days"
    SHADOW_DAYS = "shadow_days"
    ADVISORY_DAYS = "advisory_days"
    CANARY_DAYS = "canary_days"
    """At the widest step."""
    STEP_DAYS = "step_days"
    """At the present step of a canary."""
    PLANNED_PCT = "planned_pct"
    """Of the cycles from shadow on, those with a valid plan."""
    TEMPERATURE_ERROR_K = "temperature_error_k"
    """Mean error of the temperatures that the model expected one step ahead."""
    POWER_ERROR_PCT = "power_error_pct"
    """CV(RMSE) of the facility's power that the model expected one step ahead."""
    INTERVENTIONS_PER_H = "interventions_per_h"
    """How often the envelope had to change what was planned."""
    PREDICTED_VIOLATION_MIN_PER_DAY = "predicted_violation_min_per_day"
    """Minutes a day for which a plan expected an inlet above recommended."""
    DRILLS_PASSED = "drills_passed"
    """Since the last one that failed."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing that must be so before a stage may be entered: at least, or at most, so much."""

    stage: Stage
    measure: Measure
    least: bool
    bound: float
    told: str

    @property
    def key(self) -> str:
        """Returns the name by which a site narrows it: ``canary.shadow_days``."""
        return f"{self.stage.name.lower()}.{self.measure}"

    def met(self, value: object, bound: float) -> bool:
        """Returns whether a count is good enough; one that is not known is not."""
        number = finite(value)
        return number is not None and (number >= bound if self.least else number <= bound)


_S, _M = Stage, Measure

CRITERIA: Final[tuple[Criterion, ...]] = (
    Criterion(_S.SHADOW, _M.MONITOR_DAYS, True, 1.0, "days in monitor"),  # engineering value: one whole day of readings
    Criterion(_S.ADVISORY, _M.SHADOW_DAYS, True, 3.0, "days in shadow"),  # engineering value
    Criterion(_S.ADVISORY, _M.PLANNED_PCT, True, 90.0, "% of cycles with a valid plan"),  # engineering value
    Criterion(_S.ADVISORY, _M.TEMPERATURE_ERROR_K, False, 1.0, "K mean error of predicted temperatures"),  # the inlet margin of a plan
    Criterion(_S.ADVISORY, _M.POWER_ERROR_PCT, False, 15.0, "% CV(RMSE) of predicted power"),  # Guideline 14: monthly; hourly it allows 30
    Criterion(_S.ADVISORY, _M.INTERVENTIONS_PER_H, False, 3.0, "interventions of the envelope an hour"),  # engineering value
    Criterion(_S.ADVISORY, _M.PREDICTED_VIOLATION_MIN_PER_DAY, False, 15.0, "predicted minutes a day above recommended"),  # engineering value
    Criterion(_S.CANARY, _M.ADVISORY_DAYS, True, 1.0, "days in advisory"),  # engineering value
    Criterion(_S.AUTO, _M.CANARY_DAYS, True, 1.0, "days in canary at the widest step"),  # engineering value
    Criterion(_S.AUTO, _M.DRILLS_PASSED, True, 1.0, "drills of the fallback passed"),
)
"""A stage needs its own rows and those of every stage below it."""

STEP: Final = Criterion(_S.CANARY, _M.STEP_DAYS, True, 0.5, "days at the present step of the canary")  # engineering value
"""What a wider step of a canary needs besides."""


def criteria_of(wanted: Stage) -> tuple[Criterion, ...]:
    """Returns what must be so before a stage may be entered."""
    return tuple(row for row in CRITERIA if row.stage <= wanted)


def bound_of(row: Criterion, own: Mapping[str, float]) -> float:
    """Returns a criterion's bound with the site's own, which can only be the stricter of the two."""
    mine = finite(own.get(row.key))
    if mine is None:
        return row.bound
    return max(mine, row.bound) if row.least else min(mine, row.bound)


def unmet(rows: tuple[Criterion, ...], counted: Mapping[Measure, float], own: Mapping[str, float]) -> tuple[Criterion, ...]:
    """Returns the rows that are not met."""
    return tuple(row for row in rows if not row.met(counted.get(row.measure), bound_of(row, own)))


class Trigger(StrEnum):
    """What lowers a stage by itself."""

    AUTHORITY_EXPIRED = "authority_expired"
    ROLLED_BACK = "rolled_back"
    DRILL_FAILED = "drill_failed"
    FAULTS_LATCHED = "faults_latched"
    PREDICTION_ERROR_K = "prediction_error_k"
    INTERVENTIONS_PER_H = "interventions_per_h"


@dataclass(frozen=True, slots=True)
class Lowering:
    """One trigger: how much is too much, the stage that is left (None: the next lower one), and what the operator is told."""

    trigger: Trigger
    above: float
    to: Stage | None
    told: str


LOWERINGS: Final[tuple[Lowering, ...]] = (
    Lowering(Trigger.ROLLED_BACK, 0.0, _S.SHADOW, "It was rolled back by itself."),
    Lowering(Trigger.AUTHORITY_EXPIRED, 0.0, _S.SHADOW, "Nobody has renewed the authority in time."),
    Lowering(Trigger.DRILL_FAILED, 0.0, _S.ADVISORY, "A drill of the fallback failed."),
    Lowering(Trigger.FAULTS_LATCHED, 1.0, _S.ADVISORY, "Faults handed the plant back more than once within a week."),  # engineering value
    Lowering(Trigger.PREDICTION_ERROR_K, 1.5, None, "The model fits the plant less well."),  # engineering value: before a rollback at 2 K
    Lowering(Trigger.INTERVENTIONS_PER_H, 6.0, None, "The envelope changes the plan often."),  # engineering value: half of what rolls back
)
"""Lowest stage first; the first row that is true and leaves a lower stage is followed."""

BELOW: Final[Mapping[Stage, Stage]] = {_S.AUTO: _S.CANARY, _S.CANARY: _S.ADVISORY, _S.ADVISORY: _S.SHADOW}


def left_by(row: Lowering, stage: Stage) -> Stage:
    """Returns the stage that a trigger leaves of one; never a higher one."""
    return BELOW.get(stage, stage) if row.to is None else min(stage, row.to)


def lowering(stage: Stage, counted: Mapping[Trigger, float]) -> Lowering | None:
    """Returns the first row whose trigger is above its limit and that lowers this stage; what is not a number triggers nothing."""
    for row in LOWERINGS:
        value = finite(counted.get(row.trigger))
        if value is not None and value > row.above and left_by(row, stage) < stage:
            return row
    return None
