"""When the waterside economiser is in line, and when it carries the load alone (Guideline 36-2021 5.20.3 and 5.20.4.15)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from plant_models.simulator.timers import Held
from safety.signals import EconomiserState

_HOLD_S: Final = 1200.0  # 5.20.3: 20 min
_BENEFIT_ON_K: Final = 1.1  # 5.20.3, 2 F
_BENEFIT_OFF_K: Final = 0.6  # 5.20.3, 1 F
_NO_BENEFIT_S: Final = 120.0
_HARM_K: Final = 0.5  # engineering value: an exchanger that warms its water this much is taken out of line, hold or not
_ALONE_MARGIN_K: Final = 0.5  # alone only when predicted, or already, this close to the setpoint
_ALONE_LOST_K: Final = 1.1  # back to chillers above this error ...
_ALONE_LOST_S: Final = 900.0  # ... for 15 min, 5.20.4.15
_ALONE_SETTLE_S: Final = 900.0  # engineering value: towers need this long to become cold once no compressor wants lift
_ALONE_BAD_K: Final = 5.0  # engineering value: at this error after 2 min, settled or not
_RETRY_S: Final = 3600.0  # engineering value: a lost attempt to do without chillers costs a start, and is not repeated within the hour
_EXCHANGER_APPROACH_K: Final = 2.0  # plate exchangers: 1.7-2.8 K
_TOWER_APPROACH_K: Final = 3.9  # 7 F, a common design
_DESIGN_WETBULB_C: Final = 25.6  # 78 F
_TUNE_START: Final = 0.1  # engineering value: a tower's approach grows in cold air, by 0.25 of it at full load, and falls with load (YorkCalc)
_TUNE_STEP: Final = 0.02
_TUNE_RANGE: Final = (-0.2, 0.5)
_TUNE_LONG_S: Final = 3600.0
_TUNE_SHORT_S: Final = 1800.0
_TRIM_GAIN: Final = 1.0  # engineering values: kelvin of tower water for each kelvin of supply water at once, ...
_TRIM_PER_S: Final = 1.0 / 1200.0  # ... and in time, slower than basins and loop
_TRIM_RANGE_K: Final = (-4.0, 2.0)
_BASIN_MIN_C: Final = 7.0  # tower makers: leaving water in freezing weather


@dataclass(frozen=True, slots=True)
class Waters:
    """What the sequence looks at; None is unknown. ``downstream_c`` is the chilled water that leaves the exchanger."""

    chws_setpoint_c: float
    chws_c: float | None
    chwr_c: float | None
    downstream_c: float | None
    flow_share: float | None
    wetbulb_c: float | None


class EconomiserSequence:
    """The state of one plant's economiser; a plant without one stays off."""

    def __init__(self, exists: bool) -> None:
        """Takes whether the plant has an economiser."""
        self._exists = exists
        self._entered_at_s = -math.inf
        self._no_benefit, self._harm, self._alone, self._lost, self._bad = Held(), Held(), Held(), Held(), Held()
        self._lost_at_s = -math.inf
        self._trim_k = 0.0
        self.tune = _TUNE_START
        self.state = EconomiserState.OFF

    @property
    def free_cooling(self) -> bool:
        """Returns whether no compressor is wanted."""
        return self.state is EconomiserState.FULL

    def predicted_c(self, waters: Waters) -> float | None:
        """Returns the temperature that the exchanger is expected to deliver (5.20.3.2), None where the wet bulb is unknown."""
        if waters.wetbulb_c is None:
            return None
        share = 1.0 if waters.flow_share is None else min(1.0, waters.flow_share)
        approach = _EXCHANGER_APPROACH_K * share + _TOWER_APPROACH_K
        return waters.wetbulb_c + approach + self.tune * (_DESIGN_WETBULB_C - waters.wetbulb_c)

    def begin(self, now_s: float, waters: Waters) -> None:
        """Starts in the state that the prediction asks for, as after hours of the same weather."""
        if not self._exists:
            return
        if self._enough_alone(waters):
            self._enter(EconomiserState.FULL, now_s)
        elif self._useful(waters):
            self._enter(EconomiserState.PARTIAL, now_s)

    def scan(self, now_s: float, elapsed_s: float, waters: Waters) -> None:
        """Changes the state where its condition and its hold time say so."""
        if not self._exists:
            return
        held = now_s - self._entered_at_s >= _HOLD_S
        if self.state is EconomiserState.FULL:
            self._full(now_s, elapsed_s, waters)
            return
        alone = self._alone.for_at_least(_HOLD_S, self._enough_alone(waters), now_s)
        if held and alone and now_s - self._lost_at_s >= _RETRY_S:
            self._enter(EconomiserState.FULL, now_s)
        elif self.state is EconomiserState.PARTIAL:
            self._partial(now_s, held, waters)
        elif held and self._useful(waters):
            self._enter(EconomiserState.PARTIAL, now_s)

    def _useful(self, waters: Waters) -> bool:
        expected = self.predicted_c(waters)
        return expected is not None and waters.chwr_c is not None and waters.chwr_c > expected + _BENEFIT_ON_K

    def _enough_alone(self, waters: Waters) -> bool:
        near = self.state is EconomiserState.PARTIAL and waters.downstream_c is not None and waters.downstream_c <= waters.chws_setpoint_c + _ALONE_MARGIN_K
        predicted = self.predicted_c(waters)
        return near or (predicted is not None and predicted <= waters.chws_setpoint_c - _ALONE_MARGIN_K)

    def tower_target_c(self, waters: Waters) -> float | None:
        """Returns the water that the towers should deliver for the economiser: as cold as they can beside chillers, for the setpoint alone; None while off."""
        if self.state is EconomiserState.OFF:
            return None
        if self.state is EconomiserState.PARTIAL:
            return _BASIN_MIN_C
        error_k = 0.0 if waters.chws_c is None else waters.chws_c - waters.chws_setpoint_c
        return max(_BASIN_MIN_C, waters.chws_setpoint_c - _EXCHANGER_APPROACH_K - _TRIM_GAIN * error_k + self._trim_k)

    def _partial(self, now_s: float, held: bool, waters: Waters) -> None:
        gain_k = None if waters.chwr_c is None or waters.downstream_c is None else waters.chwr_c - waters.downstream_c
        harm = self._harm.for_at_least(_NO_BENEFIT_S, gain_k is not None and gain_k < -_HARM_K, now_s)
        no_benefit = self._no_benefit.for_at_least(_NO_BENEFIT_S, gain_k is not None and gain_k < _BENEFIT_OFF_K, now_s)
        if (held and no_benefit) or harm:
            self._learn(now_s)
            self._enter(EconomiserState.OFF, now_s)

    def _full(self, now_s: float, elapsed_s: float, waters: Waters) -> None:
        error = 0.0 if waters.chws_c is None else waters.chws_c - waters.chws_setpoint_c
        self._trim_k = min(max(self._trim_k - error * _TRIM_PER_S * elapsed_s, _TRIM_RANGE_K[0]), _TRIM_RANGE_K[1])
        lost = self._lost.for_at_least(_ALONE_LOST_S, error > _ALONE_LOST_K, now_s)
        bad = self._bad.for_at_least(_NO_BENEFIT_S, error > _ALONE_BAD_K, now_s)
        if (lost and now_s - self._entered_at_s >= _ALONE_SETTLE_S) or bad:
            self._lost_at_s = now_s
            self.tune = min(self.tune + _TUNE_STEP, _TUNE_RANGE[1])
            self._enter(EconomiserState.PARTIAL, now_s)

    def _learn(self, now_s: float) -> None:
        """Adjusts the prediction at the end of a run (5.20.3.3)."""
        on_s = now_s - self._entered_at_s
        step = -_TUNE_STEP if on_s > _TUNE_LONG_S else _TUNE_STEP if on_s < _TUNE_SHORT_S else 0.0
        self.tune = min(max(self.tune + step, _TUNE_RANGE[0]), _TUNE_RANGE[1])

    def _enter(self, state: EconomiserState, now_s: float) -> None:
        self.state, self._entered_at_s = state, now_s
        self._trim_k = 0.0
        for timer in (self._no_benefit, self._harm, self._alone, self._lost, self._bad):
            timer.reset()
