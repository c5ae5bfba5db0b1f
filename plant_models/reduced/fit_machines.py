"""Fits the power of a plant's machines on the balanced heat: chillers, pumps and towers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from plant_models.reduced.fit_economiser import economiser_kw
from plant_models.reduced.fit_heat import water_heat_kw
from plant_models.reduced.parameters import PlantParameters
from plant_models.reduced.plant import condenser_flow_share, condenser_rise_k, condenser_water_kgs, tower_duty_kgs, tower_reach_kgs
from plant_models.reduced.prior import fit_curve, fit_shares
from plant_models.reduced.table import Array, Data, Mask
from plant_models.site.topology import Plant

_PINCHES_K = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0)
_CARNOT_SPREAD = 0.3  # over the usual shares: makes and ages of machines
_PART_LOAD_SPREAD = 0.7
_NOTABLE = 0.02  # of a power
_NOTABLE_DUTY = 0.05
_ROWS_LEAST = 30
_SLOW_FANS_PCT = 35.0  # about the least speed of fans, 10-30 %
_HELD_ABOVE_K = 0.8  # beyond what a loop that hunts is above its setpoint


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


def fit_chw_pumps(data: Data, plant: Plant, p: PlantParameters) -> PlantParameters:
    """Returns the shares of the chilled-water pumps' power."""
    chw = power_kw(data, pumps_of(data, plant, "chw"))
    if chw is None or not data.has(f"{plant.name}.chw_flow_kgs"):
        return p
    m, flow = data.machines[plant.name], data[f"{plant.name}.chw_flow_kgs"]
    dp = data.setpoint(f"{plant.name}.chw_dp_setpoint_kpa", f"{plant.name}.chw_dp_kpa") if data.has(f"{plant.name}.chw_dp_kpa") else 0.0 * flow
    rows = data.still & data.fit & np.isfinite(chw + flow + dp) & (chw > 0.1)
    if rows.sum() < _ROWS_LEAST:
        return p
    machines = m.chillers * (1.0 - m.free)
    shapes = [m.chw_pumps, flow * dp, flow**3, flow**3 * machines / (machines**3 + 0.1)]
    start = [p.chw_pump_standing_kw, p.chw_pump_lift_kw, p.chw_pump_pipe_kw, p.chw_pump_friction_kw]
    usual = [max(v, 1e-9) for v in start]
    spread = [usual[0], 0.15 * usual[1], usual[2], usual[3]]  # efficiencies of 0.62 .. 0.80, pipes of any size
    standing, lift, pipe, friction = fit_shares([s[rows] for s in shapes], chw[rows], start, spread, _NOTABLE)[0]
    return replace(p, chw_pump_standing_kw=standing, chw_pump_lift_kw=lift, chw_pump_pipe_kw=pipe, chw_pump_friction_kw=friction)


def fit_cw_pumps(data: Data, plant: Plant, p: PlantParameters) -> PlantParameters:
    """Returns power and flow of one condenser-water pump."""
    m, cw, flow = data.machines[plant.name], power_kw(data, pumps_of(data, plant, "cw")), f"{plant.name}.cw_flow_kgs"
    one, one_flow = np.maximum(m.cw_pumps, 1.0) * m.cw_speed**3, np.maximum(m.cw_pumps, 1.0) * condenser_flow_share(m.cw_speed)
    if cw is not None:
        rows = data.still & data.fit & np.isfinite(cw) & (m.cw_pumps > 0.0)
        p = replace(p, cw_pump_kw=float(np.median((cw / one)[rows]))) if rows.sum() >= _ROWS_LEAST else p
    if data.has(flow):
        rows = data.usable(data.still & data.fit, flow) & (m.cw_pumps > 0.0) & (m.in_line < 0.5)
        p = replace(p, condenser_flow_kgs=float(np.median((data[flow] / one_flow)[rows]))) if rows.sum() >= _ROWS_LEAST else p
    return p


