"""The energy benchmark: cells are seeded and spread, the cache knows what a result follows from, the summary is what it says."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from controller.benchmarks import energy
from controller.benchmarks.energy import Cell, cells_of, digest_of, sample_of
from controller.benchmarks.energy_summary import summary
from controller.oracle import Budget

CLIMATES = ("dry", "humid", "cold", "mild")
CELL = Cell("reference-a", "greensboro", "summer", "service", 7)


def entry(headline: float | None, mine: float = 0.0, theirs: float = 0.0) -> dict[str, Any]:
    """Returns a cell of two policies."""
    return {
        "policies": {"mpc": {"violations": {"lift_minutes": mine, "starts": 0.0}}, "g36": {"violations": {"lift_minutes": theirs, "starts": 9.0}}},
        "savings": {"mpc_vs_g36": {"headline_pct": headline, "cooling_pct": 2.0}},
    }


def test_every_corner_is_a_cell_with_its_own_seed() -> None:
    cells = cells_of(CLIMATES, 0)
    assert len(cells) == 3 * 4 * 4 * 3 == len({c.seed for c in cells})
    assert cells == cells_of(CLIMATES, 0)
    assert {c.seed for c in cells}.isdisjoint({c.seed for c in cells_of(CLIMATES, 1)})


def test_eight_cells_say_something_of_every_climate_season_and_site() -> None:
    chosen = sample_of(cells_of(CLIMATES, 0), 8, seed=3)
    assert len(set(chosen)) == 8
    assert {c.climate for c in chosen} == set(CLIMATES)
    assert {c.season for c in chosen} == set(energy.SEASONS)
    assert {c.site for c in chosen} == set(energy.SITES)
    assert chosen == sample_of(cells_of(CLIMATES, 0), 8, seed=3) != sample_of(cells_of(CLIMATES, 0), 8, seed=4)


def test_the_cache_key_follows_cell_policies_weather_and_code() -> None:
    key = digest_of(CELL, ("g36", "mpc"), "w", "c", Budget())
    assert key == digest_of(CELL, ("g36", "mpc"), "w", "c", Budget())
    others = [
        digest_of(replace(CELL, seed=8), ("g36", "mpc"), "w", "c", Budget()),
        digest_of(replace(CELL, site="small"), ("g36", "mpc"), "w", "c", Budget()),
        digest_of(CELL, ("g36",), "w", "c", Budget()),
        digest_of(CELL, ("g36", "mpc"), "w", "c", Budget(sweeps=1)),
        digest_of(CELL, ("g36", "mpc"), "v", "c", Budget()),
        digest_of(CELL, ("g36", "mpc"), "w", "d", Budget()),
    ]
    assert len({key, *others}) == 7


def test_the_summary_is_mean_worst_and_the_kind_that_is_exceeded_most() -> None:
    found = summary([entry(10.0), entry(-1.0, mine=5.0, theirs=3.0)])
    assert found["mpc_vs_g36_headline_pct"] == {"mean": 4.5, "worst": -1.0, "cells": 2}
    assert found["violation_minutes_over_g36"] == 2.0
    assert "mpc_vs_static_facility_pct" not in found


def test_a_void_comparison_is_counted_and_not_averaged() -> None:
    found = summary([entry(10.0), entry(None)])
    assert found["mpc_vs_g36_headline_pct"] == {"mean": 10.0, "worst": 10.0, "cells": 1}
    assert found["void_cells"] == 1


def test_the_share_of_the_headroom_is_a_ratio_of_sums_over_cells_that_have_one() -> None:
    def cell(g36: float, mpc: float, oracle: float | None) -> dict[str, Any]:
        kwh = {"g36": g36, "mpc": mpc, "oracle": oracle}
        violations: dict[str, float] = {"lift_minutes": 0.0}
        used = {p: {"energy_kwh": {"facility_total": v, "cooling_total": 100.0}, "violations": violations} if v else None for p, v in kwh.items()}
        return {"site": "a", "climate": "dry", "season": "summer", "load": "batch", "policies": used, "savings": {}}

    found = summary([cell(1000.0, 995.0, 990.0), cell(1000.0, 970.0, 960.0), cell(1000.0, 999.9, 999.0), cell(1000.0, 900.0, None)])
    assert found["captured_of_oracle_headroom_pct"] == pytest.approx(100.0 * 35.0 / 50.0)
    assert found["captured_cells"] == 2
    assert found["cells_without_headroom"] == [{"site": "a", "climate": "dry", "season": "summer", "load": "batch"}]
    assert "captured_of_oracle_headroom_pct" not in summary([cell(1000.0, 900.0, None)])


def test_an_interrupted_run_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[Cell] = []

    def run(cell: Cell, *_: Any) -> dict[str, Any]:
        ran.append(cell)
        if len(ran) == 2:
            raise KeyboardInterrupt
        return {"site": cell.site, **entry(1.0)}

    monkeypatch.setattr(energy, "run_cell", run)
    out = tmp_path / "energy.json"
    asked = ["--cells", "3", "--site", "reference-a", "--out", str(out), "--cache", str(tmp_path / "cache")]
    with pytest.raises(KeyboardInterrupt):
        energy.main(asked)
    assert len(json.loads(out.read_text())["cells"]) == 1
    assert energy.main(asked) == 0
    assert len(json.loads(out.read_text())["cells"]) == 3
    assert len(ran) == 4


def test_a_bad_number_of_cells_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        energy.main(["--cells", "none"])
    assert ended.value.code == 2
    assert "1 or more, or all" in capsys.readouterr().err


@pytest.mark.parametrize(("asked", "says"), [(["--policy", "magic"], "invalid choice: 'magic'"), (["--site", "nowhere"], "invalid choice: 'nowhere'")])
def test_an_unknown_policy_or_site_is_refused(asked: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        energy.main(asked)
    assert ended.value.code == 2
    assert says in capsys.readouterr().err


def test_a_site_without_a_model_cannot_be_planned_for(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    sites = tmp_path / "config"
    shutil.copytree(energy.CONFIGS / "reference-b", sites / "reference-b", ignore=shutil.ignore_patterns("model.json"))
    monkeypatch.setattr(energy, "CONFIGS", sites)
    assert energy.main(["--site", "reference-b", "--cache", str(tmp_path / "cache"), "--out", str(tmp_path / "energy.json")]) == 2
    assert "no identified model: reference-b" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [sites]
