"""What the daemon counts of its own cycles for the triggers of a rollback, and the last setpoints known to be good; pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from controller.cycle import Done
from controller.hold import holdings
from plant_models.site.load import LoadedSite
from safety.grants import moved_freely
from safety.limits import Limits
from safety.modes import Mode
from safety.records import Source
from safety.rollback import Trigger
from safety.trends import hottest_inlet_c

WINDOW_S: Final = 86400.0
RECENT_S: Final = 6 * 3600.0
PLANNED: Final = (Mode.OPTIMISE, Mode.PLAN_ONLY)
NOT_THE_PLANS: Final = frozenset({"whitelist", "wear"})  # a setpoint in hand, or a register that must be spared, is no fault of a plan


@dataclass(frozen=True, slots=True)
class Counted:
    """One cycle under the plan: plant time and time since the cycle before [s], whether a hall was above recommended, interventions, and the mean
    error of the temperatures that were expected for it [K].
    """

    at_s: float
    elapsed_s: float
    violated: bool
    interventions: int
    error_k: float | None


@dataclass
class Trust:
    """The last day's cycles under the plan."""

    loaded: LoadedSite
    limits: Limits
    cycles: deque[Counted] = field(default_factory=deque)
    good: Mapping[str, float] = field(default_factory=dict)
    """What was in force in the last cycle under the plan in which nothing was the matter."""
    expected: Mapping[str, float] = field(default_factory=dict)
    good_for_s: float = 0.0

    def add(self, done: Done) -> None:
        """Adds one cycle; those in which the plan was not in charge count for nothing."""
        given, decision = done.record.given, done.record.decision
        at_s, elapsed_s = decision.measured.taken_at_s, decision.measured.taken_at_s - given.memory.at_s
        planned = decision.proposal.source is not Source.EXPERIMENT and given.memory.mode.mode in PLANNED and decision.memory.mode.mode in PLANNED
        planned = planned and bool(moved_freely(given.grants))
        errors = [abs(value - decision.measured.values[s]) for s, value in self.expected.items() if s.endswith("_c") and s in decision.measured.values]
        self.expected = decision.proposal.predicted if planned else {}
        while self.cycles and at_s - self.cycles[0].at_s > WINDOW_S:
            self.cycles.popleft()
        if not planned:
            return
        hottest = [(hall.inlet_recommended_c, hottest_inlet_c(hall, decision.measured.values)) for hall in self.limits.halls]
        violated = any(inlet_c is not None and inlet_c > limit_c for limit_c, inlet_c in hottest)
        changed = sum(i.rule not in NOT_THE_PLANS for i in decision.verdict.interventions)
        self.cycles.append(Counted(at_s, elapsed_s, violated, changed, sum(errors) / len(errors) if errors else None))
        self.good_for_s += elapsed_s
        if not violated and not changed and not decision.conditions:
            self.good = holdings(self.loaded, decision.measured, given.memory.requested).in_force

    def counted(self) -> tuple[dict[Trigger, float], float]:
        """Returns what was counted, by trigger, and over how many hours under the plan."""
        if not self.cycles:
            return {}, 0.0
        recent = [c for c in self.cycles if self.cycles[-1].at_s - c.at_s < RECENT_S]
        recent_h = sum(c.elapsed_s for c in recent) / 3600.0
        errors = [c.error_k for c in self.cycles if c.error_k is not None]
        found = {
            Trigger.VIOLATION_MIN: sum(c.elapsed_s for c in recent if c.violated) / 60.0,
            Trigger.INTERVENTIONS_PER_H: sum(c.interventions for c in recent) / max(recent_h, 1e-9),
        }
        if errors:
            found[Trigger.PREDICTION_ERROR_K] = sum(errors) / len(errors)
        return found, sum(c.elapsed_s for c in self.cycles) / 3600.0

    def begin_anew(self) -> None:
        """Forgets what was counted, after a rollback."""
        self.cycles.clear()
        self.good_for_s = 0.0
