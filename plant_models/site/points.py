"""The points of a site: one frozen value for each row of ``points.csv``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from safety.signals import Parts, parse


class WriteClass(StrEnum):
    """How a register stands writing; an unknown one is treated as wear-limited."""

    VOLATILE = "volatile"
    EEPROM = "eeprom"
    UNKNOWN = ""


@dataclass(frozen=True, slots=True)
class Point:
    """One row of ``points.csv``; ``line`` is where it stands in the file.

    ``scale`` and ``offset`` turn the raw number into the device's unit (raw * scale + offset), ``unit`` names that unit; the codec converts it
    to the signal's own unit. ``plausible_low`` and ``plausible_high`` are in the signal's own unit after conversion.
    """

    signal: str
    protocol: Literal["modbus", "opcua", "bacnet"]
    device: str
    address: str
    type: str
    word_order: str
    scale: float
    offset: float
    unit: str
    access: Literal["r", "w", "rw"]
    stale_after_s: float | None
    plausible_low: float | None
    plausible_high: float | None
    write_class: WriteClass
    tags: str = ""
    line: int = 0
    enumeration: Mapping[int, str] = field(default_factory=dict, hash=False)
    read: str = ""  # poll, subscribe, or empty for what the device does
    sampling_s: float | None = None  # of a subscribed point; None for what the device does
    queue_size: int | None = None
    priority: int = 14  # of commands to a BACnet object
    settle_s: float | None = None  # from a write until the device shows it, in plant time; None for what the device does

    @property
    def parts(self) -> Parts:
        """Returns the signal's name taken apart."""
        return parse(self.signal)

    @property
    def readable(self) -> bool:
        """Returns whether the point may be read."""
        return "r" in self.access

    @property
    def writable(self) -> bool:
        """Returns whether the point may be written."""
        return "w" in self.access


@dataclass(frozen=True)
class Points:
    """All points of a site, in the file's order, and by signal."""

    rows: tuple[Point, ...]

    @property
    def by_signal(self) -> Mapping[str, Point]:
        """Returns the points by signal."""
        return {p.signal: p for p in self.rows}

    @property
    def setpoints(self) -> tuple[str, ...]:
        """Returns the setpoints that the daemon may ask for: those with a writable ``.request`` point, in the file's order."""
        return tuple(p.parts.setpoint for p in self.rows if p.writable and p.signal.endswith(".request"))
