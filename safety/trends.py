"""How the hottest rack inlet of each hall moves: an explicit memory of the last quarter hour, and what the envelope reads from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from safety.finite import known
from safety.limits import HallLimits, Limits
from safety.records import InletTrend, Measurements

WINDOW_S: Final = 900.0  # ASHRAE TC 9.9 2021: a change in any 15 min
RATE_SPAN_MIN_S: Final = 240.0  # engineering value: over a shorter span sensor noise reads as a rate

Samples = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Trends:
    """Memory: recent (time [s], hottest inlet [degC]) by hall, and since when it is above the recommended limit [s]."""

    samples: Mapping[str, Samples] = field(default_factory=dict)
    hot_since_s: Mapping[str, float] = field(default_factory=dict)


def inlets_of(hall: HallLimits, measured: Mapping[str, float]) -> tuple[float | None, ...]:
    """Returns the hall's own hottest inlet, then each row's in order [degC]; None is unknown."""
    return (known(measured, f"{hall.name}.rack_inlet_max_c"), *(known(measured, f"{row}.rack_inlet_c") for row in hall.rows))


def hottest_inlet_c(hall: HallLimits, measured: Mapping[str, float]) -> float | None:
    """Returns the hottest inlet [degC], or None while it is unknown: the hall's own reading is missing and so is that of any row, or there is none."""
    whole, *rows = inlets_of(hall, measured)
    if whole is None and (not rows or None in rows):
        return None
    return max(value for value in (whole, *rows) if value is not None)


def update(memory: Trends, measured: Measurements, limits: Limits) -> Trends:
    """Takes one set of accepted measurements into the memory; an unknown inlet adds nothing and ends nothing."""
    at_s = measured.taken_at_s
    samples: dict[str, Samples] = {}
    hot_since_s: dict[str, float] = {}
    for hall in limits.halls:
        kept = tuple(sample for sample in memory.samples.get(hall.name, ()) if at_s - 2.0 * WINDOW_S <= sample[0] < at_s)
        since = memory.hot_since_s.get(hall.name)
        hottest = hottest_inlet_c(hall, measured.values)
        if hottest is not None:
            kept = (*kept, (at_s, hottest))
            since = (at_s if since is None else since) if hottest > hall.inlet_recommended_c else None
        samples[hall.name] = _recent(kept, at_s)
        if since is not None:
            hot_since_s[hall.name] = min(since, at_s)
    return Trends(samples, hot_since_s)


def trend_of(memory: Trends, hall: str, at_s: float) -> InletTrend | None:
    """Returns how a hall's hottest inlet moves at ``at_s``, or None while nothing recent is known of it."""
    samples = _recent(memory.samples.get(hall, ()), at_s)
    if not samples:
        return None
    values = [value for _, value in samples]
    since = memory.hot_since_s.get(hall)
    return InletTrend(
        hot_for_s=0.0 if since is None else at_s - since,
        rate_k_per_h=_slope_k_per_h(samples),
        rise_k=values[-1] - min(values),
        fall_k=max(values) - values[-1],
    )


def inlets(memory: Trends, at_s: float) -> Mapping[str, InletTrend]:
    """Returns the trend of each hall of which something recent is known, as ``Situation.inlets`` takes it."""
    found = ((hall, trend_of(memory, hall, at_s)) for hall in memory.samples)
    return {hall: trend for hall, trend in found if trend is not None}


def _recent(samples: Samples, at_s: float) -> Samples:
    """Returns the samples of the window; at a cycle as long as the window the last two, up to twice its length."""
    inside = tuple(sample for sample in samples if at_s - sample[0] <= WINDOW_S)
    return inside if len(inside) > 1 else tuple(sample for sample in samples[-2:] if at_s - sample[0] <= 2.0 * WINDOW_S)


def _slope_k_per_h(samples: Samples) -> float | None:
    """Returns the least-squares slope [K/h], or None over too short a span."""
    first_s, last_s = samples[0][0], samples[-1][0]
    if last_s - first_s < RATE_SPAN_MIN_S:
        return None
    mean_s = sum(at_s for at_s, _ in samples) / len(samples)
    spread = sum((at_s - mean_s) ** 2 for at_s, _ in samples)
    return 3600.0 * sum((at_s - mean_s) * value for at_s, value in samples) / spread
