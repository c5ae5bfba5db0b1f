"""Blocks hold every point once and respect what the device allows, whatever the table of points."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.fieldbus.blocks import blocks_of, cut_before, halves
from plant_models.site.address import Table
from plant_models.site.points import Point, WriteClass

SIZES = {"int16": 1, "float32": 2, "float64": 4}


def point(number: int, unit: int = 1, register: int = 1, kind: str = "int16", table: str = "4") -> Point:
    address = f"{unit}:{table}{register:04d}"
    return Point(f"x-{number}.chws_temp_c", "modbus", "plc", address, kind, "ABCD", 1.0, 0.0, "degC", "r", 30.0, None, None, WriteClass.UNKNOWN)


rows = st.lists(st.tuples(st.integers(1, 3), st.integers(1, 300), st.sampled_from(sorted(SIZES)), st.sampled_from("34")), min_size=1, max_size=40)


@given(rows, st.integers(1, 125), st.integers(0, 60), st.sets(st.integers(0, 300), max_size=5))
def test_every_point_is_in_one_block_within_the_limits(table: list[tuple[int, int, str, str]], longest: int, gap: int, cuts: set[int]) -> None:
    points = [point(i, unit, register, kind, t) for i, (unit, register, kind, t) in enumerate(table)]
    blocks = blocks_of(points, longest, gap, {(1, Table.HOLDING, c) for c in cuts})
    assert sorted(m.point.signal for b in blocks for m in b.members) == sorted(p.signal for p in points)
    for block in blocks:
        assert block.count <= longest or len(block.members) == 1
        covered = block.offset
        for member in block.members:
            assert (member.point.address.split(":")[0], member.count) == (str(block.unit), SIZES[member.point.type])
            assert block.offset <= member.offset
            assert member.offset + member.count <= block.offset + block.count
            assert member.offset - covered <= gap
            covered = max(covered, member.offset + member.count)
        assert covered == block.offset + block.count
        if (block.unit, block.table) == (1, Table.HOLDING):
            starts = [m.offset for m in block.members]
            assert not any(min(starts) < c <= max(starts) for c in cuts)


@given(rows)
def test_halves_hold_the_same_points_and_end_at_single_ones(table: list[tuple[int, int, str, str]]) -> None:
    points = [point(i, unit, register, kind, t) for i, (unit, register, kind, t) in enumerate(table)]
    for block in blocks_of(points, 125, 60):
        parts = halves(block)
        if parts is None:
            assert len({m.offset for m in block.members}) == 1
            continue
        assert parts[0].members + parts[1].members == block.members
        assert cut_before(parts[1]) == (block.unit, block.table, parts[1].offset)


def test_a_block_is_split_at_its_widest_hole() -> None:
    block = blocks_of([point(0, register=1), point(1, register=2), point(2, register=5), point(3, register=7)], 100, 8)[0]
    parts = halves(block)
    assert parts is not None
    assert [(p.offset, p.count) for p in parts] == [(0, 2), (4, 3)]


@pytest.mark.parametrize(("gap", "expected"), [(0, [(0, 1), (3, 1)]), (1, [(0, 1), (3, 1)]), (2, [(0, 4)])])
def test_holes_are_read_across_up_to_the_limit(gap: int, expected: list[tuple[int, int]]) -> None:
    blocks = blocks_of([point(0, register=1), point(1, register=4)], 100, gap)
    assert [(b.offset, b.count) for b in blocks] == expected


def test_a_wrong_address_is_refused() -> None:
    with pytest.raises(ValueError, match="unit:number"):
        blocks_of([point(0, unit=0)], 100, 8)
