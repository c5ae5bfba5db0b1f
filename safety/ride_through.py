"""How long stored cold lasts if the chillers stop now, how fast a hall heats without air, and the largest load step that can be absorbed now."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from safety.finite import known
from safety.limits import HallLimits, Limits, PlantLimits
from safety.ownership import callable_now
from safety.signals import MachineState
from safety.trends import hottest_inlet_c

WATER_KJ_PER_M3K: Final = 4172.0  # 998 kg/m3 x 4.18 kJ/kgK, IAPWS-95 at 20 degC
AIR_KJ_PER_K_RACK: Final = 13.0  # 10-12 m3 of air a rack
MASS_W_PER_K_RACK: Final = 450.0  # engineering value, 300-600 W/K between air and the mass of a rack and its part of the room
MASS_KJ_PER_K_RACK: Final = 250.0  # engineering value, 180-320 kJ/K


@dataclass(frozen=True, slots=True)
class RideThrough:
    """One plant's reserve now; None is unknown. ``seconds`` of stored cold to the allowable inlet with fans and pumps running, ``step_kw`` the
    largest load step that running machines and store carry until one more machine runs, ``air_loss_s`` by hall until the allowable inlet without air.
    """

    plant: str
    heat_kw: float | None
    seconds: float | None
    floor_s: float | None
    step_kw: float | None
    air_loss_s: Mapping[str, float | None] = field(default_factory=dict)


def halls_of(plant: PlantLimits, limits: Limits) -> tuple[HallLimits, ...]:
    """Returns the halls that a plant cools."""
    return tuple(hall for hall in limits.halls if hall.plant is None or hall.plant == plant.name)


def heat_kw(plant: PlantLimits, limits: Limits, measured: Mapping[str, float]) -> float | None:
    """Returns the heat that a plant's halls give to its water [kW]: IT load into air, and CRAH fans where they are measured.

    An unmeasured IT load counts as the hall's capacity; None where that is not known either, or no hall is served.
    """
    total, halls = 0.0, halls_of(plant, limits)
    for hall in halls:
        load_kw = known(measured, f"{hall.name}.it_load_kw")
        load_kw = hall.it_capacity_kw if load_kw is None else load_kw
        if load_kw is None:
            return None
        total += max(load_kw, 0.0) * hall.air_share + max(known(measured, f"{hall.name}.crah_fan_power_kw") or 0.0, 0.0)
    return total if halls else None


def spare_kelvin(plant: PlantLimits, limits: Limits, measured: Mapping[str, float]) -> float | None:
    """Returns how far the hottest inlet of a plant's halls is below its allowable limit [K], the least of them; None while one is unknown."""
    spare = math.inf
    for hall in halls_of(plant, limits):
        inlet_c = hottest_inlet_c(hall, measured)
        if inlet_c is None:
            return None
        spare = min(spare, hall.inlet_allowable_c - inlet_c)
    return spare if math.isfinite(spare) else None


def stored_seconds(plant: PlantLimits, limits: Limits, measured: Mapping[str, float]) -> float | None:
    """Returns for how long a plant's water carries its heat until the first inlet is at its allowable limit [s]: ``volume x rho cp x kelvin / heat``.

    Fans and pumps run on; inlets rise as the water does. None while inlet or load is unknown; infinite without load.
    """
    kelvin, load_kw = spare_kelvin(plant, limits, measured), heat_kw(plant, limits, measured)
    if kelvin is None or load_kw is None or plant.stored_m3 is None:
        return None
    return plant.stored_m3 * WATER_KJ_PER_M3K * max(kelvin, 0.0) / load_kw if load_kw > 0.0 else math.inf


def needed_kelvin(plant: PlantLimits, limits: Limits, measured: Mapping[str, float]) -> float | None:
    """Returns how far below their allowable limit a plant's inlets must be for its floor to hold at the present load [K], None where no floor does."""
    load_kw = heat_kw(plant, limits, measured)
    if plant.ride_through_floor_s is None or not plant.stored_m3 or load_kw is None:
        return None
    return plant.ride_through_floor_s * load_kw / (plant.stored_m3 * WATER_KJ_PER_M3K)


def running_kw(plant: PlantLimits, limits: Limits, measured: Mapping[str, float]) -> float | None:
    """Returns the capacity of a plant's running chillers [kW], None while any state or capacity is unknown."""
    total = 0.0
    for chiller in limits.chillers:
        if chiller.plant == plant.name:
            state = known(measured, f"{chiller.name}.machine_state")
            if state is None or chiller.capacity_kw is None:
                return None
            total += chiller.capacity_kw if state == MachineState.RUNNING and callable_now(chiller.name, measured) else 0.0
    return total


def load_step_kw(plant: PlantLimits, limits: Limits, measured: Mapping[str, float]) -> float | None:
    """Returns the largest load step that running machines and stored cold carry until one more machine runs [kW], None while it is unknown."""
    running, load_kw, kelvin = running_kw(plant, limits, measured), heat_kw(plant, limits, measured), spare_kelvin(plant, limits, measured)
    starts_s = max((c.start_s for c in limits.chillers if c.plant == plant.name), default=0.0)
    if running is None or load_kw is None or kelvin is None or plant.stored_m3 is None or starts_s <= 0.0:
        return None
    return max(running - load_kw, 0.0) + plant.stored_m3 * WATER_KJ_PER_M3K * max(kelvin, 0.0) / starts_s


def air_loss_seconds(hall: HallLimits, measured: Mapping[str, float]) -> float | None:
    """Returns for how long a hall's inlets stay below their allowable limit when all air stops now [s]; None while load or inlet is unknown.

    Two nodes a rack: its air, and the mass that takes up heat from it (Khankari 2011); no air is exchanged with plenum or coil, so it is the
    worst case.
    """
    load_kw, inlet_c = known(measured, f"{hall.name}.it_load_kw"), hottest_inlet_c(hall, measured)
    if load_kw is None or inlet_c is None or not hall.racks:
        return None
    kelvin, rack_kw = max(hall.inlet_allowable_c - inlet_c, 0.0), load_kw * hall.air_share / hall.racks
    if rack_kw <= 0.0:
        return math.inf
    ahead_k = 1000.0 * rack_kw / MASS_W_PER_K_RACK  # of the mass, by which the air soon runs
    tau_s = 1000.0 * AIR_KJ_PER_K_RACK / MASS_W_PER_K_RACK
    slow_s = kelvin * (AIR_KJ_PER_K_RACK + MASS_KJ_PER_K_RACK) / rack_kw
    if kelvin >= ahead_k:
        return slow_s
    return min(-tau_s * math.log1p(-kelvin / ahead_k), slow_s)


def reserves(limits: Limits, measured: Mapping[str, float]) -> tuple[RideThrough, ...]:
    """Returns the reserve of every plant now."""
    return tuple(
        RideThrough(
            plant=plant.name,
            heat_kw=heat_kw(plant, limits, measured),
            seconds=stored_seconds(plant, limits, measured),
            floor_s=plant.ride_through_floor_s,
            step_kw=load_step_kw(plant, limits, measured),
            air_loss_s={hall.name: air_loss_seconds(hall, measured) for hall in halls_of(plant, limits)},
        )
        for plant in limits.plants
    )
