"""The plant as the cycle sees it: one snapshot in, commands out, receipts back, over any number of devices; nothing here decides."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from controller.clock import Clock
from controller.fieldbus import Fieldbus
from controller.fieldbus.stillness import Stillness
from plant_models.site.codec import resolution
from plant_models.site.links import line_of
from plant_models.site.points import Point
from safety.records import Command, Outcome, Reading, Receipt, Snapshot, Status

if TYPE_CHECKING:
    from plant_models.site.load import LoadedSite
    from plant_models.site.topology import Device

HEARTBEAT_SIGNAL: Final = "daemon.heartbeat"
HEARTBEAT_WRAPS: Final = 32768  # fits every integer type that a register may have
FLOAT_RELATIVE_STEP: Final = 1e-6  # of a 24-bit mantissa, with room for the conversion of units on both ways

Group = tuple[Fieldbus, tuple[Point, ...]]


class Plant:
    """All points of a site over its devices. Devices are served in parallel, each one in line.

    While ``writes_enabled`` is False nothing at all is sent, not even the heartbeat or ``daemon.done_until_s``: every write of this process
    goes through ``_send`` and is refused there. That is also how it starts. ``stop_writing`` gives back what is held as the last thing that is sent.
    """

    def __init__(self, loaded: LoadedSite, buses: Mapping[str, Fieldbus], clock: Clock, writes_enabled: bool = False) -> None:
        """Takes a checked site and one bus for each device that its points name; raises ValueError for a point without a bus."""
        self.writes_enabled = writes_enabled
        self.settling: Callable[[float], Awaitable[None]] | None = None
        """Told up to when a read-back waits [s, plant time], so that a clock in lockstep goes on."""
        self._buses = buses
        self._clock = clock
        self._points: Mapping[str, Point] = dict(loaded.points.by_signal)
        self._readable = tuple(p.signal for p in loaded.points.rows if p.readable)
        self._settle_s = {name: device.settle_s for name, device in loaded.site.device.items()}
        self._groups: dict[tuple[str, ...], tuple[tuple[Group, ...], tuple[str, ...]]] = {}
        self._image: dict[str, Reading] = {}
        self._still = {name: Stillness(name, device.still_after_s) for name, device in loaded.site.device.items() if device.still_after_s}
        orphans = sorted({p.device for p in loaded.points.rows} - set(buses))
        if orphans:
            raise ValueError(f"no bus for the devices {', '.join(orphans)}; there are {', '.join(sorted(buses)) or 'none'}")

    async def open(self) -> None:
        """Starts connecting to all devices; returns even if none answers."""
        await asyncio.gather(*(bus.open() for bus in self._own_buses()))

    async def close(self) -> None:
        """Closes all connections."""
        await asyncio.gather(*(bus.close() for bus in self._own_buses()))

    async def read(self, signals: Sequence[str] | None = None) -> Snapshot:
        """Reads the given signals, by default every readable point of the site.

        A signal that is not a readable point of the site is MISSING, as is one whose device does not answer. ``received_at_s`` is the plant
        time at which the point's device had answered, ``taken_at_s`` that of the last device.
        """
        groups, absent = self._grouped(self._readable if signals is None else tuple(signals))
        if len(groups) == 1:
            answers: Iterable[dict[str, Reading]] = (await self._read_device(*groups[0]),)
        else:
            answers = await asyncio.gather(*(self._read_device(*group) for group in groups))
        taken_at_s = self._clock.now_s()
        readings = {signal: Reading(signal, None, Status.MISSING, taken_at_s, "not a readable point of this site") for signal in absent}
        for answer in answers:
            readings.update(answer)
        return Snapshot(taken_at_s, readings)

    async def write(self, command: Command) -> Receipt:
        """Writes a command's requests, each once and in order on its device; VERIFIED means acknowledged until ``verify`` has read back.

        Anything but a finite value for a declared writable point is REFUSED without touching the wire. A hand-back gives back what devices hold
        for us; besides that it sends nothing: the lease is given up by the heartbeat that stops and by what is announced.
        """
        outcomes, reasons = await self._send(command.writes)
        if command.hand_back:
            reasons.extend(f"{s}: {o}, not given back" for s, o in (await self.release()).items() if o is not Outcome.VERIFIED)
        return Receipt(self._clock.now_s(), outcomes, says="; ".join(reasons))

    async def verify(self, command: Command, receipt: Receipt) -> Receipt:
        """Reads back what a command wrote, once its device has had its time to settle, and states for each signal whether it is in the register.

        A write is VERIFIED within half a step of the point's resolution (which is what rounding can change), also one that had seemed
        UNREACHABLE but did arrive. What was refused stays so.
        """
        asked = {s: v for s, v in command.writes.items() if receipt.outcomes.get(s) in (Outcome.VERIFIED, Outcome.UNREACHABLE)}
        readable = [s for s in asked if self._points[s].readable]
        snapshot = await self._read_settled(readable, receipt.at_s)
        outcomes = dict(receipt.outcomes)
        read_back: dict[str, float] = {}
        reasons = [receipt.says] if receipt.says else []
        for signal, value in asked.items():
            seen = snapshot.readings[signal].value if signal in snapshot.readings else None
            if seen is None:
                if outcomes[signal] is Outcome.VERIFIED:
                    outcomes[signal] = Outcome.NOT_READ_BACK
                continue
            read_back[signal] = seen
            if abs(seen - value) <= tolerance(self._points[signal], value):
                outcomes[signal] = Outcome.VERIFIED
            elif outcomes[signal] is Outcome.VERIFIED:
                outcomes[signal] = Outcome.DIFFERS
                why = snapshot.readings[signal].detail
                reasons.append(f"{signal}: wrote {value:g}, reads {seen:g}{f' ({why})' if why else ''}")
        return Receipt(snapshot.taken_at_s, outcomes, read_back, "; ".join(reasons))

    async def _read_settled(self, signals: Sequence[str], written_at_s: float) -> Snapshot:
        """Reads signals when their point's or device's settle time after ``written_at_s`` is over, the quickest first."""
        by_settle: dict[float, list[str]] = {}
        for signal in signals:
            point = self._points[signal]
            own_s = self._settle_s.get(point.device, 0.0) if point.settle_s is None else point.settle_s
            by_settle.setdefault(own_s, []).append(signal)
        readings: dict[str, Reading] = {}
        for settle_s, settled in sorted(by_settle.items()):
            if settle_s > 0.0:
                if self.settling is not None:
                    await self.settling(written_at_s + settle_s)
                await self._clock.sleep_until(written_at_s + settle_s)
            readings.update((await self.read(settled)).readings)
        return Snapshot(self._clock.now_s(), readings)

    async def beat(self, count: int) -> Outcome:
        """Writes the heartbeat that keeps the lease; REFUSED where the site has none or writing is disabled."""
        outcomes, _ = await self._send({HEARTBEAT_SIGNAL: float(count % HEARTBEAT_WRAPS)})
        return outcomes[HEARTBEAT_SIGNAL]

    async def announce(self, values: Mapping[str, float]) -> Mapping[str, Outcome]:
        """Writes those of the daemon's own points (``daemon.*``) that the site has; raises ValueError for any other signal."""
        strangers = [s for s in values if not s.startswith("daemon.")]
        if strangers:
            raise ValueError(f"only the daemon's own points are announced, not {', '.join(strangers)}")
        outcomes, _ = await self._send({s: v for s, v in values.items() if s in self._points})
        return outcomes

    async def release(self) -> Mapping[str, Outcome]:
        """Gives back whatever devices hold for our requests, so that the BAS goes on with its own values; sends nothing while writing is disabled.

        The daemon's own points stay: they tell the BMS who is in charge. Safe to repeat; what a device holds nothing of is left out.
        """
        return await self._give_back() if self.writes_enabled else {}

    async def stop_writing(self) -> Mapping[str, Outcome]:
        """Closes the way to the wire, then gives back what devices hold for us; what was asked before goes out before."""
        if not self.writes_enabled:
            return {}
        self.writes_enabled = False
        return await self._give_back()

    async def _give_back(self) -> Mapping[str, Outcome]:
        by_device: dict[str, list[Point]] = {}
        for point in self._points.values():
            if point.writable and not point.signal.startswith("daemon."):
                by_device.setdefault(point.device, []).append(point)
        answers = await asyncio.gather(*(self._buses[device].release(points) for device, points in by_device.items()))
        return {signal: outcome for answer in answers for signal, outcome in answer.items()}

    def _own_buses(self) -> Iterable[Fieldbus]:
        """One bus may serve several devices (a site in memory does)."""
        return {id(bus): bus for bus in self._buses.values()}.values()

    def _grouped(self, signals: tuple[str, ...]) -> tuple[tuple[Group, ...], tuple[str, ...]]:
        """Returns the points of each device, and the signals that are no readable points; the same tuple each time, so that a bus can keep its blocks."""
        if (known := self._groups.get(signals)) is not None:
            return known
        by_bus: dict[int, tuple[Fieldbus, list[Point]]] = {}
        absent: list[str] = []
        for signal in signals:
            point = self._points.get(signal)
            if point is None or not point.readable:
                absent.append(signal)
            else:
                bus = self._buses[point.device]
                by_bus.setdefault(id(bus), (bus, []))[1].append(point)
        grouped = tuple((bus, tuple(points)) for bus, points in by_bus.values()), tuple(absent)
        self._groups[signals] = grouped
        return grouped

    async def _read_device(self, bus: Fieldbus, points: tuple[Point, ...]) -> dict[str, Reading]:
        raws = await bus.read(points)
        at_s = self._clock.now_s()
        readings = {signal: Reading(signal, raw.value, raw.status, at_s - raw.age_s, raw.detail) for signal, raw in raws.items()}
        for name in dict.fromkeys(p.device for p in points):
            if (still := self._still.get(name)) is not None:
                still.look(points, readings, at_s)
        self._image.update((s, r) for s, r in readings.items() if r.status is Status.GOOD)
        return readings

    def image(self, snapshot: Snapshot) -> Snapshot:
        """Returns a snapshot in which a read that failed shows the last good reading with its own time, as long as it is fresh enough for its point.

        One dropped frame is then no lost sensor. A reading that the device itself calls bad, or that was never good, stays as it is.
        """
        readings = {s: self._last_good(r, snapshot.taken_at_s) if r.status is Status.MISSING else r for s, r in snapshot.readings.items()}
        return Snapshot(snapshot.taken_at_s, readings)

    def _last_good(self, missing: Reading, at_s: float) -> Reading:
        last, point = self._image.get(missing.signal), self._points.get(missing.signal)
        if last is None or point is None or at_s - last.received_at_s > (point.stale_after_s or 0.0):
            return missing
        return replace(last, detail=f"last good reading; now: {missing.detail}")

    async def _send(self, values: Mapping[str, float]) -> tuple[dict[str, Outcome], list[str]]:
        """The only way to the wire. Returns outcomes in the order of ``values``, and why each refusal."""
        reasons: list[str] = []
        by_device: dict[str, list[tuple[Point, float]]] = {}
        for signal, value in values.items():
            if (why := self._refusal(signal, value)) is not None:
                reasons.append(f"{signal}: {why}")
            else:
                point = self._points[signal]
                by_device.setdefault(point.device, []).append((point, value))
        answers = await asyncio.gather(*(self._buses[device].write(batch) for device, batch in by_device.items()))
        sent = {signal: outcome for answer in answers for signal, outcome in answer.items()}
        reasons.extend(f"{signal}: {outcome} by the device" for signal, outcome in sent.items() if outcome is not Outcome.VERIFIED)
        return {signal: sent.get(signal, Outcome.REFUSED) for signal in values}, reasons

    def _refusal(self, signal: str, value: float) -> str | None:
        if not self.writes_enabled:
            return "writing is disabled"
        point = self._points.get(signal)
        if point is None or not point.writable:
            return "not a writable point of this site"
        return None if math.isfinite(value) else f"{value} is not a number that can be written"


