"""Steps for identification on the simulated site, in plant time: made as planned, ended by whatever comes up, never without consent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace
from typing import Any

import pytest

from controller.backtest import NoOptimiser
from controller.journal import Event
from controller.optimise.request import PlanRequest
from controller.record import CycleRecord
from controller.rollout.excitation import near_limit, no_spare
from controller.rollout.excitations import Excitations
from plant_models.reduced.prbs import StepPlan
from safety.modes import Condition, Mode, Stage
from safety.records import Measurements, Proposal, Source
from tests.controller.conftest import Rig

Make = Callable[..., Awaitable[Rig]]
SUPPLY, FAN, CHWS = "hall-a.crah_supply_setpoint_c", "hall-a.crah_fan_setpoint_pct", "plant.chws_setpoint_c"
STEPS = {SUPPLY: (1.0, -1.0, -1.0), FAN: (-5.0, -5.0, 10.0), CHWS: (-0.5, 0.5, 0.5)}
CLOCK_S = 1200.0


class Keep:
    """An optimiser that is content with what is in force."""

    async def plan(self, request: PlanRequest) -> Proposal:
        return Proposal(Source.PLAN, request.estimate.at_s, solved=True, setpoints=request.in_force, says="as it is")


async def excited(rig: Make, stage: Stage = Stage.AUTO, optimiser: Any = None) -> tuple[Rig, Excitations, list[Event]]:
    small, events = await rig(stage), []

    async def note(event: Event) -> None:
        events.append(event)

    small.engine.cycle = replace(small.engine.cycle, optimiser=optimiser or Keep())
    excitations = Excitations(small.engine, note)
    small.engine.on_cycle = excitations.after_cycle
    await small.run(25.0)
    small.done.clear()
    return small, excitations, events


def plan_of(small: Rig, steps: dict[str, tuple[float, ...]] = STEPS) -> dict[str, Any]:
    return asdict(StepPlan(small.engine.loaded.site.site.name, 1, CLOCK_S, steps))


async def test_the_planned_steps_are_written_and_what_was_before_comes_back(rig: Make) -> None:
    small, excitations, events = await excited(rig)
    before = {s: small.prepared.site.read(f"{s}.effective") for s in STEPS}
    assert await excitations.order(plan_of(small), "anna", "commissioning") == ""
    for number in range(3):
        await small.run(CLOCK_S / 60.0)
        for setpoint, offsets in STEPS.items():
            assert small.prepared.site.read(f"{setpoint}.effective") == pytest.approx(before[setpoint] + offsets[number], abs=0.15), (setpoint, number)
        assert small.done[-1].record.decision.proposal.source is Source.EXPERIMENT
        assert small.done[-1].record.decision.memory.mode.mode is Mode.OPTIMISE
    await small.run(30.0)
    assert {s: small.prepared.site.read(f"{s}.effective") for s in STEPS} == pytest.approx(before, abs=0.15)
    assert excitations.now is None
    assert small.done[-1].record.decision.proposal.source is not Source.EXPERIMENT
    assert [(e.what, e.who, e.reason) for e in events] == [(w, "anna", "commissioning") for w in ("excitation_begun", "excitation_done")]


async def test_none_begin_where_they_would_spoil_something_else(rig: Make) -> None:
    small, excitations, events = await excited(rig)
    excitations.spoils = lambda: "a switchback experiment is going on"
    assert await excitations.order(plan_of(small), "anna", "commissioning") == "a switchback experiment is going on"
    assert excitations.now is None
    assert events == []


async def test_a_condition_ends_them_in_its_own_cycle(rig: Make) -> None:
    small, excitations, events = await excited(rig)
    await excitations.order(plan_of(small), "anna", "interrupted")
    await small.run(10.0)
    small.engine.guard.findings.add(Condition.FIRE)
    await small.run(10.0)
    assert [d.record.decision.proposal.source for d in small.done][-2:] == [Source.NONE, Source.NONE]
    assert (small.engine.memory.mode.cause, small.engine.memory.mode.latched) == (Condition.FIRE, True)
    assert events[-1].what == "excitation_ended"
    assert "Fire alarm" in events[-1].value
    assert excitations.now is None
    assert "not in charge: mode RELEASE" in await excitations.order(plan_of(small), "anna", "again")


async def test_an_inlet_near_its_limit_ends_them_and_the_setpoints_come_back(rig: Make) -> None:
    small, excitations, events = await excited(rig)
    before = small.prepared.site.read(f"{SUPPLY}.effective")
    await excitations.order(plan_of(small), "anna", "a hot day")
    await small.run(15.0)
    assert small.prepared.site.read(f"{SUPPLY}.effective") > before + 0.5
    hall = small.engine.limits.halls[0]
    small.engine.limits = replace(small.engine.limits, halls=(replace(hall, inlet_recommended_c=22.0, inlet_allowable_c=32.0),))
    await small.run(40.0)
    assert events[-1].what == "excitation_ended"
    assert "hottest inlet of hall-a" in events[-1].value
    assert small.prepared.site.read(f"{SUPPLY}.effective") <= before + 0.15


async def test_another_hand_on_a_setpoint_ends_them(rig: Make) -> None:
    small, excitations, events = await excited(rig)
    await excitations.order(plan_of(small), "anna", "an override")
    await small.run(10.0)
    small.prepared.site.bas.set_hand(CHWS, 9.0)
    await small.run(15.0)
    assert events[-1].what == "excitation_ended"
    assert CHWS in events[-1].value


async def test_without_consent_nothing_is_moved_and_a_person_ends_what_was_begun(rig: Make) -> None:
    """A plan alone is a file: no order, no step."""
    small, excitations, events = await excited(rig)
    await small.run(15.0)
    assert not any(d.record.given.orders.steps or d.record.decision.proposal.source is Source.EXPERIMENT for d in small.done)
    assert events == []
    assert excitations.status() == {"going_on": False, "last": ""}
    assert (await excitations.answer({}, "anna", "none to stop"))["error"] == "excite: no steps are being made"
    assert (await excitations.answer({"plan": plan_of(small)}, "anna", "x"))["done"] == "excite"
    assert await excitations.order(plan_of(small), "anna", "twice") == "steps are being made already"
    await small.run(10.0)
    assert excitations.status()["going_on"]
    assert (await excitations.answer({}, "bo", "visitors"))["done"] == "excite"
    assert events[-1].value == "bo: visitors"
    await small.run(20.0)
    assert excitations.now is None


async def test_a_site_without_a_plan_or_model_may_be_excited(rig: Make) -> None:
    """Resets are in charge for lack of a plan, and steps are how the site gets its model."""
    small, excitations, _events = await excited(rig, optimiser=NoOptimiser())
    assert small.engine.memory.mode.cause is Condition.NO_PLAN
    assert excitations.last is not None
    spare_is_needed(excitations.last.record)
    assert await excitations.order(plan_of(small), "anna", "first model") == ""
    await small.run(10.0)
    assert small.done[-1].record.decision.proposal.source is Source.EXPERIMENT
    assert small.done[-1].record.decision.memory.mode.mode is Mode.RESET


async def test_below_canary_and_with_a_wrong_plan_none_begin(rig: Make) -> None:
    small, excitations, events = await excited(rig, Stage.SHADOW)
    assert "SHADOW" in await excitations.order(plan_of(small), "anna", "too early")
    wrong = plan_of(small, {"plant.no_setpoint_c": (1.0,), CHWS: (5.0, 1.0)}) | {"site": "elsewhere"}
    said = await excitations.order(wrong, "anna", "wrong")
    for part in ("elsewhere", "plant.no_setpoint_c", "5; allowed: -1.5 .. 1.5", "same number of steps"):
        assert part in said
    assert "clock_s" in await excitations.order(plan_of(small) | {"clock_s": 60.0}, "anna", "too fast")
    assert events == []


def spare_is_needed(record: CycleRecord) -> None:
    """A spare machine, stored cold and cool inlets; what is not known is not there."""
    limits, plant = record.given.limits, record.given.limits.plants[0]
    assert no_spare(plant, record) == ""
    heavy = {**record.decision.measured.values, "hall-a.it_load_kw": 1500.0}
    loaded = replace(record, decision=replace(record.decision, measured=Measurements(0.0, heavy)))
    assert "no spare machine: 1055 kW" in no_spare(plant, loaded)
    demanding = replace(plant, ride_through_floor_s=1e6, stored_m3=10.0)
    short = replace(record, given=replace(record.given, limits=replace(limits, plants=(demanding,))))
    assert "the site's floor is 1000000 s" in no_spare(demanding, short)
    assert near_limit(limits, {"hall-a.rack_inlet_max_c": 26.0}, 0.5) == []
    assert near_limit(limits, {"hall-a.rack_inlet_max_c": 26.6}, 0.5) == ["hottest inlet of hall-a is 26.6 degC; at most 26.5 degC for steps"]
    assert "unknown" in near_limit(limits, {}, 0.5)[0]
