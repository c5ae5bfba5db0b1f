"""The tracker's plans keep the envelope's bounds, are cheaper than standing still, repeat to the last bit, and exist in every measured state."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from controller.encode import from_text, to_text
from controller.optimise.request import PlanRequest
from safety.records import Estimate, Proposal

CHWS, DP, CWS = "plant.chws_setpoint_c", "plant.chw_dp_setpoint_kpa", "plant.cws_setpoint_c"
STAGE = "plant.running_setpoint_count"  # the planner asks for it
SUPPLY, FAN = "hall-a.crah_supply_setpoint_c", "hall-a.crah_fan_setpoint_pct"


def check_bounds(bench: Any, request: PlanRequest, plan: Proposal) -> None:
    """Asserts that every step lies in range and within its rate."""
    for setpoint, ahead in plan.ahead.items():
        limit = bench.limits.setpoints[setpoint]
        before = request.in_force[setpoint]
        for value in ahead:
            assert limit.low - 1e-6 <= value <= limit.high + 1e-6, setpoint
            assert limit.raise_per_min is None or value - before <= 5.0 * limit.raise_per_min + 1e-5, setpoint
            assert limit.lower_per_min is None or before - value <= 5.0 * limit.lower_per_min + 1e-5, setpoint
            before = value


def test_a_plan_keeps_every_bound_and_says_what_it_does(bench: Any, tracker: Any) -> None:
    """Every setpoint that moves continuously, each step."""
    request = bench.request()
    plan = tracker.plan(request)
    assert plan.solved, plan.says
    assert set(plan.setpoints) == set(bench.limits.setpoints) - {STAGE}
    assert {s: v[0] for s, v in plan.ahead.items()} == plan.setpoints
    assert all(len(v) == bench.steps for v in plan.ahead.values())
    check_bounds(bench, request, plan)
    assert plan.says.startswith("moves ")
    assert plan.predicted["site.facility_kw"] > request.measured["hall-a.it_load_kw"]
    assert 0 < plan.iterations < 150


def test_a_plan_is_cheaper_than_standing_still(bench: Any, tracker: Any) -> None:
    """The objective with freedom is below that with none but the cheapest of setpoints to move."""
    free = tracker.plan(bench.request())
    held = tracker.plan(bench.request(writable=(DP,)))
    assert free.objective is not None
    assert held.objective is not None
    assert free.objective < held.objective - 1.0


def test_the_same_model_expects_less_of_the_plan_than_of_what_is_in_force(bench: Any, tracker: Any) -> None:
    """Both courses start from the same state, so that one step ahead they lie close together."""
    plan = tracker.plan(bench.request())
    assert plan.planned.facility_kw < plan.held.facility_kw - 1.0
    assert 0.0 < plan.planned.cooling_kw < plan.held.cooling_kw
    assert plan.planned.next_kw == pytest.approx(plan.predicted["site.facility_kw"], rel=2e-3)
    for name, expected in plan.planned.next_c.items():
        assert expected == pytest.approx(plan.predicted[name], abs=0.2), name  # the solver's two collocation points a step are coarser
    assert plan.planned.hottest_c["hall-a"] > plan.held.hottest_c["hall-a"], "it saves by warmer air"
    assert plan.planned.above_min == plan.held.above_min == 0.0
    hot = tracker.plan(bench.request({"hall-a.rack_inlet_max_c": 30.0, "hall-a.crah_supply_temp_c": 27.0}, in_force={SUPPLY: 27.0}))
    assert hot.held.above_min == 5.0 * (bench.steps - 1)
    assert 0.0 <= hot.planned.above_min < hot.held.above_min


def test_only_what_is_ours_is_planned(bench: Any, tracker: Any) -> None:
    """Authority in hand: nothing is proposed for it."""
    plan = tracker.plan(bench.request(writable=(CHWS, CWS)))
    assert plan.solved
    assert set(plan.setpoints) == {CHWS, CWS}


def test_nothing_ours_is_no_plan(bench: Any, tracker: Any) -> None:
    """And says so."""
    plan = tracker.plan(bench.request(writable=()))
    assert not plan.solved
    assert "ours" in plan.says


def test_no_valid_estimate_is_no_plan(bench: Any, tracker: Any) -> None:
    """The reason is passed on."""
    request = replace(bench.request(), estimate=Estimate(0.0, {}, {}, {}, valid=False, says="the inlet is unknown"))
    plan = tracker.plan(request)
    assert not plan.solved
    assert plan.setpoints == {}
    assert "the inlet is unknown" in plan.says


def test_a_hot_hall_gets_more_cooling(bench: Any, tracker: Any) -> None:
    """The infeasible limit is softened, and everything goes towards it: air first."""
    hot = tracker.plan(bench.request({"hall-a.rack_inlet_max_c": 31.0, "hall-a.crah_supply_temp_c": 26.0}, {FAN: 60.0, SUPPLY: 25.0}))
    assert hot.solved, hot.says
    assert hot.setpoints[FAN] > 60.0
    assert hot.setpoints[SUPPLY] < 25.0


NASTY = [
    {"hall-a.rack_inlet_max_c": 60.0, "hall-a.crah_supply_temp_c": 45.0, "hall-a.crah_return_temp_c": 60.0},
    {"hall-a.rack_inlet_max_c": 8.0, "hall-a.crah_supply_temp_c": 6.0, "hall-a.crah_return_temp_c": 9.0},
    {"plant.chws_temp_c": 30.0, "plant.chwr_temp_c": 20.0},
    {"plant.chws_temp_c": 4.0, "plant.cws_temp_c": 5.0, "weather.oa_wetbulb_c": -25.0},
    {"weather.oa_wetbulb_c": 33.0, "plant.cws_temp_c": 45.0},
    {"hall-a.it_load_kw": 0.0},
    {"hall-a.it_load_kw": 9000.0},
    {"hall-a.room_dewpoint_c": 24.0},
    {f"ch-{i}.machine_state": 4.0 for i in range(1, 6)},
    {"wse.economiser_state": 2.0, "weather.oa_wetbulb_c": 0.0} | {f"ch-{i}.machine_state": 0.0 for i in range(1, 6)},
    {f"ct-{i}.machine_state": 0.0 for i in range(1, 6)},
]


@pytest.mark.parametrize("nasty", NASTY, ids=range(len(NASTY)))
def test_no_measured_state_is_without_a_plan(bench: Any, tracker: Any, nasty: dict[str, float]) -> None:
    """Soft limits leave every problem feasible; the bounds hold all the same."""
    request = bench.request(nasty)
    plan = tracker.plan(request)
    assert plan.solved, plan.says
    check_bounds(bench, request, plan)


def test_the_same_request_gives_the_same_plan_whatever_was_solved_before(bench: Any, tracker: Any, make_tracker: Callable[[Any], Any]) -> None:
    """Nothing is carried over, and JSON loses nothing: this is what a replay that solves again rests on."""
    request = bench.request({"weather.oa_wetbulb_c": 12.0}, last={CHWS: (10.2, 10.4, 10.6)})
    first = tracker.plan(request)
    tracker.plan(bench.request({"hall-a.rack_inlet_max_c": 29.0}))
    again = tracker.plan(from_text(PlanRequest, to_text(request)))
    fresh = make_tracker(bench).plan(request)
    assert to_text(first) == to_text(again) == to_text(fresh)
    json.loads(to_text(first))


def test_too_few_iterations_give_no_plan_and_say_so(bench: Any, make_tracker: Callable[[Any], Any]) -> None:
    """A solver that gave up is not trusted."""
    plan = make_tracker(bench).plan(replace(bench.request(), iterations_limit=2))
    assert not plan.solved
    assert plan.setpoints == {}
    assert "gave up" in plan.says


def test_a_dear_hour_moves_cooling_away_from_it(bench: Any, tracker: Any) -> None:
    """Weights reach the solver: with energy dear later, colder water is made now than with energy dear now."""
    request = bench.request()
    count = bench.steps + 1
    series = request.forecast.series["site.energy_price_per_kwh"]
    plans = []
    for prices in ((0.01,) * 4 + (1.0,) * (count - 4), (1.0,) * 4 + (0.01,) * (count - 4)):
        changed = {**request.forecast.series, "site.energy_price_per_kwh": replace(series, median=prices)}
        plans.append(tracker.plan(replace(request, forecast=replace(request.forecast, series=changed))))
    assert all(p.solved for p in plans)
    assert plans[0].ahead[SUPPLY] != plans[1].ahead[SUPPLY]
    assert sum(plans[0].ahead[CHWS][:4]) < sum(plans[1].ahead[CHWS][:4])


@pytest.mark.parametrize("shape", ["no halls", "no chillers", "two halls"])
def test_sites_of_other_shapes_are_planned(bench: Any, make_tracker: Callable[[Any], Any], shape: str) -> None:
    """No code knows how many of anything there are."""
    site, parameters = bench.site, bench.parameters
    if shape == "no halls":
        site, parameters = replace(site, hall=()), replace(parameters, halls={})
    elif shape == "no chillers":
        site = replace(site, chiller=(), tower=(), economiser=())
    else:
        site = replace(site, hall=(replace(site.hall[0], it_capacity_kw=2500.0, crah_air_flow_kgs=245.0), replace(site.hall[0], name="hall-b", row_count=2)))
        parameters = replace(parameters, halls={h.name: parameters.halls["hall-a"] for h in site.hall})
    kept = {s: v for s, v in bench.limits.setpoints.items() if any(s.startswith(f"{e.name}.") for e in (*site.plant, *site.hall))}
    other = type(bench)(site, replace(bench.limits, setpoints=kept, chillers=bench.limits.chillers if site.chiller else ()), parameters, bench.steps)
    request = other.request(in_force={})
    plan = make_tracker(other).plan(request)
    assert plan.solved, plan.says
    assert set(plan.setpoints) == set(kept) - {STAGE}
    check_bounds(other, request, plan)
