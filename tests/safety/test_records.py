"""Every value that passes between stages is frozen, and what must stand in the journal survives JSON."""

import dataclasses
import importlib
import pkgutil

import pytest
from pydantic import TypeAdapter

import safety
from safety.records import DayPlan, Intervention, Proposal, Situation, Source, Verdict

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


def test_a_day_plan_tells_what_is_to_run_at_an_instant():
    stage = "plant.running_setpoint_count"
    day = DayPlan(1000.0, 900.0, {stage: (3, 4)}, cost_kwh=10.0, gap_kwh=1.0)
    told = [day.count_at(stage, at_s) for at_s in (999.9, 1000.0, 1899.9, 1900.0, 2799.9, 2800.0)]
    assert told == [None, 3, 3, 4, 4, None]
    assert day.count_at("other.running_setpoint_count", 1000.0) is None
    assert (day.says, Proposal(Source.PLAN, 0.0, True, {}).day) == ("", None)
