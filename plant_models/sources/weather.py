"""Weather of a typical or a real year, hour by hour, as the simulated site feels it at an instant of plant time."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from pathlib import Path
from typing import Final

import psychrolib  # type: ignore[import-untyped]  # ships no type information

from plant_models.sources.problems import Problem, SourceError, number, read_lines
from plant_models.sources.weather_files import Row, Table, parse

NOMINAL_YEAR: Final = 2025  # of plant dates given as month and day only: not a leap year, 15 July is a Tuesday
BUNDLED: Final[Mapping[str, str]] = {
    "greensboro": "723170TYA.CSV",  # TMY3 723170, Greensboro NC, in pvlib's data folder
    "miami": "12839.tm2",  # TMY2 12839, Miami FL, in pvlib's data folder
}
_HOURS: Final = 8760
_LONGEST_GAP_H: Final = 3
_STANDARD_KPA: Final = 101.325
_HOUR_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class _Column:
    """What one column may hold, in SI, and which raw numbers stand for "missing" (EPW, TMY2, TMY3 manuals; loggers)."""

    name: str
    low: float
    high: float
    allowed: str
    missing: frozenset[float]


_DRYBULB: Final = _Column("dry bulb", -60.0, 60.0, "-60 .. 60 degC, not Fahrenheit", frozenset({99.9, 999.0, 999.9, 9999.0, -999.0, -9900.0, -9999.0}))
_HUMIDITY: Final = _Column("relative humidity", 0.0, 100.0, "0 .. 100 %, not a pressure", frozenset({999.0, 9999.0, -999.0, -9900.0, -9999.0}))
_PRESSURE: Final = _Column("pressure", 60.0, 110.0, "60 .. 110 kPa", frozenset({999999.0, 99999.0, 9999.0, -9900.0, -9999.0}))


@dataclass(frozen=True, slots=True)
class WeatherNow:
    """Outside air at one instant."""

    oa_drybulb_c: float
    oa_wetbulb_c: float
    pressure_kpa: float


@dataclass(frozen=True)
class Weather:
    """A year of hourly values, 8760 of each, the first at 1 January 00:00 in the file's local standard time; ``notes`` says what was mended."""

    name: str
    utc_offset_h: float
    drybulb_c: tuple[float, ...]
    wetbulb_c: tuple[float, ...]
    pressure_kpa: tuple[float, ...]
    notes: tuple[str, ...] = ()

    def at(self, at_s: float) -> WeatherNow:
        """Returns the weather at a plant time [s since 1970 UTC], linear between the hours; the year is ignored, 29 February repeats the 28th."""
        hours = at_s / _HOUR_S + self.utc_offset_h
        whole = math.floor(hours)
        share = hours - whole
        before, after = hour_of_year(whole), hour_of_year(whole + 1)

        def between(column: Sequence[float]) -> float:
            return column[before] + share * (column[after] - column[before])

        return WeatherNow(between(self.drybulb_c), between(self.wetbulb_c), between(self.pressure_kpa))


def open_weather(name_or_path: str | Path, utc_offset_h: float | None = None) -> Weather:
    """Returns the weather of a bundled place ("greensboro", "miami") or of an EPW, TMY2, TMY3 or CSV file, gzip-compressed or not.

    ``utc_offset_h`` [h] is for CSV files, which do not state it; without it their times are taken as UTC and a note says so. Holes of up to
    3 h are filled linearly and noted. Raises SourceError with every problem: file, line, value, what is allowed.
    """
    path = _path_of(name_or_path)
    table = parse(read_lines(path), path.name)
    notes: list[str] = []
    rows = _by_hour(table, path.name, notes)
    problems: list[Problem] = []
    drybulb = _column(rows, "drybulb", _DRYBULB, table.drybulb_scale, path.name, notes, problems)
    humidity = _column(rows, "humidity", _HUMIDITY, 1.0, path.name, notes, problems)
    pressure = _pressure(rows, table, path.name, notes, problems)
    if not problems and max(humidity) <= 1.0:
        problems.append(Problem(path.name, f"largest relative humidity of the year is {max(humidity):g}", "percent, not a share"))
    if problems:
        raise SourceError(problems)
    offset = table.utc_offset_h if utc_offset_h is None else utc_offset_h
    if offset is None:
        notes.append("no time zone in the file: its times are taken as UTC")
        offset = 0.0
    return Weather(table.place, offset, tuple(drybulb), _wetbulb(drybulb, humidity, pressure), tuple(pressure), tuple(notes))


def start_of(day: date, weather: Weather) -> float:
    """Returns local standard midnight of a day as plant time [s since 1970 UTC]; days known by month and day only get NOMINAL_YEAR."""
    zone = timezone(timedelta(hours=weather.utc_offset_h))
    return datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()


def day_of(text: str) -> date:
    """Returns the day that ``2025-07-15`` or ``07-15`` (of NOMINAL_YEAR) names; raises ValueError saying what is allowed."""
    try:
        return date.fromisoformat(text if text.count("-") == 2 else f"{NOMINAL_YEAR}-{text}")
    except ValueError as error:
        raise ValueError(f"{text!r}: a day is written 2025-07-15 or 07-15") from error


