"""The local socket between the daemon and the operator's commands: one JSON object asked, one answered, a line each."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

Handler = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
_LIMIT_BYTES = 1 << 20
_CONNECTIONS_MOST = 16  # at once: whoever opens more must not take the daemon's descriptors
_PATIENCE_WALL_S = 5.0  # from connecting to the whole request


class ControlError(Exception):
    """The daemon could not be asked, or refused; the message says why, ``problems`` in detail where it answered with some."""

    def __init__(self, says: str, answered: bool = False, problems: Sequence[str] = ()) -> None:
        """Takes what is wrong, and whether a daemon answered at all."""
        super().__init__(says)
        self.answered, self.problems = answered, tuple(problems)


async def serve(path: Path, handle: Handler) -> asyncio.Server:
    """Listens on a Unix socket that only its owner and group may use; a stale socket file of a dead daemon is replaced.

    Raises ControlError when another daemon answers there.
    """
    try:
        await ask(path, {"do": "status"}, timeout_s=1.0)
    except ControlError:
        _clear(path)
    else:
        raise ControlError(f"{path}: another daemon answers here; stop it first")

    open_now = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal open_now
        open_now += 1
        try:
            if open_now <= _CONNECTIONS_MOST:
                writer.write(json.dumps(await _reply(reader, handle)).encode() + b"\n")
                async with asyncio.timeout(_PATIENCE_WALL_S):
                    await writer.drain()
        except (ConnectionError, TimeoutError):
            pass
        finally:
            open_now -= 1
            writer.close()

    umask = os.umask(0o117)
    try:
        return await asyncio.start_unix_server(answer, path, limit=_LIMIT_BYTES)
    finally:
        os.umask(umask)


async def _reply(reader: asyncio.StreamReader, handle: Handler) -> Mapping[str, Any]:
    """Reads one request and returns its answer. Raises TimeoutError or ConnectionError where none comes."""
    try:
        async with asyncio.timeout(_PATIENCE_WALL_S):
            request = json.loads(await reader.readline())
    except ValueError as error:  # no JSON, no text, or a line without end
        return {"error": f"not JSON: {error}"}
    return await handle(request) if isinstance(request, dict) else {"error": "a request is a JSON object"}


def _clear(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)


async def ask(path: Path, request: Mapping[str, Any], timeout_s: float = 5.0) -> dict[str, Any]:
    """Sends one request to a running daemon and returns its answer.

    Raises ControlError when no daemon answers, or with what it refused.
    """
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_unix_connection(path, limit=_LIMIT_BYTES)
            try:
                writer.write(json.dumps(request).encode() + b"\n")
                await writer.drain()
                line = await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError) as error:
        raise ControlError(f"{path}: no daemon answers ({error or 'timed out'})") from error
    if not line:
        raise ControlError(f"{path}: the daemon closed the connection without an answer")
    reply: dict[str, Any] = json.loads(line)
    if "error" in reply:
        raise ControlError(str(reply["error"]), answered=True, problems=reply.get("problems", ()))
    return reply
