"""Parquet tables are read as journals are, refused with every problem, and their reader is asked for by name where it is missing."""

from __future__ import annotations

import sys
from pathlib import Path

import fastparquet  # type: ignore[import-untyped]
import numpy as np
import pandas as pd
import pytest

from controller.history import history_of
from controller.parquet import ParquetError, is_parquet, parquet_table
from plant_models.site.load import load_site

SITE = load_site(Path(__file__).parents[2] / "config" / "small", {}).site
GOOD = {"at_s": [600.0, 300.0, 900.0], "plant.chws_temp_c": [10.0, np.nan, 10.2], "ch-1.machine_state": [2, 0, 2]}


def written(path: Path, columns: dict[str, object]) -> Path:
    """Writes a table as Parquet."""
    fastparquet.write(str(path), pd.DataFrame(columns))
    return path


def test_rows_come_in_order_of_time_and_unknown_is_unknown(tmp_path: Path) -> None:
    table = parquet_table(written(tmp_path / "a.parquet", GOOD), SITE)
    assert table["at_s"].tolist() == [300.0, 600.0, 900.0]
    assert np.isnan(table["plant.chws_temp_c"][0])
    assert table["ch-1.machine_state"].tolist() == [0.0, 2.0, 2.0]


def test_several_files_are_one_table(tmp_path: Path) -> None:
    later = {"at_s": [900.0, 1200.0], "plant.chwr_temp_c": [16.0, 16.5]}
    table = history_of([written(tmp_path / "a.parquet", GOOD), written(tmp_path / "b.parquet", later)], SITE)
    assert table["at_s"].tolist() == [300.0, 600.0, 900.0, 1200.0]
    assert np.isnan(table["plant.chwr_temp_c"][:3]).all()


def test_every_problem_is_named_at_once(tmp_path: Path) -> None:
    bad = {"at_s": [1.0, 1.0], "plant.chws_temp_c": ["warm", "cold"], "boiler.steam_c": [1.0, 2.0]}
    with pytest.raises(ParquetError) as caught:
        parquet_table(written(tmp_path / "a.parquet", bad), SITE)
    said = str(caught.value)
    assert "columns boiler.steam_c" in said
    assert "column plant.chws_temp_c" in said
    assert "1 times repeat" in said


def test_what_is_no_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1 and nothing else")
    assert is_parquet(path)
    for file in (path, tmp_path / "none.parquet"):
        with pytest.raises(ParquetError):
            parquet_table(file, SITE)


def test_without_its_reader_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "a.parquet", GOOD)
    monkeypatch.setitem(sys.modules, "fastparquet", None)
    with pytest.raises(ParquetError, match=r"pip install 'coldaisle\[parquet\]'"):
        parquet_table(path, SITE)
