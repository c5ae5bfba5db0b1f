"""Takes the values of BACnet properties apart and says what a reading of them is worth; pure, nothing here talks to a device."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from controller.fieldbus import Raw
from plant_models.site.codec import value_of
from plant_models.site.points import Point
from safety.records import Status

PRESENT_VALUE, STATUS_FLAGS, RELIABILITY, PRIORITY_ARRAY, RELINQUISH_DEFAULT = 85, 111, 103, 87, 104
PRIORITIES: Final = 16
UNKNOWN: Final = frozenset({"unknown-object", "unknown-property"})
_FAULT, _OVERRIDDEN, _OUT_OF_SERVICE = 1, 2, 3  # bits of the status flags (ASHRAE 135, 12.2.7); bit 0, in alarm, says nothing of the value

Held = float | tuple[bool, ...] | None
"""One primitive value: a number, bits, or None for Null and for what is no number."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A property that the device would not show, and its word for why."""

    code: str


Found = tuple[Held, ...] | Refused
"""What was found of one property: its primitive values in order, or why there are none."""


def primitives(tags: Iterable[Any]) -> tuple[Held, ...]:
    """Returns the primitive values among decoded tags, in order; wrappers around them are skipped."""
    return tuple(_DECODED.get(tag.tag_number, _nothing)(tag) for tag in tags if tag.tag_class == 0)


def _nothing(_: Any) -> None:
    return None


def _packed(code: str, size: int) -> Callable[[Any], Held]:
    return lambda tag: float(struct.unpack(code, bytes(tag.tag_data))[0]) if len(tag.tag_data) == size else None


def _whole(signed: bool) -> Callable[[Any], Held]:
    return lambda tag: float(int.from_bytes(bytes(tag.tag_data), "big", signed=signed))


def _bits(tag: Any) -> tuple[bool, ...]:
    data = bytes(tag.tag_data)
    unused = data[0] if data else 0
    return tuple(bool(byte >> (7 - bit) & 1) for byte in data[1:] for bit in range(8))[: max(8 * (len(data) - 1) - unused, 0)]


_DECODED: Final[Mapping[int, Callable[[Any], Held]]] = {
    1: lambda tag: float(tag.tag_lvt),  # Boolean
    2: _whole(signed=False),  # Unsigned
    3: _whole(signed=True),  # Integer
    4: _packed(">f", 4),  # Real
    5: _packed(">d", 8),  # Double
    8: _bits,
    9: _whole(signed=False),  # Enumerated
}


def number(found: Found | None) -> float | None:
    """Returns the one number that a property holds, or None."""
    return found[0] if isinstance(found, tuple) and len(found) == 1 and isinstance(found[0], float) else None


def slots(found: Found | None) -> tuple[Held, ...] | None:
    """Returns the sixteen slots of a priority array, None where there is none or it was not understood."""
    return found if isinstance(found, tuple) and len(found) == PRIORITIES else None


def raw_from(point: Point, seen: Mapping[int, Found]) -> Raw:
    """Returns what the properties of an object say of its point.

    A fault makes the reading BAD; a value that is set by hand or out of service does not follow what is measured, so it is UNCERTAIN.
    """
    present = seen.get(PRESENT_VALUE)
    if present is None:
        return Raw(None, Status.MISSING, f"{point.address} is not in the device's answer")
    if isinstance(present, Refused):
        return Raw(None, Status.MISSING if present.code in UNKNOWN else Status.BAD, f"{point.address}: {present.code}")
    flags = _flags(seen.get(STATUS_FLAGS))
    if _FAULT in flags:
        reliability = number(seen.get(RELIABILITY))
        return Raw(None, Status.BAD, "fault" if not reliability else f"fault, reliability {reliability:.0f}")
    held = number(present)
    value = None if held is None else value_of(point, held)
    if value is None:
        return Raw(None, Status.BAD, f"{present[0] if len(present) == 1 else present!r} is no measurement")
    words = [name for bit, name in ((_OVERRIDDEN, "overridden at the device"), (_OUT_OF_SERVICE, "out of service")) if bit in flags]
    if words:
        return Raw(value, Status.UNCERTAIN, ", ".join(words))
    above = in_front(point, slots(seen.get(PRIORITY_ARRAY)))
    return Raw(value, Status.GOOD, above)


def faulty(seen: Mapping[int, Found]) -> bool:
    """Returns whether the object reports a fault, whose reason is then worth a question."""
    return _FAULT in _flags(seen.get(STATUS_FLAGS))


def in_front(point: Point, array: Sequence[Held] | None) -> str:
    """Returns in words who commands the object at a higher priority than ours, empty where nobody does."""
    if array is None:
        return ""
    taken = next((n for n, held in enumerate(array[: point.priority - 1], 1) if held is not None), None)
    return "" if taken is None else f"commanded at priority {taken}, before ours at {point.priority}"


def expected(array: Sequence[Held], default: Found | None) -> Held:
    """Returns what the present value must be: the first command, else the device's own default; None where that is not known."""
    return next((held for held in array if held is not None), number(default))


def _flags(found: Found | None) -> frozenset[int]:
    bits = found[0] if isinstance(found, tuple) and found else None
    return frozenset(n for n, up in enumerate(bits) if up) if isinstance(bits, tuple) else frozenset()
