"""An OPC UA server that is stopped, killed and started again as a process of its own, polled and subscribed to."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from typing import Any

import pytest

from controller.fieldbus.opcua import OpcUaBus
from plant_models.site.opcua import OpcUa
from plant_models.site.topology import Device
from safety.records import Status
from tests.controller.fieldbus.opcua_server import INLET, ServerProcess, until, until_good


@pytest.fixture
async def process() -> AsyncIterator[ServerProcess]:
    made = ServerProcess()
    await made.start()
    yield made
    await made.kill()


@pytest.mark.parametrize("way", ["poll", "subscribe"])
async def test_stopped_killed_and_started_with_its_namespaces_moved(process: ServerProcess, way: Any) -> None:
    bus = OpcUaBus(Device("opcua", port=process.port, path="/test/", read=way, opcua=OpcUa(publishing_interval_s=0.1, sampling_s=0.1)), 0.5, 0.5)
    first = await until_good(bus, INLET)
    await until(bus, INLET, lambda raw: raw.value not in (None, first))

    process.send(signal.SIGSTOP)
    stalled = await until(bus, INLET, lambda raw: raw.status is Status.MISSING)
    assert stalled.value is None
    process.send(signal.SIGCONT)
    first = await until_good(bus, INLET)
    await until(bus, INLET, lambda raw: raw.value not in (None, first))

    await process.kill()
    killed = await until(bus, INLET, lambda raw: raw.status is Status.MISSING)
    assert killed.value is None
    process.before = 3
    await process.start()
    first = await until_good(bus, INLET)
    await until(bus, INLET, lambda raw: raw.value not in (None, first))
    if way == "subscribe":
        await until(bus, INLET, lambda raw: raw.age_s > 0.0)
    await bus.close()
