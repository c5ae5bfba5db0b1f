"""A stage and a pump speed that are asked for: the simulated BAS follows them one machine at a time, and protects its plant all the same."""

from __future__ import annotations

import pytest

from plant_models.simulator.course import Course
from plant_models.site.load import LoadedSite, load_site
from safety.signals import MachineState
from tests.plant_models.simulator.bas_bench import MACHINES, ROOT, Bench, sensors

STAGE, SPEED = "plant.running_setpoint_count", "cwp.speed_setpoint_pct"


@pytest.fixture(scope="module")
def loaded() -> LoadedSite:
    return load_site(ROOT / "config/reference-a", {})


def moving(bench: Bench) -> int:
    return sum(bench.state(f"{m}.machine_state") in (MachineState.STARTING, MachineState.STOPPING) for m in MACHINES)


def test_a_stage_asked_for_is_followed_one_machine_at_a_time(loaded: LoadedSite) -> None:
    bench = Bench(loaded, sensors(2300.0))
    assert len(bench.running()) == 2
    bench.bas.set_hand(STAGE, 4.0)
    most = 0
    for _ in range(60):
        bench.scan_for(60)
        most = max(most, moving(bench))
    assert (len(bench.running()), most) == (4, 1)
    bench.bas.set_hand(STAGE, 3.0)
    bench.scan_for(3600)
    assert len(bench.running()) == 3


def test_a_stage_too_small_for_the_load_is_not_granted(loaded: LoadedSite) -> None:
    bench = Bench(loaded, sensors(3300.0))
    bench.bas.set_hand(STAGE, 1.0)
    bench.scan_for(7200)
    assert len(bench.running()) == 3  # 3300 kW of 3 x 1407 kW x 0.92, 2 machines would carry 2589


def test_after_a_fail_safe_start_no_machine_is_stopped_on_request_for_half_an_hour(loaded: LoadedSite) -> None:
    bench = Bench(loaded, sensors(2300.0))
    bench.bas.set_hand(STAGE, 2.0)
    bench.scan_for(1200)
    bench.seen["plant.chws_temp_c"] = 11.5
    bench.scan_for(1800)
    assert len(bench.running()) == 3
    bench.seen["plant.chws_temp_c"] = 10.0
    bench.scan_for(600)
    assert len(bench.running()) == 3
    bench.scan_for(3600)
    assert len(bench.running()) == 2


def test_condenser_pumps_follow_a_speed_except_while_a_machine_changes(loaded: LoadedSite) -> None:
    bench = Bench(loaded, sensors(2300.0))
    assert bench.commands.cw_pump_speed == 1.0
    bench.bas.set_hand(SPEED, 82.0)
    bench.scan_for(1200)
    assert bench.commands.cw_pump_speed == pytest.approx(0.82)
    bench.bas.set_hand(STAGE, 3.0)
    history = bench.scan_for(1200)
    assert {c.cw_pump_speed for c in history if c.cw_pump_count == 3.0 and not c.chiller_on[2]} == {1.0}
    assert bench.commands.cw_pump_speed == pytest.approx(0.82)


def test_a_stage_of_a_course_is_followed_as_one_that_is_asked_for(loaded: LoadedSite) -> None:
    bench = Bench(loaded, sensors(2300.0))
    bench.bas.follow(Course(bench.now_s, {STAGE: (3.0,)}))
    bench.scan_for(2400)
    assert len(bench.running()) == 3


def test_near_the_highest_lift_condensers_have_all_water(loaded: LoadedSite) -> None:
    bench = Bench(loaded, sensors(2300.0))
    bench.bas.set_hand(SPEED, 82.0)
    bench.seen["plant.cwr_temp_c"] = 10.0 + 24.0  # a kelvin below the machines' 25 K
    bench.scan_for(1200)
    assert bench.commands.cw_pump_speed == 1.0
