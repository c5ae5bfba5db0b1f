"""Turns the value of a point into what stands on the wire and back: registers of a Modbus device, the raw number of an OPC UA node or a BACnet object.

A value goes raw number -> ``scale`` and ``offset`` -> the device's unit -> the signal's unit, and back the same way.

Word order names the bytes of a 32-bit number from A, the most significant: ABCD is Modbus's own order, CDAB has the low register first, BADC has
the bytes of each register swapped, DCBA both. A 64-bit number follows the same two rules over four registers: ABCDEFGH, GHEFCDAB, BADCFEHG, HGFEDCBA.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from plant_models.site.address import Bits, parse_modbus_address
from plant_models.site.points import Point
from plant_models.site.units import Conversion, conversion, unit_of_signal
from safety.signals import Kind, Role, parse


@dataclass(frozen=True, slots=True)
class RawType:
    """A number on the wire: its ``struct`` code, its size in registers, its range (None for floats) and the raw value that says "not measured".

    The values that say so are those of the SunSpec Device Information Model Specification, which most vendors follow.
    """

    code: str
    registers: int
    low: int | None = None
    high: int | None = None
    nothing: int | None = None


MODBUS_TYPES: Final[Mapping[str, RawType]] = {
    "int16": RawType("h", 1, -(2**15), 2**15 - 1, -(2**15)),
    "uint16": RawType("H", 1, 0, 2**16 - 1, 2**16 - 1),
    "int32": RawType("i", 2, -(2**31), 2**31 - 1, -(2**31)),
    "uint32": RawType("I", 2, 0, 2**32 - 1, 2**32 - 1),
    "int64": RawType("q", 4, -(2**63), 2**63 - 1, -(2**63)),
    "uint64": RawType("Q", 4, 0, 2**64 - 1, 2**64 - 1),
    "float32": RawType("f", 2),
    "float64": RawType("d", 4),
    "bit": RawType("?", 1, 0, 1),
    "bits": RawType("H", 1, 0, 2**16 - 1),
}
OPCUA_TYPES: Final[Mapping[str, RawType]] = {
    "boolean": RawType("?", 0, 0, 1),
    "sbyte": RawType("b", 0, -(2**7), 2**7 - 1),
    "byte": RawType("B", 0, 0, 2**8 - 1),
    "int16": RawType("h", 0, -(2**15), 2**15 - 1),
    "uint16": RawType("H", 0, 0, 2**16 - 1),
    "int32": RawType("i", 0, -(2**31), 2**31 - 1),
    "uint32": RawType("I", 0, 0, 2**32 - 1),
    "int64": RawType("q", 0, -(2**63), 2**63 - 1),
    "uint64": RawType("Q", 0, 0, 2**64 - 1),
    "float": RawType("f", 0),
    "double": RawType("d", 0),
}
"""The built-in types of OPC 10000-6, 5.1.2 that hold a number."""
BACNET_TYPES: Final[Mapping[str, RawType]] = {
    "real": RawType("f", 0),
    "double": RawType("d", 0),
    "integer": RawType("i", 0, -(2**31), 2**31 - 1),
    "unsigned": RawType("I", 0, 0, 2**32 - 1),
    "binary": RawType("B", 0, 0, 1),
}
"""What the present value of a BACnet object may be (ASHRAE 135, 12); each object type has one of them."""
_TYPES: Final = {"modbus": MODBUS_TYPES, "opcua": OPCUA_TYPES, "bacnet": BACNET_TYPES}
WORD_ORDERS: Final = ("ABCD", "CDAB", "BADC", "DCBA")

_FLOAT32_MAX: Final = (2 - 2**-23) * 2.0**127
_COUNTED: Final = (Kind.COUNT, Kind.STATE, Kind.TIME)


def raw_type(point: Point) -> RawType:
    """Returns the point's type on the wire."""
    return _TYPES[point.protocol][point.type]


def nothing_of(point: Point) -> int | None:
    """Returns the raw value that stands for "not measured", None where the point has none.

    Only integers of a physical quantity on Modbus have one: a counter or a code may take every value of its type.
    """
    return None if point.protocol != "modbus" or _counted(point.signal) else raw_type(point).nothing


@cache
def _counted(signal: str) -> bool:
    parts = parse(signal)
    return parts.quantity.kind in _COUNTED or parts.role is Role.AUTHORITY


