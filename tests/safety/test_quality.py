"""The gate refuses what cannot be believed, says why, and leaves it unknown."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from safety.quality import GateMemory, GateRule, check
from safety.records import Fault, Measurements, Reading, Snapshot, Status

CHWS = "ch-1.chws_temp_c"
LEFT, RIGHT, THIRD = "hall-a-r01.rack_inlet_c", "hall-a-r02.rack_inlet_c", "hall-a-r03.rack_inlet_c"


def reading(signal, value, status=Status.GOOD, at_s=0.0, detail=""):
    return Reading(signal, value, status, at_s, detail)


def one(value, rule, status=Status.GOOD, at_s=0.0, received_at_s=0.0, memory=None, detail=""):
    """The value that passes, or the cause of the refusal."""
    seen = Snapshot(at_s, {CHWS: reading(CHWS, value, status, received_at_s, detail)})
    measured, memory = check(seen, {CHWS: rule}, memory or GateMemory())
    assert (CHWS in measured.values) != bool(measured.faults)
    assert measured.taken_at_s == at_s
    return measured.values[CHWS] if measured.values else str(measured.faults[0].cause), memory


def series(rule, *samples):
    """What becomes of one signal's samples (time [s], value), one after the other."""
    memory, became = GateMemory(), []
    for at_s, value in samples:
        result, memory = one(value, rule, at_s=at_s, received_at_s=at_s, memory=memory)
        became.append(result)
    return became


def many(rules, values, at_s=0.0, memory=None):
    seen = Snapshot(at_s, {name: reading(name, value, at_s=at_s) for name, value in values.items()})
    measured, memory = check(seen, rules, memory or GateMemory())
    return dict(measured.values), {fault.signal: str(fault.cause) for fault in measured.faults}, memory


def test_the_defaults_are_what_was_written_twice():
    assert GateRule() == GateRule(30.0, None, None, None, None, (), 1.0, 5.0)


@pytest.mark.parametrize(
    ("value", "status", "becomes"),
    [
        (12.0, Status.GOOD, 12.0),
        (0.0, Status.GOOD, 0.0),
        (12.0, Status.MISSING, "missing"),
        (None, Status.GOOD, "missing"),
        (12.0, Status.BAD, "bad_status"),
        (12.0, Status.UNCERTAIN, "bad_status"),
        (math.nan, Status.GOOD, "not_finite"),
        (-math.inf, Status.GOOD, "not_finite"),
        (10**400, Status.GOOD, "not_finite"),
    ],
)
def test_status_and_number(value, status, becomes):
    assert one(value, GateRule(), status)[0] == becomes


def test_a_reading_that_is_not_there_is_missing_and_never_zero():
    measured, memory = check(Snapshot(5.0, {}), {CHWS: GateRule()}, GateMemory())
    assert measured == Measurements(5.0, {}, (Fault(CHWS, "missing", "no reading"),))
    assert memory == GateMemory()
    measured, _ = check(Snapshot(5.0, {CHWS: reading(CHWS, None, detail="timed out")}), {CHWS: GateRule()}, GateMemory())
    assert measured.faults == (Fault(CHWS, "missing", "timed out"),)


@pytest.mark.parametrize(
    ("age_s", "becomes"), [(0.0, 12.0), (30.0, 12.0), (30.1, "stale"), (-5.0, 12.0), (-5.1, "stale"), (math.nan, "stale"), (math.inf, "stale")]
)
def test_age_is_judged_whatever_the_status_says(age_s, becomes):
    assert one(12.0, GateRule(stale_after_s=30.0), at_s=1000.0, received_at_s=1000.0 - age_s)[0] == becomes


@pytest.mark.parametrize(("value", "becomes"), [(0.0, 0.0), (40.0, 40.0), (-0.1, "implausible"), (40.1, "implausible")])
def test_plausible_range(value, becomes):
    assert one(value, GateRule(low=0.0, high=40.0))[0] == becomes


