"""What holds of every verdict: it is total, has the last word only once, never leaves the range, and never stands in the way of cooling a hot room."""

import math
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from safety.envelope import judge
from safety.limits import HallLimits, Limits, SetpointLimits
from safety.records import InletTrend, Intervention, Situation, Verdict

CHWS, DP, CWS = "plant.chws_setpoint_c", "plant.chw_dp_setpoint_kpa", "plant.cws_setpoint_c"
AIR, FAN, TCS = "hall-a.crah_supply_setpoint_c", "hall-a.crah_fan_setpoint_pct", "cdu-1.tcs_setpoint_c"
RANGE = {CWS: (15.0, 30.0), CHWS: (6.0, 18.0), DP: (40.0, 150.0), AIR: (16.0, 26.0), FAN: (30.0, 100.0), TCS: (18.0, 40.0)}
PER_MIN = {CWS: (0.5, 0.5), CHWS: (0.25, 0.1), DP: (7.5, 15.0), AIR: (0.33, 0.2), FAN: (5.0, math.inf), TCS: (1.0, 1.0)}  # down, up
COOLER = {CWS: -1, CHWS: -1, DP: 1, AIR: -1, FAN: 1, TCS: -1}
SIGNALS = (
    "hall-a.rack_inlet_max_c",
    "hall-a-r01.rack_inlet_c",
    "hall-a-r02.rack_inlet_c",
    "hall-a-r03.rack_inlet_c",
    "hall-a.room_dewpoint_c",
    "hall-a.room_rh_pct",
    "ch-1.machine_state",
    "ch-1.chws_temp_c",
    "ch-1.cwr_temp_c",
    "ch-1.evaporator_flow_kgs",
    "plant.chws_temp_c",
    "plant.cws_temp_c",
    "ct-1.basin_temp_c",
    "weather.oa_wetbulb_c",
)
MACHINES_AT_REST = {"ch-1.machine_state": 0.0}

