from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.backtest import Task, run_policy, spread
from controller.cli import main
from controller.compare import outcome, savings, table
from controller.forecast import PRICE
from controller.journal import JournalReader
from controller.replay import replay
from plant_models.simulator.conditions import Conditions

SMALL = Path(__file__).parents[2] / "config" / "small"
TWO_HOURS = Conditions(days=2 / 24)


def ran(policy: str, journal: Path | None = None) -> dict[str, Any]:
    return run_policy(Task(SMALL, TWO_HOURS, policy, journal, series=True), lambda _share: None, {})


@pytest.fixture(scope="module")
def results() -> dict[str, dict[str, Any]]:
    return {policy: ran(policy) for policy in ("fixed", "g36")}


def timeless(result: dict[str, Any]) -> str:
    return json.dumps({key: value for key, value in result.items() if not key.endswith("_ms")}, sort_keys=True)


def test_policies_do_equal_work_and_their_energies_add_up(results: dict[str, dict[str, Any]]) -> None:
    fixed, g36 = results["fixed"], results["g36"]
    assert fixed["it_work"] == g36["it_work"] > 0.0
    for result in (fixed, g36):
        energy = result["energy_kwh"]
        parts = sum(value for name, value in energy.items() if not name.endswith("_total"))
        levelled = energy["facility_total"] - parts
        assert levelled * result["stored_kwh_th_delta"] < 0.0, "cold that was stored is credited, cold that was used up is charged"
        assert abs(levelled) < 0.3 * abs(result["stored_kwh_th_delta"]), "at the plant's COP, not kWh for kWh"
        assert result["pue"] == pytest.approx(energy["facility_total"] / (energy["server_fans"] + energy["it_without_fans"]), rel=1e-9)
        assert len(result["series"]["at_s"]) == 119, "a value a minute, the mean since the minute before"


def test_fixed_writes_nothing_and_g36_is_in_charge_throughout(results: dict[str, dict[str, Any]]) -> None:
    assert results["fixed"]["writes"] == 0
    assert results["fixed"]["mode_minutes"]["RELEASE"] == 120.0
    assert results["g36"]["writes"] > 0
    assert results["g36"]["mode_minutes"]["RESET"] == 120.0
    assert results["g36"]["energy_kwh"]["cooling_total"] < results["fixed"]["energy_kwh"]["cooling_total"]


def test_the_same_seed_gives_the_same_bytes(results: dict[str, dict[str, Any]]) -> None:
    assert timeless(ran("g36")) == timeless(results["g36"])


def test_savings_are_positive_where_less_was_used(results: dict[str, dict[str, Any]]) -> None:
    pairs = savings(results)
    assert list(pairs) == ["g36_vs_fixed"]
    headline = pairs["g36_vs_fixed"]["headline_pct"]
    by_hand = results["fixed"]["energy_kwh"]["facility_total"] - results["g36"]["energy_kwh"]["facility_total"]
    assert headline == pytest.approx(100 * by_hand / results["fixed"]["energy_kwh"]["cooling_total"])
    assert pairs["g36_vs_fixed"]["carbon_pct"] == pytest.approx(pairs["g36_vs_fixed"]["facility_pct"]), "one carbon intensity"
    assert "void" not in pairs["g36_vs_fixed"]


def test_the_outcome_names_its_scenario_and_reads_as_a_table(results: dict[str, dict[str, Any]]) -> None:
    found = outcome(SMALL, TWO_HOURS, results)
    assert found["scenario"]["seed"] == 0
    assert json.loads(json.dumps(found)) == found
    assert "cooling_total [kWh]" in table(found)


def test_spread_of_too_few_values_is_empty() -> None:
    assert spread([1.0]) == {}
    assert spread([1.0, 3.0])["p50"] == 2.0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--weather", "nowhere.epw"], "nowhere.epw"),
        (["--start", "32-13"], "32-13"),
        (["--load", "absent.csv"], "absent.csv"),
    ],
)
def test_bad_input_is_refused_with_its_name(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backtest", "--config", str(SMALL), "--policy", "g36", *words]) == 2
    assert says in capsys.readouterr().err


def test_published_prices_reach_the_plan_and_the_account(results: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    """A year at half the site's price costs half, and what was published is in the record that a replay needs."""
    stamps = [datetime(2025, 1, 1) + timedelta(hours=h) for h in range(8760)]
    price, journal = tmp_path / "price.csv", tmp_path / "g36.sqlite"
    price.write_text("Datetime,Price (USD/MWh)\n" + "".join(f"{t:%Y-%m-%d %H:%M:%S},47.0\n" for t in stamps))
    cheap = run_policy(Task(SMALL, replace(TWO_HOURS, price=price), "g36", journal), lambda _share: None, {})
    assert cheap["energy_kwh"] == results["g36"]["energy_kwh"]
    assert cheap["cost"] == pytest.approx(0.5 * results["g36"]["cost"])
    reader = JournalReader(journal)
    last = list(reader.entries())[-1].record
    reader.close()
    assert set(last.decision.forecast.series[PRICE].median) == {0.047}
    assert last.given.outlook.provided[0].says == "price.csv"
    assert replay(journal)["different"] == []
