"""The rules that protect chillers and towers, in the situations that they are for, and with the measurement they need missing."""

from dataclasses import replace

import pytest

from safety.limits import SetpointLimits
from tests.safety.test_rules import CHWS, CWS, DP, OFF, held

COLD = {"weather.oa_wetbulb_c": 0.0}


def test_condenser_water_keeps_the_minimum_lift(decide):
    # rise 29 - 25 = 4 K, chilled water 12 C, minimum lift 8 K: condenser water at least 16 C
    assert decide({CWS: 16.5}, COLD, {CWS: 17.0}) == ({CWS: 16.5}, {})
    assert decide({CWS: 15.5}, COLD, {CWS: 17.0}) == ({CWS: 16.0}, {CWS: "lift"})
    assert decide({CWS: 15.5}, COLD | OFF, {CWS: 17.0}) == ({CWS: 15.5}, {})
    assert decide({CWS: 15.5}, COLD | {"ch-1.machine_state": None}, {CWS: 17.0})[0] == {CWS: 16.0}
    assert decide({CWS: 15.5}, {"weather.oa_wetbulb_c": None}, {CWS: 17.0})[0] == {CWS: 16.0}
    assert decide({CWS: 15.5}, {"weather.oa_wetbulb_c": 16.0}, {CWS: 17.0})[0] == {CWS: 15.5}
    assert decide({CWS: 15.5}, {"weather.oa_wetbulb_c": 15.9}, {CWS: 17.0})[0] == {CWS: 16.0}


def test_a_wet_bulb_above_the_water_is_not_believed(decide):
    wrong = {"weather.oa_wetbulb_c": 40.0, "plant.cws_temp_c": 14.0, "ch-1.cwr_temp_c": 18.0}
    assert decide({CWS: 15.5}, wrong, {CWS: 17.0})[0] == {CWS: 16.0}


def test_a_lift_below_its_minimum_is_corrected_at_the_rate(decide):
    # needed 18 C with chilled water at 14 C; from 15 C no more than 0.5 K/min
    warm = COLD | {"ch-1.chws_temp_c": 14.0}
    assert decide({}, warm, {CWS: 15.0, CHWS: 14.0}) == ({CHWS: 13.5, CWS: 17.5}, {CHWS: "lift", CWS: "lift"})
    assert decide({}, warm, {CWS: 15.0, CHWS: 14.0}, elapsed_s=0.0)[0] == {}
    assert decide({CWS: 18.0}, warm, {CWS: 17.0, CHWS: 14.0})[0] == {CWS: 18.0}


def test_chilled_water_is_not_raised_beyond_the_minimum_lift(decide):
    # condenser water can reach 15 + 2.5 = 17.5 C: chilled water at most 17.5 + 4 - 8 = 13.5 C
    assert decide({CHWS: 13.6}, COLD, {CHWS: 13.4, CWS: 15.0})[0] == {CHWS: pytest.approx(13.5), CWS: pytest.approx(17.5)}
    # not writable: condenser water stays at 16 C, chilled water at most 12 C
    only = frozenset({CHWS})
    assert decide({CHWS: 12.4}, COLD, {CWS: 16.0}, writable=only) == ({CHWS: 12.0}, {CHWS: "lift"})
    assert decide({CHWS: 13.4}, COLD, {CHWS: 13.0, CWS: 16.0}, writable=only) == ({CHWS: 12.0}, {CHWS: "lift"})
    assert decide({}, COLD, {CHWS: 15.0, CWS: 16.0}, writable=only) == ({CHWS: 13.75}, {CHWS: "lift"})
    assert decide({CHWS: 12.4}, {"weather.oa_wetbulb_c": 17.0}, {CWS: 16.0}, writable=only) == ({CHWS: 12.4}, {})
    # not declared, or unknown: as the water is, 25 C
    assert decide({CHWS: 12.4}, COLD, {CWS: None}, writable=only) == ({CHWS: 12.4}, {})
    assert decide({CHWS: 12.4}, COLD | {"plant.cws_temp_c": 15.5, "ch-1.cwr_temp_c": 19.5}, {CWS: None}, writable=only)[0] == {CHWS: 11.5}


