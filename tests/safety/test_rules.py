"""Each rule of the envelope in the situations that it is for, and with the measurement it needs missing."""

from dataclasses import replace

import pytest

from safety.envelope import judge
from safety.limits import HallLimits, SetpointLimits
from safety.records import InletTrend, Intervention

CHWS, DP, CWS = "plant.chws_setpoint_c", "plant.chw_dp_setpoint_kpa", "plant.cws_setpoint_c"
AIR, FAN, TCS = "hall-a.crah_supply_setpoint_c", "hall-a.crah_fan_setpoint_pct", "cdu-1.tcs_setpoint_c"
INLET, DEWPOINT, RH = "hall-a.rack_inlet_max_c", "hall-a.room_dewpoint_c", "hall-a.room_rh_pct"
ROWS = ("hall-a-r01.rack_inlet_c", "hall-a-r02.rack_inlet_c", "hall-a-r03.rack_inlet_c")
OFF = {"ch-1.machine_state": 0.0}
RELAX = {CWS: 26.0, CHWS: 12.4, DP: 80.0, AIR: 21.5, FAN: 50.0}  # within every rate
MORE = {CWS: 24.0, CHWS: 11.0, DP: 110.0, AIR: 20.0, FAN: 90.0}  # within every rate


def held(*names):
    in_force = {CWS: 25.0, CHWS: 12.0, DP: 90.0, AIR: 21.0, FAN: 60.0, TCS: 30.0}
    return {name: in_force[name] for name in names}


def test_calm_relaxing_and_cooling_pass(decide):
    assert decide(RELAX) == (RELAX, {})
    assert decide(MORE) == (MORE, {})


@pytest.mark.parametrize(
    ("setpoint", "asked", "permitted"),
    [
        (CHWS, 17.0, 12.5),
        (CHWS, 8.0, 10.75),
        (DP, 150.0, 150.0),
        (DP, 40.0, 52.5),
        (CWS, 30.0, 27.5),
        (CWS, 15.0, 22.5),
        (AIR, 26.0, 22.0),
        (AIR, 16.0, 19.35),
        (FAN, 100.0, 100.0),
        (FAN, 30.0, 35.0),
        (TCS, 40.0, 35.0),
        (TCS, 20.0, 25.0),
    ],
)
def test_rate_in_five_minutes(decide, setpoint, asked, permitted):
    value, rules = decide({setpoint: asked})
    assert value == {setpoint: pytest.approx(permitted, abs=1e-12)}
    assert rules == ({} if asked == permitted else {setpoint: "rate"})


@pytest.mark.parametrize(("elapsed_s", "permitted"), [(0.0, 12.0), (-5.0, 12.0), (float("nan"), 12.0), (60.0, 12.1), (900.0, 13.5), (1e9, 13.5)])
def test_rate_counts_time_once_and_not_for_ever(decide, elapsed_s, permitted):
    assert decide({CHWS: 18.0}, elapsed_s=elapsed_s)[0] == {CHWS: pytest.approx(permitted)}


@pytest.mark.parametrize(
    ("setpoint", "low", "high"), [(CHWS, 6.0, 18.0), (DP, 40.0, 150.0), (CWS, 15.0, 30.0), (AIR, 16.0, 26.0), (FAN, 30.0, 100.0), (TCS, 18.0, 40.0)]
)
def test_range(decide, setpoint, low, high):
    wide = {"ch-1.chws_temp_c": 14.0, "ch-1.cwr_temp_c": 36.0, "plant.cws_temp_c": 30.0, "weather.oa_wetbulb_c": 28.0}
    for edge, beyond in ((low, low - 1.0), (high, high + 1.0)):
        near = edge + (0.05 if edge == low else -0.05)
        value, rules = decide({setpoint: beyond}, measured=wide | OFF, in_force={setpoint: near, CHWS: near if setpoint == CHWS else 12.0})
        assert value == {setpoint: edge}
        assert rules == {setpoint: "range"}


