"""Proposals to a person: what the plan would write, why, what is expected of it, and until when it stands; what is accepted is lent to the daemon."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import structlog

from controller.cycle import Done
from controller.journal import Event
from controller.record import CycleRecord
from plant_models.site.load import LoadedSite
from safety.modes import Mode

log = structlog.get_logger()


@dataclass(frozen=True)
class Advice:
    """One proposal: its number, when it was made and until when it may be accepted [s], setpoints now and proposed, why, and what the model expects of
    the plan that it is the first step of, beside what is in force (powers [kW], hottest inlet [degC]).
    """

    number: int
    made_s: float
    expires_s: float
    setpoints: Mapping[str, float]
    in_force: Mapping[str, float]
    reason: str
    expected: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Accepted:
    """Values that a person accepted, by which proposal, and until when they are kept [s]."""

    number: int
    values: Mapping[str, float]
    until_s: float


@dataclass
class Advisor:
    """Makes proposals for the setpoints that ``advised`` names, one at a time, and keeps what became of them; ``note`` puts decisions into the journal."""

    loaded: LoadedSite
    note: Callable[[Event], Awaitable[None]]
    advised: Callable[[], frozenset[str]]
    open: Advice | None = None
    kept: list[Accepted] = field(default_factory=list)
    made: int = 0
    counts: dict[str, int] = field(default_factory=lambda: {"accepted": 0, "rejected": 0, "expired": 0})

    def accepted(self) -> dict[str, float]:
        """Returns what persons accepted, the newest of each setpoint, as far as it is still asked for their word."""
        advised = self.advised()
        return {name: value for one in self.kept for name, value in one.values.items() if name in advised}

    async def after_cycle(self, done: Done) -> None:
        """Ends what has expired, and proposes anew where nothing stands open."""
        record, at_s = done.record, done.record.decision.measured.taken_at_s
        advised = self.advised()
        for one in [one for one in self.kept if at_s >= one.until_s or not one.values.keys() & advised]:
            self.kept.remove(one)
            why = "its time is over: the BAS goes on by itself" if at_s >= one.until_s else "the stage has moved on"
            await self.note(Event(at_s, "advice_over", "daemon", why, str(one.number), json.dumps(dict(one.values))))
        if self.open is not None and (at_s >= self.open.expires_s or not self.open.setpoints.keys() <= advised):
            await self._decided("expired", "daemon", "nobody decided in time", at_s)
        if self.open is None:
            self.open = self._advice(record, advised, at_s)
            if self.open is not None:
                self.made += 1
                log.info("advice_made", number=self.open.number, setpoints=dict(self.open.setpoints), says=self.open.reason)

    def _advice(self, record: CycleRecord, advised: frozenset[str], at_s: float) -> Advice | None:
        """Returns what is worth a person's decision now: changes beyond the deadband, from a plan that is in charge."""
        decision, rollout = record.decision, self.loaded.site.rollout
        if decision.memory.mode.mode not in (Mode.OPTIMISE, Mode.PLAN_ONLY) or not record.given.plan.solved:
            return None
        in_force = {s: v for s in advised if (v := decision.memory.footing.own.get(s)) is not None} | dict(decision.memory.requested)
        changes = {s: v for s, v in decision.would_write.items() if s in advised and s in in_force and self._worth(s, v - in_force[s])}
        if not changes:
            return None
        plan, held = record.given.plan.planned, record.given.plan.held
        expected = {}
        if plan and held:
            powers = {"plan_kw": plan.facility_kw, "in_force_kw": held.facility_kw, "saving_kw": held.facility_kw - plan.facility_kw}
            expected = powers | {f"{hall}.hottest_c": value for hall, value in plan.hottest_c.items()}
        was = {s: in_force[s] for s in changes}
        return Advice(self.made + 1, at_s, at_s + rollout.advice_expires_s, changes, was, record.given.plan.says, expected)

    def _worth(self, setpoint: str, change: float) -> bool:
        return abs(change) >= max(self.loaded.site.setpoint[setpoint].deadband, 1e-6)

    async def accept(self, number: int, who: str, reason: str, at_s: float) -> dict[str, Any]:
        """Lends the proposed values to the daemon: the next cycle writes them once, judged by the envelope as they are then."""
        if (wrong := self._wrong(number, at_s)) is not None or self.open is None:
            return {"error": f"accept: {wrong}"}
        values = dict(self.open.setpoints)
        self.kept = [*(Accepted(k.number, left, k.until_s) for k in self.kept if (left := {s: v for s, v in k.values.items() if s not in values}))]
        self.kept.append(Accepted(number, values, at_s + self.loaded.site.rollout.advice_holds_s))
        await self._decided("accepted", who, reason, at_s)
        return {"done": "accept", "setpoints": values, "says": "the next cycle writes what the envelope permits of it"}

    async def reject(self, number: int, who: str, reason: str, at_s: float) -> dict[str, Any]:
        """Closes a proposal, or takes an acceptance back: then the BAS has the plant again with the next cycle."""
        back = next((one for one in self.kept if one.number == number), None)
        if back is not None:
            self.kept.remove(back)
            await self.note(Event(at_s, "advice_withdrawn", who, reason, str(number), json.dumps(dict(back.values))))
            return {"done": "reject", "says": f"{number} is no longer in force from the next cycle on"}
        if (wrong := self._wrong(number, at_s)) is not None:
            return {"error": f"reject: {wrong}"}
        await self._decided("rejected", who, reason, at_s)
        return {"done": "reject", "says": f"{number} is closed; nothing was written"}

    def _wrong(self, number: int, at_s: float) -> str | None:
        """Says why a proposal cannot be decided on, None where it can."""
        if self.open is None or self.open.number != number:
            return f"{number} does not stand open; open now: {self.open.number if self.open else 'none'}"
        return f"{number} has expired" if at_s >= self.open.expires_s else None

    async def _decided(self, what: str, who: str, reason: str, at_s: float) -> None:
        advice, self.open = self.open, None
        if advice is not None:
            self.counts[what] += 1
            await self.note(Event(at_s, f"advice_{what}", who, reason, json.dumps(asdict(advice)), json.dumps(dict(advice.in_force))))

    def told(self) -> dict[str, Any]:
        """Returns the open proposal, what is in force by persons' word, and the statistics."""
        decided = self.counts["accepted"] + self.counts["rejected"]
        return {
            "open": asdict(self.open) if self.open else None,
            "in_force": [asdict(one) for one in self.kept],
            "made": self.made,
            **self.counts,
            "accepted_pct": 100.0 * self.counts["accepted"] / decided if decided else None,
        }
