"""Says why the last cycle did what it did: who was in charge, what held the plan, what the envelope changed, what was missing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from controller.encode import plain
from controller.record import CycleRecord
from safety.modes import ROW_OF
from safety.records import DayPlan
from safety.ride_through import RideThrough


def explanation(record: CycleRecord) -> dict[str, Any]:
    """Returns the reasons of one recorded cycle as plain values."""
    decision, plan = record.decision, record.given.plan
    state = decision.memory.mode
    row = ROW_OF[state.cause] if state.cause else None
    return {
        "at_s": decision.measured.taken_at_s,
        "says": decision.says,
        "mode": state.mode.name,
        "cause": row.told if row else None,
        "clears": row.clears if row else None,
        "conditions": plain(decision.conditions),
        "proposed_by": decision.proposal.source.value,
        "plan": {"solved": plan.solved, "says": plan.says, "iterations": plan.iterations, "binding": dict(plan.binding), "predicted": dict(plan.predicted)},
        "day": told_day(plan.day),
        "asked": dict(decision.proposal.setpoints),
        "guideline_36_would_ask": dict(decision.reset.setpoints),
        "permitted": dict(decision.verdict.permitted),
        "interventions": plain(decision.verdict.interventions),
        "clamps": [clamp.says for clamp in decision.clamps],
        "findings": plain(decision.memory.watch.standing),
        "lent": plain(record.given.grants),
        "written": dict(decision.command.writes),
        "would_write": dict(decision.would_write),
        "refused_readings": {fault.signal: fault.says for fault in decision.measured.faults},
        "reserves": told_reserves(decision.reserves),
        "doubts": plain(decision.doubts),
        "model_offsets": dict(decision.estimate.offsets),
    }


def told_day(day: DayPlan | None) -> dict[str, Any] | None:
    """Returns the day's plan of stages: when it was made, why, its cost and gap, and by setpoint each count with the hours after which it begins."""
    if day is None:
        return None
    changes = {s: [[k * day.step_s / 3600.0, n] for k, n in enumerate(counts) if k == 0 or n != counts[k - 1]] for s, counts in day.counts.items()}
    return {"made_at_s": day.made_at_s, "says": day.says, "cost_kwh": round(day.cost_kwh, 1), "gap_kwh": round(day.gap_kwh, 1), "counts": changes}


def told_reserves(reserves: Iterable[RideThrough]) -> dict[str, dict[str, Any]]:
    """Returns each plant's reserve in the units that operators use; None is unknown, or without end (no load)."""
    return {
        one.plant: {
            "stored_cold_min": _ended(one.seconds, 60.0),
            "floor_min": _ended(one.floor_s, 60.0),
            "load_step_kw": _ended(one.step_kw),
            "air_loss_s": {hall: _ended(seconds) for hall, seconds in one.air_loss_s.items()},
        }
        for one in reserves
    }


def _ended(value: float | None, unit: float = 1.0) -> float | None:
    return round(value / unit, 2) if value is not None and math.isfinite(value) else None


def as_text(told: Mapping[str, Any]) -> str:
    """Returns an explanation for people, one thing a line."""
    lines = [told["says"]]
    if told["cause"]:
        lines.append(f"cause: {told['cause']} It clears by: {told['clears']}.")
    for setpoint, asked in told["asked"].items():
        legacy, permitted = told["guideline_36_would_ask"].get(setpoint), told["permitted"].get(setpoint)
        line = f"  {setpoint:40s} asked {asked:8.2f}"
        line += f", permitted {permitted:8.2f}" if permitted is not None else ", not permitted    "
        lines.append(line + (f", Guideline 36 would ask {legacy:8.2f}" if legacy is not None else ""))
    lines += [f"  held by {limit} (multiplier {weight:.3g})" for limit, weight in told["plan"]["binding"].items()]
    lines += [f"  {line}" for line in _day_in_words(told.get("day"))]
    lines += [f"  envelope: {i['rule']} changed {i['signal']} from {i['asked']:g} to {i['permitted']}" for i in told["interventions"]]
    lines += [f"  {clamp}" for clamp in told["clamps"]]
    lines += [f"  {finding['sort'].replace('_', ' ')}: {finding['says']}" for finding in told["findings"]]
    lines += [f"  reserve of {plant}: {reserve_in_words(reserve)}" for plant, reserve in told["reserves"].items()]
    lines += [f"  not believed: {signal}: {says}" for signal, says in told["refused_readings"].items()]
    return "\n".join(lines)


def _day_in_words(day: Mapping[str, Any] | None) -> list[str]:
    """Returns a line for each plant's stage over the day, none without a plan."""
    if day is None:
        return []
    cost = f"{day['cost_kwh']:.0f} kWh, at most {day['gap_kwh']:.0f} above the best"
    return [
        f"day plan of {s}: {', then '.join(f'{n} after {hours:g} h' if hours else f'{n} now' for hours, n in told)} ({cost})"
        for s, told in day["counts"].items()
    ]


def reserve_in_words(reserve: Mapping[str, Any]) -> str:
    """Returns a plant's reserve as a clause; what is unknown is left out."""
    minutes, floor, step = reserve["stored_cold_min"], reserve["floor_min"], reserve["load_step_kw"]
    parts = [f"{minutes:.1f} min of stored cold" + (f" (floor {floor:.1f})" if floor is not None else "")] if minutes is not None else []
    parts += [f"a load step of {step:.0f} kW"] if step is not None else []
    parts += [f"{hall} too hot {seconds:.0f} s after its air stops" for hall, seconds in reserve["air_loss_s"].items() if seconds is not None]
    return ", ".join(parts) or "unknown"
