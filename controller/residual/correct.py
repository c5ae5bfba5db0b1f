"""Adds a policy's correction to a plan, bounded by construction: no policy can move a setpoint further than its span times the authority it has."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Protocol

from safety.authority import Doubt
from safety.envelope import judge
from safety.limits import Limits
from safety.records import Estimate, Proposal, Situation, Source

SPAN: Final[Mapping[str, float]] = {  # widest correction at full authority, in the setpoint's unit [engineering values]
    "chws_setpoint_c": 1.0,
    "chw_dp_setpoint_kpa": 10.0,
    "cws_setpoint_c": 1.0,
    "crah_supply_setpoint_c": 0.5,
    "crah_fan_setpoint_pct": 5.0,
    "tcs_setpoint_c": 0.5,
}


class Policy(Protocol):
    """A learned policy: from what is known to a wish for each setpoint, any real number."""

    def wish(self, plan: Proposal, estimate: Estimate) -> Mapping[str, float]:
        """Returns the wished correction by setpoint, before bounding."""

    def doubts(self, plan: Proposal, estimate: Estimate) -> frozenset[Doubt]:
        """Returns why the policy is not to be trusted here."""


@dataclass(frozen=True)
class Residual:
    """The residual stage; without a policy it hands the plan on unchanged."""

    policy: Policy | None = None

    def doubts(self, plan: Proposal, estimate: Estimate) -> frozenset[Doubt]:
        """Returns the policy's own doubts, none where there is no policy or no plan to correct."""
        return self.policy.doubts(plan, estimate) if self.policy is not None and plan.solved else frozenset()

    def correct(self, plan: Proposal, estimate: Estimate, authority: float) -> Proposal:
        """Returns the plan plus ``authority * span * tanh(wish)`` for each setpoint the plan moves; ``authority`` is 0 .. 1."""
        if self.policy is None or authority <= 0.0 or not plan.solved:
            return replace(plan, source=Source.CORRECTED)
        wishes = self.policy.wish(plan, estimate)
        moved = {sp: value + min(authority, 1.0) * _bounded(sp, wishes.get(sp, 0.0)) for sp, value in plan.setpoints.items()}
        return replace(plan, source=Source.CORRECTED, setpoints=moved)


def _bounded(setpoint: str, wish: float) -> float:
    span = SPAN.get(setpoint.rsplit(".", 1)[-1], 0.0)
    return span * math.tanh(wish) if math.isfinite(wish) else 0.0


def narrowed_alone(corrected: Proposal, plan: Proposal, situation: Situation, limits: Limits) -> bool:
    """Returns whether the envelope changes a setpoint of the corrected plan that it would leave alone in the plan: that is the correction's doing."""
    changed, anyway = ({i.signal for i in judge(p.setpoints, situation, limits).interventions} for p in (corrected, plan))
    return not changed <= anyway
