"""Modbus devices and gateways that misbehave under a daemon in charge: what it believes, who is in charge, and where the actuator ends up."""

from __future__ import annotations

import asyncio
import os
import signal as os_signal
from dataclasses import dataclass, field, replace
from itertools import pairwise

import pytest

from controller.benchmarks import peers
from controller.fieldbus.modbus import ModbusBus
from plant_models.site.address import parse_modbus_address
from plant_models.site.points import Point, WriteClass
from plant_models.site.topology import Device
from safety.modes import Condition, Mode
from safety.records import FaultCause, Outcome, Status
from safety.signals import Authority
from safety.wear import BURST, WRITES_PER_H
from tests.controller.fieldbus.conftest import Proxy
from tests.failures import wire
from tests.failures.conftest import SUPPLY, TIMEOUT_S, Make

ONE_TICK = 5.0 / 60.0  # min
INLET = "hall-a.rack_inlet_max_c"
STAGE = "running_setpoint_count"
SUPPLY_REQUEST = f"{SUPPLY}.request"


async def test_a_device_that_reboots_is_taken_up_again_without_a_restart(wired: Make) -> None:
    small = await wired()
    await small.in_charge()
    await small.bench.close()
    await small.run(15)
    small.assert_back_under_the_bas(Condition.INLET_UNKNOWN)
    await small.bench.open()
    await small.mended()
    assert small.invented == []


async def test_a_device_that_swallows_the_first_request_of_each_connection_is_left_to_the_bas(wired: Make) -> None:
    small = await wired()
    await small.in_charge()
    small.spoil(down=wire.reset)
    await small.plant.read()
    small.spoil(up=wire.first_of_each_connection(wire.swallow))
    await small.run(15)
    small.assert_back_under_the_bas(Condition.INLET_UNKNOWN)
    small.spoil()
    await small.mended()


@dataclass
class OneAtATime(Proxy):
    """A gateway that serves one connection; a second one appears connected and is never answered."""

    open: int = 0
    turned_away: list[asyncio.StreamWriter] = field(default_factory=list)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._tasks:
            self.turned_away.append(writer)
            return
        await super()._serve(reader, writer)


async def test_a_gateway_that_serves_one_connection_is_given_one(wired: Make) -> None:
    small = await wired()
    gateway = OneAtATime(small.bench.devices[0].port)
    await gateway.start()
    bus = ModbusBus(Device("modbus", port=gateway.port), TIMEOUT_S, TIMEOUT_S)
    points = [p for p in small.loaded.points.rows if p.readable]
    answers = await asyncio.gather(*(bus.read(points[i::7]) for i in range(7)))
    assert {r.status for answer in answers for r in answer.values()} == {Status.GOOD}
    assert (gateway.accepted, gateway.turned_away) == (1, [])
    await bus.close()
    await gateway.stop()
    await small.in_charge()
    await asyncio.gather(small.engine.guard.tick(small.behind.now_s), small.engine.cycle_once(), small.plant.read())
    small.assert_in_charge_still()
    assert {proxy.accepted for proxy in small.proxies.values()} == {1}


async def test_a_dead_unit_behind_the_gateway_takes_no_other_with_it(wired: Make) -> None:
    def elsewhere(point: Point) -> Point:
        return replace(point, address=f"4{point.address[1:]}") if point.signal.startswith("ch-2.") else point

    small = await wired(change=elsewhere)
    await small.in_charge()
    small.spoil(up=wire.always(lambda data: None if data[6] == 4 else data))
    await small.run(15)
    small.assert_in_charge_still()
    assert small.mode is Mode.RESET
    assert {small.last(s).status for s in small.loaded.points.by_signal if s.startswith("ch-2.")} == {Status.MISSING}
    assert small.last("ch-1.power_kw").status is Status.GOOD


async def test_contention_behind_the_gateway_holds_and_hands_nothing_back(wired: Make) -> None:
    small = await wired()
    await small.in_charge()
    small.spoil(down=wire.each(4, wire.exception(11)))  # a scan is not a multiple of four replies, so that it is another one each time
    for _ in range(6):
        await small.run(5)
        small.assert_in_charge_still()


async def test_replies_that_take_their_time_are_waited_for_one_by_one(wired: Make) -> None:
    small = await wired()
    await small.in_charge()
    small.spoil(down=wire.late(0.6 * TIMEOUT_S))  # a whole scan takes longer than one time-out
    await small.run(ONE_TICK)
    assert {small.last(p.signal).status for p in small.loaded.points.rows if p.readable} == {Status.GOOD}
    small.spoil()
    small.assert_in_charge_still()


async def test_a_sensor_that_says_not_measured_is_unknown(wired: Make) -> None:
    small = await wired()
    await small.in_charge()
    for signal in small.loaded.points.by_signal:
        if "rack_inlet" in signal:
            small.behind.shown[signal] = lambda _: None
    await small.run(15)
    assert (small.last(INLET).value, small.last(INLET).status) == (None, Status.BAD)
    assert "7fc0" in small.last(INLET).detail or "ffff" in small.last(INLET).detail
    small.assert_back_under_the_bas(Condition.INLET_UNKNOWN)


async def test_a_whole_number_that_says_not_measured_is_unknown(wired: Make) -> None:
    small = await wired()
    await small.in_charge()
    small.behind.shown[f"{SUPPLY}.effective"] = lambda _: None
    await small.run(6)
    assert small.last(f"{SUPPLY}.effective").status is Status.BAD
    assert "8000" in small.last(f"{SUPPLY}.effective").detail
    assert small.mode is Mode.HOLD
    await small.run(25)
    small.assert_back_under_the_bas(Condition.READINGS_LOST)


