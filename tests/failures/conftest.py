"""A daemon's engine with its real buses, a proxy in front of each device, and a simulated site behind them; in plant time, in one process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from controller.backtest import NoOptimiser
from controller.clock import SteppedClock
from controller.cycle import Cycle, Done
from controller.encode import plain
from controller.engine import Engine
from controller.journal import Journal
from controller.plant import Plant, connect_buses
from controller.record import Orders, RunHeader
from controller.stages import fresh_memory, stages_from
from hil.bench import Bench, Pace
from plant_models.reduced.nameplate import from_name_plate
from plant_models.simulator.conditions import HOUR_S, Conditions, inputs
from plant_models.simulator.plant_file import load_plant_file
from plant_models.simulator.site import SimulatedSite
from plant_models.site.limits import limits_of
from plant_models.site.load import LoadedSite, load_site
from plant_models.site.points import Point, Points
from plant_models.site.topology import Site
from plant_models.sources.load import Load
from plant_models.sources.weather import Weather
from safety.modes import Condition, Mode, Stage
from safety.records import FaultCause, Outcome, Reading, Status
from safety.signals import Authority
from tests.controller.fieldbus.bacnet_server import Datagrams
from tests.controller.fieldbus.conftest import Proxy

CONFIG = Path(__file__).parents[2] / "config"
SUPPLY = "hall-a.crah_supply_setpoint_c"
TIMEOUT_S = 1.0  # of a read or write in these tests: far beyond what a loopback needs on a busy machine, short where a device is silent on purpose
MOVED_K = 0.3  # supply air is this far above the BAS's own setpoint once the daemon has moved it


@dataclass
class Behind:
    """The site as its devices see it: some signals may show something else than they are, or all of them stand still."""

    site: SimulatedSite
    shown: dict[str, Callable[[float | None], float | None]] = field(default_factory=dict)
    frozen: dict[str, float | None] | None = None
    written: list[tuple[float, str, float]] = field(default_factory=list)

    @property
    def now_s(self) -> float:
        return self.site.now_s

    def advance(self, until_s: float) -> None:
        self.site.advance(until_s)

    def read(self, signal: str) -> float | None:
        value = self.site.read(signal)
        if self.frozen is not None:
            return self.frozen.setdefault(signal, value)
        change = self.shown.get(signal) or self.shown.get("*")
        return change(value) if change else value

    def write(self, signal: str, value: float) -> None:
        self.written.append((self.site.now_s, signal, value))
        self.site.write(signal, value)

    def relinquish(self, signal: str) -> None:
        self.site.relinquish(signal)


@dataclass
class Rig:
    """One site under the daemon's engine over the wire; ``proxies`` are by device."""

    loaded: LoadedSite
    behind: Behind
    bench: Bench
    proxies: dict[str, Any]
    plant: Plant
    engine: Engine
    done: list[Done] = field(default_factory=list)
    invented: list[str] = field(default_factory=list)

    async def run(self, minutes: float) -> None:
        """Guard every period, cycles when due; no step may take longer than the guard's period, whatever the wire does."""
        timing = self.loaded.site.timing
        now_s = self.behind.now_s
        until_s = now_s + 60.0 * minutes
        while now_s < until_s:
            async with asyncio.timeout(timing.guard_s):
                await self.engine.guard.tick(now_s)
            if now_s - self.engine.memory.at_s >= timing.cycle_s:
                async with asyncio.timeout(timing.cycle_s):
                    self.done.append(await self.engine.cycle_once())
                self._compare(self.done[-1])
            now_s += timing.guard_s
            await self.engine.clock.sleep_until(now_s)
            await self.publish()

    async def publish(self) -> None:
        """Lets the devices show what the site shows now."""
        for device in self.bench.devices:
            await device.publish()

    def _compare(self, done: Done) -> None:
        """Notes every value that a cycle took for good although the device never showed it; time stood still since it was read."""
        known = self.loaded.points.by_signal
        for signal, reading in done.record.given.snapshot.readings.items():
            if reading.status is not Status.GOOD:
                if reading.value is not None and reading.status is not Status.UNCERTAIN:
                    self.invented.append(f"{signal}: {reading}")
            elif "last good" not in reading.detail and not known[signal].writable:
                shown = self.behind.read(signal)
                if shown is None or reading.value is None or abs(shown - reading.value) > 0.1 + 1e-6 * abs(shown):
                    self.invented.append(f"{signal}: {reading}, the device showed {shown}")

    async def in_charge(self, minutes: float = 10.0) -> None:
        """Runs until the daemon has the plant and has moved something."""
        await self.run(minutes)
        assert self.mode is Mode.RESET, self.cause
        assert self.authority() is Authority.REMOTE
        assert self.shown(f"{SUPPLY}.effective") > self.own + MOVED_K

    async def answering(self, signal: str = "bas.heartbeat") -> None:
        """Waits in wall time until a point can be read again; plant time stands still."""
        async with asyncio.timeout(30):
            while True:
                if (await self.plant.read([signal])).readings[signal].status is Status.GOOD:
                    return
                await asyncio.sleep(0.02)

    def engage(self) -> None:
        self.engine.order(Orders(engage=True, who="tester", reason="mended"))

    def spoil(self, down: Any = None, up: Any = None) -> None:
        for proxy in self.proxies.values():
            proxy.down, proxy.up = down, up

    @property
    def mode(self) -> Mode:
        return self.engine.memory.mode.mode

    @property
    def cause(self) -> str:
        return f"{self.engine.memory.mode}; {self.done[-1].record.decision.says if self.done else 'no cycle'}"

    @property
    def own(self) -> float:
        return self.loaded.site.setpoint[SUPPLY].own

    def shown(self, signal: str) -> float:
        value = self.behind.site.read(signal)
        assert value is not None
        return value

    def authority(self, setpoint: str = SUPPLY) -> Authority:
        return Authority(int(self.shown(f"{setpoint}.authority")))

    def assert_back_under_the_bas(self, cause: Condition) -> None:
        """Mode, latch and the actuator itself: the BAS is in charge and at its own setpoints, and nothing was ever made up."""
        state = self.engine.memory.mode
        assert (state.mode, state.cause, state.latched) == (Mode.RELEASE, cause, True), self.cause
        assert self.authority() is not Authority.REMOTE
        assert abs(self.shown(f"{SUPPLY}.effective") - self.own) < 0.1
        assert self.invented == []

    def assert_in_charge_still(self) -> None:
        """Mode and the actuator itself: the daemon keeps the plant, nothing has jumped, and nothing was ever made up."""
        assert self.mode in (Mode.RESET, Mode.HOLD), self.cause
        assert self.authority() is Authority.REMOTE
        assert self.shown(f"{SUPPLY}.effective") > self.own + MOVED_K
        assert self.invented == []

    async def mended(self) -> None:
        """A person engages again once the device answers: the daemon takes the plant back over the same buses, without a restart."""
        await self.answering()
        self.engage()
        await self.in_charge(15.0)

    def last(self, signal: str) -> Reading:
        return self.done[-1].record.given.snapshot.readings[signal]

    def fault(self, signal: str) -> FaultCause:
        return next(f.cause for f in self.done[-1].record.decision.measured.faults if f.signal == signal)

    def requests(self) -> list[tuple[float, str, float]]:
        """Returns what arrived at the devices for setpoints: plant time [s], signal, value."""
        return [w for w in self.behind.written if w[1].endswith(".request")]

    def outcomes(self, outcome: Outcome) -> set[str]:
        return {s for d in self.done for s, o in d.receipt.outcomes.items() if o is outcome}


