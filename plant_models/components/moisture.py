"""Moisture of a hall's air: what coils condense, and what humidifiers and dehumidifiers give and take to hold a band of dew points.

Validity: dew points -20 .. 30 degC; the coil's surface is one temperature.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import numpy as np

from plant_models.components import fluids
from plant_models.components.fluids import Expr

HumidifierName = Literal["steam", "ultrasonic"]
HUMIDIFIER_KJ_PER_KG: Final[Mapping[HumidifierName, float]] = {"steam": 2700.0, "ultrasonic": 250.0}  # 0.75 and 0.07 kWh/kg (engineering values)
DEHUMIDIFIER_KJ_PER_KG: Final = 1600.0  # its own compressor, 0.45 kWh/kg; all its heat stays in the room (engineering value)
_COIL_CONTACT: Final = 0.2  # share of air that meets a coil surface wet enough to dry it (engineering value)
_SURFACE_MAX_C: Final = 60.0  # nothing condenses on it; water that boils has no humidity ratio
_SURFACE_K: Final = 1.5  # coil surface over entering water (engineering value)


def condensed_kgs(air_kgs: Expr, ratio: Expr, water_c: Expr, pressure_kpa: Expr) -> Expr:
    """Returns what condenses on coils [kg/s] from air with a humidity ratio [kg/kg]; nothing where their surface is above its dew point."""
    dry = fluids.humidity_ratio(np.minimum(water_c + _SURFACE_K, _SURFACE_MAX_C), pressure_kpa)
    return _COIL_CONTACT * air_kgs * np.maximum(ratio - dry, 0.0)


def sensible_heat_ratio(sensible_kw: Expr, condensed: Expr) -> Expr:
    """Returns a coil's sensible share of its heat [kW] at a flow of condensate [kg/s]; 1 without either."""
    latent_kw = fluids.LATENT_KJ_PER_KG * condensed
    return 1.0 - latent_kw / np.maximum(sensible_kw + latent_kw, 1e-6)


def humidifier_share(dewpoint_c: Expr, low_c: float, throttling_k: float) -> Expr:
    """Returns the humidifier's output over its capacity: full at the band's lower end, nothing from a throttling range above it."""
    return np.clip((low_c + throttling_k - dewpoint_c) / throttling_k, 0.0, 1.0)


def dehumidifier_share(dewpoint_c: Expr, high_c: float, throttling_k: float) -> Expr:
    """Returns the dehumidifier's output over its capacity: full at the band's upper end, nothing from a throttling range below it."""
    return np.clip((dewpoint_c - high_c + throttling_k) / throttling_k, 0.0, 1.0)
