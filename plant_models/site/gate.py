"""The gate's rules of a site: what each readable point must satisfy, as its row of ``points.csv`` and its quantity say."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from plant_models.site.points import Point, Points
from plant_models.site.problems import Problem, shown
from plant_models.site.settings import FILE
from plant_models.site.topology import Gate, Site
from safety.quality import GateRule
from safety.signals import Kind, parse

STALE_AFTER_S: Final = 30.0
RATE_PER_MIN: Final[Mapping[Kind, float]] = {
    Kind.TEMPERATURE: 10.0,  # engineering value: total loss of air cooling at 5 kW a rack heats a hall by 22-26 K/min at first, sensors lag by a minute
}
UNRATED: Final = frozenset({"setpoint", "fan"})


def gate_rules_of(points: Points, own: Mapping[str, Gate] | None = None) -> dict[str, GateRule]:
    """Returns a rule for every readable point, by signal, with what the site says of single signals; setpoints may step, so no rate is asked of them."""
    return {p.signal: _rule(p, (own or {}).get(p.signal, Gate())) for p in points.rows if p.readable}


def gate_problems(site: Site, readable: Collection[str]) -> Iterator[Problem]:
    """Yields signals and siblings of ``[gate]`` that no point reads, and rates wider than that of their quantity."""
    for signal, own in site.gate.items():
        at = f'{FILE}: gate."{signal}"'
        if signal not in readable:
            yield Problem(at, shown(signal), "a signal that a row of points.csv reads")
            continue
        for sibling in own.siblings:
            if sibling not in readable or sibling == signal:
                yield Problem(f"{at}.siblings", shown(sibling), "other signals that rows of points.csv read")
        usual = RATE_PER_MIN.get(parse(signal).quantity.kind)
        if own.rate_per_min is not None and usual is not None and own.rate_per_min > usual:
            yield Problem(f"{at}.rate_per_min", f"{own.rate_per_min:g}", f"at most {usual:g} (a site narrows limits, it never widens them)")


def _rule(point: Point, own: Gate) -> GateRule:
    quantity = point.parts.quantity
    may_step = any(word in quantity.name for word in UNRATED)
    usual = None if may_step else RATE_PER_MIN.get(quantity.kind)
    return GateRule(
        stale_after_s=point.stale_after_s or STALE_AFTER_S,
        low=point.plausible_low,
        high=point.plausible_high,
        rate_per_min=usual if own.rate_per_min is None else own.rate_per_min,
        stuck_after_s=own.stuck_after_s,
        siblings=own.siblings,
        tolerance=own.tolerance,
    )
