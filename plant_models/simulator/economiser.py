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
_ALONE_LOST_S: Final = 300.0  # ... for 5 min, as 5.20.4.15's fail-safe but sooner: no machine runs
_ALONE_BAD_K: Final = 3.0  # engineering value: at this error after 2 min, holds or not
_RETRY_S: Final = 3600.0  # engineering value: a lost attempt to do without chillers costs a start, and is not repeated within the hour
_EXCHANGER_APPROACH_K: Final = 2.0  # plate exchangers: 1.7-2.8 K
_TOWER_APPROACH_K: Final = 3.9  # 7 F, a common design
_DESIGN_WETBULB_C: Final = 25.6  # 78 F
_TUNE_START: Final = 0.1  # engineering value: a tower's approach grows in cold air
_TUNE_STEP: Final = 0.02
_TUNE_RANGE: Final = (-0.2, 0.5)
_TUNE_LONG_S: Final = 3600.0
_TUNE_SHORT_S: Final = 1800.0
_TRIM_PER_S: Final = 1.0 / 900.0  # engineering value: slower than basins and loop
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
        predicted = self.predicted_c(waters)
        if not self._exists or predicted is None:
            return
        if predicted < waters.chws_setpoint_c - _ALONE_MARGIN_K:
            self._enter(EconomiserState.FULL, now_s)
        elif waters.chwr_c is not None and waters.chwr_c > predicted + _BENEFIT_ON_K:
            self._enter(EconomiserState.PARTIAL, now_s)

    def scan(self, now_s: float, elapsed_s: float, waters: Waters) -> None:
        """Changes the state where its condition and its hold time say so."""
        if not self._exists:
            return
        held = now_s - self._entered_at_s >= _HOLD_S
        predicted = self.predicted_c(waters)
        if self.state is EconomiserState.OFF:
            if held and predicted is not None and waters.chwr_c is not None and waters.chwr_c > predicted + _BENEFIT_ON_K:
                self._enter(EconomiserState.PARTIAL, now_s)
        elif self.state is EconomiserState.PARTIAL:
            self._partial(now_s, held, predicted, waters)
        else:
            self._full(now_s, elapsed_s, held, waters)

    def tower_target_c(self, waters: Waters) -> float | None:
        """Returns the water that the towers should deliver for the economiser: as cold as they can beside chillers, for the setpoint alone; None while off."""
        if self.state is EconomiserState.OFF:
            return None
        if self.state is EconomiserState.PARTIAL:
            return _BASIN_MIN_C
        return max(_BASIN_MIN_C, waters.chws_setpoint_c - _EXCHANGER_APPROACH_K + self._trim_k)

    def _partial(self, now_s: float, held: bool, predicted: float | None, waters: Waters) -> None:
        useless = waters.chwr_c is not None and waters.downstream_c is not None and waters.downstream_c > waters.chwr_c - _BENEFIT_OFF_K
        harmful = waters.chwr_c is not None and waters.downstream_c is not None and waters.downstream_c > waters.chwr_c + _HARM_K
        harm = self._harm.for_at_least(_NO_BENEFIT_S, harmful, now_s)
        no_benefit = self._no_benefit.for_at_least(_NO_BENEFIT_S, useless, now_s)
        near = waters.downstream_c is not None and waters.downstream_c <= waters.chws_setpoint_c + _ALONE_MARGIN_K
        expected = predicted is not None and predicted <= waters.chws_setpoint_c - _ALONE_MARGIN_K
        alone = self._alone.for_at_least(_HOLD_S, near or expected, now_s)
        if (held and no_benefit) or harm:
            self._learn(now_s)
            self._enter(EconomiserState.OFF, now_s)
        elif held and alone and now_s - self._lost_at_s >= _RETRY_S:
            self._enter(EconomiserState.FULL, now_s)

    def _full(self, now_s: float, elapsed_s: float, held: bool, waters: Waters) -> None:
        error = 0.0 if waters.chws_c is None else waters.chws_c - waters.chws_setpoint_c
        self._trim_k = min(max(self._trim_k - error * _TRIM_PER_S * elapsed_s, _TRIM_RANGE_K[0]), _TRIM_RANGE_K[1])
        lost = self._lost.for_at_least(_ALONE_LOST_S, error > _ALONE_LOST_K, now_s)
        bad = self._bad.for_at_least(_NO_BENEFIT_S, error > _ALONE_BAD_K, now_s)
        if (held and lost) or bad:
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
