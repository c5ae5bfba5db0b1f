"""The boundary's process: asks the sources of forecasts, serves schedulers, and tells them when load must go; its end touches nothing of the plant."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import structlog
import uvicorn

from controller.boundary.broker import Broker
from controller.boundary.cooling import Cooling, cooling_of
from controller.boundary.manners import Manners
from controller.boundary.marginal import marginal_kw
from controller.boundary.server import app_of, shedding_of
from controller.boundary.sources import Daemon, Ear, fetching
from controller.control import ControlError
from controller.encode import plain
from controller.stages import stages_of
from plant_models.site.load import LoadedSite
from plant_models.site.topology import Site

log = structlog.get_logger()

LOOK_WALL_S: Final = 5.0  # what was looked at is good for so long, however many ask
TELL_WALL_S: Final = 15.0  # between two looks of its own, for whoever wants to be told
TELL_TIMEOUT_WALL_S: Final = 10.0
CONCURRENT_MOST: Final = 32
TOKEN_LEAST: Final = 16  # characters


class BoundaryError(Exception):
    """The process cannot begin; the text says why, a line each."""


@dataclass
class Looks:
    """The cooling as it is now, asked of the daemon no more often than needed; the marginal power is worked out once a cycle."""

    loaded: LoadedSite
    daemon: Daemon
    monotonic: Callable[[], float] = time.monotonic
    seen: Cooling | None = None
    _seen_wall_s: float = 0.0
    _cycle: int | None = None
    _marginal: tuple[float, float] | None = None
    _one: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        """Reads the site's model, where it has an identified one."""
        site = self.loaded.site
        self._parameters = stages_of(self.loaded).parameters if (site.directory / site.optimiser.model).exists() else None

    async def look(self) -> Cooling:
        """Returns the cooling. Raises ControlError where the daemon does not answer."""
        async with self._one:
            now_wall_s = self.monotonic()
            if self.seen is None or now_wall_s - self._seen_wall_s > LOOK_WALL_S or not self.daemon.answers:
                facts = await self.daemon.ask({"do": "facts"})
                if self._parameters is not None and facts.get("cycle") is not None and facts["cycle"] != self._cycle:
                    self._marginal = await asyncio.to_thread(marginal_kw, self.loaded.site, self._parameters, facts)
                    self._cycle = facts["cycle"]
                self.seen = cooling_of(self.loaded, facts, self._marginal, shed_before=self.seen is not None and self.seen.shedding)
                self._seen_wall_s = now_wall_s
            return self.seen


@dataclass
class Teller:
    """Tells of shedding when it begins, changes and is over, by POST; and of the cooling at each look, on MQTT where there is a broker."""

    site: Site
    look: Callable[[], Awaitable[Cooling]]
    client: httpx.AsyncClient
    broker: Broker | None = None
    told: str = '{"shedding":false,"shed_kw":{},"because":{}}'

    async def tell(self) -> None:
        """Looks and tells for ever."""
        while True:
            with suppress(ControlError):  # a daemon that does not answer is told of by /v1/health; the plant is then the BAS's
                await self.once()
            await asyncio.sleep(TELL_WALL_S)

    async def once(self) -> None:
        """Looks once and tells what has changed; what could not be told is told again the next time. Raises ControlError."""
        cooling = await self.look()
        shedding = shedding_of(cooling)
        if self.broker is not None:
            await self.broker.tell({"cooling": plain(cooling), "shedding": shedding.model_dump()})
        if not self.site.boundary.tell_url or shedding.model_dump_json(exclude={"because"}) == self.told:
            return
        try:
            answer = await self.client.post(self.site.boundary.tell_url, json={"site": cooling.site, "at_s": cooling.at_s, **shedding.model_dump()})
            answer.raise_for_status()
        except httpx.HTTPError as error:
            log.warning("shedding_not_told", says=str(error) or type(error).__name__)
            return
        self.told = shedding.model_dump_json(exclude={"because"})
        log.warning("shedding_told", shedding=shedding.shedding, shed_kw=shedding.shed_kw)


