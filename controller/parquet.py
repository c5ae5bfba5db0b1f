"""A Parquet file as a table of measurements by time; the format is documented in ``docs/identify.md``. Needs the extra ``parquet``."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from plant_models.site.topology import Site
from safety.signals import QUANTITIES

TIME: Final = "at_s"
MAGIC: Final = b"PAR1"
_SHOWN: Final = 8


class ParquetError(Exception):
    """A Parquet file that cannot be used; says every problem, one a line."""


def is_parquet(path: Path) -> bool:
    """Returns whether a file is Parquet by its first bytes, or by its name where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return path.suffix == ".parquet"


def parquet_table(path: Path, site: Site) -> dict[str, NDArray[np.float64]]:
    """Returns the columns of a Parquet file by signal, with ``at_s`` [s], in order of time.

    Raises ParquetError with every problem: the extra is not installed, not a Parquet file, no ``at_s``, a column that is no signal of the
    vocabulary or not of this site's equipment, a column of text, times that are unknown or repeat.
    """
    try:
        import fastparquet  # type: ignore[import-untyped]  # it has no types
    except ImportError:
        raise ParquetError(f"{path}: reading Parquet needs fastparquet, which is not installed; install it with: pip install 'coldaisle[parquet]'") from None
    try:
        frame = fastparquet.ParquetFile(io.BytesIO(path.read_bytes()), verify=True).to_pandas()
    except FileNotFoundError:
        raise ParquetError(f"{path}: no such file") from None
    except (OSError, ValueError, TypeError, fastparquet.ParquetException) as error:  # TypeError: a footer without its parts
        raise ParquetError(f"{path}: cannot be read as Parquet: {error}") from None
    names = [str(c) for c in frame.columns]
    problems = _strangers(names, site)
    columns: dict[str, NDArray[np.float64]] = {}
    for name in names:
        try:
            columns[name] = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
        except (TypeError, ValueError):
            problems.append(f"column {name}: holds {frame[name].dtype}; allowed: numbers, in the unit of the signal's name")
    problems += _bad_times(columns.get(TIME))
    if problems:
        raise ParquetError("\n".join(f"{path}: {p}" for p in problems))
    order = np.argsort(columns[TIME])
    return {name: values[order] for name, values in columns.items()}


def _strangers(names: list[str], site: Site) -> list[str]:
    groups = (site.plant, site.hall, site.chiller, site.tower, site.pump, site.economiser)
    known = {e.name for group in groups for e in group} | {row for h in site.hall for row in h.rows} | {"site", "weather"}
    strange = [n for n in names if n != TIME and (n.partition(".")[0] not in known or n.partition(".")[2] not in QUANTITIES)]
    more = f" and {len(strange) - _SHOWN} more" if len(strange) > _SHOWN else ""
    return [f"columns {', '.join(strange[:_SHOWN])}{more}: no signals of this site; allowed: at_s, and equipment.quantity"] if strange else []


def _bad_times(at_s: NDArray[np.float64] | None) -> list[str]:
    if at_s is None:
        return [f"column {TIME}: missing; allowed: plant time in seconds since 1970 UTC, one row a cycle"]
    if not np.isfinite(at_s).all():
        return [f"column {TIME}: unknown in {int((~np.isfinite(at_s)).sum())} rows; allowed: a time in each"]
    repeated = at_s.size - np.unique(at_s).size
    return [f"column {TIME}: {repeated} times repeat; allowed: each once"] if repeated else []
