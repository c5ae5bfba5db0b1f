"""Drills of the fallback on the simulated site, in plant time: what the BAS sees, how they are judged, and when none may begin."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from controller.journal import Event
from controller.optimise.request import PlanRequest
from controller.rollout.drill import Sample, due, judge
from controller.rollout.drills import Drills, failed
from plant_models.site.load import LoadedSite
from safety.modes import Condition, Mode, Stage
from safety.records import Proposal, Source
from safety.signals import Authority
from tests.controller.conftest import Rig

Make = Callable[..., Awaitable[Rig]]
CHWS = "plant.chws_setpoint_c"


class Keep:
    """An optimiser that is content with what is in force."""

    async def plan(self, request: PlanRequest) -> Proposal:
        return Proposal(Source.PLAN, request.estimate.at_s, solved=True, setpoints=request.in_force, says="as it is")


async def drilled(rig: Make, stage: Stage = Stage.AUTO, minutes: float = 25.0) -> tuple[Rig, Drills, list[Event]]:
    small, events = await rig(stage), []

    async def note(event: Event) -> None:
        events.append(event)

    small.engine.cycle = replace(small.engine.cycle, optimiser=Keep())
    drills = Drills(small.engine, note, small.engine.clock.now_s())
    small.engine.on_cycle = drills.after_cycle
    await small.run(minutes)
    small.done.clear()
    return small, drills, events


async def test_a_drill_steps_down_to_resets_to_the_bas_and_back_and_passes(rig: Make) -> None:
    small, drills, events = await drilled(rig)
    assert await drills.order("anna", "first Monday") == ""
    await small.run(30)
    modes = [d.record.decision.memory.mode.mode for d in small.done]
    assert modes[:4] == [Mode.RESET, Mode.RELEASE, Mode.RESET, Mode.RESET]
    assert drills.now is None
    assert [(e.what, e.who, e.reason) for e in events] == [("drill_begun", "anna", "first Monday"), ("drill", "anna", "first Monday")]
    result = json.loads(events[-1].value)
    assert result["passed"], result
    assert result["hand_over_s"] <= 40.0
    assert 300.0 <= result["away_s"] <= 400.0
    assert not small.engine.alarm
    assert small.prepared.site.read(f"{CHWS}.authority") == Authority.REMOTE
    assert not failed(events[-1])


async def test_one_that_the_bas_does_not_follow_fails_and_is_an_alarm(rig: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    small, drills, events = await drilled(rig)
    monkeypatch.setattr(type(small.prepared.site.bas._lease), "_lapse", lambda self: None)
    await drills.order("anna", "a BAS that never takes back")
    await small.run(80)
    assert events[-1].what == "drill"
    assert not json.loads(events[-1].value)["passed"]
    assert "was not in charge" in json.loads(events[-1].value)["failed"][0]
    assert small.engine.alarm
    assert failed(events[-1])


async def test_whatever_else_comes_up_ends_a_drill_and_keeps_its_own_say(rig: Make) -> None:
    small, drills, events = await drilled(rig)
    await drills.order("anna", "interrupted")
    await small.run(6)
    small.engine.guard.findings.add(Condition.FIRE)
    await small.run(10)
    assert [e.what for e in events] == ["drill_begun", "drill_aborted"]
    assert (small.engine.memory.mode.cause, small.engine.memory.mode.latched) == (Condition.FIRE, True)
    assert not small.engine.standing
    assert "not in charge" in drills.refused()


async def test_below_canary_and_without_a_return_left_none_begins(rig: Make) -> None:
    _small, drills, events = await drilled(rig, Stage.SHADOW, 20)
    assert "SHADOW" in await drills.order("anna", "too early")
    assert events == []


async def test_without_a_return_left_none_begins(rig: Make) -> None:
    small, drills, _events = await drilled(rig)
    at_s = small.engine.memory.at_s
    small.engine.memory = replace(small.engine.memory, mode=replace(small.engine.memory.mode, returns_s=(at_s - 10.0, at_s - 5.0)))
    assert "no automatic return is left" in await drills.order("anna", "third time today")


async def test_the_schedule_keeps_period_and_local_hours(rig: Make) -> None:
    small = await rig(Stage.SHADOW)
    loaded = small.engine.loaded

    def with_(**drill: object) -> LoadedSite:
        return replace(loaded, site=replace(loaded.site, drill=replace(loaded.site.drill, **drill)))

    noon_s = 1_752_598_800.0  # 12:00 in Etc/GMT+5
    monthly = with_(period_days=30.0, hours_local=(9, 15))
    assert not due(loaded, 0.0, noon_s), "never, unless the site says so"
    assert due(monthly, noon_s - 30 * 86400.0, noon_s)
    assert not due(monthly, noon_s - 30 * 86400.0 + 1.0, noon_s)
    assert not due(monthly, 0.0, noon_s + 3 * 3600.0)
    assert not due(monthly, 0.0, noon_s - 3 * 3600.0 - 1.0)


async def test_a_jump_and_a_hot_hall_fail_a_drill(rig: Make) -> None:
    small = await rig(Stage.SHADOW)
    loaded, limits = small.engine.loaded, small.engine.limits

    def at(s: float, chws: float, who: Authority, inlet: float) -> Sample:
        return Sample(s, {CHWS: chws}, {CHWS: who}, {"hall-a": inlet})

    good = [at(0.0, 12.0, Authority.REMOTE, 24.0), at(5.0, 12.0, Authority.LOCAL, 24.0), at(300.0, 11.0, Authority.REMOTE, 24.0)]
    assert judge(loaded, limits, good, 0.0).passed
    jump = [*good, at(305.0, 13.0, Authority.REMOTE, 24.0)]
    assert judge(loaded, limits, jump, 0.0).failed == (f"{CHWS} jumped by +2.00 at 305",)
    hot = [*good, at(400.0, 11.0, Authority.REMOTE, 27.6)]
    assert judge(loaded, limits, hot, 0.0).failed == ("hall-a reached 27.6 degC from 24.0",)
    late = [good[0], at(60.0, 12.0, Authority.LOCAL, 24.0)]
    assert len(judge(loaded, limits, late, 0.0).failed) == 2
