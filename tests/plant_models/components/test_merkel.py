"""The Merkel tower: its design point, monotony, agreement with the York correlation near design, and with the saturation curve."""

from __future__ import annotations

import numpy as np
import psychrolib
import pytest

from plant_models.components import merkel, tower


def settled(target: object, entering: float, wetbulb: float, water: float, fan: float) -> float:
    """Returns the leaving temperature at rest, by bisection."""
    low, high = wetbulb - 1.0, entering + 1.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        if target(entering, middle, wetbulb, water, fan, 1.0) > middle:  # type: ignore[operator]  # a function of either module
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


def test_saturation_enthalpy_is_psychrolib_s() -> None:
    psychrolib.SetUnitSystem(psychrolib.SI)
    for t in (-2.0, 5.0, 15.0, 25.0, 35.0, 45.0):
        assert merkel.saturated_kj_per_kg(t) == pytest.approx(psychrolib.GetSatAirEnthalpy(t, 101325.0) / 1000.0, abs=0.05)
    assert merkel.saturated_slope(20.0) == pytest.approx((merkel.saturated_kj_per_kg(20.01) - merkel.saturated_kj_per_kg(19.99)) / 0.02, rel=1e-4)


def test_the_design_point_comes_out() -> None:
    assert settled(merkel.leaving_target_c, 35.0, 25.55, 1.0, 1.0) == pytest.approx(29.44, abs=0.15)


@pytest.mark.parametrize("wetbulb", [-10.0, 0.0, 10.0, 20.0, 26.0])
def test_merkel_is_monotone(wetbulb: float) -> None:
    entering = max(wetbulb + 8.0, 16.0)
    by_fan = [settled(merkel.leaving_target_c, entering, wetbulb, 0.9, f) for f in np.linspace(0.15, 1.0, 18)]
    by_water = [settled(merkel.leaving_target_c, entering, wetbulb, w, 0.8) for w in np.linspace(0.4, 1.25, 18)]
    by_wetbulb = [settled(merkel.leaving_target_c, entering, wetbulb + d, 0.9, 0.8) for d in np.linspace(0.0, 3.0, 7)]
    assert np.all(np.diff(by_fan) <= 1e-9)
    assert np.all(np.diff(by_water) >= -1e-9)
    assert np.all(np.diff(by_wetbulb) >= -1e-9)
    assert all(wetbulb < t < entering for t in (*by_fan, *by_water))


def test_two_theories_of_one_tower_agree_near_design_and_both_lose_approach_in_the_cold() -> None:
    for wetbulb, entering in ((25.6, 34.0), (20.0, 30.0), (15.0, 26.0)):
        york, own = (settled(f, entering, wetbulb, 1.0, 1.0) for f in (tower.leaving_target_c, merkel.leaving_target_c))
        assert own == pytest.approx(york, abs=1.5)

    def approach(wetbulb: float) -> float:
        """At a range of 5.56 K."""
        low, high = wetbulb + 5.6, wetbulb + 60.0
        for _ in range(60):
            entering = 0.5 * (low + high)
            if entering - settled(merkel.leaving_target_c, entering, wetbulb, 1.0, 1.0) < 5.56:
                low = entering
            else:
                high = entering
        return 0.5 * (low + high) - 5.56 - wetbulb

    assert approach(5.0) > approach(15.0) > approach(25.0) > 2.8
