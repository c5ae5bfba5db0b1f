"""Sites, commands and weather that the simulator's tests share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from plant_models.simulator.commands import Commands, PlantCommands
from plant_models.simulator.plant import Plant
from plant_models.simulator.plant_file import PlantTruth, load_plant_file
from plant_models.site.load import LoadedSite, load_site
from plant_models.site.topology import Site
from plant_models.sources.weather import WeatherNow

CONFIG = Path(__file__).parents[3] / "config"


@dataclass
class Runner:
    """A plant with the commands, weather and load that it is held under."""

    plant: Plant
    commands: Commands
    weather: WeatherNow
    utilisation: tuple[float, ...]

    def run(self, seconds: int) -> Plant:
        """Steps on, five seconds at once."""
        for _ in range(seconds // 5):
            self.plant.advance(self.commands, self.weather, self.utilisation)
        return self.plant

    def command(self, **changes: Any) -> None:
        """Changes fields of every plant's commands, or ``supply_c`` and ``fan`` of every hall's."""
        halls = len(self.commands.crah_fan_share)
        supply = np.full(halls, changes.pop("supply_c", self.commands.crah_supply_setpoint_c[0] if halls else 0.0))
        fan = np.full(halls, changes.pop("fan", self.commands.crah_fan_share[0] if halls else 0.0))
        self.commands = Commands(tuple(replace(p, **changes) for p in self.commands.plants), supply, fan)


def held_commands(site: Site, running: int) -> Commands:
    """Returns steady commands with ``running`` chillers in each plant and every tower cell wet."""
    plants = []
    for plant in site.plant:
        chillers = sum(c.plant == plant.name for c in site.chiller)
        towers = sum(t.plant == plant.name for t in site.tower)
        on = (np.arange(chillers) < running).astype(float)
        flows = {"chw_pump_count": running + 1.0, "chw_dp_setpoint_kpa": 150.0, "chw_flow_min_kgs": 18.0 * running, "cw_pump_count": float(running)}
        tower = {
            "cws_setpoint_c": 23.5,
            "tower_fan_low": 0.25,
            "tower_fan_high": 1.0,
            "tower_bypass": 0.0,
            "condenser_throttle": 1.0,
            "basin_heaters": 0.0,
            "economiser": 0.0,
        }
        plants.append(PlantCommands(on, on, np.ones(chillers), chws_setpoint_c=10.0, tower_on=np.ones(towers), **flows, **tower))
    return Commands(tuple(plants), np.full(len(site.hall), 20.0), np.full(len(site.hall), 0.9))


@pytest.fixture(scope="session")
def site_a() -> LoadedSite:
    """Returns reference plant A."""
    return load_site(CONFIG / "reference-a", {})


@pytest.fixture(scope="session")
def truth_a(site_a: LoadedSite) -> PlantTruth:
    """Returns reference plant A's true parameters."""
    return load_plant_file(CONFIG / "reference-a" / "plant.toml", site_a.site)


@pytest.fixture
def start(site_a: LoadedSite, truth_a: PlantTruth) -> Callable[..., Runner]:
    """Returns a maker of plants that start with their actuators where the commands want them."""

    def make(
        running: int = 3, utilisation: float = 0.547, wetbulb_c: float = 20.0, site: Site | None = None, truth: PlantTruth | None = None, **changes: Any
    ) -> Runner:
        built, weather = site or site_a.site, WeatherNow(wetbulb_c + 6.0, wetbulb_c, 98.0)
        use = (utilisation,) * len(built.hall)
        runner = Runner(Plant(built, truth or (truth_a if site is None else PlantTruth()), weather, use), held_commands(built, running), weather, use)
        runner.command(**changes)
        runner.plant.adopt(runner.commands)
        return runner

    return make
