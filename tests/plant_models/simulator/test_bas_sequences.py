"""Staging, anti-recycle, economiser, pumps and towers of the simulated BAS, driven by hand-written sensors."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from plant_models.simulator.bas import Bas
from plant_models.site.load import LoadedSite, load_site
from plant_models.site.points import Points
from plant_models.site.topology import Site
from safety.signals import EconomiserState, MachineState
from tests.plant_models.simulator.bas_bench import MACHINES, ROOT, SCAN_S, START_S, Bench, sensors


@pytest.fixture(scope="module")
def loaded() -> LoadedSite:
    return load_site(ROOT / "config/reference-a", {})


def test_the_first_scan_finds_the_machines_running_that_the_load_needs(loaded: LoadedSite) -> None:
    for load_kw, expected in ((1000.0, 1), (2000.0, 2), (3300.0, 3), (4700.0, 4), (9000.0, 5)):
        bench = Bench(loaded, sensors(load_kw))
        assert len(bench.running()) == expected, load_kw
        assert bench.commands.chiller_on.sum() == expected
        assert np.array_equal(bench.commands.chiller_valve, bench.commands.chiller_on)
        assert bench.commands.cw_pump_count == expected


def test_a_steady_plant_stays_as_it_is(loaded: LoadedSite) -> None:
    bench = Bench(loaded, sensors(3000.0))
    assert all(np.array_equal(c.chiller_on, bench.commands.chiller_on) for c in bench.scan_for(7200))


def test_stage_up_waits_a_quarter_hour_then_goes_through_its_steps_in_order(loaded: LoadedSite) -> None:
    bench = Bench(loaded, sensors(2300.0))  # 2 machines hold 2814 kW; SPLR at 21 K of lift is 1.048 -> 0.90
    assert bench.running() == ["ch-1", "ch-2"]
    bench.seen.update(sensors(2700.0))  # 0.96
    bench.seen.update({f"{m}.load_pct": 95.0 for m in MACHINES})
    quiet = bench.scan_for(900)
    assert all(c.chiller_limit.min() == 1.0 for c in quiet)
    history = bench.scan_for(1100)
    limited = next(i for i, c in enumerate(history) if c.chiller_limit[0] == 0.75)
    flow = next(i for i, c in enumerate(history) if c.chw_flow_min_kgs > quiet[-1].chw_flow_min_kgs + 0.1)
    pump = next(i for i, c in enumerate(history) if c.cw_pump_count == 3)
    valve = next(i for i, c in enumerate(history) if c.chiller_valve[2] > 0.0)
    valve_open = next(i for i, c in enumerate(history) if c.chiller_valve[2] >= 1.0)
    on = next(i for i, c in enumerate(history) if c.chiller_on[2] == 1.0)
    released = next(i for i, c in enumerate(history) if i > limited and c.chiller_limit[0] == 1.0)
    assert limited < flow < pump < valve < valve_open < on
    assert (flow - limited) * SCAN_S == pytest.approx(300.0, abs=10.0)  # the others stay above 80 %: 5 min
    assert (valve - pump) * SCAN_S >= 40.0
    assert (valve_open - valve) * SCAN_S == pytest.approx(120.0, abs=10.0)
    assert (on - valve_open) * SCAN_S >= 60.0  # proof of flow and prelube
    assert released == on
    steps = np.diff([c.chiller_valve[2] for c in history])
    assert steps.max() <= SCAN_S / 120.0 + 1e-9


def test_unloaded_machines_do_not_hold_up_a_start(loaded: LoadedSite) -> None:
    bench = Bench(loaded, sensors(2300.0))
    bench.seen.update(sensors(2700.0))  # load 70 % < 80 %
    history = bench.scan_for(1800)
    limited = next(i for i, c in enumerate(history) if c.chiller_limit[0] == 0.75)
    pump = next(i for i, c in enumerate(history) if c.cw_pump_count == 3)
    assert (pump - limited) * SCAN_S <= 70.0


def test_a_warm_supply_is_a_fail_safe_that_stages_up(loaded: LoadedSite) -> None:
    bench = Bench(loaded, sensors(2000.0))
    before = len(bench.running())
    bench.seen["plant.chws_temp_c"] = 11.5
    bench.scan_for(1800)
    assert len(bench.running()) == before + 1


def test_a_low_differential_pressure_is_a_fail_safe_that_stages_up(loaded: LoadedSite) -> None:
    bench = Bench(loaded, sensors(2000.0))
    before = len(bench.running())
    bench.seen["plant.chw_dp_kpa"] = 130.0
    bench.scan_for(1800)
    assert len(bench.running()) == before + 1


def test_stage_down_when_fewer_can_carry_and_never_below_one(loaded: LoadedSite) -> None:
    bench = Bench(loaded, sensors(4700.0))
    bench.seen.update(sensors(300.0))
    counts = [c.chiller_on.sum() for c in bench.scan_for(4 * 3600)]
    assert counts[0] == 4
    assert counts[-1] == 1
    assert all(a - b in (0.0, 1.0) for a, b in pairwise(counts))
    changes = [i for i, (a, b) in enumerate(pairwise(counts)) if a != b]
    assert min(np.diff(changes)) * SCAN_S >= 900.0


def test_a_load_beyond_the_stage_passes_through_stages_without_their_timers(loaded: LoadedSite) -> None:
    bench = Bench(loaded, sensors(1000.0))
    bench.seen.update(sensors(4700.0))
    bench.scan_for(3600)
    assert len(bench.running()) >= 4


def test_a_machine_that_stopped_is_not_started_again_at_once_and_hours_are_shared(loaded: LoadedSite) -> None:
    """Loads that swing every half hour: at least 20 min from start to start of each machine, and not more than 3 starts in any hour."""
    bench = Bench(loaded, sensors(2000.0))
    starts: dict[int, list[float]] = {i: [] for i in range(5)}
    last = bench.commands.chiller_on
    for half_hour in range(48):
        bench.seen.update(sensors(4700.0 if half_hour % 2 else 900.0))
        for i, c in enumerate(bench.scan_for(1800)):
            for m in np.flatnonzero(c.chiller_on > last):
                starts[int(m)].append(half_hour * 1800.0 + i * SCAN_S)
            last = c.chiller_on
    assert sum(len(s) for s in starts.values()) > 20
    assert all(b - a >= 1200.0 for times in starts.values() for a, b in pairwise(times))
    assert all(d - a >= 3600.0 for times in starts.values() for a, d in zip(times, times[3:], strict=False))
    assert sum(bench.bas.start_counts.values()) == sum(len(s) for s in starts.values())
    assert max(len(s) for s in starts.values()) - min(len(s) for s in starts.values()) <= 0.5 * max(len(s) for s in starts.values())


def test_the_lead_goes_to_the_machine_with_the_fewest_hours(loaded: LoadedSite) -> None:
    bench = Bench(loaded, sensors(3300.0))
    assert bench.running() == ["ch-1", "ch-2", "ch-3"]
    bench.seen.update(sensors(5300.0))
    bench.scan_for(5400)
    assert set(bench.running()) == set(MACHINES)
    bench.seen.update(sensors(1000.0))
    bench.scan_for(4 * 3600)
    assert len(bench.running()) == 1
    assert bench.running()[0] in ("ch-4", "ch-5")


def test_a_tripped_machine_is_replaced_and_stays_out_until_it_is_given_back(loaded: LoadedSite) -> None:
    bench = Bench(loaded, sensors(3300.0))
    bench.seen["ch-2.machine_state"] = float(MachineState.FAILED)
    bench.scan_for(10)
    assert bench.commands.chiller_on[1] == 0.0
    assert bench.state("ch-4.machine_state") == MachineState.STARTING
    bench.scan_for(900)
    assert bench.running() == ["ch-1", "ch-3", "ch-4"]
    assert bench.state("ch-2.machine_state") == MachineState.FAILED
    del bench.seen["ch-2.machine_state"]
    bench.scan_for(60)
    assert bench.state("ch-2.machine_state") == MachineState.FAILED
    bench.bas.lock_out("ch-2", False)
    bench.scan_for(60)
    assert bench.state("ch-2.machine_state") == MachineState.OFF


def test_a_locked_out_machine_is_skipped(loaded: LoadedSite) -> None:
    bench = Bench(loaded, sensors(3300.0))
    bench.bas.lock_out("ch-4", True)
    bench.seen.update(sensors(5000.0))
    bench.scan_for(7200)
    assert bench.running() == ["ch-1", "ch-2", "ch-3", "ch-5"]
    assert bench.state("ch-4.machine_state") == MachineState.LOCKED_OUT


def test_no_flow_is_a_failed_start(loaded: LoadedSite) -> None:
    bench = Bench(loaded, sensors(2300.0))
    bench.seen.update(sensors(2700.0))
    bench.seen["ch-3.evaporator_flow_kgs"] = 2.0
    bench.scan_for(3600)
    assert bench.state("ch-3.machine_state") == MachineState.FAILED
    assert "ch-4" in bench.running()


def test_pumps_follow_flow_and_low_differential_pressure(loaded: LoadedSite) -> None:
    bench = Bench(loaded, sensors(3300.0))
    bench.seen["plant.chw_flow_kgs"] = 60.0  # 0.43 of design: two of four
    bench.scan_for(3600)
    assert bench.state("chwp.running_count") == 2
    bench.seen["plant.chw_flow_kgs"] = 100.0  # 0.71 <= 3/4 - 0.03
    bench.scan_for(3600)
    assert bench.state("chwp.running_count") == 3
    bench.seen["plant.chw_dp_kpa"] = 138.0
    bench.scan_for(400)
    assert bench.state("chwp.running_count") == 4


def test_economiser_goes_in_line_when_the_return_is_warmer_than_predicted(loaded: LoadedSite) -> None:
    bench = Bench(loaded, sensors(3300.0, wetbulb_c=20.0))
    assert bench.state("wse.economiser_state") == EconomiserState.OFF
    bench.seen.update(sensors(3300.0, wetbulb_c=4.0))  # predicted 4 + 3.9 + 2*0.71 + 0.25*21.6 = 14.7, lift allows 16; return 17.9
    bench.scan_for(10)
    assert bench.state("wse.economiser_state") == EconomiserState.PARTIAL
    assert bench.commands.economiser == 1.0
    assert bench.commands.cws_setpoint_c < 15.6


def test_economiser_off_when_it_gives_nothing_but_not_before_twenty_minutes(loaded: LoadedSite) -> None:
    bench = Bench(loaded, sensors(3300.0, wetbulb_c=4.0))
    bench.scan_for(5)
    assert bench.state("wse.economiser_state") == EconomiserState.PARTIAL
    states = []
    for _ in range(240):
        bench.scan_for(5)
        states.append(bench.state("wse.economiser_state"))
    assert states.index(EconomiserState.OFF) * SCAN_S == pytest.approx(1190.0, abs=10.0)
    bench.scan_for(1100)
    assert bench.state("wse.economiser_state") == EconomiserState.OFF
    bench.scan_for(200)
    assert bench.state("wse.economiser_state") == EconomiserState.PARTIAL  # the return is still warmer than predicted


def test_free_cooling_stops_the_chillers_and_gives_them_back_when_it_cannot_hold(loaded: LoadedSite) -> None:
    bench = Bench(loaded, sensors(3300.0, wetbulb_c=4.0))
    cold = sensors(3300.0, wetbulb_c=-5.0)
    cold["wse.heat_kw"] = 3250.0
    bench.seen.update(cold)
    assert len(bench.running()) == 3
    bench.scan_for(3 * 3600)
    assert bench.state("wse.economiser_state") == EconomiserState.FULL
    assert bench.running() == []
    assert bench.commands.cw_pump_count == 0
    assert bench.commands.tower_on.sum() >= 2  # the economiser's own water
    bench.seen["plant.chws_temp_c"] = 12.0
    bench.scan_for(1800)
    assert bench.state("wse.economiser_state") == EconomiserState.PARTIAL
    assert len(bench.running()) >= 1
    bench.scan_for(1700)
    assert bench.state("wse.economiser_state") == EconomiserState.PARTIAL  # a lost attempt is not repeated within the hour


def test_after_free_cooling_the_machines_that_the_load_needs_begin_together(loaded: LoadedSite) -> None:
    bench = Bench(loaded, sensors(3300.0, wetbulb_c=-5.0))
    assert bench.running() == []
    bench.seen["plant.chws_temp_c"] = 15.5
    bench.scan_for(130 + 300 + 60)
    assert len(bench.running()) == 3  # 3300 kW at 85 % of 1407 kW each


def test_an_exchanger_that_warms_the_water_leaves_the_line_at_once(loaded: LoadedSite) -> None:
    bench = Bench(loaded, sensors(3300.0, wetbulb_c=4.0))
    assert bench.state("wse.economiser_state") == EconomiserState.PARTIAL
    bench.seen["wse.chws_temp_c"] = bench.seen["plant.chwr_temp_c"] + 1.0
    bench.scan_for(130)
    assert bench.state("wse.economiser_state") == EconomiserState.OFF


def test_a_cold_start_in_winter_finds_free_cooling_at_work(loaded: LoadedSite) -> None:
    bench = Bench(loaded, sensors(3300.0, wetbulb_c=-5.0))
    assert bench.state("wse.economiser_state") == EconomiserState.FULL
    assert bench.running() == []
    assert bench.commands.economiser == 1.0


def test_free_cooling_colds_the_towers_when_supply_is_warm_and_never_below_freeze_protection(loaded: LoadedSite) -> None:
    bench = Bench(loaded, sensors(3300.0, wetbulb_c=-5.0))
    start_c = bench.commands.cws_setpoint_c
    bench.seen["plant.chws_temp_c"] = 10.8
    bench.scan_for(600)
    assert bench.commands.cws_setpoint_c < start_c
    bench.scan_for(7200)
    assert bench.commands.cws_setpoint_c >= 7.0


def test_more_cells_than_pumps_run_where_their_water_wets_them(loaded: LoadedSite) -> None:
    bench = Bench(loaded, sensors(2000.0))
    assert bench.commands.cw_pump_count == 2
    assert bench.commands.tower_on.sum() == 4  # 136.2 kg/s over cells that take at least 34


def test_dead_sensors_freeze_sequences_and_stop_nothing(loaded: LoadedSite) -> None:
    bench = Bench(loaded, sensors(3300.0))
    running = bench.running()
    bench.seen.clear()
    bench.scan_for(7200)
    assert bench.running() == running
    assert bench.commands.tower_fan_high > 0.0


def test_sites_without_chillers_or_without_halls_work(loaded: LoadedSite) -> None:
    bare: Site = replace(loaded.site, chiller=(), tower=(), pump=(), economiser=())
    commands = Bas(bare, loaded.points).scan(START_S, sensors(3300.0))
    assert commands.plants[0].chiller_on.shape == (0,)
    assert commands.plants[0].tower_on.shape == (0,)
    hall_less = replace(loaded.site, hall=())
    commands = Bas(hall_less, Points(())).scan(START_S, {"plant.chw_flow_kgs": 100.0, "plant.chwr_temp_c": 18.0})
    assert commands.crah_fan_share.shape == (0,)
    assert commands.plants[0].chiller_on.sum() == 3  # 100 * 4.186 * 8 = 3349 kW
    empty = replace(loaded.site, hall=(), plant=(), chiller=(), tower=(), pump=(), economiser=())
    assert Bas(empty, Points(())).scan(START_S, {}).plants == ()


def test_two_runs_are_the_same(loaded: LoadedSite) -> None:
    def run() -> list[tuple[float, ...]]:
        bench = Bench(loaded, sensors(2300.0))
        bench.seen.update(sensors(2700.0))
        return [(*c.chiller_on, *c.chiller_valve, c.tower_fan_high, c.chw_flow_min_kgs) for c in bench.scan_for(1800)]

    assert run() == run()
