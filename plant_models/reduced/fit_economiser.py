"""Fits a plant's economiser: what it takes, and where the BAS puts it in line and trusts it alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.optimize import least_squares

from plant_models.reduced.parameters import PlantParameters
from plant_models.reduced.plant import WATER_KJ_PER_KGK, condenser_flow_share
from plant_models.reduced.smooth import step_up
from plant_models.reduced.table import Array, Data, Mask
from plant_models.site.topology import Plant

_ROWS_LEAST = 30


def economiser_kw(data: Data, plant: Plant) -> Array:
    """Returns the heat that the economiser takes of it while in line [kW], by row."""
    heats = [data[f"{e.name}.heat_kw"] for e in data.site.economiser if e.plant == plant.name and data.has(f"{e.name}.heat_kw")]
    in_line = data.machines[plant.name].in_line
    return in_line * np.sum(heats, axis=0) if heats else 0.0 * in_line


def fit_economiser(data: Data, plant: Plant, p: PlantParameters) -> PlantParameters:
    """Returns effectiveness, water and pump of the economiser, and where the BAS puts it in line and trusts it alone."""
    m, name = data.machines[plant.name], plant.name
    in_line = data.settled & data.fit & (m.in_line > 0.5) & np.isfinite(data[f"{name}.cws_temp_c"])
    if in_line.sum() < _ROWS_LEAST:
        return p
    flow, back, cold, supply = (data[f"{name}.{q}"] for q in ("chw_flow_kgs", "chwr_temp_c", "cws_temp_c", "chws_temp_c"))
    useful = in_line & (back - cold > 1.5)
    share = (economiser_kw(data, plant) / (WATER_KJ_PER_KGK * flow * np.maximum(back - cold, 1.0)))[useful]
    p = replace(p, economiser_share=float(np.clip(np.median(share), 0.2, 0.98))) if share.size >= _ROWS_LEAST else p
    if data.has(f"{name}.cw_flow_kgs"):
        condensers = m.cw_pumps * p.condenser_flow_kgs * condenser_flow_share(m.cw_speed)
        p = replace(p, economiser_flow_kgs=float(max(np.median((data[f"{name}.cw_flow_kgs"] - condensers)[in_line]), 0.0)))
    free, shared = in_line & (m.free > 0.5), in_line & (m.free < 0.5)
    setpoint = data.setpoint(f"{name}.chws_setpoint_c", f"{name}.chws_temp_c")
    if free.sum() >= _ROWS_LEAST:
        p = replace(p, economiser_free_pinch_k=float(np.median((setpoint - cold)[free])), coldest_cws_c=float(np.quantile(cold[free], 0.02)))
    rest = _unexplained_kw(data)
    if rest is not None:
        off = data.settled & data.fit & (m.in_line < 0.5)
        p = replace(p, economiser_pump_kw=float(max(np.nanmedian(rest[in_line]) - (np.nanmedian(rest[off]) if off.any() else 0.0), 0.0)))
    if shared.sum() >= _ROWS_LEAST:
        p = replace(p, economiser_partial_cws_c=float(np.quantile(cold[shared], 0.05)))
    wanted = supply - setpoint < 1.0
    return _fit_modes(p, m.free, m.in_line, setpoint, back, data["weather.oa_wetbulb_c"], data.settled & data.fit & wanted)


def _fit_modes(p: PlantParameters, free: Array, in_line: Array, setpoint: Array, back: Array, wetbulb: Array, rows: Mask) -> PlantParameters:
    """Returns where the BAS trusts the economiser alone, and where it puts it in line, by logistic fits of its modes."""
    rows = rows & np.isfinite(setpoint + back + wetbulb)
    both = 0.02 < float(free[rows].mean()) < 0.98
    if both:

        def missed(a: Array) -> Array:
            return np.asarray(step_up((setpoint - wetbulb - a[0] - a[1] * (15.0 - wetbulb))[rows], 2.5) - free[rows], dtype=float)

        best = least_squares(missed, [p.free_approach_k, p.free_slope], bounds=([2.0, 0.0], [14.0, 0.6]))
        p = replace(p, free_approach_k=float(best.x[0]), free_slope=float(best.x[1]))
    promised = wetbulb + p.free_approach_k + p.free_slope * (15.0 - wetbulb)
    if 0.02 < float(in_line[rows].mean()) < 0.98:

        def differed(a: Array) -> Array:
            return np.asarray(step_up((back - promised - a[0])[rows], 1.5) - in_line[rows], dtype=float)

        best = least_squares(differed, [p.shared_benefit_k], bounds=([-5.0], [8.0]))
        p = replace(p, shared_benefit_k=float(best.x[0]))
    return p


def _unexplained_kw(data: Data) -> Array | None:
    """Returns what the facility draws beyond every measured group [kW], None without its meter."""
    site = data.site
    machines = [m.name for m in (*site.chiller, *site.tower, *site.pump)]  # type: ignore[attr-defined]  # each kind has a name
    known = [f"{m}.power_kw" for m in machines] + [f"{h.name}.{q}" for h in site.hall for q in ("it_load_kw", "crah_fan_power_kw")]
    if not data.has("site.facility_power_kw", "site.losses_power_kw", *known):
        return None
    rest: Array = data["site.facility_power_kw"] - data["site.losses_power_kw"] - np.sum([data[c] for c in known], axis=0)
    return rest
