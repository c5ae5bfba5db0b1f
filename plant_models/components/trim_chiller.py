"""An air-cooled trim chiller in series behind dry coolers, by the curves of an air-cooled screw machine with the guards of the other chillers.

Validity: leaving water 5 .. 18 degC, air 15 .. 45 degC; warmer water, which is its usual duty, follows the lift.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from plant_models.components import chiller
from plant_models.components.chiller_curves import AIR_COOLED_SCREW
from plant_models.components.fluids import Expr

_CONDENSING_OVER_AIR_K: Final = 10.0  # engineering value: leaving air, as the lift sees it


def available_kw(capacity_kw: Expr, leaving_c: Expr, air_c: Expr) -> Expr:
    """Returns the heat [kW] that a machine of a design capacity can take at leaving water and air [degC]."""
    return capacity_kw * chiller.capacity_share(AIR_COOLED_SCREW, leaving_c, air_c)


def power_kw(heat_kw: Expr, available: Expr, leaving_c: Expr, air_c: Expr) -> Expr:
    """Returns electric power [kW], fans included, at a heat flow and the available capacity [kW]."""
    least = np.maximum(available, 1e-3)
    return chiller.power_kw(AIR_COOLED_SCREW, heat_kw, least, leaving_c, air_c, air_c + _CONDENSING_OVER_AIR_K, AIR_COOLED_SCREW.plr_least)
