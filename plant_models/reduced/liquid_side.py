"""Which liquid parts of a site the reduced model has, by name, and how they are joined: halls' racks to technology water, CDUs to facility loops."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from plant_models.reduced.hall import it_factor, mean_inlet_c
from plant_models.reduced.liquid import LoopInputs, LoopResponse, TcsInputs, TcsResponse, case_over_k, flow_share, loop_response, tcs_response
from plant_models.reduced.parameters import ReducedParameters
from plant_models.reduced.smooth import Value
from plant_models.reduced.weather import DRYBULB, WETBULB
from plant_models.site.topology import Hall, Site

TCS_STATE = "tcs_supply_temp_c"
LOOP_STATE = "fws_supply_temp_c"
TCS_SETPOINTS = ("tcs_setpoint_c", "tcs_dp_setpoint_kpa")
LOOP_SETPOINTS = ("fws_setpoint_c",)
LOOP_DISTURBANCES = ("coolers_running", "wet_share")
LOOP_GROUPS = ("fws_pumps_kw", "dry_coolers_kw", "trim_chillers_kw")


def liquid_halls(site: Site) -> tuple[Hall, ...]:
    """Returns the halls that have technology water."""
    return tuple(hall for hall in site.hall if hall.liquid)


def loops_of(site: Site, hall: Hall) -> dict[str, float]:
    """Returns what share of a hall's heat each facility loop takes, by the heat of its units."""
    units = [c for c in site.cdu if c.hall == hall.name]
    total = math.fsum(c.heat_kw for c in units)
    return {loop: math.fsum(c.heat_kw for c in units if c.loop == loop) / total for loop in sorted({c.loop for c in units})}


def loop_machines(site: Site, loop: str) -> dict[str, list[str]]:
    """Returns the machines of a facility loop by the group of power that they are in."""
    pumps = [p.name for p in site.pump if p.plant == loop]
    coolers, trims = ([m.name for m in machines if m.loop == loop] for machines in (site.dry_cooler, site.trim_chiller))
    return dict(zip(LOOP_GROUPS, (pumps, coolers, trims), strict=True))


def it_base_kw(hall: Hall, parameters: ReducedParameters, it_load_kw: Value, states: Mapping[str, Value], dp_kpa: Value) -> Value:
    """Returns the IT power [kW] that the present work would draw at 25 degC inlet and, for what is liquid-cooled, the reference case temperature.

    ``dp_kpa`` is the pressure of technology water, of no use in an air hall.
    """
    p = parameters.halls[hall.name]
    air = it_factor(p, mean_inlet_c(p, states[f"{hall.name}.crah_supply_temp_c"], states[f"{hall.name}.rack_inlet_max_c"]))
    if hall.liquid is None:
        return it_load_kw / air
    t = parameters.tcs[hall.name]
    x, cool = 1.0 - p.air_share, 1.0 + t.leakage_per_k * (states[f"{hall.name}.{TCS_STATE}"] - t.leakage_at_c)
    linear = p.air_share * air + x * cool
    square = x * x * t.leakage_per_k * case_over_k(t, 1.0, flow_share(t, dp_kpa)) / hall.liquid_capacity_kw  # a case warms with its own power
    return 2.0 * it_load_kw / (linear + np.sqrt(linear * linear + 4.0 * square * it_load_kw))


def tcs_responses(
    site: Site, parameters: ReducedParameters, states: Mapping[str, Value], setpoints: Mapping[str, Value], disturbances: Mapping[str, Value]
) -> dict[str, TcsResponse]:
    """Returns how the technology water of each liquid hall answers."""
    found = {}
    for hall in liquid_halls(site):
        p, setpoint = parameters.tcs[hall.name], (setpoints[f"{hall.name}.{s}"] for s in TCS_SETPOINTS)
        tcs_c, dp_kpa = setpoint
        inputs = TcsInputs(
            tcs_c=states[f"{hall.name}.{TCS_STATE}"],
            tcs_setpoint_c=tcs_c,
            dp_kpa=dp_kpa,
            base_kw=(1.0 - parameters.halls[hall.name].air_share) * disturbances[f"{hall.name}.it_base_kw"],
            fws_c=sum((share * states[f"{loop}.{LOOP_STATE}"] for loop, share in loops_of(site, hall).items()), start=0.0),
        )
        found[hall.name] = tcs_response(p, hall.liquid_capacity_kw, inputs)
    return found


def loop_responses(
    site: Site,
    parameters: ReducedParameters,
    states: Mapping[str, Value],
    setpoints: Mapping[str, Value],
    disturbances: Mapping[str, Value],
    tcs: Mapping[str, TcsResponse],
) -> dict[str, LoopResponse]:
    """Returns how each facility loop answers to what its halls' units give it."""
    shares = {hall.name: loops_of(site, hall) for hall in liquid_halls(site)}
    found = {}
    for loop in site.facility_loop:
        name = loop.name
        served = [(tcs[hall], each[name]) for hall, each in shares.items() if name in each]
        running, wet = (disturbances[f"{name}.{d}"] for d in LOOP_DISTURBANCES)
        inputs = LoopInputs(
            fws_c=states[f"{name}.{LOOP_STATE}"],
            fws_setpoint_c=setpoints[f"{name}.{LOOP_SETPOINTS[0]}"],
            heat_kw=sum((share * t.heat_kw for t, share in served), start=0.0),
            water_kgs=sum((share * t.water_kgs for t, share in served), start=0.0),
            coolers_running=running,
            wet_share=wet,
            drybulb_c=disturbances[DRYBULB],
            wetbulb_c=disturbances[WETBULB],
        )
        coolers = sum(1 for c in site.dry_cooler if c.loop == name)
        found[name] = loop_response(parameters.loops[name], coolers, any(t.loop == name for t in site.trim_chiller), inputs)
    return found


def add_liquid(
    tcs: Mapping[str, TcsResponse],
    loops: Mapping[str, LoopResponse],
    drifts: Mapping[str, Value],
    rates: dict[str, Value],
    powers: dict[str, Value],
    outputs: dict[str, Value],
) -> None:
    """Adds rates [K/s], powers by group [kW] and further outputs of the liquid side, by name; a hall's IT power is added to that of its air."""
    for name, t in tcs.items():
        rates[f"{name}.{TCS_STATE}"] = t.rate + drifts[f"{name}.{TCS_STATE}"]
        powers[f"{name}.cdu_pumps_kw"] = t.pumps_kw
        powers[f"{name}.it_kw"] = powers[f"{name}.it_kw"] + t.it_kw
        outputs |= {f"{name}.case_temp_c": t.case_c, f"{name}.tcs_heat_kw": t.heat_kw, f"{name}.tcs_short_k": t.short_k}
    for name, loop in loops.items():
        rates[f"{name}.{LOOP_STATE}"] = loop.rate + drifts[f"{name}.{LOOP_STATE}"]
        powers |= {f"{name}.{g}": kw for g, kw in zip(LOOP_GROUPS, (loop.pumps_kw, loop.coolers_kw, loop.trims_kw), strict=True)}
        outputs |= {f"{name}.fws_flow_kgs": loop.flow_kgs, f"{name}.cooler_fan_share": loop.fan_share, f"{name}.short_k": loop.short_k}
