"""Readers of EPW, TMY3, TMY2 and plain CSV weather files: three columns of each hour, as text with the line they stand on.

pvlib reads three of these formats too; here every cell keeps its line, so that a bad value can be named, and pandas need not be loaded.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Final

from plant_models.sources.problems import Problem, SourceError, number

_KPA_OF_PA: Final = 1e-3
_KPA_OF_MBAR: Final = 0.1
_EPW_HEADER_LINES: Final = 8
_TIME: Final = ("time", "time_local", "time_utc", "datetime", "timestamp")
_DRYBULB: Final = ("dry_bulb_degc", "oa_drybulb_c", "drybulb_c", "dry_bulb_c", "temperature_c")
_HUMIDITY: Final = ("relative_humidity_pct", "oa_rh_pct", "rh_pct", "humidity_pct")
_PRESSURE: Final = {"pressure_kpa": 1.0, "pressure_pa": _KPA_OF_PA, "pressure_hpa": _KPA_OF_MBAR, "pressure_mbar": _KPA_OF_MBAR}


@dataclass(frozen=True, slots=True)
class Row:
    """One hour as the file states it: hour 0 .. 24 in local standard time; cells as text, temperatures x ``drybulb_scale``."""

    line: int
    month: int
    day: int
    hour: int
    drybulb: str
    humidity: str
    pressure: str


@dataclass(frozen=True, slots=True)
class Table:
    """A whole file. ``elevation_m`` None where the file does not state it; ``has_pressure`` False where it has no such column."""

    rows: tuple[Row, ...]
    place: str
    utc_offset_h: float | None
    elevation_m: float | None
    drybulb_scale: float
    kpa_scale: float
    has_pressure: bool = True


def parse(lines: Sequence[str], name: str) -> Table:
    """Returns the table of a weather file, its format told from its content.

    Raises SourceError for an unknown format, a header without what is needed, or a time that cannot be read.
    """
    if len(lines) < 2:
        raise SourceError([Problem(name, f"{len(lines)} lines", "an EPW, TMY2, TMY3 or CSV file of one year")])
    if lines[0].startswith("LOCATION"):
        return _epw(lines, name)
    if lines[1].startswith("Date (MM/DD/YYYY)"):
        return _tmy3(lines, name)
    if name.lower().removesuffix(".gz").endswith((".tm2", ".tmy2")):
        return _tmy2(lines, name)
    return _plain(lines, name)


class _Collector:
    """Gathers rows and what is wrong with their stamps."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.rows: list[Row] = []
        self.problems: list[Problem] = []

    def add(self, line: int, stamp: Sequence[str], cells: tuple[str, str, str]) -> None:
        try:
            month, day, hour = (int(part) for part in stamp)
            datetime(2024, month, day)  # only asks whether the day exists; a leap year has them all
        except ValueError:
            self.refuse(line, f"month, day, hour {stamp}", "a day of the year and an hour")
            return
        if not 0 <= hour <= 24:
            self.refuse(line, f"hour {hour}", "0 .. 24")
            return
        self.rows.append(Row(line, month, day, hour, *cells))

    def refuse(self, line: int, value: str, allowed: str) -> None:
        self.problems.append(Problem(f"{self.name}:{line}", value, allowed))

    def done(self) -> tuple[Row, ...]:
        if self.problems:
            raise SourceError(self.problems)
        return tuple(self.rows)


def _header_number(text: str, name: str, what: str) -> float:
    value = number(text)
    if value is None:
        raise SourceError([Problem(f"{name}:1", f"{what} {text!r}", "a number")])
    return value


def _epw(lines: Sequence[str], name: str) -> Table:
    header = lines[0].split(",")
    if len(header) < 10:
        raise SourceError([Problem(f"{name}:1", lines[0][:60], "LOCATION with ten fields (EnergyPlus weather file)")])
    gather = _Collector(name)
    for line, cells in _cells(lines, _EPW_HEADER_LINES):
        if len(cells) < 10:
            gather.refuse(line, f"{len(cells)} fields", "at least 10")
            continue
        gather.add(line, cells[1:4], (cells[6], cells[8], cells[9]))
    offset, elevation = _header_number(header[8], name, "time zone"), _header_number(header[9], name, "elevation")
    return Table(gather.done(), header[1].strip(), offset, elevation, 1.0, _KPA_OF_PA)


