"""Measures a site's own time-out: takes authority over a setpoint, lets it follow a harmless step, falls silent, and times the BAS taking it back."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from controller.clamp import clamped
from controller.clock import Clock
from controller.hold import holdings
from controller.plant import HEARTBEAT_SIGNAL, HEARTBEAT_WRAPS, Plant, tolerance
from plant_models.site.gate import gate_rules_of
from plant_models.site.limits import limits_of
from plant_models.site.load import LoadedSite
from safety.envelope import judge
from safety.limits import MORE_COOLING
from safety.quality import GateMemory, check
from safety.records import Command, Measurements, Situation
from safety.signals import Authority, Role, point

Seen = Callable[[float, float], bool]
NUDGE_BANDS: Final = 3.0  # of the setpoint's deadband, towards more cooling: enough to be seen, harmless to the halls
GRANTED_S: Final = 60.0  # two beats and a scan are enough for any BAS
FOLLOWED_S: Final = 600.0  # what a ramp may take over the nudge
SILENT_TIMEOUTS: Final = 4.0  # how many of the stated time-outs are waited for before the BAS is called one without
TOLERATED_S: Final = 5.0  # one scan of a BAS beyond the stated time-out


class ConformanceError(Exception):
    """The measurement may not begin, with every reason."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What was measured of one setpoint: times [s] from the first beat to authority, and from the last beat to authority gone and to what is in force
    leaving our value; None for what never came.
    """

    setpoint: str
    device: str
    granted_after_s: float | None
    timeout_s: float | None
    left_after_s: float | None
    fastest_per_min: float
    failed: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Returns whether this setpoint's BAS does what the lease needs."""
        return not self.failed


