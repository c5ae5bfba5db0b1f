"""Limits are written a second time in the tests: a table of numbers of safety/ is read only where it is compared with what was written twice."""

import ast
import dataclasses
import importlib
import pkgutil
from collections.abc import Mapping
from enum import Enum
from pathlib import Path

import pytest

import safety

TESTS = [*sorted(Path(__file__).parent.glob("*.py")), *sorted((Path(__file__).parents[1] / "fuzz").glob("*.py"))]
COMPARES = "written_twice"  # in the name of a test that may read a table


def holds_numbers(value):
    """Whether there is a number in it that limits something; members of enums and flags are names."""
    if isinstance(value, Enum | bool):
        return False
    if isinstance(value, int | float):
        return True
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return any(holds_numbers(getattr(value, field.name)) for field in dataclasses.fields(value))
    if isinstance(value, Mapping):
        return any(holds_numbers(one) for one in value.values())
    return isinstance(value, tuple | list | set | frozenset) and any(holds_numbers(one) for one in value)


def tables():
    """The constants of safety/ that hold numbers, by module."""
    found = {}
    for module in pkgutil.iter_modules(safety.__path__):
        names = vars(importlib.import_module(f"safety.{module.name}"))
        found[f"safety.{module.name}"] = {name for name, value in names.items() if name.lstrip("_").isupper() and holds_numbers(value)}
    return found


def read_elsewhere(source, found):
    """The tables that a test file reads outside a test that compares them with what was written twice."""
    tree = ast.parse(source)
    names, modules = set(), {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in found:
            names |= {alias.asname or alias.name for alias in node.names if alias.name in found[node.module]}
        elif isinstance(node, ast.ImportFrom) and node.module == "safety":
            modules |= {alias.asname or alias.name: f"safety.{alias.name}" for alias in node.names}
    compared = [node for node in tree.body if isinstance(node, ast.FunctionDef) and COMPARES in node.name]
    fine = {id(inner) for function in compared for inner in ast.walk(function)}
    read = [node for node in ast.walk(tree) if id(node) not in fine]
    by_name = {node.id for node in read if isinstance(node, ast.Name) and node.id in names}
    attributes = [node for node in read if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)]
    return by_name | {f"{node.value.id}.{node.attr}" for node in attributes if node.attr in found.get(modules.get(node.value.id, ""), ())}


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_no_expected_value_is_taken_from_the_limits_themselves(path):
    assert read_elsewhere(path.read_text(), tables()) == set()


def test_the_check_can_fail():
    found = tables()
    assert {"SETPOINT_DEFAULTS", "INLET_ALLOWABLE_C", "INLET_RATE_K_PER_H"} <= found["safety.limits"]
    assert "TABLE" not in found["safety.modes"]
    taken = "from safety.limits import INLET_RATE_K_PER_H, narrow\ndef test_it():\n    assert judge(INLET_RATE_K_PER_H + 0.1)\n"
    assert read_elsewhere(taken, found) == {"INLET_RATE_K_PER_H"}
    assert read_elsewhere("from safety import limits\nx = limits.SETPOINT_DEFAULTS\ny = limits.narrow\n", found) == {"limits.SETPOINT_DEFAULTS"}
    assert read_elsewhere(taken.replace("test_it", "test_the_rate_is_what_was_written_twice"), found) == set()
