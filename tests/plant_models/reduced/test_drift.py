"""The upkeep follows slow ageing, is bounded against faults, raises drift that it cannot follow, and is quiet under noise."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from plant_models.reduced.drift import Upkeep, follow, updated
from plant_models.reduced.parameters import ReducedParameters

GROUP = "plant.chillers_kw"


def days(ratios: list[float]) -> list[Upkeep]:
    """Returns the memory after each day of a series of measured over modelled energy."""
    found = [Upkeep()]
    for ratio in ratios:
        found.append(follow(found[-1], {GROUP: 9000.0 * ratio}, {GROUP: 9000.0, "plant.towers_kw": 100.0}))
    return found[1:]


def test_slow_ageing_is_followed() -> None:
    """4 % that stays: most of it is known after a month."""
    assert days([1.04] * 30)[-1].groups[GROUP].factor == pytest.approx(1.035, abs=0.003)


@pytest.mark.parametrize("ratio", [0.1, 3.0])
def test_a_fault_moves_no_factor_fast_or_far(ratio: float) -> None:
    """1 % a day, 15 % at most."""
    factors = [1.0, *(u.groups[GROUP].factor for u in days([ratio] * 40))]
    assert max(abs(b - a) for a, b in pairwise(factors)) <= 0.01 + 1e-12
    assert abs(factors[-1] - 1.0) == pytest.approx(0.15)


@pytest.mark.parametrize("ratio", [0.94, 1.06])
def test_drift_is_seen_within_a_week_either_way(ratio: float) -> None:
    """6 % is 4 % beyond what is tolerated: 0.15 is passed on the fourth day, however the factor follows."""
    assert [bool(u.drifted) for u in days([ratio] * 5)] == [False, False, False, True, True]


def test_noise_raises_nothing() -> None:
    """A year of 2 % noise about the truth."""
    ratios = (1.0 + 0.02 * np.random.default_rng(3).standard_normal(365)).tolist()
    assert not any(u.drifted for u in days(ratios))


def test_an_updated_model_draws_more_by_the_factor(parameters: ReducedParameters) -> None:
    """All terms of the group, and nothing else."""
    after = updated(parameters, days([1.04] * 30)[-1])
    before, now = parameters.plants["plant"], after.plants["plant"]
    factor = now.carnot_share / before.carnot_share
    assert factor > 1.03
    assert now.chiller_standing_kw / before.chiller_standing_kw == pytest.approx(factor)
    assert (now.cw_pump_kw, now.tower_reach_kgs) == (before.cw_pump_kw, before.tower_reach_kgs)
    assert after.halls == parameters.halls


def test_a_day_without_energy_is_no_news() -> None:
    assert follow(Upkeep(), {GROUP: 0.0}, {GROUP: 10.0}) == Upkeep()
