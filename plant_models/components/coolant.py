"""Properties of water with propylene glycol (PG25 and the like) as liquid loops use it; each loop has one heat capacity, so that its energy closes.

Validity: glycol 0 .. 50 % by mass, 10 .. 55 degC. Fits of CoolProp's INCOMP::MPG at 40 degC: heat capacity 0.2 %, density 0.1 %, viscosity 2.2 %.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from plant_models.components.fluids import Expr

_REFERENCE_C: Final = 40.0
_FILM_VISCOSITY: Final = 0.4  # Dittus-Boelter: Nu ~ Re^0.8 Pr^0.4, so h ~ viscosity^-0.4


def specific_heat_kj_per_kgk(glycol_share: float) -> float:
    """Returns the heat capacity [kJ/(kg K)] at 40 degC of a mass share of glycol 0 .. 0.5."""
    return 4.1745 - 0.5332 * glycol_share - 1.1961 * glycol_share**2


def density_kg_per_m3(glycol_share: float) -> float:
    """Returns the density [kg/m3] at 40 degC of a mass share of glycol 0 .. 0.5."""
    return 992.15 + 75.82 * glycol_share - 17.73 * glycol_share**2


def viscosity_mpas(temp_c: Expr, glycol_share: float) -> Expr:
    """Returns the dynamic viscosity [mPa s] at a temperature [degC]."""
    above = temp_c - _REFERENCE_C
    level = -0.420403 + glycol_share * (2.793646 + 0.366395 * glycol_share)
    return np.exp(level + above * (-0.018292 - 0.029565 * glycol_share + above * (0.000135 + 0.000376 * glycol_share)))


def film_factor(temp_c: Expr, design_c: float, glycol_share: float) -> Expr:
    """Returns a film coefficient at a temperature over that at design [degC], at equal flow: colder, more viscous fluid takes less heat."""
    return (viscosity_mpas(design_c, glycol_share) / viscosity_mpas(temp_c, glycol_share)) ** _FILM_VISCOSITY
