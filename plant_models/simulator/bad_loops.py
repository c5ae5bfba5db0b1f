"""Badly tuned local loops on request: gains that make a loop hunt, as one loop of many a deployed site does."""

from __future__ import annotations

from dataclasses import replace

from plant_models.simulator.plant_file import HallTruth, PlantTruth, WaterTruth
from plant_models.site.topology import Site


def detuned(truth: PlantTruth, site: Site) -> PlantTruth:
    """Returns the plant file's parameters with the loop that ``[bas] bad_loop`` names hunting, everywhere on the site.

    Nearly pure integrators: limit cycles of 3-8 min, found by trial on reference plant A.
    """
    if truth.bas.bad_loop == "tower_fan":
        water = {p.name: replace(truth.plant.get(p.name, WaterTruth()), fan_gain_per_k=0.03, fan_reset_s=1.0) for p in site.plant}
        return replace(truth, plant=water)
    if truth.bas.bad_loop == "crah_valve":
        halls = {h.name: replace(truth.hall.get(h.name, HallTruth()), valve_gain_per_k=0.1, valve_reset_s=12.0) for h in site.hall}
        return replace(truth, hall=halls)
    return truth
