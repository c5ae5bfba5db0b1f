"""An OPC UA server that fails under a daemon in charge of a site with two devices: what it believes, who is in charge, and where the actuators end up."""

from __future__ import annotations

from typing import Any

import pytest
from asyncua import ua
from asyncua.server.internal_session import InternalSession
from asyncua.server.server import Server
from asyncua.ua.uaerrors import BadTooManySessions

from hil.devices.opcua import OpcUaDevice
from safety.modes import Condition
from safety.records import FaultCause, Status
from safety.signals import Authority
from tests.failures import wire
from tests.failures.conftest import SUPPLY, Make, Rig

AIR, PLC = "air-server", "plant-plc"
INLET, CHWS = "hall-a.rack_inlet_max_c", "plant.chws_setpoint_c"


def server_of(rig: Rig) -> Server:
    device = next(d for d in rig.bench.devices if isinstance(d, OpcUaDevice))
    assert device._server is not None
    return device._server


def assert_both_devices_back(rig: Rig) -> None:
    rig.assert_back_under_the_bas(Condition.INLET_UNKNOWN)
    assert rig.authority(CHWS) is not Authority.REMOTE, "the other device's setpoints are handed back too"


@pytest.mark.parametrize(
    "spoil",
    [wire.always(wire.swallow), wire.always(wire.garbage)],
    ids=["black_hole", "garbage"],
)
async def test_a_wire_that_stays_spoilt_hands_the_plant_back_and_is_taken_up_again(wired: Make, spoil: Any) -> None:
    site = await wired("reference-a")
    await site.in_charge()
    site.proxies[AIR].down = spoil
    await site.run(15)
    assert (site.last(INLET).value, site.last(INLET).status) == (None, Status.MISSING)
    assert site.last("plant.chws_temp_c").status is Status.GOOD, "one dead device leaves the other readable"
    assert_both_devices_back(site)
    site.spoil()
    await site.answering(INLET)
    await site.mended()


async def test_a_server_that_restarts_with_its_namespaces_moved_is_found_by_uri(wired: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    site = await wired("reference-a")
    await site.in_charge()
    air = next(d for d in site.bench.devices if d.name == AIR)
    before = await server_of(site).get_namespace_array()
    await air.close()
    init = Server.init

    async def with_others(self: Server, *given: Any, **named: Any) -> None:
        await init(self, *given, **named)
        await self.register_namespace("urn:new:one")
        await self.register_namespace("urn:new:two")

    monkeypatch.setattr(Server, "init", with_others)
    await air.open()
    assert (await server_of(site).get_namespace_array()).index(before[-1]) == before.index(before[-1]) + 2
    await site.answering(INLET)
    await site.run(6)
    site.assert_in_charge_still()
    assert site.last(INLET).status is Status.GOOD


async def test_a_reading_that_the_server_calls_bad_is_unknown(wired: Make) -> None:
    site = await wired("reference-a")
    await site.in_charge()
    for signal in site.loaded.points.by_signal:
        if "rack_inlet" in signal:
            site.behind.shown[signal] = lambda _: None
    await site.publish()
    await site.run(15)
    assert (site.last(INLET).value, site.last(INLET).status, site.last(INLET).detail) == (None, Status.BAD, "BadSensorFailure")
    assert site.fault(INLET) in (FaultCause.BAD_STATUS, FaultCause.MISSING)
    assert_both_devices_back(site)


def sessions(rig: Rig) -> list[InternalSession]:
    binary = server_of(rig).bserver
    assert binary is not None
    return [c.processor.session for c in binary.clients if c.processor is not None and c.processor.session is not None]


async def test_a_session_that_the_server_has_ended_is_opened_anew_and_none_is_left_behind(wired: Make) -> None:
    site = await wired("reference-a")
    await site.in_charge()
    for _ in range(3):
        site.proxies[AIR].down = wire.reset
        await site.plant.read([INLET])
        site.spoil()
        await site.answering(INLET)
    (session,) = sessions(site)
    await session.close_session(True)
    await site.answering(INLET)
    await site.run(6)
    site.assert_in_charge_still()
    assert site.last(INLET).status is Status.GOOD


async def test_a_server_without_a_session_to_spare_is_asked_again_until_it_has_one(wired: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    site = await wired("reference-a")
    await site.in_charge()
    server = server_of(site)

    def full(*_: object, **__: object) -> None:
        raise BadTooManySessions

    with monkeypatch.context() as crowded:
        crowded.setattr(server.iserver, "create_session", full)
        site.proxies[AIR].down = wire.reset
        await site.plant.read([INLET])
        site.proxies[AIR].down = None
        await site.run(15)
        assert "TooManySessions" in site.last(INLET).detail or "left alone" in site.last(INLET).detail
        assert_both_devices_back(site)
    await site.answering(INLET)
    await site.mended()


async def test_a_write_that_the_server_refuses_is_told_apart_and_hands_the_plant_back(wired: Make) -> None:
    site = await wired("reference-a")
    await site.in_charge()
    server = server_of(site)
    for point in site.loaded.points.rows:
        if point.device == AIR and point.writable:
            identifier = point.address.split(";s=")[1]
            space = await server.get_namespace_index(point.address.split(";")[0].removeprefix("nsu="))
            await server.get_node(ua.NodeId.from_string(f"ns={space};s={identifier}")).set_read_only()
    await site.run(40)
    refused = {s for d in site.done for s, o in d.receipt.outcomes.items() if o == "refused"}
    assert refused
    assert all(site.loaded.points.by_signal[s].device == AIR for s in refused)
    site.assert_back_under_the_bas(Condition.WRITES_REFUSED)
    assert site.authority(SUPPLY) is not Authority.REMOTE
