"""What may go wrong between a daemon and its site, one row each: what happens, and what must be so afterwards."""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from hil.devices.watch import HEARTBEAT, REQUEST, SeenWrite
from hil.progress import say
from hil.rig import Rig, rig_of
from hil.scores import MODE, back_under_bas_s, hotter_than_alone_k, last_beat_s, returned_s, too_fast
from plant_models.simulator.conditions import Conditions
from safety.modes import Mode

INLET_BUMP_K: Final = 0.5  # a transfer may not cost more than this in the hottest inlet
HOLD_S: Final = 600.0  # the longest gap in readings that authority outlives
SETTLED_H: Final = 1.5  # long enough for every setpoint to come back at its rate, and for the room to follow


@dataclass(frozen=True)
class Scenario:
    """One row: its name, what it does in words, the stage of the daemon, and the play itself."""

    name: str
    says: str
    play: Callable[[Rig], Awaitable[None]]
    stage: str = "auto"


async def run_scenario(scenario: Scenario, config: Path, conditions: Conditions, keep: Path | None = None) -> dict[str, Any]:
    """Runs one scenario and returns its result; the daemon's state and log stay in ``keep`` where it is given."""
    with tempfile.TemporaryDirectory(prefix="coldaisle-hil-") as temporary:
        state = keep or Path(temporary)
        state.mkdir(parents=True, exist_ok=True)
        say(f"{scenario.name}: {scenario.says}")
        async with rig_of(config, conditions, state, scenario.stage) as rig:
            await scenario.play(rig)
            lost = rig.check_journal()
            result = rig.result(scenario.name, lost)
            if not result["passed"]:
                say(f"the end of the daemon's log:\n{rig.daemon.tail()}")
            return result


async def take_charge(rig: Rig) -> bool:
    """Starts the daemon and waits until it has been in charge for some cycles and has moved what is in force; returns whether it did."""
    await rig.daemon.start()
    since_s: float | None = None

    def settled() -> bool:
        nonlocal since_s
        since_s = (rig.site.now_s if since_s is None else since_s) if rig.in_charge() and rig.moved() else None
        return not rig.daemon.alive or (since_s is not None and rig.site.now_s - since_s >= 4 * rig.loaded.site.timing.cycle_s)

    await rig.run(4.0, settled)
    moved = {s: round(d, 2) for s, d in rig.moved().items()}
    return rig.check("the daemon took charge and moved setpoints", rig.daemon.alive and rig.in_charge() and bool(moved), f"{rig.mode}, moved {moved}")


async def judge_loss(rig: Rig, lost_at_s: float) -> None:
    """Checks that the BAS took over in time and without a bump after the daemon was lost."""
    lease = rig.loaded.site.lease
    allowed_s = lease.bas_timeout_s + rig.loaded.site.timing.guard_s
    await rig.run(2 * allowed_s / 3600.0, lambda: not rig.now.remote)
    beat_s = last_beat_s(rig.watch)
    since_s = lost_at_s if beat_s is None else beat_s
    after_s = rig.back_under_bas_after_s = back_under_bas_s(rig.trace.moments, since_s)
    rig.check(f"under the BAS within {allowed_s:g} s of the last heartbeat", after_s is not None and after_s <= allowed_s, f"{after_s} s")
    await rig.run(SETTLED_H, hurried=True)
    judge_transfer(rig, since_s + (after_s or 0.0))


def judge_transfer(rig: Rig, taken_s: float) -> None:
    """Checks that setpoints came back to the BAS's own at their rates, and what that cost in the hottest inlet."""
    fast = too_fast(rig.trace.moments, rig.limits)
    rig.check("no effective setpoint moved faster than its rate", not fast, fast[:3] or f"{len(rig.trace.moments)} steps")
    ramped_s = returned_s(rig.trace.moments, rig.alone_trace.moments, taken_s, rig.bands)
    rig.check("what is in force is the BAS's own again", ramped_s is not None, f"after {((ramped_s or taken_s) - taken_s) / 60:.0f} min")
    worst_k = hotter_than_alone_k(rig.trace.moments, rig.alone_trace.moments, taken_s, (ramped_s or taken_s) + 1800.0)
    rig.check(f"the hottest inlet rose by no more than {INLET_BUMP_K} K over the BAS alone", worst_k <= INLET_BUMP_K, f"{worst_k:+.2f} K")


