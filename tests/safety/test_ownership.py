"""What is not ours to move is not counted on."""

import math

import pytest

from safety.ownership import NOT_OURS, WHOLE_SITE, Maintenance, arranged, callable_now, standing, why_not

BY_HAND = [
    ("hand_state", 1.0, "in hand at the machine"),
    ("local_state", 1.0, "switched to local"),
    ("available_state", 0.0, "not available"),
    ("machine_state", 4.0, "failed"),
    ("machine_state", 5.0, "locked out"),
]


def test_the_table_is_what_was_written_twice():
    assert [(quantity, *values, says) for quantity, values, says in NOT_OURS] == BY_HAND
    assert WHOLE_SITE == "site"


@pytest.mark.parametrize(("quantity", "value", "says"), BY_HAND)
def test_a_machine_that_is_not_ours_says_why(quantity, value, says):
    assert why_not("ch-1", {f"ch-1.{quantity}": value}) == says
    assert not callable_now("ch-1", {f"ch-1.{quantity}": value})
    assert callable_now("ch-2", {f"ch-1.{quantity}": value})


def test_well_and_silent_machines_are_ours():
    well = {"ch-1.hand_state": 0.0, "ch-1.local_state": 0.0, "ch-1.available_state": 1.0, "ch-1.machine_state": 2.0}
    assert why_not("ch-1", well) == "" == why_not("ch-1", {}) == why_not("ch-1", {"ch-1.available_state": math.nan})
    assert callable_now("ch-1", well)
    assert why_not("ch-1", well, frozenset({"ch-1"})) == "in maintenance"
    assert not callable_now("ch-1", well, ["ch-1"])


def test_maintenance_has_an_owner_a_reason_and_an_end():
    mine = Maintenance("ch-1", "ada", "tube cleaning", 1000.0)
    for_ever = Maintenance("ct-1", "ada", "fan", math.nan)
    assert standing((mine, for_ever), 999.9) == (mine, for_ever)
    assert standing((mine, for_ever), 1000.0) == (for_ever,)


def test_maintenance_begins_ends_and_replaces_itself():
    one, again = Maintenance("ch-1", "ada", "tubes", 100.0), Maintenance("ch-1", "bob", "more tubes", 900.0)
    other = Maintenance("ct-1", "ada", "fan", 900.0)
    assert arranged((), one, "", 0.0) == (one,)
    assert arranged((one, other), again, "", 0.0) == (other, again)
    assert arranged((one, other), None, "ch-1", 0.0) == (other,)
    assert arranged((one, other), None, "", 0.0) == (one, other)
    assert arranged((one, other), None, "", 100.0) == (other,)
    assert arranged((one,), other, "ch-1", 0.0) == (other,)
