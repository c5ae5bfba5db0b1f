"""Pipes, primary and secondary pumps with a decoupler, and a stratified tank, in a running plant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from plant_models.simulator.plant_file import PlantTruth, TankTruth
from plant_models.simulator.storage import Storage
from plant_models.site.load import LoadedSite
from plant_models.site.topology import PumpGroup, Site, Tank

Start = Callable[..., Any]


def primary_secondary(site: Site, tank: tuple[Tank, ...] = ()) -> Site:
    """Returns site A with constant primary pumps, one for each chiller, and its own pumps on the secondary side."""
    plant = replace(site.plant[0], hydraulics="primary_secondary")
    pumps = (*site.pump, PumpGroup("pchwp", "plant", "chw_primary", 5, 37.3, 6.0))
    return replace(site, plant=(plant,), pump=pumps, tank=tank)


def closes(plant: Any) -> bool:
    return abs(plant.value("site.closure_kw")) < 1e-6 * plant.value("site.heat_in_kw")


def test_a_step_of_supply_water_arrives_after_the_pipe(start: Start) -> None:
    runner = start(running=4)
    runner.run(3 * 3600)
    runner.command(chws_setpoint_c=8.0)
    plant = runner.plant
    header, coils, flow = [], [], []
    for _ in range(240):
        runner.run(5)
        header.append(plant.value("plant.chws_temp_c"))
        coils.append(float(plant.equations.state.view(plant.state)["plant.far_c"][0]))
        flow.append(plant.value("plant.chw_flow_kgs"))
    leaves, arrives = (int(np.argmax(np.array(trace) < 9.0)) for trace in (header, coils))
    passed_kg = 5.0 * sum(flow[leaves:arrives])
    assert passed_kg == pytest.approx(0.15 * 85.0 * 1000.0, rel=0.1)  # a supply pipe of 15 % of 85 m3


def test_more_primary_than_secondary_water_turns_round_and_less_warms_the_supply(site_a: LoadedSite, start: Start, truth_a: PlantTruth) -> None:
    site = primary_secondary(site_a.site)
    runner = start(running=4, site=site, truth=truth_a, chw_primary_count=4.0, chw_pump_count=4.0)
    plant = runner.run(2 * 3600)
    assert closes(plant)
    assert plant.value("plant.decoupler_flow_kgs") > 20.0
    assert plant.value("plant.chws_temp_c") == pytest.approx(10.0, abs=0.1)
    assert plant.value("plant.chw_dp_kpa") == pytest.approx(150.0, abs=1.5)
    three = (np.arange(5) < 3).astype(float)
    runner.command(chiller_on=three, chiller_valve=three, chw_primary_count=2.0, cw_pump_count=3.0)
    runner.utilisation = (0.75,)
    plant = runner.run(3600)
    assert closes(plant)
    assert plant.value("plant.decoupler_flow_kgs") < -5.0
    assert plant.value("plant.chws_temp_c") > np.mean([plant.value(f"ch-{i}.chws_temp_c") for i in (1, 2, 3)]) + 0.3
    assert plant.value("pchwp.power_kw") > 5.0


def test_variable_primary_needs_less_pumping(site_a: LoadedSite, start: Start, truth_a: PlantTruth) -> None:
    both = start(running=4, site=primary_secondary(site_a.site), truth=truth_a, chw_primary_count=4.0, chw_pump_count=4.0).run(3600)
    one = start(running=4, chw_pump_count=4.0).run(3600)
    assert one.energies_kwh()["chw_pumps"] < both.energies_kwh()["chw_pumps"]


@pytest.mark.parametrize("hydraulics", ["variable_primary", "primary_secondary"])
def test_a_tank_charges_gives_and_keeps_most_of_its_cold(site_a: LoadedSite, start: Start, truth_a: PlantTruth, hydraulics: str) -> None:
    tank = (Tank("tes", "plant", 400.0, 40.0),)
    primary = hydraulics == "primary_secondary"
    site = primary_secondary(site_a.site, tank) if primary else replace(site_a.site, tank=tank)
    given = {"chw_primary_count": 5.0} if primary else {"tank_share": 1.0}
    runner = start(running=5, site=site, truth=truth_a, utilisation=0.4, chw_pump_count=5.0, **given)
    plant = runner.run(6 * 3600)
    assert closes(plant)
    assert plant.value("tes.charge_flow_kgs") > 15.0
    assert plant.value("tes.layer_12_c") == pytest.approx(10.0, abs=0.3)
    assert plant.value("tes.layer_1_c") < 11.0
    two = (np.arange(5) < 2).astype(float)
    runner.command(chiller_on=two, chiller_valve=two, cw_pump_count=2.0, **({"chw_primary_count": 2.0} if primary else {"tank_share": -1.0}))
    runner.utilisation = (0.75,)
    plant = runner.run(1800)
    assert closes(plant)
    assert plant.value("tes.charge_flow_kgs") < -8.0
    assert plant.value("tes.layer_1_c") > plant.value("tes.layer_12_c") + 3.0
    assert plant.value("tes.layer_12_c") < 10.7


def test_the_figure_of_merit_is_that_of_built_tanks() -> None:
    """Cold given by one tank turnover over that of a perfect one: 0.85-0.95."""
    storage = Storage(Tank("tes", "plant", 400.0, 40.0), TankTruth())
    state = {"layers_c": np.full(12, 6.0), "tank_valve": np.zeros(1), "header_c": np.full(1, 6.0)}
    still = {"charge": 0.0, "discharge": 40.0}
    inputs = {"oa_drybulb_c": 25.0, "tank_share": 0.0}
    given_kj = 0.0
    for _ in range(10000):
        if 16.0 - state["layers_c"][-1] > 0.0:
            given_kj += 40.0 * 4.186 * (16.0 - float(state["layers_c"][-1])) * (float(state["layers_c"][-1]) < 11.0)
        state |= storage.step(state, inputs, still, 16.0, 1.0)
    assert 0.85 <= given_kj / (400e3 * 4.186 * 10.0) <= 0.95


def test_a_plant_of_merkel_cells_holds_its_water_and_closes(start: Start, site_a: LoadedSite, truth_a: PlantTruth) -> None:
    cells = {name: replace(tower, map="merkel") for name, tower in truth_a.tower.items()}
    plant = start(running=3, site=site_a.site, truth=replace(truth_a, tower=cells)).run(2 * 3600)
    assert closes(plant)
    assert plant.value("plant.cws_temp_c") == pytest.approx(23.5, abs=0.2)
