"""What instruments and points do to a true value besides bias and noise: drift, converters, change of value, missed samples."""

from __future__ import annotations

import numpy as np
import pytest

from plant_models.simulator.instruments import instrument_of
from plant_models.simulator.sensors import Sensors

MANY = 400


def shown_over(sensors: Sensors, true: np.ndarray, scans: int) -> np.ndarray:
    rows = []
    for _ in range(scans):
        sensors.scan(true)
        rows.append([sensors.shown(s) for s in sensors.signals])
    return np.array(rows, dtype=float)


def test_bias_grows_with_the_years_since_calibration() -> None:
    names, true = [f"r{i}.chws_temp_c" for i in range(MANY)], np.full(MANY, 10.0)
    fresh, old = Sensors(names, {}, 3, 5.0), Sensors(names, {}, 3, 5.0, years=10.0)
    drift = shown_over(old, true, 60).mean(axis=0) - shown_over(fresh, true, 60).mean(axis=0)
    assert np.abs(drift).max() <= 0.05 * 10.0 + 0.1
    assert np.std(drift) == pytest.approx(0.05 * 10.0 / np.sqrt(3.0), rel=0.15)


def test_a_point_reports_only_what_has_moved_far_enough() -> None:
    name = "hall-a.it_load_kw"
    sensors = Sensors([name], {}, 1, 5.0)
    shown = np.array([shown_over(sensors, np.array([1000.0 + 0.5 * i]), 1)[0, 0] for i in range(400)])
    steps = np.abs(np.diff(shown))
    assert (steps > 0.0).any()
    assert steps[steps > 0.0].min() >= 0.01 * shown.min() - 0.1
    assert (steps == 0.0).mean() > 0.5
    readings = []
    for _ in range(50):
        sensors.scan(np.array([1000.0]))
        readings.append(sensors.readings[name])
    assert len(set(readings)) > 25


def test_a_few_samples_are_missed() -> None:
    names = [f"r{i}.chw_flow_kgs" for i in range(MANY)]
    shown = shown_over(Sensors(names, {}, 5, 5.0), np.full(MANY, 50.0), 200)
    held = (np.diff(shown, axis=0) == 0.0).mean()
    assert held == pytest.approx(0.005, abs=0.001)


def test_converters_have_steps() -> None:
    names = [f"r{i}.chw_dp_kpa" for i in range(MANY)]
    shown = shown_over(Sensors(names, {}, 5, 5.0), np.full(MANY, 150.0), 5)
    step = 300.0 / 65536.0
    assert np.allclose(shown / step, np.round(shown / step), atol=1e-6)
    assert instrument_of("x.room_rh_pct").step == 0.1
    assert instrument_of("x.chws_temp_c").step == 0.1
    assert instrument_of("x.chw_flow_kgs").step == 0.0


def test_noise_does_not_depend_on_how_far_ahead_it_is_drawn() -> None:
    names, random = ["a.chw_flow_kgs", "b.chw_flow_kgs"], np.random.default_rng(9)
    sensors = Sensors(names, {}, 9, 5.0)
    gain = 1.0 + random.uniform(-1.0, 1.0, (2, 2))[1] * 0.0075
    for _ in range(40):
        sensors.scan(np.array([40.0, 60.0]))
        expected = np.array([40.0, 60.0]) * (gain + 0.005 * random.standard_normal(2))
        assert list(sensors.readings.values()) == pytest.approx(list(expected), abs=1e-11)
