"""Forecasts of what acts on the plant: persistence first, then what the hours of past days taught; prices as the tariff states them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from plant_models.site.topology import Site
from safety.records import Forecast, Measurements, Quantiles

PRICE = "site.energy_price_per_kwh"
CARBON = "site.carbon_kg_per_kwh"
_DAY_S = 86400.0
_HOURS = 24
_Z90 = 1.2816  # the 90 % quantile of a normal distribution
_LEARN = 0.3  # weight of the newest day in an hour's mean
_LEARN_SPREAD = 0.02
_FADE_S = 3600.0  # how long the present departure from the hour's mean lasts
_SPREAD_START: Mapping[str, float] = {"it_load_kw": 0.02, "oa_wetbulb_c": 0.015, "oa_drybulb_c": 0.02}  # of the value, over an hour


@dataclass(frozen=True)
class Learnt:
    """One signal: its last value and time, the mean of each hour of the day in UTC (None: not seen), the day each was last fed, its variance rate."""

    value: float
    at_s: float
    hours: tuple[float | None, ...] = (None,) * _HOURS
    hour_now: int = -1
    sum_now: float = 0.0
    count_now: int = 0
    variance_per_s: float = 0.0


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
                learnt[signal] = _learn(learnt.get(signal), signal, value, at_s)
        series = {s: self._ahead(known, at_s) for s, known in learnt.items()} | self._tariff(at_s)
        return Forecast(at_s, self._step_s, series), ForecastMemory(learnt)

    def _ahead(self, known: Learnt, at_s: float) -> Quantiles:
        departure = known.value - _usual(known, known.at_s)
        low, median, high = [], [], []
        for k in range(self._steps):
            ahead_s = at_s + k * self._step_s - known.at_s
            value = _usual(known, known.at_s + ahead_s) + departure * math.exp(-ahead_s / _FADE_S) if None not in known.hours else known.value
            spread = _Z90 * math.sqrt(known.variance_per_s * max(ahead_s, 0.0))
            low.append(value - spread)
            median.append(value)
            high.append(value + spread)
        return Quantiles(tuple(low), tuple(median), tuple(high))

    def _tariff(self, at_s: float) -> dict[str, Quantiles]:
        money = self._money
        prices = []
        for k in range(self._steps):
            hour = datetime.fromtimestamp(at_s + k * self._step_s, tz=UTC).astimezone(self._zone).hour
            first, last = money.peak_hours_local
            peak = money.peak_price_per_kwh is not None and first <= hour < last
            prices.append(money.peak_price_per_kwh if peak and money.peak_price_per_kwh is not None else money.energy_price_per_kwh)
        carbon = (money.carbon_kg_per_kwh,) * self._steps
        return {PRICE: Quantiles(tuple(prices), tuple(prices), tuple(prices)), CARBON: Quantiles(carbon, carbon, carbon)}


def _hour_of(at_s: float) -> int:
    return int(at_s % _DAY_S // 3600.0)


def _learn(known: Learnt | None, signal: str, value: float, at_s: float) -> Learnt:
    """Returns what is known after one more value; an hour's mean is taken over when the hour has passed."""
    hour = _hour_of(at_s)
    if known is None:
        spread = _SPREAD_START.get(signal.partition(".")[2], 0.02) * max(abs(value), 10.0)
        return Learnt(value, at_s, hour_now=hour, sum_now=value, count_now=1, variance_per_s=spread * spread / 3600.0)
    elapsed = at_s - known.at_s
    if elapsed <= 0.0:
        return known
    surprise = (value - known.value) ** 2 / elapsed
    variance = known.variance_per_s + _LEARN_SPREAD * (surprise - known.variance_per_s)
    if hour == known.hour_now:
        return replace(known, value=value, at_s=at_s, sum_now=known.sum_now + value, count_now=known.count_now + 1, variance_per_s=variance)
    mean, old = known.sum_now / known.count_now, known.hours[known.hour_now]
    new = mean if old is None else old + _LEARN * (mean - old)
    hours = tuple(new if h == known.hour_now else v for h, v in enumerate(known.hours))
    return Learnt(value, at_s, hours, hour, value, 1, variance)


def _usual(known: Learnt, at_s: float) -> float:
    """Returns the usual value at a time of day, linear between the middles of the hours; the present value until a whole day was seen."""
    if None in known.hours:
        return known.value
    position = at_s % _DAY_S / 3600.0 - 0.5
    before = math.floor(position)
    share = position - before
    first, second = known.hours[before % _HOURS], known.hours[(before + 1) % _HOURS]
    return known.value if first is None or second is None else first + share * (second - first)
