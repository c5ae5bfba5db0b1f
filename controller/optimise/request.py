"""What passes between the daemon and the optimiser's process: a request holds all that a plan depends on beside the site and its model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from safety.records import DayPlan, Estimate, Forecast, Proposal, Reach


@dataclass(frozen=True)
class PlanRequest:
    """One request for a plan; the same request gives the same plan.

    ``in_force`` are the effective setpoints, ``writable`` those that are ours to move now, ``measured`` the accepted measurements, ``last``
    the last plan's setpoints ahead (only where the search starts; may be empty), ``elapsed_s`` plant time since the last verdict [s], over
    which rates count, ``iterations_limit`` of the solver, ``reach`` what the envelope lets through (empty: rates and ranges alone), ``absent`` the
    machines that cannot be counted on, ``day`` the last plan of what runs, ``day_ahead`` the forecast for the next one in quarter hours.
    """

    estimate: Estimate
    forecast: Forecast
    in_force: Mapping[str, float]
    writable: tuple[str, ...]
    measured: Mapping[str, float]
    elapsed_s: float
    iterations_limit: int
    last: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    reach: Mapping[str, Reach] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    day: DayPlan | None = None
    day_ahead: Forecast | None = None


@dataclass(frozen=True)
class Ready:
    """The process's first line: whether it can plan, and if not, why."""

    ready: bool
    says: str = ""


@dataclass(frozen=True)
class Answer:
    """The process's answer to its n-th request, counted from 1."""

    number: int
    proposal: Proposal
