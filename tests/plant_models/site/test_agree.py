"""Contradictions between sections, between rows, and between the two files."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from plant_models.site.load import Problem

Spoil = Callable[..., list[Problem]]

CHILLER = '[[chiller]]\nname = "ch-1"\nplant = "plant"\ncapacity_kw = 1000\n'
LAST = "daemon.heartbeat,modbus,plc,3:40010,uint16,,1,0,1,w,,,,volatile,\n"
REQUEST = "plant.chws_setpoint_c.request,modbus,plc,3:40003,int16,,0.1,0,degC,rw,30,0,30,volatile,\n"
AUTHORITY = "plant.chws_setpoint_c.authority,modbus,plc,3:40004,uint16,,1,0,enum:0=hand|1=local|2=remote,r,30,,,,\n"
CLOCK = "bas.clock_s,modbus,plc,3:40020,float64,ABCD,1,0,s,r,30,,,,\n"


@pytest.mark.parametrize(
    ("added", "where", "value", "allowed"),
    [
        ("[lease]\nheartbeat_period_s = 15\nbas_timeout_s = 30\n", "lease.bas_timeout_s", "30", "more than twice lease.heartbeat_period_s, which is 15"),
        ("[timing]\nguard_s = 6\n", "timing.guard_s", "6", "at most lease.heartbeat_period_s, which is 5"),
        ("[timing]\nsolver_time_limit_wall_s = 4\n", "timing.solver_time_limit_wall_s", "4", "less than timing.plan_deadline_wall_s, which is 4"),
        ('[clock]\nsource = "point"\n', "clock.source", "'point'", "bas.clock_s"),
        ('[setpoint."hall-a.crah_fan_setpoint_pct"]\nlow = 30\nhigh = 90\nown = 80\n', 'setpoint."hall-a.crah_fan_setpoint_pct"', "no point", ".request"),
        ('[setpoint."plant.chws_temp_c"]\nlow = 6\nhigh = 9\nown = 8\n', 'setpoint."plant.chws_temp_c"', "chws_temp_c", "plant.chws_setpoint_c"),
        ('[[tower]]\nname = "ct-1"\nplant = "plnt"\nwater_flow_kgs = 1\nfan_power_kw = 1\n', "tower[ct-1].plant", "'plnt'", "plant"),
        ('[[tower]]\nname = "ch-1"\nplant = "plant"\nwater_flow_kgs = 1\nfan_power_kw = 1\n', "name", "'ch-1' is given 2 times", "once"),
        ('[[tower]]\nname = "hall-a-r02"\nplant = "plant"\nwater_flow_kgs = 1\nfan_power_kw = 1\n', "name", "'hall-a-r02' is given 2", "once"),
        ('[[tank]]\nname = "tes"\nplant = "plnt"\nvolume_m3 = 1\nflow_kgs = 1\n', "tank[tes].plant", "'plnt'", "plant"),
        (
            '[[pump]]\nname = "p"\nplant = "plant"\nserves = "chw_primary"\ncount = 1\nflow_kgs = 1\npower_kw = 1\n',
            "plant[plant].hydraulics",
            "variable_primary",
            "primary_secondary where",
        ),
        ('[[economiser]]\nname = "bas"\nplant = "plant"\nheat_kw = 1\n', "name", "'bas' is given 1 times", "other than bas"),
    ],
)
def test_sections_that_contradict_each_other(spoil: Spoil, added: str, where: str, value: str, allowed: str) -> None:
    problems = spoil(site={CHILLER: f"{CHILLER}{added}"})
    assert [p.where for p in problems] == [f"site.toml: {where}"]
    assert value in problems[0].value
    assert allowed in problems[0].allowed


@pytest.mark.parametrize(
    ("old", "new", "where", "allowed"),
    [
        ('name = "yard"', 'name = "yard"\ntime_zone = "Moon/Tycho"', "site.time_zone", "Europe/Berlin"),
        ("loop_volume_m3 = 20", "loop_volume_m3 = 20\nchw_dp_min_kpa = 160", "plant[plant].chw_dp_min_kpa", "less than chw_dp_max_kpa, which is 150"),
        ("capacity_kw = 1000", "capacity_kw = 1000\nlift_min_k = 30", "chiller[ch-1].lift_min_k", "less than lift_max_k, which is 25"),
        ("own = 9", "own = 5", 'setpoint."plant.chws_setpoint_c"', "low <= own <= high"),
        ("own = 9", "own = 17", 'setpoint."plant.chws_setpoint_c"', "low <= own <= high"),
        ("low = 6", "low = 17", 'setpoint."plant.chws_setpoint_c"', "low <= own <= high"),
    ],
)
def test_values_of_a_section_that_contradict_each_other(spoil: Spoil, old: str, new: str, where: str, allowed: str) -> None:
    problems = spoil(site={old: new})
    assert [p.where for p in problems] == [f"site.toml: {where}"]
    assert allowed in problems[0].allowed


def test_the_boundaries_themselves_are_allowed(spoil: Spoil) -> None:
    timing = "[lease]\nheartbeat_period_s = 5\nbas_timeout_s = 10.1\n[timing]\nguard_s = 5\nsolver_time_limit_wall_s = 3.9\n"
    assert spoil(site={CHILLER: f"{CHILLER}{timing}", "own = 9": "own = 6"}) == []


@pytest.mark.parametrize(
    ("added", "column", "value", "allowed"),
    [
        ("plant.chws_temp_c,modbus,plc,3:40030,int16,,1,0,degC,r,30,,,,", "signal", "plant.chws_temp_c", "it stands in line 2"),
        ("plant.chwr_temp_c,modbus,plc,3:40002,int16,,1,0,degC,r,30,,,,", "address", "3:40002", "plant.chws_temp_c in line 2 takes 2 from 3:40001"),
        ("plant.chwr_temp_c,modbus,plc,3:40009,float32,ABCD,1,0,degC,r,30,,,,", "address", "2 registers", "daemon.heartbeat in line 8"),
        ("hall-a-r02.rack_inlet_c,opcua,air,nsu=urn:site:air;s=R1,float,,1,0,degC,r,60,,,,", "address", "s=R1", "hall-a-r01.rack_inlet_c in line 7"),
        ("plant.chw_dp_setpoint_kpa.request,modbus,plc,3:40030,int16,,1,0,kPa,w,,,,,", "signal", "no range", 'setpoint."plant.chw_dp_setpoint_kpa"'),
        ("plant.chwr_temp_c,opcua,plc,nsu=u;s=x,float,,1,0,degC,r,30,,,,", "protocol", "opcua", "modbus, which device plc speaks"),
    ],
)
def test_rows_that_contradict_each_other_or_the_site(spoil: Spoil, added: str, column: str, value: str, allowed: str) -> None:
    problems = spoil(points={LAST: f"{LAST}{added}\n"})
    assert [p.where for p in problems] == [f"points.csv line 9, column {column}"]
    assert value in problems[0].value
    assert allowed in problems[0].allowed


@pytest.mark.parametrize(
    "added",
    [
        "plant.chwr_temp_c,modbus,plc,4:40001,int16,,1,0,degC,r,30,,,,",  # another unit
        "plant.chwr_temp_c,modbus,plc,3:30001,int16,,1,0,degC,r,30,,,,",  # another table
        "plant.chwr_temp_c,modbus,plc,3:40008,float32,ABCD,1,0,degC,r,30,,,,",  # just between two others
        "weather.oa_drybulb_c,modbus,plc,3:40030,int16,,1,0,degC,r,30,,,,",
        "site.facility_power_kw,modbus,plc,3:40030,int16,,1,0,kW,r,30,,,,",
    ],
)
def test_rows_that_are_no_contradiction(spoil: Spoil, added: str) -> None:
    assert spoil(points={LAST: f"{LAST}{added}\n"}) == []


def test_a_long_point_overlaps_every_later_one_within_it(spoil: Spoil) -> None:
    added = "bas.clock_s,modbus,plc,3:40040,float64,ABCD,1,0,s,r,30,,,,\nbas.heartbeat,modbus,plc,3:40041,uint16,,1,0,1,r,30,,,,\n"
    added += "bas.alarm,modbus,plc,3:40043,uint16,,1,0,1,r,30,,,,\n"
    problems = spoil(points={LAST: f"{LAST}{added}"})
    assert [p.where for p in problems] == ["points.csv line 10, column address", "points.csv line 11, column address"]


def test_a_setpoint_without_its_request_point_is_named(spoil: Spoil) -> None:
    problems = spoil(points={REQUEST: ""})
    assert [p.where for p in problems] == ['site.toml: setpoint."plant.chws_setpoint_c"']


def test_a_clock_point_serves_the_clock(spoil: Spoil) -> None:
    assert spoil(site={"[device.plc]": '[clock]\nsource = "point"\n[device.plc]'}, points={LAST: f"{LAST}{CLOCK}"}) == []


def test_a_refused_machine_is_reported_once_not_at_all_its_points(spoil: Spoil) -> None:
    problems = spoil(site={"capacity_kw = 1000": "capacity_kw = -1"})
    assert [(p.where, p.value) for p in problems] == [("site.toml: chiller[ch-1].capacity_kw", "-1")]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[[plant]]", "[[plants]]"),
        ("[[plant]]", "[plant]"),
        ("row_count = 2", "row_count = 0"),
        ("[[hall]]", "[[halls]]"),
        ("[device.air]", "[devices.air]"),
        ("low = 6", 'low = "cold"'),
        ('protocol = "opcua"', 'protocol = "dnp3"'),
    ],
)
def test_one_mistake_in_a_section_is_one_message(spoil: Spoil, old: str, new: str) -> None:
    assert len(spoil(site={old: new})) == 1
