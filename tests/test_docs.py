"""What the pages name exists: files, what stands in them, commands and targets."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from safety.envelope import RULE_NAMES
from safety.modes import Condition, Mode, Stage
from tests.interventions import BEGIN, END, inserted, table

ROOT = Path(__file__).parent.parent
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
NAMED = re.compile(r"`((?:safety|plant_models|controller|hil|config|systemd|docs|tests)/[\w./-]*)(?::(\w+))?[^`]*`")
LINKED = re.compile(r"\]\((?!http)([^)#]+)\)")
TARGET = re.compile(r"(?m)(?:^    |`)make ([a-z-]+)")
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
COMMAND = re.compile(r"(?m)(?:^    |`)coldaisle(?:-hil)? ([a-z][a-z-]*)")


def defined(path: Path) -> set[str]:
    """Returns the functions, classes and constants that a module defines at its top."""
    names: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


def missing(text: str, page_folder: Path, root: Path = ROOT) -> list[str]:
    """Returns every file, link or name in a page that does not exist."""
    found = [f"{path}:{name}" if name else path for path, name in NAMED.findall(text) if not (root / path).exists()]
    found += [f"{path}:{name}" for path, name in NAMED.findall(text) if name and (root / path).is_file() and name not in defined(root / path)]
    return found + [link for link in LINKED.findall(text) if not (page_folder / link).exists()]


def untested(text: str, root: Path = ROOT) -> list[str]:
    """Returns every test that a page names and that does not exist."""
    return [f"{path}::{name}" for path, name in TEST.findall(text) if not (root / path).exists() or name not in defined(root / path)]


def unknown(words: Iterable[str], known: set[str]) -> list[str]:
    """Returns the words that are not known."""
    return sorted(set(words) - known)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_exists(page: Path) -> None:
    assert missing(page.read_text(), page.parent) == []
    assert untested(page.read_text()) == []


def test_the_safety_case_names_every_rule_condition_mode_and_stage() -> None:
    page = (ROOT / "docs/safety-case.md").read_text()
    rows = {cell.split(",")[0].strip("` ") for cell in re.findall(r"(?m)^\| ([^|]+) \|", page)}
    words = set(re.findall(r"`(\w+)`", page))
    assert sorted(set(RULE_NAMES) - rows) == []
    assert sorted({str(condition) for condition in Condition} - words) == []
    assert sorted({mode.name for mode in Mode} - rows) == []
    assert sorted({stage.name.lower() for stage in Stage} - rows) == []


def test_statistics_of_interventions_are_put_between_their_marks() -> None:
    scores = {"interventions": {"inlet": 2, "rate": 1}, "mode_minutes": {"RESET": 1440.0, "HOLD": 0.0}}
    scores |= {"violations": {"inlet_above_recommended_rack_minutes": 858.3, "inlet_above_allowable_rack_minutes": 0.0, "lift_minutes": 5.0}}
    scenario = {"config": "config/small", "weather": "miami", "start": "07-15", "days": 1.0, "shape": "service", "seed": 0}
    row = table([{"scenario": scenario, "policies": {"g36": scores}}]).splitlines()[-1]
    assert row == "| small, miami, 07-15 (1 d), service, seed 0 | g36 | 288 | inlet 2, rate 1 | 0.010 | RESET 1440 | 858 | 0 | 5 |"
    assert inserted(f"a\n{BEGIN}\nold\n{END}\nb", row) == f"a\n{BEGIN}\n{row}\n{END}\nb"
    with pytest.raises(ValueError, match="needs one"):
        inserted("a", row)


def test_targets_and_commands_exist() -> None:
    text = "\n".join(page.read_text() for page in PAGES)
    targets = set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text()))
    assert unknown(TARGET.findall(text), targets) == []
    source = "\n".join(path.read_text() for folder in ("controller/cli", "hil") for path in (ROOT / folder).rglob("*.py"))
    commands = set(re.findall(r'add_parser\("([a-z-]+)"', source)) | set(re.findall(r'\("(release|engage)"', source))
    assert unknown(COMMAND.findall(text), commands) == []


def test_the_check_can_fail() -> None:
    assert missing("see `safety/nowhere.py` and `safety/envelope.py:adjudicate`, [there](nothing.md)", ROOT / "docs") == [
        "safety/nowhere.py",
        "safety/envelope.py:adjudicate",
        "nothing.md",
    ]
    assert untested("`tests/test_docs.py::test_nothing`, `tests/nowhere.py::test_x`, `tests/test_docs.py::test_the_check_can_fail`") == [
        "tests/test_docs.py::test_nothing",
        "tests/nowhere.py::test_x",
    ]
    assert missing("see `safety/envelope.py:judge`, `config/small`", ROOT / "docs") == []
    assert unknown(TARGET.findall("`make tea` and `make test`"), {"test"}) == ["tea"]