def test_a_value_in_force_outside_the_range_comes_back_at_its_rate(decide):
    assert decide({AIR: 22.0}, in_force={AIR: 29.0})[0] == {AIR: pytest.approx(29.0 - 0.33 * 5)}
    assert decide({AIR: 29.0}, in_force={AIR: 29.0}) == ({AIR: pytest.approx(29.0 - 0.33 * 5)}, {AIR: "range"})
    assert decide({AIR: 35.0}, in_force={AIR: 29.0})[0] == {AIR: pytest.approx(29.0 - 0.33 * 5)}
    assert decide({}, in_force={AIR: 29.0}) == ({AIR: pytest.approx(29.0 - 0.33 * 5)}, {AIR: "range"})
    assert decide({AIR: 10.0}, in_force={AIR: 13.0})[0] == {AIR: pytest.approx(14.0)}
    assert decide({AIR: 10.0}, in_force={AIR: 15.5})[0] == {AIR: 16.0}
    assert decide({AIR: 18.0}, in_force={AIR: 15.9})[0] == {AIR: pytest.approx(16.9)}
    assert decide({FAN: 30.0}, in_force={FAN: 0.0})[0] == {FAN: 30.0}
    assert decide({AIR: 29.0}, in_force={AIR: 29.0}, elapsed_s=0.0)[0] == {AIR: 29.0}


@pytest.mark.parametrize(
    ("asked", "in_force", "permitted"),
    [(0.0, 30.0, 0.0), (0.0, 0.0, 0.0), (-1.0, 0.0, 0.0), (0.0, 70.0, 45.0), (10.0, 30.0, 30.0), (10.0, 0.0, 30.0), (60.0, 0.0, 60.0), (29.9, 30.0, 30.0)],
)
def test_off_is_zero_and_nothing_between_zero_and_the_floor(calm, decide, asked, in_force, permitted):
    limits = replace(calm.limits, setpoints={FAN: SetpointLimits(30.0, 100.0, None, 5.0, True)})
    assert decide({FAN: asked}, in_force={FAN: in_force}, limits=limits)[0] == {FAN: permitted}


def test_off_is_not_for_a_hot_room_nor_where_it_is_not_allowed(calm, decide):
    limits = replace(calm.limits, setpoints={FAN: SetpointLimits(30.0, 100.0, None, 5.0, True)})
    assert decide({FAN: 0.0}, {INLET: 33.0}, {FAN: 30.0}, limits) == ({FAN: 100.0}, {FAN: "inlet"})
    assert decide({FAN: 0.0}, {INLET: None, ROWS[0]: None}, {FAN: 30.0}, limits) == ({FAN: 30.0}, {FAN: "inlet"})
    assert decide({FAN: 0.0}, in_force={FAN: 30.0}) == ({FAN: 30.0}, {FAN: "range"})
    assert decide({FAN: 10.0}, in_force={FAN: 30.0}, limits=limits) == ({FAN: 30.0}, {FAN: "range"})
    assert decide({FAN: 0.0}, in_force={FAN: 30.0}, limits=limits, elapsed_s=0.0) == ({FAN: 30.0}, {FAN: "rate"})
    assert decide({FAN: 0.0}, in_force={FAN: 30.0}, limits=limits, elapsed_s=6.0) == ({FAN: 0.0}, {})


def test_a_hot_room_is_cooled_faster_than_the_rate_and_never_relaxed_faster(decide):
    hot = {INLET: 28.0}
    trend = {"hall-a": InletTrend(400.0, 0.0, 0.0, 0.0)}
    full = {CWS: 15.0, CHWS: 6.0, DP: 150.0, AIR: 16.0, FAN: 100.0}
    low = {CWS: 26.0, CHWS: 12.0, DP: 50.0, AIR: 21.0, FAN: 40.0}
    assert decide(full, hot, low, inlets=trend) == (full, {})
    fast = {CWS: 30.0, CHWS: 18.0, DP: 40.0, AIR: 26.0, FAN: 30.0}
    assert decide(fast, hot, inlets=trend)[0] == held(*fast)


def test_one_of_several_halls_or_machines_is_enough(calm, decide):
    halls = (HallLimits("hall-b", "plant"), *calm.limits.halls)
    dry = {"hall-b.rack_inlet_max_c": 24.0, "hall-b.room_dewpoint_c": 10.0, "hall-b.room_rh_pct": 40.0}
    steady = {name: InletTrend(0.0, 0.0, 0.0, 0.0) for name in ("hall-a", "hall-b")}
    two = replace(calm.limits, halls=halls)
    assert decide({CHWS: 12.4}, dry, limits=two, inlets=steady) == ({CHWS: 12.4}, {})
    assert decide({CHWS: 12.4}, dry | {DEWPOINT: 16.0}, limits=two, inlets=steady) == ({CHWS: 12.0}, {CHWS: "humidity"})
    assert decide({CHWS: 12.4}, dry | {"hall-b.rack_inlet_max_c": None}, limits=two, inlets=steady) == ({CHWS: 12.0}, {CHWS: "inlet"})
    assert decide({CHWS: 12.4}, dry | {"hall-b.rack_inlet_max_c": 33.0}, limits=two, inlets=steady, writable=frozenset({CHWS})) == (
        {CHWS: 6.0},
        {CHWS: "inlet"},
    )
    machines = (*calm.limits.chillers, replace(calm.limits.chillers[0], name="ch-2"))
    both = replace(calm.limits, chillers=machines)
    second = {"ch-2.machine_state": 2.0, "ch-2.chws_temp_c": 12.0, "ch-2.cwr_temp_c": 29.0, "ch-2.evaporator_flow_kgs": 30.0}
    assert decide({DP: 80.0}, second, limits=both) == ({DP: 80.0}, {})
    assert decide({DP: 80.0}, second | {"ch-2.evaporator_flow_kgs": 10.0}, limits=both) == ({DP: 90.0}, {DP: "minimum_flow"})
    assert decide({CHWS: 11.0}, second | {"ch-2.chws_temp_c": 4.5}, limits=both) == ({CHWS: 12.0}, {CHWS: "freeze"})


