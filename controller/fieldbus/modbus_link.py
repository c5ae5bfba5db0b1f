"""One connection to a Modbus TCP device with one request at a time on it; after any doubt it is closed and opened anew. Knows no points."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ConnectionException, ModbusException
from pymodbus.pdu import ModbusPDU

from controller.fieldbus.backoff import Backoff
from plant_models.site.address import Table

# Every failure is returned with its reason; the library's own lines would repeat it on stderr, outside of the daemon's log.
logging.getLogger("pymodbus").setLevel(logging.CRITICAL)

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
_READS: Final = {Table.COIL: 1, Table.DISCRETE: 2, Table.HOLDING: 3, Table.INPUT: 4}


class Kind(Enum):
    """What went wrong with one request."""

    UNREACHABLE = "unreachable"  # no connection: nothing was sent, or it was lost under way
    SILENT = "silent"  # sent, and not answered in time
    EXCEPTION = "exception"  # answered with a Modbus exception
    HOLE = "hole"  # some of the registers asked for do not exist
    GARBLED = "garbled"  # answered with something else than what was asked


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a request gave nothing, in words."""

    kind: Kind
    says: str


class ModbusLink:
    """A connection that is opened when needed, and replaced after a time-out, a cancelled request or a reply that does not fit.

    A reply that comes late can therefore never be taken for the answer to another request, not even from gateways that answer with
    transaction id 0. Nothing is ever sent twice.
    """

    def __init__(self, host: str, port: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Does not connect yet."""
        self._host, self._port = host, port
        self._monotonic = monotonic
        self._turn = asyncio.Lock()
        self._client: AsyncModbusTcpClient | None = None
        self._in_flight = False
        self._device = Backoff()
        self._units: dict[int, Backoff] = {}

    def failures(self, unit: int) -> int:
        """Returns how often in a row a unit has not answered."""
        return self._units[unit].failures if unit in self._units else 0

    async def open(self, timeout_s: float) -> None:
        """Tries to connect once, within ``timeout_s`` of wall time."""
        async with self._turn:
            await self._connect(timeout_s)

    async def close(self) -> None:
        """Closes the connection; never raises."""
        self._drop()
        for _ in range(2):  # the transport's own callback, then the socket's
            await asyncio.sleep(0)

    async def read(self, unit: int, table: Table, offset: int, count: int, timeout_s: float) -> list[int] | Trouble:
        """Returns ``count`` registers (or bits) from ``offset`` on, or why not."""

        def ask(client: AsyncModbusTcpClient) -> Awaitable[ModbusPDU]:
            match table:
                case Table.HOLDING:
                    return client.read_holding_registers(offset, count=count, device_id=unit)
                case Table.INPUT:
                    return client.read_input_registers(offset, count=count, device_id=unit)
                case Table.COIL:
                    return client.read_coils(offset, count=count, device_id=unit)
                case _:
                    return client.read_discrete_inputs(offset, count=count, device_id=unit)

        reply = await self._ask(ask, unit, _READS[table], timeout_s)
        if isinstance(reply, Trouble):
            return reply
        found: list[int] = [int(bit) for bit in reply.bits[:count]] if table.of_bits else list(reply.registers)
        if len(found) != count:
            if found:  # not the end of the table but perhaps the answer to another request
                self._drop()
            return Trouble(Kind.HOLE, f"answered with {len(found)} registers, {count} asked for")
        return found

    async def write(self, unit: int, table: Table, offset: int, values: Sequence[int], timeout_s: float) -> Trouble | None:
        """Sends one write, once: a coil, a single register (function 6) or several (16). Returns why it was not acknowledged, if it was not."""

        def ask(client: AsyncModbusTcpClient) -> Awaitable[ModbusPDU]:
            if table is Table.COIL:
                return client.write_coil(offset, bool(values[0]), device_id=unit)
            if len(values) == 1:
                return client.write_register(offset, values[0], device_id=unit)
            return client.write_registers(offset, list(values), device_id=unit)

        function = 5 if table is Table.COIL else 6 if len(values) == 1 else 16
        reply = await self._ask(ask, unit, function, timeout_s)
        if isinstance(reply, Trouble):
            return reply
        echoed = {5: [int(bit) for bit in reply.bits[:1]], 6: list(reply.registers), 16: list(values) if reply.count == len(values) else []}[function]
        if reply.address != offset or echoed != list(values):
            self._drop()
            return Trouble(Kind.GARBLED, f"acknowledged {echoed} at {reply.address}, {list(values)} were written at {offset}")
        return None

    async def _ask(self, ask: Callable[[AsyncModbusTcpClient], Awaitable[ModbusPDU]], unit: int, function: int, timeout_s: float) -> ModbusPDU | Trouble:
        async with self._turn:
            if (waiting := self._units.get(unit)) is not None and not waiting.may_try(self._monotonic()):
                return Trouble(Kind.SILENT, f"unit {unit} has not answered {waiting.failures} times in a row, left alone for a moment")
            if (trouble := await self._connect(timeout_s)) is not None:
                return trouble
            assert self._client is not None
            reply = await self._answer(self._client, ask, timeout_s)
            if isinstance(reply, Trouble):
                if reply.kind is Kind.SILENT:
                    self._fail(unit)
                return reply
            if reply.isError() and reply.exception_code in _UNIT_IS_SILENT:
                self._fail(unit)
            else:
                self._units.pop(unit, None)
            if reply.function_code & 0x7F != function:
                self._drop()
                return Trouble(Kind.GARBLED, f"answered function {reply.function_code}, asked for function {function}")
            if reply.isError():
                kind = Kind.SILENT if reply.exception_code in _UNIT_IS_SILENT else Kind.HOLE if reply.exception_code in (2, 3) else Kind.EXCEPTION
                says = f"exception {reply.exception_code}, {_EXCEPTIONS.get(reply.exception_code, 'unknown to the standard')}"
                return Trouble(kind, says)
            return reply

    async def _answer(self, client: AsyncModbusTcpClient, ask: Callable[[AsyncModbusTcpClient], Awaitable[ModbusPDU]], timeout_s: float) -> ModbusPDU | Trouble:
        """One request and its answer; whatever ends otherwise ends the connection too."""
        client.ctx.comm_params.timeout_connect = timeout_s
        self._in_flight = True
        answered = False
        try:
            reply = await ask(client)  # ConnectionException comes from the call, everything else from the wait
            answered = True
        except ConnectionException as lost:
            return Trouble(Kind.UNREACHABLE, f"connection lost: {lost.string}")
        except ModbusException as late:
            return Trouble(Kind.SILENT, f"no usable answer within {timeout_s:g} s: {late.string}")
        finally:
            self._in_flight = False
            if not answered:
                self._drop()
        return reply

    async def _connect(self, timeout_s: float) -> Trouble | None:
        if self._client is not None and self._client.connected:
            return None
        self._drop()
        if not self._device.may_try(self._monotonic()):
            return Trouble(Kind.UNREACHABLE, f"{self._host}:{self._port} refused {self._device.failures} times in a row, left alone for a moment")
        client = AsyncModbusTcpClient(
            self._host,
            port=self._port,
            timeout=timeout_s,
            retries=0,  # a retry would send a write twice
            reconnect_delay=0,  # the library's own back-off grows to minutes
            trace_connect=self._connection_changed,
        )
        client.set_max_no_responses(1)
        connected = False
        try:
            connected = await client.connect()
        finally:
            if not connected:
                client.close()
        if not connected:
            self._device = self._device.failed(self._monotonic())
            return Trouble(Kind.UNREACHABLE, f"no connection to {self._host}:{self._port}")
        self._device = Backoff()
        self._client = client
        _notice_a_dead_peer(client)
        return None

    def _fail(self, unit: int) -> None:
        self._units[unit] = self._units.get(unit, Backoff()).failed(self._monotonic())

    def _drop(self) -> None:
        client, self._client = self._client, None
        if client is None:
            return
        transport = client.ctx.transport
        client.close()
        if isinstance(transport, asyncio.WriteTransport):
            transport.abort()  # a peer that reads no more would keep close() waiting

    def _connection_changed(self, up: bool) -> None:
        """The library waits out the whole time-out when the peer closes in mid request; this ends the wait."""
        if up or not self._in_flight or self._client is None:
            return
        waiting = self._client.ctx.response_future
        if not waiting.done():
            waiting.set_exception(ConnectionException("closed by the device"))


def _notice_a_dead_peer(client: AsyncModbusTcpClient) -> None:
    """Lets the kernel notice a half-open connection within about 2 s, also while nothing is asked."""
    transport = client.ctx.transport
    sock = transport.get_extra_info("socket") if transport is not None else None
    if sock is None:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 1), ("TCP_KEEPINTVL", 1), ("TCP_KEEPCNT", 2), ("TCP_USER_TIMEOUT", 2000)):
        if hasattr(socket, option):  # not every system has all of them
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
