"""What instruments make of the true values, and what a site's points show of that: bias, drift, noise, lag, converter, reporting, and faults set from outside.

The BAS's controllers read their own inputs at every scan (``readings``); whoever looks from outside sees points (``shown``) that report on
change and miss a sample now and then. Everything is drawn once a scan, so a value does not depend on how often it is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from math import nan
from typing import Final

import numpy as np
from numpy.typing import NDArray

from plant_models.simulator.instruments import MISSED_SHARE, Instrument, instrument_of

Array = NDArray[np.float64]
_FINEST: Final = 2.0**-40  # steps of what is read as a number; a power of two, so that nothing is lost on the way
_AHEAD: Final = 16  # scans whose noise is drawn at once; the stream of numbers is the same as one by one


class FaultKind(StrEnum):
    """What can be wrong with a sensor."""

    DEAD = "dead"
    FROZEN = "frozen"
    BIAS = "bias"


class Sensors:
    """The instruments of a site. ``maxima`` are worked out from other readings instead of being measured: target -> sources."""

    def __init__(self, signals: Sequence[str], maxima: Mapping[str, Sequence[str]], seed: int, period_s: float, years: float = 0.0) -> None:
        """Takes what is measured, in the order of the true values, and the years since calibration; draws every bias from the seed.

        ``period_s`` lies between two scans [s].
        """
        self.signals = (*signals, *maxima)
        self._count = len(signals)
        self._index = {s: i for i, s in enumerate(self.signals)}
        self._maxima = {self._index[target]: [self._index[s] for s in sources] for target, sources in maxima.items()}
        self._random, self._missing = np.random.default_rng(seed), np.random.default_rng((seed, 1))
        instruments = [instrument_of(s) for s in signals]
        draws = self._random.uniform(-1.0, 1.0, (2, self._count))
        drift = np.random.default_rng((seed, 2)).uniform(-1.0, 1.0, self._count) * _column(instruments, "drift_per_year") * years
        self._bias = draws[0] * _column(instruments, "accuracy") + drift
        self._gain = 1.0 + draws[1] * _column(instruments, "accuracy_share")
        self._noise, self._noise_share = _column(instruments, "noise"), _column(instruments, "noise_share")
        self._deadband, self._deadband_share = _column(instruments, "deadband"), _column(instruments, "deadband_share")
        self._step = np.array([i.step or _FINEST for i in instruments])
        self._follow = 1.0 - np.exp(-period_s / np.maximum(_column(instruments, "lag_s"), 1e-3))
        self._lagged: Array | None = None
        self._scale = self._offset = np.empty((0, self._count))  # what the next readings are of the lagged values, noise included
        self._missed = np.empty((0, self._count), dtype=bool)
        self._scans = 0
        self._faults: dict[str, tuple[FaultKind, float]] = {}
        self._read = np.full(len(self.signals), nan)
        self._shown = np.full(len(self.signals), nan)
        self._readings: dict[str, float] = {}

    def scan(self, true: Array) -> None:
        """Takes the true values now, in the order of the measured signals; one draw of noise each."""
        row = self._scans % _AHEAD
        if row == 0:
            normal = self._random.standard_normal((_AHEAD, self._count))
            self._scale, self._offset = self._gain + self._noise_share * normal, self._bias + self._noise * normal
            self._missed = self._missing.random((_AHEAD, self._count)) < MISSED_SHARE
        self._scans += 1
        self._lagged = true.copy() if self._lagged is None else self._lagged + self._follow * (true - self._lagged)
        measured = np.rint((self._lagged * self._scale[row] + self._offset[row]) / self._step) * self._step
        for signal in self._faults:
            self._spoil(measured, self._index[signal])
        self._read[: self._count] = measured
        shown = self._shown[: self._count]
        moved = ~(np.abs(measured - shown) < self._deadband + self._deadband_share * np.abs(shown) - 1e-9)  # NaN, dead or first, counts as moved
        np.copyto(shown, measured, where=moved & ~(self._missed[row] & np.isfinite(shown)))
        self._work_out()

    def _spoil(self, measured: Array, place: int) -> None:
        kind, value = self._faults[self.signals[place]]
        if place < self._count:
            measured[place] = {FaultKind.BIAS: measured[place] + value, FaultKind.FROZEN: self._read[place], FaultKind.DEAD: nan}[kind]

    def _work_out(self) -> None:
        """Works out the maxima of what still reads, and says the readings by name."""
        for target, sources in self._maxima.items():
            kind, value = self._faults.get(self.signals[target], (None, 0.0))
            for values in (self._read, self._shown):
                highest = nan if kind is FaultKind.DEAD else float(np.fmax.reduce(values[sources]))  # of those that are a number
                values[target] = values[target] if kind is FaultKind.FROZEN else highest + value
        self._readings = dict(zip(self.signals, self._read.tolist(), strict=True))
        for signal in [s for s, v in self._readings.items() if v != v] if self._faults else ():
            del self._readings[signal]

    def set_fault(self, signal: str, kind: FaultKind | None, value: float = 0.0) -> None:
        """Sets a sensor's fault, or mends it with None. ``value`` is the bias in the signal's own unit. Raises KeyError for an unknown signal."""
        if signal not in self._index:
            raise KeyError(signal)
        if kind is None:
            self._faults.pop(signal, None)
            return
        self._faults[signal] = (kind, value)
        if kind is FaultKind.DEAD:
            self._readings.pop(signal, None)
            self._read[self._index[signal]] = self._shown[self._index[signal]] = nan

    @property
    def readings(self) -> Mapping[str, float]:
        """Returns what the BAS's own controllers read at the last scan, by signal; a dead sensor is absent."""
        return self._readings

    def shown(self, signal: str) -> float | None:
        """Returns what a point shows to the outside, None for a dead sensor. Raises KeyError for an unknown signal."""
        value = float(self._shown[self._index[signal]])
        return value if value == value else None


def _column(instruments: Sequence[Instrument], field: str) -> Array:
    return np.array([getattr(i, field) for i in instruments])
