"""Fits a hall's static parameters: air and fans, rise of the hottest inlet, and how IT power follows the inlet; its coil has ``fit_coil``."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from plant_models.reduced.fit_heat import fan_share
from plant_models.reduced.hall import inlet_rise_k, mean_inlet_c
from plant_models.reduced.parameters import HallParameters
from plant_models.reduced.prior import fit_curve, fit_shares
from plant_models.reduced.table import Array, Data
from plant_models.site.topology import Hall

_IT_SPAN_S = 900.0  # the shortest over which inlets move and work hardly does
_IT_PER_K_SPREAD = 0.001  # published: 0.35-0.5 %/K (Coroama 2025)
_NOTABLE_K = 0.2


def fit_hall(data: Data, hall: Hall, start: HallParameters) -> HallParameters:
    """Returns a hall's parameters fitted to the steady rows, in the order in which one rests on the other."""
    fitted = _fit_fans(data, hall, start)
    fitted = _fit_mean_inlet(data, hall, fitted)
    return _fit_it(data, hall, _fit_inlet(data, hall, fitted))


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
    supply, hottest = (data[f"{hall.name}.{q}"] for q in ("crah_supply_temp_c", "rack_inlet_max_c"))
    load = data[f"{hall.name}.it_load_kw"] * p.air_share
    f = fan_share(data, hall)
    rows = data.calm(hall.name) & data.fit & np.isfinite(supply + hottest + load + f)
    mean = mean_inlet_c(p, supply, hottest)[rows]

    def residual(values: Array) -> Array:
        q = replace(p, **dict(zip(names, map(float, values), strict=True)))
        found: Array = supply[rows] + inlet_rise_k(q, hall.air_capacity_kw, f[rows], load[rows], mean) - hottest[rows]
        return found / _NOTABLE_K

    start = [getattr(p, n) for n in names]
    spread = [0.3 * p.server_flow_kgs, 0.15, 0.05, 0.4, 0.3]  # designs of 8-20 K rise, tight to open halls
    lower = [0.3 * p.server_flow_kgs, 0.0, 0.0, 0.05, 0.5]
    upper = [3.0 * p.server_flow_kgs, 1.0, 0.5, 2.5, 3.0]
    return replace(p, **dict(zip(names, fit_curve(residual, start, spread, lower, upper), strict=True)))


def _fit_it(data: Data, hall: Hall, p: HallParameters) -> HallParameters:
    """Returns parameters with IT power's rise with the inlet, from changes over a quarter hour, in which work changes by chance.

    In a liquid hall the inlet moves too little of it to show.
    """
    if hall.liquid:
        return p
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
