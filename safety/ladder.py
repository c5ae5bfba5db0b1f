"""What goes on without a reading: for each signal a rung of the ladder from "go on" to "release"; the setpoints that a lost one freezes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from safety.finite import known
from safety.modes import Condition


class Rung(StrEnum):
    """How far down a lost reading leads."""

    FREEZE = "freeze"
    RESET = "reset"
    HOLD = "hold"
    RELEASE = "release"


CONDITION_OF: Final[Mapping[Rung, Condition]] = {
    Rung.RESET: Condition.SENSOR_LOST,
    Rung.HOLD: Condition.READINGS_GAP,
    Rung.RELEASE: Condition.READINGS_LOST,
}
"""What a rung makes of the cycle; frozen setpoints change no mode."""


@dataclass(frozen=True, slots=True)
class Step:
    """One signal's rung; ``setpoints`` are those of its equipment, which a lost one freezes."""

    rung: Rung
    setpoints: frozenset[str] = frozenset()


def descend(ladder: Mapping[str, Step], measured: Mapping[str, float]) -> tuple[frozenset[Condition], frozenset[str]]:
    """Returns the conditions that lost readings make, and the setpoints that they freeze; a signal without a rung goes on without it."""
    lost = [step for signal, step in ladder.items() if known(measured, signal) is None]
    conditions = frozenset(CONDITION_OF[step.rung] for step in lost if step.rung in CONDITION_OF)
    return conditions, frozenset(setpoint for step in lost if step.rung is Rung.FREEZE for setpoint in step.setpoints)
