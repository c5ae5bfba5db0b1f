"""Every change of mode that the table permits, on the simulated site, with an optimiser that asks for extremes: no effective setpoint exceeds its rate."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise, permutations

from controller.optimise.request import PlanRequest
from safety.modes import Condition, Mode, Stage
from safety.records import Proposal, Source
from tests.controller.conftest import Rig

Make = Callable[..., Awaitable[Rig]]
FORCED_BY: Mapping[Mode, frozenset[Condition]] = {
    Mode.OPTIMISE: frozenset(),
    Mode.PLAN_ONLY: frozenset({Condition.RESIDUAL_DISTRUSTED}),
    Mode.RESET: frozenset({Condition.DRILL_RESET}),
    Mode.HOLD: frozenset({Condition.READINGS_GAP}),
    Mode.RELEASE: frozenset({Condition.DRILL}),
}
NEVER = {(Mode.RELEASE, Mode.HOLD), (Mode.RELEASE, Mode.OPTIMISE), (Mode.RELEASE, Mode.PLAN_ONLY)}
"""From the BAS the way leads through resets."""


@dataclass
class Bold:
    """An optimiser that asks for one end of every range, then for the other."""

    ranges: Mapping[str, tuple[float, float]]
    count: int = 0

    async def plan(self, request: PlanRequest) -> Proposal:
        self.count += 1
        asked = {name: self.ranges[name][self.count // 2 % 2] for name in request.writable}
        return Proposal(Source.PLAN, request.estimate.at_s, solved=True, setpoints=asked, says="bold")


def walk() -> list[Mode]:
    """A course through the modes that takes every step that the table permits."""
    wanted = {pair for pair in permutations(Mode, 2) if pair not in NEVER}
    course = [Mode.RESET]
    while wanted:
        here = course[-1]
        onward = sorted(b for a, b in wanted if a is here)
        course.append(onward[-1] if onward else (Mode.RESET if here is not Mode.RESET else min(a for a, _b in wanted)))
        wanted.discard((here, course[-1]))
    return course


async def test_no_change_of_mode_is_a_bump(rig: Make) -> None:
    small = await rig(Stage.AUTO)
    engine, site, limits = small.engine, small.prepared.site, small.engine.limits
    rules = replace(engine.cycle.stages.mode_rules, healthy_cycles=1, returns_max=1000, hold_max_s=86400.0)
    bold = Bold({name: (bounds.low, bounds.high) for name, bounds in limits.setpoints.items()})
    engine.cycle = replace(engine.cycle, stages=replace(engine.cycle.stages, mode_rules=rules), optimiser=bold)
    setpoints = engine.loaded.points.setpoints
    course: list[tuple[float, dict[str, float]]] = []
    tick = engine.guard.tick

    async def watched(at_s: float) -> None:
        course.append((site.now_s, {s: site.read(f"{s}.effective") or 0.0 for s in setpoints}))
        await tick(at_s)

    engine.guard.tick = watched  # type: ignore[method-assign]  # the tests' eye on the plant
    for mode in walk():
        engine.standing = set(FORCED_BY[mode])
        await small.run(5.1)
    modes = [d.record.decision.memory.mode.mode for d in small.done]
    taken = {pair for pair in pairwise(modes) if pair[0] is not pair[1]}
    assert taken >= {pair for pair in permutations(Mode, 2) if pair not in NEVER}
    assert not taken & NEVER
    moved = set()
    for (before_s, before), (after_s, after) in pairwise(course):
        for setpoint, value in after.items():
            step = value - before[setpoint]
            rate = limits.setpoints[setpoint].raise_per_min if step > 0 else limits.setpoints[setpoint].lower_per_min
            assert rate is None or abs(step) <= rate * (after_s - before_s) / 60.0 + 1e-9, (setpoint, step, after_s)
            moved |= {setpoint} if step else set()
    assert moved == set(setpoints), "all of them were asked to move"
