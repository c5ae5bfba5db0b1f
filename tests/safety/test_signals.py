"""The vocabulary states a unit in every name and takes every name apart."""

import pytest

from safety.signals import QUANTITIES, SYSTEM_WORDS, UNIT_OF_SUFFIX, Kind, Parts, Role, measurement_of, parse, point, unit_of

UNITS = {"c": "degC", "k": "K", "kpa": "kPa", "pa": "Pa", "kgs": "kg/s", "kw": "kW", "kwh": "kWh", "pct": "%", "s": "s", "count": "1", "state": "1"}
UNITS_OF_KIND = {
    "temperature": {"degC"},
    "temperature_difference": {"K"},
    "pressure": {"kPa", "Pa"},
    "flow": {"kg/s"},
    "power": {"kW"},
    "energy": {"kWh"},
    "share": {"%"},
    "humidity": {"%"},
    "count": {"1"},
    "state": {"1"},
    "time": {"s"},
}


def test_every_quantity_states_a_known_unit_of_its_kind():
    assert dict(UNIT_OF_SUFFIX) == UNITS
    assert {"heartbeat", "owner_id", "mode", "stage", "alarm"} == SYSTEM_WORDS
    for name, quantity in QUANTITIES.items():
        assert name == quantity.name
        assert quantity.says
        if name in SYSTEM_WORDS:
            assert unit_of(name) is None
            assert quantity.unit == "1"
        else:
            assert unit_of(name) == UNITS[name.rsplit("_", 1)[-1]] == quantity.unit
        assert quantity.unit in UNITS_OF_KIND[quantity.kind]
    assert set(UNITS_OF_KIND) == {str(kind) for kind in Kind}


def test_a_setpoint_has_a_measurement_and_three_points():
    measurements = {
        "ct-1.fan_setpoint_pct": "ct-1.fan_pct",
        "chwp.speed_setpoint_pct": "chwp.speed_pct",
        "plant.running_setpoint_count": "plant.running_count",
        "hall-a.humidify_setpoint_c": "hall-a.room_dewpoint_c",
        "hall-a.dehumidify_setpoint_c": "hall-a.room_dewpoint_c",
        "plant.chws_setpoint_c": "plant.chws_temp_c",
        "plant.chw_dp_setpoint_kpa": "plant.chw_dp_kpa",
        "plant.cws_setpoint_c": "plant.cws_temp_c",
        "hall-a.crah_supply_setpoint_c": "hall-a.crah_supply_temp_c",
        "hall-a.crah_fan_setpoint_pct": "hall-a.crah_fan_pct",
        "cdu-1.tcs_setpoint_c": "cdu-1.tcs_supply_temp_c",
        "hall-b.tcs_dp_setpoint_kpa": "hall-b.tcs_dp_kpa",
        "fws.fws_setpoint_c": "fws.fws_supply_temp_c",
    }
    assert {name.partition(".")[2] for name in measurements} == {name for name in QUANTITIES if "setpoint" in name}
    for setpoint, measured in measurements.items():
        assert measurement_of(setpoint) == measured
        for role in ("request", "effective", "authority"):
            signal = point(setpoint, Role(role))
            assert signal == f"{setpoint}.{role}"
            assert parse(signal) == Parts(setpoint.partition(".")[0], QUANTITIES[setpoint.partition(".")[2]], Role(role))
            assert parse(signal).setpoint == setpoint
    assert parse("ch-1.chws_temp_c").role is None


def test_what_has_no_measurement_says_so():
    with pytest.raises(ValueError, match="no measurement"):
        measurement_of("plant.nonsense_setpoint_c")


@pytest.mark.parametrize(
    ("signal", "says"),
    [
        ("chws_temp_c", "equipment.quantity"),
        ("a.b.c.d", "equipment.quantity"),
        ("Ch-1.chws_temp_c", "lower-case"),
        ("ch-.chws_temp_c", "lower-case"),
        ("ch-1.wind_c", "unknown quantity 'wind_c'; known:"),
        ("ch-1.chws_temp_c.request", "only a setpoint"),
        ("plant.chws_setpoint_c.wish", "must be one of request, effective, authority"),
    ],
)
def test_a_wrong_name_is_refused_with_what_is_allowed(signal, says):
    with pytest.raises(ValueError, match=says):
        parse(signal)
