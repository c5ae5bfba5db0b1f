"""What arrives on the wire: a record of every write request that reaches a device, whatever becomes of it. It never looks into the daemon."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

DONE_UNTIL = "daemon.done_until_s"
HEARTBEAT = "daemon.heartbeat"
REQUEST = ".request"


@dataclass(frozen=True, slots=True)
class SeenWrite:
    """One write request as it arrived: plant time [s since 1970], monotonic wall time [s], device, signal and value (None: no number in it).

    ``signal`` is the raw address in brackets where the device has no such point.
    """

    plant_at_s: float
    wall_at_s: float
    device: str
    signal: str
    value: float | None


class Watch:
    """Keeps every write request seen on any device, and wakes whoever waits for the daemon's clock mark."""

    def __init__(self, limit: int = 2_000_000) -> None:
        """Keeps the newest ``limit`` requests."""
        self.seen: deque[SeenWrite] = deque(maxlen=limit)
        self.listeners: list[Callable[[SeenWrite], None]] = []
        """Told of each request before the device answers it."""
        self.marked = asyncio.Event()
        self.done_until_s: float | None = None
        self.marked_wall_s = time.monotonic()
        self._latest: dict[str, SeenWrite] = {}

    def saw(self, plant_at_s: float, device: str, signal: str, value: float | None) -> None:
        """Records one write request."""
        write = SeenWrite(plant_at_s, time.monotonic(), device, signal, value)
        self.seen.append(write)
        self._latest[signal] = write
        if signal == DONE_UNTIL and value is not None and value != self.done_until_s:
            self.done_until_s = value
            self.marked_wall_s = write.wall_at_s
            self.marked.set()
        for listen in self.listeners:
            listen(write)

    def latest(self, signal: str) -> SeenWrite | None:
        """Returns the newest write request to a signal, or None."""
        return self._latest.get(signal)

    def setpoints(self) -> tuple[SeenWrite, ...]:
        """Returns every write request to a setpoint's request point, oldest first."""
        return tuple(w for w in self.seen if w.signal.endswith(REQUEST))
