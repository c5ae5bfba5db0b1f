"""What scenarios share: a daemon that takes charge, and the judgement of how the plant changes hands; nothing here goes wrong by itself."""

from __future__ import annotations

from typing import Final

from hil.devices.watch import HEARTBEAT, REQUEST
from hil.rig import Rig
from hil.scores import MODE, back_under_bas_s, hotter_than_alone_k, last_beat_s, returned_s, too_fast
from safety.modes import Mode

INLET_BUMP_K: Final = 0.5  # a transfer may not cost more than this in the hottest inlet
HOLD_S: Final = 600.0  # the longest gap in readings that authority outlives
SETTLED_H: Final = 1.5  # long enough for every setpoint to come back at its rate, and for the room to follow


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


async def judge_hands(rig: Rig, since_s: float, allowed_s: float, what: str) -> float:
    """Checks that the BAS has every setpoint back within ``allowed_s`` of plant time ``since_s``; returns when it had [s]."""
    await rig.run(2 * allowed_s / 3600.0 + 0.01, lambda: not rig.now.remote)
    after_s = rig.back_under_bas_after_s = back_under_bas_s(rig.trace.moments, since_s)
    rig.check(f"{what}: under the BAS within {allowed_s:g} s", after_s is not None and after_s <= allowed_s, f"{after_s} s")
    return since_s + (after_s or 0.0)


async def judge_switch(rig: Rig, since_s: float, allowed_s: float, what: str) -> None:
    """Checks that the BAS has every setpoint back within ``allowed_s`` of plant time ``since_s``, then how they came back."""
    taken_s = await judge_hands(rig, since_s, allowed_s, what)
    await rig.run(SETTLED_H, hurried=not rig.daemon.alive)
    judge_transfer(rig, taken_s)


def judge_kept(rig: Rig, since_s: float, what: str) -> None:
    """Checks that the daemon kept the plant since plant time ``since_s`` and moved it no faster than allowed."""
    moments = rig.trace.since(since_s)
    lost = [m.at_s for m in moments if not m.remote]
    rig.check(f"{what}: authority is kept", not lost, f"lost at {lost[0]:.0f}" if lost else f"{len(moments)} steps")
    fast = too_fast(moments, rig.limits)
    rig.check("no effective setpoint moved faster than its rate", not fast, fast[:3] or f"{len(moments)} steps")
