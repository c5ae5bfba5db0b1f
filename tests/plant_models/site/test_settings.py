"""``site.toml`` with the environment over it: what may stand there, and what is said when it does not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from plant_models.site.load import LoadedSite, Problem, SiteErrors, load_site

Spoil = Callable[..., list[Problem]]
Load = Callable[..., LoadedSite]


@pytest.mark.parametrize(
    ("added", "where", "value", "allowed"),
    [
        ("[timing]\ncycle_s = 5", "timing.cycle_s", "5", "a number, at least 10, at most 900"),
        ("[timing]\ncycle_s = nan", "timing.cycle_s", "nan", "a number, at least 10, at most 900"),
        ("[timing]\nsolver_iterations = 1.5", "timing.solver_iterations", "1.5", "a whole number, at least 5, at most 3000"),
        ("[timing]\ncycles_s = 60", "timing.cycles_s", "not a key", "cycle_s, guard_s"),
        ("[timing]\nread_timeout_wall_s = inf", "timing.read_timeout_wall_s", "inf", "a number, more than 0"),
        ('[lease]\nproven = "perhaps"', "lease.proven", "'perhaps'", "true or false"),
        ('[clock]\nsource = "moon"', "clock.source", "'moon'", "wall, point"),
        ("[money]\npeak_price_per_kwh = -1", "money.peak_price_per_kwh", "-1", "a number, at least 0"),
        ("[money]\npeak_hours_local = [1, 30]", "money.peak_hours_local[1]", "30", "a whole number, at least 0, at most 24"),
        ("[money]\npeak_hours_local = [1]", "money.peak_hours_local[1]", "missing", "a whole number"),
        ("[persistence]\ndirectory = 3", "persistence.directory", "3", "a path"),
        ('[device."Plc 2"]\nprotocol = "modbus"', "device.Plc 2", "'Plc 2'", "lower-case letters"),
        ('[device.gate]\nprotocol = "dnp3"', "device.gate.protocol", "'dnp3'", "modbus, opcua, bacnet"),
        ("[device.gate]\nport = 502", "device.gate.protocol", "missing", "modbus, opcua"),
        ("[[pump]]", "pump[number 1].name", "missing", "lower-case letters"),
        ('[pump]\nname = "p"', "pump", "{'name': 'p'}", "[[pump]]"),
        ("[limits]\ninlet_recommended_c = 28", "limits.inlet_recommended_c", "28", "at most 27"),
        ("[tarif]\nprice = 1", "tarif", "not a section", "site, clock, timing"),
        ('directory = "/tmp"', "directory", "not a section", "site, clock, timing"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_what_is_allowed(spoil: Spoil, added: str, where: str, value: str, allowed: str) -> None:
    problems = spoil(site={"\n[site]": f"{added}\n\n[site]"})
    assert problems[0].where == f"site.toml: {where}"
    assert value in problems[0].value
    assert allowed in problems[0].allowed
    assert all(p.where.startswith("site.toml: pump[number 1]") for p in problems[1:])


def test_a_missing_site_section_is_named(spoil: Spoil) -> None:
    assert [(p.where, p.value) for p in spoil(site={'[site]\nname = "yard"\n': ""})] == [("site.toml: site.name", "missing")]


def test_values_and_defaults_arrive_as_frozen_dataclasses(load: Load, tmp_path: Path) -> None:
    site = load().site
    assert (site.site.name, site.timing.cycle_s, site.device["air"].protocol) == ("yard", 300.0, "opcua")
    assert site.hall[0].rows == ("hall-a-r01", "hall-a-r02")
    assert site.setpoint["plant.chws_setpoint_c"].own == 9.0
    assert site.directory == tmp_path
    with pytest.raises(AttributeError):
        site.timing.cycle_s = 1.0  # type: ignore[misc]  # the point of the test


def test_the_environment_goes_before_the_file_and_tables_merge(load: Load, site_text: str) -> None:
    environ = {
        "COLDAISLE_TIMING__CYCLE_S": "60",
        "COLDAISLE_SITE__NAME": "other",
        "COLDAISLE_LEASE__PROVEN": "true",
        "COLDAISLE_MONEY__PEAK_PRICE_PER_KWH": "0.2",
        "COLDAISLE_MONEY__PEAK_HOURS_LOCAL": "[7, 9]",
        "COLDAISLE_DEVICE": '{"plc": {"port": 1502}, "new": {"protocol": "modbus"}}',
        "COLDAISLE_SETPOINT": '{"plant.chws_setpoint_c": {"high": 14}}',
        "PATH": "/bin",
    }
    site = load(site_text.replace("[device.plc]\n", '[device.plc]\nhost = "10.0.0.7"\n'), environ=environ).site
    assert (site.timing.cycle_s, site.site.name, site.lease.proven) == (60.0, "other", True)
    assert (site.money.peak_price_per_kwh, site.money.peak_hours_local) == (0.2, (7, 9))
    assert (site.device["plc"].host, site.device["plc"].port, site.device["plc"].protocol) == ("10.0.0.7", 1502, "modbus")
    assert set(site.device) == {"plc", "air", "new"}
    assert (site.setpoint["plant.chws_setpoint_c"].low, site.setpoint["plant.chws_setpoint_c"].high) == (6.0, 14.0)


def test_an_array_in_the_environment_takes_the_files_place(load: Load) -> None:
    rows = '[{"name":"hall-a","it_capacity_kw":1,"row_count":3,"racks_per_row":1,"crah_count":1,"crah_air_flow_kgs":1}]'
    assert load(environ={"COLDAISLE_HALL": rows}).site.hall[0].row_count == 3


def test_the_process_environment_is_the_default(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load()
    monkeypatch.setenv("COLDAISLE_TIMING__CYCLE_S", "120")
    assert load_site(tmp_path).site.timing.cycle_s == 120.0


@pytest.mark.parametrize(
    ("environ", "where", "value"),
    [
        ({"COLDAISLE_TIMING__CYCLE_S": "soon"}, "environment COLDAISLE_TIMING__CYCLE_S, timing.cycle_s", "'soon'"),
        ({"COLDAISLE_TIMING__CYLCE_S": "60"}, "environment COLDAISLE_TIMING__CYLCE_S, timing.cylce_s", "not a key"),
        ({"COLDAISLE_TIMIN__CYCLE_S": "60"}, "environment COLDAISLE_TIMIN__CYCLE_S, timin", "not a section"),
        ({"COLDAISLE_TOKEN": "hush"}, "environment COLDAISLE_TOKEN, token", "not a section"),
        ({"COLDAISLE_DEVICE": '{"plc": {"port": 0}}'}, "environment COLDAISLE_DEVICE, device.plc.port", "0"),
        ({"COLDAISLE_DEVICE": "{"}, "environment COLDAISLE_DEVICE, device", "'{'"),
    ],
)
def test_a_bad_variable_is_named(spoil: Spoil, environ: Mapping[str, str], where: str, value: str) -> None:
    problems = spoil(environ=environ)
    assert [p.where for p in problems] == [where]
    assert value in problems[0].value
    assert "hush" not in str(problems[0])


@pytest.mark.parametrize(
    ("content", "where", "value"),
    [
        (b"[site\n", "site.toml", "line 1"),
        (b"\xef\xbb\xbf[site]\n", "site.toml line 1", "byte-order mark"),
        ("[site]\n".encode("utf-16"), "site.toml line 1", "UTF-16"),
        ('[site]\nname = "caf\u00e9"\n'.encode("latin-1"), "site.toml line 2", "0xe9"),
        (b"x = " + b"[" * 20_000, "site.toml", "nested too deep"),
        (b"x = " + b"9" * 5_000, "site.toml", "integer"),
    ],
)
def test_a_file_that_is_not_toml_is_named(load: Load, tmp_path: Path, content: bytes, where: str, value: str) -> None:
    load()
    (tmp_path / "site.toml").write_bytes(content)
    with pytest.raises(SiteErrors) as caught:
        load_site(tmp_path, {})
    assert [p.where for p in caught.value.problems] == [where]
    assert value in caught.value.problems[0].value
