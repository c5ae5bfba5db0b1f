"""One order, one event: what is rolled back, what follows on the plant, and what a trigger does by itself; in plant time on the simulated site."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from controller.journal import Event
from controller.rollout.rollback import LAST_GOOD, RollbackError, Rollbacks, known_good, resume, stage_for
from controller.rollout.trust import Counted
from controller.rollout.versions import Versions
from safety.modes import Condition, Mode, Stage
from safety.records import Source
from safety.rollback import Part
from tests.controller.conftest import Rig

Make = Callable[..., Awaitable[Rig]]
CHWS = "plant.chws_setpoint_c"


def made(small: Rig, tmp_path: Path) -> tuple[Rollbacks, list[bool]]:
    """Rollbacks of a gateway that runs on a new model and knows an older good one."""
    versions, again = Versions(tmp_path / "versions"), []
    old, new = (versions.keep("model", {"model.json": text}) for text in (b"old", b"new"))
    use = {"model": new, "configuration": versions.keep("configuration", {"site.toml": b""})}
    good = {"model": [old], "configuration": []}
    return Rollbacks(small.engine, small.journal.note, versions, use, use, good, lambda: again.append(True)), again


async def test_setpoints_go_back_to_the_last_good_ones_at_their_rates_until_a_person_engages(rig: Make, tmp_path: Path) -> None:
    small = await rig(Stage.AUTO)
    rollbacks, again = made(small, tmp_path)
    await small.run(30)
    small.done.clear()
    rollbacks.trust.good = {CHWS: 11.0}
    says = await rollbacks.order([Part.SETPOINTS], LAST_GOOD, "anna", "odd noises")
    assert "last known good setpoints are in charge" in says
    await small.run(30)
    decisions = [d.record.decision for d in small.done]
    assert {d.memory.mode.mode for d in decisions} == {Mode.RESET}
    assert {d.memory.mode.cause for d in decisions} == {Condition.ROLLED_BACK, Condition.NO_PLAN} & {d.memory.mode.cause for d in decisions}
    assert all(d.proposal.source is Source.KEEP for d in decisions)
    assert decisions[-1].verdict.permitted[CHWS] == pytest.approx(11.0)
    assert not again
    rollbacks.engaged()
    await small.run(5.5)
    assert small.done[-1].record.decision.proposal.source is Source.RESET
    events = await small.journal.events("rollback")
    assert [(e.who, e.reason, json.loads(e.value)["setpoints"]) for e in events] == [("anna", "odd noises", {CHWS: 11.0})]


async def test_a_model_goes_back_to_the_last_good_one_by_a_start_of_its_own(rig: Make, tmp_path: Path) -> None:
    small = await rig(Stage.AUTO)
    rollbacks, again = made(small, tmp_path)
    await rollbacks.order([Part.MODEL, Part.POLICY], LAST_GOOD, "anna", "new model is odd")
    assert again == [True]
    assert rollbacks.versions.chosen().use == {"model": rollbacks.good["model"][0]}
    assert Condition.ROLLED_BACK not in small.engine.standing
    assert len(await small.journal.events("rollback")) == 1


async def test_what_cannot_be_rolled_back_is_refused_and_changes_nothing(rig: Make, tmp_path: Path) -> None:
    small = await rig(Stage.AUTO)
    rollbacks, again = made(small, tmp_path)
    with pytest.raises(RollbackError, match="no policy is installed; no earlier good configuration is known"):
        await rollbacks.order([Part.POLICY, Part.CONFIGURATION], LAST_GOOD, "anna", "why not")
    assert not again
    assert await small.journal.events("rollback") == []


async def test_a_trigger_rolls_back_by_itself_once(rig: Make, tmp_path: Path) -> None:
    small = await rig(Stage.AUTO)
    rollbacks, again = made(small, tmp_path)
    small.engine.on_cycle = rollbacks.after_cycle
    await small.run(10)
    at_s = small.engine.memory.at_s
    rollbacks.trust.cycles.extend(Counted(at_s + 300.0 * n, 300.0, violated=True, interventions=0, error_k=None) for n in range(7))
    await small.run(15)
    events = await small.journal.events("rollback")
    assert [(e.who, e.reason) for e in events] == [("daemon", "Inlets were above recommended for too long under the plan.")]
    assert json.loads(events[0].value)["parts"] == ["setpoints", "model", "policy"]
    assert again == [True]


async def test_a_rollback_of_setpoints_outlives_a_restart_unless_a_person_has_engaged(rig: Make, tmp_path: Path) -> None:
    small = await rig(Stage.AUTO)
    rollbacks, _ = made(small, tmp_path)
    rollbacks.trust.good = {CHWS: 11.0}
    await rollbacks.order([Part.SETPOINTS], LAST_GOOD, "anna", "why")
    rollbacks.engaged()
    await resume(rollbacks, small.journal)
    assert small.engine.fallback == {CHWS: 11.0}
    assert Condition.ROLLED_BACK in small.engine.standing
    rollbacks.engaged()
    await small.journal.note(Event(small.engine.clock.now_s(), "engage", "anna", "well again", ""))
    await resume(rollbacks, small.journal)
    assert not small.engine.standing


async def test_a_new_version_starts_in_shadow_and_a_good_one_does_not(rig: Make) -> None:
    journal = (await rig(Stage.SHADOW)).journal
    good = {"model": ["a"], "configuration": ["c"]}
    assert await stage_for(journal, {"model": "a", "configuration": "c"}, good, 1.0, Stage.AUTO) is Stage.AUTO
    assert await stage_for(journal, {"model": "b", "configuration": "c"}, good, 2.0, Stage.AUTO) is Stage.SHADOW
    staged = await journal.last_event("stage")
    assert staged is not None
    assert (staged.value, staged.reason) == ("SHADOW", "a new model starts in shadow")
    assert await stage_for(journal, {"model": "a", "configuration": "c"}, good, 3.0, Stage.AUTO) is Stage.AUTO
    await journal.note(Event(4.0, "version_good", "daemon", "", "model:b"))
    assert await known_good(journal) == {"model": ["b"], "configuration": []}
