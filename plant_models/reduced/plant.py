"""A chilled-water plant of the reduced model: supply, return and condenser water, and the power of its machines."""

from __future__ import annotations

from dataclasses import dataclass

from plant_models.reduced.parameters import PlantParameters
from plant_models.reduced.smooth import Value, larger, positive, saturated_enthalpy_kj_kg, smaller

WATER_KJ_PER_KGK = 4.186
_REJECTED_PER_COOLED = 1.15  # heat to the towers over heat from the water, for the condensers' own rise only


@dataclass(frozen=True, slots=True)
class PlantState:
    """Temperatures of a plant [degC]: chilled water supply and return, condenser water leaving the towers."""

    chws_c: Value
    chwr_c: Value
    cws_c: Value


@dataclass(frozen=True, slots=True)
class PlantInputs:
    """What acts on a plant: setpoints, the heat and flow of its halls, what runs, and the weather."""

    chws_setpoint_c: Value
    dp_kpa: Value
    cws_setpoint_c: Value
    heat_kw: Value
    load_flow_kgs: Value
    chillers_running: Value
    cells_running: Value
    chw_pumps_running: Value
    cw_pumps_running: Value
    economiser_share: Value
    wetbulb_c: Value


@dataclass(frozen=True, slots=True)
class Machines:
    """Which machines a plant has at all."""

    chillers: bool
    towers: bool
    economiser: bool


@dataclass(frozen=True, slots=True)
class PlantResponse:
    """Rates of the plant's states [K/s], powers by group [kW], chilled-water flow [kg/s], and what the limits ask about."""

    rates: PlantState
    chillers_kw: Value
    chw_pumps_kw: Value
    cw_pumps_kw: Value
    towers_kw: Value
    flow_kgs: Value
    chiller_heat_kw: Value
    economiser_kw: Value
    cwr_c: Value
    fan_share: Value


def chiller_power_kw(p: PlantParameters, heat_kw: Value, running: Value, chws_c: Value, cwr_c: Value) -> Value:
    """Returns the electric power of the running chillers [kW]: Carnot power with shares for capacity, heat and load, after Gordon and Ng."""
    capacity_kw = running * p.chiller_capacity_kw
    carnot = positive(cwr_c - chws_c + 2.0 * p.carnot_pinch_k, 2.0) / (chws_c - p.carnot_pinch_k + 273.15)
    per_load = p.carnot_load_share * heat_kw * heat_kw / (capacity_kw + 1.0)
    return carnot * (p.carnot_share * heat_kw + p.carnot_fixed_share * capacity_kw + per_load) + running * p.chiller_standing_kw


def pump_power_kw(p: PlantParameters, flow_kgs: Value, dp_kpa: Value, running: Value) -> Value:
    """Returns the electric power of the chilled-water pumps [kW]: standing, lift against the held pressure, friction before the sensor."""
    return (
        running * p.chw_pump_standing_kw
        + p.chw_pump_lift_kw * flow_kgs * dp_kpa
        + p.chw_pump_friction_kw * flow_kgs * flow_kgs * flow_kgs / (running * running + 0.1)
    )


def tower_fan_share(p: PlantParameters, heat_per_enthalpy_kgs: Value) -> Value:
    """Returns the fan speed share that rejects a cell's heat per enthalpy difference [kg/s], the inverse of ``tower_reach_kgs``."""
    return p.tower_half_share * heat_per_enthalpy_kgs / positive(p.tower_air_kgs - heat_per_enthalpy_kgs, 0.02 * p.tower_air_kgs)


def tower_reach_kgs(p: PlantParameters, fan_share: Value) -> Value:
    """Returns the heat per enthalpy difference [kg/s] that a cell rejects at a fan speed share."""
    return p.tower_air_kgs * fan_share / (fan_share + p.tower_half_share)


def tower_power_kw(p: PlantParameters, fan_share: Value) -> Value:
    """Returns the electric power of one cell's fan [kW]."""
    return fan_share * (p.tower_fan_linear_kw + p.tower_fan_cubic_kw * fan_share * fan_share)


