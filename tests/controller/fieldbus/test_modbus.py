"""Modbus TCP on the wire: late, lost, wrong and half replies, dead units, holes, and writes that must never be sent twice."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Any

import pytest

from controller.fieldbus.modbus import ModbusBus
from plant_models.site.points import Point, WriteClass
from plant_models.site.topology import Device
from safety.records import Outcome, Status


def point(signal: str, address: str, kind: str = "float32", scale: float = 1.0, unit: str = "degC") -> Point:
    return Point(signal, "modbus", "plc", address, kind, "ABCD", scale, 0.0, unit, "rw", 30.0, None, None, WriteClass.VOLATILE)


SUPPLY = point("plant.chws_temp_c", "1:40001")
RETURN = point("plant.chwr_temp_c", "1:40101")  # too far away to share a block, equally long
SETPOINT = point("plant.chws_setpoint_c.request", "1:40150", "int16", 0.1)
OTHER_UNIT = point("plant.cws_temp_c", "2:40001")


def late(*by_s: float, change: Callable[[bytes], bytes] = lambda data: data) -> Any:
    """Holds back the first replies by so much each, then passes everything on."""
    waits = list(by_s)

    async def tamper(data: bytes, target: asyncio.StreamWriter) -> bytes | None:
        if not waits:
            return change(data)

        def pass_on() -> None:
            if not target.is_closing():
                target.write(change(data))

        asyncio.get_running_loop().call_later(waits.pop(0), pass_on)
        return None

    return tamper


def once(change: Callable[[bytes, asyncio.StreamWriter], bytes | None]) -> Any:
    """Spoils the first reply only."""
    spoilt = False

    async def tamper(data: bytes, target: asyncio.StreamWriter) -> bytes | None:
        nonlocal spoilt
        if spoilt:
            return data
        spoilt = True
        return change(data, target)

    return tamper


def always(change: Callable[[bytes, asyncio.StreamWriter], bytes | None]) -> Any:
    async def tamper(data: bytes, target: asyncio.StreamWriter) -> bytes | None:
        return change(data, target)

    return tamper


def without_transaction(data: bytes) -> bytes:
    return b"\0\0" + data[2:]


def exception(code: int) -> Callable[[bytes, asyncio.StreamWriter], bytes]:
    return lambda data, _: data[:4] + b"\0\3" + data[6:7] + bytes((data[7] | 0x80, code))


def reset(_: bytes, target: asyncio.StreamWriter) -> None:
    sock = target.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    target.transport.abort()


def finish(_: bytes, target: asyncio.StreamWriter) -> None:
    target.close()


def cut_short(data: bytes, _: asyncio.StreamWriter) -> bytes:
    return data[: len(data) // 2]


def other_transaction(data: bytes, _: asyncio.StreamWriter) -> bytes:
    return struct.pack(">H", struct.unpack(">H", data[:2])[0] + 7) + data[2:]


def other_unit(data: bytes, _: asyncio.StreamWriter) -> bytes:
    return data[:6] + bytes((data[6] + 1,)) + data[7:]


def other_function(data: bytes, _: asyncio.StreamWriter) -> bytes:
    return data[:7] + b"\4" + data[8:]


def one_register_less(data: bytes, _: asyncio.StreamWriter) -> bytes:
    return data[:4] + struct.pack(">H", len(data) - 8) + data[6:8] + bytes((data[8] - 2,)) + data[9:-2]


def no_registers(data: bytes, _: asyncio.StreamWriter) -> bytes:
    return data[:4] + b"\0\3" + data[6:8] + b"\0"


def garbage(_: bytes, __: asyncio.StreamWriter) -> bytes:
    return b"\0\1\0\0\0\4\1\x55\xaa\x33" * 3


async def until(bus: ModbusBus, wanted: Point, value: float) -> None:
    async with asyncio.timeout(20):
        while True:
            if (await bus.read([wanted]))[wanted.signal].value == value:
                return
            await asyncio.sleep(0.02)


@pytest.fixture
async def values(modbus_server: Any) -> None:
    modbus_server.put(SUPPLY, 7.5)
    modbus_server.put(RETURN, 13.5)
    modbus_server.put(SETPOINT, 10.0)
    modbus_server.put(OTHER_UNIT, 24.0)


@pytest.mark.usefixtures("values")
@pytest.mark.parametrize("gateway", [lambda data: data, without_transaction], ids=["with transaction id", "answering transaction 0"])
async def test_a_late_reply_is_never_taken_for_another_requests(modbus_bus: ModbusBus, proxy: Any, gateway: Callable[[bytes], bytes]) -> None:
    proxy.down = late(0.8, 0.4, change=gateway)  # the first reply arrives while the second request is under way
    first = await modbus_bus.read([SUPPLY])
    assert first[SUPPLY.signal].status is Status.MISSING
    for _ in range(5):
        assert (await modbus_bus.read([RETURN]))[RETURN.signal].value == 13.5
        await asyncio.sleep(0.03)
    assert (await modbus_bus.read([SUPPLY]))[SUPPLY.signal].value == 7.5


@pytest.mark.usefixtures("values")
async def test_a_reply_that_comes_twice_does_not_answer_the_next_request(modbus_bus: ModbusBus, proxy: Any) -> None:
    async def twice(data: bytes, target: asyncio.StreamWriter) -> bytes:
        asyncio.get_running_loop().call_later(0.02, lambda: None if target.is_closing() else target.write(without_transaction(data)))
        return without_transaction(data)

    proxy.down = twice
    for _ in range(4):
        assert (await modbus_bus.read([SUPPLY]))[SUPPLY.signal].value == 7.5
        await asyncio.sleep(0.05)
        assert (await modbus_bus.read([RETURN]))[RETURN.signal].value == 13.5
        await asyncio.sleep(0.05)


@pytest.mark.usefixtures("values")
async def test_a_cancelled_read_leaves_no_reply_behind(modbus_bus: ModbusBus, proxy: Any) -> None:
    proxy.down = late(0.1, 0.15, change=without_transaction)
    reading = asyncio.create_task(modbus_bus.read([SUPPLY]))
    await asyncio.sleep(0.05)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    for _ in range(5):
        assert (await modbus_bus.read([RETURN]))[RETURN.signal].value == 13.5
        await asyncio.sleep(0.03)


@pytest.mark.usefixtures("values")
@pytest.mark.parametrize(
    "spoil",
    [
        reset,
        finish,
        cut_short,
        other_transaction,
        other_unit,
        other_function,
        one_register_less,
        no_registers,
        garbage,
        exception(4),
        exception(6),
        exception(11),
    ],
    ids=lambda f: getattr(f, "__name__", "?"),
)
async def test_a_spoilt_reply_is_missing_and_the_next_read_is_right(modbus_bus: ModbusBus, proxy: Any, spoil: Any) -> None:
    proxy.down = once(spoil)
    spoilt = (await modbus_bus.read([SUPPLY]))[SUPPLY.signal]
    assert (spoilt.value, spoilt.status) == (None, Status.MISSING)
    assert spoilt.detail
    raws = await modbus_bus.read([SUPPLY, RETURN])
    assert {s: r.value for s, r in raws.items()} == {SUPPLY.signal: 7.5, RETURN.signal: 13.5}


@pytest.mark.parametrize("close", [reset, finish], ids=["reset", "closed"])
async def test_a_connection_closed_in_mid_request_does_not_wait_for_the_time_out(proxy: Any, close: Any) -> None:
    bus = ModbusBus(Device("modbus", port=proxy.port), 60.0, 60.0)
    await bus.open()
    proxy.down = once(close)
    async with asyncio.timeout(30):
        raws = await bus.read([SUPPLY])
    assert raws[SUPPLY.signal].status is Status.MISSING
    await bus.close()


@pytest.mark.usefixtures("values")
async def test_a_reply_in_pieces_is_put_together(modbus_bus: ModbusBus, proxy: Any) -> None:
    async def drip(data: bytes, target: asyncio.StreamWriter) -> None:
        for at in range(len(data)):
            target.write(data[at : at + 1])
            await target.drain()
            await asyncio.sleep(0.002)

    proxy.down = drip
    assert (await modbus_bus.read([SUPPLY]))[SUPPLY.signal].value == 7.5


@pytest.mark.usefixtures("values")
async def test_a_black_hole_is_missing_and_found_again_when_it_ends(modbus_bus: ModbusBus, proxy: Any) -> None:
    proxy.down = proxy.up = always(lambda data, _: None)
    for _ in range(3):
        assert {r.status for r in (await modbus_bus.read([SUPPLY, RETURN])).values()} == {Status.MISSING}
    proxy.down = proxy.up = None
    await until(modbus_bus, SUPPLY, 7.5)


@pytest.mark.usefixtures("values")
async def test_a_dead_unit_behind_a_gateway_does_not_take_the_others_with_it(modbus_bus: ModbusBus, proxy: Any) -> None:
    proxy.up = always(lambda data, _: None if data[6] == 2 else data)
    for _ in range(4):
        raws = await modbus_bus.read([OTHER_UNIT, SUPPLY, RETURN])
        assert raws[OTHER_UNIT.signal].status is Status.MISSING
        assert (raws[SUPPLY.signal].value, raws[RETURN.signal].value) == (7.5, 13.5)
    proxy.up = None
    await until(modbus_bus, OTHER_UNIT, 24.0)


async def test_many_dead_units_cost_two_time_outs_at_most(modbus_bus: ModbusBus, proxy: Any, modbus_server: Any) -> None:
    sent: list[int] = []

    async def only_unit_3(data: bytes, _: asyncio.StreamWriter) -> bytes | None:
        sent.append(data[6])
        return data if data[6] == 3 else None

    proxy.up = only_unit_3
    alive = point("plant.cwr_temp_c", "3:40001")
    modbus_server.put(alive, 29.0)
    dead = [point(f"ch-{unit}.chws_temp_c", f"{unit}:40001") for unit in (1, 2, *range(10, 18))]
    await modbus_bus.read([*dead, alive])
    assert sent == [1, 2]
    sent.clear()
    raws = await modbus_bus.read([*dead, alive])
    assert raws[alive.signal].value == 29.0, "a unit that has not failed is asked before those that have"
    assert sent == [3, 10, 11]


@pytest.mark.usefixtures("values")
async def test_a_write_whose_answer_is_lost_is_sent_once_only(modbus_bus: ModbusBus, proxy: Any, modbus_server: Any) -> None:
    proxy.down = always(lambda data, _: None)
    assert dict(await modbus_bus.write([(SETPOINT, 8.0)])) == {SETPOINT.signal: Outcome.UNREACHABLE}
    proxy.down = None
    assert (await modbus_bus.read([SETPOINT]))[SETPOINT.signal].value == 8.0
    assert [function for function, _, _ in modbus_server.requests].count(6) == 1


@pytest.mark.usefixtures("values")
async def test_a_write_cut_off_by_a_reset_is_sent_once_only(modbus_bus: ModbusBus, proxy: Any, modbus_server: Any) -> None:
    proxy.down = once(reset)
    assert dict(await modbus_bus.write([(SETPOINT, 8.0)])) == {SETPOINT.signal: Outcome.UNREACHABLE}
    assert (await modbus_bus.read([SETPOINT]))[SETPOINT.signal].value == 8.0
    assert [function for function, _, _ in modbus_server.requests].count(6) == 1


@pytest.mark.usefixtures("values")
async def test_after_a_silent_write_the_rest_of_the_unit_is_not_sent(modbus_bus: ModbusBus, proxy: Any, modbus_server: Any) -> None:
    proxy.up = always(lambda data, _: None if data[7] == 6 else data)
    outcomes = await modbus_bus.write([(SETPOINT, 8.0), (SUPPLY, 1.0)])
    assert set(outcomes.values()) == {Outcome.UNREACHABLE}
    assert [function for function, _, _ in modbus_server.requests if function != 3] == []


@pytest.mark.usefixtures("values")
async def test_an_acknowledgement_of_something_else_does_not_count(modbus_bus: ModbusBus, proxy: Any) -> None:
    proxy.down = once(lambda data, _: data[:-1] + bytes((data[-1] ^ 1,)))
    assert dict(await modbus_bus.write([(SETPOINT, 8.0)])) == {SETPOINT.signal: Outcome.UNREACHABLE}


@pytest.mark.parametrize("number", [0x0000000000000000, 1.5, 1.7845e9])
async def test_types_of_several_registers_and_bits_come_back_as_written(modbus_bus: ModbusBus, number: float) -> None:
    wide = point("daemon.done_until_s", "1:40060", "float64", unit="s")
    coil = point("daemon.alarm", "1:00005", "bit", unit="1")
    assert set((await modbus_bus.write([(wide, number), (coil, 1.0)])).values()) == {Outcome.VERIFIED}
    raws = await modbus_bus.read([wide, coil])
    assert (raws[wide.signal].value, raws[coil.signal].value) == (number, 1.0)


async def test_values_that_say_not_measured_are_bad(modbus_bus: ModbusBus, modbus_server: Any) -> None:
    modbus_server.put_registers(SUPPLY, [0x7FC0, 0])  # a quiet NaN
    modbus_server.put_registers(SETPOINT, [0x8000])
    raws = await modbus_bus.read([SUPPLY, SETPOINT])
    assert {(r.value, r.status) for r in raws.values()} == {(None, Status.BAD)}
    assert "7fc0" in raws[SUPPLY.signal].detail


async def test_points_are_read_in_as_few_requests_as_the_device_allows(modbus_bus: ModbusBus, modbus_server: Any) -> None:
    row = [point(f"ch-{i}.chws_temp_c", f"1:4{1 + 2 * i:04d}") for i in range(60)]
    for i, p in enumerate(row):
        modbus_server.put(p, float(i))
    raws = await modbus_bus.read(row)
    assert [raws[p.signal].value for p in row] == [float(i) for i in range(60)]
    assert modbus_server.requests == [(3, 0, 100), (3, 100, 20)]


async def test_a_block_over_a_hole_is_split_and_the_split_remembered(modbus_bus: ModbusBus, modbus_server: Any) -> None:
    modbus_server.holes = {4, 5}
    row = [point(f"ch-{i}.chws_temp_c", f"1:4{number:04d}") for i, number in enumerate((1, 3, 7, 9))]  # registers 5 and 6 are nobody's
    for p in row:
        modbus_server.put(p, 9.0)
    assert {r.value for r in (await modbus_bus.read(row)).values()} == {9.0}
    assert modbus_server.requests == [(3, 0, 10), (3, 0, 4), (3, 6, 4)]
    modbus_server.requests.clear()
    assert {r.value for r in (await modbus_bus.read(row)).values()} == {9.0}
    assert modbus_server.requests == [(3, 0, 4), (3, 6, 4)]
    modbus_server.requests.clear()
    assert {r.value for r in (await modbus_bus.read(row[1:3])).values()} == {9.0}
    assert modbus_server.requests == [(3, 2, 2), (3, 6, 2)]


async def test_a_device_that_refuses_everything_teaches_no_splits(modbus_bus: ModbusBus, modbus_server: Any) -> None:
    modbus_server.holes = set(range(200))
    row = [point(f"ch-{i}.chws_temp_c", f"1:4{1 + 2 * i:04d}") for i in range(4)]
    assert {r.status for r in (await modbus_bus.read(row)).values()} == {Status.MISSING}
    modbus_server.holes = set()
    modbus_server.requests.clear()
    assert {r.status for r in (await modbus_bus.read(row)).values()} == {Status.GOOD}
    assert modbus_server.requests == [(3, 0, 8)]


async def test_a_half_open_connection_is_left_to_the_kernel_to_notice(modbus_bus: ModbusBus) -> None:
    client = modbus_bus._link.connection
    assert client is not None
    sock = client.client.ctx.transport.get_extra_info("socket")
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 2000
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 1
