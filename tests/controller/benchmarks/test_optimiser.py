"""The benchmark measures one problem on several solvers; random states give a plan within the bounds or say why not; the largest site is planned."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from controller.benchmarks.requests import far_out, large, usual
from plant_models.reduced.nameplate import from_name_plate
from plant_models.site.limits import limits_of
from plant_models.site.load import LoadedSite, load_site

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # do-mpc warns of its optional parts when imported
    from controller.benchmarks import optimiser, states
    from controller.optimise.tracker import Tracker

CONFIG = Path(__file__).parents[3] / "config" / "reference-a"


@pytest.fixture(scope="module")
def short() -> LoadedSite:
    """Returns reference plant A with a short horizon."""
    loaded = load_site(CONFIG, {})
    return replace(loaded, site=replace(loaded.site, optimiser=replace(loaded.site.optimiser, horizon_steps=6)))


@pytest.fixture(scope="module")
def tracker(short: LoadedSite) -> Tracker:
    """Returns its tracker."""
    built = Tracker(short.site, limits_of(short.site, short.points), from_name_plate(short.site))
    built.build(150)
    return built


def test_a_sample_of_far_out_states_gives_plans_or_reasons(short: LoadedSite, tracker: Tracker) -> None:
    outcomes = [states.trial(short, tracker, number, seed=1)[0] for number in range(30)]
    assert not [o for o in outcomes if o.startswith("WRONG")], outcomes
    assert outcomes.count("solved") >= 10
    assert all(o == "solved" or o.startswith(("no valid estimate", "the solver gave up")) for o in outcomes), outcomes


def test_the_same_number_and_seed_give_the_same_state(short: LoadedSite, tracker: Tracker) -> None:
    first, again, other = (far_out(short, tracker._parameters, n, 1) for n in (3, 3, 4))
    assert first == again != other


def test_a_plan_outside_its_bounds_is_called_wrong(short: LoadedSite, tracker: Tracker) -> None:
    request = usual(short.site, tracker._limits, tracker._parameters, seed=0)
    plan = tracker.plan(request)
    assert plan.solved, plan.says
    assert states._wrong(tracker, request, plan) is None
    far: Mapping[str, tuple[float, ...]] = {s: tuple(v + 100.0 for v in values) for s, values in plan.ahead.items()}
    assert "outside its bounds" in (states._wrong(tracker, request, replace(plan, ahead=far)) or "")
    assert "not finite" in (states._wrong(tracker, request, replace(plan, predicted={"a": float("nan")})) or "")


def test_contenders_solve_the_same_problem(short: LoadedSite, tracker: Tracker) -> None:
    requests = [usual(short.site, tracker._limits, tracker._parameters, seed) for seed in range(3)]
    found = optimiser._contest(tracker, requests)
    assert found["same_as_plain_casadi"] == "3 of 3"
    assert found["ratio_vs_plain_casadi"] > 0.0
    if "same_as_structured_solver" in found:
        assert found["same_as_structured_solver"] == "3 of 3"


def test_a_large_site_has_every_setpoint_and_a_plan(short: LoadedSite) -> None:
    site, limits = large(short, chillers=6, cells=6, halls=3)
    assert len(site.hall) == 3
    assert set(limits.setpoints) == set(site.setpoint)
    built = Tracker(site, limits, from_name_plate(site))
    took_ms, solved = optimiser.timed(built, [usual(site, limits, from_name_plate(site), seed=0)])
    assert (len(took_ms), solved) == (1, 1)
