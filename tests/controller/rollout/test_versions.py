"""Versions are what was signed, or nothing; a choice stands for the very files that it was made against."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from controller.rollout.versions import Choice, VersionError, Versions, files_of, start_of
from plant_models.site.load import load_site

SMALL = Path(__file__).parents[3] / "config" / "small"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SMALL, tmp_path / "small"))


def test_what_is_kept_is_found_by_its_content_and_a_changed_file_is_refused(tmp_path: Path) -> None:
    versions = Versions(tmp_path / "versions")
    digest = versions.keep("model", {"model.json": b"one"})
    assert versions.keep("model", {"model.json": b"one"}) == digest
    assert (versions.folder("model", digest) / "model.json").read_bytes() == b"one"
    assert versions.kept("model", digest[:6]) == digest
    (versions.folder("model", digest) / "model.json").write_bytes(b"two")
    with pytest.raises(VersionError, match="its files were changed"):
        versions.folder("model", digest)


def test_only_this_gateways_signature_counts_and_its_key_is_its_owners(tmp_path: Path) -> None:
    ours, theirs = Versions(tmp_path / "ours"), Versions(tmp_path / "theirs")
    assert (tmp_path / "ours" / "key").stat().st_mode & 0o777 == 0o600
    digest = theirs.keep("model", {"model.json": b"one"})
    shutil.copytree(tmp_path / "theirs" / "model", tmp_path / "ours" / "model")
    with pytest.raises(VersionError, match="not signed by this gateway's key"):
        ours.folder("model", digest)
    with pytest.raises(VersionError, match="not signed"):
        ours.folder("model", "0" * 64)
    (tmp_path / "ours" / "key").write_bytes(b"short")
    with pytest.raises(VersionError, match="32 bytes"):
        Versions(tmp_path / "ours")


def test_a_start_uses_the_sites_files_and_a_chosen_model_until_those_change(site: Path, tmp_path: Path) -> None:
    versions = Versions(tmp_path / "versions")
    own = load_site(site, {}).site
    first = start_of(own, {}, versions)
    assert (first.directory, first.environ, first.use) == (site, {}, first.own)
    old = versions.keep("model", {"model.json": (site / "model.json").read_bytes() + b" "})
    versions.choose(Choice({"model": old}, first.own))
    chosen = start_of(own, {}, versions)
    assert chosen.directory == site
    assert chosen.use == {**first.own, "model": old}
    assert load_site(chosen.directory, chosen.environ).site.optimiser.model == versions.folder("model", old).resolve() / "model.json"
    (site / "points.csv").write_text((site / "points.csv").read_text() + "\n")
    assert start_of(own, {}, versions).use["model"] == first.own["model"], "changed files end the choice"


def test_a_chosen_configuration_is_read_from_where_it_is_kept(site: Path, tmp_path: Path) -> None:
    versions = Versions(tmp_path / "versions")
    own = load_site(site, {}).site
    before = versions.keep("configuration", files_of(own)["configuration"])
    (site / "site.toml").write_text((site / "site.toml").read_text().replace("cycle_s = 300", "cycle_s = 600"))
    ours = start_of(own, {}, versions).own
    versions.choose(Choice({"configuration": before}, ours))
    begin = start_of(own, {}, versions)
    loaded = load_site(begin.directory, begin.environ)
    assert loaded.site.timing.cycle_s == 300.0
    assert loaded.site.optimiser.model.is_file()
