"""Reads every point of a site once and says what may be believed: quality, range, unit, round trip of each device, requests as they stand; writes nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from controller.fieldbus import Fieldbus, Raw
from plant_models.site.load import LoadedSite
from plant_models.site.points import Point
from plant_models.site.units import CONVERSIONS, unit_of_signal
from safety.records import Status
from safety.signals import Kind, Role

ROUND_TRIPS: Final = 3
POSSIBLE: Final[Mapping[Kind, tuple[float, float]]] = {
    Kind.TEMPERATURE: (-45.0, 65.0),
    Kind.DIFFERENCE: (-60.0, 60.0),
    Kind.PRESSURE: (-200.0, 2500.0),
    Kind.FLOW: (-10.0, 20_000.0),
    Kind.POWER: (-100.0, 300_000.0),
    Kind.ENERGY: (0.0, 1e12),
    Kind.SHARE: (-5.0, 160.0),
    Kind.HUMIDITY: (0.0, 102.0),
    Kind.COUNT: (0.0, 2.0**32),
    Kind.STATE: (0.0, 65535.0),
    Kind.TIME: (0.0, 1e11),
}
"""What a quantity of a cooling plant can be at all, in its own unit (engineering values): outside of it, unit, scale or word order is wrong."""
_WHOLE: Final = (Kind.COUNT, Kind.STATE)


@dataclass(frozen=True, slots=True)
class Seen:
    """One point as it was read; ``doubts`` say why its value is not to be believed although it was read."""

    point: Point
    raw: Raw
    doubts: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Returns whether it reads good and believable."""
        return self.raw.status is Status.GOOD and not self.doubts


@dataclass(frozen=True, slots=True)
class Peer:
    """One device: how long all its points took, and one point alone at best [ms, wall]; None where it did not answer."""

    name: str
    points: int
    answered: int
    read_all_ms: float
    round_trip_ms: float | None


