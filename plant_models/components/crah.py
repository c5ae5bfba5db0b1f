"""A group of computer-room air handlers: chilled-water coil, control valve and fans.

Validity: water and air flow 0.05 .. 1.3 of design, sensible heat (``moisture`` has the latent part).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from plant_models.components.fluids import Expr

_RANGEABILITY: Final = 50.0  # equal-percentage valve
_LEAKAGE: Final = 0.001
_FAN_POWER: Final = (0.0013, 0.1470, 0.9506, -0.0998)  # ASHRAE 90.1 Appendix G, variable-speed fan


def coil_ua_kw_per_k(water_share: Expr, air_share: Expr, design_ua_kw_per_k: Expr) -> Expr:
    """Returns the UA [kW/K]: a third of the resistance on the water side, flow to the 0.85, two thirds on the air side, to the 0.8."""
    water, air = np.maximum(water_share, 1e-3), np.maximum(air_share, 1e-3)
    return design_ua_kw_per_k / (water**-0.85 / 3.0 + air**-0.8 * 2.0 / 3.0)  # Modelica Buildings, dry coil defaults


def valve_opening(position: Expr) -> Expr:
    """Returns the opening (share of full conductance) of an equal-percentage valve at a stroke 0 .. 1, with its leakage when shut."""
    return _LEAKAGE + (1.0 - _LEAKAGE) * (_RANGEABILITY**position - 1.0) / (_RANGEABILITY - 1.0)


def branch_conductance(position: Expr, design_conductance: float, authority: float) -> Expr:
    """Returns coil and valve in series as flow over root of pressure [(kg/s)/kPa^0.5]; ``authority`` is the open valve's share of the loss."""
    opening = valve_opening(position)
    return design_conductance / np.sqrt(authority / (opening * opening) + 1.0 - authority)


def fan_power_share(flow_share: Expr) -> Expr:
    """Returns fan power over design power at a flow share 0 .. 1; nothing at rest."""
    f = flow_share
    return np.where(f > 0.0, _FAN_POWER[0] + f * (_FAN_POWER[1] + f * (_FAN_POWER[2] + f * _FAN_POWER[3])), 0.0 * f)
