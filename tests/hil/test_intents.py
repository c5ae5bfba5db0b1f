"""A journal looked at from outside: whole, torn, with a write that nobody meant."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hil.devices.watch import SeenWrite
from hil.intents import Intent, intervention_counts, read_journal, without_intent
from plant_models.site.points import Point, Points

SETPOINT = "plant.chws_setpoint_c"
MEMORIES = {"first": {"mode": {"mode": 4}}, "later": {"mode": {"mode": 2}}}


def _row(number: int, writes: dict[str, float], *, run: int = 1, receipt: str | None = "{}", rules: tuple[str, ...] = ()) -> tuple[Any, ...]:
    given = {"stage": 4, "cycle": number, "memory": MEMORIES["first" if number == 1 else "later"]}
    interventions = [{"rule": rule, "signal": SETPOINT, "asked": 1.0, "permitted": None} for rule in rules]
    record = {"given": given, "decision": {"command": {"writes": writes, "hand_back": False}, "verdict": {"permitted": {}, "interventions": interventions}}}
    digest = hashlib.sha256(json.dumps(given, separators=(",", ":")).encode()).hexdigest()
    given["memory"] = "first" if number == 1 else "later"
    return (number, run, 1000.0 + 300 * number, json.dumps(record, separators=(",", ":")), digest, receipt)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[list[tuple[Any, ...]]], Path]:
    def made(rows: list[tuple[Any, ...]]) -> Path:
        path = tmp_path / "journal.sqlite"
        db = sqlite3.connect(path)
        db.execute("CREATE TABLE cycle (cycle INTEGER PRIMARY KEY, run INTEGER, taken_at_s REAL, record TEXT, digest TEXT, receipt TEXT)")
        db.executemany("INSERT INTO cycle VALUES (?, ?, ?, ?, ?, ?)", rows)
        db.execute("CREATE TABLE memory (digest TEXT PRIMARY KEY, cycle INTEGER, text TEXT)")
        db.executemany("INSERT INTO memory VALUES (?, 1, ?)", [(name, json.dumps(kept, separators=(",", ":"))) for name, kept in MEMORIES.items()])
        db.commit()
        db.close()
        return path

    return made


def test_a_whole_journal_has_no_problems(write: Any) -> None:
    journal = read_journal(write([_row(1, {}), _row(2, {SETPOINT: 8.0}), _row(3, {f"{SETPOINT}.request": 8.5}, receipt=None), _row(4, {}, run=2)]))
    assert journal.problems == ()
    assert [i.mode_before for i in journal.intents] == [4, 2, 2, 2]
    assert [i.writes for i in journal.intents] == [{}, {SETPOINT: 8.0}, {SETPOINT: 8.5}, {}]


def test_missing_cut_off_and_changed_cycles_are_found(write: Any) -> None:
    changed = list(_row(5, {}))
    changed[3] = changed[3].replace('"stage":4', '"stage":3')
    journal = read_journal(write([_row(1, {}), _row(3, {}, receipt=None), _row(4, {}), tuple(changed)]))
    assert journal.problems == ("cycle 5: its digest does not fit what it was given", "cycle 2 is missing", "cycle 3 has no receipt")


def test_a_torn_record_is_found(write: Any) -> None:
    torn = list(_row(2, {}))
    torn[3] = torn[3][:40]
    assert any(p.startswith("cycle 2: torn record") for p in read_journal(write([_row(1, {}), tuple(torn)])).problems)


def test_a_damaged_or_absent_file_is_a_problem_and_no_exception(tmp_path: Path) -> None:
    assert read_journal(tmp_path / "none.sqlite").problems == ("none.sqlite: no such file",)
    (tmp_path / "bad.sqlite").write_bytes(b"not a database" * 100)
    assert read_journal(tmp_path / "bad.sqlite").problems


def _seen(at_s: float, value: float | None) -> SeenWrite:
    return SeenWrite(at_s, 0.0, "plc", f"{SETPOINT}.request", value)


@pytest.mark.parametrize(
    ("write", "lost"),
    [
        (_seen(1300.0, 8.0), False),
        (_seen(1305.0, 8.04), False),
        (_seen(1300.0, 8.2), True),
        (_seen(1299.0, 8.0), True),
        (_seen(1700.0, 8.0), True),
        (_seen(1700.0, 9.0), False),
        (_seen(1700.0, None), True),
    ],
    ids=["meant", "to within the register", "another value", "before its intent", "an old value", "the newest", "no number"],
)
def test_a_write_needs_the_newest_intent_of_its_setpoint(row: Callable[..., Point], write: SeenWrite, lost: bool) -> None:
    points = Points((row(f"{SETPOINT}.request", "3:40001", "int16", "rw", 0.1), row("daemon.heartbeat", "3:40002", "uint16", "w", unit="1")))
    intents = (Intent(1, 1, 1300.0, {SETPOINT: 8.0}, True), Intent(2, 1, 1600.0, {SETPOINT: 9.0}, True), Intent(3, 1, 1700.0, {}, True))
    heartbeat = SeenWrite(1300.0, 0.0, "plc", "daemon.heartbeat", 7.0)
    assert without_intent([heartbeat, write], intents, points) == ((write,) if lost else ())


def test_interventions_are_counted_by_rule(write: Any, tmp_path: Path) -> None:
    path = write([_row(1, {}, rules=("rate", "range")), _row(2, {}, rules=("rate",))])
    assert intervention_counts(path) == {"range": 1, "rate": 2}
    assert intervention_counts(tmp_path / "none.sqlite") == {}
