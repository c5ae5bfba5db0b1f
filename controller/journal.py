"""The append-only journal: each cycle's intent is on disk before anything is written to the plant, its receipt after (SQLite, WAL, full sync)."""

from __future__ import annotations

import asyncio
import hashlib
import re
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from controller.encode import from_text, plain, to_text
from controller.record import CycleRecord, RunHeader
from controller.rollout.audit import Seal, append, unsealed
from safety.records import Receipt

T = TypeVar("T")

_TABLES = """
CREATE TABLE IF NOT EXISTS run (run INTEGER PRIMARY KEY, started_at_s REAL NOT NULL, header TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS cycle (cycle INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES run, taken_at_s REAL NOT NULL,
    record TEXT NOT NULL, digest TEXT NOT NULL, receipt TEXT);
CREATE TABLE IF NOT EXISTS memory (digest TEXT PRIMARY KEY, cycle INTEGER NOT NULL REFERENCES cycle, text TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS event (event INTEGER PRIMARY KEY, at_s REAL NOT NULL, what TEXT NOT NULL, who TEXT NOT NULL, reason TEXT NOT NULL,
    value TEXT NOT NULL, before TEXT NOT NULL DEFAULT '', digest TEXT, seal TEXT);
CREATE TRIGGER IF NOT EXISTS cycle_stays BEFORE DELETE ON cycle BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER IF NOT EXISTS memory_stays BEFORE DELETE ON memory BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER IF NOT EXISTS memory_fixed BEFORE UPDATE ON memory BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER IF NOT EXISTS event_stays BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER IF NOT EXISTS event_fixed BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
"""
_KEPT: Final = re.compile(r'"memory":\s*"([0-9a-f]{64})"')
"""Where a record names the memory that a cycle began or ended with: each is the end of one cycle and the beginning of the next, and kept once."""

_CHAIN: Final = {"before": "TEXT NOT NULL DEFAULT ''", "digest": "TEXT", "seal": "TEXT"}
"""Columns of an event that journals of earlier versions have not."""
_EVENT: Final = "SELECT at_s, what, who, reason, value, before FROM event"


class JournalError(Exception):
    """The journal cannot be read or written; nothing may be written to the plant without it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One cycle as it stands in the journal; ``receipt`` is None where the cycle was cut off between intent and receipt."""

    cycle: int
    run: int
    record: CycleRecord
    digest: str
    receipt: Receipt | None


@dataclass(frozen=True, slots=True)
class Event:
    """What a person or the daemon changed outside a cycle: a stage, an engagement, a release; ``value`` is what is so after it."""

    at_s: float
    what: str
    who: str
    reason: str
    value: str
    before: str = ""


class Journal:
    """An open journal; one thread of its own does the disk work, so that the fast guard is never held up by it."""

    def __init__(self, path: Path, seal: Seal = unsealed) -> None:
        """Opens or makes the journal at ``path``; ``seal`` signs its events.

        Raises JournalError when it cannot be opened or fails SQLite's integrity check.
        """
        self.path, self._seal = path, seal
        self._thread = ThreadPoolExecutor(1, "journal")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = self._thread.submit(self._open).result()
        except (OSError, sqlite3.Error) as error:
            raise JournalError(f"{path}: {error}") from error

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, isolation_level=None)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.executescript(_TABLES)
        has = {row[1] for row in db.execute("PRAGMA table_info(event)")}
        for column, kind in _CHAIN.items():
            if column not in has:
                db.execute(f"ALTER TABLE event ADD COLUMN {column} {kind}")
        found = db.execute("PRAGMA quick_check").fetchone()[0]
        if found != "ok":
            raise sqlite3.DatabaseError(f"damaged: {found}")
        return db

    async def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work, self._db)
        except (OSError, sqlite3.Error) as error:
            raise JournalError(f"{self.path}: {error}") from error

    async def begin(self, at_s: float, header: RunHeader) -> int:
        """Records the start of a run and returns its number."""
        return await self._insert("INSERT INTO run (started_at_s, header) VALUES (?, ?)", at_s, to_text(header))

    async def intend(self, run: int, record: CycleRecord, digest: str) -> int:
        """Puts a cycle's intent on disk and returns its number; only then may anything be written to the plant."""
        text, memories = _parted(record)
        row = (run, record.given.snapshot.taken_at_s, text, digest)

        def put(db: sqlite3.Connection) -> int:
            with db:
                db.execute("BEGIN")
                cycle = int(db.execute("INSERT INTO cycle (run, taken_at_s, record, digest) VALUES (?, ?, ?, ?)", row).lastrowid or 0)
                db.executemany("INSERT OR IGNORE INTO memory (digest, cycle, text) VALUES (?, ?, ?)", [(name, cycle, kept) for name, kept in memories.items()])
            return cycle

        return await self._do(put)

    async def complete(self, cycle: int, receipt: Receipt) -> None:
        """Adds what became of a cycle's writes."""
        text = to_text(receipt)
        await self._do(lambda db: db.execute("UPDATE cycle SET receipt = ? WHERE cycle = ? AND receipt IS NULL", (text, cycle)))

    async def note(self, event: Event) -> None:
        """Records what a person or the daemon changed outside a cycle, as the next row of the audit."""
        fields = (event.at_s, event.what, event.who, event.reason, event.before, event.value)
        await self._do(lambda db: append(db, fields, self._seal, self.path.parent))

    async def _insert(self, statement: str, *values: Any) -> int:
        cursor = await self._do(lambda db: db.execute(statement, values))
        return int(cursor.lastrowid or 0)

    async def last(self) -> Entry | None:
        """Returns the newest cycle, or None in a new journal."""
        return await self._do(lambda db: next(_entries(db, "ORDER BY cycle DESC LIMIT 1"), None))

    async def since(self, at_s: float, take: Callable[[CycleRecord], None]) -> None:
        """Gives every cycle after a plant time [s] to ``take``, the oldest first, in the journal's own thread."""

        def give(db: sqlite3.Connection) -> None:
            for entry in _entries(db, "WHERE taken_at_s > ? ORDER BY cycle", (at_s,)):
                take(entry.record)

        await self._do(give)

    async def last_event(self, what: str) -> Event | None:
        """Returns the newest event of one sort."""
        query = f"{_EVENT} WHERE what = ? ORDER BY event DESC LIMIT 1"
        row = await self._do(lambda db: db.execute(query, (what,)).fetchone())
        return Event(*row) if row else None

    async def events(self, what: str) -> list[Event]:
        """Returns all events of one sort, the oldest first."""
        query = f"{_EVENT} WHERE what = ? ORDER BY event"
        return [Event(*row) for row in await self._do(lambda db: db.execute(query, (what,)).fetchall())]

    def close(self) -> None:
        """Closes the journal after the work in hand."""
        self._thread.submit(self._db.close).result()
        self._thread.shutdown()


