"""The limits, written a second time by hand, and that a site can only narrow them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from safety.limits import (
    INLET_ALLOWABLE_C,
    INLET_RATE_K_PER_H,
    INLET_RATE_TAPE_K_PER_H,
    MORE_COOLING,
    SETPOINT_DEFAULTS,
    ChillerLimits,
    Direction,
    HallLimits,
    Limits,
    LiquidLimits,
    Narrowed,
    PlantLimits,
    RegisterLimits,
    SetpointLimits,
    Widening,
    narrow,
    narrow_value,
)
from safety.signals import QUANTITIES

BY_HAND = {  # low, high, up per minute, down per minute, sign of more cooling
    "chws_setpoint_c": (5.0, 20.0, 0.1, 0.25, -1),
    "chw_dp_setpoint_kpa": (34.5, 300.0, 15.0, 7.5, 1),
    "cws_setpoint_c": (12.8, 35.0, 0.56, 0.56, -1),
    "crah_supply_setpoint_c": (15.0, 27.0, 0.2, 0.33, -1),
    "crah_fan_setpoint_pct": (30.0, 100.0, None, 5.0, 1),
    "tcs_setpoint_c": (15.0, 50.0, 1.0, 1.0, -1),
    "tcs_dp_setpoint_kpa": (30.0, 620.0, 60.0, 20.0, 1),
    "fws_setpoint_c": (10.0, 50.0, 1.0, 1.0, -1),
    "fan_setpoint_pct": (25.0, 100.0, 20.0, 20.0, 1),
    "speed_setpoint_pct": (30.0, 100.0, 10.0, 10.0, 1),
    "running_setpoint_count": (0.0, 32.0, None, None, 1),
    "humidify_setpoint_c": (-9.0, 15.0, 0.1, 0.1, 0),
    "dehumidify_setpoint_c": (-9.0, 15.0, 0.1, 0.1, 0),
}


def test_the_setpoint_tables_are_what_was_written_twice():
    tables = {name: (s.low, s.high, s.raise_per_min, s.lower_per_min, int(MORE_COOLING.get(name, 0))) for name, s in SETPOINT_DEFAULTS.items()}
    assert tables == BY_HAND
    assert set(MORE_COOLING) == {name for name, row in BY_HAND.items() if row[4]}
    assert set(BY_HAND) == {name for name in QUANTITIES if "setpoint" in name}
    assert [name for name, s in SETPOINT_DEFAULTS.items() if s.off_allowed] == ["fan_setpoint_pct"]
    assert [name for name, s in SETPOINT_DEFAULTS.items() if s.whole] == ["running_setpoint_count"]
    assert not any(s.bands for s in SETPOINT_DEFAULTS.values())


def test_the_defaults_of_hall_chiller_and_plant_are_what_was_written_twice():
    assert dict(INLET_ALLOWABLE_C) == {"A1": 32.0, "A2": 35.0, "A3": 40.0, "A4": 45.0}
    assert (INLET_RATE_K_PER_H, INLET_RATE_TAPE_K_PER_H) == (20.0, 5.0)
    assert HallLimits("h", None) == HallLimits("h", None, (), 27.0, 32.0, 20.0, 5.0, 300.0, 15.0, 60.0, 2.0, False, None, 1.0, 0)
    assert ChillerLimits("c", "p", 8.0, 25.0, 20.0) == ChillerLimits(
        "c", "p", 8.0, 25.0, 20.0, 1.05, 5.0, 4.0, 1.0, 0.1, None, 600.0, 1200.0, 3, 8, 900.0, 900.0, 0.0, 1.05, 2.0
    )
    assert PlantLimits("p") == PlantLimits("p", (), 7.0, False, "", 4.0, None, None, 0, 0.0)
    assert LiquidLimits("h", 40.0, 1.0, 2.0, 0.5) == LiquidLimits("h", 40.0, 1.0, 2.0, 0.5, (), (), {})
    assert Limits({}) == Limits({}, (), (), (), 2.0, "weather.oa_wetbulb_c", 900.0, {}, (), 2.0, {})
    assert RegisterLimits() == RegisterLimits(0.0, True)
    assert SetpointLimits(1.0, 2.0, None, None) == SetpointLimits(1.0, 2.0, None, None, False, (), False)


def test_limits_survive_json(calm):
    adapter = TypeAdapter(Limits)
    assert adapter.validate_json(adapter.dump_json(calm.limits)) == calm.limits


@pytest.mark.parametrize(
    "wrong",
    [
        (2.0, 1.0, None, None, False),
        (math.nan, 1.0, None, None, False),
        (0.0, math.inf, None, None, False),
        (0.0, 1.0, 0.0, None, False),
        (0.0, 1.0, None, -1.0, False),
        (0.0, 1.0, math.nan, None, False),
        (0.0, 1.0, None, math.inf, False),
        (0.0, 1.0, None, None, True),
        (1.0, 9.0, None, None, False, ((0.5, 2.0),)),
        (1.0, 9.0, None, None, False, ((2.0, 9.5),)),
        (1.0, 9.0, None, None, False, ((3.0, 3.0),)),
        (1.0, 9.0, None, None, False, ((2.0, 3.0), (math.nan, 4.0))),
    ],
)
def test_what_would_not_limit_is_refused(wrong):
    with pytest.raises(ValueError, match=r"must be|must rise|low <= high"):
        SetpointLimits(*wrong)


def test_equal_ends_and_an_off_with_a_floor_are_limits():
    assert SetpointLimits(1.0, 1.0, 1e-9, None, True).low == 1.0
    assert SetpointLimits(1.0, 9.0, None, None, False, ((1.0, 2.0), (3.0, 9.0))).bands == ((1.0, 2.0), (3.0, 9.0))


DEFAULT = SetpointLimits(5.0, 20.0, 0.1, None)


def test_a_site_narrows():
    assert narrow(DEFAULT) == Narrowed(DEFAULT, ())
    assert narrow(DEFAULT, 5.0, 20.0, 0.1, 1e6).limits == SetpointLimits(5.0, 20.0, 0.1, 1e6)
    assert narrow(DEFAULT, 7.0, 7.0, 0.05, 0.2) == Narrowed(SetpointLimits(7.0, 7.0, 0.05, 0.2), ())
    assert narrow(SetpointLimits(30.0, 100.0, None, 5.0, True), low=40.0).limits == SetpointLimits(40.0, 100.0, None, 5.0, True)


@pytest.mark.parametrize(
    ("site", "problems"),
    [
        ({"low": 4.9}, (Widening("low", 4.9, "5 .. 20"),)),
        ({"high": 20.1}, (Widening("high", 20.1, "5 .. 20"),)),
        ({"low": 20.1, "high": 4.9}, (Widening("low", 20.1, "5 .. 20"), Widening("high", 4.9, "5 .. 20"), Widening("low", 20.1, "<= high, 4.9"))),
        ({"low": 12.0, "high": 11.0}, (Widening("low", 12.0, "<= high, 11"),)),
        ({"raise_per_min": 0.11}, (Widening("raise_per_min", 0.11, "> 0 and <= 0.1"),)),
        ({"raise_per_min": 0.0}, (Widening("raise_per_min", 0.0, "> 0 and <= 0.1"),)),
        ({"lower_per_min": -1.0}, (Widening("lower_per_min", -1.0, "> 0"),)),
        ({"lower_per_min": math.inf}, (Widening("lower_per_min", math.inf, "> 0"),)),
    ],
)
def test_a_site_that_widens_is_told_so_and_changes_nothing(site, problems):
    assert narrow(DEFAULT, **site) == Narrowed(DEFAULT, problems)


anything = st.none() | st.floats()


@given(anything, anything, anything, anything)
def test_narrowing_never_widens(low, high, up, down):
    narrowed = narrow(DEFAULT, low, high, up, down).limits
    assert 5.0 <= narrowed.low <= narrowed.high <= 20.0
    assert 0.0 < narrowed.raise_per_min <= 0.1
    assert narrowed.lower_per_min is None or 0.0 < narrowed.lower_per_min < math.inf


def test_a_single_number_narrows_to_its_cautious_side_only():
    assert narrow_value("inlet_recommended_c", 27.0, None, Direction.LOWER) == 27.0
    assert narrow_value("inlet_recommended_c", 27.0, 27.0, Direction.LOWER) == 27.0
    assert narrow_value("inlet_recommended_c", 27.0, 26.0, Direction.LOWER) == 26.0
    assert narrow_value("inlet_recommended_c", 27.0, 27.5, Direction.LOWER) == Widening("inlet_recommended_c", 27.5, "<= 27")
    assert narrow_value("dewpoint_margin_k", 2.0, 3.0, Direction.HIGHER) == 3.0
    assert narrow_value("dewpoint_margin_k", 2.0, 1.0, Direction.HIGHER) == Widening("dewpoint_margin_k", 1.0, ">= 2")
    assert narrow_value("dewpoint_margin_k", 2.0, math.inf, Direction.HIGHER) == Widening("dewpoint_margin_k", math.inf, ">= 2")
