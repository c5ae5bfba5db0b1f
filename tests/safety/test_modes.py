"""Every mode under every set of up to three conditions, against an oracle written from the description and not from the table."""

import math
from dataclasses import replace
from itertools import chain, combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from safety.modes import (
    CAPPED,
    TABLE,
    WITHOUT_MODEL,
    WRITES,
    Condition,
    Mode,
    ModeRules,
    ModeState,
    Return,
    Stage,
    after_restart,
    engage,
    experiment_refused,
    first,
    next_mode,
    untouched,
)

PERSON = {"operator_release", "fire", "leak", "second_writer", "writes_refused", "readings_lost", "inlet_unknown", "journal_lost", "clock_jumped"}
PERSON |= {"kill_switch"}
TOKEN = {"power_event", "maintenance", "bas_restarted", "lease_lapsed", "restarted", "stopping", "drill", "switchback"}
GAP = {"readings_gap"}
CAPS = {"heat_wave", "very_high_load", "power_disturbed"}
RESETTING = {"inlet_above_allowable", "no_plan", "no_forecast", "no_model", "cycles_late", "sensor_lost", "readings_disagree", "plan_distrusted"} | CAPS
RESETTING |= {"rolled_back", "drill_reset"}
DISTRUST = {"residual_distrusted"}
RULES = ModeRules(600.0, 3, 2, 86400.0)
NOW = 1_000_000.0


def oracle(state, names, at_s, advisory=frozenset()):
    """Who is in charge, latched or not, how many healthy cycles, since when on hold, which returns."""
    person, token = names & PERSON, names & TOKEN | names & advisory
    names = names - advisory
    if state.mode == Mode.RELEASE:
        if state.latched:
            return Mode.RELEASE, True, state.healthy_cycles, None, state.returns_s
        if person:
            return Mode.RELEASE, True, state.healthy_cycles, None, state.returns_s
        if token or names & GAP:
            return Mode.RELEASE, False, state.healthy_cycles, None, state.returns_s
        young = tuple(t for t in state.returns_s if at_s - t < 86400)
        if len(young) > 1:
            return Mode.RELEASE, True, state.healthy_cycles, None, young
        return Mode.RESET, False, 0, None, (*young, at_s)
    if person or token:
        return Mode.RELEASE, bool(person), 0, None, state.returns_s
    if names & GAP:
        began = at_s if state.hold_since_s is None else state.hold_since_s
        if at_s - began >= 600:
            return Mode.RELEASE, True, 0, None, state.returns_s
        return Mode.HOLD, False, 0 if names & RESETTING else state.healthy_cycles, began, state.returns_s
    if names & RESETTING:
        return Mode.RESET, False, 0, None, state.returns_s
    healthy = min(3, state.healthy_cycles + 1)
    if healthy < 3:
        return Mode.RESET, False, healthy, None, state.returns_s
    return Mode.PLAN_ONLY if names & DISTRUST else Mode.OPTIMISE, False, 3, None, state.returns_s


STATES = [
    ModeState(Mode.OPTIMISE, None, 5.0, healthy_cycles=3),
    ModeState(Mode.PLAN_ONLY, Condition.RESIDUAL_DISTRUSTED, 5.0, healthy_cycles=3, returns_s=(NOW - 10.0,)),
    *(ModeState(Mode.RESET, Condition.NO_PLAN, 5.0, healthy_cycles=n) for n in (0, 1, 2)),
    *(
        ModeState(Mode.HOLD, Condition.READINGS_GAP, NOW - gap, healthy_cycles=n, hold_since_s=NOW - gap)
        for n, gap in ((0, 300.0), (2, 300.0), (3, 599.9), (3, 600.0))
    ),
    ModeState(Mode.RELEASE, Condition.FIRE, 5.0, latched=True),
    *(
        ModeState(Mode.RELEASE, Condition.RESTARTED, 5.0, returns_s=returns)
        for returns in ((), (NOW - 86399.9,), (NOW - 86400.0, NOW - 1.0), (NOW - 7200.0, NOW - 3600.0), (NOW - 90000.0, NOW - 7200.0, NOW - 3600.0))
    ),
]
SUBSETS = [frozenset(c) for c in chain.from_iterable(combinations(Condition, n) for n in range(4))]
ONE_OF_EACH = [
    Condition.OPERATOR_RELEASE,
    Condition.FIRE,
    Condition.POWER_EVENT,
    Condition.DRILL,
    Condition.READINGS_GAP,
    Condition.NO_PLAN,
    Condition.HEAT_WAVE,
    Condition.RESIDUAL_DISTRUSTED,
]
SUBSETS += [frozenset(c) for c in chain.from_iterable(combinations(ONE_OF_EACH, n) for n in range(4, 9))]


