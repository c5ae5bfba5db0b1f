"""Fits the liquid side's static parameters to what a site showed, in the order in which one rests on the other; what the data do not say comes from
data sheets.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from plant_models.reduced.fit_loop import fit_loop
from plant_models.reduced.liquid import flow_share, gap_k, leakage_factor, rise_k, unit_least_gap_k, unit_water_kgs
from plant_models.reduced.liquid_parameters import TcsParameters
from plant_models.reduced.liquid_side import LOOP_STATE, TCS_STATE, it_base_kw, liquid_halls, loops_of
from plant_models.reduced.parameters import ReducedParameters
from plant_models.reduced.plant import WATER_KJ_PER_KGK
from plant_models.reduced.prior import fit_curve, fit_shares
from plant_models.reduced.smooth import larger, smaller
from plant_models.reduced.table import Array, Data, Mask
from plant_models.site.topology import Hall

_ROWS_LEAST: Final = 30
_NOTABLE: Final = 0.02  # of a power
_NOTABLE_HEAT: Final = 0.03
_NOTABLE_WATER: Final = 0.05  # of the flow of design
_NOTABLE_K: Final = 0.5
_SHARE_SPREAD: Final = 0.03  # of racks' power: what plates take differs by make and by inlet
_BIAS_SPREAD_K: Final = 0.25  # two sensors of class 0.2 K
_LEAKAGE_SPREAD_PER_K: Final = 0.0007  # 0.05-0.3 %/K of silicon
_ROW_APART_S: Final = 1000.0


@dataclass(frozen=True)
class Side:
    """What the fit needs of a hall's technology water, by row: temperatures [degC], flow share, IT power [kW]."""

    tcs_c: Array
    setpoint_c: Array
    fws_c: Array
    share: Array
    it_kw: Array


def fit_liquid_side(data: Data, parameters: ReducedParameters) -> ReducedParameters:
    """Returns parameters with the liquid side fitted: heat balance, units, then the loops that take their heat."""
    for hall in liquid_halls(data.site):
        parameters = _fit_tcs(data, hall, parameters)
    loops = {loop.name: fit_loop(data, loop, parameters.loops[loop.name]) for loop in data.site.facility_loop}
    return replace(parameters, loops=loops)


def _fit_tcs(data: Data, hall: Hall, parameters: ReducedParameters) -> ReducedParameters:
    loops = loops_of(data.site, hall)
    only = next(iter(loops)) if len(loops) == 1 else None
    alone = only is not None and sum(only in loops_of(data.site, h) for h in liquid_halls(data.site)) == 1
    fitted = _fit_pumps(data, hall, parameters.tcs[hall.name])
    fitted = replace(fitted, leakage_per_k=_leakage_per_k(data, hall, fitted, 1.0 - parameters.halls[hall.name].air_share))
    parameters = replace(parameters, tcs={**parameters.tcs, hall.name: fitted})
    if only is None or not alone:
        return parameters
    parameters = _balance(data, hall, only, parameters)
    return replace(parameters, tcs={**parameters.tcs, hall.name: _fit_units(data, hall, only, parameters)})


def _side(data: Data, hall: Hall, p: TcsParameters) -> Side:
    supply = f"{hall.name}.{TCS_STATE}"
    dp_kpa = data.setpoint(f"{hall.name}.tcs_dp_setpoint_kpa", f"{hall.name}.tcs_dp_kpa")
    fws_c = np.sum([share * data[f"{loop}.{LOOP_STATE}"] for loop, share in loops_of(data.site, hall).items()], axis=0)
    return Side(data[supply], data.setpoint(f"{hall.name}.tcs_setpoint_c", supply), fws_c, flow_share(p, dp_kpa), data[f"{hall.name}.it_load_kw"])


def _fit_pumps(data: Data, hall: Hall, p: TcsParameters) -> TcsParameters:
    units = [f"{c.name}.power_kw" for c in data.site.cdu if c.hall == hall.name]
    if not data.has(*units):
        return p
    power, share = np.sum([data[u] for u in units], axis=0), _side(data, hall, p).share
    rows = data.fit & np.isfinite(power + share) & (power > 1.0)
    if rows.sum() < _ROWS_LEAST:
        return p
    start = [p.pump_standing_kw, p.pump_cubic_kw]
    (standing, cubic), _ = fit_shares([np.ones(int(rows.sum())), share[rows] ** 3], power[rows], start, [start[0] + 1.0, 0.5 * start[1]], _NOTABLE)
    return replace(p, pump_standing_kw=standing, pump_cubic_kw=cubic)


def liquid_heat_kw(data: Data, hall: Hall, parameters: ReducedParameters) -> Array:
    """Returns the heat that a hall's technology water takes by row [kW]: what the racks' load says, and the pumps."""
    p, side = parameters.tcs[hall.name], _side(data, hall, parameters.tcs[hall.name])
    states = {s: data[s] for s in (f"{hall.name}.{q}" for q in ("crah_supply_temp_c", "rack_inlet_max_c", TCS_STATE))}
    dp_kpa = data.setpoint(f"{hall.name}.tcs_dp_setpoint_kpa", f"{hall.name}.tcs_dp_kpa")
    base = (1.0 - parameters.halls[hall.name].air_share) * it_base_kw(hall, parameters, side.it_kw, states, dp_kpa)
    heat = base * leakage_factor(p, side.tcs_c, base / hall.liquid_capacity_kw, side.share) + p.pump_standing_kw + p.pump_cubic_kw * side.share**3
    return np.asarray(heat, dtype=float)


