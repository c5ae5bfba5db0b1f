"""A block of registers decoded at once gives what each point's own registers give, bit for bit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plant_models.site.block_codec import block_decoder
from plant_models.site.codec import MODBUS_TYPES, WORD_ORDERS, decode, raw_type
from plant_models.site.points import Point, WriteClass

PLAIN = Point("plant.chws_temp_c", "modbus", "plc", "3:40001", "int16", "", 1.0, 0.0, "degF", "rw", 30.0, None, None, WriteClass.VOLATILE)
CODES = replace(PLAIN, signal="ch-1.machine_state", type="uint16", unit="enum:0=off|2=running", enumeration={0: "off", 2: "running"})
ADDRESSES = {"bit": "3:40001.5", "bits": "3:40001.4-7"}


@st.composite
def points(draw: Any) -> Point:
    if draw(st.integers(0, 9)) == 0:
        kind = draw(st.sampled_from(["uint16", "bits"]))
        return replace(CODES, type=kind, address=ADDRESSES.get(kind, CODES.address))
    kind = draw(st.sampled_from(sorted(MODBUS_TYPES)))
    order = draw(st.sampled_from(WORD_ORDERS)) if MODBUS_TYPES[kind].registers > 1 else ""
    return replace(PLAIN, type=kind, word_order=order, address=ADDRESSES.get(kind, PLAIN.address), scale=draw(st.sampled_from([1.0, -0.1, 1e-3])),
                   offset=draw(st.sampled_from([0.0, -40.0])))  # fmt: skip


@given(st.lists(st.tuples(points(), st.integers(0, 3)), min_size=1, max_size=12), st.data())
def test_a_block_gives_what_each_points_own_registers_give(placed: list[tuple[Point, int]], data: st.DataObject) -> None:
    members, end = [], 0
    for point, gap in placed:
        members.append((point, end + gap))
        end += gap + raw_type(point).registers
    word = st.integers(0, 0xFFFF) | st.sampled_from([0, 1, 2, 0x7F80, 0x7FC0, 0x8000, 0xFFFF])
    registers = data.draw(st.lists(word, min_size=end, max_size=end))
    assert block_decoder(members)(registers) == [decode(point, registers[at : at + raw_type(point).registers]) for point, at in members]


def test_registers_that_are_missing_are_an_error() -> None:
    with pytest.raises(IndexError):
        block_decoder([(PLAIN, 0), (PLAIN, 3)])([1, 2])
