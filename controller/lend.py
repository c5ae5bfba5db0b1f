"""From a proposal to what is written of it: as far as setpoints are lent to the daemon, judged by the envelope, within registers' ranges, worth a write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from controller.clamp import Clamp, clamped
from controller.record import CycleMemory
from plant_models.site.points import Points
from safety.envelope import judge
from safety.grants import Footing, Grants, moved_freely, narrowed
from safety.limits import Limits
from safety.modes import Mode
from safety.plant_rules import STAGE
from safety.records import Proposal, Situation, Verdict
from safety.wear import WearLedger, choose_writes


@dataclass(frozen=True)
class Lending:
    """What is lent in this cycle, what was asked before, and what the BAS did by itself."""

    points: Points
    limits: Limits
    grants: Grants
    footing: Footing
    memory: CycleMemory
    situation: Situation
    """In which ``writable`` is what the BAS lets anybody move."""

    @property
    def planned(self) -> Situation:
        """Returns the situation of whoever plans: where something is lent, the rest stays as it is; else everything is planned, and nothing of it written."""
        ours = moved_freely(self.grants)
        return replace(self.situation, writable=self.situation.writable & ours) if ours else self.situation

    @property
    def lent(self) -> Situation:
        """Returns the situation in which only what is lent can be moved."""
        return replace(self.situation, writable=self.situation.writable & self.grants.keys())


@dataclass(frozen=True)
class Written:
    """What came of a proposal: ``verdict`` on what was planned, ``accepted`` on what persons accepted where only that is lent, what would be written of
    the plan by who may, what is written, and what that does to the registers.
    """

    verdict: Verdict
    accepted: Verdict | None
    would_write: Mapping[str, float]
    writes: Mapping[str, float]
    hand_back: bool
    clamps: tuple[Clamp, ...]
    wear: WearLedger


def lend(lending: Lending, mode: Mode, proposal: Proposal, confidence: float) -> Written:
    """Judges a proposal and chooses what to write of it.

    A setpoint that is no longer lent cannot be given back alone: its request would stay where it is. So the whole plant goes back to the BAS for a
    cycle, and what is still lent is taken again from what is in force then.
    """
    memory, limits, at_s = lending.memory, lending.limits, lending.situation.at_s
    asked = narrowed(proposal.setpoints, lending.grants, lending.footing) if mode < Mode.HOLD else {}
    planned = replace(lending.planned, confidence=confidence)
    free = bool(moved_freely(lending.grants))
    situation = replace(lending.lent, confidence=confidence) if free else planned
    verdict = judge(asked if free else proposal.setpoints, situation, limits)
    wanted, clamps = clamped(lending.points, in_charge(mode, verdict, situation, memory.requested), situation, limits)
    would_write, wear = choose_writes(wanted, memory.requested, memory.wear, limits, at_s)
    accepted, writes = None, would_write if free else {}
    if lending.grants and not free:
        accepted = judge(asked, lending.lent, limits)
        wanted, clamps = clamped(lending.points, in_charge(mode, accepted, lending.lent, memory.requested), lending.lent, limits)
        writes, wear = choose_writes(wanted, memory.requested, memory.wear, limits, at_s)
    hand_back = mode is Mode.RELEASE or bool(memory.requested.keys() - lending.grants.keys())
    writes = {} if hand_back else writes
    return Written(verdict, accepted, would_write, writes, hand_back, clamps, wear if writes else memory.wear)


def in_charge(mode: Mode, verdict: Verdict, situation: Situation, requested: Mapping[str, float]) -> Mapping[str, float]:
    """Returns the setpoints to be in force after this cycle.

    When authority over a setpoint is taken, it is asked for at least as it is in force: a request left in the BAS from an earlier spell must never
    come alive with the heartbeat.
    """
    untouched = {setpoint: situation.in_force[setpoint] for setpoint in sorted(situation.writable - requested.keys())}
    return still_asked(mode, {**untouched, **verdict.permitted})


def still_asked(mode: Mode, setpoints: Mapping[str, float]) -> dict[str, float]:
    """Returns what of some setpoints is asked for in a mode: nothing on RELEASE, and no stage on RESET, since the BAS then stages by itself."""
    if mode is Mode.RELEASE:
        return {}
    return {s: v for s, v in setpoints.items() if mode is not Mode.RESET or not s.endswith(f".{STAGE}")}
