"""Fits a facility loop: power of its pumps, reach and fans of its dry coolers, pads, and its trim chillers."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from plant_models.reduced.fit_machines import power_kw
from plant_models.reduced.liquid import air_c, cooler_fan_share, cooler_kw_per_k
from plant_models.reduced.liquid_parameters import LoopParameters
from plant_models.reduced.liquid_side import LOOP_STATE, loop_machines
from plant_models.reduced.plant import WATER_KJ_PER_KGK
from plant_models.reduced.prior import fit_curve, fit_shares
from plant_models.reduced.table import Array, Data
from plant_models.reduced.weather import DRYBULB, WETBULB
from plant_models.site.liquid import FacilityLoop

_ROWS_LEAST: Final = 30
_NOTABLE: Final = 0.02
_NOTABLE_SPEED: Final = 0.03
_FASTEST: Final = 1.3  # beyond full speed the form says little
_LEAST_OVER_K: Final = 2.0  # of entering water over air: less says more of the sensors
_ABOVE_MIN: Final = 0.03  # of fan speed over its least, where the fans say something


def fit_loop(data: Data, loop: FacilityLoop, start: LoopParameters) -> LoopParameters:
    """Returns a loop's parameters fitted to the rows that may be used."""
    fitted = start
    for fit in (_fit_pumps, _fit_fans, _fit_coolers, _fit_trims):
        fitted = fit(data, loop, fitted)
    return fitted


def heat_kw(data: Data, loop: FacilityLoop, p: LoopParameters) -> Array:
    """Returns the heat that facility water brings back [kW], by row, the return sensor's bias taken off; unknown without that sensor."""
    back, supply = f"{loop.name}.fws_return_temp_c", f"{loop.name}.{LOOP_STATE}"
    flow = data[f"{loop.name}.fws_flow_kgs"]
    return np.asarray(WATER_KJ_PER_KGK * flow * (data[back] - p.return_bias_k - data[supply]) if data.has(back) else np.full(flow.size, np.nan), dtype=float)


def fan_share(data: Data, loop: FacilityLoop) -> Array:
    """Returns the fans' speed share by row, the fastest of the loop's coolers, unknown where it is not measured."""
    speeds = [data[s] for c in data.site.dry_cooler if c.loop == loop.name and data.has(s := f"{c.name}.fan_pct")]
    return np.asarray(np.max(speeds, axis=0) / 100.0 if speeds else np.full(data["at_s"].size, np.nan), dtype=float)


def _fit_pumps(data: Data, loop: FacilityLoop, p: LoopParameters) -> LoopParameters:
    power, flow = power_kw(data, loop_machines(data.site, loop.name)["fws_pumps_kw"]), data[f"{loop.name}.fws_flow_kgs"]
    if power is None:
        return p
    rows = data.fit & np.isfinite(power + flow) & (power > 0.1)
    if rows.sum() < _ROWS_LEAST:
        return p
    start = [p.pump_standing_kw, p.pump_linear_kw, p.pump_cubic_kw]
    shapes = [np.ones(int(rows.sum())), flow[rows], (flow[rows] / 100.0) ** 3]
    standing, linear, cubic = fit_shares(shapes, power[rows], start, [max(0.5 * s, 1e-6) for s in start], _NOTABLE)[0]
    return replace(p, pump_standing_kw=standing, pump_linear_kw=linear, pump_cubic_kw=cubic)


def _fit_fans(data: Data, loop: FacilityLoop, p: LoopParameters) -> LoopParameters:
    """Returns parameters with the power of a cooler's fans, and the speed at which the BAS gives water to another."""
    power, f = power_kw(data, loop_machines(data.site, loop.name)["dry_coolers_kw"]), fan_share(data, loop)
    running = data.coolers[loop.name].running
    if power is None:
        return p
    rows = data.fit & np.isfinite(power + f) & (f > 0.2)
    if rows.sum() >= _ROWS_LEAST:
        (full,), _ = fit_shares([(running * f**3)[rows]], power[rows], [p.fan_kw], [0.3 * p.fan_kw], _NOTABLE)
        p = replace(p, fan_kw=full)
    added = f[:-1][(np.diff(running) > 0.5) & np.isfinite(f[:-1])]
    return replace(p, cooler_up_share=float(np.clip(np.median(added), 0.2, 1.0))) if added.size >= 5 else p


