"""Moisture of a hall: a band of dew points held, its latent heat on the coils, its energy counted and closed; nothing of it without a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from plant_models.components import fluids, moisture
from plant_models.simulator.plant_file import HumidityTruth, PlantFileError, PlantTruth, load_plant_file
from plant_models.site.load import LoadedSite

Start = Callable[..., Any]
WET, DRY = (20.0, 22.0), (-20.0, -18.0)  # dew points of make-up air


MILD, COLD = {"chws_setpoint_c": 16.0, "wetbulb_c": 24.0}, {"chws_setpoint_c": 10.0, "wetbulb_c": -10.0}


def humid(truth: PlantTruth, makeup_dewpoint_c: tuple[float, float], **table: Any) -> PlantTruth:
    hall = replace(truth.hall["hall-a"], makeup_dewpoint_c=makeup_dewpoint_c, makeup_changes_per_h=2.0, humidity=HumidityTruth(**table))
    return replace(truth, hall={"hall-a": hall})


def test_a_coil_dries_below_the_dew_point_only() -> None:
    ratio = fluids.humidity_ratio(10.0, 101.3)
    assert moisture.condensed_kgs(100.0, ratio, 9.0, 101.3) == 0.0
    condensed = moisture.condensed_kgs(100.0, ratio, 6.0, 101.3)
    assert 0.95 <= moisture.sensible_heat_ratio(1200.0, condensed) <= 0.99
    assert moisture.sensible_heat_ratio(0.0, 0.0) == 1.0


def test_the_band_is_held_by_machines_that_rest_inside_it() -> None:
    assert [moisture.humidifier_share(t, -9.0, 1.0) for t in (-9.5, -9.0, -8.5, -8.0, 0.0)] == [1.0, 1.0, 0.5, 0.0, 0.0]
    assert [moisture.dehumidifier_share(t, 15.0, 1.0) for t in (10.0, 14.0, 14.5, 15.0, 16.0)] == [0.0, 0.0, 0.5, 1.0, 1.0]


@pytest.mark.parametrize(("makeup", "table"), [(DRY, {}), (DRY, {"humidifier": "ultrasonic"}), (WET, {"dehumidifier_kg_per_h_rack": 0.4})])
def test_a_humid_or_dry_hall_stays_in_its_band_and_its_energy_closes(
    makeup: tuple[float, float], table: dict[str, Any], start: Start, truth_a: PlantTruth
) -> None:
    runner = start(truth=humid(truth_a, makeup, **table), **(MILD if makeup == WET else COLD))
    plant, worst = runner.plant, 0.0
    for _ in range(4 * 720):
        plant.advance(runner.commands, runner.weather, runner.utilisation)
        worst = max(worst, abs(plant.value("site.closure_kw")) / plant.value("site.heat_in_kw"))
    assert worst < 1e-9
    used_kw = plant.value("hall-a.humidity_kw")
    assert used_kw > 0.1
    assert -9.0 <= plant.value("hall-a.room_dewpoint_c") <= 15.0
    assert plant.value("hall-a.room_dewpoint_c") < -7.9 or plant.value("hall-a.room_dewpoint_c") > 13.9  # at the end that is under attack
    assert 0.0 < plant.energies_kwh()["humidity"] < 4.2 * 100.0


def test_cold_coils_carry_latent_heat_and_warm_ones_none(start: Start, truth_a: PlantTruth) -> None:
    runner = start(truth=humid(truth_a, (12.0, 13.0)), chws_setpoint_c=5.0, running=5, utilisation=0.9)
    cold = runner.run(3600)
    assert 95.0 <= cold.value("hall-a.coil_sensible_pct") < 100.0
    assert abs(cold.value("site.closure_kw")) < 1e-9 * cold.value("site.heat_in_kw")
    runner.command(chws_setpoint_c=18.0)
    assert runner.run(3600).value("hall-a.coil_sensible_pct") == 100.0


def test_without_a_table_nothing_is_counted(start: Start) -> None:
    plant = start(chws_setpoint_c=5.0, running=5).run(600)
    assert plant.energies_kwh()["humidity"] == 0.0
    assert "hall-a.humidity_kw" not in plant.names


def test_a_band_too_narrow_for_its_machines_is_refused(tmp_path: Path, site_a: LoadedSite) -> None:
    path = tmp_path / "plant.toml"
    path.write_text("[hall.hall-a.humidity]\nband_dewpoint_c = [9.0, 10.0]\n", encoding="utf-8")
    with pytest.raises(PlantFileError, match=r"hall.hall-a.humidity.band_dewpoint_c: 9 .. 10; allowed: ends at least 2 K apart"):
        load_plant_file(path, site_a.site)
