"""Stages over a day: time between changes, enough machines for the load that may come, and none less before the measured load lets it go."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.optimise.planner import STEPS, Planner
from controller.optimise.planner_path import DWELL_STEPS, cheapest
from controller.optimise.problem import problem_of
from controller.optimise.request import PlanRequest
from safety.records import DayPlan, Proposal, Quantiles, Reach, Source

STAGE, LOAD = "plant.running_setpoint_count", "hall-a.it_load_kw"
FREE = (1, 32)


def course(cost: list[list[float]], least: int | list[int] = 1, start: int = 2, first: tuple[int, int] = FREE, start_kwh: float = 10.0) -> Any:
    """Returns the cheapest course through a table of costs."""
    table = np.array(cost, dtype=float)
    return cheapest(table, np.broadcast_to(np.array(least), (len(cost),)), start, first, start_kwh)


def test_a_saving_that_does_not_pay_a_start_starts_nothing() -> None:
    """One machine more would save 4 kWh in each of two steps; a start costs 10."""
    assert course([[50.0, 20.0, 16.0]] * 2).counts == (2, 2)
    assert course([[50.0, 20.0, 16.0]] * 3).counts == (3, 3, 3)  # 12 kWh in three
    assert course([[50.0, 20.0, 16.0]] * 3).cost_kwh == pytest.approx(58.0)
    assert course([[50.0, 20.0, 16.0]] * 3).bound_kwh == pytest.approx(48.0)


def test_stops_are_one_machine_at_a_time_with_time_between() -> None:
    assert course([[1.0, 2.0, 3.0, 4.0]] * 8, start=4).counts == (3, 3, 3, 2, 2, 2, 1, 1)


def test_the_first_step_stays_within_what_may_be_asked_for() -> None:
    assert course([[1.0, 2.0, 3.0, 4.0]] * 4, start=3, first=(3, 4)).counts[0] == 3
    assert course([[4.0, 3.0, 2.0, 1.0]] * 4, start=3, first=(2, 3)).counts[0] == 3


def test_a_load_that_comes_finds_its_machines_running() -> None:
    assert course([[1.0, 2.0, 3.0]] * 6, [1, 1, 1, 1, 3, 3], start=1).counts[4:] == (3, 3)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_every_course_keeps_dwell_and_least(data: st.DataObject) -> None:
    most = data.draw(st.integers(1, 4))
    steps = data.draw(st.integers(1, 12))
    cost = data.draw(st.lists(st.lists(st.floats(0.0, 100.0), min_size=most, max_size=most), min_size=steps, max_size=steps))
    start, least = data.draw(st.integers(1, most)), data.draw(st.integers(1, most))
    path = course(cost, least, start)
    changes = [k for k, (a, b) in enumerate(pairwise((start, *path.counts))) if a != b]
    assert all(abs(a - b) <= 1 for a, b in pairwise((start, *path.counts)))
    reached = max(least - start - 1, 0)
    assert all(n >= least for n in path.counts[reached:])
    assert all(b - a > DWELL_STEPS for a, b in pairwise(changes) if a >= reached)
    assert path.cost_kwh >= path.bound_kwh


@pytest.fixture(scope="module")
def planner(bench: Any) -> Planner:
    """Returns the planner of reference plant A."""
    return Planner(bench.site, bench.limits, bench.parameters)


def tracked(request: PlanRequest, solved: bool = True) -> Proposal:
    """Returns what a tracker may have proposed."""
    chws = "plant.chws_setpoint_c"
    return Proposal(Source.PLAN, request.estimate.at_s, solved, {chws: 10.0} if solved else {}, ahead={chws: (10.0,) * 8} if solved else {})


def at(request: PlanRequest, count: int, low: float = 1.0, high: float = 5.0) -> PlanRequest:
    """Returns a request while so many machines are in force, and what the envelope lets through."""
    return replace(request, in_force={**request.in_force, STAGE: float(count)}, reach={STAGE: Reach(low, high, 1.0, 5.0)})


def test_the_tracker_s_proposal_is_completed(bench: Any, planner: Planner) -> None:
    asked = at(bench.request(), 3)
    found = planner.complete(asked, tracked(asked))
    assert found.day is not None
    assert found.solved
    assert len(found.day.counts[STAGE]) == STEPS
    assert found.setpoints[STAGE] == found.day.counts[STAGE][0]
    assert set(found.setpoints) == {STAGE, "plant.chws_setpoint_c"} == set(found.ahead)
    assert len(found.ahead[STAGE]) == 8
    assert 0.0 <= found.day.gap_kwh < found.day.cost_kwh
    assert STAGE in found.says
    assert found == planner.complete(asked, tracked(asked))


def test_what_cannot_be_planned_stays_as_the_tracker_has_it(bench: Any, planner: Planner) -> None:
    asked = at(bench.request(), 3)
    assert planner.complete(asked, tracked(asked, solved=False)) == tracked(asked, solved=False)
    blind = replace(asked, in_force={s: v for s, v in asked.in_force.items() if s != STAGE})
    assert planner.complete(blind, tracked(blind)) == tracked(blind)
    theirs = replace(asked, writable=tuple(s for s in asked.writable if s != STAGE))
    assert STAGE not in planner.complete(theirs, tracked(theirs)).setpoints


def test_a_plan_holds_for_a_quarter_hour_and_not_beyond_the_load(bench: Any, planner: Planner) -> None:
    asked = at(bench.request(), 3)
    day = DayPlan(asked.estimate.at_s - 600.0, 900.0, {STAGE: (3,) * STEPS}, 1.0, 0.0, "as before")
    assert planner.complete(replace(asked, day=day), tracked(asked)).day is day
    old = replace(day, made_at_s=asked.estimate.at_s - 900.0)
    assert planner.complete(replace(asked, day=old), tracked(asked)).day is not old
    few = replace(day, counts={STAGE: (1,) * STEPS})  # 3,000 kW are more than one machine of 1,407 kW carries
    assert planner.complete(replace(asked, day=few), tracked(asked)).day is not few


def forecast_of(request: PlanRequest, kw: float) -> PlanRequest:
    """Returns a request whose forecast says a load from now on, whatever is measured."""
    ahead = request.day_ahead
    assert ahead is not None
    said = (kw,) * len(ahead.series[LOAD].median)
    return replace(request, day_ahead=replace(ahead, series={**ahead.series, LOAD: Quantiles(said, said, said)}))


def test_a_forecast_adds_machines_at_once_and_removes_none_before_the_load_is_measured(bench: Any, planner: Planner) -> None:
    """3,000 kW are measured: by hand 3 machines of 1,407 kW, of which 0.88 are used, and 4 for 4,500 kW."""
    asked = at(bench.request(), 3)
    promised = planner.complete(forecast_of(asked, 200.0), tracked(asked))
    assert promised.setpoints[STAGE] >= 3
    assert planner.complete(forecast_of(asked, 4500.0), tracked(asked)).setpoints[STAGE] == 4
    gone = at(bench.request({LOAD: 200.0, "plant.chwr_temp_c": 10.5}), 3)
    assert planner.complete(gone, tracked(gone)).setpoints[STAGE] == 2  # measured, it goes, one at a time


def test_a_machine_that_runs_is_let_go_later_than_it_was_called(bench: Any, planner: Planner) -> None:
    """Two machines of 1,407 kW carry 2,476 kW with 0.88 of them and 2,307 kW with 0.82: between, who runs three keeps three, who runs two keeps two."""
    between = bench.request({LOAD: 2390.0, "plant.chwr_temp_c": 10.5})
    assert 2307.5 < planner._heat_kw(bench.site.plant[0], between) < 2476.3
    for count in (2, 3):
        asked = forecast_of(at(between, count), 2390.0)
        assert planner.complete(asked, tracked(asked)).setpoints[STAGE] == count


def test_machines_out_of_service_and_spare_ones_count(bench: Any) -> None:
    asked = at(bench.request(), 3)
    planned = Planner(replace(bench.site, plant=(replace(bench.site.plant[0], spare_chillers=1),)), bench.limits, bench.parameters)
    assert planned.complete(asked, tracked(asked)).setpoints[STAGE] == 4
    absent = replace(asked, absent=("ch-3", "ch-4", "ch-5"))
    found = planned.complete(absent, tracked(absent)).day
    assert found is not None
    assert max(found.counts[STAGE]) <= 2


def test_the_tracker_reckons_with_the_plan(bench: Any) -> None:
    asked = at(bench.request(), 3)
    day = DayPlan(asked.estimate.at_s, 900.0, {STAGE: (3, 4, *(4,) * (STEPS - 2))}, 1.0, 0.0)
    ahead = problem_of(bench.site, bench.parameters, bench.limits, replace(asked, day=day)).ahead
    assert [at_["plant.chillers_running"] for at_ in ahead[:5]] == [3.0, 3.0, 3.0, 4.0, 4.0]
    assert ahead[4]["plant.cells_running"] == 5.0
    theirs = replace(asked, day=day, writable=tuple(s for s in asked.writable if s != STAGE))
    assert problem_of(bench.site, bench.parameters, bench.limits, theirs).ahead[4]["plant.chillers_running"] == 3.0
