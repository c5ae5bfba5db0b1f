"""A wet cooling-tower cell by YorkCalc, with guards at its limits, fan power and water use.

Validity: wet bulb -34.4 .. 26.7 degC, range 1.1 .. 22.2 K, water over air ratio up to 8, water flow 0.5 .. 1.25 of design (published from 0.75;
the correlation knows only the ratio and stays monotone below); beyond these it is read at its limit.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from plant_models.components.fluids import CP_WATER, LATENT_KJ_PER_KG, Expr

# EnergyPlus Engineering Reference, YorkCalc: outer power of LG, middle of range, inner of wet bulb
_YORK: Final = (
    ((-0.359741205, -0.055053608, 0.0023850432), (0.173926877, -0.0248473764, 0.00048430224), (-0.005589849456, 0.0005770079712, -1.342427256e-05)),
    ((2.84765801111111, -0.121765149, 0.0014599242), (1.680428651, -0.0166920786, -0.0007190532), (-0.025485194448, 4.87491696e-05, 2.719234152e-05)),
    ((-0.0653766255555556, -0.002278167, 0.0002500254), (-0.0910565458, 0.00318176316, 3.8621772e-05), (-0.0034285382352, 8.56589904e-06, -1.516821552e-06)),
)
_WETBULB_RANGE_C: Final = (-34.4, 26.7)
_RANGE_K: Final = (1.1, 22.2)
_APPROACH_K: Final = (1.1, 40.0)
_WATER_SHARE: Final = (0.5, 1.25)
_LG_MOST: Final = 8.0
FREE_CONVECTION: Final = 0.125  # of design air flow with the fan off, EnergyPlus Engineering Reference
_FAN_POWER: Final = (-0.00931516301535329, 0.0512333965844443, -0.0838364671381841, 1.04191823356909)  # EnergyPlus, speed 0.15 .. 1


def york_approach_k(wetbulb_c: Expr, range_k: Expr, water_over_air: Expr) -> Expr:
    """Returns leaving water over wet bulb [K] by the 27-term correlation, unguarded."""

    def in_wetbulb(c: tuple[float, ...]) -> Expr:
        return c[0] + wetbulb_c * (c[1] + wetbulb_c * c[2])

    def in_range(rows: tuple[tuple[float, ...], ...]) -> Expr:
        return in_wetbulb(rows[0]) + range_k * (in_wetbulb(rows[1]) + range_k * in_wetbulb(rows[2]))

    return in_range(_YORK[0]) + water_over_air * (in_range(_YORK[1]) + water_over_air * in_range(_YORK[2]))


def leaving_target_c(entering_c: Expr, leaving_c: Expr, wetbulb_c: Expr, water_share: Expr, fan_share: Expr, fill_factor: Expr) -> Expr:
    """Returns the leaving temperature [degC] that the present range asks for; at rest it equals ``leaving_c``.

    The correlation takes the range and so its own answer; a plant carries the leaving temperature as a state that follows this target.
    Shares are of design flow and speed; ``fill_factor`` <= 1 is what fouling leaves of the air's effect. Below the least range the
    approach shrinks in proportion, so that water at wet bulb stays there.
    """
    range_k = entering_c - leaving_c
    inside = np.clip(range_k, *_RANGE_K)
    air = np.maximum(fan_share, FREE_CONVECTION) * fill_factor
    ratio = np.minimum(np.clip(water_share, *_WATER_SHARE) / air, _LG_MOST)
    approach = np.clip(york_approach_k(np.clip(wetbulb_c, *_WETBULB_RANGE_C), inside, ratio), *_APPROACH_K)
    return wetbulb_c + approach * np.minimum(range_k / _RANGE_K[0], 1.0)


def fan_power_share(speed_share: Expr) -> Expr:
    """Returns fan power over design power at a speed share 0 .. 1, cubic through zero below the curve's least speed of 0.15."""
    held = np.maximum(speed_share, 0.15)
    curve = _FAN_POWER[0] + held * (_FAN_POWER[1] + held * (_FAN_POWER[2] + held * _FAN_POWER[3]))
    return np.maximum(curve, 0.0) * (speed_share / held) ** 3


def evaporation_kgs(heat_kw: Expr, drybulb_c: Expr) -> Expr:
    """Returns water evaporated [kg/s] for a heat flow [kW]: 70 % latent in the cold to 95 % at 30 degC dry bulb (engineering value)."""
    latent = np.clip(0.95 - 0.0076 * (30.0 - drybulb_c), 0.70, 0.95)
    return np.maximum(heat_kw, 0.0) * latent / LATENT_KJ_PER_KG


def blowdown_kgs(evaporated_kgs: Expr, drift_kgs: Expr, cycles_of_concentration: float) -> Expr:
    """Returns blowdown [kg/s] that holds the cycles of concentration (EnergyPlus Engineering Reference)."""
    return np.maximum(evaporated_kgs / (cycles_of_concentration - 1.0) - drift_kgs, 0.0)


def heat_kw(water_kgs: Expr, entering_c: Expr, leaving_c: Expr) -> Expr:
    """Returns the heat [kW] that a water flow [kg/s] gives off between two temperatures [degC]."""
    return water_kgs * CP_WATER * (entering_c - leaving_c)
