"""What ``coldaisle check`` prints of a site."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from plant_models.site.describe import as_json, describe
from plant_models.site.load import LoadedSite, load_site

CONFIG = Path(__file__).parents[3] / "config"


def test_a_site_is_described_with_its_machines_points_setpoints_and_lease() -> None:
    lines = describe(load_site(CONFIG / "reference-a", {})).splitlines()
    assert lines[0] == "site reference-a, simulated, Etc/GMT+5, 98 kPa, clock: point"
    assert "    5 chillers: ch-1, ch-2, ch-3, ch-4, ch-5 (7035 kW together)" in lines
    assert "  hall hall-a: 5000 kW IT, 10 rows of 25 racks, 18 CRAHs, class A1, served by plant" in lines
    assert "  plant-plc: modbus-tcp://127.0.0.1:15020, 96 points (92 read, 11 written)" in lines
    assert "  air-server: opc.tcp://127.0.0.1:14840/coldaisle/, 27 points (27 read, 2 written), no security, polled" in lines
    assert "  plant.cws_setpoint_c: 15.6 .. 29.4 degC, 24 by itself" in lines
    assert "  heartbeat every 5 s, the BAS takes over after 30 s (proven)" in lines


def test_what_is_missing_is_said(load: Callable[..., LoadedSite], header: str) -> None:
    bare = describe(load('[site]\nname = "bare"\n', header))
    assert "no chilled-water plant" in bare
    assert "no hall" in bare
    assert "read only" in bare
    assert "not proven" in bare
    assert "no effective point" in describe(load())


def test_the_json_holds_all_settings_and_the_counts_of_points() -> None:
    loaded = load_site(CONFIG / "small", {})
    values = json.loads(json.dumps(as_json(loaded)))
    assert values["chiller"][1]["name"] == "ch-2"
    assert values["timing"]["cycle_s"] == 300.0
    assert values["points"]["count"] == 82
    assert values["points"]["by_device"] == {"plant-plc": 82}
    assert values["points"]["by_quantity"]["machine_state"] == 4
    assert values["points"]["setpoints"] == list(loaded.points.setpoints)
