"""What every scenario needs: a site on the wire, a daemon as a process of its own, the same site left to its BAS, and a list of checks."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from hil.bench import Bench, Pace
from hil.intents import Intent, JournalFile, read_journal, without_intent
from hil.process import DaemonProcess, persistence
from hil.progress import say
from hil.scores import Moment, Trace, mode_minutes
from plant_models.simulator.conditions import Conditions, Prepared, simulate
from plant_models.simulator.site import SimulatedSite
from plant_models.site.limits import limits_of
from plant_models.site.load import load_site
from safety.modes import Mode
from safety.plant_rules import STAGE

HURRIED_SPEED = 600.0  # of plant time while nothing waits for the daemon
IN_CHARGE = (Mode.OPTIMISE, Mode.PLAN_ONLY, Mode.RESET)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be so: when it was looked at [s, plant time], what, whether it is, and what was seen."""

    at_s: float
    what: str
    passed: bool
    seen: str


@dataclass
class Rig:
    """One run of one scenario."""

    prepared: Prepared
    alone: SimulatedSite
    bench: Bench
    daemon: DaemonProcess
    state: Path
    checks: list[Check] = field(default_factory=list)
    back_under_bas_after_s: float | None = None
    more_intents: tuple[Intent, ...] = ()
    """Cycles of other daemons than ``daemon`` that wrote too."""
    clock_jump: tuple[float, float] | None = None
    """When the clock that is served jumped ahead, and by how much [s]."""

    def __post_init__(self) -> None:
        """Watches both sites from the first step on."""
        self.site, self.loaded, self.watch = self.prepared.site, self.prepared.loaded, self.bench.watch
        self.limits = limits_of(self.loaded.site, self.loaded.points)
        self.trace = Trace(self.loaded, self.site, self.watch)
        self.alone_trace = Trace(self.loaded, self.alone)
        self.bench.each_step.append(self._observe)

    def _observe(self) -> None:
        self.alone.advance(self.site.now_s)
        self.trace.observe()
        self.alone_trace.observe()

    @property
    def now(self) -> Moment:
        """Returns the newest moment."""
        return self.trace.moments[-1]

    async def run(self, hours: float, stop: Callable[[], bool] = lambda: False, *, hurried: bool = False) -> bool:
        """Lets plant time pass until ``stop`` is true, at most for ``hours``; returns whether it came true."""
        was = self.bench.pace
        if hurried:
            self.bench.pace = replace(was, run_on_speed=HURRIED_SPEED, patience_wall_s=0.0)
        came = False

        def over() -> bool:
            nonlocal came
            came = bool(self.trace.moments) and stop()
            return came

        await self.bench.run_until(self.site.now_s + 3600.0 * hours, over)
        self.bench.pace = was
        return came

    def at_speed(self, speed: float | None) -> None:
        """Lets plant time run at a multiple of real time whatever the daemon does, or in step with it again with None."""
        self.bench.pace = replace(self.bench.pace, speed=speed)

    def second(self, name: str, environ: Mapping[str, str] | None = None) -> DaemonProcess:
        """Returns another daemon for the same site, not yet started, with a journal and a socket of its own."""
        state = self.state / name
        state.mkdir(parents=True, exist_ok=True)
        own = {**self.daemon.environ, **persistence(state), **(environ or {})}
        return DaemonProcess(self.daemon.site_directory, own, state / "daemon.log", self.daemon.stage)

    def check(self, what: str, passed: bool, seen: object) -> bool:
        """Adds a check and tells it; returns whether it passed."""
        self.checks.append(Check(self.site.now_s, what, passed, str(seen)))
        say(f"  {'ok  ' if passed else 'FAIL'} {what}: {seen}")
        return passed

    @property
    def mode(self) -> Mode | None:
        """Returns the mode that the daemon last told."""
        return None if self.now.mode is None else Mode(int(self.now.mode))

    def in_charge(self) -> bool:
        """Returns whether the daemon moves every setpoint and says so; a stage it moves by a plan only."""
        ours = {s for s in self.now.authority if not s.endswith(f".{STAGE}")}
        return self.mode in IN_CHARGE and bool(ours) and ours <= self.now.remote

    def moved(self) -> dict[str, float]:
        """Returns how far what is in force stands from what the BAS alone would use, for the setpoints where that is more than the deadband."""
        theirs = self.alone_trace.moments[-1].effective
        away = {s: value - theirs[s] for s, value in self.now.effective.items()}
        return {s: d for s, d in away.items() if abs(d) > max(self.bands[s], 1e-6)}

    @property
    def bands(self) -> dict[str, float]:
        """Returns each setpoint's deadband; a stage follows from the site's own past, so that any is as good as that of the BAS alone."""
        return {s: math.inf if s.endswith(f".{STAGE}") else row.deadband for s, row in self.loaded.site.setpoint.items()}

    def journal(self) -> JournalFile:
        """Returns the daemon's journal as it is on disk now."""
        found = read_journal(self.state / "journal.sqlite")
        if self.clock_jump is None:
            return found
        at_s, by_s = self.clock_jump
        in_plant_time = (replace(i, taken_at_s=i.taken_at_s - by_s) if i.taken_at_s > at_s + 0.5 * by_s else i for i in found.intents)
        return replace(found, intents=tuple(in_plant_time))

    def check_journal(self) -> int:
        """Checks that the daemon's journal is whole and that it meant every setpoint write seen; returns how many it did not mean."""
        journal = self.journal()
        self.check("the journal is whole", not journal.problems and bool(journal.intents), journal.problems[:3] or f"{len(journal.intents)} cycles")
        seen = self.watch.setpoints()
        lost = without_intent(seen, (*journal.intents, *self.more_intents), self.loaded.points)
        self.check("every setpoint write on the wire has an intent", not lost, f"{len(lost)} of {len(seen)} have none" + (f", first {lost[0]}" if lost else ""))
        return len(lost)

    def check_heat(self) -> None:
        """Checks that no rack was above its allowable inlet for longer than under the BAS alone."""
        ours, theirs = (t.scores.result()["violations"]["inlet_above_allowable_rack_minutes"] for t in (self.trace, self.alone_trace))
        self.check("rack-minutes above allowable are no more than under the BAS alone", ours <= theirs, f"{ours:g}, alone {theirs:g}")

    def result(self, scenario: str, lost_records: int) -> dict[str, Any]:
        """Returns the run under the names of ``coldaisle-hil run --json``."""
        scores = self.trace.scores.result()
        return {
            "scenario": scenario,
            "passed": bool(self.checks) and all(c.passed for c in self.checks),
            "checks": [asdict(c) for c in self.checks],
            "back_under_bas_after_s": self.back_under_bas_after_s,
            "energy_kwh": scores["energy_kwh"],
            "violations": scores["violations"],
            "bas_alone_violations": self.alone_trace.scores.result()["violations"],
            "mode_minutes": mode_minutes(self.trace.moments),
            "lost_records": lost_records,
        }


@asynccontextmanager
async def rig_of(config: Path, conditions: Conditions, state: Path, stage: str = "auto") -> AsyncIterator[Rig]:
    """Warms two equal sites up, serves one of them on free ports, lets it run for a minute, and ends everything afterwards.

    Raises SiteErrors, SourceError or ValueError where site or conditions are wrong.
    """
    loaded = load_site(config)
    say(f"{loaded.site.site.name}: warming up, and once more for the BAS alone")
    prepared, alone = simulate(loaded, conditions), simulate(loaded, conditions).site
    pace = Pace(guard_s=loaded.site.timing.guard_s)
    async with Bench(loaded, prepared.site, pace, dict.fromkeys(loaded.site.device, 0)) as bench:
        daemon = DaemonProcess(config, {**bench.environ, **persistence(state)}, state / "daemon.log", stage)
        rig = Rig(prepared, alone, bench, daemon, state)
        await rig.run(1.0 / 60.0, hurried=True)
        try:
            yield rig
        finally:
            await daemon.end()
