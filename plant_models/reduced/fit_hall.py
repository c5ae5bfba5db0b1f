"""Fits a hall's static parameters: air and fans, rise of the hottest inlet, coil, and how IT power follows the inlet."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from plant_models.reduced.fit_heat import air_heat_kw, fan_share
from plant_models.reduced.hall import AIR_KJ_PER_KGK, coil_effectiveness, coil_water_kgs, inlet_rise_k, mean_inlet_c
from plant_models.reduced.parameters import HallParameters
from plant_models.reduced.prior import fit_curve, fit_shares
from plant_models.reduced.smooth import larger, positive, smaller
from plant_models.reduced.table import Array, Data
from plant_models.site.topology import Hall, Plant

_IT_SPAN_S = 900.0  # the shortest over which inlets move and work hardly does
_IT_PER_K_SPREAD = 0.001  # published: 0.35-0.5 %/K (Coroama 2025)
_NOTABLE_K = 0.2


def fit_hall(data: Data, hall: Hall, start: HallParameters) -> HallParameters:
    """Returns a hall's parameters fitted to the steady rows, in the order in which one rests on the other."""
    fitted = _fit_fans(data, hall, start)
    fitted = _fit_mean_inlet(data, hall, fitted)
    fitted = _fit_inlet(data, hall, fitted)
    fitted = _fit_it(data, hall, fitted)
    plant = next((p for p in data.site.plant if p.name == hall.plant), None)
    alone = plant is not None and sum(h.plant == plant.name for h in data.site.hall) == 1
    return _fit_coil(data, hall, plant, fitted) if plant is not None and alone else fitted


def _fit_fans(data: Data, hall: Hall, p: HallParameters) -> HallParameters:
    power = f"{hall.name}.crah_fan_power_kw"
    if not data.has(power):
        return p
    f, rows = fan_share(data, hall), data.usable(data.fit, power)
    linear, cubic = fit_shares([f[rows], f[rows] ** 3], data[power][rows], [p.fan_linear_kw, p.fan_cubic_kw], [p.fan_linear_kw, p.fan_cubic_kw], 0.02)[0]
    return replace(p, fan_linear_kw=linear, fan_cubic_kw=cubic)


def _fit_mean_inlet(data: Data, hall: Hall, p: HallParameters) -> HallParameters:
    """Returns parameters with the mean over the hottest inlet, from the rows' sensors where there are any."""
    inlets = [data[f"{row}.rack_inlet_c"] for row in hall.rows if data.has(f"{row}.rack_inlet_c")]
    if not inlets:
        return p
    supply, hottest = data[f"{hall.name}.crah_supply_temp_c"], data[f"{hall.name}.rack_inlet_max_c"]
    rise, mean_rise = hottest - supply, np.mean(inlets, axis=0) - supply
    rows = data.calm(hall.name) & data.fit & np.isfinite(rise) & np.isfinite(mean_rise)
    share = float(np.sum(rise[rows] * mean_rise[rows]) / np.sum(rise[rows] ** 2))
    return replace(p, mean_inlet_share=min(max(share, 0.0), 1.0))


def _fit_inlet(data: Data, hall: Hall, p: HallParameters) -> HallParameters:
    names = ("server_flow_kgs", "server_idle_share", "recirculation_base_share", "recirculation_slope", "recirculation_onset")
    supply, hottest, load = (data[f"{hall.name}.{q}"] for q in ("crah_supply_temp_c", "rack_inlet_max_c", "it_load_kw"))
    f = fan_share(data, hall)
    rows = data.calm(hall.name) & data.fit & np.isfinite(supply + hottest + load + f)
    mean = mean_inlet_c(p, supply, hottest)[rows]

    def residual(values: Array) -> Array:
        q = replace(p, **dict(zip(names, map(float, values), strict=True)))
        found: Array = supply[rows] + inlet_rise_k(q, hall.it_capacity_kw, f[rows], load[rows], mean) - hottest[rows]
        return found / _NOTABLE_K

    start = [getattr(p, n) for n in names]
    spread = [0.3 * p.server_flow_kgs, 0.15, 0.05, 0.4, 0.3]  # designs of 8-20 K rise, tight to open halls
    lower = [0.3 * p.server_flow_kgs, 0.0, 0.0, 0.05, 0.5]
    upper = [3.0 * p.server_flow_kgs, 1.0, 0.5, 2.5, 3.0]
    return replace(p, **dict(zip(names, fit_curve(residual, start, spread, lower, upper), strict=True)))


