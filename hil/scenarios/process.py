"""What may happen to the daemon's own processes and to what they stand on: killed, frozen, hung, no disk, a wrong clock."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import Final

from hil.devices.watch import REQUEST, SeenWrite
from hil.rig import Rig
from hil.scenarios.judge import SETTLED_H, come_back, hand_back, judge_hands, judge_kept, judge_loss, judge_transfer, take_charge
from hil.scores import back_under_bas_s, too_fast
from safety.modes import Mode

PLANNED: Final = (Mode.OPTIMISE, Mode.PLAN_ONLY)
JUMP_S: Final = 3600.0
STEADY_SPEED: Final = 60.0  # of plant time where it must not follow the daemon's own clock
ROOM_BYTES: Final = 65536  # beyond what the log has used: less than the journal needs


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


def signal_workers(rig: Rig, number: int) -> int:
    """Sends a signal to every process that the daemon has started; returns how many there were."""
    workers = rig.daemon.workers()
    for worker in workers:
        with suppress(ProcessLookupError):
            os.kill(worker, number)
    return len(workers)


async def plan_again(rig: Rig, hours: float) -> None:
    """Checks that the daemon is back on its own plan within ``hours``."""
    began_s = rig.site.now_s
    planned = await rig.run(hours, lambda: rig.mode in PLANNED or not rig.daemon.alive)
    rig.check("and the plan is used again", planned and rig.daemon.alive, f"{rig.mode} after {(rig.site.now_s - began_s) / 60:.0f} min")


async def kill_worker(rig: Rig) -> None:
    """Kills the optimiser's process once."""
    if not await take_charge(rig):
        return
    await plan_again(rig, 2.0)
    killed_s = rig.site.now_s
    rig.check("the optimiser was there to be killed", signal_workers(rig, signal.SIGKILL) > 0, rig.mode)
    await rig.run(0.5)
    judge_kept(rig, killed_s, "without its optimiser")
    await plan_again(rig, 1.0)
    await hand_back(rig)


async def hang_solver(rig: Rig) -> None:
    """Stops the optimiser's process, and each one that replaces it, for 40 minutes."""
    if not await take_charge(rig):
        return
    await plan_again(rig, 2.0)
    hung_s, hung = rig.site.now_s, 0

    def hang() -> None:
        nonlocal hung
        hung += signal_workers(rig, signal.SIGSTOP)

    rig.bench.each_step.append(hang)
    await rig.run(2.0 / 3.0)
    rig.bench.each_step.remove(hang)
    rig.check("the optimiser hung and resets took over", hung > 0 and rig.mode is Mode.RESET, rig.mode)
    judge_kept(rig, hung_s, "with a hung solver")
    signal_workers(rig, signal.SIGKILL)
    await plan_again(rig, 2.0)
    await hand_back(rig)


async def fill_disk(rig: Rig) -> None:
    """Leaves the journal no room to grow, then gives room again to a daemon that is started anew."""
    if not await take_charge(rig):
        return
    full_s = rig.site.now_s
    rig.daemon.fill_disk(rig.daemon.log.stat().st_size + ROOM_BYTES)
    await rig.run(0.5, lambda: not rig.daemon.alive)
    status = await rig.daemon.wait() if not rig.daemon.alive else None
    rig.check("what cannot be recorded is not done: the daemon ends with status 1", status == 1, status)
    written = [w.signal for w in rig.watch.setpoints() if w.plant_at_s > full_s + rig.loaded.site.timing.cycle_s]
    rig.check("and writes no setpoint that it could not record", not written, written[:3] or "none")
    await judge_loss(rig, full_s)
    await come_back(rig)
    await hand_back(rig)


async def jump_forward(rig: Rig) -> None:
    """Puts the clock that the BAS serves an hour ahead of the plant; it stays there."""
    if not await take_charge(rig):
        return
    rig.at_speed(STEADY_SPEED)
    await rig.run(0.1)
    jumped_s = rig.site.now_s
    rig.site.bas.clock_off_s = JUMP_S
    rig.clock_jump = (jumped_s, JUMP_S)
    lease = rig.loaded.site.lease
    await judge_hands(rig, jumped_s, lease.bas_timeout_s + 2 * rig.loaded.site.timing.guard_s, "a clock that jumps ahead")
    back = await rig.run(0.5, rig.in_charge)
    rig.check("the daemon comes back by itself", back and rig.daemon.alive, f"{rig.mode}, exit status {rig.daemon.exit_status}")
    await rig.run(0.5)
    fast = too_fast(rig.trace.since(jumped_s), rig.limits)
    rig.check("in all this no effective setpoint moved faster than its rate", not fast, fast[:3] or f"{len(rig.trace.since(jumped_s))} steps")


async def jump_back(rig: Rig) -> None:
    """Puts the clock that the BAS serves an hour behind the plant; right again before it has caught up."""
    if not await take_charge(rig):
        return
    rig.at_speed(STEADY_SPEED)
    await rig.run(0.1)
    jumped_s = rig.site.now_s
    rig.site.bas.clock_off_s = -JUMP_S
    lease = rig.loaded.site.lease
    taken_s = await judge_hands(rig, jumped_s, lease.bas_timeout_s + 2 * rig.loaded.site.timing.guard_s, "a clock that jumps back")
    await rig.run(0.8 * JUMP_S / 3600.0)
    judge_transfer(rig, taken_s)
    rig.site.bas.clock_off_s = 0.0
    back_s = rig.site.now_s
    await rig.run(1.0)
    fast = too_fast(rig.trace.since(back_s), rig.limits)
    rig.check("put right, nothing jumps", not fast and rig.daemon.alive, fast[:3] or f"mode {rig.mode}, alive {rig.daemon.alive}")
