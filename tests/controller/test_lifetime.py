"""How fast a register is used up: the count persists, the rate is the present one, and the years follow from both."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from controller.daemon import resumed
from controller.lifetime import WriteRates, counted, registers, years_left
from safety.modes import Stage
from safety.wear import LIFETIME_WRITES, WearLedger
from tests.controller.conftest import Rig

Make = Callable[..., Awaitable[Rig]]
CHWS = "plant.chws_setpoint_c"


def after(hours: float, per_h: int, rates: WriteRates) -> WriteRates:
    for _ in range(int(hours)):
        for _ in range(per_h):
            rates = counted(rates, [CHWS], 3600.0 / per_h)
    return rates


def test_a_steady_rate_gives_the_years_that_it_lasts() -> None:
    rates = after(24 * 14, 2, WriteRates())
    ledger = WearLedger({CHWS: 672})
    expected = (LIFETIME_WRITES - 672) / (2 * 24 * 365.25)
    assert years_left(CHWS, ledger, rates) == pytest.approx(expected, rel=0.01)


def test_the_rate_is_that_of_the_last_days() -> None:
    busy = after(24 * 30, 6, WriteRates())
    calm = busy
    for _ in range(24 * 30):
        calm = counted(calm, [], 3600.0)
    was, now = (years_left(CHWS, WearLedger({CHWS: 0}), r) for r in (busy, calm))
    assert was is not None
    assert now is not None
    assert now > 20 * was


def test_nothing_is_forecast_before_there_is_a_rate_and_nothing_is_left_after_the_end() -> None:
    first = counted(WriteRates(), [CHWS], 300.0)
    assert years_left(CHWS, WearLedger({CHWS: 1}), first) is None
    assert years_left("plant.cws_setpoint_c", WearLedger(), after(48, 1, WriteRates())) is None
    assert years_left(CHWS, WearLedger({CHWS: LIFETIME_WRITES + 5}), after(48, 1, WriteRates())) == 0.0
    assert counted(first, [], -50.0) == first


async def test_counters_and_rate_outlive_a_restart_and_are_shown(rig: Make) -> None:
    small = await rig(Stage.AUTO)
    await small.run(90)
    memory = small.engine.memory
    shown = registers(small.engine.limits, memory.wear, memory.rates)
    assert set(shown) == set(small.engine.limits.setpoints)
    written = sum(len(d.record.decision.command.writes) for d in small.done)
    assert sum(r["writes"] for r in shown.values()) == written > 0
    assert any(r["years_left"] for r in shown.values())
    assert {r["wears"] for r in shown.values()} == {False}, "this site's requests are volatile"
    again = resumed(small.engine.cycle.stages, await small.journal.last(), memory.at_s + 60.0)
    assert (again.wear, again.rates) == (memory.wear, memory.rates)
