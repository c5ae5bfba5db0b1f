"""The liquid side of the reduced model: a hall's technology water and the facility loop behind it, one slow state each, and the power of what moves them.

Forms of its own, smooth, with parameters from readings; they take floats, arrays and CasADi symbols alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plant_models.reduced.liquid_parameters import LoopParameters, TcsParameters
from plant_models.reduced.plant import WATER_KJ_PER_KGK
from plant_models.reduced.smooth import Value, larger, positive, smaller

_WIDTH_K = 0.3  # of the kinks between temperatures
_LEAST_GAP_K = 0.5
_LEAST_KW = 20.0
_ROOT_WIDTH = 0.2  # cube root of kelvin
_FAN_WIDTH = 0.02


@dataclass(frozen=True, slots=True)
class TcsInputs:
    """Technology water supply and its setpoint [degC], pressure [kPa], racks' liquid power at the reference case temperature [kW], facility water [degC]."""

    tcs_c: Value
    tcs_setpoint_c: Value
    dp_kpa: Value
    base_kw: Value
    fws_c: Value


@dataclass(frozen=True, slots=True)
class TcsResponse:
    """Rate of the supply [K/s], powers [kW], case [degC], heat to facility water [kW] and what the valves let through of it [kg/s]."""

    rate: Value
    it_kw: Value
    pumps_kw: Value
    case_c: Value
    heat_kw: Value
    water_kgs: Value
    short_k: Value
    """Supply that wide open valves leave above its setpoint, at rest."""


@dataclass(frozen=True, slots=True)
class LoopInputs:
    """Facility water supply and its setpoint [degC], heat [kW] and flow [kg/s] of its units, what of the coolers runs and is wet, outside air [degC]."""

    fws_c: Value
    fws_setpoint_c: Value
    heat_kw: Value
    water_kgs: Value
    coolers_running: Value
    wet_share: Value
    drybulb_c: Value
    wetbulb_c: Value


@dataclass(frozen=True, slots=True)
class LoopResponse:
    """Rate of the supply [K/s], powers by group [kW], flow [kg/s], fan speed share, and coolers that the BAS will run."""

    rate: Value
    pumps_kw: Value
    coolers_kw: Value
    trims_kw: Value
    flow_kgs: Value
    fan_share: Value
    coolers: Value
    short_k: Value
    """Supply that all fans and trim chillers leave above its setpoint, at rest."""


def flow_share(p: TcsParameters, dp_kpa: Value) -> Value:
    """Returns the racks' flow over design at their pressure [kPa]: turbulent, as a control engineer takes it."""
    return np.sqrt(positive(dp_kpa / p.dp_kpa, 0.01))


def case_over_k(p: TcsParameters, load_share: Value, share: Value) -> Value:
    """Returns the case over technology water [K] at the racks' power over design and their flow share."""
    return p.case_rise_k * load_share * (1.0 - p.case_flow_share + p.case_flow_share / share)


def leakage_factor(p: TcsParameters, tcs_c: Value, load_share: Value, share: Value) -> Value:
    """Returns the racks' liquid power over that at the reference case temperature."""
    return 1.0 + p.leakage_per_k * (tcs_c + case_over_k(p, load_share, share) - p.leakage_at_c)


def unit_kw_per_k(p: TcsParameters, heat_kw: Value, across_k: Value, share: Value) -> Value:
    """Returns the conductance of the units at work [kW/K] where technology water enters them ``across_k`` [K] above facility water."""
    least_kgs = heat_kw / (WATER_KJ_PER_KGK * across_k)
    return p.unit_kw_per_k * share**p.unit_tcs_exponent * (least_kgs / 100.0) ** p.unit_water_exponent


def unit_water_kgs(p: TcsParameters, heat_kw: Value, rise: Value, gap_k: Value, share: Value) -> Value:
    """Returns the facility water [kg/s] that takes a heat at a gap between the two supplies: counter-flow, technology water warming by ``rise`` [K].

    Of the two differences at the units' ends one is the gap; the other follows from their mean (Underwood's approximation of the logarithmic one).
    """
    mean_k = heat_kw / unit_kw_per_k(p, heat_kw, rise + gap_k, share)
    other_k = positive(2.0 * mean_k ** (1.0 / 3.0) - gap_k ** (1.0 / 3.0), _ROOT_WIDTH) ** 3
    return heat_kw / (WATER_KJ_PER_KGK * positive(rise + gap_k - other_k, 1.0))


def unit_least_gap_k(p: TcsParameters, heat_kw: Value, rise: Value, share: Value) -> Value:
    """Returns technology over facility water supply [K] with all valves open; the mean difference is taken as that of the two ends."""
    range_k = heat_kw / (WATER_KJ_PER_KGK * p.unit_open_flow_kgs)
    return positive(heat_kw / unit_kw_per_k(p, heat_kw, rise, share) - 0.5 * (rise - range_k), _WIDTH_K)


def rise_k(p: TcsParameters, capacity_kw: float, heat_kw: Value, share: Value) -> Value:
    """Returns how much warmer technology water comes back than it went [K] from a heat [kW]; ``capacity_kw`` is the racks' at design."""
    return p.rise_k * heat_kw / capacity_kw / share


def gap_k(tcs_c: Value, fws_c: Value) -> Value:
    """Returns technology over facility water supply [K], never less than valves could make of it."""
    return positive(tcs_c - fws_c - _LEAST_GAP_K, _WIDTH_K) + _LEAST_GAP_K


