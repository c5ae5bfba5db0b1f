"""Keeps each who asks the boundary to a rate, and every request to a size, before anything of it is read; it knows nothing of what is asked."""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

ASKERS_MOST: Final = 256  # addresses that are told apart; of more, the one that was silent longest is forgotten


class Manners:
    """An ASGI layer: a token bucket for each address, and a largest request."""

    def __init__(self, app: App, requests_per_min: int, bytes_most: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Takes the application behind, the rate of each address, and the size of a request's body."""
        self._app, self._most, self._bytes, self._monotonic = app, float(requests_per_min), bytes_most, monotonic
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answers 429 or 413, or lets the request through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        wait_s = self._wait_s(str((scope.get("client") or ("",))[0]))
        if wait_s > 0.0:
            await _refuse(send, 429, "too many requests", [(b"retry-after", str(int(wait_s) + 1).encode())])
            return
        body = await self._body(receive)
        if body is None:
            await _refuse(send, 413, f"a request has at most {self._bytes} bytes", [(b"connection", b"close")])
            return
        given = False

        async def replay() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, replay, send)

    def _wait_s(self, asker: str) -> float:
        """Takes one from the asker's bucket; returns how long until there is one [s], 0 where there was."""
        now_s = self._monotonic()
        left, at_s = self._buckets.pop(asker, (self._most, now_s))
        left = min(left + (now_s - at_s) * self._most / 60.0, self._most)
        taken = left >= 1.0
        self._buckets[asker] = (left - 1.0 if taken else left, now_s)
        while len(self._buckets) > ASKERS_MOST:
            self._buckets.popitem(last=False)
        return 0.0 if taken else (1.0 - left) * 60.0 / self._most

    async def _body(self, receive: Receive) -> bytes | None:
        """Returns the whole body, None where it is larger than allowed or never comes to its end."""
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return None
            body += message.get("body", b"")
            if len(body) > self._bytes:
                return None
            if not message.get("more_body", False):
                return bytes(body)


async def _refuse(send: Send, code: int, detail: str, headers: list[tuple[bytes, bytes]]) -> None:
    content = json.dumps({"detail": detail}).encode()
    length = (b"content-length", str(len(content)).encode())
    await send({"type": "http.response.start", "status": code, "headers": [(b"content-type", b"application/json"), length, *headers]})
    await send({"type": "http.response.body", "body": content})
