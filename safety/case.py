"""One setpoint to be judged in its situation: the facts about room and machines that the envelope's rules ask for, each with unknown as an answer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from safety.finite import finite, known
from safety.limits import MORE_COOLING, ChillerLimits, Direction, HallLimits, Limits, SetpointLimits
from safety.records import Situation
from safety.signals import MachineState
from safety.trends import hottest_inlet_c, inlets_of


@dataclass(frozen=True, slots=True)
class Interval:
    """What a rule permits; where low is above high, low holds."""

    low: float = -math.inf
    high: float = math.inf

    def clamp(self, value: float) -> float:
        """Returns the nearest permitted value."""
        return max(self.low, min(value, self.high))

    def within(self, outer: Interval) -> Interval:
        """Returns this interval with both ends moved into another one."""
        return Interval(outer.clamp(self.low), outer.clamp(self.high))

    def meet(self, other: Interval) -> Interval:
        """Returns what both permit."""
        return Interval(max(self.low, other.low), min(self.high, other.high))


FREE = Interval()


@dataclass(frozen=True)
class Case:
    """One setpoint, what is in force of it (None: unknown), and what has been decided for the setpoints before it."""

    setpoint: str
    bounds: SetpointLimits
    situation: Situation
    limits: Limits
    decided: Mapping[str, float]

    @cached_property
    def equipment(self) -> str:
        """Returns whose setpoint it is."""
        return self.setpoint.partition(".")[0]

    @cached_property
    def served(self) -> str:
        """Returns whom the setpoint serves: the plant of condenser pumps, else whose setpoint it is."""
        return self.limits.condenser_pumps.get(self.equipment, self.equipment)

    @cached_property
    def quantity(self) -> str:
        """Returns what the setpoint sets."""
        return self.setpoint.partition(".")[2]

    @cached_property
    def held(self) -> float | None:
        """Returns the value in force, None while unknown."""
        return known(self.situation.in_force, self.setpoint)

    @cached_property
    def minutes(self) -> float:
        """Returns the time that a step may use [min]: never negative, never longer than the longest cycle."""
        elapsed_s = finite(self.situation.elapsed_s)
        return 0.0 if elapsed_s is None else min(max(elapsed_s, 0.0), self.limits.elapsed_max_s) / 60.0

    @cached_property
    def more_cooling(self) -> Direction | None:
        """Returns the direction that means more cooling, None where none does."""
        return MORE_COOLING.get(self.quantity)

    @cached_property
    def halls(self) -> tuple[HallLimits, ...]:
        """Returns the halls that the setpoint cools: its own, or those of its plant."""
        own = tuple(h for h in self.limits.halls if self.equipment == h.name or self.equipment in h.rows)
        return own or tuple(h for h in self.limits.halls if h.plant is None or h.plant == self.served)

    @cached_property
    def chillers(self) -> tuple[ChillerLimits, ...]:
        """Returns the chillers behind the setpoint."""
        return tuple(c for c in self.limits.chillers if self.served in (c.name, c.plant))

    def measured(self, signal: str) -> float | None:
        """Returns a measurement, None while unknown."""
        return known(self.situation.measured, signal)

    def not_less_cooling(self) -> Interval:
        """Returns what does not reduce cooling; with nothing known in force there is nothing to compare with."""
        return self._beside_held(upwards=self.more_cooling is Direction.HIGHER)

    def not_more_cooling(self) -> Interval:
        """Returns what does not increase cooling."""
        return self._beside_held(upwards=self.more_cooling is Direction.LOWER)

    def _beside_held(self, upwards: bool) -> Interval:
        held = self.held
        if held is None:
            return FREE
        if self.more_cooling is None:
            return Interval(held, held)
        return Interval(low=held) if upwards else Interval(high=held)

    @cached_property
    def full_cooling(self) -> float | None:
        """Returns the end of the range that cools most, None for a setpoint that does not say which."""
        more = self.more_cooling
        if more is None:
            return None
        return self.bounds.high if more is Direction.HIGHER else self.bounds.low

    @cached_property
    def steps(self) -> tuple[float, float]:
        """Returns how far the setpoint may fall and rise now (inf: at once)."""
        down, up = self.bounds.lower_per_min, self.bounds.raise_per_min
        return (math.inf if down is None else down * self.minutes, math.inf if up is None else up * self.minutes)

    @cached_property
    def hot(self) -> bool:
        """Returns whether any hall that the setpoint cools is above its recommended inlet."""
        return any(is_hot(hall, self.situation) for hall in self.halls)

    @cached_property
    def overheated(self) -> bool:
        """Returns whether any hall that the setpoint cools is above its allowable inlet."""
        return any(is_overheated(hall, self.situation.measured) for hall in self.halls)


def is_overheated(hall: HallLimits, measured: Mapping[str, float]) -> bool:
    """Returns whether any accepted inlet of the hall is above the allowable limit."""
    return any(value is not None and value > hall.inlet_allowable_c for value in inlets_of(hall, measured))


def is_hot(hall: HallLimits, situation: Situation) -> bool:
    """Returns whether the hall is above its recommended inlet: two neighbouring rows, or the hottest for long enough (or for an unknown time)."""
    if is_overheated(hall, situation.measured):
        return True
    above = [value is not None and value > hall.inlet_recommended_c for value in inlets_of(hall, situation.measured)]
    if any(left and right for left, right in pairwise(above[1:])):
        return True
    trend = situation.inlets.get(hall.name)
    return any(above) and not (trend is not None and trend.hot_for_s < hall.hot_after_s)


def inlet_unknown(hall: HallLimits, situation: Situation) -> bool:
    """Returns whether the hall's hottest inlet is unknown."""
    return hottest_inlet_c(hall, situation.measured) is None


def may_run(chiller: ChillerLimits, situation: Situation) -> bool:
    """Returns whether a chiller's compressor runs, or may for all that is known."""
    state = known(situation.measured, f"{chiller.name}.machine_state")
    return state is None or state == MachineState.RUNNING


def may_pass_water(chiller: ChillerLimits, situation: Situation) -> bool:
    """Returns whether water must pass a chiller: it runs, starts or stops, or may for all that is known."""
    state = known(situation.measured, f"{chiller.name}.machine_state")
    return state not in (MachineState.OFF, MachineState.FAILED, MachineState.LOCKED_OUT)
