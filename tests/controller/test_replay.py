import json
import shutil
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from controller.journal import JournalError, JournalReader
from controller.replay import replay
from safety.modes import Stage
from tests.controller.conftest import Rig


@pytest.fixture
async def journal(rig: Callable[..., Awaitable[Rig]], tmp_path: Path) -> Path:
    small = await rig(Stage.AUTO, tmp_path / "day.sqlite")
    await small.run(60)
    small.journal.close()
    return small.journal.path


def changed(journal: Path, cycle: int, change: Callable[[Any], None]) -> Path:
    copy = journal.with_name("copy.sqlite")
    shutil.copy(journal, copy)
    with sqlite3.connect(copy) as db:
        record = json.loads(db.execute("SELECT record FROM cycle WHERE cycle = ?", (cycle,)).fetchone()[0])
        change(record)
        db.execute("UPDATE cycle SET record = ? WHERE cycle = ?", (json.dumps(record), cycle))
    db.close()
    return copy


def test_every_recorded_cycle_is_decided_alike_again(journal: Path) -> None:
    found = replay(journal)
    assert found == {"cycles": 12, "identical": 12, "different": []}


def test_one_changed_reading_differs_in_exactly_that_cycle(journal: Path) -> None:
    def hotter(record: Any) -> None:
        record["given"]["snapshot"]["readings"]["hall-a.rack_inlet_max_c"]["value"] += 0.5

    found = replay(changed(journal, 5, hotter))
    assert [d["cycle"] for d in found["different"]] == [5]
    assert {"given", "measured"} <= set(found["different"][0]["parts"])


def test_one_changed_limit_differs_in_exactly_that_cycle(journal: Path) -> None:
    def narrower(record: Any) -> None:
        record["given"]["limits"]["setpoints"]["hall-a.crah_supply_setpoint_c"]["high"] = 18.0

    found = replay(changed(journal, 7, narrower))
    assert [d["cycle"] for d in found["different"]] == [7]
    assert "verdict" in found["different"][0]["parts"]


def test_a_changed_decision_is_found_too(journal: Path) -> None:
    def written(record: Any) -> None:
        record["decision"]["command"]["writes"]["hall-a.crah_supply_setpoint_c.request"] = 26.0

    found = replay(changed(journal, 3, written))
    assert [(d["cycle"], d["parts"]) for d in found["different"]] == [(3, ["command"])]


def test_one_cycle_alone_and_one_that_is_not_there(journal: Path) -> None:
    assert replay(journal, 4)["cycles"] == 1
    with pytest.raises(JournalError, match="no cycle 99"):
        replay(journal, 99)


def test_a_file_that_is_no_journal_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.sqlite").write_text("hello")
    with pytest.raises(JournalError, match="not a journal"):
        replay(tmp_path / "x.sqlite")
    with pytest.raises(JournalError, match="no such journal"):
        replay(tmp_path / "y.sqlite")


def test_a_torn_record_is_named(journal: Path) -> None:
    copy = journal.with_name("torn.sqlite")
    shutil.copy(journal, copy)
    with sqlite3.connect(copy) as db:
        db.execute("UPDATE cycle SET record = substr(record, 1, 100) WHERE cycle = 2")
    db.close()
    with pytest.raises(JournalError, match="cycle 2"):
        replay(copy)


def test_what_one_cycle_hands_to_the_next_is_kept_once(journal: Path) -> None:
    db = sqlite3.connect(journal)
    records = [json.loads(text) for (text,) in db.execute("SELECT record FROM cycle ORDER BY cycle")]
    kept = dict(db.execute("SELECT digest, cycle FROM memory"))
    db.close()
    assert len(kept) == 13, "what the first began with, and what each ended with"
    assert [a["decision"]["memory"] for a in records[:-1]] == [b["given"]["memory"] for b in records[1:]]
    assert [kept[r["decision"]["memory"]] for r in records] == list(range(1, 13))


def test_a_lost_memory_is_named(journal: Path) -> None:
    def forgotten(record: Any) -> None:
        record["given"]["memory"] = "0" * 64

    with pytest.raises(JournalError, match="cycle 4 is damaged: its memory 000000000000 is missing"):
        replay(changed(journal, 4, forgotten))


def test_the_journal_cannot_be_shortened(journal: Path) -> None:
    db = sqlite3.connect(journal)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        db.execute("DELETE FROM cycle")
    db.close()
    reader = JournalReader(journal)
    assert len(list(reader.entries())) == 12
    reader.close()