def test_inlet_above_recommended_for_five_minutes_stops_every_reduction(decide):
    hot = {"hall-a": InletTrend(300.0, 0.0, 0.0, 0.0)}
    assert decide(RELAX, {INLET: 27.1}, inlets=hot) == (held(*RELAX), dict.fromkeys(RELAX, "inlet"))
    assert decide(RELAX, {INLET: 27.0}, inlets=hot)[0] == RELAX
    assert decide(RELAX, {INLET: 27.1}, inlets={"hall-a": InletTrend(299.0, 0.0, 0.0, 0.0)})[0] == RELAX
    assert decide(RELAX, {INLET: 27.1}, inlets={"hall-a": InletTrend(float("nan"), 0.0, 0.0, 0.0)})[0] == held(*RELAX)


def test_two_neighbouring_rows_above_recommended_are_hot_at_once_and_two_apart_are_not(decide):
    assert decide(RELAX, {INLET: 26.0, ROWS[0]: 27.1, ROWS[1]: 27.1})[0] == held(*RELAX)
    assert decide(RELAX, {INLET: 26.0, ROWS[1]: 27.1, ROWS[2]: 27.1})[0] == held(*RELAX)
    assert decide(RELAX, {INLET: 26.0, ROWS[0]: 27.1, ROWS[2]: 27.1})[0] == RELAX
    assert decide(RELAX, {INLET: 27.1, ROWS[0]: 27.1})[0] == RELAX


def test_an_unknown_inlet_stops_every_reduction_and_no_cooling(decide):
    assert decide(RELAX, {INLET: None, ROWS[1]: None}) == (held(*RELAX), dict.fromkeys(RELAX, "inlet"))
    assert decide(RELAX, {INLET: float("nan"), ROWS[1]: float("inf")})[0] == held(*RELAX)
    assert decide(RELAX, {INLET: None})[0] == RELAX
    assert decide(MORE, {INLET: None, ROWS[1]: None})[0] == MORE


@pytest.mark.parametrize("sensor", [INLET, *ROWS])
def test_above_allowable_full_cooling_is_demanded_at_once(decide, sensor):
    full = {CWS: 15.0, CHWS: 6.0, DP: 150.0, AIR: 16.0, FAN: 100.0}
    assert decide({}, {sensor: 32.1}) == (full, dict.fromkeys(full, "inlet"))
    assert decide(RELAX, {sensor: 32.1}, elapsed_s=0.0)[0] == full
    assert decide({}, {sensor: 32.0})[0] == {}


def test_full_cooling_is_for_what_is_writable(decide):
    assert decide({}, {INLET: 40.0}, writable=frozenset({FAN}))[0] == {FAN: 100.0}


def test_full_cooling_is_for_the_halls_that_a_setpoint_cools(calm, decide):
    other = replace(calm.limits, halls=(*calm.limits.halls, HallLimits("hall-b", "plant-b")))
    both = {"hall-b": InletTrend(0.0, 0.0, 0.0, 0.0), "hall-a": InletTrend(0.0, 0.0, 0.0, 0.0)}
    cool = {"hall-b.room_dewpoint_c": 10.0, "hall-b.room_rh_pct": 40.0}
    assert decide(RELAX, cool | {"hall-b.rack_inlet_max_c": 40.0}, limits=other, inlets=both)[0] == RELAX
    shared = replace(calm.limits, halls=(*calm.limits.halls, HallLimits("hall-b", None)))
    full = {CWS: 15.0, CHWS: 6.0, DP: 150.0, AIR: 21.5, FAN: 50.0, TCS: 18.0}
    assert decide(RELAX, cool | {"hall-b.rack_inlet_max_c": 40.0}, limits=shared, inlets=both)[0] == full


