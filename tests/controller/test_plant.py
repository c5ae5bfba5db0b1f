"""The plant as the cycle sees it: snapshots over several devices, writes only where declared and enabled, read back within half a step."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from controller.fieldbus import Raw
from controller.fieldbus.memory import MemoryBus, memory_buses
from controller.plant import Plant, connect_buses
from plant_models.site.load import LoadedSite, load_site
from plant_models.site.points import Point
from safety.records import Command, Outcome, Status

CONFIG = Path(__file__).parents[2] / "config"
CHWS, FAN = "plant.chws_setpoint_c.request", "hall-a.crah_fan_setpoint_pct.request"


@dataclass
class Values:
    values: dict[str, float | None] = field(default_factory=dict)

    def read(self, signal: str) -> float | None:
        return self.values.get(signal, 1.0)

    def write(self, signal: str, value: float) -> None:
        self.values[signal] = value


@dataclass
class Now:
    at_s: float = 1000.0

    def now_s(self) -> float:
        return self.at_s

    async def ready(self) -> None: ...

    async def sleep_until(self, at_s: float) -> None: ...

    async def done(self, until_s: float) -> None: ...


@dataclass
class Rig:
    loaded: LoadedSite
    site: Values
    buses: Mapping[str, MemoryBus]
    clock: Now
    plant: Plant


@pytest.fixture(scope="module")
def reference() -> LoadedSite:
    return load_site(CONFIG / "reference-a", {})


@pytest.fixture
def rig(reference: LoadedSite) -> Rig:
    site, clock = Values(), Now()
    buses = memory_buses(reference.points, site)
    return Rig(reference, site, buses, clock, Plant(reference, buses, clock, writes_enabled=True))


async def test_a_snapshot_holds_every_readable_point_of_every_device(rig: Rig) -> None:
    await rig.plant.open()
    rig.site.values["hall-a.rack_inlet_max_c"] = 24.5
    snapshot = await rig.plant.read()
    readable = {p.signal for p in rig.loaded.points.rows if p.readable}
    assert set(snapshot.readings) == readable
    assert {p.device for p in rig.loaded.points.rows} == {"plant-plc", "air-server"}
    assert {r.status for r in snapshot.readings.values()} == {Status.GOOD}
    assert snapshot.readings["hall-a.rack_inlet_max_c"].value == 24.5
    assert {r.received_at_s for r in snapshot.readings.values()} == {snapshot.taken_at_s} == {1000.0}
    await rig.plant.close()


async def test_only_the_signals_asked_for_are_read_and_strangers_are_missing(rig: Rig) -> None:
    snapshot = await rig.plant.read(["plant.chws_temp_c", "daemon.mode", "ch-9.chws_temp_c"])
    assert set(snapshot.readings) == {"plant.chws_temp_c", "daemon.mode", "ch-9.chws_temp_c"}
    assert snapshot.readings["plant.chws_temp_c"].value == 1.0
    for signal in ("daemon.mode", "ch-9.chws_temp_c"):
        assert (snapshot.readings[signal].value, snapshot.readings[signal].status) == (None, Status.MISSING)


async def test_one_dead_device_leaves_the_other_readable(rig: Rig) -> None:
    rig.buses["air-server"].faults.unreachable = True
    snapshot = await rig.plant.read()
    by_device = {p.signal: p.device for p in rig.loaded.points.rows}
    seen = {(by_device[s], r.status, r.value is None) for s, r in snapshot.readings.items()}
    assert seen == {("plant-plc", Status.GOOD, False), ("air-server", Status.MISSING, True)}


async def test_a_value_kept_from_earlier_has_the_age_that_its_device_states(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    async def kept(points: Sequence[Point]) -> Mapping[str, Raw]:
        return {p.signal: Raw(21.0, Status.GOOD, age_s=7.5) for p in points}

    monkeypatch.setattr(rig.buses["plant-plc"], "read", kept)
    snapshot = await rig.plant.read(["plant.chws_temp_c"])
    assert snapshot.taken_at_s - snapshot.readings["plant.chws_temp_c"].received_at_s == 7.5


@dataclass
class Slow:
    """A device that answers when told to, at a plant time of its own."""

    clock: Now
    at_s: float
    go: asyncio.Event
    inner: MemoryBus
    started: asyncio.Event = field(default_factory=asyncio.Event)

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def read(self, points: Sequence[Point]) -> Mapping[str, Raw]:
        self.started.set()
        await self.go.wait()
        self.clock.at_s = self.at_s
        return await self.inner.read(points)

    async def write(self, values: Sequence[tuple[Point, float]]) -> Mapping[str, Outcome]:
        return await self.inner.write(values)


async def test_devices_are_read_in_parallel_and_stamped_when_each_has_answered(reference: LoadedSite) -> None:
    clock, site = Now(1000.0), Values()
    first, second = (Slow(clock, at_s, asyncio.Event(), MemoryBus(site)) for at_s in (1001.0, 1002.0))
    plant = Plant(reference, {"plant-plc": first, "air-server": second}, clock)
    reading = asyncio.create_task(plant.read(["plant.chws_temp_c", "hall-a.rack_inlet_max_c"]))
    await first.started.wait()
    await second.started.wait()
    first.go.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    second.go.set()
    snapshot = await reading
    assert snapshot.readings["plant.chws_temp_c"].received_at_s == 1001.0
    assert snapshot.readings["hall-a.rack_inlet_max_c"].received_at_s == 1002.0
    assert snapshot.taken_at_s == 1002.0


async def test_a_command_is_written_and_verified(rig: Rig) -> None:
    command = Command({CHWS: 8.26, FAN: 62.5})
    receipt = await rig.plant.write(command)
    assert dict(receipt.outcomes) == {CHWS: Outcome.VERIFIED, FAN: Outcome.VERIFIED}
    verified = await rig.plant.verify(command, receipt)
    assert dict(verified.outcomes) == {CHWS: Outcome.VERIFIED, FAN: Outcome.VERIFIED}
    assert verified.read_back == {CHWS: pytest.approx(8.3), FAN: pytest.approx(62.5)}
    assert verified.says == ""


@pytest.mark.parametrize(
    ("signal", "value"),
    [
        ("plant.chws_temp_c", 8.0),
        ("plant.chws_setpoint_c", 8.0),
        ("plant.chws_setpoint_c.effective", 8.0),
        ("plant.chws_setpoint_c.authority", 2.0),
        ("ch-9.chws_setpoint_c.request", 8.0),
        (CHWS, math.nan),
        (CHWS, math.inf),
    ],
)
async def test_what_is_not_declared_writable_never_touches_the_wire(rig: Rig, signal: str, value: float) -> None:
    command = Command({signal: value, FAN: 50.0})
    receipt = await rig.plant.write(command)
    assert dict(receipt.outcomes) == {signal: Outcome.REFUSED, FAN: Outcome.VERIFIED}
    assert signal in receipt.says
    assert rig.site.values == {FAN: 50.0}
    verified = await rig.plant.verify(command, receipt)
    assert dict(verified.outcomes) == {signal: Outcome.REFUSED, FAN: Outcome.VERIFIED}
    assert dict(verified.read_back) == {FAN: 50.0}


async def test_with_writing_disabled_nothing_at_all_is_sent(reference: LoadedSite) -> None:
    site = Values()
    plant = Plant(reference, memory_buses(reference.points, site), Now())
    assert plant.writes_enabled is False
    receipt = await plant.write(Command({CHWS: 8.0, FAN: 50.0}))
    assert set(receipt.outcomes.values()) == {Outcome.REFUSED}
    assert "disabled" in receipt.says
    assert await plant.beat(1) is Outcome.REFUSED
    assert set((await plant.announce({"daemon.done_until_s": 5.0, "daemon.mode": 1.0})).values()) == {Outcome.REFUSED}
    assert site.values == {}
    plant.writes_enabled = True
    assert await plant.beat(2) is Outcome.VERIFIED
    plant.writes_enabled = False
    assert await plant.beat(3) is Outcome.REFUSED
    assert site.values == {"daemon.heartbeat": 2.0}


async def test_a_write_that_was_acknowledged_but_not_applied_differs(rig: Rig) -> None:
    rig.site.values[CHWS] = 10.0
    rig.buses["plant-plc"].faults.ignored.add(CHWS)
    command = Command({CHWS: 10.1})  # one step of the register away
    verified = await rig.plant.verify(command, await rig.plant.write(command))
    assert dict(verified.outcomes) == {CHWS: Outcome.DIFFERS}
    assert verified.read_back == {CHWS: pytest.approx(10.0)}
    assert CHWS in verified.says


async def test_a_write_whose_answer_was_lost_is_verified_if_it_arrived(rig: Rig) -> None:
    faults = rig.buses["plant-plc"].faults
    faults.late.add(CHWS)
    command = Command({CHWS: 8.0})
    receipt = await rig.plant.write(command)
    assert dict(receipt.outcomes) == {CHWS: Outcome.UNREACHABLE}
    assert dict((await rig.plant.verify(command, receipt)).outcomes) == {CHWS: Outcome.UNREACHABLE}
    faults.late.clear()
    assert dict((await rig.plant.verify(command, receipt)).outcomes) == {CHWS: Outcome.VERIFIED}


async def test_what_cannot_be_read_back_says_so(rig: Rig) -> None:
    command = Command({CHWS: 8.0, "daemon.mode": 1.0})
    receipt = await rig.plant.write(command)
    rig.buses["plant-plc"].faults.dead.add(CHWS)
    verified = await rig.plant.verify(command, receipt)
    assert dict(verified.outcomes) == {CHWS: Outcome.NOT_READ_BACK, "daemon.mode": Outcome.NOT_READ_BACK}


async def test_a_refusal_by_the_device_stays_one(rig: Rig) -> None:
    rig.site.values[CHWS] = 10.0
    rig.buses["plant-plc"].faults.refused.add(CHWS)
    command = Command({CHWS: 8.0, FAN: 40.0})
    verified = await rig.plant.verify(command, await rig.plant.write(command))
    assert dict(verified.outcomes) == {CHWS: Outcome.REFUSED, FAN: Outcome.VERIFIED}
    assert rig.site.values[CHWS] == 10.0


async def test_a_hand_back_without_writes_sends_nothing(rig: Rig) -> None:
    receipt = await rig.plant.write(Command({}, hand_back=True))
    assert dict(receipt.outcomes) == {}
    assert rig.site.values == {}


async def test_the_heartbeat_counts_round(rig: Rig) -> None:
    for count, written in ((0, 0.0), (7, 7.0), (32767, 32767.0), (32768, 0.0)):
        assert await rig.plant.beat(count) is Outcome.VERIFIED
        assert rig.site.values["daemon.heartbeat"] == written


async def test_only_the_daemons_own_points_are_announced_and_only_those_there_are(rig: Rig) -> None:
    with pytest.raises(ValueError, match=CHWS):
        await rig.plant.announce({"daemon.mode": 1.0, CHWS: 8.0})
    assert rig.site.values == {}
    outcomes = await rig.plant.announce({"daemon.mode": 1.0, "daemon.alarm": 0.0, "daemon.unheard_of": 3.0})
    assert dict(outcomes) == {"daemon.mode": Outcome.VERIFIED, "daemon.alarm": Outcome.VERIFIED}
    assert rig.site.values == {"daemon.mode": 1.0, "daemon.alarm": 0.0}


def test_a_device_without_a_bus_is_refused(reference: LoadedSite) -> None:
    with pytest.raises(ValueError, match="air-server"):
        Plant(reference, {"plant-plc": MemoryBus(Values())}, Now())


@pytest.mark.parametrize(("site", "kinds"), [("reference-a", {"plant-plc": "ModbusBus", "air-server": "OpcUaBus"}), ("small", {"plant-plc": "ModbusBus"})])
async def test_every_device_gets_the_bus_of_its_protocol(site: str, kinds: Mapping[str, str]) -> None:
    buses = connect_buses(load_site(CONFIG / site, {}))
    assert {name: type(bus).__name__ for name, bus in buses.items()} == kinds
