"""Reads ``points.csv`` row by row into points, with every problem of every row; what rows mean to each other and to the site is checked elsewhere."""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple, TypeAlias, cast

from plant_models.site.address import BacnetAddress, ModbusAddress, OpcuaAddress, parse_bacnet_address, parse_modbus_address, parse_opcua_address
from plant_models.site.codec import BACNET_TYPES, MODBUS_TYPES, OPCUA_TYPES, WORD_ORDERS, RawType
from plant_models.site.opcua import QUEUE_MOST
from plant_models.site.points import Point, WriteClass
from plant_models.site.problems import Problem, shown
from plant_models.site.units import ENUM, conversion, may_be_enumerated, parse_enumeration, unit_of_signal
from safety.signals import Authority, EconomiserState, MachineState, Parts, Role, parse

FILE: Final = "points.csv"
COLUMNS: Final = (
    "signal",
    "protocol",
    "device",
    "address",
    "type",
    "word_order",
    "scale",
    "offset",
    "unit",
    "access",
    "stale_after_s",
    "plausible_low",
    "plausible_high",
    "write_class",
    "tags",
)
OPTIONAL: Final = (
    "read",
    "sampling_s",
    "queue_size",
    "settle_s",
)  # how a server sends a point by itself, how long a write takes; a table without them is complete
PLACEHOLDER: Final = "?"
"""Begins what a draft has in place of a signal that nobody has named yet."""
_Protocol: TypeAlias = Literal["modbus", "opcua", "bacnet"]
_Access: TypeAlias = Literal["r", "w", "rw"]
PROTOCOLS: Final = ("modbus", "opcua", "bacnet")
_Place: TypeAlias = ModbusAddress | OpcuaAddress | BacnetAddress
_PARSERS: Final[Mapping[str, Callable[[str], _Place]]] = {"modbus": parse_modbus_address, "opcua": parse_opcua_address, "bacnet": parse_bacnet_address}
_TYPES: Final = {"modbus": MODBUS_TYPES, "opcua": OPCUA_TYPES, "bacnet": BACNET_TYPES}
PRIORITY_DEFAULT: Final = 14
_PRIORITIES: Final = range(13, 17)  # ASHRAE 135, 19.2: those before belong to life safety, machines' own protection, minimum on/off times and operators
_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_FINITE: Final = 'a finite number with a decimal point, such as "0.1"'
_CODES: Final = {"machine_state": MachineState, "economiser_state": EconomiserState}
_LAST_OFFSET: Final = 65535
_ADDRESSES: Final = {
    "bit": "0xxxx or 1xxxx for type bit, or a bit of a register such as 3:40001.5",
    "bits": "several bits of a 3xxxx or 4xxxx register for type bits, such as 3:40001.4-7",
}
_SAMPLING_MOST_S: Final = 60
_SETTLE_MOST_S: Final = 60


@dataclass
class Row:
    """One row: its cells by column, what could be made of them, and what is wrong. ``point`` is None unless all of it is right."""

    line: int
    cells: Mapping[str, str]
    parts: Parts | None = None
    place: _Place | None = None
    registers: int = 1
    point: Point | None = None
    problems: list[Problem] = field(default_factory=list)

    def __getitem__(self, column: str) -> str:
        """Returns a cell, empty where the row has none."""
        return self.cells.get(column, "")

    def refuse(self, column: str, allowed: str) -> None:
        """Adds the problem that a cell holds what it may not."""
        self.problems.append(Problem(where(self.line, column), shown(self[column]) if self[column] else "empty", allowed))


def where(line: int, column: str) -> str:
    """Returns how a message points at a cell."""
    return f"{FILE} line {line}, column {column}"


def read_rows(text: str) -> tuple[list[Row] | None, list[Problem]]:
    """Returns all rows and the problems of the table's form; no rows where the header leaves open what the cells mean."""
    lines = _lines(text)
    try:
        line, header = next(lines, (1, []))
        names = [cell.strip() for cell in header]
        problems, usable = _check_header(line, names)
        if not usable:
            return None, problems
        rows = [_cells(number, names, cells) for number, cells in lines if any(cell.strip() for cell in cells)]
    except csv.Error as error:
        return None, [Problem(FILE, f"is not a comma-separated table: {error}", "cells separated by commas, quoted with double quotes where they hold one")]
    for row in rows:
        if not row.problems:
            row.point = _point(row)
    return rows, problems


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yields rows with the line on which each begins."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    begins = 1
    for cells in reader:
        yield begins, cells
        begins = reader.line_num + 1


