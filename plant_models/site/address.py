"""Addresses of points as ``points.csv`` writes them, taken apart; nothing here talks to a device."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID


class Table(StrEnum):
    """The four tables of a Modbus device (Modbus Application Protocol V1.1b3, 4.3)."""

    COIL = "coil"
    DISCRETE = "discrete"
    INPUT = "input"
    HOLDING = "holding"

    @property
    def of_bits(self) -> bool:
        """Returns whether the table holds bits, not 16-bit registers."""
        return self in (Table.COIL, Table.DISCRETE)

    @property
    def writable(self) -> bool:
        """Returns whether a client may write to the table."""
        return self in (Table.COIL, Table.HOLDING)


_TABLE_OF_DIGIT: Final = {"0": Table.COIL, "1": Table.DISCRETE, "3": Table.INPUT, "4": Table.HOLDING}
_MODBUS: Final = re.compile(r"([0-9]{1,3}):([0134])([0-9]{4,5})(?:\.([0-9]{1,2})(?:-([0-9]{1,2}))?)?")
_BACNET: Final = re.compile(r"([a-z]+(?:-[a-z]+)*):([0-9]{1,7})")
_LAST_INSTANCE: Final = 4194302  # ASHRAE 135, 12.1: 4194303 means "none"
_LAST_UNIT: Final = 247  # Modbus over serial line V1.02, 2.2
_TCP_UNIT: Final = 255  # a TCP device addressed by its own IP address: Modbus Messaging on TCP/IP V1.0b, 4.4.2.1
_LAST_NUMBER: Final = 65536
_LAST_BIT: Final = 15
MODBUS_ALLOWED: Final = (
    'unit:number such as "3:40001", unit 1 .. 247 or 255, number with five or six digits: 0xxxx coil, 1xxxx discrete input, 3xxxx input register, '
    '4xxxx holding register, counted from 1; one bit of a register as "3:40001.5", several as "3:40001.4-7", bits 0 .. 15 from the least significant'
)
OPCUA_ALLOWED: Final = (
    'nsu=URI;s=TEXT, or i=NUMBER, g=GUID, b=BASE64 in place of s=TEXT; without "nsu=" only in the namespace of OPC UA itself; '
    '"ns=" is not taken, a namespace\'s number changes when a server restarts'
)
BACNET_OBJECTS: Final[Mapping[str, tuple[int, str]]] = {
    "analog-input": (0, "real"),
    "analog-output": (1, "real"),
    "analog-value": (2, "real"),
    "binary-input": (3, "binary"),
    "binary-output": (4, "binary"),
    "binary-value": (5, "binary"),
    "multi-state-input": (13, "unsigned"),
    "multi-state-output": (14, "unsigned"),
    "multi-state-value": (19, "unsigned"),
    "integer-value": (45, "integer"),
    "large-analog-value": (46, "double"),
    "positive-integer-value": (48, "unsigned"),
}
"""Object types that a point may be (ASHRAE 135, 12): their numbers, and the type that their present value has."""
BACNET_ALLOWED: Final = f'object-type:instance such as "analog-value:31", instance 0 .. 4194302, type one of {", ".join(BACNET_OBJECTS)}'


@dataclass(frozen=True, slots=True)
class BacnetAddress:
    """A BACnet object; ``number`` is that of its type on the wire, ``held`` the type of its present value as ``points.csv`` names it."""

    object_type: str
    instance: int

    @property
    def number(self) -> int:
        """Returns the object type's number on the wire."""
        return BACNET_OBJECTS[self.object_type][0]

    @property
    def held(self) -> str:
        """Returns the type of the present value."""
        return BACNET_OBJECTS[self.object_type][1]

    @property
    def writable(self) -> bool:
        """Returns whether a client may command the object: the value of an input is measured."""
        return not self.object_type.endswith("-input")


@dataclass(frozen=True, slots=True)
class Bits:
    """Neighbouring bits of one register, ``low`` the least significant of them, counted from 0."""

    low: int
    width: int = 1

    @property
    def mask(self) -> int:
        """Returns the register in which these bits are 1 and all others 0."""
        return ((1 << self.width) - 1) << self.low


@dataclass(frozen=True, slots=True)
class ModbusAddress:
    """Where the first register of a point stands; ``offset`` counts from 0, as on the wire. ``bits`` are the part of it that the point is, None for all."""

    unit: int
    table: Table
    offset: int
    bits: Bits | None = None


@dataclass(frozen=True, slots=True)
class OpcuaAddress:
    """An OPC UA node by namespace URI; ``kind`` is one of i, s, g, b (OPC 10000-6, 5.3.1.10)."""

    namespace_uri: str
    kind: str
    identifier: str


def parse_modbus_address(text: str) -> ModbusAddress:
    """Takes an address apart: ``3:40001`` is unit 3, holding register, offset 0; ``3:40001.5`` is bit 5 of it, ``3:40001.4-7`` bits 4 to 7.

    Raises ValueError, saying what is allowed.
    """
    found = _MODBUS.fullmatch(text)
    if found is None:
        raise ValueError(MODBUS_ALLOWED)
    unit, number = int(found[1]), int(found[3])
    if not (1 <= unit <= _LAST_UNIT or unit == _TCP_UNIT) or not 1 <= number <= _LAST_NUMBER:
        raise ValueError(MODBUS_ALLOWED)
    table = _TABLE_OF_DIGIT[found[2]]
    if found[4] is None:
        return ModbusAddress(unit, table, number - 1)
    low, high = int(found[4]), int(found[5] or found[4])
    if table.of_bits or high > _LAST_BIT or (found[5] is not None and low >= high):
        raise ValueError(MODBUS_ALLOWED)
    return ModbusAddress(unit, table, number - 1, Bits(low, high - low + 1))


def parse_bacnet_address(text: str) -> BacnetAddress:
    """Takes an address apart: ``analog-value:31``.

    Raises ValueError, saying what is allowed.
    """
    found = _BACNET.fullmatch(text)
    if found is None or found[1] not in BACNET_OBJECTS or int(found[2]) > _LAST_INSTANCE:
        raise ValueError(BACNET_ALLOWED)
    return BacnetAddress(found[1], int(found[2]))


def parse_opcua_address(text: str) -> OpcuaAddress:
    """Takes an address apart: ``nsu=urn:site:air;s=HallA.InletMax``.

    Raises ValueError, saying what is allowed.
    """
    uri = "http://opcfoundation.org/UA/"
    rest = text
    if text.startswith("nsu="):
        uri, _, rest = text.removeprefix("nsu=").partition(";")
    kind, equals, identifier = rest.partition("=")
    if not (uri and equals and identifier and _identifies(kind, identifier)):
        raise ValueError(OPCUA_ALLOWED)
    return OpcuaAddress(uri, kind, identifier)


def _identifies(kind: str, identifier: str) -> bool:
    if kind == "s":
        return True
    if kind == "i":
        return identifier.isascii() and identifier.isdigit() and len(identifier) <= 10 and int(identifier) < 2**32
    try:
        if kind == "g":
            UUID(identifier)
        elif kind == "b":
            base64.b64decode(identifier, validate=True)
        else:
            return False
    except (ValueError, binascii.Error):
        return False
    return True
