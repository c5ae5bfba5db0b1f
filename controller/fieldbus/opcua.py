"""An OPC UA server behind the fieldbus seam: values polled or sent by the server, each with its status; writes in each node's own type.

A point that is subscribed to is answered from what the server sent for as long as that may be relied on, and polled otherwise, so that a
subscription that fails costs a request and never a value. What the daemon writes is always polled, so that a read-back is never a memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import structlog
from asyncua import ua
from asyncua.client.ua_client import UaClientState
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.uaerrors import UaStatusCodeError

from controller.fieldbus import Raw
from controller.fieldbus.backoff import Backoff
from controller.fieldbus.opcua_clock import ClockWatch, stated_s
from controller.fieldbus.opcua_link import FAILURES, Session, connect, part, patience_s, words
from controller.fieldbus.opcua_security import Keys
from controller.fieldbus.opcua_subscription import Feed
from controller.fieldbus.opcua_values import data_value, outcome, reading, type_name
from plant_models.site.points import Point
from plant_models.site.topology import Device
from safety.records import Outcome, Status

log = structlog.get_logger()

_TEND_MOST_S: Final = 1.0
_ASK_AGAIN_S: Final = 30.0  # after a server has refused a subscription


class OpcUaBus:
    """One OPC UA server. After any failure the connection is given up and a new client made at the next call."""

    def __init__(
        self, device: Device, read_timeout_s: float = 2.0, write_timeout_s: float = 2.0, *, keys: Keys | None = None, watches_clock: bool = True
    ) -> None:
        """Does not connect yet; time-outs are of wall time, for each request, and the first one for connecting [s].

        ``keys`` are the certificates, needed for any security; ``watches_clock`` is False where the plant has a time of its own.
        """
        self._device = device
        self._url = f"opc.tcp://{device.host}:{device.port}{device.path}"
        self._read_timeout_s = read_timeout_s
        self._write_timeout_s = write_timeout_s
        self._keys = keys
        self._clock = ClockWatch(self._url) if watches_clock else None
        self._turn = asyncio.Lock()
        self._session: Session | None = None
        self._feed: Feed | None = None
        self._backoff = Backoff()
        self._held_back: tuple[float, str] = (0.0, "")  # until when [monotonic s], and why
        self._subscribed: dict[str, Point] = {}
        self._mute: set[str] = set()  # points that were found dead in a living subscription before
        self._polled_instead: set[str] = set()
        self._tending: asyncio.Task[None] | None = None
        self._not_fed_until_s = 0.0
        self._new_points = asyncio.Event()

    async def open(self) -> None:
        """Tries to connect once; later calls try again."""
        async with self._turn:
            await self._connected()

    async def release(self, points: Sequence[Point]) -> Mapping[str, Outcome]:
        """Does nothing: a node keeps its last value, and who is in charge is told by the heartbeat that stops."""
        return {}

    async def close(self) -> None:
        """Closes session, channel and connection; never raises."""
        tending, self._tending = self._tending, None
        if tending is not None:
            tending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await tending
        async with self._turn:
            await self._drop()

    async def read(self, points: Sequence[Point]) -> Mapping[str, Raw]:
        """Reads all the given points, by signal: from what the server sent, the rest in as few requests as the server allows."""
        wanted = [p for p in points if self._subscribes(p)]
        self._subscribe(wanted)
        kept = self._feed.take(wanted) if self._feed is not None else {}
        rest = [p for p in points if p.signal not in kept]
        if rest:
            async with self._turn:
                polled = await self._poll(rest)
            kept = {p.signal: kept.get(p.signal) or polled[p.signal] for p in points}
        if notice := self._notice():
            return {s: raw._replace(detail=notice) if not raw.detail else raw for s, raw in kept.items()}
        return kept

    async def write(self, values: Sequence[tuple[Point, float]]) -> Mapping[str, Outcome]:
        """Writes in the given order, once; a value that the node's type cannot hold is REFUSED without being sent."""
        async with self._turn:
            session = await self._connected()
            if isinstance(session, str):
                return {point.signal: Outcome.UNREACHABLE for point, _ in values}
            outcomes = {point.signal: Outcome.REFUSED for point, _ in values}
            known = _known(session, [point for point, _ in values])
            asked = {point.signal: value for point, value in values}
            try:
                await self._learn_types(session, known)
            except FAILURES as failure:
                await self._fail(failure)
                return outcomes | {point.signal: Outcome.UNREACHABLE for point, _ in known}
            batch = [(p.signal, node, held) for p, node in known if (held := data_value(p, session.types[p.address], asked[p.signal])) is not None]
            for start in range(0, len(batch), session.write_chunk):
                chunk = batch[start : start + session.write_chunk]
                try:
                    sent = session.client.uaclient.write_attributes([n for _, n, _ in chunk], [v for _, _, v in chunk])
                    results = await self._ask(sent, self._write_timeout_s)
                except FAILURES as failure:
                    await self._fail(failure)
                    return outcomes | {signal: Outcome.UNREACHABLE for signal, _, _ in batch[start:]}
                outcomes.update((signal, outcome(result)) for (signal, _, _), result in zip(chunk, results, strict=True))
            return outcomes

    async def _poll(self, points: Sequence[Point]) -> Mapping[str, Raw]:
        """Reads from the server. The turn is ours."""
        session = await self._connected()
        if isinstance(session, str):
            return {p.signal: Raw(None, Status.MISSING, session) for p in points}
        asked_s = time.monotonic()
        answers: dict[str, Raw] = {}
        stamps: list[tuple[str, float | None]] = []
        known = _known(session, points)
        for start in range(0, len(known), session.read_chunk):
            chunk = known[start : start + session.read_chunk]
            try:
                found = await self._ask(session.client.uaclient.read_attributes([n for _, n in chunk], AttributeIds.Value), self._read_timeout_s)
            except FAILURES as failure:
                await self._fail(failure)
                lost = Raw(None, Status.MISSING, f"{self._url}: {words(failure)}")
                answers.update((point.signal, lost) for point, _ in known[start:])
                break
            now_s = time.time()
            answers.update((point.signal, reading(point, value, now_s)) for (point, _), value in zip(chunk, found, strict=True))
            stamps += [(point.signal, stated_s(value.SourceTimestamp)) for (point, _), value in zip(chunk, found, strict=True)]
        if self._clock is not None:
            self._clock.look(stamps, time.time())
        missing = {p.signal: Raw(None, Status.MISSING, f"{self._url} does not have the namespace of {p.address}") for p in points if p.signal not in answers}
        if self._feed is not None:
            self._feed.confirm(points, answers | missing, asked_s)
        return answers | missing

    async def _ask(self, request: Any, timeout_s: float) -> Any:
        async with asyncio.timeout(timeout_s):
            return await request

    async def _connected(self) -> Session | str:
        """Returns the session, or in words why there is none."""
        if self._session is not None:
            if self._session.client.state is UaClientState.CONNECTED:
                return self._session
            await self._drop()
        now_s = time.monotonic()
        if now_s < self._held_back[0]:
            return f"{self._held_back[1]}; tried again in {self._held_back[0] - now_s:.0f} s"
        if not self._backoff.may_try(now_s):
            return f"{self._url} did not answer {self._backoff.failures} times in a row, left alone for a moment"
        request_timeout_s = max(self._read_timeout_s, self._write_timeout_s)
        try:
            self._session = await connect(self._url, self._device.opcua, self._keys, self._read_timeout_s, request_timeout_s)
        except FAILURES as failure:
            self._backoff = self._backoff.failed(time.monotonic())
            says = f"{self._url}: {words(failure)}"
            if (wait_s := patience_s(failure)) > 0.0:
                self._held_back = (time.monotonic() + wait_s, says)
            if self._keys is not None and self._device.opcua.security != "none":
                self._keys.tell("opcua_refused", says, time.strftime("%Y-%m-%d"))
            return says
        self._backoff = Backoff()
        return self._session

    async def _learn_types(self, session: Session, known: Sequence[tuple[Point, ua.NodeId]]) -> None:
        """Asks for the types of nodes not written before; a type that is not a built-in number leaves the one in the table of points."""
        new = [(point, node) for point, node in known if point.address not in session.types]
        for start in range(0, len(new), session.read_chunk):
            chunk = new[start : start + session.read_chunk]
            found = await self._ask(session.client.uaclient.read_attributes([n for _, n in chunk], AttributeIds.DataType), self._read_timeout_s)
            for (point, _), value in zip(chunk, found, strict=True):
                session.types[point.address] = type_name(value) or point.type

    async def _fail(self, failure: BaseException) -> None:
        if self._feed is not None:
            log.warning("opcua_subscription_lost", url=self._url, says=words(failure))
        self._backoff = self._backoff.failed(time.monotonic())
        await self._drop()

    async def _drop(self) -> None:
        session, self._session, self._feed = self._session, None, None
        if session is not None:
            await part(session.client)

    def _notice(self) -> str:
        """Returns what every reading should say beside its value: a certificate that ends soon, clocks that disagree."""
        ends = self._session.ends if self._session is not None else ()
        of_certificates = [self._keys.ending(whose, at) for whose, at in ends] if self._keys is not None else []
        of_clock = self._clock.notice if self._clock is not None else ""
        return "; ".join(n for n in (*of_certificates, of_clock) if n)

    def _subscribes(self, point: Point) -> bool:
        return (point.read or self._device.read) == "subscribe" and not point.writable and point.signal not in self._polled_instead

    def _subscribe(self, points: Sequence[Point]) -> None:
        """Has the subscription tended from now on, in the background of later calls."""
        new = [p for p in points if p.signal not in self._subscribed]
        if new:
            self._subscribed |= {p.signal: p for p in new}
            self._new_points.set()
        if self._subscribed and (self._tending is None or self._tending.done()):
            if self._tending is not None and not self._tending.cancelled() and (error := self._tending.exception()) is not None:
                log.error("opcua_subscription_failed", url=self._url, says=repr(error))  # a fault of ours; polling goes on
            self._tending = asyncio.create_task(self._tend())

    async def _tend(self) -> None:
        """Keeps the subscription alive, and notices when it is not, until cancelled."""
        period_s = min(self._device.opcua.publishing_interval_s, _TEND_MOST_S)
        while True:
            async with self._turn:
                try:
                    await self._look_after(period_s)
                except UaStatusCodeError as refused:  # the server answers: polling need not suffer from it
                    log.warning("opcua_subscription_refused", url=self._url, says=f"{words(refused)}; polled, asked again in {_ASK_AGAIN_S:.0f} s")
                    self._not_fed_until_s = time.monotonic() + _ASK_AGAIN_S
                    await self._drop()
                except FAILURES as failure:
                    await self._fail(failure)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(period_s):
                    await self._new_points.wait()

    async def _look_after(self, period_s: float) -> None:
        """One look: connects, subscribes to what is missing, gives up what is lost, and asks for a few points. The turn is ours."""
        self._new_points.clear()
        if self._feed is not None and (why := self._feed.lost()):
            log.warning("opcua_subscription_lost", url=self._url, says=why)
            again = set(self._feed.mute()) & self._mute
            self._polled_instead |= again
            self._mute |= set(self._feed.mute())
            self._subscribed = {s: p for s, p in self._subscribed.items() if s not in again}
            await self._drop()
        session = await self._connected()
        if isinstance(session, str) or time.monotonic() < self._not_fed_until_s:
            return
        if self._feed is None:
            feed = Feed(self._device.opcua, self._clock)
            await self._ask(feed.start(session), self._read_timeout_s)
            self._feed = feed
        missing = [p for s, p in self._subscribed.items() if s not in self._feed.signals]
        if missing:
            await self._ask(self._feed.add(session, missing), self._read_timeout_s)
            says = "; ".join(f"{s}: {why}" for s, why in list(self._feed.not_sent.items())[:5])
            log.info("opcua_subscribed", url=self._url, points=len(missing), polled=len(self._feed.not_sent), says=says)
        if due := self._feed.due(period_s):
            await self._poll(due)


def _known(session: Session, points: Sequence[Point]) -> list[tuple[Point, ua.NodeId]]:
    return [(point, node) for point in points if (node := session.node(point)) is not None]
