"""How a Modbus device is reached: the tables ``[device.NAME.serial]`` and ``[device.NAME.tls]``, and where its keys of ``site.toml`` contradict each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from pydantic import ConfigDict

from plant_models.site.problems import Problem, shown

if TYPE_CHECKING:
    from plant_models.site.address import ModbusAddress
    from plant_models.site.topology import Device

_STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
_FILE: Final = "site.toml"
_LAST_ON_LINE: Final = 247  # Modbus over Serial Line V1.02, 2.2
_ONLY_MODBUS: Final = ("transport", "serial", "tls", "read_retries", "pause_wall_s", "connect_settle_wall_s", "quiet_wall_s", "bit_writes")
_LINE: Final = ("transport", "serial", "tls", "connect_settle_wall_s")
"""Keys that belong to a connection, not to one of the devices that share it."""


@dataclass(frozen=True)
class Serial:
    """A serial line with 8 data bits; what is not said is as in Modbus over Serial Line V1.02, 2.5.1."""

    __pydantic_config__ = _STRICT
    port: Path  # such as /dev/ttyUSB0, or better a path below /dev/serial/by-id
    baud_rate: Literal[1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600] = 19200
    parity: Literal["even", "odd", "none"] = "even"
    stop_bits: Literal[1, 2] = 1

    @property
    def character_s(self) -> float:
        """Returns how long one character takes on the line [s]."""
        return (9 + (self.parity != "none") + self.stop_bits) / self.baud_rate

    @property
    def silence_s(self) -> float:
        """Returns the silence that ends a frame [s]: 3.5 characters, fixed above 19200 baud (2.5.1.1)."""
        return 3.5 * self.character_s if self.baud_rate <= 19200 else 1.75e-3


@dataclass(frozen=True)
class Tls:
    """Files for Modbus/TCP Security, in PEM, beside ``site.toml`` unless absolute: who signs the device, and who we are."""

    __pydantic_config__ = _STRICT
    ca: Path
    certificate: Path
    key: Path


def line_of(device: Device) -> tuple[str, int]:
    """Returns what tells connections apart: host and port, or the path of the serial port and 0."""
    return (str(device.serial.port), 0) if device.transport == "rtu" and device.serial is not None else (device.host, device.port)


def device_problems(devices: Mapping[str, Device], directory: Path) -> Iterator[Problem]:
    """Yields where the keys of a device contradict each other, files that are not there, and devices that share a connection but do not agree on it."""
    first: dict[tuple[str, int], str] = {}
    for name, device in devices.items():
        at = f"{_FILE}: device.{name}"
        if device.protocol != "modbus":
            yield from _not_modbus(at, device)
            continue
        for key, transport, table in (("serial", "rtu", device.serial), ("tls", "tls", device.tls)):
            if device.transport == transport and table is None:
                yield Problem(f"{at}.{key}", "missing", f"a table [device.{name}.{key}] for transport {transport}")
            if device.transport != transport and table is not None:
                yield Problem(f"{at}.{key}", f"given for transport {device.transport}", f"only with transport {transport}")
        yield from _files(at, device, directory)
        other = first.setdefault(line_of(device), name)
        for key in _LINE:
            mine, others = getattr(device, key), getattr(devices[other], key)
            if mine != others:
                where = " port ".join(str(part) for part in line_of(device) if part)
                yield Problem(f"{at}.{key}", "differs", f"the same as of device {other}, which has the same connection ({where})")


def _not_modbus(at: str, device: Device) -> Iterator[Problem]:
    defaults = {field.name: field.default for field in fields(device)}
    for key in _ONLY_MODBUS:
        if getattr(device, key) != defaults[key]:
            yield Problem(f"{at}.{key}", "given", f"only for protocol modbus, this device speaks {device.protocol}")


def _files(at: str, device: Device, directory: Path) -> Iterator[Problem]:
    for key in ("ca", "certificate", "key") if device.tls is not None else ():
        path = directory / getattr(device.tls, key)
        if not path.is_file():
            yield Problem(f"{at}.tls.{key}", shown(str(getattr(device.tls, key))), f"a file; there is no {path}")


def place_allowed(name: str, device: Device, place: ModbusAddress, access: str) -> str | None:
    """Returns what an address of a device may be instead, None where ``place`` is one that its keys allow."""
    if device.transport in ("rtu", "rtu-over-tcp") and place.unit > _LAST_ON_LINE:
        return "unit 1 .. 247 on a serial line"
    if place.bits is not None and "w" in access and device.bit_writes == "none":
        return f"no bits of a register where access has w, unless device.{name}.bit_writes says how they are written"
    return None
