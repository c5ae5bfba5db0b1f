"""How valves, drives and pumps follow what a loop or a sequence wants of them: strokes, ramps and the hysteresis of modulating valves.

Strokes that a plant file states are its own; those here are the same on every site. All engineering values within what makers state.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from plant_models.components.fluids import Expr

PUMP_START_S: Final = 15.0  # from rest to its share of the flow: pumps rise within 30 s
DRIVE_RAMP_S: Final = 30.0  # variable-speed drive, rest to full speed: 20-60 s
BYPASS_STROKE_S: Final = 60.0  # control valve: 60-120 s
THROTTLE_STROKE_S: Final = 60.0  # control valve: 60-120 s
TOWER_VALVE_STROKE_S: Final = 60.0  # butterfly valve: 60-180 s
TOWER_FAN_RAMP_S: Final = 40.0  # variable-speed drive: 20-60 s
VALVE_HYSTERESIS: Final = 0.01  # of a modulating valve's stroke: 0.01-0.03


def moved(position: Expr, wanted: Expr, dt: float, stroke_s: Expr, hysteresis: float = 0.0) -> Expr:
    """Returns a position 0 .. 1, or a count of started machines, ``dt`` seconds [s] on: towards what is wanted, a whole stroke (or start) in ``stroke_s`` [s].

    With ``hysteresis`` a positioner stays where it is until it is off by more than that share of its stroke; ends are always reached.
    """
    gap = wanted - position
    if hysteresis > 0.0:
        within = wanted * (1.0 - wanted) > 0.0
        gap = np.where(within, gap - np.clip(gap, -hysteresis, hysteresis), gap)
    return position + np.clip(gap, -dt / stroke_s, dt / stroke_s)
