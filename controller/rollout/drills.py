"""Runs fallback drills on a daemon's engine: down to RESET, down to RELEASE, back under the token; what happens in between is the mode table's doing."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

import structlog

from controller.cycle import Done
from controller.encode import to_text
from controller.engine import Engine
from controller.journal import Event
from controller.rollout.drill import DrillResult, Sample, due, judge, sample_of, signals_of
from safety.modes import WRITES, Condition, Mode, experiment_refused
from safety.records import Snapshot

log = structlog.get_logger()

OWN: Final = frozenset({Condition.DRILL, Condition.DRILL_RESET})
IN_CHARGE: Final = (Mode.OPTIMISE, Mode.PLAN_ONLY, Mode.RESET)


class Phase(StrEnum):
    """Where a drill is."""

    RESET = "reset"
    RELEASE = "release"
    BACK = "back"


@dataclass(frozen=True)
class Drill:
    """A drill that is going on."""

    began_s: float
    who: str
    reason: str
    phase: Phase = Phase.RESET
    released_s: float = 0.0


@dataclass
class Drills:
    """Begins, carries on and ends drills, one step after each recorded cycle; ``note`` puts events into the journal."""

    engine: Engine
    note: Callable[[Event], Awaitable[None]]
    last_s: float
    last: DrillResult | None = None
    now: Drill | None = None
    samples: list[Sample] = field(default_factory=list)
    conditions: frozenset[Condition] = frozenset()
    """Those of the last recorded cycle."""

    async def order(self, who: str, reason: str) -> str:
        """Begins a drill with the next cycle; returns why not, or "" when it begins."""
        refused = self.refused()
        if not refused:
            await self._begin(who, reason)
        return refused

    def refused(self) -> str:
        """Says why no drill may begin now, "" where one may."""
        if self.now is not None:
            return "a drill is going on"
        memory, stage = self.engine.memory, self.engine.stage
        if memory.mode.mode not in IN_CHARGE:
            return f"the daemon is not in charge: mode {memory.mode.mode.name}"
        if WRITES[stage].drills and not memory.requested:
            return "nothing is asked of the plant now, so that there is nothing to hand back"
        rules = self.engine.cycle.stages.mode_rules
        if sum(memory.at_s - then_s < rules.returns_window_s for then_s in memory.mode.returns_s) >= rules.returns_max:
            return "no automatic return is left within 24 h, so the plant would stay with the BAS"
        return experiment_refused(stage, self.conditions)

    async def after_cycle(self, done: Done) -> None:
        """Takes the next step of a drill, or begins one that is due."""
        decision = done.record.decision
        at_s, mode = decision.measured.taken_at_s, decision.memory.mode.mode
        self.conditions = decision.conditions
        if self.now is None:
            if due(self.engine.loaded, self.last_s, at_s) and mode in IN_CHARGE[:2] and not self.refused():
                await self._begin("daemon", "scheduled")
            return
        other = experiment_refused(self.engine.stage, decision.conditions, OWN)
        if other:
            await self._end("drill_aborted", other)
        elif self.now.phase is Phase.RESET and mode is Mode.RESET:
            self._step(Phase.RELEASE, Condition.DRILL)
        elif self.now.phase is Phase.RELEASE and mode is Mode.RELEASE:
            self.now = replace(self.now, released_s=at_s)
            self._step(Phase.BACK, None)
        elif self.now.phase is Phase.BACK and self._over(self.now.released_s, at_s):
            self.last = judge(self.engine.loaded, self.engine.limits, self.samples, self.now.released_s)
            await self._end("drill", to_text(self.last))

    def _over(self, released_s: float, at_s: float) -> bool:
        """Whether the guard has seen our authority again (the cycle that returns comes before its heartbeat), or it is long overdue."""
        returned = bool(self.samples) and self.samples[-1].at_s > released_s and not self.samples[-1].away
        return returned or at_s - released_s > 2 * self.engine.loaded.site.drill.release_max_s

    def _step(self, phase: Phase, condition: Condition | None) -> None:
        if self.now is not None:
            self.now = replace(self.now, phase=phase)
        self.engine.standing = (self.engine.standing - OWN) | ({condition} if condition else set())

    async def _begin(self, who: str, reason: str) -> None:
        at_s = self.engine.clock.now_s()
        self.now, self.samples = Drill(at_s, who, reason), []
        self.engine.guard.also, self.engine.guard.told = signals_of(self.engine.loaded), self._sample
        self.engine.standing |= {Condition.DRILL_RESET}
        log.warning("drill_begun", at_s=at_s, who=who, reason=reason)
        await self.note(Event(at_s, "drill_begun", who, reason, ""))

    def _sample(self, snapshot: Snapshot) -> None:
        self.samples.append(sample_of(self.engine.loaded, snapshot))

    async def _end(self, what: str, value: str) -> None:
        drill, self.now = self.now, None
        self.engine.standing -= OWN
        self.engine.guard.also, self.engine.guard.told = (), None
        if drill is None:
            return
        at_s = self.engine.clock.now_s()
        passed = what == "drill" and bool(self.last and self.last.passed)
        if what == "drill":
            self.last_s = at_s
            self.engine.alarm = not passed
        tell = log.info if passed else log.error
        tell(f"{what}_ended" if what == "drill" else what, at_s=at_s, who=drill.who, reason=drill.reason, passed=passed, says=value)
        await self.note(Event(at_s, what, drill.who, drill.reason, value))


def failed(event: Event | None) -> bool:
    """Returns whether the last drill in the journal failed, so that its alarm outlives a restart."""
    return event is not None and not json.loads(event.value)["passed"]
