"""Rolls back setpoints, model, policy and configuration by one order or by a trigger, with one event in the journal; the envelope judges what follows."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import structlog

from controller.cycle import Done
from controller.engine import Engine
from controller.journal import Event, Journal
from controller.residual.active import digest_in_use, with_policy
from controller.residual.registry import Registry
from controller.rollout.trust import Trust
from controller.rollout.versions import KINDS, Choice, Versions
from safety.modes import Condition, Stage
from safety.rollback import Part, triggered

log = structlog.get_logger()

LAST_GOOD: Final = "last-good"
GOOD_AFTER_S: Final = 86400.0  # engineering value: a day under the plan without a trigger makes a version a good one
ALL: Final = tuple(Part)


class RollbackError(Exception):
    """Nothing that was asked for can be rolled back; the message says why, part by part."""


@dataclass
class Rollbacks:
    """The versions in use and what can be gone back to; ``again`` asks the daemon to hand back and to start again on what was chosen."""

    engine: Engine
    note: Callable[[Event], Awaitable[None]]
    versions: Versions
    own: Mapping[str, str]
    use: Mapping[str, str]
    good: dict[str, list[str]]
    again: Callable[[], None]
    registry: Registry | None = None
    trust: Trust = field(init=False)

    def __post_init__(self) -> None:
        """Begins to count."""
        self.trust = Trust(self.engine.loaded, self.engine.limits)

    async def after_cycle(self, done: Done) -> None:
        """Counts one recorded cycle, calls a version good after a day of it, and rolls back where a trigger says so."""
        self.trust.add(done)
        row = triggered(*self.trust.counted())
        if row is not None and Condition.ROLLED_BACK not in self.engine.standing:
            await self.order(row.parts, LAST_GOOD, "daemon", row.told)
        elif self.trust.good_for_s >= GOOD_AFTER_S:
            await self._call_good()

    async def _call_good(self) -> None:
        self.trust.good_for_s = 0.0
        for kind, digest in self.use.items():
            if digest not in self.good[kind][-1:]:
                self.good[kind].append(digest)
                await self.note(Event(self.engine.clock.now_s(), "version_good", "daemon", "a day under the plan", f"{kind}:{digest}"))

    async def order(self, parts: Sequence[Part], to: str, who: str, reason: str) -> str:
        """Rolls back and returns in one sentence what was done. Raises RollbackError where nothing can be, VersionError for an unfit version."""
        found, missing = self._targets(parts, to)
        policy = self._policy_back(who, reason) if Part.POLICY in parts else ""
        if not found and not policy and Part.SETPOINTS not in parts:
            raise RollbackError("; ".join(missing))
        value: dict[str, Any] = {"parts": list(parts), "from": {k: self.use.get(k) for k in found}, "to": found}
        if found:
            self.versions.choose(Choice({**self.versions.chosen().use, **found}, self.own))
        if Part.SETPOINTS in parts:
            value["setpoints"] = dict(self.trust.good)
            self.stand(self.trust.good)
        await self.note(Event(self.engine.clock.now_s(), "rollback", who, reason, json.dumps(value)))
        log.warning("rolled_back", who=who, reason=reason, **value)
        self.trust.begin_anew()
        if found:
            self.again()
        return "; ".join([*self._said(parts, found), *filter(None, [policy]), *missing])

    def stand(self, setpoints: Mapping[str, float]) -> None:
        """Puts the last known good setpoints in charge until a person engages; where none are known, Guideline 36 resets."""
        self.engine.standing.add(Condition.ROLLED_BACK)
        self.engine.fallback = dict(setpoints)

    def engaged(self) -> None:
        """Lets the plan in again, by a person's word."""
        self.engine.standing.discard(Condition.ROLLED_BACK)
        self.engine.fallback = {}

    def _policy_back(self, who: str, reason: str) -> str:
        """Puts the policy that was active before in charge from the next cycle on, none where there was none; says so, "" where none is in use."""
        stages = self.engine.cycle.stages
        present = digest_in_use(stages)
        if self.registry is None or present is None:
            return ""
        back = self.registry.back(self.engine.clock.now_s(), who, reason)
        self.engine.cycle = replace(self.engine.cycle, stages=with_policy(stages, self.registry))
        return f"policy {present[:12]} is out of use from the next cycle on; " + (f"{back.digest[:12]} is active again" if back else "no policy is in use")

    def _targets(self, parts: Sequence[Part], to: str) -> tuple[dict[str, str], list[str]]:
        """Returns the digests to go to by kind, and for what nothing can be gone back to in words."""
        found: dict[str, str] = {}
        missing = ["no policy is installed"] if Part.POLICY in parts and digest_in_use(self.engine.cycle.stages) is None else []
        for kind in (k for k in KINDS if Part(k) in parts):
            earlier = [d for d in self.good[kind] if d != self.use.get(kind)]
            if to != LAST_GOOD:
                found[kind] = self.versions.kept(kind, to)
            elif earlier:
                found[kind] = earlier[-1]
            else:
                missing.append(f"no earlier good {kind} is known")
        return found, missing

    def _said(self, parts: Sequence[Part], found: Mapping[str, str]) -> list[str]:
        setpoints = "the last known good setpoints" if self.engine.fallback else "Guideline 36 resets, since no good setpoints are known yet,"
        said = [f"{setpoints} are in charge until you engage"] if Part.SETPOINTS in parts else []
        return said + [f"{kind} goes back to {digest[:12]}: the daemon hands back and starts again" for kind, digest in found.items()]


async def resume(rollbacks: Rollbacks, journal: Journal) -> None:
    """Takes up a rollback of setpoints that no person has ended since."""
    rolled, engaged = await journal.last_event("rollback"), await journal.last_event("engage")
    if rolled is None or (engaged is not None and engaged.at_s >= rolled.at_s):
        return
    value = json.loads(rolled.value)
    if "setpoints" in value:
        rollbacks.stand(value["setpoints"])


async def known_good(journal: Journal) -> dict[str, list[str]]:
    """Returns the digests that were called good, by kind, the newest last."""
    good: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for event in await journal.events("version_good"):
        kind, _, digest = event.value.partition(":")
        good[kind].append(digest)
    return good


async def stage_for(journal: Journal, use: Mapping[str, str], good: Mapping[str, Sequence[str]], at_s: float, stage: Stage) -> Stage:
    """Records which versions are in use where that has changed, and returns the stage: a version that was never called good starts in shadow."""
    last = await journal.last_event("version")
    if last is not None and json.loads(last.value) == dict(use):
        return stage
    await journal.note(Event(at_s, "version", "daemon", "in use from now on", json.dumps(dict(use))))
    new = [kind for kind, digest in use.items() if digest not in good[kind]]
    if last is None or not new or stage <= Stage.SHADOW:
        return stage
    log.warning("new_version", kinds=new, says="a new version starts in shadow; raise the stage when it has proved itself")
    await journal.note(Event(at_s, "stage", "daemon", f"a new {' and '.join(new)} starts in shadow", Stage.SHADOW.name))
    return Stage.SHADOW
