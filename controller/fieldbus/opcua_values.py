"""What stands on the wire of OPC UA as readings, and values to be written in each node's own type; pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from asyncua import ua
from asyncua.ua.status_codes import StatusCodes

from controller.fieldbus import Raw
from controller.fieldbus.opcua_clock import believed_s, stated_s
from plant_models.site.codec import OPCUA_TYPES, raw_of, value_of
from plant_models.site.points import Point
from safety.records import Outcome, Status

_NO_SUCH_POINT: Final = frozenset({StatusCodes.BadNodeIdUnknown, StatusCodes.BadNodeIdInvalid, StatusCodes.BadAttributeIdInvalid, StatusCodes.BadNotReadable})
_PERHAPS_NOT_APPLIED: Final = frozenset(
    {StatusCodes.BadCommunicationError, StatusCodes.BadNoCommunication, StatusCodes.BadTimeout, StatusCodes.BadDeviceFailure}
)
_CODE: Final = 0xFFFF0000  # the low half of a status tells of queues and limits, not of quality (OPC 10000-4, 7.39)
_NUMBERS: Final = 25  # the built-in types have the identifiers 1 .. 25


def reading(point: Point, found: ua.DataValue, now_s: float) -> Raw:
    """Returns what a value from the wire says; ``now_s`` is our own time [s since 1970], to judge the source's by."""
    code = found.StatusCode or ua.StatusCode()
    at_s = believed_s(stated_s(found.SourceTimestamp), now_s)
    if code.is_bad():
        return Raw(None, Status.MISSING if code.value & _CODE in _NO_SUCH_POINT else Status.BAD, name_of(code), at_s)
    held = found.Value.Value if found.Value is not None else None
    value = value_of(point, float(held)) if isinstance(held, int | float) else None
    if value is None:
        return Raw(None, Status.BAD, f"{held!r} is no measurement", at_s)
    return Raw(value, Status.GOOD, "", at_s) if code.is_good() else Raw(value, Status.UNCERTAIN, name_of(code), at_s)


def name_of(code: ua.StatusCode) -> str:
    """Returns a status code's name, as a number where the standard has none for it."""
    name = ua.StatusCode(ua.UInt32(code.value & _CODE)).name
    return f"{name} (0x{code.value:08X})" if name in ("Bad", "Uncertain") and code.value & _CODE & ~(3 << 30) else name


def type_name(found: ua.DataValue) -> str | None:
    """Returns the name of the type that a node's DataType attribute states; None for any but a built-in number."""
    node = found.Value.Value if found.Value is not None else None
    if not isinstance(node, ua.NodeId) or node.NamespaceIndex != 0 or not isinstance(node.Identifier, int) or not 1 <= node.Identifier <= _NUMBERS:
        return None
    name = ua.VariantType(node.Identifier).name.lower()
    return name if name in OPCUA_TYPES else None


def data_value(point: Point, type_of_node: str, value: float) -> ua.DataValue | None:
    """A number in the node's own type, without status and timestamps, which many servers refuse (opcua-asyncio 536); None if it does not fit."""
    try:
        raw = raw_of(replace(point, type=type_of_node), value)
    except ValueError:
        return None
    held = OPCUA_TYPES[type_of_node]
    kind = next(v for v in ua.VariantType if v.name.lower() == type_of_node)
    number: bool | int | float = bool(raw) if type_of_node == "boolean" else int(raw) if held.low is not None else float(raw)
    return ua.DataValue(ua.Variant(number, kind), StatusCode=None)


def outcome(result: ua.StatusCode) -> Outcome:
    """Returns what a server's answer to a write means."""
    if result.is_good():
        return Outcome.VERIFIED
    return Outcome.UNREACHABLE if result.value in _PERHAPS_NOT_APPLIED else Outcome.REFUSED
