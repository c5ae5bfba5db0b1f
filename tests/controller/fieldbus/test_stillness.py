"""When a device is said to stand still, and when not; readings given by hand."""

from __future__ import annotations

from controller.fieldbus.stillness import WITNESSES_LEAST, Stillness
from plant_models.site.points import Point, WriteClass
from safety.records import Reading, Status


def point(signal: str, access: str = "r", device: str = "plc") -> Point:
    return Point(signal, "modbus", device, "1:40001", "float32", "ABCD", 1.0, 0.0, "degC", access, 30.0, None, None, WriteClass.VOLATILE)  # type: ignore[arg-type]


INLETS = tuple(point(f"hall-a-r{i:02d}.rack_inlet_c") for i in range(WITNESSES_LEAST))


def seen(points: tuple[Point, ...], value: float, status: Status = Status.GOOD) -> dict[str, Reading]:
    return {p.signal: Reading(p.signal, value, status, 0.0) for p in points}


def statuses(watch: Stillness, points: tuple[Point, ...], value: float, now_s: float) -> set[Status]:
    readings = seen(points, value)
    watch.look(points, readings, now_s)
    return {reading.status for reading in readings.values()}


def test_it_stands_still_after_the_time_and_moves_with_a_single_reading() -> None:
    watch = Stillness("plc", 60.0)
    assert statuses(watch, INLETS, 20.0, 1000.0) == {Status.GOOD}
    assert statuses(watch, INLETS, 20.0, 1060.0) == {Status.GOOD}
    readings = seen(INLETS, 20.0)
    watch.look(INLETS, readings, 1061.0)
    assert {(r.status, r.value) for r in readings.values()} == {(Status.UNCERTAIN, 20.0)}
    assert readings[INLETS[0].signal].detail == "nothing that plc shows has moved for 61 s, 60 s are allowed"
    assert statuses(watch, INLETS[:1], 20.1, 1062.0) == {Status.GOOD}
    assert statuses(watch, INLETS[1:], 20.0, 1063.0) == {Status.GOOD}


def test_a_handful_of_readings_may_rest_and_states_prove_nothing() -> None:
    few = (*INLETS[1:], *(point(f"ch-{i}.machine_state") for i in range(9)))
    watch = Stillness("plc", 60.0)
    assert statuses(watch, few, 2.0, 0.0) == {Status.GOOD}
    assert statuses(watch, few, 2.0, 1e6) == {Status.GOOD}


def test_what_the_daemon_writes_is_no_sign_of_life_and_a_counter_is() -> None:
    request, beat = point("plant.chws_setpoint_c.request", "rw"), point("bas.heartbeat")
    watch, own = Stillness("plc", 60.0), (*INLETS, request, beat)
    for now_s, written, counted, status in (
        (0.0, 7.0, 1.0, Status.GOOD),
        (50.0, 8.0, 1.0, Status.GOOD),
        (100.0, 9.0, 1.0, Status.UNCERTAIN),
        (110.0, 9.0, 2.0, Status.GOOD),
    ):
        readings = seen(INLETS, 20.0) | seen((request,), written) | seen((beat,), counted)
        watch.look(own, readings, now_s)
        assert readings[INLETS[0].signal].status is status, now_s


def test_other_devices_on_the_same_connection_are_left_alone() -> None:
    other = tuple(point(f"hall-b-r{i:02d}.rack_inlet_c", device="other") for i in range(WITNESSES_LEAST))
    watch = Stillness("plc", 60.0)
    watch.look((*INLETS, *other), seen((*INLETS, *other), 20.0), 0.0)
    readings = seen((*INLETS, *other), 20.0)
    watch.look((*INLETS, *other), readings, 100.0)
    assert {readings[p.signal].status for p in INLETS} == {Status.UNCERTAIN}
    assert {readings[p.signal].status for p in other} == {Status.GOOD}


def test_what_is_missing_neither_moves_nor_stands_still_and_a_clock_that_is_put_back_begins_anew() -> None:
    watch = Stillness("plc", 60.0)
    watch.look(INLETS, seen(INLETS, 20.0), 1000.0)
    lost = seen(INLETS, 20.0, Status.MISSING)
    watch.look(INLETS, lost, 1100.0)
    assert {r.status for r in lost.values()} == {Status.MISSING}
    assert statuses(watch, INLETS, 20.0, 500.0) == {Status.GOOD}
    assert statuses(watch, INLETS, 20.0, 561.0) == {Status.UNCERTAIN}
