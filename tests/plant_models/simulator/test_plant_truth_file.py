"""The file of true parameters: read whole, refused with every problem."""

from __future__ import annotations

from pathlib import Path

import pytest

from plant_models.simulator.plant_file import PlantFileError, PlantTruth, load_plant_file
from plant_models.site.load import LoadedSite, load_site

CONFIG = Path(__file__).parents[3] / "config"


@pytest.mark.parametrize("name", ["reference-a", "reference-b", "reference-c", "small"])
def test_example_sites_have_one(name: str) -> None:
    truth = load_plant_file(CONFIG / name / "plant.toml", load_site(CONFIG / name, {}).site)
    assert truth.chiller["ch-1"].age > 1.0


def test_an_empty_file_means_defaults(tmp_path: Path, site_a: LoadedSite) -> None:
    (tmp_path / "plant.toml").write_text("", encoding="utf-8")
    assert load_plant_file(tmp_path / "plant.toml", site_a.site) == PlantTruth()


def test_all_values_that_are_not_allowed_are_named_at_once(tmp_path: Path, site_a: LoadedSite) -> None:
    text = '[chiller.ch-1]\nage = 9.0\ncolour = "red"\n[hall.hall-a]\nleak_share = -1\n'
    (tmp_path / "plant.toml").write_text(text, encoding="utf-8")
    with pytest.raises(PlantFileError) as refused:
        load_plant_file(tmp_path / "plant.toml", site_a.site)
    for said in ("chiller.ch-1.age = 9.0", "less than or equal to 1.5", "chiller.ch-1.colour", "hall.hall-a.leak_share = -1"):
        assert said in str(refused.value)


def test_strange_equipment_and_short_rows_are_named_at_once(tmp_path: Path, site_a: LoadedSite) -> None:
    (tmp_path / "plant.toml").write_text("[tower.ct-9]\nfill_factor = 0.9\n[hall.hall-a]\nrow_flow = [1.0, 1.1]\n", encoding="utf-8")
    with pytest.raises(PlantFileError) as refused:
        load_plant_file(tmp_path / "plant.toml", site_a.site)
    assert "[tower.ct-9]: the site has no such tower; it has ct-1, ct-2" in str(refused.value)
    assert "hall.hall-a.row_flow: 2 values; allowed: 10" in str(refused.value)


@pytest.mark.parametrize("text", ["[chiller", None])
def test_unreadable_files_are_refused(tmp_path: Path, site_a: LoadedSite, text: str | None) -> None:
    if text is not None:
        (tmp_path / "plant.toml").write_text(text, encoding="utf-8")
    with pytest.raises(PlantFileError, match=r"plant\.toml"):
        load_plant_file(tmp_path / "plant.toml", site_a.site)
