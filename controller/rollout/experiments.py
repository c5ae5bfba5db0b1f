"""Runs a switchback experiment on a daemon's engine: on the BAS's days a condition gives it the plant; what follows is the mode table's doing."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import structlog

from controller.cycle import Done
from controller.engine import Engine
from controller.journal import Event
from controller.rollout.switchback import Arm, Design, arm_on, last_day, seal
from safety.grants import Grant
from safety.modes import Condition, Stage, experiment_refused

log = structlog.get_logger()

FILE: Final = "switchback.json"
OWN: Final = frozenset({Condition.SWITCHBACK})
ENDED: Final = ("switchback_ended", "switchback_stopped")


class SwitchbackError(Exception):
    """A switchback experiment cannot begin or end; the message says why."""


@dataclass
class Switchbacks:
    """At most one experiment at a time; ``note`` puts events into the journal, ``directory`` keeps the design over restarts.

    The seed stays in a file that only the daemon's own user reads and comes into the journal when the experiment is over; until then the journal holds
    its seal, so that nobody can know the next day's arm, and nobody can change the days afterwards.
    """

    engine: Engine
    note: Callable[[Event], Awaitable[None]]
    directory: Path
    design: Design | None = None

    def __post_init__(self) -> None:
        """Takes up an experiment that a restart interrupted. Raises SwitchbackError for a file that cannot be read."""
        path = self.directory / FILE
        if path.exists():
            try:
                self.design = design_of(json.loads(path.read_text()))
            except (ValueError, TypeError, KeyError) as error:
                raise SwitchbackError(f"{path}: {error}; a switchback experiment's design, as the daemon wrote it, or no file") from error
            self._follow(self.engine.clock.now_s())

    async def begin(self, design: Design, who: str, reason: str) -> str:
        """Begins an experiment and returns its seal. Raises SwitchbackError where none may begin now."""
        refused = self._refused(design)
        if refused:
            raise SwitchbackError(refused)
        self.directory.mkdir(parents=True, exist_ok=True)
        part = self.directory / f"{FILE}.part"
        part.touch(mode=0o600)
        part.write_text(json.dumps(_plain(design)))
        with part.open("rb") as kept:
            os.fsync(kept.fileno())
        part.replace(self.directory / FILE)
        self.design = design
        told = {key: value for key, value in _plain(design).items() if key != "seed"} | {"seal": seal(design)}
        await self._note("switchback_begun", who, reason, told)
        self._follow(self.engine.clock.now_s())
        return seal(design)

    def _refused(self, design: Design) -> str:
        if self.design is not None:
            return "an experiment is going on"
        if self.engine.stage is not Stage.AUTO:
            return f"stage {self.engine.stage.name.lower()}: an experiment compares the whole daemon with the BAS, so the stage must be auto"
        lent = self.engine.grants(self.engine.clock.now_s()) if self.engine.grants else None
        narrow = [s for s in self.engine.loaded.points.setpoints if lent is not None and lent.get(s) != Grant()]
        if narrow:
            return f"not lent to the daemon in full: {', '.join(narrow)}; every group must be at stage auto"
        if design.first_day <= self.day(self.engine.clock.now_s()):
            return f"first day {design.first_day.isoformat()}: must lie ahead, so that nobody chooses it by the weather"
        return experiment_refused(self.engine.stage, frozenset(self.engine.standing))

    async def stop(self, who: str, reason: str) -> None:
        """Ends the experiment at once; whose turn it was stays in the journal. Raises SwitchbackError where none is going on."""
        if self.design is None:
            raise SwitchbackError("no experiment is going on")
        await self._end(ENDED[1], who, reason)

    async def after_cycle(self, done: Done) -> None:
        """Gives the plant to whoever has the arm from now on, and ends an experiment whose last day is over."""
        if self.design is None:
            return
        at_s = done.record.decision.measured.taken_at_s
        if self.day(at_s) > last_day(self.design):
            await self._end(ENDED[0], "daemon", "its last day is over")
        elif done.record.decision.memory.mode.latched:
            await self._end(ENDED[1], "daemon", "the plant was handed to the BAS for good: a person must look first")
        else:
            self._follow(at_s)

    def _follow(self, at_s: float) -> None:
        legacy = self.design is not None and arm_on(self.design, self.day(at_s)) is Arm.LEGACY
        self.engine.standing = (self.engine.standing - OWN) | (OWN if legacy else frozenset())

    async def _end(self, what: str, who: str, reason: str) -> None:
        design, self.design = self.design, None
        self.engine.standing -= OWN
        if design is not None:
            await self._note(what, who, reason, _plain(design) | {"seal": seal(design)})
        (self.directory / FILE).unlink(missing_ok=True)

    async def _note(self, what: str, who: str, reason: str, told: Mapping[str, Any]) -> None:
        log.warning(what, who=who, reason=reason, **told)
        await self.note(Event(self.engine.clock.now_s(), what, who, reason, json.dumps(told)))

    def day(self, at_s: float) -> date:
        """Returns the site's own calendar day of an instant of plant time [s]."""
        return datetime.fromtimestamp(at_s, ZoneInfo(self.engine.loaded.site.site.time_zone)).date()

    def status(self) -> Mapping[str, Any] | None:
        """Returns what may be told of a running experiment: all but its seed and the days to come."""
        if self.design is None:
            return None
        today = self.day(self.engine.clock.now_s())
        arm = arm_on(self.design, today)
        return {
            "first_day": self.design.first_day.isoformat(),
            "last_day": last_day(self.design).isoformat(),
            "day": (today - self.design.first_day).days + 1,
            "arm": arm,
            "seal": seal(self.design),
        }


def _plain(design: Design) -> dict[str, Any]:
    return asdict(design) | {"first_day": design.first_day.isoformat()}


def design_of(told: Mapping[str, Any]) -> Design:
    """Returns the design that an ended experiment's event, or the daemon's own file, tells. Raises ValueError, TypeError or KeyError with what is wrong."""
    plain = {key: value for key, value in told.items() if key != "seal"}
    return Design(**{**plain, "first_day": date.fromisoformat(str(plain["first_day"]))})


def design_from(request: Mapping[str, Any]) -> Design:
    """Returns the design that an operator asked for, with a seed that nobody chose where none is given. Raises ValueError with every problem."""
    numbers = {"blocks_most": int, "period_days": int, "carry_over_h": float, "detect_pct": float, "seed": int}
    asked: dict[str, Any] = {}
    problems = []
    for name, kind in numbers.items():
        value = request.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or (kind is int and value != int(value)):
            problems.append(f"{name} {value!r}: a number" + (" without a fraction" if kind is int else ""))
        else:
            asked[name] = kind(value)
    try:
        asked["first_day"] = date.fromisoformat(str(request.get("first_day", "")))
    except ValueError:
        problems.append(f"first day {request.get('first_day')!r}: a day as 2026-03-01")
    if problems:
        raise ValueError("\n".join(problems))
    return Design(**{"seed": secrets.randbits(64), **asked})
