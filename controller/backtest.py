"""Runs the daemon's own cycle against the detailed simulator in this process, in plant time, once for each policy; every policy meets the same weather,
load and seed.
"""

from __future__ import annotations

import asyncio
import os
import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from controller import version
from controller.clock import SteppedClock
from controller.cycle import Cycle, Done, JournalSeam, OptimiserSeam
from controller.encode import plain
from controller.engine import Engine
from controller.fieldbus.memory import MemoryBus
from controller.forecast.published import published
from controller.hindsight import best_constants
from controller.journal import Journal
from controller.optimise.worker import OptimiserWorker, PlanRequest
from controller.plant import Plant
from controller.policies import POLICIES
from controller.record import CycleRecord, RunHeader
from controller.stages import fresh_memory, stages_of
from plant_models.scores import Scores
from plant_models.simulator.bas import Manner
from plant_models.simulator.conditions import Conditions, Prepared, simulate
from plant_models.simulator.series import Columns, CourseRecorder, Series
from plant_models.site.limits import limits_of
from plant_models.site.load import load_site
from safety.modes import WRITES, Mode
from safety.records import Proposal, Receipt, Source

_SEARCH_SHARE: Final = 0.95  # of the time that a policy found by search takes
PLAN_DEADLINE_WALL_S: Final = 120.0  # here iterations limit the solver, so that the same seed gives the same bytes


class NoOptimiser:
    """Stands where a policy has no optimiser."""

    async def plan(self, request: PlanRequest) -> Proposal:
        """Says that there is none."""
        return Proposal(Source.PLAN, request.estimate.at_s, solved=False, setpoints={}, says="this policy has no optimiser")


@dataclass
class Unrecorded:
    """A journal that keeps nothing, for runs that nobody will replay."""

    cycles: int = 0

    async def intend(self, run: int, record: CycleRecord, digest: str) -> int:
        """Counts the cycle."""
        self.cycles += 1
        return self.cycles

    async def complete(self, cycle: int, receipt: Receipt) -> None:
        """Keeps nothing."""


@dataclass
class Tally:
    """What is counted of the cycles themselves, beside the plant's own scores."""

    counting: bool = False
    interventions: Counter[str] = field(default_factory=Counter)
    mode_cycles: Counter[str] = field(default_factory=Counter)
    writes: int = 0
    plans_failed: int = 0
    plan_ms: list[float] = field(default_factory=list)
    cycle_ms: list[float] = field(default_factory=list)

    async def add(self, done: Done) -> None:
        """Adds one finished cycle."""
        if not self.counting:
            return
        decision = done.record.decision
        ours = WRITES[done.record.given.stage].setpoints
        self.interventions.update(i.rule for i in decision.verdict.interventions if ours)
        self.mode_cycles[(decision.memory.mode.mode if ours else Mode.RELEASE).name] += 1
        self.writes += len(decision.command.writes)
        self.plans_failed += not done.record.given.plan.solved
        self.plan_ms.append(done.plan_ms)
        self.cycle_ms.append(done.cycle_ms)

    def result(self, cycle_s: float, planned: bool) -> dict[str, Any]:
        """Returns the counts under the contract's names."""
        return {
            "mode_minutes": {m: self.mode_cycles[m] * cycle_s / 60 for m in ("OPTIMISE", "PLAN_ONLY", "RESET", "HOLD", "RELEASE")},
            "interventions": dict(sorted(self.interventions.items())),
            "writes": self.writes,
            "solve_ms": {**spread(self.plan_ms), "failed": self.plans_failed} if planned else None,
            "cycle_ms": spread(self.cycle_ms),
        }


def spread(values: Sequence[float]) -> dict[str, float]:
    """Returns median, 99 % quantile and maximum; empty without values."""
    if len(values) < 2:
        return {}
    return {"p50": statistics.median(values), "p99": statistics.quantiles(values, n=100, method="inclusive")[98], "max": max(values)}