def test_the_sets_of_the_oracle_are_all_conditions():
    assert sorted(PERSON | TOKEN | GAP | RESETTING | DISTRUST) == sorted(Condition)
    assert len(PERSON) + len(TOKEN) + len(GAP) + len(RESETTING) + len(DISTRUST) == len(Condition) == 33


@pytest.mark.parametrize("state", STATES, ids=lambda s: f"{s.mode.name}-{s.latched}-{s.healthy_cycles}-{len(s.returns_s)}-{s.hold_since_s}")
def test_every_mode_under_every_set_of_conditions(state):
    for conditions in SUBSETS:
        after = next_mode(state, conditions, NOW, RULES)
        expected = oracle(state, set(conditions), NOW)
        assert (after.mode, after.latched, after.healthy_cycles, after.hold_since_s, after.returns_s) == expected, conditions
        stays = after.mode == state.mode
        assert after.since_s == (state.since_s if stays else NOW), conditions
        if after.mode > Mode.PLAN_ONLY:
            assert after.cause in conditions | {state.cause, Condition.READINGS_LOST}
        if after.mode is Mode.OPTIMISE:
            assert after.cause is None


CAP_SUBSETS = [frozenset(c) for n in range(5) for c in combinations([*sorted(map(Condition, CAPS)), *ONE_OF_EACH[:1], *ONE_OF_EACH[2:6]], n)]


@pytest.mark.parametrize("state", STATES, ids=lambda s: f"{s.mode.name}-{s.latched}-{s.healthy_cycles}-{len(s.returns_s)}-{s.hold_since_s}")
def test_a_site_chooses_what_heat_load_and_a_disturbed_utility_cap(state):
    assert {str(c) for c in CAPPED} == CAPS
    for n in (1, 2, 3):
        for wanted in combinations(sorted(CAPPED), n):
            rules = replace(RULES, advisory=frozenset({*wanted, Condition.NO_PLAN}))
            for conditions in CAP_SUBSETS:
                after = next_mode(state, conditions, NOW, rules)
                assert (after.mode, after.latched, after.healthy_cycles, after.hold_since_s, after.returns_s) == oracle(
                    state, set(conditions), NOW, set(wanted)
                )


def test_experiments_are_refused_under_every_condition_but_distrust_of_the_correction():
    for stage in Stage:
        refused = experiment_refused(stage, frozenset({Condition.RESIDUAL_DISTRUSTED}))
        assert bool(refused) is (stage.name not in ("CANARY", "AUTO"))
    assert experiment_refused(Stage.ADVISORY, frozenset()) == "stage ADVISORY allows none; they start at CANARY"
    for condition in Condition:
        assert bool(experiment_refused(Stage.AUTO, frozenset({condition}))) is (condition != "residual_distrusted")
        assert not experiment_refused(Stage.CANARY, frozenset({condition}), frozenset({condition}))
    assert sorted(WITHOUT_MODEL) == ["no_model", "no_plan"]
    assert not experiment_refused(Stage.AUTO, WITHOUT_MODEL, WITHOUT_MODEL)
    both = experiment_refused(Stage.AUTO, frozenset({Condition.HEAT_WAVE, Condition.FIRE}))
    assert both == "Fire alarm: the BAS is in charge. Weather beyond design: Guideline 36 resets are in charge."


def test_the_table_has_one_row_for_each_condition_and_tells_the_operator():
    assert sorted(row.condition for row in TABLE) == sorted(Condition)
    forces = {Mode.RELEASE: PERSON | TOKEN, Mode.HOLD: GAP, Mode.RESET: RESETTING, Mode.PLAN_ONLY: DISTRUST}
    returns = {Return.BY_PERSON: PERSON, Return.UNDER_TOKEN: TOKEN, Return.AT_ONCE: GAP | DISTRUST, Return.AFTER_HEALTHY_CYCLES: RESETTING}
    for row in TABLE:
        assert row.condition in forces[row.forces]
        assert row.condition in returns[row.returns]
        assert row.latches is (row.condition in PERSON)
        assert row.clears
        assert row.told.endswith((".", "cooling."))