def test_a_site_without_a_condenser_setpoint_judges_the_water_as_it_is(calm, decide):
    alone = replace(calm.limits, setpoints={CHWS: SetpointLimits(6.0, 18.0, 0.1, 0.25)})
    assert decide({CHWS: 12.4}, COLD | {"plant.cws_temp_c": 15.5, "ch-1.cwr_temp_c": 19.5}, limits=alone)[0] == {CHWS: 11.5}
    at_once = replace(calm.limits, setpoints=calm.limits.setpoints | {CWS: SetpointLimits(15.0, 30.0, None, None)})
    assert decide({CHWS: 13.6}, COLD, {CHWS: 13.4, CWS: 15.0}, limits=at_once)[0] == {CHWS: 13.6, CWS: pytest.approx(17.6)}


def test_the_maximum_lift_stops_colder_chilled_and_warmer_condenser_water(decide):
    # 12 + 25 - 4 = 33 C is the most for condenser water; with 6 K of rise from 40 C leaving it is 27
    hot = {"ch-1.cwr_temp_c": 38.0, "plant.cws_temp_c": 28.0}
    assert decide({CWS: 28.0}, hot) == ({CWS: 27.0}, {CWS: "lift"})
    assert decide({}, hot, {CWS: 29.0}) == ({CWS: 27.0}, {CWS: "lift"})
    assert decide({}, hot, {CWS: 30.0}) == ({CWS: 27.5}, {CWS: "lift"})
    assert decide({CHWS: 11.0}, hot) == ({CHWS: 12.0}, {CHWS: "lift"})
    assert decide({CHWS: 14.0}, hot, {CHWS: 14.4}) == ({CHWS: 14.0}, {})
    assert decide({CHWS: 12.8}, hot, {CHWS: 13.5}) == ({CHWS: 13.0}, {CHWS: "lift"})
    assert decide({CHWS: 11.0}, hot | OFF) == ({CHWS: 11.0}, {})


@pytest.mark.parametrize("blind", [{"ch-1.cwr_temp_c": None}, {"plant.cws_temp_c": None}, {"ch-1.cwr_temp_c": float("nan")}])
def test_an_unknown_lift_lets_neither_side_come_closer(decide, blind):
    assert decide({CWS: 24.0, CHWS: 12.4}, blind) == (held(CWS, CHWS), {CWS: "lift", CHWS: "lift"})
    assert decide({CWS: 26.0, CHWS: 11.0}, blind) == ({CWS: 26.0, CHWS: 11.0}, {})


def test_a_lift_without_any_chilled_water_is_unknown(decide):
    blind = {"ch-1.chws_temp_c": None}
    assert decide({CWS: 24.0}, blind, {CHWS: None}) == ({CWS: 25.0}, {CWS: "lift"})
    assert decide({CWS: 24.0}, blind) == ({CWS: 24.0}, {})


def test_a_negative_condenser_rise_is_none(decide):
    assert decide({CWS: 19.0}, COLD | {"ch-1.cwr_temp_c": 24.0}, {CWS: 20.5})[0] == {CWS: 20.0}
    assert decide({CHWS: 13.0}, COLD | {"ch-1.cwr_temp_c": 24.0}, {CHWS: 12.8, CWS: 20.0}, writable=frozenset({CHWS}))[0] == {CHWS: 12.0}


def test_a_chiller_of_its_own_setpoint(calm, decide):
    own = "ch-1.chws_setpoint_c"
    limits = replace(calm.limits, setpoints=calm.limits.setpoints | {own: SetpointLimits(6.0, 18.0, 0.1, 0.25)})
    measured = COLD | {"ch-1.chws_temp_c": 10.0}
    assert decide({CWS: 15.5}, measured, {CWS: 17.0, CHWS: 10.0, own: 11.0}, limits)[0] == {CWS: 15.5}
    assert decide({CWS: 15.5}, measured, {CWS: 17.0, CHWS: 10.0, own: 12.0}, limits)[0] == {CWS: 16.0}
    assert decide({own: 5.0}, measured, {own: 7.0}, limits, writable=frozenset({own}))[0] == {own: 6.0}