def fit_chillers(data: Data, plant: Plant, p: PlantParameters) -> PlantParameters:
    """Returns the shares of Carnot power, linear for a given pinch, the pinch by trying; with it the load at which the BAS adds a chiller."""
    m, name = data.machines[plant.name], plant.name
    electric = power_kw(data, chillers_of(data, plant))
    if electric is None or not data.has(f"{name}.cws_temp_c"):
        return p
    supply, heat = data[f"{name}.chws_temp_c"], water_heat_kw(data, plant, p) - economiser_kw(data, plant)
    hot = data[f"{name}.cws_temp_c"] + _condenser_rise_k(data, plant, p, heat)
    capacity = m.chillers * p.chiller_capacity_kw
    rows = data.still & data.fit & (m.chillers > 0.5) & np.isfinite(electric + heat + hot + supply) & (heat > 0.03 * capacity) & (electric > 1.0)
    if rows.sum() < _ROWS_LEAST:
        return p
    start = [p.carnot_share, p.carnot_fixed_share, p.chiller_load_share, p.chiller_standing_kw]
    spread = [_CARNOT_SPREAD * start[0], _PART_LOAD_SPREAD * start[1], _PART_LOAD_SPREAD * start[2], _PART_LOAD_SPREAD * start[3]]
    tried = []
    for pinch in _PINCHES_K:
        carnot = np.maximum(hot - supply + 2.0 * pinch, 1.0) / (supply - pinch + 273.15)
        shapes = [s[rows] for s in (carnot * heat, carnot**2 * capacity, heat**2 / (capacity + 1.0), m.chillers)]
        found, rest = fit_shares(shapes, electric[rows], start, [max(s, 1e-9) for s in spread], _NOTABLE)
        tried.append((rest, pinch, found))
    _, pinch, (share, fixed, load, standing) = min(tried)
    return replace(
        p,
        carnot_pinch_k=pinch,
        carnot_share=share,
        carnot_fixed_share=fixed,
        chiller_load_share=load,
        chiller_standing_kw=standing,
        stage_up_load_share=_stage_up_share(m.chillers, heat / max(p.chiller_capacity_kw, 1.0), p.stage_up_load_share),
        lift_held_k=_lift_held_k(data, plant, p, hot - supply, rows),
        chws_over_setpoint_k=_over_setpoint_k(data, plant),
    )


def _lift_held_k(data: Data, plant: Plant, p: PlantParameters, lift: Array, rows: Mask) -> float:
    """Returns the lift that the BAS keeps [K]: where it held condenser water above its setpoint with hardly any fan, else no more than was ever seen."""
    cold, m, fans = data[f"{plant.name}.cws_temp_c"], data.machines[plant.name], [f"{c}.fan_pct" for c in towers_of(data, plant)]
    above = cold - data.setpoint(f"{plant.name}.cws_setpoint_c", f"{plant.name}.cws_temp_c")
    if fans and data.has(*fans):
        slow = np.max([data[f] for f in fans], axis=0) < _SLOW_FANS_PCT
        held = data.settled & data.fit & slow & (above > _HELD_ABOVE_K) & (m.chillers > 0.5) & (m.in_line < 0.5) & np.isfinite(lift)
        if held.sum() >= _ROWS_LEAST:
            return float(max(np.median(lift[held]), 0.0))
    return float(max(min(np.quantile(lift[rows], 0.02), p.lift_held_k), 0.0))


def _over_setpoint_k(data: Data, plant: Plant) -> float:
    """Returns where chilled water settles against its setpoint while compressors hold it [K]."""
    supply, m = f"{plant.name}.chws_temp_c", data.machines[plant.name]
    over = data[supply] - data.setpoint(f"{plant.name}.chws_setpoint_c", supply)
    rows = data.still & data.fit & np.isfinite(over) & (m.chillers > 0.5) & (m.free < 0.5) & (np.abs(over) < 1.0)
    return float(np.median(over[rows])) if rows.sum() >= _ROWS_LEAST else 0.0


def _condenser_rise_k(data: Data, plant: Plant, p: PlantParameters, chiller_heat_kw: Array) -> Array:
    m = data.machines[plant.name]
    water = condenser_water_kgs(p, m.cw_pumps * (1.0 - m.free), m.in_line, m.cw_speed)
    return np.asarray(condenser_rise_k(chiller_heat_kw, economiser_kw(data, plant), water), dtype=float)


def _stage_up_share(running: Array, load_machines: Array, otherwise: float) -> float:
    """Returns the load share just before a chiller was added, the middle one of all such moments."""
    added = np.flatnonzero((np.diff(running) > 0.5) & (running[:-1] > 0.5))
    shares = load_machines[added] / running[added]
    shares = shares[np.isfinite(shares) & (shares > 0.2) & (shares < 1.3)]
    return float(np.median(shares)) if shares.size >= 5 else otherwise


