"""Notices a device that answers and stands still: its readings say Good, and not one of them has moved for longer than a plant ever stands still. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from plant_models.site.points import Point
from safety.records import Reading, Status
from safety.signals import Kind

WITNESSES_LEAST: Final = 6  # engineering value: two rounded temperatures may rest for minutes in the night, so many readings do not
_NO_WITNESSES: Final = (Kind.STATE, Kind.COUNT, Kind.TIME)  # a plant may well keep its states; a counter that moves shows that something does


@dataclass
class Stillness:
    """What one device showed last, and since when [s, plant time] nothing of it has moved. What the daemon itself writes does not count."""

    device: str
    after_s: float
    _shown: dict[str, float] = field(default_factory=dict)
    _witnesses: set[str] = field(default_factory=set)
    _since_s: float | None = None

    def look(self, points: Sequence[Point], readings: dict[str, Reading], now_s: float) -> None:
        """Makes every good reading of the device among ``readings`` UNCERTAIN while it stands still; any movement makes them good again."""
        moved = self._since_s is None or now_s < self._since_s
        own = [(point, readings[point.signal]) for point in points if point.device == self.device]
        for point, reading in own:
            if point.writable or reading.status is not Status.GOOD or reading.value is None:
                continue
            before = self._shown.get(point.signal)
            if before != reading.value:
                moved = True
                self._shown[point.signal] = reading.value
            if before is None and point.parts.quantity.kind not in _NO_WITNESSES:
                self._witnesses.add(point.signal)
        if moved or self._since_s is None:
            self._since_s = now_s
        still_s = now_s - self._since_s
        if still_s <= self.after_s or len(self._witnesses) < WITNESSES_LEAST:
            return
        says = f"nothing that {self.device} shows has moved for {still_s:.0f} s, {self.after_s:g} s are allowed"
        for point, reading in own:
            if reading.status is Status.GOOD:
                readings[point.signal] = Reading(point.signal, reading.value, Status.UNCERTAIN, reading.received_at_s, says)
