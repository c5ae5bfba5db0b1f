"""Modbus/TCP Security: both sides show a certificate, and every way in which one is refused is a missing reading that says why."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from controller.fieldbus.modbus import ModbusBus
from hil.devices.modbus import ModbusDevice
from hil.devices.watch import Watch
from plant_models.site.links import Tls
from plant_models.site.topology import Device
from safety.records import Outcome, Status
from tests.controller.fieldbus.modbus_peers import Authority, point, server_context

SUPPLY = point("plant.chws_temp_c", "1:40001")
SETPOINT = point("plant.chws_setpoint_c.request", "1:40003", "int16", 0.1)
MANY = tuple(point(f"ch-{i}.chws_temp_c", f"1:4{11 + 2 * i:04d}") for i in range(60))
TIMEOUT_S = 5.0

Spoil = Callable[[Authority], Any]


class Values(dict[str, float]):
    """A site whose signals are what was put there."""

    now_s = 0.0

    def read(self, signal: str) -> float:
        return self.get(signal, 0.0)

    def write(self, signal: str, value: float) -> None:
        self[signal] = value


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@asynccontextmanager
async def served(authority: Authority, pair: tuple[Path, Path] | None = None, newest: bool = True) -> AsyncIterator[ModbusDevice]:
    context = server_context(authority, pair or authority.issue("device", ["127.0.0.1", "localhost"]), newest)
    values = Values({SUPPLY.signal: 7.5, SETPOINT.signal: 10.0})
    device = ModbusDevice("plc", (SUPPLY, SETPOINT, *MANY), values, Watch(), tls=context)
    await device.open()
    yield device
    await device.close()


@asynccontextmanager
async def bus_of(device: Any, authority: Authority, client: tuple[Path, Path] | None = None, timeout_s: float = TIMEOUT_S) -> AsyncIterator[ModbusBus]:
    pair = client or authority.issue("client")
    files = Tls(Path(authority.file.name), *(Path(path.name) for path in pair))  # beside site.toml
    bus = ModbusBus(Device("modbus", port=device.port, transport="tls", tls=files), timeout_s, timeout_s, directory=authority.folder)
    await bus.open()
    yield bus
    await bus.close()


@pytest.mark.parametrize("newest", [True, False], ids=["TLS 1.3", "TLS 1.2"])
async def test_points_are_read_and_written_over_tls(authority: Authority, newest: bool) -> None:
    async with served(authority, newest=newest) as device, bus_of(device, authority) as bus:
        raws = await bus.read([SUPPLY, *MANY])
        assert raws[SUPPLY.signal].value == 7.5
        assert {r.status for r in raws.values()} == {Status.GOOD}
        assert dict(await bus.write([(SETPOINT, 8.0)])) == {SETPOINT.signal: Outcome.VERIFIED}
        assert (await bus.read([SETPOINT]))[SETPOINT.signal].value == 8.0


@pytest.mark.parametrize("newest", [True, False], ids=["TLS 1.3", "TLS 1.2"])
@pytest.mark.parametrize("client", ["of a stranger", "expired"])
async def test_a_client_certificate_that_the_device_refuses_is_missing(authority: Authority, tmp_path: Path, client: str, newest: bool) -> None:
    stranger = Authority(tmp_path, "a stranger")
    pair = stranger.issue("client") if client == "of a stranger" else authority.issue("client", days=(-30, -1))
    async with served(authority, newest=newest) as device, bus_of(device, authority, pair) as bus:
        raws = [(await bus.read([SUPPLY]))[SUPPLY.signal] for _ in range(3)]
        assert {(raw.value, raw.status) for raw in raws} == {(None, Status.MISSING)}
        assert all("perhaps it refuses our certificate" in raw.detail or "left alone" in raw.detail for raw in raws), raws
        assert dict(await bus.write([(SETPOINT, 8.0)])) == {SETPOINT.signal: Outcome.UNREACHABLE}
        assert not device.registers.watch.seen


@pytest.mark.parametrize(
    ("pair", "reason"),
    [
        (lambda authority: authority.issue("device", ["127.0.0.1"], days=(-30, -1)), "has expired"),
        (lambda authority: authority.issue("device", ["127.0.0.1"], days=(1, 30)), "not yet valid"),
        (lambda authority: authority.issue("device", ["10.1.2.3", "chiller.example"]), "not valid for '127.0.0.1'"),
        (lambda authority: Authority(authority.folder, "a stranger").issue("device", ["127.0.0.1"]), "unable to get local issuer"),
    ],
    ids=["expired", "not yet valid", "wrong host name", "of a stranger"],
)
async def test_a_device_whose_certificate_does_not_serve_gets_nothing(authority: Authority, pair: Spoil, reason: str) -> None:
    async with served(authority, pair(authority)) as device, bus_of(device, authority) as bus:
        trouble = (await bus.read([SUPPLY]))[SUPPLY.signal]
        assert (trouble.value, trouble.status) == (None, Status.MISSING)
        assert "certificate is refused" in trouble.detail
        assert reason in trouble.detail


@pytest.mark.parametrize("spoil", ["missing", "garbage", "another key", "locked"])
async def test_files_that_do_not_serve_are_missing_with_a_reason(authority: Authority, spoil: str) -> None:
    pair = authority.issue("client")
    async with served(authority) as device, bus_of(device, authority, pair) as bus:
        await bus.close()
        match spoil:
            case "missing":
                pair[0].unlink()
            case "garbage":
                pair[0].write_text("no certificate")
            case "another key":
                authority.issue("other")[1].replace(pair[1])
            case _:
                pair[1].write_text("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n")
        raw = (await bus.read([SUPPLY]))[SUPPLY.signal]
        assert raw.status is Status.MISSING
        assert "files of [tls]" in raw.detail
        authority.issue("client")
        while (await bus.read([SUPPLY]))[SUPPLY.signal].value != 7.5:  # renewed files are taken without a restart
            pass


async def test_a_device_that_speaks_no_tls_is_missing(authority: Authority, modbus_server: Any) -> None:
    async with bus_of(modbus_server, authority, timeout_s=0.3) as bus:
        assert (await bus.read([SUPPLY]))[SUPPLY.signal].status is Status.MISSING


async def test_a_server_with_an_old_protocol_only_is_refused(authority: Authority) -> None:
    context = server_context(authority, authority.issue("device", ["127.0.0.1"]))
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    device = ModbusDevice("plc", (SUPPLY,), Values(), Watch(), tls=context)
    await device.open()
    async with bus_of(device, authority) as bus:
        assert (await bus.read([SUPPLY]))[SUPPLY.signal].status is Status.MISSING
    await device.close()


async def test_a_reply_in_many_records_is_put_together(authority: Authority) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readexactly(12)
        for byte in request[:4] + b"\0\7" + request[6:8] + b"\4\x40\xf0\0\0":
            writer.write(bytes((byte,)))
            await writer.drain()
        await reader.read()
        writer.close()

    context = server_context(authority, authority.issue("device", ["127.0.0.1"]))
    server = await asyncio.start_server(drip, "127.0.0.1", 0, ssl=context)
    device = Device("modbus", port=server.sockets[0].getsockname()[1])
    async with bus_of(device, authority) as bus:
        assert (await bus.read([SUPPLY]))[SUPPLY.signal].value == 7.5
    server.close()
    await server.wait_closed()
