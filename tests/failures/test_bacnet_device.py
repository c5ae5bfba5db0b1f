"""A BACnet device under a daemon in charge: what the daemon commands is given back, also to a device that was away when the daemon let go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controller.record import Orders
from hil.devices import bacnet
from safety.modes import Condition, Mode
from safety.records import Status
from safety.signals import Authority
from tests.failures import wire
from tests.failures.conftest import CONFIG, SUPPLY, Make, Rig
from tests.hil.bacnet_site import as_bacnet

PRIORITY = 14


def slots(site: Rig) -> set[str]:
    """Returns the setpoints in whose slot at our priority a command stands, as the device itself holds them."""
    device: Any = site.bench.devices[0]
    asked = [p.signal for p in site.loaded.points.rows if p.signal.endswith(".request")]
    return {signal for signal in asked if device.served(signal).priorityArray[PRIORITY - 1].null is None}


async def in_charge(wired: Make, tmp_path: Path) -> Rig:
    site = await wired(as_bacnet(CONFIG / "small", tmp_path / "small"))
    await site.in_charge()
    return site


async def test_a_release_empties_our_slots_and_the_bas_goes_on_with_its_own(wired: Make, tmp_path: Path) -> None:
    site = await in_charge(wired, tmp_path)
    assert slots(site)
    site.engine.order(Orders(release=True, who="tester", reason="enough"))
    await site.run(6)
    assert site.mode is Mode.RELEASE
    assert slots(site) == set()
    assert site.authority() is not Authority.REMOTE
    assert abs(site.shown(f"{SUPPLY}.effective") - site.own) < 0.1


async def test_a_device_that_goes_silent_and_keeps_our_commands_is_given_them_back_when_it_answers_again(
    wired: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bacnet._Served, "_take_back", lambda _: None)  # a BAS that empties no slot by itself
    site = await in_charge(wired, tmp_path)
    held = slots(site)
    assert held
    site.spoil(wire.swallow, wire.swallow)
    await site.run(7)
    assert {(r.value, r.status) for r in site.done[-1].record.given.snapshot.readings.values()} == {(None, Status.MISSING)}
    site.assert_back_under_the_bas(Condition.INLET_UNKNOWN)
    assert slots(site) == held, "nothing could reach the device"
    site.spoil()
    await site.answering()
    await site.run(6)
    assert slots(site) == set(), "what the daemon commanded does not outlive it"
    assert site.authority() is not Authority.REMOTE
    await site.mended()
