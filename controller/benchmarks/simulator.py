"""The simulator's benchmark: how many seconds of the reference site one core simulates in a second, and the same equations in plain NumPy."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np

from plant_models.simulator.ageing import draw
from plant_models.simulator.batch import Batch
from plant_models.simulator.conditions import HOUR_S, Conditions, inputs, simulate, truth_of
from plant_models.simulator.equations import Equations
from plant_models.simulator.machines import SCAN_S
from plant_models.simulator.plant import Plant
from plant_models.simulator.plant_file import load_plant_file
from plant_models.simulator.site import Made, SimulatedSite
from plant_models.site.load import LoadedSite, load_site
from plant_models.sources.load import GeneratedLoad

SITE_A: Final = Path(__file__).parents[2] / "config" / "reference-a"
_HOURS: Final = 6
_STEPS: Final = 200
_ROUNDS: Final = 5
_MEMBERS: Final = 1024
_SCANS: Final = 12


def measure(say: Callable[[str], None]) -> dict[str, Any]:
    """Returns the section ``simulator`` of bench.json, measured on one core."""
    with _one_core():
        loaded = load_site(SITE_A, {})
        say("simulator: site A warming up, then six hours on one core")
        site = simulate(loaded, Conditions()).site
        took_s = []
        for _ in range(_HOURS):
            began = time.process_time()
            site.advance(site.now_s + HOUR_S)
            took_s.append(time.process_time() - began)
        say(f"simulator: {_MEMBERS} worn sites of the same design in one batch")
        batched = _batched(loaded)
        say("simulator: the same second of the same equations, compiled and in plain NumPy")
        return {
            "times_real_time_site_a": round(HOUR_S / statistics.median(took_s)),
            "batched_site_seconds_per_core_second": round(batched),
            "ratio_vs_plain_numpy": round(_numpy_ratio(loaded), 1),
        }


def _batched(loaded: LoadedSite) -> float:
    """Returns how many seconds of site A a second of one core's time simulates in a batch, BAS, sensors, weather and load included."""
    conditions = Conditions()
    weather, _, start_s = inputs(loaded, conditions)
    truth = truth_of(loaded, conditions)

    def build(number: int, machines: Made) -> SimulatedSite:
        worn, load = draw(loaded.site, truth, number), GeneratedLoad(len(loaded.site.hall), number, weather.utc_offset_h)
        return SimulatedSite(loaded.site, loaded.points, worn, weather, load, number, start_s, machines)

    batch = Batch(loaded.site, truth, _MEMBERS, build)
    batch.advance()
    rates = []
    for _ in range(_ROUNDS):
        began = time.process_time()
        batch.advance(_SCANS)
        rates.append(_MEMBERS * _SCANS * SCAN_S / (time.process_time() - began))
    return statistics.median(rates)


def _numpy_ratio(loaded: LoadedSite) -> float:
    """Returns how many times longer a second of the machines takes in NumPy than compiled; both must give the same state.

    Raises ArithmeticError where they do not.
    """
    weather, load, start_s = inputs(loaded, Conditions())
    truth = load_plant_file(loaded.site.directory / "plant.toml", loaded.site)
    plant = Plant(loaded.site, truth, weather.at(start_s), load.at(start_s))
    equations = Equations(loaded.site, truth)
    ratios = []
    for _ in range(_ROUNDS):
        state, compiled = plant.state.copy(), plant.state.copy()
        began = time.perf_counter()
        for _ in range(_STEPS):
            state = np.asarray(equations.step(state, plant.inputs, symbolic=False)[0])
        plain_s = time.perf_counter() - began
        plant.state[:] = compiled
        began = time.perf_counter()
        for _ in range(_STEPS):
            plant._second()  # the compiled second alone, without weather and commands, as the plain one is
            plant.state[:] = plant._after
        ratios.append(plain_s / (time.perf_counter() - began))
        if not np.allclose(state, plant.state, rtol=1e-6, atol=1e-6):
            raise ArithmeticError("NumPy and compiled equations have parted")
    return statistics.median(ratios)


@contextmanager
def _one_core() -> Iterator[None]:
    """Keeps this process to one core, where the system can."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
