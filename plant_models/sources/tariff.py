"""What a kWh costs and emits at an instant of plant time: the site's flat or peak tariff, or a year of hourly values from a file."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from plant_models.site.topology import Site
from plant_models.sources.problems import Problem, SourceError, number, read_lines
from plant_models.sources.weather import hour_of_year

_HOURS: Final = 8760
_HOUR_S: Final = 3600.0
_LONGEST_GAP_H: Final = 48  # published years may lack a day at a clock change or at their end
_UTC_TIMES: Final = ("time_utc", "timestamp_utc", "datetime_utc")
_TIMES: Final = (*_UTC_TIMES, "datetime", "timestamp", "time", "time_local")


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a file may hold: columns as patterns with the factor to the unit used here, and the range that is plausible in it."""

    columns: tuple[tuple[str, float], ...]
    low: float
    high: float
    allowed: str


_PRICE: Final = _Kind(
    ((r"energy_price_per_kwh", 1.0), (r"price \(\w+/kwh\)", 1.0), (r"price \(\w+/mwh\)", 1e-3), (r"price_per_mwh", 1e-3)),
    -5.0,
    20.0,
    "-5 .. 20 a kWh, which is -5000 .. 20000 a MWh",
)
_CARBON: Final = _Kind(
    ((r"carbon_kg_per_kwh", 1.0), (r"gco2eq_per_kwh_direct", 1e-3), (r"gco2eq_per_kwh(_lca)?", 1e-3), (r"avg_ci", 1e-3)),
    0.0,
    2.0,
    "0 .. 2 kg/kWh, which is 0 .. 2000 g/kWh",
)


@dataclass(frozen=True)
class HourlyYear:
    """A year of hourly values, each for its whole hour, the first at 1 January 00:00 in ``utc_offset_h``; ``notes`` says what was mended."""

    name: str
    values: tuple[float, ...]
    utc_offset_h: float
    notes: tuple[str, ...] = ()

    def at(self, at_s: float) -> float:
        """Returns the value of the hour that a plant time [s since 1970 UTC] lies in; the year is ignored."""
        return self.values[hour_of_year(math.floor(at_s / _HOUR_S + self.utc_offset_h))]


class Tariff:
    """Price and carbon of a site's electricity; a file takes the place of what ``site.toml`` states."""

    def __init__(self, site: Site, price: HourlyYear | None = None, carbon: HourlyYear | None = None) -> None:
        """Takes the site with its flat or peak prices, and the years that replace them."""
        self._money = site.money
        self._zone = ZoneInfo(site.site.time_zone)
        self.price_year, self.carbon_year = price, carbon

    def price_per_kwh(self, at_s: float) -> float:
        """Returns the price of energy at a plant time."""
        if self.price_year is not None:
            return self.price_year.at(at_s)
        money, (first, last) = self._money, self._money.peak_hours_local
        if money.peak_price_per_kwh is None:
            return money.energy_price_per_kwh
        hour = datetime.fromtimestamp(at_s, UTC).astimezone(self._zone).hour
        return money.peak_price_per_kwh if first <= hour < last else money.energy_price_per_kwh

    def carbon_kg_per_kwh(self, at_s: float) -> float:
        """Returns the carbon intensity at a plant time."""
        return self._money.carbon_kg_per_kwh if self.carbon_year is None else self.carbon_year.at(at_s)


def tariff_of(site: Site, price: Path | None = None, carbon: Path | None = None) -> Tariff:
    """Returns a site's tariff with the files that replace parts of it, their times in the site's time zone where they state none.

    Raises SourceError with every problem of both files.
    """
    zone = ZoneInfo(site.site.time_zone)
    offset = datetime(2025, 1, 1, tzinfo=zone).utcoffset() or timedelta()
    opened: list[HourlyYear | None] = []
    problems: list[Problem] = []
    for path, kind in ((price, _PRICE), (carbon, _CARBON)):
        try:
            opened.append(None if path is None else _open(path, kind, offset.total_seconds() / _HOUR_S))
        except SourceError as error:
            problems += error.problems
    if problems:
        raise SourceError(problems)
    return Tariff(site, *opened)


