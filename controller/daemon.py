"""The daemon: opens the site, runs the engine, answers the operator, tells systemd, and hands back on SIGTERM; it decides nothing about the plant."""

from __future__ import annotations

import asyncio
import secrets
import signal
from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field, replace
from typing import Any

import structlog

from controller import upkeep, version
from controller.boundary.desk import Desk
from controller.clock import Clock, PointClock, WallClock
from controller.control import serve
from controller.cycle import Cycle, Done
from controller.encode import plain
from controller.engine import Engine
from controller.explain import told_reserves
from controller.forecast.heard import Heard
from controller.hold import holdings
from controller.journal import Entry, Event, Journal, JournalError
from controller.lifetime import registers
from controller.notify import Notifier
from controller.operators import Operators
from controller.optimise.worker import OptimiserWorker
from controller.plant import HEARTBEAT_SIGNAL, HEARTBEAT_WRAPS, Plant, connect_buses
from controller.record import CycleMemory, RunHeader
from controller.residual.active import digest_in_use, registry_of, with_policy
from controller.rollout.advice import Advisor
from controller.rollout.drills import Drills, failed
from controller.rollout.excitations import Excitations
from controller.rollout.experiments import Switchbacks
from controller.rollout.groups import Trusts, as_event, from_event, lowered_to, uniform
from controller.rollout.overrides import Overrides
from controller.rollout.promotion import Promotions
from controller.rollout.resume import resume_rollout
from controller.rollout.rollback import Rollbacks, known_good, resume, stage_for
from controller.rollout.score import Scoreboard
from controller.rollout.versions import Start, Versions
from controller.stages import Stages, fresh_memory, stages_of
from controller.watch import Sort, changes
from plant_models.site.forecast import boundary_socket
from plant_models.site.limits import limits_of
from plant_models.site.load import LoadedSite
from safety.modes import ROW_OF, WRITES, Condition, Mode, Stage, after_restart

log = structlog.get_logger()

CANCEL_AGAIN_WALL_S = 0.2


class StageError(Exception):
    """A stage that this start may not choose; the message says which it may."""


def allowed_stage(asked: Stage | None, persisted: Stage, simulated: bool) -> Stage:
    """Returns the stage to start in: what was persisted, or a lower one; on a simulated site any.

    Raises StageError with what is allowed.
    """
    if asked is None:
        return persisted
    allowed = [s for s in Stage if simulated or s <= persisted]
    if asked not in allowed:
        names = ", ".join(s.name.lower() for s in allowed)
        raise StageError(f"--stage {asked.name.lower()}: the persisted stage is {persisted.name.lower()}, --stage can only lower it; allowed now: {names}")
    return asked


