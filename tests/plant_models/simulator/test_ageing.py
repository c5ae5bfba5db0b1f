"""One site is a thousand sites: what is drawn lies in its range, is the same again, carries its load or says what is missing, and closes its energy."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plant_models.simulator.ageing import RANGES, capacities, draw, same_design
from plant_models.simulator.conditions import Conditions, simulate, truth_of
from plant_models.simulator.plant_file import ChillerTruth, PlantTruth
from plant_models.site.load import LoadedSite

RATED_KW = {"machines": 5 * 1407.0, "needed": 5500.0}


@given(seed=st.integers(0, 2**31))
@settings(max_examples=50, deadline=None)
def test_what_is_drawn_lies_in_its_range(site_a: LoadedSite, truth_a: PlantTruth, seed: int) -> None:
    drawn = draw(site_a.site, truth_a, seed)
    hall = drawn.hall["hall-a"]
    assert all(1.03 <= c.age <= 1.15 * 1.20 and 0.92 * 0.75 <= c.capacity_factor <= 1.0 for c in drawn.chiller.values())
    assert all(0.85 <= t.fill_factor <= 1.0 for t in drawn.tower.values())
    assert 0.75 <= drawn.economiser["wse"].factor <= 1.0
    assert drawn.plant["plant"].stray_share == 0.0 or 0.05 <= drawn.plant["plant"].stray_share <= 0.30
    assert 0.8 <= hall.coil_factor <= 1.0
    assert len(hall.crah_failed) in (0, 1)
    assert all(1 <= unit <= 18 for unit in hall.crah_failed)
    assert len(hall.row_flow) == len(hall.row_load) == len(hall.row_recirculation) == 10
    assert all(0.02 <= r <= 0.20 for r in hall.row_recirculation)
    assert all(0.95 <= flow <= 1.05 for flow in hall.row_flow)
    assert 0.0 <= drawn.sensors.years_since_calibration <= 3.0
    assert drawn.electrical == truth_a.electrical
    assert drawn.plant["plant"].chw_pump_head_kpa == truth_a.plant["plant"].chw_pump_head_kpa
    assert same_design(drawn, truth_a)


@given(seed=st.integers(0, 2**31))
@settings(max_examples=200, deadline=None)
def test_a_drawn_site_carries_its_load_or_says_by_how_much_not(site_a: LoadedSite, truth_a: PlantTruth, seed: int) -> None:
    drawn = draw(site_a.site, truth_a, seed)
    found = capacities(site_a.site, drawn)["plant"]
    available = sum(1407.0 * c.capacity_factor for c in drawn.chiller.values())
    assert found.needed_kw == pytest.approx(RATED_KW["needed"])
    assert found.available_kw == pytest.approx(available)
    assert found.short_kw == pytest.approx(max(0.0, 5500.0 - available))


def test_a_shortfall_is_stated(site_a: LoadedSite, truth_a: PlantTruth) -> None:
    weak = replace(truth_a, chiller={f"ch-{i}": ChillerTruth(capacity_factor=0.6) for i in range(1, 6)})
    assert capacities(site_a.site, weak)["plant"].short_kw == pytest.approx(5500.0 - 0.6 * RATED_KW["machines"])


def test_the_same_seed_is_the_same_site_and_another_seed_another(site_a: LoadedSite, truth_a: PlantTruth) -> None:
    assert draw(site_a.site, truth_a, 7) == draw(site_a.site, truth_a, 7)
    assert draw(site_a.site, truth_a, 7) != draw(site_a.site, truth_a, 8)


def test_one_machine_more_changes_no_other(site_a: LoadedSite, truth_a: PlantTruth) -> None:
    fewer = replace(site_a.site, chiller=site_a.site.chiller[:3])
    some = draw(fewer, replace(truth_a, chiller={}), 3)
    every = draw(site_a.site, replace(truth_a, chiller={}), 3)
    assert some.chiller == {name: every.chiller[name] for name in ("ch-1", "ch-2", "ch-3")}
    assert some.hall == every.hall


def test_the_site_is_as_its_plant_file_says_unless_asked(site_a: LoadedSite, truth_a: PlantTruth) -> None:
    assert truth_of(site_a, Conditions(seed=5)) == truth_a
    assert truth_of(site_a, Conditions(ageing_seed=5)) == draw(site_a.site, truth_a, 5)


@pytest.mark.parametrize("seed", [1, 2])
def test_energy_closes_on_a_worn_site(site_a: LoadedSite, seed: int) -> None:
    site = simulate(site_a, Conditions(ageing_seed=seed, start="10-10")).site
    truth = site.truth
    assert abs(truth.values["site.closure_kw"]) < 1e-9 * truth.values["site.heat_in_kw"]
    assert truth.values["hall-a.rack_inlet_max_c"] < 32.0


def test_every_range_is_in_order() -> None:
    assert all(0.0 <= r.low <= r.high and 0.0 < r.chance <= 1.0 for r in RANGES.values())
