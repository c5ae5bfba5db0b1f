"""When steps for identification may be made and what they ask for next: pure judgements on one recorded cycle; nothing here moves the plant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from controller.hold import Holdings
from controller.record import CycleRecord, Orders
from plant_models.reduced.excite import careful, towards
from plant_models.reduced.prbs import StepPlan
from safety.envelope import RATE
from safety.limits import Limits, PlantLimits
from safety.modes import WITHOUT_MODEL, Condition, Mode, Stage, experiment_refused
from safety.ownership import callable_now
from safety.records import Proposal, Source
from safety.ride_through import heat_kw, reserves
from safety.trends import hottest_inlet_c

BEGIN_MARGIN_K: Final = 1.5  # engineering values: a step of supply air is 1 K to either side, and inlets follow late
END_MARGIN_K: Final = 0.5
BACK_MOST_S: Final = 3600.0  # until what was in force before is in force again; then whoever is in charge goes on anyway
NEAR: Final = 0.1  # of a setpoint's own unit: it is back
_IN_CHARGE: Final = (Mode.OPTIMISE, Mode.PLAN_ONLY, Mode.RESET)


@dataclass(frozen=True)
class Excitation:
    """Steps that are being made: the plan, who consented and why, what was in force before, and why they ended early ("" while they have not)."""

    plan: StepPlan
    who: str
    reason: str
    began_s: float
    before: Mapping[str, float]
    back_since_s: float | None = None
    """Since when the setpoints are on their way back, None while steps are made [s]."""
    ended: str = ""


def proposed(orders: Orders, mode: Mode, stage: Stage, conditions: frozenset[Condition], at_s: float) -> Proposal | None:
    """Returns the next step of an excitation as a proposal, to be judged as any other; None where none was ordered or may go on in this cycle."""
    if not orders.steps or mode not in _IN_CHARGE or experiment_refused(stage, conditions, WITHOUT_MODEL):
        return None
    return Proposal(Source.EXPERIMENT, at_s, solved=True, setpoints=orders.steps, says="steps for identification")


def refused(stage: Stage, record: CycleRecord, held: Holdings, plan: StepPlan) -> str:
    """Says by the last cycle, and by what is in force and ours to move now, why steps may not begin, "" where they may."""
    decision, limits = record.decision, record.given.limits
    if decision.memory.mode.mode not in _IN_CHARGE:
        return f"the daemon is not in charge: mode {decision.memory.mode.mode.name}"
    absent = sorted(set(plan.steps) - held.writable)
    return "; ".join(
        filter(
            None,
            (
                experiment_refused(stage, decision.conditions, WITHOUT_MODEL),
                f"not ours to move now: {', '.join(absent)}" if absent else "",
                *(no_spare(p, record) for p in limits.plants),
                *near_limit(limits, decision.measured.values, BEGIN_MARGIN_K),
            ),
        )
    )


def why_end(stage: Stage, record: CycleRecord, held: Holdings, plan: StepPlan) -> str:
    """Says after a cycle why steps have to end, "" where they may go on: a condition, a limit, a reserve, or another hand on a setpoint."""
    decision, limits = record.decision, record.given.limits
    touched = [i for i in decision.verdict.interventions if i.signal in plan.steps and i.rule != RATE]
    found = [f.says for f in decision.memory.watch.standing if f.setpoint in plan.steps]
    absent = sorted(set(plan.steps) - held.writable)
    return "; ".join(
        filter(
            None,
            (
                experiment_refused(stage, decision.conditions, WITHOUT_MODEL),
                f"no longer ours to move: {', '.join(absent)}" if absent else "",
                *found,
                *(f"the envelope's rule {i.rule} held {i.signal}" for i in touched),
                *(no_spare(p, record) for p in limits.plants),
                *near_limit(limits, decision.measured.values, END_MARGIN_K),
            ),
        )
    )


def may_move(stage: Stage, record: CycleRecord) -> bool:
    """Returns whether setpoints may be moved for an excitation at all after a cycle, be it only back to what was before."""
    decision = record.decision
    return decision.memory.mode.mode in _IN_CHARGE and not experiment_refused(stage, decision.conditions, WITHOUT_MODEL)


def no_spare(plant: PlantLimits, record: CycleRecord) -> str:
    """Says what spare a plant lacks for steps, "" where it has it.

    Without its largest machine it has to carry its heat, and stored cold has to last for the site's floor; what is not known is not there.
    """
    limits, measured = record.given.limits, record.decision.measured.values
    withdrawn = {one.equipment for one in record.decision.memory.maintenance}
    ours = [c.capacity_kw or 0.0 for c in limits.chillers if c.plant == plant.name and callable_now(c.name, measured, withdrawn)]
    load_kw = heat_kw(plant, limits, measured)
    if ours and (load_kw is None or sum(ours) - max(ours) < load_kw):
        load = "an unknown load" if load_kw is None else f"{load_kw:.0f} kW"
        return f"{plant.name} has no spare machine: {sum(ours) - max(ours):.0f} kW without the largest, for {load}"
    reserve = next(r for r in reserves(limits, measured) if r.plant == plant.name)
    if reserve.floor_s is not None and (reserve.seconds is None or reserve.seconds < reserve.floor_s):
        left = "an unknown time" if reserve.seconds is None else f"{reserve.seconds:.0f} s"
        return f"stored cold of {plant.name} lasts {left}; the site's floor is {reserve.floor_s:.0f} s"
    return ""


def near_limit(limits: Limits, measured: Mapping[str, float], margin_k: float) -> list[str]:
    """Returns the halls whose hottest inlet is unknown or closer than a margin [K] to the recommended limit, a line each."""
    found = []
    for hall in limits.halls:
        inlet_c = hottest_inlet_c(hall, measured)
        if inlet_c is None or inlet_c > hall.inlet_recommended_c - margin_k:
            hot = "unknown" if inlet_c is None else f"{inlet_c:.1f} degC"
            found.append(f"hottest inlet of {hall.name} is {hot}; at most {hall.inlet_recommended_c - margin_k:.1f} degC for steps")
    return found


def course(now: Excitation, limits: Limits, in_force: Mapping[str, float], at_s: float, cycle_s: float) -> dict[str, float]:
    """Returns what to ask for in the next cycle, each setpoint on its way at its rate: the plan's level around what was before, or that again."""
    asked = {}
    for setpoint, before in now.before.items():
        limit = careful(setpoint, limits.setpoints[setpoint])
        most = max(abs(offset) for offset in now.plan.steps[setpoint])
        low, high = min(limit.low + most, limit.high), max(limit.high - most, limit.low)
        centre = min(max(before, low), high) if low <= high else 0.5 * (limit.low + limit.high)
        going = now.back_since_s is None
        target = centre + now.plan.offset(setpoint, at_s + cycle_s - now.began_s) if going else before
        asked[setpoint] = towards(in_force.get(setpoint, before), target, limit, cycle_s)
    return asked
