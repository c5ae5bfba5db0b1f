"""Fits the coils of all halls of one plant together, for one meter shows the water that all of them draw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from plant_models.reduced.fit_heat import air_heat_kw, fan_share
from plant_models.reduced.hall import AIR_KJ_PER_KGK, coil_effectiveness, coil_water_kgs
from plant_models.reduced.parameters import HallParameters
from plant_models.reduced.prior import fit_curve
from plant_models.reduced.smooth import larger, positive, smaller
from plant_models.reduced.table import Array, Data
from plant_models.site.topology import Hall, Plant

_NAMES: Final = ("coil_reach_share", "coil_flow_kgs", "coil_flow_exponent", "coil_open_flow_kgs", "supply_over_setpoint_k")
_NOTABLE_K: Final = 0.2
_NOTABLE_WATER: Final = 0.05  # of the plant's flow of design


@dataclass(frozen=True)
class Air:
    """A hall's air by row: supply and its setpoint, return as the heat balance has it [degC], fan speed share."""

    supply_c: Array
    setpoint_c: Array
    back_c: Array
    fan: Array


def fit_coils(data: Data, plant: Plant, halls: Mapping[str, HallParameters]) -> dict[str, HallParameters]:
    """Returns the parameters of a plant's halls with their coils fitted: to the water that the plant delivers beyond its bypass, and to supply air
    that missed its setpoint.
    """
    served = [h for h in data.site.hall if h.plant == plant.name]
    air = {h.name: _air(data, h, halls[h.name]) for h in served}
    dp = np.maximum(data.setpoint(f"{plant.name}.chw_dp_setpoint_kpa", f"{plant.name}.chw_dp_kpa"), 1.0)
    water, flow = data[f"{plant.name}.chws_temp_c"], data[f"{plant.name}.chw_flow_kgs"]
    through = flow > 1.05 * data.machines[plant.name].chillers * _bypass_kgs(data, plant)  # else the meter shows the bypass, not the coils
    rows = data.still & data.fit & np.isfinite(dp + water + flow)
    for a in air.values():
        rows &= np.isfinite(a.supply_c + a.setpoint_c + a.back_c + a.fan)
    if not served or not rows.any():
        return {h.name: halls[h.name] for h in served}

    def fitted(values: Array) -> dict[str, HallParameters]:
        each = np.asarray(values).reshape(len(served), len(_NAMES))
        return {h.name: replace(halls[h.name], **dict(zip(_NAMES, map(float, own), strict=True))) for h, own in zip(served, each, strict=True)}

    def residual(values: Array) -> Array:
        drawn, missed = 0.0 * flow, []
        for name, p in fitted(values).items():
            a = air[name]
            most = p.coil_open_flow_kgs * np.sqrt(dp / plant.chw_dp_max_kpa)
            reached = larger(a.setpoint_c + p.supply_over_setpoint_k, a.back_c - coil_effectiveness(p, a.fan, most) * (a.back_c - water), 0.2)
            wanted = positive(a.back_c - a.supply_c, 0.1) / positive(a.back_c - water, 1.0)
            drawn = drawn + smaller(coil_water_kgs(p, a.fan, wanted), most, 0.02 * p.coil_open_flow_kgs)
            missed.append((reached - a.supply_c)[rows] / _NOTABLE_K)
        return np.asarray(np.concatenate([(drawn - flow)[rows & through] / (_NOTABLE_WATER * plant.chw_flow_kgs), *missed]), dtype=float)

    start = [getattr(halls[h.name], n) for h in served for n in _NAMES]
    spread = [s for h in served for s in _spread(halls[h.name])]
    share = [h.air_capacity_kw / sum(other.air_capacity_kw for other in served) for h in served]
    flows = [s * plant.chw_flow_kgs for s in share]
    lower = [low for f in flows for low in (0.4, 0.02 * f, 0.0, 0.3 * f, -1.5)]
    upper = [high for f in flows for high in (1.0, 4.0 * f, 3.0, 5.0 * f, 1.5)]
    return fitted(np.array(fit_curve(residual, start, spread, lower, upper)))


def _spread(p: HallParameters) -> tuple[float, ...]:
    return (0.1, 0.5 * p.coil_flow_kgs, 0.5, 0.5 * p.coil_open_flow_kgs, 0.3)


def _air(data: Data, hall: Hall, p: HallParameters) -> Air:
    supply, fan = data[f"{hall.name}.crah_supply_temp_c"], fan_share(data, hall)
    setpoint = data.setpoint(f"{hall.name}.crah_supply_setpoint_c", f"{hall.name}.crah_supply_temp_c")
    return Air(supply, setpoint, supply + air_heat_kw(data, hall, p) / (AIR_KJ_PER_KGK * p.air_flow_kgs * fan), fan)


def _bypass_kgs(data: Data, plant: Plant) -> float:
    shares = [c.evaporator_flow_kgs * c.evaporator_flow_min_share for c in data.site.chiller if c.plant == plant.name]
    return max(shares, default=0.0)