@dataclass(frozen=True)
class Live:
    """What one look at a site gave; ``unread`` are its points that can only be written."""

    points: tuple[Seen, ...]
    peers: tuple[Peer, ...]
    unread: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Returns whether every point reads good and believable."""
        return all(seen.good for seen in self.points)

    @property
    def requests(self) -> Mapping[str, float | None]:
        """Returns what stands in the requests that can be read back, by signal."""
        return {s.point.signal: s.raw.value for s in self.points if s.point.writable and s.point.signal.endswith(f".{Role.REQUEST}")}


async def look(loaded: LoadedSite, buses: Mapping[str, Fieldbus], monotonic: Callable[[], float] = time.perf_counter) -> Live:
    """Opens all buses, reads every readable point once, all devices in parallel, and closes them again."""
    by_device = {name: tuple(p for p in loaded.points.rows if p.device == name and p.readable) for name in buses}
    own = {id(bus): bus for bus in buses.values()}.values()
    try:
        await asyncio.gather(*(bus.open() for bus in own))
        answers = await asyncio.gather(*(_look_at(name, buses[name], points, monotonic) for name, points in by_device.items()))
    finally:
        await asyncio.gather(*(bus.close() for bus in own))
    raws = {signal: raw for _, answer in answers for signal, raw in answer.items()}
    seen = tuple(Seen(p, raws[p.signal], tuple(doubts(p, raws[p.signal]))) for p in loaded.points.rows if p.signal in raws)
    return Live(seen, tuple(peer for peer, _ in answers), tuple(p.signal for p in loaded.points.rows if not p.readable))


async def _look_at(name: str, bus: Fieldbus, points: Sequence[Point], monotonic: Callable[[], float]) -> tuple[Peer, Mapping[str, Raw]]:
    began = monotonic()
    answer = await bus.read(points) if points else {}
    whole_ms = 1000.0 * (monotonic() - began)
    answered = [p for p in points if answer[p.signal].status is not Status.MISSING]
    trips: list[float] = []
    for _ in range(ROUND_TRIPS if answered else 0):
        began = monotonic()
        again = await bus.read(answered[:1])
        if again[answered[0].signal].status is not Status.MISSING:
            trips.append(1000.0 * (monotonic() - began))
    return Peer(name, len(points), len(answered), whole_ms, min(trips, default=None)), answer


def doubts(point: Point, raw: Raw) -> Iterator[str]:
    """Yields why a value is not to be believed: outside of what its row calls plausible, or of what its quantity can be; nothing without a value."""
    value = raw.value
    if value is None:
        return
    low, high = point.plausible_low, point.plausible_high
    if (low is not None and value < low) or (high is not None and value > high):
        yield f"{value:g} is outside of the plausible {'' if low is None else f'{low:g}'} .. {'' if high is None else f'{high:g}'}"
    parts = point.parts
    kind = Kind.STATE if parts.role is Role.AUTHORITY else parts.quantity.kind
    least, most = POSSIBLE[kind]
    if not least <= value <= most:
        yield f"{value:g} {unit_of_signal(parts)} cannot be a {kind.value.replace('_', ' ')}{_other_unit(point, value, least, most)}"
    elif kind in _WHOLE and value != round(value):
        yield f"{value:g} is no whole number, which a {kind.value} is"


def _other_unit(point: Point, value: float, least: float, most: float) -> str:
    """Returns a hint at units in which the same number would be possible: a row with the wrong unit is the usual cause."""
    known = CONVERSIONS[unit_of_signal(point.parts)]
    if point.unit not in known:
        return ""
    own = known[point.unit]
    number = (value - own.shift) / own.factor
    fits = {unit: number * c.factor + c.shift for unit, c in known.items() if unit != point.unit and least <= number * c.factor + c.shift <= most}
    return f"; the device's {number:g} would be {', '.join(f'{v:.4g} if it is in {unit}' for unit, v in list(fits.items())[:3])}" if fits else ""


def as_json(live: Live) -> dict[str, Any]:
    """Returns a look as plain values."""
    return {
        "good": live.good,
        "points": [
            {
                "signal": s.point.signal,
                "device": s.point.device,
                "address": s.point.address,
                "value": s.raw.value,
                "unit": unit_of_signal(s.point.parts),
                "status": s.raw.status.value,
                "detail": s.raw.detail,
                "doubts": list(s.doubts),
                "tags": s.point.tags.split(),
            }
            for s in live.points
        ],
        "devices": {
            p.name: {"points": p.points, "answered": p.answered, "read_all_ms": round(p.read_all_ms, 3), "round_trip_ms": _rounded(p.round_trip_ms)}
            for p in live.peers
        },
        "requests": dict(live.requests),
        "write_only": list(live.unread),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def as_text(live: Live) -> str:
    """Returns a look for people: every point, then each device, then what stands in the requests and what is not good."""
    lines = ["points"]
    for s in live.points:
        value = "-" if s.raw.value is None else f"{s.raw.value:.6g}"
        says = "; ".join(filter(None, (s.raw.detail, *s.doubts)))
        lines.append(f"  {s.point.signal:45s} {value:>12} {unit_of_signal(s.point.parts):5s} {s.raw.status.value:9s} {says}".rstrip())
    lines.append("devices")
    for p in live.peers:
        trip = "no answer" if p.round_trip_ms is None else f"round trip {p.round_trip_ms:.1f} ms"
        lines.append(f"  {p.name}: {p.answered} of {p.points} points answered in {p.read_all_ms:.0f} ms, {trip}")
    lines.append("requests as they stand (nothing was written)")
    lines += [f"  {signal:45s} {'-' if value is None else f'{value:.6g}':>12}" for signal, value in live.requests.items()]
    bad = [s for s in live.points if not s.good]
    lines.append(f"{len(live.points) - len(bad)} of {len(live.points)} points read good; {len(live.unread)} can only be written and were not read")
    lines += [f"  not good: {s.point.signal}" for s in bad[:20]] + ([f"  and {len(bad) - 20} more"] if len(bad) > 20 else [])
    return "\n".join(lines)
