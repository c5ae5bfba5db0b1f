"""A site in the same process behind the fieldbus seam: for backtests, and for tests that need a device to misbehave on demand."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from controller.fieldbus import Raw
from plant_models.site.points import Point
from safety.records import Outcome, Status


class MemorySite(Protocol):
    """A site that can be read and written by signal, in each signal's own unit."""

    def read(self, signal: str) -> float | None:
        """Returns what a sensor shows, None where it is dead."""

    def write(self, signal: str, value: float) -> None:
        """Writes a writable point."""


@dataclass
class Faults:
    """What goes wrong, by signal; change it at any time.

    ``dead`` fail to be read and written, ``late`` answer after the time-out (a late write has still taken effect), ``refused`` answer a
    write with an error, ``ignored`` acknowledge a write and do not apply it, ``status`` is what the protocol says of a reading.
    """

    unreachable: bool = False
    dead: set[str] = field(default_factory=set)
    late: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    ignored: set[str] = field(default_factory=set)
    status: dict[str, Status] = field(default_factory=dict)


class MemoryBus:
    """A device whose points are those of a site in the same process."""

    def __init__(self, site: MemorySite) -> None:
        """Serves ``site``; no fault is set."""
        self._site = site
        self.faults = Faults()

    async def open(self) -> None:
        """Does nothing: there is no connection."""

    async def close(self) -> None:
        """Does nothing: there is no connection."""

    async def read(self, points: Sequence[Point]) -> Mapping[str, Raw]:
        """Reads all the given points, by signal."""
        return {p.signal: self._read(p.signal) for p in points}

    async def write(self, values: Sequence[tuple[Point, float]]) -> Mapping[str, Outcome]:
        """Writes in the given order."""
        return {point.signal: self._write(point.signal, value) for point, value in values}

    def _read(self, signal: str) -> Raw:
        faults = self.faults
        if faults.unreachable or signal in faults.dead:
            return Raw(None, Status.MISSING, "no answer")
        if signal in faults.late:
            return Raw(None, Status.MISSING, "no answer within the time-out")
        status = faults.status.get(signal, Status.GOOD)
        if status in (Status.BAD, Status.MISSING):
            return Raw(None, status, f"the device says {status}")
        value = self._site.read(signal)
        if value is None or not math.isfinite(value):
            return Raw(None, Status.BAD, "the device shows no number")
        return Raw(value, status)

    def _write(self, signal: str, value: float) -> Outcome:
        faults = self.faults
        if faults.unreachable or signal in faults.dead:
            return Outcome.UNREACHABLE
        if signal in faults.refused:
            return Outcome.REFUSED
        if signal not in faults.ignored:
            self._site.write(signal, value)
        return Outcome.UNREACHABLE if signal in faults.late else Outcome.VERIFIED
