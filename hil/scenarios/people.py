"""What people do around a daemon: watch it in shadow, start a second one, turn the kill switch, order a drill."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Final

from hil.bench import BAS_SCAN_S
from hil.devices.watch import HEARTBEAT
from hil.intents import read_events, read_journal
from hil.process import DaemonProcess
from hil.rig import Rig
from hil.scenarios.judge import hand_back, judge_hands, judge_kept, judge_switch, take_charge
from hil.scores import MODE, too_fast
from safety.modes import Mode

STEADY_SPEED: Final = 60.0  # of plant time while two daemons follow it
BOTH_H: Final = 0.75
REASON: Final = ("--reason", "scenario on the bench")


async def watch_shadow(rig: Rig) -> None:
    """Runs a daemon in shadow for an hour of plant time."""
    await rig.daemon.start()
    await rig.run(1.0, lambda: not rig.daemon.alive)
    rig.check("the daemon runs in shadow", rig.daemon.alive, f"exit status {rig.daemon.exit_status}")
    seen = rig.watch.seen
    rig.check("and writes nothing at all", not seen, f"{len(seen)} writes" + (f", first {seen[0].signal}" if seen else ""))


async def start_second(rig: Rig) -> None:
    """Starts two more daemons on a plant that one has in charge: a copy of its configuration, and one with an owner number of its own."""
    if not await take_charge(rig):
        return
    rig.at_speed(STEADY_SPEED)
    began_s = rig.site.now_s
    others = [rig.second("copy"), rig.second("other-owner", {"COLDAISLE_LEASE__OWNER_ID": "77"})]
    try:
        for other in others:
            await other.start()
        await rig.run(BOTH_H)
        judge_kept(rig, began_s, "with three daemons on one plant")
        beats = sum(w.signal == HEARTBEAT for w in rig.watch.seen if w.plant_at_s >= began_s)
        most = (rig.site.now_s - began_s) / rig.loaded.site.timing.guard_s + 1
        rig.check("only one heart beats", beats <= most, f"{beats} beats in {rig.site.now_s - began_s:.0f} s")
        for other in others:
            judge_locked_out(rig, other)
        await hand_back(rig)
        await take_over(rig, others[0])
    finally:
        for other in others:
            await other.end()


def judge_locked_out(rig: Rig, other: DaemonProcess) -> None:
    """Checks that a second daemon runs, recorded cycles, and meant to write nothing."""
    journal = read_journal(other.log.parent / "journal.sqlite")
    meant = sum(len(i.writes) for i in journal.intents)
    passed = other.alive and bool(journal.intents) and not meant
    rig.check(f"the daemon {other.log.parent.name!r} runs and writes nothing", passed, f"{len(journal.intents)} cycles, {meant} setpoints, alive {other.alive}")


async def take_over(rig: Rig, other: DaemonProcess) -> None:
    """Checks that a daemon that was locked out takes the plant when the first has gone and a person says so."""
    await rig.run(0.25)
    rig.check("when the first one has gone, nobody takes the plant by himself", not rig.now.remote, sorted(rig.now.remote))
    status = await other.order("engage", *REASON)
    taken = await rig.run(0.5, lambda: len(rig.now.remote) == len(rig.now.authority))
    rig.check("engaged, the second daemon takes it", taken and status == 0, f"order {status}, authority over {len(rig.now.remote)} setpoints")
    await other.stop()
    await rig.run(0.1, lambda: not rig.now.remote)
    rig.check("and hands it back", not rig.now.remote, sorted(rig.now.remote))
    rig.more_intents = read_journal(other.log.parent / "journal.sqlite").intents


async def turn_kill_switch(rig: Rig) -> None:
    """Turns the switch while the daemon is frozen, so that nothing can depend on it, and off again after the daemon was started anew."""
    if not await take_charge(rig):
        return
    rig.daemon.freeze()
    turned_s = rig.site.now_s
    rig.site.bas.set_kill_switch(True)
    await judge_switch(rig, turned_s, 2 * BAS_SCAN_S, "the kill switch with a frozen daemon")
    rig.daemon.kill()
    await rig.daemon.wait()
    await rig.daemon.start()
    again_s = rig.site.now_s
    await rig.run(0.5)
    taken = [m.at_s for m in rig.trace.since(again_s) if m.remote]
    rig.check("a daemon that starts with the switch on gets nothing", not taken and rig.daemon.alive, f"mode {rig.mode}")
    rig.site.bas.set_kill_switch(False)
    await rig.run(0.5)
    rig.check("nor by the switch alone when it is off again", not rig.now.remote, f"mode {rig.mode}")
    status = await rig.daemon.order("engage", *REASON)
    taken_again = await rig.run(1.0, rig.in_charge)
    rig.check("engaged, it takes the plant again", status == 0 and taken_again, f"order {status}, mode {rig.mode}")
    await hand_back(rig)


async def turn_kill_switch_cut_off(rig: Rig) -> None:
    """Turns the switch, a hard-wired input, while no device can be reached over the network."""
    if not await take_charge(rig):
        return
    await rig.bench.close()
    turned_s = rig.site.now_s
    rig.site.bas.set_kill_switch(True)
    await judge_switch(rig, turned_s, 2 * BAS_SCAN_S, "the kill switch with the network dead")
    rig.check("the daemon lives on", rig.daemon.alive, f"exit status {rig.daemon.exit_status}")
    await rig.bench.open()
    opened_s = rig.site.now_s
    await rig.run(0.5)
    taken = [m.at_s for m in rig.trace.since(opened_s) if m.remote]
    rig.check("with the network back and the switch on, the BAS keeps the plant", not taken, f"mode {rig.mode}")


async def drill(rig: Rig) -> None:
    """Orders a fallback drill and watches it from the plant's side."""
    if not await take_charge(rig):
        return
    ordered_s, cycle_s = rig.site.now_s, rig.loaded.site.timing.cycle_s
    status = await rig.daemon.order("drill", *REASON)
    gone = await rig.run(3 * cycle_s / 3600.0, lambda: not rig.now.remote)
    gone_s = rig.site.now_s
    rig.check("the daemon hands the plant to the BAS", status == 0 and gone, f"order {status}, after {gone_s - ordered_s:.0f} s")
    told = [Mode(int(w.value)) for w in rig.watch.seen if w.signal == MODE and w.plant_at_s >= ordered_s and w.value is not None]
    down = [mode.name for n, mode in enumerate(told) if n == 0 or mode is not told[n - 1]]
    rig.check("step by step: resets first, then RELEASE", down[-2:] == ["RESET", "RELEASE"], down)
    back = await rig.run(3 * cycle_s / 3600.0, rig.in_charge)
    away_s = rig.site.now_s - gone_s
    rig.check("and comes back by itself in time", back and away_s <= rig.loaded.site.drill.release_max_s, f"after {away_s:.0f} s, {rig.mode}")
    await rig.run(0.5)
    fast = too_fast(rig.trace.since(ordered_s), rig.limits)
    rig.check("no effective setpoint moved faster than its rate", not fast, fast[:3] or f"{len(rig.trace.since(ordered_s))} steps")
    results = [e for e in read_events(rig.state / "journal.sqlite") if e.what == "drill"]
    passed = len(results) == 1 and json.loads(results[0].value)["passed"]
    rig.check("the daemon's own judgement is in the journal, and passed", passed, results[0].value if results else "no event")
    await hand_back(rig)


