"""Registers as devices send them, written by hand; round trips within half a step of the raw number."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plant_models.site.codec import MODBUS_TYPES, WORD_ORDERS, decode, encode, from_device, nothing_of, raw_of, resolution, to_device, value_of
from plant_models.site.points import Point, WriteClass
from plant_models.site.units import CONVERSIONS

PLAIN = Point("plant.chws_temp_c", "modbus", "plc", "3:40001", "int16", "", 1.0, 0.0, "degC", "rw", 30.0, None, None, WriteClass.VOLATILE)
COUNTER = replace(PLAIN, signal="bas.heartbeat", type="uint16", unit="1")
AUTHORITY = replace(PLAIN, signal="plant.chws_setpoint_c.authority", type="uint16", unit="enum:0=hand|1=local", enumeration={0: "hand", 1: "local"})


def of(kind: str, order: str = "", scale: float = 1.0, offset: float = 0.0, unit: str = "degC", signal: str = PLAIN.signal) -> Point:
    """Returns a Modbus point of a type."""
    return replace(PLAIN, type=kind, word_order=order, scale=scale, offset=offset, unit=unit, signal=signal)


@pytest.mark.parametrize(
    ("point", "registers", "value"),
    [
        (of("int16", scale=0.1), [0x0048], 7.2),
        (of("int16", scale=0.1), [0xFFC9], -5.5),
        (of("int16", "ABCD"), [0x7FFF], 32767.0),
        (of("uint16", scale=0.01, offset=-50.0), [0x1644], 7.0),
        (of("int16", scale=0.1, unit="degF"), [446], 7.0),
        (of("uint16", unit="gpm", signal="plant.chw_flow_kgs"), [1000], 63.0334),
        (of("int32", "ABCD"), [0x0A0B, 0x0C0D], 168496141.0),
        (of("int32", "CDAB"), [0x0C0D, 0x0A0B], 168496141.0),
        (of("int32", "BADC"), [0x0B0A, 0x0D0C], 168496141.0),
        (of("int32", "DCBA"), [0x0D0C, 0x0B0A], 168496141.0),
        (of("int32", "ABCD"), [0xFFFF, 0xFFFE], -2.0),
        (of("uint32", "CDAB"), [0xFFFE, 0xFFFF], 4294967294.0),
        (of("float32", "ABCD"), [0x4049, 0x0FDB], math.pi),
        (of("float32", "CDAB"), [0x0FDB, 0x4049], math.pi),
        (of("float32", "BADC"), [0x4940, 0xDB0F], math.pi),
        (of("float32", "DCBA"), [0xDB0F, 0x4940], math.pi),
        (of("float64", "ABCD"), [0x4009, 0x21FB, 0x5444, 0x2D18], math.pi),
        (of("float64", "CDAB"), [0x2D18, 0x5444, 0x21FB, 0x4009], math.pi),
        (of("float64", "BADC"), [0x0940, 0xFB21, 0x4454, 0x182D], math.pi),
        (of("float64", "DCBA"), [0x182D, 0x4454, 0xFB21, 0x0940], math.pi),
        (of("int64", "ABCD"), [0xFFFF, 0xFFFF, 0xFFFF, 0xFFFE], -2.0),
        (of("int64", "CDAB"), [0x0304, 0x0102, 0, 0], 16909060.0),
        (of("uint64", "BADC"), [0, 0, 0x0201, 0x0403], 16909060.0),
        (of("uint64", "DCBA"), [0x0403, 0x0201, 0, 0], 16909060.0),
        (of("bit", unit="1", signal="daemon.alarm"), [1], 1.0),
        (of("bit", unit="1", signal="daemon.alarm"), [0], 0.0),
        (COUNTER, [0xFFFF], 65535.0),
        (AUTHORITY, [1], 1.0),
    ],
)
def test_registers_and_value_are_the_same_both_ways(point: Point, registers: list[int], value: float) -> None:
    assert decode(point, registers) == pytest.approx(value, rel=1e-6)
    assert encode(point, value) == registers


@pytest.mark.parametrize(
    ("point", "registers"),
    [
        (of("int16", scale=0.1), [0x8000]),
        (of("uint16"), [0xFFFF]),
        (of("int32", "ABCD"), [0x8000, 0x0000]),
        (of("int32", "CDAB"), [0x0000, 0x8000]),
        (of("uint32", "ABCD"), [0xFFFF, 0xFFFF]),
        (of("int64", "ABCD"), [0x8000, 0, 0, 0]),
        (of("uint64", "CDAB"), [0xFFFF] * 4),
        (of("float32", "ABCD"), [0x7FC0, 0x0000]),
        (of("float32", "ABCD"), [0x7F80, 0x0000]),
        (of("float32", "ABCD"), [0xFF80, 0x0000]),
        (of("float64", "ABCD"), [0x7FF8, 0, 0, 0]),
        (AUTHORITY, [2]),
    ],
)
def test_a_reading_that_says_nothing_is_none(point: Point, registers: list[int]) -> None:
    assert decode(point, registers) is None


@pytest.mark.parametrize("bit", range(16))
def test_one_bit_of_a_register_is_taken_out_of_it(bit: int) -> None:
    point = replace(of("bit", unit="1", signal="daemon.alarm"), address=f"3:40010.{bit}")
    assert decode(point, [1 << bit]) == 1.0
    assert decode(point, [0xFFFF ^ 1 << bit]) == 0.0
    assert [encode(point, value) for value in (0.0, 1.0)] == [[0], [1]]


@given(st.integers(0, 14), st.data())
def test_several_bits_of_a_register_are_a_number_of_their_own(low: int, data: st.DataObject) -> None:
    high = data.draw(st.integers(low + 1, 15))
    most = (1 << (high - low + 1)) - 1
    point = replace(of("bits", unit="1", signal="daemon.mode"), address=f"3:40010.{low}-{high}")
    number, others = data.draw(st.integers(0, most)), data.draw(st.integers(0, 0xFFFF)) & ~(most << low)
    assert encode(point, float(number)) == [number]
    assert decode(point, [number << low | others]) == number
    with pytest.raises(ValueError, match="outside of bits"):
        encode(point, most + 1.0)


@pytest.mark.parametrize(("point", "count"), [(of("int16"), 0), (of("int16"), 2), (of("float32", "ABCD"), 1), (of("float64", "ABCD"), 2)])
def test_a_wrong_number_of_registers_is_refused(point: Point, count: int) -> None:
    with pytest.raises(ValueError, match="registers"):
        decode(point, [0] * count)


@pytest.mark.parametrize(
    ("point", "value"),
    [
        (of("int16", scale=0.1), 3276.8),
        (of("int16"), -32768.0),  # it would read back as "not measured"
        (of("uint16"), -1.0),
        (of("uint16"), 65535.0),
        (COUNTER, 65536.0),
        (of("int32", "ABCD"), 2.0**31),
        (of("float32", "ABCD"), 3.5e38),
        (of("float64", "ABCD"), math.inf),
        (of("int16"), math.nan),
        (of("bit", unit="1", signal="daemon.alarm"), 2.0),
        (AUTHORITY, 2.0),
    ],
)
def test_a_value_that_the_registers_cannot_hold_is_refused(point: Point, value: float) -> None:
    with pytest.raises(ValueError, match=point.signal):
        encode(point, value)


@pytest.mark.parametrize(("value", "raw"), [(7.24, 72), (7.26, 73), (-7.26, -73), (6.97, 70)])
def test_a_write_is_rounded_to_the_nearest_raw_number(value: float, raw: int) -> None:
    assert encode(of("int16", scale=0.1), value) == [raw & 0xFFFF]


def test_an_opcua_node_has_unit_and_scale_but_no_sentinels() -> None:
    node = replace(PLAIN, protocol="opcua", type="int32", scale=0.5, unit="degF")
    assert from_device(node, 89.2) == pytest.approx(7.0)
    assert to_device(node, 7.0) == pytest.approx(89.2)
    assert raw_of(node, 7.0) == 89
    assert nothing_of(node) is None
    assert value_of(node, -(2.0**31)) is not None
    assert value_of(replace(node, type="float"), math.nan) is None
    with pytest.raises(ValueError, match="int32"):
        raw_of(node, 1e10)


_POINTS = st.builds(
    lambda kind, order, scale, offset, unit: of(kind, order if MODBUS_TYPES[kind].registers > 1 else "", scale, offset, unit),
    st.sampled_from([kind for kind in MODBUS_TYPES if kind not in ("bit", "bits")]),
    st.sampled_from(WORD_ORDERS),
    st.floats(1e-3, 1e3) | st.floats(-1e3, -1e-3),
    st.floats(-1e3, 1e3),
    st.sampled_from(sorted(CONVERSIONS["degC"])),
)


@given(_POINTS, st.floats(-1e5, 1e5))
def test_what_is_written_reads_back_within_half_a_step(point: Point, value: float) -> None:
    try:
        registers = encode(point, value)
    except ValueError:
        held = MODBUS_TYPES[point.type]
        assert held.low is not None
        assert held.high is not None
        assert not held.low < to_device(point, value) < held.high - 0.5
        return
    assert all(0 <= register <= 0xFFFF for register in registers)
    back = decode(point, registers)
    assert back is not None
    size = max(abs(value), abs(point.offset), 500.0)
    rounding = size * (2**-23 if point.type == "float32" else 2**-48)
    assert abs(back - value) <= resolution(point) / 2 + rounding


@given(_POINTS, st.data())
def test_any_registers_decode_to_a_finite_value_or_none(point: Point, data: st.DataObject) -> None:
    count = MODBUS_TYPES[point.type].registers
    value = decode(point, data.draw(st.lists(st.integers(0, 0xFFFF), min_size=count, max_size=count)))
    assert value is None or math.isfinite(value)
