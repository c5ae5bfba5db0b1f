"""OPC UA on the wire: statuses kept, types of nodes respected, namespaces by URI, silent and lost servers."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from asyncua import ua
from asyncua.ua.status_codes import StatusCodes

from controller.fieldbus.opcua import OpcUaBus
from plant_models.site.points import Point, WriteClass
from plant_models.site.topology import Device
from safety.records import Outcome, Status

pytestmark = pytest.mark.asyncio(loop_scope="module")  # a server is shared by the tests of a module

URI = "urn:test:air"


def point(signal: str, kind: str = "float", uri: str = URI, unit: str = "degC", scale: float = 1.0) -> Point:
    return Point(signal, "opcua", "air", f"nsu={uri};s={signal}", kind, "", scale, 0.0, unit, "rw", 60.0, None, None, WriteClass.VOLATILE)


INLET = point("hall-a.rack_inlet_max_c")
SUPPLY = point("hall-a.crah_supply_setpoint_c.request")
COUNT = point("daemon.heartbeat", "int32", unit="1")
ALARM = point("daemon.alarm", "boolean", unit="1")
WIDE = point("daemon.done_until_s", "double", unit="s")
TENTHS = point("hall-a.crah_fan_setpoint_pct.request", "uint16", unit="%", scale=0.1)
ALL = [INLET, SUPPLY, COUNT, ALARM, WIDE, TENTHS]


@pytest_asyncio.fixture(loop_scope="module")
async def server(opcua_server_of: Any) -> Any:
    return await opcua_server_of(ALL)


@pytest_asyncio.fixture(loop_scope="module")
async def bus(server: Any) -> AsyncIterator[OpcUaBus]:
    made = OpcUaBus(Device("opcua", port=server.port, path="/test/"), 2.0, 2.0)
    await made.open()
    yield made
    await made.close()


async def until_good(bus: OpcUaBus, wanted: Point) -> float | None:
    async with asyncio.timeout(20):
        while True:
            raw = (await bus.read([wanted]))[wanted.signal]
            if raw.status is Status.GOOD:
                return raw.value
            await asyncio.sleep(0.02)


async def test_the_status_of_a_value_is_kept(bus: OpcUaBus, server: Any) -> None:
    await server.put(INLET.signal, 24.5, StatusCodes.UncertainLastUsableValue)
    await server.put(SUPPLY.signal, 20.0, StatusCodes.BadSensorFailure)
    raws = await bus.read([INLET, SUPPLY, TENTHS])
    assert (raws[INLET.signal].value, raws[INLET.signal].status, raws[INLET.signal].detail) == (24.5, Status.UNCERTAIN, "UncertainLastUsableValue")
    assert (raws[SUPPLY.signal].value, raws[SUPPLY.signal].status, raws[SUPPLY.signal].detail) == (None, Status.BAD, "BadSensorFailure")
    assert raws[TENTHS.signal].status is Status.GOOD


async def test_each_node_is_written_in_its_own_type(bus: OpcUaBus, server: Any) -> None:
    asked = {SUPPLY: 19.25, COUNT: 7.0, ALARM: 1.0, WIDE: 1.7845e9 + 0.125, TENTHS: 61.5}
    assert set((await bus.write(list(asked.items()))).values()) == {Outcome.VERIFIED}
    for p, kind in ((SUPPLY, "Float"), (COUNT, "Int32"), (ALARM, "Boolean"), (WIDE, "Double"), (TENTHS, "UInt16")):
        held = await server.nodes[p.signal].read_data_value()
        assert held.Value.VariantType.name == kind
    raws = await bus.read(list(asked))
    assert {p.signal: pytest.approx(v) for p, v in asked.items()} == {s: r.value for s, r in raws.items()}


async def test_a_table_that_states_another_type_than_the_node_is_no_obstacle(bus: OpcUaBus, server: Any) -> None:
    stated_wrong = point(COUNT.signal, "float", unit="1")
    assert dict(await bus.write([(stated_wrong, 12.0)])) == {COUNT.signal: Outcome.VERIFIED}
    assert await server.get(COUNT.signal) == 12.0
    assert dict(await bus.write([(stated_wrong, 1e12)])) == {COUNT.signal: Outcome.REFUSED}
    assert await server.get(COUNT.signal) == 12.0


async def test_a_namespace_that_the_server_does_not_have_is_missing(bus: OpcUaBus) -> None:
    stranger = point("plant.chws_temp_c", uri="urn:somewhere:else")
    raws = await bus.read([stranger, INLET])
    assert raws[stranger.signal].status is Status.MISSING
    assert "urn:somewhere:else" in raws[stranger.signal].detail
    assert raws[INLET.signal].status is Status.GOOD
    assert dict(await bus.write([(stranger, 1.0)])) == {stranger.signal: Outcome.REFUSED}


async def test_a_namespace_that_moved_is_found_by_its_uri(bus: OpcUaBus, server: Any) -> None:
    await server.put(INLET.signal, 21.0)
    assert await until_good(bus, INLET) == 21.0
    await server.rebuild(namespaces_before=("urn:new:one", "urn:new:two"))
    await server.put(INLET.signal, 22.0)
    assert await until_good(bus, INLET) == 22.0
    assert dict(await bus.write([(SUPPLY, 18.5)])) == {SUPPLY.signal: Outcome.VERIFIED}
    assert await server.get(SUPPLY.signal) == 18.5


async def test_a_server_that_allows_few_nodes_a_request_is_asked_in_parts(server: Any) -> None:
    await server.limit_nodes(2)
    bus = OpcUaBus(Device("opcua", port=server.port, path="/test/"), 2.0, 2.0)
    await bus.open()
    sizes = []
    inner = bus._session.client.uaclient.read_attributes  # type: ignore[union-attr]  # open above

    async def counted(nodes: list[ua.NodeId], attribute: ua.AttributeIds) -> list[ua.DataValue]:
        sizes.append(len(nodes))
        return await inner(nodes, attribute)

    bus._session.client.uaclient.read_attributes = counted  # type: ignore[union-attr, method-assign]  # counts what is asked
    raws = await bus.read(ALL[:5])
    await bus.close()
    assert sizes == [2, 2, 1]
    assert {r.status for r in raws.values()} == {Status.GOOD}


async def test_a_silent_server_is_missing_and_found_again(server: Any, proxy_of: Any) -> None:
    proxy = await proxy_of(server.port)
    bus = OpcUaBus(Device("opcua", port=proxy.port, path="/test/"), 0.3, 0.3)
    assert await until_good(bus, INLET) == 0.0

    async def swallow(_: bytes, __: asyncio.StreamWriter) -> None:
        return None

    proxy.up = proxy.down = swallow
    for _ in range(2):
        raws = await bus.read([INLET, SUPPLY])
        assert {(r.value, r.status) for r in raws.values()} == {(None, Status.MISSING)}
        assert all(r.detail for r in raws.values())
        assert dict(await bus.write([(SUPPLY, 17.0)])) == {SUPPLY.signal: Outcome.UNREACHABLE}
    proxy.up = proxy.down = None
    assert await until_good(bus, INLET) == 0.0
    await bus.close()


async def test_a_reset_in_mid_request_is_missing_and_the_next_read_connects_anew(server: Any, proxy_of: Any) -> None:
    proxy = await proxy_of(server.port)
    bus = OpcUaBus(Device("opcua", port=proxy.port, path="/test/"), 5.0, 5.0)
    await bus.open()
    resets = 0

    async def reset(data: bytes, target: asyncio.StreamWriter) -> bytes | None:
        nonlocal resets
        if resets:
            return data
        resets += 1
        target.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        target.transport.abort()
        return None

    proxy.down = reset
    assert (await bus.read([INLET]))[INLET.signal].status is Status.MISSING
    assert (await bus.read([INLET]))[INLET.signal].status is Status.GOOD
    await bus.close()


async def test_a_cancelled_read_does_not_spoil_the_next(bus: OpcUaBus, server: Any) -> None:
    await server.put(INLET.signal, 23.0)
    reading = asyncio.create_task(bus.read(ALL))
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert await until_good(bus, INLET) == 23.0


async def test_a_peer_that_speaks_no_opc_ua_is_missing() -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.0 400 Bad Request\r\n\r\n" * 4)
        await writer.drain()
        writer.close()

    listener = await asyncio.start_server(babble, "127.0.0.1", 0)
    bus = OpcUaBus(Device("opcua", port=listener.sockets[0].getsockname()[1], path="/"), 0.5, 0.5)
    for _ in range(2):
        assert (await bus.read([INLET]))[INLET.signal].status is Status.MISSING
    await bus.close()
    listener.close()
    await listener.wait_closed()
