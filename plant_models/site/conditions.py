"""What a site says of the conditions of its operation: which contacts speak for one, from where weather and load count as beyond design, and what they cap."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from plant_models.site.points import Points
from plant_models.site.topology import Site
from safety.conditions import STATES, Threshold
from safety.modes import Condition

WEATHER_HYSTERESIS_K: Final = 1.0  # engineering value
LOAD_HYSTERESIS: Final = 0.05  # engineering value, of the halls' capacity
WETBULB: Final = "weather.oa_wetbulb_c"
DRYBULB: Final = "weather.oa_drybulb_c"


def contacts_of(site: Site, points: Points) -> tuple[str, ...]:
    """Returns the readable contacts that speak for a condition of the whole site; a leak at one machine is that machine's."""
    whole = {"site", *(plant.name for plant in site.plant), *(hall.name for hall in site.hall)}
    return tuple(p.signal for p in points.rows if p.readable and p.parts.quantity.name in STATES and p.parts.equipment in whole)


def weather_thresholds(site: Site) -> Mapping[str, Threshold]:
    """Returns from where on outside air is beyond design, by its signal; nothing where the site does not state its design."""
    own = site.conditions
    design = {WETBULB: own.design_wetbulb_c, DRYBULB: own.design_drybulb_c}
    return {s: Threshold(Condition.HEAT_WAVE, v, v - WEATHER_HYSTERESIS_K) for s, v in design.items() if v is not None}


def load_threshold(site: Site) -> Threshold:
    """Returns the share of the halls' IT capacity from which on the load is very high."""
    share = site.conditions.high_load_share
    return Threshold(Condition.VERY_HIGH_LOAD, share, share - LOAD_HYSTERESIS)


def load_share(site: Site, measured: Mapping[str, float]) -> float | None:
    """Returns the IT load over the halls' capacity, None while that of any hall is unknown or there is no hall."""
    loads = [measured.get(f"{hall.name}.it_load_kw") for hall in site.hall]
    known = [load for load in loads if load is not None]
    capacity_kw = sum(hall.it_capacity_kw for hall in site.hall)
    return sum(known) / capacity_kw if known and len(known) == len(loads) else None


def advisory_of(site: Site) -> frozenset[Condition]:
    """Returns the conditions under which the site wants no more than advice."""
    own = site.conditions
    wanted = {Condition.HEAT_WAVE: own.heat_wave, Condition.VERY_HIGH_LOAD: own.very_high_load, Condition.POWER_DISTURBED: own.power_disturbance}
    return frozenset(condition for condition, cap in wanted.items() if cap == "advisory")
