"""Plant time: the wall clock, a clock that the BAS serves (benches), or the simulator's own (backtests); nothing here decides anything."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from safety.records import Snapshot

CLOCK_SIGNAL: Final = "bas.clock_s"
DONE_SIGNAL: Final = "daemon.done_until_s"


class Clock(Protocol):
    """Plant time [s since 1970 UTC]: ages, rates, dwell, periods, lease and wear follow it; I/O and solver limits do not."""

    def now_s(self) -> float:
        """Returns plant time as last known; it never goes back."""

    async def ready(self) -> None:
        """Returns once plant time is known."""

    async def sleep_until(self, at_s: float) -> None:
        """Returns once plant time is ``at_s`` or later."""

    async def done(self, until_s: float) -> None:
        """Says that all work due by ``until_s`` is done, so that a bench in lockstep may go on; nobody listens on a real site."""


class WallClock:
    """The wall clock, read once at the start and advanced by the monotonic clock.

    A wall clock that is stepped while the daemon runs (NTP, an operator, a bad battery) therefore neither ages readings nor lets a lease
    lapse; slow corrections (slewing) reach the monotonic clock too and are followed. ``stepped_by_s`` tells how far the two have parted: the
    local hour of a tariff is wrong by that much until the next start.
    """

    def __init__(self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Takes the base from ``wall``; both are functions of no arguments [s]."""
        self._wall = wall
        self._monotonic = monotonic
        self._base_s = wall() - monotonic()

    def now_s(self) -> float:
        """Returns plant time [s since 1970 UTC]."""
        return self._base_s + self._monotonic()

    @property
    def stepped_by_s(self) -> float:
        """Returns how far the wall clock was stepped since the start [s], positive when it was put forward."""
        return self._wall() - self.now_s()

    async def ready(self) -> None:
        """Returns at once."""

    async def sleep_until(self, at_s: float) -> None:
        """Returns once plant time is ``at_s`` or later."""
        wait_s = at_s - self.now_s()
        while wait_s > 0.0:
            await asyncio.sleep(wait_s)
            wait_s = at_s - self.now_s()

    async def done(self, until_s: float) -> None:
        """Does nothing."""


class ClockPoints(Protocol):
    """What a PointClock needs of the plant."""

    async def read(self, signals: Sequence[str] | None = None) -> Snapshot:
        """Reads the given signals."""

    async def announce(self, values: Mapping[str, float]) -> Mapping[str, Any]:
        """Writes points of the daemon, where the site has them and writing is enabled."""


SPINS: Final = 3
PROMPT_WAIT_S: Final = 0.001
PROMPT_FOR_S: Final = 0.25
PATIENT_WAIT_S: Final = 0.01


