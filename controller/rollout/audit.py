"""The chain of digests through the journal's events: every row names the one before it and is signed, and the newest is stated in a sealed head.

It finds and locates what was changed afterwards; it keeps nobody from changing it, and it decides nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

Seal = Callable[[str], str]
"""Signs a digest; returns the signature in hexadecimal."""

HEAD: Final = "audit.head"
_ROWS: Final = "SELECT event, at_s, what, who, reason, before, value, digest, seal FROM event ORDER BY event"


class AuditError(Exception):
    """The audit cannot be read at all; the message names the file."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its number, plant time [s], what was done, by whom and why, what was so before and after, its digest and the signature of that."""

    row: int
    at_s: float
    what: str
    who: str
    reason: str
    before: str
    after: str
    digest: str | None
    seal: str | None


@dataclass(frozen=True, slots=True)
class Head:
    """The newest row as it was stated when it was written: without it, rows cut off at the end would not be missed."""

    row: int
    digest: str
    seal: str


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that is wrong, at which row (the first that is missing, for rows cut off)."""

    row: int
    says: str


@dataclass(frozen=True, slots=True)
class Audited:
    """What a verification found: how many rows are in the chain, how many older ones are not, the newest digest, and all that is wrong."""

    rows: int
    unchained: int
    signed: bool
    head: str
    found: tuple[Found, ...]


def unsealed(_digest: str) -> str:
    """Signs nothing: for journals of benchmarks and tests, which no gateway key stands behind."""
    return ""


def digest_of(row: int, fields: Sequence[Any], previous: str) -> str:
    """Returns the SHA-256 of a row's number, its fields (plant time, what, who, reason, before, after) and the digest before it."""
    return hashlib.sha256(json.dumps([row, *fields, previous], separators=(",", ":")).encode()).hexdigest()


def append(db: sqlite3.Connection, fields: Sequence[Any], seal: Seal, directory: Path) -> None:
    """Adds one row to the chain, in one transaction, then states it in the head.

    A crash in between leaves a head that is one row behind, which is no fault. Raises sqlite3.Error or OSError where it cannot be kept.
    """
    db.execute("BEGIN IMMEDIATE")
    try:
        last = db.execute("SELECT event, digest FROM event ORDER BY event DESC LIMIT 1").fetchone() or (0, None)
        number = int(last[0]) + 1
        digest = digest_of(number, fields, last[1] or "")
        signature = seal(digest)
        statement = "INSERT INTO event (event, at_s, what, who, reason, before, value, digest, seal) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        db.execute(statement, (number, *fields, digest, signature))
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    _state(directory / HEAD, Head(number, digest, signature))


def _state(path: Path, head: Head) -> None:
    new = path.with_suffix(".new")
    with new.open("w") as file:
        json.dump(asdict(head), file)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def rows_of(journal: Path) -> Iterator[Row]:
    """Yields every row in order; the daemon may go on writing. Raises AuditError where there is none, or no chain in it."""
    if not journal.is_file():
        raise AuditError(f"{journal}: no such journal")
    db = sqlite3.connect(f"{journal.resolve().as_uri()}?mode=ro", uri=True)
    try:
        for row in db.execute(_ROWS):
            yield Row(*row)
    except sqlite3.Error as error:
        raise AuditError(f"{journal}: no audit can be read from it: {error}") from error
    finally:
        db.close()


def head_of(directory: Path) -> Head | None:
    """Returns the stated head, None where there is none that can be read."""
    try:
        return Head(**json.loads((directory / HEAD).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def stated(text: str) -> Head:
    """Reads a head that was noted elsewhere, ``ROW:DIGEST``. Raises ValueError."""
    number, _, digest = text.partition(":")
    if not number.isdecimal() or len(digest) < 8:
        raise ValueError(f"head {text!r}: must be ROW:DIGEST as an earlier verification printed it")
    return Head(int(number), digest, "")


def verify(journal: Path, key: Ed25519PublicKey | None, noted: Head | None = None) -> Audited:
    """Checks every row against the one before it, its signature and the heads; ``noted`` is a head that was written down elsewhere.

    Raises AuditError where nothing can be read.
    """
    rows = list(rows_of(journal))
    found: list[Found] = []
    previous, expected, unchained = "", 1, 0
    for row in rows:
        if row.row != expected:
            found.append(Found(expected, f"row {expected} is missing" if row.row == expected + 1 else f"rows {expected} to {row.row - 1} are missing"))
        expected = row.row + 1
        if row.digest is None and not previous:
            unchained += 1
            continue
        says = _wrong(row, previous, key)
        if says:
            found.append(Found(row.row, says))
        previous = row.digest or "?"
    head = head_of(journal.parent)
    if previous and head is None:
        found.append(Found(expected, f"{HEAD} is missing or cannot be read: rows may have been cut off at the end"))
    found += [wrong for stated_head in (head, noted) if stated_head for wrong in _against(rows, stated_head)]
    newest = rows[-1] if rows else None
    shown = f"{newest.row}:{newest.digest}" if newest and newest.digest else ""
    return Audited(len(rows) - unchained, unchained, key is not None, shown, tuple(sorted(found, key=lambda f: f.row)))


def _wrong(row: Row, previous: str, key: Ed25519PublicKey | None) -> str:
    """Says what is wrong with one row, "" where nothing is."""
    fields = (row.at_s, row.what, row.who, row.reason, row.before, row.after)
    if row.digest is None:
        return f"row {row.row} is not in the chain: it was put in afterwards"
    if digest_of(row.row, fields, previous) != row.digest:
        return f"row {row.row} is not what was written, or does not follow the one before it"
    if key is None:
        return ""
    try:
        key.verify(bytes.fromhex(row.seal or ""), row.digest.encode())
    except (InvalidSignature, ValueError):
        return f"row {row.row} is not signed by this gateway's key"
    return ""


def _against(rows: Sequence[Row], head: Head) -> list[Found]:
    """Returns what a head says of the rows: cut off before it, or another row at its number."""
    last = rows[-1].row if rows else 0
    if last < head.row:
        return [Found(last + 1, f"cut off: the sealed head states {head.row} rows, {last} are here")]
    same = any(row.row == head.row and (row.digest or "").startswith(head.digest) for row in rows)
    return [] if same else [Found(head.row, f"row {head.row} is not the one that the sealed head states")]


def as_lines(rows: Sequence[Row], head: Head | None) -> Iterator[str]:
    """Yields an export: one JSON object a row, the head last."""
    for row in rows:
        yield json.dumps(asdict(row))
    if head:
        yield json.dumps({"head": asdict(head)})
