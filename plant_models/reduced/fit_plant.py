"""Fits a plant's static parameters: chillers, pumps, towers, economiser, and where the BAS changes what runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.optimize import least_squares, nnls

from plant_models.reduced.parameters import PlantParameters, SiteParameters
from plant_models.reduced.plant import WATER_KJ_PER_KGK, tower_duty_kgs, tower_reach_kgs
from plant_models.reduced.smooth import step_up
from plant_models.reduced.table import Array, Data, Mask
from plant_models.site.topology import Plant

_PINCHES_K = np.linspace(0.0, 8.0, 17)
_ROWS_LEAST = 30


def fit_plant(data: Data, plant: Plant, start: PlantParameters) -> PlantParameters:
    """Returns a plant's parameters fitted to the steady rows; what the data do not show keeps its start value."""
    fitted = _fit_pumps(data, plant, start)
    fitted = _fit_economiser(data, plant, fitted)
    fitted = _fit_chillers(data, plant, fitted)
    return _fit_towers(data, plant, fitted)


def fit_site(data: Data, start: SiteParameters) -> SiteParameters:
    """Returns the losses of the electrical chain over IT power."""
    loads = [f"{h.name}.it_load_kw" for h in data.site.hall]
    if not data.has("site.losses_power_kw", *loads) or not loads:
        return start
    rows = data.usable(data.fit, "site.losses_power_kw", *loads)
    it_kw = np.sum([data[s] for s in loads], axis=0)[rows]
    (fixed, share), _ = nnls(np.column_stack([np.ones_like(it_kw), it_kw]), data["site.losses_power_kw"][rows])
    return SiteParameters(float(fixed), float(share))


def cooling_kw(data: Data, plant: Plant) -> Array:
    """Returns the heat that the water carries back [kW], by row."""
    name = plant.name
    heat: Array = WATER_KJ_PER_KGK * data[f"{name}.chw_flow_kgs"] * (data[f"{name}.chwr_temp_c"] - data[f"{name}.chws_temp_c"])
    return heat


def economiser_kw(data: Data, plant: Plant) -> Array:
    """Returns the heat that the economiser takes of it while in line [kW], by row."""
    heats = [data[f"{e.name}.heat_kw"] for e in data.site.economiser if e.plant == plant.name and data.has(f"{e.name}.heat_kw")]
    in_line = data.machines[plant.name].in_line
    return in_line * np.sum(heats, axis=0) if heats else 0.0 * in_line


def power_kw(data: Data, names: list[str]) -> Array | None:
    """Returns the power of several machines together [kW], None where one is not measured at all."""
    columns = [f"{n}.power_kw" for n in names]
    return np.sum([data[c] for c in columns], axis=0) if columns and data.has(*columns) else None


def pumps_of(data: Data, plant: Plant, serves: str) -> list[str]:
    """Returns the pump groups of a plant by what they serve."""
    return [p.name for p in data.site.pump if p.plant == plant.name and p.serves == serves]


def chillers_of(data: Data, plant: Plant) -> list[str]:
    """Returns the chillers of a plant."""
    return [c.name for c in data.site.chiller if c.plant == plant.name]


def towers_of(data: Data, plant: Plant) -> list[str]:
    """Returns the tower cells of a plant."""
    return [t.name for t in data.site.tower if t.plant == plant.name]


