"""A dry cooler with fans and optional adiabatic pads: cross-flow on dry bulb, pads that cool the entering air and use water.

Validity: water flow 0.2 .. 1.3 of design, air -30 .. 50 degC, fan speed 0 .. 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from plant_models.components.fluids import LATENT_KJ_PER_KG, Expr

_WATER_FILM: Final = 0.85  # hA ~ flow^0.85 and ^0.8, hA_air/hA_water 0.5 at design (Modelica Buildings, DryCooler.BAC_Trillium_TDFS1238N)
_AIR_FILM: Final = 0.8
_AIR_OVER_WATER: Final = 0.5
FREE_CONVECTION: Final = 0.05  # of design air flow with the fans off (engineering value)
_LEAST_FLOW: Final = 1e-3
_LEAST_RATIO: Final = 1e-3
_NTU_MOST: Final = 20.0


@dataclass(frozen=True)
class CoolerDesign:
    """A cooler at its design point; the default is the BAC Trillium TDFS1238N of the Modelica Buildings library, air capacity rate equal to water's."""

    heat_kw: float = 2931.0
    fan_kw: float = 117.68
    air_c: float = 35.0
    entering_c: float = 46.11
    leaving_c: float = 40.55
    air_over_water: float = 1.0

    @property
    def water_kw_per_k(self) -> float:
        """Returns the heat capacity flow of the water at design [kW/K]."""
        return self.heat_kw / (self.entering_c - self.leaving_c)

    @property
    def air_kw_per_k(self) -> float:
        """Returns the heat capacity flow of the air at design [kW/K]."""
        return self.air_over_water * self.water_kw_per_k

    @cached_property
    def ua_kw_per_k(self) -> float:
        """Returns the UA [kW/K] that gives the design's heat, by bisection. Raises ValueError where no cross-flow exchanger does."""
        least, most = sorted((self.water_kw_per_k, self.air_kw_per_k))
        wanted = self.heat_kw / (least * (self.entering_c - self.air_c))
        low, high = 1e-3, _NTU_MOST
        if not 0.0 < wanted < float(crossflow_effectiveness(high, least / most)):
            raise ValueError(
                f"a dry cooler of {self.heat_kw:g} kW cannot cool from {self.entering_c:g} to {self.leaving_c:g} degC with air of {self.air_c:g} degC"
            )
        for _ in range(60):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if float(crossflow_effectiveness(middle, least / most)) < wanted else (low, middle)
        return low * least


def crossflow_effectiveness(ntu: Expr, ratio: Expr) -> Expr:
    """Returns the effectiveness of a cross-flow exchanger, both streams unmixed, at NTU >= 0 and capacity ratio C_min/C_max 0 .. 1."""
    c, n = np.maximum(ratio, _LEAST_RATIO), np.maximum(ntu, 1e-6)
    return 1.0 - np.exp((np.exp(-c * n**0.78) - 1.0) * n**0.22 / c)


def heat_kw(ua: Expr, water_kw_per_k: Expr, air_kw_per_k: Expr, water_share: Expr, air_share: Expr, entering_c: Expr, air_c: Expr) -> Expr:
    """Returns the heat [kW] from water to air, signed: ``ua`` and both heat capacity flows [kW/K] at design, flows as shares, entering temperatures [degC]."""
    water, air = np.maximum(water_share, _LEAST_FLOW), np.maximum(air_share, FREE_CONVECTION)
    films = (1.0 + _AIR_OVER_WATER) / (_AIR_OVER_WATER * water**-_WATER_FILM + air**-_AIR_FILM)
    water_rate, air_rate = water * water_kw_per_k, air * air_kw_per_k
    least, most = np.minimum(water_rate, air_rate), np.maximum(water_rate, air_rate)
    effectiveness = crossflow_effectiveness(films * ua / least, least / most)
    return np.clip(water_share / _LEAST_FLOW, 0.0, 1.0) * effectiveness * least * (entering_c - air_c)


def fan_power_share(speed_share: Expr) -> Expr:
    """Returns fan power over design power at a speed share 0 .. 1, cubic."""
    return speed_share**3


def pads_cool_k(drybulb_c: Expr, wetbulb_c: Expr, wet_share: Expr, pad_effectiveness: Expr) -> Expr:
    """Returns by how much [K] pads cool the air before the coil; ``wet_share`` 0 .. 1 is how wet they are."""
    return wet_share * pad_effectiveness * np.maximum(drybulb_c - wetbulb_c, 0.0)


def pad_water_kgs(air_kw_per_k: Expr, air_share: Expr, cooled_k: Expr) -> Expr:
    """Returns the water [kg/s] that pads evaporate, which cool the air by ``cooled_k`` [K]: sensible heat of the air over the latent heat."""
    return np.maximum(air_share, FREE_CONVECTION) * air_kw_per_k * np.maximum(cooled_k, 0.0) / LATENT_KJ_PER_KG