def tcs_response(p: TcsParameters, capacity_kw: float, u: TcsInputs) -> TcsResponse:
    """Returns how a hall's technology water answers in one instant: its units' valves hold its setpoint as far as facility water lets them.

    ``capacity_kw`` is the racks' liquid power at design [kW].
    """
    share = flow_share(p, u.dp_kpa)
    factor = leakage_factor(p, u.tcs_c, u.base_kw / capacity_kw, share)
    it_kw = u.base_kw * factor
    pumps_kw = p.pump_standing_kw + p.pump_cubic_kw * share**3
    heat_kw = positive(it_kw + pumps_kw, _LEAST_KW)
    rise = rise_k(p, capacity_kw, heat_kw, share)
    held_c = u.tcs_setpoint_c + p.tcs_over_setpoint_k
    target_c = larger(held_c, u.fws_c + unit_least_gap_k(p, heat_kw, rise, share), _WIDTH_K)
    gap = gap_k(u.tcs_c, u.fws_c)
    water = smaller(unit_water_kgs(p, heat_kw, rise, gap, share), p.unit_open_flow_kgs, 0.02 * p.unit_open_flow_kgs)
    return TcsResponse(
        rate=(target_c - u.tcs_c) / p.tcs_tau_s,
        it_kw=it_kw,
        pumps_kw=pumps_kw,
        case_c=u.tcs_c + case_over_k(p, u.base_kw / capacity_kw, share),
        heat_kw=heat_kw,
        water_kgs=water,
        short_k=target_c - held_c,
    )


def cooler_kw_per_k(p: LoopParameters, fan_share: Value, water_share: Value) -> Value:
    """Returns one cooler's heat over the difference of entering water and entering air: the resistances of air and water in series."""
    return 1.0 / (p.cooler_air_k_per_kw * fan_share**-p.cooler_air_exponent + p.cooler_water_k_per_kw * water_share**-p.cooler_water_exponent)


def cooler_fan_share(p: LoopParameters, duty_kw_per_k: Value, water_share: Value) -> Value:
    """Returns the fan speed share at which one cooler meets a duty [kW/K], the inverse of ``cooler_kw_per_k``; beyond reach it is large."""
    of_air = 1.0 / duty_kw_per_k - p.cooler_water_k_per_kw * water_share**-p.cooler_water_exponent
    return (positive(of_air, 0.1 * p.cooler_air_k_per_kw) / p.cooler_air_k_per_kw) ** (-1.0 / p.cooler_air_exponent)


def coolers_wanted(p: LoopParameters, duty_kw_per_k: Value, water_share: Value) -> Value:
    """Returns how many coolers meet a duty [kW/K] at the fan speed at which the BAS adds one; ``water_share`` is as if one took all the water.

    Their water parts, so that its resistance for all of them together stays nearly what one would have.
    """
    of_air = positive(1.0 / duty_kw_per_k - p.cooler_water_k_per_kw * water_share**-p.cooler_water_exponent, 0.1 * p.cooler_air_k_per_kw)
    return p.cooler_air_k_per_kw * p.cooler_up_share**-p.cooler_air_exponent / of_air


def air_c(p: LoopParameters, drybulb_c: Value, wetbulb_c: Value, wet_share: Value) -> Value:
    """Returns the air [degC] that enters the coolers behind their pads."""
    return drybulb_c + p.air_over_k - wet_share * p.pads_cool_share * positive(drybulb_c - wetbulb_c, _WIDTH_K)


def loop_response(p: LoopParameters, coolers: int, trimmed: bool, u: LoopInputs) -> LoopResponse:
    """Returns how a facility loop answers in one instant: fans of so many coolers hold its setpoint, beyond their reach trim chillers where it has them."""
    flow = larger(u.water_kgs, p.flow_least_kgs, 2.0)
    water_kw_per_k = WATER_KJ_PER_KGK * flow
    heat_kw = positive(u.heat_kw, _LEAST_KW)
    range_k, air = heat_kw / water_kw_per_k, air_c(p, u.drybulb_c, u.wetbulb_c, u.wet_share)
    held_c = u.fws_setpoint_c + p.fws_over_setpoint_k
    known = larger(u.coolers_running, 0.3, 0.05)
    most = known + positive(coolers - known, 0.05)
    full_c = air + heat_kw / (most * cooler_kw_per_k(p, 1.0, flow / most / p.cooler_flow_kgs)) - range_k
    target_c = larger(held_c, full_c - (p.trim_capacity_kw / water_kw_per_k if trimmed else 0.0), _WIDTH_K)
    duty = heat_kw / positive(target_c + range_k - air, 1.0)
    running = smaller(larger(known, coolers_wanted(p, duty, flow / p.cooler_flow_kgs), 0.1), most, 0.1)
    fan = smaller(cooler_fan_share(p, duty / running, flow / running / p.cooler_flow_kgs), 1.0, _FAN_WIDTH)
    trims_kw = p.trim_kw_per_kw * positive(full_c - target_c, _WIDTH_K) * water_kw_per_k if trimmed else 0.0 * flow
    return LoopResponse(
        rate=(target_c - u.fws_c) / p.fws_tau_s,
        pumps_kw=p.pump_standing_kw + p.pump_linear_kw * flow + p.pump_cubic_kw * (flow / 100.0) ** 3,
        coolers_kw=running * p.fan_kw * fan**3,
        trims_kw=trims_kw,
        flow_kgs=flow,
        fan_share=fan,
        coolers=running,
        short_k=target_c - held_c,
    )
