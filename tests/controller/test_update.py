"""A model follows its machines by bounded steps, is kept as a signed version only when accepted, and a drift is told."""

from __future__ import annotations

import lzma
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from controller import update as command
from controller.cli import main
from controller.encode import to_text
from controller.identify import IdentifyError, identify_site
from controller.rollout.versions import Versions
from controller.upkeep import Kept, status
from plant_models.reduced.daily import daily_kwh
from plant_models.reduced.nameplate import from_name_plate
from plant_models.reduced.parameters import load_parameters, save_parameters
from plant_models.reduced.table import prepare
from plant_models.site.load import LoadedSite, load_site
from tests.plant_models.reduced.test_identify import table_of

ROOT = Path(__file__).parents[2]
SMALL = load_site(ROOT / "config" / "small", {})
GROUP = "plant.chillers_kw"
Table = dict[str, Any]


@pytest.fixture(scope="module")
def table() -> Table:
    """Returns some days of readings, the first of them at midnight."""
    return table_of(2.2)


@pytest.fixture
def site(tmp_path: Path) -> LoadedSite:
    """Returns a site with a model by name plate, and a directory of state of its own."""
    at = replace(
        SMALL.site,
        directory=tmp_path,
        persistence=replace(SMALL.site.persistence, directory=tmp_path / "state"),
        optimiser=replace(SMALL.site.optimiser, model=Path("model.json")),
    )
    save_parameters(from_name_plate(at), tmp_path / "model.json")
    return replace(SMALL, site=at)


def fed(monkeypatch: pytest.MonkeyPatch, table: Table, accepted: bool = True) -> None:
    monkeypatch.setattr(command, "history_of", lambda files, site, since_s: {n: v[table["at_s"] >= since_s] for n, v in table.items()})
    if accepted:
        monkeypatch.setattr(command, "misses", lambda errors, days: ())


def test_an_accepted_update_is_a_signed_version_within_a_percent_a_day(site: LoadedSite, table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    fed(monkeypatch, {**table, "ch-1.power_kw": 3.0 * table["ch-1.power_kw"]})
    found = command.update_site(site, [])
    assert found.published
    assert found.result["days"] == 2
    assert found.result["factors"][GROUP] == pytest.approx(1.02)
    assert GROUP in found.result["drifted"]
    assert "DRIFTED" in found.text
    folder = Versions(site.site.persistence.directory / "versions").folder("model", found.result["version"])
    model, before = load_parameters(folder / "model.json", site.site), load_parameters(site.site.directory / "model.json", site.site)
    assert model.plants["plant"].carnot_share == pytest.approx(1.02 * before.plants["plant"].carnot_share)
    assert "powers followed until 1970-01-03" in model.fitted_on.source
    assert status(site.site.persistence.directory)["version"] == found.result["version"]


def test_a_day_is_followed_once(site: LoadedSite, table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a model that was identified again is followed from the beginning."""
    fed(monkeypatch, table)
    directory, digest = site.site.persistence.directory, from_name_plate(site.site).digest
    directory.mkdir()
    (directory / "upkeep.json").write_text(to_text(Kept(digest, 2 * 86400.0)))
    with pytest.raises(IdentifyError, match="no whole day after 1970-01-03"):
        command.update_site(site, [])
    (directory / "upkeep.json").write_text(to_text(Kept("another model", 2 * 86400.0)))
    monkeypatch.setattr(command, "judge", lambda *_: {})
    assert command.update_site(site, []).result["days"] == 2


def test_an_update_outside_acceptance_is_not_kept(site: LoadedSite, table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model by name plate is far off."""
    fed(monkeypatch, {**table, "ch-1.power_kw": 3.0 * table["ch-1.power_kw"]}, accepted=False)
    found = command.update_site(site, [])
    assert not found.published
    assert any(m.startswith("site.cooling_total_kw") for m in found.result["missed"])
    assert found.result["version"] == ""
    assert not (site.site.persistence.directory / "versions").exists()
    assert status(site.site.persistence.directory)["factors"], "what was followed is remembered"


def test_a_day_with_a_gap_is_no_day(table: Table) -> None:
    noon = (table["at_s"] > 1.4 * 86400.0) & (table["at_s"] < 1.6 * 86400.0)
    (day,) = daily_kwh(prepare(SMALL.site, {n: v[~noon] for n, v in table.items()}, 1.0, 1), from_name_plate(SMALL.site))
    rows = (table["at_s"] > day.began_s) & (table["at_s"] < day.began_s + 86400.0)
    assert day.measured[GROUP] == pytest.approx(float(np.sum(table["ch-1.power_kw"][rows])) / 12.0, rel=0.01)


def test_a_daemons_own_journal_is_read_and_too_short_a_one_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal, out = tmp_path / "journal.sqlite", tmp_path / "model.json"
    journal.write_bytes(lzma.decompress((ROOT / "tests" / "replay" / "drill.sqlite.xz").read_bytes()))
    with pytest.raises(IdentifyError, match=r"rows: \d+ of 300 s are 0\.\d days; at least 3 days are needed"):
        identify_site(SMALL, [journal], out)
    assert not out.exists()
    assert main(["identify", "--config", str(SMALL.site.directory), "--data", str(journal), "--out", str(out)]) == 2
    assert "at least 3 days" in capsys.readouterr().err


def test_the_command_says_what_it_needs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["identify", "--config", str(SMALL.site.directory)]) == 2
    assert "needs --data FILE, or --update without --out" in capsys.readouterr().err