class PointClock:
    """The plant clock that a bench serves at ``bas.clock_s``, followed by polling; ``daemon.done_until_s`` tells the bench to go on.

    While the daemon may not write (monitor, shadow) ``done`` sends nothing: the clock then only follows, and the bench runs on by itself
    after 5 wall seconds or at a multiple of real time. When the clock has not been readable for ``lost_after_wall_s``, plant time runs on at
    real time from what was last known, so that a lost controller ages readings as it would on a real site.
    """

    def __init__(self, lost_after_wall_s: float = 5.0, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Knows no time yet; ``follow`` gives it the plant to read from."""
        self._lost_after_wall_s = lost_after_wall_s
        self._monotonic = monotonic
        self._plant: ClockPoints | None = None
        self._polling = asyncio.Lock()
        self._now_s = 0.0
        self._known = False
        self._polls = 0
        self._unchanged = 0
        self._changed_wall_s = self._heard_wall_s = self._polled_wall_s = monotonic()

    def follow(self, plant: ClockPoints) -> None:
        """Names the plant whose clock this is; plant and clock need each other, so this cannot be done in the constructor."""
        self._plant = plant

    def now_s(self) -> float:
        """Returns plant time [s since 1970 UTC] as last read, 0 before the first reading (see ``ready``)."""
        return self._now_s

    async def ready(self) -> None:
        """Returns once the clock has been read; waits as long as that takes."""
        while not self._known:
            await self._poll_once()
            if not self._known:
                await asyncio.sleep(PATIENT_WAIT_S)

    async def sleep_until(self, at_s: float) -> None:
        """Returns once plant time is ``at_s`` or later; several may wait at once and share the polls."""
        while self._now_s < at_s:
            await self._poll_once()
            if self._now_s < at_s:
                await asyncio.sleep(self._wait_s())

    async def done(self, until_s: float) -> None:
        """Writes ``daemon.done_until_s`` where the site has it and writing is enabled."""
        if self._plant is not None:
            await self._plant.announce({DONE_SIGNAL: until_s})

    async def _poll_once(self) -> None:
        """One poll at a time; whoever waited for the one in flight takes its answer instead of asking again."""
        seen = self._polls
        async with self._polling:
            if self._polls == seen:
                await self._poll()

    async def _poll(self) -> None:
        if self._plant is None:
            raise RuntimeError("follow() must name the plant before its clock can be read")
        reading = (await self._plant.read((CLOCK_SIGNAL,))).readings[CLOCK_SIGNAL]
        wall_s = self._monotonic()
        before_s = self._now_s
        if reading.value is not None:
            self._known = True
            self._heard_wall_s = wall_s
            self._now_s = max(before_s, reading.value)
        elif self._known and wall_s - self._heard_wall_s > self._lost_after_wall_s:
            self._now_s += wall_s - max(self._polled_wall_s, self._heard_wall_s + self._lost_after_wall_s)
        self._polled_wall_s = wall_s
        self._polls += 1
        if self._now_s > before_s:
            self._unchanged = 0
            self._changed_wall_s = wall_s
        else:
            self._unchanged += 1

    def _wait_s(self) -> float:
        """A bench in lockstep answers within a millisecond or so; one at real time within a second; one that is gone is not worth a processor."""
        if self._polled_wall_s > self._heard_wall_s:
            return PATIENT_WAIT_S
        if self._unchanged <= SPINS:
            return 0.0
        return PROMPT_WAIT_S if self._monotonic() - self._changed_wall_s < PROMPT_FOR_S else PATIENT_WAIT_S


class SteppedSite(Protocol):
    """What a SteppedClock needs of a simulated site."""

    now_s: float

    def advance(self, until_s: float) -> None:
        """Advances the site to ``until_s``."""


@dataclass(order=True)
class _Waiter:
    at_s: float
    number: int
    future: asyncio.Future[None]


class SteppedClock:
    """A simulator's own time, which moves only while everybody waits: for backtests in one process, as fast as the machine allows.

    ``parties`` is how many tasks follow the clock (cycle, guard). Time moves to the earliest wanted instant once all of them wait, so the
    order of events does not depend on how long any of them computes.
    """

    def __init__(self, site: SteppedSite, parties: int = 1) -> None:
        """Follows ``site``, whose ``advance`` runs inside ``sleep_until``."""
        self._site = site
        self._parties = parties
        self._waiting: list[_Waiter] = []
        self._numbers = 0

    def now_s(self) -> float:
        """Returns the simulator's time [s since 1970 UTC]."""
        return self._site.now_s

    async def ready(self) -> None:
        """Returns at once."""

    async def sleep_until(self, at_s: float) -> None:
        """Returns once the simulator is at ``at_s`` or later, advancing it when all parties wait."""
        if at_s <= self._site.now_s:
            await asyncio.sleep(0)
            return
        waiter = _Waiter(at_s, self._numbers, asyncio.get_running_loop().create_future())
        self._numbers += 1
        heapq.heappush(self._waiting, waiter)
        self._move()
        try:
            await waiter.future
        except asyncio.CancelledError:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
                heapq.heapify(self._waiting)
            raise

    async def done(self, until_s: float) -> None:
        """Does nothing: time waits for everybody anyway."""

    def leave(self) -> None:
        """Says that one party no longer follows the clock, so that the others need not wait for it."""
        self._parties -= 1
        self._move()

    def _move(self) -> None:
        if not self._waiting or len(self._waiting) < self._parties:
            return
        self._site.advance(self._waiting[0].at_s)
        while self._waiting and self._waiting[0].at_s <= self._site.now_s:
            heapq.heappop(self._waiting).future.set_result(None)
