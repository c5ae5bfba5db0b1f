"""Our client against a libmodbus server, and a libmodbus client against our device: peers that share no code with ours."""

from __future__ import annotations

import asyncio
import shutil
import struct
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from controller.fieldbus.modbus import ModbusBus
from hil.devices.modbus import ModbusDevice
from hil.devices.watch import Watch
from plant_models.site.links import Serial
from plant_models.site.topology import Device
from safety.records import Outcome, Status
from tests.controller.fieldbus.conftest import free_port
from tests.controller.fieldbus.modbus_peers import null_modem, point

SOURCE = Path(__file__).with_name("libmodbus_peer.c")
TIMEOUT_S = 5.0
WORD = point("ch-1.machine_state", "1:40001", "uint16", unit="1")
FAR = point("ch-2.machine_state", "1:40300", "uint16", unit="1")
INPUT = point("ch-3.machine_state", "1:30005", "uint16", unit="1")
BIT, CLEAR = point("ch-4.machine_state", "1:40002.3", "bit", unit="1"), point("ch-5.machine_state", "1:40002.4", "bit", unit="1")  # of 1001
DISCRETE = point("ch-6.machine_state", "1:10004", "bit", unit="1")
COIL = point("daemon.alarm", "1:00005", "bit", unit="1")
WIDE = point("daemon.done_until_s", "1:40060", "float64", unit="s", order="CDAB")
BEYOND = point("ch-7.machine_state", "1:40301", "uint16", unit="1")
SETPOINT = point("plant.chws_setpoint_c.request", "1:40150", "int16", 0.1)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("gcc is not installed")
    made = tmp_path_factory.mktemp("libmodbus") / "peer"
    done = subprocess.run([compiler, "-O1", "-I/usr/include/modbus", str(SOURCE), "-o", str(made), "-lmodbus"], capture_output=True, text=True, check=False)
    if "modbus.h" in done.stderr or "-lmodbus" in done.stderr:
        pytest.skip("libmodbus with its headers is not installed")
    assert done.returncode == 0, done.stderr
    return made


@asynccontextmanager
async def process(*command: str) -> AsyncIterator[None]:
    child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert child.stdout is not None
    try:
        assert await child.stdout.readline() == b"ready\n"
        yield
    finally:
        child.kill()
        await child.communicate()


@asynccontextmanager
async def connected(program: Path, transport: str) -> AsyncIterator[ModbusBus]:
    if transport == "tcp":
        port = free_port()
        async with process(str(program), "serve", "tcp", str(port)):
            bus = ModbusBus(Device("modbus", port=port, bit_writes="mask"), TIMEOUT_S, TIMEOUT_S)
            yield bus
            await bus.close()
        return
    async with null_modem() as (ours, theirs), process(str(program), "serve", "rtu", str(theirs)):
        bus = ModbusBus(Device("modbus", transport="rtu", serial=Serial(ours, 115200, "none"), read_retries=1, bit_writes="mask"), TIMEOUT_S, TIMEOUT_S)
        yield bus
        await bus.close()


@pytest.mark.parametrize("transport", ["tcp", "rtu"])
async def test_our_client_and_a_libmodbus_server_understand_each_other(program: Path, transport: str) -> None:
    async with connected(program, transport) as bus:
        raws = await bus.read([WORD, FAR, INPUT, BIT, CLEAR, DISCRETE])
        assert [raws[p.signal].value for p in (WORD, FAR, INPUT, BIT, CLEAR, DISCRETE)] == [1000, 1299, 2004, 1, 0, 1], raws
        outcomes = await bus.write([(SETPOINT, 8.0), (COIL, 1.0), (WIDE, 1.7845e9), (CLEAR, 1.0), (BIT, 0.0)])
        assert set(outcomes.values()) == {Outcome.VERIFIED}
        raws = await bus.read([SETPOINT, COIL, WIDE, CLEAR, BIT])
        assert [raws[p.signal].value for p in (SETPOINT, COIL, WIDE, CLEAR, BIT)] == [8.0, 1.0, 1.7845e9, 1.0, 0.0]
        raws = await bus.read([BEYOND, FAR])
        assert (raws[BEYOND.signal].status, raws[FAR.signal].value) == (Status.MISSING, 1299)
        assert "exception 2" in raws[BEYOND.signal].detail


async def test_a_libmodbus_client_and_our_device_understand_each_other(program: Path) -> None:
    class Values(dict[str, float]):
        now_s = 0.0

        def read(self, signal: str) -> float:
            return self.get(signal, 0.0)

        def write(self, signal: str, value: float) -> None:
            self[signal] = value

    values: Any = Values({"plant.chws_temp_c": 7.25, "plant.chwr_temp_c": 13.5})
    points = (
        point("plant.chws_temp_c", "3:40001"),
        point("plant.chwr_temp_c", "3:40003", order="CDAB"),
        point("plant.chws_setpoint_c.request", "3:40005", "int16", 0.1),
        point("daemon.alarm", "3:00005", "bit", unit="1"),
        point("daemon.mode", "3:40010.5", "bit", unit="1"),
        point("daemon.heartbeat", "3:40010.6", "bit", unit="1"),
    )
    device = ModbusDevice("plc", points, values, Watch())
    await device.open()
    child = await asyncio.create_subprocess_exec(str(program), "ask", "tcp", str(device.port), stdout=asyncio.subprocess.PIPE)
    said, _ = await child.communicate()
    await device.close()
    assert child.returncode == 0
    low, high = struct.unpack(">2H", struct.pack(">f", 13.5))[::-1]
    assert said.decode().splitlines() == [f"40e8 0000 {low:04x} {high:04x}", "1 0020", "Illegal data address"]
    assert {s: v for s, v in values.items() if s.startswith(("daemon", "plant.chws_setpoint"))} == {
        "plant.chws_setpoint_c.request": 7.5,
        "daemon.mode": 1.0,
        "daemon.alarm": 1.0,
    }
