"""The fast guard: every few seconds it reads the critical points, renews the lease while cycles are being recorded, and can only add caution."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import structlog

from controller.plant import HEARTBEAT_SIGNAL, HEARTBEAT_WRAPS, Plant
from plant_models.site.conditions import contacts_of
from plant_models.site.load import LoadedSite
from safety.conditions import spoken
from safety.limits import Limits
from safety.modes import ROW_OF, WRITES, Condition, Mode, Stage
from safety.records import Snapshot, Status

log = structlog.get_logger()

CYCLES_MISSED: Final = 2  # periods without a recorded cycle after which the heartbeat stops (safety case, lease)
OWN_BEATS_SEEN: Final = 8  # a device that shows a write late still shows one of our last few
STRAY_BEATS: Final = 1  # while we beat, one value that is not ours may be a torn read; two are another daemon
KILL_SWITCH: Final = "bas.kill_switch_state"
OWNER: Final = "daemon.owner_id"
HOT_TICKS: Final = 2  # consecutive ticks above the allowable limit before the guard acts, so that one spike does not


@dataclass
class Lease:
    """What the guard must know of the cycle: whether authority is wanted, whether anything is asked of the plant at all (else there is nothing to keep),
    and when a cycle was last on disk [s, plant time].
    """

    stage: Stage
    mode: Mode = Mode.RELEASE
    asked: bool = False
    recorded_at_s: float = float("-inf")
    stopping: bool = False


@dataclass
class Guard:
    """The fast guard of one site; ``findings`` gathers what it saw until the cycle takes it."""

    loaded: LoadedSite
    limits: Limits
    plant: Plant
    lease: Lease
    findings: set[Condition] = field(default_factory=set)
    count: int = 0
    beating: bool = False
    foreign: bool = False
    """Whether another daemon is at work on this plant: its owner stands in the register, or the heartbeat register moves and not by us."""
    also: tuple[str, ...] = ()
    """Points that somebody wants read at each tick besides, and who is told of them: a drill."""
    told: Callable[[Snapshot], None] | None = None
    _ticked_at_s: float = float("-inf")
    _seen_beat: float | None = None
    _own_beat: float | None = None
    _foreign_beats: int = 0
    _foreign_at_s: float = float("-inf")
    _hot_ticks: dict[str, int] = field(default_factory=dict)
    _bas_beat: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        """Chooses the critical points: the building's contacts, heartbeat and kill switch of the BAS, who renews the lease, and every hall's hottest inlet."""
        self.contacts = contacts_of(self.loaded.site, self.loaded.points)
        own = ["bas.heartbeat", KILL_SWITCH, OWNER, HEARTBEAT_SIGNAL]
        wanted = [*self.contacts, *own, *(f"{hall.name}.rack_inlet_max_c" for hall in self.limits.halls)]
        known = self.loaded.points.by_signal
        self.signals = tuple(s for s in wanted if s in known and known[s].readable)

    async def tick(self, at_s: float) -> None:
        """Reads the critical points and renews the lease where nothing speaks against it."""
        snapshot = await self.plant.read(self.signals + self.also)
        if self.told is not None:
            self.told(snapshot)
        self.findings |= self.judge(snapshot) | self._gap(at_s)
        may = self.may_beat(at_s)
        if may != self.beating:
            log.info("lease_renewed" if may else "lease_stopped", at_s=at_s, mode=self.lease.mode.name, findings=sorted(self.findings))
            self.beating = may
        if may:
            self.count = self.count % (HEARTBEAT_WRAPS - 1) + 1
            await self.plant.beat(self.count)

    def _gap(self, at_s: float) -> set[Condition]:
        """Finds time in which no beat can have been sent: the process stood still, or the clock jumped ahead; either way the BAS has its turn."""
        gap_s, self._ticked_at_s = at_s - self._ticked_at_s, at_s
        held = self.beating and self.lease.mode < Mode.RELEASE
        return {Condition.LEASE_LAPSED} if held and gap_s > self.loaded.site.lease.bas_timeout_s else set()

    def may_beat(self, at_s: float) -> bool:
        """Returns whether the lease may be renewed: the stage writes, the mode holds authority, cycles are being recorded, nothing alarming was seen."""
        missed_s = CYCLES_MISSED * self.loaded.site.timing.cycle_s
        recorded = at_s - self.lease.recorded_at_s <= missed_s
        alarmed = any(ROW_OF[finding].forces is Mode.RELEASE for finding in self.findings)
        wanted = WRITES[self.lease.stage].heartbeat and self.lease.mode < Mode.RELEASE and self.lease.asked and not self.lease.stopping
        return wanted and recorded and not alarmed

    def judge(self, snapshot: Snapshot) -> set[Condition]:
        """Returns what the critical points show that calls for more caution."""
        seen = {s: r.value for s, r in snapshot.readings.items() if r.value is not None and r.status is Status.GOOD}
        found = self._bas_alive(seen, snapshot.taken_at_s) | spoken(self.contacts, seen)[0]
        for hall in self.limits.halls:
            inlet_c = seen.get(f"{hall.name}.rack_inlet_max_c")
            hot = inlet_c is not None and not inlet_c <= hall.inlet_allowable_c
            self._hot_ticks[hall.name] = self._hot_ticks.get(hall.name, 0) + 1 if hot else 0
            if self._hot_ticks[hall.name] >= HOT_TICKS:
                found.add(Condition.INLET_ABOVE_ALLOWABLE)
        if seen.get(KILL_SWITCH):
            found.add(Condition.KILL_SWITCH)
        self.foreign = self._other_daemon(seen, snapshot.taken_at_s)
        if self.foreign and WRITES[self.lease.stage].heartbeat:
            found.add(Condition.SECOND_WRITER)
        return found

    def _other_daemon(self, seen: Mapping[str, float], at_s: float) -> bool:
        """Looks for another daemon, also one of the same owner number: within the BAS's time-out of its last beat it is at work."""
        owner, beat = seen.get(OWNER), seen.get(HEARTBEAT_SIGNAL)
        if beat is not None and beat != self._seen_beat:
            restarted = beat == 0.0  # a BAS that starts again begins with empty registers
            if self._seen_beat is not None and not self._is_ours(beat) and not restarted:
                self._foreign_beats += 1
                self._foreign_at_s = at_s
            self._seen_beat = beat
        quiet = at_s - self._foreign_at_s > self.loaded.site.lease.bas_timeout_s
        self._foreign_beats = 0 if quiet else self._foreign_beats
        moved = self._foreign_beats > (STRAY_BEATS if self.beating else 0)
        return moved or (owner is not None and owner not in (0.0, float(self.loaded.site.lease.owner_id)))

    def _is_ours(self, beat: float) -> bool:
        """Returns whether we wrote a beat just now, or since the last one of ours that was seen: writes may have been lost on the way meanwhile."""
        if not self.count:
            return False
        cycle = HEARTBEAT_WRAPS - 1
        since = self.count - OWN_BEATS_SEEN + 1 if self._own_beat is None else self._own_beat
        ours = (beat - since) % cycle <= (self.count - since) % cycle or (self.count - beat) % cycle < OWN_BEATS_SEEN
        if ours:
            self._own_beat = beat
        return ours

    def _bas_alive(self, seen: Mapping[str, float], at_s: float) -> set[Condition]:
        if "bas.heartbeat" not in self.signals:
            return set()
        beat = seen.get("bas.heartbeat")
        if beat is not None and (self._bas_beat is None or beat != self._bas_beat[0]):
            self._bas_beat = (beat, at_s)
        silent = self._bas_beat is None or at_s - self._bas_beat[1] > self.loaded.site.lease.bas_timeout_s
        return {Condition.READINGS_GAP} if silent else set()
