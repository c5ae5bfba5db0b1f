"""Plant time never jumps or goes back, follows a served clock, and in a backtest moves only while everybody waits."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from controller.clock import CLOCK_SIGNAL, DONE_SIGNAL, PointClock, SteppedClock, WallClock
from safety.records import Outcome, Reading, Snapshot, Status


@dataclass
class Time:
    now: float

    def __call__(self) -> float:
        return self.now


def test_a_stepped_wall_clock_does_not_move_plant_time() -> None:
    wall, monotonic = Time(1_000_000.0), Time(50.0)
    clock = WallClock(wall, monotonic)
    assert clock.now_s() == 1_000_000.0
    wall.now += 10.0
    monotonic.now += 10.0
    assert clock.now_s() == 1_000_010.0
    assert clock.stepped_by_s == 0.0
    wall.now -= 3600.0
    monotonic.now += 1.0
    assert clock.now_s() == 1_000_011.0
    assert clock.stepped_by_s == pytest.approx(-3601.0)


async def test_the_wall_clock_sleeps_until_its_time() -> None:
    clock = WallClock()
    await clock.ready()
    at_s = clock.now_s() + 0.02
    await clock.sleep_until(at_s)
    assert clock.now_s() >= at_s
    await clock.sleep_until(at_s - 100.0)
    await clock.done(at_s)


@dataclass
class Served:
    """A plant whose clock point shows ``value``; ``steps`` are the values of the next polls."""

    value: float | None = None
    steps: list[float | None] = field(default_factory=list)
    polls: int = 0
    announced: list[Mapping[str, float]] = field(default_factory=list)

    async def read(self, signals: Sequence[str] | None = None) -> Snapshot:
        assert signals is not None
        assert list(signals) == [CLOCK_SIGNAL]
        await asyncio.sleep(0)
        self.polls += 1
        if self.steps:
            self.value = self.steps.pop(0)
        status = Status.MISSING if self.value is None else Status.GOOD
        return Snapshot(0.0, {CLOCK_SIGNAL: Reading(CLOCK_SIGNAL, self.value, status, 0.0)})

    async def announce(self, values: Mapping[str, float]) -> Mapping[str, Outcome]:
        self.announced.append(values)
        return {}


async def test_the_served_clock_is_waited_for_and_followed() -> None:
    plant = Served(steps=[None, None, 100.0, 101.0, 103.0])
    clock = PointClock()
    clock.follow(plant)
    await clock.ready()
    assert clock.now_s() == 100.0
    await clock.sleep_until(102.0)
    assert clock.now_s() == 103.0
    polls = plant.polls
    await clock.sleep_until(103.0)
    assert plant.polls == polls


async def test_the_served_clock_never_goes_back() -> None:
    plant = Served(steps=[100.0, 90.0, 80.0, 101.0])
    clock = PointClock()
    clock.follow(plant)
    await clock.sleep_until(1.0)
    seen = [clock.now_s()]
    waiting = asyncio.create_task(clock.sleep_until(101.0))
    while not waiting.done():
        await asyncio.sleep(0)
        seen.append(clock.now_s())
    assert seen == sorted(seen)
    assert seen[-1] == 101.0


async def test_several_wait_on_one_stream_of_polls() -> None:
    plant = Served(steps=[float(i) for i in range(1, 41)])
    clock = PointClock()
    clock.follow(plant)
    order: list[float] = []

    async def wait(at_s: float) -> None:
        await clock.sleep_until(at_s)
        order.append(at_s)

    await asyncio.gather(*(wait(at_s) for at_s in (40.0, 10.0, 20.0, 30.0)))
    assert order == [10.0, 20.0, 30.0, 40.0]
    assert plant.polls == 40


async def test_a_lost_clock_runs_on_at_real_time_and_is_found_again() -> None:
    plant, monotonic = Served(value=100.0), Time(0.0)
    clock = PointClock(lost_after_wall_s=5.0, monotonic=monotonic)
    clock.follow(plant)
    await clock.ready()
    plant.value = None
    for wall_s, expected in ((4.0, 100.0), (5.0, 100.0), (6.0, 101.0), (8.0, 103.0), (20.0, 115.0)):
        monotonic.now = wall_s
        await clock._poll_once()
        assert clock.now_s() == expected
    plant.value = 110.0  # it had stood still meanwhile
    monotonic.now = 21.0
    await clock._poll_once()
    assert clock.now_s() == 115.0
    plant.value = 300.0
    await clock._poll_once()
    assert clock.now_s() == 300.0


async def test_a_lost_clock_is_asked_patiently_while_time_runs_on() -> None:
    plant = Served(value=100.0)
    clock = PointClock(lost_after_wall_s=0.0)
    clock.follow(plant)
    await clock.ready()
    plant.value, asked = None, plant.polls
    await clock.sleep_until(100.3)
    assert plant.polls - asked <= 40  # three tenths of a second, a hundredth each; without patience some thousands


async def test_what_is_done_is_announced() -> None:
    plant = Served(value=100.0)
    clock = PointClock()
    clock.follow(plant)
    await clock.done(105.0)
    assert plant.announced == [{DONE_SIGNAL: 105.0}]


async def test_a_clock_without_a_plant_says_so() -> None:
    with pytest.raises(RuntimeError, match="follow"):
        await PointClock().ready()


@dataclass
class Simulated:
    now_s: float = 0.0
    advanced: list[float] = field(default_factory=list)

    def advance(self, until_s: float) -> None:
        self.now_s = until_s
        self.advanced.append(until_s)


async def test_sleeping_advances_the_simulator() -> None:
    site = Simulated()
    clock = SteppedClock(site)
    await clock.ready()
    await clock.sleep_until(5.0)
    await clock.sleep_until(3.0)
    await clock.done(5.0)
    await clock.sleep_until(300.0)
    assert site.advanced == [5.0, 300.0]
    assert clock.now_s() == 300.0


async def test_time_moves_to_the_earliest_wanted_instant_once_all_wait() -> None:
    site = Simulated()
    clock = SteppedClock(site, parties=2)
    log: list[tuple[str, float]] = []

    async def party(name: str, period_s: float, until_s: float, work: int) -> None:
        at_s = period_s
        while at_s <= until_s:
            await clock.sleep_until(at_s)
            for _ in range(work):
                await asyncio.sleep(0)  # work that takes its time must not let the other run ahead
            log.append((name, clock.now_s()))
            at_s += period_s
        clock.leave()

    async with asyncio.timeout(10):
        await asyncio.gather(party("guard", 5.0, 30.0, 0), party("cycle", 12.0, 24.0, 7))
    assert log == [
        ("guard", 5.0),
        ("guard", 10.0),
        ("cycle", 12.0),
        ("guard", 15.0),
        ("guard", 20.0),
        ("cycle", 24.0),
        ("guard", 25.0),
        ("guard", 30.0),
    ]


async def test_a_cancelled_waiter_no_longer_counts() -> None:
    site = Simulated()
    clock = SteppedClock(site, parties=2)
    waiting = asyncio.create_task(clock.sleep_until(5.0))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    other = asyncio.create_task(clock.sleep_until(7.0))
    await asyncio.sleep(0)
    assert site.advanced == []
    clock.leave()
    await other
    assert site.advanced == [7.0]