async def roll_back(rig: Rig) -> None:
    """Orders a rollback of everything; on a site with one version that is its setpoints."""
    if not await take_charge(rig):
        return
    ordered_s, cycle_s = rig.site.now_s, rig.loaded.site.timing.cycle_s
    status = await rig.daemon.order("rollback", *REASON)
    await rig.run(2 * cycle_s / 3600.0)
    rig.check("rolled back, the plan is not used", status == 0 and rig.mode is Mode.RESET, f"order {status}, mode {rig.mode}")
    judge_kept(rig, ordered_s, "while it is rolled back")
    status = await rig.daemon.order("engage", *REASON)
    planned = await rig.run(1.0, lambda: rig.mode in (Mode.OPTIMISE, Mode.PLAN_ONLY))
    rig.check("engaged, the plan is used again", status == 0 and planned, f"order {status}, mode {rig.mode}")
    noted = [e.what for e in read_events(rig.state / "journal.sqlite") if e.what == "rollback"]
    rig.check("it is one event in the journal", len(noted) == 1, noted)
    await hand_back(rig)


def in_use(rig: Rig) -> dict[str, str]:
    """Returns the digests of the versions that the daemon runs on, by kind, as its journal says."""
    noted = [e.value for e in read_events(rig.state / "journal.sqlite") if e.what == "version"]
    return dict(json.loads(noted[-1])) if noted else {}


async def roll_back_versions(rig: Rig) -> None:
    """Changes model and configuration of a copy of the site while the daemon is away, then orders the earlier ones back, one after the other."""
    rig.daemon.site_directory = Path(shutil.copytree(rig.daemon.site_directory, rig.state / "site"))
    if not await take_charge(rig):
        return
    before = in_use(rig)
    await hand_back(rig)
    for file in (rig.loaded.site.optimiser.model, Path("site.toml")):
        with (rig.daemon.site_directory / file).open("a") as changed:
            changed.write("\n")
    await rig.daemon.start()
    back = await rig.run(1.0, rig.in_charge)
    new = [kind for kind, digest in in_use(rig).items() if digest != before.get(kind)]
    rig.check("changed files are new versions, and the daemon runs on them", back and sorted(new) == ["configuration", "model"], new)
    for kind in sorted(new):
        await roll_one_back(rig, kind, before[kind])
    rolled = [e.what for e in read_events(rig.state / "journal.sqlite") if e.what == "rollback"]
    rig.check("each is one event in the journal", len(rolled) == len(new), rolled)
    await hand_back(rig)


async def roll_one_back(rig: Rig, kind: str, digest: str) -> None:
    """Orders one version back and checks that the daemon hands back, starts again on it, and returns, with a person's word where it has spent its own."""
    ordered_s, lease = rig.site.now_s, rig.loaded.site.lease
    status = await rig.daemon.order("rollback", kind, "--to", digest[:12], *REASON)
    await judge_hands(rig, ordered_s, lease.bas_timeout_s + rig.loaded.site.timing.guard_s, f"the {kind} goes back")
    back = await rig.run(1.0, rig.in_charge)
    engaged = "" if back else f", engaged: order {await rig.daemon.order('engage', *REASON)}"
    back = back or await rig.run(1.0, rig.in_charge)
    same = in_use(rig).get(kind) == digest
    rig.check(f"and is in use again, with the daemon in charge{engaged}", status == 0 and back and same, f"order {status}, mode {rig.mode}")
    fast = too_fast(rig.trace.since(ordered_s), rig.limits)
    rig.check("no effective setpoint moved faster than its rate", not fast, fast[:3] or f"{len(rig.trace.since(ordered_s))} steps")
