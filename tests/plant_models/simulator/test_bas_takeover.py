"""The lease and the hand-over of setpoints: requests are followed while a heart beats, and given back bumplessly when it stops."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plant_models.simulator.bas import Bas
from plant_models.site.load import LoadedSite, load_site
from safety.signals import Authority

ROOT = Path(__file__).parents[3]
SCAN_S = 5.0
START_S = 1_752_555_600.0
CHWS = "plant.chws_setpoint_c"
FAN = "hall-a.crah_fan_setpoint_pct"
CWS = "plant.cws_setpoint_c"
SEEN = {
    "plant.chws_temp_c": 10.0,
    "plant.chwr_temp_c": 18.0,
    "plant.chw_flow_kgs": 100.0,
    "plant.chw_dp_kpa": 150.0,
    "plant.cws_temp_c": 24.0,
    "plant.cwr_temp_c": 29.0,
    "hall-a.it_load_kw": 3300.0,
    "hall-a.rack_inlet_max_c": 24.0,
    "weather.oa_wetbulb_c": 20.5,
}


@pytest.fixture(scope="module")
def loaded() -> LoadedSite:
    return load_site(ROOT / "config/reference-a", {})


class Bench:
    """Scans a BAS and beats its heart."""

    def __init__(self, loaded: LoadedSite) -> None:
        self.bas = Bas(loaded.site, loaded.points)
        self.now_s = START_S
        self.beat = 0
        self.seen = dict(SEEN)
        self.bas.scan(self.now_s, self.seen)

    def scans(self, count: int, beating: bool) -> list[dict[str, float]]:
        history = []
        for _ in range(count):
            self.now_s += SCAN_S
            if beating:
                self.beat += 1
                self.bas.write("daemon.heartbeat", self.beat)
            self.bas.scan(self.now_s, self.seen)
            history.append({s: self.bas.read(f"{s}.effective") or 0.0 for s in (CHWS, FAN, CWS)})
        return history

    def authority(self, setpoint: str) -> float | None:
        return self.bas.read(f"{setpoint}.authority")


def test_a_request_without_a_heartbeat_changes_nothing(loaded: LoadedSite) -> None:
    bench = Bench(loaded)
    bench.bas.write(f"{CHWS}.request", 14.0)
    assert bench.scans(200, beating=False)[-1][CHWS] == 10.0
    assert bench.authority(CHWS) == Authority.LOCAL


def test_one_move_of_the_heartbeat_is_not_enough_two_are(loaded: LoadedSite) -> None:
    bench = Bench(loaded)
    bench.scans(1, beating=True)
    assert bench.authority(CHWS) == Authority.LOCAL
    bench.scans(1, beating=True)
    assert bench.authority(CHWS) == Authority.REMOTE


def test_a_request_is_reached_by_a_ramp_from_what_was_in_use(loaded: LoadedSite) -> None:
    bench = Bench(loaded)
    bench.bas.write(f"{CHWS}.request", 11.0)
    course = [10.0, *(row[CHWS] for row in bench.scans(200, beating=True))]
    steps = [b - a for a, b in pairwise(course)]
    assert max(steps) <= 0.1 * SCAN_S / 60.0 + 1e-9
    assert course[-1] == pytest.approx(11.0)
    rising = [i for i, step in enumerate(steps) if step > 0]
    assert len(rising) == pytest.approx(1.0 / 0.1 * 60.0 / SCAN_S, abs=1)


def test_a_stopped_heart_gives_back_at_the_first_scan_a_timeout_later(loaded: LoadedSite) -> None:
    bench = Bench(loaded)
    bench.scans(10, beating=True)
    bench.scans(5, beating=False)  # 25 s
    assert bench.authority(CHWS) == Authority.REMOTE
    bench.scans(1, beating=False)  # 30 s
    assert bench.authority(CHWS) == Authority.LOCAL


def test_after_a_timeout_own_setpoints_are_reached_at_the_slower_of_both_rates(loaded: LoadedSite) -> None:
    bench = Bench(loaded)
    bench.bas.write(f"{CHWS}.request", 12.0)
    bench.bas.write(f"{FAN}.request", 60.0)
    before = bench.scans(400, beating=True)[-1]
    assert before[CHWS] == pytest.approx(12.0)
    assert before[FAN] == pytest.approx(60.0)
    course = [before, *bench.scans(300, beating=False)]
    for a, b in pairwise(course):
        assert a[CHWS] - b[CHWS] <= 0.1 * SCAN_S / 60.0 + 1e-9
        assert b[FAN] - a[FAN] <= 5.0 * SCAN_S / 60.0 + 1e-9
    assert course[-1][CHWS] == pytest.approx(10.0)
    assert course[-1][FAN] == pytest.approx(90.0)


def test_a_lease_on_the_way_back_has_its_own_rates_again_and_so_has_a_bas_that_arrived(loaded: LoadedSite) -> None:
    bench = Bench(loaded)
    bench.bas.write(f"{FAN}.request", 60.0)
    bench.scans(400, beating=True)
    assert bench.scans(42, beating=False)[-1][FAN] == pytest.approx(60.0 + 5.0 * 37 * SCAN_S / 60.0), "it came back for 37 scans"
    bench.bas.write(f"{FAN}.request", 88.0)
    assert bench.scans(3, beating=True)[-1][FAN] == pytest.approx(88.0), "a live lease is followed up at once"
    bench.scans(60, beating=False)
    bench.seen["hall-a.rack_inlet_max_c"] = 30.5
    assert bench.scans(2, beating=False)[-1][FAN] == 100.0, "a hot hall waits for nothing"


def test_an_old_request_is_not_followed_when_a_heartbeat_comes_back(loaded: LoadedSite) -> None:
    bench = Bench(loaded)
    bench.bas.write(f"{CHWS}.request", 12.0)
    bench.scans(100, beating=True)
    bench.scans(200, beating=False)
    assert bench.bas.read(f"{CHWS}.request") == 10.0
    assert bench.scans(200, beating=True)[-1][CHWS] == pytest.approx(10.0)
    assert bench.authority(CHWS) == Authority.REMOTE


@pytest.mark.parametrize(("asked", "used"), [(3.0, 6.0), (30.0, 18.0), (-999.0, 6.0)])
def test_a_request_beyond_the_bas_limits_is_followed_as_far_as_the_limit(loaded: LoadedSite, asked: float, used: float) -> None:
    bench = Bench(loaded)
    bench.bas.write(f"{CHWS}.request", asked)
    assert bench.scans(1200, beating=True)[-1][CHWS] == pytest.approx(used)
    assert bench.bas.read(f"{CHWS}.request") == asked


@pytest.mark.parametrize("nonsense", [math.nan, math.inf, -math.inf])
def test_a_request_that_is_not_a_number_changes_nothing(loaded: LoadedSite, nonsense: float) -> None:
    bench = Bench(loaded)
    bench.bas.write(f"{CHWS}.request", 11.0)
    bench.bas.write(f"{CHWS}.request", nonsense)
    assert bench.scans(300, beating=True)[-1][CHWS] == pytest.approx(11.0)


def test_hand_wins_over_a_live_lease_and_returns_without_a_bump(loaded: LoadedSite) -> None:
    bench = Bench(loaded)
    bench.bas.write(f"{CHWS}.request", 12.0)
    bench.scans(300, beating=True)
    bench.bas.set_hand(CHWS, 9.0)
    in_hand = bench.scans(300, beating=True)
    assert bench.authority(CHWS) == Authority.HAND
    assert bench.authority(FAN) == Authority.REMOTE
    assert in_hand[-1][CHWS] == pytest.approx(9.0)
    bench.bas.set_hand(CHWS, None)
    back = bench.scans(1, beating=True)
    assert abs(back[0][CHWS] - 9.0) <= 0.1 * SCAN_S / 60.0 + 1e-9
    assert bench.authority(CHWS) == Authority.REMOTE


def test_own_condenser_water_follows_the_wet_bulb_within_its_range(loaded: LoadedSite) -> None:
    bench = Bench(loaded)
    assert bench.bas.read(f"{CWS}.effective") == pytest.approx(24.0)  # 20.5 + 3.5
    bench.seen["weather.oa_wetbulb_c"] = 2.0
    assert bench.scans(400, beating=False)[-1][CWS] == pytest.approx(15.6)
    bench.seen["weather.oa_wetbulb_c"] = 28.0
    assert bench.scans(800, beating=False)[-1][CWS] == pytest.approx(29.4)
    del bench.seen["weather.oa_wetbulb_c"]
    assert bench.scans(10, beating=False)[-1][CWS] == pytest.approx(29.4)


def test_a_second_owner_is_locked_out_until_the_lease_lapses(loaded: LoadedSite) -> None:
    bench = Bench(loaded)
    bench.bas.write("daemon.owner_id", 7)
    bench.scans(5, beating=True)
    bench.bas.write("daemon.owner_id", 8)
    assert bench.bas.read("daemon.owner_id") == 7
    bench.scans(7, beating=False)
    assert bench.bas.read("daemon.owner_id") == 0
    bench.bas.write("daemon.owner_id", 8)
    assert bench.bas.read("daemon.owner_id") == 8


def test_writing_no_owner_hands_back_at_once(loaded: LoadedSite) -> None:
    bench = Bench(loaded)
    bench.bas.write("daemon.owner_id", 7)
    bench.scans(5, beating=True)
    bench.bas.write("daemon.owner_id", 0)
    bench.scans(1, beating=False)
    assert bench.authority(CHWS) == Authority.LOCAL


def test_a_hot_hall_gets_full_fans_whatever_is_asked_and_until_it_is_cool(loaded: LoadedSite) -> None:
    bench = Bench(loaded)
    bench.bas.write(f"{FAN}.request", 50.0)
    bench.scans(300, beating=True)
    bench.seen["hall-a.rack_inlet_max_c"] = 30.5
    hot = bench.scans(12, beating=True)
    assert hot[-1][FAN] == 100.0
    assert bench.authority(FAN) == Authority.LOCAL
    bench.seen["hall-a.rack_inlet_max_c"] = 28.0
    assert bench.scans(100, beating=True)[-1][FAN] == 100.0
    bench.seen["hall-a.rack_inlet_max_c"] = 26.0
    cool = bench.scans(300, beating=True)
    assert cool[59][FAN] == 100.0  # 5 min
    assert cool[-1][FAN] == pytest.approx(50.0)
    assert bench.authority(FAN) == Authority.REMOTE


def test_fans_keep_at_least_thirty_percent(loaded: LoadedSite) -> None:
    bench = Bench(loaded)
    bench.bas.write(f"{FAN}.request", 0.0)
    for _ in range(300):
        bench.scans(1, beating=True)
    commands = bench.bas.scan(bench.now_s + SCAN_S, bench.seen)
    assert commands.crah_fan_share[0] == pytest.approx(0.3)


def test_heartbeat_and_clock_are_served_and_unknown_signals_refused(loaded: LoadedSite) -> None:
    bench = Bench(loaded)
    first = bench.bas.read("bas.heartbeat")
    bench.scans(1, beating=False)
    assert bench.bas.read("bas.heartbeat") == (first or 0.0) + 1
    assert bench.bas.read("bas.clock_s") == bench.now_s
    for signal in ("plant.chws_temp_c", "nobody.heartbeat", "plant.chws_setpoint_c", "plant.chws_setpoint_c.wish"):
        with pytest.raises(KeyError):
            bench.bas.read(signal)
        with pytest.raises(KeyError):
            bench.bas.write(signal, 1.0)
    with pytest.raises(KeyError):
        bench.bas.write(f"{CHWS}.effective", 8.0)


def test_every_own_signal_is_readable_and_covers_the_points_that_are_no_sensors(loaded: LoadedSite) -> None:
    bench = Bench(loaded)
    for signal in bench.bas.signals:
        assert bench.bas.read(signal) is not None
    states = {p.signal for p in loaded.points.rows if p.signal.split(".")[1] in ("machine_state", "running_count", "economiser_state")}
    daemon_and_setpoints = {p.signal for p in loaded.points.rows if p.signal.startswith("daemon.") or "setpoint" in p.signal}
    assert states | daemon_and_setpoints <= bench.bas.signals


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.floats(-50.0, 150.0), st.sampled_from([None, 7.0, 15.0])), min_size=5, max_size=60))
def test_no_change_of_hands_moves_a_setpoint_faster_than_its_rate(loaded: LoadedSite, course: list[tuple[bool, float, float | None]]) -> None:
    bench = Bench(loaded)
    present = bench.bas.read(f"{CHWS}.effective") or 0.0
    for beating, asked, hand in course:
        bench.bas.write(f"{CHWS}.request", asked)
        bench.bas.set_hand(CHWS, hand)
        for row in bench.scans(3, beating):
            assert -0.25 * SCAN_S / 60.0 - 1e-9 <= row[CHWS] - present <= 0.1 * SCAN_S / 60.0 + 1e-9
            assert 6.0 <= row[CHWS] <= 18.0
            present = row[CHWS]


KILL, LOST = "bas.kill_switch_state", "bas.daemon_lost_state"


def test_the_kill_switch_takes_authority_in_one_scan_whatever_beats_and_asks_for_a_fresh_heart_afterwards(loaded: LoadedSite) -> None:
    bench = Bench(loaded)
    bench.bas.write(f"{CHWS}.request", 11.0)
    bench.scans(20, beating=True)
    bench.bas.set_kill_switch(True)
    course = bench.scans(130, beating=True)
    assert bench.bas.read(KILL) == 1.0
    assert bench.authority(CHWS) == Authority.LOCAL
    assert course[-1][CHWS] == pytest.approx(10.0), "the request of before is forgotten"
    assert max(abs(b[CHWS] - a[CHWS]) for a, b in pairwise(course)) <= 0.1 * SCAN_S / 60.0 + 1e-9
    bench.bas.set_kill_switch(False)
    bench.scans(1, beating=False)
    assert bench.authority(CHWS) == Authority.LOCAL
    bench.scans(2, beating=True)
    assert bench.authority(CHWS) == Authority.REMOTE


def test_a_daemon_that_falls_silent_is_an_alarm_until_another_lease_and_one_that_hands_back_is_none(loaded: LoadedSite) -> None:
    bench = Bench(loaded)
    bench.scans(3, beating=True)
    assert bench.bas.read(LOST) == 0.0
    bench.scans(6, beating=False)
    assert bench.bas.read(LOST) == 1.0
    bench.scans(1, beating=True)
    assert bench.bas.read(LOST) == 1.0, "one move is not a heart"
    bench.scans(1, beating=True)
    assert bench.bas.read(LOST) == 0.0
    bench.bas.write("daemon.owner_id", 0.0)
    bench.scans(20, beating=False)
    assert bench.bas.read(LOST) == 0.0