@dataclass
class Daemon:
    """One running daemon."""

    loaded: LoadedSite
    stages: Stages
    journal: Journal
    engine: Engine
    optimiser: OptimiserWorker
    rollbacks: Rollbacks
    again: bool = False
    """Whether the daemon ended in order to be started again on other versions."""
    cycles: int = 0
    notifier: Notifier = field(default_factory=Notifier)
    last: Done | None = None
    trusts: InitVar[Trusts | None] = None
    """How far each group of setpoints is trusted at the start; without it all as far as the engine's stage."""

    def __post_init__(self, trusts: Trusts | None) -> None:
        """Puts what stands beside the cycle on the engine; the first drill is due a period after this start."""
        now_s = self.engine.clock.now_s()
        self.excitations = Excitations(self.engine, self.note, lambda: "a switchback experiment is going on" if self.switchbacks.design else "")
        self.drills = Drills(self.engine, self.note, now_s)
        self.heard = Heard(self.loaded.site)
        self.engine.outlook = self.heard.outlook
        self.desk = Desk(self.loaded, self.engine, self.heard, lambda: self.last)
        self.switchbacks = Switchbacks(self.engine, self.note, self.loaded.site.persistence.directory)
        begun = trusts or uniform(self.loaded, self.engine.stage, now_s)
        self.promotions = Promotions(self.engine, self.note, begun, Scoreboard(self.loaded), lambda: self.rollbacks.trust)
        self.advisor = Advisor(self.loaded, self.note, self.promotions.advised)
        self.overrides = Overrides(self.note)
        self.promotions.accepted, self.engine.grants = self.advisor.accepted, self.promotions.grants
        self._stop = asyncio.Event()
        self.rollbacks.again, self.rollbacks.note = self._start_again, self.note
        stands = (self.drills, self.rollbacks, self.switchbacks, self.excitations, self.heard, self.desk, self.promotions, self.advisor, self.overrides)
        self.operators = Operators(self.engine, self.note, self.status, lambda: self.last, *stands)

    async def run(self) -> bool:
        """Runs until SIGTERM or SIGINT, then hands back and returns True; False when decisions could no longer be recorded.

        An unexpected exception ends the process, and with it the lease.
        """
        stop = self._stop
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        servers = [await serve(self.loaded.site.persistence.socket, self.operators.answer), *await self._open_boundary()]
        reason = "asked to stop"
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self.engine.run_guard()), group.create_task(self.engine.run_cycles())]
                await self._until(stop, tasks)
                await end(tasks)
        except* JournalError as lost:
            reason = f"{ROW_OF[Condition.JOURNAL_LOST].told} {lost.exceptions[0]}"
            log.error("journal_lost", says=reason)
        finally:
            self.notifier.stopping()
            for server in servers:
                server.close()
            await self.engine.hand_back()
            await self.optimiser.stop()
            await self.engine.plant.close()
        log.info("handed_back", reason=reason, cycles=self.cycles)
        if not stop.is_set():
            return False
        await self.note(self._event("handed_back", "daemon", reason, ""))
        return True

    async def _open_boundary(self) -> list[asyncio.Server]:
        """Opens the socket of the boundary's process; where it cannot be opened the plant is run without one."""
        try:
            return [await serve(boundary_socket(self.loaded.site), self.desk.answer)]
        except OSError as error:
            log.error("boundary_closed", says=str(error))
            return []

    def _start_again(self) -> None:
        self.again = True
        self._stop.set()

    async def _until(self, stop: asyncio.Event, tasks: list[asyncio.Task[None]]) -> None:
        waiting = asyncio.ensure_future(stop.wait())
        await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()

    async def recorded(self, done: Done) -> None:
        """Tells the log and systemd of a cycle that is on disk; nothing else feeds the watchdog."""
        decision = done.record.decision
        self.cycles += 1
        self.last = done
        log.info(
            "cycle_recorded",
            cycle=done.cycle,
            at_s=decision.measured.taken_at_s,
            stage=self.engine.stage.name,
            mode=decision.memory.mode.mode.name,
            source=decision.proposal.source.value,
            says=decision.says,
            faults=len(decision.measured.faults),
            conditions=sorted(decision.conditions),
            interventions=len(decision.verdict.interventions),
            writes=len(decision.command.writes),
            refused=[s for s, o in done.receipt.outcomes.items() if o != "verified"],
            plan_ms=round(done.plan_ms),
            cycle_ms=round(done.cycle_ms),
        )
        before, after = done.record.given.memory.mode, decision.memory.mode
        if before.mode != after.mode:
            log.warning(
                "mode_changed", at_s=decision.measured.taken_at_s, before=before.mode.name, after=after.mode.name, cause=after.cause, says=decision.says
            )
        await self._note_findings(done)
        for over in self.heard.ended(decision.measured.taken_at_s):
            log.info("forecast_override_over", signal=over.signal)
            await self.note(self._event("forecast_override_over", "daemon", over.says, over.signal))
        await self.drills.after_cycle(done)
        await self.switchbacks.after_cycle(done)
        await self.excitations.after_cycle(done)
        await self.rollbacks.after_cycle(done)
        await self.overrides.after_cycle(done)
        await self.promotions.after_cycle(done)
        await self.advisor.after_cycle(done)
        if decision.measured.faults and self.cycles == 1:
            log.warning("readings_refused", count=len(decision.measured.faults), first=[f.says for f in decision.measured.faults[:5]])
        if self.cycles == 1:
            self.notifier.ready()
        self.notifier.watchdog()
        self.notifier.status(decision.says[:200])

    async def _note_findings(self, done: Done) -> None:
        """Puts what the watch found, and what is over, into log and journal: once each."""
        begun, over = changes(done.record.given.memory.watch, done.record.decision.memory.watch)
        for finding in (f for f in begun if f.sort is not Sort.OVERRIDE):  # an override has a life of its own
            log.warning(finding.sort.value, setpoint=finding.setpoint, says=finding.says)
            await self.note(self._event(finding.sort.value, "watch", finding.says, finding.setpoint))
        for finding in (f for f in over if f.sort is not Sort.OVERRIDE):
            log.info(f"{finding.sort.value}_over", setpoint=finding.setpoint)
            await self.note(self._event(f"{finding.sort.value}_over", "watch", finding.says, finding.setpoint))

    async def note(self, event: Event) -> None:
        """Records what was changed outside a cycle, and lets whoever trusts the daemon's stages hear of it."""
        await self.journal.note(event)
        self.promotions.hear(event)

    def status(self) -> Mapping[str, Any]:
        """Returns what an operator asks first: stage, mode, why, what is in force, what was refused."""
        memory = self.engine.memory
        return {
            "site": self.loaded.site.site.name,
            "stage": self.engine.stage.name,
            "mode": memory.mode.mode.name,
            "bas_in_charge": memory.mode.mode is Mode.RELEASE or not memory.requested,
            "groups": self.promotions.trusts.told(),
            "cause": memory.mode.cause,
            "latched": memory.mode.latched,
            "at_s": memory.at_s,
            "cycles": self.cycles,
            "says": self.last.record.decision.says if self.last else "no cycle yet",
            "in_force": plain(holdings(self.loaded, self.last.record.decision.measured, memory.requested).in_force) if self.last else {},
            "requested": plain(memory.requested),
            "last_receipt": plain(self.engine.last_receipt),
            "findings": plain(memory.watch.standing),
            "conditions": plain(self.last.record.decision.conditions) if self.last else [],
            "responsible": WRITES[self.engine.stage].responsible,
            "overrides": self.overrides.told(self.engine.clock.now_s()),
            "advice": self.advisor.told(),
            "maintenance": plain(memory.maintenance),
            "reserves": told_reserves(self.last.record.decision.reserves) if self.last else {},
            "registers": registers(self.engine.limits, memory.wear, memory.rates),
            "drill": {"going_on": self.drills.now is not None, "last": plain(self.drills.last)},
            "switchback": self.switchbacks.status(),
            "excitation": self.excitations.status(),
            "model": upkeep.status(self.loaded.site.persistence.directory),
            "residual": {"policy": digest_in_use(self.engine.cycle.stages), "authority_share": memory.authority_share},
            "optimiser_ready": self.optimiser.ready,
            "forecasts": self.heard.told(self.engine.clock.now_s(), self.last.record.decision.measured.values if self.last else {}),
        }

    def _event(self, what: str, who: str, reason: str, value: str) -> Event:
        return Event(self.engine.clock.now_s(), what, who, reason, value)


