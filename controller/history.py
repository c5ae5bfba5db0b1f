"""Recorded readings as a table by time: what identification is fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from controller.journal import JournalError, JournalReader

TIME = "at_s"


def table_of(journals: Sequence[Path]) -> dict[str, NDArray[np.float64]]:
    """Returns the accepted measurements of journals as one column for each signal, NaN where unknown, and ``at_s`` [s]; rows in order of time.

    Raises JournalError where a journal cannot be read or all of them together hold no cycle.
    """
    rows: dict[float, dict[str, float]] = {}
    for path in journals:
        reader = JournalReader(path)
        try:
            for entry in reader.entries():
                measured = entry.record.decision.measured
                rows[measured.taken_at_s] = dict(measured.values)
        finally:
            reader.close()
    if not rows:
        raise JournalError(f"{', '.join(str(p) for p in journals)}: no cycle recorded")
    times = sorted(rows)
    signals = sorted({signal for values in rows.values() for signal in values})
    table = {signal: np.array([rows[t].get(signal, np.nan) for t in times]) for signal in signals}
    return {TIME: np.array(times), **table}