def _check_header(line: int, names: list[str]) -> tuple[list[Problem], bool]:
    """Returns what is wrong with the header, and whether the rows can be read all the same."""
    here, wanted = f"{FILE} line {line}", ",".join(COLUMNS)
    if not any(names):
        return [Problem(here, "no header", wanted)], False
    for separator, word in ((";", "semicolons"), ("\t", "tabs")):
        if len(names) == 1 and separator in names[0]:
            return [Problem(here, f"columns are separated by {word}", f"commas; in a spreadsheet choose the separator when saving as CSV: {wanted}")], False
    counted = Counter(names)
    missing = [Problem(here, f"column {column} is missing", wanted) for column in COLUMNS if column not in counted]
    twice = [Problem(here, f"column {shown(name)} stands there {n} times", "each column once") for name, n in counted.items() if n > 1]
    unknown = [Problem(here, f"column {shown(name)} is not known", wanted) for name in counted if name not in (*COLUMNS, *OPTIONAL)]
    return [*missing, *twice, *unknown], not (missing or twice)


def _cells(line: int, names: list[str], cells: list[str]) -> Row:
    row = Row(line, {name: cell.strip() for name, cell in zip(names, cells, strict=False)})
    row.parts = _parts(row["signal"])
    if len(cells) != len(names):
        row.cells = {"signal": row["signal"]}  # the others may have moved to a neighbouring column
        row.problems.append(Problem(f"{FILE} line {line}", f"{len(cells)} fields", f"{len(names)} fields, as in the header"))
    return row


def _parts(signal: str) -> Parts | None:
    try:
        return parse(signal)
    except ValueError:
        return None


def _point(row: Row) -> Point | None:
    """Returns the point of a row, or None after noting all that is wrong with it."""
    _check_signal(row)
    if _check_protocol(row):
        _check_type_and_place(row)
        _check_word_order(row)
    scale, offset = _number(row, "scale"), _number(row, "offset")
    if scale == 0:
        row.refuse("scale", "a number other than 0")
    enumeration = _check_unit(row, scale, offset)
    _check_access(row)
    stale_after_s, low, high = (_number(row, column) if row[column] else None for column in ("stale_after_s", "plausible_low", "plausible_high"))
    if (stale_after_s is not None and stale_after_s <= 0) or ("r" in row["access"] and not row["stale_after_s"]):
        row.refuse("stale_after_s", "seconds, more than 0; needed where access has r")
    if low is not None and high is not None and low >= high:
        row.refuse("plausible_low", f"less than plausible_high, which is {high:g}")
    _check_sampling(row)
    write_class, priority = _check_write_class(row)
    if row.problems or scale is None or offset is None:
        return None
    protocol, access = cast(_Protocol, row["protocol"]), cast(_Access, row["access"])
    checked = _Checked(protocol, scale, offset, access, stale_after_s, low, high, enumeration, write_class, priority)
    return _built(row, checked)


class _Checked(NamedTuple):
    """What the cells of a row turned into, where that is not their text."""

    protocol: _Protocol
    scale: float
    offset: float
    access: _Access
    stale_after_s: float | None
    plausible_low: float | None
    plausible_high: float | None
    enumeration: Mapping[int, str]
    write_class: WriteClass
    priority: int


def _built(row: Row, checked: _Checked) -> Point:
    return Point(
        signal=row["signal"],
        device=row["device"],
        address=row["address"],
        type=row["type"],
        word_order=row["word_order"],
        unit=row["unit"],
        tags=row["tags"],
        line=row.line,
        read=row["read"],
        sampling_s=float(row["sampling_s"]) if row["sampling_s"] else None,
        queue_size=int(row["queue_size"]) if row["queue_size"] else None,
        settle_s=float(row["settle_s"]) if row["settle_s"] else None,
        **checked._asdict(),
    )


