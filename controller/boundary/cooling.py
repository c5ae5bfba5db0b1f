"""What a scheduler is told of the cooling: room for more load, what a further kW costs, minutes to the limit, and whether load must go; from facts alone.

Nothing here asks for anything of the plant; capacities are those of name plates, so that headroom is an offer and no promise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from pydantic import Field

from controller.forecast import CARBON, PRICE
from plant_models.site.limits import limits_of
from plant_models.site.load import LoadedSite
from plant_models.site.topology import Hall
from safety.finite import known
from safety.limits import HallLimits, Limits, PlantLimits
from safety.ownership import callable_now
from safety.ride_through import air_loss_seconds, heat_kw, load_step_kw, stored_seconds
from safety.signals import EconomiserState
from safety.trends import hottest_inlet_c

FRESH_CYCLES: Final = 3  # a fact older than so many cycles is shown with its age and offers nothing
SHED_TO_K: Final = 1.0  # engineering value: below the allowable limit, where shedding should bring the hottest inlet
CALM_K: Final = 2.0  # engineering value: below the allowable limit, from where on no shedding is asked any more
_RISE_LEAST_K: Final = 0.5  # of inlet over supply air: below it, load says nothing of the inlet


@dataclass(frozen=True)
class Marginal:
    """What one further kW of IT load changes once the plant has settled, with the machines that run now; None where there is no identified model."""

    facility_kw_per_it_kw: Annotated[float | None, Field(description="electric power of the whole facility [kW/kW]")] = None
    cooling_kw_per_it_kw: Annotated[float | None, Field(description="electric power of the cooling alone [kW/kW]")] = None
    carbon_kg_per_it_kwh: Annotated[float | None, Field(description="CO2e of the facility for an hour of a further kW [kg/kWh]")] = None
    cost_per_it_kwh: Annotated[float | None, Field(description="cost of the facility for an hour of a further kW, in the site's currency")] = None


@dataclass(frozen=True)
class Hour:
    """What a kWh of the grid is about to cost and emit from an instant on; for times to which work may be moved."""

    at_s: Annotated[float, Field(description="[s since 1970 UTC]")]
    carbon_kg_per_kwh: float
    energy_price_per_kwh: float


@dataclass(frozen=True)
class PlantRoom:
    """One chilled-water plant; None is unknown."""

    heat_kw: Annotated[float | None, Field(description="heat that it carries now [kW]")]
    available_kw: Annotated[float | None, Field(description="capacity of the machines that may be called, less the site's spare ones [kW]")]
    step_kw: Annotated[float | None, Field(description="largest load step that is carried until one more machine runs [kW]")]
    minutes_to_limit: Annotated[float | None, Field(description="stored cold if all chillers stop now, until the first inlet is at its allowable limit [min]")]
    floor_min: Annotated[float | None, Field(description="below which stored cold is never taken by choice [min]")]


@dataclass(frozen=True)
class HallRoom:
    """One hall; None is unknown."""

    it_load_kw: float | None
    it_capacity_kw: float
    headroom_kw: Annotated[float | None, Field(description="further IT load that hall and plant can cool [kW]; 0 in a hall above its recommended inlet")]
    hottest_inlet_c: float | None
    inlet_recommended_c: float
    inlet_allowable_c: float
    air_loss_s: Annotated[float | None, Field(description="until the inlets are at their allowable limit if all air stops [s]")]
    shed_kw: Annotated[float, Field(description="IT load that should go at once [kW]; 0: none")] = 0.0
    because: Annotated[str, Field(description="why load should go")] = ""


@dataclass(frozen=True)
class Cooling:
    """The state of a site's cooling as a scheduler sees it."""

    site: str
    at_s: Annotated[float | None, Field(description="when it was measured [s since 1970 UTC]; None before the first cycle")]
    age_s: Annotated[float | None, Field(description="how old that is [s]")]
    fresh: Annotated[bool, Field(description="whether it is recent enough to be acted on; headroom is 0 where not")]
    stage: str
    mode: str
    bas_in_charge: Annotated[bool, Field(description="whether the building automation runs the plant by itself")]
    headroom_kw: Annotated[float | None, Field(description="sum of the halls, no more than their plants can carry together [kW]")] = None
    minutes_to_limit: Annotated[float | None, Field(description="the shortest of the plants [min]")] = None
    shedding: Annotated[bool, Field(description="whether load should go at once; in which hall, and how much, stands there")] = False
    marginal: Marginal = field(default_factory=Marginal)
    ahead: tuple[Hour, ...] = ()
    plants: Mapping[str, PlantRoom] = field(default_factory=dict)
    halls: Mapping[str, HallRoom] = field(default_factory=dict)


