from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from controller.backtest import NoOptimiser
from controller.clock import SteppedClock
from controller.cycle import Cycle, Done
from controller.encode import plain
from controller.engine import Engine
from controller.fieldbus.memory import MemoryBus
from controller.journal import Journal
from controller.plant import Plant
from controller.record import RunHeader
from controller.rollout.rollback import Rollbacks
from controller.rollout.versions import Versions
from controller.stages import fresh_memory, stages_from
from plant_models.reduced.nameplate import from_name_plate
from plant_models.simulator.conditions import Conditions, Prepared, simulate
from plant_models.site.limits import limits_of
from plant_models.site.load import load_site
from plant_models.site.units import unit_of_signal
from safety.modes import Stage
from safety.signals import parse

CONFIG = Path(__file__).parents[2] / "config"


@dataclass
class Rig:
    """A simulated small site under the daemon's engine, in process."""

    prepared: Prepared
    bus: MemoryBus
    engine: Engine
    journal: Journal
    done: list[Done]

    async def run(self, minutes: float) -> None:
        """Guard every period, cycles when due, as the backtest drives them."""
        timing = self.engine.loaded.site.timing
        now_s = self.prepared.site.now_s
        until_s = now_s + 60.0 * minutes
        while now_s < until_s:
            await self.engine.guard.tick(now_s)
            if now_s - self.engine.memory.at_s >= timing.cycle_s:
                self.done.append(await self.engine.cycle_once())
            now_s += timing.guard_s
            await self.engine.clock.sleep_until(now_s)


def _with(directory: Path, more: Iterable[str], toml: str) -> Path:
    """Returns a copy of the small site with more points and more of ``site.toml``."""
    for file in ("site.toml", "points.csv", "plant.toml", "model.json"):
        shutil.copy(CONFIG / "small" / file, directory)
    rows = [f"{signal},modbus,plant-plc,3:4{9000 + 2 * i:04d},float32,ABCD,1,0,{unit_of_signal(parse(signal))},r,30,,,,\n" for i, signal in enumerate(more)]
    with (directory / "points.csv").open("a") as table:
        table.writelines(rows)
    with (directory / "site.toml").open("a") as file:
        file.write(toml)
    return directory


def no_rollbacks(small: Rig, directory: Path) -> Rollbacks:
    """Nothing to go back to yet, and no daemon to start again."""
    return Rollbacks(small.engine, small.journal.note, Versions(directory / "versions"), {}, {}, {"model": [], "configuration": []}, lambda: None)


@pytest.fixture
def rig(tmp_path: Path) -> Callable[..., object]:
    """Returns a maker of rigs; ``journal`` is made new in ``tmp_path``. ``more`` are points that the small site has besides, at their first values."""

    async def make(stage: Stage, path: Path | None = None, more: dict[str, float | None] | None = None, toml: str = "") -> Rig:
        loaded = load_site(_with(tmp_path, more or {}, toml) if more or toml else CONFIG / "small", {})
        prepared = simulate(load_site(CONFIG / "small", {}), Conditions())
        served, shown = prepared.site.read, more or {}
        prepared.site.read = lambda signal: shown[signal] if signal in shown else served(signal)  # type: ignore[method-assign]  # beside what it simulates
        stages = stages_from(loaded, from_name_plate(loaded.site))
        clock, bus = SteppedClock(prepared.site), MemoryBus(prepared.site)
        plant = Plant(loaded, dict.fromkeys(loaded.site.device, bus), clock)
        journal = Journal(path or tmp_path / "journal.sqlite")
        header = RunHeader("test", "g36", plain(loaded.site), plain(loaded.points), plain(stages.parameters), "test")
        run = await journal.begin(clock.now_s(), header)
        limits = limits_of(loaded.site, loaded.points)
        cycle = Cycle(stages, plant, NoOptimiser(), journal, run)
        engine = Engine(cycle, plant, clock, limits, stage, fresh_memory(stages, clock.now_s()))
        engine.set_stage(stage)
        return Rig(prepared, bus, engine, journal, [])

    return make
