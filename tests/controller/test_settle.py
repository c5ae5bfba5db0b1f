"""A device that shows a write only after a while is read back when that while is over, in plant time, and time goes on meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest

from controller.clock import SteppedClock
from controller.cycle import Done
from controller.fieldbus import Raw
from controller.fieldbus.memory import MemoryBus
from controller.plant import Plant
from plant_models.site.agree import site_problems
from plant_models.site.load import LoadedSite, load_site
from plant_models.site.points import Point, Points
from plant_models.site.settings import read_site
from safety.modes import Mode, Stage
from safety.records import Command, Outcome
from tests.controller.conftest import CONFIG, Rig

Make = Callable[..., Awaitable[Rig]]
LOADED = load_site(CONFIG / "reference-a", {})
CHWS, FAN = "plant.chws_setpoint_c.request", "hall-a.crah_fan_setpoint_pct.request"
SUPPLY = "hall-a.crah_supply_setpoint_c.request"


@dataclass
class Site:
    """Shows a write after the settle time of its signal."""

    settle_s: Mapping[str, float]
    now_s: float = 1000.0
    before: dict[str, float] = field(default_factory=dict)
    written: dict[str, tuple[float, float]] = field(default_factory=dict)

    def read(self, signal: str) -> float:
        at_s, value = self.written.get(signal, (0.0, 1.0))
        return value if self.now_s >= at_s + self.settle_s.get(signal, 0.0) else 1.0

    def write(self, signal: str, value: float) -> None:
        self.written[signal] = (self.now_s, value)

    def advance(self, until_s: float) -> None:
        self.now_s = until_s


@dataclass
class Noted:
    """A device that notes when it is read."""

    inner: MemoryBus
    site: Site
    read_at_s: list[float] = field(default_factory=list)

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def read(self, points: Sequence[Point]) -> Mapping[str, Raw]:
        self.read_at_s.append(self.site.now_s)
        return await self.inner.read(points)

    async def write(self, values: Sequence[tuple[Point, float]]) -> Mapping[str, Outcome]:
        return await self.inner.write(values)


def settling(loaded: LoadedSite, **settle_s: float) -> LoadedSite:
    devices = {name: replace(device, settle_s=settle_s.get(name.replace("-", "_"), 0.0)) for name, device in loaded.site.device.items()}
    return replace(loaded, site=replace(loaded.site, device=devices))


async def test_each_device_is_read_back_when_its_own_settle_time_is_over() -> None:
    loaded = settling(LOADED, plant_plc=4.0)
    site = Site({CHWS: 4.0})
    buses = {name: Noted(MemoryBus(site), site) for name in loaded.site.device}
    plant = Plant(loaded, buses, SteppedClock(site), writes_enabled=True)
    command = Command({CHWS: 8.0, FAN: 60.0})
    receipt = await plant.verify(command, await plant.write(command))
    assert set(receipt.outcomes.values()) == {Outcome.VERIFIED}
    assert (buses["air-server"].read_at_s, buses["plant-plc"].read_at_s, receipt.at_s) == ([1000.0], [1004.0], 1004.0)


async def test_a_point_may_have_a_settle_time_of_its_own() -> None:
    slow = Points(tuple(replace(p, settle_s=3.0) if p.signal == FAN else p for p in LOADED.points.rows))
    loaded = settling(replace(LOADED, points=slow), plant_plc=4.0, air_server=1.0)
    site = Site({CHWS: 4.0, FAN: 3.0, SUPPLY: 1.0})
    buses = {name: Noted(MemoryBus(site), site) for name in loaded.site.device}
    plant = Plant(loaded, buses, SteppedClock(site), writes_enabled=True)
    command = Command({CHWS: 8.0, FAN: 60.0, SUPPLY: 22.0})
    receipt = await plant.verify(command, await plant.write(command))
    assert set(receipt.outcomes.values()) == {Outcome.VERIFIED}
    assert (buses["air-server"].read_at_s, buses["plant-plc"].read_at_s) == ([1001.0, 1003.0], [1004.0])


async def test_without_its_settle_time_the_same_device_would_differ() -> None:
    site = Site({CHWS: 4.0})
    plant = Plant(LOADED, {name: MemoryBus(site) for name in LOADED.site.device}, SteppedClock(site), writes_enabled=True)
    command = Command({CHWS: 8.0})
    receipt = await plant.verify(command, await plant.write(command))
    assert dict(receipt.outcomes) == {CHWS: Outcome.DIFFERS}


async def test_a_clock_in_lockstep_is_let_go_to_the_end_of_the_settle_time(rig: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    small = await rig(Stage.AUTO)
    engine = small.engine
    said: list[float] = []

    async def done(until_s: float) -> None:
        said.append(until_s)

    monkeypatch.setattr(engine.clock, "done", done)
    engine._guard_done_s = now_s = engine.clock.now_s()
    assert engine.plant.settling is not None
    await engine.plant.settling(now_s + 2.0)
    assert said == [now_s + 2.0 - engine.loaded.site.timing.guard_s], "a bench goes one guard period further than what is done"


async def test_the_engine_takes_a_site_that_settles_slowly(rig: Make) -> None:
    small = await rig(Stage.AUTO)
    small.engine.plant._settle_s = {"plant-plc": 2.0}
    await small.run(30)
    wrote: list[Done] = [d for d in small.done if d.record.decision.command.writes]
    assert wrote
    assert all(set(d.receipt.outcomes.values()) == {Outcome.VERIFIED} for d in wrote)
    assert all(d.receipt.at_s == d.record.given.snapshot.taken_at_s + 2.0 for d in wrote)
    assert small.engine.memory.mode.mode is Mode.RESET


@pytest.mark.parametrize(("settle_s", "cycle_s", "problems"), [("5", "300", 0), ("60", "120", 1), ("60", "121", 0)])
def test_a_settle_time_that_a_cycle_cannot_wait_for_is_refused(settle_s: str, cycle_s: str, problems: int) -> None:
    draft, _ = read_site(CONFIG / "small", {"COLDAISLE_DEVICE__PLANT-PLC__SETTLE_S": settle_s, "COLDAISLE_TIMING__CYCLE_S": cycle_s})
    assert draft is not None
    found = [str(p) for p in site_problems(draft)]
    assert len(found) == problems
    assert all("device.plant-plc.settle_s: 60; allowed: less than half of timing.cycle_s" in p for p in found)
