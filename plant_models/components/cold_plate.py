"""Cold plates on processors: case temperature over coolant, and pressure lost in a rack's loop.

Validity: PG25, 0.4 .. 2.4 L/min a plate (fit error 2.5 %; Open Compute Project, OAI liquid cooling guidelines 2023, figures 7 and 8).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from plant_models.components.fluids import Expr

_RESISTANCE: Final = (0.01740, 0.00693, -1.2)  # K/W, V in L/min
_LEAST_L_PER_MIN: Final = 0.05  # what still creeps through a loop whose pumps stand
_PRESSURE_EXPONENT: Final = 1.85


def resistance_k_per_w(flow_l_per_min: Expr) -> Expr:
    """Returns (case - coolant inlet) over heat [K/W] of a 1 kW plate at its flow [L/min]."""
    base, slope, exponent = _RESISTANCE
    return base + slope * np.maximum(flow_l_per_min, _LEAST_L_PER_MIN) ** exponent


def case_c(supply_c: Expr, flow_l_per_min: Expr, power_w: Expr) -> Expr:
    """Returns the case temperature [degC] of a processor at its power [W], the coolant's supply [degC] and the plate's flow [L/min]."""
    return supply_c + resistance_k_per_w(flow_l_per_min) * power_w


def pressure_kpa(flow_kgs: Expr, design_flow_kgs: float, design_kpa: float) -> Expr:
    """Returns the pressure [kPa] that a rack's loop loses at a flow [kg/s]."""
    return design_kpa * (flow_kgs / design_flow_kgs) ** _PRESSURE_EXPONENT


def quadratic_resistance(flow_kgs: Expr, design_flow_kgs: float, design_kpa: float) -> Expr:
    """Returns what multiplies flow squared [kPa/(kg/s)^2] to give the same loss near a flow: for a circuit solved as a quadratic."""
    near = np.maximum(flow_kgs, 0.02 * design_flow_kgs)
    return design_kpa / design_flow_kgs**2 * (near / design_flow_kgs) ** (_PRESSURE_EXPONENT - 2.0)