def choose(loaded: LoadedSite, named: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the setpoints to be measured: those named, or the first of each device that shows what is in force and who moves it.

    Raises ConformanceError for one that does not.
    """
    known = loaded.points.by_signal
    fit = [s for s in loaded.points.setpoints if point(s, Role.EFFECTIVE) in known and point(s, Role.AUTHORITY) in known]
    wrong = [f"{s}: must be one of {', '.join(fit) or 'none'}" for s in named if s not in fit]
    if wrong or not fit:
        raise ConformanceError(
            "\n".join(wrong) or "no setpoint of this site shows both what is in force and who moves it; only the BMS's own screens can prove it"
        )
    first = {known[point(s, Role.REQUEST)].device: s for s in reversed(fit)}
    return named or tuple(s for s in fit if s in first.values())


def advice(loaded: LoadedSite, proofs: tuple[Proof, ...]) -> str:
    """Returns what to put into site.toml."""
    slowest = max((p.timeout_s for p in proofs if p.timeout_s is not None), default=None)
    if slowest is None or any(p.timeout_s is None for p in proofs):
        return "[lease] proven = false: at least one BAS never took its setpoint back; do not let anything write to this site"
    stated = loaded.site.lease.bas_timeout_s
    fits = slowest <= stated + TOLERATED_S
    number = f"{stated:g}" if fits else f"{math.ceil(slowest / 5.0) * 5:g}"
    proven = "proven = true" if all(p.passed for p in proofs) else "proven = false until the failures are mended"
    return f"[lease] bas_timeout_s = {number}, {proven}  # slowest measured: {slowest:.0f} s"


class Conformance:
    """The measurement on one site, one setpoint after the other; nothing but requests, heartbeat and owner is written."""

    def __init__(self, loaded: LoadedSite, plant: Plant, clock: Clock) -> None:
        """Takes an open plant that may write."""
        self._loaded, self._plant, self._clock = loaded, plant, clock
        self._limits = limits_of(loaded.site, loaded.points)
        self._count = 1 + secrets.randbelow(HEARTBEAT_WRAPS - 1)

    async def prove(self, setpoint: str) -> Proof:
        """Measures one setpoint and hands back whatever happens.

        Raises ConformanceError where another daemon beats, the setpoint is in hand, or its readings cannot be judged.
        """
        await self._alone()
        wanted, held = await self._harmless(setpoint)
        try:
            return await self._measure(setpoint, wanted, held)
        finally:
            await self._plant.announce({"daemon.owner_id": 0.0})
            await self._plant.release()

    async def _alone(self) -> None:
        """Listens for a time-out, so that a daemon at work is not disturbed."""
        before = await self._seen(HEARTBEAT_SIGNAL, "daemon.owner_id", "bas.kill_switch_state")
        await self._wait(self._loaded.site.lease.bas_timeout_s)
        after = await self._seen(HEARTBEAT_SIGNAL, "daemon.owner_id", "bas.kill_switch_state")
        found = []
        if before.get(HEARTBEAT_SIGNAL) != after.get(HEARTBEAT_SIGNAL):
            found.append("a heartbeat moves: another daemon is at work here; release and stop it first")
        if after.get("daemon.owner_id"):
            found.append(f"owner {after['daemon.owner_id']:g} holds the lease; it must be 0")
        if after.get("bas.kill_switch_state"):
            found.append("the kill switch is on")
        if found:
            raise ConformanceError("\n".join(found))

    async def _harmless(self, setpoint: str) -> tuple[dict[str, float], float]:
        """Returns what to ask for, everything else as it is in force, judged by the envelope; and the value in force."""
        snapshot = await self._plant.read()
        measured, _ = check(snapshot, gate_rules_of(self._loaded.points), GateMemory())
        held = holdings(self._loaded, measured, {})
        if setpoint not in held.writable or setpoint not in held.in_force:
            raise ConformanceError(f"{setpoint}: in hand, or not readable now")
        own = held.in_force[setpoint]
        band = max(self._loaded.site.setpoint[setpoint].deadband, 4 * self._step(setpoint, own))
        asked = {**{s: held.in_force[s] for s in held.writable}, setpoint: own + self._direction(setpoint) * NUDGE_BANDS * band}
        situation = self._situation(measured, held.in_force, held.writable)
        permitted, _ = clamped(self._loaded.points, judge(asked, situation, self._limits).permitted, situation, self._limits)
        return dict(permitted), own

    def _situation(self, measured: Measurements, in_force: Mapping[str, float], writable: frozenset[str]) -> Situation:
        return Situation(measured.taken_at_s, self._loaded.site.timing.cycle_s, measured.values, in_force, writable)

    def _direction(self, setpoint: str) -> float:
        return float(MORE_COOLING.get(setpoint.partition(".")[2], 1))

    def _step(self, setpoint: str, value: float) -> float:
        return tolerance(self._loaded.points.by_signal[point(setpoint, Role.EFFECTIVE)], value)

    async def _measure(self, setpoint: str, wanted: Mapping[str, float], own: float) -> Proof:
        await self._plant.announce({"daemon.owner_id": float(self._loaded.site.lease.owner_id)})
        await self._plant.write(Command({point(s, Role.REQUEST): v for s, v in wanted.items()}))
        began_s, asked = self._clock.now_s(), wanted.get(setpoint, own)
        course: list[tuple[float, float, float]] = []
        granted_s = await self._until(setpoint, course, GRANTED_S, beating=True, seen=lambda who, _value: who == Authority.REMOTE)
        near = 2 * self._step(setpoint, asked)
        if granted_s is not None:
            await self._until(setpoint, course, FOLLOWED_S, beating=True, seen=lambda _who, value: abs(value - asked) <= near)
        last_s, value = self._clock.now_s(), course[-1][2] if course else own
        limit_s = SILENT_TIMEOUTS * self._loaded.site.lease.bas_timeout_s
        gone_s = await self._until(setpoint, course, limit_s, beating=False, seen=lambda who, _value: who != Authority.REMOTE) if granted_s else None
        moved = abs(value - own) > near
        left_s = await self._until(setpoint, course, FOLLOWED_S, beating=False, seen=lambda _who, now: abs(now - value) > near) if gone_s and moved else None
        timeout_s = None if gone_s is None else gone_s - last_s
        fastest = max((abs(b[2] - a[2]) / (b[0] - a[0]) * 60.0 for a, b in pairwise(course) if b[0] - a[0] >= TOLERATED_S), default=0.0)
        device = self._loaded.points.by_signal[point(setpoint, Role.REQUEST)].device
        failed = self._failures(granted_s, timeout_s, moved, left_s)
        times = (None if granted_s is None else granted_s - began_s, timeout_s, None if left_s is None else left_s - last_s)
        return Proof(setpoint, device, *times, fastest, failed)

    def _failures(self, granted_s: float | None, timeout_s: float | None, moved: bool, left_s: float | None) -> tuple[str, ...]:
        stated = self._loaded.site.lease.bas_timeout_s
        if granted_s is None:
            return (f"authority was not granted within {GRANTED_S:g} s of a beating heart",)
        if timeout_s is None:
            return (f"authority was never taken back in {SILENT_TIMEOUTS * stated:g} s of silence: there is no time-out",)
        failed = [] if timeout_s <= stated + TOLERATED_S else [f"the time-out is {timeout_s:.0f} s, lease.bas_timeout_s says {stated:g}"]
        if not moved:
            failed.append("what is in force never followed the request, so that taking it back was not seen")
        elif left_s is None:
            failed.append("authority was taken back, but what is in force stayed at our value")
        return tuple(failed)

    async def _until(self, setpoint: str, course: list[tuple[float, float, float]], limit_s: float, *, beating: bool, seen: Seen) -> float | None:
        """Reads until ``seen`` says so, beating or silent; returns when that was [s], None after ``limit_s``."""
        until_s = self._clock.now_s() + limit_s
        names = (point(setpoint, Role.AUTHORITY), point(setpoint, Role.EFFECTIVE))
        while self._clock.now_s() < until_s:
            if beating:
                self._count = self._count % (HEARTBEAT_WRAPS - 1) + 1
                await self._plant.beat(self._count)
            now = await self._seen(*names)
            if len(now) == len(names):
                at_s = self._clock.now_s()
                course.append((at_s, now[names[0]], now[names[1]]))
                if seen(now[names[0]], now[names[1]]):
                    return at_s
            await self._wait(self._loaded.site.lease.heartbeat_period_s if beating else 1.0)
        return None

    async def _seen(self, *signals: str) -> dict[str, float]:
        readings = (await self._plant.read([s for s in signals if s in self._loaded.points.by_signal])).readings
        return {s: r.value for s, r in readings.items() if r.value is not None}

    async def _wait(self, seconds: float) -> None:
        until_s = self._clock.now_s() + seconds
        await self._clock.done(until_s)
        await self._clock.sleep_until(until_s)
