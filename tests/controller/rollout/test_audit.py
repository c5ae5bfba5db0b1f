"""Each way to tamper with one row of the audit is found at that row; a crash between row and head is no tampering."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from controller.cli import main
from controller.journal import Event, Journal, JournalError
from controller.rollout.audit import HEAD, digest_of, head_of, rows_of, stated, verify
from controller.rollout.versions import Versions, public_key

ROWS = 5
Forge = Callable[[sqlite3.Connection], object]


async def kept(directory: Path, rows: int = ROWS) -> Path:
    """A journal with some signed events."""
    journal = Journal(directory / "journal.sqlite", Versions(directory / "versions").seal)
    for n in range(1, rows + 1):
        await journal.note(Event(100.0 * n, "stage", "anna", f"reason {n}", "SHADOW", "MONITOR"))
    journal.close()
    return journal.path


def forged(path: Path, forge: Forge) -> tuple[tuple[int, str], ...]:
    """What a verification finds after a change that was made with the triggers out of the way."""
    db = sqlite3.connect(path, isolation_level=None)
    db.executescript("DROP TRIGGER event_stays; DROP TRIGGER event_fixed;")
    forge(db)
    db.close()
    return tuple((f.row, f.says) for f in verify(path, public_key(path.parent / "versions")).found)


async def test_an_untouched_audit_is_whole(tmp_path: Path) -> None:
    path = await kept(tmp_path)
    audited = verify(path, public_key(tmp_path / "versions"))
    assert (audited.rows, audited.found, audited.signed) == (ROWS, (), True)
    head = head_of(tmp_path)
    assert head is not None
    assert audited.head == f"{ROWS}:{head.digest}"
    assert verify(path, None, stated(audited.head)).found == ()


@pytest.mark.parametrize("row", [1, 3, ROWS])
@pytest.mark.parametrize("column", ["at_s", "what", "who", "reason", "before", "value", "digest", "seal"])
async def test_a_changed_row_is_located(tmp_path: Path, row: int, column: str) -> None:
    path = await kept(tmp_path)
    found = forged(path, lambda db: db.execute(f"UPDATE event SET {column} = ? WHERE event = ?", (7.0 if column == "at_s" else "x", row)))
    assert found[0][0] == row


@pytest.mark.parametrize("row", range(1, ROWS))
async def test_a_deleted_row_is_located(tmp_path: Path, row: int) -> None:
    found = forged(await kept(tmp_path), lambda db: db.execute("DELETE FROM event WHERE event = ?", (row,)))
    assert found[0] == (row, f"row {row} is missing")


async def test_swapped_rows_are_located(tmp_path: Path) -> None:
    def swap(db: sqlite3.Connection) -> None:
        for a, b in ((3, -1), (4, 3), (-1, 4)):
            db.execute("UPDATE event SET event = ? WHERE event = ?", (b, a))

    assert {row for row, _ in forged(await kept(tmp_path), swap)} >= {3, 4}


async def test_an_inserted_row_is_located_also_with_a_digest_that_fits(tmp_path: Path) -> None:
    path = await kept(tmp_path)
    last = list(rows_of(path))[-1].digest
    fields = (650.0, "consent", "anna", "never given", "", "yes")

    def insert(db: sqlite3.Connection) -> None:
        digest = digest_of(ROWS + 1, fields, last or "")
        db.execute(
            "INSERT INTO event (event, at_s, what, who, reason, before, value, digest, seal) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (ROWS + 1, *fields, digest, "00" * 64),
        )

    assert forged(path, insert) == ((ROWS + 1, f"row {ROWS + 1} is not signed by this gateway's key"),)


async def test_a_row_put_between_others_is_located(tmp_path: Path) -> None:
    def insert(db: sqlite3.Connection) -> None:
        for n in range(ROWS, 3, -1):
            db.execute("UPDATE event SET event = ? WHERE event = ?", (n + 1, n))
        db.execute("INSERT INTO event (event, at_s, what, who, reason, value) VALUES (4, 350.0, 'consent', 'anna', 'never given', 'yes')")

    found = forged(await kept(tmp_path), insert)
    assert found[0] == (4, "row 4 is not in the chain: it was put in afterwards")


async def test_a_chain_made_anew_without_the_key_is_found_at_the_first_row_of_it(tmp_path: Path) -> None:
    def rewrite(db: sqlite3.Connection) -> None:
        previous = db.execute("SELECT digest FROM event WHERE event = 2").fetchone()[0]
        db.execute("UPDATE event SET who = 'nobody' WHERE event = 3")
        for n in range(3, ROWS + 1):
            fields = db.execute("SELECT at_s, what, who, reason, before, value FROM event WHERE event = ?", (n,)).fetchone()
            previous = digest_of(n, fields, previous)
            db.execute("UPDATE event SET digest = ? WHERE event = ?", (previous, n))

    path = await kept(tmp_path)
    found = forged(path, rewrite)
    assert found[0] == (3, "row 3 is not signed by this gateway's key")
    assert (ROWS, f"row {ROWS} is not the one that the sealed head states") in found


async def test_rows_cut_off_at_the_end_are_located_by_the_head(tmp_path: Path) -> None:
    path = await kept(tmp_path)
    noted = verify(path, None).head
    cut = f"cut off: the sealed head states {ROWS} rows, {ROWS - 2} are here"
    assert forged(path, lambda db: db.execute("DELETE FROM event WHERE event > ?", (ROWS - 2,))) == ((ROWS - 1, cut),)
    (tmp_path / HEAD).unlink()
    assert "is missing" in verify(path, None).found[0].says
    assert [f.row for f in verify(path, None, stated(noted)).found] == [ROWS - 1, ROWS - 1]


async def test_a_crash_before_the_head_is_stated_is_no_tampering_and_the_chain_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = await kept(tmp_path)
    journal = Journal(path, Versions(tmp_path / "versions").seal)

    def killed(*_: object) -> None:
        raise OSError("No space left on device")

    with monkeypatch.context() as crash:
        crash.setattr("controller.rollout.audit._state", killed)
        with pytest.raises(JournalError, match="No space left"):
            await journal.note(Event(900.0, "engage", "anna", "well", ""))
    key = public_key(tmp_path / "versions")
    assert verify(path, key).found == ()
    journal.close()
    again = Journal(path, Versions(tmp_path / "versions").seal)
    await again.note(Event(1000.0, "release", "anna", "odd", ""))
    again.close()
    audited = verify(path, key)
    assert (audited.rows, audited.found) == (ROWS + 2, ())


async def test_a_row_that_cannot_be_sealed_is_not_kept(tmp_path: Path) -> None:
    path = await kept(tmp_path)

    def no_key(_digest: str) -> str:
        raise OSError("key gone")

    journal = Journal(path, no_key)
    with pytest.raises(JournalError, match="key gone"):
        await journal.note(Event(900.0, "engage", "anna", "well", ""))
    journal.close()
    assert verify(path, public_key(tmp_path / "versions")).rows == ROWS


async def test_a_journal_from_before_the_chain_goes_on_with_one(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    db = sqlite3.connect(path)
    db.execute(
        "CREATE TABLE event (event INTEGER PRIMARY KEY, at_s REAL NOT NULL, what TEXT NOT NULL, who TEXT NOT NULL, reason TEXT NOT NULL, value TEXT NOT NULL)"
    )
    db.execute("INSERT INTO event (at_s, what, who, reason, value) VALUES (1.0, 'stage', 'anna', 'old', 'SHADOW')")
    db.commit()
    db.close()
    await kept(tmp_path, 2)
    audited = verify(path, public_key(tmp_path / "versions"))
    assert (audited.rows, audited.unchained, audited.found) == (2, 1, ())


def test_the_command_shows_exports_and_verifies(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLDAISLE_PERSISTENCE", json.dumps({"directory": str(tmp_path), "socket": str(tmp_path / "sock")}))
    config = ["--config", str(Path(__file__).parents[3] / "config" / "small")]
    assert main(["audit", "verify", *config]) == 2
    path = asyncio.run(kept(tmp_path))
    assert main(["audit", *config]) == 0
    assert "anna         stage: MONITOR -> SHADOW (reason 1)" in capsys.readouterr().out
    export = tmp_path / "audit.jsonl"
    assert main(["audit", *config, "--export", str(export)]) == 0
    lines = [json.loads(line) for line in export.read_text().splitlines()]
    assert len(lines) == ROWS + 1
    assert lines[-1]["head"]["row"] == ROWS
    capsys.readouterr()
    assert main(["audit", "verify", *config, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verified"]
    assert main(["audit", "verify", *config, "--head", "nonsense"]) == 2
    assert forged(path, lambda db: db.execute("UPDATE event SET who = 'eve' WHERE event = 2"))
    assert main(["audit", "verify", *config]) == 1
    assert "row 2: row 2 is not what was written" in capsys.readouterr().out
