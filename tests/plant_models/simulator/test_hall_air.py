"""A hall's air: containment from a table, pressure of the aisle, rows near a CRAH that does not run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from plant_models.components import aisle
from plant_models.simulator.hall_air import HallAir
from plant_models.simulator.plant_file import HallTruth, PlantFileError, PlantTruth, load_plant_file
from plant_models.site.load import LoadedSite

Start = Callable[..., Any]


def hall_a(site_a: LoadedSite, **truth: Any) -> HallAir:
    return HallAir.of(site_a.site.hall[0], site_a.site, PlantTruth(hall={"hall-a": HallTruth(**truth)}))


@pytest.mark.parametrize("kind", aisle.CONTAINMENTS)
def test_containment_fills_what_the_plant_file_leaves_empty(kind: str, site_a: LoadedSite) -> None:
    table, health = aisle.CONTAINMENTS[kind], hall_a(site_a, containment=kind).health()  # type: ignore[index]
    assert table.leak_share[0] < health["leak_share"] < table.leak_share[1]
    assert table.tight_share[0] <= health["tight_share"].min() < health["tight_share"].max() <= table.tight_share[1]
    assert 0.8 * table.row_spread <= np.abs(health["row_air"] - 1.0).max() <= table.row_spread
    assert health["row_air"].mean() == pytest.approx(1.0)
    own = hall_a(site_a, containment=kind, leak_share=0.01, row_flow=(1.0,) * 10, row_recirculation=(0.2,) * 10).health()
    assert own["leak_share"] == 0.01
    assert set(own["row_air"]) == {1.0}
    assert set(own["tight_share"]) == {0.2}


def test_a_hall_without_a_containment_named_is_even(site_a: LoadedSite) -> None:
    health = hall_a(site_a).health()
    assert health["leak_share"] == 0.06
    assert set(health["row_air"]) == {1.0}
    assert set(health["tight_share"]) == {0.03}


def test_aisle_pressure_is_that_at_which_the_leaks_pass_the_rest() -> None:
    assert aisle.pressure_pa(110.0, 100.0, 10.0) == pytest.approx(10.0)
    assert aisle.pressure_pa(90.0, 100.0, 10.0) == pytest.approx(-10.0)
    assert aisle.pressure_pa(100.0, 100.0, 10.0) == 0.0
    for excess_kgs in (0.5, 4.0, 12.0):
        dp_pa = aisle.pressure_pa(100.0 + excess_kgs, 100.0, 9.0)
        assert 9.0 / 10.0**0.65 * dp_pa**0.65 == pytest.approx(excess_kgs)


def test_a_stopped_unit_takes_air_from_the_rows_near_it_smoothly() -> None:
    assert not aisle.lost_shares(10, 18, ()).any()
    lost = aisle.lost_shares(10, 18, (9,))
    assert int(np.argmax(lost)) == 4
    assert np.all(np.diff(lost[:5]) > 0.0)
    assert np.all(np.diff(lost[4:]) < 0.0)
    assert 0.25 <= lost[4] <= 0.35
    assert aisle.lost_shares(10, 18, (9, 10)) == pytest.approx(lost + aisle.lost_shares(10, 18, (10,)))
    for wrong in ((0,), (19,), tuple(range(1, 19))):
        with pytest.raises(ValueError, match="from 1 to 18"):
            aisle.lost_shares(10, 18, wrong)


def test_a_contained_aisle_shows_a_pressure_and_another_none(start: Start, truth_a: PlantTruth) -> None:
    bare = start().plant
    assert "hall-a.aisle_dp_pa" not in bare.names
    sealed = replace(truth_a, hall={"hall-a": replace(truth_a.hall["hall-a"], leak_share=None, leak_kgs_at_10_pa=20.0)})
    runner = start(truth=sealed, utilisation=0.8)
    runner.command(fan=0.9)
    plant = runner.run(1800)
    high_pa, leak_kgs = plant.value("hall-a.aisle_dp_pa"), plant.value("hall-a.aisle_leak_kgs")
    assert abs(leak_kgs) == pytest.approx(20.0 / 10.0**0.65 * abs(high_pa) ** 0.65)
    runner.command(fan=0.6)
    assert runner.run(1800).value("hall-a.aisle_dp_pa") < min(high_pa, 0.0)
    assert abs(plant.value("site.closure_kw")) < 1e-9 * plant.value("site.heat_in_kw")


def test_the_hottest_row_stands_by_the_unit_that_stopped(start: Start, truth_a: PlantTruth, site_a: LoadedSite) -> None:
    even = replace(truth_a, hall={"hall-a": replace(truth_a.hall["hall-a"], row_flow=(), row_load=(), row_recirculation=())})
    runner = start(truth=even, utilisation=0.8)
    rows = site_a.site.hall[0].rows

    def inlets() -> list[float]:
        plant = runner.run(1800)
        return [plant.value(f"{row}.rack_inlet_c") for row in rows]

    assert max(inlets()) - min(inlets()) < 0.01
    runner.plant.fail_crahs("hall-a", (13,))
    found = inlets()
    assert int(np.argmax(found)) == 6  # unit 13 of 18 stands by row 7 of 10
    assert found[6] > found[7] > found[9]
    assert found[6] > found[5] > found[3]
    assert max(found) - min(found) > 1.0
    runner.plant.fail_crahs("hall-a", ())
    healed = inlets()
    assert max(healed) - min(healed) < 0.01


def test_a_hall_that_cannot_be_is_refused_whole(tmp_path: Path, site_a: LoadedSite) -> None:
    path = tmp_path / "plant.toml"
    path.write_text("[hall.hall-a]\nleak_share = 0.05\nleak_kgs_at_10_pa = 9.0\ncrah_failed = [19]\nrow_load = [1.0]\n", encoding="utf-8")
    with pytest.raises(PlantFileError) as refused:
        load_plant_file(path, site_a.site)
    for said in ("hall.hall-a.leak_share = 0.05", "hall.hall-a.crah_failed", "from 1 to 18", "hall.hall-a.row_load: 1 values"):
        assert said in str(refused.value)
    path.write_text('[hall.hall-a]\ncontainment = "tent"\n', encoding="utf-8")
    with pytest.raises(PlantFileError, match=r"containment = 'tent'.*hot_aisle"):
        load_plant_file(path, site_a.site)
