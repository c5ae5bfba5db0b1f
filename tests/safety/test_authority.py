"""The learned correction has no say until it is installed, loses it at once and earns it slowly."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.authority import PLAN_CEILING, Doubt, plan_confidence, residual_authority

CEILINGS = {
    "input_unknown": 0.0,
    "out_of_distribution": 0.0,
    "ensemble_disagrees": 0.0,
    "extrapolates": 0.0,
    "forecast_wide": 0.25,
    "model_drifts": 0.25,
    "envelope_intervened": 0.5,
}


def test_nothing_is_trusted_until_a_policy_is_installed():
    assert residual_authority(False) == 0.0
    assert residual_authority(True) == 0.0
    assert residual_authority(False, 1.0, frozenset(), 300.0) == 0.0


def test_each_doubt_has_its_ceiling_at_once():
    assert {str(doubt) for doubt in Doubt} == set(CEILINGS)
    for doubt, ceiling in CEILINGS.items():
        assert residual_authority(True, 1.0, frozenset({Doubt(doubt)}), 300.0) == ceiling
    assert residual_authority(True, 1.0, frozenset({Doubt.FORECAST_WIDE, Doubt.ENVELOPE_INTERVENED}), 300.0) == 0.25
    assert residual_authority(True, 0.1, frozenset({Doubt.FORECAST_WIDE}), 0.0) == 0.1


@pytest.mark.parametrize(
    ("elapsed_s", "share"), [(300.0, 0.5 + 0.1 / 12), (900.0, 0.525), (1e9, 0.525), (0.0, 0.5), (-300.0, 0.5), (math.nan, 0.5), (math.inf, 0.5)]
)
def test_it_rises_a_tenth_an_hour(elapsed_s, share):
    assert residual_authority(True, 0.5, frozenset(), elapsed_s) == pytest.approx(share)


def test_it_ends_at_one_and_starts_at_none():
    assert residual_authority(True, 1.0, frozenset(), 300.0) == 1.0
    assert residual_authority(True, -5.0, frozenset(), 0.0) == 0.0
    assert residual_authority(True, math.nan, frozenset(), 300.0) == 0.0


@given(st.floats(), st.frozensets(st.sampled_from(Doubt)), st.booleans(), st.floats())
def test_a_share_is_a_share(previous, doubts, installed, elapsed_s):
    share = residual_authority(installed, previous, doubts, elapsed_s)
    assert 0.0 <= share <= min((CEILINGS[doubt] for doubt in doubts), default=1.0)


def test_a_plan_is_trusted_as_far_as_its_worst_doubt_lets_it():
    assert plan_confidence() == plan_confidence(frozenset({Doubt.ENVELOPE_INTERVENED, Doubt.ENSEMBLE_DISAGREES, Doubt.INPUT_UNKNOWN})) == 1.0
    assert plan_confidence(frozenset({Doubt.FORECAST_WIDE})) == plan_confidence(frozenset({Doubt.MODEL_DRIFTS, Doubt.ENSEMBLE_DISAGREES})) == 0.5
    assert plan_confidence(frozenset({Doubt.FORECAST_WIDE, Doubt.OUT_OF_DISTRIBUTION})) == 0.0


def test_the_plans_ceilings_are_what_was_written_twice():
    assert {str(d): c for d, c in PLAN_CEILING.items()} == {
        "out_of_distribution": 0.0,
        "extrapolates": 0.5,
        "forecast_wide": 0.5,
        "model_drifts": 0.5,
    }
