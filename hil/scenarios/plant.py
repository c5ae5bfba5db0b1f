"""What may happen between daemon and plant: devices that vanish, sensors that die, flap or show no number."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from hil.rig import Rig
from hil.scenarios.judge import HOLD_S, SETTLED_H, judge_loss, judge_switch, judge_transfer, take_charge
from hil.scores import back_under_bas_s, too_fast
from safety.modes import Mode

FLAP_S: Final = 240.0


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


def letting_go_s(rig: Rig) -> float:
    """Returns within what time a daemon that has lost readings must have let go [s]: the longest gap, two cycles to see it, and the lease."""
    timing, lease = rig.loaded.site.timing, rig.loaded.site.lease
    return HOLD_S + 2 * timing.cycle_s + lease.bas_timeout_s + timing.guard_s


async def lose_opcua(rig: Rig) -> None:
    """Closes every OPC UA server for good; Modbus devices, the lease among them, go on."""
    servers = [d for d in rig.bench.devices if rig.loaded.site.device[d.name].protocol == "opcua"]
    others = [d for d in rig.bench.devices if d not in servers]
    if not rig.check("the site has OPC UA servers and other devices", bool(servers and others), [d.name for d in rig.bench.devices]):
        return
    if not await take_charge(rig):
        return
    lost_s = rig.site.now_s
    for server in servers:
        await server.close()
    await judge_switch(rig, lost_s, letting_go_s(rig), "half of its devices gone")
    rig.check("the daemon lives on and says RELEASE", rig.daemon.alive and rig.mode is Mode.RELEASE, rig.mode)
    for server in servers:
        await server.open()
    opened_s = rig.site.now_s
    await rig.run(0.5)
    fast = too_fast(rig.trace.since(opened_s), rig.limits)
    rig.check("servers that come back make nothing jump", not fast, fast[:3] or f"mode {rig.mode}")


def sensors_of_halls(rig: Rig, quantities: tuple[str, ...] = ()) -> list[str]:
    """Returns the sensors of the first hall and its rows, all or those of some quantities."""
    hall = rig.loaded.site.hall[0]
    own = [s for s in sorted(rig.site.signals) if s.partition(".")[0] in (hall.name, *hall.rows) and "setpoint" not in s]
    return [s for s in own if not quantities or s.partition(".")[2] in quantities]


async def flap_sensors(rig: Rig) -> None:
    """Lets the inlet sensors of one hall die and recover every four minutes for two hours."""
    if not await take_charge(rig):
        return
    began_s = rig.site.now_s
    inlets = sensors_of_halls(rig, ("rack_inlet_max_c", "rack_inlet_c"))

    def flap() -> None:
        dead = int((rig.site.now_s - began_s) / FLAP_S) % 2 == 0
        for signal in inlets:
            rig.site.set_fault(signal, "dead" if dead else None)

    rig.bench.each_step.append(flap)
    await judge_switch(rig, began_s, letting_go_s(rig), "inlets that come and go")
    rig.bench.each_step.remove(flap)
    held = [bool(m.remote) for m in rig.trace.since(began_s)]
    changes = sum(a is not b for a, b in pairwise(held))
    rig.check("authority does not flap with the sensor", changes <= 1, f"{changes} changes of hands")


async def blind_hall(rig: Rig) -> None:
    """Lets every sensor of one hall show nothing that is a number."""
    if not await take_charge(rig):
        return
    died_s = rig.site.now_s
    for signal in sensors_of_halls(rig):
        rig.site.set_fault(signal, "dead")
    await judge_switch(rig, died_s, letting_go_s(rig), "with a blind hall")
    rig.check("the daemon lives on and says RELEASE", rig.daemon.alive and rig.mode is Mode.RELEASE, rig.mode)
