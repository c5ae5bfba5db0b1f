"""Opens a pymodbus client for a Modbus device over TCP, TLS or a serial line, and mends what the library leaves open. Asks nothing by itself."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import struct
import termios
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.client.base import ModbusBaseClient
from pymodbus.exceptions import ConnectionException, ModbusException
from pymodbus.framer import FramerType
from pymodbus.pdu import ModbusPDU
from pymodbus.pdu.register_message import ReadHoldingRegistersResponse, ReadInputRegistersResponse
from pymodbus.transport import CommParams, CommType

from plant_models.site.links import Serial, Tls
from plant_models.site.topology import Device

# Every failure is returned with its reason; the library's own lines would repeat it on stderr, outside of the daemon's log.
logging.getLogger("pymodbus").setLevel(logging.CRITICAL)

_BUFFER_BYTES: Final = 1024  # the library's 264 lose a late reply and the one behind it together
_MAYBE_REFUSED: Final = "; perhaps it refuses our certificate"
_UNREADABLE: Final = (ModbusException, ValueError, LookupError, struct.error)
"""What the library raises for bytes that it cannot take apart."""

Client = AsyncModbusTcpClient | AsyncModbusSerialClient
Send = Callable[[Client], Awaitable[ModbusPDU]]


class Garbled(ModbusException):
    """Bytes came that are no Modbus."""


class _Holding(ReadHoldingRegistersResponse):
    """The library's reply, taken apart in one go: register by register it costs half of a scan."""

    def decode(self, data: bytes) -> None:
        """Takes the registers; raises ValueError where their number is not the one that the reply states."""
        if len(data) != 1 + data[0] or data[0] % 2:
            raise ValueError(f"states {data[0]} bytes and has {len(data) - 1}")
        self.registers = struct.unpack(f">{data[0] // 2}H", data[1:])

    def __str__(self) -> str:
        """Returns what the library formats for its log in every reply, read or not."""
        return f"{len(self.registers)} registers"


class _Input(_Holding, ReadInputRegistersResponse):
    """The same for input registers."""

    function_code = ReadInputRegistersResponse.function_code


class Connection:
    """An open client, what became of it, and when it was last heard."""

    def __init__(self, client: Client, line: Serial | None, secured: bool, transactions: bool) -> None:
        """Takes over a client that is not open yet."""
        self.client = client
        self.transactions = transactions
        """Whether replies carry the id of their request: not on a serial line."""
        self.silence_s = line.silence_s if line is not None else 0.0
        """How long a serial line must be silent between two frames [s]."""
        self.heard_s = 0.0
        """When bytes last arrived, or a request was last given up [s, monotonic]."""
        self.answered = False
        """Whether the peer has ever answered on this connection."""
        self._character_s = line.character_s if line is not None else 0.0
        self.secured = secured
        """Whether it is encrypted, so that the peer may still refuse our certificate when it is first asked: TLS 1.3 does."""
        self._waits = False
        self._take_apart = client.ctx.callback_data
        client.ctx.callback_data = self._received  # type: ignore[method-assign]  # the one place where a reply that cannot be read is an exception
        client.ctx.trace_connect = self._changed
        client.ctx.max_buffer_size = _BUFFER_BYTES
        client.register(_Holding)
        client.register(_Input)

    @property
    def is_open(self) -> bool:
        """Returns whether requests can be sent, as far as is known."""
        return bool(self.client.connected)

    async def ask(self, send: Send, reply_bytes: int, timeout_s: float) -> ModbusPDU:
        """Sends one request, once, and returns the reply.

        Raises TimeoutError after ``timeout_s`` of wall time, and the time that about ``reply_bytes`` take on a slow line; Garbled;
        ConnectionException where the connection is lost.
        """
        self._waits = True
        try:
            async with asyncio.timeout(timeout_s + reply_bytes * self._character_s):
                reply = await send(self.client)
        finally:
            self._waits = False
            self.heard_s = time.monotonic()
        self.answered = True
        return reply

    def drop(self) -> None:
        """Closes the connection at once; what was not sent is lost."""
        transport = self.client.ctx.transport
        self.client.close()
        if isinstance(transport, asyncio.WriteTransport):
            transport.abort()  # a peer that reads no more would keep close() waiting

    def _received(self, data: bytes, addr: tuple[Any, ...] | None = None) -> int:
        self.heard_s = time.monotonic()
        try:
            return self._take_apart(data, addr)
        except _UNREADABLE as error:
            self._fail(Garbled(f"{data[:8].hex(' ')} .. is no reply ({error})"))
            return len(data)

    def _changed(self, up: bool) -> None:
        """The library waits out the whole time-out when the peer closes in mid request; this ends the wait."""
        if not up:
            self._fail(ConnectionException(f"closed by the device{_MAYBE_REFUSED if self.secured and not self.answered else ''}"))

    def _fail(self, error: ModbusException) -> None:
        if self._waits and not self.client.ctx.response_future.done():
            self.client.ctx.response_future.set_exception(error)


