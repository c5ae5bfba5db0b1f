"""Probes a Modbus device: which unit ids answer, and which registers of which tables; reads only, one request at a time, no known hole twice."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from controller.fieldbus.modbus_link import Kind, Manners, Trouble, link_to
from controller.scan import Found, Pace, Survey, Told, spans
from plant_models.site.address import Table
from plant_models.site.topology import Device

Holes = dict[int, dict[str, list[tuple[int, int]]]]
"""Runs of offsets that answered "no such register", by unit and table."""

_DIGIT: Final = {Table.COIL: 0, Table.DISCRETE: 1, Table.INPUT: 3, Table.HOLDING: 4}
_ATTEMPTS: Final = 2  # some gateways swallow the first request after a connection
_FAILING_MOST: Final = 8  # a unit that refuses so many registers and shows none is taken for one that is not there
_FLOAT_RANGE: Final = (1e-3, 1e6)


@dataclass
class _Swept:
    """What one table of one unit showed, by offset."""

    values: dict[int, int] = field(default_factory=dict)
    failing: dict[int, str] = field(default_factory=dict)
    holes: set[int] = field(default_factory=set)
    says: str = ""


@dataclass
class ModbusScanner:
    """One Modbus address to be probed; ``first`` and ``last`` are offsets counted from 0, ``known`` holes of an earlier scan.

    ``declared`` is a device of a site whose files are in ``directory``; without it Modbus TCP is spoken.
    """

    device: str
    host: str
    port: int
    units: Sequence[int]
    tables: Sequence[Table]
    first: int
    last: int
    block: int = 50
    timeout_s: float = 1.0
    known: Holes = field(default_factory=dict)
    declared: Device | None = None
    directory: Path = Path()
    requests: int = 0

    async def scan(self, pace: Pace, told: Told) -> Survey:
        """Probes every unit in turn; one that does not answer is asked twice and left."""
        self._pace = pace
        device = self.declared or Device("modbus", host=self.host, port=self.port)
        self._link = link_to(device, self.directory)
        self._manners = Manners(0, device.pause_wall_s, device.connect_settle_wall_s, device.quiet_wall_s)
        found: dict[int, dict[Table, _Swept]] = {}
        remarks: list[str] = []
        reached = False
        try:
            for number, unit in enumerate(self.units, 1):
                trouble = await self._knock(unit)
                reached = reached or trouble is None or trouble.kind is not Kind.UNREACHABLE
                if trouble is not None:
                    told(f"{self.device}: unit {unit} ({number} of {len(self.units)}): {trouble.says}")
                    if trouble.kind is Kind.UNREACHABLE and not reached:
                        remarks.append(trouble.says)
                        break
                    continue
                found[unit] = {}
                for table in self.tables:
                    found[unit][table] = swept = await self._sweep(unit, table, told)
                    if swept.says:
                        remarks.append(f"unit {unit}, {table}: {swept.says}")
        finally:
            await self._link.close()
        remarks += _echoes(found)
        points = tuple(p for unit, tables in found.items() for table, swept in tables.items() for p in _points(unit, table, swept))
        settings: dict[str, str | int] = {"protocol": "modbus", "host": self.host, "port": self.port}
        return Survey(self.device, settings, bool(found), points, tuple(remarks), self.requests, _details(found), self.declared is not None)

    async def _ask(self, unit: int, table: Table, offset: int, count: int) -> Sequence[int] | Trouble:
        answer: Sequence[int] | Trouble = Trouble(Kind.SILENT, "not asked")
        for _ in range(_ATTEMPTS):
            await self._pace.turn()
            self.requests += 1
            answer = await self._link.read(unit, table, offset, count, self.timeout_s, self._manners)
            if not isinstance(answer, Trouble) or answer.kind in (Kind.HOLE, Kind.EXCEPTION):
                break
        return answer

    async def _knock(self, unit: int) -> Trouble | None:
        """Returns None where a unit gives any answer of its own, else why not."""
        answer = await self._ask(unit, self.tables[0], self.first, 1)
        return answer if isinstance(answer, Trouble) and answer.kind not in (Kind.HOLE, Kind.EXCEPTION) else None

    async def _sweep(self, unit: int, table: Table, told: Told) -> _Swept:
        """Reads a table in blocks; a block that is refused is halved until what is there and what is not is known."""
        swept = _Swept()
        for first, last in self.known.get(unit, {}).get(table.value, []):
            swept.holes |= set(range(first, last + 1))
        wanted = spans(set(range(self.first, self.last + 1)) - swept.holes)
        for low, high in wanted:
            for start in range(low, high + 1, self.block):
                if not await self._search(unit, table, start, min(self.block, high + 1 - start), swept):
                    told(f"{self.device}: unit {unit}, {table}: {swept.says}")
                    return swept
                told(f"{self.device}: unit {unit}, {table} up to {min(start + self.block, high + 1)} of {self.last + 1}: {len(swept.values)} answer")
        return swept

    async def _search(self, unit: int, table: Table, offset: int, count: int, swept: _Swept) -> bool:
        """Reads one block into ``swept``, in halves where it is refused; returns False when the rest of the table is not worth asking."""
        pending = [(offset, count)]
        while pending:
            start, size = pending.pop()
            answer = await self._ask(unit, table, start, size)
            if not isinstance(answer, Trouble):
                swept.values.update(zip(range(start, start + size), answer, strict=True))
            elif answer.kind not in (Kind.HOLE, Kind.EXCEPTION):
                swept.says = f"stopped answering at offset {start}: {answer.says}"
                return False
            elif answer.says.startswith("exception 1,"):
                swept.says = f"there is no such table ({answer.says})"
                return False
            elif size > 1:
                half = size // 2
                pending += [(start + half, size - half), (start, half)]
            elif answer.kind is Kind.HOLE:
                swept.holes.add(start)
            else:
                swept.failing[start] = answer.says
                if len(swept.failing) >= _FAILING_MOST and not swept.values:
                    swept.says = f"nothing but refusals: {answer.says}"
                    swept.failing.clear()
                    return False
        return True


def address_of(unit: int, table: Table, offset: int) -> str:
    """Returns an address as the table of points writes it."""
    return f"{unit}:{_DIGIT[table]}{offset + 1:04d}"


def _points(unit: int, table: Table, swept: _Swept) -> list[Found]:
    kind = "bit" if table.of_bits else "uint16"
    points = {}
    for offset, word in swept.values.items():
        hint = "" if table.of_bits else _float_hint(word, swept.values.get(offset + 1))
        points[offset] = Found("modbus", address_of(unit, table, offset), kind, writable=table.writable, shown=str(word), hint=hint)
    for offset, says in swept.failing.items():
        points[offset] = Found("modbus", address_of(unit, table, offset), kind, writable=table.writable, hint=says)
    return [points[offset] for offset in sorted(points)]


def _float_hint(word: int, following: int | None) -> str:
    """Returns what two registers would be as one 32-bit number, where that is a number such as plants have."""
    if following is None:
        return ""
    for order, pair in (("ABCD", (word, following)), ("CDAB", (following, word))):
        value = float(struct.unpack(">f", struct.pack(">HH", *pair))[0])
        if pair[0] and _FLOAT_RANGE[0] <= abs(value) <= _FLOAT_RANGE[1]:
            return f"perhaps float32 {order} {value:.6g}"
    return ""


def _echoes(found: Mapping[int, Mapping[Table, _Swept]]) -> list[str]:
    """Says so where several units show the very same: many servers answer any unit id with their only registers."""
    alike: dict[str, list[int]] = {}
    for unit, tables in found.items():
        shown = repr({table: sorted(swept.values.items()) for table, swept in tables.items()})
        if any(swept.values for swept in tables.values()):
            alike.setdefault(shown, []).append(unit)
    return [
        f"units {', '.join(map(str, units))} show the very same registers: perhaps one device that answers any unit id"
        for units in alike.values()
        if len(units) > 1
    ]


def _details(found: Mapping[int, Mapping[Table, _Swept]]) -> dict[str, Any]:
    """Returns runs of offsets that answer, that fail and that do not exist, by unit and table."""
    return {
        "units": {
            str(unit): {
                table.value: {"answers": spans(set(swept.values)), "fails": spans(set(swept.failing)), "holes": spans(swept.holes)}
                for table, swept in tables.items()
            }
            for unit, tables in found.items()
        }
    }
