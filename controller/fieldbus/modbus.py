"""Modbus devices behind the fieldbus seam, all that share a connection together: points read in blocks, each value written once."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from controller.fieldbus import Raw
from controller.fieldbus.blocks import Block, Cut, Placed, blocks_of, cut_before, halves
from controller.fieldbus.modbus_link import Kind, Manners, Trouble, link_to
from plant_models.site.address import ModbusAddress, parse_modbus_address
from plant_models.site.codec import encode
from plant_models.site.points import Point
from plant_models.site.topology import Device
from safety.records import Outcome, Status

_CUTS_KEPT_S: Final = 3600.0
_SILENT_UNITS_A_READ: Final = 2
_PLANS_KEPT: Final = 256


class _Asked(NamedTuple):
    """How the points of one device are asked for."""

    device: Device
    timeout_s: float
    manners: Manners


Part = tuple[Block, _Asked]
"""A block, and how it is asked for."""


class ModbusBus:
    """One Modbus device, or one gateway or serial line with several units behind it, each perhaps a device of its own in ``site.toml``.

    A read costs at most two time-outs, and those of their repetitions, however many units are dead: units that answered last time are asked
    first, a unit that does not answer is not asked again in the same read, and after two of them the rest is MISSING.
    """

    def __init__(
        self,
        device: Device,
        read_timeout_s: float = 2.0,
        write_timeout_s: float = 2.0,
        *,
        shared_by: Mapping[str, Device] | None = None,
        directory: Path = Path(),
    ) -> None:
        """Does not connect yet; time-outs are of wall time, for each request [s], where a device has none of its own.

        ``shared_by`` are the devices behind this connection by name, where there are more than ``device``; files of TLS are in ``directory``.
        """
        self._device = device
        self._shared_by = shared_by or {}
        self._read_timeout_s = read_timeout_s
        self._write_timeout_s = write_timeout_s
        self._link = link_to(device, directory)
        self._cuts: set[Cut] = set()
        self._cuts_since_s = 0.0
        self._plans: dict[tuple[int, ...], tuple[tuple[Point, ...], tuple[Part, ...]]] = {}

    async def open(self) -> None:
        """Tries to connect once; later calls try again."""
        await self._link.open(self._device.timeout_wall_s or self._read_timeout_s, _manners(self._device))

    async def release(self, points: Sequence[Point]) -> Mapping[str, Outcome]:
        """Does nothing: a register keeps its last value, and who is in charge is told by the heartbeat that stops."""
        return {}

    async def close(self) -> None:
        """Closes the connection; never raises."""
        await self._link.close()

    async def read(self, points: Sequence[Point]) -> Mapping[str, Raw]:
        """Reads all the given points, by signal, in as few requests as the device allows."""
        answers: dict[str, Raw] = {}
        silent: dict[int, Trouble] = {}
        gone: Trouble | None = None
        parts = self._parts(points)
        if any(self._link.failures(block.unit) for block, _ in parts):
            parts = tuple(sorted(parts, key=lambda part: self._link.failures(part[0].unit)))
        for block, asked in parts:
            trouble = gone or silent.get(block.unit)
            if trouble is not None:
                _miss(answers, block, trouble)
                continue
            trouble = await self._read_block(block, asked, answers)
            if trouble is None:
                continue
            if trouble.kind is Kind.SILENT:
                silent[block.unit] = trouble
            if trouble.kind is Kind.UNREACHABLE or len(silent) >= _SILENT_UNITS_A_READ:
                gone = trouble
        return answers

    async def write(self, values: Sequence[tuple[Point, float]]) -> Mapping[str, Outcome]:
        """Writes in the given order, a request each, so that a refused value takes no other with it.

        A value that the point's type cannot hold is REFUSED without being sent; after a time-out the rest of that unit is UNREACHABLE unsent.
        """
        outcomes: dict[str, Outcome] = {}
        silent: set[int] = set()
        for point, value in values:
            address = parse_modbus_address(point.address)
            try:
                registers = encode(point, value)
            except ValueError:
                outcomes[point.signal] = Outcome.REFUSED
                continue
            if not self._may_write(point, address):
                outcomes[point.signal] = Outcome.REFUSED
                continue
            if address.unit in silent:
                outcomes[point.signal] = Outcome.UNREACHABLE
                continue
            device = self._shared_by.get(point.device, self._device)
            timeout_s, manners = device.timeout_wall_s or self._write_timeout_s, _manners(device)
            if address.bits is None:
                trouble = await self._link.write(address.unit, address.table, address.offset, registers, timeout_s, manners)
            else:
                mask = device.bit_writes == "mask"
                trouble = await self._link.write_bits(address.unit, address.offset, address.bits, registers[0], timeout_s, manners, mask=mask)
            outcomes[point.signal] = _outcome(trouble)
            if trouble is not None and trouble.kind in (Kind.SILENT, Kind.UNREACHABLE):
                silent.add(address.unit)
        return outcomes

    def _may_write(self, point: Point, address: ModbusAddress) -> bool:
        return address.table.writable and (address.bits is None or self._shared_by.get(point.device, self._device).bit_writes != "none")

    def _asked(self, device: Device) -> _Asked:
        return _Asked(device, device.timeout_wall_s or self._read_timeout_s, _manners(device))

    def _parts(self, points: Sequence[Point]) -> tuple[Part, ...]:
        """Keeps the blocks of each set of points asked for (by identity: the kept points stay alive), until a new cut is learnt."""
        if self._cuts and time.monotonic() - self._cuts_since_s > _CUTS_KEPT_S:  # a device that was still starting may have its registers now
            self._cuts.clear()
            self._plans.clear()
        key = tuple(map(id, points))
        if (plan := self._plans.get(key)) is not None:
            return plan[1]
        if len(self._plans) >= _PLANS_KEPT:
            self._plans.clear()
        of_device: dict[str, list[Point]] = {}
        for point in points:
            of_device.setdefault(point.device if point.device in self._shared_by else "", []).append(point)
        shares = [(self._asked(self._shared_by.get(name, self._device)), own) for name, own in of_device.items()]
        parts = tuple(
            (block, asked) for asked, own in shares for block in blocks_of(own, asked.device.max_registers, asked.device.max_gap_registers, self._cuts)
        )
        self._plans[key] = (tuple(points), parts)
        return parts

    async def _read_block(self, block: Block, asked: _Asked, answers: dict[str, Raw]) -> Trouble | None:
        """Reads one block into ``answers``, in halves where the device refuses the whole; a cut that helped is remembered."""
        found = await self._link.read(block.unit, block.table, block.offset, block.count, asked.timeout_s, asked.manners)
        if not isinstance(found, Trouble):
            for member, value in zip(block.members, block.decode(found), strict=True):
                answers[member.point.signal] = Raw(value, Status.GOOD) if value is not None else _nothing(member, block, found)
            return None
        parts = halves(block) if found.kind is Kind.HOLE else None
        if parts is None:
            _miss(answers, block, found)
            return found
        left, right = parts
        left_trouble = await self._read_block(left, asked, answers)
        if left_trouble is not None and left_trouble.kind in (Kind.SILENT, Kind.UNREACHABLE):
            _miss(answers, right, left_trouble)
            return left_trouble
        right_trouble = await self._read_block(right, asked, answers)
        if any(answers[m.point.signal].status is not Status.MISSING for m in block.members):
            self._learn(cut_before(right))
        return right_trouble

    def _learn(self, cut: Cut) -> None:
        if not self._cuts:
            self._cuts_since_s = time.monotonic()
        self._cuts.add(cut)
        self._plans.clear()


def _manners(device: Device) -> Manners:
    return Manners(device.read_retries, device.pause_wall_s, device.connect_settle_wall_s, device.quiet_wall_s)


def _nothing(member: Placed, block: Block, registers: Sequence[int]) -> Raw:
    start = member.offset - block.offset
    words = " ".join(f"{word:04x}" for word in registers[start : start + member.count])
    return Raw(None, Status.BAD, f"registers {words} are no measurement")


def _miss(answers: dict[str, Raw], block: Block, trouble: Trouble) -> None:
    for member in block.members:
        answers[member.point.signal] = Raw(None, Status.MISSING, trouble.says)


def _outcome(trouble: Trouble | None) -> Outcome:
    if trouble is None:
        return Outcome.VERIFIED
    return Outcome.REFUSED if trouble.kind in (Kind.EXCEPTION, Kind.HOLE, Kind.BUSY) else Outcome.UNREACHABLE
