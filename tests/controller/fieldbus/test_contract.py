"""What every fieldbus must do, whatever its protocol: the same tests against Modbus on each transport, OPC UA, BACnet/IP and the bus in memory."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest

from controller.fieldbus import Raw
from safety.records import Outcome, Status

pytestmark = pytest.mark.asyncio(loop_scope="module")  # a server is shared by the tests of a module

TEMPERATURE, SETPOINT, STATE, FAN = "plant.chws_temp_c", "plant.chws_setpoint_c.request", "ch-1.machine_state", "hall-a.crah_fan_setpoint_pct.request"


async def put_all(rig: Any) -> None:
    for signal, value in ((TEMPERATURE, 9.5), (SETPOINT, 10.0), (STATE, 2.0), (FAN, 75.0)):
        await rig.put(signal, value)


async def read_until_good(rig: Any) -> dict[str, Raw]:
    async with asyncio.timeout(20):
        while True:
            raws = dict(await rig.bus.read(list(rig.points.values())))
            if all(raw.status is Status.GOOD for raw in raws.values()):
                return raws
            await asyncio.sleep(0.02)


async def test_reads_every_point_in_the_signals_own_unit(rig: Any) -> None:
    await put_all(rig)
    await rig.bus.open()
    raws = await rig.bus.read(list(rig.points.values()))
    assert {s: (pytest.approx(r.value), r.status) for s, r in raws.items()} == {
        TEMPERATURE: (9.5, Status.GOOD),
        SETPOINT: (10.0, Status.GOOD),
        STATE: (2.0, Status.GOOD),
        FAN: (75.0, Status.GOOD),
    }


async def test_reads_only_what_is_asked_and_follows_the_device(rig: Any) -> None:
    await put_all(rig)
    await rig.bus.open()
    asked = (rig.points[STATE], rig.points[TEMPERATURE])
    assert {s: r.value for s, r in (await rig.bus.read(asked)).items()} == {STATE: 2.0, TEMPERATURE: 9.5}
    await rig.put(TEMPERATURE, 11.25)
    assert {s: r.value for s, r in (await rig.bus.read(asked)).items()} == {STATE: 2.0, TEMPERATURE: 11.25}
    assert dict(await rig.bus.read(())) == {}


async def test_a_write_lands_rounded_to_the_points_step(rig: Any) -> None:
    await put_all(rig)
    await rig.bus.open()
    outcomes = await rig.bus.write([(rig.points[SETPOINT], 8.26), (rig.points[FAN], 62.5)])
    assert dict(outcomes) == {SETPOINT: Outcome.VERIFIED, FAN: Outcome.VERIFIED}
    assert await rig.get(SETPOINT) == pytest.approx(8.3)
    assert await rig.get(FAN) == pytest.approx(62.5)
    raws = await rig.bus.read([rig.points[SETPOINT]])
    assert raws[SETPOINT].value == pytest.approx(8.3)


async def test_a_dead_point_is_missing_with_a_reason_and_takes_no_other_with_it(rig: Any) -> None:
    await put_all(rig)
    await rig.kill(STATE)
    await rig.bus.open()
    for _ in range(2):
        raws = await rig.bus.read(list(rig.points.values()))
        assert raws[STATE].value is None
        assert raws[STATE].status is Status.MISSING
        assert raws[STATE].detail
        assert {s: r.value for s, r in raws.items() if s != STATE} == {TEMPERATURE: 9.5, SETPOINT: pytest.approx(10.0), FAN: 75.0}


async def test_what_is_not_a_number_is_unknown_never_zero(rig: Any) -> None:
    await put_all(rig)
    await rig.put(TEMPERATURE, math.nan)
    await rig.bus.open()
    raws = await rig.bus.read(list(rig.points.values()))
    assert raws[TEMPERATURE].value is None
    assert raws[TEMPERATURE].status is Status.BAD
    assert raws[TEMPERATURE].detail
    assert raws[FAN].value == 75.0


async def test_a_refused_write_changes_nothing_and_takes_no_other_with_it(rig: Any) -> None:
    await put_all(rig)
    await rig.refuse(SETPOINT)
    await rig.bus.open()
    outcomes = await rig.bus.write([(rig.points[SETPOINT], 8.0), (rig.points[FAN], 50.0)])
    assert dict(outcomes) == {SETPOINT: Outcome.REFUSED, FAN: Outcome.VERIFIED}
    assert await rig.get(SETPOINT) == pytest.approx(10.0)
    assert await rig.get(FAN) == 50.0


async def test_a_value_that_the_type_cannot_hold_is_refused_unsent(rig: Any) -> None:
    await put_all(rig)
    await rig.bus.open()
    for value in (rig.beyond, -rig.beyond, math.nan, math.inf):
        assert dict(await rig.bus.write([(rig.points[SETPOINT], value)])) == {SETPOINT: Outcome.REFUSED}
        assert await rig.get(SETPOINT) == pytest.approx(10.0)


async def test_a_device_that_is_dead_at_the_start_is_missing_and_found_later(rig: Any) -> None:
    await rig.stop()
    await rig.bus.open()
    for _ in range(4):
        raws = await rig.bus.read(list(rig.points.values()))
        assert set(raws) == set(rig.points)
        assert {(r.value, r.status) for r in raws.values()} == {(None, Status.MISSING)}
        assert all(r.detail for r in raws.values())
        assert dict(await rig.bus.write([(rig.points[FAN], 50.0)])) == {FAN: Outcome.UNREACHABLE}
    await rig.start()
    await put_all(rig)
    assert (await read_until_good(rig))[TEMPERATURE].value == 9.5


async def test_a_device_that_restarts_is_missing_then_read_again(rig: Any) -> None:
    await put_all(rig)
    await rig.bus.open()
    assert (await read_until_good(rig))[FAN].value == 75.0
    await rig.stop()
    raws = await rig.bus.read(list(rig.points.values()))
    assert {(r.value, r.status) for r in raws.values()} == {(None, Status.MISSING)}
    await rig.start()
    await put_all(rig)
    await rig.put(FAN, 33.0)
    assert (await read_until_good(rig))[FAN].value == 33.0


async def test_concurrent_calls_get_their_own_answers(rig: Any) -> None:
    await put_all(rig)
    await rig.bus.open()
    points = rig.points
    asked = [[points[TEMPERATURE]], [points[STATE], points[FAN]], list(points.values())] * 5
    answers = await asyncio.gather(*(rig.bus.read(p) for p in asked))
    for points_asked, raws in zip(asked, answers, strict=True):
        expected = {TEMPERATURE: 9.5, SETPOINT: pytest.approx(10.0), STATE: 2.0, FAN: 75.0}
        assert {s: r.value for s, r in raws.items()} == {p.signal: expected[p.signal] for p in points_asked}


async def test_what_is_released_is_held_by_the_device_no_more_and_may_be_released_again(rig: Any) -> None:
    await put_all(rig)
    await rig.bus.open()
    points = [rig.points[SETPOINT], rig.points[FAN]]
    await rig.bus.write([(rig.points[SETPOINT], 8.0), (rig.points[FAN], 50.0)])
    for _ in range(2):
        released = await rig.bus.release(points)
        assert set(released.values()) <= {Outcome.VERIFIED}
        for point in points:
            expected = {SETPOINT: 10.0, FAN: 75.0} if point.signal in released else {SETPOINT: 8.0, FAN: 50.0}
            assert await rig.get(point.signal) == pytest.approx(expected[point.signal])
    assert dict(await rig.bus.release(())) == {}


async def test_a_release_towards_a_dead_device_is_no_success(rig: Any) -> None:
    await rig.stop()
    await rig.bus.open()
    released = await rig.bus.release([rig.points[FAN]])
    assert set(released.values()) <= {Outcome.UNREACHABLE}
    await rig.start()


async def test_closing_leaves_nothing_behind_and_may_be_repeated(rig: Any) -> None:
    before = asyncio.all_tasks()
    await rig.bus.close()
    await rig.bus.open()
    await rig.bus.read(list(rig.points.values()))
    await rig.bus.close()
    await rig.bus.close()
    after = {t for t in asyncio.all_tasks() - before if "InternalSession" not in repr(t) and "server" not in repr(t)}
    assert after == set()
