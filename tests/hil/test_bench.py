"""The bench's clock: in step with whoever writes ``daemon.done_until_s`` over the wire, running on without, or at a multiple of real time."""

from __future__ import annotations

import asyncio
import json
import struct
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pymodbus.client import AsyncModbusTcpClient

from hil.bench import Bench, Pace
from plant_models.site.load import LoadedSite, load_site

SMALL = Path(__file__).parents[2] / "config" / "small"
START_S = 1_752_552_000.0


@pytest.fixture(scope="module")
def loaded() -> LoadedSite:
    return load_site(SMALL, {})


def _bench(loaded: LoadedSite, site: Any, **pace: Any) -> Bench:
    return Bench(loaded, site, Pace(**pace), {"plant-plc": 0})


async def _marks(bench: Bench, ticks: int) -> list[float]:
    """Follows the served clock and marks each time seen as done, as a daemon does; returns the times seen."""
    client = AsyncModbusTcpClient("127.0.0.1", port=json.loads(bench.environ["COLDAISLE_DEVICE"])["plant-plc"]["port"], retries=0, timeout=5)
    await client.connect()
    seen: list[float] = []
    while len(seen) < ticks:
        registers = (await client.read_holding_registers(1, count=4, device_id=3)).registers
        now_s = struct.unpack(">d", struct.pack(">4H", *registers))[0]
        if not seen or now_s > seen[-1]:
            seen.append(now_s)
            await client.write_registers(10, registers, device_id=3)
        await asyncio.sleep(0)
    client.close()
    return seen


async def _stopped(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_in_lockstep_plant_time_waits_for_the_daemon(loaded: LoadedSite, double: Any) -> None:
    site = double(START_S)
    async with _bench(loaded, site, patience_wall_s=60) as bench:
        running = asyncio.create_task(bench.run_until(START_S + 1e6))
        seen = await _marks(bench, 50)
        assert seen == [START_S + 5 * i for i in range(50)]
        for _ in range(20):
            await asyncio.sleep(0)
        assert site.now_s == seen[-1] + 5
        await _stopped(running)


async def test_a_guard_period_shorter_than_a_scan_shortens_the_step(loaded: LoadedSite, double: Any) -> None:
    site = double(START_S)
    bench = _bench(loaded, site, guard_s=2.0, patience_wall_s=60)
    bench.watch.saw(START_S, "plant-plc", "daemon.done_until_s", START_S + 8)
    await bench.run_until(START_S + 10)
    assert site.advanced == [START_S + 2 * i for i in range(1, 6)]


async def test_time_runs_on_when_the_daemon_falls_silent_and_waits_again_when_it_is_back(loaded: LoadedSite, double: Any) -> None:
    site = double(START_S)
    bench = _bench(loaded, site, patience_wall_s=0.05, run_on_speed=1e5)
    bench.watch.saw(START_S, "plant-plc", "daemon.done_until_s", START_S)
    await bench.run_until(START_S + 300)
    assert site.now_s == START_S + 300
    bench.pace = replace(bench.pace, patience_wall_s=60)
    bench.watch.saw(site.now_s, "plant-plc", "daemon.done_until_s", site.now_s)
    running = asyncio.create_task(bench.run_until(START_S + 1e6))
    for _ in range(20):
        await asyncio.sleep(0)
    assert site.now_s == START_S + 305
    await _stopped(running)


async def test_the_same_mark_again_does_not_count_as_alive(loaded: LoadedSite, double: Any) -> None:
    bench = _bench(loaded, double(START_S))
    bench.watch.saw(START_S, "plant-plc", "daemon.done_until_s", START_S)
    marked_s = bench.watch.marked_wall_s
    bench.watch.saw(START_S, "plant-plc", "daemon.done_until_s", START_S)
    assert bench.watch.marked_wall_s == marked_s


async def test_time_may_stand_still_until_the_first_mark(loaded: LoadedSite, double: Any) -> None:
    site = double(START_S)
    bench = _bench(loaded, site, wait_for_daemon=True, patience_wall_s=0.0, run_on_speed=1e9)
    running = asyncio.create_task(bench.run_until(START_S + 10))
    await asyncio.sleep(0.05)
    assert site.now_s == START_S
    bench.watch.saw(START_S, "plant-plc", "daemon.done_until_s", START_S)
    await running
    assert site.now_s == START_S + 10


async def test_at_a_speed_time_passes_without_a_daemon_in_steps_of_a_scan(loaded: LoadedSite, double: Any) -> None:
    site = double(START_S)
    bench = _bench(loaded, site, speed=1e6)
    steps: list[float] = []
    bench.each_step.append(lambda: steps.append(site.now_s))
    await bench.run_until(START_S + 12)
    assert steps == site.advanced == [START_S + 5, START_S + 10, START_S + 12]
    await bench.run_until(START_S + 1000, stop=lambda: site.now_s >= START_S + 100)
    assert site.now_s == START_S + 102


async def test_a_part_of_a_second_is_left_out(loaded: LoadedSite, double: Any) -> None:
    site = double(START_S)
    bench = _bench(loaded, site, speed=1e6)
    await bench.run_until(START_S + 10.7)
    assert site.now_s == START_S + 10


async def test_a_taken_port_is_an_error_and_leaves_nothing_open(loaded: LoadedSite, double: Any) -> None:
    async with _bench(loaded, double()) as bench:
        port = bench.devices[0].port
        with pytest.raises(OSError, match=str(port)):
            await Bench(loaded, double(), Pace(), {"plant-plc": port}).open()
