"""Keeps the cycle and the fast guard going on one clock, and carries memory from each cycle to the next; the daemon and the backtest both run it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

from controller.clock import Clock
from controller.cycle import Cycle, Done
from controller.forecast.outlook import Outlook
from controller.guard import Guard, Lease
from controller.plant import Plant
from controller.record import CycleMemory, Orders
from safety.grants import Grant, Grants
from safety.limits import Limits
from safety.modes import WRITES, Condition, Mode, Stage
from safety.records import Receipt

OnCycle = Callable[[Done], Awaitable[None]]


@dataclass
class Engine:
    """One site under control: what the next cycle will be given, and who is told of each finished one."""

    cycle: Cycle
    plant: Plant
    clock: Clock
    limits: Limits
    stage: Stage
    memory: CycleMemory
    on_cycle: OnCycle | None = None
    orders: Orders = field(default_factory=Orders)
    last_receipt: Receipt | None = None
    late_cycles: int = 0
    outlook: Callable[[float], Outlook] = lambda _at_s: Outlook()
    listen_s: float = 0.0
    """How long the guard only listens before the first cycle [s, plant time], so that a daemon that is already at work is heard first."""
    alarm: bool = False
    """What the BMS is told besides a latch: something that a person must look at."""
    standing: set[Condition] = field(default_factory=set)
    """Conditions that hold until they are taken away again, unlike the guard's findings: a drill, a rollback."""

    grants: Callable[[float], Grants] | None = None
    """What is lent to the daemon at a plant time [s]; None for everything in AUTO."""

    fallback: Mapping[str, float] = field(default_factory=dict)
    """Setpoints that RESET asks for instead of Guideline 36's, after a rollback."""

    steps: Mapping[str, float] = field(default_factory=dict)
    """What an excitation asks for in the next cycle, empty without one."""

    def __post_init__(self) -> None:
        """Sets the lease as it stands before the first cycle: not wanted."""
        self.loaded = self.cycle.stages.loaded
        self.lease = Lease(self.stage)
        self.guard = Guard(self.loaded, self.limits, self.plant, self.lease)
        self._guard_done_s = self._cycle_done_s = self.clock.now_s()
        self._claimed = False  # the owner register is given back by whoever claimed it, never by a newcomer
        self.plant.settling = self._settling

    async def change_stage(self, stage: Stage) -> None:
        """Sets the stage from the next cycle on; before one that writes nothing, devices give up what they hold for us."""
        writing = self.plant.writes_enabled and not WRITES[stage].setpoints
        if writing:
            self.stage = self.lease.stage = stage
            await self.plant.stop_writing()
        self.set_stage(stage)

    def set_stage(self, stage: Stage) -> None:
        """Sets the stage from the next cycle on; a stage that writes nothing stops the heartbeat at once and closes the way to the wire."""
        self.stage = self.lease.stage = stage
        self._open_way()

    def _open_way(self) -> None:
        """Lets writes through where the stage writes and no other daemon is at work: the second one on a plant sends nothing at all."""
        self.plant.writes_enabled = WRITES[self.stage].setpoints and not self.guard.foreign

    def order(self, orders: Orders) -> None:
        """Takes an operator's order; a release stops the heartbeat at once, the next cycle records it."""
        self.orders = orders
        if orders.release:
            self.guard.findings.add(Condition.OPERATOR_RELEASE)

    async def cycle_once(self) -> Done:
        """Runs one cycle on what has come in since the last one."""
        orders = replace(self.orders, guard=tuple(sorted(self.guard.findings | self.standing)), setpoints=self.fallback, steps=self.steps)
        self.orders = Orders()
        self.guard.findings.clear()
        at_s = self.clock.now_s()
        grants = (self.grants or self._all_or_nothing)(at_s) if WRITES[self.stage].setpoints else {}
        done = await self.cycle(self.memory, self.stage, grants, self.limits, orders, self.last_receipt, self.outlook(at_s))
        self.memory, self.last_receipt = done.record.decision.memory, done.receipt
        mode = self.memory.mode.mode
        self.lease.mode, self.lease.recorded_at_s, self.lease.asked = mode, self.memory.at_s, bool(self.memory.requested)
        await self.announce(mode)
        if self.on_cycle is not None:
            await self.on_cycle(done)
        return done

    def _all_or_nothing(self, _at_s: float) -> Grants:
        """Lends every setpoint in AUTO and none below it: for runs in which nobody widens trust."""
        return dict.fromkeys(self.limits.setpoints, Grant()) if self.stage is Stage.AUTO else {}

    async def announce(self, mode: Mode) -> None:
        """Shows mode, stage, alarm and the holder of the lease on the BMS, where the site has points for them and the stage writes."""
        if WRITES[self.stage].heartbeat:
            holds = mode < Mode.RELEASE and bool(self.memory.requested)
            owner = float(self.loaded.site.lease.owner_id) if holds else 0.0
            alarm = 1.0 if self.memory.mode.latched or self.alarm else 0.0
            told = {"daemon.mode": float(mode), "daemon.stage": float(self.stage), "daemon.alarm": alarm}
            await self.plant.announce({**told, **({"daemon.owner_id": owner} if holds or self._claimed else {})})
            self._claimed = holds

    async def run_cycles(self) -> None:
        """Runs cycles one period apart for ever; a late one delays the next, none is made up for."""
        period_s, guard_s = self.loaded.site.timing.cycle_s, self.loaded.site.timing.guard_s
        due_s = self.clock.now_s() + self.listen_s
        self._cycle_done_s = due_s - guard_s
        while True:
            await self.clock.sleep_until(due_s)
            await self.cycle_once()
            due_s = max(due_s + period_s, self.clock.now_s())
            self._cycle_done_s = due_s - guard_s
            await self._report_done()

    async def run_guard(self) -> None:
        """Runs the guard one guard period apart for ever, whatever the cycle is doing."""
        period_s = self.loaded.site.timing.guard_s
        due_s = self.clock.now_s()
        while True:
            await self.clock.sleep_until(due_s)
            now_s = self.clock.now_s()
            await self.guard.tick(now_s)
            self._open_way()
            self._guard_done_s = now_s
            due_s = max(due_s + period_s, now_s)
            await self._report_done()

    async def _settling(self, until_s: float) -> None:
        """Lets time go on to the end of a device's settle time: the cycle has nothing to do until then."""
        self._cycle_done_s = until_s - self.loaded.site.timing.guard_s
        await self._report_done()

    async def _report_done(self) -> None:
        await self.clock.done(min(self._guard_done_s, self._cycle_done_s))

    async def hand_back(self) -> None:
        """Lets go of the plant: the heartbeat stops, the BMS is told, and devices give up what they hold for us.

        The BAS takes over from what is in force, ramped by itself.
        """
        self.lease.stopping = True
        self.lease.mode = Mode.RELEASE
        await self.announce(Mode.RELEASE)
        await self.plant.release()
