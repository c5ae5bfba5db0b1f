"""Which heats the gate weighs against each other: one rule for each chilled-water plant of a site whose heat is known from more than one side."""

from __future__ import annotations

from typing import Final

from plant_models.site.points import Points
from plant_models.site.topology import Site
from safety.balance import BalanceRule

LOSSES: Final = "site.losses_power_kw"
FLOOR_SHARE: Final = 0.05  # engineering value, of the chillers' capacity: at a low load, errors of zero weigh more than those of scale


def balances_of(site: Site, points: Points) -> tuple[BalanceRule, ...]:
    """Returns the rules of the heat balance, one for each plant; none for a plant with a tank, whose stored heat no reading here counts.

    What heats the halls is left out where a part of it goes to technology water.
    """
    rules = []
    for plant in site.plant:
        if any(tank.plant == plant.name for tank in site.tank):
            continue
        halls = tuple(hall.name for hall in site.hall if hall.plant == plant.name)
        wet = any(hall.liquid for hall in site.hall)
        chillers = {chiller.name: chiller.capacity_kw for chiller in site.chiller if chiller.plant == plant.name}
        rules.append(
            BalanceRule(
                plant=plant.name,
                chillers=chillers,
                cooled=halls,
                halls=() if wet else halls,
                of_site=tuple(hall.name for hall in site.hall),
                economisers=tuple(e.name for e in site.economiser if e.plant == plant.name),
                losses=LOSSES if LOSSES in points.by_signal and points.by_signal[LOSSES].readable else "",
                tolerance=site.balance.tolerance,
                floor_kw=FLOOR_SHARE * sum(chillers.values()),
            )
        )
    return tuple(rules)
