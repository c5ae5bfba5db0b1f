"""A chilled-water plant of the reduced model: supply, return and condenser water, and the power of its machines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plant_models.reduced.parameters import PlantParameters
from plant_models.reduced.smooth import Value, larger, positive, saturated_enthalpy_kj_kg, saturated_enthalpy_slope, smaller, step_up

WATER_KJ_PER_KGK = 4.186
_SLOPE_USUAL = 4.0  # kJ/kg K of saturated air at 24 degC
_FLOW_PER_SPEED = 1.2  # engineering value: an eighth to a quarter of the condenser pumps' head is static
_HOTTEST_C = 50.0  # beyond what any condenser stands; without cells nothing else would end the rise
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
    in_line_share: Value
    """Of the economiser, as measured."""
    free_share: Value
    """1 where the economiser is known to carry the load alone."""
    mode_known: Value
    """How far those two are to be trusted: 1 now, less ahead, where the BAS will decide from temperatures."""
    wetbulb_c: Value
    cw_speed_share: Value
    """Of the condenser pumps."""
    free_offset_k: Value
    """How much warmer the water must be than identified before the BAS trusts the economiser; learnt on the way."""


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
    free_share: Value
    alone_share: Value
    """What the model alone would take the former for."""
    economiser_pumps_kw: Value
    short_k: Value
    """Condenser water that the BAS comes to above its setpoint, at rest, while it follows that."""
    lifting_share: Value
    """1 while compressors run, 0 without."""


def chiller_power_kw(p: PlantParameters, heat_kw: Value, running: Value, chws_c: Value, cwr_c: Value) -> Value:
    """Returns the electric power of the running chillers [kW]: Carnot power, its losses with capacity and load; after Gordon and Ng."""
    capacity_kw = running * p.chiller_capacity_kw
    carnot = carnot_ratio(p, chws_c, cwr_c)
    load = p.chiller_load_share * heat_kw * heat_kw / (capacity_kw + 0.05 * p.chiller_capacity_kw + 1.0)
    return carnot * (p.carnot_share * heat_kw + p.carnot_fixed_share * carnot * capacity_kw) + load + running * p.chiller_standing_kw


def carnot_ratio(p: PlantParameters, chws_c: Value, cwr_c: Value) -> Value:
    """Returns Carnot power over heat between the refrigerant's temperatures, a pinch beyond the waters'."""
    return positive(cwr_c - chws_c + 2.0 * p.carnot_pinch_k, 2.0) / (chws_c - p.carnot_pinch_k + 273.15)


def condenser_water_kgs(p: PlantParameters, pumps: Value, in_line: Value, speed_share: Value = 1.0) -> Value:
    """Returns the condenser water of running pumps at their speed and of the economiser [kg/s], never quite none."""
    return pumps * p.condenser_flow_kgs * condenser_flow_share(speed_share) + in_line * p.economiser_flow_kgs + 1.0


def condenser_flow_share(speed_share: Value) -> Value:
    """Returns a condenser pump's flow over that at full speed; some of its head is static, so flow falls more than speed does."""
    return 1.0 - _FLOW_PER_SPEED * (1.0 - speed_share)


def condenser_rise_k(chiller_heat_kw: Value, economiser_kw: Value, water_kgs: Value) -> Value:
    """Returns how much warmer the condenser water comes back than it left [K]."""
    return (_REJECTED_PER_COOLED * chiller_heat_kw + economiser_kw) / (WATER_KJ_PER_KGK * water_kgs)


def pump_power_kw(p: PlantParameters, flow_kgs: Value, dp_kpa: Value, pumps: Value, chillers: Value) -> Value:
    """Returns the electric power of the chilled-water pumps [kW]: standing, lift against the held pressure, friction before the sensor."""
    evaporators = chillers / (chillers * chillers * chillers + 0.1)  # one over its square, and nothing flows through one that stands
    friction = p.chw_pump_pipe_kw + p.chw_pump_friction_kw * evaporators
    return pumps * p.chw_pump_standing_kw + flow_kgs * (p.chw_pump_lift_kw * dp_kpa + flow_kgs * flow_kgs * friction)


def tower_fan_share(p: PlantParameters, duty_kgs: Value, water_share: Value) -> Value:
    """Returns the fan speed share at which a cell meets a duty [kg/s], the inverse of ``tower_reach_kgs``."""
    return np.power(duty_kgs / (p.tower_reach_kgs * np.power(water_share, p.tower_water_exponent)), 1.0 / p.tower_fan_exponent)


