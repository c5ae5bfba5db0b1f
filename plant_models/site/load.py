"""Loads a site's directory, ``site.toml`` and ``points.csv``, into frozen values, or refuses it with everything that is wrong at once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from plant_models.site.agree import is_setpoint, joint_problems, site_problems, table_problems
from plant_models.site.gate import gate_problems
from plant_models.site.ladder import ladder_problems
from plant_models.site.limits import widenings
from plant_models.site.points import Points
from plant_models.site.problems import Problem, SiteErrors, read_text
from plant_models.site.settings import read_site
from plant_models.site.table import FILE, Row, read_rows
from plant_models.site.topology import Site

__all__ = ["LoadedSite", "Problem", "SiteErrors", "load_site"]


@dataclass(frozen=True, slots=True)
class LoadedSite:
    """A site and its points, both checked."""

    site: Site
    points: Points


def load_site(directory: Path, environ: Mapping[str, str] | None = None) -> LoadedSite:
    """Returns the site that a directory describes, overridden by ``COLDAISLE_SECTION__KEY`` variables (of the process where none are given).

    A variable's value may be JSON; tables merge into those of the file, arrays replace them. Raises SiteErrors with all problems of both files.
    """
    draft, problems = read_site(directory, os.environ if environ is None else environ)
    if draft is not None:
        problems += site_problems(draft)
        problems += widenings(draft.site, {name: r for name, r in draft.site.setpoint.items() if is_setpoint(name) and r.low <= r.high})
    rows, of_table = _read_table(directory)
    problems += of_table
    if draft is not None and rows is not None:
        problems += joint_problems(draft, rows)
        readable = {row["signal"] for row in rows if "r" in row["access"] and row.parts is not None}
        problems += [*ladder_problems(draft.site, readable), *gate_problems(draft.site, readable)]
    if problems or draft is None or rows is None:
        raise SiteErrors(problems)
    return LoadedSite(draft.site, Points(tuple(row.point for row in rows if row.point is not None)))


def _read_table(directory: Path) -> tuple[list[Row] | None, list[Problem]]:
    text, problems = read_text(directory / FILE)
    if text is None:
        return None, problems
    rows, problems = read_rows(text)
    if rows is None:
        return None, problems
    return rows, [*problems, *(problem for row in rows for problem in row.problems), *table_problems(rows)]
