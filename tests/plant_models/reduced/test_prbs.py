"""Plans of steps are balanced, uncorrelated, within what rates allow, and refused with every problem at once."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from plant_models.reduced.prbs import AMPLITUDES, PlanError, StepPlan, as_plan, correlation, design, load_plan, save_plan
from plant_models.site.limits import limits_of
from plant_models.site.load import load_site

LOADED = load_site(Path(__file__).parents[3] / "config" / "small", {})
LIMITS = limits_of(LOADED.site, LOADED.points)
CHWS = "plant.chws_setpoint_c"


@pytest.mark.parametrize(("hours", "blocks"), [(3.0, 1), (12.0, 4)])
def test_a_plan_is_balanced_uncorrelated_and_repeatable(hours: float, blocks: int) -> None:
    plan = design("small", LIMITS, hours, 7)
    signs = np.sign(np.array(list(plan.steps.values())))
    assert signs.shape == (5, 8 * blocks)
    assert (signs.sum(axis=1) == 0).all(), "as long above as below"
    assert np.allclose(signs @ signs.T, 8 * blocks * np.eye(5)), "no two go together"
    assert plan.duration_s == pytest.approx(3600.0 * hours)
    assert plan.correlation == pytest.approx(correlation(plan, LIMITS), abs=1e-4)
    assert plan.correlation < 0.2
    assert plan == design("small", LIMITS, hours, 7) != design("small", LIMITS, hours, 8)
    assert all(abs(o) <= AMPLITUDES[s.partition(".")[2]] for s, offsets in plan.steps.items() for o in offsets)


def test_steps_are_small_where_rates_are_slow() -> None:
    """0.1 K/min over 80 % of 22.5 min from one side to the other: 0.9 K to either."""
    plan = design("small", LIMITS, 3.0, 0, [CHWS])
    assert LIMITS.setpoints[CHWS].raise_per_min == 0.1
    assert {abs(o) for o in plan.steps[CHWS]} == {0.9}
    free = replace(LIMITS, setpoints={CHWS: replace(LIMITS.setpoints[CHWS], raise_per_min=None, lower_per_min=None)})
    assert {abs(o) for o in design("small", free, 3.0, 0).steps[CHWS]} == {1.5}


def test_a_step_lasts_its_clock_and_there_is_none_before_or_after() -> None:
    plan = StepPlan("small", 0, 1200.0, {CHWS: (1.0, -1.0)})
    assert [plan.offset(CHWS, s) for s in (-1.0, 0.0, 1199.0, 1200.0, 2399.0, 2400.0)] == [0.0, 1.0, 1.0, -1.0, -1.0, 0.0]
    assert StepPlan("small", 0, 1200.0).duration_s == 0.0


def test_what_cannot_be_planned_is_refused_all_at_once() -> None:
    with pytest.raises(PlanError) as caught:
        design("small", LIMITS, 1.0, -1, ["plant.no_setpoint_c"])
    assert [p.partition(":")[0] for p in caught.value.problems] == ["setpoint plant.no_setpoint_c", "0 setpoints to move; allowed", "hours 1", "seed -1"]


def test_a_plan_file_is_read_back_and_a_wrong_one_says_everything(tmp_path: Path) -> None:
    plan, path = design("small", LIMITS, 3.0, 1), tmp_path / "plan.json"
    save_plan(plan, path)
    assert load_plan(path, LIMITS, "small") == plan
    with pytest.raises(PlanError, match="cannot be read as JSON"):
        load_plan(tmp_path / "none.json", LIMITS, "small")
    wrong = asdict(plan) | {"steps": {CHWS: [9.0] * 200, "ch-1.power_kw": [1.0]}}
    with pytest.raises(PlanError) as caught:
        as_plan(json.loads(json.dumps(wrong)), LIMITS, "elsewhere")
    assert len(caught.value.problems) == 5
    with pytest.raises(PlanError, match="clock_s"):
        as_plan(asdict(plan) | {"clock_s": 5.0}, LIMITS, "small")
