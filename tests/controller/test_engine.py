import json
from collections.abc import Awaitable, Callable

import pytest

from controller.explain import as_text, explanation
from controller.journal import JournalError
from controller.record import Orders
from safety.modes import Condition, Mode, Stage
from safety.signals import Authority
from tests.controller.conftest import Rig

Make = Callable[..., Awaitable[Rig]]
SUPPLY = "hall-a.crah_supply_setpoint_c"
OWN_SUPPLY_C = 20.0
TIMEOUT_S, GUARD_S = 30.0, 5.0


def shown(rig: Rig, signal: str) -> float:
    value = rig.prepared.site.read(signal)
    assert value is not None
    return value


async def test_auto_takes_the_lease_and_moves_what_is_in_force(rig: Make) -> None:
    small = await rig(Stage.AUTO)
    await small.run(60)
    assert small.done[-1].record.decision.memory.mode.mode is Mode.RESET
    assert shown(small, f"{SUPPLY}.authority") == Authority.REMOTE
    assert shown(small, f"{SUPPLY}.effective") > OWN_SUPPLY_C + 1.0, "Guideline 36 raises supply air at part load"
    assert shown(small, "daemon.owner_id") == 1.0


async def test_taking_over_moves_nothing_by_a_jump(rig: Make) -> None:
    small = await rig(Stage.AUTO)
    before = {sp: shown(small, f"{sp}.effective") for sp in small.engine.loaded.points.setpoints}
    await small.run(0.5)
    for setpoint, value in before.items():
        assert abs(shown(small, f"{setpoint}.effective") - value) < 0.35, setpoint


async def test_shadow_writes_nothing_and_records_what_it_would_have(rig: Make) -> None:
    small = await rig(Stage.SHADOW)
    written: list[str] = []
    small.prepared.site.write = lambda signal, value: written.append(signal)  # type: ignore[method-assign]  # the wire itself is watched
    await small.run(60)
    assert written == []
    assert any(done.record.decision.would_write for done in small.done)
    assert all(not done.record.decision.command.writes for done in small.done)
    assert shown(small, f"{SUPPLY}.authority") != Authority.REMOTE


async def test_release_by_an_operator_gives_the_plant_back_within_the_time_out_and_stays_so(rig: Make) -> None:
    small = await rig(Stage.AUTO)
    await small.run(60)
    small.engine.order(Orders(release=True, who="tester", reason="because"))
    await small.run((TIMEOUT_S + 2 * GUARD_S) / 60)
    assert shown(small, f"{SUPPLY}.authority") != Authority.REMOTE
    await small.run(45)
    state = small.engine.memory.mode
    assert (state.mode, state.latched, state.cause) == (Mode.RELEASE, True, Condition.OPERATOR_RELEASE)
    assert abs(shown(small, f"{SUPPLY}.effective") - OWN_SUPPLY_C) < 0.1, "the BAS is back at its own setpoint"
    small.engine.order(Orders(engage=True, who="tester", reason="well again"))
    await small.run(15)
    assert shown(small, f"{SUPPLY}.authority") == Authority.REMOTE


async def test_a_hall_without_inlet_readings_is_handed_back_and_latched(rig: Make) -> None:
    small = await rig(Stage.AUTO)
    await small.run(30)
    small.bus.faults.dead |= {s for s in small.engine.loaded.points.by_signal if "rack_inlet" in s}
    await small.run(12)
    state = small.engine.memory.mode
    assert (state.mode, state.cause, state.latched) == (Mode.RELEASE, Condition.INLET_UNKNOWN, True)
    assert shown(small, f"{SUPPLY}.authority") != Authority.REMOTE


async def test_one_dropped_read_is_no_lost_sensor(rig: Make) -> None:
    small = await rig(Stage.AUTO)
    await small.run(30)
    inlets = {s for s in small.engine.loaded.points.by_signal if "rack_inlet" in s}
    await small.engine.plant.read(sorted(inlets))
    small.bus.faults.dead |= inlets
    done = await small.engine.cycle_once()
    small.bus.faults.dead -= inlets
    assert done.record.decision.memory.mode.mode is Mode.RESET
    assert "last good reading" in done.record.given.snapshot.readings["hall-a.rack_inlet_max_c"].detail