def token_of(site: Site) -> str | None:
    """Returns what schedulers must send, None where the site opens no port.

    Raises BoundaryError where the file cannot be read or holds no decent token.
    """
    path = site.boundary.token_file
    if path is None:
        return None
    try:
        token = (site.directory / path).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BoundaryError(f"boundary.token_file: {path} cannot be read: {error}") from error
    if len(token) < TOKEN_LEAST or not token.isascii() or not token.isprintable() or " " in token:
        raise BoundaryError(f"boundary.token_file: {path} must hold one word of at least {TOKEN_LEAST} ASCII characters")
    return token


def openapi() -> dict[str, Any]:
    """Returns the OpenAPI document of the port, which is the same for every site."""
    document: dict[str, Any] = app_of("", _nobody, _nobody, lambda: False).openapi()
    return document


async def _nobody(*_: object) -> Any:
    raise ControlError("nobody is asked here")


async def run(loaded: LoadedSite, told: Callable[[str], None] = lambda _address: None) -> None:
    """Runs until SIGTERM or SIGINT; ``told`` hears the address that schedulers can reach. Raises BoundaryError where it cannot begin."""
    site, token = loaded.site, token_of(loaded.site)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    daemon = Daemon(site)
    looks = Looks(loaded, daemon)
    async with httpx.AsyncClient(follow_redirects=False, timeout=TELL_TIMEOUT_WALL_S) as client:
        topics: dict[str, tuple[bytes, float]] = {}
        fetch = fetching(client, site, topics)
        ears = {name: Ear(name, source, daemon, fetch) for name, source in site.forecast.items()}
        broker = None if site.boundary.mqtt is None else Broker(site, site.boundary.mqtt, topics, list(ears.values()))
        works: list[Coroutine[Any, Any, None]] = [ear.listen() for ear in ears.values()]
        if broker is not None:
            works.append(broker.run())
        if site.boundary.tell_url or broker is not None:
            works.append(Teller(site, looks.look, client, broker).tell())
        if token is not None:
            works.append(_serve(site, app_of(token, lambda said: daemon.ask({"do": "say", **said}), looks.look, lambda: daemon.answers), told))
        if not works:
            raise BoundaryError("nothing to do: site.toml has no [forecast.NAME], no boundary.token_file, no boundary.tell_url and no [boundary.mqtt]")
        log.info("boundary_started", site=site.site.name, sources=sorted(ears), port=site.boundary.port if token else None)
        await _until(stop, works)
    log.info("boundary_stopped")


async def _until(stop: asyncio.Event, works: list[Coroutine[Any, Any, None]]) -> None:
    """Runs all works until asked to stop; one that ends by an exception ends the process with it."""
    tasks = [asyncio.create_task(work) for work in works]
    waiting = asyncio.create_task(stop.wait())
    await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
    for task in (waiting, *tasks):
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    for outcome in ended:
        if isinstance(outcome, Exception):
            raise outcome


async def _serve(site: Site, app: Any, told: Callable[[str], None]) -> None:
    """Serves until cancelled. Raises BoundaryError where the port is taken or the certificate of no use."""
    boundary = site.boundary
    behind = Manners(app, boundary.requests_per_min, boundary.request_bytes_max)

    def file(path: Path | None) -> str | None:
        return None if path is None else str(site.directory / path)

    config = uvicorn.Config(
        behind,
        host=boundary.host,
        port=boundary.port,
        ssl_certfile=file(boundary.certificate),
        ssl_keyfile=file(boundary.key),
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=CONCURRENT_MOST,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=2,
    )
    server = _Server(config)
    try:
        family = socket.AF_INET6 if ":" in boundary.host else socket.AF_INET
        with socket.create_server((boundary.host, boundary.port), family=family) as listening:
            told(f"{'https' if boundary.certificate else 'http'}://{boundary.host}:{listening.getsockname()[1]}")
            await server.serve(sockets=[listening])
    except OSError as error:  # the port is taken, or, as ssl.SSLError, the certificate is of no use
        raise BoundaryError(f"boundary: {boundary.host}:{boundary.port}: {error}") from error


class _Server(uvicorn.Server):
    """A server that leaves the signals to the process."""

    def capture_signals(self) -> Any:
        """Captures none."""
        return nullcontext()
