"""BACnet/IP against a stack that shares no line with ours: node-bacnet, where Node.js and that package are there."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from controller.fieldbus.bacnet import BacnetBus
from plant_models.site.topology import Device
from safety.records import Outcome, Status
from tests.controller.fieldbus.bacnet_server import point

SCRIPT = Path(__file__).with_name("bacnet_peer.js")
INLET = point("hall-a.rack_inlet_max_c", "analog-input:1")
SUPPLY = point("hall-a.crah_supply_setpoint_c.request", "analog-value:31")
STRANGER = point("plant.chws_temp_c", "analog-input:99")


def why_not() -> str:
    node = shutil.which("node")
    if node is None:
        return "Node.js is not installed"
    found = subprocess.run([node, "-e", "require.resolve('node-bacnet')"], capture_output=True, check=False)
    return "" if found.returncode == 0 else "node-bacnet is not found (npm install node-bacnet, NODE_PATH=.../node_modules)"


REASON = why_not()
pytestmark = pytest.mark.skipif(bool(REASON), reason=REASON)


@pytest.fixture(params=["many", "one"])
async def bus(request: pytest.FixtureRequest) -> AsyncIterator[BacnetBus]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = await asyncio.create_subprocess_exec("node", str(SCRIPT), str(port), request.param, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"listening\n"
    made = BacnetBus(Device("bacnet", port=port, instance=4711), 2.0, 2.0)
    yield made
    await made.close()
    if process.returncode is None:
        process.kill()
    await process.communicate()


async def test_another_makers_device_is_read_commanded_and_given_back(bus: Any) -> None:
    raws = await bus.read([INLET, SUPPLY, STRANGER])
    assert (raws[INLET.signal].value, raws[SUPPLY.signal].value) == (24.5, 20.0)
    assert (raws[STRANGER.signal].value, raws[STRANGER.signal].status) == (None, Status.MISSING)
    assert dict(await bus.write([(SUPPLY, 18.5), (STRANGER, 1.0)])) == {SUPPLY.signal: Outcome.VERIFIED, STRANGER.signal: Outcome.REFUSED}
    raw = (await bus.read([SUPPLY]))[SUPPLY.signal]
    assert (raw.value, raw.status) == (18.5, Status.GOOD)
    assert dict(await bus.release([SUPPLY])) == {SUPPLY.signal: Outcome.VERIFIED}
    assert (await bus.read([SUPPLY]))[SUPPLY.signal].value == 20.0