async def test_what_arrives_is_what_was_decided_to_the_registers_step(wired: Make) -> None:
    small = await wired()
    await small.in_charge()
    arrived = dict.fromkeys(small.behind.site.signals, None) | {s: v for _, s, v in small.requests()}
    decided = {s: v for d in small.done for s, v in d.record.decision.command.writes.items()}
    assert decided.keys() == {f"{sp}.request" for sp in small.loaded.points.setpoints if not sp.endswith(STAGE)}  # stages are a plan's to ask
    assert {s: arrived[s] for s in decided} == {s: pytest.approx(v, abs=0.0501) for s, v in decided.items()}
    assert small.outcomes(Outcome.DIFFERS) == set()


async def test_zeros_at_wake_up_are_not_believed(wired: Make) -> None:
    small = await wired()
    await small.in_charge()
    small.behind.shown["*"] = lambda _: 0.0
    before = len(small.requests())
    await small.run(2 * ONE_TICK)
    assert small.fault(INLET) is FaultCause.IMPLAUSIBLE
    assert len(small.requests()) == before
    small.behind.shown.clear()
    await small.run(15)
    assert small.mode is Mode.RELEASE
    assert small.authority() is not Authority.REMOTE
    assert abs(small.shown(f"{SUPPLY}.effective") - small.own) < 0.1


async def test_a_spike_moves_nothing(wired: Make) -> None:
    small = await wired()
    await small.in_charge()
    await small.run(1)
    small.behind.shown[INLET] = lambda _: 59.0  # plausible, and hot enough to hand everything back
    await small.run(ONE_TICK)
    small.behind.shown.clear()
    await small.run(4 - 2 * ONE_TICK)
    small.assert_in_charge_still()
    assert small.mode is Mode.RESET
    small.behind.shown["plant.chws_temp_c"] = lambda _: 39.0
    faults: set[FaultCause] = set()
    for _ in range(3):
        before = len(small.done)
        await small.run(ONE_TICK)
        faults |= {f.cause for d in small.done[before:] for f in d.record.decision.measured.faults if f.signal == "plant.chws_temp_c"}
    small.behind.shown.clear()
    await small.run(10)
    assert faults <= {FaultCause.TOO_FAST}
    small.assert_in_charge_still()


async def test_a_register_that_wears_is_spared(wired: Make) -> None:
    small = await wired(change=lambda p: replace(p, write_class=WriteClass.EEPROM) if p.signal == SUPPLY_REQUEST else p)
    hours = 2.0
    await small.run(60 * hours)
    values = [value for _, signal, value in small.requests() if signal == SUPPLY_REQUEST]
    relaxing = [after for before, after in pairwise(values) if after > before]
    assert 0 < len(relaxing) <= BURST + WRITES_PER_H * hours
    assert small.authority() is Authority.REMOTE
    assert small.shown(f"{SUPPLY}.effective") == pytest.approx(values[-1], abs=0.05), "what was asked for last is in force"


async def test_a_write_that_is_acknowledged_and_not_applied_hands_the_plant_back(wired: Make) -> None:
    small = await wired()
    await small.in_charge()
    alarm = parse_modbus_address(small.loaded.points.by_signal["daemon.alarm"].address).offset
    liar = wire.Acknowledged(from_offset=20, harmless=(alarm, 0))
    small.spoil(liar.down, liar.up)
    began_s = small.behind.now_s
    await small.run(40)
    assert small.outcomes(Outcome.DIFFERS)
    assert small.requests()[-1][0] <= began_s
    small.assert_back_under_the_bas(Condition.WRITES_REFUSED)


async def test_a_controller_that_stands_still_behind_good_answers_is_not_believed(wired: Make) -> None:
    small = await wired()
    await small.in_charge()
    small.behind.frozen = {}
    await small.run(20)
    assert small.last(INLET).status is Status.UNCERTAIN, "the protocol says good, and nothing moves"
    assert "has moved for" in small.last(INLET).detail
    assert small.fault(INLET) in (FaultCause.BAD_STATUS, FaultCause.STALE)
    small.assert_back_under_the_bas(Condition.INLET_UNKNOWN)


async def test_a_stopped_process_behind_an_open_connection_is_missing_and_found_again() -> None:
    try:
        with peers.compiled() as tools:
            port = peers.free_port()
            server = await asyncio.create_subprocess_exec(str(tools.server), str(port), "0")
            bus = ModbusBus(Device("modbus", port=port), TIMEOUT_S, TIMEOUT_S)
            seven = Point("plant.chws_temp_c", "modbus", "plc", "1:40008", "int16", "ABCD", 1.0, 0.0, "degC", "r", 30.0, None, None, WriteClass.VOLATILE)
            try:
                await _until(bus, seven, Status.GOOD)
                server.send_signal(os_signal.SIGSTOP)
                await asyncio.to_thread(os.waitid, os.P_PID, server.pid, os.WSTOPPED | os.WNOWAIT)  # the signal may still be on its way
                for _ in range(3):
                    raw = (await bus.read([seven]))[seven.signal]
                    assert (raw.value, raw.status) == (None, Status.MISSING)
                server.send_signal(os_signal.SIGCONT)
                await _until(bus, seven, Status.GOOD)
                assert (await bus.read([seven]))[seven.signal].value == 7.0
            finally:
                await bus.close()
                server.kill()
                await server.wait()
    except peers.ToolError as missing:
        pytest.skip(str(missing))


async def _until(bus: ModbusBus, point: Point, status: Status) -> None:
    async with asyncio.timeout(30):
        while True:
            if (await bus.read([point]))[point.signal].status is status:
                return
            await asyncio.sleep(0.02)
