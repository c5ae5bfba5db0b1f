"""The reduced model of a whole site: rates of its states and power by group, from setpoints, disturbances and slow offsets, all by name.

States are named as their measurements where these exist. The equations take floats (estimator) and CasADi symbols (optimiser) alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from plant_models.reduced.hall import HallInputs, HallResponse, HallState, hall_response
from plant_models.reduced.liquid_side import (
    LOOP_DISTURBANCES,
    LOOP_GROUPS,
    LOOP_SETPOINTS,
    LOOP_STATE,
    TCS_SETPOINTS,
    TCS_STATE,
    add_liquid,
    liquid_halls,
    loop_responses,
    tcs_responses,
)
from plant_models.reduced.parameters import ReducedParameters
from plant_models.reduced.plant import Machines, PlantInputs, PlantResponse, PlantState, plant_response
from plant_models.reduced.smooth import Value
from plant_models.reduced.weather import DRYBULB, WETBULB
from plant_models.site.topology import Hall, Plant, Site

PLANT_STATES = ("chws_temp_c", "chwr_temp_c", "cws_temp_c")
HALL_STATES = ("crah_supply_temp_c", "rack_inlet_max_c", "crah_return_temp_c", "mass_temp_c")
PLANT_SETPOINTS = ("chws_setpoint_c", "chw_dp_setpoint_kpa", "cws_setpoint_c")
CW_SPEED = "speed_setpoint_pct"
HALL_SETPOINTS = ("crah_supply_setpoint_c", "crah_fan_setpoint_pct")
PLANT_DISTURBANCES = (
    "chillers_running",
    "cells_running",
    "chw_pumps_running",
    "cw_pumps_running",
    "in_line_share",
    "free_share",
    "mode_known",
    "other_heat_kw",
    "other_flow_kgs",
)
PLANT_GROUPS = ("chillers_kw", "chw_pumps_kw", "cw_pumps_kw", "towers_kw")
_SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Layout:
    """The names that the reduced model of a site speaks of; they follow from the site alone."""

    states: tuple[str, ...]
    setpoints: tuple[str, ...]
    disturbances: tuple[str, ...]
    offsets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Response:
    """Rates [K/s] by state, power [kW] by group, and further outputs by name."""

    rates: Mapping[str, Value]
    powers_kw: Mapping[str, Value]
    outputs: Mapping[str, Value]

    @property
    def facility_kw(self) -> Value:
        """Returns the power of the whole facility [kW]: all groups, the IT equipment with its own fans among them."""
        return sum(self.powers_kw.values())


def drift_of(state: str) -> str:
    """Returns the offset that corrects a state's rate: ``plant.chws_temp_c`` -> ``plant.chws_temp_drift_k_per_h``."""
    return state.removesuffix("_c") + "_drift_k_per_h"


def share_of(group: str) -> str:
    """Returns the offset that corrects a group's power: ``plant.chillers_kw`` -> ``plant.chillers_share``."""
    return group.removesuffix("_kw") + "_share"


def free_offset_of(plant: str) -> str:
    """Returns the offset on where the BAS trusts a plant's economiser alone."""
    return f"{plant}.free_offset_k"


def layout_of(site: Site) -> Layout:
    """Returns the names of a site's reduced model."""
    liquid, loops = liquid_halls(site), site.facility_loop
    states = [f"{p.name}.{s}" for p in site.plant for s in PLANT_STATES] + [f"{h.name}.{s}" for h in site.hall for s in HALL_STATES]
    states += [f"{h.name}.{TCS_STATE}" for h in liquid] + [f"{loop.name}.{LOOP_STATE}" for loop in loops]
    setpoints = [f"{p.name}.{s}" for p in site.plant for s in PLANT_SETPOINTS] + [s for p in site.plant if (s := cw_speed_of(site, p)) is not None]
    setpoints += [f"{h.name}.{s}" for h in site.hall for s in HALL_SETPOINTS]
    setpoints += [f"{h.name}.{s}" for h in liquid for s in TCS_SETPOINTS] + [f"{loop.name}.{s}" for loop in loops for s in LOOP_SETPOINTS]
    disturbances = [f"{p.name}.{d}" for p in site.plant for d in PLANT_DISTURBANCES] + [f"{h.name}.it_base_kw" for h in site.hall]
    disturbances += [f"{loop.name}.{d}" for loop in loops for d in LOOP_DISTURBANCES]
    groups = [f"{p.name}.{g}" for p in site.plant for g in PLANT_GROUPS] + [f"{h.name}.crah_fans_kw" for h in site.hall]
    groups += [f"{h.name}.cdu_pumps_kw" for h in liquid] + [f"{loop.name}.{g}" for loop in loops for g in LOOP_GROUPS]
    return Layout(
        states=tuple(states),
        setpoints=tuple(setpoints),
        disturbances=(*disturbances, WETBULB, *((DRYBULB,) if loops else ())),
        offsets=tuple(drift_of(s) for s in states if not s.endswith(".mass_temp_c"))
        + tuple(share_of(g) for g in groups)
        + tuple(free_offset_of(p.name) for p in site.plant),
    )


