"""A device that goes on answering Good and stands still, beside another that lives: what is believed, who is in charge, and where the actuators end up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from plant_models.site.topology import Site
from safety.modes import Condition
from safety.records import FaultCause, Status
from safety.signals import Authority
from tests.failures.conftest import Make, Rig

AIR = "air-server"
INLET, CHWS = "hall-a.rack_inlet_max_c", "plant.chws_setpoint_c"
WITHIN_S = 120.0 + 300.0 + 30.0 + 10.0  # what a device may stand still, a cycle, the lease, and two scans of the BAS


async def stand_still(rig: Rig, name: str) -> None:
    """From now on a device's server answers with what it holds, Good, and nothing updates it; its time stamps stand still too."""
    for point in rig.loaded.points.rows:
        if point.device == name and point.readable and not point.writable:
            value = rig.behind.read(point.signal)
            rig.behind.shown[point.signal] = lambda _, held=value: held
    await rig.publish()
    device: Any = next(d for d in rig.bench.devices if d.name == name)

    async def nothing() -> None: ...

    device.publish = nothing


async def test_a_device_that_stands_still_is_noticed_beside_one_that_lives(wired: Make) -> None:
    site = await wired("reference-a")
    await site.in_charge()
    began_s = site.behind.now_s
    await stand_still(site, AIR)
    while site.authority() is Authority.REMOTE and site.behind.now_s - began_s < 2 * WITHIN_S:
        await site.run(0.25)
    assert site.behind.now_s - began_s <= WITHIN_S
    await site.run(6)
    reading = site.last(INLET)
    assert (reading.status, reading.value is not None) == (Status.UNCERTAIN, True)
    assert "nothing that air-server shows has moved for" in reading.detail
    assert site.fault(INLET) is FaultCause.BAD_STATUS
    assert site.last("plant.chws_temp_c").status is Status.GOOD, "the device that lives is believed"
    site.assert_back_under_the_bas(Condition.INLET_UNKNOWN)
    assert site.authority(CHWS) is not Authority.REMOTE


async def test_a_device_that_is_not_watched_is_believed_for_ever(wired: Make) -> None:
    def unwatched(site: Site) -> Site:
        return replace(site, device={name: replace(device, still_after_s=0.0) for name, device in site.device.items()})

    site = await wired("reference-a", change_site=unwatched)
    await site.in_charge()
    await stand_still(site, AIR)
    await site.run(10)
    assert site.last(INLET).status is Status.GOOD, "what the watch is for"


async def test_a_device_that_moves_again_is_believed_again(wired: Make) -> None:
    site = await wired("reference-a")
    await site.in_charge()
    device: Any = next(d for d in site.bench.devices if d.name == AIR)
    await stand_still(site, AIR)
    await site.run(10)
    assert site.last(INLET).status is Status.UNCERTAIN
    del device.publish
    site.behind.shown.clear()
    await site.publish()
    await site.mended()
    assert site.last(INLET).status is Status.GOOD
    assert site.authority(CHWS) is Authority.REMOTE
