"""The demo's arithmetic and its look; the demo as a whole is a job for `make demo`."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from hil.demo import saving_so_far_pct
from hil.demo_view import PlainScreen, Shown, TerminalScreen, comparison, screen_of

START_S = 1_752_552_000.0  # 15 July 2025, 00:00 four hours west of Greenwich


def _series(facility: float, cooling: float, minutes: int = 10) -> dict[str, list[float | None]]:
    return {"at_s": [60.0 * i for i in range(minutes)], "facility_kw": [facility] * minutes, "cooling_kw": [cooling] * minutes}


def test_the_saving_so_far_is_facility_energy_against_the_others_cooling() -> None:
    ours, theirs = _series(4900.0, 900.0, 5), _series(5000.0, 1000.0)
    assert saving_so_far_pct(ours, theirs, 240.0) == pytest.approx(10.0)
    theirs["facility_kw"][5:] = [9000.0] * 5
    assert saving_so_far_pct(ours, theirs, 240.0) == pytest.approx(10.0)


def test_there_is_no_saving_before_there_is_anything_to_compare() -> None:
    assert saving_so_far_pct(_series(1, 1, 0), _series(1, 1), 240.0) is None
    assert saving_so_far_pct(_series(1, 1), _series(1, 0), 240.0) is None


def _policy(facility: float, cooling: float, hot: float = 0.0, it_work: float = 1000.0) -> dict[str, Any]:
    return {
        "energy_kwh": {"chillers": cooling - 10, "towers": 10.0, "dry_coolers": 0.0, "cooling_total": cooling, "facility_total": facility},
        "pue": 1.2345,
        "it_work": it_work,
        "violations": {"inlet_above_recommended_rack_minutes": hot, "lift_minutes": 0.0},
        "interventions": {"rate": 3, "inlet": 1},
    }


def test_the_comparison_has_energy_violations_interventions_and_savings() -> None:
    rows = {row[0]: row[1:] for row in comparison({"coldaisle": _policy(4900, 900), "g36": _policy(5000, 1000, 12.5), "fixed": _policy(5200, 1250)})}
    assert rows["chillers"] == ["890", "990", "1,240"]
    assert "dry coolers" not in rows
    assert rows["violations: inlet above recommended rack minutes"] == ["0.0", "12.5", "0.0"]
    assert "violations: lift minutes" not in rows
    assert rows["interventions"] == ["4", "4", "4"]
    assert rows["saved: facility [% of cooling]"] == ["", "+10.00", "+24.00"]
    assert rows["saved: cooling [%]"] == ["", "+10.00", "+28.00"]
    assert rows["saved: facility [%]"] == ["", "+2.00", "+5.77"]


def test_without_equal_it_work_nothing_is_said_to_be_saved() -> None:
    rows = {row[0]: row[1:] for row in comparison({"coldaisle": _policy(4900, 900), "g36": _policy(5000, 1000, it_work=1010.0)})}
    assert rows["saved: cooling [%]"] == ["", "-"]


def _shown(hours: float, mode: str = "OPTIMISE") -> Shown:
    savings = {"g36": 3.21, "fixed": None}
    return Shown(START_S + 3600 * hours, "Etc/GMT+4", hours / 24, 400.0, mode, 24.56, 4700.0, 800.0, {"plant.chws_setpoint_c": 12.5}, savings)


def test_plain_lines_come_once_for_each_hour_of_plant_time() -> None:
    output = io.StringIO()
    screen = screen_of(output)
    assert isinstance(screen, PlainScreen)
    with screen:
        for hours in (0.0, 0.5, 1.0, 1.5, 2.0):
            screen.show(_shown(hours))
    lines = output.getvalue().splitlines()
    assert [line[:12] for line in lines] == ["15 Jul 00:00", "15 Jul 01:00", "15 Jul 02:00"]
    assert "OPTIMISE" in lines[0]
    assert "g36 +3.2 %, fixed -" in lines[0]


def test_the_terminal_says_who_is_in_charge() -> None:
    output = io.StringIO()
    screen = TerminalScreen(Console(file=output, force_terminal=True, width=100))
    with screen:
        screen.show(_shown(1.0, "RELEASE"))
    screen.show_table([["kWh", "coldaisle"], ["chillers", "890"]])
    assert "the BAS is in charge" in output.getvalue()
    assert "890" in output.getvalue()
