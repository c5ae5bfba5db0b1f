"""An air-cooled trim chiller in series behind dry coolers, by the curves of an air-cooled screw machine with the guards of the other chillers.

Validity: leaving water 5 .. 18 degC, air 15 .. 45 degC; warmer water, which is its usual duty, follows the lift.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from plant_models.components import chiller
from plant_models.components.fluids import Expr

_CONDENSING_OVER_AIR_K: Final = 10.0  # engineering value: leaving air, as the lift sees it
AIR_COOLED_SCREW: Final = chiller.ChillerCurves(  # ASHRAE 90.1 appendix, Path A
    source="air-cooled screw, 90.1 path A, EIR",
    leaving=False,
    capacity_kw=1000.0,
    cop=3.1,  # current machines 3.1 .. 3.4
    evaporator_flow_kgs=43.0,
    condenser_flow_kgs=1.0,
    plr_least=0.2,
    plr_most=1.0,
    chws_range_c=(5.0, 18.0),
    condenser_range_c=(15.0, 45.0),
    capft=(1.0433825, 0.0407073, 0.0004506, -0.0041514, -8.86e-5, -3.467e-4),
    eirft=(0.5961915, -0.0099496, 7.888e-4, 4.506e-4, 4.875e-4, -7.623e-4),
    eirfplr=(0.141, 0.655, 0.203),
    carnot_share=0.45,
)


def available_kw(capacity_kw: Expr, leaving_c: Expr, air_c: Expr) -> Expr:
    """Returns the heat [kW] that a machine of a design capacity can take at leaving water and air [degC]."""
    return capacity_kw * chiller.capacity_share(AIR_COOLED_SCREW, leaving_c, air_c)


def power_kw(heat_kw: Expr, available: Expr, leaving_c: Expr, air_c: Expr) -> Expr:
    """Returns electric power [kW], fans included, at a heat flow and the available capacity [kW]."""
    least = np.maximum(available, 1e-3)
    return chiller.power_kw(AIR_COOLED_SCREW, heat_kw, least, leaving_c, air_c, air_c + _CONDENSING_OVER_AIR_K, AIR_COOLED_SCREW.plr_least)
