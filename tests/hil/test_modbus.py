"""The Modbus device against pymodbus's own client, on loopback."""

from __future__ import annotations

import math
import struct
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.constants import ExcCodes
from pymodbus.framer import FramerType

from hil.devices.modbus import ModbusDevice, Registers, absent
from hil.devices.watch import Watch
from plant_models.site.codec import decode
from plant_models.site.links import Serial
from plant_models.site.points import Point


@pytest.fixture(scope="session")
def points(row: Callable[..., Point]) -> tuple[Point, ...]:
    return (
        row("plant.chws_temp_c", "3:40001", "float32"),
        row("plant.chwr_temp_c", "3:40003", "float32", word_order="CDAB"),
        row("plant.chws_setpoint_c.request", "3:40005", "int16", "rw", 0.1),
        row("plant.chws_setpoint_c.effective", "3:40006", "int16", scale=0.1),
        row("daemon.heartbeat", "3:40007", "uint16", "w", unit="1"),
        row("ch-1.machine_state", "3:40010", "uint16", unit="1"),
        row("plant.cws_temp_c", "3:30001", "float32"),
        row("daemon.alarm", "3:00005", "bit", "rw", unit="1"),
        row("bas.clock_s", "4:40001", "float64", unit="s"),
    )


@pytest.fixture
def site(double: Any) -> Any:
    return double(**{"plant.chws_temp_c": 7.25, "plant.chwr_temp_c": 13.5, "plant.cws_temp_c": 24.0, "ch-1.machine_state": 2.0})


@pytest.fixture
async def device(site: Any, points: tuple[Point, ...]) -> AsyncIterator[ModbusDevice]:
    made = ModbusDevice("plc", points, site, Watch())
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def client(device: ModbusDevice) -> AsyncIterator[AsyncModbusTcpClient]:
    made = AsyncModbusTcpClient("127.0.0.1", port=device.port, retries=0, timeout=2)
    assert await made.connect()
    yield made
    made.close()


async def test_registers_show_the_site_now_and_after_each_step(client: AsyncModbusTcpClient, site: Any) -> None:
    registers = (await client.read_holding_registers(0, count=4, device_id=3)).registers
    assert struct.unpack(">f", struct.pack(">2H", *registers[:2]))[0] == 7.25
    assert struct.unpack(">f", struct.pack(">2H", registers[3], registers[2]))[0] == 13.5
    site.values["plant.chws_temp_c"] = 9.0
    site.advance(site.now_s + 5)
    registers = (await client.read_holding_registers(0, count=2, device_id=3)).registers
    assert struct.unpack(">f", struct.pack(">2H", *registers))[0] == 9.0


async def test_tables_and_units_are_apart(client: AsyncModbusTcpClient, site: Any) -> None:
    registers = (await client.read_input_registers(0, count=2, device_id=3)).registers
    assert struct.unpack(">f", struct.pack(">2H", *registers))[0] == 24.0
    registers = (await client.read_holding_registers(0, count=4, device_id=4)).registers
    assert struct.unpack(">d", struct.pack(">4H", *registers))[0] == site.now_s
    assert (await client.read_holding_registers(0, count=1, device_id=9)).exception_code == 11


@pytest.mark.parametrize(("address", "count"), [(7, 1), (100, 2), (5, 4)])
async def test_an_address_without_a_point_answers_exception_2(client: AsyncModbusTcpClient, address: int, count: int) -> None:
    assert (await client.read_holding_registers(address, count=count, device_id=3)).exception_code == 2


async def test_a_write_reaches_the_site_and_reads_back(client: AsyncModbusTcpClient, site: Any, device: ModbusDevice) -> None:
    assert not (await client.write_register(4, 75, device_id=3)).isError()
    assert not (await client.write_registers(6, [41], device_id=3)).isError()
    assert not (await client.write_coil(4, True, device_id=3)).isError()
    assert site.written == [("plant.chws_setpoint_c.request", 7.5), ("daemon.heartbeat", 41.0), ("daemon.alarm", 1.0)]
    assert (await client.read_holding_registers(4, count=1, device_id=3)).registers == [75]
    assert (await client.read_coils(4, count=1, device_id=3)).bits[0]


async def test_a_read_back_shows_what_the_site_made_of_a_write(client: AsyncModbusTcpClient, site: Any) -> None:
    await client.read_holding_registers(4, count=1, device_id=3)
    site.write = lambda signal, value: site.values.update({signal: 8.0})  # a BAS that clamps
    await client.write_registers(4, [200], device_id=3)
    assert (await client.read_holding_registers(4, count=1, device_id=3)).registers == [80]


@pytest.mark.parametrize(
    ("address", "values", "exception"),
    [(5, [70], 2), (0, [0, 0], 2), (1, [0], 2), (20, [1], 2), (4, [0x8000], 3), (4, [70, 70], 2)],
    ids=["effective", "sensor", "half a value", "no point", "no number", "one of two"],
)
async def test_a_refused_write_changes_nothing_and_is_seen(
    client: AsyncModbusTcpClient, site: Any, device: ModbusDevice, address: int, values: list[int], exception: int
) -> None:
    watch: Watch = device.registers.watch
    assert (await client.write_registers(address, values, device_id=3)).exception_code == exception
    assert site.written == []
    assert len(watch.seen) >= 1