def _path_of(name_or_path: str | Path) -> Path:
    bundled = BUNDLED.get(str(name_or_path))
    if bundled is None:
        path = Path(name_or_path)
        if not path.is_file():
            raise SourceError([Problem(str(path), "no such file", f"a weather file, or one of {', '.join(BUNDLED)}")])
        return path
    spec = importlib.util.find_spec("pvlib")  # finds the folder without importing pvlib, which would load pandas
    if spec is None or spec.origin is None:
        raise SourceError([Problem(str(name_or_path), "pvlib is not installed, whose data folder holds this weather", "an installed pvlib, or a file")])
    return Path(spec.origin).parent / "data" / bundled


@lru_cache(maxsize=16)
def hour_of_year(hours_since_1970: int) -> int:
    """Returns which of 8760 hours an hour since 1970 is, its year ignored; 29 February is the 28th again."""
    now = datetime.fromtimestamp(hours_since_1970 * _HOUR_S, UTC)
    return _index(now.month, now.day if (now.month, now.day) != (2, 29) else 28, now.hour)


def _index(month: int, day: int, hour: int) -> int:
    return ((date(NOMINAL_YEAR, month, day).toordinal() - date(NOMINAL_YEAR, 1, 1).toordinal()) * 24 + hour) % _HOURS


def _by_hour(table: Table, name: str, notes: list[str]) -> list[Row | None]:
    """Puts rows in their hour of the year; a stamp of 24:00 is the next day's 00:00."""
    rows: list[Row | None] = [None] * _HOURS
    problems: list[Problem] = []
    leap = 0
    for row in table.rows:
        if (row.month, row.day) == (2, 29):
            leap += 1
            continue
        index = _index(row.month, row.day, row.hour)
        earlier = rows[index]
        if earlier is not None:
            again = f"{row.month:02d}-{row.day:02d} {row.hour:02d} h again, first on line {earlier.line}"
            problems.append(Problem(f"{name}:{row.line}", again, "each hour once"))
        rows[index] = row
    if problems:
        raise SourceError(problems)
    if leap:
        notes.append(f"{leap} hours of 29 February left out")
    return rows


def _column(rows: Sequence[Row | None], field: str, column: _Column, scale: float, name: str, notes: list[str], problems: list[Problem]) -> list[float]:
    """Returns one column in SI with its short holes filled; appends to notes and problems."""
    values = [None if row is None else _value(row, str(getattr(row, field)).strip(), column, scale, name, problems) for row in rows]
    if all(v is None for v in values):
        problems.append(Problem(name, f"no value of {column.name}", column.allowed))
        return [math.nan] * _HOURS
    return _filled(values, rows, column, name, notes, problems)


def _value(row: Row, text: str, column: _Column, scale: float, name: str, problems: list[Problem]) -> float | None:
    where = f"{name}:{row.line}"
    if text == "" or text.lower() == "nan":
        return None
    raw = number(text)
    if raw is None:
        problems.append(Problem(where, f"{column.name} {text!r}", column.allowed))
        return None
    value = raw * scale
    if raw in column.missing or (scale != 1.0 and value in column.missing):
        return None
    if not column.low <= value <= column.high:
        problems.append(Problem(where, f"{column.name} {value:g}", column.allowed))
    return value


def _filled(values: Sequence[float | None], rows: Sequence[Row | None], column: _Column, name: str, notes: list[str], problems: list[Problem]) -> list[float]:
    start = next(i for i, v in enumerate(values) if v is not None)
    filled = [math.nan] * _HOURS
    previous = start
    for step in range(1, _HOURS + 1):
        i = (start + step) % _HOURS
        here = values[i]
        if here is None:
            continue
        left, gap = values[previous], step - 1 - ((previous - start) % _HOURS)
        assert left is not None
        for k in range(gap):
            filled[(previous + 1 + k) % _HOURS] = left + (here - left) * (k + 1) / (gap + 1)
        if gap:
            before = rows[previous]
            where = f"{name}:{before.line}" if before is not None else name
            if gap > _LONGEST_GAP_H:
                problems.append(Problem(where, f"{column.name} missing for {gap} h after this line", f"holes of at most {_LONGEST_GAP_H} h"))
            else:
                notes.append(f"{where}: {column.name} missing for {gap} h after this line, filled linearly")
        filled[i] = here
        previous = i
    return filled


def _pressure(rows: Sequence[Row | None], table: Table, name: str, notes: list[str], problems: list[Problem]) -> list[float]:
    stated = table.has_pressure and any(r is not None and number(r.pressure) not in (None, *_PRESSURE.missing) for r in rows)
    if stated:
        return _column(rows, "pressure", _PRESSURE, table.kpa_scale, name, notes, problems)
    if table.elevation_m is None:
        notes.append(f"no pressure in the file: {_STANDARD_KPA} kPa taken")
        return [_STANDARD_KPA] * _HOURS
    taken = _STANDARD_KPA * (1.0 - 2.25577e-5 * table.elevation_m) ** 5.2559  # ASHRAE Fundamentals 2017, ch. 1 eq. 3
    notes.append(f"no pressure in the file: {taken:.2f} kPa taken for its elevation")
    return [taken] * _HOURS


def _wetbulb(drybulb_c: Sequence[float], humidity_pct: Sequence[float], pressure_kpa: Sequence[float]) -> tuple[float, ...]:
    psychrolib.SetUnitSystem(psychrolib.SI)
    return tuple(psychrolib.GetTWetBulbFromRelHum(t, rh / 100.0, p * 1000.0) for t, rh, p in zip(drybulb_c, humidity_pct, pressure_kpa, strict=True))
