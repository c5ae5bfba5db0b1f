"""Requests for plans on the example sites, and trackers built once."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from controller.estimate import Estimator
from controller.forecast import Forecaster
from controller.optimise.request import PlanRequest
from plant_models.reduced.nameplate import from_name_plate
from plant_models.reduced.parameters import ReducedParameters
from plant_models.site.limits import limits_of
from plant_models.site.load import load_site
from plant_models.site.topology import Site
from safety.limits import Limits
from safety.records import Measurements

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # do-mpc warns of its optional parts when imported
    from controller.optimise.tracker import Tracker

if TYPE_CHECKING:
    from collections.abc import Callable

CONFIG = Path(__file__).parents[3] / "config"


@dataclass(frozen=True)
class Bench:
    """A site with its limits and model, and requests on it."""

    site: Site
    limits: Limits
    parameters: ReducedParameters
    steps: int = 8

    def measured(self, changed: Mapping[str, float] | None = None) -> dict[str, float]:
        """Returns plausible readings."""
        values = {"weather.oa_wetbulb_c": 18.0, "chwp.running_count": 2.0, "cwp.running_count": 2.0}
        for plant in self.site.plant:
            temperatures = {"chws_temp_c": 10.0, "chwr_temp_c": 17.0, "cws_temp_c": 23.0, "chw_flow_kgs": 0.7 * plant.chw_flow_kgs}
            values |= {f"{plant.name}.{q}": v for q, v in temperatures.items()}
        for hall in self.site.hall:
            air = {"crah_supply_temp_c": 20.0, "rack_inlet_max_c": 23.0, "crah_return_temp_c": 29.0, "room_dewpoint_c": 9.0}
            values |= {f"{hall.name}.{q}": v for q, v in air.items()} | {f"{hall.name}.it_load_kw": 0.6 * hall.it_capacity_kw}
            values |= {f"{hall.name}.tcs_supply_temp_c": 40.0, f"{hall.name}.tcs_dp_kpa": hall.liquid.dp_kpa} if hall.liquid else {}
        for loop in self.site.facility_loop:
            values |= {f"{loop.name}.fws_supply_temp_c": 35.0, "weather.oa_drybulb_c": 26.0}
        for i, chiller in enumerate(self.site.chiller):
            values[f"{chiller.name}.machine_state"] = 2.0 if i < max(1, len(self.site.chiller) - 2) else 0.0
        values |= {f"{c.name}.machine_state": 2.0 for c in self.site.dry_cooler}
        return values | {f"{t.name}.machine_state": 2.0 for t in self.site.tower} | dict(changed or {})

    def request(
        self,
        changed: Mapping[str, float] | None = None,
        in_force: Mapping[str, float] | None = None,
        writable: tuple[str, ...] | None = None,
        last: Mapping[str, tuple[float, ...]] | None = None,
    ) -> PlanRequest:
        """Returns a request made the way the cycle makes it."""
        values = self.measured(changed)
        force = {s: r.own for s, r in self.site.setpoint.items()} | dict(in_force or {})
        measured = Measurements(1000.0, values)
        estimator, forecaster = Estimator(self.site, self.parameters), Forecaster(self.site)
        estimate, _ = estimator.update(estimator.start(), measured, force)
        forecast, after = forecaster.predict(forecaster.start(), measured, 1000.0)
        ours = tuple(sorted(self.limits.setpoints)) if writable is None else writable
        day_ahead = forecaster.day(after, measured, 1000.0)
        return PlanRequest(estimate, forecast, force, ours, values, 300.0, 150, last or {}, day_ahead=day_ahead)


def bench_of(name: str, steps: int = 8) -> Bench:
    """Returns an example site with a short horizon, so that tests are quick."""
    loaded = load_site(CONFIG / name, {})
    site = replace(loaded.site, optimiser=replace(loaded.site.optimiser, horizon_steps=steps))
    return Bench(site, limits_of(site, loaded.points), from_name_plate(site), steps)


@pytest.fixture(scope="session")
def bench() -> Bench:
    """Returns reference plant A."""
    return bench_of("reference-a")


@pytest.fixture(scope="session")
def tracker(bench: Bench) -> Tracker:
    """Returns its tracker, built once."""
    return Tracker(bench.site, bench.limits, bench.parameters)


@pytest.fixture(scope="session")
def make_tracker() -> Callable[[Bench], Tracker]:
    """Returns what builds a further tracker."""
    return lambda bench: Tracker(bench.site, bench.limits, bench.parameters)
