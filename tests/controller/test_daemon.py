from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest

from controller.daemon import StageError, allowed_stage, end, resumed
from controller.record import Orders
from safety.modes import Condition, Mode, Stage
from tests.controller.conftest import Rig

Make = Callable[..., Awaitable[Rig]]


async def restart(small: Rig, after_s: float = 60.0) -> None:
    """As a new process would begin on the same journal."""
    last = await small.journal.last()
    small.engine.memory = resumed(small.engine.cycle.stages, last, small.engine.memory.at_s + after_s)


def test_without_a_wish_the_persisted_stage_goes_on() -> None:
    assert allowed_stage(None, Stage.MONITOR, simulated=False) is Stage.MONITOR
    assert allowed_stage(None, Stage.AUTO, simulated=False) is Stage.AUTO


def test_a_start_can_only_lower_the_stage_of_a_real_site() -> None:
    assert allowed_stage(Stage.SHADOW, Stage.AUTO, simulated=False) is Stage.SHADOW
    with pytest.raises(StageError, match=r"can only lower it; allowed now: monitor, shadow$"):
        allowed_stage(Stage.AUTO, Stage.SHADOW, simulated=False)


def test_a_simulated_site_may_start_in_any_stage() -> None:
    for stage in Stage:
        assert allowed_stage(stage, Stage.MONITOR, simulated=True) is stage


async def test_a_restart_begins_with_the_bas_in_charge_and_returns_by_itself(rig: Make) -> None:
    small = await rig(Stage.AUTO)
    await small.run(30)
    await restart(small)
    after = small.engine.memory
    assert (after.mode.mode, after.mode.cause, after.mode.latched) == (Mode.RELEASE, Condition.RESTARTED, False)
    assert after.requested == {}, "what was asked for before is asked again from what is in force"
    await small.run(12)
    assert small.engine.memory.mode.mode is Mode.RESET


async def test_a_latch_outlives_a_restart(rig: Make) -> None:
    small = await rig(Stage.AUTO)
    await small.run(10)
    small.engine.order(Orders(release=True, reason="maintenance"))
    await small.run(10)
    await restart(small)
    after = small.engine.memory
    assert (after.mode.mode, after.mode.cause, after.mode.latched) == (Mode.RELEASE, Condition.OPERATOR_RELEASE, True)
    await small.run(30)
    assert small.engine.memory.mode.latched


async def test_a_third_return_within_a_day_needs_a_person(rig: Make) -> None:
    small = await rig(Stage.AUTO)
    await small.run(10)
    modes = []
    for _ in range(3):
        await restart(small)
        await small.run(11)
        modes.append((small.engine.memory.mode.mode, small.engine.memory.mode.latched))
    assert modes == [(Mode.RESET, False), (Mode.RESET, False), (Mode.RELEASE, True)]


async def test_restarts_in_shadow_spend_no_return(rig: Make) -> None:
    small = await rig(Stage.SHADOW)
    await small.run(10)
    for _ in range(4):
        await restart(small)
        await small.run(11)
    assert (small.engine.memory.mode.mode, small.engine.memory.mode.returns_s) == (Mode.RESET, ())


async def test_a_task_that_swallows_a_cancellation_is_cancelled_again() -> None:
    async def stubborn() -> None:
        for _ in range(3):
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(3600)
        await asyncio.sleep(3600)

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    await end([task])
    assert task.cancelled()
