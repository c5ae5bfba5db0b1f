"""A site in the same process behind the fieldbus seam: for backtests, and for tests that need a device to misbehave on demand.

Values pass through each point's type and scale as they would on the wire, so that a setpoint is rounded here exactly as it is there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from controller.fieldbus import Raw
from plant_models.site.codec import raw_of, value_of
from plant_models.site.points import Point, Points
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

    async def release(self, points: Sequence[Point]) -> Mapping[str, Outcome]:
        """Does nothing: the site's own lease takes the setpoints back."""
        return {}

    async def close(self) -> None:
        """Does nothing: there is no connection."""

    async def read(self, points: Sequence[Point]) -> Mapping[str, Raw]:
        """Reads all the given points, by signal."""
        return {p.signal: self._read(p) for p in points}

    async def write(self, values: Sequence[tuple[Point, float]]) -> Mapping[str, Outcome]:
        """Writes in the given order."""
        return {point.signal: self._write(point, value) for point, value in values}

    def _read(self, point: Point) -> Raw:
        faults, signal = self.faults, point.signal
        if faults.unreachable or signal in faults.dead:
            return Raw(None, Status.MISSING, "no answer")
        if signal in faults.late:
            return Raw(None, Status.MISSING, "no answer within the time-out")
        status = faults.status.get(signal, Status.GOOD)
        if status in (Status.BAD, Status.MISSING):
            return Raw(None, status, f"the device says {status}")
        shown = self._site.read(signal)
        value = None if shown is None else _carried(point, shown)
        return Raw(None, Status.BAD, f"{shown} is no measurement") if value is None else Raw(value, status)

    def _write(self, point: Point, value: float) -> Outcome:
        faults, signal = self.faults, point.signal
        carried = _carried(point, value)
        if carried is None:
            return Outcome.REFUSED
        if faults.unreachable or signal in faults.dead:
            return Outcome.UNREACHABLE
        if signal in faults.refused:
            return Outcome.REFUSED
        if signal not in faults.ignored:
            self._site.write(signal, carried)
        return Outcome.UNREACHABLE if signal in faults.late else Outcome.VERIFIED


def _carried(point: Point, value: float) -> float | None:
    """Returns what is left of a value after the wire, None where the point's type cannot carry it."""
    try:
        return value_of(point, raw_of(point, value))
    except ValueError:
        return None


def memory_buses(points: Points, site: MemorySite) -> Mapping[str, MemoryBus]:
    """Returns a bus for each device that the points name, all on the same site, each with faults of its own."""
    return {device: MemoryBus(site) for device in dict.fromkeys(p.device for p in points.rows)}
