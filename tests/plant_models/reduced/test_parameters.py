"""A model file is read back as it was written, and a spoiled one is refused with everything that is wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from plant_models.reduced.parameters import ModelFileError, ReducedParameters, load_parameters, save_parameters
from plant_models.site.topology import Site


@pytest.fixture
def path(tmp_path: Path, parameters: ReducedParameters) -> Path:
    """Returns a good model file."""
    save_parameters(parameters, tmp_path / "model.json")
    return tmp_path / "model.json"


def spoil(path: Path, **changes: Any) -> None:
    """Changes keys of a plant in the file."""
    content = json.loads(path.read_text())
    content["plants"]["plant"].update(changes)
    path.write_text(json.dumps(content))


def test_what_was_written_is_read(path: Path, parameters: ReducedParameters, site: Site) -> None:
    """Nothing is lost on the way through the file, and writing again gives the same bytes."""
    read = load_parameters(path, site)
    assert read == parameters
    before = path.read_bytes()
    save_parameters(read, path)
    assert path.read_bytes() == before


def test_a_missing_file_says_how_it_is_made(tmp_path: Path, site: Site) -> None:
    """The error names the command."""
    with pytest.raises(ModelFileError, match="coldaisle identify"):
        load_parameters(tmp_path / "model.json", site)


def test_every_bad_value_is_named_at_once(path: Path, site: Site) -> None:
    """A negative share, a text and an unknown key are three problems."""
    spoil(path, carnot_share=-1.0, chws_tau_s="fast", colour=3.0)
    with pytest.raises(ModelFileError) as caught:
        load_parameters(path, site)
    said = str(caught.value)
    assert len(caught.value.problems) == 3
    assert "plants.plant.carnot_share is -1.0" in said
    assert "plants.plant.chws_tau_s is 'fast'" in said
    assert "plants.plant.colour" in said


def test_a_number_changed_by_hand_is_refused(path: Path, site: Site) -> None:
    """The digest covers the content."""
    spoil(path, carnot_share=1.0)
    with pytest.raises(ModelFileError, match="digest"):
        load_parameters(path, site)


def test_a_model_of_another_site_is_refused(path: Path, site: Site) -> None:
    """Plants and halls must be the site's."""
    with pytest.raises(ModelFileError, match=r"halls: .*hall-a.*the site has .*hall-b"):
        load_parameters(path, replace(site, hall=(replace(site.hall[0], name="hall-b"),)))


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"version": 1}'])
def test_a_file_that_is_no_model_is_refused(path: Path, text: str, site: Site) -> None:
    """No shape of rubbish is an unexpected exception."""
    path.write_text(text)
    with pytest.raises(ModelFileError):
        load_parameters(path, site)