def tower_reach_kgs(p: PlantParameters, fan_share: Value, water_share: Value) -> Value:
    """Returns the heat per enthalpy difference [kg/s] that a cell rejects; powers of fan speed and water, as Merkel numbers are usually correlated."""
    return p.tower_reach_kgs * np.power(fan_share, p.tower_fan_exponent) * np.power(water_share, p.tower_water_exponent)


def tower_power_kw(p: PlantParameters, fan_share: Value) -> Value:
    """Returns the electric power of one cell's fan [kW]."""
    return fan_share * (p.tower_fan_linear_kw + p.tower_fan_cubic_kw * fan_share * fan_share)


def economiser_mode(p: PlantParameters, machines: Machines, x: PlantState, u: PlantInputs) -> tuple[Value, Value, Value]:
    """Returns the shares by which the economiser is in line, and by which it carries the load alone, as known and as the BAS will decide.

    The third is the second as the model alone would have it.
    """
    if not machines.economiser:
        return 0.0 * x.chws_c, 0.0 * x.chws_c, 0.0 * x.chws_c
    promised_c = u.wetbulb_c + p.free_approach_k + p.free_slope * (15.0 - u.wetbulb_c) + u.free_offset_k
    in_line = step_up(x.chwr_c - promised_c - p.shared_benefit_k, 1.0)
    alone = step_up(u.chws_setpoint_c - promised_c, 1.0)
    known = u.mode_known
    return known * u.in_line_share + (1.0 - known) * in_line, known * u.free_share + (1.0 - known) * alone, alone


def plant_response(p: PlantParameters, machines: Machines, x: PlantState, u: PlantInputs, drift: PlantState) -> PlantResponse:
    """Returns how a plant answers: its local loops steer supply and condenser water to their setpoints as far as the machines can.

    ``drift`` is added to the rates [K/s]; heat is what flows in less what is stored, so that at rest no sensor's offset enters it.
    """
    in_line, free, alone = economiser_mode(p, machines, x, u)
    running = u.chillers_running * (1.0 - free)
    condenser_pumps = u.cw_pumps_running * (1.0 - free)
    flow = larger(u.load_flow_kgs, running * p.bypass_flow_kgs, 2.0) if machines.chillers else u.load_flow_kgs
    flow_kw_per_k = WATER_KJ_PER_KGK * flow
    economiser_kw = in_line * flow_kw_per_k * p.economiser_share * positive(x.chwr_c - x.cws_c, 0.3) if machines.economiser else 0.0 * flow
    most_kw = _most_kw(p, running, x)
    chws_rate = (_chws_target_c(machines, p.chws_over_setpoint_k, most_kw + economiser_kw, flow_kw_per_k, x, u) - x.chws_c) / p.chws_tau_s + drift.chws_c
    left_kw = flow_kw_per_k * (x.chwr_c - x.chws_c) - economiser_kw - p.supply_capacity_kj_per_k * chws_rate
    chiller_heat = positive(smaller(left_kw, most_kw, 20.0), 20.0) if machines.chillers else 0.0 * flow
    condenser_kgs = condenser_water_kgs(p, condenser_pumps, in_line, u.cw_speed_share)
    cwr_c = x.cws_c + condenser_rise_k(chiller_heat, economiser_kw, condenser_kgs)
    chillers_kw = chiller_power_kw(p, chiller_heat, running, x.chws_c, cwr_c) if machines.chillers else 0.0 * flow
    rejected_kw = chiller_heat + chillers_kw + economiser_kw
    target_c = _cws_target_c(p, machines, in_line, free, cwr_c, x, u)
    if machines.towers:
        water_share = condenser_kgs / ((u.cells_running + 0.01) * p.condenser_flow_kgs)
        rest_c = _cws_rest_c(p, rejected_kw, cwr_c, target_c, water_share, x, u)
        cws_rate = (rest_c - x.cws_c) / p.cws_tau_s + drift.cws_c
        fan_share = _fan_share(p, rejected_kw - p.condenser_capacity_kj_per_k * cws_rate, cwr_c, water_share, u)
    else:
        rest_c, fan_share = target_c, 0.0 * flow
        cws_rate = (target_c - x.cws_c) / p.cws_tau_s + drift.cws_c
    return PlantResponse(
        rates=PlantState(
            chws_c=chws_rate,
            chwr_c=(u.heat_kw - flow_kw_per_k * (x.chwr_c - x.chws_c)) / p.return_capacity_kj_per_k + drift.chwr_c,
            cws_c=cws_rate,
        ),
        chillers_kw=chillers_kw,
        chw_pumps_kw=pump_power_kw(p, flow, u.dp_kpa, u.chw_pumps_running, running),
        cw_pumps_kw=p.cw_pump_kw * condenser_pumps * u.cw_speed_share * u.cw_speed_share * u.cw_speed_share,
        towers_kw=u.cells_running * tower_power_kw(p, fan_share),
        flow_kgs=flow,
        chiller_heat_kw=chiller_heat,
        economiser_kw=economiser_kw,
        cwr_c=cwr_c,
        fan_share=fan_share,
        free_share=free,
        alone_share=alone,
        economiser_pumps_kw=in_line * p.economiser_pump_kw,
        short_k=(rest_c - u.cws_setpoint_c - p.cws_over_setpoint_k) * (1.0 - in_line),
        lifting_share=running / (running + 0.01),
    )


