"""Turns a request into the numbers of one optimal control problem: start, disturbances ahead, bounds and soft limits, on the tracker's grid."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from controller.forecast import CARBON, PRICE
from controller.optimise.request import PlanRequest
from plant_models.reduced.liquid_side import it_base_kw, liquid_halls
from plant_models.reduced.observe import design_dp_kpa, disturbances_known, setpoints_known
from plant_models.reduced.parameters import PlantParameters, ReducedParameters
from plant_models.reduced.weather import DRYBULB, WETBULB
from plant_models.site.topology import Plant, Site
from safety.limits import HallLimits, Limits, SetpointLimits
from safety.plant_rules import STAGE
from safety.records import Forecast, Reach

WEIGHT = "weight"
_NO_LIMIT_K = -1000.0
_MODE_HOLDS_S = 3600.0  # engineering value: how long what runs now says something of what will
_FREE_MISSES_K = 0.5  # half of Guideline 36-2021 5.20.4.15's 1 K, at which the BAS starts a chiller
_WEIGHT_MIN = 0.05  # engineering value: at a price below nothing, energy is still not wasted
_TCS_MARGIN_K = 0.5  # engineering value: the swing of the units' own loops
_CELLS_A_PUMP = 2.0  # tower makers: fills wet evenly down to half of their flow
_STAGE_DOWN_SHARE = 0.9  # engineering value: a stage is dropped at this share of the load at which it was added


@dataclass(frozen=True, slots=True)
class Problem:
    """One optimal control problem over n steps; the series have n + 1 entries, bounds n."""

    states: Mapping[str, float]
    in_force: Mapping[str, float]
    offsets: Mapping[str, float]
    ahead: tuple[Mapping[str, float], ...]
    """Disturbances, soft limits and the weight of energy, by name, at each instant of the grid."""
    lower: Mapping[str, tuple[float, ...]]
    upper: Mapping[str, tuple[float, ...]]
    start: Mapping[str, tuple[float, ...]]
    """Setpoints that the search starts from, within the bounds."""


def soft_limit_names(site: Site) -> tuple[str, ...]:
    """Returns the names of a site's soft limits, those of halls first."""
    halls = [f"{h.name}.{limit}" for h in site.hall for limit in ("inlet_high_c", "supply_low_c")]
    liquid = [f"{h.name}.{limit}" for h in liquid_halls(site) for limit in ("tcs_high_c", "tcs_low_c")]
    return (*halls, *liquid, *(f"{p.name}.{limit}" for p in site.plant for limit in ("lift_low_k", "free_high_k")))


def problem_of(site: Site, parameters: ReducedParameters, limits: Limits, request: PlanRequest) -> Problem:
    """Returns the problem that a request poses; its estimate must be valid."""
    steps = site.optimiser.horizon_steps
    states = request.estimate.states
    in_force = setpoints_known(site, request.measured, request.in_force)
    now = disturbances_known(site, parameters, request.measured, states)
    soft = soft_limits(site, parameters, limits, request.measured)
    weights = weights_of(site, request.forecast, steps)
    ahead = tuple(disturbances_ahead(site, parameters, request, now, request.forecast, k) | soft | {WEIGHT: weights[k]} for k in range(steps + 1))
    movable = frozenset(request.writable) & frozenset(limits.setpoints)
    bounds = {s: _bounds(v, limits.setpoints[s] if s in movable else None, request, request.reach.get(s), site, limits) for s, v in in_force.items()}
    lower = {s: b[0] for s, b in bounds.items()}
    upper = {s: b[1] for s, b in bounds.items()}
    start = {s: _start(request.last.get(s, ()), v, lower[s], upper[s]) for s, v in in_force.items()}
    return Problem(states, in_force, request.estimate.offsets, ahead, lower, upper, start)


