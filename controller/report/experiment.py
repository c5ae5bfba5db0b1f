"""Reads a switchback experiment out of a journal: its design, whose hours were whose, and what they used; it decides nothing about what follows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np

from controller.report.effect import Effect, Hours, effect
from controller.report.metrics import cooling_kw, quantity_sum
from controller.report.panels import zone_of
from controller.report.read import History, Moment
from controller.rollout.experiments import ENDED, design_of
from controller.rollout.switchback import Arm, Design, arms, blocks_complete, seal

_COVERED: Final = 0.8  # evidence 3: each arm covers 80 % of the range of temperature


@dataclass(frozen=True, slots=True)
class Outcome:
    """An experiment's result: the effect on cooling and on the whole facility [% of the legacy arm's cooling], or why there is none yet."""

    design: Design
    sealed: bool
    days: Mapping[str, int]
    blocks: int
    cooling: Effect | None
    headline: Effect | None
    covered: Mapping[str, float]
    fallback_minutes: float
    excluded: Mapping[str, int]
    says: str

    @property
    def enough(self) -> bool:
        """Returns whether each arm saw enough of the range of wet bulb for the experiment to be stopped."""
        return bool(self.covered) and min(self.covered.values()) >= _COVERED


def found_in(history: History) -> Outcome | None:
    """Returns the outcome of the last experiment that ended in a journal, None where there is none."""
    ended = next((e for e in reversed(history.events) if e.what in ENDED), None)
    if ended is None:
        return None
    told = json.loads(ended.value)
    design = design_of(told)
    begun: dict[str, Any] = next((json.loads(e.value) for e in reversed(history.events) if e.what == "switchback_begun" and e.at_s < ended.at_s), {})
    return evaluate(history, design, begun.get("seal") == seal(design) == told.get("seal"))


def evaluate(history: History, design: Design, sealed: bool) -> Outcome:
    """Estimates the effect from whole blocks only, so that each weekday counts on both arms equally often."""
    rows, excluded, fallback_minutes = _rows(history, design)
    done = blocks_complete(design, int(max((row["day"] for row in rows), default=-1)) + 1)
    kept = [row for row in rows if row["day"] < done * design.block_days]
    hours = _hours(kept)
    result = {headline: effect(hours, max(done, 1), design.blocks_most, headline) if done and hours else None for headline in (False, True)}
    days = {arm.value: len({row["day"] for row in kept if row["controller"] == (arm is Arm.CONTROLLER)}) for arm in Arm}
    return Outcome(
        design, sealed, days, done, result[False], result[True], _covered(kept), fallback_minutes, excluded, _says(done, result[True], _covered(kept))
    )


def hours_recorded(history: History) -> Hours | None:
    """Returns every metered hour of a journal, none of them the controller's: what a site looks like before an experiment."""
    rows, _, _ = _rows(history, None)
    return _hours(rows)


def _rows(history: History, design: Design | None) -> tuple[list[dict[str, Any]], dict[str, int], float]:
    """Returns mean hours with their arm, what was left out and why [hours], and minutes of the controller's arm under another's control."""
    zone = zone_of(history)
    schedule = arms(design) if design else ()
    first = design.first_day if design else datetime.fromtimestamp(history.moments[0].at_s, zone).date()
    buckets: dict[tuple[int, int], list[Moment]] = {}
    fallback_cycles = 0
    for moment in history.moments:
        at = datetime.fromtimestamp(moment.at_s, zone)
        day = (at.date() - first).days
        if design is None or 0 <= day < len(schedule):
            buckets.setdefault((day, at.hour), []).append(moment)
            fallback_cycles += bool(design) and schedule[day] is Arm.CONTROLLER and moment.mode == "RELEASE"
    excluded = {"carry-over": 0, "not metered": 0}
    rows = []
    for (day, hour), moments in sorted(buckets.items()):
        if design and day and schedule[day] is not schedule[day - 1] and hour < design.carry_over_h:
            excluded["carry-over"] += 1
            continue
        row = _mean(moments)
        if row is None:
            excluded["not metered"] += 1
            continue
        rows.append({"day": float(day), "hour": float(hour), "controller": bool(design) and schedule[day] is Arm.CONTROLLER, **row})
    return rows, excluded, fallback_cycles * history.cycle_s / 60.0


def _mean(moments: Sequence[Moment]) -> dict[str, float] | None:
    """Returns an hour's mean powers and wet bulb; None where fewer than half of its cycles know them all."""
    known = []
    for moment in moments:
        m = moment.measured
        cooling, metered_kw = cooling_kw(m), quantity_sum(m, "it_load_kw")
        if cooling is not None and metered_kw is not None and "weather.oa_wetbulb_c" in m:
            facility = m.get("site.facility_power_kw", cooling + metered_kw)
            it_kw = metered_kw if moment.it_base_kw is None else moment.it_base_kw
            known.append((cooling, facility, it_kw, m["weather.oa_wetbulb_c"]))
    if 2 * len(known) < len(moments):
        return None
    return dict(zip(("cooling_kw", "facility_kw", "it_kw", "wetbulb_c"), np.mean(known, axis=0).tolist(), strict=True))


def _hours(rows: Sequence[Mapping[str, Any]]) -> Hours | None:
    names = ("day", "hour", "controller", "cooling_kw", "facility_kw", "it_kw", "wetbulb_c")
    return Hours(*(np.array([float(row[name]) for row in rows]) for name in names)) if rows else None


def _covered(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Returns the share of the whole range of wet bulb that each arm has seen."""
    wet = [row["wetbulb_c"] for row in rows]
    whole = max(wet, default=0.0) - min(wet, default=0.0)
    seen = {arm.value: [row["wetbulb_c"] for row in rows if row["controller"] == (arm is Arm.CONTROLLER)] for arm in Arm}
    return {arm: (max(values) - min(values)) / whole for arm, values in seen.items() if values and whole > 0.0}


def _says(blocks: int, headline: Effect | None, covered: Mapping[str, float]) -> str:
    if not blocks:
        return "no block is complete yet: nothing may be said of the saving"
    if headline is None:
        return "too few days are metered for an estimate"
    if not headline.decided:
        return "no difference was found: the interval contains no saving at all"
    word = "saves" if headline.saving_pct > 0 else "uses more:"
    narrow = "; but one arm saw too little of the range of wet bulb" if min(covered.values(), default=0.0) < _COVERED else ""
    return f"the controller {word} {abs(headline.saving_pct):.1f} % of cooling energy ({headline.low_pct:.1f} to {headline.high_pct:.1f} %){narrow}"