async def come_back(rig: Rig) -> None:
    """Starts the daemon again and checks that it begins in RELEASE, takes the plant back by itself, and trusts its plan only after healthy cycles."""
    started_s, before = rig.site.now_s, len(rig.watch.seen)
    site = rig.loaded.site
    await rig.daemon.start()
    back = await rig.run(3.0, lambda: rig.in_charge() or not rig.daemon.alive)
    rig.check("a restarted daemon comes back by itself", back and rig.daemon.alive, f"{rig.mode} after {(rig.site.now_s - started_s) / 60:.0f} min")
    await rig.run(1.0)
    first = next((i for i in rig.journal().intents if i.taken_at_s >= started_s), None)
    rig.check("it began in RELEASE", first is not None and first.mode_before == Mode.RELEASE, f"mode before its first cycle: {first and first.mode_before}")
    seen = list(rig.watch.seen)[before:]
    early = [w.signal for w in seen if first is not None and w.plant_at_s < first.taken_at_s and w.signal.endswith((REQUEST, HEARTBEAT))]
    rig.check("and wrote neither heartbeat nor setpoint before its first cycle", first is not None and not early, early[:3] or "none")
    healthy_s = (site.rollout.return_after_healthy_cycles - 1) * site.timing.cycle_s
    planned_s = next((w.plant_at_s - started_s for w in seen if w.signal == MODE and w.value in (Mode.OPTIMISE, Mode.PLAN_ONLY)), None)
    rig.check(f"its plan was not used before {healthy_s / 60:g} min of healthy cycles", planned_s is None or planned_s >= healthy_s, f"after {planned_s} s")
    fast = too_fast(rig.trace.since(started_s), rig.limits)
    rig.check("its return moved no setpoint faster than its rate", not fast, fast[:3] or "no jump")


async def hand_back(rig: Rig) -> None:
    """Asks the daemon to stop and checks that it hands back by itself."""
    asked_s = rig.site.now_s
    status = await rig.daemon.stop()
    rig.check("asked to stop, the daemon ends with status 0", status == 0, status)
    await rig.run(0.1, lambda: not rig.now.remote)
    after_s = back_under_bas_s(rig.trace.moments, asked_s)
    allowed_s = rig.loaded.site.lease.bas_timeout_s + rig.loaded.site.timing.guard_s
    rig.check(f"and the BAS has the plant within {allowed_s:g} s", after_s is not None and after_s <= allowed_s, f"{after_s} s")


async def kill_daemon(rig: Rig) -> None:
    """Kills the daemon while its setpoint writes arrive, then starts it again and stops it."""
    if not await take_charge(rig):
        return
    at: list[SeenWrite] = []

    def kill(write: SeenWrite) -> None:
        if write.signal.endswith(REQUEST) and not at:
            at.append(write)
            rig.daemon.kill()

    rig.watch.listeners.append(kill)
    await rig.run(3.0, lambda: not rig.daemon.alive)
    rig.watch.listeners.remove(kill)
    rig.check("it was killed while it wrote", bool(at) and rig.daemon.exit_status == -9, at[0].signal if at else "no setpoint write in 3 h")
    if rig.daemon.alive:
        rig.daemon.kill()
    await rig.daemon.wait()
    await judge_loss(rig, rig.site.now_s)
    await come_back(rig)
    await hand_back(rig)


async def freeze_daemon(rig: Rig) -> None:
    """Stops the daemon's process without ending it, and lets it go on later."""
    if not await take_charge(rig):
        return
    frozen_s = rig.site.now_s
    rig.daemon.freeze()
    await judge_loss(rig, frozen_s)
    thawed_s = rig.site.now_s
    rig.daemon.thaw()
    await rig.run(1.0)
    fast = too_fast(rig.trace.since(thawed_s), rig.limits)
    rig.check("when it goes on, nothing jumps", not fast, fast[:3] or f"mode {rig.mode}, alive {rig.daemon.alive}")


async def stop_daemon(rig: Rig) -> None:
    """Asks the daemon to stop, as systemd does."""
    if not await take_charge(rig):
        return
    asked_s = rig.site.now_s
    await hand_back(rig)
    rig.back_under_bas_after_s = back_under_bas_s(rig.trace.moments, asked_s)
    await rig.run(SETTLED_H, hurried=True)
    judge_transfer(rig, asked_s)