def test_half_a_range_and_none_at_all():
    assert one(1e9, GateRule(low=0.0))[0] == 1e9
    assert one(-1e9, GateRule(high=40.0))[0] == -1e9
    assert one(1e9, GateRule())[0] == 1e9


def test_rate_against_the_last_accepted_value():
    rule = GateRule(rate_per_min=2.0)
    assert series(rule, (0, 10.0), (60, 12.0), (120, 14.1), (180, 14.1), (240, 10.1)) == [10.0, 12.0, "too_fast", 14.1, "too_fast"]
    assert series(rule, (0, 10.0), (60, 8.0), (60, 8.0), (60, 8.1)) == [10.0, 8.0, 8.0, "too_fast"]


def test_a_memory_from_the_future_does_not_count():
    assert series(GateRule(rate_per_min=2.0), (1000, 10.0), (0, 30.0), (60, 31.0)) == [10.0, 30.0, 31.0]


def test_a_refused_value_is_not_remembered_as_good():
    assert series(GateRule(rate_per_min=2.0, high=40.0), (0, 39.0), (60, 100.0), (120, 42.9), (180, 40.0)) == [39.0, "implausible", "implausible", 40.0]


def test_stuck():
    rule = GateRule(stuck_after_s=600.0)
    assert series(rule, (0, 10.0), (600, 10.0), (601, 10.0), (700, 10.01), (1300, 10.01), (1301, 10.01)) == [10.0, 10.0, "stuck", 10.01, 10.01, "stuck"]
    assert series(GateRule(), (0, 10.0), (1e9, 10.0)) == [10.0, 10.0]
    assert series(rule, (1000, 10.0), (0, 10.0), (600, 10.0), (601, 10.0)) == [10.0, 10.0, 10.0, "stuck"]


def test_a_failed_read_does_not_unstick():
    rule, memory = GateRule(stuck_after_s=600.0), GateMemory()
    _, memory = one(10.0, rule, memory=memory)
    _, memory = one(None, rule, Status.MISSING, at_s=300.0, received_at_s=300.0, memory=memory)
    _, memory = one(11.0, rule, Status.BAD, at_s=301.0, received_at_s=301.0, memory=memory)
    assert one(10.0, rule, at_s=700.0, received_at_s=700.0, memory=memory)[0] == "stuck"


def test_the_median_of_three_outvotes_the_third():
    rules = {name: GateRule(siblings=(LEFT, RIGHT, THIRD), tolerance=1.0) for name in (LEFT, RIGHT, THIRD)}
    assert many(rules, {LEFT: 22.0, RIGHT: 22.5, THIRD: 23.5})[1] == {}
    assert many(rules, {LEFT: 22.0, RIGHT: 22.5, THIRD: 23.6})[:2] == ({LEFT: 22.0, RIGHT: 22.5}, {THIRD: "disagrees"})
    assert many(rules, {LEFT: 15.0, RIGHT: 22.5, THIRD: 23.0})[1] == {LEFT: "disagrees"}
    assert many(rules, {LEFT: 15.0, RIGHT: 22.0, THIRD: 30.0})[1] == {LEFT: "disagrees", THIRD: "disagrees"}


@pytest.mark.parametrize(
    ("quantity", "higher_is_safer"),
    [
        ("chws_temp_c", True),
        ("lift_k", True),
        ("room_rh_pct", True),
        ("power_kw", True),
        ("speed_pct", True),
        ("chw_flow_kgs", False),
        ("chw_dp_kpa", False),
    ],
)
def test_of_two_the_safer_is_believed(quantity, higher_is_safer):
    low, high = f"a.{quantity}", f"b.{quantity}"
    rules = {low: GateRule(siblings=(high,), tolerance=1.0), high: GateRule(siblings=(low,), tolerance=1.0)}
    assert many(rules, {low: 20.0, high: 21.0})[1] == {}
    assert many(rules, {low: 20.0, high: 21.1})[1] == {low if higher_is_safer else high: "disagrees"}


