"""What is lent of a setpoint against spans written here by hand: nothing of what is not lent, accepted values as they are, others within their span."""

import math

import pytest

from safety.grants import SETTLED_S, SPANS, STEPS, Footing, Grant, confined, footing_after, moved_freely, narrowed, spanned
from safety.records import Reach
from safety.signals import QUANTITIES

CHWS, AIR, FAN = "plant.chws_setpoint_c", "hall-a.crah_supply_setpoint_c", "hall-a.crah_fan_setpoint_pct"
OWN = Footing({CHWS: 10.0, AIR: 20.0, FAN: 90.0})
BY_HAND = {
    "chws_setpoint_c": (0.5, 1.5, 4.0),
    "chw_dp_setpoint_kpa": (10.0, 25.0, 60.0),
    "cws_setpoint_c": (1.0, 2.0, 4.0),
    "crah_supply_setpoint_c": (0.5, 1.5, 3.0),
    "crah_fan_setpoint_pct": (5.0, 15.0, 35.0),
    "fan_setpoint_pct": (5.0, 15.0, 35.0),
    "speed_setpoint_pct": (5.0, 15.0, 35.0),
    "running_setpoint_count": (1.0, 1.0, 1.0),
    "humidify_setpoint_c": (0.5, 1.0, 2.0),
    "dehumidify_setpoint_c": (0.5, 1.0, 2.0),
    "tcs_setpoint_c": (0.5, 1.5, 4.0),
    "tcs_dp_setpoint_kpa": (10.0, 25.0, 60.0),
    "fws_setpoint_c": (0.5, 1.5, 4.0),
}


def test_every_setpoint_has_the_spans_written_twice_that_never_narrow_from_step_to_step():
    assert dict(SPANS) == BY_HAND
    assert set(SPANS) == {name for name in QUANTITIES if "setpoint" in name}
    assert STEPS == 3
    for spans in SPANS.values():
        assert len(spans) == 3
        assert list(spans) == sorted(spans)
    assert SETTLED_S == 1800.0


@pytest.mark.parametrize("quantity", BY_HAND)
def test_a_step_gives_its_span_and_an_unknown_step_the_narrowest(quantity):
    for step, span in enumerate(BY_HAND[quantity]):
        assert spanned(f"plant.{quantity}", step) == Grant(span=span)
    for unknown in (-1, 3, 99):
        assert spanned(f"plant.{quantity}", unknown) == Grant(span=BY_HAND[quantity][0])


def test_a_quantity_without_a_span_is_not_to_be_moved():
    for step in (0, 1, 2, 3):
        assert spanned("plant.not_a_setpoint_c", step) == Grant(span=0.0)


def test_nothing_is_asked_of_what_is_not_lent():
    assert narrowed({CHWS: 14.0, AIR: 24.0}, {}, OWN) == {}
    assert narrowed({CHWS: 14.0, AIR: 24.0}, {CHWS: Grant()}, OWN) == {CHWS: 14.0}
    assert narrowed({}, {CHWS: Grant(), AIR: Grant(span=0.5)}, OWN) == {}


def test_an_accepted_value_is_asked_for_as_it_is_whatever_is_proposed():
    assert narrowed({CHWS: 14.0}, {CHWS: Grant(value=11.0)}, OWN) == {CHWS: 11.0}
    assert narrowed({}, {CHWS: Grant(value=0.0)}, Footing()) == {CHWS: 0.0}


@pytest.mark.parametrize(("asked", "permitted"), [(14.0, 11.5), (8.0, 8.5), (11.5, 11.5), (8.5, 8.5), (10.2, 10.2)])
def test_a_span_keeps_what_is_asked_near_what_the_bas_does(asked, permitted):
    assert narrowed({CHWS: asked}, {CHWS: Grant(span=1.5)}, OWN) == {CHWS: permitted}


@pytest.mark.parametrize("nothing", [math.nan, math.inf, -math.inf])
def test_what_is_not_a_number_is_not_asked_for_within_a_span(nothing):
    assert narrowed({CHWS: nothing}, {CHWS: Grant(span=1.5)}, OWN) == {}
    assert narrowed({CHWS: 14.0}, {CHWS: Grant(span=1.5)}, Footing({CHWS: nothing})) == {}


def test_a_span_around_nothing_known_lends_nothing():
    assert narrowed({CHWS: 14.0, AIR: 21.0}, {CHWS: Grant(span=1.5), AIR: Grant(span=1.5)}, Footing({AIR: 20.0})) == {AIR: 21.0}


def test_what_the_daemon_moves_by_itself_is_what_nobody_accepted():
    assert moved_freely({CHWS: Grant(), AIR: Grant(span=0.5), FAN: Grant(value=50.0)}) == {CHWS, AIR}
    assert moved_freely({FAN: Grant(value=0.0)}) == frozenset()


def test_a_plan_is_bounded_by_the_span_within_its_reach():
    reach = {CHWS: Reach(9.0, 10.5, 6.0, 18.0), AIR: Reach(19.0, 21.0, 16.0, 26.0), FAN: Reach(40.0, 60.0, 30.0, 100.0)}
    grants = {CHWS: Grant(span=1.5), AIR: Grant(), FAN: Grant(span=5.0)}
    found = confined(reach, grants, OWN)
    assert found[CHWS] == Reach(9.0, 10.5, 8.5, 11.5)
    assert found[AIR] == reach[AIR]
    assert found[FAN] == Reach(60.0, 60.0, 85.0, 95.0), "as near to the span as the reach goes"
    assert confined(reach, {}, OWN) == reach
    assert confined({CHWS: Reach(20.0, 22.0, 20.0, 30.0)}, grants, OWN)[CHWS] == Reach(20.0, 20.0, 20.0, 20.0)
    assert confined({}, grants, OWN) == {}


def test_what_the_bas_does_is_followed_while_nothing_is_asked_of_it():
    footing = footing_after(Footing(), {CHWS: 10.0}, {}, 0.0)
    assert footing == Footing({CHWS: 10.0})
    footing = footing_after(footing, {CHWS: 9.0, AIR: 20.0}, {}, 300.0)
    assert footing == Footing({CHWS: 9.0, AIR: 20.0})
    assert footing_after(footing, {}, {}, 600.0) == footing, "what cannot be read is as it was"


def test_what_is_asked_leaves_the_footing_where_it_was():
    footing = footing_after(Footing({CHWS: 10.0}), {CHWS: 14.0, AIR: 21.0}, {CHWS: 14.0}, 300.0)
    assert footing == Footing({CHWS: 10.0, AIR: 21.0}, 300.0)


def test_a_setpoint_on_its_way_back_is_not_yet_the_bass_own():
    lent = Footing({CHWS: 10.0}, 300.0)
    assert footing_after(lent, {CHWS: 14.0, AIR: 20.0}, {}, 300.0).own == {CHWS: 10.0, AIR: 20.0}
    assert footing_after(lent, {CHWS: 12.0}, {}, 2099.0).own == {CHWS: 10.0}
    assert footing_after(lent, {CHWS: 11.0}, {}, 2100.0).own == {CHWS: 11.0}
    assert footing_after(lent, {CHWS: 11.0}, {}, 299.0).own == {CHWS: 11.0}, "a clock that ran back says nothing of a way back"
    assert footing_after(lent, {CHWS: 11.0}, {}, 2100.0).lent_at_s == 300.0