def fit_towers(data: Data, plant: Plant, p: PlantParameters) -> PlantParameters:
    """Returns the reach of a tower cell by fan speed and water, and the power of its fan."""
    m, name, cells = data.machines[plant.name], plant.name, towers_of(data, plant)
    fans, electric, compressors = [f"{c}.fan_pct" for c in cells], power_kw(data, cells), power_kw(data, chillers_of(data, plant))
    if not cells or electric is None or compressors is None or not data.has(f"{name}.cws_temp_c"):
        return p
    n = np.maximum(m.cells, 1.0)
    if data.has(*fans):
        f = np.sum([data[c] for c in fans], axis=0) / 100.0 / n
        rows = data.fit & np.isfinite(f + electric) & (m.cells > 0.5) & (electric > 0.5)
        if rows.sum() >= _ROWS_LEAST:
            usual = max(p.tower_fan_cubic_kw, 0.1)
            (linear, cubic), _ = fit_shares([f[rows], f[rows] ** 3], (electric / n)[rows], [0.02 * usual, usual], [0.05 * usual, 0.3 * usual], _NOTABLE)
            p = replace(p, tower_fan_linear_kw=linear, tower_fan_cubic_kw=cubic)
    else:
        f = np.cbrt(np.maximum(electric / n, 0.0) / max(p.tower_fan_cubic_kw, 0.1))
    p = replace(p, cws_over_setpoint_k=_cws_over_k(data, plant, f))
    heat = water_heat_kw(data, plant, p)
    hot = data[f"{name}.cws_temp_c"] + _condenser_rise_k(data, plant, p, heat - economiser_kw(data, plant))
    wetbulb, water = data["weather.oa_wetbulb_c"], condenser_water_kgs(p, m.cw_pumps * (1.0 - m.free), m.in_line, m.cw_speed) / (n * p.condenser_flow_kgs)
    rejected = heat + compressors
    rows = data.still & data.fit & np.isfinite(rejected + hot + wetbulb + f) & (m.cells > 0.5) & (f > 0.22) & (hot - wetbulb > 2.0) & (rejected > 20.0)
    return _fit_reach(p, rejected[rows] / n[rows], f[rows], water[rows], hot[rows], wetbulb[rows]) if rows.sum() >= _ROWS_LEAST else p


def _cws_over_k(data: Data, plant: Plant, fan_share: Array) -> float:
    """Returns where condenser water settles against its setpoint while the fans hold it between their stops [K]."""
    cold, m = f"{plant.name}.cws_temp_c", data.machines[plant.name]
    over = data[cold] - data.setpoint(f"{plant.name}.cws_setpoint_c", cold)
    rows = data.still & data.fit & np.isfinite(over) & (m.in_line < 0.5) & (fan_share > 0.3) & (fan_share < 0.9) & (np.abs(over) < 1.0)
    return float(np.median(over[rows])) if rows.sum() >= _ROWS_LEAST else 0.0


def _fit_reach(p: PlantParameters, cell_kw: Array, f: Array, water: Array, hot: Array, wetbulb: Array) -> PlantParameters:
    def fitted(a: Array) -> PlantParameters:
        reach, fan, share, warm = (float(v) for v in a)
        return replace(p, tower_reach_kgs=float(np.exp(reach)), tower_fan_exponent=fan, tower_water_exponent=share, tower_warm_exponent=warm)

    def residual(a: Array) -> Array:
        q = fitted(a)  # the heat balance carries the error, the fan speed is known well
        duty = tower_duty_kgs(q, cell_kw, 1.0, hot, wetbulb)
        return np.asarray((tower_reach_kgs(q, f, water) / duty - 1.0) / _NOTABLE_DUTY, dtype=float)

    usual = float(np.log(p.tower_reach_kgs))
    start = [usual, p.tower_fan_exponent, p.tower_water_exponent, p.tower_warm_exponent]
    return fitted(np.array(fit_curve(residual, start, [1.0, 0.15, 0.15, 0.15], [usual - 3.0, 0.4, 0.0, 0.0], [usual + 3.0, 1.2, 1.0, 1.0])))
