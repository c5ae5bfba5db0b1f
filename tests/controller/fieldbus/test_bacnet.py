"""BACnet/IP on the wire: commands and slots, devices that know little, refuse, restart or lose datagrams, and subscriptions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from controller.fieldbus.bacnet import BacnetBus
from plant_models.site.topology import Device
from safety.records import Outcome, Status
from tests.controller.fieldbus.bacnet_server import BacnetServer, Datagrams, point

INLET = point("hall-a.rack_inlet_max_c", "analog-input:1")
SUPPLY = point("hall-a.crah_supply_setpoint_c.request", "analog-value:31")
FAN = point("hall-a.crah_fan_setpoint_pct.request", "analog-value:32", priority=16)
ALARM = point("daemon.alarm", "binary-value:1")
WIDE = point("daemon.done_until_s", "large-analog-value:1", unit="s")
PLAIN = point("plant.chws_setpoint_c.request", "analog-value:40")
ALL = [INLET, SUPPLY, FAN, ALARM, WIDE, PLAIN]
SENSORS = [point(f"ch-{n}.chws_temp_c", f"analog-input:{n + 100}") for n in range(1, 121)]


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
async def server() -> AsyncIterator[BacnetServer]:
    made = BacnetServer(ALL, plain=frozenset({PLAIN.signal}))
    await made.start()
    made.own(INLET, 24.0)
    made.own(SUPPLY, 20.0)
    yield made
    await made.stop()


@pytest.fixture
async def proxy(server: BacnetServer) -> AsyncIterator[Datagrams]:
    made = Datagrams(server.port)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def bus_of(proxy: Datagrams) -> AsyncIterator[Callable[..., BacnetBus]]:
    """Makes buses that speak with the device through the proxy."""
    made: list[BacnetBus] = []

    def build(timeout_s: float = 1.0, monotonic: Any = None, **keys: Any) -> BacnetBus:
        device = Device("bacnet", **{"port": proxy.port, "instance": 100, **keys})
        made.append(BacnetBus(device, timeout_s, timeout_s, **({"monotonic": monotonic} if monotonic else {})))
        return made[-1]

    yield build
    for bus in made:
        await bus.close()


def asked(server: BacnetServer, name: str) -> list[int]:
    return [count for what, count in server.stack.asked if what == name]


async def test_a_command_goes_into_the_slot_of_its_priority(server: BacnetServer, bus_of: Any) -> None:
    bus = bus_of()
    values = {SUPPLY: 18.5, FAN: 60.0, ALARM: 1.0, WIDE: 1.7845e9 + 0.125}
    assert set((await bus.write(list(values.items()))).values()) == {Outcome.VERIFIED}
    assert {p.signal: server.slot(p, p.priority) for p in values} == {p.signal: v for p, v in values.items()}
    assert {s: r.value for s, r in (await bus.read(list(values))).items()} == {p.signal: v for p, v in values.items()}
    assert dict(await bus.write([(INLET, 20.0)])) == {INLET.signal: Outcome.REFUSED}


async def test_what_is_released_is_seen_to_be_the_devices_own_again(server: BacnetServer, bus_of: Any) -> None:
    bus = bus_of()
    await bus.write([(SUPPLY, 18.5), (PLAIN, 8.0)])
    assert dict(await bus.release([SUPPLY, FAN, PLAIN, INLET])) == {SUPPLY.signal: Outcome.VERIFIED, FAN.signal: Outcome.VERIFIED}
    assert (server.slot(SUPPLY), server.get(SUPPLY)) == (None, 20.0)
    assert len(asked(server, "WritePropertyRequest")) == 3, "a slot that was empty is not written, an object without slots neither"


async def test_a_release_empties_what_an_earlier_process_left(server: BacnetServer, bus_of: Any) -> None:
    server.command(SUPPLY, 17.0, 14)
    assert dict(await bus_of().release([SUPPLY])) == {SUPPLY.signal: Outcome.VERIFIED}
    assert server.get(SUPPLY) == 20.0


async def test_a_release_leaves_what_others_command(server: BacnetServer, bus_of: Any) -> None:
    bus = bus_of()
    await bus.write([(SUPPLY, 18.5)])
    server.command(SUPPLY, 22.0, 8)
    server.command(SUPPLY, 19.0, 15)
    assert dict(await bus.release([SUPPLY])) == {SUPPLY.signal: Outcome.VERIFIED}
    assert (server.slot(SUPPLY), server.slot(SUPPLY, 8), server.slot(SUPPLY, 15), server.get(SUPPLY)) == (None, 22.0, 19.0, 22.0)


async def test_a_release_that_the_device_only_acknowledges_is_found_out(server: BacnetServer, bus_of: Any) -> None:
    bus = bus_of()
    await bus.write([(SUPPLY, 18.5)])
    server.stack.ignoring.add(SUPPLY.signal)
    assert dict(await bus.release([SUPPLY])) == {SUPPLY.signal: Outcome.DIFFERS}
    assert server.slot(SUPPLY) == 18.5


async def test_a_release_that_is_refused_says_so(server: BacnetServer, bus_of: Any) -> None:
    bus = bus_of()
    await bus.write([(SUPPLY, 18.5)])
    server.stack.read_only.add(SUPPLY.signal)
    assert dict(await bus.release([SUPPLY])) == {SUPPLY.signal: Outcome.REFUSED}


async def test_a_release_whose_datagram_is_lost_is_looked_at_and_done_again(server: BacnetServer, proxy: Datagrams, bus_of: Any) -> None:
    bus = bus_of(timeout_s=0.2)
    await bus.write([(SUPPLY, 18.5)])
    lost = []

    def lose_the_first_write(data: bytes) -> bytes | None:
        if b"\x0f\x0c" in data and not lost:  # WriteProperty, then the object identifier
            lost.append(data)
            return None
        return data

    proxy.up = lose_the_first_write
    assert dict(await bus.release([SUPPLY])) == {SUPPLY.signal: Outcome.VERIFIED}
    assert lost
    assert (server.slot(SUPPLY), server.get(SUPPLY)) == (None, 20.0)


async def test_an_operators_command_is_told_apart_from_a_write_that_was_not_applied(server: BacnetServer, bus_of: Any) -> None:
    bus = bus_of()
    server.command(SUPPLY, 22.0, 8)
    assert dict(await bus.write([(SUPPLY, 18.5)])) == {SUPPLY.signal: Outcome.VERIFIED}
    raw = (await bus.read([SUPPLY]))[SUPPLY.signal]
    assert (raw.value, raw.status, raw.detail) == (22.0, Status.GOOD, "commanded at priority 8, before ours at 14")
    server.stack.ignoring.add(FAN.signal)
    await bus.write([(FAN, 60.0)])
    raw = (await bus.read([FAN]))[FAN.signal]
    assert (raw.value, raw.detail) == (1.0, "")


async def test_flags_of_an_object_become_the_status_of_its_reading(server: BacnetServer, bus_of: Any) -> None:
    bus = bus_of()
    flags = server.stack.flags
    for bits, value, status, words in (
        ([1, 0, 0, 0], 24.0, Status.GOOD, ""),
        ([0, 0, 1, 0], 24.0, Status.UNCERTAIN, "overridden"),
        ([0, 0, 0, 1], 24.0, Status.UNCERTAIN, "out of service"),
        ([1, 1, 0, 0], None, Status.BAD, "reliability 5"),
    ):
        flags[INLET.signal] = bits
        server.objects[INLET.signal].reliability = 5 if bits[1] else 0
        raw = (await bus.read([INLET]))[INLET.signal]
        assert (raw.value, raw.status) == (value, status)
        assert words in raw.detail


async def test_many_objects_are_read_in_as_few_requests_as_fit(sensors: BacnetServer, bus_of: Any) -> None:
    bus = bus_of(port=sensors.port)
    raws = await bus.read(SENSORS)
    assert [raws[s.signal].value for s in SENSORS] == [float(n) for n in range(120)]
    assert asked(sensors, "ReadPropertyMultipleRequest") == [47, 47, 26]


async def test_an_answer_in_segments_is_put_together(sensors: BacnetServer, bus_of: Any) -> None:
    bus = bus_of(port=sensors.port)
    await bus.open()
    bus._link._stack.device_object.maxApduLengthAccepted = 480  # we take no more at once; the device asks no permission to cut
    raws = await bus.read(SENSORS[:40])
    assert [raws[s.signal].value for s in SENSORS[:40]] == [float(n) for n in range(40)]
    assert asked(sensors, "ReadPropertyMultipleRequest") == [40]


async def test_a_device_that_cannot_answer_so_much_is_asked_for_less(sensors: BacnetServer, bus_of: Any) -> None:
    sensors.stack.objects_at_most = 12
    bus = bus_of(port=sensors.port)
    assert {r.status for r in (await bus.read(SENSORS[:40])).values()} == {Status.GOOD}
    sensors.stack.asked.clear()
    assert {r.status for r in (await bus.read(SENSORS[:40])).values()} == {Status.GOOD}
    assert max(asked(sensors, "ReadPropertyMultipleRequest")) <= 12, "what it can answer is remembered"


async def test_a_device_that_reads_one_property_at_a_time_is_read_so_and_this_is_remembered(server: BacnetServer, bus_of: Any) -> None:
    server.stack.no_services.add("multiple")
    bus = bus_of()
    for _ in range(2):
        raws = await bus.read([INLET, SUPPLY, PLAIN])
        assert {s: r.value for s, r in raws.items()} == {INLET.signal: 24.0, SUPPLY.signal: 20.0, PLAIN.signal: 1.0}
    assert len(asked(server, "ReadPropertyMultipleRequest")) == 1


async def test_lost_datagrams_cost_no_reading(proxy: Datagrams, bus_of: Any) -> None:
    bus = bus_of(timeout_s=0.4)
    passed = 0

    def every_other(data: bytes) -> bytes | None:
        nonlocal passed
        passed += 1
        return data if passed % 2 == 0 else None

    proxy.up = every_other
    for _ in range(3):
        assert {r.status for r in (await bus.read([INLET, SUPPLY])).values()} == {Status.GOOD}


async def test_a_lost_write_is_not_sent_again(server: BacnetServer, proxy: Datagrams, bus_of: Any) -> None:
    bus = bus_of(timeout_s=0.1)
    await bus.read([SUPPLY])
    proxy.down = lambda _: None
    assert dict(await bus.write([(SUPPLY, 18.0), (FAN, 40.0)])) == {SUPPLY.signal: Outcome.UNREACHABLE, FAN.signal: Outcome.UNREACHABLE}
    assert len(asked(server, "WritePropertyRequest")) == 1
    proxy.down = None
    assert (await bus.read([SUPPLY]))[SUPPLY.signal].value == 18.0, "it had arrived"


async def test_garbage_and_answers_to_other_requests_are_no_answers(proxy: Datagrams, bus_of: Any) -> None:
    bus = bus_of(timeout_s=0.1)
    await bus.read([INLET])
    for spoil in (
        lambda _: b"\x81\x0a\x00\x08\x01\x00\x30\xff",
        lambda d: d[:9] + bytes((d[8] ^ 1,)) + d[10:],
        lambda d: d[:-6],
        lambda _: b"HTTP/1.0 400\r\n\r\n",
    ):
        proxy.down = spoil
        raw = (await bus.read([INLET]))[INLET.signal]
        assert (raw.value, raw.status) == (None, Status.MISSING)
        assert raw.detail
        proxy.down = None
        while (await bus.read([INLET]))[INLET.signal].status is not Status.GOOD:
            pass


async def test_another_device_at_the_same_address_is_not_believed(bus_of: Any) -> None:
    raw = (await bus_of(instance=101).read([INLET]))[INLET.signal]
    assert raw.status is Status.MISSING
    assert "is not device 101" in raw.detail


async def test_a_host_that_is_none_is_missing_with_a_reason(bus_of: Any) -> None:
    bus = bus_of(host="no-such-host.invalid", local_host="127.0.0.1")
    assert (await bus.read([INLET]))[INLET.signal].status is Status.MISSING
    bus = bus_of(local_host="192.0.2.1")
    raw = (await bus.read([INLET]))[INLET.signal]
    assert raw.status is Status.MISSING
    assert "no port of our own" in raw.detail


@pytest.fixture
async def sensors() -> AsyncIterator[BacnetServer]:
    """A device with many inputs."""
    made = BacnetServer(SENSORS)
    await made.start()
    for n, sensor in enumerate(SENSORS):
        made.own(sensor, float(n))
    yield made
    await made.stop()


@pytest.fixture
async def reporting(bus_of: Any) -> AsyncIterator[tuple[BacnetServer, BacnetBus, Clock]]:
    server = BacnetServer([*SENSORS, SUPPLY])
    await server.start()
    clock = Clock()
    bus = bus_of(port=server.port, cov_lifetime_s=60, monotonic=clock)
    yield server, bus, clock
    await bus.close()
    await server.stop()


async def subscribe_all(bus: BacnetBus) -> None:
    for _ in range(8):  # sixteen a read
        await bus.read([*SENSORS, SUPPLY])


async def test_what_reports_its_changes_is_polled_a_few_at_a_time(reporting: Any) -> None:
    server, bus, _ = reporting
    await subscribe_all(bus)
    assert len(asked(server, "SubscribeCOVRequest")) == len(SENSORS), "a command of ours is polled, its slots are not reported"
    server.stack.asked.clear()
    server.own(SENSORS[5], 30.0)
    server.own(SUPPLY, 21.0)
    await until(lambda: "ConfirmedCOVNotificationRequest" not in str(server.stack._requests), bus, SENSORS[5].signal, 30.0)
    raws = await bus.read([*SENSORS, SUPPLY])
    assert (raws[SENSORS[5].signal].value, raws[SUPPLY.signal].value) == (30.0, 21.0)
    assert all(count < len(SENSORS) / 2 for count in asked(server, "ReadPropertyMultipleRequest"))


async def until(_: Callable[[], bool], bus: BacnetBus, signal: str, value: float) -> None:
    for _attempt in range(50):
        if (await bus.read([*SENSORS, SUPPLY]))[signal].value == value:
            return
    raise AssertionError(f"{signal} never became {value}")


async def test_subscriptions_are_renewed_and_those_that_lapse_are_polled(reporting: Any) -> None:
    server, bus, clock = reporting
    await subscribe_all(bus)
    server.stack.asked.clear()
    clock.now_s += 31.0
    await subscribe_all(bus)
    assert len(asked(server, "SubscribeCOVRequest")) == len(SENSORS)
    server.stack.no_services.add("subscribe")
    clock.now_s += 61.0
    server.drop_subscriptions()
    for n, sensor in enumerate(SENSORS):
        server.own(sensor, 100.0 + n)
    raws = await bus.read(SENSORS)
    assert [raws[s.signal].value for s in SENSORS] == [100.0 + n for n in range(120)]


async def test_a_subscription_that_died_without_a_word_is_found_out(reporting: Any) -> None:
    server, bus, _ = reporting
    await subscribe_all(bus)
    server.drop_subscriptions()
    for n, sensor in enumerate(SENSORS):
        server.own(sensor, 200.0 + n)
    for _ in range(3):  # each object takes its turn in the polls
        raws = await bus.read([*SENSORS, SUPPLY])
    assert [raws[s.signal].value for s in SENSORS] == [200.0 + n for n in range(120)]


async def test_reported_values_are_not_believed_when_the_device_is_silent(reporting: Any) -> None:
    server, bus, _ = reporting
    bus._read_timeout_s = 0.2
    await subscribe_all(bus)
    await server.stop()
    raws = await bus.read([*SENSORS, SUPPLY])
    assert {(r.value, r.status) for r in raws.values()} == {(None, Status.MISSING)}


async def test_closing_ends_the_subscriptions(reporting: Any) -> None:
    server, bus, _ = reporting
    await bus.read(SENSORS[:10])
    assert len(server.stack._cov_detections) == 10
    await bus.close()
    assert len(server.stack._cov_detections) == 0
