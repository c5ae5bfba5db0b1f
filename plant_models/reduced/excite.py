"""Which setpoints to try so that a site shows what its model needs to know: one random step at a time, inside the limits, careful of hot inlets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from plant_models.reduced.model import CW_SPEED, PLANT_SETPOINTS
from safety.limits import MORE_COOLING, Limits, SetpointLimits
from safety.liquid_rules import LIQUID

_HOLDS_MIN = (80.0, 170.0)  # time to get there at the limits' rates, and half an hour and more to settle
USUAL_RANGES: Mapping[str, tuple[float, float]] = {
    "chws_setpoint_c": (9.0, 18.0),
    "cws_setpoint_c": (15.6, 27.0),
    "crah_supply_setpoint_c": (18.0, 23.5),
    "crah_fan_setpoint_pct": (58.0, 95.0),
    "tcs_setpoint_c": (29.0, 44.0),
    "fws_setpoint_c": (24.0, 38.0),
}
"""Where steps go by default: where a good controller works, engineering values; the limits for what is not here."""
LEAST_GAP_K = 3.0  # engineering value: technology water over facility water, below which valves are open wide and show nothing
_CAREFUL_PER_MIN: Mapping[str, float] = {"crah_supply_setpoint_c": 0.1, "crah_fan_setpoint_pct": 1.0, "tcs_setpoint_c": 0.4, "fws_setpoint_c": 0.4}
"""Towards less cooling a hall goes no faster: its heat shows late, and a retreat followed by a fast return would go on for ever."""


@dataclass(frozen=True)
class Excitation:
    """A random but repeatable sequence of steps.

    ``ranges`` narrows where steps may go, by setpoint (low, high). Above the inlet ``retreat_c`` [degC] the halls' setpoints go towards more
    cooling, a kelvin higher the plants' too.
    """

    limits: Limits
    seed: int
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    retreat_c: float = 26.0

    def target(self, setpoint: str, at_s: float) -> float:
        """Returns where a setpoint is to go at a plant time: a level drawn for the hold it lies in, each setpoint on a clock of its own."""
        limit = self.limits.setpoints[setpoint]
        low, high = self.ranges.get(setpoint, USUAL_RANGES.get(setpoint.partition(".")[2], (limit.low, limit.high)))
        low, high = max(low, limit.low), min(high, limit.high)
        number = sorted(self.limits.setpoints).index(setpoint)
        hold_s = 60.0 * np.random.default_rng((self.seed, number)).uniform(*_HOLDS_MIN)
        level = np.random.default_rng((self.seed, number, int(at_s // hold_s))).uniform()
        return float(low + (high - low) * level)

    def step(self, in_force: Mapping[str, float], hottest_inlet_c: float, at_s: float, elapsed_s: float) -> dict[str, float]:
        """Returns the setpoints to write now, no faster than their limits; stages stay the BAS's."""
        asked: dict[str, float] = {}
        for setpoint, limit in self.limits.setpoints.items():
            if limit.whole:  # no machine is started for the sake of data
                continue
            target = self.target(setpoint, at_s)
            of_plant = setpoint.partition(".")[2] in (*PLANT_SETPOINTS, CW_SPEED)
            if setpoint.partition(".")[2] not in LIQUID and hottest_inlet_c > self.retreat_c + (1.0 if of_plant else 0.0):
                target = limit.high if MORE_COOLING[setpoint.partition(".")[2]] > 0 else limit.low
            asked[setpoint] = towards(in_force[setpoint], target, careful(setpoint, limit), elapsed_s)
        return asked | self._apart(asked, in_force, elapsed_s)

    def _apart(self, asked: Mapping[str, float], in_force: Mapping[str, float], elapsed_s: float) -> dict[str, float]:
        """Returns facility and technology water moved so that they stay ``LEAST_GAP_K`` apart: facility water gives way first."""
        moved = dict(asked)
        for liquid in self.limits.liquids:
            tcs = f"{liquid.hall}.tcs_setpoint_c"
            for fws in (f"{loop}.fws_setpoint_c" for loop in liquid.facility_loops):
                if tcs in moved and fws in moved and moved[fws] > moved[tcs] - LEAST_GAP_K:
                    moved[fws] = towards(in_force[fws], moved[tcs] - LEAST_GAP_K, self.limits.setpoints[fws], elapsed_s)
                    moved[tcs] = max(moved[tcs], min(moved[fws] + LEAST_GAP_K, self.limits.setpoints[tcs].high))
        return moved


def careful(setpoint: str, limit: SetpointLimits) -> SetpointLimits:
    """Returns a setpoint's limits with the slower rate at which steps reduce a hall's cooling."""
    quantity = setpoint.partition(".")[2]
    slow = _CAREFUL_PER_MIN.get(quantity)
    if slow is None:
        return limit
    if MORE_COOLING[quantity] > 0:
        return replace(limit, lower_per_min=slow if limit.lower_per_min is None else min(slow, limit.lower_per_min))
    return replace(limit, raise_per_min=slow if limit.raise_per_min is None else min(slow, limit.raise_per_min))


def towards(value: float, target: float, limit: SetpointLimits, elapsed_s: float) -> float:
    """Returns the value to write now on the way to a target, no faster than the limit's rates and within its range."""
    minutes = elapsed_s / 60.0
    highest = math.inf if limit.raise_per_min is None else value + limit.raise_per_min * minutes
    lowest = -math.inf if limit.lower_per_min is None else value - limit.lower_per_min * minutes
    return min(max(min(max(target, lowest), highest), limit.low), limit.high)
