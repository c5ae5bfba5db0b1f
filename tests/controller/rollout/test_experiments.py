"""Switchback experiments on the simulated site: who has the plant when, what a restart keeps, what is sealed, and what ends them."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from controller.journal import Event
from controller.record import Orders
from controller.rollout.experiments import FILE, SwitchbackError, Switchbacks, design_from, design_of
from controller.rollout.switchback import Arm, Design, arms, seal
from safety.grants import Grant
from safety.modes import Condition, Mode, Stage
from tests.controller.conftest import Rig
from tests.controller.rollout.test_drills import Keep

Make = Callable[..., Awaitable[Rig]]


async def rigged(rig: Make, directory: Path, stage: Stage = Stage.AUTO) -> tuple[Rig, Switchbacks, list[Event]]:
    small, events = await rig(stage), []

    async def note(event: Event) -> None:
        events.append(event)

    small.engine.cycle = replace(small.engine.cycle, optimiser=Keep())
    found = Switchbacks(small.engine, note, directory)
    small.engine.on_cycle = found.after_cycle
    await small.run(25)
    small.done.clear()
    return small, found, events


def tomorrow(found: Switchbacks) -> date:
    return found.day(found.engine.clock.now_s()) + timedelta(days=1)


def seeded(arm: Arm, first_day: date) -> Design:
    """Returns a design whose first day is of an arm."""
    return next(d for seed in range(99) if arms(d := Design(seed, first_day))[0] is arm)


async def test_the_bas_has_the_plant_on_its_own_days_only(rig: Make, tmp_path: Path) -> None:
    small, found, events = await rigged(rig, tmp_path)
    design = seeded(Arm.LEGACY, tomorrow(found))
    sealed = await found.begin(design, "anna", "prove it")
    await small.run(10)
    assert small.done[-1].record.decision.memory.mode.mode < Mode.RELEASE  # the first day lies ahead
    found.day = lambda _at_s: design.first_day  # type: ignore[method-assign]  # the night is over
    await small.run(10)
    memory = small.done[-1].record.decision.memory
    assert (memory.mode.mode, memory.mode.cause, memory.mode.latched) == (Mode.RELEASE, Condition.SWITCHBACK, False)
    await found.stop("anna", "seen enough")
    await small.run(25)
    assert small.done[-1].record.decision.memory.mode.mode < Mode.RELEASE
    assert [e.what for e in events] == ["switchback_begun", "switchback_stopped"]
    begun, stopped = (json.loads(e.value) for e in events)
    assert "seed" not in begun
    assert begun["seal"] == stopped["seal"] == sealed == seal(design_of(stopped)) == seal(design)


async def test_a_restart_goes_on_with_the_experiment_and_the_seed_is_nobodys_to_read(rig: Make, tmp_path: Path) -> None:
    small, found, _ = await rigged(rig, tmp_path)
    await found.begin(seeded(Arm.LEGACY, tomorrow(found)), "anna", "prove it")
    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0
    again = Switchbacks(small.engine, found.note, tmp_path)
    assert again.design == found.design
    assert again.status() == found.status()
    assert "seed" not in (again.status() or {})


async def test_a_file_that_is_not_a_design_is_named(rig: Make, tmp_path: Path) -> None:
    small, found, _ = await rigged(rig, tmp_path)
    (tmp_path / FILE).write_text('{"seed": 1}')
    with pytest.raises(SwitchbackError, match=FILE):
        Switchbacks(small.engine, found.note, tmp_path)


async def test_none_begins_below_auto_beside_another_or_on_a_day_that_has_begun(rig: Make, tmp_path: Path) -> None:
    small, found, _ = await rigged(rig, tmp_path)
    with pytest.raises(SwitchbackError, match="must lie ahead"):
        await found.begin(Design(1, tomorrow(found) - timedelta(days=1)), "anna", "prove it")
    small.engine.set_stage(Stage.SHADOW)
    with pytest.raises(SwitchbackError, match="stage must be auto"):
        await found.begin(Design(1, tomorrow(found)), "anna", "prove it")
    small.engine.set_stage(Stage.AUTO)
    every = {s: Grant() for s in small.engine.loaded.points.setpoints}
    narrow, *_ = every
    small.engine.grants = lambda _at_s: {**every, narrow: Grant(span=1.0)}
    with pytest.raises(SwitchbackError, match=f"not lent to the daemon in full: {narrow}; every group"):
        await found.begin(Design(1, tomorrow(found)), "anna", "prove it")
    small.engine.grants = lambda _at_s: every
    await found.begin(Design(1, tomorrow(found)), "anna", "prove it")
    with pytest.raises(SwitchbackError, match="going on"):
        await found.begin(Design(2, tomorrow(found)), "anna", "again")


async def test_a_latched_release_ends_it(rig: Make, tmp_path: Path) -> None:
    small, found, events = await rigged(rig, tmp_path)
    await found.begin(seeded(Arm.CONTROLLER, tomorrow(found)), "anna", "prove it")
    small.engine.order(Orders(release=True, who="anna", reason="smoke"))
    await small.run(10)
    assert found.design is None
    assert events[-1].what == "switchback_stopped"
    assert not (tmp_path / FILE).exists()


def test_a_request_with_wrong_values_is_refused_with_all_of_them() -> None:
    with pytest.raises(ValueError, match=r"(?s)blocks_most 'x'.*first day None"):
        design_from({"blocks_most": "x", "period_days": 1.0})
    assert design_from({"first_day": "2026-03-02", "blocks_most": 2}).blocks_most == 2
    assert design_from({"first_day": "2026-03-02"}).seed != design_from({"first_day": "2026-03-02"}).seed
