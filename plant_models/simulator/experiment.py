"""Runs steps on a simulated site and keeps what its BAS showed, for identification: the stand-in for weeks of commissioning data."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from plant_models.reduced.excite import Excitation
from plant_models.reduced.observe import signals_used
from plant_models.simulator.site import SimulatedSite
from plant_models.site.topology import Site

Table = dict[str, NDArray[np.float64]]
_WARM_UP_S = 6 * 3600.0


def excite(site: Site, simulated: Sequence[SimulatedSite], excitation: Excitation, days: float, told: Callable[[str], None] = print) -> Table:
    """Returns what the BAS showed of each simulated site during ``days`` of steps, one row a cycle, the sites one after another.

    Columns are ``at_s`` [s] and signals in their own units, setpoints in force by their plain name; what was not read is NaN. The first six hours
    of each site are left out.
    """
    rows: list[dict[str, float]] = []
    for number, plant in enumerate(simulated, start=1):
        told(f"site {number} of {len(simulated)}")
        rows += _run(site, plant, excitation, days)
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def _run(site: Site, plant: SimulatedSite, excitation: Excitation, days: float) -> list[dict[str, float]]:
    names = sorted(signals_used(site) & plant.signals)
    setpoints = sorted(excitation.limits.setpoints)
    first_s = plant.now_s
    plant.write("daemon.owner_id", float(site.lease.owner_id))
    rows: list[dict[str, float]] = []
    beat = 0
    while plant.now_s < first_s + _WARM_UP_S + 86400.0 * days:
        row = {"at_s": plant.now_s} | {s: _number(plant.read(s)) for s in names} | {s: _number(plant.read(f"{s}.effective")) for s in setpoints}
        hottest = max((row[f"{h.name}.rack_inlet_max_c"] for h in site.hall), default=0.0)
        for setpoint, value in excitation.step(row, hottest, plant.now_s, site.timing.cycle_s).items():
            plant.write(f"{setpoint}.request", value)
        if plant.now_s >= first_s + _WARM_UP_S:
            rows.append(row)
        until_s = plant.now_s + site.timing.cycle_s
        while plant.now_s < until_s:
            beat = (beat + 1) % 65536
            plant.write("daemon.heartbeat", float(beat))
            plant.advance(min(plant.now_s + site.lease.heartbeat_period_s, until_s))
    return rows


def _number(value: float | None) -> float:
    return np.nan if value is None else value
