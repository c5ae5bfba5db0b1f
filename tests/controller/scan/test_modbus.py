"""A Modbus probe on the wire: what answers, what does not exist, what stays silent; never a write, no known hole twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from controller.scan import Pace, Survey
from controller.scan.modbus import ModbusScanner
from plant_models.site.address import Table, parse_modbus_address
from tests.controller.fieldbus.conftest import ModbusServer, free_port

FAST = Pace(100_000.0)


@pytest.fixture
async def plc() -> AsyncIterator[ModbusServer]:
    server = ModbusServer(units=(1, 3))
    await server.start()
    yield server
    await server.stop()


def scanner(port: int, units: tuple[int, ...] = (3,), tables: tuple[Table, ...] = (Table.HOLDING,), last: int = 99, **more: object) -> ModbusScanner:
    return ModbusScanner("plc", "127.0.0.1", port, units, tables, 0, last, timeout_s=0.5, **more)  # type: ignore[arg-type]  # names of ModbusScanner


async def scanned(one: ModbusScanner, pace: Pace = FAST) -> tuple[Survey, list[str]]:
    said: list[str] = []
    return await one.scan(pace, said.append), said


async def test_registers_around_holes_are_found_and_holes_are_named(plc: ModbusServer) -> None:
    plc.holes |= {10, 11, 12, 57}
    plc.memory[3][0:3] = [7, 0x4118, 0x0000]  # 9.5 as a float from offset 1
    survey, said = await scanned(scanner(plc.port))
    assert survey.answered
    assert {parse_modbus_address(p.address).offset for p in survey.points} == set(range(100)) - {10, 11, 12, 57}
    swept = survey.details["units"]["3"]["holding"]
    assert swept["holes"] == [(10, 12), (57, 57)]
    assert swept["answers"] == [(0, 9), (13, 56), (58, 99)]
    first = {p.address: p for p in survey.points}
    assert (first["3:40001"].shown, first["3:40001"].writable) == ("7", True)
    assert first["3:40002"].hint == "perhaps float32 ABCD 9.5"
    assert said[-1] == "plc: unit 3, holding up to 100 of 100: 96 answer"


async def test_nothing_is_ever_written_and_no_address_is_asked_again_once_it_is_known(plc: ModbusServer) -> None:
    plc.holes |= set(range(20, 60))
    before = {unit: list(words) for unit, words in plc.memory.items()}
    survey, _ = await scanned(scanner(plc.port, (1, 3)))
    assert {function for function, _, _ in plc.requests} == {3}
    assert {unit: list(words) for unit, words in plc.memory.items()} == before
    assert len(plc.requests) == survey.requests
    plc.requests.clear()
    again = {int(unit): {t: s["holes"] for t, s in tables.items()} for unit, tables in survey.details["units"].items()}
    second, _ = await scanned(scanner(plc.port, (1, 3), known=again))
    assert len(second.points) == len(survey.points)
    asked = {o for function, offset, count in plc.requests for o in range(offset, offset + count)}
    assert not asked & set(range(20, 60))
    assert second.requests <= 6
    assert second.details["units"]["3"]["holding"]["holes"] == [(20, 59)], "what was known stays known"


async def test_a_unit_that_refuses_everything_is_left_and_the_others_found(plc: ModbusServer) -> None:
    survey, _ = await scanned(scanner(plc.port, (1, 2, 3), last=49))
    assert {parse_modbus_address(p.address).unit for p in survey.points} == {1, 3}
    assert any(remark.startswith("unit 2, holding: nothing but refusals: exception") for remark in survey.remarks)
    assert survey.requests < 60


async def test_silent_units_are_asked_twice_and_left() -> None:
    async def only_unit_3(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while header := await reader.read(12):
            asked.append(header[6])
            if header[6] == 3:
                count = header[11]
                writer.write(header[:4] + bytes([0, 3 + 2 * count, 3, 3, 2 * count]) + bytes(2 * count))
        writer.close()

    asked: list[int] = []
    gateway = await asyncio.start_server(only_unit_3, "127.0.0.1", 0)
    one = scanner(gateway.sockets[0].getsockname()[1], (2, 3, 4), last=9)
    one.timeout_s = 0.1
    survey, said = await scanned(one)
    assert {parse_modbus_address(p.address).unit for p in survey.points} == {3}
    assert asked == [2, 2, 3, 3, 4, 4]
    assert any("unit 2 (1 of 3)" in line for line in said)
    gateway.close()
    await gateway.wait_closed()


async def test_every_table_is_probed_with_its_own_function(plc: ModbusServer) -> None:
    survey, _ = await scanned(scanner(plc.port, tables=tuple(Table), last=19))
    kinds = {parse_modbus_address(p.address).table: (p.type, p.writable) for p in survey.points}
    assert kinds == {Table.COIL: ("bit", True), Table.DISCRETE: ("bit", False), Table.INPUT: ("uint16", False), Table.HOLDING: ("uint16", True)}
    assert {function for function, _, _ in plc.requests} == {1, 2, 3, 4}


async def test_units_that_show_the_very_same_are_doubted(plc: ModbusServer) -> None:
    plc.memory[1][0] = plc.memory[3][0] = 42
    survey, _ = await scanned(scanner(plc.port, (1, 3), last=9))
    assert survey.remarks == ("units 1, 3 show the very same registers: perhaps one device that answers any unit id",)


async def test_where_nothing_listens_the_survey_says_so() -> None:
    survey, _ = await scanned(scanner(free_port(), (1, 2)))
    assert (survey.answered, survey.points) == (False, ())
    assert "no connection" in survey.remarks[0]


async def test_every_request_waits_for_its_turn(plc: ModbusServer) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    survey, _ = await scanned(scanner(plc.port, last=199, block=20), Pace(5.0, lambda: 0.0, sleep))
    assert survey.requests == 11
    assert slept == pytest.approx([0.2 * n for n in range(1, 11)])
