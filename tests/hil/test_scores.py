"""Judgements on the course of a run, on courses written by hand."""

from __future__ import annotations

import pytest

from hil.devices.watch import Watch
from hil.scores import Moment, back_under_bas_s, hotter_than_alone_k, last_beat_s, mode_minutes, returned_s, too_fast
from safety.limits import Limits, SetpointLimits
from safety.signals import Authority

CHWS, FAN = "plant.chws_setpoint_c", "hall-a.crah_fan_setpoint_pct"
LIMITS = Limits(setpoints={CHWS: SetpointLimits(5.0, 18.0, 0.12, 0.24), FAN: SetpointLimits(30.0, 100.0, None, 6.0)})


def _moment(at_s: float, *, chws: float = 10.0, fan: float = 90.0, inlet: float = 22.0, mode: float | None = None, remote: bool = False) -> Moment:
    who = Authority.REMOTE if remote else Authority.LOCAL
    return Moment(at_s, mode, inlet, {CHWS: chws, FAN: fan}, {CHWS: who, FAN: Authority.LOCAL})


def test_back_under_the_bas_when_no_setpoint_is_remote_any_more() -> None:
    moments = [_moment(t, remote=t < 40) for t in range(0, 60, 5)]
    assert back_under_bas_s(moments, 10.0) == 30.0
    assert back_under_bas_s(moments[:5], 10.0) is None


def test_the_last_heartbeat_is_the_one_on_the_wire() -> None:
    watch = Watch()
    assert last_beat_s(watch) is None
    for at_s in (5.0, 10.0):
        watch.saw(at_s, "plc", "daemon.heartbeat", at_s)
    assert last_beat_s(watch) == 10.0


@pytest.mark.parametrize(
    ("chws", "fan", "found"),
    [(10.01, 90.0, 0), (10.011, 90.0, 1), (9.98, 90.0, 0), (9.979, 90.0, 1), (10.0, 100.0, 0), (10.0, 89.5, 0), (10.0, 89.4, 1), (11.0, 80.0, 2)],
)
def test_a_step_faster_than_its_rate_is_found_in_either_direction(chws: float, fan: float, found: int) -> None:
    assert len(too_fast([_moment(0), _moment(5, chws=chws, fan=fan)], LIMITS)) == found


def test_returned_is_the_first_moment_after_which_all_stay_at_the_bas_own() -> None:
    alone = [_moment(t) for t in range(0, 50, 5)]
    ours = [_moment(t, chws=c) for t, c in zip(range(0, 50, 5), (12, 12, 10, 12, 11, 10.1, 10.05, 10, 10, 10), strict=True)]
    assert returned_s(ours, alone, 0.0, {CHWS: 0.1, FAN: 0.0}) == 25
    assert returned_s(ours[:5], alone, 0.0, {CHWS: 0.1}) is None


def test_the_inlet_is_held_against_the_take_over_first_and_against_the_bas_alone_after_the_ramp() -> None:
    alone = [_moment(t, inlet=22.0) for t in range(0, 30, 5)]
    ours = [_moment(t, inlet=i) for t, i in zip(range(0, 30, 5), (27.0, 25.0, 25.4, 24.0, 22.3, 22.1), strict=True)]
    assert hotter_than_alone_k(ours, alone, 5.0, 15.0) == pytest.approx(0.4)
    assert hotter_than_alone_k(ours, alone, 5.0, 10.0) == pytest.approx(2.0)
    assert hotter_than_alone_k(ours, alone, 100.0, 100.0) == 0.0


def test_minutes_by_mode_as_told_to_the_bms() -> None:
    minutes = mode_minutes([_moment(0), _moment(60, mode=4.0), _moment(120, mode=0.0), _moment(240, mode=0.0)])
    assert minutes == {"OPTIMISE": 3.0, "PLAN_ONLY": 0.0, "RESET": 0.0, "HOLD": 0.0, "RELEASE": 1.0}
