"""A plant over BACnet as the cycle sees it: a command is read back, an operator's is told apart, and a hand-back leaves the device's own value."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from controller.clock import WallClock
from controller.plant import Plant, connect_buses
from plant_models.site.load import LoadedSite, load_site
from plant_models.site.points import Points
from plant_models.site.topology import Device
from safety.records import Command, Outcome
from tests.controller.fieldbus.bacnet_server import BacnetServer, point

SMALL = Path(__file__).parents[3] / "config" / "small"
CHWS, BEAT = "plant.chws_setpoint_c.request", "daemon.heartbeat"
POINTS = (point(CHWS, "analog-value:31"), point(BEAT, "integer-value:1", access="w"))


@pytest.fixture
async def server() -> AsyncIterator[BacnetServer]:
    made = BacnetServer(POINTS)
    await made.start()
    made.own(POINTS[0], 9.0)
    yield made
    await made.stop()


@pytest.fixture
async def plant(server: BacnetServer) -> AsyncIterator[Plant]:
    small = load_site(SMALL, {})
    device = {"bms": Device("bacnet", port=server.port, instance=100)}
    loaded = LoadedSite(replace(small.site, device=device), Points(POINTS))
    made = Plant(loaded, connect_buses(loaded), WallClock(), writes_enabled=True)
    await made.open()
    yield made
    await made.close()


async def test_a_command_is_verified_and_a_hand_back_gives_back_the_devices_own_value(plant: Plant, server: BacnetServer) -> None:
    command = Command({CHWS: 8.0})
    assert dict((await plant.verify(command, await plant.write(command))).outcomes) == {CHWS: Outcome.VERIFIED}
    await plant.beat(3)
    assert (server.slot(POINTS[0]), server.slot(POINTS[1])) == (8.0, 3.0)
    receipt = await plant.write(Command({}, hand_back=True))
    assert (dict(receipt.outcomes), receipt.says) == ({}, "")
    assert (server.slot(POINTS[0]), server.get(POINTS[0])) == (None, 9.0)
    assert server.slot(POINTS[1]) == 3.0, "the daemon's own points stay"


async def test_an_operators_command_shows_in_the_receipt(plant: Plant, server: BacnetServer) -> None:
    server.command(POINTS[0], 12.0, 8)
    command = Command({CHWS: 8.0})
    receipt = await plant.verify(command, await plant.write(command))
    assert dict(receipt.outcomes) == {CHWS: Outcome.DIFFERS}
    assert receipt.says == f"{CHWS}: wrote 8, reads 12 (commanded at priority 8, before ours at 14)"


async def test_a_write_that_was_not_applied_names_nobody(plant: Plant, server: BacnetServer) -> None:
    server.stack.ignoring.add(CHWS)
    command = Command({CHWS: 8.0})
    receipt = await plant.verify(command, await plant.write(command))
    assert (dict(receipt.outcomes), receipt.says) == ({CHWS: Outcome.DIFFERS}, f"{CHWS}: wrote 8, reads 9")


async def test_a_hand_back_that_failed_is_said(plant: Plant, server: BacnetServer) -> None:
    await plant.write(Command({CHWS: 8.0}))
    server.stack.read_only.add(CHWS)
    receipt = await plant.write(Command({}, hand_back=True))
    assert (dict(receipt.outcomes), receipt.says) == ({}, f"{CHWS}: refused, not given back")


async def test_a_plant_that_stops_writing_gives_back_first_and_sends_nothing_afterwards(plant: Plant, server: BacnetServer) -> None:
    await plant.write(Command({CHWS: 8.0}))
    assert dict(await plant.stop_writing()) == {CHWS: Outcome.VERIFIED}
    assert server.slot(POINTS[0]) is None
    assert (await plant.write(Command({CHWS: 8.0}))).outcomes == {CHWS: Outcome.REFUSED}
    server.command(POINTS[0], 7.0, 14)
    assert dict(await plant.release()) == dict(await plant.stop_writing()) == {}
    assert server.slot(POINTS[0]) == 7.0


async def test_a_device_that_dies_with_a_command_in_its_slot_is_given_it_back_when_it_returns(plant: Plant, server: BacnetServer) -> None:
    await plant.write(Command({CHWS: 8.0}))
    await server.stop()
    for bus in plant._buses.values():
        bus._read_timeout_s = bus._write_timeout_s = 0.1  # type: ignore[attr-defined]  # a BACnet one
    assert dict(await plant.release()) == {CHWS: Outcome.UNREACHABLE}
    await server.start()
    outcome: Any = None
    while outcome is not Outcome.VERIFIED:
        outcome = (await plant.release())[CHWS]
    assert (server.slot(POINTS[0]), server.get(POINTS[0])) == (None, 9.0)
