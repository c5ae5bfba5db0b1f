"""Technology and facility water: dew point, class, flow for the power cap, and alarms that freeze."""

import math
from dataclasses import replace

import pytest

from safety.limits import LiquidLimits, SetpointLimits

TCS, TCS_DP, FWS = "hall-b.tcs_setpoint_c", "hall-b.tcs_dp_setpoint_kpa", "fws.fws_setpoint_c"
OURS = frozenset({TCS, TCS_DP, FWS})
HELD = {TCS: 35.0, TCS_DP: 150.0, FWS: 30.0}
CALM = {
    "hall-b.tcs_supply_temp_c": 35.0,
    "hall-b.it_power_cap_kw": 3000.0,
    "cdu-1.leak_state": 0.0,
    "cdu-1.low_pressure_state": 0.0,
    "cdu-1.filter_dp_kpa": 20.0,
}


@pytest.fixture
def loop(calm):
    """A hall of 6 MW on technology water of class S40, 200 kPa at design flow."""
    setpoints = {TCS: SetpointLimits(18.0, 40.0, 1.0, 1.0), TCS_DP: SetpointLimits(50.0, 300.0, 60.0, 20.0), FWS: SetpointLimits(20.0, 40.0, 1.0, 1.0)}
    alarms = ("cdu-1.leak_state", "cdu-1.low_pressure_state")
    liquid = LiquidLimits("hall-b", 40.0, 6000.0, 200.0, 0.35, ("fws",), alarms, {"cdu-1.filter_dp_kpa": 50.0})
    return replace(calm.limits, setpoints=setpoints, liquids=(liquid,))


@pytest.fixture
def ask(decide, loop):
    def ask(setpoint, value, seen=None, held=None, limits=loop):
        permitted, rules = decide({setpoint: value}, {**CALM, **(seen or {})}, {**HELD, **(held or {})}, limits=limits, writable=OURS)
        return permitted.get(setpoint), rules.get(setpoint, "")

    return ask


def test_calm_setpoints_pass(ask):
    assert ask(TCS, 37.0) == (37.0, "")
    assert ask(TCS_DP, 120.0) == (120.0, "")
    assert ask(FWS, 33.0) == (33.0, "")


@pytest.mark.parametrize(("dewpoint_c", "permitted"), [(27.9, 30.0), (28.0, 30.0), (28.5, 30.5), (None, 35.0), (math.nan, 35.0)])
def test_technology_water_stays_above_the_dew_point(ask, dewpoint_c, permitted):
    value, rule = ask(TCS, 30.0, {"hall-a.room_dewpoint_c": dewpoint_c})
    assert value == permitted
    assert rule == ("" if permitted == 30.0 else "liquid")


def test_racks_get_the_flow_of_the_power_they_may_draw(ask):
    assert ask(TCS_DP, 60.0)[0] == pytest.approx(60.0)
    assert ask(TCS_DP, 60.0, held={TCS_DP: 70.0}) == (60.0, "")
    assert ask(TCS_DP, 50.0, held={TCS_DP: 70.0}) == (pytest.approx(200.0 * 0.5**1.85), "liquid")
    cap = {"hall-b.it_power_cap_kw": 600.0}
    assert ask(TCS_DP, 50.0, cap, {TCS_DP: 70.0}) == (50.0, ""), "at the least flow 28.7 kPa would do, the range ends at 50"
    assert ask(TCS_DP, 100.0, {"hall-b.it_power_cap_kw": 9000.0}) == (200.0, "liquid")
    assert ask(TCS_DP, 100.0, {"hall-b.it_power_cap_kw": None}) == (200.0, "liquid")


def test_the_least_flow_holds_whatever_the_cap(ask, loop):
    strict = replace(loop, liquids=(replace(loop.liquids[0], flow_min_share=0.6),))
    assert ask(TCS_DP, 70.0, {"hall-b.it_power_cap_kw": 0.0}, limits=strict) == (pytest.approx(200.0 * 0.6**1.85), "liquid")


@pytest.mark.parametrize(
    "seen",
    [{"cdu-1.leak_state": 1.0}, {"cdu-1.low_pressure_state": 1.0}, {"cdu-1.leak_state": None}, {"cdu-1.filter_dp_kpa": 50.1}, {"cdu-1.filter_dp_kpa": None}],
)
def test_an_alarm_at_a_cdu_freezes_its_halls_setpoints_and_no_others(ask, seen):
    assert ask(TCS, 37.0, seen) == (35.0, "liquid")
    assert ask(TCS, 33.0, seen) == (35.0, "liquid")
    assert ask(TCS_DP, 160.0, seen) == (150.0, "liquid")
    assert ask(TCS_DP, 140.0, seen) == (150.0, "liquid")
    assert ask(FWS, 33.0, seen) == (33.0, "")
    assert ask(TCS, 33.0, seen, {TCS: None}) == (None, "rate")


def test_what_must_not_be_exceeded_comes_before_what_is_frozen(ask):
    assert ask(TCS, 35.0, {"cdu-1.leak_state": 1.0, "hall-a.room_dewpoint_c": 34.0}) == (36.0, "liquid")
    assert ask(TCS_DP, 60.0, {"cdu-1.leak_state": 1.0}, {TCS_DP: 51.0}) == (pytest.approx(200.0 * 0.5**1.85), "liquid")
    assert ask(TCS, 33.0, {"cdu-1.filter_dp_kpa": 50.0}) == (33.0, "")


@pytest.mark.parametrize("supply_c", [40.1, None])
def test_water_beyond_its_class_is_not_given_less_cooling(ask, supply_c):
    seen = {"hall-b.tcs_supply_temp_c": supply_c}
    assert ask(TCS, 36.0, seen) == (35.0, "liquid")
    assert ask(TCS, 34.0, seen) == (34.0, "")
    assert ask(TCS_DP, 140.0, seen) == (150.0, "liquid")
    assert ask(TCS_DP, 160.0, seen) == (160.0, "")
    assert ask(FWS, 31.0, seen) == (30.0, "liquid")
    assert ask(FWS, 29.0, seen) == (29.0, "")
    assert ask(TCS, 36.0, {"hall-b.tcs_supply_temp_c": 40.0}) == (36.0, "")


def test_only_the_loops_of_the_setpoint_count(ask, loop):
    other = replace(loop.liquids[0], hall="hall-c", facility_loops=("other",), alarms=("cdu-9.leak_state",), filters_kpa={})
    assert ask(TCS, 37.0, {"cdu-9.leak_state": 1.0}, limits=replace(loop, liquids=(*loop.liquids, other))) == (37.0, "")
    assert ask(FWS, 33.0, limits=replace(loop, liquids=(*loop.liquids, other))) == (33.0, "")
    assert ask(TCS_DP, 60.0, {"hall-b.it_power_cap_kw": None}, limits=replace(loop, liquids=()))[0] == 60.0
