"""One connection to Modbus devices with one request at a time on it; a doubt about whose reply comes next is waited out or ends it. Knows no points."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final, NamedTuple

from pymodbus.exceptions import ConnectionException, ModbusException
from pymodbus.pdu import ModbusPDU

from controller.fieldbus.backoff import Backoff
from controller.fieldbus.modbus_client import Client, Connection, Dial, Garbled, Send, dial_of
from plant_models.site.address import Bits, Table
from plant_models.site.topology import Device

_EXCEPTIONS: Final = {  # Modbus Application Protocol V1.1b3, 7
    1: "illegal function",
    2: "illegal address",
    3: "illegal value",
    4: "device failure",
    5: "acknowledged, still working",
    6: "device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target does not answer",
}
_UNIT_IS_SILENT: Final = frozenset({10, 11})
_BUSY: Final = 6
_QUIET_AT_MOST: Final = 5  # times the silence waited for: a line that chatters without end must not stop all reading
_FRAME_BYTES: Final = 16  # of a request and of what a reply has beside its data, on a serial line


class Kind(Enum):
    """What went wrong with one request."""

    UNREACHABLE = "unreachable"  # no connection: nothing was sent, or it was lost under way
    SILENT = "silent"  # sent, and not answered in time
    EXCEPTION = "exception"  # answered with a Modbus exception
    HOLE = "hole"  # some of the registers asked for do not exist
    GARBLED = "garbled"  # answered with something else than what was asked
    BUSY = "busy"  # answered that it has no time now


_ASKED_AGAIN: Final = frozenset({Kind.UNREACHABLE, Kind.SILENT, Kind.GARBLED, Kind.BUSY})


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a request gave nothing, in words."""

    kind: Kind
    says: str


@dataclass(frozen=True, slots=True)
class Manners:
    """How a device wants to be asked, in wall time [s].

    ``retries`` is how often a failed read is asked again, ``pause_s`` lies between an answer and the next request, ``settle_s`` between
    connecting and the first request; ``quiet_s`` is the silence waited for after a lost reply where replies carry no transaction id.
    """

    retries: int = 0
    pause_s: float = 0.0
    settle_s: float = 0.0
    quiet_s: float | None = None


PLAIN: Final = Manners()


class _Request(NamedTuple):
    unit: int
    function: int
    send: Send
    data_bytes: int = 0
    """What the reply has of data, for the time that it takes on a slow line."""