def plant_response(p: PlantParameters, machines: Machines, x: PlantState, u: PlantInputs) -> PlantResponse:
    """Returns how a plant answers: its local loops steer supply and condenser water to their setpoints as far as the machines can."""
    least_kgs = u.chillers_running * p.bypass_flow_kgs
    flow = larger(u.load_flow_kgs, least_kgs, 2.0) if machines.chillers else u.load_flow_kgs
    flow_kw_per_k = WATER_KJ_PER_KGK * flow
    economiser_kw = _economiser_kw(p, machines, flow_kw_per_k, x, u)
    chiller_heat = _chiller_heat_kw(p, machines, flow_kw_per_k, economiser_kw, x, u)
    condenser_kw_per_k = WATER_KJ_PER_KGK * (u.cw_pumps_running * p.condenser_flow_kgs + 1.0)
    cwr_c = x.cws_c + (_REJECTED_PER_COOLED * chiller_heat + economiser_kw) / condenser_kw_per_k
    chillers_kw = chiller_power_kw(p, chiller_heat, u.chillers_running, x.chws_c, cwr_c) if machines.chillers else 0.0 * flow
    if machines.towers:
        cws_rate, fan_share = _towers(p, chiller_heat + chillers_kw + economiser_kw, cwr_c, x, u)
    else:
        cws_rate, fan_share = (u.cws_setpoint_c - x.cws_c) / p.cws_tau_s, 0.0 * flow
    chws_rate = (flow_kw_per_k * (x.chwr_c - x.chws_c) - chiller_heat - economiser_kw) / p.supply_capacity_kj_per_k
    return PlantResponse(
        rates=PlantState(
            chws_c=chws_rate if machines.chillers else (u.chws_setpoint_c - x.chws_c) / p.chws_tau_s,
            chwr_c=(u.heat_kw - flow_kw_per_k * (x.chwr_c - x.chws_c)) / p.return_capacity_kj_per_k,
            cws_c=cws_rate,
        ),
        chillers_kw=chillers_kw,
        chw_pumps_kw=pump_power_kw(p, flow, u.dp_kpa, u.chw_pumps_running),
        cw_pumps_kw=p.cw_pump_kw * u.cw_pumps_running,
        towers_kw=u.cells_running * tower_power_kw(p, fan_share),
        flow_kgs=flow,
        chiller_heat_kw=chiller_heat,
        economiser_kw=economiser_kw,
        cwr_c=cwr_c,
        fan_share=fan_share,
    )


def _economiser_kw(p: PlantParameters, machines: Machines, flow_kw_per_k: Value, x: PlantState, u: PlantInputs) -> Value:
    if not machines.economiser:
        return 0.0 * flow_kw_per_k
    reached = p.economiser_share * positive(x.chwr_c - x.cws_c, 0.3)
    wanted = positive(x.chwr_c - u.chws_setpoint_c, 0.3)
    return u.economiser_share * flow_kw_per_k * smaller(reached, wanted, 0.2)


def _chiller_heat_kw(p: PlantParameters, machines: Machines, flow_kw_per_k: Value, economiser_kw: Value, x: PlantState, u: PlantInputs) -> Value:
    if not machines.chillers:
        return 0.0 * flow_kw_per_k
    holds = flow_kw_per_k * (x.chwr_c - x.chws_c) - economiser_kw
    steers = p.supply_capacity_kj_per_k / p.chws_tau_s * (x.chws_c - u.chws_setpoint_c)
    # Capacity rises 3 %/K with chilled water and falls 1 %/K with condenser water: textbook slopes, the level is identified.
    most = u.chillers_running * p.chiller_capacity_kw * (1.0 + 0.03 * (x.chws_c - 8.0)) * (1.0 - 0.01 * (x.cws_c - 24.0))
    width = 0.02 * p.chiller_capacity_kw
    return positive(smaller(holds + steers, most, width), width)


def _towers(p: PlantParameters, heat_kw: Value, cwr_c: Value, x: PlantState, u: PlantInputs) -> tuple[Value, Value]:
    """Returns the rate of the condenser water [K/s] and the fan speed share of the running cells."""
    driving = positive(saturated_enthalpy_kj_kg(cwr_c) - saturated_enthalpy_kj_kg(u.wetbulb_c), 2.0)
    cells = u.cells_running + 0.01
    asked_kw = heat_kw + p.condenser_capacity_kj_per_k / p.cws_tau_s * (x.cws_c - u.cws_setpoint_c)
    asked = positive(asked_kw / (driving * cells), 0.01 * p.tower_air_kgs)
    given = smaller(asked, tower_reach_kgs(p, 1.0), 0.01 * p.tower_air_kgs)
    return (heat_kw - given * driving * cells) / p.condenser_capacity_kj_per_k, tower_fan_share(p, given)
