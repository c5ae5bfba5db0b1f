"""A wet cooling-tower cell by Merkel's theory as effectiveness and transfer units, for conditions beyond the York correlation's data.

Validity: any range and approach; UA factors hold for air 0.2 .. 1, water 0.3 .. 1 of design and wet bulb 25 K below to 10 K above design.
"""

from __future__ import annotations

from math import log
from typing import Final

import numpy as np

from plant_models.components.fluids import CP_WATER, Expr
from plant_models.components.tower import FREE_CONVECTION

_SATURATED: Final = (9.39686922, 1.73515811, 0.0169856618, 0.000903892371, -9.69005552e-06, 2.64810517e-07)  # kJ/kg, -2 .. 45 degC, 101.325 kPa
_SATURATED_RANGE_C: Final = (-2.0, 45.0)
DESIGN_C: Final = (35.0, 29.44, 25.55)  # entering and leaving water, wet bulb: Modelica Buildings, Merkel defaults
_WATER_OVER_AIR: Final = 1.0  # at design, mass
# Scheier's adjustment factors as EnergyPlus CoolingTower:VariableSpeed:Merkel has them
_BY_AIR: Final = (0.0, 1.3, -0.3)
_BY_WATER: Final = (0.1082, 1.667, -0.7713)
_BY_WETBULB: Final = 0.0081
_AIR_RANGE: Final = (0.2, 1.0)
_WATER_RANGE: Final = (0.3, 1.0)
_WETBULB_RANGE_K: Final = (-10.0, 25.0)


def saturated_kj_per_kg(temp_c: Expr) -> Expr:
    """Returns the enthalpy of saturated air [kJ/kg] at a temperature [degC]; a straight line beyond the fit's range."""
    t = np.clip(temp_c, *_SATURATED_RANGE_C)
    c = _SATURATED
    return c[0] + t * (c[1] + t * (c[2] + t * (c[3] + t * (c[4] + t * c[5])))) + (temp_c - t) * saturated_slope(t)


def saturated_slope(temp_c: Expr) -> Expr:
    """Returns the slope of the saturation enthalpy [kJ/(kg K)]: what a kelvin of saturated air is worth."""
    t = np.clip(temp_c, *_SATURATED_RANGE_C)
    c = _SATURATED
    return c[1] + t * (2.0 * c[2] + t * (3.0 * c[3] + t * (4.0 * c[4] + t * 5.0 * c[5])))


def effectiveness(ntu: Expr, ratio: Expr) -> Expr:
    """Returns the air-side effectiveness of counter flow at a capacity ratio of air over water, also above 1 (Braun 1989)."""
    m = np.where(np.fabs(1.0 - ratio) < 1e-3, 1.0 - 1e-3, ratio)
    decay = np.exp(-ntu * (1.0 - m))
    return (1.0 - decay) / (1.0 - m * decay)


def _design_ntu() -> float:
    """Returns the transfer units, over the air, that give the design leaving water: the counter-flow effectiveness turned round."""
    entering, leaving, wetbulb = DESIGN_C
    gained = _WATER_OVER_AIR * CP_WATER * (entering - leaving)
    share = gained / float(saturated_kj_per_kg(entering) - saturated_kj_per_kg(wetbulb))
    ratio = float(saturated_slope(0.5 * (entering + leaving))) / (CP_WATER * _WATER_OVER_AIR)
    return log((1.0 - share * ratio) / (1.0 - share)) / (1.0 - ratio)


_DESIGN_NTU: Final = _design_ntu()


def leaving_target_c(entering_c: Expr, leaving_c: Expr, wetbulb_c: Expr, water_share: Expr, fan_share: Expr, fill_factor: Expr) -> Expr:
    """Returns the leaving temperature [degC] of a cell; at rest it equals ``leaving_c``, which only says where the saturation curve's slope is taken.

    Shares are of design flow and speed; ``fill_factor`` <= 1 is what fouling leaves of UA.
    """
    air = np.maximum(fan_share, FREE_CONVECTION)
    held_air, held_water = np.clip(fan_share, *_AIR_RANGE), np.clip(water_share, *_WATER_RANGE)
    by_air = _BY_AIR[0] + held_air * (_BY_AIR[1] + held_air * _BY_AIR[2])
    by_water = _BY_WATER[0] + held_water * (_BY_WATER[1] + held_water * _BY_WATER[2])
    by_wetbulb = 1.0 + _BY_WETBULB * np.clip(DESIGN_C[2] - wetbulb_c, *_WETBULB_RANGE_K)
    water_over_air = _WATER_OVER_AIR * np.maximum(water_share, 1e-3) / air
    ntu = _DESIGN_NTU * fill_factor * by_air * by_water * by_wetbulb / air
    ratio = saturated_slope(0.5 * (entering_c + leaving_c)) / (CP_WATER * water_over_air)
    given = effectiveness(ntu, ratio) * (saturated_kj_per_kg(entering_c) - saturated_kj_per_kg(wetbulb_c)) / water_over_air
    return entering_c - given / CP_WATER
