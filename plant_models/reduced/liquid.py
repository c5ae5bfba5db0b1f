"""The liquid side of the reduced model: technology water of a hall and the facility loop behind it, as two slow states and the power of what moves them.

Forms of its own, smooth, with parameters from readings; they take floats, arrays and CasADi symbols alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import ConfigDict, Field

from plant_models.reduced.smooth import Value, larger, positive, smaller

_STRICT = ConfigDict(extra="forbid", frozen=True, strict=True)
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_WIDTH_K = 0.3  # of the kinks between temperatures
_LEAST_GAP_K = 0.5
_CP_WATER = 4.18  # kJ/(kg K)


@dataclass(frozen=True)
class LiquidParameters:
    """One facility loop with the technology water that it cools."""

    __pydantic_config__ = _STRICT
    tcs_tau_s: _Positive
    fws_tau_s: _Positive
    reach_k: _NonNegative
    """Technology water over facility water that wide open valves reach at the heat of design."""
    heat_kw: _Positive
    """Of design: what ``reach_k`` and the case's rise are stated at."""
    pump_standing_kw: _NonNegative
    """CDU pumps: what does not depend on flow."""
    pump_cubic_kw: _NonNegative
    """CDU pumps at the flow of design, with the cube of flow."""
    dp_kpa: _Positive
    """Rack pressure of design."""
    case_rise_k: _NonNegative
    """Processor case over technology water at heat and flow of design."""
    case_flow_share: Annotated[float, Field(ge=0, le=1)]
    """Of that, what goes inversely with flow."""
    leakage_per_k: _NonNegative
    """Relative rise of the racks' power with case temperature."""
    leakage_at_c: float
    """Case temperature at which the racks' power is the base."""
    flow_kgs: _Positive
    """Facility water at heat of design and a gap of 5 K between the two waters."""
    flow_heat_exponent: _NonNegative
    flow_gap_exponent: _NonNegative
    fws_pump_standing_kw: _NonNegative
    fws_pump_linear_kw: _NonNegative
    """Per kg/s."""
    fws_pump_cubic_kw: _NonNegative
    """Per (100 kg/s)^3."""
    cooler_kw_per_k: _Positive
    """Conductance of all dry coolers with fans at full speed, at 100 kg/s of facility water: air taken as endless."""
    cooler_water_exponent: _NonNegative
    """How that grows with the water through each."""
    cooler_air_exponent: _Positive
    """How that grows with fan speed."""
    fan_kw: _NonNegative
    """Of all dry coolers' fans at full speed."""
    pads_cool_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Of the wet-bulb depression that wet pads take from the air."""


@dataclass(frozen=True, slots=True)
class LiquidState:
    """Technology and facility water supply [degC]."""

    tcs_c: Value
    fws_c: Value


@dataclass(frozen=True, slots=True)
class LiquidInputs:
    """Setpoints [degC], [kPa], racks' liquid power at the reference case temperature [kW], outside air [degC], shares of pads
    that are wet and of coolers that have water.
    """

    tcs_setpoint_c: Value
    tcs_dp_kpa: Value
    fws_setpoint_c: Value
    base_kw: Value
    drybulb_c: Value
    wetbulb_c: Value
    wet_share: Value = 0.0
    coolers_share: Value = 1.0


@dataclass(frozen=True, slots=True)
class LiquidResponse:
    """Rates [K/s], power by group [kW], and what else a plan looks at: case [degC], heat [kW], facility water [kg/s], fan speed share."""

    rates: LiquidState
    it_kw: Value
    cdu_pumps_kw: Value
    fws_pumps_kw: Value
    dry_coolers_kw: Value
    case_c: Value
    heat_kw: Value
    flow_kgs: Value
    fan_share: Value


def flow_share(parameters: LiquidParameters, dp_kpa: Value) -> Value:
    """Returns the racks' flow over design at their pressure [kPa]: turbulent, as a control engineer takes it."""
    return np.sqrt(positive(dp_kpa / parameters.dp_kpa, 0.01))


def case_over_k(parameters: LiquidParameters, base_kw: Value, share: Value) -> Value:
    """Returns the case over technology water [K] at the racks' power [kW] and their flow share."""
    of_flow = parameters.case_flow_share
    return parameters.case_rise_k * base_kw / parameters.heat_kw * (1.0 - of_flow + of_flow / share)


def base_kw(parameters: LiquidParameters, it_kw: Value, tcs_c: Value, share: Value) -> Value:
    """Returns the racks' liquid power at the reference case temperature [kW] from what it is now; the case's rise is taken at the power of now."""
    case_c = tcs_c + case_over_k(parameters, it_kw, share)
    return it_kw / (1.0 + parameters.leakage_per_k * (case_c - parameters.leakage_at_c))


def fws_flow_kgs(parameters: LiquidParameters, heat_kw: Value, gap_k: Value) -> Value:
    """Returns the facility water [kg/s] that valves let through for a heat [kW] at a gap between the two waters [K]."""
    gap = positive(gap_k - _LEAST_GAP_K, _WIDTH_K) + _LEAST_GAP_K
    return parameters.flow_kgs * (heat_kw / parameters.heat_kw) ** parameters.flow_heat_exponent * (gap / 5.0) ** -parameters.flow_gap_exponent


def liquid_response(p: LiquidParameters, state: LiquidState, inputs: LiquidInputs) -> LiquidResponse:
    """Returns how the liquid side answers in one instant; local loops of CDUs and coolers are closed, each setpoint a first-order lag."""
    share = flow_share(p, inputs.tcs_dp_kpa)
    case_c = state.tcs_c + case_over_k(p, inputs.base_kw, share)
    it_kw = inputs.base_kw * (1.0 + p.leakage_per_k * (case_c - p.leakage_at_c))
    pumps_kw = p.pump_standing_kw + p.pump_cubic_kw * share**3
    heat_kw = it_kw + pumps_kw
    tcs_target_c = larger(inputs.tcs_setpoint_c, state.fws_c + p.reach_k * heat_kw / p.heat_kw, _WIDTH_K)
    flow = fws_flow_kgs(p, heat_kw, state.tcs_c - state.fws_c)
    air_c = inputs.drybulb_c - inputs.wet_share * p.pads_cool_share * positive(inputs.drybulb_c - inputs.wetbulb_c, _WIDTH_K)
    water_kw_per_k = _CP_WATER * flow
    range_k = heat_kw / water_kw_per_k
    reach_kw_per_k = p.cooler_kw_per_k * inputs.coolers_share * (flow / (100.0 * inputs.coolers_share)) ** p.cooler_water_exponent
    full_c = air_c + range_k / (np.exp(reach_kw_per_k / water_kw_per_k) - 1.0)
    fws_target_c = larger(inputs.fws_setpoint_c, full_c, _WIDTH_K)
    needed = water_kw_per_k * np.log(1.0 + range_k / positive(fws_target_c - air_c, _WIDTH_K)) / reach_kw_per_k
    fan_share = smaller(needed ** (1.0 / p.cooler_air_exponent), 1.0, 0.02)
    pumping_kw = p.fws_pump_standing_kw + p.fws_pump_linear_kw * flow + p.fws_pump_cubic_kw * (flow / 100.0) ** 3
    rates = LiquidState((tcs_target_c - state.tcs_c) / p.tcs_tau_s, (fws_target_c - state.fws_c) / p.fws_tau_s)
    return LiquidResponse(rates, it_kw, pumps_kw, pumping_kw, p.fan_kw * inputs.coolers_share * fan_share**3, case_c, heat_kw, flow, fan_share)