wild = st.floats() | st.integers(-(10**400), 10**400)
usual = st.floats(-5.0, 160.0)
numbers = st.one_of(usual, usual, usual, wild)
names = st.sampled_from([*RANGE, "plant.chws_temp_c", "nobody.chws_setpoint_c", "nonsense", "", "a.b.c"])
proposals = st.dictionaries(names, numbers, max_size=8)
trends = st.builds(InletTrend, numbers, st.none() | numbers, numbers, numbers)
plausible = st.fixed_dictionaries({}, optional={signal: st.one_of(st.floats(0.0, 45.0), st.floats(0.0, 45.0), wild) for signal in SIGNALS[:6] + SIGNALS[7:]})
states = st.fixed_dictionaries({}, optional={"ch-1.machine_state": st.sampled_from([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, math.nan])})
holdings = st.fixed_dictionaries(
    {}, optional={name: st.one_of(st.floats(low - 5.0, high + 5.0), st.floats(low, high), wild) for name, (low, high) in RANGE.items()}
)
situations = st.builds(
    Situation,
    at_s=wild,
    elapsed_s=st.one_of(st.just(300.0), st.floats(0.0, 1000.0), wild),
    measured=st.builds(lambda one, two: {**one, **two}, plausible, states),
    in_force=holdings,
    writable=st.one_of(st.just(frozenset(RANGE)), st.frozensets(names)),
    inlets=st.dictionaries(st.sampled_from(["hall-a", "nobody"]), trends, max_size=2),
)
thorough = settings(max_examples=2 * settings().max_examples, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def minutes(situation):
    elapsed = situation.elapsed_s
    finite = not isinstance(elapsed, int) or abs(elapsed) < 10**300
    return min(max(float(elapsed), 0.0), 900.0) / 60.0 if finite and math.isfinite(elapsed) else 0.0


def in_force_of(situation, name):
    value = situation.in_force.get(name, math.nan)
    return float(value) if not isinstance(value, int) or abs(value) < 10**300 else math.nan


def allowed(situation, name):
    """The range, or where the value in force is outside it, one full step of the way back: written again, by hand."""
    low, high = RANGE[name]
    held = in_force_of(situation, name)
    if math.isfinite(held):
        down, up = (per_min * minutes(situation) if per_min < math.inf else math.inf for per_min in PER_MIN[name])
        low, high = min(low, held + up), max(high, held - down)
    return low, high


@thorough
@given(proposals, situations)
def test_every_verdict_is_finite_ours_in_range_and_final(calm, asked, situation):
    verdict = judge(asked, situation, calm.limits)
    for name, value in verdict.permitted.items():
        assert name in situation.writable
        assert math.isfinite(value)
        low, high = allowed(situation, name)
        assert low <= value <= high
    again = judge(verdict.permitted, situation, calm.limits)
    assert dict(again.permitted) == dict(verdict.permitted)
    assert again.interventions == ()


@thorough
@given(proposals, situations)
def test_every_change_is_reported_once_and_nothing_else(calm, asked, situation):
    verdict = judge(asked, situation, calm.limits)
    told = {i.signal: i for i in verdict.interventions}
    assert len(told) == len(verdict.interventions)
    for name, value in asked.items():
        if name in verdict.permitted and name not in told:
            assert verdict.permitted[name] == pytest.approx(value, abs=2e-6)
        if name not in verdict.permitted:
            assert told[name].permitted is None
    for name, intervention in told.items():
        assert intervention.permitted == verdict.permitted.get(name)
        assert isinstance(intervention.asked, float)
    assert set(verdict.permitted) - set(asked) <= set(told)


@thorough
@given(proposals, situations, st.sampled_from(SIGNALS), st.sampled_from([math.nan, math.inf, -math.inf, 10**400]))
def test_a_measurement_that_is_no_number_is_a_missing_one(calm, asked, situation, signal, nothing):
    gone = {name: value for name, value in situation.measured.items() if name != signal}
    broken = {**gone, signal: nothing}
    adapter = TypeAdapter(Verdict)
    assert adapter.dump_json(judge(asked, replace(situation, measured=broken), calm.limits)) == adapter.dump_json(
        judge(asked, replace(situation, measured=gone), calm.limits)
    )


@thorough
@given(proposals, situations)
def test_with_an_unknown_inlet_no_cooling_is_taken_away(calm, asked, situation):
    unseen = {name: value for name, value in situation.measured.items() if "rack_inlet" not in name} | MACHINES_AT_REST
    situation = replace(situation, measured={**unseen, "ct-1.basin_temp_c": 20.0})
    for name, value in judge(asked, situation, calm.limits).permitted.items():
        held = in_force_of(situation, name)
        if name != TCS and RANGE[name][0] <= held <= RANGE[name][1]:
            assert (value - held) * COOLER[name] >= 0.0


hot_rooms = st.one_of(
    st.just({"hall-a-r01.rack_inlet_c": 28.0, "hall-a-r02.rack_inlet_c": 28.0}),
    st.just({"hall-a.rack_inlet_max_c": 27.5}),
    st.floats(27.01, 32.0).map(lambda value: {"hall-a-r02.rack_inlet_c": value, "hall-a-r03.rack_inlet_c": value}),
)


@thorough
@given(situations, hot_rooms, st.sampled_from([CHWS, DP, CWS, AIR, FAN]), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_more_cooling_of_a_hot_room_always_passes(calm, situation, hot, name, at, further):
    low, high = RANGE[name]
    held = low + at * (high - low)
    asked = held + further * ((high if COOLER[name] > 0 else low) - held)
    for inlet in ("hall-a.rack_inlet_max_c", *SIGNALS[1:4]):
        hot = {inlet: 20.0, **hot}
    measured = {**situation.measured, **MACHINES_AT_REST, "ct-1.basin_temp_c": 20.0, **hot}
    trend = replace(situation.inlets.get("hall-a", InletTrend(0.0, 0.0, 0.0, 0.0)), hot_for_s=301.0)
    situation = replace(situation, measured=measured, in_force={name: held}, writable=frozenset({name}), inlets={"hall-a": trend})
    verdict = judge({name: asked}, situation, calm.limits)
    assert verdict.permitted[name] == pytest.approx(asked, abs=1e-9)
    assert verdict.interventions == ()


@thorough
@given(proposals, situations, st.floats(32.001, 100.0), st.sampled_from(SIGNALS[:4]))
def test_above_allowable_all_that_is_ours_cools_fully(calm, asked, situation, inlet_c, sensor):
    measured = {**situation.measured, **MACHINES_AT_REST, "ct-1.basin_temp_c": 20.0, sensor: inlet_c}
    in_force = {name: low + 1.0 for name, (low, _) in RANGE.items()}
    verdict = judge(asked, replace(situation, measured=measured, in_force=in_force), calm.limits)
    full = {CWS: 15.0, CHWS: 6.0, DP: 150.0, AIR: 16.0, FAN: 100.0}
    for name in situation.writable & set(full):
        assert verdict.permitted.get(name, in_force[name]) == full[name]


@thorough
@given(st.fixed_dictionaries({}, optional={name: st.floats(0.0, 1.0) for name in RANGE}), st.floats(60.0, 900.0))
def test_a_calm_proposal_passes_untouched(calm, shares, elapsed_s):
    asked = {}
    for name, share in shares.items():
        held, (low, high), (down, up) = calm.in_force[name], RANGE[name], PER_MIN[name]
        bottom, top = max(low, held - 0.99 * down * elapsed_s / 60.0), min(high, held + 0.99 * up * elapsed_s / 60.0)
        asked[name] = bottom + share * (top - bottom)
    assume(asked.get(CWS, 25.0) >= max(asked.get(CHWS, 12.0), 12.0) + 4.0)
    assume(asked.get(AIR, 21.0) >= 12.0)
    assert judge(asked, calm.situation(elapsed_s=elapsed_s), calm.limits) == Verdict(
        {name: asked[name] for name in sorted(asked, key=lambda name: (name == CWS, list(RANGE).index(name)))}, ()
    )


@thorough
@given(proposals, situations)
def test_no_step_is_longer_than_its_rate_unless_a_room_or_a_machine_asks(calm, asked, situation):
    measured = {**calm.measured, **MACHINES_AT_REST}
    situation = replace(situation, measured=measured, writable=frozenset(RANGE) - {TCS})
    for name, value in judge(asked, situation, calm.limits).permitted.items():
        held = in_force_of(situation, name)
        down, up = (per_min * minutes(situation) if per_min < math.inf else math.inf for per_min in PER_MIN[name])
        assert held - down <= value <= held + up


@pytest.mark.parametrize("value", [20.0, math.nan, 10**400, None, "12", True])
def test_what_is_not_declared_or_not_ours_is_not_written_whatever_the_value(calm, value):
    asked = {"plant.chws_temp_c": value, FAN: value}
    verdict = judge(asked, calm.situation(writable=frozenset(RANGE) - {FAN} | {"plant.chws_temp_c"}), calm.limits)
    assert verdict.permitted == {}
    assert [(i.rule, i.signal, i.permitted) for i in verdict.interventions] == [("whitelist", "plant.chws_temp_c", None), ("whitelist", FAN, None)]
    assert all(math.isnan(i.asked) for i in verdict.interventions) is (value != 20.0)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 10**400, None, "12", True])