def _bounds(
    value: float, limit: SetpointLimits | None, request: PlanRequest, reach: Reach | None, site: Site, limits: Limits
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Returns the lowest and highest value a setpoint can reach at each step; one that is not ours to move stays where it is.

    The first step may go where the envelope lets it now, later ones from there at their rates, within what lasts of it.
    """
    steps = site.optimiser.horizon_steps
    if limit is None:
        return (value,) * steps, (value,) * steps
    if reach is None:
        minutes = min(request.elapsed_s, limits.elapsed_max_s) / 60.0
        reach = Reach(value - _moved(limit.lower_per_min, minutes), value + _moved(limit.raise_per_min, minutes), limit.low, limit.high)
    lower, upper = [], []
    for k in range(steps):
        later = k * site.optimiser.step_s / 60.0
        lowest = reach.low - (_moved(limit.lower_per_min, later) if k else 0.0)
        highest = reach.high + (_moved(limit.raise_per_min, later) if k else 0.0)
        # An operator may have left the range: the plan comes back as fast as the rate allows, and is feasible meanwhile.
        lower.append(min(max(reach.low_later, lowest), highest))
        upper.append(max(min(reach.high_later, highest), lowest))
    return tuple(lower), tuple(upper)


def _moved(rate: float | None, minutes: float) -> float:
    """Returns how far a setpoint may move in some time; without a rate, anywhere."""
    return math.inf if rate is None else rate * minutes


def _start(last: tuple[float, ...], value: float, lower: tuple[float, ...], upper: tuple[float, ...]) -> tuple[float, ...]:
    """Returns the last plan one step on, its end held, within the bounds; what is in force where there is no last plan."""
    usual = [last[min(k + 1, len(last) - 1)] if last else value for k in range(len(lower))]
    return tuple(min(max(v, low), high) for v, low, high in zip(usual, lower, upper, strict=True))


def soft_limits(site: Site, parameters: ReducedParameters, limits: Limits, measured: Mapping[str, float]) -> dict[str, float]:
    """Returns the soft limits: the hottest inlet less margin or spread, the wider; supply air over the dew point; lift of running chillers."""
    soft: dict[str, float] = {}
    halls = {h.name: h for h in limits.halls}
    for hall in site.hall:
        h = halls.get(hall.name, HallLimits(hall.name, hall.plant))
        spread = parameters.halls[hall.name].inlet_spread_k
        soft[f"{hall.name}.inlet_high_c"] = h.inlet_recommended_c - max(site.optimiser.inlet_margin_k, spread)
        dewpoint = measured.get(f"{hall.name}.room_dewpoint_c")
        soft[f"{hall.name}.supply_low_c"] = _NO_LIMIT_K if dewpoint is None else dewpoint + h.dewpoint_margin_k
    soft |= _liquid_limits(site, limits, measured)
    for plant in site.plant:
        lifts = [c.lift_min_k for c in limits.chillers if c.plant == plant.name]
        soft[f"{plant.name}.lift_low_k"] = max(lifts, default=_NO_LIMIT_K)
        soft[f"{plant.name}.free_high_k"] = _FREE_MISSES_K
    return soft


def _liquid_limits(site: Site, limits: Limits, measured: Mapping[str, float]) -> dict[str, float]:
    """Returns the soft limits of technology water: its class less a margin, and the dew point of the dampest hall with one."""
    dewpoints = [measured[s] for h in site.hall if (s := f"{h.name}.room_dewpoint_c") in measured]
    low = max(dewpoints, default=_NO_LIMIT_K) + limits.tcs_dewpoint_margin_k + _TCS_MARGIN_K
    halls = [(h.name, h.liquid) for h in site.hall if h.liquid]
    return {s: v for name, liquid in halls for s, v in ((f"{name}.tcs_high_c", liquid.tcs_max_c - _TCS_MARGIN_K), (f"{name}.tcs_low_c", low))}


def weights_of(site: Site, forecast: Forecast, steps: int) -> list[float]:
    """Returns what energy costs at each instant over its mean cost: 1 throughout where the tariff is flat, and never a reward for using more."""
    nothing = (0.0,) * (steps + 1)
    prices = forecast.series[PRICE].median if PRICE in forecast.series else nothing
    carbon = forecast.series[CARBON].median if CARBON in forecast.series else nothing
    costs = [_at(prices, k) + _at(carbon, k) * site.money.carbon_price_per_kg for k in range(steps + 1)]
    mean = sum(costs) / len(costs)
    return [max(c / mean, _WEIGHT_MIN) for c in costs] if mean > 0.0 else [1.0] * len(costs)


def _at(series: tuple[float, ...], k: int) -> float:
    return series[min(k, len(series) - 1)]


def disturbances_ahead(
    site: Site, parameters: ReducedParameters, request: PlanRequest, now: Mapping[str, float], forecast: Forecast, k: int
) -> dict[str, float]:
    """Returns the disturbances at step k of a forecast: loads and weather, machines as planned or as the BAS will probably run them."""
    ahead = dict(now)
    series, states = forecast.series, request.estimate.states
    ahead |= {s: _at(series[s].median, k) for s in (WETBULB, DRYBULB) if s in series and s in ahead}
    for hall in site.hall:
        load = series.get(f"{hall.name}.it_load_kw")
        if load is not None:
            dp_kpa = request.measured.get(f"{hall.name}.tcs_dp_kpa", design_dp_kpa(site, hall.name))
            ahead[f"{hall.name}.it_base_kw"] = float(it_base_kw(hall, parameters, _at(load.median, k), states, dp_kpa))
    for plant in site.plant:
        ahead[f"{plant.name}.mode_known"] = math.exp(-k * forecast.step_s / _MODE_HOLDS_S)
        planned = request.day.count_at(f"{plant.name}.{STAGE}", forecast.made_at_s + k * forecast.step_s) if request.day and k else None
        if planned is not None and f"{plant.name}.{STAGE}" in request.writable:
            ahead |= beside(site, plant, request, now, planned)
            continue
        _stage(site, plant, parameters.plants[plant.name], request, now, ahead)
    return ahead


def _stage(site: Site, plant: Plant, p: PlantParameters, request: PlanRequest, now: Mapping[str, float], ahead: dict[str, float]) -> None:
    """Sets how many chillers, cells and pumps the BAS will run for the load ahead; in free cooling, how many it would without."""
    chillers, cells, pumps = (f"{plant.name}.{m}_running" for m in ("chillers", "cells", "cw_pumps"))
    most = sum(1 for c in site.chiller if c.plant == plant.name and c.name not in request.absent)
    if most == 0:
        return
    halls = [f"{h.name}.it_base_kw" for h in site.hall if h.plant == plant.name]
    load_now, load_ahead = sum(now[h] for h in halls), sum(ahead[h] for h in halls)
    growth = load_ahead / load_now if load_now > 0.0 else 1.0
    full_kw = p.stage_up_load_share * max(p.chiller_capacity_kw, 1.0)
    if now[chillers] < 1.0:
        heat = load_ahead or now[f"{plant.name}.other_heat_kw"]
        ahead[chillers] = ahead[pumps] = float(min(max(math.ceil(heat / full_kw), 1), most))
        return
    heat = request.estimate.loads_kw.get(f"{plant.name}.chiller_heat_kw", load_now)
    more = _stages(heat * growth / full_kw, now[chillers]) - _stages(heat / full_kw, now[chillers])
    for machines, count in ((chillers, most), (cells, _cells(site, plant, request)), (pumps, _pumps(site, plant, "cw"))):
        ahead[machines] = min(max(now[machines] + more, min(now[machines], 1.0)), max(float(count), now[machines]))


def beside(site: Site, plant: Plant, request: PlanRequest, now: Mapping[str, float], count: int) -> dict[str, float]:
    """Returns the machines that run with ``count`` chillers: a condenser pump more for each more, and cells as long as their water wets them."""
    chillers, cells, pumps = (f"{plant.name}.{m}_running" for m in ("chillers", "cells", "cw_pumps"))
    spare = max(now[pumps] - now[chillers], 0.0) if now[chillers] > 0.0 else 0.0
    wet = max(min(now[cells], _CELLS_A_PUMP * count), float(count)) if now[chillers] > 0.0 else _CELLS_A_PUMP * count
    most = {cells: _cells(site, plant, request), pumps: _pumps(site, plant, "cw")}
    return {chillers: float(count), pumps: min(count + spare, float(most[pumps])), cells: min(wet, float(most[cells]))}


def _stages(load: float, running: float) -> int:
    """Returns how many machines a load of so many stages keeps running."""
    return max(math.ceil(load), min(int(running), math.ceil(load / _STAGE_DOWN_SHARE)))


def _cells(site: Site, plant: Plant, request: PlanRequest) -> int:
    return sum(1 for t in site.tower if t.plant == plant.name and t.name not in request.absent)


def _pumps(site: Site, plant: Plant, serves: str) -> int:
    return sum(p.count for p in site.pump if p.plant == plant.name and p.serves == serves)
