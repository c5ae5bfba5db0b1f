"""Properties of water and moist air that every machine shares, and the type of what an equation takes."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import casadi
import numpy as np

casadi.GlobalOptions.setNumpyMode(-1)  # NumPy's functions then trace on CasADi symbols

Expr: TypeAlias = Any  # a float, an array of floats, or a CasADi expression of the same shape

CP_WATER: Final = 4.186  # kJ/(kg K), 5 .. 35 degC
CP_AIR: Final = 1.006  # kJ/(kg K)
KG_PER_M3_WATER: Final = 1000.0
LATENT_KJ_PER_KG: Final = 2450.0  # evaporation at 20 .. 25 degC
_MAGNUS: Final = (0.61094, 17.625, 243.04)  # Alduchov and Eskridge 1996, 0.4 % over -40 .. 50 degC
_VAPOUR_TO_AIR: Final = 0.62198


def saturation_pressure_kpa(temp_c: Expr) -> Expr:
    """Returns the saturation pressure of water vapour [kPa] at a temperature [degC], -40 .. 50 degC."""
    return _MAGNUS[0] * np.exp(_MAGNUS[1] * temp_c / (temp_c + _MAGNUS[2]))


def humidity_ratio(dewpoint_c: Expr, pressure_kpa: Expr) -> Expr:
    """Returns the humidity ratio [kg/kg] of air at a dew point [degC] and pressure [kPa]."""
    vapour = saturation_pressure_kpa(dewpoint_c)
    return _VAPOUR_TO_AIR * vapour / (pressure_kpa - vapour)


def humidity_ratio_at_wetbulb(drybulb_c: Expr, wetbulb_c: Expr, pressure_kpa: Expr) -> Expr:
    """Returns the humidity ratio [kg/kg] at dry and wet bulb [degC] (ASHRAE Fundamentals 2017, chapter 1, eq. 33)."""
    saturated = humidity_ratio(wetbulb_c, pressure_kpa)
    ratio = ((2501.0 - 2.326 * wetbulb_c) * saturated - CP_AIR * (drybulb_c - wetbulb_c)) / (2501.0 + 1.86 * drybulb_c - CP_WATER * wetbulb_c)
    return np.maximum(ratio, 1e-5)


def dewpoint_c(ratio: Expr, pressure_kpa: Expr) -> Expr:
    """Returns the dew point [degC] of air with a humidity ratio [kg/kg] at a pressure [kPa]."""
    depth = np.log(ratio * pressure_kpa / (_VAPOUR_TO_AIR + ratio) / _MAGNUS[0])
    return _MAGNUS[2] * depth / (_MAGNUS[1] - depth)
