"""Subscriptions on the wire: values without asking, and every way in which a server falls silent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.ua.status_codes import StatusCodes
from structlog.testing import capture_logs

from controller.fieldbus.opcua import OpcUaBus
from plant_models.site.opcua import OpcUa
from plant_models.site.points import Point
from plant_models.site.topology import Device
from safety.records import Outcome, Status
from tests.controller.fieldbus.opcua_server import INLET, PATIENCE_S, REQUEST, SUPPLY, SecureServer, eventually, point, until, until_good

pytestmark = pytest.mark.asyncio(loop_scope="module")  # a server is shared by the tests of a module

FAST = OpcUa(publishing_interval_s=0.1, sampling_s=0.05, keep_alive_count=1)
GONE = point("hall-a.crah_return_temp_c")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[SecureServer]:
    server = SecureServer(policies=[ua.SecurityPolicyType.NoSecurity])
    await server.start()
    yield server
    await server.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def server(shared: SecureServer) -> SecureServer:
    for signal in shared.nodes:
        await shared.put(signal, 20.0)
    return shared


@pytest_asyncio.fixture(loop_scope="module")
async def bus(server: SecureServer) -> AsyncIterator[OpcUaBus]:
    made = bus_of(server.port)
    yield made
    await made.close()


def bus_of(port: int, of: OpcUa = FAST, timeout_s: float = 5.0) -> OpcUaBus:
    return OpcUaBus(Device("opcua", port=port, path="/test/", read="subscribe", opcua=of), timeout_s, timeout_s)


async def until_fed(bus: OpcUaBus, *points: Point) -> None:
    """Reads until the points are answered from what the server sent."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            raws = await bus.read(points)
            if bus._feed is not None and set(bus._feed.take(points)) == set(raws):
                return
            await asyncio.sleep(0.02)


async def until_logged(logs: list[Any], event: str) -> Any:
    await eventually(lambda: any(entry["event"] == event for entry in logs))
    return next(entry for entry in logs if entry["event"] == event)


async def test_values_come_without_asking_with_status_and_source_time(bus: OpcUaBus, server: SecureServer, monkeypatch: pytest.MonkeyPatch) -> None:
    await until_fed(bus, INLET, SUPPLY)

    async def nobody_asks(_points: Any) -> Any:
        raise AssertionError("asked")

    monkeypatch.setattr(bus._feed, "due", lambda _period_s: [])
    monkeypatch.setattr(bus, "_poll", nobody_asks)
    await server.put(INLET.signal, 24.5, StatusCodes.UncertainLastUsableValue)
    await server.put(SUPPLY.signal, 0.0, StatusCodes.BadSensorFailure)
    raw = await until(bus, INLET, lambda r: r.value == 24.5)
    assert (raw.status, raw.detail) == (Status.UNCERTAIN, "UncertainLastUsableValue")
    assert raw.source_s is not None
    assert 0.0 <= time.time() - raw.source_s < PATIENCE_S
    assert raw.age_s >= 0.0
    bad = await until(bus, SUPPLY, lambda r: r.status is Status.BAD)
    assert (bad.value, bad.detail) == (None, "BadSensorFailure")


async def test_each_point_has_its_own_sampling_and_queue(server: SecureServer, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, tuple[float, int]] = {}
    bus = bus_of(server.port)
    await bus.open()
    assert bus._session is not None
    inner = bus._session.client.uaclient.create_monitored_items

    async def noted(params: ua.CreateMonitoredItemsParameters) -> Any:
        seen.update(
            {i.ItemToMonitor.NodeId.Identifier: (i.RequestedParameters.SamplingInterval, i.RequestedParameters.QueueSize) for i in params.ItemsToCreate}
        )
        return await inner(params)

    monkeypatch.setattr(bus._session.client.uaclient, "create_monitored_items", noted)
    slow = point(SUPPLY.signal, sampling_s=0.5, queue_size=7)
    await until_fed(bus, INLET, slow)
    await bus.close()
    assert seen == {INLET.signal: (50.0, 1), SUPPLY.signal: (500.0, 7)}


async def test_a_point_may_be_polled_on_a_device_that_subscribes(bus: OpcUaBus, server: SecureServer) -> None:
    polled = point(SUPPLY.signal, read="poll")
    await until_fed(bus, INLET)
    await bus.read([polled])
    assert bus._feed is not None
    assert SUPPLY.signal not in bus._feed.signals


async def test_what_is_written_is_read_back_from_the_server(bus: OpcUaBus, server: SecureServer) -> None:
    await until_fed(bus, INLET)
    for value in (18.0, 19.0, 17.5):
        assert dict(await bus.write([(REQUEST, value)])) == {REQUEST.signal: Outcome.VERIFIED}
        assert (await bus.read([INLET, REQUEST]))[REQUEST.signal].value == value


async def test_a_point_that_the_server_does_not_have_is_missing_and_the_others_are_sent(bus: OpcUaBus) -> None:
    await until_fed(bus, INLET)
    raws = await bus.read([INLET, GONE])
    assert (raws[GONE.signal].status, raws[GONE.signal].detail) == (Status.MISSING, "BadNodeIdUnknown")
    await eventually(lambda: bus._feed is not None and GONE.signal in bus._feed.not_sent)
    assert (await bus.read([GONE]))[GONE.signal].status is Status.MISSING
    assert bus._feed is not None
    assert set(bus._feed.take([INLET])) == {INLET.signal}


