"""Heat exchangers by effectiveness and number of transfer units: the plates of a waterside economiser, and what coils share with them."""

from __future__ import annotations

from typing import Final

import numpy as np

from plant_models.components.fluids import CP_WATER, Expr

_BALANCED: Final = 0.999  # capacity ratio up to which the general form is used
_LEAST_FLOW_KGS: Final = 1e-3


def counterflow_effectiveness(ntu: Expr, ratio: Expr) -> Expr:
    """Returns the effectiveness of a counter-flow exchanger at NTU >= 0 and capacity ratio C_min/C_max 0 .. 1."""
    c = np.minimum(ratio, _BALANCED)
    decay = np.exp(-ntu * (1.0 - c))
    return (1.0 - decay) / (1.0 - c * decay)


def heat_kw(ua_kw_per_k: Expr, hot_kw_per_k: Expr, cold_kw_per_k: Expr, hot_in_c: Expr, cold_in_c: Expr) -> Expr:
    """Returns the heat [kW] from a hot to a cold stream, given as heat capacity flows [kW/K] and inlet temperatures [degC]; signed."""
    least, most = np.minimum(hot_kw_per_k, cold_kw_per_k), np.maximum(hot_kw_per_k, cold_kw_per_k)
    floor = _LEAST_FLOW_KGS * CP_WATER
    effectiveness = counterflow_effectiveness(ua_kw_per_k / np.maximum(least, floor), least / np.maximum(most, floor))
    return effectiveness * least * (hot_in_c - cold_in_c)


def plate_ua_kw_per_k(hot_share: Expr, cold_share: Expr, design_ua_kw_per_k: float) -> Expr:
    """Returns the UA [kW/K] of a plate exchanger; both films go with flow to the 0.8 (Dittus-Boelter), equal at design."""
    hot, cold = np.maximum(hot_share, 1e-3), np.maximum(cold_share, 1e-3)
    return design_ua_kw_per_k * 2.0 / (hot**-0.8 + cold**-0.8)


def design_plate_ua_kw_per_k(flow_kgs: float, effectiveness: float) -> float:
    """Returns the UA [kW/K] of a balanced counter-flow exchanger of that effectiveness: NTU = eps / (1 - eps)."""
    return effectiveness / (1.0 - effectiveness) * flow_kgs * CP_WATER
