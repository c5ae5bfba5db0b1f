"""The BACnet device against the library's own client, and a real daemon that runs a simulated site over BACnet and hands it back."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from bacpypes3.apdu import ErrorRejectAbortNack, ReadPropertyRequest, WritePropertyRequest
from bacpypes3.app import Application
from bacpypes3.ipv4.link import NormalLinkLayer
from bacpypes3.local.device import DeviceObject
from bacpypes3.pdu import IPv4Address
from bacpypes3.primitivedata import Null, ObjectIdentifier, Real

from hil.devices.bacnet import BacnetDevice
from hil.devices.watch import Watch
from hil.rig import rig_of
from hil.scenarios.judge import hand_back
from plant_models.simulator.conditions import Conditions
from plant_models.site.points import Point, WriteClass
from tests.hil.bacnet_site import as_bacnet

SMALL = Path(__file__).parents[2] / "config" / "small"
SUPPLY, SETPOINT = "hall-a.crah_supply_temp_c", "hall-a.crah_supply_setpoint_c.request"
OWN_C = 20.0


def point(signal: str, address: str, access: str = "r") -> Point:
    return Point(signal, "bacnet", "air", address, "real", "", 1.0, 0.0, "degC", access, 30.0, None, None, WriteClass.VOLATILE)  # type: ignore[arg-type]  # the literals are the tests'


POINTS = (point(SUPPLY, "analog-input:1"), point(SETPOINT, "analog-value:2", "rw"))


@dataclass
class Lending:
    """A site that lends one setpoint out and may take it back."""

    now_s: float = 1000.0
    requested: float | None = None
    supply: float | None = 19.5
    forgotten: list[str] = field(default_factory=list)

    def read(self, signal: str) -> float | None:
        if signal == SUPPLY:
            return self.supply
        return OWN_C if self.requested is None else self.requested

    def write(self, signal: str, value: float) -> None:
        self.requested = value

    def relinquish(self, signal: str) -> None:
        self.forgotten.append(signal)
        self.requested = None


@pytest.fixture
async def device() -> AsyncIterator[BacnetDevice]:
    made = BacnetDevice("air", POINTS, Lending(), Watch(), instance=7)
    await made.open()
    yield made
    await made.close()


class Client:
    """What a BMS would ask of the device."""

    def __init__(self, port: int) -> None:
        own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        own.setblocking(False)
        own.bind(("127.0.0.1", 0))
        address = IPv4Address(own.getsockname())
        self._peer = IPv4Address(("127.0.0.1", port))
        self._app = Application.from_object_list([DeviceObject(objectIdentifier=("device", 8), objectName="bms", vendorIdentifier=0)])
        self._wire = NormalLinkLayer(address, bind_socket=own)
        self._app.nsap.bind(self._wire, address=address)

    async def read(self, target: str, prop: str) -> Any:
        answer = await self._app.request(ReadPropertyRequest(objectIdentifier=ObjectIdentifier(target), propertyIdentifier=prop, destination=self._peer))
        tags = [tag for tag in answer.propertyValue.tagList if tag.tag_class == 0]
        return answer.propertyValue.cast_out(Real) if len(tags) == 1 and tags[0].tag_number == 4 else tags

    async def write(self, target: str, value: Any, priority: int) -> None:
        await self._app.request(
            WritePropertyRequest(
                objectIdentifier=ObjectIdentifier(target), propertyIdentifier="present-value", propertyValue=value, priority=priority, destination=self._peer
            )
        )

    async def close(self) -> None:
        self._wire.close()
        for _ in range(3):
            await asyncio.sleep(0)


@pytest.fixture
async def client(device: BacnetDevice) -> AsyncIterator[Client]:
    made = Client(device.port)
    yield made
    await made.close()


async def test_a_command_reaches_the_site_and_an_emptied_slot_gives_the_sites_own_value(device: BacnetDevice, client: Client) -> None:
    site: Any = device._site
    assert await client.read("analog-value,2", "present-value") == OWN_C
    await client.write("analog-value,2", Real(18.5), 14)
    assert (site.requested, await client.read("analog-value,2", "present-value")) == (18.5, 18.5)
    await client.write("analog-value,2", Real(22.0), 8)
    assert site.requested == 22.0, "an operator's command is before ours"
    await client.write("analog-value,2", Null(()), 8)
    assert site.requested == 18.5
    await client.write("analog-value,2", Null(()), 14)
    assert (site.requested, site.forgotten) == (None, [SETPOINT])
    assert await client.read("analog-value,2", "present-value") == OWN_C
    assert [(w.signal, w.value) for w in device.watch.seen] == [(SETPOINT, 18.5), (SETPOINT, 22.0), (SETPOINT, None), (SETPOINT, None)]


async def test_a_request_that_the_bas_dropped_leaves_its_slot(device: BacnetDevice, client: Client) -> None:
    await client.write("analog-value,2", Real(18.5), 14)
    await device.publish()
    assert await client.read("analog-value,2", "present-value") == 18.5
    device._site.requested = None  # type: ignore[attr-defined]  # the lease lapsed
    await device.publish()
    assert await client.read("analog-value,2", "present-value") == OWN_C
    assert {tag.tag_number for tag in await client.read("analog-value,2", "priority-array")} == {0}, "every slot is empty"


async def test_what_may_not_be_written_is_denied_and_seen(device: BacnetDevice, client: Client) -> None:
    device.refused.add(SETPOINT)
    for target in ("analog-input,1", "analog-value,2", "analog-value,99"):
        with pytest.raises(ErrorRejectAbortNack):
            await client.write(target, Real(10.0), 14)
    assert [w.signal for w in device.watch.seen] == [SUPPLY, SETPOINT, "[analog-value:99]"]
    assert device._site.requested is None  # type: ignore[attr-defined]  # a Lending


async def test_a_dead_sensor_is_a_fault(device: BacnetDevice, client: Client) -> None:
    assert await client.read("analog-input,1", "present-value") == 19.5
    device._site.supply = None  # type: ignore[attr-defined]  # a Lending
    await device.publish()
    (flags,) = await client.read("analog-input,1", "status-flags")
    assert bytes(flags.tag_data) == b"\x04\x40", "the second bit of four"


async def test_a_taken_port_is_an_error_and_a_closed_device_listens_on_the_same_port_again(device: BacnetDevice, client: Client) -> None:
    with pytest.raises(OSError, match="in use"):
        await BacnetDevice("other", POINTS, Lending(), Watch(), port=device.port).open()
    port = device.port
    await device.close()
    await device.open()
    assert device.port == port
    assert await client.read("analog-input,1", "present-value") == 19.5


async def test_a_daemon_runs_a_site_over_bacnet_and_leaves_no_command_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLDAISLE_TIMING__PLAN_DEADLINE_WALL_S", "0.3")
    monkeypatch.setenv("COLDAISLE_TIMING__SOLVER_TIME_LIMIT_WALL_S", "0.2")
    async with rig_of(as_bacnet(SMALL, tmp_path / "small"), Conditions(), tmp_path / "state") as rig:
        await rig.daemon.start()
        assert await rig.run(1.0, lambda: rig.in_charge() or not rig.daemon.alive), rig.daemon.tail()
        await rig.run(0.25)
        assert rig.in_charge(), rig.daemon.tail()
        (device,) = rig.bench.devices
        assert isinstance(device, BacnetDevice)
        every = [p.signal for p in rig.loaded.points.rows if p.signal.endswith(".request")]
        requests = [s for s in every if not s.endswith("running_setpoint_count.request")]  # stages are a plan's to ask, and none is in time here
        commanded = [s for s in requests if device.served(s).priorityArray[13].null is None]
        assert commanded == requests
        await hand_back(rig)
        assert all(c.passed for c in rig.checks), rig.checks
        assert not [s for s in requests if device.served(s).priorityArray[13].null is None]
        emptied = {w.signal for w in rig.watch.seen if w.signal in requests and w.value is None}
        assert emptied == set(requests), "by the daemon itself, before the lease lapsed"
        assert rig.check_journal() >= 0
