"""The memory of a hall's hottest inlet: what is hot for how long, how fast it moves, and that a missing reading is not a cool one."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from safety.limits import HallLimits, Limits
from safety.records import InletTrend, Measurements
from safety.trends import Trends, hottest_inlet_c, inlets, inlets_of, trend_of, update

HALL = HallLimits("h", "p", ("h-r01", "h-r02"))
LIMITS = Limits({}, halls=(HALL,))


def run(*samples):
    memory = Trends()
    for at_s, inlet_c in samples:
        values = {} if inlet_c is None else {"h.rack_inlet_max_c": inlet_c}
        memory = update(memory, Measurements(at_s, values), LIMITS)
    return memory


@pytest.mark.parametrize(
    ("measured", "hottest"),
    [
        ({"h.rack_inlet_max_c": 24.0, "h-r01.rack_inlet_c": 23.0}, 24.0),
        ({"h.rack_inlet_max_c": 24.0, "h-r01.rack_inlet_c": 25.0}, 25.0),
        ({"h.rack_inlet_max_c": 24.0}, 24.0),
        ({"h-r01.rack_inlet_c": 23.0, "h-r02.rack_inlet_c": 25.0}, 25.0),
        ({"h-r01.rack_inlet_c": 23.0}, None),
        ({"h-r01.rack_inlet_c": 23.0, "h-r02.rack_inlet_c": math.nan}, None),
        ({"h.rack_inlet_max_c": math.inf}, None),
        ({}, None),
    ],
)
def test_the_hottest_inlet_is_known_or_it_is_not(measured, hottest):
    assert hottest_inlet_c(HALL, measured) == hottest


def test_a_hall_without_rows_stands_on_its_own_reading():
    assert inlets_of(HallLimits("h", None), {"h.rack_inlet_max_c": 24.0}) == (24.0,)
    assert hottest_inlet_c(HallLimits("h", None), {"h.rack_inlet_max_c": 24.0}) == 24.0
    assert hottest_inlet_c(HallLimits("h", None), {}) is None


def test_rate_rise_and_fall_over_a_quarter_of_an_hour():
    memory = run((0, 22.0), (300, 23.0), (600, 24.0), (900, 25.0))
    assert trend_of(memory, "h", 900) == InletTrend(0.0, pytest.approx(12.0), 3.0, 0.0)
    memory = run((0, 25.0), (300, 26.0), (600, 23.0), (900, 24.0))
    assert trend_of(memory, "h", 900) == InletTrend(0.0, pytest.approx(-7.2), 1.0, 2.0)


def test_what_is_older_than_a_quarter_of_an_hour_does_not_count():
    memory = run((0, 15.0), (1, 22.0), (451, 22.0), (901, 22.0))
    assert trend_of(memory, "h", 901) == InletTrend(0.0, pytest.approx(0.0), 0.0, 0.0)
    assert trend_of(run((0, 15.0), (450, 22.0), (900, 22.0)), "h", 900).rise_k == 7.0


def test_a_rate_needs_four_minutes():
    assert trend_of(run((0, 22.0)), "h", 0) == InletTrend(0.0, None, 0.0, 0.0)
    assert trend_of(run((0, 22.0), (239, 23.0)), "h", 239).rate_k_per_h is None
    assert trend_of(run((0, 22.0), (240, 23.0)), "h", 240).rate_k_per_h == pytest.approx(15.0)


def test_a_cycle_of_a_quarter_of_an_hour_and_more_still_has_a_rate():
    assert trend_of(run((0, 22.0), (1000, 23.0), (2000, 25.0)), "h", 2000) == InletTrend(0.0, pytest.approx(7.2), 2.0, 0.0)
    assert trend_of(run((0, 22.0), (1800, 23.0)), "h", 1800).rate_k_per_h == pytest.approx(2.0)
    assert trend_of(run((0, 22.0), (1801, 23.0)), "h", 1801).rate_k_per_h is None


def test_hot_is_counted_from_the_first_sample_above():
    memory = run((0, 26.0), (300, 27.1), (600, 28.0))
    assert trend_of(memory, "h", 600).hot_for_s == 300.0
    assert trend_of(memory, "h", 650).hot_for_s == 350.0
    assert trend_of(run((0, 28.0), (300, 27.0)), "h", 300).hot_for_s == 0.0


def test_an_unknown_inlet_ends_nothing_and_says_nothing_once_it_is_old():
    memory = run((0, 28.0), (300, None), (600, 28.0))
    assert trend_of(memory, "h", 600).hot_for_s == 600.0
    memory = run((0, 28.0), (300, 28.0), (600, None))
    assert len(memory.samples["h"]) == 2
    assert inlets(memory, 600).keys() == {"h"}
    assert inlets(memory, 2101) == {}
    assert inlets(Trends(), 0) == {}
    assert inlets(run((0, None)), 0) == {}
    assert trend_of(Trends(), "x", 0) is None


def test_time_that_runs_backwards_forgets_the_future():
    memory = run((0, 22.0), (900, 28.0), (300, 29.0))
    assert memory.samples["h"] == ((0, 22.0), (300, 29.0))
    assert memory.hot_since_s["h"] == 300
    assert run((300, 22.0), (300, 23.0)).samples["h"] == ((300, 23.0),)


def test_a_hall_that_is_gone_is_forgotten():
    assert update(run((0, 28.0)), Measurements(1.0, {}), replace(LIMITS, halls=())) == Trends()


@given(st.lists(st.tuples(st.floats() | st.integers(0, 4000), st.none() | st.floats()), max_size=12), st.floats())
def test_any_history_gives_a_trend_or_none(samples, at_s):
    memory = run(*samples)
    for trend in inlets(memory, at_s).values():
        assert trend.rise_k >= 0.0
        assert trend.fall_k >= 0.0


def test_the_memory_survives_json():
    memory = run((0, 28.0), (300, 28.0))
    adapter = TypeAdapter(Trends)
    assert adapter.validate_json(adapter.dump_json(memory)) == memory
