"""A daemon's journal seen from outside, as the file that it is: what it meant to write, and whether anything in it is lost or torn."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from hil.devices.watch import REQUEST, SeenWrite
from plant_models.site.codec import resolution
from plant_models.site.points import Points


@dataclass(frozen=True, slots=True)
class Intent:
    """One cycle as the journal holds it: its number, the run it belongs to, plant time [s], setpoints to be written, whether its receipt
    was added, and the mode that the daemon was in before it.
    """

    cycle: int
    run: int
    taken_at_s: float
    writes: Mapping[str, float]
    completed: bool
    mode_before: int | None = None


@dataclass(frozen=True)
class JournalFile:
    """All cycles in order, and everything that is wrong with the file."""

    intents: tuple[Intent, ...]
    problems: tuple[str, ...]


def read_journal(path: Path) -> JournalFile:
    """Reads a journal without changing it; a file that is absent, damaged or torn has problems, it raises nothing."""
    if not path.is_file():
        return JournalFile((), (f"{path.name}: no such file",))
    intents: list[Intent] = []
    problems: list[str] = []
    try:
        db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        try:
            found = db.execute("PRAGMA integrity_check").fetchone()[0]
            if found != "ok":
                problems.append(f"integrity check: {found}")
            memories = dict(db.execute("SELECT digest, text FROM memory"))
            for row in db.execute("SELECT cycle, run, taken_at_s, record, digest, receipt FROM cycle ORDER BY cycle"):
                _take(row, memories, intents, problems)
        finally:
            db.close()
    except sqlite3.Error as error:
        problems.append(f"{path.name}: {error}")
    return JournalFile(tuple(intents), (*problems, *_gaps(intents)))


@dataclass(frozen=True, slots=True)
class Noted:
    """One event of a journal: plant time [s], what happened, who did it, and its value."""

    at_s: float
    what: str
    who: str
    value: str


def read_events(path: Path) -> tuple[Noted, ...]:
    """Returns the events of a journal in order; none where it cannot be read."""
    try:
        db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        try:
            return tuple(Noted(*row) for row in db.execute("SELECT at_s, what, who, value FROM event ORDER BY event"))
        finally:
            db.close()
    except sqlite3.Error:
        return ()


def _take(row: tuple[int, int, float, str, str, str | None], memories: Mapping[str, str], intents: list[Intent], problems: list[str]) -> None:
    cycle, run, taken_at_s, text, digest, receipt = row
    try:
        record = json.loads(text)
        record["given"]["memory"] = json.loads(memories[record["given"]["memory"]])
        if receipt is not None:
            json.loads(receipt)
        given = json.dumps(record["given"], separators=(",", ":"))
        writes = record["decision"]["command"]["writes"]
        mode = record["given"]["memory"]["mode"]["mode"]
    except (ValueError, KeyError, TypeError) as error:
        problems.append(f"cycle {cycle}: torn record: {error!r}")
        return
    if hashlib.sha256(given.encode()).hexdigest() != digest:
        problems.append(f"cycle {cycle}: its digest does not fit what it was given")
    intents.append(Intent(cycle, run, taken_at_s, {s.removesuffix(REQUEST): float(v) for s, v in writes.items()}, receipt is not None, int(mode)))


def _gaps(intents: Sequence[Intent]) -> list[str]:
    """Returns cycles that are missing, and those without a receipt that are not the last of their run."""
    numbers = {i.cycle for i in intents}
    missing = [n for n in range(1, max(numbers, default=0) + 1) if n not in numbers]
    cut_off = [a.cycle for a, b in pairwise(intents) if not a.completed and a.run == b.run]
    return [*(f"cycle {n} is missing" for n in missing), *(f"cycle {n} has no receipt" for n in cut_off)]


def without_intent(seen: Iterable[SeenWrite], intents: Sequence[Intent], points: Points) -> tuple[SeenWrite, ...]:
    """Returns the setpoint writes that the newest cycle up to then which wrote that setpoint did not mean, to within what the register can hold."""
    rows = points.by_signal
    return tuple(w for w in seen if w.signal.endswith(REQUEST) and not _meant(w, intents, resolution(rows[w.signal])))


def _meant(write: SeenWrite, intents: Sequence[Intent], step: float) -> bool:
    setpoint = write.signal.removesuffix(REQUEST)
    newest = next((i for i in reversed(intents) if setpoint in i.writes and i.taken_at_s <= write.plant_at_s), None)
    if newest is None or write.value is None:
        return False
    wanted = newest.writes[setpoint]
    return abs(wanted - write.value) <= 0.5 * step + 1e-6 * max(1.0, abs(wanted))


def intervention_counts(path: Path) -> dict[str, int]:
    """Returns how often each rule of the envelope changed what was asked, over a whole journal; empty where it cannot be read."""
    counts: Counter[str] = Counter()
    try:
        db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        try:
            for (text,) in db.execute("SELECT record FROM cycle"):
                counts.update(i["rule"] for i in json.loads(text)["decision"]["verdict"]["interventions"])
        finally:
            db.close()
    except sqlite3.Error:
        return {}
    return dict(sorted(counts.items()))
