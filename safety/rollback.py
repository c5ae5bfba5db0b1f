"""When the daemon takes back by itself what it was last given: a table from what was counted to what is rolled back; pure, and no judge of single cycles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from safety.finite import finite


class Part(StrEnum):
    """What can be rolled back."""

    SETPOINTS = "setpoints"
    MODEL = "model"
    POLICY = "policy"
    CONFIGURATION = "configuration"


class Trigger(StrEnum):
    """What was counted over a time in which the plan was in charge."""

    VIOLATION_MIN = "violation_min"
    """Minutes in which a hall was above its recommended inlet limit."""
    INTERVENTIONS_PER_H = "interventions_per_h"
    """How often the envelope had to change what was planned."""
    PREDICTION_ERROR_K = "prediction_error_k"
    """Mean error of the temperatures that the model expected one cycle ahead."""
    WORSE_THAN_LEGACY_PCT = "worse_than_legacy_pct"
    """Lower end of the 95 % interval of how much more energy is used than under the legacy control."""


@dataclass(frozen=True, slots=True)
class Row:
    """One trigger: how much is too much, over how many hours it must have been counted, what is rolled back, and what the operator is told."""

    trigger: Trigger
    above: float
    over_h: float
    parts: tuple[Part, ...]
    told: str


_T, _P = Trigger, Part

TABLE: Final[tuple[Row, ...]] = (
    Row(_T.VIOLATION_MIN, 30.0, 0.0, (_P.SETPOINTS, _P.MODEL, _P.POLICY), "Inlets were above recommended for too long under the plan."),  # engineering value
    Row(_T.INTERVENTIONS_PER_H, 12.0, 6.0, (_P.SETPOINTS, _P.MODEL, _P.POLICY), "The envelope changes the plan too often."),  # one a cycle of 5 min
    Row(_T.PREDICTION_ERROR_K, 2.0, 24.0, (_P.SETPOINTS, _P.MODEL), "The model no longer fits the plant."),  # twice the inlet margin of a plan
    Row(_T.WORSE_THAN_LEGACY_PCT, 0.0, 0.0, (_P.SETPOINTS, _P.MODEL, _P.POLICY), "It is worse than the legacy control, with confidence."),  # Guideline 14
)
"""Highest first; the first row that is true names the rollback."""


def triggered(counted: Mapping[Trigger, float], hours: float) -> Row | None:
    """Returns the first row whose trigger is above its limit and was counted for long enough [h]; what is not a number triggers nothing."""
    for row in TABLE:
        value, long_h = finite(counted.get(row.trigger)), finite(hours)
        if value is not None and long_h is not None and value > row.above and long_h >= row.over_h:
            return row
    return None
