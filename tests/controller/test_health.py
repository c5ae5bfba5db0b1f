"""Conditions of building, weather and load on a running site: who is in charge, judged by what is in force at the plant."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from safety.modes import Condition, Mode, Stage
from safety.signals import Authority
from tests.controller.conftest import Rig

Make = Callable[..., Awaitable[Rig]]
SUPPLY = "hall-a.crah_supply_setpoint_c"


def bas_in_charge(rig: Rig) -> bool:
    return rig.prepared.site.read(f"{SUPPLY}.authority") != Authority.REMOTE


@pytest.mark.parametrize("contact", ["site.fire_state", "hall-a.leak_state"])
async def test_fire_and_leak_hand_the_plant_back_within_the_time_out_and_latch(rig: Make, contact: str) -> None:
    seen = {contact: 0.0}
    small = await rig(Stage.AUTO, more=seen)
    await small.run(20)
    assert not bas_in_charge(small)
    seen[contact] = 1.0
    await small.run(0.75)
    assert bas_in_charge(small), "the guard saw it and the lease ran out before any cycle was due"
    seen[contact] = 0.0
    await small.run(45)
    assert small.engine.memory.mode.latched
    assert bas_in_charge(small)


async def test_after_a_spell_on_generator_the_plant_returns_half_an_hour_later(rig: Make) -> None:
    seen = {"site.generator_state": 0.0}
    small = await rig(Stage.AUTO, more=seen)
    await small.run(20)
    seen["site.generator_state"] = 1.0
    await small.run(10)
    seen["site.generator_state"] = 0.0
    await small.run(25)
    assert (small.engine.memory.mode.mode, small.engine.memory.mode.cause) == (Mode.RELEASE, Condition.POWER_EVENT)
    assert bas_in_charge(small)
    await small.run(15)
    assert small.engine.memory.mode.mode is Mode.RESET
    assert not bas_in_charge(small)


@pytest.mark.parametrize(("cap", "mode"), [("reset", Mode.RESET), ("advisory", Mode.RELEASE)])
async def test_a_site_says_what_a_heat_wave_caps(rig: Make, cap: str, mode: Mode) -> None:
    small = await rig(Stage.AUTO, toml=f'\n[conditions]\ndesign_wetbulb_c = 0\nheat_wave = "{cap}"\n')
    await small.run(40)
    assert small.engine.memory.mode.mode is mode
    assert Condition.HEAT_WAVE in small.done[-1].record.decision.conditions
    assert bas_in_charge(small) is (cap == "advisory")


async def test_a_load_near_capacity_is_told_and_an_unknown_one_is_not(rig: Make) -> None:
    small = await rig(Stage.AUTO, toml="\n[conditions]\nhigh_load_share = 0.5\n")
    await small.run(25)
    assert Condition.VERY_HIGH_LOAD in small.done[-1].record.decision.conditions
    blind = await rig(Stage.AUTO, toml="\n[conditions]\nhigh_load_share = 0.5\n", path=None)
    blind.bus.faults.dead.add("hall-a.it_load_kw")
    await blind.run(25)
    assert Condition.VERY_HIGH_LOAD not in blind.done[-1].record.decision.conditions
