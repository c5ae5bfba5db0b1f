"""How a wire is spoilt: each function is put into a proxy's ``down`` (towards the daemon) or ``up`` (towards the device)."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable

Tamper = Callable[[bytes, asyncio.StreamWriter], Awaitable[bytes | None]]
Change = Callable[[bytes], bytes | None]
READ_HOLDING, WRITE_SINGLE = 3, 6


def always(change: Change) -> Tamper:
    async def tamper(data: bytes, _: asyncio.StreamWriter) -> bytes | None:
        return change(data)

    return tamper


def first(change: Change, longer_than: int = 0) -> Tamper:
    """Spoils the first piece of data that is longer than so many bytes, and nothing after it."""
    spoilt = False

    async def tamper(data: bytes, _: asyncio.StreamWriter) -> bytes | None:
        nonlocal spoilt
        if spoilt or len(data) <= longer_than:
            return data
        spoilt = True
        return change(data)

    return tamper


def each(number: int, change: Change, function: int = READ_HOLDING) -> Tamper:
    """Spoils every so-manieth reply to one function."""
    seen = 0

    async def tamper(data: bytes, _: asyncio.StreamWriter) -> bytes | None:
        nonlocal seen
        if data[7] & 0x7F != function:
            return data
        seen += 1
        return change(data) if seen % number == 0 else data

    return tamper


def late(by_s: float) -> Tamper:
    """Holds everything back for so long [s]."""

    async def tamper(data: bytes, target: asyncio.StreamWriter) -> bytes | None:
        asyncio.get_running_loop().call_later(by_s, lambda: None if target.is_closing() else target.write(data))
        return None

    return tamper


async def reset(_: bytes, target: asyncio.StreamWriter) -> None:
    sock = target.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    target.transport.abort()


async def finish(_: bytes, target: asyncio.StreamWriter) -> None:
    target.close()


async def drip(data: bytes, target: asyncio.StreamWriter) -> None:
    """Splits: a reply arrives in pieces."""
    for at in range(0, len(data), 5):
        target.write(data[at : at + 5])
        await asyncio.sleep(0)


def swallow(_: bytes) -> None:
    return None


def half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def garbage(_: bytes) -> bytes:
    return b"\0\1\0\0\0\4\1\x55\xaa\x33" * 3


def other_transaction(data: bytes) -> bytes:
    return struct.pack(">H", (struct.unpack(">H", data[:2])[0] + 7) % 65536) + data[2:]


def other_unit(data: bytes) -> bytes:
    return data[:6] + bytes((data[6] + 1,)) + data[7:]


def no_registers(data: bytes) -> bytes:
    """Success, and not one register: what some servers answer for an address that they do not have."""
    return data[:4] + b"\0\3" + data[6:8] + b"\0" if data[7] == READ_HOLDING else data


def one_register_less(data: bytes) -> bytes:
    if data[7] != READ_HOLDING:
        return data
    return data[:4] + struct.pack(">H", len(data) - 8) + data[6:8] + bytes((data[8] - 2,)) + data[9:-2]


def twice(data: bytes) -> bytes:
    """Coalesces: a reply and its copy in one piece."""
    return data + data


def exception(code: int) -> Change:
    return lambda data: data[:4] + b"\0\3" + data[6:7] + bytes((data[7] | 0x80, code))


def first_of_each_connection(change: Change) -> Tamper:
    """Spoils the first piece of data on every connection."""
    known: set[asyncio.StreamWriter] = set()

    async def tamper(data: bytes, target: asyncio.StreamWriter) -> bytes | None:
        if target in known:
            return data
        known.add(target)
        return change(data)

    return tamper


class Acknowledged:
    """Answers writes of single registers from some offset on as if they were done, and has something harmless done instead."""

    def __init__(self, from_offset: int, harmless: tuple[int, int]) -> None:
        self._from, self._harmless = from_offset, struct.pack(">HH", *harmless)
        self._asked: dict[bytes, bytes] = {}

    async def up(self, data: bytes, _: asyncio.StreamWriter) -> bytes:
        if data[7] != WRITE_SINGLE or struct.unpack(">H", data[8:10])[0] < self._from:
            return data
        self._asked[data[:2]] = data
        return data[:8] + self._harmless

    async def down(self, data: bytes, _: asyncio.StreamWriter) -> bytes:
        return self._asked.pop(data[:2], data)
