"""Conditions begin and end as their table says: dwell, hysteresis, and nothing that ends because it cannot be seen."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from safety.conditions import AT_ONCE, DWELL, STATES, Dwell, Settling, Threshold, beyond, settle, spoken
from safety.modes import Condition

BY_HAND = {  # seconds until it counts, seconds until it is over
    "fire": (0.0, 60.0),
    "leak": (0.0, 60.0),
    "power_event": (0.0, 1800.0),
    "power_disturbed": (0.0, 900.0),
    "bas_restarted": (0.0, 300.0),
    "inlet_above_allowable": (0.0, 600.0),
    "sensor_lost": (0.0, 600.0),
    "readings_disagree": (0.0, 600.0),
    "plan_distrusted": (600.0, 1800.0),
    "heat_wave": (900.0, 3600.0),
    "very_high_load": (300.0, 1800.0),
}
NOTHING = frozenset()


def test_the_tables_are_what_was_written_twice():
    assert {str(c): (d.sets_after_s, d.clears_after_s) for c, d in DWELL.items()} == BY_HAND
    assert AT_ONCE == Dwell() == Dwell(0.0, 0.0)
    assert {name: str(c) for name, c in STATES.items()} == {
        "generator_state": "power_event",
        "transfer_state": "power_event",
        "power_disturbance_state": "power_disturbed",
        "fire_state": "fire",
        "leak_state": "leak",
    }


def test_contacts_speak_and_a_silent_one_is_unknown():
    signals = ("site.fire_state", "site.generator_state", "hall-a.leak_state", "plant.transfer_state", "weather.oa_wetbulb_c")
    measured = {"site.fire_state": 0.0, "site.generator_state": 1.0, "hall-a.leak_state": math.nan, "weather.oa_wetbulb_c": 20.0}
    found, unknown = spoken(signals, measured)
    assert found == {Condition.POWER_EVENT}
    assert unknown == {Condition.LEAK, Condition.POWER_EVENT}
    assert spoken((), measured) == (NOTHING, NOTHING)


def follow(rule, *seen):
    """Whether the condition counts at each (time, "yes" or "no" or "?")."""
    memory, told = Settling(), []
    for at_s, what in seen:
        found = {Condition.HEAT_WAVE} if what == "yes" else set()
        unknown = {Condition.HEAT_WAVE} if what == "?" else set()
        counts, memory = settle(memory, found, unknown, at_s, {Condition.HEAT_WAVE: rule})
        told.append(bool(counts))
    return told


def test_a_condition_counts_after_its_dwell_and_ends_after_its_dwell():
    seen = ((0.0, "yes"), (899.9, "yes"), (900.0, "yes"), (901.0, "no"), (4499.9, "no"), (4500.0, "no"))
    assert follow(Dwell(900.0, 3600.0), *seen) == [False, False, True, True, True, False]
    assert follow(Dwell(), (0.0, "yes"), (1.0, "no")) == [True, False]


def test_one_that_is_interrupted_begins_again():
    assert follow(Dwell(600.0, 0.0), (0.0, "yes"), (500.0, "no"), (501.0, "yes"), (1100.9, "yes"), (1101.0, "yes")) == [False] * 4 + [True]
    assert follow(Dwell(0.0, 600.0), (0.0, "yes"), (500.0, "no"), (501.0, "yes"), (1100.0, "no"), (1101.0, "no")) == [True] * 4 + [False]


def test_what_cannot_be_seen_stays_as_it_was():
    assert follow(Dwell(0.0, 60.0), (0.0, "yes"), (1000.0, "?"), (1059.0, "no"), (1060.0, "no")) == [True, True, True, False]
    assert follow(Dwell(600.0, 60.0), (0.0, "yes"), (300.0, "?"), (600.0, "yes")) == [False, False, True]
    assert follow(Dwell(0.0, 60.0), (0.0, "?"), (1.0, "?")) == [False, False]


def test_a_clock_that_goes_back_ends_nothing_and_hurries_nothing():
    assert follow(Dwell(0.0, 600.0), (5000.0, "yes"), (1000.0, "no"), (1599.0, "no"), (1600.0, "no")) == [True, True, True, False]
    assert follow(Dwell(600.0, 0.0), (5000.0, "yes"), (1000.0, "yes"), (1599.0, "yes"), (1600.0, "yes")) == [False, False, False, True]
    assert follow(Dwell(600.0, 0.0), (5000.0, "yes"), (1000.0, "?"), (1599.0, "yes"), (1600.0, "yes")) == [False, False, False, True]


def test_a_condition_without_a_row_comes_and_goes_at_once():
    counts, memory = settle(Settling(), {Condition.NO_PLAN}, set(), 0.0)
    assert counts == {Condition.NO_PLAN}
    assert settle(memory, set(), set(), 0.0) == (NOTHING, Settling())


HOT = Threshold(Condition.HEAT_WAVE, 30.0, 29.0)


@pytest.mark.parametrize(
    ("value", "calm", "seen"), [(29.0, False, False), (29.5, False, True), (30.0, False, True), (30.1, True, True), (math.nan, None, None)]
)
def test_a_threshold_has_hysteresis(value, calm, seen):
    assert beyond(HOT, value, Settling()) is calm
    assert beyond(HOT, None, Settling()) is None
    for memory in (Settling({Condition.HEAT_WAVE: 0.0}), Settling({}, {Condition.HEAT_WAVE: 0.0})):
        assert beyond(HOT, value, memory) is seen


conditions = st.frozensets(st.sampled_from(Condition))
memories = st.builds(Settling, *(st.dictionaries(st.sampled_from(Condition), st.floats(), max_size=3) for _ in range(2)))


@given(memories, conditions, conditions, st.floats(allow_nan=False))
def test_what_is_seen_without_a_dwell_always_counts(memory, found, unknown, at_s):
    counts, after = settle(memory, found, unknown - found, at_s)
    assert counts >= {c for c in found if BY_HAND.get(str(c), (0.0, 0.0))[0] == 0.0}
    assert counts <= found | set(memory.standing)
    assert set(after.standing) == counts
    assert not set(after.since_s) & counts


def test_the_memory_survives_json():
    adapter = TypeAdapter(Settling)
    memory = Settling({Condition.HEAT_WAVE: 1.5}, {Condition.FIRE: 2.5})
    assert adapter.validate_json(adapter.dump_json(memory)) == memory
