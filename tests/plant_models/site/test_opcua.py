"""Security, identity and subscription of OPC UA devices in ``site.toml`` and ``points.csv``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from plant_models.site.load import LoadedSite, Problem
from plant_models.site.opcua import OpcUa, password_of

Spoil = Callable[..., list[Problem]]
AIR = '[device.air]\nprotocol = "opcua"\n'
ROW = "hall-a-r01.rack_inlet_c,opcua,air,nsu=urn:site:air;s=R1,float,,1,0,degC,r,60,5,60,,"
CLOCK = '[clock]\nsource = "point"\n\n'
SECURE = 'security = "Basic256Sha256"\n'


def test_all_keys_are_understood(load: Callable[..., LoadedSite], site_text: str, points_text: str) -> None:
    table = (
        '[device.air.opcua]\nsecurity = "Aes256Sha256RsaPss"\nmode = "Sign"\nuser = "coldaisle"\npassword_file = "/run/secrets/air"\n'
        "publishing_interval_s = 0.5\nsampling_s = 0.25\nqueue_size = 4\nkeep_alive_count = 3\n"
    )
    points = points_text.replace(",tags\n", ",tags,read,sampling_s,queue_size\n").replace(",,\n", ",,,,,\n").replace("volatile,\n", "volatile,,,,\n")
    points = points.replace(f"{ROW},,,\n", f"{ROW},subscribe,0.1,9\n")
    loaded = load(site_text.replace(AIR, f'{AIR}read = "subscribe"\n{table}'), points)
    device = loaded.site.device["air"]
    assert device.read == "subscribe"
    assert device.opcua == OpcUa("Aes256Sha256RsaPss", "Sign", "coldaisle", None, Path("/run/secrets/air"), None, None, 0.5, 0.25, 4, 3)
    row = loaded.points.by_signal["hall-a-r01.rack_inlet_c"]
    assert (row.read, row.sampling_s, row.queue_size) == ("subscribe", 0.1, 9)
    other = loaded.points.by_signal["plant.chws_temp_c"]
    assert (other.read, other.sampling_s, other.queue_size) == ("", None, None)


def test_a_site_that_says_nothing_polls_without_security(load: Callable[..., LoadedSite]) -> None:
    device = load().site.device["air"]
    assert (device.read, device.opcua) == ("poll", OpcUa())


@pytest.mark.parametrize(
    ("table", "key", "value", "allowed"),
    [
        ('security = "Basic128Rsa15"', ".security", "'Basic128Rsa15'", "none, Basic256Sha256, Aes128Sha256RsaOaep, Aes256Sha256RsaPss"),
        ('mode = "None"', ".mode", "'None'", "Sign, SignAndEncrypt"),
        ('password = "secret"', ".password", "not a key", "password_variable, password_file"),
        (f'{SECURE}user = "me"', ".user", "has no password", "one of them"),
        (f'{SECURE}user = "me"\npassword_file = "f"\npassword_variable = "V"', ".user", "are given", "one of them"),
        (f'{SECURE}user = " "\npassword_file = "f"', ".user", "' '", "a name"),
        (f'{SECURE}password_file = "f"', ".password_file", "without a user", "only together with user"),
        (f'{SECURE}user_key = "k"', ".user_key", "without user_certificate", "both or neither"),
        (f'{SECURE}user_certificate = "c"', ".user_certificate", "without user_key", "both or neither"),
        ('user = "me"\npassword_file = "f"', ".security", "'none' with a user", "the password would be readable"),
        (f'{SECURE}user = "me"\npassword_variable = "COLDAISLE_AIR"', ".password_variable", "'COLDAISLE_AIR'", "does not begin with COLDAISLE_"),
        (f'{SECURE}user = "me"\npassword_variable = "A=B"', ".password_variable", "'A=B'", "letters, digits and _"),
        ("publishing_interval_s = 0", ".publishing_interval_s", "0", "at least 0.05, at most 60"),
        ("sampling_s = -1", ".sampling_s", "-1", "at least 0, at most 60"),
        ("queue_size = 0", ".queue_size", "0", "at least 1, at most 1000"),
        ("keep_alive_count = 0", ".keep_alive_count", "0", "at least 1, at most 20"),
    ],
)
def test_a_wrong_table_is_refused_with_what_is_allowed(spoil: Spoil, table: str, key: str, value: str, allowed: str) -> None:
    problems = spoil(site={AIR: f"{AIR}[device.air.opcua]\n{table}\n"})
    found = [p for p in problems if p.where == f"site.toml: device.air.opcua{key}"]
    assert len(found) == 1
    assert value in found[0].value
    assert allowed in found[0].allowed
    assert not any("secret" in str(p) for p in problems)


def test_a_user_with_a_password_and_a_certificate_is_refused(spoil: Spoil) -> None:
    table = f'{SECURE}user = "me"\npassword_file = "f"\nuser_certificate = "c"\nuser_key = "k"\n'
    assert [p.value for p in spoil(site={AIR: f"{AIR}[device.air.opcua]\n{table}"})] == ["together with user_certificate"]


@pytest.mark.parametrize(
    ("site", "where"),
    [
        ({AIR: f'{AIR}read = "push"\n'}, "device.air.read"),
        ({AIR: f'{CLOCK}{AIR}read = "subscribe"\n'}, "device.air.read"),
        ({'protocol = "modbus"\n': 'protocol = "modbus"\nread = "subscribe"\n'}, "device.plc.read"),
        ({'protocol = "modbus"\n': 'protocol = "modbus"\n[device.plc.opcua]\nqueue_size = 2\n'}, "device.plc.opcua"),
    ],
)
def test_subscriptions_only_where_they_can_be(spoil: Spoil, site: dict[str, str], where: str) -> None:
    assert f"site.toml: {where}" in [p.where for p in spoil(site=site)]


@pytest.mark.parametrize(
    ("column", "cell", "allowed"),
    [
        ("read", "push", "poll, subscribe, or empty"),
        ("sampling_s", "61", "0 .. 60"),
        ("sampling_s", "-1", "0 .. 60"),
        ("sampling_s", "soon", "a finite number"),
        ("queue_size", "0", "1 .. 1000"),
        ("queue_size", "1001", "1 .. 1000"),
        ("queue_size", "1.5", "1 .. 1000"),
    ],
)
def test_a_wrong_cell_is_refused(spoil: Spoil, points_text: str, header: str, column: str, cell: str, allowed: str) -> None:
    assert f"{ROW}\n" in points_text
    rows = {line: f"{line},{cell if line == ROW else ''}" for line in points_text.splitlines() if line and line != header}
    problems = spoil(points={f"{header}\n": f"{header},{column}\n", **{f"{old}\n": f"{new}\n" for old, new in rows.items()}})
    assert [(p.where, allowed in p.allowed) for p in problems] == [(f"points.csv line 7, column {column}", True)]


def test_what_is_written_and_what_modbus_serves_is_never_subscribed_to(spoil: Spoil, points_text: str, header: str) -> None:
    rows = {f"{line}\n": f"{line},subscribe\n" for line in points_text.splitlines() if line and line != header}
    problems = spoil(points={f"{header}\n": f"{header},read\n", **rows})
    assert [p.where for p in problems] == [f"points.csv line {n}, column read" for n in (2, 3, 4, 5, 6, 8)]


def test_a_subscribed_point_needs_wall_time(spoil: Spoil, points_text: str, header: str) -> None:
    clock = "bas.clock_s,opcua,air,nsu=urn:site:air;s=C,double,,1,0,s,r,60,,,,\n"
    rows = {f"{line}\n": f"{line},{'subscribe' if line == ROW else ''}\n" for line in points_text.splitlines() if line and line != header}
    rows[f"{ROW}\n"] += clock.replace(",\n", ",,\n")
    problems = spoil(site={AIR: f"{CLOCK}{AIR}"}, points={f"{header}\n": f"{header},read\n", **rows})
    assert [p.where for p in problems] == ["points.csv line 7, column read"]


def test_a_password_is_taken_from_where_it_is_kept(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("päss word\nsecond line\n", encoding="utf-8")
    assert password_of(OpcUa(user="me", password_file=Path("secret")), tmp_path) == "päss word"
    assert password_of(OpcUa(user="me", password_variable="AIR"), tmp_path, {"AIR": "x"}) == "x"


@pytest.mark.parametrize(
    ("of", "says"),
    [
        (OpcUa(user="me", password_variable="AIR"), "the environment variable AIR is not set"),
        (OpcUa(user="me", password_file=Path("nowhere")), "nowhere cannot be read"),
        (OpcUa(user="me", password_file=Path("empty")), "is empty"),
        (OpcUa(user="me", password_file=Path("binary")), "cannot be read"),
        (OpcUa(user="me"), "neither"),
    ],
)
def test_a_password_that_is_not_there_is_said(tmp_path: Path, of: OpcUa, says: str) -> None:
    (tmp_path / "empty").write_text("")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match=says):
        password_of(of, tmp_path, {})


@pytest.mark.parametrize(("cell", "allowed"), [("61", "0 .. 60"), ("-1", "0 .. 60"), ("soon", "a finite number"), ("2", "where access has w")])
def test_a_settle_time_of_a_point_that_cannot_be_is_refused(spoil: Spoil, points_text: str, header: str, cell: str, allowed: str) -> None:
    rows = {line: f"{line},{cell if line == ROW else ''}" for line in points_text.splitlines() if line and line != header}
    problems = spoil(points={f"{header}\n": f"{header},settle_s\n", **{f"{old}\n": f"{new}\n" for old, new in rows.items()}})
    assert {p.where for p in problems} == {"points.csv line 7, column settle_s"}
    assert any(allowed in p.allowed for p in problems)
