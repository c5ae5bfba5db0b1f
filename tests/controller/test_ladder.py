"""The ladder from a cold start with the sensor already missing: judged by what the plant does, not by what is announced."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from safety.modes import Mode, Stage
from safety.signals import Authority
from tests.controller.conftest import Rig

Make = Callable[..., Awaitable[Rig]]
SUPPLY, FAN = "hall-a.crah_supply_setpoint_c", "hall-a.crah_fan_setpoint_pct"
LOST = "hall-a.crah_return_temp_c"


def shown(rig: Rig, signal: str) -> float:
    value = rig.prepared.site.read(signal)
    assert value is not None
    return value


async def cold_start(rig: Make, rung: str, minutes: float = 50.0) -> Rig:
    small = await rig(Stage.AUTO, toml=f'\n[ladder]\n"{LOST}" = "{rung}"\n' if rung else "\n")
    small.bus.faults.dead.add(LOST)
    await small.run(minutes)
    return small


async def test_without_a_rung_the_plant_is_moved_all_the_same(rig: Make) -> None:
    small = await cold_start(rig, "")
    assert shown(small, f"{SUPPLY}.authority") == Authority.REMOTE
    assert abs(shown(small, f"{SUPPLY}.effective") - 20.0) > 1.0


async def test_a_frozen_hall_keeps_its_setpoints_while_the_plant_goes_on(rig: Make) -> None:
    small = await cold_start(rig, "freeze")
    assert shown(small, f"{SUPPLY}.authority") == Authority.REMOTE
    assert shown(small, f"{SUPPLY}.effective") == pytest.approx(20.0, abs=0.15)
    assert shown(small, f"{FAN}.effective") == pytest.approx(90.0, abs=0.6)
    moved = {signal for done in small.done for signal in done.record.decision.verdict.permitted}
    assert any(signal.startswith("plant.") for signal in moved)


async def test_reset_goes_on_with_guideline_36(rig: Make) -> None:
    small = await cold_start(rig, "reset")
    assert "sensor_lost" in small.done[-1].record.decision.conditions
    assert shown(small, f"{SUPPLY}.authority") == Authority.REMOTE
    assert abs(shown(small, f"{SUPPLY}.effective") - 20.0) > 1.0


@pytest.mark.parametrize("rung", ["hold", "release"])
async def test_from_a_cold_start_the_plant_is_not_taken_at_all(rig: Make, rung: str) -> None:
    small = await cold_start(rig, rung, 25.0)
    assert shown(small, f"{SUPPLY}.authority") != Authority.REMOTE
    assert not small.engine.memory.mode.latched, "nothing of ours depended on it"


async def test_a_reading_that_is_lost_in_service_hands_the_plant_back_for_good(rig: Make) -> None:
    small = await rig(Stage.AUTO, toml=f'\n[ladder]\n"{LOST}" = "release"\n')
    await small.run(20)
    assert shown(small, f"{SUPPLY}.authority") == Authority.REMOTE
    small.bus.faults.dead.add(LOST)
    await small.run(8)
    assert small.engine.memory.mode.mode is Mode.RELEASE
    assert small.engine.memory.mode.latched
    assert shown(small, f"{SUPPLY}.authority") != Authority.REMOTE