def _fit_it(data: Data, hall: Hall, p: HallParameters) -> HallParameters:
    """Returns parameters with IT power's rise with the inlet, from changes over a quarter hour, in which work changes by chance."""
    load, at_s = data[f"{hall.name}.it_load_kw"], data["at_s"]
    mean = mean_inlet_c(p, data[f"{hall.name}.crah_supply_temp_c"], data[f"{hall.name}.rack_inlet_max_c"])
    span = max(1, round(_IT_SPAN_S / data.step_s))
    whole = np.abs(at_s[span:] - at_s[:-span] - span * data.step_s) < 0.5 * data.step_s
    rises, grows = mean[span:] - mean[:-span], np.log(np.maximum(load[span:], 1.0) / np.maximum(load[:-span], 1.0))
    rows = whole & data.fit[span:] & np.isfinite(rises + grows) & (np.abs(rises) > 0.3)
    if int(rows.sum()) < 50:
        return p

    def residual(a: Array) -> Array:
        return np.asarray((grows[rows] - a[0] * rises[rows] - a[1]) / 0.01, dtype=float)

    return replace(p, it_per_k=fit_curve(residual, [p.it_per_k, 0.0], [_IT_PER_K_SPREAD, 0.01], [0.0, -0.1], [0.012, 0.1])[0])


def _fit_coil(data: Data, hall: Hall, plant: Plant, p: HallParameters) -> HallParameters:
    """Returns parameters of the coil, from the water that the plant delivers beyond its bypass, and from supply air that missed its setpoint."""
    names = ("coil_reach_share", "coil_flow_kgs", "coil_flow_exponent", "coil_open_flow_kgs", "supply_over_setpoint_k")
    supply, heat = data[f"{hall.name}.crah_supply_temp_c"], air_heat_kw(data, hall, p)
    setpoint = data.setpoint(f"{hall.name}.crah_supply_setpoint_c", f"{hall.name}.crah_supply_temp_c")
    dp = np.maximum(data.setpoint(f"{plant.name}.chw_dp_setpoint_kpa", f"{plant.name}.chw_dp_kpa"), 1.0)
    water, flow, f = data[f"{plant.name}.chws_temp_c"], data[f"{plant.name}.chw_flow_kgs"], fan_share(data, hall)
    through = flow > 1.05 * data.machines[plant.name].chillers * _bypass_kgs(data, plant)  # else the meter shows the bypass, not the coils
    rows = data.still & data.fit & np.isfinite(supply + heat + setpoint + dp + water + flow + f)
    back = supply + heat / (AIR_KJ_PER_KGK * p.air_flow_kgs * f)

    def residual(values: Array) -> Array:
        q = replace(p, **dict(zip(names, map(float, values), strict=True)))
        most = q.coil_open_flow_kgs * np.sqrt(dp / plant.chw_dp_max_kpa)
        reached = larger(setpoint + q.supply_over_setpoint_k, back - coil_effectiveness(q, f, most) * (back - water), 0.2)
        wanted = positive(back - supply, 0.1) / positive(back - water, 1.0)
        drawn = smaller(coil_water_kgs(q, f, wanted), most, 0.02 * q.coil_open_flow_kgs)
        errors = np.concatenate([(drawn - flow)[rows & through] / (0.05 * plant.chw_flow_kgs), (reached - supply)[rows] / _NOTABLE_K])
        return np.asarray(errors, dtype=float)

    start = [getattr(p, n) for n in names]
    spread = [0.1, 0.5 * start[1], 0.5, 0.5 * start[3], 0.3]
    lower = [0.4, 0.02 * plant.chw_flow_kgs, 0.0, 0.3 * plant.chw_flow_kgs, -1.5]
    upper = [1.0, 4.0 * plant.chw_flow_kgs, 3.0, 5.0 * plant.chw_flow_kgs, 1.5]
    return replace(p, **dict(zip(names, fit_curve(residual, start, spread, lower, upper), strict=True)))


def _bypass_kgs(data: Data, plant: Plant) -> float:
    shares = [c.evaporator_flow_kgs * c.evaporator_flow_min_share for c in data.site.chiller if c.plant == plant.name]
    return max(shares, default=0.0)