@dataclass(frozen=True)
class Task:
    """One policy on one site under given conditions; ``journal`` is where its cycles are recorded, None for nowhere."""

    config: Path
    conditions: Conditions
    policy: str
    journal: Path | None = None
    series: bool = False
    course: bool = False
    """Whether the setpoints in force come with the result, as a ``Course`` under ``course``."""
    manner: Manner | None = None
    """How the BAS runs the site, where that was worked out beforehand."""


def run_policy(task: Task, progress: Callable[[float], None], environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Runs one policy and returns its entry of ``backtest --json``; ``progress`` is told the share done, 0 .. 1."""
    return asyncio.run(_run_policy(task, progress, os.environ if environ is None else environ))


async def _run_policy(task: Task, progress: Callable[[float], None], environ: Mapping[str, str]) -> dict[str, Any]:
    policy = POLICIES[task.policy]
    site_files = load_site(task.config, environ)
    found = best_constants(site_files, task.conditions, lambda share: progress(_SEARCH_SHARE * share)) if policy.searched else None
    manner = found.manner if found else policy.manner(site_files.site) if policy.manner else task.manner
    prepared = simulate(site_files, task.conditions, manner=manner)
    loaded, site = prepared.loaded, prepared.site
    limits, stages = limits_of(loaded.site, loaded.points), stages_of(loaded)
    clock, bus = SteppedClock(site), MemoryBus(site)
    plant = Plant(loaded, dict.fromkeys(loaded.site.device, bus), clock)
    worker = OptimiserWorker(loaded.site.directory, environ, PLAN_DEADLINE_WALL_S, time_limited=False) if policy.optimiser else None
    if worker:
        await worker.start()
    optimiser: OptimiserSeam = worker or NoOptimiser()
    journal = Journal(task.journal) if task.journal else None
    kept: JournalSeam = journal or Unrecorded()
    header = RunHeader(version.VERSION, task.policy, plain(loaded.site), plain(loaded.points), plain(stages.parameters), "backtest")
    run = await journal.begin(clock.now_s(), header) if journal else 1
    tally = Tally()
    engine = Engine(Cycle(stages, plant, optimiser, kept, run), plant, clock, limits, policy.stage, fresh_memory(stages, clock.now_s()), tally.add)
    engine.set_stage(policy.stage)
    engine.outlook = partial(published, prepared.tariff, loaded.site)
    scores = Scores(loaded.site, prepared.tariff)
    recorder = CourseRecorder(site, sorted(loaded.points.setpoints))
    try:
        before = _SEARCH_SHARE if found else 0.0
        series = await _drive(engine, prepared, scores, tally, recorder, lambda share: progress(before + (1.0 - before) * share))
    finally:
        if worker:
            await worker.stop()
        if journal:
            journal.close()
    result = {**scores.result(), **tally.result(loaded.site.timing.cycle_s, policy.optimiser)}
    if found:
        result |= {"constants": dict(found.constants), "candidates": found.runs}
    result |= {"course": recorder.course} if task.course else {}
    return {**result, "series": series} if task.series else result


async def _drive(engine: Engine, prepared: Prepared, scores: Scores, tally: Tally, recorder: CourseRecorder, progress: Callable[[float], None]) -> Columns:
    """Runs guard and cycle in plant time on one thread: the guard first, as on a real site, then the cycle where one is due."""
    timing, site = engine.loaded.site.timing, prepared.site
    series: Series | None = None
    began_s = now_s = due_s = site.now_s
    while now_s < prepared.until_s:
        tally.counting = now_s >= prepared.start_s
        if tally.counting:
            series = series or Series(engine.loaded, site)
            series.observe()
            recorder.observe()
            scores.observe(site)
        await engine.guard.tick(now_s)
        if now_s >= due_s:
            await engine.cycle_once()
            due_s += timing.cycle_s
            progress((now_s - began_s) / (prepared.until_s - began_s))
        now_s += timing.guard_s
        await engine.clock.sleep_until(now_s)
    scores.observe(site)
    recorder.observe()
    return series.columns if series else {}
