"""One cycle, to be read aloud: a reading becomes a measurement, an estimate, a plan, a verdict, a record and a write, in the order of these lines."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Protocol

from controller.clamp import Clamp
from controller.doubt import doubts_of, missed
from controller.forecast.outlook import Outlook
from controller.health import BEAT_SIGNAL, Circumstances, observe, refusals_of
from controller.hold import holdings
from controller.lend import Lending, Written, lend, still_asked
from controller.lifetime import counted
from controller.optimise.worker import PlanRequest
from controller.record import CycleMemory, CycleRecord, Decision, Given, Orders
from controller.residual.correct import narrowed_alone
from controller.reuse import go_on
from controller.rollout.excitation import proposed
from controller.stages import Stages
from controller.watch import Seen, watch
from plant_models.site.ladder import ladder_of
from safety.authority import Doubt, plan_confidence, residual_authority
from safety.balance import contradicted, weigh
from safety.grants import Grants, footing_after
from safety.ladder import descend
from safety.limits import Limits
from safety.modes import ROW_OF, Mode, ModeState, Stage, engage, next_mode
from safety.ownership import arranged
from safety.quality import check
from safety.records import Command, Proposal, Receipt, Situation, Snapshot, Source
from safety.ride_through import reserves
from safety.signals import Role, point
from safety.starts import update as started
from safety.trends import inlets, update


class PlantSeam(Protocol):
    """What the cycle needs of the plant."""

    async def read(self) -> Snapshot:
        """Reads every declared point."""

    def image(self, snapshot: Snapshot) -> Snapshot:
        """Fills a failed read with the last good reading while that is fresh."""

    async def write(self, command: Command) -> Receipt:
        """Writes a command, each value once."""

    async def verify(self, command: Command, receipt: Receipt) -> Receipt:
        """Reads back what was written."""


class OptimiserSeam(Protocol):
    """What the cycle needs of the optimiser."""

    async def plan(self, request: PlanRequest) -> Proposal:
        """Plans, or says why not, within its deadline."""


class JournalSeam(Protocol):
    """What the cycle needs of the journal."""

    async def intend(self, run: int, record: CycleRecord, digest: str) -> int:
        """Puts the intent on disk."""

    async def complete(self, cycle: int, receipt: Receipt) -> None:
        """Adds the receipt."""


@dataclass(frozen=True)
class Done:
    """A finished cycle: its number, record and receipt, and how long the work and the plan took [ms, wall]."""

    cycle: int
    record: CycleRecord
    receipt: Receipt
    plan_ms: float
    cycle_ms: float


@dataclass(frozen=True)
class Cycle:
    """The cycle of one site in one run; it holds no state of its own."""

    stages: Stages
    plant: PlantSeam
    optimiser: OptimiserSeam
    journal: JournalSeam
    run: int

    async def __call__(
        self, memory: CycleMemory, stage: Stage, grants: Grants, limits: Limits, orders: Orders, last_receipt: Receipt | None, outlook: Outlook
    ) -> Done:
        """Runs one cycle; its intent is durable before anything is written, and the receipt after.

        Where something is lent to the daemon, that is planned and judged and the rest stays as it is; else everything is, and nothing of it is written.
        """
        began = time.perf_counter()
        s = self.stages

        snapshot = self.plant.image(await self.plant.read())
        accepted, gate = check(snapshot, s.gate_rules, memory.gate)
        measured, balance = weigh(accepted, s.balances, memory.balance)
        trends = update(memory.trends, measured, limits)
        at_s, elapsed_s = measured.taken_at_s, measured.taken_at_s - memory.at_s
        starts = started(memory.starts, measured, limits)
        maintenance = arranged(memory.maintenance, orders.maintenance, orders.maintenance_over, at_s)
        held = holdings(s.loaded, measured, memory.requested)
        footing = footing_after(memory.footing, held.in_force, memory.requested, at_s)
        estimate, estimator = s.estimator.update(memory.estimator, measured, held.in_force)
        forecast, forecaster = s.forecaster.predict(memory.forecast, measured, at_s, outlook)
        asked_at = time.perf_counter()
        situation = Situation(
            at_s,
            elapsed_s,
            measured.values,
            held.in_force,
            held.writable,
            inlets=inlets(trends, at_s),
            frozen=descend(ladder_of(s.loaded.site, s.loaded.points), measured.values)[1],
            runs=starts.runs,
            withdrawn=frozenset(one.equipment for one in maintenance),
        )
        lending = Lending(s.loaded.points, limits, grants, footing, memory, situation)
        plan = await self.optimiser.plan(s.request(estimate, forecast, lending, s.forecaster.day(forecaster, measured, at_s, outlook)))
        plan_ms = 1000 * (time.perf_counter() - asked_at)
        usable = go_on(plan, memory.plan, at_s, s.loaded.site.optimiser.step_s)
        misses = missed(s.loaded, limits, memory.misses, memory.plan, memory.requested, measured)
        doubts = doubts_of(s.loaded, s.parameters, forecast, estimate, measured, held.in_force, misses)
        own_doubts = doubts | s.residual.doubts(usable, estimate) | ({Doubt.ENVELOPE_INTERVENED} if memory.narrowed else frozenset())
        share = residual_authority(s.residual.policy is not None, memory.authority_share, own_doubts, elapsed_s)
        corrected = s.residual.correct(usable, estimate, share)
        reset, reset_memory = s.reset(memory.reset, measured, held.in_force)
        refusals = refusals_of(memory, last_receipt)
        holds = memory.mode.mode is not Mode.RELEASE and bool(grants)
        seen = Seen(snapshot, measured, memory.requested, memory.at_s, last_receipt, holds, memory.mode.latched)
        watched = watch(s.loaded, limits, memory.watch, seen)
        disagree = contradicted(balance)
        distrusted = s.residual.policy is not None and share <= 0.0
        now = Circumstances(memory, measured, estimate, forecast, usable, orders, refusals, held, watched, maintenance, doubts, disagree, distrusted)
        conditions, settling = observe(s.loaded, limits, now)
        mode = next_mode(engage(memory.mode, at_s) if orders.engage else memory.mode, conditions, at_s, s.mode_rules)
        usual = choose(mode.mode, corrected, usable, rolled_back(orders, at_s) or reset)
        proposal = proposed(orders, mode.mode, stage, conditions, at_s) or usual
        planned = proposal.source in (Source.PLAN, Source.CORRECTED)
        written = lend(lending, mode.mode, proposal, plan_confidence(doubts) if planned else 1.0)
        narrowed = share > 0.0 and proposal.source is Source.CORRECTED and narrowed_alone(corrected, usable, lending.planned, limits)
        command = Command({point(setpoint, Role.REQUEST): value for setpoint, value in written.writes.items()}, hand_back=written.hand_back)
        after = CycleMemory(
            at_s=at_s,
            gate=gate,
            trends=trends,
            estimator=estimator,
            forecast=forecaster,
            reset=reset_memory,
            mode=mode,
            wear=written.wear,
            requested={} if written.hand_back else still_asked(mode.mode, {**memory.requested, **written.writes}),
            plan=plan if plan.solved else memory.plan,
            authority_share=share,
            refusals=refusals,
            bas_beat=measured.values.get(BEAT_SIGNAL, memory.bas_beat),
            cycles=memory.cycles + 1,
            watch=watched,
            rates=counted(memory.rates, written.writes, elapsed_s),
            settling=settling,
            starts=starts,
            maintenance=maintenance,
            balance=balance,
            misses=misses,
            footing=footing,
            narrowed=narrowed,
        )
        given = Given(stage, memory, limits, orders, last_receipt, snapshot, plan, outlook, grants)
        decision = Decision(
            measured=measured,
            estimate=estimate,
            forecast=forecast,
            corrected=corrected,
            reset=reset,
            conditions=conditions,
            proposal=proposal,
            verdict=written.verdict,
            would_write=written.would_write,
            command=command,
            memory=after,
            says=say(mode, proposal, written),
            clamps=written.clamps,
            reserves=reserves(limits, measured.values),
            doubts=own_doubts,
            accepted=written.accepted,
        )
        record = CycleRecord(given, decision)
        cycle = await self.journal.intend(self.run, record, record.digest)
        receipt = told(await self.plant.verify(command, await self.plant.write(command)), written.clamps)
        await self.journal.complete(cycle, receipt)
        return Done(cycle, record, receipt, plan_ms, 1000 * (time.perf_counter() - began))


def choose(mode: Mode, corrected: Proposal, usable: Proposal, reset: Proposal) -> Proposal:
    """Returns whose proposal this mode uses; HOLD and RELEASE ask for nothing, so that what is in force stays or is handed back."""
    if mode is Mode.OPTIMISE:
        return corrected
    if mode is Mode.PLAN_ONLY:
        return usable
    if mode is Mode.RESET:
        return reset
    source = Source.KEEP if mode is Mode.HOLD else Source.NONE
    return Proposal(source, reset.made_at_s, solved=True, setpoints={}, says="what is in force stays" if mode is Mode.HOLD else "the BAS is in charge")


def rolled_back(orders: Orders, at_s: float) -> Proposal | None:
    """Returns the last known good setpoints as a proposal, None where none were ordered; the envelope judges them as any other."""
    if not orders.setpoints:
        return None
    return Proposal(Source.KEEP, at_s, solved=True, setpoints=orders.setpoints, says="back to the last known good setpoints")


def told(receipt: Receipt, clamps: tuple[Clamp, ...]) -> Receipt:
    """Returns a receipt that also says what was written otherwise than permitted because of a register's own range."""
    return replace(receipt, says="; ".join(filter(None, (receipt.says, *(clamp.says for clamp in clamps))))) if clamps else receipt


def say(mode: ModeState, proposal: Proposal, written: Written) -> str:
    """Returns in one sentence who is in charge and why, what was proposed, what the envelope changed, and what came of it."""
    cause = f" ({ROW_OF[mode.cause].told})" if mode.cause else ""
    narrowed = "; ".join(f"{i.rule} held {i.signal} at {i.permitted:g}" for i in (written.accepted or written.verdict).interventions if i.permitted is not None)
    done = f"; {len(written.writes)} written" if written.writes else ""
    back = "; the plant goes back to the BAS, since less is lent than before" if written.hand_back and mode.mode is not Mode.RELEASE else ""
    return f"{mode.mode.name}{cause}: {proposal.says}{'; ' + narrowed if narrowed else ''}{done}{back}"