def test_a_setpoint_that_is_no_number_keeps_what_is_in_force(calm, value):
    verdict = judge({CHWS: value}, calm.situation(), calm.limits)
    assert verdict.permitted == {CHWS: 12.0}
    assert [(i.rule, i.signal, i.permitted) for i in verdict.interventions] == [("finite", CHWS, 12.0)]
    verdict = judge({CHWS: value}, calm.situation(in_force={CHWS: None}), calm.limits)
    assert verdict.permitted == {}
    assert [(i.rule, i.permitted) for i in verdict.interventions] == [("finite", None)]
    hot = judge({CHWS: value}, calm.situation({"hall-a.rack_inlet_max_c": 33.0}), calm.limits)
    assert [(i.rule, i.permitted) for i in hot.interventions if i.signal == CHWS] == [("inlet", 6.0)]


def test_what_is_colder_than_its_range_comes_back_step_by_step_even_in_an_overheated_room(calm):
    for name, held, back in ((CHWS, 5.0, 5.5), (AIR, 11.0, 12.0), (FAN, 130.0, 105.0), (DP, 200.0, 162.5)):
        verdict = judge({name: RANGE[name][0]}, calm.situation({"hall-a.rack_inlet_max_c": 33.0}, {name: held}), calm.limits)
        assert verdict.permitted[name] == pytest.approx(back)


