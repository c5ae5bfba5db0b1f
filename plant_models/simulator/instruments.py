"""The classes of instruments that a site's signals are measured with, as a table; what they make of a true value is in ``sensors``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from safety.signals import QUANTITIES, Kind


@dataclass(frozen=True, slots=True)
class Instrument:
    """A class of instruments, in the signal's own unit; a share is of the reading.

    accuracy, accuracy_share    bias lies within +- these, for good
    drift_per_year              bias gains within +- this for each year since calibration
    noise, noise_share          standard deviation
    resolution                  of what is shown
    span, bits                  the analogue input's converter: a step is span / 2^bits
    lag_s                       first-order time constant [s]
    deadband, deadband_share    a point reports once its value has moved this far (change of value)
    """

    accuracy: float = 0.0
    accuracy_share: float = 0.0
    drift_per_year: float = 0.0
    noise: float = 0.0
    noise_share: float = 0.0
    resolution: float = 0.0
    span: float = 0.0
    bits: int = 12
    lag_s: float = 0.0
    deadband: float = 0.0
    deadband_share: float = 0.0

    @property
    def step(self) -> float:
        """Returns the smallest difference that can be shown, 0 where there is none."""
        return max(self.resolution, self.span / 2.0**self.bits)


MISSED_SHARE: Final = 0.005  # of samples that do not arrive: the point shows what it showed (engineering value)

# Engineering values; classes as BMS specifications name them, lags of wells and ducts. 12-bit inputs are common in field controllers, 16-bit in PLCs.
_WATER_TEMPERATURE: Final = Instrument(
    accuracy=0.2, drift_per_year=0.05, noise=0.03, resolution=0.1, span=150.0, lag_s=30.0, deadband=0.1
)  # 10k thermistor, dry well
_AIR_TEMPERATURE: Final = Instrument(accuracy=0.3, drift_per_year=0.1, noise=0.1, resolution=0.1, span=150.0, lag_s=45.0, deadband=0.1)
_WET_BULB: Final = Instrument(accuracy=0.5, drift_per_year=0.2, noise=0.05, resolution=0.1, lag_s=30.0, deadband=0.1)  # derived from 2-3 % relative humidity
_HUMIDITY: Final = Instrument(accuracy=2.0, drift_per_year=1.0, noise=0.5, resolution=0.1, span=100.0, lag_s=30.0)
_FLOW: Final = Instrument(accuracy_share=0.0075, noise_share=0.005, lag_s=2.0)  # magnetic, read as a number
_PRESSURE: Final = Instrument(accuracy=1.5, drift_per_year=0.6, noise=0.6, span=300.0, bits=16, lag_s=1.0)  # 0.5 %, 0.2 % a year, 0.2 % of its span
_AISLE_PRESSURE: Final = Instrument(accuracy=0.25, drift_per_year=0.25, noise=0.3, resolution=0.1, span=50.0, lag_s=5.0)  # 0.5 % of its span
_POWER: Final = Instrument(accuracy_share=0.01, noise_share=0.003, resolution=0.1, lag_s=5.0, deadband_share=0.01)  # meter, read as a number
_HEAT: Final = Instrument(accuracy_share=0.03, noise_share=0.01, lag_s=30.0)  # flow times a difference of two biased temperatures
_SHARE: Final = Instrument(accuracy=0.3, resolution=0.1, span=100.0, lag_s=1.0)
_EXACT: Final = Instrument()

_BY_QUANTITY: Final[Mapping[str, Instrument]] = {
    "oa_wetbulb_c": _WET_BULB,
    "room_dewpoint_c": _WET_BULB,
    "heat_kw": _HEAT,
    "aisle_dp_pa": _AISLE_PRESSURE,
    **dict.fromkeys(("oa_drybulb_c", "crah_supply_temp_c", "crah_return_temp_c", "rack_inlet_c", "rack_inlet_max_c"), _AIR_TEMPERATURE),
}
_BY_KIND: Final[Mapping[Kind, Instrument]] = {
    Kind.TEMPERATURE: _WATER_TEMPERATURE,
    Kind.FLOW: _FLOW,
    Kind.PRESSURE: _PRESSURE,
    Kind.POWER: _POWER,
    Kind.SHARE: _SHARE,
    Kind.HUMIDITY: _HUMIDITY,
}


def instrument_of(signal: str) -> Instrument:
    """Returns the class of instruments that measures a signal. Raises KeyError for a quantity outside the vocabulary."""
    quantity = QUANTITIES[signal.partition(".")[2]]
    return _BY_QUANTITY.get(quantity.name, _BY_KIND.get(quantity.kind, _EXACT))