def cw_speed_of(site: Site, plant: Plant) -> str | None:
    """Returns the setpoint of the speed of a plant's condenser pumps, None where the site offers none: they then run at full speed."""
    offered = (f"{p.name}.{CW_SPEED}" for p in site.pump if p.plant == plant.name and p.serves == "cw")
    return next((s for s in offered if s in site.setpoint), None)


def machines_of(site: Site, plant: Plant) -> Machines:
    """Returns which machines a plant has."""
    return Machines(
        chillers=any(c.plant == plant.name for c in site.chiller),
        towers=any(t.plant == plant.name for t in site.tower),
        economiser=any(e.plant == plant.name for e in site.economiser),
    )


def respond(
    site: Site,
    parameters: ReducedParameters,
    states: Mapping[str, Value],
    setpoints: Mapping[str, Value],
    disturbances: Mapping[str, Value],
    offsets: Mapping[str, Value],
) -> Response:
    """Returns how the site answers in one instant; an offset that is not given is zero."""
    plants = {plant.name: plant for plant in site.plant}
    halls = {hall.name: _hall(hall, plants.get(hall.plant or ""), parameters, states, setpoints, disturbances) for hall in site.hall}
    served = {plant.name: [halls[h.name] for h in site.hall if h.plant == plant.name] for plant in site.plant}
    drifts = {s: offsets[drift_of(s)] / _SECONDS_PER_HOUR if drift_of(s) in offsets else 0.0 for s in states}
    answers = {plant.name: _plant(site, plant, parameters, states, setpoints, disturbances, served[plant.name], drifts, offsets) for plant in site.plant}
    rates: dict[str, Value] = {}
    powers: dict[str, Value] = {}
    outputs: dict[str, Value] = {}
    for name, plant_answer in answers.items():
        _add_plant(name, plant_answer, states, rates, powers, outputs)
    for name, hall_answer in halls.items():
        _add_hall(name, hall_answer, drifts, rates, powers, outputs)
    tcs = tcs_responses(site, parameters, states, setpoints, disturbances)
    add_liquid(tcs, loop_responses(site, parameters, states, setpoints, disturbances, tcs), drifts, rates, powers, outputs)
    corrected = {g: kw * (1.0 + offsets[share_of(g)]) if share_of(g) in offsets else kw for g, kw in powers.items()}
    it_kw = sum((corrected[f"{h.name}.it_kw"] for h in site.hall), start=0.0)
    corrected["site.losses_kw"] = parameters.site.losses_fixed_kw + parameters.site.losses_share * it_kw
    return Response(rates, corrected, outputs)


def _hall(
    hall: Hall,
    plant: Plant | None,
    parameters: ReducedParameters,
    states: Mapping[str, Value],
    setpoints: Mapping[str, Value],
    disturbances: Mapping[str, Value],
) -> HallResponse:
    supply, inlet, back, mass = (states[f"{hall.name}.{s}"] for s in HALL_STATES)
    inputs = HallInputs(
        supply_setpoint_c=setpoints[f"{hall.name}.crah_supply_setpoint_c"],
        fan_share=setpoints[f"{hall.name}.crah_fan_setpoint_pct"] / 100.0,
        it_base_kw=disturbances[f"{hall.name}.it_base_kw"] * parameters.halls[hall.name].air_share,
        water_c=states[f"{plant.name}.chws_temp_c"] if plant else 0.0,
        dp_share=setpoints[f"{plant.name}.chw_dp_setpoint_kpa"] / plant.chw_dp_max_kpa if plant else 1.0,
    )
    return hall_response(parameters.halls[hall.name], hall.air_capacity_kw, plant is not None, HallState(supply, inlet, back, mass), inputs)


