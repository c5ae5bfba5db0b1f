"""A stage is asked for while a plan is in charge and by nobody else: resets leave it to the BAS, and no old request comes alive with the next plan."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from controller.lend import still_asked
from controller.optimise.request import PlanRequest
from safety.modes import Condition, Mode, Stage
from safety.records import Proposal, Source
from safety.signals import Authority
from tests.controller.conftest import Rig

Make = Callable[..., Awaitable[Rig]]
STAGE, CHWS = "plant.running_setpoint_count", "plant.chws_setpoint_c"


@dataclass
class Asks:
    """An optimiser that asks for one stage, or for none."""

    count: float | None = 2.0

    async def plan(self, request: PlanRequest) -> Proposal:
        asked = {CHWS: request.in_force[CHWS]} | ({} if self.count is None else {STAGE: self.count})
        return Proposal(Source.PLAN, request.estimate.at_s, solved=True, setpoints=asked, says="asks")


def test_only_a_plan_asks_for_a_stage() -> None:
    asked = {STAGE: 2.0, CHWS: 10.0}
    assert still_asked(Mode.RELEASE, asked) == {}
    assert still_asked(Mode.RESET, asked) == {CHWS: 10.0}
    for mode in (Mode.OPTIMISE, Mode.PLAN_ONLY, Mode.HOLD):
        assert still_asked(mode, asked) == asked


async def test_the_bas_stages_by_itself_under_resets(rig: Make) -> None:
    small = await rig(Stage.AUTO)
    engine, site = small.engine, small.prepared.site
    rules = replace(engine.cycle.stages.mode_rules, healthy_cycles=1, returns_max=1000)
    asks = Asks()
    engine.cycle = replace(engine.cycle, stages=replace(engine.cycle.stages, mode_rules=rules), optimiser=asks)
    await small.run(60)
    assert engine.memory.mode.mode is Mode.OPTIMISE
    assert (site.read(f"{STAGE}.authority"), site.read(f"{STAGE}.effective")) == (Authority.REMOTE, 2.0)
    assert engine.memory.requested[STAGE] == 2.0
    engine.standing.add(Condition.DRILL_RESET)
    await small.run(60)
    assert engine.memory.mode.mode is Mode.RESET
    assert site.read(f"{STAGE}.authority") == Authority.LOCAL
    assert site.read(f"{STAGE}.effective") == 1.0
    assert STAGE not in engine.memory.requested
    engine.standing.clear()
    asks.count = None
    await small.run(10)
    assert engine.memory.mode.mode is Mode.OPTIMISE
    assert engine.memory.requested[STAGE] == site.read(f"{STAGE}.effective") == 1.0
