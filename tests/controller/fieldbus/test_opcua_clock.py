"""Times that values carry: what is believed of them, and when they show a wrong clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from asyncua import ua
from structlog.testing import capture_logs

from controller.fieldbus.opcua_clock import ClockWatch, believed_s, stated_s
from controller.fieldbus.opcua_values import reading
from safety.records import Status
from tests.controller.fieldbus.opcua_server import INLET

NOW_S = datetime(2026, 6, 1, 12, tzinfo=UTC).timestamp()


@pytest.mark.parametrize("stamp", [None, datetime(1601, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC), "now"])
def test_what_cannot_be_a_time_is_none(stamp: object) -> None:
    assert stated_s(stamp) is None


def test_times_are_utc_with_or_without_saying_so() -> None:
    assert stated_s(datetime(2026, 6, 1, 12)) == stated_s(datetime(2026, 6, 1, 12, tzinfo=UTC)) == NOW_S


def test_a_day_ahead_is_not_believed() -> None:
    assert believed_s(NOW_S + 3600.0, NOW_S) == NOW_S + 3600.0
    assert believed_s(NOW_S + 90_000.0, NOW_S) is None


@pytest.mark.parametrize("ahead_s", [-1e9, -100.0, 0.0, 100.0, 1e9])
def test_no_stamp_changes_quality_or_age(ahead_s: float) -> None:
    stamp = datetime.fromtimestamp(NOW_S, UTC) + timedelta(seconds=ahead_s)
    raw = reading(INLET, ua.DataValue(ua.Variant(21.0, ua.VariantType.Float), SourceTimestamp=stamp), NOW_S)  # type: ignore[arg-type]
    assert (raw.value, raw.status, raw.age_s) == (21.0, Status.GOOD, 0.0)


def watched(*looks: tuple[float, dict[str, float]]) -> tuple[ClockWatch, list[str]]:
    watch = ClockWatch("opc.tcp://host:4840/")
    with capture_logs() as logs:
        for at_s, stamps in looks:
            watch.look([(signal, NOW_S + stamp_s) for signal, stamp_s in stamps.items()], NOW_S + at_s)
    return watch, [entry["event"] for entry in logs]


def test_values_that_do_not_change_say_nothing() -> None:
    watch, events = watched((0, {"a": -1e6}), (10, {"a": -1e6}), (600, {"a": -1e6}))
    assert (watch.skew_s, watch.notice, events) == (0.0, "", [])


def test_a_server_that_is_ahead_is_told_once() -> None:
    watch, events = watched((0, {"a": 100}), (10, {"a": 110}), (20, {"a": 120}))
    assert watch.skew_s == pytest.approx(100.0)
    assert watch.notice == "the clock of opc.tcp://host:4840/ is at least 100 s ahead of ours"
    assert events == ["opcua_clock_skew"]


def test_a_server_that_is_behind_is_told_from_values_that_changed_before_the_last_look() -> None:
    watch, _ = watched((0, {"a": -3600}), (10, {"a": -3595}), (20, {"a": -3585}))
    assert watch.skew_s == pytest.approx(-3595.0)
    assert "behind ours" in watch.notice


def test_a_slow_look_is_no_slow_clock() -> None:
    watch, events = watched((0, {"a": -1}), (300, {"a": 5}), (600, {"a": 310}))
    assert (watch.skew_s, events) == (0.0, [])


def test_one_wrong_stamp_among_right_ones_is_not_the_clock() -> None:
    watch, _ = watched((0, {"a": 0, "b": 0}), (10, {"a": 9, "b": -1e7}), (20, {"a": 19, "b": 5000}))
    assert watch.skew_s == 0.0


def test_a_clock_that_was_set_right_is_forgiven() -> None:
    watch, events = watched((0, {"a": 100}), (10, {"a": 110}), (20, {"a": 19}))
    assert (watch.notice, events) == ("", ["opcua_clock_skew", "opcua_clock_agrees"])


def test_thirty_seconds_are_allowed() -> None:
    watch, _ = watched((0, {"a": 30}), (10, {"a": 40}), (20, {"a": 50}))
    assert watch.notice == ""
