"""Requests that are not applied, another writer and an operator's override told apart: by the pure watch, and on a simulated site under the engine."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from controller.daemon import Daemon
from controller.explain import as_text, explanation
from controller.journal import JournalReader
from controller.optimise.worker import OptimiserWorker
from controller.record import Orders
from controller.replay import replay
from controller.watch import Seen, Sort, WatchMemory, changes, watch
from plant_models.site.limits import limits_of
from plant_models.site.load import load_site
from safety.modes import Condition, Mode, Stage
from safety.records import Measurements, Outcome, Reading, Receipt, Snapshot, Status
from safety.signals import Authority
from tests.controller.conftest import CONFIG, Rig, no_rollbacks

Make = Callable[..., Awaitable[Rig]]
LOADED = load_site(CONFIG / "small", {})
LIMITS = limits_of(LOADED.site, LOADED.points)
SUPPLY = "hall-a.crah_supply_setpoint_c"
FAN = "hall-a.crah_fan_setpoint_pct"
VERIFIED = Receipt(0.0, {f"{SUPPLY}.request": Outcome.VERIFIED})
REMOTE, LOCAL, HAND = (float(a) for a in (Authority.REMOTE, Authority.LOCAL, Authority.HAND))


def seen(at_s: float, request: float | None, effective: float | None, authority: float | None, asked: float = 22.0, **changed: object) -> Seen:
    values = {f"{SUPPLY}.request": request, f"{SUPPLY}.effective": effective, f"{SUPPLY}.authority": authority}
    known = {s: v for s, v in values.items() if v is not None}
    snapshot = Snapshot(at_s, {s: Reading(s, v, Status.GOOD, at_s) for s, v in known.items()})
    return replace(Seen(snapshot, Measurements(at_s, known), {SUPPLY: asked}, at_s - 300.0, VERIFIED, True, False), **changed)  # type: ignore[arg-type]  # names of Seen


def followed(*cycles: Seen) -> WatchMemory:
    memory = WatchMemory()
    for one in cycles:
        memory = watch(LOADED, LIMITS, memory, one)
    return memory


def sorts(memory: WatchMemory) -> dict[str, Sort]:
    return {f.setpoint: f.sort for f in memory.standing}


def test_a_request_that_is_followed_is_no_finding() -> None:
    ramping = [seen(300.0 * n, 22.0, min(20.0 + 0.9 * n, 22.0), REMOTE) for n in range(1, 8)]
    assert followed(*ramping).findings == ()


def test_a_register_that_is_no_longer_ours_is_another_writer_once_it_was_seen_twice() -> None:
    ours, theirs = seen(300.0, 22.0, 22.0, REMOTE), [seen(300.0 * n, 18.0, 20.0, REMOTE) for n in (2, 3)]
    once = followed(ours, theirs[0])
    assert (once.standing, [f.sort for f in once.findings]) == ((), [Sort.OTHER_WRITER])
    twice = followed(ours, *theirs)
    assert sorts(twice) == {SUPPLY: Sort.OTHER_WRITER}
    assert twice.standing[0].since_s == 600.0
    assert "22 and now reads 18" in twice.standing[0].says
    assert followed(ours, theirs[0], seen(900.0, 22.0, 22.0, REMOTE)).findings == (), "one odd reading is forgotten"


def test_a_register_that_never_held_the_request_is_not_another_writer() -> None:
    differs = Receipt(0.0, {f"{SUPPLY}.request": Outcome.DIFFERS})
    memory = followed(*(seen(300.0 * n, 20.0, 20.0, REMOTE, receipt=differs) for n in (1, 2)))
    assert sorts(memory) == {SUPPLY: Sort.NOT_APPLIED}
    assert "never held it" in memory.standing[0].says


def test_an_old_reading_that_stands_in_for_a_failed_one_says_nothing_of_the_register() -> None:
    old = Reading(f"{SUPPLY}.request", 20.0, Status.GOOD, 100.0, "last good reading")
    cycles = []
    for n in (1, 2, 3):
        one = seen(300.0 * n, 20.0, 22.0, REMOTE)
        cycles.append(replace(one, snapshot=Snapshot(300.0 * n, {**one.snapshot.readings, old.signal: old}), asked_at_s=200.0))
    assert followed(*cycles).findings == ()


def test_what_is_in_force_must_follow_within_its_ramp_time_and_not_before() -> None:
    """2 K at 0.2 K/min are 600 s; twice that and one cycle."""
    still = [seen(300.0 * n, 22.0, 20.0, REMOTE) for n in range(1, 8)]
    assert followed(*still[:5]).findings == ()
    memory = followed(*still)
    assert sorts(memory) == {SUPPLY: Sort.NOT_APPLIED}
    assert "has not moved for 1800 s" in memory.standing[0].says


def test_a_request_that_keeps_moving_does_not_hide_that_nothing_follows() -> None:
    still = [seen(300.0 * n, 22.0 + 0.1 * n, 20.0, REMOTE, asked=22.0 + 0.1 * n) for n in range(1, 11)]
    assert sorts(followed(*still)) == {SUPPLY: Sort.NOT_APPLIED}


def test_what_stops_half_way_is_found_too_and_a_bas_that_rounds_is_not() -> None:
    half = [seen(300.0 * n, 22.0, min(20.0 + 0.3 * n, 21.0), REMOTE) for n in range(1, 12)]
    assert sorts(followed(*half)) == {SUPPLY: Sort.NOT_APPLIED}
    rounded = [seen(300.0 * n, 22.3, 22.0, REMOTE, asked=22.3) for n in range(1, 12)]
    assert followed(*rounded).findings == ()


def test_a_hand_switch_is_an_override_at_once_and_in_every_mode() -> None:
    assert sorts(followed(seen(300.0, 22.0, 18.0, HAND))) == {SUPPLY: Sort.OVERRIDE}
    assert sorts(followed(seen(300.0, 22.0, 18.0, HAND, requested={}, holds=False))) == {SUPPLY: Sort.OVERRIDE}


def test_a_setpoint_that_the_bas_moves_itself_is_an_override_and_neither_another_writer_nor_unapplied() -> None:
    ours, local = seen(300.0, 22.0, 22.0, REMOTE), [seen(300.0 * n, 20.0, 20.0, LOCAL) for n in range(2, 12)]
    assert followed(ours, local[0]).standing == ()
    assert sorts(followed(ours, *local)) == {SUPPLY: Sort.OVERRIDE}
    assert followed(*(seen(300.0 * n, 22.0, 22.0, LOCAL) for n in (1, 2, 3))).findings == (), "local but as asked: nothing is overridden"


def test_an_unreadable_authority_keeps_what_was_found_and_finds_nothing_new() -> None:
    hand = seen(300.0, 22.0, 18.0, HAND)
    assert sorts(followed(hand, seen(600.0, 22.0, 18.0, None))) == {SUPPLY: Sort.OVERRIDE}
    assert followed(*(seen(300.0 * n, 18.0, 18.0, None) for n in (1, 2, 3))).findings == ()


def test_while_the_bas_is_in_charge_only_a_latch_keeps_what_was_found() -> None:
    ours, theirs = seen(300.0, 22.0, 22.0, REMOTE), [seen(300.0 * n, 18.0, 20.0, REMOTE) for n in (2, 3)]
    released: Mapping[str, object] = {"requested": {}, "holds": False}
    assert followed(ours, *theirs, seen(1200.0, 18.0, 20.0, LOCAL, **released)).findings == ()
    assert sorts(followed(ours, *theirs, seen(1200.0, 18.0, 20.0, LOCAL, latched=True, **released))) == {SUPPLY: Sort.OTHER_WRITER}


def test_each_finding_is_reported_once_when_it_begins_and_once_when_it_is_over() -> None:
    clean, hand = followed(seen(300.0, 22.0, 22.0, REMOTE)), followed(seen(300.0, 22.0, 18.0, HAND))
    assert [[f.sort for f in side] for side in changes(clean, hand)] == [[Sort.OVERRIDE], []]
    assert [[f.sort for f in side] for side in changes(hand, hand)] == [[], []]
    assert [[f.sort for f in side] for side in changes(hand, clean)] == [[], [Sort.OVERRIDE]]


def daemon_of(small: Rig) -> Daemon:
    """The daemon around a rig; its optimiser is never asked here."""
    daemon = Daemon(
        small.engine.loaded,
        small.engine.cycle.stages,
        small.journal,
        small.engine,
        cast(OptimiserWorker, _NeverAsked()),
        no_rollbacks(small, small.journal.path.parent),
    )
    small.engine.on_cycle = daemon.recorded
    return daemon


class _NeverAsked:
    ready = False


async def test_a_healthy_hour_and_a_release_show_no_findings(rig: Make) -> None:
    small = await rig(Stage.AUTO)
    await small.run(60)
    small.engine.order(Orders(release=True, reason="maintenance"))
    await small.run(15)
    small.engine.order(Orders(engage=True, reason="over"))
    await small.run(15)
    assert {f for done in small.done for f in done.record.decision.memory.watch.findings} == set()
    assert small.engine.memory.mode.mode is Mode.RESET


async def test_another_writer_ends_in_a_latched_release_with_its_event_and_replays_alike(rig: Make, tmp_path: Path) -> None:
    small = await rig(Stage.AUTO, tmp_path / "day.sqlite")
    daemon = daemon_of(small)
    await small.run(30)
    bas = small.prepared.site.bas
    for _ in range(3):
        bas.write(f"{SUPPLY}.request", 17.0)
        await small.run(5)
    state = small.engine.memory.mode
    assert (state.mode, state.cause, state.latched) == (Mode.RELEASE, Condition.SECOND_WRITER, True)
    status = daemon.status()
    assert [(f["sort"], f["setpoint"]) for f in status["findings"]] == [("other_writer", SUPPLY)]
    assert "other writer" in as_text(explanation(small.done[-1].record))
    bas.write(f"{SUPPLY}.request", 20.0)
    small.engine.order(Orders(engage=True, reason="the other one is gone"))
    await small.run(20)
    assert small.engine.memory.mode.mode is Mode.RESET, "what was found before does not end the next spell"
    small.journal.close()
    reader = JournalReader(small.journal.path)
    events = [(e.what, e.who, e.value) for e in reader.events()]
    reader.close()
    assert events == [("other_writer", "watch", SUPPLY), ("latched", "daemon", "second_writer"), ("other_writer_over", "watch", SUPPLY)]
    found = await asyncio.to_thread(replay, small.journal.path)
    assert (found["identical"], found["different"]) == (found["cycles"], [])


async def test_a_request_that_nothing_follows_hands_the_plant_back(rig: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    small = await rig(Stage.AUTO)
    await small.run(10)
    station = small.prepared.site.bas._stations[SUPPLY]
    monkeypatch.setattr(station, "_reach", replace(station._reach, raise_per_min=1e-6, lower_per_min=1e-6))
    await small.run(60)
    state = small.engine.memory.mode
    assert (state.mode, state.cause) == (Mode.RELEASE, Condition.WRITES_REFUSED)
    assert any(f.sort is Sort.NOT_APPLIED and f.setpoint == SUPPLY for f in small.engine.memory.watch.standing)


async def test_a_setpoint_in_hand_is_reported_and_takes_nothing_away_from_the_others(rig: Make) -> None:
    small = await rig(Stage.AUTO)
    daemon = daemon_of(small)
    await small.run(20)
    small.prepared.site.bas.set_hand(SUPPLY, 18.0)
    await small.run(15)
    assert [(f["sort"], f["setpoint"]) for f in daemon.status()["findings"]] == [("override", SUPPLY)]
    assert small.engine.memory.mode.mode is Mode.RESET
    small.prepared.site.bas.set_hand(SUPPLY, None)
    await small.run(30)
    assert daemon.status()["findings"] == []
    small.journal.close()
    reader = JournalReader(small.journal.path)
    assert [e.what for e in reader.events()] == ["override", "override_over"]
    reader.close()
