"""Reduces a journal to what the report shows; the journal itself is only read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from controller.journal import Entry, Event, JournalReader
from controller.record import RunHeader
from safety.limits import Limits
from safety.records import Intervention, Outcome


@dataclass(frozen=True, slots=True)
class Moment:
    """One cycle as the report shows it; ``outcomes`` is empty where the cycle was cut off before its receipt."""

    at_s: float
    stage: str
    mode: str
    source: str
    solved: bool
    iterations: int
    says: str
    measured: Mapping[str, float]
    faults: int
    asked: Mapping[str, float]
    written: Mapping[str, float]
    interventions: tuple[Intervention, ...]
    outcomes: Mapping[str, Outcome]
    it_base_kw: float | None = None
    """IT power that the present work would draw at one inlet temperature, as estimated; None where the estimate is not valid."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of plant time [s] in which one word held."""

    start_s: float
    end_s: float
    word: str


@dataclass(frozen=True, slots=True)
class History:
    """A whole journal: its newest run's header, the limits at its end, and every cycle and event in order."""

    header: RunHeader
    limits: Limits
    moments: tuple[Moment, ...]
    events: tuple[Event, ...]
    runs: int

    @property
    def site_name(self) -> str:
        """Returns the site's name as its file states it."""
        return str(_at(self.header.site, "site", "name") or "unnamed site")

    @property
    def time_zone(self) -> str:
        """Returns the site's time zone, UTC where none is stated."""
        return str(_at(self.header.site, "site", "time_zone") or "UTC")

    @property
    def cycle_s(self) -> float:
        """Returns the period of the cycle [s], 300 where none is stated."""
        return float(_at(self.header.site, "timing", "cycle_s") or 300.0)


@dataclass(frozen=True, slots=True)
class Track:
    """One signal over plant time: ``values`` at ``at_s`` [s]; None where it was not known."""

    at_s: tuple[float, ...]
    values: tuple[float | None, ...] = field(default=())


def _at(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _moment(entry: Entry) -> Moment:
    given, decision = entry.record.given, entry.record.decision
    loads = [s for s in decision.estimate.loads_kw if s.endswith(".it_base_kw")]
    return Moment(
        at_s=given.snapshot.taken_at_s,
        stage=given.stage.name,
        mode=decision.memory.mode.mode.name,
        source=decision.proposal.source.value,
        solved=given.plan.solved,
        iterations=given.plan.iterations,
        says=decision.says,
        measured=decision.measured.values,
        faults=len(decision.measured.faults),
        asked=decision.proposal.setpoints,
        written=decision.command.writes,
        interventions=decision.verdict.interventions,
        outcomes=entry.receipt.outcomes if entry.receipt else {},
        it_base_kw=sum(decision.estimate.loads_kw[s] for s in loads) if decision.estimate.valid and loads else None,
    )


def read_history(path: Path) -> History | None:
    """Reads a journal, or returns None where it holds no cycle yet.

    Raises controller.journal.JournalError when it is absent or not a journal.
    """
    reader = JournalReader(path)
    try:
        moments, last = [], None
        for entry in reader.entries():
            moments.append(_moment(entry))
            last = entry
        if last is None:
            return None
        headers = reader.headers()
        return History(headers[last.run], last.record.given.limits, tuple(moments), tuple(reader.events()), len(headers))
    finally:
        reader.close()


def track(moments: tuple[Moment, ...], signal: str) -> Track:
    """Returns a measured signal over the cycles."""
    return Track(tuple(m.at_s for m in moments), tuple(m.measured.get(signal) for m in moments))


def asked_track(moments: tuple[Moment, ...], setpoint: str) -> Track:
    """Returns what was asked for a setpoint over the cycles, before the envelope judged it."""
    return Track(tuple(m.at_s for m in moments), tuple(m.asked.get(setpoint) for m in moments))


def highest(moments: tuple[Moment, ...], quantity: str) -> Track:
    """Returns the highest measured value of a quantity over all equipment."""
    values = [[v for signal, v in m.measured.items() if signal.endswith("." + quantity)] for m in moments]
    return Track(tuple(m.at_s for m in moments), tuple(max(found) if found else None for found in values))


def total(moments: tuple[Moment, ...], quantity: str) -> Track:
    """Returns a quantity summed over all equipment, None in a cycle where one of them was not known."""
    signals = {signal for m in moments for signal in m.measured if signal.endswith("." + quantity)}
    whole = [signals <= m.measured.keys() for m in moments]
    return Track(
        tuple(m.at_s for m in moments), tuple(sum(m.measured[s] for s in signals) if ok and signals else None for m, ok in zip(moments, whole, strict=True))
    )


def setpoints_of(history: History) -> tuple[str, ...]:
    """Returns the setpoints that the site offers, in the order of its limits."""
    return tuple(history.limits.setpoints)


def spans(history: History, word: str) -> tuple[Span, ...]:
    """Returns the stretches in which ``word`` ("mode" or "stage") kept its value; a gap longer than two cycles is left open."""
    return tuple(_spans(history.moments, word, history.cycle_s))


def _spans(moments: tuple[Moment, ...], word: str, cycle_s: float) -> Iterator[Span]:
    if not moments:
        return
    start = moments[0].at_s
    for before, after in pairwise(moments):
        gap = after.at_s - before.at_s > 2.0 * cycle_s
        if gap or getattr(before, word) != getattr(after, word):
            yield Span(start, before.at_s + cycle_s if gap else after.at_s, getattr(before, word))
            start = after.at_s
    yield Span(start, moments[-1].at_s + cycle_s, getattr(moments[-1], word))
