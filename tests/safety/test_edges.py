"""What shows only at an edge: the last digit of a limit, the odd name, the value that is reported rather than written."""

import math
from dataclasses import replace

import pytest

from safety.conditions import Settling, settle
from safety.envelope import judge
from safety.limits import HallLimits, LiquidLimits, Narrowed, SetpointLimits
from safety.modes import Condition
from safety.records import Intervention, Verdict

CHWS, CWS, FAN = "plant.chws_setpoint_c", "plant.cws_setpoint_c", "hall-a.crah_fan_setpoint_pct"
COLD = {"weather.oa_wetbulb_c": 0.0}


@pytest.mark.parametrize(("beyond", "told"), [(0.95e-6, False), (1.05e-6, True)])
def test_a_millionth_is_where_an_intervention_begins(calm, beyond, told):
    verdict = judge({CHWS: 18.0 + beyond}, calm.situation(in_force={CHWS: 17.9}), calm.limits)
    assert bool(verdict.interventions) is told


def test_a_millionth_exactly_is_not_one(calm):
    odd = "plant.odd_c"
    limits = replace(calm.limits, setpoints={odd: SetpointLimits(0.0, 10.0, 1.0, 1.0)})
    assert judge({odd: -1e-6}, calm.situation(in_force={odd: 0.0}, writable=frozenset({odd})), limits) == Verdict({odd: 0.0}, ())


def test_chilled_water_is_judged_before_condenser_water_whatever_they_are_called(calm):
    """A machine's own chilled water of 13 degC needs condenser water of 13 + 8 - 4 = 17 degC; both come from below, its name comes after the plant's."""
    own, tower = "z-1.chws_setpoint_c", "plant.cws_setpoint_c"
    chiller = replace(calm.limits.chillers[0], name="z-1")
    limits = replace(calm.limits, setpoints={tower: calm.limits.setpoints[CWS], own: SetpointLimits(6.0, 18.0, 0.5, 0.5)}, chillers=(chiller,))
    measured = COLD | {"z-1.machine_state": 2.0, "z-1.chws_temp_c": 10.0, "z-1.cwr_temp_c": 29.0}
    situation = calm.situation(measured, {own: 11.0, tower: 18.0}, writable=frozenset({own, tower}))
    assert judge({own: 13.0, tower: 15.5}, situation, limits).permitted == {own: 13.0, tower: 17.0}


def test_a_chiller_of_another_plant_has_no_say(calm, decide):
    other = replace(calm.limits.chillers[0], name="ch-9", plant="plant-b")
    limits = replace(calm.limits, chillers=(*calm.limits.chillers, other))
    assert decide({CHWS: 12.4, CWS: 24.0}, {"ch-9.machine_state": 2.0, "ch-9.chws_temp_c": 3.0}, limits=limits) == ({CHWS: 12.4, CWS: 24.0}, {})


def test_what_was_held_is_told_where_nothing_was_asked(calm):
    verdict = judge({}, calm.situation({"hall-a.rack_inlet_max_c": 33.0}, writable=frozenset({FAN})), calm.limits)
    assert verdict.interventions == (Intervention("inlet", FAN, 60.0, 100.0),)
    verdict = judge({}, calm.situation({"hall-a.rack_inlet_max_c": 33.0}, {FAN: None}, writable=frozenset({FAN})), calm.limits)
    assert [(i.rule, i.permitted, math.isnan(i.asked)) for i in verdict.interventions] == [("inlet", 100.0, True)]


@pytest.mark.parametrize(("asked", "told"), [(math.inf, math.inf), (-math.inf, -math.inf), (7, 7.0), (10**400, None), ("7", None)])
def test_what_was_asked_is_told_as_it_was(calm, asked, told):
    (intervention,) = judge({"plant.chws_temp_c": asked}, calm.situation(), calm.limits).interventions
    assert type(intervention.asked) is float
    assert math.isnan(intervention.asked) if told is None else intervention.asked == told


def test_the_smallest_speed_above_off_is_the_floor(calm, decide):
    limits = replace(calm.limits, setpoints={FAN: SetpointLimits(30.0, 100.0, None, 5.0, True)})
    assert decide({FAN: 0.5}, in_force={FAN: 0.0}, limits=limits)[0] == {FAN: 30.0}


@pytest.mark.parametrize("end", [-math.inf, math.nan, math.inf])
def test_both_ends_of_a_range_are_finite(end):
    for low, high in ((end, 1.0), (0.0, end)):
        with pytest.raises(ValueError, match="both must be finite and low <= high"):
            SetpointLimits(low, high, None, None)


def test_a_narrowed_limit_has_no_problems_unless_it_says_so(calm):
    assert Narrowed(calm.limits.setpoints[CHWS]).problems == ()
    assert HallLimits("h", None).rows == ()


