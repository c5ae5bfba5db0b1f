"""The conditions of a simulated day: weather, IT load, prices, seed and start, as the command line states them, and the site that runs under them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from plant_models.simulator.ageing import draw
from plant_models.simulator.bas import Manner
from plant_models.simulator.plant_file import PlantTruth, load_plant_file
from plant_models.simulator.site import SimulatedSite
from plant_models.site.load import LoadedSite
from plant_models.sources.load import SHAPES, GeneratedLoad, Load, open_load
from plant_models.sources.tariff import Tariff, tariff_of
from plant_models.sources.weather import Weather, day_of, open_weather, start_of

HOUR_S = 3600.0
DAY_S = 86400.0
DAYS_MOST = 3660.0


@dataclass(frozen=True)
class Conditions:
    """What a run is run under; ``start`` is a day as 2025-07-15 or 07-15, ``load`` a file or None for the generated one.

    ``price`` and ``carbon`` are files of hourly values, None for what the site states. ``seed`` draws load and sensors,
    ``ageing_seed`` what is worn and broken, None for the site as its plant file states it; ``shape`` is that of the generated load.
    """

    weather: str = "greensboro"
    load: Path | None = None
    seed: int = 0
    start: str = "07-15"
    days: float = 1.0
    price: Path | None = None
    carbon: Path | None = None
    ageing_seed: int | None = None
    shape: str = "service"
    warm_up_h: int = 6  # under the BAS alone; not counted in any score

    def problems(self) -> list[str]:
        """Returns what is out of range, one line each: name, value, what is allowed."""
        seeds = {"seed": self.seed, "ageing-seed": self.ageing_seed or 0}
        found = [f"{name} {value}: must be 0 or more" for name, value in seeds.items() if value < 0]
        return found if 0.0 < self.days <= DAYS_MOST else [*found, f"days {self.days:g}: must be above 0 and at most {DAYS_MOST:g}"]


@dataclass(frozen=True)
class Prepared:
    """A site at the start of its run, warmed up under its own BAS; plant times are in seconds since 1970."""

    loaded: LoadedSite
    site: SimulatedSite = field(repr=False)
    start_s: float
    until_s: float
    tariff: Tariff


def simulate(loaded: LoadedSite, conditions: Conditions, told: Callable[[int], None] = lambda _hour: None, manner: Manner | None = None) -> Prepared:
    """Builds the simulated site and lets its own BAS run it through the warm-up in its manner; ``told`` hears of each hour that is done.

    Raises SourceError, SiteErrors or ValueError with what is wrong with weather, load, prices, start or ``plant.toml``.
    """
    weather, load, start_s = inputs(loaded, conditions)
    tariff = tariff_of(loaded.site, conditions.price, conditions.carbon)
    truth = truth_of(loaded, conditions)
    site = SimulatedSite(loaded.site, loaded.points, truth, weather, load, conditions.seed, start_s - conditions.warm_up_h * HOUR_S, manner=manner)
    for hour in range(1, conditions.warm_up_h + 1):
        site.advance(start_s - (conditions.warm_up_h - hour) * HOUR_S)
        told(hour)
    return Prepared(loaded, site, start_s, start_s + conditions.days * DAY_S, tariff)


def truth_of(loaded: LoadedSite, conditions: Conditions) -> PlantTruth:
    """Returns the site's true parameters, worn as ``ageing_seed`` says. Raises PlantFileError with every problem of ``plant.toml``."""
    truth = load_plant_file(loaded.site.directory / "plant.toml", loaded.site)
    return truth if conditions.ageing_seed is None else draw(loaded.site, truth, conditions.ageing_seed)


def inputs(loaded: LoadedSite, conditions: Conditions) -> tuple[Weather, Load, float]:
    """Opens weather and IT load and returns them with the start in plant time [s].

    Raises SourceError or ValueError with what is wrong.
    """
    problems = conditions.problems()
    if problems:
        raise ValueError("\n".join(problems))
    weather = open_weather(conditions.weather)
    start_s = start_of(day_of(conditions.start), weather)
    halls = [(hall.name, hall.it_capacity_kw) for hall in loaded.site.hall]
    if conditions.load is None:
        return weather, GeneratedLoad(len(halls), conditions.seed, weather.utc_offset_h, SHAPES[conditions.shape]), start_s
    return weather, open_load(conditions.load, halls, weather.utc_offset_h), start_s
