"""A lost reading leads down to its rung and no further."""

import math

import pytest

from safety.ladder import CONDITION_OF, Rung, Step, descend

AIR, FAN = "hall-a.crah_supply_setpoint_c", "hall-a.crah_fan_setpoint_pct"
SIGNAL = "hall-a.crah_supply_temp_c"


def test_what_each_rung_makes_of_the_cycle():
    assert {str(rung): str(condition) for rung, condition in CONDITION_OF.items()} == {
        "reset": "sensor_lost",
        "hold": "readings_gap",
        "release": "readings_lost",
    }
    assert [str(rung) for rung in Rung] == ["freeze", "reset", "hold", "release"]
    assert Step(Rung.HOLD) == Step(Rung.HOLD, frozenset())


@pytest.mark.parametrize("rung", Rung)
@pytest.mark.parametrize("seen", [{}, {SIGNAL: math.nan}])
def test_a_lost_reading_leads_to_its_rung(rung, seen):
    ladder = {SIGNAL: Step(rung, frozenset({AIR, FAN})), "hall-a.crah_return_temp_c": Step(Rung.RELEASE, frozenset({AIR}))}
    conditions, frozen = descend(ladder, {"hall-a.crah_return_temp_c": 30.0, **seen})
    assert {str(c) for c in conditions} == {"freeze": set(), "reset": {"sensor_lost"}, "hold": {"readings_gap"}, "release": {"readings_lost"}}[rung]
    assert frozen == (frozenset({AIR, FAN}) if rung == "freeze" else frozenset())


def test_what_is_read_or_has_no_rung_leads_nowhere():
    assert descend({SIGNAL: Step(Rung.RELEASE)}, {SIGNAL: 20.0}) == (frozenset(), frozenset())
    assert descend({}, {}) == (frozenset(), frozenset())
