"""Whole sites: those that ship, those without halls or chillers, and everything wrong at once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plant_models.site.load import LoadedSite, Problem, SiteErrors, load_site

CONFIG = Path(__file__).parents[3] / "config"
Spoil = Callable[..., list[Problem]]
Load = Callable[..., LoadedSite]


@pytest.mark.parametrize(("name", "points", "chillers"), [("reference-a", 123, 5), ("small", 82, 2)])
def test_the_sites_that_ship_load_clean(name: str, points: int, chillers: int) -> None:
    loaded = load_site(CONFIG / name, {})
    assert len(loaded.points.rows) == points
    assert len(loaded.site.chiller) == chillers
    assert loaded.points.setpoints == tuple(loaded.site.setpoint)


def test_ten_mistakes_give_ten_messages(tmp_path: Path) -> None:
    text = (CONFIG / "small" / "points.csv").read_text(encoding="utf-8").splitlines()
    changes = {
        2: ("bas.heartbeat", "bas.hartbeat"),
        10: ("float32", "float33"),
        11: ("3:40017", "3:4017"),
        12: ("kg/s", "psi"),
        13: (",r,30,", ",r,,"),
        14: ("ABCD", "ABDC"),
        15: (",1,0,degC", ",0,0,degC"),
        16: (",0,800,", ",800,0,"),
        19: ("enum:0=hand|1=local|2=remote", "enum:0=hand|1=hand|2=remote"),
        27: ("plant-plc", "plant-plx"),
    }
    for line, (old, new) in changes.items():
        assert old in text[line - 1]
        text[line - 1] = text[line - 1].replace(old, new, 1)
    (tmp_path / "points.csv").write_text("\n".join(text), encoding="utf-8")
    (tmp_path / "site.toml").write_bytes((CONFIG / "small" / "site.toml").read_bytes())
    with pytest.raises(SiteErrors) as caught:
        load_site(tmp_path, {})
    expected = [
        (2, "signal", "'bas.hartbeat'", "heartbeat"),
        (10, "type", "'float33'", "int16, uint16, int32, uint32, int64, uint64, float32, float64, bit"),
        (11, "address", "'3:4017'", "3:40001"),
        (12, "unit", "'psi'", "gpm"),
        (13, "stale_after_s", "empty", "more than 0"),
        (14, "word_order", "'ABDC'", "ABCD, CDAB, BADC, DCBA"),
        (15, "scale", "'0'", "other than 0"),
        (16, "plausible_low", "'800'", "less than plausible_high, which is 0"),
        (19, "unit", "enum:0=hand|1=hand", "enum:0=NAME|1=NAME"),
        (27, "device", "'plant-plx'", "plant-plc"),
    ]
    found = sorted(caught.value.problems, key=lambda p: int(p.where.split()[2].rstrip(",")))
    assert len(found) == 10
    for problem, (line, column, value, allowed) in zip(found, expected, strict=True):
        assert problem.where == f"points.csv line {line}, column {column}"
        assert value in problem.value
        assert allowed in problem.allowed
    assert str(caught.value).count("\n") == 9


def test_both_files_are_reported_at_once(spoil: Spoil) -> None:
    problems = spoil(site={"own = 9": "own = 90", "capacity_kw = 1000": "capacity_kw = 0"}, points={"float32,ABCD": "float32,AB", "3:40005": "3:40004"})
    assert [p.where for p in problems] == [
        "site.toml: chiller[ch-1].capacity_kw",
        'site.toml: setpoint."plant.chws_setpoint_c"',
        "points.csv line 2, column word_order",
        "points.csv line 5, column address",
    ]


def test_a_directory_without_files_says_which_are_missing(tmp_path: Path) -> None:
    with pytest.raises(SiteErrors) as caught:
        load_site(tmp_path / "nowhere", {})
    assert [(p.where, p.value) for p in caught.value.problems] == [("site.toml", "missing"), ("points.csv", "missing")]


def test_a_site_file_that_cannot_be_read_does_not_hide_the_table(load: Load, tmp_path: Path, points_text: str) -> None:
    load()
    (tmp_path / "site.toml").unlink()
    (tmp_path / "points.csv").write_text(points_text.replace("float32", "float31"), encoding="utf-8")
    with pytest.raises(SiteErrors) as caught:
        load_site(tmp_path, {})
    assert [p.where for p in caught.value.problems] == ["site.toml", "points.csv line 2, column type"]


@pytest.mark.parametrize(
    ("content", "line", "value"), [(b"\xef\xbb\xbfsignal\n", 1, "byte-order mark"), (b"signal\n\xb0C\n", 2, "0xb0"), ("signal".encode("utf-16"), 1, "UTF-16")]
)
def test_a_table_in_another_encoding_is_named(load: Load, tmp_path: Path, content: bytes, line: int, value: str) -> None:
    load()
    (tmp_path / "points.csv").write_bytes(content)
    with pytest.raises(SiteErrors) as caught:
        load_site(tmp_path, {})
    assert [p.where for p in caught.value.problems] == [f"points.csv line {line}"]
    assert value in caught.value.problems[0].value
    assert "UTF-8" in caught.value.problems[0].allowed


def test_a_site_without_halls_loads(load: Load, header: str) -> None:
    site = '[site]\nname = "water"\n[device.plc]\nprotocol = "modbus"\n[[plant]]\nname = "plant"\nchw_flow_kgs = 50\nloop_volume_m3 = 20\n'
    rows = [
        "plant.chws_temp_c,modbus,plc,1:30001,int16,,0.1,0,degC,r,30,0,40,,",
        "plant.chwr_temp_c,modbus,plc,1:30002,int16,,0.1,0,degC,r,30,0,40,,",
        "plant.chw_flow_kgs,modbus,plc,1:30003,uint16,,1,0,gpm,r,30,0,400,,",
    ]
    loaded = load(site, "\n".join([header, *rows]))
    assert (loaded.site.hall, loaded.site.chiller, loaded.points.setpoints) == ((), (), ())
    assert [p.signal for p in loaded.points.rows] == ["plant.chws_temp_c", "plant.chwr_temp_c", "plant.chw_flow_kgs"]


def test_a_site_without_a_plant_loads(load: Load, header: str) -> None:
    site = '[site]\nname = "air"\n[device.air]\nprotocol = "opcua"\n[[hall]]\nname = "hall-a"\nit_capacity_kw = 100\nrow_count = 1\nracks_per_row = 4\n'
    site += "crah_count = 2\ncrah_air_flow_kgs = 9\n"
    loaded = load(site, f"{header}\nhall-a.rack_inlet_max_c,opcua,air,nsu=u;s=x,double,,1,0,degF,r,30,5,60,,\n")
    assert loaded.site.hall[0].plant is None
    assert loaded.site.plant == ()


def test_loading_a_site_imports_nothing_heavy() -> None:
    program = (
        "import sys, pathlib\n"
        "from plant_models.site import describe, limits, load\n"
        f"loaded = load.load_site(pathlib.Path({str(CONFIG / 'small')!r}), {{}})\n"
        "limits.limits_of(loaded.site, loaded.points)\n"
        "print(sorted({'numpy', 'casadi', 'pandas', 'scipy', 'do_mpc'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=CONFIG.parent)
    assert done.stdout.strip() == "[]"


def problems_of(directory: Path, environ: Mapping[str, str]) -> tuple[Problem, ...]:
    """Returns what is wrong with a site; anything raised but SiteErrors fails the test."""
    try:
        load_site(directory, environ)
    except SiteErrors as errors:
        return errors.problems or (Problem("", "", ""),)
    return ()


def refused_or_loaded(site: bytes, points: bytes) -> None:
    """Loads a site from the bytes of its files, and asks that every problem be one whole line."""
    with TemporaryDirectory() as directory:
        Path(directory, "site.toml").write_bytes(site)
        Path(directory, "points.csv").write_bytes(points)
        problems = problems_of(Path(directory), {})
    assert all(p.where and p.value and p.allowed and "\n" not in str(p) for p in problems)


SMALL_SITE = (CONFIG / "small" / "site.toml").read_bytes()
SMALL_POINTS = b"\n".join((CONFIG / "small" / "points.csv").read_bytes().splitlines()[:24])
PIECES = st.sampled_from(
    [
        b",",
        b";",
        b'"',
        b"\n",
        b"\r",
        b"\x00",
        b"\xff",
        b"nan",
        b"-1",
        b"1e400",
        b"0",
        b"[",
        b"]",
        b"{",
        b"=",
        b".",
        b"enum:",
        b"|",
        b"rw",
        b"CDAB",
        b"\xef\xbb\xbf",
        b"9" * 400,
    ]
)


@st.composite
def mutated(draw: st.DrawFn, text: bytes) -> bytes:
    """Draws a text with a few stretches replaced."""
    for _ in range(draw(st.integers(1, 5))):
        start = draw(st.integers(0, len(text)))
        text = text[:start] + draw(PIECES | st.binary(max_size=4)) + text[start + draw(st.integers(0, 12)) :]
    return text


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=300), st.binary(max_size=300))
def test_random_bytes_are_refused_in_words(site: bytes, points: bytes) -> None:
    refused_or_loaded(site, points)


@settings(deadline=None, max_examples=150)
@given(mutated(SMALL_POINTS))
def test_a_mutated_table_is_loaded_or_refused_in_words(points: bytes) -> None:
    refused_or_loaded(SMALL_SITE, points)


@settings(deadline=None, max_examples=150)
@given(mutated(SMALL_SITE))
def test_a_mutated_site_is_loaded_or_refused_in_words(site: bytes) -> None:
    refused_or_loaded(site, SMALL_POINTS)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.sampled_from(["name", "plant", "protocol", "low"]), inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(["site", "timing", "device", "plant", "hall", "chiller", "setpoint", "money", "limits"]), _VALUES)
def test_any_value_in_any_section_is_loaded_or_refused_in_words(section: str, value: object) -> None:
    problems = problems_of(CONFIG / "small", {f"COLDAISLE_{section.upper()}": json.dumps(value)})
    assert all(p.where and p.value and p.allowed for p in problems)
