"""The devices of a simulated site on the wire; they serve what the site shows and pass on what is written, nothing more."""

from __future__ import annotations

from typing import Protocol


class Served(Protocol):
    """What a device needs of the site behind it; ``plant_models.simulator.site.SimulatedSite`` is one."""

    @property
    def now_s(self) -> float:
        """The plant clock, seconds since 1970 in UTC."""

    def read(self, signal: str) -> float | None:
        """Returns what the BAS shows, in the signal's own unit; None where the sensor is dead."""

    def write(self, signal: str, value: float) -> None:
        """Takes a write to a writable point, in the signal's own unit."""


class Device(Protocol):
    """One peer on the wire."""

    name: str

    @property
    def port(self) -> int:
        """The TCP port that it listens on, 0 before it was first opened."""

    async def open(self) -> None:
        """Starts listening; after a close it listens on the same port again."""

    async def publish(self) -> None:
        """Shows the site's present values, once for each scan of the BAS."""

    async def close(self) -> None:
        """Stops listening and drops every connection."""
