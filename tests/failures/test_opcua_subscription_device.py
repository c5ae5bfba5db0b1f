"""A subscription that falls silent, and a server whose clock is wrong, under a daemon in charge: no old value is believed, and none is missed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.fieldbus.opcua import OpcUaBus
from controller.fieldbus.opcua_clock import ClockWatch
from hil.devices import opcua as device_of_bench
from plant_models.site.opcua import OpcUa
from safety.modes import Condition
from safety.records import Status
from tests.failures import wire
from tests.failures.conftest import Make, Rig
from tests.failures.test_opcua_device import AIR, INLET, server_of

FAST = OpcUa(publishing_interval_s=0.05, sampling_s=0.0, keep_alive_count=1)


def bus_of(site: Rig) -> OpcUaBus:
    bus: Any = site.plant._buses[AIR]
    assert isinstance(bus, OpcUaBus)
    return bus


async def fed(site: Rig) -> None:
    """Waits in wall time until the server sends by itself; plant time stands still."""
    async with asyncio.timeout(30):
        while bus_of(site)._feed is None or INLET not in bus_of(site)._feed.signals or bus_of(site)._feed.take([site.loaded.points.by_signal[INLET]]) == {}:  # type: ignore[union-attr]
            await site.plant.read([INLET])
            await asyncio.sleep(0.02)


async def subscribed(wired: Make) -> Rig:
    site = await wired("reference-a")
    await site.in_charge()
    bus_of(site)._device = replace(bus_of(site)._device, read="subscribe", opcua=FAST)
    await fed(site)
    return site


async def test_a_subscription_that_falls_silent_is_polled_and_made_anew(wired: Make) -> None:
    site = await subscribed(wired)
    before = bus_of(site)._session
    for held in list(server_of(site).iserver.subscription_service.subscriptions.values()):
        await held.stop()  # the server forgets to send; it goes on answering
    async with asyncio.timeout(30):
        while bus_of(site)._session is before:
            await site.plant.read([INLET])
            await asyncio.sleep(0.02)
    await fed(site)
    await site.publish()
    await asyncio.sleep(0.3)
    reading = (await site.plant.read([INLET])).readings[INLET]
    assert reading.status is Status.GOOD
    assert reading.value == pytest.approx(site.shown(INLET), abs=0.1)
    await site.run(1)
    site.assert_in_charge_still()


async def test_a_server_that_goes_silent_with_its_subscription_hands_the_plant_back(wired: Make) -> None:
    site = await subscribed(wired)
    site.spoil(wire.always(wire.swallow))
    async with asyncio.timeout(30):
        while (await site.plant.read([INLET])).readings[INLET].status is Status.GOOD:  # noqa: ASYNC110  # each turn is a read
            await asyncio.sleep(0.02)
    await site.run(7)
    assert (site.last(INLET).value, site.last(INLET).status) == (None, Status.MISSING)
    state = site.engine.memory.mode
    assert state.cause is Condition.INLET_UNKNOWN
    site.assert_back_under_the_bas(Condition.INLET_UNKNOWN)


@pytest.mark.parametrize("off", [timedelta(hours=-7), timedelta(hours=7)], ids=["behind", "ahead"])
async def test_a_server_whose_clock_is_wrong_is_told_and_its_values_keep_their_age(wired: Make, monkeypatch: pytest.MonkeyPatch, off: timedelta) -> None:
    site = await wired("reference-a")
    monkeypatch.setattr(device_of_bench, "_time", lambda _: datetime.now(UTC) + off)
    bus_of(site)._clock = ClockWatch("opc.tcp://air")
    await site.publish()
    await site.in_charge()
    reading = site.last(INLET)
    assert (reading.status, reading.received_at_s) == (Status.GOOD, site.done[-1].record.given.snapshot.taken_at_s)
    assert "the clock of opc.tcp://air is at least" in reading.detail
    assert ("ahead" if off > timedelta() else "behind") in reading.detail
    site.assert_in_charge_still()
