"""A learned policy in the daemon's own cycle on the simulated site: what it may do, what takes its authority away, and how it is taken out."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from controller.residual.correct import SPAN, Residual
from controller.residual.policy import Layer, Policy, Training, as_text
from controller.residual.registry import Registry, State, fingerprint
from controller.rollout.rollback import LAST_GOOD, Rollbacks
from controller.rollout.versions import Versions
from safety.authority import Doubt
from safety.modes import Condition, Mode, Stage
from safety.records import Estimate, Proposal
from safety.rollback import Part
from tests.controller.conftest import Rig
from tests.controller.rollout.test_drills import Keep

Make = Callable[..., Awaitable[Rig]]
CHWS = "plant.chws_setpoint_c"


@dataclass(frozen=True)
class Poison:
    """A policy that wishes harm and never doubts itself."""

    wish_of: Callable[[str, int], float]
    calls: list[int] = field(default_factory=list)

    def wish(self, plan: Proposal, _estimate: Estimate) -> dict[str, float]:
        self.calls.append(1)
        return {s: self.wish_of(s, len(self.calls)) for s in plan.setpoints}

    def doubts(self, _plan: Proposal, _estimate: Estimate) -> frozenset[Doubt]:
        return frozenset()


RANDOM = np.random.default_rng(7)
WARM, COLD = ({q: sign * (-1.0 if q in ("chw_dp_setpoint_kpa", "crah_fan_setpoint_pct") else 1.0) for q in SPAN} for sign in (1.0, -1.0))
POISONS: dict[str, Callable[[str, int], float]] = {
    "not a number": lambda _s, _n: math.nan,
    "infinite": lambda _s, _n: math.inf,
    "minus infinite": lambda _s, _n: -math.inf,
    "warmest": lambda s, _n: 1e6 * WARM.get(s.rpartition(".")[2], 0.0),
    "coldest": lambda s, _n: 1e6 * COLD.get(s.rpartition(".")[2], 0.0),
    "turning": lambda _s, n: 1e6 * (-1) ** n,
    **{f"random {k}": lambda _s, _n: float(RANDOM.normal(0.0, 3.0)) for k in range(4)},
    **{f"stuck at {k}": lambda _s, _n, k=k: float(k) for k in (-3, -1, 1, 3)},  # type: ignore[misc]
    **{f"one setpoint {s}": lambda name, _n, s=s: 1e6 * (name.endswith(s)) for s in SPAN},  # type: ignore[misc]
}


async def with_residual(rig: Make, residual: Residual, share: float = 1.0) -> Rig:
    small = await rig(Stage.AUTO)
    stages = replace(small.engine.cycle.stages, residual=residual)
    small.engine.cycle = replace(small.engine.cycle, optimiser=Keep(), stages=stages)
    small.engine.memory = replace(small.engine.memory, authority_share=share)
    return small


def test_twenty_poisons_are_tried() -> None:
    assert len(POISONS) == 20


@pytest.mark.parametrize("name", ["not a number", "warmest", "random 0"])
async def test_a_poisoned_policy_never_leaves_the_envelope_and_is_bounded(rig: Make, name: str) -> None:
    small = await with_residual(rig, Residual(Poison(POISONS[name])))
    await small.run(60)
    for done in small.done:
        decision = done.record.decision
        for setpoint, value in decision.verdict.permitted.items():
            limit = done.record.given.limits.setpoints[setpoint]
            assert limit.low <= value <= limit.high
        for setpoint, value in decision.corrected.setpoints.items():
            span = SPAN.get(setpoint.rpartition(".")[2], 0.0)
            assert abs(value - done.record.given.plan.setpoints[setpoint]) <= span + 1e-9
    truth = small.prepared.site.truth.values
    assert max(v for s, v in truth.items() if s.endswith("rack_inlet_c")) <= 32.0  # ASHRAE TC 9.9 2021, class A1


async def test_what_the_envelope_takes_from_the_correction_alone_halves_its_authority(rig: Make) -> None:
    small = await with_residual(rig, Residual(Poison(POISONS["warmest"])))
    await small.run(40)
    ours = [d.record.decision for d in small.done if d.record.decision.memory.mode.mode is Mode.OPTIMISE]
    narrowed = [i for i, d in enumerate(ours) if d.memory.narrowed]
    assert narrowed, "a kelvin a cycle is more than chilled water may rise"
    after = ours[narrowed[0] + 1]
    assert after.memory.authority_share <= 0.5
    assert Doubt.ENVELOPE_INTERVENED in after.doubts


def learned(small: Rig, scale: float) -> Policy:
    loaded = small.engine.loaded
    return Policy(
        site=fingerprint(loaded),
        observed=("state:plant.chws_temp_c",),
        asked=(CHWS,),
        mean=(12.0,),
        scale=(scale,),
        ensemble=((Layer(((0.0,),), (0.5,)),),),
        distance_most=3.0,
        disagreement_most=0.2,
        trained=Training("coldaisle train", 0),
    )


async def test_out_of_distribution_takes_all_authority_in_one_cycle_and_the_mode_says_so(rig: Make) -> None:
    small = await with_residual(rig, Residual())
    small.engine.cycle = replace(small.engine.cycle, stages=replace(small.engine.cycle.stages, residual=Residual(learned(small, 50.0))))
    await small.run(40)
    assert small.done[-1].record.decision.memory.authority_share > 0.9
    assert small.done[-1].record.decision.memory.mode.mode is Mode.OPTIMISE
    small.engine.cycle = replace(small.engine.cycle, stages=replace(small.engine.cycle.stages, residual=Residual(learned(small, 1e-3))))
    await small.run(6)
    decision = small.done[-1].record.decision
    assert decision.memory.authority_share == 0.0
    assert decision.memory.mode.mode is Mode.PLAN_ONLY
    assert Condition.RESIDUAL_DISTRUSTED in decision.conditions
    assert decision.corrected.setpoints == small.done[-1].record.given.plan.setpoints


async def test_rollback_takes_the_policy_out_by_the_next_cycle_and_the_one_before_back_in(rig: Make, tmp_path: Path) -> None:
    small = await with_residual(rig, Residual())
    versions = Versions(tmp_path / "versions")
    registry = Registry(versions, small.engine.loaded)
    for number, scale in enumerate((40.0, 50.0)):
        (tmp_path / "p.json").write_text(as_text(learned(small, scale)))
        digest = registry.add(tmp_path / "p.json", 0.0, "anna", "trained").digest
        for state, evidence in ((State.SHADOW, ""), (State.CANARY, "e.json"), (State.ACTIVE, "e.json")):
            registry.move(digest, state, 1.0 + number, "anna", "it saves", evidence)
    active = registry.active()
    assert active is not None
    small.engine.cycle = replace(small.engine.cycle, stages=replace(small.engine.cycle.stages, residual=Residual(active)))
    rollbacks = Rollbacks(small.engine, small.journal.note, versions, {}, {}, {"model": [], "configuration": []}, lambda: None, registry)
    says = await rollbacks.order([Part.POLICY], LAST_GOOD, "anna", "odd")
    assert "is active again" in says
    back = small.engine.cycle.stages.residual.policy
    assert isinstance(back, Policy)
    assert back.scale == (40.0,)
    assert "no policy is in use" in await rollbacks.order([Part.POLICY], LAST_GOOD, "anna", "odd too")
    assert small.engine.cycle.stages.residual.policy is None
