"""Electric energy in equals heat rejected and stored, at every second of a day that has everything in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from plant_models.simulator.plant import Plant
from plant_models.sources.weather import WeatherNow

Start = Callable[..., Any]


def varied(runner: Any, hour: int) -> None:
    """Changes commands, weather and load by the hour: staging, economiser, warm and cold, idle and full, losses of fans and pumps."""
    running = (3, 4, 5, 2, 0, 0, 1, 3)[hour % 8]
    on = (np.arange(5) < running).astype(float)
    valve = (np.arange(5) < (running, 5, running)[hour % 3]).astype(float)
    runner.command(
        chiller_on=on * valve,
        chiller_valve=valve,
        chiller_limit=np.full(5, (1.0, 0.6, 0.4)[hour % 3]),
        chws_setpoint_c=(7.0, 10.0, 16.0, 18.0)[hour % 4],
        chw_pump_count=0.0 if hour == 13 else float(1 + hour % 5),
        chw_dp_setpoint_kpa=(150.0, 35.0, 90.0)[hour % 3],
        chw_flow_min_kgs=(18.0, 60.0)[hour % 2] * max(running, 1),
        cw_pump_count=float(running),
        tower_on=(np.arange(5) < (5, 3, 1, 0)[hour % 4]).astype(float),
        cws_setpoint_c=(15.6, 23.5, 29.0)[hour % 3],
        tower_fan_low=(0.25, 0.0)[hour % 2],
        tower_fan_high=(1.0, 0.5, 0.0)[hour % 3],
        tower_bypass=(0.0, 0.0, 0.0, 1.0)[hour % 4],
        economiser=1.0 if hour % 5 == 4 else 0.0,
        supply_c=(20.0, 26.0)[hour % 2],
        fan=(0.9, 0.6, 0.0, 1.0)[hour % 4] if hour > 3 else 0.9,
    )
    runner.weather = WeatherNow((35.0, 25.0, 5.0, -12.0)[hour % 4], (24.0, 18.0, 2.0, -13.0)[hour % 4], 98.0)
    runner.utilisation = ((0.55, 1.0, 0.0, 0.3)[hour % 4],)


def test_energy_closes_at_every_second_of_a_day_of_everything(start: Start) -> None:
    runner = start()
    plant: Plant = runner.plant
    closure, heat_in = plant.names.index("site.closure_kw"), plant.names.index("site.heat_in_kw")
    worst = 0.0
    for hour in range(24):
        varied(runner, hour)
        for _ in range(3600):
            plant.advance(runner.commands, runner.weather, runner.utilisation, steps=1)
            worst = max(worst, abs(plant.outputs[closure]) / plant.outputs[heat_in])
    assert np.all(np.isfinite(plant.state))
    assert worst < 1e-3  # required
    assert worst < 1e-9  # what exact bookkeeping gives: a lost flow would show here first


def test_counters_agree_with_powers_and_with_what_is_stored(start: Start) -> None:
    runner = start()
    plant: Plant = runner.plant
    stored = plant.stored_kwh()
    facility = 0.0
    rejected_before = plant.counters()["rejected_kwh"]
    for hour in range(6):
        varied(runner, hour)
        for _ in range(3600):
            plant.advance(runner.commands, runner.weather, runner.utilisation, steps=1)
            facility += plant.value("site.facility_power_kw") / 3600.0
    energies, counters = plant.energies_kwh(), plant.counters()
    assert sum(energies.values()) == pytest.approx(facility, rel=1e-9)
    assert facility - (counters["rejected_kwh"] - rejected_before) == pytest.approx(plant.stored_kwh() - stored, rel=1e-6, abs=1e-6)
    assert all(v >= 0.0 for v in energies.values())


def test_closure_sees_a_leak(start: Start) -> None:
    runner = start()
    plant: Plant = runner.run(600)
    state, inputs = plant.state.copy(), plant.inputs.copy()
    intact = plant.equations.step(state, inputs, symbolic=False)[1]["site.closure_kw"]
    plant.equations.stored_kj_per_k[plant.equations.state.slices["plant.tank_c"]] *= 0.5
    state[plant.equations.state.slices["plant.tank_c"]] += 1.0
    leaking = plant.equations.step(state, inputs, symbolic=False)[1]["site.closure_kw"]
    assert abs(float(np.asarray(intact).reshape(-1)[0])) < 1e-6
    assert abs(float(np.asarray(leaking).reshape(-1)[0])) > 1.0


def test_water_and_work_are_counted(start: Start) -> None:
    plant = start().run(3600)
    counters, energies = plant.counters(), plant.energies_kwh()
    it = energies["server_fans"] + energies["it_without_fans"]
    assert counters["it_work_kwh"] == pytest.approx(0.547 * 5000.0, rel=0.01)
    assert 1.4 <= (counters["water_evaporated_kg"] + counters["water_blowdown_kg"]) / it <= 2.5  # L/kWh on a warm day
    assert energies["server_fans"] / it == pytest.approx(0.055, abs=0.01)
    assert 0.06 <= energies["electrical_losses"] / it <= 0.085
