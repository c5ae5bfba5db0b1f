"""The time-out of the simulated BAS as the measurement finds it, and a BAS that has none; in plant time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from controller.rollout.conformance import Conformance, ConformanceError, Proof, advice, choose
from safety.modes import Stage
from tests.controller.conftest import Rig

Make = Callable[..., Awaitable[Rig]]
FAN = "hall-a.crah_fan_setpoint_pct"


async def proof_of(small: Rig) -> Proof:
    small.engine.plant.writes_enabled = True
    return await Conformance(small.engine.loaded, small.engine.plant, small.engine.clock).prove(FAN)


async def test_the_simulated_bas_gives_its_time_out_to_within_a_scan(rig: Make) -> None:
    small = await rig(Stage.MONITOR)
    proof = await proof_of(small)
    assert proof.passed, proof
    assert proof.timeout_s == pytest.approx(30.0, abs=5.0)
    assert proof.left_after_s is not None
    assert proof.left_after_s >= proof.timeout_s
    assert small.prepared.site.read("daemon.owner_id") == 0.0
    assert advice(small.engine.loaded, (proof,)).startswith("[lease] bas_timeout_s = 30, proven = true")


async def test_a_bas_without_a_time_out_and_one_that_is_slower_than_stated_fail(rig: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    small = await rig(Stage.MONITOR)
    lease = small.prepared.site.bas._lease
    lease._timeout_s = 60.0
    slow = await proof_of(small)
    assert slow.failed == (f"the time-out is {slow.timeout_s:.0f} s, lease.bas_timeout_s says 30",)
    assert advice(small.engine.loaded, (slow,)).startswith(("[lease] bas_timeout_s = 60, proven = false", "[lease] bas_timeout_s = 65, proven = false"))
    lease._timeout_s = 1e9
    never = await proof_of(small)
    assert "there is no time-out" in never.failed[0]
    assert advice(small.engine.loaded, (never,)).startswith("[lease] proven = false")


async def test_it_does_not_begin_beside_another_daemon_or_with_the_kill_switch_on(rig: Make) -> None:
    small = await rig(Stage.MONITOR)
    small.prepared.site.write("daemon.owner_id", 9.0)
    small.prepared.site.bas.set_kill_switch(True)
    with pytest.raises(ConformanceError, match="kill switch is on"):
        await proof_of(small)
    small.prepared.site.bas.set_kill_switch(False)
    small.prepared.site.write("daemon.owner_id", 9.0)
    with pytest.raises(ConformanceError, match="owner 9 holds the lease"):
        await proof_of(small)


async def test_only_setpoints_that_show_what_becomes_of_them_can_be_measured(rig: Make) -> None:
    loaded = (await rig(Stage.MONITOR)).engine.loaded
    assert choose(loaded, ()) == ("plant.chws_setpoint_c",)
    assert choose(loaded, (FAN,)) == (FAN,)
    with pytest.raises(ConformanceError, match="nonsense: must be one of"):
        choose(loaded, ("nonsense",))
    shown = [p for p in loaded.points.rows if not p.signal.endswith(".authority")]
    blind = replace(loaded, points=replace(loaded.points, rows=tuple(shown)))
    with pytest.raises(ConformanceError, match="no setpoint of this site shows both"):
        choose(blind, ())
