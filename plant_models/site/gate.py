"""The gate's rules of a site: what each readable point must satisfy, as its row of ``points.csv`` and its quantity say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from plant_models.site.points import Point, Points
from safety.quality import GateRule
from safety.signals import Kind

STALE_AFTER_S: Final = 30.0
RATE_PER_MIN: Final[Mapping[Kind, float]] = {
    Kind.TEMPERATURE: 10.0,  # engineering value: total loss of air cooling at 5 kW a rack heats a hall by 22-26 K/min at first, sensors lag by a minute
}
UNRATED: Final = frozenset({"setpoint", "fan"})


def gate_rules_of(points: Points) -> dict[str, GateRule]:
    """Returns a rule for every readable point, by signal; setpoints may step, so no rate is asked of them."""
    return {p.signal: _rule(p) for p in points.rows if p.readable}


def _rule(point: Point) -> GateRule:
    quantity = point.parts.quantity
    may_step = any(word in quantity.name for word in UNRATED)
    return GateRule(
        stale_after_s=point.stale_after_s or STALE_AFTER_S,
        low=point.plausible_low,
        high=point.plausible_high,
        rate_per_min=None if may_step else RATE_PER_MIN.get(quantity.kind),
    )
