"""What a plan may do now is what the envelope would let through, found from both ends; and speeds that a machine cannot have."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from safety.envelope import MACHINE_RULES, ROOM_RULES, RULE_NAMES, RuleRow, judge, reach
from safety.limits import HallLimits, SetpointLimits
from safety.records import InletTrend, Reach
from safety.rules import humidity
from tests.safety.test_envelope import RANGE, situations

CHWS, DP, CWS = "plant.chws_setpoint_c", "plant.chw_dp_setpoint_kpa", "plant.cws_setpoint_c"
AIR, FAN, TCS = "hall-a.crah_supply_setpoint_c", "hall-a.crah_fan_setpoint_pct", "cdu-1.tcs_setpoint_c"
PUMP, CELL = "chwp.speed_setpoint_pct", "ct-1.fan_setpoint_pct"
FURTHEST = 1.7e308  # beyond whatever may be in force
WET, DRY = "hall-a.humidify_setpoint_c", "hall-a.dehumidify_setpoint_c"


def test_the_order_of_the_rules_is_what_was_written_twice():
    room = ["confidence", "humidity", "dew_point", "rate", "spare", "capacity", "starts", "sensor", "inlet_rate", "ride_through", "inlet", "range"]
    machine = ["liquid", "lift", "minimum_flow", "freeze"]
    assert [row.name for row in ROOM_RULES] == room
    assert [row.name for row in MACHINE_RULES] == machine
    assert ("finite", "whitelist", *room, *machine) == RULE_NAMES
    assert [row.name for row in (*ROOM_RULES, *MACHINE_RULES) if row.lasting] == ["dew_point", "ride_through", "range", "liquid"]
    assert RuleRow("x", humidity) == RuleRow("x", humidity, False)


def test_the_reach_of_a_calm_site_is_rate_and_range(calm):
    found = reach(calm.situation(), calm.limits)
    assert found[CHWS] == Reach(10.75, 12.5, 6.0, 18.0)
    assert found[AIR] == Reach(pytest.approx(19.35), 22.0, 16.0, 26.0)
    assert found[FAN] == Reach(35.0, 100.0, 30.0, 100.0)
    assert found[TCS] == Reach(25.0, 35.0, 18.0, 40.0)
    assert list(found) == sorted(RANGE)


def test_what_is_not_ours_or_not_known_has_no_reach(calm):
    assert set(reach(calm.situation(in_force={CHWS: None}), calm.limits)) == set(RANGE) - {CHWS}
    assert set(reach(calm.situation(writable=frozenset({CHWS, "nobody"})), calm.limits)) == {CHWS}


def test_a_hot_room_and_a_high_dew_point_show_in_the_reach(calm):
    hot = calm.situation({"hall-a.rack_inlet_max_c": 28.0}, inlets={"hall-a": InletTrend(400.0, 0.0, 0.0, 0.0)})
    assert reach(hot, calm.limits)[FAN].low == 60.0
    assert reach(hot, calm.limits)[FAN].low_later == 30.0
    wet = reach(calm.situation({"hall-a.room_dewpoint_c": 15.0}), calm.limits)
    assert (wet[AIR].low, wet[AIR].low_later) == (pytest.approx(19.35), 17.0)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(situations, st.sampled_from([CHWS, DP, AIR, FAN, TCS]), st.floats(0.0, 1.0))
def test_what_lies_within_the_reach_passes_and_what_does_not_is_brought_to_its_end(calm, situation, name, share):
    found = reach(situation, calm.limits).get(name)
    if found is None:
        return
    assert found.low <= found.high
    assert found.low_later <= found.high_later
    inside = found.low + share * (found.high - found.low)
    alone = replace(situation, writable=situation.writable & {name})
    assert judge({name: inside}, alone, calm.limits).permitted[name] == pytest.approx(inside, abs=1e-9)
    assert judge({name: -FURTHEST}, alone, calm.limits).permitted[name] == pytest.approx(found.low)
    assert judge({name: FURTHEST}, alone, calm.limits).permitted[name] == pytest.approx(found.high)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(situations, st.lists(st.floats(0.0, 1.0), min_size=len(RANGE), max_size=len(RANGE)))
def test_whatever_lies_within_all_reaches_passes_together(calm, situation, shares):
    found = reach(situation, calm.limits)
    asked = {name: one.low + share * (one.high - one.low) for (name, one), share in zip(found.items(), shares, strict=False)}
    verdict = judge(asked, replace(situation, writable=frozenset(found)), calm.limits)
    assert dict(verdict.permitted) == pytest.approx(asked, abs=1e-9)


def test_condenser_water_leaves_room_for_the_chilled_water_that_may_be_asked_with_it(calm):
    """Lift 15 K at 12 degC chilled water, 4 K of range: 23 degC; with chilled water at 12.5, which may be asked now, 23.5."""
    narrow = replace(calm.limits, chillers=(replace(calm.limits.chillers[0], lift_min_k=15.0),))
    assert reach(calm.situation(), narrow)[CWS] == Reach(23.5, 27.5, 15.0, 30.0)
    assert reach(calm.situation(writable=frozenset({CWS})), narrow)[CWS].low == 23.0
    assert judge({CHWS: 12.5, CWS: 23.5}, calm.situation(), narrow).interventions == ()
    colder = calm.situation({"ch-1.chws_temp_c": 5.0})
    shallow = replace(calm.limits, chillers=(replace(calm.limits.chillers[0], lift_max_k=18.5),))
    assert reach(colder, shallow)[CWS] == Reach(22.5, 25.25, 15.0, 30.0)
    both = replace(calm.limits, chillers=(replace(calm.limits.chillers[0], lift_min_k=17.0, lift_max_k=18.5),))
    assert reach(colder, both)[CWS] == Reach(25.5, 25.5, 15.0, 30.0)


def test_reaches_have_an_order_of_their_own(calm):
    mixed = replace(calm.limits, setpoints={name: calm.limits.setpoints[name] for name in (TCS, CWS, FAN, CHWS, DP, AIR)})
    assert list(reach(calm.situation(), mixed)) == sorted(RANGE)


@pytest.fixture
def spin(decide, calm):
    setpoints = {
        PUMP: SetpointLimits(30.0, 100.0, None, None, bands=((40.0, 45.0), (60.0, 70.0))),
        CELL: SetpointLimits(25.0, 100.0, None, None, off_allowed=True, bands=((50.0, 55.0),)),
        DRY: SetpointLimits(-9.0, 15.0, None, None),
        WET: SetpointLimits(-9.0, 15.0, None, None, bands=((0.0, 1.0),)),
        CHWS: SetpointLimits(6.0, 18.0, None, None, bands=((9.0, 10.0),)),
    }
    machines = replace(calm.limits, setpoints=setpoints, chillers=())

    def spin(asked, held=None, seen=None):
        in_force = {PUMP: 50.0, CELL: 40.0, DRY: 10.0, WET: 2.0, CHWS: 12.0, **(held or {})}
        return decide(asked, seen, in_force, limits=machines, writable=frozenset(setpoints))

    return spin


@pytest.mark.parametrize(
    ("name", "asked", "permitted"),
    [
        (PUMP, 40.0, 40.0),
        (PUMP, 40.1, 45.0),
        (PUMP, 44.9, 45.0),
        (PUMP, 45.0, 45.0),
        (PUMP, 65.0, 70.0),
        (CELL, 50.5, 55.0),
        (CELL, 10.0, 25.0),
        (CELL, 0.0, 0.0),
        (CHWS, 9.5, 9.0),
        (WET, 0.5, 1.0),
    ],
)
def test_locked_out_speeds_are_left_towards_more_cooling(spin, name, asked, permitted):
    value, rules = spin({name: asked})
    assert value == {name: permitted}
    assert rules == ({} if asked == permitted else {name: "range"})


def test_a_hall_is_never_wetted_and_dried_together(spin):
    assert spin({WET: 8.0}) == ({WET: 8.0}, {})
    assert spin({WET: 8.1}) == ({WET: 8.0}, {WET: "humidity"})
    assert spin({DRY: 4.0}) == ({DRY: 4.0}, {})
    assert spin({DRY: 3.9}) == ({DRY: 4.0}, {DRY: "humidity"})
    assert spin({DRY: 4.0, WET: 3.0}) == ({DRY: 4.0, WET: 2.0}, {WET: "humidity"}), "what was decided for the one counts for the other"
    assert spin({WET: 14.0}, {DRY: None}) == ({WET: 14.0}, {})
    assert spin({DRY: -8.0}, {WET: None}) == ({DRY: -8.0}, {})
    assert spin({DRY: 12.0}, seen={"hall-a-r01.rack_inlet_c": 28.0, "hall-a-r02.rack_inlet_c": 28.0})[0] == {DRY: 10.0}


def test_a_proposer_that_is_not_trusted_takes_no_step_towards_less_cooling(decide):
    relax, more = {CHWS: 12.5, AIR: 22.0, FAN: 40.0, DP: 60.0}, {CHWS: 11.0, AIR: 20.0, FAN: 90.0, DP: 110.0}
    assert decide(relax, confidence=1.0) == (relax, {})
    none = {CHWS: 12.0, AIR: 21.0, FAN: 60.0, DP: 90.0}
    for doubtful in (0.0, -1.0, float("nan")):
        assert decide(relax, confidence=doubtful) == (none, dict.fromkeys(relax, "confidence"))
        assert decide(more, confidence=doubtful) == (more, {})
    assert decide(relax, confidence=0.2)[0] == {CHWS: 12.1, AIR: pytest.approx(21.2), FAN: 55.0, DP: 82.5}
    assert decide({CHWS: 12.4}, in_force={CHWS: None}, confidence=0.0)[0] == {}


def test_a_setpoint_without_a_direction_or_a_rate_is_trusted_with_all_or_nothing(calm, decide):
    setpoints = {DRY: SetpointLimits(-9.0, 15.0, 0.1, 0.1), FAN: SetpointLimits(30.0, 100.0, None, None), CHWS: SetpointLimits(6.0, 18.0, None, None)}
    free = replace(calm.limits, setpoints=setpoints, chillers=())
    ours = frozenset(setpoints)
    held = {DRY: 10.0, FAN: 60.0, CHWS: 12.0}
    assert decide({DRY: 10.5, FAN: 30.0, CHWS: 17.0}, None, held, free, writable=ours, confidence=0.5)[0] == {DRY: 10.5, FAN: 30.0, CHWS: 17.0}
    assert decide({DRY: 10.5, FAN: 30.0, CHWS: 17.0}, None, held, free, writable=ours, confidence=0.0)[0] == {DRY: 10.5, FAN: 60.0, CHWS: 12.0}


def test_what_depends_on_a_lost_reading_stays_and_a_hot_room_comes_first(decide):
    frozen = frozenset({AIR, FAN})
    asked = {AIR: 20.0, FAN: 50.0, CHWS: 12.4}
    assert decide(asked, frozen=frozen) == ({AIR: 21.0, FAN: 60.0, CHWS: 12.4}, {AIR: "sensor", FAN: "sensor"})
    hot = {"hall-a-r01.rack_inlet_c": 28.0, "hall-a-r02.rack_inlet_c": 28.0}
    assert decide({AIR: 20.0, FAN: 90.0}, hot, frozen=frozen) == ({AIR: 20.0, FAN: 90.0}, {})
    assert decide({AIR: 21.5}, hot, frozen=frozen)[0] == {AIR: 21.0}
    assert decide({AIR: 20.0}, in_force={AIR: None}, frozen=frozen)[0] == {}


def test_flow_through_an_evaporator_changes_no_faster_than_it_stands(decide, calm):
    low = {DP: 45.0}
    assert decide({DP: 80.0}, in_force=low, elapsed_s=60.0)[0] == {DP: pytest.approx(45.0 * 1.21)}
    assert decide({DP: 80.0}, in_force=low, elapsed_s=60.0)[1] == {DP: "minimum_flow"}
    gentle = replace(calm.limits, chillers=(replace(calm.limits.chillers[0], flow_change_per_min=0.02),))
    assert decide({DP: 60.0}, limits=gentle) == ({DP: pytest.approx(90.0 * 0.81)}, {DP: "minimum_flow"})
    assert decide({DP: 60.0}, {"ch-1.machine_state": 0.0}, limits=gentle)[0] == {DP: 60.0}
    assert decide({DP: 60.0}, limits=replace(gentle, chillers=(replace(gentle.chillers[0], flow_change_per_min=0.3),)))[0] == {DP: 60.0}
    assert decide({DP: 60.0}, in_force={DP: 10.0}, limits=gentle)[0] == {DP: 60.0}, "below its range it comes back"
    hot = {"hall-a-r01.rack_inlet_c": 28.0, "hall-a-r02.rack_inlet_c": 28.0}
    assert decide({DP: 120.0}, hot, limits=gentle)[0] == {DP: 120.0}


@pytest.mark.parametrize(("water_c", "permitted"), [(4.0, 22.5), (3.9, 25.0), (None, 25.0)])
def test_condenser_water_near_freezing_is_not_sent_to_an_economiser(calm, decide, water_c, permitted):
    plants = (replace(calm.limits.plants[0], basins=(), economiser=True),)
    seen = {"plant.cws_temp_c": water_c, "ch-1.machine_state": 0.0}
    value, rules = decide({CWS: 22.5}, seen, limits=replace(calm.limits, plants=plants))
    assert value == {CWS: permitted}
    assert rules == ({} if permitted == 22.5 else {CWS: "freeze"})
    without = replace(calm.limits, plants=(replace(plants[0], economiser=False),), halls=(HallLimits("hall-a", "plant"),))
    assert decide({CWS: 22.5}, seen, limits=without)[0] == {CWS: 22.5}
