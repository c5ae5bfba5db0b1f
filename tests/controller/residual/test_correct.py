import math
from collections.abc import Mapping
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from controller.residual.correct import Residual
from safety.authority import Doubt
from safety.records import Estimate, Proposal, Source

SP = "plant.chws_setpoint_c"
PLAN = Proposal(Source.PLAN, 0.0, True, {SP: 10.0, "plant.unknown_pct": 5.0}, "plan")
ESTIMATE = Estimate(0.0, {}, {}, {}, True)


@dataclass(frozen=True)
class Wishing:
    value: float

    def wish(self, plan: Proposal, estimate: Estimate) -> Mapping[str, float]:
        return {SP: self.value, "plant.unknown_pct": self.value}

    def doubts(self, plan: Proposal, estimate: Estimate) -> frozenset[Doubt]:
        return frozenset()


def test_without_a_policy_the_plan_goes_through_unchanged() -> None:
    corrected = Residual().correct(PLAN, ESTIMATE, 1.0)
    assert corrected.setpoints == PLAN.setpoints
    assert corrected.source is Source.CORRECTED


@given(st.floats(allow_nan=True, allow_infinity=True), st.floats(-1.0, 3.0))
def test_no_wish_moves_a_setpoint_beyond_its_span_times_the_authority(wish: float, authority: float) -> None:
    corrected = Residual(Wishing(wish)).correct(PLAN, ESTIMATE, authority)
    moved = corrected.setpoints[SP] - 10.0
    assert math.isfinite(moved)
    assert abs(moved) <= 1.0 * min(max(authority, 0.0), 1.0) + 1e-12
    assert corrected.setpoints["plant.unknown_pct"] == 5.0, "a setpoint without a span is not corrected"


def test_an_unsolved_plan_is_not_corrected() -> None:
    unsolved = Proposal(Source.PLAN, 0.0, False, {}, "late")
    assert Residual(Wishing(5.0)).correct(unsolved, ESTIMATE, 1.0).setpoints == {}