def _plant(
    site: Site,
    plant: Plant,
    parameters: ReducedParameters,
    states: Mapping[str, Value],
    setpoints: Mapping[str, Value],
    disturbances: Mapping[str, Value],
    halls: list[HallResponse],
    drifts: Mapping[str, Value],
    offsets: Mapping[str, Value],
) -> PlantResponse:
    chws_setpoint, dp, cws_setpoint = (setpoints[f"{plant.name}.{s}"] for s in PLANT_SETPOINTS)
    chillers, cells, chw_pumps, cw_pumps, in_line, free, known, heat, flow = (disturbances[f"{plant.name}.{d}"] for d in PLANT_DISTURBANCES)
    speed = cw_speed_of(site, plant)
    inputs = PlantInputs(
        chws_setpoint_c=chws_setpoint,
        dp_kpa=dp,
        cws_setpoint_c=cws_setpoint,
        heat_kw=heat + sum((h.coil_kw for h in halls), start=0.0),
        load_flow_kgs=flow + sum((h.water_kgs for h in halls), start=0.0),
        chillers_running=chillers,
        cells_running=cells,
        chw_pumps_running=chw_pumps,
        cw_pumps_running=cw_pumps,
        in_line_share=in_line,
        free_share=free,
        mode_known=known,
        wetbulb_c=disturbances[WETBULB],
        cw_speed_share=setpoints[speed] / 100.0 if speed is not None and speed in setpoints else 1.0,
        free_offset_k=offsets.get(free_offset_of(plant.name), 0.0),
    )
    state, drift = (PlantState(*(values[f"{plant.name}.{s}"] for s in PLANT_STATES)) for values in (states, drifts))
    return plant_response(parameters.plants[plant.name], machines_of(site, plant), state, inputs, drift)


def _add_plant(
    name: str, answer: PlantResponse, states: Mapping[str, Value], rates: dict[str, Value], powers: dict[str, Value], outputs: dict[str, Value]
) -> None:
    rates |= {f"{name}.chws_temp_c": answer.rates.chws_c, f"{name}.chwr_temp_c": answer.rates.chwr_c, f"{name}.cws_temp_c": answer.rates.cws_c}
    powers |= {
        f"{name}.chillers_kw": answer.chillers_kw,
        f"{name}.chw_pumps_kw": answer.chw_pumps_kw,
        f"{name}.cw_pumps_kw": answer.cw_pumps_kw,
        f"{name}.towers_kw": answer.towers_kw,
        f"{name}.economiser_pumps_kw": answer.economiser_pumps_kw,
    }
    outputs |= {
        f"{name}.chw_flow_kgs": answer.flow_kgs,
        f"{name}.chiller_heat_kw": answer.chiller_heat_kw,
        f"{name}.economiser_heat_kw": answer.economiser_kw,
        f"{name}.cwr_temp_c": answer.cwr_c,
        f"{name}.lift_k": answer.cwr_c - states[f"{name}.chws_temp_c"],
        f"{name}.tower_fan_share": answer.fan_share,
        f"{name}.free_share": answer.free_share,
        f"{name}.lifting_share": answer.lifting_share,
        f"{name}.short_k": answer.short_k,
        f"{name}.alone_share": answer.alone_share,
    }


def _add_hall(
    name: str, answer: HallResponse, drifts: Mapping[str, Value], rates: dict[str, Value], powers: dict[str, Value], outputs: dict[str, Value]
) -> None:
    values = (answer.rates.supply_c, answer.rates.inlet_c, answer.rates.return_c, answer.rates.mass_c)
    rates |= {f"{name}.{s}": v + drifts[f"{name}.{s}"] for s, v in zip(HALL_STATES, values, strict=True)}
    powers |= {f"{name}.crah_fans_kw": answer.fan_kw, f"{name}.it_kw": answer.it_kw}
    outputs |= {
        f"{name}.coil_kw": answer.coil_kw,
        f"{name}.water_kgs": answer.water_kgs,
        f"{name}.mean_inlet_c": answer.mean_inlet_c,
        f"{name}.short_k": answer.short_k,
    }