def _fit_coolers(data: Data, loop: FacilityLoop, p: LoopParameters) -> LoopParameters:
    """Returns parameters of the coolers' reach by fan speed and water, and of the pads where some rows are wet."""
    if not data.has(DRYBULB, WETBULB, f"{loop.name}.fws_return_temp_c"):
        return p
    c, f, heat = data.coolers[loop.name], fan_share(data, loop), heat_kw(data, loop, p)
    back_c, flow = data[f"{loop.name}.fws_return_temp_c"] - p.return_bias_k, data[f"{loop.name}.fws_flow_kgs"]
    water = flow / c.running / p.cooler_flow_kgs
    least = max((cooler.fan_min_pct for cooler in data.site.dry_cooler if cooler.loop == loop.name), default=0.0) / 100.0
    drybulb, wetbulb = data[DRYBULB], data[WETBULB]
    rows = data.calm_liquid(loop.name, loop.name) & data.fit & np.isfinite(heat + f + drybulb + wetbulb) & (f > least + _ABOVE_MIN) & (water > 0.05)
    rows &= (back_c - drybulb > _LEAST_OVER_K) & (heat > 50.0)
    if rows.sum() < _ROWS_LEAST:
        return p
    names = ("cooler_air_k_per_kw", "cooler_air_exponent", "cooler_water_k_per_kw", "cooler_water_exponent", "pads_cool_share", "air_over_k")

    def fitted(a: Array) -> LoopParameters:
        air, of_air, of, of_water, pads, over_k = (float(v) for v in a)
        values = (float(np.exp(air)), of_air, float(np.exp(of)), of_water, pads, over_k)
        return replace(p, **dict(zip(names, values, strict=True)))

    def residual(a: Array) -> Array:
        q = fitted(a)
        over = back_c[rows] - air_c(q, drybulb[rows], wetbulb[rows], c.wet_share[rows])
        duty = heat[rows] / c.running[rows] / np.maximum(over, 0.5)
        speed = np.minimum(cooler_fan_share(q, duty, water[rows]), _FASTEST)  # fans cost the cube of their speed, so this is what must be right
        return np.asarray((speed - f[rows]) / _NOTABLE_SPEED, dtype=float)

    usual = [float(np.log(p.cooler_air_k_per_kw)), p.cooler_air_exponent, float(np.log(p.cooler_water_k_per_kw)), p.cooler_water_exponent]
    usual += [p.pads_cool_share, p.air_over_k]
    pads = bool(np.any(c.wet_share[rows] > 0.0)) and p.pads_cool_share > 0.0
    spread = [0.4, 0.1, 0.4, 0.1, 0.1 if pads else 1e-6, 0.5]
    lower = [usual[0] - 2.0, 0.4, usual[2] - 2.0, 0.2, 0.0, 0.0]
    return fitted(np.array(fit_curve(residual, usual, spread, lower, [usual[0] + 2.0, 1.3, usual[2] + 2.0, 1.3, 1.0, 4.0])))


def _fit_trims(data: Data, loop: FacilityLoop, p: LoopParameters) -> LoopParameters:
    """Returns the trim chillers' power over the loop's heat where they run, as if they took all of it beyond what the coolers' fans reach."""
    trims = loop_machines(data.site, loop.name)["trim_chillers_kw"]
    power = power_kw(data, trims)
    if power is None or not data.has(DRYBULB, WETBULB):
        return p
    c, heat, flow = data.coolers[loop.name], heat_kw(data, loop, p), data[f"{loop.name}.fws_flow_kgs"]
    back_c = data[f"{loop.name}.{LOOP_STATE}"] + heat / (WATER_KJ_PER_KGK * flow)
    reach = c.running * cooler_kw_per_k(p, 1.0, flow / c.running / p.cooler_flow_kgs)
    left = heat - reach * (back_c - air_c(p, data[DRYBULB], data[WETBULB], c.wet_share))
    rows = data.fit & np.isfinite(power + left) & (power > 1.0) & (left > 50.0)
    return replace(p, trim_kw_per_kw=float(np.clip(np.median((power / left)[rows]), 0.1, 0.6))) if rows.sum() >= _ROWS_LEAST else p
