"""A request becomes the numbers of one problem: bounds at the envelope's rates, disturbances ahead, soft limits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.optimise.problem import WEIGHT, problem_of
from controller.optimise.request import PlanRequest
from safety.records import Quantiles, Reach

CHWS = "plant.chws_setpoint_c"
FAN = "hall-a.crah_fan_setpoint_pct"


def pose(bench: Any, request: PlanRequest) -> Any:
    """Returns the problem of a request."""
    return problem_of(bench.site, bench.parameters, bench.limits, request)


def test_the_first_step_is_bound_by_rate_over_the_time_since_the_last_verdict(bench: Any) -> None:
    """0.1 K/min warmer and 0.25 K/min colder for 5 min, air may rise at once."""
    problem = pose(bench, bench.request())
    assert problem.upper[CHWS][0] == pytest.approx(10.5)
    assert problem.lower[CHWS][0] == pytest.approx(8.75)
    assert problem.upper[FAN][0] == 100.0
    assert problem.lower[FAN][0] == pytest.approx(65.0)


def test_a_long_gap_earns_no_larger_step(bench: Any) -> None:
    """The envelope counts 15 min at most."""
    problem = pose(bench, replace(bench.request(), elapsed_s=7200.0))
    assert problem.upper[CHWS][0] == pytest.approx(11.5)


def test_the_envelopes_reach_bounds_the_first_step_and_what_lasts_of_it_every_step(bench: Any) -> None:
    """From 10 .. 10.2 C now, at 0.1 and 0.25 K/min in steps of 5 min, never above 10.6 C."""
    asked = replace(bench.request(), reach={CHWS: Reach(10.0, 10.2, 6.0, 10.6), FAN: Reach(90.0, 90.0, 30.0, 100.0)})
    problem = pose(bench, asked)
    assert problem.upper[CHWS][:3] == pytest.approx((10.2, 10.6, 10.6))
    assert problem.lower[CHWS][:3] == pytest.approx((10.0, 8.75, 7.5))
    assert problem.lower[FAN][:2] == pytest.approx((90.0, 65.0))
    assert problem.upper[FAN][:2] == (90.0, 100.0)


def test_machines_that_are_not_ours_are_not_planned_with(bench: Any) -> None:
    """All chillers absent: none can be added for a load ahead."""
    every = tuple(c.name for c in bench.site.chiller)
    free = {f"{name}.machine_state": 0.0 for name in every}
    usual, absent = (pose(bench, replace(bench.request(free), absent=gone)) for gone in ((), every[1:]))
    assert usual.ahead[-1]["plant.chillers_running"] > absent.ahead[-1]["plant.chillers_running"] == 1.0


def test_what_is_not_ours_stays_where_it_is(bench: Any) -> None:
    """Neither bound leaves what is in force."""
    problem = pose(bench, bench.request(writable=(FAN,)))
    assert set(problem.lower[CHWS]) == set(problem.upper[CHWS]) == {10.0}


@pytest.mark.parametrize("value", [2.0, 25.0])
def test_from_outside_the_range_the_plan_comes_back_at_its_rate_and_stays_feasible(bench: Any, value: float) -> None:
    """An operator had set 25 degC, or 2: every step has a reachable value."""
    problem = pose(bench, bench.request(in_force={CHWS: value}))
    lower, upper = problem.lower[CHWS], problem.upper[CHWS]
    assert all(low <= high for low, high in zip(lower, upper, strict=True))
    assert (upper[0] if value > 20.0 else lower[0]) == pytest.approx(value - 1.25 if value > 20.0 else value + 0.5)
    assert all(low <= start <= high for low, start, high in zip(lower, problem.start[CHWS], upper, strict=True))


def test_the_search_starts_from_the_last_plan_one_step_on(bench: Any) -> None:
    """Its first element is the past."""
    last = {CHWS: (10.0, 10.2, 10.4)}
    assert pose(bench, bench.request(last=last)).start[CHWS][:3] == (10.2, 10.4, 10.4)


def test_a_rising_load_brings_machines_and_never_more_than_there_are(bench: Any) -> None:
    """The BAS stages with the load."""
    request = bench.request()
    now = request.measured["hall-a.it_load_kw"]
    growing = tuple(now * (1.0 + 0.2 * k) for k in range(bench.steps + 1))
    series = {**request.forecast.series, "hall-a.it_load_kw": Quantiles(growing, growing, growing)}
    ahead = pose(bench, replace(request, forecast=replace(request.forecast, series=series))).ahead
    running = [at["plant.chillers_running"] for at in ahead]
    assert running == sorted(running)
    assert running[0] == 3.0
    assert running[-1] == 5.0


def test_in_free_cooling_the_problem_knows_how_many_chillers_would_run(bench: Any) -> None:
    """None runs now, yet losing the economiser must have its price."""
    idle = {f"ch-{i}.machine_state": 0.0 for i in range(1, 6)} | {"wse.economiser_state": 2.0, "weather.oa_wetbulb_c": 0.0, "cwp.running_count": 0.0}
    ahead = pose(bench, bench.request(idle)).ahead
    assert ahead[0]["plant.free_share"] == 1.0
    assert 2.0 <= ahead[-1]["plant.chillers_running"] <= 5.0
    assert ahead[0]["plant.mode_known"] == 1.0
    assert ahead[-1]["plant.mode_known"] < 1.0


def test_energy_weighs_as_it_costs(bench: Any) -> None:
    """A price three times as high late in the horizon, the mean weight 1."""
    request = bench.request()
    count = bench.steps + 1
    prices = (0.1,) * 4 + (0.3,) * (count - 4)
    series = {**request.forecast.series, "site.energy_price_per_kwh": Quantiles(prices, prices, prices)}
    weights = [at[WEIGHT] for at in pose(bench, replace(request, forecast=replace(request.forecast, series=series))).ahead]
    assert weights[-1] == pytest.approx(3.0 * weights[0])
    assert sum(weights) / count == pytest.approx(1.0)


def test_soft_limits_are_the_envelopes_with_margin_or_spread_whichever_is_wider(bench: Any) -> None:
    """27 degC less the site's margin of 1 K, as the resets have it, unless the model errs by more; supply air 2 K over the dew point."""
    at = pose(bench, bench.request()).ahead[0]
    assert bench.parameters.halls["hall-a"].inlet_spread_k < 1.0
    assert at["hall-a.inlet_high_c"] == pytest.approx(26.0)
    assert at["hall-a.supply_low_c"] == pytest.approx(11.0)
    assert at["plant.lift_low_k"] == 8.0
