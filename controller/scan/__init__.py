"""What a scan of a site's devices finds, and the seam that each protocol's scanner fills; a scan reads, at a stated rate, and never writes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

Told = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Found:
    """One point that answered.

    ``names`` are the names that lead to it, outermost first, none where the protocol has no names; ``unit`` is what the device states, as it
    writes it; ``shown`` is the value it had, ``hint`` what else it may be.
    """

    protocol: str
    address: str
    type: str
    names: tuple[str, ...] = ()
    unit: str = ""
    writable: bool = False
    readable: bool = True
    shown: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Survey:
    """What one device answered: the keys of its table in ``site.toml``, its points, and what was noticed; ``details`` are plain values for JSON."""

    device: str
    settings: Mapping[str, str | int]
    answered: bool
    points: tuple[Found, ...] = ()
    remarks: tuple[str, ...] = ()
    requests: int = 0
    details: Mapping[str, Any] = field(default_factory=dict)
    declared: bool = False
    """Whether a site declares the device already."""


class Scanner(Protocol):
    """One device, or one network, to be asked what is there."""

    async def scan(self, pace: Pace, told: Told) -> Survey:
        """Asks, one request for each turn of ``pace``; ``told`` hears of progress. Trouble is a remark, never an exception."""


class Pace:
    """Lets through so many requests a second, evenly spaced."""

    def __init__(self, per_s: float, monotonic: Callable[[], float] = time.monotonic, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Takes the rate [1/s]."""
        self._every_s = 1.0 / per_s
        self._monotonic, self._sleep = monotonic, sleep
        self._due_s = float("-inf")
        self.turns = 0

    async def turn(self) -> None:
        """Returns when the next request may be sent."""
        now_s = self._monotonic()
        due_s = max(self._due_s, now_s)
        self._due_s = due_s + self._every_s
        self.turns += 1
        if due_s > now_s:
            await self._sleep(due_s - now_s)


def spans(numbers: set[int]) -> list[tuple[int, int]]:
    """Returns whole numbers as runs (first, last), in order."""
    runs: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs
