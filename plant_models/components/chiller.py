"""A chiller by EnergyPlus's curves, EIR or reformulated EIR, guarded where the curves must not be believed.

Validity: each curve set states its own range of leaving chilled water and condenser water; outside it the power follows the lift (a physically
ordered guess, no published map covers 12 .. 20 degC chilled water of variable-speed machines).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from plant_models.components.chiller_curves import ChillerCurves
from plant_models.components.fluids import Expr

_KELVIN: Final = 273.15
_APPROACH_K: Final = 1.5  # refrigerant to leaving water, evaporator and condenser alike
_LIFT_LEAST_K: Final = 8.0
_CAPACITY_MOST: Final = 1.25
_CAPACITY_LEAST: Final = 0.4
_CAPACITY_PER_K: Final = 0.03  # of chilled water outside the curve's range


def biquadratic(c: tuple[float, ...], x: Expr, y: Expr) -> Expr:
    """Returns c1 + c2 x + c3 x^2 + c4 y + c5 y^2 + c6 x y."""
    return c[0] + x * (c[1] + c[2] * x + c[5] * y) + y * (c[3] + c[4] * y)


def part_load_factor(curves: ChillerCurves, condenser_c: Expr, plr: Expr) -> Expr:
    """Returns EIRFPLR: quadratic in part load, or bicubic in leaving condenser water and part load."""
    c, x, y = curves.eirfplr, condenser_c, plr
    if len(c) == 3:
        return c[0] + y * (c[1] + c[2] * y)
    return c[0] + x * (c[1] + x * (c[2] + c[6] * x)) + y * (c[3] + y * (c[4] + c[7] * y)) + x * y * (c[5] + c[8] * x + c[9] * y)


def curve_eir(curves: ChillerCurves, chws_c: Expr, condenser_c: Expr, plr: Expr) -> Expr:
    """Returns power over heat by the bare curves, valid inside their range only."""
    return biquadratic(curves.eirft, chws_c, condenser_c) * part_load_factor(curves, condenser_c, plr) / (plr * curves.cop)


def lift_share(chws_c: Expr, condenser_leaving_c: Expr) -> Expr:
    """Returns refrigerant lift over evaporating temperature: the inverse of Carnot's COP."""
    lift = np.maximum(condenser_leaving_c - chws_c + 2.0 * _APPROACH_K, _LIFT_LEAST_K)
    return lift / (chws_c - _APPROACH_K + _KELVIN)


def capacity_share(curves: ChillerCurves, chws_c: Expr, condenser_c: Expr) -> Expr:
    """Returns the full-load capacity at these temperatures as a share of the reference, 3 % more a kelvin beyond the curve's range."""
    chws = np.clip(chws_c, *curves.chws_range_c)
    inside = biquadratic(curves.capft, chws, np.clip(condenser_c, *curves.condenser_range_c))
    return np.clip(inside * (1.0 + _CAPACITY_PER_K * (chws_c - chws)), _CAPACITY_LEAST, _CAPACITY_MOST)


def guarded_eir(curves: ChillerCurves, chws_c: Expr, entering_c: Expr, leaving_c: Expr, plr: Expr) -> Expr:
    """Returns power over heat: the curves inside their range, scaled by the lift outside it, never better than the second-law cap."""
    condenser_c = leaving_c if curves.leaving else entering_c
    chws, condenser = np.clip(chws_c, *curves.chws_range_c), np.clip(condenser_c, *curves.condenser_range_c)
    lift = lift_share(chws_c, leaving_c)
    scaled = curve_eir(curves, chws, condenser, plr) * lift / lift_share(chws, leaving_c + condenser - condenser_c)
    return np.maximum(scaled, lift / curves.carnot_share)


def surge_plr(lift_k: Expr, lift_least_k: float, lift_most_k: float) -> Expr:
    """Returns the part load below which a centrifugal machine holds its power (vanes closed, then hot-gas bypass), by lift [K] of leaving waters."""
    return np.clip(0.10 + 0.5 * (lift_k - lift_least_k) / (lift_most_k - lift_least_k), 0.10, 0.6)


def surge_line(lift_k: Expr, lift_least_k: float, lift_most_k: float) -> Expr:
    """Returns the compressor's flow, as a part load, below which it surges; beyond the highest lift it rises steeply (engineering value).

    Vanes and hot gas keep the flow above it while the load falls; where they cannot, the machine surges.
    """
    beyond = np.maximum(lift_k - lift_most_k, 0.0) / lift_most_k
    return surge_plr(lift_k, lift_least_k, lift_most_k) + 1.5 * beyond


def metered_share(lift_k: Expr, lift_least_k: float) -> Expr:
    """Returns what the expansion device passes at a low lift [K] of leaving waters: an orifice, full from 0.6 of the least lift on (engineering value)."""
    head = (lift_k + 2.0 * _APPROACH_K) / (0.6 * lift_least_k + 2.0 * _APPROACH_K)
    return np.sqrt(np.clip(head, 0.1, 1.0))


def power_kw(curves: ChillerCurves, heat_kw: Expr, available_kw: Expr, chws_c: Expr, entering_c: Expr, leaving_c: Expr, plr_unloading: Expr) -> Expr:
    """Returns compressor power [kW] of a clean machine.

    ``plr_unloading`` is the part load below which power no longer falls; below the curve's least part load the machine cycles, power in
    proportion. Heat and available capacity [kW], leaving chilled water, entering and leaving condenser water [degC].
    """
    plr = np.minimum(heat_kw / available_kw, curves.plr_most)
    held = np.maximum(plr, np.maximum(plr_unloading, curves.plr_least))
    cycling = np.minimum(plr / curves.plr_least, 1.0)
    return available_kw * held * guarded_eir(curves, chws_c, entering_c, leaving_c, held) * cycling


def outside_curve(curves: ChillerCurves, chws_c: Expr, condenser_c: Expr) -> Expr:
    """Returns 1 where the machine runs outside its curves' range, else 0."""
    low = np.minimum(chws_c - curves.chws_range_c[0], condenser_c - curves.condenser_range_c[0])
    high = np.minimum(curves.chws_range_c[1] - chws_c, curves.condenser_range_c[1] - condenser_c)
    return np.where(np.minimum(low, high) < 0.0, 1.0, 0.0)