def _parted(record: CycleRecord) -> tuple[str, dict[str, str]]:
    """Returns a record as text that names its two memories by their digests, and their texts by digest."""
    row, memories = plain(record), {}
    for part in ("given", "decision"):
        text = to_text(row[part]["memory"])
        row[part]["memory"] = digest = hashlib.sha256(text.encode()).hexdigest()
        memories[digest] = text
    return to_text(row), memories


def _whole(db: sqlite3.Connection, record: str) -> str:
    """Returns a record's text with its memories in it. Raises ValueError where one is missing."""

    def memory(named: re.Match[str]) -> str:
        kept = db.execute("SELECT text FROM memory WHERE digest = ?", (named[1],)).fetchone()
        if kept is None:
            raise ValueError(f"its memory {named[1][:12]} is missing")
        return f'"memory":{kept[0]}'

    return _KEPT.sub(memory, record)


def _entries(db: sqlite3.Connection, tail: str, values: tuple[Any, ...] = ()) -> Iterator[Entry]:
    for cycle, run, record, digest, receipt in db.execute(f"SELECT cycle, run, record, digest, receipt FROM cycle {tail}", values):
        try:
            yield Entry(cycle, run, from_text(CycleRecord, _whole(db, record)), digest, from_text(Receipt, receipt) if receipt else None)
        except ValueError as error:
            raise JournalError(f"cycle {cycle} is damaged: {str(error).splitlines()[0]}") from error


class JournalReader:
    """A journal opened for reading only; the daemon may go on writing it."""

    def __init__(self, path: Path) -> None:
        """Opens the journal at ``path``.

        Raises JournalError when it is absent or not a journal.
        """
        if not path.is_file():
            raise JournalError(f"{path}: no such journal")
        try:
            self._db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
            self._db.execute("SELECT cycle, run, record, digest, receipt FROM cycle LIMIT 1")
        except sqlite3.Error as error:
            raise JournalError(f"{path}: not a journal: {error}") from error

    def headers(self) -> dict[int, RunHeader]:
        """Returns the header of every run, by number."""
        return {run: from_text(RunHeader, text) for run, text in self._db.execute("SELECT run, header FROM run ORDER BY run")}

    def entries(self, cycle: int | None = None, since_s: float = 0.0) -> Iterator[Entry]:
        """Yields every cycle in order, those from a plant time on [s], or the one asked for."""
        if cycle is None:
            yield from _entries(self._db, "WHERE taken_at_s >= ? ORDER BY cycle", (since_s,))
        else:
            yield from _entries(self._db, "WHERE cycle = ?", (cycle,))

    def events(self) -> list[Event]:
        """Returns all events in order."""
        return [Event(*row) for row in self._db.execute("SELECT at_s, what, who, reason, value FROM event ORDER BY event")]

    def close(self) -> None:
        """Closes the journal."""
        self._db.close()
