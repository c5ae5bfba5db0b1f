"""Forecasts of what acts on the plant: what the site's own past teaches (``learn``), and prices and carbon as the tariff states them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from controller.forecast.learn import Learnt, ahead, begin, learn
from plant_models.site.topology import Site
from safety.records import Forecast, Measurements, Quantiles

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
        self._money = site.money
        self._zone = ZoneInfo(site.site.time_zone)
        self._step_s = site.optimiser.step_s
        self._steps = site.optimiser.horizon_steps + 1
        self._signals = (*(f"{h.name}.it_load_kw" for h in site.hall), "weather.oa_wetbulb_c", "weather.oa_drybulb_c")

    def start(self) -> ForecastMemory:
        """Returns the memory of a forecaster that has seen nothing."""
        return ForecastMemory()

    def predict(self, memory: ForecastMemory, measured: Measurements, at_s: float) -> tuple[Forecast, ForecastMemory]:
        """Returns the forecast from ``at_s`` on; a signal that was never measured has no series."""
        learnt = dict(memory.signals)
        for signal in self._signals:
            value = measured.values.get(signal)
            if value is not None and math.isfinite(value):
                known = learnt.get(signal)
                learnt[signal] = begin(value, at_s, _spread(signal, value)) if known is None else learn(known, value, at_s)
        instants_s = tuple(at_s + k * self._step_s for k in range(self._steps))
        series = {s: ahead(known, instants_s) for s, known in learnt.items()} | self._tariff(instants_s)
        return Forecast(at_s, self._step_s, series), ForecastMemory(learnt)

    def _tariff(self, instants_s: Sequence[float]) -> dict[str, Quantiles]:
        money, (first, last) = self._money, self._money.peak_hours_local
        hours = (datetime.fromtimestamp(at_s, tz=UTC).astimezone(self._zone).hour for at_s in instants_s)
        peak = money.energy_price_per_kwh if money.peak_price_per_kwh is None else money.peak_price_per_kwh
        prices = tuple(peak if first <= hour < last else money.energy_price_per_kwh for hour in hours)
        carbon = (money.carbon_kg_per_kwh,) * self._steps
        return {PRICE: Quantiles(prices, prices, prices), CARBON: Quantiles(carbon, carbon, carbon)}


def _spread(signal: str, value: float) -> float:
    return _SPREAD_START[signal.partition(".")[2]] * max(abs(value), 10.0)