def _fit_pumps(data: Data, plant: Plant, p: PlantParameters) -> PlantParameters:
    m, flow = data.machines[plant.name], data[f"{plant.name}.chw_flow_kgs"]
    chw, cw = power_kw(data, pumps_of(data, plant, "chw")), power_kw(data, pumps_of(data, plant, "cw"))
    dp = data.setpoint(f"{plant.name}.chw_dp_setpoint_kpa", f"{plant.name}.chw_dp_kpa") if data.has(f"{plant.name}.chw_dp_kpa") else 0.0 * flow
    if chw is not None:
        rows = data.still & data.fit & np.isfinite(chw + flow + dp)
        shapes = np.column_stack([m.chw_pumps, flow * dp, flow**3 / (m.chw_pumps**2 + 0.1)])[rows]
        (standing, lift, friction), _ = _relative_nnls(shapes, chw[rows])
        p = replace(p, chw_pump_standing_kw=standing, chw_pump_lift_kw=lift, chw_pump_friction_kw=friction)
    if cw is not None:
        rows = data.still & data.fit & np.isfinite(cw) & (m.cw_pumps > 0.0)
        p = replace(p, cw_pump_kw=float(np.median((cw / np.maximum(m.cw_pumps, 1.0))[rows]))) if rows.sum() >= _ROWS_LEAST else p
    condenser = f"{plant.name}.cw_flow_kgs"
    if data.has(condenser):
        rows = data.usable(data.still & data.fit, condenser) & (m.cw_pumps > 0.0) & (m.in_line < 0.5)
        p = replace(p, condenser_flow_kgs=float(np.median((data[condenser] / np.maximum(m.cw_pumps, 1.0))[rows]))) if rows.sum() >= _ROWS_LEAST else p
    return p


def _relative_nnls(shapes: Array, values: Array) -> tuple[tuple[float, ...], float]:
    """Returns non-negative weights that fit values in relative terms, so that small powers count as much as large ones."""
    weight = 1.0 / np.maximum(values, 0.1 * float(np.mean(values)))
    found, rest = nnls(shapes * weight[:, None], values * weight)
    return tuple(map(float, found)), float(rest)


def _fit_economiser(data: Data, plant: Plant, p: PlantParameters) -> PlantParameters:
    m, name = data.machines[plant.name], plant.name
    in_line = data.settled & data.fit & (m.in_line > 0.5) & np.isfinite(data[f"{name}.cws_temp_c"])
    if in_line.sum() < _ROWS_LEAST:
        return p
    flow, back, cold, supply = (data[f"{name}.{q}"] for q in ("chw_flow_kgs", "chwr_temp_c", "cws_temp_c", "chws_temp_c"))
    useful = in_line & (back - cold > 1.5)
    share = (economiser_kw(data, plant) / (WATER_KJ_PER_KGK * flow * np.maximum(back - cold, 1.0)))[useful]
    p = replace(p, economiser_share=float(np.clip(np.median(share), 0.2, 0.98))) if share.size >= _ROWS_LEAST else p
    if data.has(f"{name}.cw_flow_kgs"):
        p = replace(p, economiser_flow_kgs=float(max(np.median((data[f"{name}.cw_flow_kgs"] - m.cw_pumps * p.condenser_flow_kgs)[in_line]), 0.0)))
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


def _fit_chillers(data: Data, plant: Plant, p: PlantParameters) -> PlantParameters:
    """Returns the shares of Carnot power; linear for a given pinch, the pinch by trying."""
    m, name = data.machines[plant.name], plant.name
    electric = power_kw(data, chillers_of(data, plant))
    if electric is None or not data.has(f"{name}.cwr_temp_c"):
        return p
    supply, hot = data[f"{name}.chws_temp_c"], data[f"{name}.cwr_temp_c"]
    heat = cooling_kw(data, plant) - economiser_kw(data, plant)
    capacity = m.chillers * p.chiller_capacity_kw
    rows = data.still & data.fit & (m.chillers > 0.5) & np.isfinite(electric + heat + hot + supply) & (heat > 0.03 * capacity) & (electric > 1.0)
    if rows.sum() < _ROWS_LEAST:
        return p
    tried = []
    for pinch in _PINCHES_K:
        carnot = np.maximum(hot - supply + 2.0 * pinch, 1.0) / (supply - pinch + 273.15)
        shapes = np.column_stack([carnot * heat, carnot**2 * capacity, heat**2 / (capacity + 1.0), m.chillers])[rows]
        found, rest = _relative_nnls(shapes, electric[rows])
        tried.append((rest, float(pinch), found))
    _, pinch, (share, fixed, load, standing) = min(tried)
    lift = (hot - supply)[rows]
    stage = _stage_up_share(m.chillers, heat / p.chiller_capacity_kw, p.stage_up_load_share)
    return replace(
        p,
        carnot_pinch_k=pinch,
        carnot_share=share,
        carnot_fixed_share=fixed,
        chiller_load_share=load,
        chiller_standing_kw=standing,
        stage_up_load_share=stage,
        lift_held_k=float(max(np.quantile(lift, 0.02), 0.0)),
    )


