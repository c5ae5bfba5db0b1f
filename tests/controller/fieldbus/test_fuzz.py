"""Random bytes and spoilt frames in place of answers, random values in place of numbers: never an exception out of a bus or its loop, never a value."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from asyncua import ua
from hypothesis import given
from hypothesis import strategies as st

from controller.fieldbus import Fieldbus
from controller.fieldbus.bacnet import BacnetBus
from controller.fieldbus.modbus import ModbusBus
from controller.fieldbus.opcua import OpcUaBus
from controller.fieldbus.opcua_values import reading
from plant_models.site.points import Point
from plant_models.site.topology import Device
from safety.records import Outcome, Status
from tests.controller.fieldbus.bacnet_server import point as bacnet_point
from tests.controller.fieldbus.conftest import point as opcua_point
from tests.controller.fieldbus.modbus_peers import point

WORDS = tuple(point(f"ch-{i}.chws_temp_c", f"1:4{1 + 2 * i:04d}") for i in range(4))
INPUT, COIL = point("plant.chwr_temp_c", "1:30001", "int16", 0.1), point("daemon.alarm", "1:00001", "bit", unit="1")
REQUEST = point("plant.chws_setpoint_c.request", "1:40100", "int16", 0.1)
ROUNDS = 80


@contextmanager
def calm_loop() -> Iterator[list[dict[str, Any]]]:
    """Notes what reaches the loop's own handler: exceptions that nobody took."""
    loop, noted = asyncio.get_running_loop(), []
    loop.set_exception_handler(lambda _, context: noted.append(context))
    yield noted
    loop.set_exception_handler(None)


def garbled(request: bytes, chance: random.Random) -> bytes:
    """Returns anything but the answer: noise, half of a frame, a frame that lies about its length, function, unit or transaction."""
    data = chance.randbytes(chance.randrange(0, 40))
    whole = request[:4] + (len(data) + 3).to_bytes(2, "big") + request[6:8] + bytes((len(data),)) + data
    return chance.choice(
        (
            chance.randbytes(chance.randrange(1, 400)),
            whole[: chance.randrange(len(whole))],
            whole[:4] + chance.randbytes(2) + whole[6:],
            whole[:7] + bytes((chance.choice((0, 7, 8, 11, 20, 22, 24, 43, 0x80, 0xFF)),)) + whole[8:],
            whole[:6] + bytes(((whole[6] + 1) % 256,)) + whole[7:],
            bytes((whole[0] ^ 0x55,)) + whole[1:],
            whole[:8] + chance.randbytes(1) + data + chance.randbytes(3),
        )
    )


@asynccontextmanager
async def babbling(chance: random.Random) -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await reader.read(1024):
                writer.write(garbled(request.ljust(12, b"\0"), chance))
                if chance.randrange(4) == 0:
                    break
        except OSError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await asyncio.sleep(0.05)  # what still serves sees its end


async def never_a_value(bus: Fieldbus, points: tuple[Point, ...], request: Point) -> None:
    with calm_loop() as noted:
        for _ in range(ROUNDS):
            raws = await bus.read(points)
            assert set(raws) == {p.signal for p in points}
            assert {r.value for r in raws.values()} == {None}
            assert Status.GOOD not in {r.status for r in raws.values()}
            assert all(r.detail for r in raws.values())
            assert Outcome.VERIFIED not in set((await bus.write([(request, 8.0)])).values())
        await bus.close()
    assert [f"{n['message']}: {n.get('exception')!r}" for n in noted] == []


@pytest.mark.parametrize("transport", ["tcp", "rtu-over-tcp"])
async def test_modbus_answers_of_random_bytes(transport: Any) -> None:
    async with babbling(random.Random(f"modbus {transport}")) as port:
        bus = ModbusBus(Device("modbus", port=port, transport=transport, quiet_wall_s=0.0, max_gap_registers=0), 0.02, 0.02)
        bus._link._monotonic = iter(range(0, 10**9, 10)).__next__  # nothing is left alone for a moment
        await never_a_value(bus, (*WORDS, INPUT, COIL), REQUEST)


async def test_opcua_answers_of_random_bytes() -> None:
    inlet = opcua_point("opcua", "hall-a.rack_inlet_max_c", "nsu=urn:test:air;s=inlet", "float", access="r")
    request = opcua_point("opcua", "hall-a.crah_supply_setpoint_c.request", "nsu=urn:test:air;s=request", "float")
    async with babbling(random.Random("opcua")) as port:
        await never_a_value(OpcUaBus(Device("opcua", port=port, path="/test/"), 0.05, 0.05), (inlet,), request)


async def test_bacnet_answers_of_random_bytes() -> None:
    chance = random.Random("bacnet")

    class Babble(asyncio.DatagramProtocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, addr: Any) -> None:
            body = chance.randbytes(chance.randrange(60))
            head = bytes((0x81, 0x0A)) + (4 + len(body)).to_bytes(2, "big")
            invoke = data[8:9] or b"\0"
            said = chance.choice((body, head + body, head[:3] + body, head + b"\1\0" + body, head[:2] + b"\0\x40\1\0\x30" + invoke + b"\x0c" + body, data))
            self.transport.sendto(said, addr)

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Babble, local_addr=("127.0.0.1", 0))
    device = Device("bacnet", port=transport.get_extra_info("sockname")[1], instance=100)
    bus = BacnetBus(device, 0.02, 0.02, iter(range(0, 10**9, 10)).__next__)
    inlet, request = bacnet_point("hall-a.rack_inlet_max_c", "analog-input:1"), bacnet_point("hall-a.crah_supply_setpoint_c.request", "analog-value:31")
    await never_a_value(bus, (inlet,), request)
    transport.close()
    await asyncio.sleep(0.01)


HELD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(),
    st.text(max_size=8),
    st.binary(max_size=8),
    st.lists(st.floats(), max_size=3),
    st.datetimes().map(lambda at: at.replace(tzinfo=UTC)),
    st.just(ua.NodeId(ua.Int32(1))),
)


@given(HELD, st.integers(0, 2**32 - 1), st.one_of(st.none(), st.datetimes()), st.sampled_from(["float", "int16", "boolean"]))
def test_opcua_values_of_any_kind(held: Any, code: int, at: datetime | None, kind: str) -> None:
    inlet = opcua_point("opcua", "hall-a.rack_inlet_max_c", "nsu=urn:test:air;s=inlet", kind, access="r")
    found = ua.DataValue(ua.Variant(held) if not isinstance(held, list) or held else None, ua.StatusCode(ua.UInt32(code)), at)
    raw = reading(inlet, found, 1.7845e9)
    number = isinstance(held, int | float) and math.isfinite(held)
    if code >> 30 >= 2 or not number:
        assert (raw.value, raw.status in (Status.BAD, Status.MISSING)) == (None, True)
    else:
        assert raw.value is None or math.isfinite(raw.value)
    assert (raw.status is Status.GOOD) <= (code >> 30 == 0 and number)