def test_what_stands_goes_on_at_once_and_unseen_for_ever():
    heat, plan = Condition.HEAT_WAVE, Condition.NO_PLAN
    assert settle(Settling({}, {heat: 100.0}), {heat}, (), 200.0) == (frozenset({heat}), Settling({}, {heat: 200.0}))
    assert settle(Settling({}, {plan: 100.0}), (), {plan}, 1e9) == (frozenset({plan}), Settling({}, {plan: 1e9}))


def test_what_is_remembered_is_in_one_order():
    standing, memory = settle(Settling(), frozenset(Condition), (), 0.0)
    kept = [list(memory.standing), list(memory.since_s)]
    assert kept == [sorted(names) for names in kept]
    assert len(standing) > 20


def test_colder_is_more_cooling_at_a_band_and_in_whole_steps(calm, decide):
    band = replace(calm.limits, setpoints={CHWS: SetpointLimits(6.0, 18.0, 1.0, 1.0, bands=((10.0, 11.0),))})
    for asked, becomes in ((11.0, 11.0), (10.9, 10.0), (10.0, 10.0)):
        assert decide({CHWS: asked}, limits=band)[0] == {CHWS: becomes}
    whole = replace(calm.limits, setpoints={CHWS: SetpointLimits(6.0, 18.0, 1.0, 1.0, whole=True)})
    assert decide({CHWS: 11.5}, limits=whole)[0] == {CHWS: 11.0}


LOOP = LiquidLimits("hall-a", 40.0, 6000.0, 200.0, 0.35, ("fws",), ("cdu-1.leak_state",), {"cdu-1.filter_dp_kpa": 50.0, "cdu-2.filter_dp_kpa": 50.0})
WELL = {
    "hall-a.tcs_supply_temp_c": 30.0,
    "hall-a.it_power_cap_kw": 3000.0,
    "cdu-1.leak_state": 0.0,
    "cdu-1.filter_dp_kpa": 20.0,
    "cdu-2.filter_dp_kpa": 20.0,
}


def test_an_alarm_of_a_cdu_leaves_the_halls_air_alone(calm, decide):
    limits = replace(calm.limits, liquids=(LOOP,))
    assert decide({FAN: 70.0}, {**WELL, "cdu-1.leak_state": 1.0}, limits=limits) == ({FAN: 70.0}, {})


def test_facility_water_may_be_colder_than_the_dew_point_of_a_hall(calm, decide):
    fws = "fws.fws_setpoint_c"
    limits = replace(calm.limits, setpoints={fws: SetpointLimits(10.0, 40.0, 1.0, 1.0)}, liquids=(LOOP,))
    assert decide({fws: 12.0}, {**WELL, "hall-a.room_dewpoint_c": 14.0}, {fws: 13.0}, limits, writable=frozenset({fws}))[0] == {fws: 12.0}


def test_one_clogged_filter_of_two_is_enough(calm, decide):
    tcs = "hall-a.tcs_setpoint_c"
    limits = replace(calm.limits, setpoints={tcs: SetpointLimits(18.0, 40.0, 1.0, 1.0)}, liquids=(LOOP,))
    clogged = {**WELL, "cdu-2.filter_dp_kpa": 50.1}
    assert decide({tcs: 31.0}, clogged, {tcs: 30.0}, limits, writable=frozenset({tcs})) == ({tcs: 30.0}, {tcs: "liquid"})
    assert decide({tcs: 31.0}, WELL, {tcs: 30.0}, limits, writable=frozenset({tcs})) == ({tcs: 31.0}, {})


def test_an_alarm_with_nothing_known_in_force_freezes_nothing(calm, decide):
    tcs = "hall-a.tcs_setpoint_c"
    limits = replace(calm.limits, setpoints={tcs: SetpointLimits(18.0, 40.0, 1.0, 1.0)}, liquids=(LOOP,))
    seen = {**WELL, "cdu-1.leak_state": 1.0, "hall-a.rack_inlet_max_c": 33.0}
    assert decide({tcs: 20.0}, seen, {tcs: None}, limits, writable=frozenset({tcs})) == ({tcs: 18.0}, {tcs: "inlet"})


def test_a_quantity_without_a_direction_stays_where_it_is_in_a_hot_room(calm, decide):
    odd = "plant.odd_c"
    limits = replace(calm.limits, setpoints={odd: SetpointLimits(0.0, 10.0, 1.0, 1.0)})
    for asked in (4.0, 6.0):
        assert decide({odd: asked}, {"hall-a.rack_inlet_max_c": 33.0}, {odd: 5.0}, limits, writable=frozenset({odd}))[0] == {odd: 5.0}
