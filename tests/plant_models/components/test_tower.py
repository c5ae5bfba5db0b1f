"""Towers: the correlation's check value, monotony, guards, water."""

from __future__ import annotations

import numpy as np
import pytest

from plant_models.components import tower


def settled(entering: float, wetbulb: float, water: float, fan: float, fill: float = 1.0) -> float:
    """Returns the leaving temperature at rest, by bisection."""
    low, high = min(entering, wetbulb) - 1.0, max(entering, wetbulb) + 1.0
    for _ in range(80):
        middle = 0.5 * (low + high)
        if tower.leaving_target_c(entering, middle, wetbulb, water, fan, fill) > middle:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


def test_york_calc_check_value() -> None:
    assert tower.york_approach_k(25.6, 5.56, 1.0) == pytest.approx(3.8345, abs=5e-5)


def test_approach_grows_in_the_cold_as_published() -> None:
    for wetbulb, approaches in ((10.0, (7.8, 11.7, 15.4, 22.1)), (20.0, (5.1, 8.0, 10.9, 16.4))):
        for ratio, approach in zip((1.0, 1.5, 2.0, 3.0), approaches, strict=True):
            assert tower.york_approach_k(wetbulb, 5.56, ratio) == pytest.approx(approach, abs=0.051)


def test_design_approach_is_within_the_market() -> None:
    leaving = settled(35.0, 25.6, 1.0, 1.0)
    assert 2.8 <= leaving - 25.6 <= 6.7


@pytest.mark.parametrize(("wetbulb", "entering"), [(w, e) for w in (-10.0, 0.0, 10.0, 20.0, 26.0) for e in (18.0, 25.0, 32.0) if e > w + 2.0])
def test_tower_is_monotone(wetbulb: float, entering: float) -> None:
    by_fan = [settled(entering, wetbulb, 0.9, f) for f in np.linspace(0.15, 1.0, 18)]
    by_water = [settled(entering, wetbulb, w, 0.8) for w in np.linspace(0.5, 1.25, 16)]
    by_wetbulb = [settled(entering, wetbulb + d, 0.9, 0.8) for d in np.linspace(0.0, 1.5, 6)]
    by_entering = [settled(entering + d, wetbulb, 0.9, 0.8) for d in np.linspace(0.0, 3.0, 6)]
    assert np.all(np.diff(by_fan) <= 1e-9)
    assert np.all(np.diff(by_water) >= -1e-9)
    assert np.all(np.diff(by_wetbulb) >= -1e-9)
    heat = [entering + d - t for d, t in zip(np.linspace(0.0, 3.0, 6), by_entering, strict=True)]
    assert np.all(np.diff(heat) >= -1e-9)


def test_water_at_wet_bulb_stays_and_warmer_never_gets_below() -> None:
    assert settled(20.0, 20.0, 1.0, 1.0) == pytest.approx(20.0, abs=1e-6)
    assert settled(20.5, 20.0, 1.0, 1.0) > 20.0
    assert settled(12.0, 20.0, 1.0, 1.0) > 12.0


def test_still_fan_leaves_free_convection() -> None:
    assert settled(30.0, 20.0, 1.0, 0.0) == settled(30.0, 20.0, 1.0, tower.FREE_CONVECTION)
    assert settled(30.0, 20.0, 1.0, 0.0) < 30.0


def test_fan_power_is_cubic_and_rests_at_nothing() -> None:
    speeds = np.linspace(0.0, 1.0, 101)
    powers = tower.fan_power_share(speeds)
    assert powers[0] == 0.0
    assert powers[-1] == pytest.approx(1.0, abs=1e-3)
    assert np.all(np.diff(powers) > -1e-5)
    assert tower.fan_power_share(0.5) == pytest.approx(0.126, abs=0.01)


def test_water_follows_heat_and_season() -> None:
    assert tower.evaporation_kgs(1000.0, 30.0) == pytest.approx(0.388, abs=0.002)
    assert tower.evaporation_kgs(1000.0, -10.0) == pytest.approx(0.286, abs=0.002)
    assert tower.evaporation_kgs(-50.0, 20.0) == 0.0
    assert tower.blowdown_kgs(0.4, 0.01, 5.0) == pytest.approx(0.09)
