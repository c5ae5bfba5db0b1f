"""Registers are written on change and within their budget; a cautious write never waits."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from safety.limits import Limits, RegisterLimits
from safety.wear import WearLedger, booked, choose_writes, tokens

CHWS, FAN = "plant.chws_setpoint_c", "hall-a.crah_fan_setpoint_pct"
WORN = Limits({}, registers={CHWS: RegisterLimits(0.1, True)})
VOLATILE = Limits({}, registers={CHWS: RegisterLimits(0.1, False), FAN: RegisterLimits(1.0, False)})
EMPTY = WearLedger(bucket={CHWS: (0.0, 0.0)})


def writes(value, last, limits=VOLATILE, ledger=None, at_s=0.0, name=CHWS):
    requested = {} if last is None else {name: last}
    return name in choose_writes({name: value}, requested, ledger or WearLedger(), limits, at_s)[0]


@pytest.mark.parametrize(
    ("value", "last", "written"),
    [
        (12.0, None, True),
        (12.0, math.nan, True),
        (12.0, 12.0, False),
        (12.09, 12.0, False),
        (12.125, 12.0, True),
        (11.99, 12.0, True),
        (math.nan, 12.0, False),
        (math.inf, None, False),
    ],
)
def test_on_change_with_a_deadband_and_more_cooling_at_once(value, last, written):
    assert writes(value, last) is written


def test_the_deadband_itself_is_a_change():
    assert writes(12.5, 12.0, Limits({}, registers={CHWS: RegisterLimits(0.5, False)}))
    assert not writes(12.4, 12.0, Limits({}, registers={CHWS: RegisterLimits(0.5, False)}))


def test_more_cooling_is_up_for_a_fan():
    assert writes(60.1, 60.0, name=FAN)
    assert not writes(59.9, 60.0, name=FAN)
    assert writes(59.0, 60.0, name=FAN)


def test_an_unknown_register_wears():
    assert not writes(13.0, 12.0, Limits({}), EMPTY)
    assert writes(13.0, 12.0, Limits({}), WearLedger())
    assert writes(5.0, 4.0, Limits({}), WearLedger(bucket={"plant.odd_c": (0.0, 0.0)}), name="plant.odd_c")


def test_three_relaxing_writes_and_then_one_in_53_minutes():
    ledger, value, times = WearLedger(), 12.0, []
    requested = {CHWS: value}
    for cycle in range(60):
        value += 0.2
        chosen, ledger = choose_writes({CHWS: value}, requested, ledger, WORN, cycle * 300.0)
        if chosen:
            requested = dict(chosen)
            times.append(cycle * 5)
    assert times[:5] == [0, 5, 10, 55, 110]
    assert ledger.writes[CHWS] == len(times) == 8


def test_a_cautious_write_never_waits_and_is_booked():
    assert writes(11.95, 12.0, WORN, EMPTY)
    chosen, ledger = choose_writes({CHWS: 11.0}, {CHWS: 12.0}, EMPTY, WORN, 0.0)
    assert chosen == {CHWS: 11.0}
    assert ledger == WearLedger({CHWS: 1}, {CHWS: (-1.0, 0.0)})
    assert writes(11.0, 12.0, WORN, WearLedger({CHWS: 100_000}))


def test_at_the_end_of_its_life_a_register_is_written_for_cooling_only():
    assert writes(13.0, 12.0, WORN, WearLedger({CHWS: 99_999}))
    assert not writes(13.0, 12.0, WORN, WearLedger({CHWS: 100_000}))
    assert writes(13.0, 12.0, VOLATILE, WearLedger({CHWS: 10**9}))


@pytest.mark.parametrize(("left", "at_s", "now"), [(0.0, 3600.0, 1.14), (0.0, -3600.0, 0.0), (2.9, 3600.0, 3.0), (-1.0, 0.0, -1.0), (1.0, 1800.0, 1.57)])
def test_tokens_fill_by_the_hour(left, at_s, now):
    assert tokens(WearLedger(bucket={CHWS: (left, 0.0)}), CHWS, at_s) == pytest.approx(now)
    assert tokens(WearLedger(), CHWS, at_s) == 3.0


@pytest.mark.parametrize(("left", "written"), [(1.0, True), (0.99, False)])
def test_a_write_costs_a_token(left, written):
    assert writes(13.0, 12.0, WORN, WearLedger(bucket={CHWS: (left, 0.0)})) is written


def test_hand_backs_are_booked():
    ledger = booked(WearLedger(), [CHWS, FAN], VOLATILE, 5.0)
    assert ledger == WearLedger({CHWS: 1, FAN: 1}, {})
    assert booked(ledger, [CHWS], WORN, 5.0) == WearLedger({CHWS: 2, FAN: 1}, {CHWS: (2.0, 5.0)})
    adapter = TypeAdapter(WearLedger)
    assert adapter.validate_json(adapter.dump_json(ledger)) == ledger


numbers = st.floats()


@given(st.dictionaries(st.sampled_from([CHWS, FAN, "x"]), numbers), st.dictionaries(st.sampled_from([CHWS, FAN]), numbers), numbers, numbers, numbers)
def test_any_input_gives_a_choice_of_what_was_permitted(permitted, requested, left, since_s, at_s):
    chosen, ledger = choose_writes(permitted, requested, WearLedger(bucket={CHWS: (left, since_s)}), WORN, at_s)
    assert chosen.items() <= permitted.items()
    assert set(ledger.writes) == set(chosen)
    if math.isfinite(permitted.get(CHWS, math.nan)) and permitted[CHWS] < requested.get(CHWS, math.inf):
        assert CHWS in chosen
