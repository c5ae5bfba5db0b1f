"""Air-cooled servers: power with leakage and fans, and air flow, against utilisation and inlet temperature.

Validity: inlet 15 .. 40 degC. Defaults give 0.35 %/K below 27 degC and 0.55 %/K at 28 .. 32 degC (Coroama 2025 measured 0.35 .. 0.5 %/K).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from plant_models.components.fluids import CP_AIR, Expr

_REFERENCE_C: Final = 25.0
_KNEE_C: Final = 27.0
_SPEED_RANGE: Final = (0.6, 1.8)


@dataclass(frozen=True, slots=True)
class ServerParameters:
    """A hall's servers; shares are of power or air flow at full utilisation and 25 degC inlet."""

    idle_share: float = 0.35  # CPU servers idle at 30 .. 45 % of their maximum (engineering value)
    fan_share: float = 0.06  # engineering value, 0.03 .. 0.12
    speed_per_k: float = 0.012
    speed_knee_per_k: float = 0.010
    leakage_per_k: float = 0.0015
    air_difference_k: float = 12.0


def fan_speed(parameters: ServerParameters, inlet_c: Expr) -> Expr:
    """Returns server fan speed over that at 25 degC inlet, bent upwards at 27 degC."""
    knee = np.log1p(np.exp(np.clip(inlet_c - _KNEE_C, -30.0, 30.0)))
    return np.clip(1.0 + parameters.speed_per_k * (inlet_c - _REFERENCE_C) + parameters.speed_knee_per_k * knee, *_SPEED_RANGE)


def power_kw(parameters: ServerParameters, capacity_kw: Expr, utilisation: Expr, inlet_c: Expr, speed: Expr) -> tuple[Expr, Expr]:
    """Returns electric power [kW] of servers without their fans, and of their fans."""
    base = capacity_kw * (parameters.idle_share + (1.0 - parameters.idle_share) * utilisation)
    electronics = base * (1.0 - parameters.fan_share) * (1.0 + parameters.leakage_per_k * (inlet_c - _REFERENCE_C))
    return electronics, base * parameters.fan_share * speed**3


def air_flow_kgs(parameters: ServerParameters, capacity_kw: Expr, utilisation: Expr, speed: Expr) -> Expr:
    """Returns the air [kg/s] that servers of a design power [kW] draw."""
    return capacity_kw / (CP_AIR * parameters.air_difference_k) * (0.5 + 0.5 * utilisation) * speed
