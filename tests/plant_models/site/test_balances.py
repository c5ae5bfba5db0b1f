"""A site says which heats are weighed against each other, and how far they may lie apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from plant_models.site.balance import balances_of
from plant_models.site.load import SiteErrors, load_site
from safety.balance import BalanceRule

CONFIG = Path(__file__).parents[3] / "config"


def test_an_air_cooled_plant_is_weighed_from_all_sides() -> None:
    loaded = load_site(CONFIG / "reference-a", {})
    chillers = dict.fromkeys((f"ch-{i}" for i in range(1, 6)), 1407.0)
    expected = BalanceRule("plant", chillers, ("hall-a",), ("hall-a",), ("hall-a",), ("wse",), "site.losses_power_kw", 0.15, 351.75)
    assert balances_of(loaded.site, loaded.points) == (expected,)


def test_where_technology_water_takes_a_part_the_halls_are_left_out() -> None:
    loaded = load_site(CONFIG / "reference-c", {})
    assert [rule.halls for rule in balances_of(loaded.site, loaded.points)] == [()]


def test_a_plant_with_a_tank_is_not_weighed(tmp_path: Path) -> None:
    for file in ("site.toml", "points.csv"):
        (tmp_path / file).write_text((CONFIG / "small" / file).read_text())
    with (tmp_path / "site.toml").open("a") as file:
        file.write('\n[[tank]]\nname = "tes"\nplant = "plant"\nvolume_m3 = 100\nflow_kgs = 20\n')
    loaded = load_site(tmp_path, {})
    assert balances_of(loaded.site, loaded.points) == ()


def test_a_site_sets_the_tolerance_within_bounds() -> None:
    loaded = load_site(CONFIG / "small", {"COLDAISLE_BALANCE__TOLERANCE": "0.2"})
    assert balances_of(loaded.site, loaded.points)[0].tolerance == 0.2
    with pytest.raises(SiteErrors, match="tolerance"):
        load_site(CONFIG / "small", {"COLDAISLE_BALANCE__TOLERANCE": "0.5"})