def tolerance(point: Point, value: float) -> float:
    """Returns how far a value read back may lie from the value written, in the signal's own unit."""
    return 0.5 * resolution(point) + FLOAT_RELATIVE_STEP * max(abs(value), 1.0)


def connect_buses(loaded: LoadedSite) -> Mapping[str, Fieldbus]:
    """Returns a bus for each device that the site's points name, not yet opened; each protocol's library is imported only where needed."""
    timing, site = loaded.site.timing, loaded.site
    buses: dict[str, Fieldbus] = {}
    for name in dict.fromkeys(p.device for p in loaded.points.rows):
        device = loaded.site.device[name]
        if device.protocol == "modbus":
            if name not in buses:
                buses |= _modbus_bus(loaded, device)
        elif device.protocol == "bacnet":
            from controller.fieldbus.bacnet import BacnetBus

            buses[name] = BacnetBus(device, timing.read_timeout_wall_s, timing.write_timeout_wall_s)
        else:
            from controller.fieldbus.opcua import OpcUaBus
            from controller.fieldbus.opcua_security import Keys

            keys = Keys(site.persistence.directory / "opcua", site.directory)
            watches_clock = site.clock.source == "wall"  # a simulated plant has a time of its own
            buses[name] = OpcUaBus(device, timing.read_timeout_wall_s, timing.write_timeout_wall_s, keys=keys, watches_clock=watches_clock)
    return buses


def _modbus_bus(loaded: LoadedSite, device: Device) -> dict[str, Fieldbus]:
    """Returns one bus for all devices that have the same connection, by each of their names: many gateways allow only one."""
    from controller.fieldbus.modbus import ModbusBus

    site, timing = loaded.site, loaded.site.timing
    sharing = {name: other for name, other in site.device.items() if other.protocol == "modbus" and line_of(other) == line_of(device)}
    bus = ModbusBus(device, timing.read_timeout_wall_s, timing.write_timeout_wall_s, shared_by=sharing, directory=site.directory)
    return dict.fromkeys(sharing, bus)
