"""The fast guard keeps its beat in plant time while a plan takes long: ticks are counted, nothing is timed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from controller.optimise.request import PlanRequest
from safety.modes import Mode, Stage
from safety.records import Proposal, Source
from safety.signals import Authority
from tests.controller.conftest import Rig

Make = Callable[..., Awaitable[Rig]]
SUPPLY = "hall-a.crah_supply_setpoint_c"
GUARD_S, SOLVE_S = 5.0, 240.0


class SlowOptimiser:
    """Stands for a solve in another process that takes most of a cycle: it answers when it is let."""

    def __init__(self) -> None:
        """Begins with nothing asked."""
        self.asked, self.done = asyncio.Event(), asyncio.Event()

    async def plan(self, request: PlanRequest) -> Proposal:
        """Answers late."""
        self.asked.set()
        await self.done.wait()
        return Proposal(Source.PLAN, request.estimate.at_s, solved=False, setpoints={}, says="too late")


async def test_the_guard_beats_on_while_a_plan_is_solved(rig: Make) -> None:
    small = await rig(Stage.AUTO)
    await small.run(20)
    slow = SlowOptimiser()
    object.__setattr__(small.engine.cycle, "optimiser", slow)
    cycle = asyncio.create_task(small.engine.cycle_once())
    await slow.asked.wait()
    guard, site = small.engine.guard, small.prepared.site
    before, until_s = guard.count, site.now_s + SOLVE_S
    while site.now_s < until_s:
        await guard.tick(site.now_s)
        site.advance(site.now_s + GUARD_S)
    assert guard.count - before == SOLVE_S / GUARD_S, "each tick renewed the lease"
    assert site.read(f"{SUPPLY}.authority") == Authority.REMOTE
    slow.done.set()
    done = await cycle
    assert done.record.decision.memory.mode.mode is Mode.RESET


async def test_the_guard_only_adds_caution(rig: Make) -> None:
    small = await rig(Stage.AUTO)
    await small.run(20)
    mode = small.engine.lease.mode
    for _ in range(20):
        await small.engine.guard.tick(small.prepared.site.now_s)
        small.prepared.site.advance(small.prepared.site.now_s + GUARD_S)
    assert small.engine.lease.mode is mode, "it changes no mode by itself"
    small.bus.faults.unreachable = True
    for _ in range(10):
        await small.engine.guard.tick(small.prepared.site.now_s)
        small.prepared.site.advance(small.prepared.site.now_s + GUARD_S)
    assert "readings_gap" in small.engine.guard.findings
