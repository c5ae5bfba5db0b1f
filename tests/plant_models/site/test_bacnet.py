"""BACnet in a site's files: devices, object addresses, types, states counted from 1, and the priority of commands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plant_models.site.address import parse_bacnet_address
from plant_models.site.codec import raw_of, value_of
from plant_models.site.describe import describe
from plant_models.site.load import LoadedSite, SiteErrors, load_site
from plant_models.site.points import WriteClass
from tests.plant_models.site.conftest import HEADER, SITE

DEVICE = 'protocol = "bacnet"\nport = 47808\ninstance = 260001'
TEMPERATURE = "plant.chws_temp_c,bacnet,bms,analog-input:3,real,,1,0,degC,r,30,0,40,,"
REQUEST = "plant.chws_setpoint_c.request,bacnet,bms,analog-value:31,real,,1,0,degC,rw,30,0,30,volatile priority=15,"
STATE = "ch-1.machine_state,bacnet,bms,multi-state-value:4,unsigned,,1,-1,enum:0=off|2=running,r,30,,,,"
BEAT = "daemon.heartbeat,bacnet,bms,positive-integer-value:1,unsigned,,1,0,1,w,,,,,"
ROWS = (TEMPERATURE, REQUEST, STATE, BEAT)


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., LoadedSite]:
    """Loads the site with one device for all its points, after changing pieces of its files."""

    def build(**changes: Any) -> LoadedSite:
        site = SITE.replace("[device.plc]", "[device.bms]").replace('protocol = "modbus"', changes.get("device", DEVICE), 1)
        rows = [row.replace(*changes["row"][1:]) if changes.get("row", ("",))[0] == row else row for row in ROWS]
        (tmp_path / "site.toml").write_text(site + changes.get("more", ""))
        (tmp_path / "points.csv").write_text("\n".join([HEADER, *rows]) + "\n")
        return load_site(tmp_path, {})

    return build


def test_a_bacnet_site_is_understood(load: Any) -> None:
    loaded = load()
    points = loaded.points.by_signal
    request = points["plant.chws_setpoint_c.request"]
    assert (request.priority, request.write_class) == (15, WriteClass.VOLATILE)
    assert (points["daemon.heartbeat"].priority, points["daemon.heartbeat"].write_class) == (14, WriteClass.UNKNOWN)
    assert "bms: bacnet-ip://127.0.0.1:47808 device 260001, 4 points (3 read, 2 written)" in describe(loaded)


def test_states_that_count_from_1_become_codes_that_count_from_0(load: Any) -> None:
    state = load().points.by_signal["ch-1.machine_state"]
    assert [value_of(state, raw) for raw in (1.0, 3.0, 2.0, 0.0)] == [0.0, 2.0, None, None]
    assert raw_of(state, 2.0) == 3
    with pytest.raises(ValueError, match="the codes are"):
        raw_of(state, 1.0)


@pytest.mark.parametrize(
    ("row", "old", "new", "column", "allowed"),
    [
        (TEMPERATURE, "analog-input:3", "analog-input", "address", "object-type:instance"),
        (TEMPERATURE, "analog-input:3", "analog_input:3", "address", "object-type:instance"),
        (TEMPERATURE, "analog-input:3", "analog-input:4194303", "address", "0 .. 4194302"),
        (TEMPERATURE, "analog-input:3", "trend-log:3", "address", "analog-input, analog-output"),
        (TEMPERATURE, "analog-input:3", "binary-input:3", "type", "binary, which the present value of binary-input is"),
        (TEMPERATURE, "real", "float32", "type", "real, double, integer, unsigned, binary"),
        (TEMPERATURE, "real,,", "real,ABCD,", "word_order", "empty: BACnet has its own"),
        (TEMPERATURE, "analog-input:3", "analog-value:31", "address", "an object of its own"),
        (REQUEST, "analog-value:31", "analog-input:31", "address", "an input is measured"),
        (REQUEST, "priority=15", "priority=12", "write_class", "priority=13 .. priority=16"),
        (REQUEST, "priority=15", "priority=8", "write_class", "priority=13 .. priority=16"),
        (REQUEST, "priority=15", "priority=17", "write_class", "priority=13 .. priority=16"),
        (REQUEST, "priority=15", "priority=high", "write_class", "priority=13 .. priority=16"),
        (REQUEST, "priority=15", "priority=15 priority=16", "write_class", "volatile, eeprom"),
        (REQUEST, "volatile", "flash", "write_class", "with or without priority=13"),
        (STATE, ",-1,", ",-2,", "offset", "0 or -1 (states count from 1)"),
    ],
)
def test_one_wrong_cell_gives_one_message(load: Any, row: str, old: str, new: str, column: str, allowed: str) -> None:
    with pytest.raises(SiteErrors) as refused:
        load(row=(row, old, new))
    (problem,) = refused.value.problems
    assert problem.where.endswith(f"column {column}")
    assert allowed in problem.allowed


@pytest.mark.parametrize(
    ("device", "more", "at", "allowed"),
    [
        ('protocol = "bacnet"\nport = 47808', "", "device.bms.instance", "instance number"),
        ('protocol = "bacnet"\ninstance = 1', "", "device.bms.port", "47808 unless it was moved"),
        (DEVICE.replace("260001", "4194303"), "", "device.bms.instance", "4194302"),
        (DEVICE + "\nlocal_port = 47808", f"[device.two]\n{DEVICE}\nlocal_port = 47808\n", "device.two.local_port", "device bms has this one"),
    ],
)
def test_a_device_that_cannot_be_found_is_refused(load: Any, device: str, more: str, at: str, allowed: str) -> None:
    with pytest.raises(SiteErrors) as refused:
        load(device=device, more=more)
    problem = next(p for p in refused.value.problems if at in p.where)
    assert allowed in problem.allowed


def test_a_priority_is_of_bacnet_only(load: Any) -> None:
    with pytest.raises(SiteErrors, match="priority"):
        load(row=(REQUEST, "bacnet,bms,analog-value:31,real", "opcua,air,nsu=urn:x;s=a,float"))


@pytest.mark.parametrize("text", ["analog-value:31", "large-analog-value:0", "multi-state-input:4194302"])
def test_an_address_is_taken_apart(text: str) -> None:
    address = parse_bacnet_address(text)
    assert f"{address.object_type}:{address.instance}" == text
    assert address.writable == ("input" not in text)
