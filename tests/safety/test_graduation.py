"""What raises and lowers a stage against bounds written here by hand, at and just beyond each of them."""

import math

import pytest

from safety.graduation import BELOW, CRITERIA, LOWERINGS, STEP, Measure, Trigger, bound_of, criteria_of, left_by, lowering, unmet
from safety.modes import Stage

NEEDS = {  # key: (at least, bound)
    "shadow.monitor_days": (True, 1.0),
    "advisory.shadow_days": (True, 3.0),
    "advisory.planned_pct": (True, 90.0),
    "advisory.temperature_error_k": (False, 1.0),
    "advisory.power_error_pct": (False, 15.0),
    "advisory.interventions_per_h": (False, 3.0),
    "advisory.predicted_violation_min_per_day": (False, 15.0),
    "canary.advisory_days": (True, 1.0),
    "auto.canary_days": (True, 1.0),
    "auto.drills_passed": (True, 1.0),
}
STAGES = ["monitor", "shadow", "advisory", "canary", "auto"]
FALLS = {  # trigger: (above, the stage left of auto, of canary, of advisory)
    "rolled_back": (0.0, "shadow", "shadow", "shadow"),
    "authority_expired": (0.0, "shadow", "shadow", "shadow"),
    "drill_failed": (0.0, "advisory", "advisory", "advisory"),
    "faults_latched": (1.0, "advisory", "advisory", "advisory"),
    "prediction_error_k": (1.5, "canary", "advisory", "shadow"),
    "interventions_per_h": (6.0, "canary", "advisory", "shadow"),
}
GOOD = {Measure(key.partition(".")[2]): bound for key, (_, bound) in NEEDS.items()}


def stage(name):
    return Stage[name.upper()]


def test_the_tables_are_those_written_twice():
    assert {row.key: (row.least, row.bound) for row in CRITERIA} == NEEDS
    assert (STEP.key, STEP.least, STEP.bound) == ("canary.step_days", True, 0.5)
    assert [row.trigger.value for row in LOWERINGS] == list(FALLS)
    assert sorted(t.value for t in Trigger) == sorted(FALLS)
    assert sorted(m.value for m in Measure) == sorted([*(key.partition(".")[2] for key in NEEDS), "step_days"])
    assert {s.name.lower(): left.name.lower() for s, left in BELOW.items()} == {"auto": "canary", "canary": "advisory", "advisory": "shadow"}
    assert all(len(row.told) > 10 for row in (*CRITERIA, STEP, *LOWERINGS))


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_needs_its_own_rows_and_those_below(name):
    below = STAGES[: STAGES.index(name) + 1]
    assert {row.key for row in criteria_of(stage(name))} == {key for key in NEEDS if key.partition(".")[0] in below}


@pytest.mark.parametrize("key", NEEDS)
def test_a_criterion_is_met_at_its_bound_and_not_beyond_it(key):
    least, bound = NEEDS[key]
    measure = Measure(key.partition(".")[2])
    assert unmet(criteria_of(Stage.AUTO), GOOD, {}) == ()
    just = {**GOOD, measure: bound + (-1e-6 if least else 1e-6)}
    assert [row.key for row in unmet(criteria_of(Stage.AUTO), just, {})] == [key]
    for nothing in (None, math.nan, math.inf if not least else math.nan, -math.inf if least else math.nan):
        assert [row.key for row in unmet(criteria_of(Stage.AUTO), {**GOOD, measure: nothing}, {})] == [key]


@pytest.mark.parametrize("key", NEEDS)
def test_a_site_can_only_be_stricter(key):
    least, bound = NEEDS[key]
    row = next(r for r in criteria_of(Stage.AUTO) if r.key == key)
    stricter, laxer = (bound + 0.5, bound - 0.5) if least else (bound - 0.5, bound + 0.5)
    assert bound_of(row, {}) == bound
    assert bound_of(row, {key: stricter}) == stricter
    assert bound_of(row, {key: laxer}) == bound
    assert bound_of(row, {key: math.nan}) == bound
    assert [r.key for r in unmet(criteria_of(Stage.AUTO), GOOD, {key: stricter})] == [key]


@pytest.mark.parametrize("trigger", FALLS)
def test_a_trigger_lowers_above_its_limit(trigger):
    above, *left = FALLS[trigger]
    for name, leaves in zip(("auto", "canary", "advisory"), left, strict=True):
        assert lowering(stage(name), {Trigger(trigger): above}) is None
        row = lowering(stage(name), {Trigger(trigger): above + 1e-6})
        if leaves == name:
            assert row is None
        else:
            assert row.trigger.value == trigger
            assert left_by(row, stage(name)) is stage(leaves)
    for low in ("shadow", "monitor"):
        assert lowering(stage(low), {Trigger(trigger): above + 1.0}) is None


def test_the_first_row_that_lowers_is_followed():
    everything = {Trigger(name): above + 1.0 for name, (above, *_) in FALLS.items()}
    assert lowering(Stage.AUTO, everything).trigger == "rolled_back"
    mild = {Trigger.DRILL_FAILED: 1.0, Trigger.INTERVENTIONS_PER_H: 7.0}
    assert lowering(Stage.CANARY, mild).trigger == "drill_failed"
    assert lowering(Stage.ADVISORY, mild).trigger == "interventions_per_h", "a drill that failed leaves advisory, which it is already"


@pytest.mark.parametrize("nothing", [math.nan, math.inf, None])
def test_what_is_not_a_number_lowers_nothing(nothing):
    assert lowering(Stage.AUTO, dict.fromkeys(Trigger, nothing)) is None
