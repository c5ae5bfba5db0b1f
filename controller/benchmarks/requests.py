"""Requests for plans to measure the optimiser on: those of a recorded day, states that no plant was ever in, and a site as large as any."""

from __future__ import annotations

import asyncio
import logging
import math
import random
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TypeVar

from controller.backtest import Task, run_policy
from controller.estimate import Estimator
from controller.forecast import Forecaster
from controller.journal import JournalReader
from controller.log import configure
from controller.optimise.request import PlanRequest
from controller.replay import differing, stages_of_header
from plant_models.reduced.observe import signals_used
from plant_models.reduced.parameters import ReducedParameters
from plant_models.simulator.conditions import Conditions
from plant_models.site.limits import limits_of
from plant_models.site.load import LoadedSite
from plant_models.site.topology import Site
from safety.limits import Limits
from safety.records import Measurements, Proposal, Source

T = TypeVar("T")
_AT_S: Final = 1.75e9
_CYCLE_S: Final = 300.0


@dataclass
class _Overheard:
    """Stands where the optimiser stood, and keeps what it is asked."""

    requests: list[PlanRequest] = field(default_factory=list)

    async def plan(self, request: PlanRequest) -> Proposal:
        """Keeps the request."""
        self.requests.append(request)
        return Proposal(source=Source.PLAN, made_at_s=request.estimate.at_s, solved=False, setpoints={})


def of_a_day(config: Path, hours: float, told: Callable[[float], None] = lambda _share: None) -> list[PlanRequest]:
    """Returns the warm requests of policy ``mpc`` on 15 July, each with the plan before it."""
    configure("auto", logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="coldaisle-bench-") as directory:
        journal = Path(directory) / "mpc.sqlite"
        run_policy(Task(config, Conditions(days=hours / 24.0), "mpc", journal), told, {})
        reader, overheard = JournalReader(journal), _Overheard()
        try:
            stages = {run: stages_of_header(header) for run, header in reader.headers().items()}
            for entry in reader.entries():
                asyncio.run(differing(entry, stages[entry.run], overheard))
        finally:
            reader.close()
    return overheard.requests


# By quantity: a usual value and how far from it a draw usually lies; every third draw lies ten times as far.
_USUAL: Final[Mapping[str, tuple[float, float]]] = {
    "oa_wetbulb_c": (15.0, 10.0),
    "chws_temp_c": (12.0, 5.0),
    "chwr_temp_c": (19.0, 5.0),
    "cws_temp_c": (22.0, 6.0),
    "cwr_temp_c": (27.0, 6.0),
    "crah_supply_temp_c": (21.0, 4.0),
    "rack_inlet_max_c": (24.0, 4.0),
    "rack_inlet_c": (23.0, 4.0),
    "crah_return_temp_c": (31.0, 5.0),
    "room_dewpoint_c": (9.0, 5.0),
    "tcs_supply_temp_c": (35.0, 6.0),
    "fws_temp_c": (30.0, 6.0),
    "crah_fan_pct": (70.0, 25.0),
    "fan_pct": (60.0, 30.0),
    "machine_state": (1.5, 1.5),
    "economiser_state": (1.0, 1.0),
    "running_count": (2.0, 2.0),
}
_FAR: Final = 10.0
_MISSING: Final = 0.1  # share of measurements that are not there


def far_out(loaded: LoadedSite, parameters: ReducedParameters, number: int, seed: int) -> PlanRequest:
    """Returns a request from measurements drawn by seed and number: far outside all limits, some missing, some stuck since a cycle ago.

    The estimator makes of them what it makes of any, most often with a usual cycle before; setpoints in force and what is ours to move are drawn too.
    """
    draw = random.Random(f"{seed}-{number}")
    site, limits = loaded.site, limits_of(loaded.site, loaded.points)
    usual = {name: _drawn(name, site, draw, 0.0) for name in sorted(signals_used(site))}
    stuck = frozenset(name for name in usual if draw.random() < _MISSING)
    values = {name: usual[name] if name in stuck else _drawn(name, site, draw, _FAR if draw.random() < 1 / 3 else 1.0) for name in usual}
    gone = frozenset(name for name in values if draw.random() < _MISSING * draw.random())
    in_force = {name: draw.uniform(r.low - 0.2 * (r.high - r.low), r.high + 0.2 * (r.high - r.low)) for name, r in site.setpoint.items()}
    ours = tuple(name for name in sorted(limits.setpoints) if draw.random() > _MISSING)
    now = {s: v for s, v in values.items() if s not in gone}
    return _request(site, limits, parameters, [now] if draw.random() < _MISSING else [usual, now], in_force, ours)


