"""Forecasts of what acts on the plant: what the site's own past teaches (``learn``), the tariff, and what others say (``outlook``)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from controller.forecast.learn import Learnt, ahead, begin, learn
from controller.forecast.outlook import Outlook, believed
from plant_models.site.topology import Site
from plant_models.sources.tariff import Tariff
from safety.records import Forecast, Measurements, Quantiles

QUARTER_HOUR_S: Final = 900.0
QUARTER_HOURS: Final = 97  # a day and its end
PRICE: Final = "site.energy_price_per_kwh"
CARBON: Final = "site.carbon_kg_per_kwh"
# Standard deviation of an hour's change before anything was learnt [share of the value, and at least of 10]; engineering values.
_SPREAD_START: Final[Mapping[str, float]] = {"it_load_kw": 0.02, "oa_wetbulb_c": 0.05, "oa_drybulb_c": 0.06}


@dataclass(frozen=True)
class ForecastMemory:
    """What one forecast hands to the next."""

    signals: Mapping[str, Learnt] = field(default_factory=dict)


class Forecaster:
    """Forecasts of one site on the tracker's grid."""

    def __init__(self, site: Site) -> None:
        """Takes the site; its halls and its tariff say what is forecast."""
        self._tariff = Tariff(site)
        self._step_s = site.optimiser.step_s
        self._steps = site.optimiser.horizon_steps + 1
        self._signals = (*(f"{h.name}.it_load_kw" for h in site.hall), "weather.oa_wetbulb_c", "weather.oa_drybulb_c")

    def start(self) -> ForecastMemory:
        """Returns the memory of a forecaster that has seen nothing."""
        return ForecastMemory()

    def predict(self, memory: ForecastMemory, measured: Measurements, at_s: float, outlook: Outlook | None = None) -> tuple[Forecast, ForecastMemory]:
        """Returns the forecast from ``at_s`` on; a signal that was never measured and of which nothing is said has no series."""
        learnt = dict(memory.signals)
        for signal in self._signals:
            value = measured.values.get(signal)
            if value is not None and math.isfinite(value):
                known = learnt.get(signal)
                learnt[signal] = begin(value, at_s, _spread(signal, value)) if known is None else learn(known, value, at_s)
        after = ForecastMemory(learnt)
        return self._forecast(after, measured, at_s, outlook, self._step_s, self._steps), after

    def day(self, memory: ForecastMemory, measured: Measurements, at_s: float, outlook: Outlook | None = None) -> Forecast:
        """Returns the forecast of the next day in quarter hours, as known after ``predict``."""
        return self._forecast(memory, measured, at_s, outlook, QUARTER_HOUR_S, QUARTER_HOURS)

    def _forecast(self, memory: ForecastMemory, measured: Measurements, at_s: float, outlook: Outlook | None, step_s: float, steps: int) -> Forecast:
        instants_s = tuple(at_s + k * step_s for k in range(steps))
        own = {s: ahead(known, instants_s) for s, known in memory.signals.items()} | self._prices(instants_s)
        return Forecast(at_s, step_s, believed(own, outlook or Outlook(), measured.values, instants_s))

    def _prices(self, instants_s: Sequence[float]) -> dict[str, Quantiles]:
        known = {PRICE: self._tariff.price_per_kwh, CARBON: self._tariff.carbon_kg_per_kwh}
        series = {signal: tuple(value(at_s) for at_s in instants_s) for signal, value in known.items()}
        return {signal: Quantiles(values, values, values) for signal, values in series.items()}


def _spread(signal: str, value: float) -> float:
    return _SPREAD_START[signal.partition(".")[2]] * max(abs(value), 10.0)
