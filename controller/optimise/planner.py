"""The planner: how many chillers each plant runs over the next day, by the reduced model's rest states and dynamic programming; it asks, the BAS decides.

It runs after the tracker, and only where the site offers a stage. What it plans beyond the present quarter hour is a forecast: more machines are
asked for as soon as load may come, fewer only when the measured load lets them go.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from controller.optimise.planner_path import Path, cheapest
from controller.optimise.planner_rest import Rest
from controller.optimise.problem import beside, disturbances_ahead, soft_limits, weights_of
from controller.optimise.request import PlanRequest
from plant_models.reduced.model import layout_of
from plant_models.reduced.observe import disturbances_known, setpoints_known
from plant_models.reduced.parameters import ReducedParameters
from plant_models.site.topology import Plant, Site
from safety.limits import Limits
from safety.plant_rules import STAGE
from safety.records import DayPlan, Forecast, Proposal
from safety.ride_through import heat_kw

Array = NDArray[np.float64]
Counts = NDArray[np.int_]
STEP_S: Final = 900.0
STEPS: Final = 96
_COARSE: Final = 4  # rest states are found once an hour; between, power is interpolated
_LOAD_SHARE: Final = 0.88  # engineering value: of the machines' capacity that the upper quantile of the load may take
_LET_GO_SHARE: Final = 0.82  # engineering value: a machine is let go only when the rest carry the load with this share, so that none comes and goes
_START_KWH: Final = 40.0  # engineering value: what a start wears, and what it costs until it carries its share
_VALID_S: Final = 3600.0  # an older plan asks for nothing: the stage stays as it is in force
_FIRST_STEPS: Final = 2  # a machine starts within so many steps


class Planner:
    """Plans the stages of one site."""

    def __init__(self, site: Site, limits: Limits, parameters: ReducedParameters, time_limit_wall_s: float | None = None) -> None:
        """Takes the site, the envelope's limits and the model; ``time_limit_wall_s`` ends the search, with the best plan that there is."""
        self._site, self._limits, self._parameters = site, limits, parameters
        self._time_limit_wall_s = math.inf if time_limit_wall_s is None else time_limit_wall_s

    def complete(self, request: PlanRequest, proposal: Proposal) -> Proposal:
        """Returns the tracker's proposal with the stages of the day's plan, made anew once a quarter hour or when the load asks for more than planned."""
        offered = self._limits.setpoints.keys() & request.in_force.keys()
        plants = [p for p in self._site.plant if f"{p.name}.{STAGE}" in offered and self._sizes_kw(p, request)]
        if not proposal.solved or not plants or request.day_ahead is None:
            return proposal
        day, at_s = request.day, request.estimate.at_s
        if day is None or at_s - day.made_at_s >= STEP_S or any(self._needs_more(plant, request, day) for plant in plants):
            day = self._plan(plants, request, proposal, request.day_ahead)
        asked = {s: v for s in day.counts if s in request.writable and (v := day.count_at(s, at_s)) is not None and at_s - day.made_at_s < _VALID_S}
        steps = range(self._site.optimiser.horizon_steps)
        ahead = {s: tuple(float(day.count_at(s, at_s + k * self._site.optimiser.step_s) or v) for k in steps) for s, v in asked.items()}
        setpoints = {s: float(v) for s, v in asked.items()}
        return replace(proposal, setpoints={**proposal.setpoints, **setpoints}, ahead={**proposal.ahead, **ahead}, day=day, says=f"{proposal.says}; {day.says}")

    def _needs_more(self, plant: Plant, request: PlanRequest, day: DayPlan) -> bool:
        planned = day.count_at(f"{plant.name}.{STAGE}", request.estimate.at_s)
        return planned is None or planned < self._least(plant, request, (self._heat_kw(plant, request),))[0]

    def _plan(self, plants: Sequence[Plant], request: PlanRequest, proposal: Proposal, ahead: Forecast) -> DayPlan:
        began = time.perf_counter()
        counts, cost, gap, words = {}, 0.0, 0.0, []
        for plant in plants:
            path, says = self._course(plant, request, proposal, ahead, began)
            counts[f"{plant.name}.{STAGE}"] = path.counts
            cost, gap = cost + path.cost_kwh, gap + path.cost_kwh - path.bound_kwh
            words.append(says)
        return DayPlan(request.estimate.at_s, STEP_S, counts, cost, gap, "; ".join(words))

    def _course(self, plant: Plant, request: PlanRequest, proposal: Proposal, ahead: Forecast, began: float) -> tuple[Path, str]:
        """Returns the cheapest course of one plant's stage, first with the setpoints as they are, then where time allows with each stage's best."""
        name, states = f"{plant.name}.{STAGE}", request.estimate.states
        most = len(self._sizes_kw(plant, request))
        now = disturbances_known(self._site, self._parameters, request.measured, states)
        instants = [[self._instant(plant, request, now, ahead, k, n) for n in range(1, most + 1)] for k in range(0, STEPS, _COARSE)]
        known = setpoints_known(self._site, request.measured, request.in_force)
        setpoints = {s: proposal.ahead[s][-1] if s in proposal.ahead else known[s] for s in layout_of(self._site).setpoints}
        rest = Rest(self._site, self._parameters, self._limits, states, request.estimate.offsets)
        reach, held = request.reach.get(name), round(request.in_force[name])
        heats_kw = self._heats_kw(plant, request, ahead)
        least = np.maximum(self._least(plant, request, heats_kw), np.minimum(held, self._least(plant, request, heats_kw, _LET_GO_SHARE)))
        first = (held, held) if reach is None else (math.ceil(reach.low), math.floor(reach.high))
        weights = np.array(weights_of(self._site, ahead, STEPS))[:STEPS]
        found: Path | None = None
        cost = np.zeros((STEPS, most))
        for searched in (False, True):
            if found is not None and time.perf_counter() - began > self._time_limit_wall_s:
                break
            hourly = rest.power_kw(plant, setpoints, instants, searched=searched)
            cost = _quarter_hours(hourly) * weights[:, None] * STEP_S / 3600.0
            found = cheapest(cost, least, held, first, _START_KWH)
        assert found is not None
        return found, _say(name, found, cost, held, int(least[0]))

    def _instant(self, plant: Plant, request: PlanRequest, now: Mapping[str, float], ahead: Forecast, k: int, count: int) -> dict[str, float]:
        """Returns disturbances and soft limits ``k`` steps ahead with ``count`` machines, and the pumps and cells that run beside them."""
        at = disturbances_ahead(self._site, self._parameters, request, now, ahead, k)
        at |= soft_limits(self._site, self._parameters, self._limits, request.measured)
        return at | beside(self._site, plant, request, now, count)

    def _sizes_kw(self, plant: Plant, request: PlanRequest) -> list[float]:
        """Returns the capacities of the machines that can be counted on [kW], the smallest first."""
        return sorted(c.capacity_kw for c in self._site.chiller if c.plant == plant.name and c.name not in request.absent)

    def _heat_kw(self, plant: Plant, request: PlanRequest) -> float:
        """Returns the heat that the plant's machines have to carry now [kW], by its halls and by its water, the larger."""
        halls = (heat_kw(p, self._limits, request.measured) for p in self._limits.plants if p.name == plant.name)
        return max(request.estimate.loads_kw.get(f"{plant.name}.chiller_heat_kw", 0.0), *(kw or 0.0 for kw in halls))

    def _heats_kw(self, plant: Plant, request: PlanRequest, ahead: Forecast) -> tuple[float, ...]:
        """Returns the upper quantile of the heat ahead [kW], one a step; while a machine starts not less than now."""
        present = self._heat_kw(plant, request)
        loads = [f"{h.name}.it_load_kw" for h in self._site.hall if h.plant == plant.name and f"{h.name}.it_load_kw" in ahead.series]
        now = sum(request.measured.get(s, ahead.series[s].median[0]) for s in loads)
        if now <= 0.0:
            return (present,) * STEPS
        later = tuple(present * sum(ahead.series[s].high[k] for s in loads) / now for k in range(STEPS))
        soon = max(present, *later[: _FIRST_STEPS + 1])
        return (soon, *(max(h, present) if k < _FIRST_STEPS else h for k, h in enumerate(later[1:], start=1)))

    def _least(self, plant: Plant, request: PlanRequest, heats_kw: Sequence[float], share: float = _LOAD_SHARE) -> Counts:
        """Returns the fewest machines that carry each heat and the spare ones that the site wants."""
        sizes = self._sizes_kw(plant, request)
        carried = np.cumsum([share * s for s in sizes])
        needed = [int(np.searchsorted(carried, kw + plant.load_step_kw)) + 1 + plant.spare_chillers for kw in heats_kw]
        fewest: Counts = np.minimum(np.array(needed, dtype=int), len(sizes))
        return fewest


def _quarter_hours(hourly: Array) -> Array:
    """Returns power between the hours; a stage that cannot carry an hour's load cannot carry what lies beside it."""
    at = np.arange(STEPS)
    finite = np.where(np.isfinite(hourly), hourly, 1e9)
    return np.stack([np.interp(at, np.arange(0, STEPS, _COARSE), finite[:, i]) for i in range(hourly.shape[1])], axis=1)


def _say(name: str, path: Path, cost_kwh: Array, held: int, least: int) -> str:
    """Returns one clause on a course: the next change, and what the stages beside would draw more now."""
    change = next((k for k, n in enumerate(path.counts) if n != held), None)
    told = f"{name} stays {held} all day" if change is None else f"{name} {held} -> {path.counts[change]} in {change * STEP_S / 3600.0:.2g} h"
    n = path.counts[0]
    others = [m for m in (n - 1, n + 1) if least <= m <= cost_kwh.shape[1] and cost_kwh[0, m - 1] < 1e6]
    kw = [f"{m} would draw {(cost_kwh[0, m - 1] - cost_kwh[0, n - 1]) * 3600.0 / STEP_S:+.0f} kW" for m in others]
    return f"{told} ({', '.join([*kw, f'the load needs {least}'])})"
