"""Losses between the meter and the racks: UPS, distribution, lighting."""

from __future__ import annotations

from typing import Final

from plant_models.components.fluids import Expr

UPS_MODERN: Final = (0.006, 0.014, 0.014)  # of rated power at load share x: a0 + a1 x + a2 x^2 (Lei and Masanet ranges)
TRANSFORMER: Final = (0.004, 0.002, 0.011)


def losses_kw(coefficients: tuple[float, float, float], rated_kw: float, load_kw: Expr) -> Expr:
    """Returns losses [kW] of a UPS or transformer of a rated power [kW] at a load [kW]: no-load, linear and square part."""
    share = load_kw / rated_kw
    return rated_kw * (coefficients[0] + share * (coefficients[1] + share * coefficients[2]))
