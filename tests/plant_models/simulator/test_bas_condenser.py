"""Head pressure, fans, freezing weather and basin heaters of the simulated BAS, driven by hand-written sensors."""

from __future__ import annotations

import pytest

from plant_models.site.load import LoadedSite, load_site
from safety.signals import EconomiserState
from tests.plant_models.simulator.bas_bench import MACHINES, ROOT, Bench, sensors


@pytest.fixture(scope="module")
def loaded() -> LoadedSite:
    return load_site(ROOT / "config/reference-a", {})


def test_head_pressure_lowers_the_fan_cap_then_throttles_condensers_then_opens_the_bypass(loaded: LoadedSite) -> None:
    bench = Bench(loaded, sensors(3300.0))
    for m in MACHINES:
        bench.seen.update({f"{m}.chws_temp_c": 10.0, f"{m}.cwr_temp_c": 17.9})  # 7.9 K, the machine's minimum is 8 K
    history = bench.scan_for(3600)
    caps, valves = [c.tower_fan_high for c in history], [c.condenser_throttle for c in history]
    at_floor = next(i for i, cap in enumerate(caps) if cap <= 0.25)
    assert caps[0] > caps[at_floor]
    assert min(valves[:at_floor]) == 1.0
    assert valves[-1] == pytest.approx(0.35)
    assert [c.tower_bypass for c in history].index(1.0) >= valves.index(valves[-1])
    for m in MACHINES:
        bench.seen[f"{m}.cwr_temp_c"] = 22.0
    bench.scan_for(3600)
    assert bench.commands.tower_bypass == 0.0
    assert bench.commands.tower_fan_high > 0.9
    assert bench.commands.condenser_throttle == 1.0


def test_beside_an_economiser_condensers_are_throttled_first_and_the_fans_capped_only_after(loaded: LoadedSite) -> None:
    bench = Bench(loaded, sensors(3300.0, wetbulb_c=4.0) | {"wse.heat_kw": 1500.0})
    for m in MACHINES:
        bench.seen.update({f"{m}.chws_temp_c": 10.0, f"{m}.cwr_temp_c": 17.9})  # 7.9 K, the machine's minimum is 8 K
    history = bench.scan_for(3600)
    valves = [c.condenser_throttle for c in history]
    least = next(i for i, valve in enumerate(valves) if valve <= 0.2)
    assert valves[0] > valves[least]
    assert min(c.tower_fan_high for c in history[:least]) == 1.0
    capped = next(i for i, c in enumerate(history) if c.tower_fan_high <= 0.25)
    bypassed = next(i for i, c in enumerate(history) if c.tower_bypass == 1.0)
    assert bench.state("wse.economiser_state") == EconomiserState.PARTIAL
    assert bypassed - capped >= 600 / 5  # it would end the economiser's run: not for a machine that has only just started


def test_condensers_stand_cold_water_beside_an_economiser(loaded: LoadedSite) -> None:
    bench = Bench(loaded, sensors(3300.0, wetbulb_c=4.0) | {"wse.heat_kw": 1500.0})
    bench.seen.update({f"{m}.{q}": c for m in MACHINES for q, c in (("chws_temp_c", 10.0), ("cwr_temp_c", 20.0))})
    bench.seen["plant.cws_temp_c"] = 9.0  # below what makers let into a condenser at full flow
    history = bench.scan_for(1800)
    assert max(c.tower_bypass for c in history) == 0.0
    assert history[-1].tower_fan_high == 1.0


def test_condenser_valves_wait_nearly_shut_while_the_economiser_carries_the_load_alone(loaded: LoadedSite) -> None:
    bench = Bench(loaded, sensors(3300.0, wetbulb_c=-4.0) | {f"ct-{i}.basin_temp_c": 8.0 for i in range(1, 6)})
    bench.scan_for(10)
    assert bench.state("wse.economiser_state") == EconomiserState.FULL
    assert bench.commands.condenser_throttle == pytest.approx(0.2)
    assert bench.commands.tower_fan_high == 1.0


def test_basin_heaters_hold_cells_above_freezing(loaded: LoadedSite) -> None:
    seen = sensors(3300.0, wetbulb_c=-5.0) | {f"ct-{i}.basin_temp_c": 8.0 for i in range(1, 6)}
    bench = Bench(loaded, seen)
    assert bench.commands.basin_heaters == 0.0
    bench.seen["ct-5.basin_temp_c"] = 4.2
    bench.scan_for(5)
    assert bench.commands.basin_heaters == 1.0
    bench.seen["ct-5.basin_temp_c"] = 5.0
    bench.scan_for(5)
    assert bench.commands.basin_heaters == 1.0
    bench.seen["ct-5.basin_temp_c"] = 5.6
    bench.scan_for(5)
    assert bench.commands.basin_heaters == 0.0


def test_fans_stop_when_too_cold_at_minimum_and_come_back(loaded: LoadedSite) -> None:
    bench = Bench(loaded, sensors(3300.0))
    bench.seen["plant.cws_temp_c"] = 20.0
    bench.seen.update({f"ct-{i}.fan_pct": 25.0 for i in range(1, 6)})
    history = bench.scan_for(400)
    assert history[58].tower_fan_high > 0.0
    assert history[-1].tower_fan_high == 0.0
    bench.seen["plant.cws_temp_c"] = 27.0
    bench.scan_for(120)
    assert bench.commands.tower_fan_high >= 0.7
    assert bench.commands.tower_fan_low == pytest.approx(0.25)


def test_freezing_weather_stops_the_fans(loaded: LoadedSite) -> None:
    bench = Bench(loaded, sensors(3300.0, wetbulb_c=-5.0))
    bench.seen.update({f"ct-{i}.basin_temp_c": 4.0 for i in range(1, 6)})
    bench.scan_for(10)
    assert bench.commands.tower_fan_high == 0.0
    assert bench.commands.tower_bypass == 1.0