def _check_sampling(row: Row) -> None:
    """Checks the optional columns: a point that its server sends by itself, a write that takes its time."""
    if row["read"] not in ("", "poll", "subscribe"):
        row.refuse("read", "poll, subscribe, or empty for what the device does")
    elif row["read"] == "subscribe" and row["protocol"] == "modbus":
        row.refuse("read", "poll or empty: Modbus has no subscriptions")
    elif row["read"] == "subscribe" and "w" in row["access"]:
        row.refuse("read", "poll or empty where access has w: what was written is always read back from the server")
    sampling_s = _number(row, "sampling_s") if row["sampling_s"] else None
    if sampling_s is not None and not 0 <= sampling_s <= _SAMPLING_MOST_S:
        row.refuse("sampling_s", f"seconds, 0 .. {_SAMPLING_MOST_S}; 0 is as fast as the server can")
    settle_s = _number(row, "settle_s") if row["settle_s"] else None
    if settle_s is not None and ("w" not in row["access"] or not 0 <= settle_s <= _SETTLE_MOST_S):
        row.refuse("settle_s", f"seconds, 0 .. {_SETTLE_MOST_S}, where access has w; empty for what the device does")
    if row["queue_size"] and not (row["queue_size"].isascii() and row["queue_size"].isdigit() and 1 <= int(row["queue_size"][:9]) <= QUEUE_MOST):
        row.refuse("queue_size", f"a whole number, 1 .. {QUEUE_MOST}")


def _check_signal(row: Row) -> None:
    if row["signal"].startswith(PLACEHOLDER):
        row.refuse("signal", 'a signal such as "plant.chws_temp_c" in place of what the draft left open, or no such row')
        return
    try:
        parts = parse(row["signal"])
    except ValueError as error:
        row.refuse("signal", str(error).removeprefix(f"{row['signal']!r}: "))
        return
    if "setpoint" in parts.quantity.name and parts.role is None:
        row.refuse("signal", f"a setpoint's points end in {', '.join(f'.{role}' for role in Role)}")


def _check_protocol(row: Row) -> bool:
    if row["protocol"] in PROTOCOLS:
        return True
    row.refuse("protocol", ", ".join(PROTOCOLS))
    return False


def _check_write_class(row: Row) -> tuple[WriteClass, int]:
    """Returns how the point stands writing, and the priority of its commands; the latter only BACnet has."""
    words = row["write_class"].split()
    classes = [w for w in words if not w.startswith("priority=")]
    priorities = [w.removeprefix("priority=") for w in words if w.startswith("priority=")]
    bacnet = row["protocol"] == "bacnet"
    if len(classes) > 1 or (classes and classes[0] not in list(WriteClass)) or len(priorities) > bacnet:
        also = "; with or without priority=13 .. priority=16" if bacnet else ""
        row.refuse("write_class", f"volatile, eeprom, or empty where it is not known (then treated as eeprom){also}")
        return WriteClass.UNKNOWN, PRIORITY_DEFAULT
    write_class = WriteClass(classes[0] if classes else "")
    if priorities and priorities[0] not in map(str, _PRIORITIES):
        row.refuse("write_class", "priority=13 .. priority=16: the ones before are those of operators, machines and life safety")
        return write_class, PRIORITY_DEFAULT
    return write_class, int(priorities[0]) if priorities else PRIORITY_DEFAULT


def _check_type_and_place(row: Row) -> None:
    types: Mapping[str, RawType] = _TYPES[row["protocol"]]
    raw = types.get(row["type"])
    if raw is None:
        row.refuse("type", ", ".join(types))
    try:
        place = _PARSERS[row["protocol"]](row["address"])
    except ValueError as error:
        row.refuse("address", str(error))
        return
    row.registers = 1 if raw is None else raw.registers
    if isinstance(place, ModbusAddress) and not _fits(row, place, row["type"] if raw else None):
        return
    if isinstance(place, BacnetAddress) and not _fits_object(row, place, raw is not None):
        return
    row.place = place


def _fits_object(row: Row, place: BacnetAddress, typed: bool) -> bool:
    if "w" in row["access"] and not place.writable:
        row.refuse("address", "an output or a value where access has w: an input is measured")
    elif typed and row["type"] != place.held:
        row.refuse("type", f"{place.held}, which the present value of {place.object_type} is")
    else:
        return True
    return False


