"""The benchmarks measure what they say: the C programs read the right registers, wrong values stop a run, missing tools leave a section out with a reason."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from controller.benchmarks import __main__ as command
from controller.benchmarks import fieldbus, peers
from controller.benchmarks.identify import main as drawn_sites
from controller.fieldbus import Raw
from controller.fieldbus.modbus import ModbusBus
from plant_models.site.topology import Device
from safety.records import Status


async def test_c_client_and_our_own_read_the_same_registers() -> None:
    try:
        with peers.compiled() as tools:
            async with peers.modbus_server(tools) as port:
                took = await peers.c_client(tools, port, 3, 150, 100, 4)
                assert len(took.scan_s) == 4
                assert all(s > 0 for s in took.scan_s)
                points = fieldbus.modbus_points(3)
                bus = ModbusBus(Device("modbus", port=port), 5.0, 5.0)
                fieldbus._check(points, await bus.read(points))
                await bus.close()
    except peers.ToolError as missing:
        pytest.skip(str(missing))


def test_a_wrong_value_stops_the_run() -> None:
    points = fieldbus.modbus_points(1, 2)
    right = {p.signal: Raw(i / 10, Status.GOOD) for i, p in enumerate(points)}
    fieldbus._check(points, right)
    for wrong in (Raw(None, Status.MISSING), Raw(5.0, Status.GOOD)):
        with pytest.raises(fieldbus.WrongValueError, match=points[1].signal):
            fieldbus._check(points, {**right, points[1].signal: wrong})


def test_a_ratio_compares_the_quick_scans_so_that_a_busy_moment_does_not_count() -> None:
    quiet, busy = peers.Took((1.0,) * 8, 0.1), peers.Took((9.0,) * 8, 0.1)
    assert fieldbus._ratio([peers.Took((2.0,) * 16, 0.1)], [quiet, busy]) == 2.0


def test_a_section_without_its_tools_is_left_out_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    out = tmp_path / "bench.json"
    assert command.main(["--only", "fieldbus", "--out", str(out)]) == 0
    written = json.loads(out.read_text())
    assert "fieldbus" not in written
    assert "gcc" in written["left_out"]["fieldbus"]
    assert written["left_out"]["daemon"] == "not asked for"


def test_a_source_that_does_not_compile_is_a_reason_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("gcc") is None:
        pytest.skip("no gcc")
    (tmp_path / "modbus_server.c").write_text("#include <no/such/header.h>\n")
    monkeypatch.setattr(peers, "SOURCES", tmp_path)
    with pytest.raises(peers.ToolError, match="modbus_server"), peers.compiled():
        pass


def test_drawn_sites_need_seeds_and_days_in_range(capsys: pytest.CaptureFixture[str]) -> None:
    assert drawn_sites(["--seeds", "3-1"]) == 2
    assert drawn_sites(["--days", "1"]) == 2
    assert "days 4 .. 60" in capsys.readouterr().err
