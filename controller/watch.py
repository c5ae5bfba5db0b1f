"""Whether the plant does what was asked of it: a request that is not applied, another writer in its register, and an operator's override, told apart.

Pure: all it knows of earlier cycles stands in its memory, so that every finding can be replayed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from controller.plant import tolerance
from plant_models.site.load import LoadedSite
from plant_models.site.points import Point
from safety.limits import Limits
from safety.records import Measurements, Outcome, Receipt, Snapshot
from safety.signals import Authority, Kind, Role, parse, point

CONFIRMED_CYCLES: Final = 2  # engineering value: one odd reading may be a dropped frame, two in a row are not
RAMP_FACTOR: Final = 2.0  # engineering value: a BAS may ramp half as fast as the envelope lets a request move
OWN_ROUNDING: Final[Mapping[Kind, float]] = {Kind.TEMPERATURE: 0.5, Kind.PRESSURE: 5.0, Kind.SHARE: 2.0}
"""How far what is in force may lie from a request that is followed [own unit]: what a BAS rounds for itself; engineering values."""


class Sort(StrEnum):
    """What is wrong with a request of ours."""

    NOT_APPLIED = "not_applied"
    OTHER_WRITER = "other_writer"
    OVERRIDE = "override"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with one setpoint, since when [s], and for how many cycles it was seen; only a confirmed one is reported and acted on."""

    setpoint: str
    sort: Sort
    since_s: float
    cycles: int
    confirmed: bool
    says: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What was last asked of one setpoint and when [s], whether its register was ever seen to hold it, and since when [s] and where what is in
    force stands still, and how far from there the farthest request was.
    """

    value: float
    at_s: float
    kept: bool = False
    still_since_s: float | None = None
    still_at: float = 0.0
    still_gap: float = 0.0


@dataclass(frozen=True, slots=True)
class WatchMemory:
    """What one cycle hands to the next."""

    asked: Mapping[str, Asked] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    @property
    def standing(self) -> tuple[Finding, ...]:
        """Returns the findings that are confirmed."""
        return tuple(f for f in self.findings if f.confirmed)


@dataclass(frozen=True)
class Seen:
    """What a cycle knows: what was read, what is asked since when [s], what became of the last writes, and whether the plant is ours."""

    snapshot: Snapshot
    measured: Measurements
    requested: Mapping[str, float]
    asked_at_s: float
    receipt: Receipt | None
    holds: bool
    latched: bool


def watch(loaded: LoadedSite, limits: Limits, memory: WatchMemory, seen: Seen) -> WatchMemory:
    """Looks once at every setpoint.

    What was found stays to be read while a latch keeps the plant with the BAS. A setpoint whose authority cannot be read keeps its finding.
    """
    at_s = seen.measured.taken_at_s
    before = {f.setpoint: f for f in memory.findings}
    asked, findings = {}, []
    known = loaded.points.by_signal
    for setpoint in loaded.points.setpoints:
        last = before.get(setpoint)
        now = _Setpoint(loaded, limits, setpoint, seen, known)
        if seen.holds and setpoint in seen.requested:
            asked[setpoint] = now.follow(memory.asked.get(setpoint))
        found = now.finding(asked.get(setpoint))
        if found is not None:
            sort, sure, says = found
            cycles = last.cycles + 1 if last is not None and last.sort is sort else 1
            since_s = last.since_s if last is not None and last.sort is sort else at_s
            findings.append(Finding(setpoint, sort, since_s, cycles, sure or cycles >= CONFIRMED_CYCLES, says))
        elif last is not None and ((seen.latched and last.sort is not Sort.OVERRIDE) or (seen.holds and now.authority_unread)):
            findings.append(last)
    return WatchMemory(asked, tuple(findings))


def changes(before: WatchMemory, after: WatchMemory) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """Returns the findings that were confirmed anew, and those that are over."""
    then, now = ({(f.setpoint, f.sort): f for f in memory.standing} for memory in (before, after))
    return tuple(f for key, f in now.items() if key not in then), tuple(f for key, f in then.items() if key not in now)


class _Setpoint:
    """One setpoint in one cycle: its points, and what they show."""

    def __init__(self, loaded: LoadedSite, limits: Limits, name: str, seen: Seen, known: Mapping[str, Point]) -> None:
        self._seen, self._name = seen, name
        self._points = {role: known[signal] for role in Role if (signal := point(name, role)) in known}
        self._range = limits.setpoints[name]
        request, effective = self._points[Role.REQUEST], self._points.get(Role.EFFECTIVE)
        self._settle_s = loaded.site.device[request.device].settle_s
        self._period_s = loaded.site.timing.cycle_s
        self._request = self._value(Role.REQUEST)
        self._effective = self._value(Role.EFFECTIVE)
        self._authority = self._value(Role.AUTHORITY)
        kind = parse(name).quantity.kind
        own = OWN_ROUNDING.get(kind, 0.0)
        self._apart = max(own, loaded.site.setpoint[name].deadband, *(tolerance(p, 0.0) for p in (request, effective) if p is not None))

    @property
    def authority_unread(self) -> bool:
        """Whether there is an authority point and nobody knows what it shows."""
        return Role.AUTHORITY in self._points and self._authority is None

    def follow(self, asked: Asked | None) -> Asked:
        """Returns the memory of what is asked: anew where it has changed, kept once it was seen in the register, still while nothing follows."""
        value = self._seen.requested[self._name]
        if asked is None or asked.value != value:
            written = self._seen.receipt.outcomes.get(point(self._name, Role.REQUEST)) if self._seen.receipt else None
            stalled = asked or Asked(value, 0.0)
            asked = replace(stalled, value=value, at_s=self._seen.asked_at_s, kept=written is Outcome.VERIFIED)
        if self._holds_ours(asked):
            asked = replace(asked, kept=True)
        return self._stalled(asked)

    def finding(self, asked: Asked | None) -> tuple[Sort, bool, str] | None:
        """Returns what is wrong, whether one look is enough to be sure, and the words for it; None where nothing is."""
        shown = "unknown" if self._effective is None else f"{self._effective:g}"
        if self._authority == Authority.HAND:
            return Sort.OVERRIDE, True, f"{self._name} is in hand at the BAS; in force: {shown}"
        if asked is None or self.authority_unread:
            return None
        if self._authority == Authority.LOCAL:
            differs = self._effective is not None and abs(self._effective - asked.value) > self._apart
            return (Sort.OVERRIDE, False, f"{self._name} is moved by the BAS itself; in force: {shown}, asked: {asked.value:g}") if differs else None
        if self._fresh(asked) and not self._holds_ours(asked):
            return self._foreign(asked)
        if self._overdue(asked):
            since_s = self._seen.measured.taken_at_s - (asked.still_since_s or 0.0)
            return (
                Sort.NOT_APPLIED,
                False,
                f"{self._name}: {asked.value:g} stands in its register, but {shown} is in force and has not moved for {since_s:.0f} s",
            )
        return None

    def _foreign(self, asked: Asked) -> tuple[Sort, bool, str]:
        if asked.kept:
            return Sort.OTHER_WRITER, False, f"{self._name}: the register was ours at {asked.value:g} and now reads {self._request:g}: something else writes it"
        return Sort.NOT_APPLIED, False, f"{self._name}: {asked.value:g} was written, the register reads {self._request:g} and never held it"

    def _value(self, role: Role) -> float | None:
        return self._seen.measured.values.get(point(self._name, role)) if role in self._points else None

    def _fresh(self, asked: Asked) -> bool:
        """Whether the register was read after the write: an older reading that stands in for a failed one says nothing of it."""
        reading = self._seen.snapshot.readings.get(point(self._name, Role.REQUEST))
        return self._request is not None and reading is not None and reading.received_at_s > asked.at_s

    def _holds_ours(self, asked: Asked) -> bool:
        return self._request is not None and self._fresh(asked) and abs(self._request - asked.value) <= tolerance(self._points[Role.REQUEST], asked.value)

    def _stalled(self, asked: Asked) -> Asked:
        """Keeps since when what is in force has stood still although it should move; any step towards the request begins anew."""
        at_s, effective = self._seen.measured.taken_at_s, self._effective
        if effective is None:
            return asked
        gap, step = asked.value - effective, tolerance(self._points[Role.EFFECTIVE], effective)
        if abs(gap) <= step or self._authority in (Authority.HAND, Authority.LOCAL):
            return replace(asked, still_since_s=None)
        turned = gap * asked.still_gap < 0.0
        moved = (effective - asked.still_at) * (1.0 if gap > 0.0 else -1.0) > step
        if asked.still_since_s is not None and not (turned or moved):
            return replace(asked, still_gap=max(gap, asked.still_gap, key=abs))
        if abs(gap) <= self._apart:  # as near as a BAS comes that rounds for itself
            return replace(asked, still_since_s=None)
        return replace(asked, still_since_s=at_s, still_at=effective, still_gap=gap)

    def _overdue(self, asked: Asked) -> bool:
        if asked.still_since_s is None or not self._holds_ours(asked):
            return False
        per_min = self._range.raise_per_min if asked.still_gap > 0.0 else self._range.lower_per_min
        ramp_s = 0.0 if per_min is None else 60.0 * abs(asked.still_gap) / per_min
        return self._seen.measured.taken_at_s - asked.still_since_s >= RAMP_FACTOR * ramp_s + self._settle_s + self._period_s