def test_the_rules_and_orders_are_what_was_written_twice():
    assert ModeRules() == ModeRules(600.0, 3, 2, 86400.0, frozenset())
    assert [(mode.name, mode.value) for mode in Mode] == [("OPTIMISE", 0), ("PLAN_ONLY", 1), ("RESET", 2), ("HOLD", 3), ("RELEASE", 4)]
    assert [(stage.name, stage.value) for stage in Stage] == [("MONITOR", 0), ("SHADOW", 1), ("ADVISORY", 2), ("CANARY", 3), ("AUTO", 4)]


def test_what_each_stage_writes():
    assert {stage.name: (w.heartbeat, w.setpoints, w.accepted_only, w.drills) for stage, w in WRITES.items()} == {
        "MONITOR": (False, False, False, False),
        "SHADOW": (False, False, False, False),
        "ADVISORY": (True, True, True, False),
        "CANARY": (True, True, False, True),
        "AUTO": (True, True, False, True),
    }
    assert all(rights.responsible for rights in WRITES.values())


def test_of_several_conditions_the_gravest_is_the_cause_that_is_named():
    start = ModeState(Mode.OPTIMISE, None, 0.0, healthy_cycles=3)

    def cause(*conditions):
        return next_mode(start, frozenset(conditions), NOW, RULES).cause

    assert cause(Condition.RESIDUAL_DISTRUSTED, Condition.NO_PLAN, Condition.READINGS_GAP) is Condition.READINGS_GAP
    assert cause(Condition.NO_PLAN, Condition.INLET_ABOVE_ALLOWABLE) is Condition.INLET_ABOVE_ALLOWABLE
    assert cause(Condition.DRILL, Condition.LEAK, Condition.NO_PLAN) is Condition.LEAK
    assert cause(Condition.RESIDUAL_DISTRUSTED) is Condition.RESIDUAL_DISTRUSTED


def follow(state, *cycles):
    """The modes of a series of cycles 5 min apart."""
    modes = []
    for i, conditions in enumerate(cycles):
        state = next_mode(state, frozenset(conditions), NOW + 300.0 * i, RULES)
        modes.append(state.mode.name)
    return modes, state


HEALTHY, GAPPED, UNSOLVED = (), (Condition.READINGS_GAP,), (Condition.NO_PLAN,)


def test_a_first_start_resets_until_the_plan_has_proved_healthy():
    modes, state = follow(first(NOW), HEALTHY, HEALTHY, HEALTHY, HEALTHY)
    assert modes == ["RESET", "RESET", "OPTIMISE", "OPTIMISE"]
    assert (state.cause, state.since_s) == (None, NOW + 600.0)


def test_taking_over_for_the_first_time_spends_no_return():
    state = next_mode(untouched(NOW), frozenset({Condition.READINGS_GAP}), NOW + 60.0, ModeRules())
    assert state == untouched(NOW), "nothing is readable yet: the BAS stays in charge, and nothing latches"
    taken = next_mode(state, frozenset(), NOW + 120.0, ModeRules())
    assert (taken.mode, taken.cause, taken.returns_s, taken.since_s) == (Mode.RESET, None, (), NOW + 120.0)


def test_a_plan_that_fails_again_starts_the_count_again():
    modes, state = follow(ModeState(Mode.OPTIMISE, None, 0.0, healthy_cycles=3), UNSOLVED, HEALTHY, HEALTHY, UNSOLVED, HEALTHY, HEALTHY)
    assert modes == ["RESET"] * 6
    assert state.cause is Condition.NO_PLAN
    assert state.since_s == NOW


def test_a_short_gap_holds_and_comes_back_to_where_it_was():
    assert follow(ModeState(Mode.OPTIMISE, None, 0.0, healthy_cycles=3), GAPPED, GAPPED, HEALTHY)[0] == ["HOLD", "HOLD", "OPTIMISE"]
    assert follow(ModeState(Mode.RESET, Condition.NO_PLAN, 0.0, healthy_cycles=1), GAPPED, HEALTHY, HEALTHY)[0] == ["HOLD", "RESET", "OPTIMISE"]


def test_a_long_gap_is_a_loss_and_stays_released():
    modes, state = follow(ModeState(Mode.OPTIMISE, None, 0.0, healthy_cycles=3), GAPPED, GAPPED, GAPPED, HEALTHY, HEALTHY)
    assert modes == ["HOLD", "HOLD", "RELEASE", "RELEASE", "RELEASE"]
    assert (state.cause, state.latched) == (Condition.READINGS_LOST, True)


