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

from plant_models.simulator.conditions import HOUR_S, Conditions, inputs, simulate
from plant_models.simulator.equations import Equations
from plant_models.simulator.plant import Plant
from plant_models.simulator.plant_file import load_plant_file
from plant_models.site.load import LoadedSite, load_site

SITE_A: Final = Path(__file__).parents[2] / "config" / "reference-a"
_HOURS: Final = 6
_STEPS: Final = 200
_ROUNDS: Final = 5


def measure(say: Callable[[str], None]) -> dict[str, Any]:
    """Returns the section ``simulator`` of bench.json, measured on one core."""
    with _one_core():
        loaded = load_site(SITE_A, {})
        say("simulator: site A warming up, then six hours on one core")
        site = simulate(loaded, Conditions()).site
        took_s = []
        for _ in range(_HOURS):
            began = time.perf_counter()
            site.advance(site.now_s + HOUR_S)
            took_s.append(time.perf_counter() - began)
        say("simulator: the same second of the same equations, compiled and in plain NumPy")
        return {
            "times_real_time_site_a": round(HOUR_S / statistics.median(took_s)),
            "ratio_vs_plain_numpy": round(_numpy_ratio(loaded), 1),
        }


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
