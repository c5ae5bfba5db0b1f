"""Machines in trouble: surge and hot gas, panels that trip, low lift, air-cooled condensers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from plant_models.simulator.chiller_group import TRIPS
from plant_models.simulator.conditions import Conditions, simulate
from plant_models.simulator.plant_file import ChillerTruth, PlantTruth, TowerTruth
from plant_models.site.load import LoadedSite, load_site
from safety.signals import MachineState

ROOT = Path(__file__).parents[3]
Start = Callable[..., Any]


def trip_of(plant: Any, machine: str = "ch-1") -> str:
    return TRIPS[int(plant.value(f"{machine}.trip_state"))]


def field(plant: Any, name: str) -> np.ndarray:
    return np.asarray(plant.equations.state.view(plant.state)[f"plant.{name}"])


def test_hot_gas_carries_a_low_load_at_high_lift_and_power_does_not_fall(start: Start) -> None:
    runner = start(running=3, chws_setpoint_c=7.0, cws_setpoint_c=29.0, wetbulb_c=26.0)
    runner.run(2 * 3600)
    power = []
    for utilisation in (0.4, 0.2, 0.0):
        runner.utilisation = (utilisation,)
        runner.run(2400)
        power.append(runner.plant.value("ch-1.power_kw"))
        assert trip_of(runner.plant) == "none"
    assert field(runner.plant, "hot_gas")[0] > 0.05
    assert power[2] > 0.75 * power[1]  # load falls by nearly a half


def test_lost_towers_end_in_surge_within_minutes(start: Start) -> None:
    runner = start(running=4, utilisation=0.8, wetbulb_c=26.0, cws_setpoint_c=29.0)
    runner.run(3600)
    runner.command(tower_fan_low=0.0, tower_fan_high=0.0)
    minutes = 0
    while trip_of(runner.plant) == "none" and minutes < 60:
        runner.run(60)
        minutes += 1
    assert trip_of(runner.plant) in ("surge", "condenser pressure")
    assert 3 <= minutes <= 45


def test_loss_of_water_trips_on_flow_and_cold_water_does_not_freeze(start: Start) -> None:
    runner = start(running=3)
    runner.run(3600)
    runner.command(chw_pump_count=0.0)
    assert trip_of(runner.run(20)) == "none"
    assert trip_of(runner.run(25)) == "no evaporator flow"
    cold = start(running=3, chws_setpoint_c=2.0)
    cold.run(3600)
    assert trip_of(cold.plant) == "none"  # the panel unloads before it trips
    assert 2.9 <= cold.plant.value("ch-1.chws_temp_c") <= 4.5


def test_condenser_water_that_stays_cold_takes_capacity(start: Start) -> None:
    runner = start(running=3, chws_setpoint_c=14.0, supply_c=22.0)
    before = runner.run(3600).value("ch-1.cooling_kw")
    for _ in range(60):
        field(runner.plant, "basin_c")[:] = 5.0  # a river in winter, or a tower that free cooling has just left
        runner.run(5)
    assert runner.plant.value("ch-1.cooling_kw") < 0.8 * before
    assert runner.plant.value("plant.chws_temp_c") > 15.0


def test_an_air_cooled_machine_pays_for_hot_air_and_wets_no_tower(site_a: LoadedSite, start: Start) -> None:
    site = replace(site_a.site, tower=(), economiser=(), pump=tuple(p for p in site_a.site.pump if p.serves == "chw"))
    site = replace(site, chiller=tuple(replace(c, kind="positive_displacement") for c in site.chiller))
    truth = PlantTruth(chiller={c.name: ChillerTruth(curves="air-cooled-screw", age=1.0) for c in site.chiller})

    def run(wetbulb_c: float) -> Any:
        plant = start(running=4, site=site, truth=truth, wetbulb_c=wetbulb_c, utilisation=0.5).run(2 * 3600)
        assert abs(plant.value("site.closure_kw")) < 1e-6 * plant.value("site.heat_in_kw")
        assert plant.value("plant.chws_temp_c") == pytest.approx(10.0, abs=0.1)
        return plant

    mild, hot = run(14.0), run(28.0)  # 20 and 34 degC dry bulb
    cop = [p.value("ch-1.cooling_kw") / p.value("ch-1.power_kw") for p in (mild, hot)]
    assert 4.0 <= cop[0] <= 6.0
    assert 2.7 <= cop[1] <= 4.0
    assert mild.counters()["water_evaporated_kg"] == 0.0


def test_heaters_hold_a_basin_without_load_in_frost(start: Start) -> None:
    runner = start(running=0, wetbulb_c=-12.0, utilisation=0.0, basin_heaters=0.0)
    cold = runner.run(12 * 3600).value("ct-1.basin_temp_c")
    heated = start(running=0, wetbulb_c=-12.0, utilisation=0.0, basin_heaters=1.0).run(12 * 3600)
    assert heated.value("ct-1.basin_temp_c") > cold + 5.0
    assert heated.energies_kwh()["heaters"] == pytest.approx(5 * TowerTruth().heater_kw * 12.0, rel=0.01)


def test_a_tripped_panel_is_seen_by_the_bas_and_stays_out_until_mended() -> None:
    site = simulate(load_site(ROOT / "config/reference-a", {}), Conditions(start="07-15")).site
    running = [f"ch-{i}" for i in range(1, 6) if site.read(f"ch-{i}.machine_state") == MachineState.RUNNING]
    where = site._plant.equations.state.slices["plant.surges"]
    site._plant.state[where.start + int(running[0][-1]) - 1] = 6.0
    site.advance(site.now_s + 600.0)
    assert site.read(f"{running[0]}.machine_state") == MachineState.FAILED
    assert site.truth.values[f"{running[0]}.cooling_kw"] == pytest.approx(0.0, abs=1.0)
    site.advance(site.now_s + 1200.0)
    site.mend(running[0])
    site.bas.lock_out(running[0], False)
    site.advance(site.now_s + 60.0)
    assert site.read(f"{running[0]}.machine_state") != MachineState.FAILED
