"""The scoreboard: what would have been written beside what ran, and what the same model expects of both; sums by day and to date, and no judgement."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from controller.hold import holdings
from controller.record import CycleRecord
from plant_models.site.load import LoadedSite
from safety.graduation import Measure
from safety.modes import Stage

POWER: Final = "site.facility_power_kw"
NOT_THE_PLANS: Final = frozenset({"whitelist", "wear"})  # a setpoint in hand, or a register that must be spared, is no fault of a plan
BAND: Final = 1.96 * math.sqrt(2.0)  # 95 %, of two predictions whose errors are taken as unrelated: the wider guess
LATE_STEPS: Final = 1.5  # a plan that is older than this many steps expected nothing of now
ESTIMATE: Final = (
    "an estimate: what the model expects of a plan that was not followed, beside what it expects of the setpoints in force; the band is the 95 % of its "
    "error one step ahead"
)


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums over some cycles: hours by stage, cycles, of these with a plan, energy that is expected of plan and of what was in force [kWh], what was
    metered [kWh], errors of what was expected one step ahead, interventions on plans, and minutes above recommended that plans expected.
    """

    begin_s: float = 0.0
    end_s: float = 0.0
    hours: Mapping[str, float] = field(default_factory=dict)
    cycles: int = 0
    plans: int = 0
    compared_h: float = 0.0
    planned_kwh: float = 0.0
    held_kwh: float = 0.0
    planned_cooling_kwh: float = 0.0
    held_cooling_kwh: float = 0.0
    metered_kwh: float = 0.0
    power_errors: int = 0
    power_error_kw: float = 0.0
    power_error_kw2: float = 0.0
    metered_kw: float = 0.0
    temperature_errors: int = 0
    temperature_error_k: float = 0.0
    interventions: int = 0
    violation_min: float = 0.0

    def __add__(self, other: Sums) -> Sums:
        """Returns both together, in the order of time."""
        if not self.hours:
            return other
        hours = {name: self.hours.get(name, 0.0) + other.hours.get(name, 0.0) for name in self.hours.keys() | other.hours.keys()}
        added = {f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self) if f.name not in ("begin_s", "end_s", "hours")}
        return Sums(begin_s=self.begin_s, end_s=other.end_s, hours=hours, **added)

    @property
    def rmse_kw(self) -> float | None:
        """Returns the root mean square error of the facility's power one step ahead [kW]."""
        return math.sqrt(self.power_error_kw2 / self.power_errors) if self.power_errors else None

    def days_from(self, stage: Stage) -> float:
        """Returns for how many days the site was at this stage or a higher one."""
        return sum(hours for name, hours in self.hours.items() if Stage[name] >= stage) / 24.0

    def counted(self) -> dict[Measure, float]:
        """Returns what is known of the measures by which a stage is raised."""
        found = {Measure.MONITOR_DAYS: self.days_from(Stage.MONITOR), Measure.SHADOW_DAYS: self.days_from(Stage.SHADOW)}
        found[Measure.ADVISORY_DAYS] = self.days_from(Stage.ADVISORY)
        from_shadow_h = 24.0 * self.days_from(Stage.SHADOW)
        if self.cycles and from_shadow_h:
            found[Measure.PLANNED_PCT] = 100.0 * self.plans / self.cycles
            found[Measure.INTERVENTIONS_PER_H] = self.interventions / from_shadow_h
            found[Measure.PREDICTED_VIOLATION_MIN_PER_DAY] = self.violation_min / (from_shadow_h / 24.0)
        if self.temperature_errors:
            found[Measure.TEMPERATURE_ERROR_K] = self.temperature_error_k / self.temperature_errors
        if self.rmse_kw is not None and self.metered_kw > 0.0:
            found[Measure.POWER_ERROR_PCT] = 100.0 * self.rmse_kw / (self.metered_kw / self.power_errors)
        return found


def sums_of(loaded: LoadedSite, record: CycleRecord) -> Sums:
    """Returns the sums of one cycle."""
    given, decision = record.given, record.decision
    at_s = decision.measured.taken_at_s
    elapsed_s = min(max(at_s - given.memory.at_s, 0.0), 2.0 * loaded.site.timing.cycle_s)
    hours, plan, metered_kw = elapsed_s / 3600.0, given.plan, decision.measured.values.get(POWER)
    judged = given.stage >= Stage.SHADOW
    sums = Sums(at_s - elapsed_s, at_s, {given.stage.name: hours}, cycles=int(judged), metered_kwh=(metered_kw or 0.0) * hours)
    if judged:
        changed = sum(i.rule not in NOT_THE_PLANS for i in decision.verdict.interventions) if plan.solved else 0
        sums = replace(sums, plans=int(plan.solved), interventions=changed)
    if judged and plan.planned is not None and plan.held is not None:
        horizon_min = loaded.site.optimiser.horizon_steps * loaded.site.optimiser.step_s / 60.0
        sums = replace(
            sums,
            compared_h=hours,
            planned_kwh=plan.planned.facility_kw * hours,
            held_kwh=plan.held.facility_kw * hours,
            planned_cooling_kwh=plan.planned.cooling_kw * hours,
            held_cooling_kwh=plan.held.cooling_kw * hours,
            violation_min=60.0 * hours * min(plan.planned.above_min / horizon_min, 1.0),
        )
    return replace(sums, **_errors(loaded, record, metered_kw))


