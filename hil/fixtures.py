"""Journals of scenarios as small files, for a test that decides every cycle again; it cuts and packs, and judges nothing."""

from __future__ import annotations

import lzma
import sqlite3
import tempfile
from pathlib import Path
from typing import Final

SUFFIX: Final = ".sqlite.xz"
CYCLES: Final = 18  # a fault comes with the seventh or eighth; few enough for a repository
_TABLES: Final = ("run", "cycle", "memory", "event")


def pack(journal: Path, packed: Path, cycles: int = CYCLES) -> int:
    """Writes the first ``cycles`` cycles of a journal, with its runs and events, as a compressed journal; returns how many there were.

    Raises OSError or sqlite3.Error where the journal cannot be read or the file not be written.
    """
    with tempfile.TemporaryDirectory(prefix="coldaisle-hil-") as temporary:
        small = Path(temporary) / "journal.sqlite"
        db = sqlite3.connect(f"{journal.resolve().as_uri()}?mode=ro", uri=True)
        try:
            made = [sql for (sql,) in db.execute("SELECT sql FROM sqlite_master WHERE type = 'table'")]
            db.execute("ATTACH ? AS small", (f"{small.as_uri()}?mode=rwc",))
            for statement in made:
                db.execute(statement.replace("CREATE TABLE ", "CREATE TABLE small.", 1))
            for table in _TABLES:
                limit = f" WHERE cycle IN (SELECT cycle FROM main.cycle ORDER BY cycle LIMIT {cycles})" if table in ("cycle", "memory") else ""
                db.execute(f"INSERT INTO small.{table} SELECT * FROM main.{table}{limit}")  # both names are our own
            count = int(db.execute("SELECT count(*) FROM small.cycle").fetchone()[0])
            db.commit()
        finally:
            db.close()
        packed.parent.mkdir(parents=True, exist_ok=True)
        packed.write_bytes(lzma.compress(small.read_bytes(), preset=9))
    return count
