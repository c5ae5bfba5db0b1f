"""Which permitted setpoints are worth a write: registers wear out, so a relaxing change waits for its budget; a cautious one never does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from safety.finite import finite, known
from safety.limits import MORE_COOLING, Limits, RegisterLimits

LIFETIME_WRITES: Final = 100_000  # usual EEPROM endurance of controllers' data sheets
WRITES_PER_H: Final = 1.14  # 100,000 writes in 10 years
BURST: Final = 3.0  # engineering value: a few changes in a row, then the hourly share


DEFAULT: Final = RegisterLimits()
"""For a register of which nothing is known: it wears."""


@dataclass(frozen=True, slots=True)
class WearLedger:
    """Memory, persisted: writes so far, and the bucket's (tokens, time [s]) of each register; tokens below zero are the debt of cautious writes."""

    writes: Mapping[str, int] = field(default_factory=dict)
    bucket: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def choose_writes(
    permitted: Mapping[str, float], requested: Mapping[str, float], ledger: WearLedger, limits: Limits, at_s: float
) -> tuple[Mapping[str, float], WearLedger]:
    """Chooses what to write of the permitted setpoints, and books it.

    ``requested`` is what was last asked of the BAS, by setpoint; a setpoint that is not in it has never been asked for and is written. A change
    towards more cooling is written whatever the deadband, the bucket or the lifetime say, and is booked all the same.
    """
    writes = {name: value for name, value in permitted.items() if finite(value) is not None and _worth(name, value, requested, ledger, limits, at_s)}
    return writes, booked(ledger, writes, limits, at_s)


def booked(ledger: WearLedger, registers: Iterable[str], limits: Limits, at_s: float) -> WearLedger:
    """Returns the ledger after one write to each register; hand-backs are booked by this too, and never asked whether they may."""
    writes, bucket = dict(ledger.writes), dict(ledger.bucket)
    for name in registers:
        writes[name] = writes.get(name, 0) + 1
        if limits.registers.get(name, DEFAULT).wears:
            bucket[name] = (tokens(ledger, name, at_s) - 1.0, at_s)
    return WearLedger(writes, bucket)


def tokens(ledger: WearLedger, register: str, at_s: float) -> float:
    """Returns how many writes a register's bucket holds now; time that runs backwards adds none."""
    left, since_s = ledger.bucket.get(register, (BURST, at_s))
    return min(BURST, left + max(0.0, at_s - since_s) / 3600.0 * WRITES_PER_H)


def _worth(name: str, value: float, requested: Mapping[str, float], ledger: WearLedger, limits: Limits, at_s: float) -> bool:
    """Returns whether one permitted value is worth a write now."""
    last = known(requested, name)
    if last is None:
        return True
    more = MORE_COOLING.get(name.partition(".")[2])
    change = value - last
    if change != 0.0 and (more is None or change * more > 0.0):
        return True
    register = limits.registers.get(name, DEFAULT)
    if change == 0.0 or abs(change) < register.deadband:
        return False
    return not register.wears or (tokens(ledger, name, at_s) >= 1.0 and ledger.writes.get(name, 0) < LIFETIME_WRITES)
