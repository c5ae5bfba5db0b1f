"""Plug flow on cells: a front arrives after volume over flow, nothing overshoots, no energy is lost."""

from __future__ import annotations

import numpy as np
import pytest

from plant_models.components.pipe import limited_slope, transported


def front(cells: int, moved_share: float, steps: int) -> list[float]:
    """Returns what leaves a pipe of 10 degC in each step once its inlet jumps to 16 degC."""
    now, leaving = [10.0] * cells, []
    for _ in range(steps):
        leaving.append(now[-1])
        now = [float(v) for v in transported(now, 16.0, moved_share)]
    return leaving


@pytest.mark.parametrize("moved_share", [0.1, 0.3, 0.7])
def test_a_front_passes_in_volume_over_flow_and_stays_steep(moved_share: float) -> None:
    cells = 8
    leaving = np.array(front(cells, moved_share, round(3 * cells / moved_share)))
    middle, early, late = (int(np.argmax(leaving > t)) for t in (13.0, 10.6, 15.4))
    assert middle * moved_share == pytest.approx(cells, rel=0.1)
    assert (late - early) * moved_share < 4.0  # cells; eight mixed volumes would need seven
    assert leaving.min() >= 10.0 - 1e-12
    assert leaving.max() <= 16.0 + 1e-12
    assert np.all(np.diff(leaving) >= -1e-12)


def test_what_comes_in_less_what_leaves_is_what_stays() -> None:
    random = np.random.default_rng(1)
    now = list(random.uniform(5.0, 20.0, 8))
    for _ in range(200):
        inlet, moved = random.uniform(5.0, 20.0), random.uniform(0.0, 1.0)
        after = transported(now, inlet, moved)
        assert sum(after) - sum(now) == pytest.approx(moved * (inlet - now[-1]), abs=1e-12)
        now = after


def test_slopes_agree_in_sign_or_vanish() -> None:
    assert limited_slope(1.0, 1.0) == pytest.approx(1.0)
    assert limited_slope(1.0, -1.0) == 0.0
    assert limited_slope(3.0, 1.0) == pytest.approx(1.5)
    assert limited_slope(0.0, 0.0) == 0.0


def test_still_water_stays() -> None:
    assert transported([1.0, 2.0, 3.0], 9.0, 0.0) == [1.0, 2.0, 3.0]
