"""Devices of a site scanned as ``site.toml`` says: other transports, certificates and users; what is wrong with the site is said first."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pymodbus.framer import FramerType

from controller.cli import main
from tests.controller.fieldbus.conftest import ModbusServer
from tests.controller.fieldbus.opcua_server import INLET, Certificate, SecureServer

SITE = '[site]\nname = "drafted"\n[persistence]\ndirectory = "{folder}"\n'
METERS = '[device.meters]\nprotocol = "modbus"\ntransport = "rtu-over-tcp"\nport = {port}\nquiet_wall_s = 0.05\n'
AIR = '[device.air]\nprotocol = "opcua"\nport = {port}\npath = "/test/"\n[device.air.opcua]\nsecurity = "Basic256Sha256"\n'
FEW = ("--units", "3", "--tables", "holding", "--range", "1-5", "--rate", "1000", "--json")


@pytest.fixture
async def meters() -> AsyncIterator[ModbusServer]:
    server = ModbusServer(units=(3,), framer=FramerType.RTU)
    await server.start()
    yield server
    await server.stop()


def site(folder: Path, *devices: str) -> Path:
    (folder / "site.toml").write_text(SITE.format(folder=folder / "kept") + "".join(devices))
    return folder


async def scan(folder: Path, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, dict[str, object], str]:
    code = await asyncio.to_thread(main, ["scan", "--config", str(folder), *FEW, *more])
    printed = capsys.readouterr()
    return code, json.loads(printed.out) if code < 2 else {}, printed.err


async def test_a_line_behind_a_gateway_is_scanned_in_its_own_frames(meters: ModbusServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    meters.memory[3][0] = 7
    code, told, _ = await scan(site(tmp_path, METERS.format(port=meters.port)), capsys)
    assert (code, told["points"]) == (0, 5)
    rows = told["rows"]
    assert isinstance(rows, list)
    assert {row["device"] for row in rows} == {"meters"}
    assert "scan:shown=7" in rows[0]["tags"]


async def test_a_secured_server_is_browsed_once_it_is_trusted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    certificate = Certificate()
    server = SecureServer(certificate)
    await server.start()
    folder = site(tmp_path, AIR.format(port=server.port))
    code, told, err = await scan(folder, capsys)
    assert (code, told["points"]) == (1, 0)
    assert "is not trusted" in err
    trusted = tmp_path / "kept" / "opcua" / "trusted"
    trusted.mkdir(parents=True, exist_ok=True)
    (trusted / "server.der").write_bytes(certificate.der)
    code, told, err = await scan(folder, capsys)
    rows = told["rows"]
    assert code == 0, err
    assert isinstance(rows, list)
    assert INLET.address in {row["address"] for row in rows}
    await server.stop()


def test_what_is_wrong_with_the_site_is_said_and_nothing_is_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = site(tmp_path, METERS.format(port=0), '[device.line]\nprotocol = "modbus"\ntransport = "rtu"\n')
    assert main(["scan", "--config", str(folder)]) == 2
    said = capsys.readouterr().err
    assert "device.meters.port" in said
    assert "device.line.serial" in said


def test_a_device_that_the_site_does_not_have_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = site(tmp_path, METERS.format(port=1))
    assert main(["scan", "--config", str(folder), "--device", "pumps"]) == 2
    assert "--device 'pumps'; allowed: meters" in capsys.readouterr().err
    assert main(["scan", "--modbus", "10.0.0.1", "--device", "pumps"]) == 2
    assert "together with --config DIR" in capsys.readouterr().err
