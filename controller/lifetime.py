"""How fast each setpoint's register is used up: the writes so far, the present rate, and the years until its lifetime is over; pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from safety.limits import Limits
from safety.wear import DEFAULT, LIFETIME_WRITES, WearLedger

PRESENT_S: Final = 7 * 86400.0  # engineering value: "at present" means over about the last week
OBSERVED_MIN_S: Final = 3600.0  # engineering value: taking over writes everything once, which says nothing of the rate
YEAR_S: Final = 365.25 * 86400.0


@dataclass(frozen=True, slots=True)
class WriteRates:
    """Memory, persisted: writes by setpoint and time observed [s], both fading over ``PRESENT_S``."""

    writes: Mapping[str, float] = field(default_factory=dict)
    observed_s: float = 0.0


def counted(rates: WriteRates, written: Iterable[str], elapsed_s: float) -> WriteRates:
    """Returns the rates after one more cycle that wrote each of ``written`` once; time that runs backwards fades nothing."""
    passed_s = max(0.0, elapsed_s)
    kept = math.exp(-passed_s / PRESENT_S)
    writes = {name: count * kept for name, count in rates.writes.items()}
    for name in written:
        writes[name] = writes.get(name, 0.0) + 1.0
    return WriteRates(writes, rates.observed_s * kept + passed_s)


def years_left(name: str, ledger: WearLedger, rates: WriteRates) -> float | None:
    """Returns the years until a register has seen 100,000 writes at the present rate; None while no rate is known or nothing is written."""
    count = rates.writes.get(name, 0.0)
    if rates.observed_s < OBSERVED_MIN_S or count < 1e-3:
        return None
    return max(0, LIFETIME_WRITES - ledger.writes.get(name, 0)) * rates.observed_s / count / YEAR_S


def registers(limits: Limits, ledger: WearLedger, rates: WriteRates) -> dict[str, dict[str, Any]]:
    """Returns for each setpoint: lifetime writes, the present rate a day, whether its register wears, and the years left, as plain values."""
    known = rates.observed_s >= OBSERVED_MIN_S
    return {
        name: {
            "writes": ledger.writes.get(name, 0),
            "writes_per_day": rates.writes.get(name, 0.0) * 86400.0 / rates.observed_s if known else None,
            "wears": limits.registers.get(name, DEFAULT).wears,
            "years_left": years_left(name, ledger, rates),
        }
        for name in limits.setpoints
    }