async def test_a_dead_site_at_the_start_is_waited_for_without_a_latch(rig: Make) -> None:
    small = await rig(Stage.AUTO)
    small.bus.faults.unreachable = True
    await small.run(20)
    decision = small.done[-1].record.decision
    assert decision.measured.values == {}
    assert (decision.memory.mode.mode, decision.memory.mode.latched) == (Mode.RELEASE, False)
    small.bus.faults.unreachable = False
    await small.run(30)
    assert small.engine.memory.mode.mode is Mode.RESET
    assert shown(small, f"{SUPPLY}.authority") == Authority.REMOTE


async def test_refused_writes_hand_the_plant_back(rig: Make) -> None:
    small = await rig(Stage.AUTO)
    small.bus.faults.refused |= {f"{sp}.request" for sp in small.engine.loaded.points.setpoints}
    await small.run(30)
    state = small.engine.memory.mode
    assert (state.mode, state.cause) == (Mode.RELEASE, Condition.WRITES_REFUSED)


async def test_a_setpoint_in_hand_is_left_alone_and_the_others_go_on(rig: Make) -> None:
    small = await rig(Stage.AUTO)
    small.prepared.site.bas.set_hand(SUPPLY, 18.0)
    await small.run(60)
    last = small.done[-1].record.decision
    assert f"{SUPPLY}.request" not in {s for d in small.done for s in d.record.decision.command.writes}
    assert any(i.rule == "whitelist" and i.signal == SUPPLY for i in last.verdict.interventions)
    assert shown(small, f"{SUPPLY}.effective") == 18.0
    assert shown(small, "hall-a.crah_fan_setpoint_pct.authority") == Authority.REMOTE


async def test_a_daemon_that_was_frozen_finds_its_lease_lapsed_and_returns_without_a_jump(rig: Make) -> None:
    small = await rig(Stage.AUTO)
    await small.run(60)
    small.prepared.site.advance(small.prepared.site.now_s + 5400.0)
    assert shown(small, f"{SUPPLY}.effective") == OWN_SUPPLY_C
    done = await small.engine.cycle_once()
    assert (done.record.decision.memory.mode.mode, done.record.decision.memory.mode.cause) == (Mode.RELEASE, Condition.LEASE_LAPSED)
    assert done.record.decision.command.writes == {}
    await small.run(5.5)
    assert small.engine.memory.mode.mode is Mode.RESET
    assert shown(small, f"{SUPPLY}.authority") == Authority.REMOTE
    assert abs(shown(small, f"{SUPPLY}.effective") - OWN_SUPPLY_C) < 0.6


async def test_the_lease_lapses_when_no_cycle_is_recorded(rig: Make) -> None:
    small = await rig(Stage.AUTO)
    await small.run(30)
    cycle_s, now_s = small.engine.loaded.site.timing.cycle_s, small.prepared.site.now_s
    assert small.engine.guard.may_beat(now_s)
    assert not small.engine.guard.may_beat(small.engine.lease.recorded_at_s + 2 * cycle_s + 1.0)


async def test_without_an_intent_on_disk_nothing_is_written(rig: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    small = await rig(Stage.AUTO)
    await small.run(20)
    requests = {f"{sp}.request": shown(small, f"{sp}.request") for sp in small.engine.loaded.points.setpoints}

    async def full(*_: object) -> int:
        raise JournalError("database or disk is full")

    monkeypatch.setattr(small.journal, "intend", full)
    small.engine.order(Orders(engage=True))
    with pytest.raises(JournalError, match="disk is full"):
        await small.run(30)
    assert {s: shown(small, s) for s in requests} == requests


async def test_the_last_cycle_can_be_explained(rig: Make) -> None:
    small = await rig(Stage.AUTO)
    small.bus.faults.dead.add("plant.cwr_temp_c")
    await small.run(20)
    told = explanation(small.done[-1].record)
    text = as_text(json.loads(json.dumps(told)))
    assert told["mode"] == "RESET"
    assert "Guideline 36 resets are in charge" in text
    assert "plant.cwr_temp_c" in text, "a reading that was not believed is named"
    assert SUPPLY in text
