"""Conditions of building, weather and load on a running site: who is in charge, judged by what is in force at the plant."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable

import pytest

from controller.explain import as_text, explanation, told_reserves
from controller.record import Orders
from safety.modes import Condition, Mode, Stage
from safety.ownership import Maintenance
from safety.ride_through import RideThrough
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


async def test_maintenance_of_the_site_hands_it_back_until_its_end_and_of_a_machine_leaves_the_plan(rig: Make) -> None:
    small = await rig(Stage.AUTO)
    await small.run(20)
    ends_s = small.prepared.site.now_s + 1200.0
    small.engine.order(Orders(maintenance=Maintenance("site", "ada", "valves", ends_s), who="ada", reason="valves"))
    await small.run(15)
    assert (small.engine.memory.mode.mode, small.engine.memory.mode.cause) == (Mode.RELEASE, Condition.MAINTENANCE)
    assert bas_in_charge(small)
    small.engine.order(Orders(maintenance=Maintenance("ch-1", "ada", "tubes", ends_s + 86400.0), who="ada", reason="tubes"))
    await small.run(15)
    assert small.engine.memory.mode.mode is Mode.RESET
    assert not bas_in_charge(small)
    assert [one.equipment for one in small.engine.memory.maintenance] == ["ch-1"]
    small.engine.order(Orders(maintenance_over="ch-1", who="ada", reason="done"))
    await small.run(6)
    assert small.engine.memory.maintenance == ()


async def test_the_optimiser_is_asked_within_what_the_envelope_lets_through_and_without_absent_machines(rig: Make) -> None:
    seen = {"ch-2.hand_state": 1.0}
    small = await rig(Stage.AUTO, more=seen)
    asked = []
    solve = small.engine.cycle.optimiser.plan

    async def listen(request):  # type: ignore[no-untyped-def]  # PlanRequest in, Proposal out
        asked.append(request)
        return await solve(request)

    small.engine.cycle.optimiser.plan = listen  # type: ignore[method-assign]  # what is asked is watched
    await small.run(20)
    assert asked[-1].absent == ("ch-2",)
    reach = asked[-1].reach[SUPPLY]
    held = asked[-1].in_force[SUPPLY]
    assert held - 0.33 * 5.0 == pytest.approx(reach.low)
    assert reach.low <= held <= reach.high <= held + 0.2 * 5.0 + 1e-9


async def test_what_is_stored_is_recorded_and_told(rig: Make) -> None:
    small = await rig(Stage.SHADOW)
    await small.run(10)
    (reserve,) = small.done[-1].record.decision.reserves
    assert reserve.plant == "plant"
    assert reserve.seconds is not None
    assert reserve.seconds > 60.0
    assert reserve.air_loss_s["hall-a"] is not None
    told = explanation(small.done[-1].record)
    assert told["reserves"]["plant"]["stored_cold_min"] == pytest.approx(reserve.seconds / 60.0, abs=0.01)
    assert "min of stored cold" in as_text(told)
    assert told_reserves([RideThrough("p", None, math.inf, None, None, {"h": None})]) == {
        "p": {"stored_cold_min": None, "floor_min": None, "load_step_kw": None, "air_loss_s": {"h": None}}
    }
