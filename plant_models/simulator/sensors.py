"""What instruments make of the true values: bias, noise, lag and resolution by class of signal, and faults set from outside.

Noise is drawn once a scan, so a value does not depend on how often it is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from safety.signals import QUANTITIES, Kind

Array = NDArray[np.float64]


class FaultKind(StrEnum):
    """What can be wrong with a sensor."""

    DEAD = "dead"
    FROZEN = "frozen"
    BIAS = "bias"


@dataclass(frozen=True, slots=True)
class Instrument:
    """A class of instruments: bias within +- ``accuracy`` and +- ``accuracy_share`` of reading, noise likewise, in the signal's own unit."""

    accuracy: float = 0.0
    accuracy_share: float = 0.0
    noise: float = 0.0
    noise_share: float = 0.0
    resolution: float = 0.0
    lag_s: float = 0.0


# engineering values; classes as BMS specifications name them, lags of wells and ducts
WATER_TEMPERATURE: Final = Instrument(accuracy=0.2, noise=0.03, resolution=0.1, lag_s=30.0)  # typical 10k thermistor in a well
AIR_TEMPERATURE: Final = Instrument(accuracy=0.3, noise=0.1, resolution=0.1, lag_s=45.0)
WET_BULB: Final = Instrument(accuracy=0.5, noise=0.05, resolution=0.1, lag_s=30.0)  # derived from 2-3 % relative humidity
HUMIDITY: Final = Instrument(accuracy=2.0, noise=0.5, resolution=0.1, lag_s=30.0)
FLOW: Final = Instrument(accuracy_share=0.0075, noise_share=0.005, lag_s=2.0)  # magnetic
PRESSURE: Final = Instrument(accuracy=1.5, noise=0.6, lag_s=1.0)  # 0.5 % and 0.2 % of a span of 300 kPa
POWER: Final = Instrument(accuracy_share=0.01, noise_share=0.003, resolution=0.1, lag_s=5.0)
HEAT: Final = Instrument(accuracy_share=0.03, noise_share=0.01, lag_s=30.0)  # flow times a difference of two biased temperatures
SHARE: Final = Instrument(accuracy=0.3, resolution=0.1, lag_s=1.0)
EXACT: Final = Instrument()

_BY_QUANTITY: Final[Mapping[str, Instrument]] = {
    "oa_wetbulb_c": WET_BULB,
    "room_dewpoint_c": WET_BULB,
    "heat_kw": HEAT,
    **dict.fromkeys(("oa_drybulb_c", "crah_supply_temp_c", "crah_return_temp_c", "rack_inlet_c", "rack_inlet_max_c"), AIR_TEMPERATURE),
}
_BY_KIND: Final[Mapping[Kind, Instrument]] = {
    Kind.TEMPERATURE: WATER_TEMPERATURE,
    Kind.FLOW: FLOW,
    Kind.PRESSURE: PRESSURE,
    Kind.POWER: POWER,
    Kind.SHARE: SHARE,
    Kind.HUMIDITY: HUMIDITY,
}


def instrument_of(signal: str) -> Instrument:
    """Returns the class of instruments that measures a signal. Raises KeyError for a quantity outside the vocabulary."""
    quantity = QUANTITIES[signal.partition(".")[2]]
    return _BY_QUANTITY.get(quantity.name, _BY_KIND.get(quantity.kind, EXACT))


class Sensors:
    """The instruments of a site. ``maxima`` are worked out by the BAS from other readings instead of being measured: target -> sources."""

    def __init__(self, signals: Sequence[str], maxima: Mapping[str, Sequence[str]], seed: int, period_s: float) -> None:
        """Takes what is measured, in the order of the true values; draws every bias from the seed. ``period_s`` lies between two scans [s]."""
        self.signals = tuple(signals)
        self._maxima = {target: tuple(sources) for target, sources in maxima.items()}
        self._index = {s: i for i, s in enumerate(self.signals)}
        self._random = np.random.default_rng(seed)
        instruments = [instrument_of(s) for s in self.signals]
        draws = self._random.uniform(-1.0, 1.0, (2, len(instruments)))
        self._bias = draws[0] * _column(instruments, "accuracy")
        self._gain = 1.0 + draws[1] * _column(instruments, "accuracy_share")
        self._noise, self._noise_share = _column(instruments, "noise"), _column(instruments, "noise_share")
        resolution = _column(instruments, "resolution")
        self._coarse, self._resolution = resolution > 0.0, np.where(resolution > 0.0, resolution, 1.0)
        self._follow = 1.0 - np.exp(-period_s / np.maximum(_column(instruments, "lag_s"), 1e-3))
        self._lagged: Array | None = None
        self._faults: dict[str, tuple[FaultKind, float]] = {}
        self._readings: dict[str, float] = {}

    def scan(self, true: Array) -> None:
        """Takes the true values now, in the order of ``signals``; one draw of noise each."""
        self._lagged = true.copy() if self._lagged is None else self._lagged + self._follow * (true - self._lagged)
        draw = self._random.standard_normal(len(self.signals))
        raw = self._lagged * (self._gain + self._noise_share * draw) + self._bias + self._noise * draw
        shown = np.where(self._coarse, np.round(raw / self._resolution) * self._resolution, raw)
        before, self._readings = self._readings, dict(zip(self.signals, shown.tolist(), strict=True))
        for signal in self._faults.keys() & self._index.keys():
            self._spoil(signal, before)
        for target, sources in self._maxima.items():
            values = [self._readings[s] for s in sources if s in self._readings]
            if values:
                self._readings[target] = max(values)
            if target in self._faults:
                self._spoil(target, before)

    def _spoil(self, signal: str, before: Mapping[str, float]) -> None:
        kind, value = self._faults[signal]
        if kind is FaultKind.BIAS and signal in self._readings:
            self._readings[signal] += value
        elif kind is FaultKind.FROZEN and signal in before:
            self._readings[signal] = before[signal]
        elif kind is FaultKind.DEAD:
            self._readings.pop(signal, None)

    def set_fault(self, signal: str, kind: FaultKind | None, value: float = 0.0) -> None:
        """Sets a sensor's fault, or mends it with None. ``value`` is the bias in the signal's own unit. Raises KeyError for an unknown signal."""
        if signal not in self._index and signal not in self._maxima:
            raise KeyError(signal)
        if kind is None:
            self._faults.pop(signal, None)
            return
        self._faults[signal] = (kind, value)
        if kind is FaultKind.DEAD:
            self._readings.pop(signal, None)

    @property
    def readings(self) -> Mapping[str, float]:
        """Returns the last scan's readings by signal; a dead sensor is absent."""
        return self._readings


def _column(instruments: Sequence[Instrument], field: str) -> Array:
    return np.array([getattr(i, field) for i in instruments])
