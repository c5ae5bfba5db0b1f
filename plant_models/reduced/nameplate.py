"""Where identification starts from: the reduced parameters of a site as its name plates and textbook shapes suggest them. Never used for control."""

from __future__ import annotations

from plant_models.reduced.nameplate_liquid import loop_of_name_plate, tcs_of_name_plate
from plant_models.reduced.parameters import FittedOn, HallParameters, PlantParameters, ReducedParameters, SiteParameters
from plant_models.site.topology import Hall, Plant, PumpGroup, Site

NAME_PLATE = "name plate"
_WATER_KJ_PER_KGK = 4.186
_PIPE_KPA = 40.0  # at design flow, a common design
_EVAPORATOR_KPA = 60.0
_AIR_LEAST_S = 30.0  # halls of few, dense racks: what the air passes of plenum, containment and pipes counts too


def from_name_plate(site: Site) -> ReducedParameters:
    """Returns start values for a site's parameters from ``site.toml`` alone."""
    return ReducedParameters(
        site=SiteParameters(losses_fixed_kw=0.0, losses_share=0.07),
        plants={plant.name: _plant(site, plant) for plant in site.plant},
        halls={hall.name: _hall(site, hall) for hall in site.hall},
        fitted_on=FittedOn(source=NAME_PLATE),
        tcs={hall.name: tcs_of_name_plate(site, hall, hall.liquid) for hall in site.hall if hall.liquid},
        loops={loop.name: loop_of_name_plate(site, loop) for loop in site.facility_loop},
    )


def _plant(site: Site, plant: Plant) -> PlantParameters:
    chillers = [c for c in site.chiller if c.plant == plant.name]
    towers = [t for t in site.tower if t.plant == plant.name]
    chw, cw = _pumps(site, plant, "chw"), _pumps(site, plant, "cw")
    capacity = sum(c.capacity_kw for c in chillers) / max(len(chillers), 1)
    evaporator = sum(c.evaporator_flow_kgs for c in chillers) / max(len(chillers), 1)
    tower_flow = sum(t.water_flow_kgs for t in towers) / max(len(towers), 1) or 1.0
    return PlantParameters(
        supply_capacity_kj_per_k=0.2 * plant.loop_volume_m3 * 1000.0 * _WATER_KJ_PER_KGK,
        return_capacity_kj_per_k=0.8 * plant.loop_volume_m3 * 1000.0 * _WATER_KJ_PER_KGK,
        chws_tau_s=120.0,
        chws_over_setpoint_k=0.0,
        chwr_bias_k=0.0,
        bypass_flow_kgs=max((c.evaporator_flow_kgs * c.evaporator_flow_min_share for c in chillers), default=0.0),
        chiller_capacity_kw=capacity,
        stage_up_load_share=0.9,  # Guideline 36-2021, 5.20.4, constant speed
        carnot_pinch_k=3.0,
        carnot_share=1.35,
        carnot_fixed_share=3.0,
        chiller_load_share=0.02,
        chiller_standing_kw=0.01 * capacity,
        condenser_capacity_kj_per_k=max(len(towers), 1) * 6000.0 * _WATER_KJ_PER_KGK,
        cws_tau_s=300.0,
        cws_over_setpoint_k=0.0,
        condenser_flow_kgs=cw.flow_kgs if cw else tower_flow,
        tower_reach_kgs=0.55 * tower_flow,  # 5.6 K range and 4 K approach at 25.6 degC wet bulb, a common design
        tower_fan_exponent=0.7,  # Merkel number over (air / water)^-0.4 .. -0.6 leaves this of the air flow
        tower_water_exponent=0.3,
        tower_warm_exponent=0.35,
        tower_fan_linear_kw=0.0,
        tower_fan_cubic_kw=sum(t.fan_power_kw for t in towers) / max(len(towers), 1),
        chw_pump_standing_kw=0.1 * chw.power_kw if chw else 0.0,
        chw_pump_lift_kw=0.0014,  # kJ/kg per kPa over 72 % of efficiency
        chw_pump_pipe_kw=0.0014 * _PIPE_KPA / max(plant.chw_flow_kgs, 1.0) ** 2,
        chw_pump_friction_kw=0.0014 * _EVAPORATOR_KPA / max(evaporator, 1.0) ** 2,
        cw_pump_kw=cw.power_kw if cw else 0.0,
        economiser_share=0.75,
        economiser_flow_kgs=plant.chw_flow_kgs if any(e.plant == plant.name for e in site.economiser) else 0.0,
        economiser_pump_kw=0.0,
        economiser_partial_cws_c=7.0,  # makers' lowest basin temperature
        economiser_free_pinch_k=2.0,
        coldest_cws_c=7.0,  # makers' lowest basin temperature
        free_approach_k=6.9,  # Guideline 36-2021, 5.20.3: exchanger 2 K and tower 3.9 K approach, and 1 K
        free_slope=0.1,
        shared_benefit_k=1.1,  # Guideline 36-2021, 5.20.3
        lift_held_k=max((c.lift_min_k for c in chillers), default=0.0) + 1.0,
    )


def _pumps(site: Site, plant: Plant, serves: str) -> PumpGroup | None:
    return next((p for p in site.pump if p.plant == plant.name and p.serves == serves), None)


def _hall(site: Site, hall: Hall) -> HallParameters:
    racks = hall.row_count * hall.racks_per_row
    flow = sum(p.chw_flow_kgs for p in site.plant if p.name == hall.plant) or hall.air_capacity_kw / 42.0
    return HallParameters(
        air_flow_kgs=hall.crah_air_flow_kgs,
        fan_linear_kw=0.005 * hall.air_capacity_kw,
        fan_cubic_kw=0.35 * hall.crah_air_flow_kgs,
        supply_tau_s=90.0,
        supply_over_setpoint_k=0.0,
        inlet_tau_s=120.0,
        air_capacity_kj_per_k=max(60.0 * racks, _AIR_LEAST_S * hall.crah_air_flow_kgs),
        mass_capacity_kj_per_k=240.0 * racks,
        mass_conductance_kw_per_k=0.4 * racks,
        coil_reach_share=0.95,
        coil_flow_kgs=0.4 * flow,
        coil_flow_exponent=1.5,
        coil_open_flow_kgs=1.5 * flow,
        server_flow_kgs=hall.air_capacity_kw / 12.0,
        server_idle_share=0.5,
        server_flow_per_k=0.012,
        recirculation_base_share=0.08,
        recirculation_slope=0.6,
        recirculation_onset=1.1,
        mean_inlet_share=0.6,
        heat_share=0.0,
        return_bias_k=0.0,
        it_per_k=0.0035,
        it_per_k_hot=0.002,
        inlet_spread_k=0.5,
        air_share=hall.air_capacity_kw / hall.it_capacity_kw,
    )
