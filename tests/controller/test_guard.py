"""A second daemon, the kill switch and lost time, as the fast guard sees them: on the simulated BAS, in plant time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from safety.modes import Condition, Mode, Stage
from safety.signals import Authority
from tests.controller.conftest import Rig

Make = Callable[..., Awaitable[Rig]]
CHWS = "plant.chws_setpoint_c.authority"


def beat_from_elsewhere(small: Rig, value: float) -> None:
    small.prepared.site.write("daemon.heartbeat", value)


async def listen(small: Rig, ticks: int, elsewhere: bool) -> None:
    """Guard ticks without a cycle, as at the start, with or without another daemon's beats in between."""
    for n in range(ticks):
        if elsewhere:
            beat_from_elsewhere(small, 20_000.0 + n)
        await small.engine.guard.tick(small.prepared.site.now_s)
        small.engine._open_way()
        await small.engine.clock.sleep_until(small.prepared.site.now_s + 5.0)


async def test_a_daemon_that_hears_another_one_of_the_same_owner_number_sends_nothing_at_all(rig: Make) -> None:
    small = await rig(Stage.AUTO)
    await listen(small, 6, elsewhere=True)
    assert small.engine.guard.foreign
    assert not small.engine.plant.writes_enabled
    done = await small.engine.cycle_once()
    assert (done.record.decision.memory.mode.mode, done.record.decision.memory.mode.cause) == (Mode.RELEASE, Condition.SECOND_WRITER)
    assert done.record.decision.memory.mode.latched
    assert small.prepared.site.read("daemon.mode") == 0.0, "not even its mode is told"


async def test_a_register_that_stood_still_or_starts_again_at_zero_is_no_daemon(rig: Make) -> None:
    small = await rig(Stage.AUTO)
    beat_from_elsewhere(small, 4711.0)
    await listen(small, 3, elsewhere=False)
    beat_from_elsewhere(small, 0.0)
    await listen(small, 3, elsewhere=False)
    assert not small.engine.guard.foreign
    await small.run(10)
    assert small.prepared.site.read(CHWS) == Authority.REMOTE


async def test_one_stray_value_in_our_heartbeat_is_forgiven_two_are_another_daemon(rig: Make) -> None:
    small = await rig(Stage.AUTO)
    await small.run(10)
    await listen(small, 1, elsewhere=True)
    assert not small.engine.guard.foreign
    await listen(small, 3, elsewhere=True)
    assert Condition.SECOND_WRITER in small.engine.guard.findings


async def test_the_way_opens_again_once_the_other_daemon_has_been_silent_for_a_time_out(rig: Make) -> None:
    small = await rig(Stage.AUTO)
    await listen(small, 3, elsewhere=True)
    await listen(small, 9, elsewhere=False)
    assert not small.engine.guard.foreign
    assert small.engine.plant.writes_enabled


async def test_the_kill_switch_is_seen_within_one_tick_and_needs_a_person_afterwards(rig: Make) -> None:
    small = await rig(Stage.AUTO)
    await small.run(10)
    small.prepared.site.bas.set_kill_switch(True)
    await small.run(0.1)
    assert Condition.KILL_SWITCH in small.engine.guard.findings
    assert not small.engine.guard.beating
    await small.run(10)
    assert (small.engine.memory.mode.cause, small.engine.memory.mode.latched) == (Condition.KILL_SWITCH, True)


async def test_a_clock_that_jumps_ahead_gives_the_bas_its_turn(rig: Make) -> None:
    small = await rig(Stage.AUTO)
    await small.run(10)
    await small.engine.guard.tick(small.prepared.site.now_s + 3600.0)
    assert small.engine.guard.findings == {Condition.LEASE_LAPSED}
    assert not small.engine.guard.beating
