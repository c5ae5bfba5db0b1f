"""The life of operators' overrides at the BAS: when one began, how long it has lasted, and who was told; what counts as one is the watch's to say."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from controller.cycle import Done
from controller.journal import Event, Journal
from controller.watch import Sort

log = structlog.get_logger()

NOTICE_S: Final = 4 * 3600.0  # engineering value: half a shift; what lasts longer was perhaps forgotten
REMINDER_S: Final = 86400.0  # then once a day


@dataclass(frozen=True)
class Override:
    """One setpoint that a person moves at the BAS: since when, when it was last told of [s], and the words for it."""

    setpoint: str
    since_s: float
    told_s: float
    says: str


def due(override: Override, at_s: float) -> bool:
    """Returns whether a lingering override is to be told of (again): after some hours, then once a day."""
    first = override.told_s <= override.since_s
    return at_s - override.told_s >= (NOTICE_S if first else REMINDER_S)


@dataclass
class Overrides:
    """The overrides that stand; ``note`` puts notices into the journal."""

    note: Callable[[Event], Awaitable[None]]
    standing: dict[str, Override] = field(default_factory=dict)

    async def after_cycle(self, done: Done) -> None:
        """Notes overrides that began or ended, and those that linger; one that outlived a restart goes on from when it began."""
        decision = done.record.decision
        at_s = decision.measured.taken_at_s
        now = {f.setpoint: f for f in decision.memory.watch.standing if f.sort is Sort.OVERRIDE}
        for name, finding in now.items():
            if name not in self.standing:
                self.standing[name] = Override(name, finding.since_s, finding.since_s, finding.says)
                await self.note(Event(at_s, Sort.OVERRIDE.value, "BAS", finding.says, name))
            elif due(self.standing[name], at_s):
                lasts_h = (at_s - self.standing[name].since_s) / 3600.0
                says = f"{finding.says}; for {lasts_h:.0f} h now"
                log.warning("override_lingers", setpoint=name, hours=round(lasts_h, 1), says=says)
                await self.note(Event(at_s, "override_lingers", "daemon", says, name))
                self.standing[name] = Override(name, self.standing[name].since_s, at_s, finding.says)
        known = decision.measured.values.keys()
        for name in [n for n in self.standing if n not in now and f"{n}.authority" in known]:
            override = self.standing.pop(name)
            says = f"over after {(at_s - override.since_s) / 3600.0:.1f} h"
            log.info("override_over", setpoint=name, says=says)
            await self.note(Event(at_s, "override_over", "BAS", says, name, override.says))

    def told(self, at_s: float) -> list[dict[str, Any]]:
        """Returns the overrides that stand as plain values, the longest first."""
        longest = sorted(self.standing.values(), key=lambda o: o.since_s)
        return [{"setpoint": o.setpoint, "since_s": o.since_s, "hours": (at_s - o.since_s) / 3600.0, "says": o.says} for o in longest]


async def standing_of(journal: Journal) -> dict[str, Override]:
    """Returns the overrides that began and have not ended in a journal."""
    found: dict[str, Override] = {}
    events = [(e, what) for what in ("override", "override_lingers", "override_over") for e in await journal.events(what)]
    for event, what in sorted(events, key=lambda pair: pair[0].at_s):
        if what == "override":
            found[event.value] = Override(event.value, event.at_s, event.at_s, event.reason)
        elif what == "override_over":
            found.pop(event.value, None)
        elif event.value in found:
            found[event.value] = Override(event.value, found[event.value].since_s, event.at_s, found[event.value].says)
    return found
