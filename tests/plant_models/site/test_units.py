"""Conversions against numbers from handbooks, not from the table itself."""

from __future__ import annotations

import pytest

from plant_models.site.units import CONVERSIONS, conversion, parse_enumeration, unit_of_signal
from safety.signals import UNIT_OF_SUFFIX, parse


@pytest.mark.parametrize(
    ("number", "unit", "signal_unit", "expected"),
    [
        (44.6, "degF", "degC", 7.0),
        (32.0, "degF", "degC", 0.0),
        (280.15, "K", "degC", 7.0),
        (9.0, "degF", "K", 5.0),
        (9.0, "degC", "K", 9.0),
        (10.0, "psi", "kPa", 68.947573),
        (1.5, "bar", "kPa", 150.0),
        (250.0, "Pa", "kPa", 0.25),
        (1.0, "inH2O", "Pa", 249.08891),
        (1.0, "kPa", "Pa", 1000.0),
        (1000.0, "gpm", "kg/s", 63.0334),  # 63.0902 l/s of water at 0.9991 kg/l
        (3.6, "m3/h", "kg/s", 0.9991),
        (10.0, "l/s", "kg/s", 9.991),
        (600.0, "l/min", "kg/s", 9.991),
        (7200.0, "kg/h", "kg/s", 2.0),
        (400.0, "ton", "kW", 1406.7411),
        (12000.0, "Btu/h", "kW", 3.5168528),
        (2500.0, "W", "kW", 2.5),
        (1.2, "MW", "kW", 1200.0),
        (3.6, "GJ", "kWh", 1000.0),
        (0.55, "1", "%", 55.0),
        (2.0, "min", "s", 120.0),
    ],
)
def test_a_number_converts_to_the_signals_unit(number: float, unit: str, signal_unit: str, expected: float) -> None:
    found = conversion(unit, signal_unit)
    assert number * found.factor + found.shift == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_every_unit_of_the_vocabulary_converts_to_itself() -> None:
    for unit in set(UNIT_OF_SUFFIX.values()):
        assert (CONVERSIONS[unit][unit].factor, CONVERSIONS[unit][unit].shift) == (1.0, 0.0)


@pytest.mark.parametrize(("unit", "signal_unit"), [("kPa", "degC"), ("kW", "kg/s"), ("", "degC"), ("degc", "degC"), ("ton", "1")])
def test_a_unit_of_another_kind_is_refused_with_those_allowed(unit: str, signal_unit: str) -> None:
    with pytest.raises(ValueError, match=f"allowed: .*{signal_unit}"):
        conversion(unit, signal_unit)


def test_an_authority_is_a_code_whatever_its_setpoint_measures() -> None:
    assert unit_of_signal(parse("plant.chws_setpoint_c.authority")) == "1"
    assert unit_of_signal(parse("plant.chws_setpoint_c.effective")) == "degC"


def test_an_enumeration_names_its_codes() -> None:
    assert parse_enumeration("enum:0=hand|1=local|2=remote") == {0: "hand", 1: "local", 2: "remote"}


@pytest.mark.parametrize(
    "text", ["enum:", "enum:hand", "enum:x=hand", "enum:0=", "enum:-1=hand", "enum:0=hand|0=local", "enum:0=a|1=a", "enum:0=a|", "enum:65536=a"]
)
def test_a_bad_enumeration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="code"):
        parse_enumeration(text)