Change = Callable[[Point], Point]
ChangeSite = Callable[[Site], Site]
Make = Callable[..., Awaitable[Rig]]


@pytest.fixture
async def wired(tmp_path: Path) -> AsyncIterator[Make]:
    """Returns a maker of rigs; ``change`` may alter rows of the points table and ``change_site`` the site, for daemon and devices alike."""
    stack = AsyncExitStack()

    async def make(site: str | Path = "small", change: Change | None = None, stage: Stage = Stage.AUTO, change_site: ChangeSite | None = None) -> Rig:
        timing = {"COLDAISLE_TIMING__READ_TIMEOUT_WALL_S": str(TIMEOUT_S), "COLDAISLE_TIMING__WRITE_TIMEOUT_WALL_S": str(TIMEOUT_S)}
        served = _changed(load_site(CONFIG / site, {}), change, change_site)
        behind = Behind(_simulated(served))
        bench = await stack.enter_async_context(Bench(served, behind, Pace(), dict.fromkeys(served.site.device, 0)))
        proxies: dict[str, Any] = {d.name: (Datagrams if served.site.device[d.name].protocol == "bacnet" else Proxy)(d.port) for d in bench.devices}
        for proxy in proxies.values():
            await proxy.start()
            stack.push_async_callback(proxy.stop)
        ports = {"COLDAISLE_DEVICE": json.dumps({name: {"port": proxy.port} for name, proxy in proxies.items()})}
        loaded = _changed(load_site(CONFIG / site, timing | ports), change, change_site)
        stages = stages_from(loaded, from_name_plate(loaded.site))
        clock = SteppedClock(behind.site)
        plant = Plant(loaded, connect_buses(loaded), clock)
        await plant.open()
        stack.push_async_callback(plant.close)
        journal = Journal(tmp_path / "journal.sqlite")
        stack.callback(journal.close)
        run = await journal.begin(clock.now_s(), RunHeader("test", "g36", plain(loaded.site), plain(loaded.points), plain(stages.parameters), "test"))
        cycle = Cycle(stages, plant, NoOptimiser(), journal, run)
        engine = Engine(cycle, plant, clock, limits_of(loaded.site, loaded.points), stage, fresh_memory(stages, clock.now_s()))
        engine.set_stage(stage)
        return Rig(loaded, behind, bench, proxies, plant, engine)

    yield make
    await stack.aclose()
    await asyncio.sleep(0.01)


@cache
def _day(site: str) -> tuple[Weather, Load, float]:
    return inputs(load_site(CONFIG / site, {}), Conditions())


def _simulated(loaded: LoadedSite) -> SimulatedSite:
    """A site that has run for an hour under its own controls: enough to be taken over."""
    weather, load, start_s = _day(loaded.site.site.name)
    truth = load_plant_file(loaded.site.directory / "plant.toml", loaded.site)
    site = SimulatedSite(loaded.site, loaded.points, truth, weather, load, 0, start_s - HOUR_S)
    site.advance(start_s)
    return site


def _changed(loaded: LoadedSite, change: Change | None, change_site: ChangeSite | None) -> LoadedSite:
    points = Points(tuple(map(change, loaded.points.rows))) if change else loaded.points
    return replace(loaded, site=change_site(loaded.site) if change_site else loaded.site, points=points)
