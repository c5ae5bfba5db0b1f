"""Modbus RTU on a serial line, and through a gateway over TCP: nothing ties a reply to its request there but unit, function, length and time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from controller.fieldbus.modbus import ModbusBus
from plant_models.site.links import Serial
from plant_models.site.topology import Device
from safety.records import Outcome, Status
from tests.controller.fieldbus.modbus_peers import SerialPeer, Slaves, TcpPeer, point, sealed

SUPPLY = point("plant.chws_temp_c", "1:40001")
RETURN = point("plant.chwr_temp_c", "1:40101")  # as long as SUPPLY, in a block of its own
SETPOINT = point("plant.chws_setpoint_c.request", "1:40150", "int16", 0.1)
OTHER_UNIT = point("plant.cws_temp_c", "2:40001")
THIRD_UNIT = point("plant.cwr_temp_c", "3:40001")
VALUES = {SUPPLY: 7.5, RETURN: 13.5, SETPOINT: 10.0, OTHER_UNIT: 24.0, THIRD_UNIT: 29.0}
TIMEOUT_S = 0.3


@pytest.fixture
def slaves() -> Slaves:
    made = Slaves()
    for p, value in VALUES.items():
        made.put(p, value)
    return made


@pytest.fixture(params=["serial line", "gateway over TCP"])
async def peer(request: Any, slaves: Slaves) -> AsyncIterator[Any]:
    made = SerialPeer(slaves) if request.param == "serial line" else await TcpPeer(slaves).open()
    yield made
    await made.close()


@pytest.fixture
async def bus(peer: Any) -> AsyncIterator[ModbusBus]:
    made = ModbusBus(peer.device, TIMEOUT_S, TIMEOUT_S)
    await made.open()
    yield made
    await made.close()


def later(delay_s: float, data: bytes, say: Any) -> None:
    asyncio.get_running_loop().call_later(delay_s, say, data)


async def until(bus: ModbusBus, wanted: Any, value: float) -> None:
    async with asyncio.timeout(20):
        while (await bus.read([wanted]))[wanted.signal].value != value:  # noqa: ASYNC110  # each turn is a read
            await asyncio.sleep(0.02)


async def test_units_on_one_line_are_read_and_written(bus: ModbusBus, slaves: Slaves) -> None:
    raws = await bus.read(list(VALUES))
    assert {s: r.value for s, r in raws.items()} == {p.signal: value for p, value in VALUES.items()}
    assert dict(await bus.write([(SETPOINT, 8.0), (OTHER_UNIT, 25.5)])) == {SETPOINT.signal: Outcome.VERIFIED, OTHER_UNIT.signal: Outcome.VERIFIED}
    assert slaves.registers[1][149] == 80
    assert (await bus.read([OTHER_UNIT]))[OTHER_UNIT.signal].value == 25.5


@pytest.mark.parametrize(("way", "functions"), [("mask", [22, 22, 22]), ("read-modify-write", [3, 6, 3, 6, 3, 6])])
async def test_bits_of_a_register_are_read_and_set_without_touching_their_neighbours(peer: Any, slaves: Slaves, way: Any, functions: list[int]) -> None:
    slaves.registers[1][9] = 0b1001_0110_1010_0000
    fifth, sixth, eighth = (point(f"daemon.{name}", f"1:40010.{bit}", "bit", unit="1") for name, bit in (("alarm", 5), ("mode", 6), ("heartbeat", 7)))
    several = point("daemon.stage", "1:40010.8-10", "bits", unit="1")
    bus = ModbusBus(replace(peer.device, bit_writes=way), TIMEOUT_S, TIMEOUT_S)
    raws = await bus.read([fifth, sixth, eighth, several])
    assert [raws[p.signal].value for p in (fifth, sixth, eighth, several)] == [1.0, 0.0, 1.0, 6.0]
    assert len(slaves.heard) == 1
    assert set((await bus.write([(fifth, 0.0), (sixth, 1.0), (several, 5.0)])).values()) == {Outcome.VERIFIED}
    assert slaves.registers[1][9] == 0b1001_0101_1100_0000
    assert slaves.functions()[1:] == functions
    await bus.close()


async def test_bits_are_not_written_where_nobody_said_how(bus: ModbusBus, slaves: Slaves) -> None:
    assert dict(await bus.write([(point("daemon.alarm", "1:40010.5", "bit", unit="1"), 1.0)])) == {"daemon.alarm": Outcome.REFUSED}
    assert slaves.heard == []


async def test_a_late_reply_on_a_line_is_never_taken_for_another_requests(bus: ModbusBus, slaves: Slaves) -> None:
    waits = [TIMEOUT_S + 0.05, 0.15]  # the first reply would arrive while the second request waits for its own

    def tamper(reply: bytes, say: Any) -> bytes | None:
        if not waits:
            return reply
        later(waits.pop(0), reply, say)
        return None

    slaves.tamper = tamper
    assert (await bus.read([SUPPLY]))[SUPPLY.signal].status is Status.MISSING
    for _ in range(4):
        assert (await bus.read([RETURN]))[RETURN.signal].value == 13.5
    assert (await bus.read([SUPPLY]))[SUPPLY.signal].value == 7.5


async def test_a_late_reply_does_not_hold_up_other_units(bus: ModbusBus, slaves: Slaves) -> None:
    slaves.dead = {1}
    raws = await bus.read([SUPPLY, OTHER_UNIT])
    assert (raws[SUPPLY.signal].status, raws[OTHER_UNIT.signal].value) == (Status.MISSING, 24.0)


@pytest.mark.parametrize("order", ["dead first", "dead last"])
async def test_a_dead_unit_among_live_ones_is_missing_alone_and_found_again(bus: ModbusBus, slaves: Slaves, order: str) -> None:
    slaves.dead = {2}
    asked = [OTHER_UNIT, SUPPLY, THIRD_UNIT] if order == "dead first" else [SUPPLY, THIRD_UNIT, OTHER_UNIT]
    for _ in range(3):
        raws = await bus.read(asked)
        assert (raws[SUPPLY.signal].value, raws[OTHER_UNIT.signal].value, raws[THIRD_UNIT.signal].value) == (7.5, None, 29.0)
    slaves.dead = set()
    await until(bus, OTHER_UNIT, 24.0)


def flipped(reply: bytes, _: Any) -> bytes:
    return reply[:4] + bytes((reply[4] ^ 1,)) + reply[5:]


def half(reply: bytes, _: Any) -> bytes:
    return reply[: len(reply) // 2]


def of_another_unit(reply: bytes, _: Any) -> bytes:
    return sealed(b"\7" + reply[1:-2])


def of_another_function(reply: bytes, _: Any) -> bytes:
    return sealed(reply[:1] + b"\4" + reply[2:-2])


def shorter(reply: bytes, _: Any) -> bytes:
    return sealed(reply[:2] + bytes((reply[2] - 2,)) + reply[3:-4])


def after_noise(reply: bytes, _: Any) -> bytes:
    return b"\x00\xff\x01\x03\x09" + reply


def after_a_late_one(reply: bytes, _: Any) -> bytes:
    return sealed(b"\1\3\2\0\1") + reply


def silence(_: bytes, __: Any) -> None:
    return None


SPOILT = (flipped, half, of_another_unit, of_another_function, shorter, after_noise, after_a_late_one, silence)


@pytest.mark.parametrize("spoil", SPOILT, ids=lambda f: f.__name__)
async def test_a_spoilt_frame_is_missing_and_the_next_read_is_right(bus: ModbusBus, slaves: Slaves, spoil: Any) -> None:
    slaves.tamper = spoil
    raw = (await bus.read([SUPPLY]))[SUPPLY.signal]
    assert (raw.value, raw.status) == (None, Status.MISSING)
    slaves.tamper = None
    assert (await bus.read([SUPPLY]))[SUPPLY.signal].value == 7.5


@pytest.mark.parametrize("spoil", SPOILT, ids=lambda f: f.__name__)
async def test_a_retried_read_survives_one_spoilt_frame(peer: Any, slaves: Slaves, spoil: Any) -> None:
    left = [spoil]
    slaves.tamper = lambda reply, say: left.pop()(reply, say) if left else reply
    bus = ModbusBus(replace(peer.device, read_retries=1), TIMEOUT_S, TIMEOUT_S)
    raw = (await bus.read([SUPPLY]))[SUPPLY.signal]
    await bus.close()
    assert raw.value == (None if spoil in (shorter, after_a_late_one) else 7.5)  # a device whose table ends here says the same each time


@pytest.mark.parametrize("spoil", [flipped, silence], ids=lambda f: f.__name__)
async def test_a_write_is_sent_once_however_many_retries(peer: Any, slaves: Slaves, spoil: Any) -> None:
    slaves.tamper = spoil
    bus = ModbusBus(replace(peer.device, read_retries=3), TIMEOUT_S, TIMEOUT_S)
    assert dict(await bus.write([(SETPOINT, 8.0)])) == {SETPOINT.signal: Outcome.UNREACHABLE}
    slaves.tamper = None
    assert (await bus.read([SETPOINT]))[SETPOINT.signal].value == 8.0
    await bus.close()
    assert slaves.functions().count(6) == 1


async def test_a_frame_in_pieces_is_put_together(bus: ModbusBus, slaves: Slaves) -> None:
    def drip(reply: bytes, say: Any) -> None:
        for i in range(len(reply)):
            later(0.003 * (i + 1), reply[i : i + 1], say)

    slaves.tamper = drip
    assert (await bus.read([SUPPLY]))[SUPPLY.signal].value == 7.5


async def test_a_device_that_needs_a_pause_after_its_answer_gets_it(peer: Any, slaves: Slaves) -> None:
    loop = asyncio.get_running_loop()
    answered_s = 0.0

    def tamper(reply: bytes, _: Any) -> bytes:
        nonlocal answered_s
        answered_s = loop.time()
        return reply

    slaves.tamper = tamper
    slaves.deaf = lambda: loop.time() - answered_s < 0.05  # as a transceiver that has not turned round yet
    bus = ModbusBus(replace(peer.device, pause_wall_s=0.06), TIMEOUT_S, TIMEOUT_S)
    raws = await bus.read(list(VALUES))
    await bus.close()
    assert {r.status for r in raws.values()} == {Status.GOOD}


async def test_random_bytes_for_replies_never_give_a_value(peer: Any, slaves: Slaves) -> None:
    chance = random.Random(20260722)
    bus = ModbusBus(replace(peer.device, quiet_wall_s=0.0), 0.02, 0.02)
    slaves.tamper = lambda reply, _: chance.choice((b"", reply[:2], reply[:3])) + chance.randbytes(chance.randrange(1, 80))
    for _ in range(60):
        assert {r.value for r in (await bus.read([SUPPLY, RETURN])).values()} == {None}
        assert set((await bus.write([(SETPOINT, 8.0)])).values()) == {Outcome.UNREACHABLE}
    slaves.tamper = None
    await until(bus, SUPPLY, 7.5)
    await bus.close()


async def test_a_line_that_another_process_has_or_that_is_gone_is_missing_with_a_reason(slaves: Slaves) -> None:
    peer = SerialPeer(slaves)
    first, second = (ModbusBus(peer.device, TIMEOUT_S, TIMEOUT_S) for _ in range(2))
    assert (await first.read([SUPPLY]))[SUPPLY.signal].value == 7.5
    assert "Could not exclusively lock port" in (await second.read([SUPPLY]))[SUPPLY.signal].detail
    await first.close()
    await until(second, SUPPLY, 7.5)
    await peer.close()  # the adapter is pulled out
    assert (await second.read([SUPPLY]))[SUPPLY.signal].status is Status.MISSING
    await second.close()


async def test_a_port_that_does_not_take_its_form_is_missing_with_a_reason(slaves: Slaves) -> None:
    peer = SerialPeer(slaves)
    bus = ModbusBus(replace(peer.device, serial=Serial(peer.path, 9600, "even")), TIMEOUT_S, TIMEOUT_S)
    assert "does not take its settings" in (await bus.read([SUPPLY]))[SUPPLY.signal].detail
    nowhere = ModbusBus(Device("modbus", transport="rtu", serial=Serial(peer.path.with_name("none-such"))), TIMEOUT_S, TIMEOUT_S)
    assert "No such file" in (await nowhere.read([SUPPLY]))[SUPPLY.signal].detail
    await peer.close()
