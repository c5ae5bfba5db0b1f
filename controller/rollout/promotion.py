"""Raises and lowers the stages of a site's groups: a person raises by an order, criteria permitting, the daemon lowers by itself; each is one audit row."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import structlog

from controller.cycle import Done
from controller.encode import to_text
from controller.engine import Engine
from controller.journal import Event
from controller.rollout.groups import DAY_S, GroupTrust, Trusts, as_event, cap_of, lent, members, overdue_days
from controller.rollout.score import Scoreboard
from controller.rollout.trust import Trust
from safety.finite import finite
from safety.graduation import STEP, Criterion, Measure, Trigger, bound_of, criteria_of, left_by, lowering, unmet
from safety.grants import STEPS, Grants
from safety.modes import Condition, Stage
from safety.rollback import Trigger as Counted

log = structlog.get_logger()

ALLOWED: Final = "bas.stage_allowed_state"
"""Where the BAS has this point it acknowledges a raise by it, and takes authority back by it: the highest stage that it allows."""
WEEK_S: Final = 7 * DAY_S
BY_PERSONS: Final = frozenset({Condition.OPERATOR_RELEASE, Condition.KILL_SWITCH, Condition.FIRE, Condition.LEAK})


@dataclass(frozen=True)
class Order:
    """What a person orders: a stage for some groups (none: all), a step of a canary (None: the first, or as it is), and why; ``override`` is the reason
    for which criteria that are not met are passed over.
    """

    stage: Stage
    who: str
    reason: str
    groups: tuple[str, ...] = ()
    step: int | None = None
    override: str = ""


@dataclass(frozen=True)
class Pending:
    """A raise that waits for the BAS to acknowledge it, until when [s]."""

    trusts: Trusts
    order: Order
    until_s: float
    more: Mapping[str, object]


@dataclass
class Promotions:
    """The trust in a site's groups on a running engine; ``note`` puts events into the journal, ``trust`` counts what lowers a stage."""

    engine: Engine
    note: Callable[[Event], Awaitable[None]]
    trusts: Trusts
    scoreboard: Scoreboard
    trust: Callable[[], Trust]
    accepted: Callable[[], Mapping[str, float]] = dict
    drills_passed: int = 0
    latched_s: list[float] = field(default_factory=list)
    """When faults handed the plant back for good [s], of the last week."""
    pending: Pending | None = None
    heard: set[Trigger] = field(default_factory=set)

    def grants(self, at_s: float) -> Grants:
        """Returns what is lent to the daemon now."""
        return lent(self.engine.loaded, self.trusts, self.accepted(), at_s)

    def advised(self) -> frozenset[str]:
        """Returns the setpoints about which persons are asked: those of groups in advisory."""
        by_group = members(self.engine.loaded)
        return frozenset(s for name, trust in self.trusts.groups.items() if trust.stage is Stage.ADVISORY for s in by_group[name])

    def hear(self, event: Event) -> None:
        """Takes notice of an event that bears on trust: a rollback by the daemon itself, a drill, a latched fault."""
        if event.what == "rollback" and event.who == "daemon":
            self.heard.add(Trigger.ROLLED_BACK)
        if event.what == "drill":
            passed = bool(json.loads(event.value)["passed"])
            self.drills_passed = self.drills_passed + 1 if passed else 0
            if not passed:
                self.heard.add(Trigger.DRILL_FAILED)
        if event.what == "latched":
            self.latched_s.append(event.at_s)

    async def after_cycle(self, done: Done) -> None:
        """Counts one recorded cycle, closes a day that ended, completes or gives up a raise, and lowers what has to be."""
        record, at_s = done.record, done.record.decision.measured.taken_at_s
        before, after = record.given.memory.mode, record.decision.memory.mode
        if after.latched and not before.latched and after.cause is not None and after.cause not in BY_PERSONS:
            await self.note(Event(at_s, "latched", "daemon", record.decision.says[:200], after.cause.value))
        ended = self.scoreboard.add(record)
        if ended is not None:
            await self.note(Event(at_s, "scored", "daemon", f"{ended[0]} is over", to_text(ended)))
        allowed = finite(record.decision.measured.values.get(ALLOWED))
        await self._acknowledged(allowed, at_s)
        await self._lower(allowed, at_s)

    async def order(self, order: Order) -> dict[str, Any]:
        """Carries an order out, or says what stands against it, all at once; a raise that the BAS must acknowledge begins only then."""
        at_s, known = self.engine.clock.now_s(), members(self.engine.loaded)
        unknown = [name for name in order.groups if name not in known]
        if unknown:
            return {"error": f"stage: group {', '.join(unknown)}: must be one of {', '.join(known)}"}
        if order.step is not None and not (order.stage is Stage.CANARY and 0 <= order.step < STEPS):
            return {"error": f"stage {order.stage.name.lower()}: a step is 1 .. {STEPS}, of canary only"}
        names = order.groups or tuple(known)
        wanted = {name: self._wanted(order, self.trusts.groups[name], at_s) for name in names}
        raised = [name for name in names if _above(wanted[name], self.trusts.groups[name])]
        against, passed_over = self._against(wanted, raised, order)
        if against:
            return {"error": "\n".join(against)}
        trusts = replace(self.trusts, groups={**self.trusts.groups, **wanted})
        more: dict[str, object] = {"criteria_overridden": {"why": order.override, "not_met": passed_over}} if passed_over else {}
        if raised and ALLOWED in self.engine.loaded.points.by_signal:
            shown = self._shown()
            if shown is None or shown < order.stage:
                return await self._wait(Pending(trusts, order, at_s + self.engine.loaded.site.rollout.acknowledge_s, more), at_s)
        return await self._change(trusts, order.who, order.reason, more)

    def _wanted(self, order: Order, now: GroupTrust, at_s: float) -> GroupTrust:
        """Returns the trust that an order asks for; the same stage again renews it."""
        step = order.step if order.step is not None else now.step if order.stage is now.stage else 0
        same = (order.stage, step) == (now.stage, now.step)
        return replace(now, renewed_s=at_s) if same else GroupTrust(order.stage, step, at_s, at_s)

    def _against(self, wanted: Mapping[str, GroupTrust], raised: Sequence[str], order: Order) -> tuple[list[str], list[str]]:
        """Returns what stands against a raise in words, and the criteria that are passed over by the person's word."""
        against, passed_over = [], []
        for name in raised:
            most, why = cap_of(self.engine.loaded, name)
            if wanted[name].stage > most:
                against.append(f"stage {wanted[name].stage.name.lower()} for {name}: {why}; allowed now: up to {most.name.lower()}")
            missing = [*self._skipped(wanted[name], self.trusts.groups[name]), *(self._said(row, name) for row in self.missing(name, wanted[name]))]
            if missing and order.override:
                passed_over += [f"{name}: {text}" for text in missing]
            elif missing:
                against.append(
                    f"stage {wanted[name].stage.name.lower()} for {name} is not earned yet: {'; '.join(missing)} (--override-criteria WHY passes over)"
                )
        return against, passed_over

    def _skipped(self, wanted: GroupTrust, now: GroupTrust) -> list[str]:
        """Says where a canary would be widened by more than one step at a time."""
        following = now.step + 1 if now.stage is Stage.CANARY else 0
        return [f"step {following + 1} of the canary comes first"] if wanted.stage is Stage.CANARY and wanted.step > following else []

    def missing(self, name: str, wanted: GroupTrust) -> tuple[Criterion, ...]:
        """Returns the criteria that are not met for a group to be trusted so far."""
        now = self.trusts.groups[name]
        rows = (STEP,) if wanted.stage is now.stage else tuple(row for row in criteria_of(wanted.stage) if row.stage > now.stage)
        return unmet(rows, self.counted(name), self.engine.loaded.site.rollout.criteria)

    def counted(self, name: str) -> dict[Measure, float]:
        """Returns what is known of a group by which it is raised."""
        trust = self.trusts.groups[name]
        days = max(self.engine.clock.now_s() - trust.since_s, 0.0) / DAY_S if trust.stage is Stage.CANARY else 0.0
        own = {Measure.STEP_DAYS: days, Measure.CANARY_DAYS: days if trust.step == STEPS - 1 else 0.0, Measure.DRILLS_PASSED: float(self.drills_passed)}
        return {**self.scoreboard.to_date.counted(), **own}

    def _said(self, row: Criterion, name: str) -> str:
        value, bound = self.counted(name).get(row.measure), bound_of(row, self.engine.loaded.site.rollout.criteria)
        have = "unknown" if value is None else f"{value:.2f}"
        return f"{have} {row.told}, needed {'at least' if row.least else 'at most'} {bound:g}"

    def _shown(self) -> float | None:
        """Returns what the BAS allowed in the last cycle."""
        last = self.scoreboard.last
        return finite(last.decision.measured.values.get(ALLOWED)) if last else None

    async def _wait(self, pending: Pending, at_s: float) -> dict[str, Any]:
        self.pending, order = pending, pending.order
        await self.note(Event(at_s, "stage_ordered", order.who, order.reason, order.stage.name, as_event(self.trusts)))
        says = f"waits for the BAS: {ALLOWED} must show {int(order.stage)} within {self.engine.loaded.site.rollout.acknowledge_s:g} s"
        return {"done": "stage", "before": self.engine.stage.name, "after": self.engine.stage.name, "says": says}

    async def _acknowledged(self, allowed: float | None, at_s: float) -> None:
        pending = self.pending
        if pending is None:
            return
        if allowed is not None and allowed >= pending.order.stage:
            self.pending = None
            await self._change(pending.trusts, pending.order.who, pending.order.reason, {**pending.more, "acknowledged_by": ALLOWED})
        elif at_s > pending.until_s:
            self.pending = None
            log.warning("stage_not_acknowledged", stage=pending.order.stage.name)
            await self.note(Event(at_s, "stage_not_acknowledged", "daemon", f"{ALLOWED} did not show it in time", pending.order.stage.name))

    async def _lower(self, allowed: float | None, at_s: float) -> None:
        """Lowers each group that a trigger, an authority that ran out or the BAS takes down; what it had shown counts no more."""
        groups, told = dict(self.trusts.groups), []
        for name, trust in self.trusts.groups.items():
            row = lowering(trust.stage, self._triggers(trust, at_s))
            stage, why = (left_by(row, trust.stage), row.told) if row else (trust.stage, "")
            if allowed is not None and allowed < stage and ALLOWED in self.engine.loaded.points.by_signal:
                stage, why = Stage(max(int(allowed), 0)), "The BAS allows no higher stage."
            if stage < trust.stage:
                groups[name] = GroupTrust(stage, 0, at_s, trust.renewed_s)
                told.append(f"{name}: {why}")
        self.heard.clear()
        if told:
            self.trust().begin_anew()
            self.scoreboard.begin_anew()
            await self._change(Trusts(groups, at_s), "daemon", " ".join(dict.fromkeys(told)), {})

    def _triggers(self, trust: GroupTrust, at_s: float) -> dict[Trigger, float]:
        self.latched_s = [then_s for then_s in self.latched_s if at_s - then_s < WEEK_S]
        counted, hours = self.trust().counted()
        found = dict.fromkeys(self.heard, 1.0)
        found[Trigger.AUTHORITY_EXPIRED] = overdue_days(self.engine.loaded, trust, at_s)
        found[Trigger.FAULTS_LATCHED] = float(len(self.latched_s))
        if hours >= 6.0 and Counted.INTERVENTIONS_PER_H in counted:
            found[Trigger.INTERVENTIONS_PER_H] = counted[Counted.INTERVENTIONS_PER_H]
        if hours >= 24.0 and Counted.PREDICTION_ERROR_K in counted:
            found[Trigger.PREDICTION_ERROR_K] = counted[Counted.PREDICTION_ERROR_K]
        return found

    async def _change(self, trusts: Trusts, who: str, reason: str, more: Mapping[str, object]) -> dict[str, Any]:
        """Puts a change on disk, then on the engine."""
        before, at_s = self.trusts, self.engine.clock.now_s()
        await self.note(Event(at_s, "stage", who, reason, as_event(trusts, more), as_event(before)))
        self.trusts, self.pending = trusts, None
        if trusts.stage is not before.stage:
            await self.engine.change_stage(trusts.stage)
        log.warning("stage_changed", before=before.told(), after=trusts.told(), who=who, reason=reason)
        return {"done": "stage", "before": before.stage.name, "after": trusts.stage.name, "groups": trusts.told()}

    def told(self) -> dict[str, Any]:
        """Returns the groups as plain values: how far each is trusted, until when, and what the next stage still needs."""
        return {name: self._told_group(name, trust) for name, trust in self.trusts.groups.items()}

    def _told_group(self, name: str, trust: GroupTrust) -> dict[str, Any]:
        site = self.engine.loaded.site
        following = Stage(min(trust.stage + 1, Stage.AUTO))
        next_one = replace(trust, stage=following) if trust.stage is not Stage.CANARY or trust.step == STEPS - 1 else replace(trust, step=trust.step + 1)
        missing = {row.key for row in self.missing(name, next_one)} if next_one != trust else set()
        rows = (STEP,) if next_one.stage is trust.stage else criteria_of(next_one.stage)
        counted = self.counted(name)
        return {
            "stage": trust.stage.name,
            "step": trust.step + 1 if trust.stage is Stage.CANARY else None,
            "setpoints": list(members(self.engine.loaded)[name]),
            "since_s": trust.since_s,
            "expires_s": trust.renewed_s + site.rollout.renew_days * DAY_S if trust.stage >= Stage.ADVISORY else None,
            "most": cap_of(self.engine.loaded, name)[0].name,
            "next": next_one.stage.name if next_one != trust else None,
            "criteria": [
                {
                    "key": row.key,
                    "told": row.told,
                    "needed": bound_of(row, site.rollout.criteria),
                    "have": counted.get(row.measure),
                    "met": row.met(counted.get(row.measure), bound_of(row, site.rollout.criteria)),
                }
                for row in (rows if next_one != trust else ())
            ],
            "earned": next_one != trust and not missing,
        }


def _above(wanted: GroupTrust, now: GroupTrust) -> bool:
    return (wanted.stage, wanted.step) > (now.stage, now.step)
