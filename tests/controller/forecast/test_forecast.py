"""Forecasts persist at first, follow the hours of past days once seen, and widen with time."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from controller.encode import from_text, to_text
from controller.forecast import PRICE, Forecaster, ForecastMemory
from plant_models.site.load import load_site
from safety.records import Forecast, Measurements

SITE = load_site(Path(__file__).parents[3] / "config" / "reference-a", {}).site
LOAD = "hall-a.it_load_kw"
HOUR_S = 3600.0
DAY_S = 86400.0


def load_at(at_s: float) -> float:
    """A day that swings by 500 kW."""
    return 3500.0 + 500.0 * math.sin(2.0 * math.pi * at_s / DAY_S)


def learnt(days: float) -> tuple[Forecaster, ForecastMemory, float]:
    """Returns a forecaster that has seen some days."""
    forecaster = Forecaster(SITE)
    memory, at_s = forecaster.start(), 0.0
    while at_s < days * DAY_S:
        _, memory = forecaster.predict(memory, Measurements(at_s, {LOAD: load_at(at_s)}), at_s)
        at_s += 300.0
    return forecaster, memory, at_s


def ahead(forecast: Forecast) -> tuple[float, ...]:
    """Returns the load's median."""
    return forecast.series[LOAD].median


def test_the_grid_is_the_trackers_with_its_end() -> None:
    """n steps have n + 1 instants."""
    forecaster = Forecaster(SITE)
    forecast, _ = forecaster.predict(forecaster.start(), Measurements(0.0, {LOAD: 3000.0}), 0.0)
    assert forecast.step_s == SITE.optimiser.step_s
    assert len(ahead(forecast)) == SITE.optimiser.horizon_steps + 1


def test_before_a_day_was_seen_what_is_stays() -> None:
    """Persistence with a spread that grows from nothing."""
    forecaster, memory, at_s = learnt(0.5)
    forecast, _ = forecaster.predict(memory, Measurements(at_s, {LOAD: 3333.0}), at_s)
    series = forecast.series[LOAD]
    assert set(series.median) == {3333.0}
    widths = [high - low for low, high in zip(series.low, series.high, strict=True)]
    assert widths[0] == 0.0
    assert widths == sorted(widths)
    assert widths[-1] > 0.0


def test_after_two_days_the_forecast_turns_with_the_day() -> None:
    """Two hours ahead it is better than persistence by far."""
    forecaster, memory, at_s = learnt(2.0)
    horizon_s = SITE.optimiser.horizon_steps * SITE.optimiser.step_s
    forecast, _ = forecaster.predict(memory, Measurements(at_s, {LOAD: load_at(at_s)}), at_s)
    error = abs(ahead(forecast)[-1] - load_at(at_s + horizon_s))
    assert ahead(forecast)[0] == load_at(at_s)
    assert error < 0.3 * abs(load_at(at_s) - load_at(at_s + horizon_s))


def test_a_signal_never_measured_has_no_series_and_a_gap_keeps_the_last_value() -> None:
    """What is unknown is not invented."""
    forecaster = Forecaster(SITE)
    forecast, memory = forecaster.predict(forecaster.start(), Measurements(0.0, {LOAD: 3000.0}), 0.0)
    assert "weather.oa_wetbulb_c" not in forecast.series
    later, _ = forecaster.predict(memory, Measurements(600.0, {LOAD: math.nan}), 600.0)
    assert set(ahead(later)) == {3000.0}
    assert later.series[LOAD].high[0] > 3000.0


def test_the_price_follows_the_tariff_in_local_time() -> None:
    """Peak hours 16 to 21 local standard time, five hours behind UTC."""
    site = replace(SITE, money=replace(SITE.money, energy_price_per_kwh=0.1, peak_price_per_kwh=0.3, peak_hours_local=(16, 21)))
    forecaster = Forecaster(site)
    at_s = 20.0 * HOUR_S  # 15:00 local
    forecast, _ = forecaster.predict(forecaster.start(), Measurements(at_s, {}), at_s)
    assert forecast.series[PRICE].median == (0.1,) * 12 + (0.3,) * 13


def test_memory_survives_the_journal() -> None:
    """JSON keeps every bit."""
    _, memory, _ = learnt(1.2)
    assert from_text(ForecastMemory, to_text(memory)) == memory