def _balance(data: Data, hall: Hall, loop: str, parameters: ReducedParameters) -> ReducedParameters:
    """Returns parameters by which the racks' heat is what facility water takes: what plates take, and the bias of the return water's sensor."""
    p, back, air_share = parameters.tcs[hall.name], f"{loop}.fws_return_temp_c", parameters.halls[hall.name].air_share
    if not data.has(back):
        return parameters
    heat, per_k = liquid_heat_kw(data, hall, parameters), WATER_KJ_PER_KGK * data[f"{loop}.fws_flow_kgs"]
    range_k = data[back] - data[f"{loop}.{LOOP_STATE}"]
    rows = data.calm_liquid(hall.name, loop) & data.fit & np.isfinite(heat + per_k + range_k) & (heat > 0.1 * hall.liquid_capacity_kw)
    if rows.sum() < _ROWS_LEAST:
        return parameters

    def residual(a: Array) -> Array:
        return np.asarray((a[0] / (1.0 - air_share) * heat / (per_k * (range_k - a[1])) - 1.0)[rows] / _NOTABLE_HEAT, dtype=float)

    usual = 1.0 - air_share
    low, high = max(usual - 0.1, 0.3), min(usual + 0.1, 0.99)
    share, bias_k = fit_curve(residual, [usual, 0.0], [_SHARE_SPREAD, _BIAS_SPREAD_K], [low, -2.0], [high, 2.0])
    fitted = replace(p, rise_k=_rise_k(data, hall, p, rows, share / usual * heat))
    return replace(
        parameters,
        halls={**parameters.halls, hall.name: replace(parameters.halls[hall.name], air_share=1.0 - share)},
        tcs={**parameters.tcs, hall.name: fitted},
        loops={**parameters.loops, loop: replace(parameters.loops[loop], return_bias_k=bias_k)},
    )


def _rise_k(data: Data, hall: Hall, p: TcsParameters, rows: Mask, heat_kw: Array) -> float:
    """Returns the rise of technology water at design heat and flow [K], as its sensors show it."""
    back = f"{hall.name}.tcs_return_temp_c"
    if not data.has(back):
        return p.rise_k
    side = _side(data, hall, p)
    at_design = (data[back] - side.tcs_c) * side.share * hall.liquid_capacity_kw / heat_kw
    known = rows & np.isfinite(at_design)
    return float(np.median(at_design[known])) if known.sum() >= _ROWS_LEAST else p.rise_k


def _fit_units(data: Data, hall: Hall, loop: str, parameters: ReducedParameters) -> TcsParameters:
    """Returns parameters of the units: from the facility water that their valves let through, and from supply that missed its setpoint."""
    names = ("unit_kw_per_k", "unit_tcs_exponent", "unit_water_exponent", "unit_open_flow_kgs", "tcs_over_setpoint_k")
    p, side, flow = parameters.tcs[hall.name], _side(data, hall, parameters.tcs[hall.name]), data[f"{loop}.fws_flow_kgs"]
    heat = liquid_heat_kw(data, hall, parameters)
    rise = rise_k(p, hall.liquid_capacity_kw, heat, side.share)
    rows = data.calm_liquid(hall.name, loop) & data.fit & np.isfinite(rise + flow + side.tcs_c + side.fws_c + side.setpoint_c)
    rows &= side.tcs_c - side.fws_c > 0.5
    if rows.sum() < _ROWS_LEAST:
        return p
    through = rows & (flow > 1.05 * parameters.loops[loop].flow_least_kgs)  # else the meter shows the bypass
    design = sum(f.flow_kgs for f in data.site.facility_loop if f.name == loop)

    def residual(values: Array) -> Array:
        q = replace(p, **dict(zip(names, map(float, values), strict=True)))
        wanted = unit_water_kgs(q, heat, rise, gap_k(side.tcs_c, side.fws_c), side.share)
        drawn = smaller(wanted, q.unit_open_flow_kgs, 0.02 * q.unit_open_flow_kgs)
        reached = side.fws_c + unit_least_gap_k(q, heat, rise, side.share)
        held = larger(side.setpoint_c + q.tcs_over_setpoint_k, reached, 0.3)
        return np.asarray(np.concatenate([(drawn - flow)[through] / (_NOTABLE_WATER * design), (held - side.tcs_c)[rows] / _NOTABLE_K]), dtype=float)

    start = [getattr(p, n) for n in names]
    spread = [0.3 * start[0], 0.3, 0.2, 0.3 * start[3], 0.3]
    lower, upper = [0.2 * start[0], -0.8, 0.0, 0.3 * start[3], -1.5], [5.0 * start[0], 1.5, 1.0, 3.0 * start[3], 1.5]
    return replace(p, **dict(zip(names, fit_curve(residual, start, spread, lower, upper), strict=True)))


def _leakage_per_k(data: Data, hall: Hall, p: TcsParameters, liquid_share: float) -> float:
    """Returns the relative rise of liquid-cooled power with case temperature: by changes from row to row, as far as these outweigh what is usual."""
    side = _side(data, hall, p)
    load = float(np.nanmean(side.it_kw)) / hall.it_capacity_kw
    by_setpoints_c = side.tcs_c + p.case_rise_k * load * p.case_flow_share / side.share  # what load does to the case is left out: it is no cause
    cause, effect = np.diff(by_setpoints_c), np.diff(np.log(np.maximum(side.it_kw, 1.0))) / liquid_share
    rows = (np.diff(data["at_s"]) < _ROW_APART_S) & data.fit[1:] & np.isfinite(cause + effect)
    noise = max(float(np.var(effect[rows])), 1e-9) if rows.any() else 1.0
    weight, prior = float(np.sum(cause[rows] ** 2)) / noise, 1.0 / _LEAKAGE_SPREAD_PER_K**2
    found = (float(np.sum(cause[rows] * effect[rows])) / noise + prior * p.leakage_per_k) / (weight + prior)
    return float(np.clip(found, 0.0, 0.01))