@pytest.mark.parametrize("starved", [{"ch-1.evaporator_flow_kgs": 20.9}, {"ch-1.evaporator_flow_kgs": None}, {"ch-1.evaporator_flow_kgs": float("nan")}])
@pytest.mark.parametrize("state", [1.0, 2.0, 3.0, None])
def test_no_pressure_is_taken_from_a_starved_evaporator(decide, starved, state):
    assert decide({DP: 80.0}, starved | {"ch-1.machine_state": state}) == ({DP: 90.0}, {DP: "minimum_flow"})
    assert decide({DP: 110.0}, starved | {"ch-1.machine_state": state}) == ({DP: 110.0}, {})


@pytest.mark.parametrize("state", [0.0, 4.0, 5.0])
def test_a_machine_at_rest_needs_no_flow(decide, state):
    assert decide({DP: 80.0}, {"ch-1.evaporator_flow_kgs": 0.0, "ch-1.machine_state": state}) == ({DP: 80.0}, {})
    assert decide({DP: 80.0}, {"ch-1.evaporator_flow_kgs": 21.0}) == ({DP: 80.0}, {})


SPEED = "cwp.speed_setpoint_pct"


@pytest.fixture
def pumped(calm):
    chillers = (replace(calm.limits.chillers[0], condenser_flow_min_kgs=30.0),)
    return replace(calm.limits, setpoints={SPEED: SetpointLimits(55.0, 100.0, 10.0, 10.0)}, chillers=chillers, condenser_pumps={"cwp": "plant"})


THIRSTY = [{"ch-1.condenser_flow_kgs": v} for v in (31.4, None, float("nan"))] + [{"ch-1.condenser_flow_kgs": 40.0, "ch-1.cwr_temp_c": v} for v in (35.1, None)]


@pytest.mark.parametrize("thirsty", [*THIRSTY, {"ch-1.condenser_flow_kgs": 40.0, "ch-1.chws_temp_c": None}])
@pytest.mark.parametrize("state", [2.0, None])
def test_no_speed_is_taken_from_the_pumps_of_a_thirsty_condenser(decide, pumped, thirsty, state):
    assert decide({SPEED: 70.0}, thirsty | {"ch-1.machine_state": state}, {SPEED: 80.0}, pumped, writable=frozenset({SPEED})) == (
        {SPEED: 80.0},
        {SPEED: "minimum_flow"},
    )
    assert decide({SPEED: 90.0}, thirsty | {"ch-1.machine_state": state}, {SPEED: 80.0}, pumped, writable=frozenset({SPEED})) == ({SPEED: 90.0}, {})


def test_condenser_pumps_with_water_to_spare_may_slow_down(decide, pumped):
    enough = {"ch-1.condenser_flow_kgs": 31.5, "ch-1.cwr_temp_c": 35.0}  # 23 K of lift are 2 K less than the highest
    assert decide({SPEED: 70.0}, enough, {SPEED: 80.0}, pumped, writable=frozenset({SPEED})) == ({SPEED: 70.0}, {})
    dry = {"ch-1.condenser_flow_kgs": 0.0}
    for state in (0.0, 1.0, 3.0, 4.0, 5.0):
        assert decide({SPEED: 70.0}, dry | {"ch-1.machine_state": state}, {SPEED: 80.0}, pumped, writable=frozenset({SPEED})) == ({SPEED: 70.0}, {})
    others = replace(pumped, chillers=(replace(pumped.chillers[0], plant="plant-b"),))
    assert decide({SPEED: 70.0}, dry, {SPEED: 80.0}, others, writable=frozenset({SPEED})) == ({SPEED: 70.0}, {})
    nobody = replace(pumped, condenser_pumps={})
    assert decide({SPEED: 70.0}, dry, {SPEED: 80.0}, nobody, writable=frozenset({SPEED})) == ({SPEED: 70.0}, {})


def test_condenser_pumps_serve_the_halls_of_their_plant(decide, pumped):
    hot = {"ch-1.condenser_flow_kgs": 40.0, "hall-a.rack_inlet_max_c": 33.0}
    assert decide({SPEED: 70.0}, hot, {SPEED: 80.0}, pumped, writable=frozenset({SPEED})) == ({SPEED: 100.0}, {SPEED: "inlet"})
    elsewhere = replace(pumped, halls=(replace(pumped.halls[0], plant="plant-b"),))
    assert decide({SPEED: 70.0}, hot, {SPEED: 80.0}, elsewhere, writable=frozenset({SPEED})) == ({SPEED: 70.0}, {})


