"""The mutation tool finds what can be changed, notices a test that does not look, and keeps its list of survivors honest."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutation.mutants import enums_of, mutants_of
from tests.mutation.reach import reach
from tests.mutation.verdicts import KILLED, SURVIVED, TIMED_OUT, Memory, Verdict, accepted, gone, told

ROOT = Path(__file__).parents[2]
MODULE = '''"""What it is for."""
from enum import IntEnum
Alias = tuple[int, ...]
class Mode(IntEnum):
    """Who."""
    PLAN = 0
    RESET = 1
TABLE: dict[str, float] = {"low": 5.0, "high": 20.0}  # source
FIRST = Mode.PLAN
def clamp(value: float, low: float = 0.0, off: bool = False) -> float | None:
    """Returns it."""
    if value < low and not off:
        raise ValueError(f"{value} is too low")
    return min(value + 1, TABLE["high"])
'''


def changes(source: str = MODULE) -> dict[str, list[str]]:
    """The changes by what they stand in."""
    found: dict[str, list[str]] = {}
    for mutant in mutants_of("safety.m", source, enums_of({"m": source}))[1]:
        found.setdefault(mutant.scope, []).append(mutant.change.rpartition(": ")[2])
    return found


def test_literals_of_tables_enums_and_defaults_are_changed_and_texts_for_people_are_not():
    found = changes()
    assert found["Mode.PLAN"] == ["0 -> 1", "0 -> -1"]
    assert found["FIRST"] == ["Mode.PLAN -> Mode.RESET"]
    assert {"'low' -> 'lowx'", "5.0 -> 5.5", "5.0 -> 4.5", "20.0 -> 22.0", "20.0 -> 18.0", "key 'high' -> removed"} <= set(found["TABLE"])
    assert {"0.0 -> 1.0", "0.0 -> -1.0", "False -> True"} <= set(found["clamp"])
    assert set(found) == {"Mode.PLAN", "Mode.RESET", "FIRST", "TABLE", "clamp"}


def test_conditions_operators_calls_returns_and_statements_are_changed():
    expected = {
        "value < low -> value <= low",
        "value < low -> value >= low",
        "value < low and (not off) -> value < low or not off",
        "value < low and (not off) -> True",
        "value < low and (not off) -> False",
        "value < low and (not off) -> value < low",
        "not off -> off",
        "raise ValueError(f'{value} is too low') -> removed",
        "f'{value} is too low' -> ''",
        "value + 1 -> value - 1",
        "min(value + 1, TABLE['high']) -> max(value + 1, TABLE['high'])",
        "return min(value + 1, TABLE['high']) -> return None",
        "'high' -> 'highx'",
    }
    assert expected <= set(changes()["clamp"])


def test_every_mutant_compiles_and_is_taken_back():
    for path in sorted((ROOT / "safety").glob("*.py")):
        source = path.read_text()
        tree, mutants = mutants_of(f"safety.{path.stem}", source, {"Mode": ("RESET", "HOLD")})
        whole = ast.dump(tree)
        for mutant in mutants[::7]:
            with mutant.applied():
                compile(tree, "mutated", "exec")
                assert ast.dump(tree) != whole
            assert ast.dump(tree) == whole
        assert len({(m.where, m.change) for m in mutants}) == len(mutants)


def test_a_test_reaches_what_it_and_its_imports_import():
    sources = {"safety.a": "from safety import b\n", "safety.b": "from safety.c import (\n    x,\n)\n", "safety.c": "", "safety.d": ""}
    tests = {
        "tests/safety/conftest.py": "import safety.d\n",
        "tests/safety/test_a.py": "from safety.a import y\n",
        "tests/safety/test_d.py": "def t(calm): pass\n",
    }
    assert reach(sources, tests) == {"tests/safety/test_a.py": {"safety.a", "safety.b", "safety.c"}, "tests/safety/test_d.py": {"safety.d"}}


def test_the_list_of_survivors_can_only_shrink(tmp_path):
    first, second, third = mutants_of("safety.m", MODULE, {})[1][:3]
    listed = tmp_path / "survivors.toml"
    listed.write_text(f'[[survivor]]\nwhere = "{first.where}"\nchange = "{first.change}"\nreason = "no reading can tell the two apart"\n')
    reasons = accepted(listed)
    verdicts = [Verdict(first, SURVIVED), Verdict(second, SURVIVED), Verdict(third, TIMED_OUT)]
    result = told(verdicts, reasons)
    assert (result["mutants"], result["killed"], result["timed_out"], result["unexplained"]) == (3, 0, 1, 1)
    assert [s["reason"] for s in result["survivors"]] == ["no reading can tell the two apart", None]
    assert gone(reasons, verdicts, ["safety.m"]) == []
    assert gone(reasons, [Verdict(first, KILLED)], ["safety.m"]) == [(first.where, first.change)]
    assert gone(reasons, [], ["safety.other"]) == []
    listed.write_text(listed.read_text() * 2)
    with pytest.raises(ValueError, match="twice"):
        accepted(listed)
    listed.write_text('[[survivor]]\nwhere = "a"\nchange = "b"\nreason = "equivalent"\n')
    with pytest.raises(ValueError, match="need a reason"):
        accepted(listed)


def test_a_verdict_is_believed_while_what_it_depends_on_is_the_same(tmp_path):
    mutant, other = mutants_of("safety.m", MODULE, {})[1][:2]
    sources, tests = {"safety.m": MODULE, "safety.n": ""}, {"tests/safety/test_m.py": "a", "tests/safety/test_n.py": "b"}
    reached = {"tests/safety/test_m.py": frozenset({"safety.m"}), "tests/safety/test_n.py": frozenset({"safety.m", "safety.n"})}
    memory = Memory(tmp_path / "kept.json", sources, tests, reached)
    memory.keep(Verdict(mutant, KILLED, "tests/safety/test_m.py"))
    memory.keep(Verdict(other, SURVIVED))
    memory.save()

    def known(sources, tests):
        again = Memory(tmp_path / "kept.json", sources, tests, reached)
        return again.recall(mutant) is not None, again.recall(other) is not None

    assert known(sources, tests) == (True, True)
    assert known(sources, tests | {"tests/safety/test_n.py": "c"}) == (True, False)
    assert known(sources | {"safety.n": "x = 1"}, tests) == (True, False)
    assert known(sources | {"safety.m": "x = 1"}, tests) == (False, False)


def test_a_seeded_sample_of_mutants_is_killed(tmp_path):
    out = tmp_path / "mutation.json"
    command = [
        sys.executable,
        "-m",
        "tests.mutation",
        "--only",
        "safety/finite.py",
        "--sample",
        "10",
        "--seed",
        "1",
        "--out",
        str(out),
        "--cache",
        str(tmp_path / "kept.json"),
    ]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    result = json.loads(out.read_text())
    assert (ended.returncode, result["mutants"], result["unexplained"]) == (0, 10, 0), ended.stderr
