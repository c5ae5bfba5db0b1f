"""Habits of a BAS: a loop that hunts, condenser water by lift, a tank by the clock, and the restart after a power failure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest

from plant_models.simulator.bas import Bas
from plant_models.simulator.conditions import Conditions, simulate
from plant_models.simulator.plant_file import BasTruth, PlantTruth
from plant_models.site.load import LoadedSite, load_site
from plant_models.site.topology import Tank
from safety.signals import MachineState
from tests.plant_models.simulator.bas_bench import MACHINES, ROOT, SCAN_S, START_S, sensors

Start = Callable[..., Any]


@pytest.mark.parametrize(("loop", "seen"), [("tower_fan", "ct-1.fan_pct"), ("crah_valve", "hall-a.crah_valve_pct")])
def test_a_bad_loop_hunts_in_three_to_eight_minutes_and_a_good_one_rests(
    start: Start, truth_a: PlantTruth, site_a: LoadedSite, loop: Literal["tower_fan", "crah_valve"], seen: str
) -> None:
    def trace(truth: PlantTruth) -> np.ndarray:
        runner = start(running=3, site=site_a.site, truth=truth)
        runner.run(3600)
        runner.command(cws_setpoint_c=25.0, supply_c=20.5)
        runner.run(1800)
        return np.array([runner.run(5).value(seen) for _ in range(720)])

    good, bad = trace(truth_a), trace(replace(truth_a, bas=BasTruth(bad_loop=loop)))
    assert np.ptp(good[-360:]) < 1.0
    last = bad[-480:] - bad[-480:].mean()
    early, late = np.ptp(last[:240]), np.ptp(last[240:])
    assert late > 10.0  # a swing that anybody sees on a trend ...
    assert late > 0.9 * early  # ... and that does not die out
    crossings = np.flatnonzero((last[:-1] < 0.0) & (last[1:] >= 0.0))
    assert 180.0 <= 5.0 * float(np.diff(crossings).mean()) <= 480.0


def test_condenser_water_by_lift_follows_the_load(site_a: LoadedSite) -> None:
    def own_c(load_kw: float) -> float:
        bas = Bas(site_a.site, site_a.points, habits=BasTruth(condenser_rule="lift"))
        seen = sensors(load_kw)
        for step in range(240):
            bas.scan(START_S + SCAN_S * step, seen)
        return float(bas.read("plant.cws_setpoint_c.effective") or 0.0)

    light, heavy = own_c(900.0), own_c(5200.0)
    # by hand, 900 kW on one machine of 1407: lift = 1.1 * 15.5 * 0.64 + 25 - 17.05 = 18.9, less a range of 5 K, over 10 degC
    assert light == pytest.approx(10.0 + 1.1 * 15.5 * 900.0 / 1407.0 + 25.0 - 17.05 - 5.0, abs=0.1)
    assert heavy > light


def test_a_tank_charges_and_gives_by_the_clock(site_a: LoadedSite) -> None:
    site = replace(site_a.site, tank=(Tank("tes", "plant", 400.0, 40.0),))
    bas = Bas(site, site_a.points, habits=BasTruth(tank_charging_hours=(22, 6), tank_giving_hours=(13, 18)))
    midnight_s = START_S - (START_S - 5 * 3600.0) % 86400.0  # of Etc/GMT+5
    shares = [bas.scan(midnight_s + 3600.0 * hour, sensors(3000.0)).plants[0].tank_share for hour in range(24)]
    assert shares == [1.0] * 6 + [0.0] * 7 + [-1.0] * 5 + [0.0] * 4 + [1.0] * 2


def test_after_a_power_failure_anti_recycle_is_waived_and_the_hall_survives() -> None:
    site = simulate(load_site(ROOT / "config/reference-a", {}), Conditions(start="07-15", warm_up_h=1)).site
    running = sum(site.read(f"{m}.machine_state") == MachineState.RUNNING for m in MACHINES)
    pumping_kw = site.truth.values["chwp.power_kw"]
    site.lose_power(30.0)
    site.advance(site.now_s + 25.0)
    assert site.truth.values["chwp.power_kw"] < 0.1 * pumping_kw  # the last pump runs down
    assert not any(site.read(f"{m}.machine_state") == MachineState.RUNNING for m in MACHINES)
    hottest = -1.0
    for _ in range(60):
        site.advance(site.now_s + 30.0)
        hottest = max(hottest, site.truth.values["hall-a.rack_inlet_max_c"])
    again = sum(site.read(f"{m}.machine_state") == MachineState.RUNNING for m in MACHINES)
    assert again >= running  # within half an hour, though start-to-start times would not allow it twice
    site.lose_power(10.0)
    site.advance(site.now_s + 900.0)
    assert any(site.read(f"{m}.machine_state") == MachineState.RUNNING for m in MACHINES)
    assert hottest < 45.0
