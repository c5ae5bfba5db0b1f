"""Recorded readings as a table by time: what identification is fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from controller.journal import JournalError, JournalReader
from controller.parquet import TIME, is_parquet, parquet_table
from plant_models.site.topology import Site
from safety.signals import Role

EFFECTIVE: Final = f".{Role.EFFECTIVE}"


def history_of(paths: Sequence[Path], site: Site, since_s: float = 0.0) -> dict[str, NDArray[np.float64]]:
    """Returns journals, from a plant time on [s], or Parquet files as one table in order of time; a column that one of them lacks is unknown there.

    Raises JournalError or ParquetError where one cannot be used.
    """
    tables = [parquet_table(path, site) for path in paths if is_parquet(path)]
    journals = [path for path in paths if not is_parquet(path)]
    tables += [table_of(journals, since_s)] if journals else []
    names = sorted({name for table in tables for name in table})
    joined = {n: np.concatenate([t.get(n, np.full(t[TIME].size, np.nan)) for t in tables]) for n in names}
    _, first = np.unique(joined[TIME], return_index=True)
    return {n: values[first] for n, values in joined.items()}


def table_of(journals: Sequence[Path], since_s: float = 0.0) -> dict[str, NDArray[np.float64]]:
    """Returns the accepted measurements of journals as one column for each signal, NaN where unknown, and ``at_s`` [s]; rows in order of time.

    Setpoints in force stand under their plain names: as read where the site has an effective point, else as last asked for.

    Raises JournalError where a journal cannot be read or all of them together hold no cycle.
    """
    rows: dict[float, dict[str, float]] = {}
    for path in journals:
        reader = JournalReader(path)
        try:
            for entry in reader.entries(since_s=since_s):
                measured = entry.record.decision.measured
                effective = {s.removesuffix(EFFECTIVE): v for s, v in measured.values.items() if s.endswith(EFFECTIVE)}
                rows[measured.taken_at_s] = {**measured.values, **entry.record.given.memory.requested, **effective}
        finally:
            reader.close()
    if not rows:
        raise JournalError(f"{', '.join(str(p) for p in journals)}: no cycle recorded")
    times = sorted(rows)
    signals = sorted({signal for values in rows.values() for signal in values})
    table = {signal: np.array([rows[t].get(signal, np.nan) for t in times]) for signal in signals}
    return {TIME: np.array(times), **table}
