"""How a Modbus device is reached: every key of its connection is checked, and contradictions are said in words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plant_models.site.describe import describe
from plant_models.site.links import Serial, Tls
from plant_models.site.load import LoadedSite, Problem

Spoil = Callable[..., list[Problem]]
PLC = '[device.plc]\nprotocol = "modbus"\n'
SERIAL = 'transport = "rtu"\n[device.plc.serial]\nport = "/dev/ttyUSB0"\n'
TLS = 'transport = "tls"\nport = 802\n[device.plc.tls]\nca = "ca.pem"\ncertificate = "us.pem"\nkey = "us.key"\n'


@pytest.mark.parametrize(
    ("keys", "where", "value", "allowed"),
    [
        ('transport = "udp"\n', "device.plc.transport", "'udp'", "tcp, rtu, rtu-over-tcp, tls"),
        ('transport = "rtu"\n', "device.plc.serial", "missing", "a table [device.plc.serial] for transport rtu"),
        ('transport = "tls"\n', "device.plc.tls", "missing", "a table [device.plc.tls] for transport tls"),
        (SERIAL.replace("rtu", "rtu-over-tcp"), "device.plc.serial", "given for transport rtu-over-tcp", "only with transport rtu"),
        (SERIAL + "baud_rate = 12345\n", "device.plc.serial.baud_rate", "12345", "9600, 19200"),
        (SERIAL + 'parity = "mark"\n', "device.plc.serial.parity", "'mark'", "even, odd, none"),
        (SERIAL + "stop_bits = 3\n", "device.plc.serial.stop_bits", "3", "1, 2"),
        (SERIAL + "bits = 7\n", "device.plc.serial.bits", "not a key", "port, baud_rate, parity, stop_bits"),
        (SERIAL.replace('port = "/dev/ttyUSB0"\n', ""), "device.plc.serial.port", "missing", "a path"),
        ("timeout_wall_s = 0\n", "device.plc.timeout_wall_s", "0", "more than 0, at most 60"),
        ("read_retries = 9\n", "device.plc.read_retries", "9", "at least 0, at most 3"),
        ("pause_wall_s = -1\n", "device.plc.pause_wall_s", "-1", "at least 0, at most 5"),
        ("connect_settle_wall_s = 60\n", "device.plc.connect_settle_wall_s", "60", "at most 10"),
        ("quiet_wall_s = nan\n", "device.plc.quiet_wall_s", "nan", "a number"),
    ],
)
def test_one_wrong_key_gives_one_message(spoil: Spoil, keys: str, where: str, value: str, allowed: str) -> None:
    problems = spoil(site={PLC: PLC + keys})
    assert [p.where for p in problems] == [f"site.toml: {where}"]
    assert value in problems[0].value
    assert allowed in problems[0].allowed


def test_files_of_tls_must_be_there(spoil: Spoil, tmp_path: Path) -> None:
    (tmp_path / "us.pem").write_text("a certificate")
    problems = spoil(site={PLC: PLC + TLS})
    assert [(p.where, p.value) for p in problems] == [("site.toml: device.plc.tls.ca", "'ca.pem'"), ("site.toml: device.plc.tls.key", "'us.key'")]
    assert str(tmp_path / "ca.pem") in problems[0].allowed


def test_keys_of_modbus_are_refused_for_another_protocol(spoil: Spoil) -> None:
    problems = spoil(site={'protocol = "opcua"\n': 'protocol = "opcua"\ntransport = "rtu"\npause_wall_s = 1\n'})
    assert [(p.where, p.allowed) for p in problems] == [
        (f"site.toml: device.air.{key}", "only for protocol modbus, this device speaks opcua") for key in ("transport", "pause_wall_s")
    ]


@pytest.mark.parametrize(
    ("second", "key"),
    [
        ('transport = "rtu-over-tcp"\n', "transport"),
        ("connect_settle_wall_s = 1\n", "connect_settle_wall_s"),
    ],
)
def test_devices_on_one_connection_must_agree_on_it(spoil: Spoil, second: str, key: str) -> None:
    problems = spoil(site={PLC: f'{PLC}[device.meter]\nprotocol = "modbus"\n{second}'})
    assert [str(p) for p in problems] == [
        f"site.toml: device.meter.{key}: differs; allowed: the same as of device plc, which has the same connection (127.0.0.1 port 502)"
    ]


def test_devices_on_one_connection_may_have_manners_of_their_own(spoil: Spoil) -> None:
    meter = '[device.meter]\nprotocol = "modbus"\ntimeout_wall_s = 4\nread_retries = 2\npause_wall_s = 0.1\nmax_registers = 20\n'
    assert spoil(site={PLC: PLC + meter}) == []


@pytest.mark.parametrize("transport", [SERIAL, 'transport = "rtu-over-tcp"\n'], ids=["rtu", "rtu-over-tcp"])
def test_a_serial_line_has_no_unit_255(spoil: Spoil, transport: str) -> None:
    problems = spoil(site={PLC: PLC + transport}, points={"3:40006": "255:40006"})
    assert [(p.where, p.allowed) for p in problems] == [("points.csv line 6, column address", "unit 1 .. 247 on a serial line")]


@pytest.mark.parametrize(
    ("keys", "shown"),
    [
        ("", "modbus-tcp://127.0.0.1:502"),
        ('transport = "rtu-over-tcp"\n', "modbus-rtu-over-tcp://127.0.0.1:502"),
        (SERIAL + "stop_bits = 2\n", "modbus-rtu:/dev/ttyUSB0, 19200 baud, parity even, stop bits 2"),
    ],
)
def test_a_described_device_says_how_it_is_reached(load: Callable[..., LoadedSite], site_text: str, keys: str, shown: str) -> None:
    assert f"plc: {shown}, " in describe(load(site_text.replace(PLC, PLC + keys)))


def test_tls_files_are_read(load: Callable[..., LoadedSite], site_text: str, tmp_path: Path) -> None:
    for name in ("ca.pem", "us.pem", "us.key"):
        (tmp_path / name).touch()
    device = load(site_text.replace(PLC, PLC + TLS)).site.device["plc"]
    assert (device.transport, device.tls, device.port) == ("tls", Tls(Path("ca.pem"), Path("us.pem"), Path("us.key")), 802)


@pytest.mark.parametrize(
    ("line", "expected_s"), [(Serial(Path("x"), 9600), 0.00401), (Serial(Path("x"), 19200, "none", 2), 0.002005), (Serial(Path("x"), 115200), 0.00175)]
)
def test_a_frame_ends_with_three_and_a_half_characters_of_silence(line: Serial, expected_s: float) -> None:
    assert line.silence_s == pytest.approx(expected_s, rel=1e-3)


ON = "ch-1.machine_state,modbus,plc,3:40005,uint16,,1,0,enum:0=off|2=running,r,30,,,,"


BITS_WRITTEN = {PLC: f'{PLC}bit_writes = "mask"\n'}


def bit(signal: str, address: str, access: str = "rw") -> str:
    return f"{signal},modbus,plc,{address},bit,,1,0,1,{access},30,,,,"


def test_bits_may_share_a_register(spoil: Spoil) -> None:
    shown = ["hall-a.it_load_kw,modbus,plc,3:40020.4-7,bits,,10,0,kW,r,30,,,,", bit("bas.heartbeat", "3:40020.3", "r")]
    rows = "\n".join((ON, bit("daemon.alarm", "3:40020.0"), bit("daemon.mode", "3:40020.15"), bit("daemon.stage", "3:40021.0"), *shown))
    assert spoil(site=BITS_WRITTEN, points={ON: rows}) == []


@pytest.mark.parametrize(
    ("addresses", "line", "allowed"),
    [
        (("3:40020.3", "3:40020.4", "3:40020.3"), 8, "daemon.alarm in line 6 takes 1 from 3:40020.3"),
        (("3:40020.3", "3:40005.4"), 7, "ch-1.machine_state in line 5 takes 1 from 3:40005"),
        (("3:40002.3", "3:40002.4"), 6, "plant.chws_temp_c in line 2 takes 2 from 3:40001"),
    ],
)
def test_a_bit_belongs_to_one_point(spoil: Spoil, addresses: Any, line: int, allowed: str) -> None:
    rows = (bit(signal, address) for signal, address in zip(("daemon.alarm", "daemon.mode", "daemon.stage"), addresses, strict=False))
    problems = spoil(site=BITS_WRITTEN, points={ON: "\n".join((ON, *rows))})
    assert problems[0].where == f"points.csv line {line}, column address"
    assert allowed in problems[0].allowed


@pytest.mark.parametrize(
    ("address", "kind", "allowed"),
    [
        ("3:40020", "bit", "a bit of a register such as 3:40001.5"),
        ("3:40020.16", "bit", "bits 0 .. 15"),
        ("3:00020.1", "bit", "bits 0 .. 15"),
        ("3:40020.1", "uint16", "without a bit"),
        ("3:40020.1-2", "bit", "a bit of a register such as 3:40001.5"),
        ("3:40020.1", "bits", "such as 3:40001.4-7"),
        ("3:40020", "bits", "such as 3:40001.4-7"),
    ],
)
def test_a_bit_needs_its_number_and_nothing_else_has_one(spoil: Spoil, address: str, kind: str, allowed: str) -> None:
    problems = spoil(site=BITS_WRITTEN, points={ON: f"{ON}\n{bit('daemon.alarm', address).replace(',bit,', f',{kind},')}"})
    assert [p.where for p in problems] == ["points.csv line 6, column address"]
    assert allowed in problems[0].allowed


def test_bits_are_written_only_where_the_device_says_how(spoil: Spoil) -> None:
    problems = spoil(points={ON: f"{ON}\n{bit('daemon.alarm', '3:40020.1')}"})
    assert [(p.where, p.allowed) for p in problems] == [
        ("points.csv line 6, column address", "no bits of a register where access has w, unless device.plc.bit_writes says how they are written")
    ]


@pytest.mark.parametrize(("keys", "problems"), [("timeout_wall_s = 15\n", 1), ("timeout_wall_s = 14\n", 0), ("timeout_wall_s = 4\nread_retries = 3\n", 1)])
def test_silence_never_holds_up_a_read_until_the_lease_has_lapsed(spoil: Spoil, keys: str, problems: int) -> None:
    found = spoil(site={PLC: PLC + keys})
    assert [p.where for p in found] == ["site.toml: device.plc"] * problems
    assert all("less than lease.bas_timeout_s, which is 30" in p.allowed for p in found)