def test_a_setpoint_of_a_row_cools_its_hall(calm, decide):
    name = "hall-a-r02.crah_fan_setpoint_pct"
    limits = replace(calm.limits, setpoints={name: SetpointLimits(30.0, 100.0, None, 5.0)})
    assert decide({}, {INLET: 33.0}, {name: 50.0}, limits, writable=frozenset({name}))[0] == {name: 100.0}


@pytest.mark.parametrize(
    "trend",
    [
        InletTrend(0.0, 20.1, 0.0, 0.0),
        InletTrend(0.0, 0.0, 5.1, 0.0),
        InletTrend(0.0, None, 0.0, 0.0),
        InletTrend(0.0, float("nan"), 0.0, 0.0),
        InletTrend(0.0, 0.0, float("nan"), 0.0),
        None,
    ],
)
def test_an_inlet_that_rises_too_fast_or_may_stops_every_reduction(decide, trend):
    inlets = {} if trend is None else {"hall-a": trend}
    assert decide(RELAX, inlets=inlets) == (held(*RELAX), dict.fromkeys(RELAX, "inlet_rate"))
    assert decide(MORE, inlets=inlets) == (MORE, {})


@pytest.mark.parametrize("trend", [InletTrend(0.0, -20.1, 0.0, 0.0), InletTrend(0.0, 0.0, 0.0, 5.1), InletTrend(0.0, None, 9.0, 5.1)])
def test_an_inlet_that_falls_too_fast_gets_no_more_cooling_unless_it_is_hot(decide, trend):
    assert decide(MORE, inlets={"hall-a": trend}) == (held(*MORE), dict.fromkeys(MORE, "inlet_rate"))
    assert decide(MORE, {INLET: 28.0}, inlets={"hall-a": replace(trend, hot_for_s=301.0)}) == (MORE, {})


def test_the_edges_of_the_inlet_rate(calm, decide):
    edge = {"hall-a": InletTrend(0.0, 20.0, 5.0, 5.0)}
    assert decide(RELAX, inlets=edge) == (RELAX, {})
    assert decide(MORE, inlets=edge | {"hall-a": InletTrend(0.0, -20.0, 5.0, 5.0)}) == (MORE, {})
    tape = calm.hall(inlet_rate_k_per_h=5.0)
    assert decide(RELAX, inlets={"hall-a": InletTrend(0.0, 5.1, 0.0, 0.0)}, limits=tape)[0] == held(*RELAX)


@pytest.mark.parametrize("humid", [{DEWPOINT: 15.1}, {RH: 60.1}, {DEWPOINT: None}, {RH: None}, {RH: float("nan")}])
def test_a_humid_hall_raises_neither_chilled_water_nor_supply_air(decide, humid):
    assert decide(RELAX, humid) == (RELAX | held(CHWS, AIR), {CHWS: "humidity", AIR: "humidity"})


def test_the_edges_of_humidity(calm, decide):
    assert decide(RELAX, {DEWPOINT: 15.0, RH: 60.0}) == (RELAX, {})
    assert decide(RELAX, {DEWPOINT: None, RH: None}, limits=calm.hall(dewpoint_max_c=None, rh_max_pct=None)) == (RELAX, {})


def test_supply_air_stays_above_the_dew_point(decide):
    assert decide({AIR: 20.0}, {DEWPOINT: 18.0}) == ({AIR: 20.0}, {})
    assert decide({AIR: 19.9}, {DEWPOINT: 18.0}) == ({AIR: 20.0}, {AIR: "dew_point"})
    assert decide({}, {DEWPOINT: 20.0}) == ({AIR: pytest.approx(22.0)}, {AIR: "dew_point"})
    assert decide({AIR: 20.5}, {DEWPOINT: None}) == ({AIR: 21.0}, {AIR: "dew_point"})
    assert decide({AIR: 20.5}, {DEWPOINT: None, RH: 40.0, INLET: 28.0}, inlets={"hall-a": InletTrend(400.0, 0.0, 0.0, 0.0)})[0] == {AIR: 20.5}


def test_the_dew_point_yields_to_a_hot_inlet(decide):
    assert decide({AIR: 19.9}, {DEWPOINT: 18.0, INLET: 28.0}, inlets={"hall-a": InletTrend(400.0, 0.0, 0.0, 0.0)}) == ({AIR: 19.9}, {})


