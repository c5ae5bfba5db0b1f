"""A small site on disk that each test spoils in its own way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from plant_models.site.load import LoadedSite, Problem, SiteErrors, load_site

SITE = """
[site]
name = "yard"

[device.plc]
protocol = "modbus"

[device.air]
protocol = "opcua"

[[plant]]
name = "plant"
chw_flow_kgs = 50
loop_volume_m3 = 20

[[chiller]]
name = "ch-1"
plant = "plant"
capacity_kw = 1000

[[hall]]
name = "hall-a"
plant = "plant"
it_capacity_kw = 800
row_count = 2
racks_per_row = 10
crah_count = 4
crah_air_flow_kgs = 90

[setpoint."plant.chws_setpoint_c"]
low = 6
high = 16
own = 9
"""

HEADER = "signal,protocol,device,address,type,word_order,scale,offset,unit,access,stale_after_s,plausible_low,plausible_high,write_class,tags"
POINTS = f"""{HEADER}
plant.chws_temp_c,modbus,plc,3:40001,float32,ABCD,1,0,degC,r,30,0,40,,
plant.chws_setpoint_c.request,modbus,plc,3:40003,int16,,0.1,0,degC,rw,30,0,30,volatile,
plant.chws_setpoint_c.authority,modbus,plc,3:40004,uint16,,1,0,enum:0=hand|1=local|2=remote,r,30,,,,
ch-1.machine_state,modbus,plc,3:40005,uint16,,1,0,enum:0=off|2=running,r,30,,,,
ch-1.power_kw,modbus,plc,3:40006,int32,CDAB,1,0,W,r,30,,,,
hall-a-r01.rack_inlet_c,opcua,air,nsu=urn:site:air;s=R1,float,,1,0,degC,r,60,5,60,,
daemon.heartbeat,modbus,plc,3:40010,uint16,,1,0,1,w,,,,volatile,
"""

Spoil = Callable[..., list[Problem]]


@pytest.fixture
def spoil(tmp_path: Path) -> Spoil:
    """Returns a function that loads the small site with pieces of its files replaced, and gives what is wrong with it."""

    def problems(site: Mapping[str, str] | None = None, points: Mapping[str, str] | None = None, environ: Mapping[str, str] | None = None) -> list[Problem]:
        write(tmp_path, replaced(SITE, site or {}), replaced(POINTS, points or {}))
        try:
            load_site(tmp_path, environ or {})
        except SiteErrors as errors:
            return list(errors.problems)
        return []

    return problems


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., LoadedSite]:
    """Returns a function that loads a site from the text of its two files."""

    def loaded(site: str = SITE, points: str = POINTS, environ: Mapping[str, str] | None = None) -> LoadedSite:
        write(tmp_path, site, points)
        return load_site(tmp_path, environ or {})

    return loaded


@pytest.fixture
def site_text() -> str:
    """Returns the small site's ``site.toml``."""
    return SITE


@pytest.fixture
def points_text() -> str:
    """Returns the small site's ``points.csv``."""
    return POINTS


@pytest.fixture
def header() -> str:
    """Returns the header of a points table."""
    return HEADER


def write(directory: Path, site: str, points: str) -> None:
    """Writes a site's two files."""
    (directory / "site.toml").write_text(site, encoding="utf-8")
    (directory / "points.csv").write_text(points, encoding="utf-8")


def replaced(text: str, pieces: Mapping[str, str]) -> str:
    """Returns a text with every piece replaced; each must stand in it."""
    for old, new in pieces.items():
        assert old in text, old
        text = text.replace(old, new, 1)
    return text
