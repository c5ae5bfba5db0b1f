"""The command publishes what is accepted and leaves the old model alone otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller import identify as command
from plant_models.reduced.identify import Identified
from plant_models.reduced.nameplate import from_name_plate
from plant_models.reduced.parameters import load_parameters
from plant_models.site.load import load_site

LOADED = load_site(Path(__file__).parents[2] / "config" / "small", {})
MISS = "hall-a.rack_inlet_max_c: rmse_k 0.400 on days held back; accepted: 0.3 (an hour ahead)"


@pytest.mark.parametrize("missed", [(), (MISS,)])
def test_only_an_accepted_model_is_written(missed: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.json"
    path.write_text("the old model")
    parameters = from_name_plate(LOADED.site)
    monkeypatch.setattr(command, "history_of", lambda files, site: {})
    monkeypatch.setattr(command, "identify", lambda site, table, source: Identified(parameters, {"q": {"rmse_k": 0.4}}, missed))
    found = command.identify_site(LOADED, [tmp_path / "journal.sqlite"], path)
    assert found.published is not bool(missed)
    assert found.result["missed"] == list(missed)
    if missed:
        assert path.read_text() == "the old model"
        assert MISS in found.text
        assert found.result["model"] is None
    else:
        assert load_parameters(path, LOADED.site) == parameters


def test_data_that_cannot_be_used_say_why(tmp_path: Path) -> None:
    with pytest.raises(command.IdentifyError, match="none"):
        command.identify_site(LOADED, [tmp_path / "none.sqlite"], tmp_path / "model.json")
    assert not (tmp_path / "model.json").exists()


@pytest.mark.parametrize("site", ["reference-a", "reference-b", "small"])
def test_the_examples_models_were_identified_from_readings(site: str) -> None:
    """A model file says what it was fitted on; true parameters or name plates have neither rows nor errors on days held back."""
    loaded = load_site(Path(__file__).parents[2] / "config" / site, {}).site
    fitted = load_parameters(loaded.directory / "model.json", loaded).fitted_on
    assert fitted.rows > 1000
    assert fitted.held_back["site.cooling_total_kw"]["cv_rmse"] > 0.0
