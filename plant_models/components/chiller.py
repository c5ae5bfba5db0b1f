"""A water-cooled chiller by EnergyPlus's curves, EIR or reformulated EIR, guarded where the curves must not be believed.

Validity: each curve set states its own range of leaving chilled water and condenser water; outside it the power follows the lift (a physically
ordered guess, no published map covers 12 .. 20 degC chilled water of variable-speed machines).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from plant_models.components.fluids import Expr

_KELVIN: Final = 273.15
_APPROACH_K: Final = 1.5  # refrigerant to leaving water, evaporator and condenser alike
_LIFT_LEAST_K: Final = 8.0
_CAPACITY_MOST: Final = 1.25
_CAPACITY_LEAST: Final = 0.4
_CAPACITY_PER_K: Final = 0.03  # of chilled water outside the curve's range


@dataclass(frozen=True, slots=True)
class ChillerCurves:
    """A machine's published curves; ``leaving`` tells whether the condenser temperature in them leaves (reformulated EIR) or enters (EIR)."""

    source: str
    leaving: bool
    capacity_kw: float
    cop: float
    evaporator_flow_kgs: float
    condenser_flow_kgs: float
    plr_least: float
    plr_most: float
    chws_range_c: tuple[float, float]
    condenser_range_c: tuple[float, float]
    capft: tuple[float, ...]
    eirft: tuple[float, ...]
    eirfplr: tuple[float, ...]
    carnot_share: float  # second-law cap on COP, share of Carnot between the refrigerant temperatures


CARRIER_19XR_1407_VSD: Final = ChillerCurves(  # EnergyPlus Chillers.idf, ReformEIR Carrier 19XR 1407 kW/6.04 COP/VSD
    source="Carrier 19XR 1407 kW VSD, reformulated EIR",
    leaving=True,
    capacity_kw=1406.6,
    cop=6.04,
    evaporator_flow_kgs=60.57,
    condenser_flow_kgs=75.71,
    plr_least=0.2,
    plr_most=1.04,
    chws_range_c=(4.44, 10.0),
    condenser_range_c=(18.11, 37.42),
    capft=(0.9006457, -0.01139681, -0.001480623, 0.02770949, -0.0009617215, 0.001812986),
    eirft=(1.174615, -0.01237741, -0.001147159, -0.02996332, 0.0008901939, -0.0002302077),
    eirfplr=(-0.5839828, 0.04640814, -7.366007e-05, -0.1926398, 2.597682, -0.04268655, 0.0, -0.866639, 0.0, 0.0),
    carnot_share=0.62,
)
YORK_YT_1055: Final = ChillerCurves(  # EnergyPlus Chillers.idf, ElectricEIRChiller York YT 1055 kW/5.96 COP/Vanes
    source="York YT 1055 kW vanes, EIR",
    leaving=False,
    capacity_kw=1055.0,
    cop=5.96,
    evaporator_flow_kgs=28.39,
    condenser_flow_kgs=56.78,
    plr_least=0.1,
    plr_most=1.05,
    chws_range_c=(4.44, 8.89),
    condenser_range_c=(12.78, 35.0),
    capft=(0.1785912, -0.05900023, -0.0005946963, 0.09297889, -0.002841024, 0.004974221),
    eirft=(0.524511, -0.02850126, 0.000803472, 0.01893133, 0.0001151629, -9.340642e-05),
    eirfplr=(0.2619878, 0.2393605, 0.4988306),
    carnot_share=0.55,
)
CURVES: Final = {"carrier-19xr-1407-vsd": CARRIER_19XR_1407_VSD, "york-yt-1055": YORK_YT_1055}


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