async def test_a_dead_sensor_is_never_a_number(client: AsyncModbusTcpClient, site: Any) -> None:
    for signal in ("plant.chws_temp_c", "plant.chwr_temp_c", "plant.chws_setpoint_c.effective", "ch-1.machine_state"):
        site.values[signal] = None
    registers = (await client.read_holding_registers(0, count=6, device_id=3)).registers
    assert math.isnan(struct.unpack(">f", struct.pack(">2H", *registers[:2]))[0])
    assert math.isnan(struct.unpack(">f", struct.pack(">2H", registers[3], registers[2]))[0])
    assert registers[5] == 0x8000
    assert (await client.read_holding_registers(9, count=1, device_id=3)).exception_code == 4


async def test_a_value_outside_of_its_type_is_no_value(client: AsyncModbusTcpClient, site: Any) -> None:
    site.values["plant.chws_setpoint_c.effective"] = 4000.0
    assert (await client.read_holding_registers(5, count=1, device_id=3)).registers == [0x8000]


async def test_a_refused_point_answers_exception_4(client: AsyncModbusTcpClient, device: ModbusDevice) -> None:
    device.registers.refused.add("plant.chws_temp_c")
    assert (await client.read_holding_registers(0, count=2, device_id=3)).exception_code == 4
    assert not (await client.read_holding_registers(2, count=2, device_id=3)).isError()


async def test_the_watch_sees_writes_with_plant_time(client: AsyncModbusTcpClient, site: Any, device: ModbusDevice) -> None:
    await client.write_registers(4, [75], device_id=3)
    await client.read_holding_registers(4, count=1, device_id=3)
    (seen,) = device.registers.watch.seen
    assert (seen.plant_at_s, seen.device, seen.signal, seen.value) == (site.now_s, "plc", "plant.chws_setpoint_c.request", 7.5)


async def test_it_comes_back_on_the_same_port(device: ModbusDevice) -> None:
    port = device.port
    await device.close()
    client = AsyncModbusTcpClient("127.0.0.1", port=port, retries=0, timeout=1)
    assert not await client.connect()
    client.close()
    await device.open()
    assert device.port == port
    client = AsyncModbusTcpClient("127.0.0.1", port=port, retries=0, timeout=1)
    assert await client.connect()
    assert (await client.read_holding_registers(0, count=2, device_id=3)).registers
    client.close()


async def test_a_taken_port_is_an_error(device: ModbusDevice, site: Any, points: tuple[Point, ...]) -> None:
    with pytest.raises(OSError, match=str(device.port)):
        await ModbusDevice("plc", points, site, Watch(), port=device.port).open()


@pytest.mark.parametrize("order", ["ABCD", "CDAB", "BADC", "DCBA"])
@pytest.mark.parametrize("kind", ["int16", "uint16", "int32", "uint32", "float32", "float64"])
def test_every_type_of_a_measurement_has_words_for_no_value(kind: str, order: str, row: Callable[..., Point]) -> None:
    made = row("plant.chws_temp_c", "1:40001", kind, word_order=order)
    words = absent(made)
    assert words is not None
    assert decode(made, words) is None


@pytest.fixture
def bits(row: Callable[..., Point]) -> tuple[Point, ...]:
    shown = (row("ch-1.machine_state", "3:40020.0", "bit", unit="1"), row("ch-2.machine_state", "3:40020.9", "bit", unit="1"))
    return (*shown, row("daemon.alarm", "3:40020.5", "bit", "rw", unit="1"), row("daemon.heartbeat", "3:40020.6", "bit", "w", unit="1"))


async def test_several_points_share_a_register_as_its_bits(site: Any, bits: tuple[Point, ...]) -> None:
    site.values |= {"ch-1.machine_state": 1.0, "ch-2.machine_state": 1.0}
    registers = Registers("plc", bits, site, Watch())
    assert await registers.async_getValues(3, 3, 19) == [0b10_0000_0001]
    assert await registers.async_setValues(3, 22, 19, [0b10_0110_0001]) is None
    assert site.written == [("daemon.alarm", 1.0), ("daemon.heartbeat", 1.0)]
    assert await registers.async_getValues(3, 3, 19) == [0b10_0110_0001]
    assert await registers.async_setValues(3, 6, 19, [0b10_0110_0000]) == ExcCodes.ILLEGAL_ADDRESS, "it would change a bit that is read only"
    registers.refused.add("ch-2.machine_state")
    assert await registers.async_getValues(3, 3, 19) == ExcCodes.DEVICE_FAILURE


async def test_it_speaks_rtu_over_tcp(site: Any, points: tuple[Point, ...]) -> None:
    device = ModbusDevice("plc", points, site, Watch(), rtu=True)
    await device.open()
    client = AsyncModbusTcpClient("127.0.0.1", port=device.port, framer=FramerType.RTU, retries=0, timeout=5)
    assert await client.connect()
    registers = (await client.read_holding_registers(0, count=2, device_id=3)).registers
    assert struct.unpack(">f", struct.pack(">2H", *registers))[0] == 7.25
    client.close()
    await device.close()


async def test_a_serial_port_that_is_not_there_is_an_error(site: Any, points: tuple[Point, ...], tmp_path: Path) -> None:
    device = ModbusDevice("plc", points, site, Watch(), serial=Serial(tmp_path / "none"))
    with pytest.raises(OSError, match=r"cannot listen on .*none"):
        await device.open()
