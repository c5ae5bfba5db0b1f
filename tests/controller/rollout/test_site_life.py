"""A short life of a site in process and plant time: monitor, shadow, advisory, canary and auto, an override, a demotion and a rollback, all in the audit."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from controller.daemon import Daemon
from controller.optimise.request import PlanRequest
from controller.optimise.worker import OptimiserWorker
from controller.rollout.audit import rows_of, verify
from controller.rollout.groups import uniform
from controller.rollout.rollback import LAST_GOOD
from safety.modes import Mode, Stage
from safety.records import Course, Proposal, Source
from safety.rollback import Part
from safety.signals import Authority
from tests.controller.conftest import Rig, no_rollbacks

Make = Callable[..., Awaitable[Rig]]
SUPPLY, FAN, CHWS = "hall-a.crah_supply_setpoint_c", "hall-a.crah_fan_setpoint_pct", "plant.chws_setpoint_c"
OWN_SUPPLY_C = 20.0
WHY = {"reason": "because", "who": "anna"}


class Warmer:
    """An optimiser that wants warmer supply air, and says what it expects."""

    ready = True

    async def plan(self, request: PlanRequest) -> Proposal:
        """Asks for 24 degC where that is ours to move."""
        wanted = {s: 24.0 if s == SUPPLY else v for s, v in request.in_force.items() if s in request.writable}
        now_c = {s: v for s, v in request.estimate.states.items() if s.endswith("_c")}
        held, planned = (Course(900.0 + more, 200.0 + more, 900.0 + more, now_c, {"hall-a": 24.0}, 0.0) for more in (0.0, -20.0))
        return Proposal(Source.PLAN, request.estimate.at_s, solved=True, setpoints=wanted, says="warmer air", planned=planned, held=held)


async def living(rig: Make, stage: Stage, more: dict[str, float | None] | None = None, hours: tuple[int, int] = (0, 24)) -> tuple[Rig, Daemon]:
    """A daemon around the simulated site, at a stage, with a canary at these hours."""
    small = await rig(stage, more=more)
    site = small.engine.loaded.site
    small.engine.loaded = replace(small.engine.loaded, site=replace(site, rollout=replace(site.rollout, canary_hours_local=hours)))
    small.engine.cycle = replace(small.engine.cycle, optimiser=Warmer())
    loaded, now_s = small.engine.loaded, small.engine.clock.now_s()
    rollbacks = no_rollbacks(small, small.journal.path.parent)
    daemon = Daemon(
        loaded, small.engine.cycle.stages, small.journal, small.engine, cast(OptimiserWorker, Warmer()), rollbacks, trusts=uniform(loaded, stage, now_s)
    )
    small.engine.on_cycle = daemon.recorded
    return small, daemon


async def ask(daemon: Daemon, do: str, **more: object) -> Mapping[str, Any]:
    """As the socket asks."""
    return await daemon.operators.answer({"do": do, **WHY, **more})


def shown(small: Rig, signal: str) -> float:
    value = small.prepared.site.read(signal)
    assert value is not None
    return value


def earned(daemon: Daemon, days: float) -> None:
    """As if this stage had stood for some days without a fault."""
    board = daemon.promotions.scoreboard
    day, sums = board.days[-1]
    hours = {daemon.engine.stage.name: 24.0 * days}
    good = replace(sums, hours=hours, temperature_errors=1, temperature_error_k=0.3, power_errors=1, power_error_kw2=100.0, metered_kw=900.0, interventions=0)
    board.days[-1] = (day, replace(good, cycles=100, plans=100))


async def test_a_life_from_monitor_to_auto_stands_in_the_audit(rig: Make) -> None:
    small, daemon = await living(rig, Stage.MONITOR)
    await small.run(6)
    refused = await ask(daemon, "stage", stage="shadow")
    assert "not earned yet" in refused["error"]
    assert "days in monitor, needed at least 1" in refused["error"]
    earned(daemon, 1.0)
    assert (await ask(daemon, "stage", stage="shadow"))["after"] == "SHADOW"
    await small.run(20)
    assert not any(done.record.decision.command.writes for done in small.done)
    assert (await ask(daemon, "stage", stage="auto"))["error"].count("\n") == 1, "both groups say what is missing"

    earned(daemon, 3.0)
    assert (await ask(daemon, "stage", stage="advisory"))["after"] == "ADVISORY"
    await small.run(6)
    advice = (await ask(daemon, "status"))["advice"]["open"]
    assert advice["setpoints"][SUPPLY] > OWN_SUPPLY_C
    assert advice["expected"]["saving_kw"] == 20.0
    assert shown(small, f"{SUPPLY}.authority") == Authority.LOCAL, "nothing is written without a person's word"
    assert "does not stand open" in (await ask(daemon, "accept", number=99))["error"]
    assert (await ask(daemon, "accept", number=advice["number"]))["setpoints"] == advice["setpoints"]
    await small.run(5)
    assert small.done[-1].record.decision.command.writes == {f"{SUPPLY}.request": pytest.approx(advice["setpoints"][SUPPLY], abs=0.5)}
    await small.run(5)
    assert shown(small, f"{SUPPLY}.authority") == Authority.REMOTE
    assert (await ask(daemon, "reject", number=advice["number"]))["done"] == "reject"
    await small.run(6)
    assert shown(small, f"{SUPPLY}.authority") == Authority.LOCAL, "taken back by the person, so the BAS has it again"

    passed = await ask(daemon, "stage", stage="canary", override="an engineer stands beside it")
    assert passed["after"] == "CANARY"
    await small.run(60)
    assert small.engine.memory.footing.own[SUPPLY] == pytest.approx(OWN_SUPPLY_C, abs=0.6)
    assert shown(small, f"{SUPPLY}.request") <= small.engine.memory.footing.own[SUPPLY] + 0.5 + 0.05
    assert shown(small, f"{SUPPLY}.authority") == Authority.REMOTE
    assert "days at the present step" in (await ask(daemon, "stage", stage="canary", step=2))["error"]
    assert "step 2 of the canary comes first" in (await ask(daemon, "stage", stage="canary", step=3))["error"]

    assert (await ask(daemon, "stage", stage="auto", override="trial"))["after"] == "AUTO"
    small.prepared.site.bas.set_hand(FAN, 80.0)
    await small.run(30)
    assert [o["setpoint"] for o in (await ask(daemon, "overrides"))["overrides"]] == [FAN]
    small.prepared.site.bas.set_hand(FAN, None)
    await small.run(10)
    assert shown(small, f"{SUPPLY}.effective") > OWN_SUPPLY_C + 1.0

    assert (await ask(daemon, "rollback", parts=["setpoints"]))["done"] == "rollback"
    await small.run(6)
    assert small.engine.memory.mode.mode is Mode.RESET
    await ask(daemon, "engage")
    await daemon.rollbacks.order([Part.SETPOINTS], LAST_GOOD, "daemon", "Inlets were above recommended for too long under the plan.")
    await small.run(6)
    assert small.engine.stage is Stage.SHADOW, "what was rolled back by itself has to show again what it can"
    await small.run(6)
    assert shown(small, f"{SUPPLY}.authority") == Authority.LOCAL
    small.journal.close()
    told_by_the_audit(small.journal.path)


def told_by_the_audit(path: Path) -> None:
    """Every step is there, by whom and why, and the chain is whole."""
    rows = list(rows_of(path))
    staged = [(row.who, json.loads(row.before)["hall-a"], json.loads(row.after)["hall-a"]) for row in rows if row.what == "stage"]
    assert staged == [
        ("anna", "MONITOR", "SHADOW"),
        ("anna", "SHADOW", "ADVISORY"),
        ("anna", "ADVISORY", "CANARY step 1 of 3"),
        ("anna", "CANARY step 1 of 3", "AUTO"),
        ("daemon", "AUTO", "SHADOW"),
    ]
    overridden = json.loads(next(row.after for row in rows if "criteria_overridden" in row.after))["criteria_overridden"]
    assert overridden["why"] == "an engineer stands beside it"
    assert any("days in advisory" in text for text in overridden["not_met"])
    assert [row.what for row in rows if row.what != "stage"] == [
        "advice_accepted",
        "advice_withdrawn",
        "advice_expired",
        "override",
        "override_over",
        "rollback",
        "engage",
        "rollback",
    ]
    assert all(row.reason for row in rows)
    assert verify(path, None).found == ()


async def test_authority_that_nobody_renews_ends_by_itself(rig: Make) -> None:
    small, daemon = await living(rig, Stage.AUTO)
    await small.run(11)
    trusts = daemon.promotions.trusts
    then_s = small.engine.clock.now_s() - 91 * 86400.0
    daemon.promotions.trusts = replace(trusts, groups={n: replace(t, renewed_s=then_s) for n, t in trusts.groups.items()})
    assert daemon.promotions.grants(small.engine.clock.now_s()) == {}
    await small.run(6)
    assert small.engine.stage is Stage.SHADOW
    event = (await small.journal.events("stage"))[-1]
    assert event.who == "daemon"
    assert "Nobody has renewed the authority in time." in event.reason


async def test_the_stage_that_it_has_renews_authority(rig: Make) -> None:
    small, daemon = await living(rig, Stage.AUTO)
    await small.run(11)
    before_s = daemon.promotions.trusts.groups["plant"].renewed_s
    assert (await ask(daemon, "stage", stage="auto"))["after"] == "AUTO"
    assert daemon.promotions.trusts.groups["plant"].renewed_s == before_s + 660.0


async def test_groups_are_trusted_apart_and_the_rest_is_planned_around(rig: Make) -> None:
    small, daemon = await living(rig, Stage.SHADOW)
    await small.run(11)
    raised = await ask(daemon, "stage", stage="auto", group=["hall-a"], override="trial of the air side")
    assert raised["groups"] == {"plant": "SHADOW", "hall-a": "AUTO"}
    await small.run(30)
    written = {signal for done in small.done for signal in done.record.decision.command.writes}
    assert written == {f"{SUPPLY}.request", f"{FAN}.request"}
    assert shown(small, f"{CHWS}.request") == pytest.approx(shown(small, f"{CHWS}.effective"), abs=0.05), "the BAS's own"
    assert "must be one of plant, hall-a" in (await ask(daemon, "stage", stage="auto", group=["air"]))["error"]
    await ask(daemon, "stage", stage="auto", group=["plant"], override="all of it")
    await small.run(6)
    await ask(daemon, "stage", stage="shadow", group=["plant"])
    small.done.clear()
    await small.run(11)
    handed, after = small.done[0].record.decision, small.done[-1].record.decision
    assert handed.command.hand_back
    assert handed.memory.requested == {}
    assert after.memory.requested.keys() == {SUPPLY, FAN}
    assert after.memory.mode.returns_s == (), "a stage that is lowered spends no return"


async def test_a_canary_lends_within_its_hours_only(rig: Make) -> None:
    small, daemon = await living(rig, Stage.CANARY, hours=(9, 15))
    noon_s = 1_752_598_800.0  # 12:00 in Etc/GMT+5
    daemon.promotions.trusts = uniform(small.engine.loaded, Stage.CANARY, noon_s)
    assert daemon.promotions.grants(noon_s)[SUPPLY].span == 0.5
    assert daemon.promotions.grants(noon_s + 3 * 3600.0) == {}
    assert daemon.promotions.grants(noon_s - 3 * 3600.0 - 1.0) == {}
    await small.run(6)
    assert small.engine.memory.mode.mode is Mode.RESET, "it decides on as in shadow"
    assert (await ask(daemon, "status"))["bas_in_charge"]
    assert "nothing is asked of the plant now" in (await ask(daemon, "drill"))["error"]


async def test_a_raise_waits_for_the_bas_where_it_has_a_point_for_it_and_falls_with_it(rig: Make) -> None:
    allowed: dict[str, float | None] = {"bas.stage_allowed_state": 1.0}
    small, daemon = await living(rig, Stage.SHADOW, more=allowed)
    await small.run(6)
    waits = await ask(daemon, "stage", stage="auto", override="trial")
    assert waits["after"] == "SHADOW"
    assert "bas.stage_allowed_state must show 4 within 900 s" in waits["says"]
    await small.run(6)
    assert small.engine.stage is Stage.SHADOW
    allowed["bas.stage_allowed_state"] = 4.0
    await small.run(6)
    assert small.engine.stage is Stage.AUTO
    allowed["bas.stage_allowed_state"] = 2.0
    await small.run(6)
    assert small.engine.stage is Stage.ADVISORY
    waits = await ask(daemon, "stage", stage="canary", override="again")
    assert waits["after"] == "ADVISORY"
    await small.run(25)
    assert small.engine.stage is Stage.ADVISORY
    events = [e.what for e in await small.journal.events("stage_not_acknowledged")]
    assert events == ["stage_not_acknowledged"]


async def test_an_override_that_lingers_is_told_of_again(rig: Make) -> None:
    small, daemon = await living(rig, Stage.SHADOW)
    small.prepared.site.bas.set_hand(FAN, 80.0)
    await small.run(6)
    override = daemon.overrides.standing[FAN]
    daemon.overrides.standing[FAN] = replace(override, since_s=override.since_s - 4 * 3600.0, told_s=override.since_s - 4 * 3600.0)
    await small.run(6)
    await small.run(6)
    lingers = await small.journal.events("override_lingers")
    assert [(e.value, "for 4 h now" in e.reason) for e in lingers] == [(FAN, True)], "once, then daily"