@pytest.mark.parametrize("quantity", ["running_count", "machine_state", "no_such_thing"])
def test_of_two_of_another_kind_neither_is_believed(quantity):
    left, right = f"a.{quantity}", f"b.{quantity}"
    rules = {left: GateRule(siblings=(right,)), right: GateRule(siblings=(left,))}
    assert many(rules, {left: 1.0, right: 2.0})[1] == {}
    assert many(rules, {left: 1.0, right: 3.0})[1] == {left: "disagrees", right: "disagrees"}


def test_a_sibling_that_is_refused_or_unknown_has_no_vote():
    rules = {LEFT: GateRule(siblings=(RIGHT, THIRD, "nobody.rack_inlet_c"), tolerance=1.0), RIGHT: GateRule(high=30.0), THIRD: GateRule()}
    assert many(rules, {LEFT: 20.0, RIGHT: 99.0})[:2] == ({LEFT: 20.0}, {RIGHT: "implausible", THIRD: "missing"})
    assert many(rules, {LEFT: 20.0, RIGHT: 25.0})[1] == {LEFT: "disagrees", THIRD: "missing"}


BEAT = "bas.heartbeat"
WITH_BEAT = {BEAT: GateRule(stale_after_s=30.0), CHWS: GateRule()}


def test_a_heartbeat_that_stands_still_makes_every_reading_stale():
    values, faults, memory = many(WITH_BEAT, {BEAT: 7.0, CHWS: 12.0, LEFT: 22.0}, at_s=0.0)
    assert values == {BEAT: 7.0, CHWS: 12.0, LEFT: 22.0}
    values, faults, memory = many(WITH_BEAT, {BEAT: 7.0, CHWS: 12.1, LEFT: 22.0}, at_s=30.0, memory=memory)
    assert faults == {}
    values, faults, memory = many(WITH_BEAT, {BEAT: 7.0, CHWS: 12.2, LEFT: 22.0}, at_s=30.1, memory=memory)
    assert values == {}
    assert faults == {BEAT: "stale", CHWS: "stale", LEFT: "stale"}
    values, faults, memory = many(WITH_BEAT, {BEAT: 8.0, CHWS: 12.3, LEFT: 22.0}, at_s=300.0, memory=memory)
    assert faults == {}


def test_a_heartbeat_that_cannot_be_read_stands_still():
    assert many(WITH_BEAT, {CHWS: 12.0})[1] == {BEAT: "missing", CHWS: "stale"}
    _, _, memory = many(WITH_BEAT, {BEAT: 7.0, CHWS: 12.0})
    assert many(WITH_BEAT, {CHWS: 12.0}, at_s=30.0, memory=memory)[1] == {BEAT: "missing"}
    assert many(WITH_BEAT, {CHWS: 12.0}, at_s=31.0, memory=memory)[1] == {BEAT: "missing", CHWS: "stale"}
    _, _, memory = many(WITH_BEAT, {BEAT: 7.0, CHWS: 12.0}, at_s=1000.0)
    assert many(WITH_BEAT, {CHWS: 12.0}, at_s=999.0, memory=memory)[1] == {BEAT: "missing", CHWS: "stale"}


def test_a_site_without_a_heartbeat_rule_is_not_asked_for_one():
    assert many({CHWS: GateRule()}, {CHWS: 12.0, BEAT: 7.0})[1] == {}


def test_the_memory_holds_what_the_rules_need_and_survives_json():
    rules = {CHWS: GateRule(rate_per_min=2.0), LEFT: GateRule(stuck_after_s=600.0), RIGHT: GateRule(), BEAT: GateRule()}
    _, _, memory = many(rules, {CHWS: 12.0, LEFT: 22.0, RIGHT: 23.0, BEAT: 1.0}, at_s=5.0)
    assert memory == GateMemory({CHWS: (12.0, 5.0)}, {LEFT: (22.0, 5.0), BEAT: (1.0, 5.0)})
    adapter = TypeAdapter(GateMemory)
    assert adapter.validate_json(adapter.dump_json(memory)) == memory
    assert many({RIGHT: GateRule()}, {RIGHT: 23.0}, memory=memory)[2] == GateMemory()


