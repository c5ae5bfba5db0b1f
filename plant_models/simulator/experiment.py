"""Runs steps on a simulated site and keeps what its BAS showed, for identification: the stand-in for weeks of commissioning data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from plant_models.reduced.excite import Excitation, towards
from plant_models.reduced.observe import signals_used
from plant_models.reset import ResetMemory, reset
from plant_models.simulator.plant_file import load_plant_file
from plant_models.simulator.site import SimulatedSite
from plant_models.site.limits import limits_of
from plant_models.site.load import LoadedSite
from plant_models.site.topology import Site
from plant_models.sources.load import GeneratedLoad, LoadShape
from plant_models.sources.weather import NOMINAL_YEAR, Weather, start_of
from safety.limits import Limits

Table = dict[str, NDArray[np.float64]]
Row = dict[str, float]
Instead = Callable[[Row, Mapping[str, float], float], Mapping[str, float]]
STRETCHES: Final = ((1, 10, 0.55), (4, 5, 0.70), (5, 20, 0.60), (7, 8, 0.75), (8, 20, 0.85), (10, 3, 0.65), (11, 15, 0.50))
"""Month, day and mean utilisation of the stretches that stand in for commissioning: all seasons, half to nearly full load."""
_WARM_UP_S = 6 * 3600.0
_SENSORS_SEED = 0  # a site keeps its sensors from season to season


def commission(loaded: LoadedSite, plant_file: Path, weather: Weather, days: float = 2.5, told: Callable[[str], None] = print) -> Table:
    """Returns what a simulated site showed during ``STRETCHES`` of steps, each with a load and steps of its own seed, 1 and on; sensors are of seed 0."""
    site, limits, tables = loaded.site, limits_of(loaded.site, loaded.points), []
    truth = load_plant_file(plant_file, site)
    for seed, (month, day, mean) in enumerate(STRETCHES, start=1):
        load = GeneratedLoad(len(site.hall), seed, weather.utc_offset_h, LoadShape(mean=mean))
        start_s = start_of(date(NOMINAL_YEAR, month, day), weather)
        plant = SimulatedSite(site, loaded.points, truth, weather, load, _SENSORS_SEED, start_s)
        told(f"{month}-{day}, seed {seed}")
        tables.append(excite(site, plant, Excitation(limits, seed), days))
    return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}


def excite(site: Site, plant: SimulatedSite, excitation: Excitation, days: float) -> Table:
    """Returns what the BAS of a simulated site showed during ``days`` of steps, one row a cycle, as ``record`` says; six hours come before."""

    def stepped(row: Row, at_s: float) -> Mapping[str, float]:
        hottest = max((row[f"{h.name}.rack_inlet_max_c"] for h in site.hall), default=0.0)
        return excitation.step(row, hottest, at_s, site.timing.cycle_s)

    return record(site, plant, excitation.limits, stepped, days)


def operate(site: Site, plant: SimulatedSite, limits: Limits, days: float, instead: Instead = lambda _row, asked, _at_s: asked) -> Table:
    """Returns what the BAS of a simulated site showed during ``days`` of ordinary operation under Guideline 36 resets, as ``record`` says.

    ``instead`` may ask for something else than the resets do, by row and plant time [s].
    """
    memory = ResetMemory()

    def resets(row: Row, at_s: float) -> Mapping[str, float]:
        nonlocal memory
        read = {s: v for s in plant.signals if (v := plant.read(s)) is not None}
        asked, memory = reset(site, memory, read, at_s)
        usual = {s: towards(row[s], v, limits.setpoints[s], site.timing.cycle_s) for s, v in asked.items() if s in limits.setpoints}
        return instead(row, usual, at_s)

    return record(site, plant, limits, resets, days)


def record(site: Site, plant: SimulatedSite, limits: Limits, asked: Callable[[Row, float], Mapping[str, float]], days: float) -> Table:
    """Returns what the BAS of a simulated site showed while setpoints were ``asked`` of it each cycle, by row and plant time; six hours are left out first.

    Columns are ``at_s`` [s] and signals in their own units, setpoints in force by their plain name; what was not read is NaN.
    """
    names = sorted(signals_used(site) & plant.signals)
    setpoints = sorted(limits.setpoints)
    first_s = plant.now_s
    plant.write("daemon.owner_id", float(site.lease.owner_id))
    rows: list[Row] = []
    beat = 0
    while plant.now_s < first_s + _WARM_UP_S + 86400.0 * days:
        row = {"at_s": plant.now_s} | {s: _number(plant.read(s)) for s in names} | {s: _number(plant.read(f"{s}.effective")) for s in setpoints}
        for setpoint, value in asked(row, plant.now_s).items():
            plant.write(f"{setpoint}.request", value)
        if plant.now_s >= first_s + _WARM_UP_S:
            rows.append(row)
        until_s = plant.now_s + site.timing.cycle_s
        while plant.now_s < until_s:
            beat = (beat + 1) % 65536
            plant.write("daemon.heartbeat", float(beat))
            plant.advance(min(plant.now_s + site.lease.heartbeat_period_s, until_s))
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def _number(value: float | None) -> float:
    return np.nan if value is None else value