def conversion_of(point: Point) -> Conversion:
    """Returns what converts the device's unit of a point to the signal's own."""
    return _conversion(point.signal, point.unit)


@cache
def _conversion(signal: str, unit: str) -> Conversion:
    return conversion(unit, unit_of_signal(parse(signal)))


def from_device(point: Point, raw: float) -> float:
    """Returns a raw number in the signal's own unit: scale and unit only, nothing is refused."""
    unit = conversion_of(point)
    return (raw * point.scale + point.offset) * unit.factor + unit.shift


def to_device(point: Point, value: float) -> float:
    """Returns the raw number of a value in the signal's own unit, neither rounded nor held to a type; see ``raw_of``."""
    unit = conversion_of(point)
    return ((value - unit.shift) / unit.factor - point.offset) / point.scale


def raw_of(point: Point, value: float) -> float:
    """Returns the raw number to write: rounded to the nearest whole one for an integer type.

    Raises ValueError for a value that is not finite, that the type cannot hold, that stands for "not measured" or that an enumeration does not list.
    """
    raw, held = to_device(point, value), raw_type(point)
    if not math.isfinite(raw):
        raise ValueError(f"{point.signal} = {value}: only finite numbers can be written")
    if held.low is None or held.high is None:
        if held.code == "f" and abs(raw) > _FLOAT32_MAX:
            raise ValueError(f"{point.signal} = {value}: raw {raw} is outside of {point.type}")
        return raw
    whole = round(raw)
    high = held.high if point.type != "bits" or (part := bits_of(point.address)) is None else part.mask >> part.low
    if not held.low <= whole <= high or whole == nothing_of(point):
        raise ValueError(f"{point.signal} = {value}: raw {whole} is outside of {point.type}")
    if point.enumeration and from_device(point, whole) not in point.enumeration:
        raise ValueError(f"{point.signal} = {value}: the codes are {', '.join(f'{c}={n}' for c, n in point.enumeration.items())}")
    return whole


def value_of(point: Point, raw: float) -> float | None:
    """Returns a raw number in the signal's own unit, or None where it says nothing: not finite, "not measured", or a code that is not listed."""
    if not math.isfinite(raw) or raw == nothing_of(point):
        return None
    value = from_device(point, raw)
    return value if math.isfinite(value) and (not point.enumeration or value in point.enumeration) else None


def resolution(point: Point) -> float:
    """Returns the smallest step of a point in the signal's own unit: 0 for floating-point types."""
    return 0.0 if raw_type(point).low is None else abs(point.scale * conversion_of(point).factor)


def encode(point: Point, value: float) -> list[int]:
    """Returns the registers of a Modbus point for a value in the signal's own unit; the bare number for a coil or bits of a register.

    Raises ValueError as ``raw_of`` does.
    """
    held, raw = raw_type(point), raw_of(point, value)
    if point.type in ("bit", "bits"):
        return [int(raw)]
    packed = struct.pack(f">{held.code}", raw)
    words = struct.unpack(f">{held.registers}H", packed)
    return _reorder(words, point.word_order)


def decode(point: Point, registers: Sequence[int]) -> float | None:
    """Returns the value of a Modbus point in the signal's own unit, None where the registers say nothing (see ``value_of``).

    For bits of a register they are the whole register; for a coil or discrete input, 0 or 1.

    Raises ValueError where their number is not the point's, since a device may answer with fewer than asked.
    """
    held = raw_type(point)
    if len(registers) != held.registers:
        raise ValueError(f"{point.signal}: {len(registers)} registers, {held.registers} expected")
    if point.type in ("bit", "bits"):
        part = bits_of(point.address)
        return value_of(point, float(bool(registers[0])) if part is None else (registers[0] & part.mask) >> part.low)
    packed = struct.pack(f">{held.registers}H", *_reorder(registers, point.word_order))
    raw: float = struct.unpack(f">{held.code}", packed)[0]
    return value_of(point, raw)


@cache
def bits_of(address: str) -> Bits | None:
    """Returns which bits of its register a Modbus point is, None where it is not a part of one."""
    return parse_modbus_address(address).bits


def _reorder(words: Sequence[int], order: str) -> list[int]:
    """Returns registers in another order; the same call undoes it."""
    swapped = [(w >> 8) | ((w & 0xFF) << 8) for w in words] if order in ("BADC", "DCBA") else list(words)
    return swapped[::-1] if order in ("CDAB", "DCBA") else swapped
