"""Groups the points of a Modbus device into as few read requests as it allows; pure, nothing here talks to a device."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from plant_models.site.address import Table, parse_modbus_address
from plant_models.site.block_codec import Values, block_decoder
from plant_models.site.codec import raw_type
from plant_models.site.points import Point

Cut = tuple[int, Table, int]
"""Unit, table and offset across which no block may read: the first register of the block that begins there."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A point, and where its registers stand on the wire."""

    point: Point
    offset: int
    count: int


@dataclass(frozen=True, slots=True)
class Block:
    """Registers ``offset`` .. ``offset + count - 1`` of one table, read in one request, and the points among them by offset."""

    unit: int
    table: Table
    offset: int
    count: int
    members: tuple[Placed, ...]
    decode: Values = field(compare=False, repr=False)
    """Makes the members' values of the block's registers."""


def blocks_of(points: Sequence[Point], max_registers: int, max_gap_registers: int, cuts: Iterable[Cut] = ()) -> tuple[Block, ...]:
    """Every point is in exactly one block, and no block is longer than ``max_registers`` unless it is a single point.

    A block reads across at most ``max_gap_registers`` registers that nobody asked for, and never across a cut. In the order of unit, table
    and offset. Raises ValueError for an address that is none.
    """
    tables: dict[tuple[int, Table], list[Placed]] = {}
    for point in points:
        address = parse_modbus_address(point.address)
        tables.setdefault((address.unit, address.table), []).append(Placed(point, address.offset, raw_type(point).registers))
    barred = frozenset(cuts)
    blocks: list[Block] = []
    for (unit, table), placed in sorted(tables.items()):
        here = [offset for u, t, offset in barred if (u, t) == (unit, table)]
        run: list[Placed] = []
        for member in sorted(placed, key=lambda p: (p.offset, p.count)):
            if run and not _joins(run, member, max_registers, max_gap_registers, here):
                blocks.append(_block(unit, table, run))
                run = []
            run.append(member)
        blocks.append(_block(unit, table, run))
    return tuple(blocks)


def halves(block: Block) -> tuple[Block, Block] | None:
    """Returns a block split at its widest hole, or in the middle where it has none; None for a single point, and for bits of a single register."""
    members = block.members
    apart = [i for i in range(1, len(members)) if members[i].offset != members[i - 1].offset]
    if not apart:
        return None
    middle = len(members) / 2
    at = max(apart, key=lambda i: (members[i].offset - _end(members[:i]), -abs(i - middle)))
    return _block(block.unit, block.table, members[:at]), _block(block.unit, block.table, members[at:])


def cut_before(block: Block) -> Cut:
    """Returns the cut that keeps a block apart from what stands before it."""
    return block.unit, block.table, block.offset


def _joins(run: Sequence[Placed], member: Placed, max_registers: int, max_gap_registers: int, cuts: Sequence[int]) -> bool:
    start, end = run[0].offset, _end(run)
    return (
        max(end, member.offset + member.count) - start <= max_registers
        and member.offset - end <= max_gap_registers
        and not any(start < cut <= member.offset for cut in cuts)
    )


def _end(members: Sequence[Placed]) -> int:
    return max(m.offset + m.count for m in members)


def _block(unit: int, table: Table, members: Sequence[Placed]) -> Block:
    start = members[0].offset
    return Block(unit, table, start, _end(members) - start, tuple(members), block_decoder([(m.point, m.offset - start) for m in members]))
