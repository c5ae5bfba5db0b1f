"""The fast guard keeps its beat in plant time while a plan or a scan takes long: ticks and requests are counted, nothing is timed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import pytest

from controller.fieldbus import Raw
from controller.fieldbus.bacnet import BacnetBus
from controller.fieldbus.memory import MemoryBus
from controller.fieldbus.modbus import ModbusBus
from controller.optimise.request import PlanRequest
from plant_models.site.points import Point
from plant_models.site.topology import Device
from safety.modes import Mode, Stage
from safety.records import Proposal, Source, Status
from safety.signals import Authority
from tests.controller.conftest import Rig
from tests.controller.fieldbus.modbus_peers import point

Make = Callable[..., Awaitable[Rig]]
SUPPLY = "hall-a.crah_supply_setpoint_c"
GUARD_S, SOLVE_S = 5.0, 240.0
MANY = 20


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


async def assert_beats(small: Rig) -> None:
    """Lets time pass with the guard alone, and looks at each of its beats."""
    guard, site = small.engine.guard, small.prepared.site
    before, until_s = guard.count, site.now_s + SOLVE_S
    while site.now_s < until_s:
        await guard.tick(site.now_s)
        site.advance(site.now_s + GUARD_S)
    assert guard.count - before == SOLVE_S / GUARD_S, "each tick renewed the lease"


async def test_the_guard_beats_on_while_a_plan_is_solved(rig: Make) -> None:
    small = await rig(Stage.AUTO)
    await small.run(20)
    slow = SlowOptimiser()
    object.__setattr__(small.engine.cycle, "optimiser", slow)
    cycle = asyncio.create_task(small.engine.cycle_once())
    await slow.asked.wait()
    await assert_beats(small)
    site = small.prepared.site
    assert site.read(f"{SUPPLY}.authority") == Authority.REMOTE
    slow.done.set()
    done = await cycle
    assert done.record.decision.memory.mode.mode is Mode.RESET


class SlowScan:
    """Stands for a line on which a scan of every point takes most of a cycle; single points are read at once."""

    def __init__(self, bus: MemoryBus) -> None:
        """Begins with nothing asked."""
        self._read = bus.read
        self.asked, self.done = asyncio.Event(), asyncio.Event()

    async def read(self, points: Sequence[Point]) -> Mapping[str, Raw]:
        """Reads many points late."""
        if len(points) > MANY:
            self.asked.set()
            await self.done.wait()
        return await self._read(points)


async def test_the_guard_beats_on_beside_a_big_scan(rig: Make) -> None:
    small = await rig(Stage.AUTO)
    await small.run(20)
    slow = SlowScan(small.bus)
    small.bus.read = slow.read  # type: ignore[method-assign]  # the same bus, slower
    cycle = asyncio.create_task(small.engine.cycle_once())
    await slow.asked.wait()
    await assert_beats(small)
    site = small.prepared.site
    assert not cycle.done(), "all this while the scan went on"
    slow.done.set()
    await cycle
    assert site.read(f"{SUPPLY}.authority") == Authority.REMOTE


async def test_on_a_line_with_one_connection_the_guard_waits_for_one_request_of_a_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    bus = ModbusBus(Device(protocol="modbus", port=1))
    answers, asked = asyncio.Semaphore(0), 0

    async def answered(request: object, table: object, count: int, *_manners: object, last: bool) -> list[int]:
        nonlocal asked
        asked += 1
        await answers.acquire()
        return [0] * count

    monkeypatch.setattr(bus._link, "_registers", answered)  # a device that answers one request whenever the test says so
    scan = asyncio.create_task(bus.read([point(f"x-{n}.chws_temp_c", f"1:3{n + 1:05d}") for n in range(3000)]))
    for _ in range(5):
        answers.release()
    await settled()
    guard = asyncio.create_task(bus.read([point("bas.heartbeat", "2:300001")]))
    await settled()
    before = asked
    for _ in range(2):
        answers.release()
        await settled()
    assert guard.done()
    assert not scan.done()
    assert asked - before <= 2, "what was under way, and its own"
    for _ in range(100):
        answers.release()
    assert len(await scan) == 3000


async def test_on_a_bacnet_device_the_guard_waits_for_one_part_of_a_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    bus = BacnetBus(Device(protocol="bacnet", instance=1))
    answers, order = asyncio.Semaphore(0), list[str]()

    async def answered(points: Sequence[Point], found: dict[str, Raw]) -> None:
        await answers.acquire()
        order.append(points[0].signal)
        found |= {p.signal: Raw(1.0, Status.GOOD) for p in points}

    monkeypatch.setattr(bus, "_read", answered)  # a device that answers one part whenever the test says so
    scan = asyncio.create_task(bus.read([point(f"x-{n}.chws_temp_c", "analog-input:1") for n in range(1001)]))
    await settled()
    guard = asyncio.create_task(bus.read([point("bas.heartbeat", "analog-value:1")]))
    for _ in range(7):
        answers.release()
        await settled()
    assert order == ["x-0.chws_temp_c", "bas.heartbeat", *(f"x-{n}.chws_temp_c" for n in (200, 400, 600, 800, 1000))]
    assert len(await scan) == 1001
    assert len(await guard) == 1


async def settled() -> None:
    """Lets every task go as far as it can."""
    for _ in range(50):
        await asyncio.sleep(0.0)


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