def test_each_fault_says_why():
    says = {
        GateRule(low=20.0, high=30.0): "12 is outside 20.0 .. 30.0",
        GateRule(stale_after_s=10.0): "20 s old, allowed -5 .. 10",
    }
    for rule, text in says.items():
        measured, _ = check(Snapshot(20.0, {CHWS: reading(CHWS, 12.0)}), {CHWS: rule}, GateMemory())
        assert measured.faults[0].says == text
    measured, _ = check(Snapshot(0.0, {CHWS: reading(CHWS, math.nan)}), {}, GateMemory())
    assert measured.faults == (Fault(CHWS, "not_finite", "nan is not a finite number"),)
    measured, _ = check(Snapshot(0.0, {CHWS: reading(CHWS, 1.0, Status.BAD)}), {}, GateMemory())
    assert measured.faults[0].says == "status bad"
    seen = Snapshot(90.0, {CHWS: reading(CHWS, 15.0, at_s=90.0), LEFT: reading(LEFT, 20.0, at_s=90.0)})
    rules = {CHWS: GateRule(rate_per_min=2.0), LEFT: GateRule(stuck_after_s=10.0)}
    measured, _ = check(seen, rules, GateMemory({CHWS: (12.0, 30.0)}, {LEFT: (20.0, 30.0)}))
    assert [fault.says for fault in measured.faults] == ["12 to 15 in 60 s, allowed 2 a minute", "20 for 60 s, allowed 10"]
    measured, _ = check(Snapshot(0.0, {LEFT: reading(LEFT, 20.0), RIGHT: reading(RIGHT, 25.0)}), {LEFT: GateRule(siblings=(RIGHT,))}, GateMemory())
    assert measured.faults == (Fault(LEFT, "disagrees", "20 against 25, tolerance 1"),)
    measured, _ = check(Snapshot(0.0, {CHWS: reading(CHWS, 12.0)}), {BEAT: GateRule()}, GateMemory())
    assert measured.faults[-1].says == "no reading"
    assert measured.faults[0].says == "bas.heartbeat stands still: nothing behind it is fresh"


values = st.none() | st.floats() | st.integers()
readings = st.builds(Reading, st.just("x"), values, st.sampled_from(Status), st.floats() | st.just(0.0), st.just(""))
signals = st.sampled_from([CHWS, LEFT, RIGHT, THIRD, BEAT, "nonsense", ""])
rules_of_any_kind = st.dictionaries(
    signals,
    st.builds(
        GateRule,
        st.floats(1.0, 100.0),
        st.none() | st.floats(-10.0, 10.0),
        st.none() | st.floats(10.0, 40.0),
        st.none() | st.floats(0.1, 10.0),
        st.none() | st.floats(1.0, 1000.0),
        st.lists(signals, max_size=3).map(tuple),
        st.floats(0.0, 5.0),
    ),
)
seen_before = st.dictionaries(signals, st.tuples(st.floats(), st.floats()))


@settings(max_examples=2 * settings().max_examples, deadline=None)
@given(st.dictionaries(signals, readings), rules_of_any_kind, st.builds(GateMemory, seen_before, seen_before), st.floats() | st.just(0.0))
def test_every_reading_passes_or_is_a_fault_and_nothing_is_made_up(image, rules, memory, at_s):
    measured, after = check(Snapshot(at_s, image), rules, memory)
    faulty = {fault.signal for fault in measured.faults}
    assert len(faulty) == len(measured.faults)
    assert faulty | set(measured.values) == set(image) | set(rules)
    assert not faulty & set(measured.values)
    for signal, value in measured.values.items():
        assert image[signal].status is Status.GOOD
        assert math.isfinite(value)
        assert value == image[signal].value
    assert set(after.accepted) <= set(rules)
