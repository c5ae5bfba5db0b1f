"""A Modbus device on TCP, TLS or a serial line that serves the points of a simulated site; registers are encoded when they are asked for."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from pymodbus.constants import ExcCodes
from pymodbus.datastore import ModbusServerContext
from pymodbus.framer import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer, ModbusTlsServer
from pymodbus.server.base import ModbusBaseServer

from hil.devices import Served
from hil.devices.watch import Watch
from plant_models.site.address import Bits, Table, parse_modbus_address
from plant_models.site.codec import decode, encode, nothing_of, raw_type
from plant_models.site.links import Serial
from plant_models.site.points import Point

_TABLE: Final = dict.fromkeys((1, 5, 15), Table.COIL) | {2: Table.DISCRETE, 4: Table.INPUT} | dict.fromkeys((3, 6, 16, 22, 23), Table.HOLDING)


@dataclass(slots=True)
class _Cell:
    """One point in a table: where it stands, the words last served, and the plant time that they belong to.

    ``bits`` are the points of a register that holds several, by their part of it; ``point`` is then one of them.
    """

    point: Point
    offset: int
    width: int
    words: list[int] | None
    fresh_at_s: float | None = None
    bits: dict[Bits, Point] = field(default_factory=dict)

    def parts(self, words: list[int]) -> list[tuple[Point, float | None]]:
        """Returns which points a write touches and the value of each; of bits only those that it changes."""
        if not self.bits:
            return [(self.point, decode(self.point, words))]
        before = self.words[0] if self.words else 0
        return [(point, decode(point, words)) for part, point in self.bits.items() if (before ^ words[0]) & part.mask]


def absent(point: Point) -> list[int] | None:
    """Returns the words that stand for "no value": all bits one for floats, a NaN in every word and byte order; None where the type has no such words."""
    held = raw_type(point)
    if held.low is not None and nothing_of(point) is None:
        return None
    candidates = [[0xFFFF] * held.registers] if held.low is None else [[0xFFFF] * held.registers, *_signed_lowest(held.registers)]
    return next((words for words in candidates if decode(point, words) is None), None)


def _signed_lowest(registers: int) -> list[list[int]]:
    """Returns the words of the lowest signed number in each word and byte order."""
    rest = [0] * (registers - 1)
    return [[0x8000, *rest], [*rest, 0x8000], [0x0080, *rest], [*rest, 0x0080]]


class Registers(ModbusServerContext):
    """The register image of one device, by unit and table, as pymodbus's server asks for it."""

    def __init__(self, name: str, points: Sequence[Point], site: Served, watch: Watch) -> None:
        """Lays the points out; the values stay in ``site``."""
        # The parent's constructor builds a memory of its own and warns of its end; the server calls only the methods below.
        self.simdevices = []
        self.old_simulator = True
        self._name, self._site, self.watch = name, site, watch
        self._cells: dict[tuple[int, Table], dict[int, _Cell]] = {}
        self.refused: set[str] = set()
        """Signals whose every request is answered with exception 4, as a device does whose sensor card has failed."""
        for point in points:
            at = parse_modbus_address(point.address)
            width = raw_type(point).registers
            cell = _Cell(point, at.offset, width, [0] * width)
            table = self._cells.setdefault((at.unit, at.table), {})
            if at.bits is not None:
                table.setdefault(at.offset, cell).bits[at.bits] = point
                continue
            table.update(dict.fromkeys(range(at.offset, at.offset + width), cell))

    def device_ids(self) -> list[int]:
        """Returns the unit ids."""
        return sorted({unit for unit, _ in self._cells})

    async def async_getValues(self, device_id: int, func_code: int, address: int, count: int = 1) -> list[int] | list[bool] | ExcCodes:  # noqa: N802  # pymodbus's name
        """Returns the words asked for, or the exception: 11 for an unknown unit, 2 for an address without a point, 4 for a dead or refused point."""
        table = self._table(device_id, func_code)
        if isinstance(table, ExcCodes):
            return table
        words: list[int] = []
        for offset in range(address, address + count):
            cell = table.get(offset)
            if cell is None:
                return ExcCodes.ILLEGAL_ADDRESS
            shown = self._words(cell)
            if shown is None or (cell.point.signal in self.refused and not cell.bits):
                return ExcCodes.DEVICE_FAILURE
            words.append(shown[offset - cell.offset])
        return [bool(w) for w in words] if _TABLE[func_code].of_bits else words

    async def async_setValues(self, device_id: int, func_code: int, address: int, values: Sequence[int] | Sequence[bool]) -> ExcCodes | None:  # noqa: N802  # pymodbus's name
        """Passes a write on to the site, all of it or nothing; exception 2 for a part of a value or a point that may not be written, 3 for no number."""
        table = self._table(device_id, func_code)
        words = [int(v) for v in values]
        asked = None if isinstance(table, ExcCodes) else _split(table, address, words)
        if asked is None:
            self.watch.saw(self._site.now_s, self._name, f"[{device_id}:{_TABLE[func_code]}:{address}]", None)
            return table if isinstance(table, ExcCodes) else ExcCodes.ILLEGAL_ADDRESS
        wanted = [(point, value) for cell, part in asked for point, value in cell.parts(part)]
        for point, value in wanted:
            self.watch.saw(self._site.now_s, self._name, point.signal, value)
        if not all(point.writable for point, _ in wanted):
            return ExcCodes.ILLEGAL_ADDRESS
        if any(point.signal in self.refused for point, _ in wanted):
            return ExcCodes.DEVICE_FAILURE
        if any(value is None for _, value in wanted):
            return ExcCodes.ILLEGAL_VALUE
        for point, value in wanted:
            if value is not None:
                self._site.write(point.signal, value)
        for cell, part in asked:
            cell.words, cell.fresh_at_s = part, None
        return None

    def _table(self, unit: int, function: int) -> dict[int, _Cell] | ExcCodes:
        if not any(known == unit for known, _ in self._cells):
            return ExcCodes.GATEWAY_NO_RESPONSE
        return self._cells.get((unit, _TABLE[function]), {})

    def _words(self, cell: _Cell) -> list[int] | None:
        if cell.bits:
            return self._bits(cell)
        if cell.point.readable and cell.fresh_at_s != self._site.now_s:
            value = self._site.read(cell.point.signal)
            cell.words = absent(cell.point) if value is None else _held(cell.point, value)
            cell.fresh_at_s = self._site.now_s
        return cell.words

    def _bits(self, cell: _Cell) -> list[int] | None:
        """Returns the register of several bits as the site shows them now; a bit that is written only keeps what was written."""
        word = cell.words[0] if cell.words else 0
        for part, point in cell.bits.items():
            if point.readable:
                value = self._site.read(point.signal)
                if value is None or point.signal in self.refused:
                    return None
                word = word & ~part.mask | encode(point, value)[0] << part.low
        cell.words = [word]
        return [word]


