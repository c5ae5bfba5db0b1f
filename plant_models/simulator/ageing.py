"""What wears and fails on a site, drawn from seeded ranges, so that one site is a thousand sites; what a site was built as stays."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from plant_models.components.aisle import CONTAINMENTS, ContainmentName
from plant_models.simulator.plant_file import ChillerTruth, EconomiserTruth, HallTruth, PlantTruth, SensorTruth, TowerTruth, WaterTruth
from plant_models.site.topology import Hall, Site


@dataclass(frozen=True, slots=True)
class Range:
    """Values between ``low`` and ``high``, all alike; ``chance`` is how often a piece of equipment has the trouble at all."""

    low: float
    high: float
    chance: float = 1.0

    def draw(self, random: np.random.Generator, healthy: float) -> float:
        """Returns a value, or the healthy one; takes two numbers from the generator either way."""
        met, value = random.random() < self.chance, random.uniform(self.low, self.high)
        return float(value) if met else healthy


RANGES: Final[Mapping[str, Range]] = {
    "chiller_age": Range(1.03, 1.15),  # fouling and age, power over the clean machine's: survey of fouled condensers, engineering range
    "chiller_capacity": Range(0.92, 1.0),  # engineering value
    "degraded_age": Range(1.08, 1.20, 0.1),  # on top, for a machine with lost charge or a fouled condenser (engineering value)
    "degraded_capacity": Range(0.75, 0.90, 0.1),
    "tower_fill": Range(0.85, 1.0),  # scaled or clogged fill (engineering value)
    "plates_factor": Range(0.75, 1.0),  # plate exchanger effectiveness 0.75 .. 0.80, approach 2.8 .. 2.2 K (Lei and Masanet 2022: 1.7 .. 2.8 K)
    "stray_share": Range(0.05, 0.30, 0.3),  # low delta-T, 0 .. 3 K lost: three-way valves left open (engineering value)
    "coil_factor": Range(0.8, 1.0),  # coil effectiveness 0.65 .. 0.9 (Lei and Masanet 2022)
    "valve_leak_share": Range(0.02, 0.10, 0.25),  # engineering value; new valves leak 0.1 %
    "crah_failed": Range(1.0, 1.0, 0.2),  # one unit does not run
    "row_load": Range(0.92, 1.08),  # engineering value
    "panels_missing": Range(0.05, 0.15, 0.1),  # more of them, of a row without blanking panels (engineering value)
    "years_since_calibration": Range(0.0, 3.0),  # engineering value
}
_USUAL_CONTAINMENT: Final[ContainmentName] = "hot_aisle"
_HEALTH: Final[Mapping[str, frozenset[str]]] = {
    "plant": frozenset({"stray_share"}),
    "chiller": frozenset({"age", "capacity_factor"}),
    "tower": frozenset({"fill_factor"}),
    "economiser": frozenset({"factor"}),
    "hall": frozenset(
        {"coil_factor", "valve_leak_share", "crah_share", "crah_failed", "containment", "leak_share", "row_flow", "row_load", "row_recirculation"}
    ),
}
"""Fields of the plant file that enter the equations as inputs (``Equations.health``) instead of as constants."""
_BESIDE_IT: Final = 1.10  # fans, losses and envelope on top of the IT load, as the BAS's first staging takes it
Change = Callable[[np.random.Generator, Any], Any]


def draw(site: Site, truth: PlantTruth, seed: int) -> PlantTruth:
    """Returns the site as some years and bad luck leave it: health drawn from ``RANGES`` and its containment, everything else as in ``truth``.

    Each piece of equipment draws from a generator of its own (seed and name), so that one more machine changes no other. ``seed`` >= 0.
    """

    def each(table: str, default: Any, change: Change) -> dict[str, Any]:
        given: Mapping[str, Any] = getattr(truth, table)
        names = [e.name for e in getattr(site, table)]
        return {n: change(np.random.default_rng((seed, zlib.crc32(n.encode()))), given.get(n, default)) for n in names}

    halls = {h.name: h for h in site.hall}
    worn = {name: _hall(np.random.default_rng((seed, zlib.crc32(name.encode()))), truth.hall.get(name, HallTruth()), h) for name, h in halls.items()}
    years = RANGES["years_since_calibration"].draw(np.random.default_rng((seed, zlib.crc32(b"sensors"))), 0.0)
    return replace(
        truth,
        plant=each("plant", WaterTruth(), lambda r, t: replace(t, stray_share=_drawn("stray_share", r))),
        chiller=each("chiller", ChillerTruth(), _chiller),
        tower=each("tower", TowerTruth(), lambda r, t: replace(t, fill_factor=_drawn("tower_fill", r))),
        economiser=each("economiser", EconomiserTruth(), lambda r, t: replace(t, factor=_drawn("plates_factor", r))),
        hall=worn,
        sensors=replace(truth.sensors, years_since_calibration=years),
    )


def _drawn(name: str, random: np.random.Generator, healthy: float = 0.0) -> float:
    return RANGES[name].draw(random, healthy)


def _chiller(random: np.random.Generator, truth: ChillerTruth) -> ChillerTruth:
    age = _drawn("chiller_age", random) * _drawn("degraded_age", random, 1.0)
    capacity = _drawn("chiller_capacity", random) * _drawn("degraded_capacity", random, 1.0)
    return replace(truth, age=age, capacity_factor=capacity)


def _hall(random: np.random.Generator, truth: HallTruth, hall: Hall) -> HallTruth:
    rows, containment = range(hall.row_count), CONTAINMENTS[truth.containment or _USUAL_CONTAINMENT]
    air, tight = Range(1.0 - containment.row_spread, 1.0 + containment.row_spread), Range(*containment.tight_share)
    row_flow = tuple(air.draw(random, 1.0) for _ in rows)
    failed = _drawn("crah_failed", random) > 0.0 and hall.crah_count > 1
    above_row = (int(random.integers(hall.row_count)) + 0.5) / hall.row_count
    return replace(
        truth,
        coil_factor=_drawn("coil_factor", random),
        valve_leak_share=_drawn("valve_leak_share", random),
        leak_share=Range(*containment.leak_share).draw(random, 0.0),
        crah_failed=(1 + int(above_row * hall.crah_count),) if failed else (),
        row_flow=row_flow,
        row_load=tuple(_drawn("row_load", random) for _ in rows),
        row_recirculation=tuple(tight.draw(random, 0.0) + _drawn("panels_missing", random) for _ in rows),
    )


def same_design(one: PlantTruth, other: PlantTruth) -> bool:
    """Returns whether two plant files differ in health and sensors only, so that their sites share one compiled step."""
    return _built(one) == _built(other)


def _built(truth: PlantTruth) -> PlantTruth:
    defaults = {"plant": WaterTruth(), "chiller": ChillerTruth(), "tower": TowerTruth(), "economiser": EconomiserTruth(), "hall": HallTruth()}
    tables: dict[str, Any] = {
        table: {name: new for name, t in getattr(truth, table).items() if (new := replace(t, **{f: getattr(default, f) for f in _HEALTH[table]})) != default}
        for table, default in defaults.items()
    }
    return replace(truth, **tables, sensors=SensorTruth())


@dataclass(frozen=True, slots=True)
class Capacity:
    """Whether a plant carries all its halls at full IT load: what its chillers have, and what is needed [kW]."""

    available_kw: float
    needed_kw: float

    @property
    def short_kw(self) -> float:
        """Returns by how much the chillers fall short [kW], 0 where they do not."""
        return max(self.needed_kw - self.available_kw, 0.0)


def capacities(site: Site, truth: PlantTruth) -> dict[str, Capacity]:
    """Returns what every plant's chillers have and need, by plant; needed is full IT load, 10 % beside it and any process load."""
    found = {}
    for plant in site.plant:
        machines = [c for c in site.chiller if c.plant == plant.name]
        it_kw = sum(h.it_capacity_kw for h in site.hall if h.plant == plant.name)
        process_kw = truth.plant.get(plant.name, WaterTruth()).process_heat_kw
        available = sum(c.capacity_kw * truth.chiller.get(c.name, ChillerTruth()).capacity_factor for c in machines)
        found[plant.name] = Capacity(available, _BESIDE_IT * it_kw + process_kw)
    return found