class ModbusLink:
    """A connection that is opened when needed and shared by all units behind it.

    On TCP it is replaced after a time-out, a cancelled request or a reply that does not fit, so that a late reply cannot be taken for the
    answer to another request, not even from a gateway that answers with transaction id 0. On a serial line, also behind TCP, where a late
    reply may come on a new connection too, its unit is not asked again before the line has been silent for long enough; replies
    of other units are dropped. A write is never sent twice.
    """

    def __init__(self, dial: Dial, name: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Does not connect yet; ``dial`` connects, ``name`` is what messages call the peer."""
        self._dial = dial
        self._name = name
        self._monotonic = monotonic
        self._turn = asyncio.Lock()
        self._connection: Connection | None = None
        self._device = Backoff()
        self._units: dict[int, Backoff] = {}
        self._doubts: dict[int, float] = {}  # units whose last request was not answered on a link without transactions, and since when
        self._not_before_s = 0.0

    @property
    def connection(self) -> Connection | None:
        """The open connection, None while there is none."""
        return self._connection

    def failures(self, unit: int) -> int:
        """Returns how often in a row a unit has not answered."""
        return self._units[unit].failures if unit in self._units else 0

    async def open(self, timeout_s: float, manners: Manners = PLAIN) -> None:
        """Tries to connect once, within ``timeout_s`` of wall time."""
        async with self._turn:
            if self._connection is None or not self._connection.is_open:
                await self._connect(timeout_s, manners)

    async def close(self) -> None:
        """Closes the connection; never raises."""
        self._drop()
        for _ in range(3):  # the transport's own callback, the socket's, and one more below TLS
            await asyncio.sleep(0)

    async def read(self, unit: int, table: Table, offset: int, count: int, timeout_s: float, manners: Manners = PLAIN) -> Sequence[int] | Trouble:
        """Returns ``count`` registers (or bits) from ``offset`` on, or why not.

        Asks again as the manners say, but a unit that was silent before only once.
        """
        request = _read_request(unit, table, offset, count)
        attempts = 1 if manners.retries and self.failures(unit) else 1 + manners.retries
        for left in range(attempts - 1, -1, -1):
            async with self._turn:
                found = await self._registers(request, table, count, timeout_s, manners, last=left == 0)
            if not isinstance(found, Trouble) or found.kind not in _ASKED_AGAIN:
                break
        return found

    async def write(self, unit: int, table: Table, offset: int, values: Sequence[int], timeout_s: float, manners: Manners = PLAIN) -> Trouble | None:
        """Sends one write, once: a coil, a single register (function 6) or several (16). Returns why it was not acknowledged, if it was not."""
        async with self._turn:
            return await self._write(unit, table, offset, values, timeout_s, manners)

    async def write_bits(self, unit: int, offset: int, part: Bits, value: int, timeout_s: float, manners: Manners = PLAIN, *, mask: bool) -> Trouble | None:
        """Writes some bits of a holding register, once.

        With ``mask`` the device itself changes them and no others (function 22, which not every device has); without it the register is read,
        and written whole (function 6): what the device changes in its other bits between the two is lost. Returns as ``write`` does.
        """
        async with self._turn:
            if mask:
                return await self._mask(unit, offset, part, value, timeout_s, manners)
            held = await self._registers(_read_request(unit, Table.HOLDING, offset, 1), Table.HOLDING, 1, timeout_s, manners, last=True)
            if isinstance(held, Trouble):
                return held
            return await self._write(unit, Table.HOLDING, offset, [held[0] & ~part.mask | value << part.low], timeout_s, manners)

    async def _registers(self, request: _Request, table: Table, count: int, timeout_s: float, manners: Manners, last: bool) -> Sequence[int] | Trouble:
        reply = await self._ask(request, timeout_s, manners, last)
        if isinstance(reply, Trouble):
            return reply
        found: Sequence[int] = reply.bits if table.of_bits else reply.registers
        if len(found) != (-(-count // 8) * 8 if table.of_bits else count):  # bits come by the byte
            if found:  # not the end of the table but perhaps the answer to another request
                self._doubt(request.unit)
            return Trouble(Kind.HOLE, f"answered with {len(found)} {'bits' if table.of_bits else 'registers'}, {count} asked for")
        return [int(bit) for bit in found[:count]] if table.of_bits else found

    async def _write(self, unit: int, table: Table, offset: int, values: Sequence[int], timeout_s: float, manners: Manners) -> Trouble | None:
        def send(client: Client) -> Awaitable[ModbusPDU]:
            if table is Table.COIL:
                return client.write_coil(offset, bool(values[0]), device_id=unit)
            if len(values) == 1:
                return client.write_register(offset, values[0], device_id=unit)
            return client.write_registers(offset, list(values), device_id=unit)

        function = 5 if table is Table.COIL else 6 if len(values) == 1 else 16
        reply = await self._ask(_Request(unit, function, send), timeout_s, manners, last=True)
        if isinstance(reply, Trouble):
            return reply
        echoed = {5: [int(bit) for bit in reply.bits[:1]], 6: list(reply.registers), 16: list(values) if reply.count == len(values) else []}[function]
        return self._acknowledged(unit, (reply.address, echoed), (offset, list(values)))

    async def _mask(self, unit: int, offset: int, part: Bits, value: int, timeout_s: float, manners: Manners) -> Trouble | None:
        keep, put = 0xFFFF & ~part.mask, value << part.low

        def send(client: Client) -> Awaitable[ModbusPDU]:
            return client.mask_write_register(address=offset, and_mask=keep, or_mask=put, device_id=unit)

        reply = await self._ask(_Request(unit, 22, send), timeout_s, manners, last=True)
        if isinstance(reply, Trouble):
            return reply
        return self._acknowledged(unit, (reply.address, [getattr(reply, name, None) for name in ("and_mask", "or_mask")]), (offset, [keep, put]))

    def _acknowledged(self, unit: int, said: tuple[int, Sequence[int | None]], written: tuple[int, Sequence[int]]) -> Trouble | None:
        if said == written:
            return None
        self._doubt(unit)
        return Trouble(Kind.GARBLED, f"acknowledged {said[1]} at {said[0]}, {written[1]} were written at {written[0]}")

    async def _ask(self, request: _Request, timeout_s: float, manners: Manners, last: bool) -> ModbusPDU | Trouble:
        """Returns the reply to a request that is no exception; only the ``last`` attempt counts against the unit."""
        unit = request.unit
        if (waiting := self._units.get(unit)) is not None and not waiting.may_try(self._monotonic()):
            return Trouble(Kind.SILENT, f"unit {unit} has not answered {waiting.failures} times in a row, left alone for a moment")
        connection = self._connection
        if connection is None or not connection.is_open:
            if (trouble := await self._connect(timeout_s, manners)) is not None:
                return trouble
            connection = self._connection
            assert connection is not None
        if self._not_before_s or self._doubts or connection.silence_s:
            await self._calm(connection, unit, timeout_s if manners.quiet_s is None else manners.quiet_s)
        reply = await self._answer(connection, request, timeout_s)
        if manners.pause_s:
            self._not_before_s = self._monotonic() + manners.pause_s
        if isinstance(reply, Trouble):
            if reply.kind is Kind.SILENT and last:
                self._fail(unit)
            return reply
        if self._device.failures:
            self._device = Backoff()
        code = reply.exception_code if reply.isError() else None
        if code in _UNIT_IS_SILENT:
            if last:
                self._fail(unit)
        elif unit in self._units:
            del self._units[unit]
        if reply.function_code & 0x7F != request.function:
            self._doubt(unit)
            return Trouble(Kind.GARBLED, f"answered function {reply.function_code}, asked for function {request.function}")
        if code is None:
            return reply
        kind = Kind.SILENT if code in _UNIT_IS_SILENT else Kind.HOLE if code in (2, 3) else Kind.BUSY if code == _BUSY else Kind.EXCEPTION
        return Trouble(kind, f"exception {code}, {_EXCEPTIONS.get(code, 'unknown to the standard')}")

    async def _answer(self, connection: Connection, request: _Request, timeout_s: float) -> ModbusPDU | Trouble:
        """One request and its answer; whatever ends otherwise leaves a doubt."""
        answered = False
        try:
            reply = await connection.ask(request.send, _FRAME_BYTES + request.data_bytes, timeout_s)
            answered = True
        except TimeoutError:
            return Trouble(Kind.SILENT, f"no usable answer within {timeout_s:g} s")
        except ConnectionException as lost:
            if not connection.answered:  # over TLS 1.3 a client certificate is refused only now
                self._device = self._device.failed(self._monotonic())
            return Trouble(Kind.UNREACHABLE, f"connection lost: {lost.string}")
        except Garbled as garbled:
            return Trouble(Kind.GARBLED, garbled.string)
        except ModbusException as late:
            return Trouble(Kind.SILENT, f"no usable answer within {timeout_s:g} s: {late.string}")
        finally:
            if not answered:
                self._doubt(request.unit)
        return reply

    def _doubt(self, unit: int) -> None:
        """The next reply may be to an earlier request."""
        connection = self._connection
        if connection is not None and not connection.transactions:
            self._doubts[unit] = self._monotonic()
        if connection is None or not connection.silence_s or not connection.is_open:
            self._drop()

    async def _calm(self, connection: Connection, unit: int, quiet_s: float) -> None:
        """Waits until the line may be used: for the pause, the silence between frames, and the one that ends a doubt about this unit."""
        if (since_s := self._doubts.get(unit)) is not None:
            latest_s = since_s + _QUIET_AT_MOST * quiet_s
            while (wait_s := min(max(since_s, connection.heard_s) + quiet_s, latest_s) - self._monotonic()) > 0:  # noqa: ASYNC110  # bytes prolong it
                await asyncio.sleep(wait_s)
            del self._doubts[unit]
        ready_s = max(self._not_before_s, connection.heard_s + connection.silence_s) if connection.silence_s else self._not_before_s
        if (wait_s := ready_s - self._monotonic()) > 0:
            await asyncio.sleep(wait_s)

    async def _connect(self, timeout_s: float, manners: Manners) -> Trouble | None:
        self._drop()
        if not self._device.may_try(self._monotonic()):
            return Trouble(Kind.UNREACHABLE, f"{self._name} refused {self._device.failures} times in a row, left alone for a moment")
        try:
            self._connection = await self._dial(timeout_s)
        except OSError as error:
            self._device = self._device.failed(self._monotonic())
            return Trouble(Kind.UNREACHABLE, f"no connection to {self._name}: {error}")
        if manners.settle_s:
            self._not_before_s = max(self._not_before_s, self._monotonic() + manners.settle_s)
        return None

    def _fail(self, unit: int) -> None:
        self._units[unit] = self._units.get(unit, Backoff()).failed(self._monotonic())

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.drop()


def link_to(device: Device, directory: Path = Path()) -> ModbusLink:
    """Returns the link to a device as ``site.toml`` says; ``directory`` is where its files are unless absolute."""
    at = str(device.serial.port) if device.transport == "rtu" and device.serial is not None else f"{device.host}:{device.port}"
    return ModbusLink(dial_of(device, directory), at)


def _read_request(unit: int, table: Table, offset: int, count: int) -> _Request:
    match table:
        case Table.HOLDING:
            return _Request(unit, 3, lambda client: client.read_holding_registers(offset, count=count, device_id=unit), 2 * count)
        case Table.INPUT:
            return _Request(unit, 4, lambda client: client.read_input_registers(offset, count=count, device_id=unit), 2 * count)
        case Table.COIL:
            return _Request(unit, 1, lambda client: client.read_coils(offset, count=count, device_id=unit), count // 8)
        case _:
            return _Request(unit, 2, lambda client: client.read_discrete_inputs(offset, count=count, device_id=unit), count // 8)