def _fits(row: Row, place: ModbusAddress, raw_type: str | None) -> bool:
    if raw_type is not None and raw_type != _type_at(place, raw_type):
        row.refuse("address", _ADDRESSES.get(raw_type, f"3xxxx or 4xxxx for type {raw_type}, without a bit"))
    elif "w" in row["access"] and not place.table.writable:
        row.refuse("address", "0xxxx or 4xxxx where access has w: the other tables are read only")
    elif place.offset + row.registers - 1 > _LAST_OFFSET:
        row.refuse("address", f"room for {row.registers} registers before the table ends")
    else:
        return True
    return False


def _type_at(place: ModbusAddress, numeric: str) -> str:
    """Returns the type that a point at an address must have; ``numeric`` where that may be any type of whole registers."""
    if place.table.of_bits:
        return "bit"
    if place.bits is not None:
        return "bit" if place.bits.width == 1 else "bits"
    return "" if numeric in _ADDRESSES else numeric


def _check_word_order(row: Row) -> None:
    raw = MODBUS_TYPES.get(row["type"])
    order = row["word_order"]
    if row["protocol"] != "modbus":
        if order:
            row.refuse("word_order", f"empty: {'OPC UA' if row['protocol'] == 'opcua' else 'BACnet'} has its own")
    elif raw is not None and raw.registers > 1:
        if order not in WORD_ORDERS:
            row.refuse("word_order", f"{', '.join(WORD_ORDERS)} for type {row['type']}")
    elif raw is not None and order not in ("", "ABCD"):
        row.refuse("word_order", f"empty for type {row['type']}")


def _number(row: Row, column: str) -> float | None:
    text = row[column]
    value = float(text) if _NUMBER.fullmatch(text) else math.nan
    if math.isfinite(value):
        return value
    row.refuse(column, _FINITE)
    return None


def _check_unit(row: Row, scale: float | None, offset: float | None) -> dict[int, str]:
    """Checks the unit against the signal's, and returns the names of an enumeration's codes."""
    parts, unit = row.parts, row["unit"]
    if unit.startswith(ENUM):
        return _check_enumeration(row, scale, offset)
    if parts is not None:
        try:
            conversion(unit, unit_of_signal(parts))
        except ValueError as error:
            row.refuse("unit", str(error).partition("allowed: ")[2] + (", or enum:0=NAME|1=NAME" if may_be_enumerated(parts) else ""))
    return {}


def _check_enumeration(row: Row, scale: float | None, offset: float | None) -> dict[int, str]:
    parts = row.parts
    if parts is not None and not may_be_enumerated(parts):
        row.refuse("unit", f"a unit that converts to {unit_of_signal(parts)}: this signal is no code")
        return {}
    try:
        names = parse_enumeration(row["unit"])
    except ValueError as error:
        row.refuse("unit", f"enum:0=NAME|1=NAME: {error}")
        return {}
    vocabulary = _vocabulary(parts)
    if not vocabulary.items() >= names.items() and vocabulary:
        row.refuse("unit", f"enum:{'|'.join(f'{code}={name}' for code, name in vocabulary.items())}, or some of these")
    if scale not in (None, 0.0, 1.0):  # 0 is refused for every row
        row.refuse("scale", "1: the codes of an enumeration are not converted")
    counted_from_1 = isinstance(row.place, BacnetAddress) and row.place.object_type.startswith("multi-state")
    if offset not in (None, 0.0) and not (counted_from_1 and offset == -1.0):
        row.refuse("offset", f"0{' or -1 (states count from 1)' if counted_from_1 else ''}: the codes of an enumeration are not converted")
    return names


def _vocabulary(parts: Parts | None) -> dict[int, str]:
    """Returns the codes that the controller itself acts on, so that no site gives them another meaning; none where it does not."""
    if parts is None:
        return {}
    codes = Authority if parts.role is Role.AUTHORITY else _CODES.get(parts.quantity.name)
    return {member.value: member.name.lower() for member in codes or ()}


def _check_access(row: Row) -> None:
    access, parts = row["access"], row.parts
    if access not in ("r", "w", "rw"):
        row.refuse("access", "r, w, rw")
        return
    if parts is None:
        return
    ours = parts.role is Role.REQUEST or parts.equipment == "daemon"
    if ours != ("w" in access):
        row.refuse("access", "w, rw: the daemon writes this point" if ours else "r: only .request points and those of daemon are written")
