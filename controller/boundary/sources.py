"""Asks each source of forecasts over HTTP, in a file or on a topic, with time-outs and back-off, and passes on what it said; one that fails holds up nobody."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import httpx
import structlog

from controller.boundary.formats import Unreadable, series_of
from controller.control import ControlError, ask
from controller.encode import plain
from plant_models.site.forecast import ForecastSource, boundary_socket
from plant_models.site.topology import Site

log = structlog.get_logger()

FIRST_BACK_OFF_WALL_S: Final = 30.0  # doubled with each failure, up to the source's own period
SAY_AGAIN_WALL_S: Final = 60.0  # so that a daemon that was started anew is told soon
BODY_BYTES_MOST: Final = 4_000_000


class Unheard(Exception):  # noqa: N818  # it is the source that was not heard
    """A source did not answer; the text says why."""


Fetch = Callable[[ForecastSource], Awaitable[tuple[bytes, float]]]


@dataclass
class Daemon:
    """The running daemon as the boundary's process reaches it; its clock is believed before our own, since a bench may run faster than the wall."""

    site: Site
    wall_s: Callable[[], float] = time.time
    ahead_s: float = 0.0
    """How far its clock is ahead of ours [s], as last heard."""
    answers: bool = False

    @property
    def now_s(self) -> float:
        """Returns the daemon's time [s since 1970 UTC]."""
        return self.wall_s() + self.ahead_s

    async def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Sends one request. Raises ControlError where no daemon answers, or with what it refused."""
        try:
            reply = await ask(boundary_socket(self.site), request)
        except ControlError as error:
            self.answers = error.answered
            raise
        self.answers, self.ahead_s = True, float(reply["now_s"]) - self.wall_s()
        return reply


@dataclass
class Ear:
    """One source: what it said last, and what keeps it from being heard."""

    name: str
    source: ForecastSource
    daemon: Daemon
    fetch: Fetch
    wall_s: Callable[[], float] = time.time
    failures: int = 0
    body: bytes | None = None
    said_wall_s: float = 0.0

    async def listen(self) -> None:
        """Asks and passes on for ever."""
        while True:
            wait_s = await self.once()
            until_s = self.wall_s() + wait_s
            while (left_s := until_s - self.wall_s()) > 0.0:
                await asyncio.sleep(min(left_s, SAY_AGAIN_WALL_S))
                if self.failures == 0 and left_s > SAY_AGAIN_WALL_S:
                    with suppress(Unreadable):  # what it said is over by now; it is asked again in its turn
                        await self.pass_on()

    async def once(self) -> float:
        """Asks the source once and passes on what it said, or why it did not; returns how long to wait before it is asked again [s, wall]."""
        try:
            with suppress(ControlError):  # its time is what matters here; a daemon that does not answer is told later
                await self.daemon.ask({"do": "facts"})
            self.body, age_s = await self.fetch(self.source)
            self.said_wall_s = self.wall_s() - age_s
            await self.pass_on()
        except (Unheard, Unreadable) as error:
            wait_s = min(FIRST_BACK_OFF_WALL_S * 2.0**self.failures, self.source.period_s)
            self.failures = min(self.failures + 1, 16)
            says = f"{error}; asked again in {wait_s:.0f} s"
            log.warning("source_unheard", source=self.name, says=says)
            await self._tell({"trouble": says})
            return wait_s
        if self.failures:
            log.info("source_heard_again", source=self.name)
        self.failures = 0
        return self.source.period_s

    async def pass_on(self) -> None:
        """Tells the daemon what the source said last, with its age. Raises Unreadable."""
        if self.body is not None:
            series = await asyncio.to_thread(series_of, self.source, self.daemon.site, self.body, self.daemon.now_s)
            await self._tell({"series": plain(series), "age_s": max(self.wall_s() - self.said_wall_s, 0.0)})

    async def _tell(self, said: Mapping[str, Any]) -> None:
        try:
            await self.daemon.ask({"do": "say", "source": self.name, **said})
        except ControlError as error:
            log.warning("saying_not_taken", source=self.name, says=str(error), problems=list(error.problems)[:5])


def fetching(client: httpx.AsyncClient, site: Site, topics: Mapping[str, tuple[bytes, float]], wall_s: Callable[[], float] = time.time) -> Fetch:
    """Returns what asks any source once: body and age [s, wall]. ``topics`` holds the last message of each MQTT topic and when it came."""

    async def fetch(source: ForecastSource) -> tuple[bytes, float]:
        if source.url:
            return await _over_http(client, source, site), 0.0
        if source.file is not None:
            return await asyncio.to_thread(_from_file, source, site, wall_s())
        if source.topic not in topics:
            raise Unheard(f"nothing was published on {source.topic} yet")
        body, at_s = topics[source.topic]
        return body, wall_s() - at_s

    return fetch


async def _over_http(client: httpx.AsyncClient, source: ForecastSource, site: Site) -> bytes:
    headers = {"User-Agent": source.user_agent, "Accept": "text/csv" if source.format == "csv" else "application/json"}
    host = httpx.URL(source.url).host
    try:
        if source.token_file is not None:
            headers["Authorization"] = f"Bearer {(site.directory / source.token_file).read_text().strip()}"
        async with asyncio.timeout(source.timeout_wall_s), client.stream("GET", source.url, headers=headers) as answer:
            if answer.status_code != httpx.codes.OK:
                raise Unheard(f"HTTP {answer.status_code} from {host}")
            body = bytearray()
            async for part in answer.aiter_bytes():
                body += part
                if len(body) > BODY_BYTES_MOST:
                    raise Unheard(f"more than {BODY_BYTES_MOST} bytes from {host}")
            return bytes(body)
    except TimeoutError as error:
        raise Unheard(f"no whole answer from {host} within {source.timeout_wall_s:g} s") from error
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:  # ValueError: a token that no header can carry
        raise Unheard(f"{host}: {str(error) or type(error).__name__}") from error


def _from_file(source: ForecastSource, site: Site, now_wall_s: float) -> tuple[bytes, float]:
    """Returns a file's content and its age; a typical year is never old, and read where it is understood."""
    path = site.directory / (source.file or "")
    if source.format == "year":
        return b"", 0.0
    try:
        if path.stat().st_size > BODY_BYTES_MOST:
            raise Unheard(f"{path.name} is larger than {BODY_BYTES_MOST} bytes")
        return path.read_bytes(), max(now_wall_s - path.stat().st_mtime, 0.0)
    except OSError as error:
        raise Unheard(f"{path.name}: {error.strerror}") from error
