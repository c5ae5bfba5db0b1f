"""The bench: a simulated site served on the wire, its plant clock driven in step with the daemon or at a multiple of real time."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from hil.devices import Device, Served
from hil.devices.modbus import ModbusDevice
from hil.devices.watch import Watch
from plant_models.site.links import line_of
from plant_models.site.load import LoadedSite

_SERVED = ("tcp", "rtu-over-tcp")
BAS_SCAN_S = 5.0  # the simulated BAS scans its points this often; plant time moves in steps of it
WHOLE_S = 1.0  # a site runs by whole seconds
SLACK_S = 1e-6  # what a clock near 2e9 s may be off by


class Running(Served, Protocol):
    """A site in plant time; ``plant_models.simulator.site.SimulatedSite`` is one."""

    def advance(self, until_s: float) -> None:
        """Lets plant time pass up to ``until_s`` [s since 1970]."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How plant time passes.

    speed            multiple of real time; None: lockstep, plant time follows the mark ``daemon.done_until_s``
    guard_s          in lockstep plant time never passes the mark by more than this ...
    patience_wall_s  ... unless the mark has not changed for this long [wall s]: then time runs on ...
    run_on_speed     ... at this multiple of real time, until the mark changes again
    wait_for_daemon  whether time stands still until the first mark
    """

    speed: float | None = None
    guard_s: float = 5.0
    patience_wall_s: float = 5.0
    run_on_speed: float = 60.0
    wait_for_daemon: bool = False

    @property
    def step_s(self) -> float:
        """Returns the step of plant time [s]."""
        return min(BAS_SCAN_S, self.guard_s)


class Bench:
    """One simulated site with its devices; ``run_until`` lets plant time pass."""

    def __init__(self, loaded: LoadedSite, site: Running, pace: Pace, ports: Mapping[str, int] | None = None) -> None:
        """Makes the devices of ``loaded``; ``ports`` overrides the TCP ports by device, 0 for any free one."""
        self.loaded, self.site, self.pace = loaded, site, pace
        self.watch = Watch()
        self.each_step: list[Callable[[], None]] = []
        """Called after each step of plant time."""
        self._serving: dict[str, Device] = {}  # by name in site.toml; those behind one gateway are one
        for name, row in loaded.site.device.items():
            sharing = (
                [other for other, one in loaded.site.device.items() if one.protocol == "modbus" and line_of(one) == line_of(row)]
                if row.protocol == "modbus"
                else [name]
            )
            self._serving[name] = self._serving.get(sharing[0]) or self._device(sharing, (ports or {}).get(sharing[0]))
        self.devices: tuple[Device, ...] = tuple({id(device): device for device in self._serving.values()}.values())

    def _device(self, names: Sequence[str], port: int | None) -> Device:
        name, row = names[0], self.loaded.site.device[names[0]]
        points = [p for p in self.loaded.points.rows if p.device in names]
        port = row.port if port is None else port
        if row.protocol == "modbus":
            return ModbusDevice(name, points, self.site, self.watch, host=row.host, port=port, rtu=row.transport == "rtu-over-tcp")
        if row.protocol == "bacnet":
            from hil.devices.bacnet import BacnetDevice

            return BacnetDevice(name, points, self.site, self.watch, host=row.host, port=port, instance=row.instance or 0)
        from hil.devices.opcua import OpcUaDevice  # takes a second to import, and many sites have no such device

        secured = None
        if row.opcua.security != "none":
            from hil.devices.opcua_security import Secured

            secured = Secured(row.opcua, self.loaded.site.persistence.directory / "bench-opcua", self.loaded.site.directory)
        return OpcUaDevice(name, points, self.site, self.watch, host=row.host, port=port, path=row.path, secured=secured)

    @property
    def environ(self) -> dict[str, str]:
        """Returns the environment that tells a daemon the ports in use."""
        return {"COLDAISLE_DEVICE": json.dumps({name: {"port": device.port} for name, device in self._serving.items()})}

    async def open(self) -> None:
        """Starts serving. Raises OSError when a port is taken, or for a transport that needs a real line or certificates."""
        if other := [name for name, row in self.loaded.site.device.items() if row.transport not in _SERVED]:
            raise OSError(f"the bench serves Modbus by {' and '.join(_SERVED)} only, not the devices {', '.join(other)}")
        opened: list[Device] = []
        try:
            for device in self.devices:
                await device.open()
                opened.append(device)
        except OSError:
            for device in opened:
                await device.close()
            raise
        self.watch.marked_wall_s = time.monotonic()

    async def close(self) -> None:
        """Stops serving; plant time stands still until it is opened again."""
        for device in self.devices:
            await device.close()

    async def __aenter__(self) -> Self:
        """Starts serving."""
        await self.open()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stops serving."""
        await self.close()

    async def run_until(self, until_s: float, stop: Callable[[], bool] = lambda: False) -> None:
        """Lets plant time pass up to ``until_s`` [s since 1970], a part of a second left out, or until ``stop`` is true after a step."""
        began_wall_s, began_s = time.monotonic(), self.site.now_s
        while self.site.now_s + WHOLE_S <= until_s + SLACK_S and not stop():
            target_s = min(self.site.now_s + self.pace.step_s, until_s)
            if self.pace.speed is None:
                await self._in_step(target_s)
            else:
                await asyncio.sleep(max(0.0, began_wall_s + (target_s - began_s) / self.pace.speed - time.monotonic()))
            await self._step(target_s)

    async def _step(self, target_s: float) -> None:
        self.site.advance(target_s)
        for device in self.devices:
            await device.publish()
        for observe in self.each_step:
            observe()
        await asyncio.sleep(0)  # lets requests in, even where nothing above had to wait

    async def _in_step(self, target_s: float) -> None:
        """Returns when plant time may go on to ``target_s``: the daemon has done its work up to one guard period before, or has been silent too long."""
        watch, pace = self.watch, self.pace
        while watch.done_until_s is None or target_s > watch.done_until_s + pace.guard_s:
            watch.marked.clear()
            silent_s = time.monotonic() - watch.marked_wall_s
            if watch.done_until_s is None and pace.wait_for_daemon:
                await watch.marked.wait()
            elif silent_s < pace.patience_wall_s:
                await _within(watch.marked, pace.patience_wall_s - silent_s)
            elif not await _within(watch.marked, pace.step_s / pace.run_on_speed):
                return


async def _within(event: asyncio.Event, limit_s: float) -> bool:
    """Waits for an event, at most ``limit_s`` [wall s]; returns whether it came."""
    with suppress(TimeoutError):
        async with asyncio.timeout(limit_s):
            await event.wait()
    return event.is_set()