@pytest.mark.parametrize("state", [0.0, 1.0, 3.0, 4.0, 5.0])
def test_a_compressor_at_rest_has_no_lift(decide, state):
    assert decide({CWS: 15.5}, COLD | {"ch-1.machine_state": state}, {CWS: 17.0})[0] == {CWS: 15.5}


def test_chilled_water_is_not_driven_towards_freezing(calm, decide):
    low = replace(calm.limits, setpoints={CHWS: SetpointLimits(3.0, 18.0, 0.1, 0.25)})
    assert decide({CHWS: 4.0}, in_force={CHWS: 5.2}, limits=low) == ({CHWS: 5.0}, {CHWS: "freeze"})
    assert decide({}, in_force={CHWS: 3.5}, limits=low) == ({CHWS: 5.0}, {CHWS: "freeze"})
    assert decide({CHWS: 4.0}, OFF, {CHWS: 5.2}, low) == ({CHWS: 4.0}, {})
    stiff = replace(low, chillers=(replace(calm.limits.chillers[0], chws_min_c=6.5),))
    assert decide({CHWS: 4.0}, in_force={CHWS: 7.0}, limits=stiff)[0] == {CHWS: 6.5}
    brine = replace(low, chillers=(replace(calm.limits.chillers[0], chws_min_c=3.0),))
    assert decide({CHWS: 4.0}, in_force={CHWS: 5.2}, limits=brine)[0] == {CHWS: 5.0}


def test_a_cold_evaporator_is_not_made_colder(decide):
    assert decide({CHWS: 11.0}, {"ch-1.chws_temp_c": 4.9}) == ({CHWS: 12.0}, {CHWS: "freeze"})
    assert decide({CHWS: 11.0}, {"ch-1.chws_temp_c": 5.0}) == ({CHWS: 11.0}, {})
    assert decide({CHWS: 11.0}, {"ch-1.chws_temp_c": None, "plant.chws_temp_c": 4.9})[0] == {CHWS: 12.0}
    assert decide({CHWS: 11.0}, {"ch-1.chws_temp_c": None, "plant.chws_temp_c": 5.0})[0] == {CHWS: 11.0}


def test_an_evaporator_that_cannot_be_seen_is_not_driven_below_seven(decide):
    blind = {"ch-1.chws_temp_c": None, "plant.chws_temp_c": None}
    assert decide({CHWS: 11.0}, blind) == ({CHWS: 11.0}, {})
    assert decide({CHWS: 6.5}, blind, {CHWS: 7.5}) == ({CHWS: 7.0}, {CHWS: "freeze"})
    assert decide({CHWS: 6.2}, blind, {CHWS: 6.5}) == ({CHWS: 6.5}, {CHWS: "freeze"})


@pytest.mark.parametrize(
    ("seen", "cold"),
    [
        ({"ct-1.basin_temp_c": 6.9}, True),
        ({"ct-1.basin_temp_c": 7.0}, False),
        ({"ct-1.basin_temp_c": None}, False),
        ({"ct-1.basin_temp_c": None, "plant.cws_temp_c": 6.9}, True),
        ({"ct-1.basin_temp_c": None, "plant.cws_temp_c": None}, True),
    ],
)
def test_a_basin_near_freezing_gets_no_colder_water(decide, seen, cold):
    expected = ({CWS: 25.0}, {CWS: "freeze"}) if cold else ({CWS: 24.0}, {})
    assert decide({CWS: 24.0}, seen | OFF) == expected
    assert decide({CWS: 26.0}, seen | OFF) == ({CWS: 26.0}, {})


def test_a_basin_of_another_plant_does_not_matter(calm, decide):
    other = replace(calm.limits, plants=(replace(calm.limits.plants[0], name="plant-b"),))
    assert decide({CWS: 24.0}, {"ct-1.basin_temp_c": 3.0}, limits=other) == ({CWS: 24.0}, {})