def _errors(loaded: LoadedSite, record: CycleRecord, metered_kw: float | None) -> dict[str, Any]:
    """Returns how far off the last cycle's expectation is now: of the plan where something was asked of the plant, else of what stayed in force."""
    before, measured = record.given.memory.plan, record.decision.measured
    expected = None if before is None else before.planned if record.given.memory.requested else before.held
    if before is None or expected is None or not 0.0 < measured.taken_at_s - before.made_at_s <= LATE_STEPS * loaded.site.optimiser.step_s:
        return {}
    off_k = [abs(value - measured.values[s]) for s, value in expected.next_c.items() if s in measured.values]
    errors: dict[str, Any] = {"temperature_errors": len(off_k), "temperature_error_k": sum(off_k)}
    if metered_kw is not None:
        off_kw = expected.next_kw - metered_kw
        errors |= {"power_errors": 1, "power_error_kw": off_kw, "power_error_kw2": off_kw * off_kw, "metered_kw": metered_kw}
    return errors


def day_of(loaded: LoadedSite, at_s: float) -> str:
    """Returns the site's own date at a plant time [s]."""
    return datetime.fromtimestamp(at_s, ZoneInfo(loaded.site.site.time_zone)).date().isoformat()


@dataclass
class Scoreboard:
    """Sums by day; the last one is still going on."""

    loaded: LoadedSite
    days: list[tuple[str, Sums]] = field(default_factory=list)
    last: CycleRecord | None = None

    def add(self, record: CycleRecord) -> tuple[str, Sums] | None:
        """Adds one cycle; returns the day that it ended, None while the day goes on."""
        day, ended = day_of(self.loaded, record.decision.measured.taken_at_s), None
        if self.days and self.days[-1][0] != day:
            ended = self.days[-1]
        if not self.days or ended:
            self.days.append((day, Sums()))
        self.days[-1] = (day, self.days[-1][1] + sums_of(self.loaded, record))
        self.last = record
        return ended

    def begin_anew(self) -> None:
        """Forgets what was counted, after a stage was lowered."""
        self.days.clear()

    @property
    def to_date(self) -> Sums:
        """Returns all days together."""
        total = Sums()
        for _, sums in self.days:
            total = total + sums
        return total

    def told(self) -> dict[str, Any]:
        """Returns the scoreboard as plain values: the last cycle, each day, and all together."""
        return {
            "says": ESTIMATE,
            "last": told_cycle(self.loaded, self.last, self.to_date.rmse_kw),
            "days": told_days(self.days),
            "to_date": told_sums(self.to_date),
        }


def told_days(days: Sequence[tuple[str, Sums]]) -> list[dict[str, Any]]:
    """Returns each day's sums as plain values, with its date."""
    return [{"day": day, **told_sums(sums)} for day, sums in days]


def told_sums(sums: Sums) -> dict[str, Any]:
    """Returns sums as plain values; what is not known is null."""
    rmse, hours = sums.rmse_kw, sums.compared_h
    saving_kw = (sums.held_kwh - sums.planned_kwh) / hours if hours else None
    return {
        "hours": dict(sums.hours),
        "cycles": sums.cycles,
        "plans": sums.plans,
        "predicted_mean_kw": {"plan": sums.planned_kwh / hours, "in_force": sums.held_kwh / hours} if hours else None,
        "predicted_cooling_mean_kw": {"plan": sums.planned_cooling_kwh / hours, "in_force": sums.held_cooling_kwh / hours} if hours else None,
        "predicted_saving_kw": saving_kw,
        "band_kw": BAND * rmse if rmse is not None else None,
        "predicted_saving_cooling_pct": 100.0 * (sums.held_kwh - sums.planned_kwh) / sums.held_cooling_kwh if sums.held_cooling_kwh else None,
        "metered_kwh": sums.metered_kwh,
        "model": {"rmse_kw": rmse, "bias_kw": sums.power_error_kw / sums.power_errors if sums.power_errors else None},
        "interventions": sums.interventions,
        "predicted_violation_min": sums.violation_min,
        "measures": {measure.value: value for measure, value in sums.counted().items()},
    }


def told_cycle(loaded: LoadedSite, record: CycleRecord | None, rmse_kw: float | None) -> dict[str, Any] | None:
    """Returns one cycle as plain values: what would have been written, what ran, and what the model expects of both over the horizon."""
    if record is None:
        return None
    plan, held = record.given.plan.planned, record.given.plan.held
    band = BAND * rmse_kw if rmse_kw is not None else None
    return {
        "at_s": record.decision.measured.taken_at_s,
        "would_write": dict(record.decision.would_write),
        "in_force": dict(holdings(loaded, record.decision.measured, record.given.memory.requested).in_force),
        "predicted_kw": {"plan": plan.facility_kw, "in_force": held.facility_kw, "band": band} if plan and held else None,
        "predicted_hottest_c": {"plan": dict(plan.hottest_c), "in_force": dict(held.hottest_c)} if plan and held else None,
        "predicted_violation_min": {"plan": plan.above_min, "in_force": held.above_min} if plan and held else None,
    }
