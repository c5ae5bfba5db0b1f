"""The triggers of an automatic rollback against limits written here by hand, at, just above and without them."""

import math

import pytest

from safety.rollback import TABLE, Part, Trigger, triggered

LIMITS = {"violation_min": (30.0, 0.0), "interventions_per_h": (12.0, 6.0), "prediction_error_k": (2.0, 24.0), "worse_than_legacy_pct": (0.0, 0.0)}
MODEL_AND_POLICY = ("setpoints", "model", "policy")
PARTS = {
    "violation_min": MODEL_AND_POLICY,
    "interventions_per_h": MODEL_AND_POLICY,
    "prediction_error_k": ("setpoints", "model"),
    "worse_than_legacy_pct": MODEL_AND_POLICY,
}


def test_the_table_has_each_trigger_once_in_the_order_written_twice_and_tells_the_operator():
    assert [row.trigger.value for row in TABLE] == list(LIMITS)
    assert sorted(t.value for t in Trigger) == sorted(LIMITS)
    assert sorted(p.value for p in Part) == ["configuration", "model", "policy", "setpoints"]
    assert all(row.told.endswith(".") and len(row.told) > 20 for row in TABLE)


@pytest.mark.parametrize("name", LIMITS)
def test_a_trigger_fires_above_its_limit_once_it_was_counted_long_enough(name):
    above, over_h = LIMITS[name]
    trigger = Trigger(name)
    assert triggered({trigger: above}, over_h) is None
    row = triggered({trigger: above + 1e-6}, over_h)
    assert row.trigger is trigger
    assert tuple(part.value for part in row.parts) == PARTS[name]
    if over_h:
        assert triggered({trigger: above + 1e-6}, over_h - 1e-6) is None


def test_the_first_row_names_the_rollback():
    counted = {Trigger(name): above + 1.0 for name, (above, _) in LIMITS.items()}
    for name in LIMITS:
        assert triggered(counted, 100.0).trigger == name
        del counted[Trigger(name)]
    assert triggered(counted, 100.0) is None


@pytest.mark.parametrize("nothing", [math.nan, math.inf, -math.inf])
def test_what_is_not_a_number_triggers_nothing(nothing):
    for trigger in Trigger:
        assert triggered({trigger: nothing}, 100.0) is None
    assert triggered({Trigger.VIOLATION_MIN: 31.0}, math.nan) is None