def _open(path: Path, kind: _Kind, utc_offset_h: float) -> HourlyYear:
    lines = read_lines(path)
    if len(lines) < 2:
        raise SourceError([Problem(path.name, f"{len(lines)} lines", "a header and a year of hours")])
    columns = [c.strip().lower() for c in next(csv.reader([lines[0]]))]
    time, value, factor = _picks(columns, kind, path.name)
    offset_h = 0.0 if columns[time] in _UTC_TIMES else utc_offset_h
    values: list[float | None] = [None] * _HOURS
    problems: list[Problem] = []
    for line, cells in enumerate(csv.reader(lines[1:]), start=2):
        where = f"{path.name}:{line}"
        if len(cells) != len(columns):
            problems.append(Problem(where, f"{len(cells)} fields", f"{len(columns)}"))
            continue
        hour = _hour(cells[time], offset_h, where, problems)
        raw = number(cells[value])
        scaled = math.nan if raw is None else raw * factor
        if not kind.low <= scaled <= kind.high:
            problems.append(Problem(where, f"{columns[value]} {cells[value]!r}", kind.allowed))
        elif hour is not None:
            values[hour] = scaled
    if problems:
        raise SourceError(problems)
    notes: list[str] = []
    return HourlyYear(path.name, _filled(values, path.name, notes), offset_h, tuple(notes))


def _picks(columns: Sequence[str], kind: _Kind, name: str) -> tuple[int, int, float]:
    """Returns the time column, the value column and its factor."""
    time = next((columns.index(c) for c in _TIMES if c in columns), None)
    value = next(((i, factor) for pattern, factor in kind.columns for i, c in enumerate(columns) if re.fullmatch(pattern, c)), None)
    if time is None or value is None:
        allowed = f"a time ({', '.join(_TIMES)}) and one of {', '.join(pattern for pattern, _ in kind.columns)}"
        raise SourceError([Problem(f"{name}:1", f"columns {', '.join(columns)}", allowed)])
    return time, value[0], value[1]


def _hour(cell: str, utc_offset_h: float, where: str, problems: list[Problem]) -> int | None:
    """Returns the hour of the year that a stamp begins, in the file's own offset."""
    try:
        stamp = datetime.fromisoformat(cell.strip())
    except ValueError:
        problems.append(Problem(where, f"time {cell!r}", "an ISO time as 2023-01-01 00:00:00, with its offset where it has one"))
        return None
    zone = timezone(timedelta(hours=utc_offset_h))
    there = stamp.astimezone(zone) if stamp.tzinfo else stamp.replace(tzinfo=zone)
    return hour_of_year(math.floor(there.timestamp() / _HOUR_S + utc_offset_h))


def _filled(values: Sequence[float | None], name: str, notes: list[str]) -> tuple[float, ...]:
    """Returns the year with short holes filled by the same hour of the day before, or of the day after where the year begins."""
    holes = [i for i, v in enumerate(values) if v is None]
    longest = run = 0
    for i, v in enumerate(values):
        run = run + 1 if v is None else 0
        longest = max(longest, run)
        if longest > _LONGEST_GAP_H:
            raise SourceError([Problem(name, f"no values for {run} hours up to hour {i} of the year", f"holes of up to {_LONGEST_GAP_H} h")])
    filled = list(values)
    for i in [*holes, *reversed(holes)]:
        if filled[i] is None:
            filled[i] = next((v for j in (i - 24, i + 24) if 0 <= j < _HOURS and (v := filled[j]) is not None), None)
    if holes:
        notes.append(f"{name}: {len(holes)} missing hours filled from the day before or after")
    return tuple(v for v in filled if v is not None)
