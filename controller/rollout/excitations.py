"""Makes the steps of an excitation on a daemon's engine, one a cycle and only with an operator's consent; the envelope judges each of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import structlog

from controller.cycle import Done
from controller.engine import Engine
from controller.hold import Holdings, holdings
from controller.journal import Event
from controller.rollout.excitation import BACK_MOST_S, NEAR, Excitation, course, may_move, refused, why_end
from plant_models.reduced.prbs import PlanError, as_plan

log = structlog.get_logger()


@dataclass
class Excitations:
    """Begins, carries on and ends steps for identification, after each recorded cycle; ``note`` puts events into the journal."""

    engine: Engine
    note: Callable[[Event], Awaitable[None]]
    spoils: Callable[[], str] = lambda: ""
    """What steps would spoil now, in words; "" for nothing."""
    now: Excitation | None = None
    last: Done | None = None
    said: str = ""
    """How the last one ended."""

    async def answer(self, request: Mapping[str, Any], who: str, reason: str) -> Mapping[str, Any]:
        """Answers an operator who consents to a ``plan``, or who stops one by giving none."""
        why = await self.order(request["plan"], who, reason) if request.get("plan") else await self.stop(who, reason)
        says = "the steps begin with the next cycle" if request.get("plan") else "what was in force before comes back"
        return {"error": f"excite: {why}"} if why else {"done": "excite", "says": says}

    async def order(self, plan: object, who: str, reason: str) -> str:
        """Begins the steps of a plan, as plain JSON values, with the next cycle; returns why not, or "" when they begin."""
        site, limits = self.engine.loaded.site.site.name, self.engine.limits
        try:
            steps = as_plan(plan, limits, site)
        except PlanError as error:
            return "; ".join(error.problems)
        if self.now is not None:
            return "steps are being made already"
        if self.last is None:
            return "no cycle was recorded yet in this run"
        held = self._held(self.last)
        why = self.spoils() or refused(self.engine.stage, self.last.record, held, steps)
        if why:
            return why
        at_s = self.engine.clock.now_s()
        self.now = Excitation(steps, who, reason, at_s, {s: held.in_force[s] for s in steps.steps})
        self._ask(held, at_s)
        log.warning("excitation_begun", at_s=at_s, who=who, reason=reason, hours=round(steps.duration_s / 3600.0, 2))
        await self.note(Event(at_s, "excitation_begun", who, reason, f"{steps.site} seed {steps.seed}, {steps.duration_s / 3600.0:g} h"))
        return ""

    async def stop(self, who: str, reason: str) -> str:
        """Ends the steps and goes back to what was in force before; returns why not, or ""."""
        if self.now is None or self.now.back_since_s is not None:
            return "no steps are being made"
        await self._go_back(self.last, f"{who}: {reason}")
        return ""

    async def after_cycle(self, done: Done) -> None:
        """Asks for the next step, goes back to what was before once the plan is over or must end, and ends when that is in force again."""
        self.last = done
        if self.now is None:
            return
        at_s, held = done.record.decision.measured.taken_at_s, self._held(done)
        why = why_end(self.engine.stage, done.record, held, self.now.plan)
        free = may_move(self.engine.stage, done.record)
        if self.now.back_since_s is None:
            over = at_s - self.now.began_s >= self.now.plan.duration_s
            if why or over:
                await self._go_back(done, why)
        elif self._is_back(held) or at_s - self.now.back_since_s > BACK_MOST_S:
            free = False
        if not free:
            self.now, self.engine.steps = None, {}
            return
        self._ask(held, at_s)

    def status(self) -> Mapping[str, Any]:
        """Returns what is going on, for the operator; times in plant time [s]."""
        if self.now is None:
            return {"going_on": False, "last": self.said}
        plan = self.now.plan
        until_s = self.now.began_s + plan.duration_s
        return {"going_on": True, "who": self.now.who, "reason": self.now.reason, "until_s": until_s, "setpoints": sorted(plan.steps), "last": self.said}

    async def _go_back(self, done: Done | None, why: str) -> None:
        if self.now is None:
            return
        at_s = self.engine.clock.now_s()
        self.now, self.said = replace(self.now, back_since_s=at_s), why or "the plan is done"
        if done is not None:
            self._ask(self._held(done), at_s)
        what = "excitation_ended" if why else "excitation_done"
        log.warning(what, at_s=at_s, who=self.now.who, says=self.said)
        await self.note(Event(at_s, what, self.now.who, self.now.reason, self.said))

    def _ask(self, held: Holdings, at_s: float) -> None:
        if self.now is not None:
            self.engine.steps = course(self.now, self.engine.limits, held.in_force, at_s, self.engine.loaded.site.timing.cycle_s)

    def _is_back(self, held: Holdings) -> bool:
        before = self.now.before if self.now is not None else {}
        return all(abs(held.in_force.get(s, value) - value) <= NEAR for s, value in before.items())

    def _held(self, done: Done) -> Holdings:
        return holdings(self.engine.loaded, done.record.decision.measured, self.engine.memory.requested)