async def test_a_subscription_that_dies_in_silence_is_noticed_and_made_anew(bus: OpcUaBus, server: SecureServer) -> None:
    await until_fed(bus, INLET)
    before = bus._session
    with capture_logs() as logs:
        for held in list(server.iserver.subscription_service.subscriptions.values()):
            await held.stop()  # the server forgets to send; it goes on answering
        await server.put(INLET.signal, 26.0)
        lost = await until_logged(logs, "opcua_subscription_lost")
        await until_fed(bus, INLET)
    assert "nothing was sent for" in lost["says"]
    assert bus._session is not before
    assert (await bus.read([INLET]))[INLET.signal].value == 26.0
    await server.put(INLET.signal, 27.0)
    await until(bus, INLET, lambda r: r.value == 27.0)


async def test_a_point_that_dies_within_a_living_subscription_is_noticed(bus: OpcUaBus, server: SecureServer) -> None:
    await until_fed(bus, INLET, SUPPLY)
    with capture_logs() as logs:
        attribute = server.iserver.aspace[server.nodes[INLET.signal].nodeid].attributes[ua.AttributeIds.Value]
        attribute.datachange_callbacks.clear()
        await server.put(INLET.signal, 26.0)
        await until(bus, INLET, lambda r: r.value == 26.0)
        lost = await until_logged(logs, "opcua_subscription_lost")
        assert lost["says"] == f"{INLET.signal} changed and was not sent"
        await until_fed(bus, INLET, SUPPLY)
        attribute.datachange_callbacks.clear()
        await server.put(INLET.signal, 28.0)
        await eventually(lambda: INLET.signal in bus._polled_instead)
    assert await until_good(bus, INLET) == 28.0
    await until_fed(bus, SUPPLY)


async def test_a_session_that_the_server_ends_is_made_anew(bus: OpcUaBus, server: SecureServer) -> None:
    await until_fed(bus, INLET)
    before = bus._session
    for held in list(server.iserver._external_sessions.values()):
        await held.close_session(True)
    await eventually(lambda: bus._session is not before)
    await server.put(INLET.signal, 21.5)
    assert (await until(bus, INLET, lambda r: r.value == 21.5)).status is Status.GOOD
    await until_fed(bus, INLET)


async def test_a_black_hole_is_noticed_without_a_read_and_left_behind(server: SecureServer, proxy_of: Any) -> None:
    proxy = await proxy_of(server.port)
    bus = bus_of(proxy.port, timeout_s=0.5)
    await until_fed(bus, INLET)

    async def swallow(_: bytes, __: asyncio.StreamWriter) -> None:
        return None

    proxy.up = proxy.down = swallow
    await eventually(lambda: bus._session is None)
    raw = (await bus.read([INLET]))[INLET.signal]
    assert (raw.value, raw.status) == (None, Status.MISSING)
    assert raw.detail
    proxy.up = proxy.down = None
    await until_fed(bus, INLET)
    await bus.close()


async def test_a_server_that_starts_again_is_subscribed_to_again(server: SecureServer, bus: OpcUaBus) -> None:
    await until_fed(bus, INLET)
    await server.stop()
    await until(bus, INLET, lambda r: r.status is Status.MISSING)
    await server.start()
    await until_fed(bus, INLET)


async def test_a_server_with_too_many_sessions_is_left_alone_for_a_while(server: SecureServer, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0

    def full(*_: Any, **__: Any) -> Any:
        nonlocal asked
        asked += 1
        raise ServiceError(StatusCodes.BadTooManySessions)

    monkeypatch.setattr(server.iserver, "create_session", full)
    bus = bus_of(server.port)
    details = [(await bus.read([INLET]))[INLET.signal] for _ in range(3)]
    assert asked == 1
    assert {d.status for d in details} == {Status.MISSING}
    assert all("BadTooManySessions" in d.detail for d in details)
    monkeypatch.undo()
    assert await until_good(bus, INLET) == 20.0
    await bus.close()


async def test_a_server_that_allows_no_subscription_is_polled(server: SecureServer, monkeypatch: pytest.MonkeyPatch) -> None:
    async def none(*_: Any, **__: Any) -> Any:
        raise ServiceError(StatusCodes.BadTooManySubscriptions)

    monkeypatch.setattr(server.iserver.subscription_service, "create_subscription", none)
    bus = bus_of(server.port)
    with capture_logs() as logs:
        await until_good(bus, INLET)
        assert "BadTooManySubscriptions" in (await until_logged(logs, "opcua_subscription_refused"))["says"]
    for value in (22.0, 23.0):
        await server.put(INLET.signal, value)
        await until(bus, INLET, lambda r, v=value: r.value == v)  # type: ignore[misc]
    assert bus._tending is not None
    assert not bus._tending.done()
    await bus.close()


async def test_closing_leaves_no_task(server: SecureServer) -> None:
    before = asyncio.all_tasks()
    bus = bus_of(server.port)
    await until_fed(bus, INLET)
    await bus.close()
    await eventually(lambda: not (any("client" in repr(t.get_coro()) or "Bus" in repr(t.get_coro()) for t in asyncio.all_tasks() - before)))
    assert bus._tending is None