Dial = Callable[[float], Awaitable[Connection]]
"""Opens a connection within so many seconds of wall time; raises OSError, which says why, where it cannot."""


class _TlsClient(AsyncModbusTcpClient):
    """Modbus TCP inside TLS; the library's own TLS client does not put together a reply that comes in several records."""

    def __init__(self, params: CommParams) -> None:
        self.comm_params = params
        super().__init__("", framer=FramerType.SOCKET, retries=0)


def dial_of(device: Device, directory: Path) -> Dial:
    """Returns what connects to a device as ``site.toml`` says; ``directory`` is where its files are unless absolute."""
    line = device.serial if device.transport == "rtu" else None
    files = device.tls if device.transport == "tls" else None
    transactions = device.transport in ("tcp", "tls")

    def made(timeout_s: float) -> Client:
        # A retry of the library would send a write twice, and its own back-off between connections grows to minutes.
        if line is not None:
            return AsyncModbusSerialClient(
                str(line.port), baudrate=line.baud_rate, parity=line.parity[0].upper(), stopbits=line.stop_bits, timeout=timeout_s, retries=0, reconnect_delay=0
            )
        if files is not None:
            context = tls_context(files, directory)
            return _TlsClient(CommParams(comm_type=CommType.TLS, host=device.host, port=device.port, sslctx=context, timeout_connect=timeout_s))
        framer = FramerType.SOCKET if transactions else FramerType.RTU
        return AsyncModbusTcpClient(device.host, port=device.port, framer=framer, timeout=timeout_s, retries=0, reconnect_delay=0)

    async def dial(timeout_s: float) -> Connection:
        return await _opened(Connection(made(timeout_s), line, files is not None, transactions))

    return dial


def tls_context(files: Tls, directory: Path) -> ssl.SSLContext:
    """Returns a context that trusts one authority, checks the device's host name and shows our certificate; raises OSError for a file that does not serve."""
    try:
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=directory / files.ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2  # Modbus/TCP Security, R-05
        context.load_cert_chain(directory / files.certificate, directory / files.key, password=lambda: "")  # never asks at the terminal
    except OSError as error:  # ssl.SSLError is one
        raise OSError(f"the files of [tls] do not serve: {error}") from error
    return context


async def _opened(connection: Connection) -> Connection:
    """Opens a connection; raises OSError with the reason, which the library keeps to itself."""
    ctx = connection.client.ctx
    create = ctx.call_create
    failed: list[OSError] = []

    async def remembered() -> Any:
        try:
            return await create()
        except OSError as error:
            failed.append(error)
            raise
        except (ValueError, termios.error) as error:  # no host name; a form or a speed that the serial port does not take
            failed.append(OSError(f"{'does not take its settings' if isinstance(error, termios.error) else 'cannot be addressed'} ({error.args[-1]})"))
            raise failed[0] from error

    ctx.call_create = remembered
    connected = False
    try:
        connected = await connection.client.connect()
    finally:
        if not connected:
            connection.client.close()
    if not connected:
        raise OSError(_says(failed[0], connection.secured) if failed else "no answer in time")
    for _ in range(2):  # a serial port is set up a turn of the loop later
        await asyncio.sleep(0)
    ctx.comm_params.timeout_connect = None  # type: ignore[assignment]  # no time-out: each request has its own, and the library's costs a turn of the loop
    _notice_a_dead_peer(connection.client)
    return connection


def _says(error: OSError, secured: bool) -> str:
    """Returns in words why a connection failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the device's certificate is refused: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {(error.reason or str(error)).lower().replace('_', ' ')}"
    said = error.strerror or str(error) or "closed by the device"
    return said + (_MAYBE_REFUSED if secured and isinstance(error, ConnectionResetError) else "")


def _notice_a_dead_peer(client: ModbusBaseClient) -> None:
    """Lets the kernel notice a half-open connection within about 2 s, also while nothing is asked."""
    transport = client.ctx.transport
    sock = transport.get_extra_info("socket") if transport is not None else None
    if sock is None:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 1), ("TCP_KEEPINTVL", 1), ("TCP_KEEPCNT", 2), ("TCP_USER_TIMEOUT", 2000)):
        if hasattr(socket, option):  # not every system has all of them
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