def _drawn(signal: str, site: Site, draw: random.Random, spread: float) -> float:
    quantity = signal.partition(".")[2]
    centre, width = _USUAL.get(quantity, (math.nan, math.nan))
    if quantity == "it_load_kw":
        capacity = next(h.it_capacity_kw for h in site.hall if signal.startswith(f"{h.name}."))
        centre, width = 0.6 * capacity, 0.4 * capacity
    elif math.isnan(centre):
        centre, width = 60.0, 60.0
    value = centre + spread * width * draw.gauss(0.0, 1.0)
    return float(max(round(value), 0)) if quantity.endswith(("_state", "_count")) else value


def _request(
    site: Site,
    limits: Limits,
    parameters: ReducedParameters,
    readings: list[dict[str, float]],
    in_force: Mapping[str, float],
    ours: tuple[str, ...],
) -> PlanRequest:
    """Returns the request after readings one cycle apart."""
    estimator, forecaster = Estimator(site, parameters), Forecaster(site)
    memory, learnt = estimator.start(), forecaster.start()
    for k, values in enumerate(readings):
        measured = Measurements(_AT_S + k * _CYCLE_S, values)
        estimate, memory = estimator.update(memory, measured, in_force)
        forecast, learnt = forecaster.predict(learnt, measured, measured.taken_at_s)
    return PlanRequest(estimate, forecast, dict(in_force), ours, readings[-1], _CYCLE_S, site.timing.solver_iterations)


def large(loaded: LoadedSite, chillers: int = 16, cells: int = 16, halls: int = 20) -> tuple[Site, Limits]:
    """Returns a site made of copies of a loaded one's first chiller, cell and hall on its first plant, as large as those counts, with its limits."""
    site, limits = loaded.site, limits_of(loaded.site, loaded.points)
    hall, growth = site.hall[0], chillers / len(site.chiller)
    names = [f"hall-{k:02d}" for k in range(halls)]
    capacity = growth * sum(h.it_capacity_kw for h in site.hall) / halls
    scale = capacity / hall.it_capacity_kw
    plant = replace(site.plant[0], chw_flow_kgs=growth * site.plant[0].chw_flow_kgs, loop_volume_m3=growth * site.plant[0].loop_volume_m3)
    grown = replace(
        site,
        plant=(plant,),
        chiller=tuple(replace(site.chiller[0], name=f"ch-{k:02d}") for k in range(chillers)),
        tower=tuple(replace(site.tower[0], name=f"ct-{k:02d}") for k in range(cells)),
        pump=tuple(replace(p, count=chillers) for p in site.pump),
        hall=tuple(replace(hall, name=n, it_capacity_kw=capacity, crah_air_flow_kgs=scale * hall.crah_air_flow_kgs) for n in names),
        setpoint=_each(site.setpoint, hall.name, names),
    )
    halls_limits = tuple(replace(limits.halls[0], name=n, rows=()) for n in names)
    chillers_limits = tuple(replace(limits.chillers[0], name=c.name) for c in grown.chiller)
    return grown, replace(limits, setpoints=_each(limits.setpoints, hall.name, names), halls=halls_limits, chillers=chillers_limits)


def _each(of_one: Mapping[str, T], hall: str, names: list[str]) -> dict[str, T]:
    """Returns setpoints with those of one hall repeated for each."""
    plants = {s: v for s, v in of_one.items() if not s.startswith(f"{hall}.")}
    return plants | {f"{n}{s.removeprefix(hall)}": v for n in names for s, v in of_one.items() if s.startswith(f"{hall}.")}


def usual(site: Site, limits: Limits, parameters: ReducedParameters, seed: int) -> PlanRequest:
    """Returns an ordinary request, drawn by seed a little off the usual values."""
    draw = random.Random(seed)
    values = {s: _drawn(s, site, draw, 0.2) for s in sorted(signals_used(site)) if not s.endswith(("_state", "_count", "power_kw"))}
    in_force = {s: r.own for s, r in site.setpoint.items()}
    return _request(site, limits, parameters, [values], in_force, tuple(sorted(limits.setpoints)))