async def lose_devices(rig: Rig) -> None:
    """Closes every device for an hour and a half of plant time while the plant goes on, then opens them again."""
    if not await take_charge(rig):
        return
    await rig.bench.close()
    await judge_loss(rig, rig.site.now_s)
    rig.check("the daemon lives on without its devices", rig.daemon.alive, f"exit status {rig.daemon.exit_status}")
    opened_s, writes = rig.site.now_s, len(rig.watch.seen)
    await rig.bench.open()
    await rig.run(1.0)
    rig.check("and finds them again", len(rig.watch.seen) > writes, f"{len(rig.watch.seen) - writes} writes, mode {rig.mode}")
    fast = too_fast(rig.trace.since(opened_s), rig.limits)
    rig.check("without a jump", not fast, fast[:3] or "no jump")


async def kill_inlet_sensors(rig: Rig) -> None:
    """Lets every rack inlet reading of every hall die."""
    if not await take_charge(rig):
        return
    died_s = rig.site.now_s
    for signal in sorted(s for s in rig.site.signals if s.endswith((".rack_inlet_max_c", ".rack_inlet_c"))):
        rig.site.set_fault(signal, "dead")
    timing, lease = rig.loaded.site.timing, rig.loaded.site.lease
    allowed_s = HOLD_S + 2 * timing.cycle_s + lease.bas_timeout_s + timing.guard_s
    await rig.run(1.0, lambda: not rig.now.remote)
    after_s = rig.back_under_bas_after_s = back_under_bas_s(rig.trace.moments, died_s)
    rig.check(f"blind for inlets, the daemon lets go within {allowed_s / 60:.1f} min", after_s is not None and after_s <= allowed_s, f"{after_s} s")
    rig.check("and says RELEASE", rig.mode is Mode.RELEASE, rig.mode)
    await rig.run(SETTLED_H)
    judge_transfer(rig, died_s + (after_s or 0.0))
    rig.check("it stays away until a person engages it", not rig.now.remote and rig.mode is Mode.RELEASE, rig.mode)


async def watch_shadow(rig: Rig) -> None:
    """Runs a daemon in shadow for an hour of plant time."""
    await rig.daemon.start()
    await rig.run(1.0, lambda: not rig.daemon.alive)
    rig.check("the daemon runs in shadow", rig.daemon.alive, f"exit status {rig.daemon.exit_status}")
    seen = rig.watch.seen
    rig.check("and writes nothing at all", not seen, f"{len(seen)} writes" + (f", first {seen[0].signal}" if seen else ""))


SCENARIOS: Final[Mapping[str, Scenario]] = {
    s.name: s
    for s in (
        Scenario("kill-daemon", "the daemon is killed while it writes setpoints, and started again", kill_daemon),
        Scenario("freeze-daemon", "the daemon's process is stopped for a while without ending", freeze_daemon),
        Scenario("stop-daemon", "the daemon is asked to stop, as systemd does", stop_daemon),
        Scenario("lose-devices", "every device vanishes from the network and comes back", lose_devices),
        Scenario("dead-inlets", "every rack inlet sensor dies", kill_inlet_sensors),
        Scenario("shadow", "a daemon in shadow is watched on the wire", watch_shadow, stage="shadow"),
    )
}


def summary(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Returns a campaign under the names of ``coldaisle-hil campaign --json``."""
    waits_s = [r["back_under_bas_after_s"] for r in results if r["back_under_bas_after_s"] is not None]

    def hot(whose: str) -> float:
        return sum(float(r[whose]["inlet_above_allowable_rack_minutes"]) for r in results)

    return {
        "scenarios": len(results),
        "passed": sum(r["passed"] for r in results),
        "failed": [r["scenario"] for r in results if not r["passed"]],
        "seconds_to_safe": {"p50": median(waits_s) if waits_s else None, "max": max(waits_s, default=None)},
        "rack_minutes_above_allowable": {"daemon": hot("violations"), "bas_alone": hot("bas_alone_violations")},
        "lost_records": sum(r["lost_records"] for r in results),
    }