def _held(point: Point, value: float) -> list[int] | None:
    """Returns a value's words, or those for "no value" where the point's type cannot hold it."""
    try:
        return encode(point, value)
    except ValueError:
        return absent(point)


def _split(table: dict[int, _Cell], address: int, words: list[int]) -> list[tuple[_Cell, list[int]]] | None:
    """Returns the cells that a write covers with the words of each, or None where it touches no point or only a part of one."""
    parts: list[tuple[_Cell, list[int]]] = []
    at = 0
    while at < len(words):
        cell = table.get(address + at)
        if cell is None or cell.offset != address + at or at + cell.width > len(words):
            return None
        parts.append((cell, words[at : at + cell.width]))
        at += cell.width
    return parts


class ModbusDevice:
    """A Modbus server for all the points of one device, or of several behind one gateway."""

    def __init__(
        self,
        name: str,
        points: Sequence[Point],
        site: Served,
        watch: Watch,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        rtu: bool = False,
        serial: Serial | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Takes the device's points; port 0 means any free one, chosen at the first opening.

        It speaks Modbus TCP, with ``rtu`` the frames of a serial line over TCP, with ``tls`` Modbus/TCP Security, or with ``serial`` RTU on that line.
        """
        self.name = name
        self.registers = Registers(name, points, site, watch)
        self._host, self._port = host, port
        self._rtu, self._serial, self._tls = rtu, serial, tls
        self._server: ModbusBaseServer | None = None

    @property
    def port(self) -> int:
        """The TCP port that it listens on, 0 before it was first opened and on a serial line."""
        return self._port

    async def open(self) -> None:
        """Starts listening; after a close it listens on the same port again.

        Raises OSError when the port is taken.
        """
        server = self._made()
        try:
            await server.serve_forever(background=True)
        except RuntimeError as error:
            at = self._serial.port if self._serial else f"{self._host}:{self._port}"
            raise OSError(f"device {self.name!r}: cannot listen on {at} ({error})") from error
        if isinstance(server.transport, asyncio.Server):
            self._port = int(server.transport.sockets[0].getsockname()[1])
        self._server = server

    def _made(self) -> ModbusBaseServer:
        if (line := self._serial) is not None:
            return ModbusSerialServer(
                self.registers,
                port=str(line.port),
                baudrate=line.baud_rate,
                parity=line.parity[0].upper(),
                stopbits=line.stop_bits,
                ignore_missing_devices=True,  # on a line a unit that is not there does not answer
            )
        if self._tls is not None:  # its own header comes without transaction ids, the standard's is that of TCP
            return ModbusTlsServer(self.registers, address=(self._host, self._port), sslctx=self._tls, framer=FramerType.SOCKET)
        return ModbusTcpServer(self.registers, address=(self._host, self._port), framer=FramerType.RTU if self._rtu else FramerType.SOCKET)

    async def publish(self) -> None:
        """Does nothing: registers are encoded when they are asked for."""

    async def close(self) -> None:
        """Stops listening and drops every connection."""
        if self._server is not None:
            await self._server.shutdown()  # type: ignore[no-untyped-call]  # pymodbus leaves it untyped
            self._server = None
