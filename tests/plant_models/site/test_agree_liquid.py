"""The liquid side of a site: what is understood of it, and every way in which it can contradict itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from plant_models.site.describe import describe
from plant_models.site.limits import limits_of
from plant_models.site.load import LoadedSite, Problem

LIQUID = """
[hall.liquid]
fraction = 0.85
flow_kgs = 11
volume_m3 = 1.5
dp_kpa = 200
dp_min_kpa = 60
dp_max_kpa = 300

[[facility_loop]]
name = "fws"
flow_kgs = 20
volume_m3 = 4
dp_kpa = 150

[[pump]]
name = "fwp"
plant = "fws"
serves = "fws"
count = 2
flow_kgs = 20
power_kw = 9

[[cdu]]
name = "cdu-1"
hall = "hall-a"
loop = "fws"
heat_kw = 700
tcs_flow_kgs = 11
fws_flow_kgs = 11.5
power_kw = 26

[[dry_cooler]]
name = "dc-1"
loop = "fws"
heat_kw = 800
water_flow_kgs = 20
fan_power_kw = 32
pads = true

[[trim_chiller]]
name = "trim-1"
loop = "fws"
capacity_kw = 200

[setpoint."hall-a.tcs_setpoint_c"]
low = 25
high = 40
own = 38

[setpoint."hall-a.tcs_dp_setpoint_kpa"]
low = 60
high = 300
own = 200

[setpoint."fws.fws_setpoint_c"]
low = 20
high = 36
own = 34

[setpoint."plant.chws_setpoint_c"]"""
ROWS = """hall-a.tcs_setpoint_c.request,modbus,plc,3:40100,int16,,0.1,0,degC,rw,30,0,60,volatile,
hall-a.tcs_dp_setpoint_kpa.request,modbus,plc,3:40101,int16,,0.1,0,kPa,rw,30,0,700,volatile,
fws.fws_setpoint_c.request,modbus,plc,3:40102,int16,,0.1,0,degC,rw,30,0,60,volatile,
cdu-1.cdu_flow_kgs,modbus,plc,3:40104,float32,ABCD,1,0,kg/s,r,30,0,50,,
dc-1.pad_state,modbus,plc,3:40106,uint16,,1,0,1,r,30,,,,
daemon.heartbeat,modbus"""


@pytest.fixture
def wet(site_text: str, points_text: str) -> tuple[str, str]:
    """Returns the two files of the small site with its hall half liquid."""
    return site_text.replace('\n[setpoint."plant.chws_setpoint_c"]', LIQUID), points_text.replace("daemon.heartbeat,modbus", ROWS)


@pytest.fixture
def spoiled(wet: tuple[str, str], spoil: Callable[..., list[Problem]]) -> Callable[[str, str], list[Problem]]:
    """Returns a function that replaces a piece of the liquid part and gives what is wrong then."""
    head = '\n[setpoint."plant.chws_setpoint_c"]'

    def problems(old: str, new: str) -> list[Problem]:
        assert old in LIQUID
        return spoil({head: LIQUID.replace(old, new)}, {"daemon.heartbeat,modbus": ROWS})

    return problems


def test_a_liquid_hall_is_understood_and_its_setpoints_are_narrowed_to_its_classes(load: Callable[..., LoadedSite], wet: tuple[str, str]) -> None:
    loaded = load(*wet)
    hall = loaded.site.hall[0]
    assert hall.liquid is not None
    assert hall.liquid.tcs_max_c == 40.0
    assert (hall.liquid_capacity_kw, hall.air_capacity_kw) == (pytest.approx(680.0), pytest.approx(120.0))
    assert loaded.site.facility_loop[0].fws_max_c == 40.0
    told = describe(loaded)
    assert "85 % to technology water of class S40" in told
    assert "facility loop fws: class W40, 20 kg/s at design, 4 m3" in told
    assert "dry cooler dc-1: 800 kW at 35 degC air, with pads" in told
    assert "trim chiller trim-1: 200 kW" in told
    limits = limits_of(loaded.site, loaded.points)
    reach = {name: (s.low, s.high) for name, s in limits.setpoints.items()}
    assert reach["hall-a.tcs_setpoint_c"] == (25.0, 40.0)
    assert reach["hall-a.tcs_dp_setpoint_kpa"] == (60.0, 300.0)
    assert reach["fws.fws_setpoint_c"] == (20.0, 36.0)


def test_a_hall_without_the_table_is_an_air_hall(load: Callable[..., LoadedSite]) -> None:
    hall = load().site.hall[0]
    assert hall.liquid is None
    assert (hall.liquid_capacity_kw, hall.air_capacity_kw) == (0.0, 800.0)


@pytest.mark.parametrize(
    ("old", "new", "where", "allowed"),
    [
        ('hall = "hall-a"', 'hall = "hall-b"', "site.toml: cdu[cdu-1].hall", "a hall with a table [hall.liquid]: hall-a"),
        (
            'name = "cdu-1"\nhall = "hall-a"\nloop = "fws"',
            'name = "cdu-1"\nhall = "hall-a"\nloop = "pws"',
            "site.toml: cdu[cdu-1].loop",
            "a declared facility_loop: fws",
        ),
        ('name = "dc-1"\nloop = "fws"', 'name = "dc-1"\nloop = "pws"', "site.toml: facility_loop[fws]", 'a [[dry_cooler]] with loop = "fws"'),
        ('plant = "fws"', 'plant = "plant"', "site.toml: facility_loop[fws]", 'a [[pump]] with plant = "fws" and serves = "fws"'),
        ("heat_kw = 700", "heat_kw = 600", "site.toml: hall[hall-a].liquid", "CDUs for at least the 680 kW that go to technology water"),
        ("dp_min_kpa = 60", "dp_min_kpa = 300", "site.toml: hall[hall-a].liquid.dp_min_kpa", "less than dp_max_kpa, which is 300"),
        ("fraction = 0.85", "fraction = 0.2", "site.toml: hall[hall-a].liquid.fraction", "a number, at least 0.5, at most 0.97"),
        ("high = 40", "high = 45", 'site.toml: setpoint."hall-a.tcs_setpoint_c".high', "15 .. 40 (a site narrows limits, it never widens them)"),
        ('name = "dc-1"', 'name = "cdu-1"', "site.toml: name", "each name once among plants, halls, their rows and machines"),
    ],
)
def test_every_contradiction_is_named(old: str, new: str, where: str, allowed: str, spoiled: Callable[[str, str], list[Problem]]) -> None:
    assert (where, allowed) in {(problem.where, problem.allowed) for problem in spoiled(old, new)}
