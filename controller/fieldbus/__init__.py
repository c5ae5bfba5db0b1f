"""The one seam to the plant: reading and writing points of one device, whatever its protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from plant_models.site.points import Point
from safety.records import Outcome, Status


class Raw(NamedTuple):  # made for every point of every scan: a frozen dataclass takes four times as long
    """What one read of one point gave, in the signal's own unit; ``value`` is None unless there is one.

    ``source_s`` is when the source says it took the value [s since 1970, UTC], None where it does not say or it is not believed; it makes no
    reading fresh. ``age_s`` is how long ago the value was last confirmed by the device [s]: 0 unless it was kept from earlier.
    """

    value: float | None
    status: Status
    detail: str = ""
    source_s: float | None = None
    age_s: float = 0.0


class Fieldbus(Protocol):
    """One device on the wire. Expected trouble is a value (Raw, Outcome), never an exception; nothing here retries a write."""

    async def open(self) -> None:
        """Starts connecting; returns even if the device does not answer (it is tried again in the background of later calls)."""

    async def read(self, points: Sequence[Point]) -> Mapping[str, Raw]:
        """Reads all the given points, by signal, in as few requests as the device allows; a point that failed has status MISSING."""

    async def write(self, values: Sequence[tuple[Point, float]]) -> Mapping[str, Outcome]:
        """Writes values in the signals' own units, once each, in the given order; VERIFIED here means acknowledged by the device."""

    async def release(self, points: Sequence[Point]) -> Mapping[str, Outcome]:
        """Gives back what the device itself holds for us, so that it goes on with its own value; safe to repeat.

        A point whose device holds nothing for us, beyond the value last written, is left out. VERIFIED: the device was seen to hold nothing of ours.
        """

    async def close(self) -> None:
        """Closes the connection; never raises."""
