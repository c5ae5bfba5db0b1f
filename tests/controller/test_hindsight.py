"""The search for the best constants finds them, keeps to ranges, and puts violations before energy; cold constants without an economiser cost more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from controller.backtest import Task, run_policy
from controller.hindsight import OVER_WETBULB, Range, manner_of, ranges_of, search
from plant_models.simulator.conditions import Conditions, simulate
from plant_models.site.load import load_site

SMALL = Path(__file__).parents[2] / "config" / "small"
RANGES = {"a": Range(0.0, 10.0, 8.0, 2.0, 0.25), "b": Range(-5.0, 5.0, -4.0, 2.0, 0.25)}


def quiet(_share: float) -> None:
    """Hears nothing."""


def test_the_bottom_of_a_valley_is_found_within_the_last_step() -> None:
    seen: list[tuple[float, float]] = []

    def rank(c: Mapping[str, float]) -> tuple[float, float]:
        seen.append((c["a"], c["b"]))
        return 0.0, (c["a"] - 3.1) ** 2 + (c["b"] - 1.3) ** 2 + 0.5 * (c["a"] - 3.1) * (c["b"] - 1.3)

    found = search(RANGES, rank, quiet)
    assert found.constants["a"] == pytest.approx(3.1, abs=0.25)
    assert found.constants["b"] == pytest.approx(1.3, abs=0.25)
    assert found.runs == len(seen) == len(set(seen))
    assert all(0.0 <= a <= 10.0 and -5.0 <= b <= 5.0 for a, b in seen)


def test_a_violation_is_worse_than_any_energy() -> None:
    found = search(RANGES, lambda c: (max(c["a"] - 5.0, 0.0), -c["a"]), quiet)
    assert found.violation == 0.0
    assert 4.5 <= found.constants["a"] <= 5.0


def test_each_offered_setpoint_is_searched_within_the_sites_range() -> None:
    loaded = load_site(SMALL, {})
    ranges = ranges_of(loaded)
    assert set(ranges) == {n for n in loaded.site.setpoint if not n.endswith(("cws_setpoint_c", "running_setpoint_count"))} | {OVER_WETBULB}
    for name, r in ranges.items():
        assert r.low <= r.start <= r.high
        if name != OVER_WETBULB:
            assert (r.low, r.high) == (loaded.site.setpoint[name].low, loaded.site.setpoint[name].high)


def test_the_bas_runs_on_the_constants_of_its_manner() -> None:
    loaded = load_site(SMALL, {})
    manner = manner_of({"plant.chws_setpoint_c": 13.0, "hall-a.crah_fan_setpoint_pct": 71.0, OVER_WETBULB: 6.0})
    site = simulate(loaded, Conditions(), manner=manner).site
    assert site.read("plant.chws_setpoint_c.effective") == 13.0
    assert site.read("hall-a.crah_fan_setpoint_pct.effective") == 71.0
    wetbulb_c, cws_c = site.read("weather.oa_wetbulb_c"), site.read("plant.cws_setpoint_c.effective")
    assert wetbulb_c is not None
    assert cws_c == pytest.approx(min(wetbulb_c + 6.0, 29.4), abs=0.5)


def test_an_unknown_constant_is_refused() -> None:
    with pytest.raises(KeyError, match="no-such"):
        simulate(load_site(SMALL, {}), Conditions(), manner=manner_of({"no-such.chws_setpoint_c": 13.0}))


def test_worst_deployed_uses_no_economiser_and_more_energy_than_fixed() -> None:
    winter = Task(SMALL.parent / "reference-a", Conditions(start="01-15", days=2 / 24), "worst_deployed")
    worst, fixed = (run_policy(replace(winter, policy=p), quiet, {}) for p in ("worst_deployed", "fixed"))
    assert fixed["energy_kwh"]["economiser_pumps"] > 0.0
    assert worst["energy_kwh"]["economiser_pumps"] == 0.0
    assert worst["energy_kwh"]["facility_total"] > fixed["energy_kwh"]["facility_total"]
