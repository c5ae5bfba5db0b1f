"""Closes the heat balance of the data first: what reaches the water beside IT and fans, and how the return sensors read; all else rests on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from plant_models.reduced.hall import AIR_KJ_PER_KGK
from plant_models.reduced.parameters import HallParameters, PlantParameters, ReducedParameters
from plant_models.reduced.plant import WATER_KJ_PER_KGK
from plant_models.reduced.prior import fit_curve
from plant_models.reduced.table import Array, Data
from plant_models.site.topology import Hall, Plant

_NOTABLE_K = 1.0  # slow masses store heat: single rows say little
_BIAS_MOST_K = 2.0
_WATER_SPREAD_K = 0.25  # two sensors of class 0.2 K and a flow meter
_SHARE_SPREAD = 0.05  # losses outside of the hall, lighting
_AIR_SPREAD_K = 0.4  # two sensors of class 0.3 K
_FLOW_SPREAD = 0.15  # of the fans' name plate
_ROWS_LEAST = 30


def balance(data: Data, parameters: ReducedParameters) -> ReducedParameters:
    """Returns parameters with heat shares and biases of return sensors by which heat into the air is heat into the water, at rest."""
    share = _losses_share(data)
    plants, halls = dict(parameters.plants), {n: replace(h, heat_share=share) for n, h in parameters.halls.items()}
    for plant in data.site.plant:
        served = [h for h in data.site.hall if h.plant == plant.name]
        if served:
            bias_k, more = _water_balance(data, plant, served, halls)
            plants[plant.name] = replace(plants[plant.name], chwr_bias_k=bias_k)
            halls |= {h.name: replace(halls[h.name], heat_share=max(share + more, 0.0)) for h in served}
    halls = {h.name: _air_balance(data, h, halls[h.name]) for h in data.site.hall}
    return replace(parameters, plants=plants, halls=halls)


def water_heat_kw(data: Data, plant: Plant, p: PlantParameters) -> Array:
    """Returns the heat that the water carries back [kW], by row, the return sensor's bias taken off."""
    name = plant.name
    found: Array = WATER_KJ_PER_KGK * data[f"{name}.chw_flow_kgs"] * (data[f"{name}.chwr_temp_c"] - p.chwr_bias_k - data[f"{name}.chws_temp_c"])
    return found


def fan_share(data: Data, hall: Hall) -> Array:
    """Returns the fans' speed share by row, as measured, else as set."""
    measured, setpoint = f"{hall.name}.crah_fan_pct", f"{hall.name}.crah_fan_setpoint_pct"
    return np.clip(data[measured if data.has(measured) else setpoint] / 100.0, 0.05, 1.0)


def fan_kw(data: Data, hall: Hall, p: HallParameters) -> Array:
    """Returns the power of a hall's fans by row [kW], as measured, else by its parameters."""
    f = fan_share(data, hall)
    measured = f"{hall.name}.crah_fan_power_kw"
    return data[measured] if data.has(measured) else np.asarray(f * (p.fan_linear_kw + p.fan_cubic_kw * f * f), dtype=float)


def air_heat_kw(data: Data, hall: Hall, p: HallParameters) -> Array:
    """Returns the heat into a hall's air by row [kW]."""
    found: Array = data[f"{hall.name}.it_load_kw"] * (p.air_share + p.heat_share) + fan_kw(data, hall, p)
    return found


def _losses_share(data: Data) -> float:
    """Returns losses over IT power where both are metered, the usual case being that they heat the hall; else nothing."""
    loads = [f"{h.name}.it_load_kw" for h in data.site.hall]
    if not loads or not data.has("site.losses_power_kw", *loads):
        return 0.0
    rows = data.usable(data.fit, "site.losses_power_kw", *loads)
    return float(np.median(data["site.losses_power_kw"][rows] / np.sum([data[s] for s in loads], axis=0)[rows])) if rows.any() else 0.0


def _water_balance(data: Data, plant: Plant, served: list[Hall], halls: Mapping[str, HallParameters]) -> tuple[float, float]:
    """Returns the bias of the return water's sensor [K], and the heat beside what the halls' parameters know of, over IT power.

    Loads hardly differ enough to tell the two apart: what the balance lacks is shared between them by how far each is usually off.
    """
    name = plant.name
    heat = np.sum([air_heat_kw(data, h, halls[h.name]) for h in served], axis=0)
    load = np.sum([data[f"{h.name}.it_load_kw"] for h in served], axis=0)
    per_k = np.maximum(WATER_KJ_PER_KGK * data[f"{name}.chw_flow_kgs"], 1.0)
    lacks_k, per_share_k = data[f"{name}.chwr_temp_c"] - data[f"{name}.chws_temp_c"] - heat / per_k, load / per_k
    rows = data.still & data.fit & np.isfinite(lacks_k + per_share_k) & (per_k > 0.1 * WATER_KJ_PER_KGK * plant.chw_flow_kgs)
    if rows.sum() < _ROWS_LEAST:
        return 0.0, 0.0
    lacking_k, k = float(np.median(lacks_k[rows])), float(np.median(per_share_k[rows]))
    more = lacking_k * k * _SHARE_SPREAD**2 / (k**2 * _SHARE_SPREAD**2 + _WATER_SPREAD_K**2)
    return min(max(lacking_k - k * more, -_BIAS_MOST_K), _BIAS_MOST_K), more


def _air_balance(data: Data, hall: Hall, p: HallParameters) -> HallParameters:
    """Returns parameters with the CRAHs' air flow and the bias of the return air's sensor."""
    back = f"{hall.name}.crah_return_temp_c"
    if not data.has(back):
        return p
    rise, heat = data[back] - data[f"{hall.name}.crah_supply_temp_c"], air_heat_kw(data, hall, p)
    per_flow = heat / (AIR_KJ_PER_KGK * fan_share(data, hall))
    rows = data.calm(hall.name) & data.fit & np.isfinite(rise + heat) & (rise > 2.0)
    if rows.sum() < _ROWS_LEAST:
        return p

    def residual(a: Array) -> Array:
        found: Array = (rise - a[1] - per_flow / a[0])[rows] / _NOTABLE_K
        return found

    flow, spread = p.air_flow_kgs, _FLOW_SPREAD * p.air_flow_kgs
    kgs, bias_k = fit_curve(residual, [flow, 0.0], [spread, _AIR_SPREAD_K], [0.3 * flow, -2.0], [2.0 * flow, 2.0])
    return replace(p, air_flow_kgs=kgs, return_bias_k=bias_k)