def _tmy3(lines: Sequence[str], name: str) -> Table:
    header = next(csv.reader([lines[0]]))
    columns = next(csv.reader([lines[1]]))
    wanted = ("Dry-bulb (C)", "RHum (%)", "Pressure (mbar)", "Time (HH:MM)")
    absent = [Problem(f"{name}:2", f"no column {c!r}", "the columns of TMY3") for c in wanted if c not in columns]
    if len(header) < 7 or absent:
        raise SourceError(absent or [Problem(f"{name}:1", lines[0][:60], "site, name, state, time zone, latitude, longitude, elevation")])
    drybulb, humidity, pressure, clock = (columns.index(c) for c in wanted)
    gather = _Collector(name)
    for line, cells in _cells(lines, 2):
        if len(cells) <= max(drybulb, humidity, pressure):
            gather.refuse(line, f"{len(cells)} fields", f"{len(columns)}")
            continue
        gather.add(line, (*cells[0].split("/")[:2], cells[clock].split(":")[0]), (cells[drybulb], cells[humidity], cells[pressure]))
    offset, elevation = _header_number(header[3], name, "time zone"), _header_number(header[6], name, "elevation")
    return Table(gather.done(), header[1].strip(), offset, elevation, 1.0, _KPA_OF_MBAR)


def _tmy2(lines: Sequence[str], name: str) -> Table:
    """Fixed columns of the TMY2 manual, NREL/SP-463-7668, table 3-2."""
    header = lines[0]
    gather = _Collector(name)
    for line, text in enumerate(lines[1:], start=2):
        if not text.strip():
            continue
        if len(text) < 88:
            gather.refuse(line, f"{len(text)} characters", "at least 88")
            continue
        gather.add(line, (text[3:5], text[5:7], text[7:9]), (text[67:71], text[79:82], text[84:88]))
    offset, elevation = _header_number(header[33:36], name, "time zone"), _header_number(header[55:59], name, "elevation")
    return Table(gather.done(), header[7:29].strip(), offset, elevation, 0.1, _KPA_OF_MBAR)


def _plain(lines: Sequence[str], name: str) -> Table:
    columns = [c.strip().lower() for c in next(csv.reader([lines[0]]))]
    found = {what: next((c for c in names if c in columns), None) for what, names in (("time", _TIME), ("drybulb", _DRYBULB), ("humidity", _HUMIDITY))}
    allowed = {"time": _TIME, "drybulb": _DRYBULB, "humidity": _HUMIDITY}
    absent = [Problem(f"{name}:1", f"no column for {w}; columns are {', '.join(columns)}", " or ".join(allowed[w])) for w, c in found.items() if c is None]
    if absent:
        raise SourceError(absent)
    clock, drybulb, humidity = (columns.index(c) for c in found.values() if c is not None)
    pressure_name = next((c for c in columns if c in _PRESSURE), None)
    pressure = columns.index(pressure_name) if pressure_name else None
    utc = found["time"] == "time_utc"
    offset: float | None = 0.0 if utc else None
    gather = _Collector(name)
    for line, cells in _cells(lines, 1):
        if len(cells) != len(columns):
            gather.refuse(line, f"{len(cells)} fields", f"{len(columns)}")
            continue
        try:
            stamp = datetime.fromisoformat(cells[clock].strip())
        except ValueError:
            gather.refuse(line, f"time {cells[clock]!r}", "a time as 2023-01-01T00:00")
            continue
        if stamp.minute or stamp.second:
            gather.refuse(line, f"time {cells[clock]!r}", "full hours")
            continue
        if stamp.tzinfo is not None:
            zone = stamp.utcoffset() or timedelta()
            offset = zone / timedelta(hours=1) if offset is None else offset
            stamp = stamp.astimezone(timezone(timedelta(hours=offset)))
        gather.add(line, (str(stamp.month), str(stamp.day), str(stamp.hour)), (cells[drybulb], cells[humidity], "" if pressure is None else cells[pressure]))
    return Table(gather.done(), name, offset, None, 1.0, _PRESSURE[pressure_name] if pressure_name else 1.0, has_pressure=pressure is not None)


def _cells(lines: Sequence[str], skipped: int) -> Iterator[tuple[int, list[str]]]:
    for line, cells in enumerate(csv.reader(lines[skipped:]), start=skipped + 1):
        if any(c.strip() for c in cells):
            yield line, cells
