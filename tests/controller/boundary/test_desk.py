"""What comes in through the boundary's socket: facts and sayings, no orders; a hostile scheduler changes no decision towards less cooling."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from controller.boundary.desk import Desk
from controller.encode import plain
from controller.forecast.heard import Heard
from controller.optimise.request import PlanRequest
from controller.replay import replay
from safety.modes import Stage
from safety.records import Proposal, Source
from tests.controller.conftest import Rig

Make = Callable[..., Awaitable[Rig]]
LOAD = "hall-a.it_load_kw"


@dataclass
class Listening:
    """An optimiser that plans nothing and keeps what it was asked."""

    asked: list[PlanRequest] = field(default_factory=list)

    async def plan(self, request: PlanRequest) -> Proposal:
        self.asked.append(request)
        return Proposal(Source.PLAN, request.estimate.at_s, solved=False, setpoints={}, says="only listens")


def desk_of(small: Rig) -> tuple[Desk, Heard]:
    heard = Heard(small.engine.loaded.site)
    small.engine.outlook = heard.outlook
    return Desk(small.engine.loaded, small.engine, heard, lambda: small.done[-1] if small.done else None), heard


def jobs(at_s: float, kw: float, source: str = "scheduler") -> dict[str, Any]:
    return {"do": "say", "source": source, "series": [{"signal": LOAD, "start_s": at_s, "step_s": 3600.0, "values": [kw] * 24}]}


async def asked_of_the_optimiser(make: Make, path: Any, kw: float = 0.0, sources: Sequence[str] = ()) -> list[PlanRequest]:
    small, listening = await make(Stage.AUTO, path), Listening()
    object.__setattr__(small.engine.cycle, "optimiser", listening)
    desk, _ = desk_of(small)
    for source in sources:
        assert "error" not in await desk.answer(jobs(small.prepared.site.now_s, kw, source))
    await small.run(11)
    return listening.asked


async def test_a_scheduler_adds_load_at_once_and_removes_none_from_what_is_planned_for(rig: Make, tmp_path: Any) -> None:
    without = await asked_of_the_optimiser(rig, tmp_path / "a.sqlite")
    nothing = await asked_of_the_optimiser(rig, tmp_path / "b.sqlite", 0.0, ("scheduler", "power-cap"))
    assert len(without) >= 2
    assert plain(nothing) == plain(without)
    more = await asked_of_the_optimiser(rig, tmp_path / "c.sqlite", 990.0, ("scheduler",))
    assert min(more[0].forecast.series[LOAD].median) >= 990.0 > max(without[0].forecast.series[LOAD].median)
    capped = await asked_of_the_optimiser(rig, tmp_path / "d.sqlite", 990.0, ("power-cap",))
    assert (capped[0].forecast.series[LOAD].median, capped[0].forecast.series[LOAD].high[0]) == (without[0].forecast.series[LOAD].median, 990.0)


async def test_what_was_heard_is_in_the_record_and_replays_to_the_bit(rig: Make, tmp_path: Any) -> None:
    small = await rig(Stage.AUTO)
    desk, heard = desk_of(small)
    await small.run(6)
    now_s = small.prepared.site.now_s
    await desk.answer(jobs(now_s, 990.0))
    heard.override({"signal": "weather.oa_wetbulb_c", "value": 25.0, "until_s": now_s + 900.0}, "ann", "storm", now_s)
    await small.run(20)
    records = [done.record for done in small.done]
    assert [len(r.given.outlook.provided) for r in records][:1] == [0]
    assert max(len(r.given.outlook.provided) for r in records) == 2
    assert records[-1].given.outlook.provided[0].signal == LOAD, "the operator's word is over, the scheduler's is not"
    small.journal.close()
    result = await asyncio.to_thread(replay, tmp_path / "journal.sqlite")
    assert (result["cycles"], result["identical"]) == (len(records), len(records))


async def test_facts_are_those_of_the_last_cycle(rig: Make) -> None:
    small = await rig(Stage.SHADOW)
    desk, _ = desk_of(small)
    before = await desk.answer({"do": "facts"})
    assert (before["site"], before["mode"], "measured" in before) == ("small", "RELEASE", False)
    await small.run(6)
    facts = await desk.answer({"do": "facts"})
    assert facts["measured"][LOAD] == small.done[-1].record.decision.measured.values[LOAD]
    assert (facts["stage"], facts["bas_in_charge"]) == ("SHADOW", True)
    assert len(facts["forecast"]["series"][LOAD]["median"]) == 25


async def test_orders_are_not_taken_here(rig: Make) -> None:
    small = await rig(Stage.SHADOW)
    desk, _ = desk_of(small)
    for do in ("release", "engage", "stage", "forecast", "drill", "", None, 7):
        reply = await desk.answer({"do": do, "reason": "because", "stage": "auto", "who": "root"})
        assert "must be facts or say" in reply["error"]
    assert small.engine.stage is Stage.SHADOW
