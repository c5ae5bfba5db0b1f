"""A Modbus device for the tests of the fieldbus, on any transport, made of the library's own servers."""

from __future__ import annotations

import asyncio
import socket
import ssl
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pymodbus.constants import ExcCodes
from pymodbus.framer import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer, ModbusTlsServer
from pymodbus.server.base import ModbusBaseServer
from pymodbus.simulator import DataType, SimData, SimDevice

from plant_models.site.address import parse_modbus_address
from plant_models.site.codec import decode, encode
from plant_models.site.links import Serial, Tls
from plant_models.site.points import Point
from plant_models.site.topology import Device
from tests.controller.fieldbus.modbus_peers import Authority, null_modem, server_context


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@dataclass
class ModbusServer:
    """A Modbus device with 200 holding registers in each unit, on any transport; some offsets may be holes or refuse to be written."""

    units: Sequence[int] = (1,)
    port: int = 0
    holes: set[int] = field(default_factory=set)
    read_only: set[int] = field(default_factory=set)
    requests: list[tuple[int, int, int]] = field(default_factory=list)  # function, offset, count
    memory: dict[int, list[int]] = field(default_factory=dict)
    framer: FramerType = FramerType.SOCKET
    tls: ssl.SSLContext | None = None
    line: Path | None = None
    _server: ModbusBaseServer | None = None

    async def start(self) -> None:
        devices = []
        for unit in self.units:
            values = self.memory.get(unit, [0] * 200)
            blocks = ([SimData(0, values=[False] * 64, datatype=DataType.BITS)], [SimData(0, values=[False] * 64, datatype=DataType.BITS)])
            registers = ([SimData(0, values=list(values), datatype=DataType.REGISTERS)], [SimData(0, values=list(values), datatype=DataType.REGISTERS)])
            devices.append(SimDevice(unit, simdata=(*blocks, *registers), action=self._act))
        self.port = self.port or free_port()
        address = ("127.0.0.1", self.port)
        if self.line is not None:
            self._server = ModbusSerialServer(devices, port=str(self.line), baudrate=115200, ignore_missing_devices=True)
        elif self.tls is not None:
            self._server = ModbusTlsServer(devices, address=address, sslctx=self.tls, framer=self.framer)
        else:
            self._server = ModbusTcpServer(devices, address=address, framer=self.framer)
        await self._server.serve_forever(background=True)
        self.memory = {unit: self._server.context.devices[unit].block["h"][2] for unit in self.units}

    async def _act(self, function: int, _start: int, offset: int, count: int, _registers: list[int], values: Any) -> ExcCodes | None:
        if function in (5, 6) and not values:
            return None  # the server looks at what it has just written
        self.requests.append((function, offset, count))
        if any(o in self.holes for o in range(offset, offset + count)):
            return ExcCodes.ILLEGAL_ADDRESS
        if values and any(o in self.read_only for o in range(offset, offset + count)):
            return ExcCodes.ILLEGAL_VALUE
        return None

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.shutdown()
            self._server = None
            await asyncio.sleep(0.01)

    def put(self, point: Point, value: float) -> None:
        self.put_registers(point, encode(point, value))

    def put_registers(self, point: Point, words: Sequence[int]) -> None:
        at = parse_modbus_address(point.address)
        self.memory[at.unit][at.offset : at.offset + len(words)] = words

    def get(self, point: Point) -> float | None:
        at = parse_modbus_address(point.address)
        return decode(point, self.memory[at.unit][at.offset : at.offset + len(encode(point, 0.0))])


async def on_transport(transport: str, stack: AsyncExitStack) -> tuple[ModbusServer, Device, Path]:
    """Returns a device that is not started, how it is reached, and the folder of its certificates."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    if transport == "rtu":
        ours, theirs = await stack.enter_async_context(null_modem())
        return ModbusServer(line=theirs), Device("modbus", transport="rtu", serial=Serial(ours, 115200, "none"), timeout_wall_s=0.5, quiet_wall_s=0.05), folder
    port = free_port()
    if transport == "rtu-over-tcp":
        return ModbusServer(port=port, framer=FramerType.RTU), Device("modbus", port=port, transport="rtu-over-tcp", quiet_wall_s=0.05), folder
    if transport == "tls":
        authority = Authority(folder)
        context = server_context(authority, authority.issue("device", ["127.0.0.1"]))
        files = Tls(authority.file, *authority.issue("client"))
        return ModbusServer(port=port, tls=context), Device("modbus", port=port, transport="tls", tls=files), folder
    return ModbusServer(port=port), Device("modbus", port=port), folder