def cooling_of(loaded: LoadedSite, facts: Mapping[str, Any], marginal: tuple[float, float] | None, shed_before: bool) -> Cooling:
    """Returns what a scheduler is told. ``facts`` are the daemon's, ``marginal`` kW of facility and of cooling for a further kW of IT load,
    ``shed_before`` whether shedding was asked for the last time; it is over only when the inlets are ``CALM_K`` below their limit.
    """
    head = {key: facts[key] for key in ("site", "stage", "mode", "bas_in_charge")}
    if "measured" not in facts:
        return Cooling(**head, at_s=None, age_s=None, fresh=False)
    measured, withdrawn = facts["measured"], frozenset(facts["withdrawn"])
    limits = limits_of(loaded.site, loaded.points)
    age_s = facts["now_s"] - facts["at_s"]
    fresh = 0.0 <= age_s <= FRESH_CYCLES * loaded.site.timing.cycle_s
    plants = {plant.name: _plant(plant, limits, measured, withdrawn) for plant in limits.plants}
    names = {hall.name: hall for hall in loaded.site.hall}
    halls = {h.name: _hall(names[h.name], h, loaded, plants, measured, fresh) for h in limits.halls if h.name in names}
    if fresh:
        halls = {name: _shed(room, measured, name, _short(names[name], plants, halls, measured, loaded), shed_before) for name, room in halls.items()}
    minutes = [room.minutes_to_limit for room in plants.values() if room.minutes_to_limit is not None]
    return Cooling(
        **head,
        at_s=facts["at_s"],
        age_s=round(age_s, 1),
        fresh=fresh,
        headroom_kw=_together(halls, plants, loaded) if fresh else 0.0,
        minutes_to_limit=min(minutes, default=None),
        shedding=any(room.shed_kw > 0.0 for room in halls.values()),
        marginal=_marginal(marginal, facts["forecast"]["series"]),
        ahead=_hours(facts["forecast"]),
        plants=plants,
        halls=halls,
    )


def _plant(plant: PlantLimits, limits: Limits, measured: Mapping[str, float], withdrawn: frozenset[str]) -> PlantRoom:
    callable_kw = sorted(c.capacity_kw for c in limits.chillers if c.plant == plant.name and c.capacity_kw and callable_now(c.name, measured, withdrawn))
    counted = callable_kw[: len(callable_kw) - plant.spare_machines] if plant.spare_machines else callable_kw
    has_chillers = any(c.plant == plant.name for c in limits.chillers)
    return PlantRoom(
        heat_kw=_round(heat_kw(plant, limits, measured)),
        available_kw=_round(sum(counted)) if has_chillers else None,
        step_kw=_round(load_step_kw(plant, limits, measured)),
        minutes_to_limit=_round(stored_seconds(plant, limits, measured), 60.0),
        floor_min=_round(plant.ride_through_floor_s, 60.0),
    )


def _hall(hall: Hall, limits: HallLimits, loaded: LoadedSite, plants: Mapping[str, PlantRoom], measured: Mapping[str, float], fresh: bool) -> HallRoom:
    load_kw, inlet_c = known(measured, f"{hall.name}.it_load_kw"), hottest_inlet_c(limits, measured)
    rooms = [hall.it_capacity_kw - load_kw] if load_kw is not None else []
    plant = plants.get(hall.plant or "")
    if plant is not None and plant.available_kw is not None and plant.heat_kw is not None and limits.air_share > 0.0:
        rooms.append((plant.available_kw - plant.heat_kw) / limits.air_share)
    units_kw = sum(cdu.heat_kw for cdu in loaded.site.cdu if cdu.hall == hall.name)
    if units_kw and hall.liquid is not None and load_kw is not None:
        rooms.append(units_kw / hall.liquid.fraction - load_kw)
    hot = inlet_c is None or inlet_c > limits.inlet_recommended_c
    return HallRoom(
        it_load_kw=_round(load_kw),
        it_capacity_kw=hall.it_capacity_kw,
        headroom_kw=None if load_kw is None else 0.0 if hot or not fresh else max(round(min(rooms), 2), 0.0),
        hottest_inlet_c=_round(inlet_c),
        inlet_recommended_c=limits.inlet_recommended_c,
        inlet_allowable_c=limits.inlet_allowable_c,
        air_loss_s=_round(air_loss_seconds(limits, measured)),
    )


