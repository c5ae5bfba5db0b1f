"""Goes on with the last good plan for a short while when a new one is late or failed."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from safety.records import Proposal

VALID_STEPS: Final = 2  # engineering value: a plan is followed this many of its steps beyond its first, then Guideline 36 takes over


def go_on(plan: Proposal, last_good: Proposal | None, at_s: float, step_s: float) -> Proposal:
    """Returns the new plan where it solved, else the step of the last good one that is due now while it is valid, else the unsolved plan."""
    if plan.solved or last_good is None:
        return plan
    step = round((at_s - last_good.made_at_s) / step_s)
    if not 0 < step <= VALID_STEPS or any(len(ahead) <= step for ahead in last_good.ahead.values()) or not last_good.ahead:
        return plan
    due = {setpoint: ahead[step] for setpoint, ahead in last_good.ahead.items()}
    return replace(last_good, setpoints=due, says=f"step {step} of the plan of {step * step_s / 60:.0f} min ago goes on: {plan.says}")
