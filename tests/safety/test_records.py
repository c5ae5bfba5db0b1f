"""Every value that passes between stages is frozen, and what must stand in the journal survives JSON."""

import dataclasses
import importlib
import pkgutil

import pytest
from pydantic import TypeAdapter

import safety
from safety.records import Intervention, Situation, Verdict

MODULES = [importlib.import_module(f"safety.{module.name}") for module in pkgutil.iter_modules(safety.__path__)]
VALUES = sorted(
    {thing for module in MODULES for thing in vars(module).values() if isinstance(thing, type) and dataclasses.is_dataclass(thing)},
    key=lambda thing: thing.__name__,
)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: value.__name__)
def test_every_value_is_frozen_and_takes_no_other_field(value):
    assert value.__dataclass_params__.frozen
    assert hasattr(value, "__slots__") or value.__name__ == "Case"


def test_there_are_values_to_look_at():
    assert {"Reading", "Situation", "Verdict", "Limits", "Case", "ModeState", "GateMemory", "WearLedger", "Trends"} <= {value.__name__ for value in VALUES}


def test_what_the_journal_keeps_survives_json(calm):
    situation = TypeAdapter(Situation)
    assert situation.validate_json(situation.dump_json(calm.situation())) == calm.situation()
    verdict = Verdict({"plant.chws_setpoint_c": 12.0}, (Intervention("rate", "plant.chws_setpoint_c", 13.0, 12.0), Intervention("whitelist", "x", 1.0, None)))
    adapter = TypeAdapter(Verdict)
    assert adapter.validate_json(adapter.dump_json(verdict)) == verdict
