"""Prices and carbon from files: units, times, holes, and every problem named at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from plant_models.site.load import load_site
from plant_models.site.topology import Money
from plant_models.sources.problems import SourceError
from plant_models.sources.tariff import Tariff, tariff_of

SITE = load_site(Path(__file__).parents[3] / "config" / "reference-a", {}).site
START = datetime(2023, 1, 1)


def year(header: str, stamp: str = "%Y-%m-%d %H:%M:%S", value: float = 50.0, hours: int = 8760) -> list[str]:
    """Returns a file's lines: the value rises by one each hour of the day."""
    return [header, *(f"{(START + timedelta(hours=h)).strftime(stamp)},{value + h % 24}" for h in range(hours))]


def written(path: Path, lines: list[str]) -> Path:
    """Writes and returns a file."""
    path.write_text("\n".join(lines) + "\n")
    return path


def at(month: int, day: int, hour: int) -> float:
    """Returns a plant time in UTC."""
    return datetime(2031, month, day, hour, 30, tzinfo=UTC).timestamp()


def test_without_files_the_sites_peak_hours_count_in_its_own_time() -> None:
    money = Money(energy_price_per_kwh=0.1, peak_price_per_kwh=0.3, peak_hours_local=(16, 21), carbon_kg_per_kwh=0.4)
    tariff = Tariff(replace(SITE, money=money))  # five hours behind UTC
    assert tariff.price_per_kwh(at(7, 1, 20)) == 0.1
    assert tariff.price_per_kwh(at(7, 1, 21)) == 0.3
    assert tariff.price_per_kwh(at(7, 2, 1)) == 0.3
    assert tariff.price_per_kwh(at(7, 2, 2)) == 0.1
    assert tariff.carbon_kg_per_kwh(at(7, 1, 0)) == 0.4


def test_a_price_per_mwh_in_local_time_holds_for_its_whole_hour(tmp_path: Path) -> None:
    tariff = tariff_of(SITE, price=written(tmp_path / "p.csv", year("Datetime,Price (USD/MWh)")))
    assert tariff.price_per_kwh(at(3, 9, 5)) == pytest.approx(0.050)  # 00:30 local
    assert tariff.price_per_kwh(at(3, 9, 6)) == pytest.approx(0.051)
    assert tariff.carbon_kg_per_kwh(at(3, 9, 6)) == SITE.money.carbon_kg_per_kwh


def test_grams_in_utc_become_kilograms(tmp_path: Path) -> None:
    tariff = tariff_of(SITE, carbon=written(tmp_path / "c.csv", year("time_utc,gCO2eq_per_kWh_direct", value=300.0)))
    assert tariff.carbon_kg_per_kwh(at(3, 9, 5)) == pytest.approx(0.305)


def test_a_stamp_that_states_its_offset_is_believed(tmp_path: Path) -> None:
    tariff = tariff_of(SITE, price=written(tmp_path / "p.csv", year("Datetime,Price (USD/MWh)", stamp="%Y-%m-%d %H:%M:%S-06:00")))
    assert tariff.price_per_kwh(at(3, 9, 6)) == pytest.approx(0.050)


def test_a_missing_day_is_filled_and_said(tmp_path: Path) -> None:
    lines = year("Datetime,Price (USD/MWh)")
    tariff = tariff_of(SITE, price=written(tmp_path / "p.csv", [*lines[:100], *lines[124:]]))
    assert tariff.price_year is not None
    assert len(tariff.price_year.values) == 8760
    assert "24 missing hours" in tariff.price_year.notes[0]
    assert tariff.price_year.values[99:123] == pytest.approx([(50.0 + h % 24) / 1000.0 for h in range(99, 123)])


def test_a_year_that_begins_late_is_filled_from_the_day_after(tmp_path: Path) -> None:
    lines = year("Datetime,Price (USD/MWh)")
    tariff = tariff_of(SITE, price=written(tmp_path / "p.csv", [lines[0], *lines[6:]]))
    assert tariff.price_year is not None
    assert tariff.price_year.values[:5] == pytest.approx([(50.0 + h) / 1000.0 for h in range(5)])


def test_a_longer_hole_is_refused(tmp_path: Path) -> None:
    lines = year("Datetime,Price (USD/MWh)")
    with pytest.raises(SourceError, match="holes of up to 48 h"):
        tariff_of(SITE, price=written(tmp_path / "p.csv", [*lines[:100], *lines[150:]]))


def test_every_problem_of_both_files_is_named_at_once(tmp_path: Path) -> None:
    price, carbon = year("Datetime,Price (USD/MWh)"), year("time_utc,avg_CI", value=300.0)
    price[3] = "2023-01-01 02:00:00,fifty"
    price[5] = "tomorrow,51"
    price[7] = "2023-01-01 06:00:00,56,1"
    carbon[9] = "2023-01-01 08:00:00,-1"
    with pytest.raises(SourceError) as refused:
        tariff_of(SITE, written(tmp_path / "p.csv", price), written(tmp_path / "c.csv", carbon))
    said = str(refused.value)
    assert [line.split(": ")[0] for line in said.splitlines()] == ["p.csv:4", "p.csv:6", "p.csv:8", "c.csv:10"]
    assert "'fifty' (allowed: -5 .. 20 a kWh" in said
    assert "'tomorrow' (allowed: an ISO time" in said
    assert "0 .. 2 kg/kWh" in said


def test_a_file_without_a_known_column_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="columns datetime, eur"):
        tariff_of(SITE, price=written(tmp_path / "p.csv", ["Datetime,EUR", "2023-01-01 00:00:00,1"]))


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="1 lines"):
        tariff_of(SITE, price=written(tmp_path / "p.csv", ["Datetime,Price (USD/MWh)"]))
