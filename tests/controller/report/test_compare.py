"""Savings by hand, void comparisons, and input of another shape."""

from __future__ import annotations

from typing import Any

import pytest

from controller.report.compare import Column, ReportError, columns, ours, saving


def column(cooling: float, facility: float, **more: Any) -> Column:
    return Column("x", {"energy_kwh": {"cooling_total": cooling, "facility_total": facility}, "it_work": 1.0, "cost": facility, **more})


def test_savings_by_hand() -> None:
    found = saving(column(150.0, 1160.0), column(200.0, 1200.0))
    assert found.headline_pct == pytest.approx(20.0)  # 40 of 200: server fans ate 10 of the 50
    assert found.cooling_pct == pytest.approx(25.0)
    assert found.facility_pct == pytest.approx(100.0 * 40.0 / 1200.0)
    assert found.cost_pct == pytest.approx(100.0 * 40.0 / 1200.0)
    assert found.void == ""


def test_a_policy_that_uses_more_saves_less_than_nothing() -> None:
    found = saving(column(250.0, 1250.0), column(200.0, 1200.0))
    assert found.headline_pct == pytest.approx(-25.0)


def test_unequal_it_work_is_not_compared() -> None:
    found = saving(column(150.0, 1150.0, it_work=0.99), column(200.0, 1200.0))
    assert found.headline_pct is None
    assert "IT work differs by -1.00 %" in found.void


def test_nothing_is_made_up_where_numbers_are_missing() -> None:
    assert saving(Column("x", {}), column(200.0, 1200.0)).void == "IT work is not stated"
    assert saving(column(0.0, 1000.0), column(0.0, 1000.0)).headline_pct is None
    assert Column("x", {"pue": None, "wue_l_per_kwh": float("nan"), "starts": True}).number("pue") is None
    assert Column("x", {"wue_l_per_kwh": float("nan")}).number("wue_l_per_kwh") is None
    assert Column("x", {"starts": True}).number("starts") is None


def test_the_daemons_own_run_is_ours_and_stands_first(truth: dict[str, Any], backtest: dict[str, Any]) -> None:
    found = columns(truth, backtest)
    assert [c.name for c in found] == ["daemon", "mpc", "g36", "fixed"]
    mine = ours(found)
    assert mine is not None
    assert mine.name == "daemon"
    assert mine.track("facility_kw") is not None
    assert [c.name for c in columns(None, backtest)] == ["mpc", "g36", "fixed"]
    assert columns(None, None) == ()


def test_a_policy_of_another_name_is_kept(backtest: dict[str, Any]) -> None:
    backtest["policies"]["vendor"] = backtest["policies"]["g36"]
    assert [c.name for c in columns(None, backtest)] == ["mpc", "g36", "fixed", "vendor"]


def test_every_problem_of_the_input_is_listed() -> None:
    with pytest.raises(ReportError) as caught:
        columns({"policy": 3}, {"policies": {"g36": "low"}})
    assert "truth: policy" in str(caught.value)
    assert "policies.g36" in str(caught.value)
    with pytest.raises(ReportError, match="backtest: policies"):
        columns(None, {})


def test_a_series_of_uneven_length_is_not_drawn() -> None:
    broken = Column("x", {"series": {"at_s": [0.0, 300.0], "facility_kw": [1.0]}})
    assert broken.track("facility_kw") is None
    assert broken.track("cooling_kw") is None