def test_float_noise_is_not_an_intervention(calm):
    assert judge({CHWS: 18.0000009}, calm.situation(in_force={CHWS: 17.9}), calm.limits) == Verdict({CHWS: 18.0}, ())
    assert judge({}, calm.situation(in_force={CHWS: 18.0000009}), calm.limits) == Verdict({}, ())
    told = judge({CHWS: 18.0000011}, calm.situation(in_force={CHWS: 17.9}), calm.limits)
    assert told == Verdict({CHWS: 18.0}, (Intervention("range", CHWS, 18.0000011, 18.0),))


def test_the_stronger_rule_has_the_last_word(calm):
    """Machine over range over inlet over rate over humidity; each pair in one situation."""

    def rule_of(name, asked, measured, in_force=None):
        verdict = judge({name: asked}, calm.situation(measured, in_force), calm.limits)
        return [(i.rule, i.permitted) for i in verdict.interventions if i.signal == name]

    hot, humid = {"hall-a.rack_inlet_max_c": 33.0}, {"hall-a.room_dewpoint_c": 16.0}
    assert rule_of(CHWS, 8.0, hot | {"ch-1.chws_temp_c": 4.5}) == [("freeze", 12.0)]  # freeze over inlet
    assert rule_of(DP, 60.0, {"ch-1.evaporator_flow_kgs": 10.0}) == [("minimum_flow", 90.0)]  # minimum flow over rate
    assert rule_of(CWS, 15.0, hot | {"ch-1.cwr_temp_c": None}) == [("lift", 25.0)]  # lift over inlet
    assert rule_of(AIR, 18.0, hot) == [("inlet", 16.0)]  # inlet over rate
    assert rule_of(AIR, 30.0, {"hall-a.rack_inlet_max_c": None, "hall-a-r01.rack_inlet_c": None}, {AIR: 28.0}) == [("range", pytest.approx(26.35))]
    assert rule_of(AIR, 30.0, humid, {AIR: 28.0}) == [("range", pytest.approx(26.35))]  # range over humidity
    assert rule_of(AIR, 16.0, humid | {"hall-a.room_dewpoint_c": 20.0}, {AIR: 17.0}) == [("rate", 18.0)]  # rate over dew point
    assert rule_of(TCS, 20.0, humid | {"hall-a.room_dewpoint_c": 35.0}, {TCS: 25.0}) == [("liquid", 37.0)]  # electronics over rate
    two_chillers = replace(calm.limits, chillers=(replace(calm.limits.chillers[0], lift_min_k=8.0, chws_min_c=13.0),))
    verdict = judge({CHWS: 12.4}, calm.situation({"weather.oa_wetbulb_c": 0.0}, {CWS: 16.0}, writable=frozenset({CHWS})), two_chillers)
    assert verdict.permitted == {CHWS: 13.0}  # freeze over lift


def test_machine_limits_choose_within_the_range(calm):
    cold = replace(calm.limits, chillers=(replace(calm.limits.chillers[0], chws_min_c=19.0),))
    assert judge({CHWS: 12.0}, calm.situation(), cold).permitted == {CHWS: 18.0}


def test_any_site_has_a_verdict(calm):
    for limits in (
        Limits({}),
        Limits({CHWS: SetpointLimits(6.0, 18.0, 0.1, 0.25)}),
        replace(calm.limits, halls=()),
        replace(calm.limits, chillers=(), plants=()),
        replace(calm.limits, halls=(HallLimits("hall-z", None),)),
    ):
        asked = {CHWS: 12.4, "x": 1.0}
        verdict = judge(asked, calm.situation(), limits)
        assert set(verdict.permitted) <= {CHWS, DP, CWS, AIR, FAN, TCS}
        if limits.setpoints and not any(hall.name == "hall-z" for hall in limits.halls):
            assert verdict.permitted[CHWS] == 12.4
    assert judge({}, calm.situation(), calm.limits) == Verdict({}, ())
