"""The OPC UA device against asyncua's own client, on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from asyncua import Client, ua

from hil.devices.opcua import OpcUaDevice
from hil.devices.watch import Watch
from plant_models.site.points import Point

URI = "urn:coldaisle:site:air"
SUPPLY = "hall-a.crah_supply_temp_c"
SETPOINT = "hall-a.crah_supply_setpoint_c.request"
EFFECTIVE = "hall-a.crah_supply_setpoint_c.effective"
AUTHORITY = "hall-a.crah_supply_setpoint_c.authority"
VALUES = {SUPPLY: 19.5, SETPOINT: 20.0, EFFECTIVE: 20.0, AUTHORITY: 2.0}
pytestmark = pytest.mark.asyncio(loop_scope="module")  # one server for all: its address space takes two seconds to build


@pytest.fixture(scope="session")
def points(row: Callable[..., Point]) -> tuple[Point, ...]:
    return (
        row(SUPPLY, f"nsu={URI};s=supply", "float"),
        row(SETPOINT, f"nsu={URI};s=request", "float", "rw"),
        row(EFFECTIVE, f"nsu={URI};s=effective", "double", unit="degF"),
        row(AUTHORITY, f"nsu={URI};s=authority", "int32", unit="1"),
        row("daemon.heartbeat", f"nsu={URI};i=77", "uint16", "w", unit="1"),
    )


@pytest.fixture(scope="module")
def served(double: Any) -> Any:
    return double(**VALUES)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened(served: Any, points: tuple[Point, ...]) -> AsyncIterator[OpcUaDevice]:
    made = OpcUaDevice("air", points, served, Watch(), path="/coldaisle/")
    await made.open()
    yield made
    await made.close()


@pytest_asyncio.fixture(loop_scope="module")
async def site(served: Any, opened: OpcUaDevice) -> Any:
    served.__init__(**VALUES)
    await opened.publish()
    return served


@pytest_asyncio.fixture(loop_scope="module")
async def device(site: Any, opened: OpcUaDevice) -> OpcUaDevice:
    opened.watch.seen.clear()
    return opened


@pytest_asyncio.fixture(loop_scope="module")
async def client(device: OpcUaDevice) -> AsyncIterator[Client]:
    async with Client(f"opc.tcp://127.0.0.1:{device.port}/coldaisle/") as made:
        yield made


async def _node(client: Client, identifier: str) -> Any:
    return client.get_node(f"ns={await client.get_namespace_index(URI)};{identifier}")


async def test_values_have_type_unit_and_plant_time(client: Client, site: Any) -> None:
    shown = await (await _node(client, "s=supply")).read_data_value()
    assert (shown.Value.Value, shown.Value.VariantType) == (19.5, ua.VariantType.Float)
    assert shown.SourceTimestamp == datetime.fromtimestamp(site.now_s, UTC)
    assert await (await _node(client, "s=effective")).read_value() == pytest.approx(68.0)
    authority = await (await _node(client, "s=authority")).read_data_value()
    assert (authority.Value.Value, authority.Value.VariantType) == (2, ua.VariantType.Int32)


async def test_a_step_is_shown_when_it_is_published(client: Client, site: Any, device: OpcUaDevice) -> None:
    site.values[SUPPLY] = 21.0
    site.advance(site.now_s + 5)
    await device.publish()
    shown = await (await _node(client, "s=supply")).read_data_value()
    assert (shown.Value.Value, shown.SourceTimestamp) == (21.0, datetime.fromtimestamp(site.now_s, UTC))


async def test_a_dead_sensor_is_bad_and_comes_back(client: Client, site: Any, device: OpcUaDevice) -> None:
    site.values[SUPPLY] = None
    await device.publish()
    shown = await (await _node(client, "s=supply")).read_data_value(raise_on_bad_status=False)
    assert shown.StatusCode.is_bad()
    assert shown.Value.Value is None
    site.values[SUPPLY] = 22.0
    await device.publish()
    assert await (await _node(client, "s=supply")).read_value() == 22.0


async def test_a_write_reaches_the_site_and_reads_back(client: Client, site: Any, device: OpcUaDevice) -> None:
    node = await _node(client, "s=request")
    await node.write_attribute(ua.AttributeIds.Value, ua.DataValue(ua.Variant(21.5, ua.VariantType.Float)))
    assert site.written == [(SETPOINT, 21.5)]
    assert await node.read_value() == 21.5
    (seen,) = device.watch.seen
    assert (seen.plant_at_s, seen.device, seen.signal, seen.value) == (site.now_s, "air", SETPOINT, 21.5)


async def test_a_read_back_shows_what_the_site_made_of_a_write(client: Client, site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site, "write", lambda signal, value: site.values.update({signal: 18.0}))  # a BAS that clamps
    node = await _node(client, "s=request")
    await node.write_attribute(ua.AttributeIds.Value, ua.DataValue(ua.Variant(30.0, ua.VariantType.Float)))
    assert await node.read_value() == 18.0


async def test_a_write_only_node_takes_writes(client: Client, site: Any) -> None:
    node = await _node(client, "i=77")
    for count in (1, 2):
        await node.write_attribute(ua.AttributeIds.Value, ua.DataValue(ua.Variant(count, ua.VariantType.UInt16)))
    assert site.written == [("daemon.heartbeat", 1.0), ("daemon.heartbeat", 2.0)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("node", "value", "error"),
    [
        ("s=effective", ua.Variant(1.0, ua.VariantType.Double), ua.uaerrors.BadUserAccessDenied),
        ("s=request", ua.Variant(1.0, ua.VariantType.Double), ua.uaerrors.BadTypeMismatch),
        ("s=request", ua.Variant(float("nan"), ua.VariantType.Float), ua.uaerrors.BadOutOfRange),
    ],
    ids=["not writable", "wrong type", "no number"],
)
async def test_a_refused_write_changes_nothing_and_is_seen(
    client: Client, site: Any, device: OpcUaDevice, node: str, value: ua.Variant, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await (await _node(client, node)).write_attribute(ua.AttributeIds.Value, ua.DataValue(value))
    assert site.written == []
    assert len(device.watch.seen) == 1


async def test_subscriptions_are_told(client: Client, site: Any, device: OpcUaDevice) -> None:
    told: asyncio.Queue[float] = asyncio.Queue()

    class Handler:
        def datachange_notification(self, _node: Any, value: float, _data: Any) -> None:
            told.put_nowait(value)

    subscription = await client.create_subscription(10, Handler())
    await subscription.subscribe_data_change(await _node(client, "s=supply"))
    assert await told.get() == 19.5
    site.values[SUPPLY] = 23.0
    await device.publish()
    assert await told.get() == 23.0
    await subscription.delete()


async def test_it_comes_back_on_the_same_port(device: OpcUaDevice) -> None:
    port = device.port
    await device.close()
    await device.open()
    assert device.port == port
    async with Client(f"opc.tcp://127.0.0.1:{port}/coldaisle/") as client:
        assert await (await _node(client, "s=supply")).read_value() == 19.5