def test_chilled_water_stays_above_the_dew_point_of_dry_coils_only(calm, decide):
    assert decide({CHWS: 11.0}, {DEWPOINT: 10.0}) == ({CHWS: 11.0}, {})
    assert decide({CHWS: 11.0}, {DEWPOINT: 10.0}, limits=calm.hall(dry_coil=True)) == ({CHWS: 12.0}, {CHWS: "dew_point"})
    assert decide({CHWS: 11.0}, {DEWPOINT: None}, limits=calm.hall(dry_coil=True)) == ({CHWS: 12.0}, {CHWS: "dew_point"})
    assert decide({CHWS: 11.0}, {DEWPOINT: None}, limits=calm.hall(dry_coil=True, dewpoint_max_c=None)) == ({CHWS: 11.0}, {})


def test_technology_water_stays_above_the_dew_point_at_once(calm, decide):
    assert decide({TCS: 28.0}, {DEWPOINT: 10.0}) == ({TCS: 28.0}, {})
    assert decide({}, {DEWPOINT: 33.0})[0][TCS] == 35.0
    assert decide({TCS: 40.0}, {DEWPOINT: 39.0})[0][TCS] == 40.0
    assert decide({TCS: 28.0}, {DEWPOINT: None}) == ({TCS: 30.0}, {TCS: "liquid"})
    assert decide({TCS: 31.0}, {DEWPOINT: None}) == ({TCS: 31.0}, {})
    for blind in (calm.hall(dewpoint_max_c=None), replace(calm.limits, halls=())):
        assert decide({TCS: 28.0}, limits=blind) == ({TCS: 30.0}, {TCS: "liquid"})
    two = replace(calm.limits, halls=(*calm.limits.halls, HallLimits("hall-b", "plant")))
    assert decide({TCS: 28.0}, {DEWPOINT: 27.0}, limits=two)[0][TCS] == 30.0
    assert decide({}, {DEWPOINT: 27.0, "hall-b.room_dewpoint_c": 29.5}, limits=two)[0][TCS] == 31.5


def test_with_nothing_known_in_force_only_full_cooling_is_written(calm):
    nothing = {CHWS: None, DP: None, CWS: None, AIR: None, FAN: None, TCS: None}
    verdict = judge({CHWS: 11.0}, calm.situation(in_force=nothing), calm.limits)
    assert verdict.permitted == {}
    assert verdict.interventions == (Intervention("rate", CHWS, 11.0, None),)
    hot = judge({CHWS: 6.0, FAN: 50.0}, calm.situation({INLET: 33.0}, nothing), calm.limits)
    assert hot.permitted == {CHWS: 6.0, DP: 150.0, AIR: 16.0, FAN: 100.0, CWS: 15.0}
    assert {i.signal for i in hot.interventions} == {DP, AIR, FAN, CWS}
    assert all(i.rule == "inlet" for i in hot.interventions)


@pytest.mark.parametrize(
    "blind",
    [{"ch-1.cwr_temp_c": None}, {"ct-1.basin_temp_c": 3.0, "ch-1.machine_state": 0.0}, {"weather.oa_wetbulb_c": 0.0, "plant.cws_temp_c": 28.0}],
)
def test_with_nothing_known_in_force_a_machine_limit_means_no_write(calm, blind):
    verdict = judge({CWS: 20.0}, calm.situation({INLET: 33.0} | blind, {CWS: None}), calm.limits)
    assert CWS not in verdict.permitted
    assert [i.permitted for i in verdict.interventions if i.signal == CWS] == [None]
    verdict = judge({}, calm.situation({INLET: 33.0, "ch-1.chws_temp_c": None, "plant.chws_temp_c": None}, {CHWS: None}), calm.limits)
    assert CHWS not in verdict.permitted


def test_a_quantity_that_does_not_say_what_cools_more_is_held_where_others_are_cautious(calm, decide):
    odd = "plant.basin_temp_c"
    limits = replace(calm.limits, setpoints={odd: SetpointLimits(0.0, 10.0, 1.0, 1.0)})
    assert decide({odd: 6.0}, {INLET: 33.0}, {odd: 5.0}, limits, writable=frozenset({odd}))[0] == {odd: 5.0}
    assert decide({odd: 6.0}, {}, {odd: 5.0}, limits, writable=frozenset({odd}))[0] == {odd: 6.0}
    assert decide({odd: 6.0}, {INLET: 33.0}, {odd: None}, limits, writable=frozenset({odd}))[0] == {}
