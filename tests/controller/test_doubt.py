"""What makes a plan less trusted: a wide forecast, a plant outside of where its model was identified, and predictions that do not come true."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from controller.doubt import doubts_of, missed
from controller.stages import stages_of
from plant_models.reduced.parameters import Range
from plant_models.site.limits import limits_of
from plant_models.site.load import load_site
from safety.authority import Doubt
from safety.modes import Condition, Mode, Stage
from safety.records import Estimate, Forecast, Measurements, Proposal, Quantiles, Source
from tests.controller.conftest import Rig

STAGES = stages_of(load_site(Path(__file__).parents[2] / "config/small", {}))
LOADED = STAGES.loaded
LIMITS = limits_of(LOADED.site, LOADED.points)
STATES = {
    "plant.chws_temp_c": 10.0,
    "plant.chwr_temp_c": 18.0,
    "plant.cws_temp_c": 24.0,
    "hall-a.crah_supply_temp_c": 20.0,
    "hall-a.crah_return_temp_c": 31.0,
    "hall-a.rack_inlet_max_c": 23.0,
    "hall-a.mass_temp_c": 30.0,
}
SEEN = {**STATES, "weather.oa_wetbulb_c": 20.0, "hall-a.it_load_kw": 700.0}
IN_FORCE = {
    "plant.chws_setpoint_c": 10.0,
    "plant.chw_dp_setpoint_kpa": 150.0,
    "plant.cws_setpoint_c": 24.0,
    "hall-a.crah_supply_setpoint_c": 20.0,
    "hall-a.crah_fan_setpoint_pct": 90.0,
}
INLET, WATER = "hall-a.rack_inlet_max_c", "plant.chws_temp_c"


def doubts(seen: dict[str, float] | None = None, wide_kw: float = 50.0, misses: dict[str, float] | None = None, valid: bool = True) -> frozenset[Doubt]:
    measured = Measurements(0.0, {**SEEN, **(seen or {})})
    estimate = Estimate(0.0, STATES, {}, {}, valid)
    load = Quantiles((700.0 - wide_kw / 2,) * 13, (700.0,) * 13, (700.0 + wide_kw / 2,) * 13)
    return doubts_of(LOADED, STAGES.parameters, Forecast(0.0, 300.0, {"hall-a.it_load_kw": load}), estimate, measured, IN_FORCE, misses or {})


def test_on_an_ordinary_day_there_is_no_doubt() -> None:
    assert doubts() == frozenset()


def test_a_wide_forecast_is_a_doubt() -> None:
    assert doubts(wide_kw=251.0) == {Doubt.FORECAST_WIDE}


@pytest.mark.parametrize(
    ("wetbulb_c", "found"),
    [(27.0, set()), (29.5, {Doubt.EXTRAPOLATES}), (44.0, {Doubt.EXTRAPOLATES}), (47.0, {Doubt.OUT_OF_DISTRIBUTION}), (-33.0, {Doubt.OUT_OF_DISTRIBUTION})],
)
def test_weather_beyond_what_the_model_has_seen(wetbulb_c: float, found: set[Doubt]) -> None:
    """The small site's model was identified at wet bulbs of -12.5 .. 26.3 degC: a twentieth beyond is noise, half as much again is another climate."""
    assert doubts({"weather.oa_wetbulb_c": wetbulb_c}) == found


def test_a_load_beyond_what_the_model_has_seen() -> None:
    assert doubts({"hall-a.it_load_kw": 100.0}) == {Doubt.OUT_OF_DISTRIBUTION}


def test_a_machine_out_of_order_is_no_unseen_weather() -> None:
    narrow = replace(STAGES.parameters, validity={"plant.cells_running": Range(9.0, 9.0)})
    load = Forecast(0.0, 300.0, {})
    assert doubts_of(LOADED, narrow, load, Estimate(0.0, STATES, {}, {}, True), Measurements(0.0, SEEN), IN_FORCE, {}) == frozenset()


def test_without_a_valid_estimate_the_model_is_not_judged() -> None:
    assert doubts({"weather.oa_wetbulb_c": 60.0}, valid=False) == frozenset()


@pytest.mark.parametrize(
    ("misses", "found"), [({INLET: 0.99, WATER: 0.99}, set()), ({INLET: 1.01}, {Doubt.MODEL_DRIFTS}), ({WATER: 1.01}, {Doubt.MODEL_DRIFTS})]
)
def test_predictions_that_do_not_come_true(misses: dict[str, float], found: set[Doubt]) -> None:
    assert doubts(misses=misses) == found


def plan(**changes: object) -> Proposal:
    made = Proposal(Source.PLAN, 0.0, True, {"plant.chws_setpoint_c": 11.0}, predicted={INLET: 23.0, WATER: 10.0, "site.facility_kw": 900.0})
    return replace(made, **changes)  # type: ignore[arg-type]


def seen_at(at_s: float, **values: float) -> Measurements:
    return Measurements(at_s, {INLET: 25.4, WATER: 10.0} | values)


def test_an_error_is_remembered_for_an_hour() -> None:
    asked = {"plant.chws_setpoint_c": 11.0}
    once = missed(LOADED, LIMITS, {}, plan(), asked, seen_at(300.0))
    assert once == {INLET: pytest.approx(2.4 / 12), WATER: 0.0}
    misses: dict[str, float] = {}
    for _ in range(12):
        misses = dict(missed(LOADED, LIMITS, misses, plan(), asked, seen_at(300.0)))
    assert misses[INLET] == pytest.approx(2.4 * (1 - (11 / 12) ** 12))
    assert doubts(misses=misses) == {Doubt.MODEL_DRIFTS}


@pytest.mark.parametrize(
    ("made", "asked", "at_s"),
    [
        (None, {"plant.chws_setpoint_c": 11.0}, 300.0),
        (plan(setpoints={}), {"plant.chws_setpoint_c": 11.0}, 300.0),
        (plan(), {}, 300.0),
        (plan(), {"plant.chws_setpoint_c": 10.5}, 300.0),
        (plan(), {"plant.chws_setpoint_c": 11.0}, 361.0),
        (plan(), {"plant.chws_setpoint_c": 11.0}, 239.0),
    ],
    ids=["no plan", "an empty plan", "not asked", "narrowed", "late", "early"],
)
def test_what_was_not_done_as_planned_proves_nothing(made: Proposal | None, asked: dict[str, float], at_s: float) -> None:
    assert missed(LOADED, LIMITS, {INLET: 0.3}, made, asked, seen_at(at_s)) == {INLET: 0.3}


async def test_out_of_its_depth_the_plan_is_not_used(rig: Callable[..., Awaitable[Rig]]) -> None:
    small = await rig(Stage.AUTO)
    await small.run(15)
    stages = small.engine.cycle.stages
    seen = replace(stages.parameters, validity={"weather.oa_wetbulb_c": Range(-30.0, -20.0)})
    object.__setattr__(small.engine.cycle, "stages", replace(stages, parameters=seen))
    await small.run(15)
    decision = small.done[-1].record.decision
    assert decision.doubts == {Doubt.OUT_OF_DISTRIBUTION}
    assert Condition.PLAN_DISTRUSTED in decision.conditions
    assert decision.memory.mode.mode is Mode.RESET