@pytest.mark.parametrize("at_s", [math.nan, NOW - 1.0])
def test_a_hold_whose_time_cannot_be_told_ends(at_s):
    hold = ModeState(Mode.HOLD, Condition.READINGS_GAP, NOW, hold_since_s=NOW)
    assert next_mode(hold, frozenset(GAPPED), at_s, RULES).mode is Mode.RELEASE


def test_an_unknown_inlet_does_not_hold():
    start = ModeState(Mode.OPTIMISE, None, 0.0, healthy_cycles=3)
    after = next_mode(start, frozenset({Condition.READINGS_GAP, Condition.INLET_UNKNOWN}), NOW, RULES)
    assert (after.mode, after.cause, after.latched) == (Mode.RELEASE, Condition.INLET_UNKNOWN, True)


def test_a_fault_in_an_unlatched_release_latches_and_is_named():
    released = ModeState(Mode.RELEASE, Condition.DRILL, 0.0)
    after = next_mode(released, frozenset({Condition.DRILL, Condition.WRITES_REFUSED}), NOW, RULES)
    assert after == ModeState(Mode.RELEASE, Condition.WRITES_REFUSED, 0.0, latched=True)
    assert next_mode(after, frozenset({Condition.LEAK}), NOW, RULES) == after


def test_two_restarts_return_by_themselves_and_the_third_waits_for_a_person():
    state = ModeState(Mode.OPTIMISE, None, 0.0, healthy_cycles=3)
    modes = []
    for i in range(3):
        state = next_mode(after_restart(state, NOW + i), frozenset(), NOW + i, RULES)
        modes.append(state.mode.name)
    assert modes == ["RESET", "RESET", "RELEASE"]
    assert (state.latched, state.cause, state.returns_s) == (True, Condition.RESTARTED, (NOW, NOW + 1))
    assert after_restart(state, NOW + 90000.0) == state
    engaged = engage(state, NOW + 5)
    assert engaged == first(NOW + 5) == ModeState(Mode.RESET, None, NOW + 5)


def test_a_restart_keeps_a_latch_and_its_cause_and_ends_everything_else():
    latched = ModeState(Mode.RELEASE, Condition.FIRE, 1.0, latched=True, returns_s=(0.5,))
    assert after_restart(latched, NOW) is latched
    for state in (ModeState(Mode.RELEASE, Condition.DRILL, 1.0, returns_s=(0.5,)), ModeState(Mode.HOLD, None, 1.0, False, 3, 1.0, (0.5,))):
        assert after_restart(state, NOW) == ModeState(Mode.RELEASE, Condition.RESTARTED, NOW, returns_s=(0.5,))


def test_engaging_where_nothing_is_released_changes_nothing():
    state = ModeState(Mode.HOLD, Condition.READINGS_GAP, 1.0, healthy_cycles=2, hold_since_s=1.0)
    assert engage(state, NOW) is state
    assert next_mode(engage(ModeState(Mode.RELEASE, Condition.FIRE, 1.0, True), NOW), frozenset({Condition.FIRE}), NOW, RULES).latched


def test_a_return_in_the_future_still_counts():
    released = ModeState(Mode.RELEASE, Condition.RESTARTED, 0.0, returns_s=(NOW + 50.0, NOW + 60.0))
    assert next_mode(released, frozenset(), NOW, RULES).latched


def test_the_state_survives_json():
    adapter = TypeAdapter(ModeState)
    for state in STATES:
        assert adapter.validate_json(adapter.dump_json(state)) == state


any_state = st.builds(
    ModeState,
    st.sampled_from(Mode),
    st.none() | st.sampled_from(Condition),
    st.floats(),
    st.booleans(),
    st.integers(-5, 9),
    st.none() | st.floats(),
    st.lists(st.floats(), max_size=4).map(tuple),
)


@given(any_state, st.frozensets(st.sampled_from(Condition)), st.floats())
def test_any_state_has_a_next_one_at_least_as_cautious_as_its_conditions(state, conditions, at_s):
    after = next_mode(state, conditions, at_s, RULES)
    if conditions & (PERSON | TOKEN):
        assert after.mode is Mode.RELEASE
    if conditions & PERSON:
        assert after.latched
    if conditions & RESETTING:
        assert after.mode >= Mode.RESET
    if state.mode is Mode.RELEASE and state.latched:
        assert after == state or math.isnan(state.since_s)