def _short(hall: Hall, plants: Mapping[str, PlantRoom], halls: Mapping[str, HallRoom], measured: Mapping[str, float], loaded: LoadedSite) -> float:
    """Returns a hall's part of the heat that its plant's machines can no longer carry, running or not [kW]; none while the economiser carries all."""
    plant = plants.get(hall.plant or "")
    if plant is None or plant.available_kw is None or plant.heat_kw is None:
        return 0.0
    free = [known(measured, f"{e.name}.economiser_state") or 0.0 for e in loaded.site.economiser if e.plant == hall.plant]
    if any(state >= EconomiserState.PARTIAL for state in free):
        return 0.0
    together = sum(halls[h.name].it_load_kw or 0.0 for h in loaded.site.hall if h.plant == hall.plant and h.name in halls)
    share = (halls[hall.name].it_load_kw or 0.0) / together if together else 0.0
    return max(plant.heat_kw - plant.available_kw, 0.0) * share


def _shed(room: HallRoom, measured: Mapping[str, float], name: str, short_kw: float, before: bool) -> HallRoom:
    """Returns a hall with the load that should go: what its plant cannot carry, or what brings the hottest inlet back below its allowable limit.

    The inlet's rise over supply air comes from recirculated air and goes with the load; where supply air itself is at the limit, all load should go.
    """
    load_kw, inlet_c, supply_c = room.it_load_kw, room.hottest_inlet_c, known(measured, f"{name}.crah_supply_temp_c")
    kw, because = (short_kw, "the machines that may be called cannot carry the heat") if short_kw > 0.0 else (0.0, "")
    begins_c = room.inlet_allowable_c - (CALM_K if before else 0.0)
    if load_kw is not None and inlet_c is not None and inlet_c >= begins_c:
        least_c = room.inlet_allowable_c - SHED_TO_K
        rise_k = inlet_c - (inlet_c if supply_c is None else supply_c)
        share = (inlet_c - least_c) / rise_k if rise_k > _RISE_LEAST_K else 1.0
        hot_kw = load_kw * min(max(share, 0.0), 1.0)
        if hot_kw > kw:
            kw, because = hot_kw, f"the hottest inlet is at {inlet_c:.1f} degC, {room.inlet_allowable_c:g} is allowed"
    if kw <= 0.0:
        return room
    return HallRoom(**{**vars(room), "headroom_kw": 0.0, "shed_kw": round(kw, 2), "because": because})


def _together(halls: Mapping[str, HallRoom], plants: Mapping[str, PlantRoom], loaded: LoadedSite) -> float | None:
    """Returns the headroom of all halls, where air-cooled halls of one plant share what it can still carry; None while that of a hall is unknown."""
    total = 0.0
    for group in {hall.plant for hall in loaded.site.hall}:
        members = [hall for hall in loaded.site.hall if hall.plant == group]
        rooms = [halls[hall.name].headroom_kw for hall in members if hall.name in halls]
        known_kw = [room for room in rooms if room is not None]
        if len(known_kw) < len(members):
            return None
        plant = plants.get(group or "")
        shared = plant is not None and not any(hall.liquid for hall in members)
        left_kw = plant.available_kw - plant.heat_kw if shared and plant and plant.available_kw is not None and plant.heat_kw is not None else math.inf
        total += min(sum(known_kw), max(left_kw, 0.0))
    return round(total, 2)


def _marginal(kw: tuple[float, float] | None, series: Mapping[str, Any]) -> Marginal:
    if kw is None:
        return Marginal()
    facility, cooling = kw
    carbon, price = (series[signal]["median"][0] if signal in series else None for signal in (CARBON, PRICE))
    return Marginal(
        facility_kw_per_it_kw=round(facility, 4),
        cooling_kw_per_it_kw=round(cooling, 4),
        carbon_kg_per_it_kwh=None if carbon is None else round(facility * carbon, 5),
        cost_per_it_kwh=None if price is None else round(facility * price, 5),
    )


def _hours(forecast: Mapping[str, Any]) -> tuple[Hour, ...]:
    """Returns carbon and price as far as they are forecast, an hour each."""
    series, step_s = forecast["series"], forecast["step_s"]
    if CARBON not in series or PRICE not in series:
        return ()
    carbon, price = series[CARBON]["median"], series[PRICE]["median"]
    every = max(round(3600.0 / step_s), 1)
    return tuple(Hour(forecast["made_at_s"] + k * step_s, round(carbon[k], 5), round(price[k], 5)) for k in range(0, len(carbon), every))


def _round(value: float | None, unit: float = 1.0) -> float | None:
    return round(value / unit, 2) if value is not None and math.isfinite(value) else None