def _stage_up_share(running: Array, load_machines: Array, otherwise: float) -> float:
    """Returns the load share just before a chiller was added, the middle one of all such moments."""
    added = np.flatnonzero((np.diff(running) > 0.5) & (running[:-1] > 0.5))
    shares = load_machines[added] / running[added]
    shares = shares[np.isfinite(shares) & (shares > 0.2) & (shares < 1.3)]
    return float(np.median(shares)) if shares.size >= 5 else otherwise


def _fit_towers(data: Data, plant: Plant, p: PlantParameters) -> PlantParameters:
    m, name, cells = data.machines[plant.name], plant.name, towers_of(data, plant)
    fans, electric, compressors = [f"{c}.fan_pct" for c in cells], power_kw(data, cells), power_kw(data, chillers_of(data, plant))
    if not cells or electric is None or compressors is None or not data.has(f"{name}.cwr_temp_c", f"{name}.cws_temp_c"):
        return p
    n = np.maximum(m.cells, 1.0)
    per_cell = electric / n
    if data.has(*fans):
        f = np.sum([data[c] for c in fans], axis=0) / 100.0 / n
        rows = data.fit & np.isfinite(f + per_cell) & (m.cells > 0.5)
        (linear, cubic), _ = nnls(np.column_stack([f[rows], f[rows] ** 3]), per_cell[rows])
        p = replace(p, tower_fan_linear_kw=float(linear), tower_fan_cubic_kw=float(cubic))
    else:
        f = np.cbrt(np.maximum(per_cell, 0.0) / max(p.tower_fan_cubic_kw, 0.1))
    heat = cooling_kw(data, plant) + compressors
    hot, wetbulb = data[f"{name}.cwr_temp_c"], data["weather.oa_wetbulb_c"]
    rows = data.still & data.fit & np.isfinite(heat + hot + wetbulb + f) & (m.cells > 0.5) & (f > 0.22) & (hot - wetbulb > 2.0)
    if rows.sum() < _ROWS_LEAST:
        return p

    def fitted(a: Array) -> PlantParameters:
        return replace(p, tower_air_kgs=float(a[0]), tower_half_share=float(a[1]), tower_still_kgs=float(a[2]), tower_warm_exponent=float(a[3]))

    def residual(a: Array) -> Array:
        q = fitted(a)  # the heat balance carries the error, the fan speed is known well
        duty = tower_duty_kgs(q, heat[rows], n[rows], hot[rows], wetbulb[rows])
        return np.asarray(tower_reach_kgs(q, f[rows]) / duty - 1.0, dtype=float)

    duty = tower_duty_kgs(p, heat[rows], n[rows], hot[rows], wetbulb[rows])
    most, least = float(np.quantile(duty, 0.95)), float(np.quantile(duty, 0.05))
    start = np.array([2.0 * most, 1.0, 0.5 * least, p.tower_warm_exponent])
    bounds = (np.array([1.05 * most, 0.05, 0.0, 0.0]), np.array([20.0 * most, 20.0, max(least, 0.01 * most), 1.5]))
    best = least_squares(residual, np.clip(start, bounds[0] * 1.01, bounds[1] * 0.99), bounds=bounds, loss="soft_l1", f_scale=0.1, x_scale=start)
    return fitted(best.x)