def _most_kw(p: PlantParameters, running: Value, x: PlantState) -> Value:
    """Returns the heat that the running chillers can take: 3 %/K more with warmer chilled water, 1 %/K less with warmer condenser water.

    The slopes are of textbooks, the level is the name plate's.
    """
    return running * p.chiller_capacity_kw * (1.0 + 0.03 * (x.chws_c - 8.0)) * (1.0 - 0.01 * (x.cws_c - 24.0))


def _chws_target_c(machines: Machines, over_k: Value, most_kw: Value, flow_kw_per_k: Value, x: PlantState, u: PlantInputs) -> Value:
    """Returns the supply water that the plant comes to: its setpoint, or what chillers and economiser leave of the return water."""
    held_c = u.chws_setpoint_c + over_k
    return larger(held_c, x.chwr_c - most_kw / (flow_kw_per_k + 1.0), 0.1) if machines.chillers else held_c


def _cws_target_c(p: PlantParameters, machines: Machines, in_line: Value, free: Value, cwr_c: Value, x: PlantState, u: PlantInputs) -> Value:
    """Returns the condenser water that the BAS steers for: its setpoint, colder for an economiser in line, never short of the chillers' lift."""
    held_c = u.cws_setpoint_c + p.cws_over_setpoint_k
    if not machines.economiser and not machines.chillers:
        return held_c
    shared = held_c + in_line * (p.economiser_partial_cws_c - held_c)
    lifted = larger(shared, x.chws_c + p.lift_held_k - (cwr_c - x.cws_c), 0.5) if machines.chillers else shared
    alone = larger(u.chws_setpoint_c - p.economiser_free_pinch_k, p.coldest_cws_c, 0.3)
    return lifted + free * (alone - lifted)


def tower_duty_kgs(p: PlantParameters, heat_kw: Value, cells: Value, cwr_c: Value, wetbulb_c: Value) -> Value:
    """Returns the heat per enthalpy difference that each cell is to reject [kg/s], more where the water is warm: saturated air is steeper there."""
    driving = positive(saturated_enthalpy_kj_kg(cwr_c) - saturated_enthalpy_kj_kg(wetbulb_c), 2.0)
    return heat_kw / (driving * cells) * _steepness(p, cwr_c)


def _steepness(p: PlantParameters, cwr_c: Value) -> Value:
    return np.power(saturated_enthalpy_slope(cwr_c) / _SLOPE_USUAL, p.tower_warm_exponent)


def _cws_rest_c(p: PlantParameters, heat_kw: Value, cwr_c: Value, target_c: Value, water_share: Value, x: PlantState, u: PlantInputs) -> Value:
    """Returns the condenser water that the towers come to: their target, or what all fans at full speed leave."""
    most_kw_per_kj = tower_reach_kgs(p, 1.0, water_share) * (u.cells_running + 0.01)
    # One Newton step from where the water is to where all fans at full speed would hold it.
    beyond_kj = heat_kw * _steepness(p, cwr_c) / most_kw_per_kj - (saturated_enthalpy_kj_kg(cwr_c) - saturated_enthalpy_kj_kg(u.wetbulb_c))
    return larger(target_c, smaller(x.cws_c + beyond_kj / saturated_enthalpy_slope(cwr_c), _HOTTEST_C, 0.5), 0.2)


def _fan_share(p: PlantParameters, heat_kw: Value, cwr_c: Value, water_share: Value, u: PlantInputs) -> Value:
    """Returns the fan speed share of the running cells that rejects this heat, 1 at most."""
    asked_kgs = tower_duty_kgs(p, positive(heat_kw, 20.0), u.cells_running + 0.01, cwr_c, u.wetbulb_c)
    return smaller(tower_fan_share(p, asked_kgs, water_share), 1.0, 0.02)
