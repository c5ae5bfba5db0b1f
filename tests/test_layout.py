"""The house rules that a linter does not know: length of files, names of modules, a docstring that says what a module is for."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("safety", "plant_models", "controller", "hil")
LINES_MAX = 400
VAGUE = frozenset({"util", "utils", "helper", "helpers", "common", "manager", "managers", "base", "misc", "lib", "core", "tools"})

Check = Callable[[Path], bool]


def python_files(root: Path) -> list[Path]:
    """Returns every Python file of the packages and the tests."""
    return [path for folder in (*PACKAGES, "tests") for path in sorted((root / folder).rglob("*.py"))]


def too_long(path: Path) -> bool:
    """Returns whether a file is longer than a reader keeps in mind."""
    return len(path.read_text().splitlines()) > LINES_MAX


def vaguely_named(path: Path) -> bool:
    """Returns whether a name says nothing about what is inside; folders count too."""
    words = {word for part in (path.stem, path.parent.name) for word in part.removeprefix("test_").split("_")}
    return bool(words & VAGUE)


def without_purpose(path: Path) -> bool:
    """Returns whether a module of the packages does not say what it is for; a test's name says it."""
    return "tests" not in path.parts and not (ast.get_docstring(ast.parse(path.read_text(), str(path))) or "").strip()


CHECKS: tuple[Check, ...] = (too_long, vaguely_named, without_purpose)


def offenders(check: Check, paths: Iterable[Path]) -> list[str]:
    """Returns the files that a check refuses."""
    return [str(path) for path in paths if check(path)]


@pytest.mark.parametrize("check", CHECKS)
def test_every_file_keeps_the_rule(check: Check) -> None:
    """Each rule holds for every Python file as it stands."""
    paths = python_files(ROOT)
    assert {path.relative_to(ROOT).parts[0] for path in paths} == {*PACKAGES, "tests"}
    assert offenders(check, paths) == []


@pytest.mark.parametrize(
    ("check", "name", "text"),
    [
        (too_long, "safety/limits.py", '"""Limits."""\n' + "x = 1\n" * LINES_MAX),
        (vaguely_named, "controller/plant_utils.py", '"""Plant."""\n'),
        (vaguely_named, "controller/common/__init__.py", '"""Common."""\n'),
        (without_purpose, "hil/bench.py", "x = 1\n"),
        (without_purpose, "hil/bench.py", '""" """\n'),
    ],
)
def test_a_bad_file_is_caught(check: Check, name: str, text: str, tmp_path: Path) -> None:
    """Each check can fail, and lets a good file pass."""
    good = tmp_path / "safety" / "wear.py"
    bad = tmp_path / name
    for path, content in ((good, '"""How often a register may be written."""\n'), (bad, text)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    assert offenders(check, python_files(tmp_path)) == [str(bad)]
