"""A whole site's table of points through Plant and PointClock to a Modbus device, as the daemon uses them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from controller.clock import PointClock
from controller.plant import Plant, connect_buses
from plant_models.site.load import load_site
from safety.records import Command, Outcome, Status

SMALL = Path(__file__).parents[3] / "config" / "small"
CHWS = "plant.chws_setpoint_c.request"


async def test_a_site_is_read_written_and_timed_over_the_wire(modbus_server: Any) -> None:
    loaded = load_site(SMALL, {"COLDAISLE_DEVICE": json.dumps({"plant-plc": {"port": modbus_server.port}})})
    points = loaded.points.by_signal
    modbus_server.put(points["bas.clock_s"], 1_784_500_000.0)
    modbus_server.put(points["plant.chws_temp_c"], 9.25)
    clock = PointClock()
    plant = Plant(loaded, connect_buses(loaded), clock)
    clock.follow(plant)
    await plant.open()
    await clock.ready()

    modbus_server.requests.clear()
    snapshot = await plant.read()
    assert len(modbus_server.requests) <= 2  # blocks of at most 100 registers
    assert {r.status for r in snapshot.readings.values()} == {Status.GOOD}
    assert snapshot.readings["plant.chws_temp_c"].value == 9.25
    assert snapshot.taken_at_s == 1_784_500_000.0

    assert (await plant.write(Command({CHWS: 8.0}))).outcomes == {CHWS: Outcome.REFUSED}
    await plant.beat(1)
    await clock.done(1_784_500_005.0)
    assert {function for function, _, _ in modbus_server.requests} == {3}, "with writing disabled nothing but reads may leave"

    plant.writes_enabled = True
    command = Command({CHWS: 8.0})
    receipt = await plant.verify(command, await plant.write(command))
    assert dict(receipt.outcomes) == {CHWS: Outcome.VERIFIED}
    assert await plant.beat(41) is Outcome.VERIFIED
    await clock.done(1_784_500_005.0)
    assert modbus_server.get(points["daemon.heartbeat"]) == 41.0
    assert modbus_server.get(points["daemon.done_until_s"]) == 1_784_500_005.0

    waiting = asyncio.create_task(clock.sleep_until(1_784_500_005.0))
    await asyncio.sleep(0.02)
    assert not waiting.done()
    modbus_server.put(points["bas.clock_s"], 1_784_500_005.0)
    async with asyncio.timeout(10):
        await waiting
    await plant.close()
