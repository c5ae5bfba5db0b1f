"""Makes the values of a whole block of Modbus registers in a few strokes; says for each point what ``codec.decode`` says of its own registers."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, Final, NamedTuple

from plant_models.site.codec import bits_of, conversion_of, nothing_of, raw_type
from plant_models.site.points import Point

Member = tuple[Point, int]
"""A point, and where in the block its first register stands."""
Values = Callable[[Sequence[int]], list[float | None]]

_SWAPPED: Final = ("BADC", "DCBA")
_LOW_FIRST: Final = ("CDAB", "DCBA")


class _Terms(NamedTuple):
    """What makes a value of one raw number: ``(taken(raw) * scale + offset) * factor + shift``."""

    scale: float
    offset: float
    factor: float
    shift: float
    nothing: int | None
    taken: Callable[[Any], float] | None


def block_decoder(members: Sequence[Member]) -> Values:
    """Returns what makes the members' values, in their order, of a block's registers; None where a point's registers say nothing.

    Registers with swapped bytes and others are taken in one stroke each. What it returns raises IndexError where registers are missing.
    """
    strokes = [(where, *_stroke([members[i] for i in where], swapped)) for swapped in (False, True) if (where := _in_order(members, swapped))]
    if len(strokes) == 1:
        _, numbers, terms = strokes[0]
        return lambda registers: _values(numbers(registers), terms)

    def values(registers: Sequence[int]) -> list[float | None]:
        found: list[float | None] = [None] * len(members)
        for where, numbers, terms in strokes:
            for i, value in zip(where, _values(numbers(registers), terms), strict=True):
                found[i] = value
        return found

    return values


def _in_order(members: Sequence[Member], swapped: bool) -> list[int]:
    return [i for i, (point, _) in enumerate(members) if (point.word_order in _SWAPPED) is swapped]


def _stroke(members: Sequence[Member], swapped: bool) -> tuple[Callable[[Sequence[int]], Sequence[Any]], tuple[_Terms, ...]]:
    picked: list[int] = []
    codes = ">"
    for point, at in members:
        held = raw_type(point)
        wanted = range(at, at + held.registers)
        picked += reversed(wanted) if point.word_order in _LOW_FIRST else wanted
        codes += "H" if point.type in ("bit", "bits") else held.code
    pick = itemgetter(*picked) if len(picked) > 1 else itemgetter(slice(picked[0], picked[0] + 1))
    pack, unpack = struct.Struct(f"{'<' if swapped else '>'}{len(picked)}H").pack, struct.Struct(codes).unpack
    return lambda registers: unpack(pack(*pick(registers))), tuple(_terms(point) for point, _ in members)


def _terms(point: Point) -> _Terms:
    unit = conversion_of(point)
    return _Terms(point.scale, point.offset, unit.factor, unit.shift, nothing_of(point), _taken(point))


def _taken(point: Point) -> Callable[[Any], float] | None:
    """Returns what takes a point's bits out of its register and refuses a code that is not listed; None where nothing has to be done."""
    codes = point.enumeration
    if point.type not in ("bit", "bits"):
        return (lambda raw: raw if raw in codes else math.nan) if codes else None
    part = bits_of(point.address)
    low, ones = (0, 0xFFFF) if part is None else (part.low, part.mask >> part.low)

    def taken(register: int) -> float:
        raw = register >> low & ones
        raw = raw if part is not None else int(raw != 0)
        return raw if not codes or raw in codes else math.nan

    return taken


def _values(raws: Sequence[Any], terms: Sequence[_Terms]) -> list[float | None]:
    found: list[float | None] = []
    add, finite = found.append, math.isfinite
    for raw, (scale, offset, factor, shift, nothing, taken) in zip(raws, terms, strict=True):
        if raw == nothing:
            add(None)
            continue
        value = ((raw if taken is None else taken(raw)) * scale + offset) * factor + shift
        add(value if finite(value) else None)
    return found
