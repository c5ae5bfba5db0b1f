"""One episode on one simulated site: what is observed, how an action is asked for, what it costs. It does not let time pass."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from plant_models.simulator.ageing import draw
from plant_models.simulator.conditions import DAY_S, HOUR_S
from plant_models.simulator.machines import SCAN_S
from plant_models.simulator.plant import Plant
from plant_models.simulator.plant_file import PlantTruth, load_plant_file
from plant_models.simulator.site import Made, SimulatedSite
from plant_models.site.limits import limits_of
from plant_models.site.load import LoadedSite, load_site
from plant_models.sources.load import GeneratedLoad
from plant_models.sources.weather import NOMINAL_YEAR, Weather, day_of, open_weather, start_of
from safety.signals import QUANTITIES, Kind

Vector = NDArray[np.float32]
CONFIG: Final = Path(__file__).parents[2] / "config"
_RECOMMENDED_C: Final = 27.0  # ASHRAE TC 9.9 2021, upper end
_BOUNDS: Final[Mapping[Kind, tuple[float, float]]] = {  # of observations: what a reading is clipped to
    Kind.TEMPERATURE: (-60.0, 150.0),
    Kind.DIFFERENCE: (-100.0, 100.0),
    Kind.SHARE: (-10.0, 200.0),
    Kind.HUMIDITY: (-10.0, 110.0),
    Kind.COUNT: (-1.0, 1000.0),
    Kind.STATE: (-1.0, 1000.0),
}
_WIDEST: Final = (-1e6, 1e6)
_HEARTBEAT_MOST: Final = 65536


@dataclass(frozen=True)
class Setting:
    """What all episodes of an environment have in common.

    ``start`` a day as 07-15, None for one drawn from the seed; ``ageing`` whether wear and faults are drawn too. The reward of a step is
    minus the cost of all electric energy of the facility, at the site's tariff, minus ``penalty`` for each rack and minute and kelvin above
    the recommended inlet temperature, from true values.
    """

    config: str | Path = "reference-a"
    weather: str = "greensboro"
    start: str | None = None
    days: float = 1.0
    step_s: float = 300.0
    warm_up_h: float = 1.0
    ageing: bool = True
    penalty: float = 0.01


@dataclass(frozen=True)
class World:
    """A setting read and checked: the site, its true parameters and weather, and what is observed and asked, in order."""

    setting: Setting
    loaded: LoadedSite
    truth: PlantTruth
    weather: Weather
    observed: tuple[str, ...]
    asked: tuple[str, ...]
    low: Vector
    high: Vector
    ask_low: NDArray[np.float64] = field(repr=False)
    ask_high: NDArray[np.float64] = field(repr=False)

    @property
    def scans_a_step(self) -> int:
        """Returns the scans of the BAS in one step."""
        return round(self.setting.step_s / SCAN_S)

    @property
    def steps(self) -> int:
        """Returns the steps of one episode."""
        return round(self.setting.days * DAY_S / self.setting.step_s)

    @property
    def warm_up_scans(self) -> int:
        """Returns the scans before an episode, under the BAS alone."""
        return round(self.setting.warm_up_h * HOUR_S / SCAN_S)


def open_world(setting: Setting) -> World:
    """Reads a site and its weather. Raises SiteErrors, SourceError or ValueError with everything that is wrong."""
    problems = [
        f"step_s {setting.step_s:g}: a whole number of scans of {SCAN_S:g} s, at least one" if setting.step_s < SCAN_S or setting.step_s % SCAN_S else "",
        f"days {setting.days:g}: at least one step" if setting.days * DAY_S < setting.step_s else "",
        f"warm_up_h {setting.warm_up_h:g}: 0 or more" if setting.warm_up_h < 0.0 else "",
        f"penalty {setting.penalty:g}: 0 or more" if setting.penalty < 0.0 else "",
    ]
    if any(problems):
        raise ValueError("\n".join(p for p in problems if p))
    directory = CONFIG / setting.config if isinstance(setting.config, str) and (CONFIG / setting.config).is_dir() else Path(setting.config)
    loaded = load_site(directory, {})
    setpoints = limits_of(loaded.site, loaded.points).setpoints
    asked = tuple(s for s in loaded.points.setpoints if s in setpoints)
    measured = [
        p.signal for p in loaded.points.rows if p.readable and p.signal.partition(".")[2] in QUANTITIES and not p.signal.startswith(("bas.", "daemon."))
    ]
    observed = (*measured, *(f"{s}.effective" for s in asked), "hour.sin", "hour.cos")
    bounds = [_bounds(signal) for signal in observed]
    return World(
        setting,
        loaded,
        load_plant_file(directory / "plant.toml", loaded.site),
        open_weather(setting.weather),
        observed,
        asked,
        np.array([b[0] for b in bounds], dtype=np.float32),
        np.array([b[1] for b in bounds], dtype=np.float32),
        np.array([setpoints[s].low for s in asked]),
        np.array([setpoints[s].high for s in asked]),
    )


def _bounds(signal: str) -> tuple[float, float]:
    quantity = QUANTITIES.get(signal.split(".")[1])
    return (-1.0, 1.0) if signal.startswith("hour.") else _WIDEST if quantity is None else _BOUNDS.get(quantity.kind, _WIDEST)


class Episode:
    """A site from its start, with what it has cost so far."""

    def __init__(self, world: World, random: np.random.Generator, machines: Made = Plant) -> None:
        """Draws the episode's day and seeds from ``random``, builds its site and claims it as the daemon does."""
        self.world = world
        day, seed = int(random.integers(365)), int(random.integers(2**31))
        setting, site, weather = world.setting, world.loaded.site, world.weather
        first_s = start_of(day_of(f"{NOMINAL_YEAR}-01-01"), weather) + DAY_S * day if setting.start is None else start_of(day_of(setting.start), weather)
        truth = draw(site, world.truth, seed) if setting.ageing else world.truth
        load = GeneratedLoad(len(site.hall), seed, weather.utc_offset_h)
        self.site = SimulatedSite(site, world.loaded.points, truth, weather, load, seed, first_s - world.warm_up_scans * SCAN_S, machines)
        self._racks = {f"{row}.rack_inlet_c": hall.racks_per_row for hall in site.hall for row in hall.rows}
        self._price = site.money.energy_price_per_kwh
        self._beats = 0
        self._seen = np.zeros(len(world.observed), dtype=np.float32)
        self._before = self.site.truth
        self._warm = 0.0

    def observe(self) -> Vector:
        """Returns what the points show; one that shows nothing keeps its last value."""
        values = [self.site.read(s) for s in self.world.observed[:-2]]
        hour = 2.0 * math.pi * ((self.site.now_s + self.world.weather.utc_offset_h * HOUR_S) % DAY_S) / DAY_S
        for i, value in enumerate([*values, math.sin(hour), math.cos(hour)]):
            if value is not None and math.isfinite(value):
                self._seen[i] = value
        return np.clip(self._seen, self.world.low, self.world.high)

    def ask(self, action: NDArray[Any]) -> None:
        """Asks for setpoints: -1 is the low end of each one's range, 1 the high end; the BAS limits how fast they follow."""
        share = (np.clip(np.asarray(action, dtype=float), -1.0, 1.0) + 1.0) / 2.0
        self.site.write("daemon.owner_id", float(self.world.loaded.site.lease.owner_id))
        for name, value in zip(self.world.asked, (self.world.ask_low + share * (self.world.ask_high - self.world.ask_low)).tolist(), strict=True):
            self.site.write(f"{name}.request", value)

    def beat(self) -> None:
        """Keeps the lease alive for another scan."""
        self._beats = (self._beats + 1) % _HEARTBEAT_MOST
        self.site.write("daemon.heartbeat", float(self._beats))

    def begin(self) -> None:
        """Forgets what was before now."""
        self._before, self._warm = self.site.truth, 0.0

    def watch(self) -> None:
        """Counts one scan's violation; true values, sensors are not asked."""
        values = self.site.truth.values
        above = sum(racks * max(values[row] - _RECOMMENDED_C, 0.0) for row, racks in self._racks.items())
        self._warm += above * SCAN_S / 60.0

    def settle(self) -> tuple[float, dict[str, float]]:
        """Returns the reward since the last time and what it is made of."""
        now, before, warm = self.site.truth, self._before, self._warm
        self.begin()
        energy_kwh = now.facility_kwh - before.facility_kwh
        cost = energy_kwh * self._price
        parts = {
            "facility_kwh": energy_kwh,
            "cooling_kwh": now.cooling_kwh - before.cooling_kwh,
            "cost": cost,
            "degree_rack_minutes": warm,
        }
        return -cost - self.world.setting.penalty * warm, parts


def setting_of(options: Mapping[str, Any]) -> Setting:
    """Returns a setting with these options. Raises TypeError for an unknown one."""
    return replace(Setting(), **options)
