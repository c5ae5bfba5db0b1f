"""The BAS with the simulated machines behind it: no sequence lets the hall get hot, in summer, in frost, on a trip or when a lease lapses."""

from __future__ import annotations

from pathlib import Path

import pytest

from plant_models.simulator.plant_file import load_plant_file
from plant_models.simulator.site import SimulatedSite
from plant_models.site.load import LoadedSite, load_site
from plant_models.sources.load import GeneratedLoad
from plant_models.sources.weather import day_of, open_weather, start_of
from safety.signals import EconomiserState, MachineState

ROOT = Path(__file__).parents[3]
HOUR_S = 3600.0
INLET = "hall-a.rack_inlet_max_c"


def build(config: str, day: str, hour: float = 0.0) -> tuple[LoadedSite, SimulatedSite]:
    loaded = load_site(ROOT / "config" / config, {})
    weather = open_weather("greensboro")
    start_s = start_of(day_of(day), weather) + hour * HOUR_S
    load = GeneratedLoad(len(loaded.site.hall), 0, weather.utc_offset_h)
    truth = load_plant_file(loaded.site.directory / "plant.toml", loaded.site)
    return loaded, SimulatedSite(loaded.site, loaded.points, truth, weather, load, 0, start_s)


def hottest(site: SimulatedSite, hours: float, step_s: float = 60.0) -> float:
    until_s = site.now_s + hours * HOUR_S
    highest = -1.0
    while site.now_s < until_s - 1.0:
        site.advance(site.now_s + step_s)
        highest = max(highest, site.truth.values[INLET])
    return highest


@pytest.mark.parametrize("day", ["01-15", "04-20", "07-15"])
def test_a_cold_start_of_the_simulation_does_not_heat_the_hall(day: str) -> None:
    _, site = build("reference-a", day)
    assert hottest(site, 2.0) < 27.0


def test_frost_is_cooled_without_compressors() -> None:
    _, site = build("reference-a", "01-15")
    site.advance(site.now_s + 4 * HOUR_S)
    assert site.read("wse.economiser_state") == EconomiserState.FULL
    assert site.truth.energy_kwh["chillers"] == pytest.approx(0.0, abs=1.0)
    assert site.truth.values["plant.chws_temp_c"] == pytest.approx(10.0, abs=1.1)
    assert min(site.truth.values[f"ct-{i}.basin_temp_c"] for i in range(1, 6)) > 5.0


def test_a_tripped_chiller_is_replaced_before_the_hall_is_hot() -> None:
    loaded, site = build("reference-a", "07-15", 12.0)
    site.advance(site.now_s + HOUR_S)
    running = [c.name for c in loaded.site.chiller if site.read(f"{c.name}.machine_state") == MachineState.RUNNING]
    site.trip(running[0])
    assert hottest(site, 1.0) < 32.0
    now = [c.name for c in loaded.site.chiller if site.read(f"{c.name}.machine_state") == MachineState.RUNNING]
    assert running[0] not in now
    assert len(now) == len(running)
    assert site.truth.values[INLET] < 25.0


def test_a_dead_daemon_leaves_warm_setpoints_behind_and_the_bas_takes_them_back() -> None:
    _, site = build("small", "07-15", 12.0)
    requests = {"plant.chws_setpoint_c": 15.0, "hall-a.crah_supply_setpoint_c": 23.0, "hall-a.crah_fan_setpoint_pct": 70.0}
    for setpoint, value in requests.items():
        site.write(f"{setpoint}.request", value)
    for beat in range(1, 2 * 720):
        site.write("daemon.heartbeat", beat)
        site.advance(site.now_s + 5.0)
    assert site.read("plant.chws_setpoint_c.effective") == pytest.approx(15.0)
    assert hottest(site, 1.0) < 28.0
    assert site.read("plant.chws_setpoint_c.effective") == pytest.approx(10.0)
    assert site.read("hall-a.crah_fan_setpoint_pct.effective") == pytest.approx(90.0)


@pytest.mark.parametrize(("day", "hour"), [("01-15", 0.0), ("04-15", 0.0), ("04-15", 12.0)])
def test_rising_chilled_water_in_cold_air_keeps_lift_and_evaporator_flow(day: str, hour: float) -> None:
    """A reset that warms the water from 10 to 15 degC at the BAS's own rate, as Guideline 36 does on a cool day."""
    loaded, site = build("small", day, hour)
    site.advance(site.now_s + 2 * HOUR_S)
    site.bas.set_hand("plant.chws_setpoint_c", 15.0)
    site.bas.set_hand("hall-a.crah_fan_setpoint_pct", 70.0)
    short_of_flow_s = short_of_lift_s = 0.0
    started_s = {c.name: -1e9 for c in loaded.site.chiller}
    for _ in range(3 * 360):
        site.advance(site.now_s + 10.0)
        now = site.truth.values
        for c in loaded.site.chiller:
            if now[f"{c.name}.running_count"] < 0.5:
                started_s[c.name] = site.now_s
                continue
            settled = site.now_s - started_s[c.name] >= 600.0
            short_of_flow_s += 10.0 * (now[f"{c.name}.evaporator_flow_kgs"] < c.evaporator_flow_min_share * c.evaporator_flow_kgs)
            short_of_lift_s += 10.0 * (settled and now[f"{c.name}.cwr_temp_c"] - now[f"{c.name}.chws_temp_c"] < c.lift_min_k)
    assert short_of_flow_s <= 10.0
    assert short_of_lift_s <= 60.0