async def end(tasks: list[asyncio.Task[None]]) -> None:
    """Cancels tasks until they have ended: on Python 3.11 ``asyncio.wait_for`` may swallow a cancellation that meets its result."""
    while not all(task.done() for task in tasks):
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=CANCEL_AGAIN_WALL_S)


async def start(loaded: LoadedSite, asked: Stage | None, begin: Start, versions: Versions) -> Daemon:
    """Opens journal, devices and optimiser and puts the daemon together; the plant is not yet touched. ``begin`` says which versions it runs on.

    Raises StageError, JournalError or the site's own errors; nothing is half started then.
    """
    limits = limits_of(loaded.site, loaded.points)
    registry = registry_of(versions, loaded)
    stages = with_policy(stages_of(loaded), registry)
    journal = Journal(loaded.site.persistence.directory / "journal.sqlite", versions.seal)
    last, staged = await journal.last(), await journal.last_event("stage")
    good = await known_good(journal)
    then_s = last.record.given.snapshot.taken_at_s if last else 0.0
    before = from_event(loaded, staged.value, then_s) if staged else uniform(loaded, Stage.MONITOR, then_s)
    persisted = await stage_for(journal, begin.use, good, then_s, before.stage)
    stage = allowed_stage(asked, persisted, loaded.site.rollout.simulated)
    if stage >= Stage.CANARY and not loaded.site.lease.proven:
        raise StageError(f"--stage {stage.name.lower()}: the BAS time-out of this site is not proven ([lease] proven); allowed now: monitor, shadow, advisory")
    if loaded.site.rollout.simulated:
        log.warning("simulated_site", site=loaded.site.site.name, says="any stage may be chosen at the start; never set this on a real plant")
    clock: Clock = PointClock() if loaded.site.clock.source == "point" else WallClock()
    plant = Plant(loaded, connect_buses(loaded), clock, writes_enabled=WRITES[stage].setpoints)
    if isinstance(clock, PointClock):
        clock.follow(plant)
    await plant.open()
    optimiser = OptimiserWorker(loaded.site.directory, begin.environ, loaded.site.timing.plan_deadline_wall_s, time_limited=True)
    await optimiser.start()
    await clock.ready()
    memory = resumed(stages, last, clock.now_s())
    header = RunHeader(version.VERSION, "daemon", plain(loaded.site), plain(loaded.points), plain(stages.parameters), "restart" if last else "first start")
    run = await journal.begin(clock.now_s(), header)
    cycle = Cycle(stages, plant, optimiser, journal, run)
    engine = Engine(cycle, plant, clock, limits, stage, memory)
    engine.set_stage(stage)
    engine.guard.count = 1 + secrets.randbelow(HEARTBEAT_WRAPS - 1)  # so that two daemons with one configuration do not beat alike
    engine.listen_s = loaded.site.lease.bas_timeout_s if HEARTBEAT_SIGNAL in engine.guard.signals else 0.0
    rollbacks = Rollbacks(engine, journal.note, versions, begin.own, begin.use, good, lambda: None, registry)
    await resume(rollbacks, journal)
    kept = lowered_to(before, stage, clock.now_s())
    trusts = kept if kept.stage is stage and (asked is None or not loaded.site.rollout.simulated) else uniform(loaded, stage, clock.now_s())
    daemon = Daemon(loaded, stages, journal, engine, optimiser, rollbacks, trusts=trusts)
    await resume_rollout(journal, daemon.promotions, daemon.advisor, daemon.overrides)
    await journal.note(Event(clock.now_s(), "started", "daemon", header.why, as_event(trusts), as_event(before)))
    engine.on_cycle = daemon.recorded
    if last:
        daemon.heard.resume(last.record.given.outlook)
    drilled = await journal.last_event("drill")
    daemon.drills.last_s, engine.alarm = drilled.at_s if drilled else clock.now_s(), failed(drilled)
    log.info("started", site=loaded.site.site.name, stage=stage.name, run=run, mode=memory.mode.mode.name, cause=memory.mode.cause)
    return daemon


def resumed(stages: Stages, last: Entry | None, at_s: float) -> CycleMemory:
    """Returns the memory to go on with after a start: the mode's latch and returns outlive the process, readings and estimates do not.

    A daemon to which nothing was lent when it ended (monitor, shadow, a canary outside its hours) has nothing to return to, so it spends no return.
    """
    fresh = fresh_memory(stages, at_s)
    if last is None:
        return fresh
    memory, had = last.record.decision.memory, bool(last.record.given.grants)
    state = after_restart(memory.mode, at_s)
    mode = state if had or state.latched else replace(fresh.mode, returns_s=state.returns_s)
    kept = replace(fresh, wear=memory.wear, rates=memory.rates, forecast=memory.forecast, settling=memory.settling)
    return replace(kept, mode=mode, starts=memory.starts, maintenance=memory.maintenance, footing=memory.footing)
