"""Turns what a source sent (JSON of any shape, CSV, or a year's file) into series on an even grid, or says everything that is wrong with it."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median
from typing import Any, Final

import numpy as np
import psychrolib  # type: ignore[import-untyped]  # ships no type information

from controller.forecast import CARBON, PRICE
from controller.forecast.heard import STEP_LEAST_S, VALUES_MOST, Series
from plant_models.site.forecast import ForecastSource, Place
from plant_models.site.topology import Site
from plant_models.sources.problems import SourceError, number
from plant_models.sources.tariff import tariff_of
from plant_models.sources.weather import open_weather
from safety.finite import finite

HOUR_S: Final = 3600.0
AHEAD_S: Final = 50 * HOUR_S  # two days, an hour for rounding, and one for a source that is late
ROWS_MOST: Final = 20_000
GAP_MOST_S: Final = 12 * HOUR_S  # weather services end in steps of six hours; across a longer gap nothing is known
_PRICE_STEP_S: Final = 900.0  # the shortest of the day-ahead markets
_SHOWN: Final = 5
PRESETS: Final[Mapping[str, tuple[str, Mapping[str, Place]]]] = {
    "open-meteo": ("hourly.time.*", {"drybulb_c": Place("hourly.temperature_2m.*"), "humidity_pct": Place("hourly.relative_humidity_2m.*")}),
    "met-no": (
        "properties.timeseries.*.time",
        {
            "drybulb_c": Place("properties.timeseries.*.data.instant.details.air_temperature"),
            "humidity_pct": Place("properties.timeseries.*.data.instant.details.relative_humidity"),
        },
    ),
}
"""Where times and values stand in what Open-Meteo's ``/v1/forecast`` and MET Norway's ``locationforecast/2.0`` answer."""


class Unreadable(Exception):  # noqa: N818  # it is what was sent that cannot be read
    """What a source sent cannot be used; the text says what is wrong, the first things of it."""


@dataclass(frozen=True)
class Rows:
    """What was sent: times [s since 1970 UTC], and a column of values by name, None where one is missing."""

    times_s: tuple[float, ...]
    columns: Mapping[str, tuple[float | None, ...]]


def series_of(source: ForecastSource, site: Site, body: bytes, now_s: float) -> tuple[Series, ...]:
    """Returns what a source says of the hours from ``now_s`` [s] on, under the site's signals. Raises Unreadable."""
    if source.format == "year" and source.file is not None:
        return _year(source, site, site.directory / source.file, now_s)
    return _signals(source, site, read(source, body), now_s)


def read(source: ForecastSource, body: bytes) -> Rows:
    """Returns the rows of a JSON or CSV text, values in the units of the series' names. Raises Unreadable."""
    at, places = PRESETS.get(source.format, (source.time, source.series))
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(f"byte {error.start} is not UTF-8") from error
    column = _in_csv(text) if source.format == "csv" else _in_json(text)
    times = column(at)
    if not 0 < len(times) <= ROWS_MOST:
        raise Unreadable(f"{at}: {len(times)} times, 1 .. {ROWS_MOST} are allowed")
    problems: list[str] = []
    stamps = tuple(_seconds(value, source.zone, f"{at}, row {n}", problems) for n, value in enumerate(times, start=1))
    columns = {}
    for name, place in places.items():
        values = column(place.at)
        if len(values) != len(stamps):
            problems.append(f"{place.at}: {len(values)} values for {len(stamps)} times")
        columns[name] = tuple(_number(value, place, f"{place.at}, row {n}", problems) for n, value in enumerate(values, start=1))
    if problems:
        raise Unreadable("; ".join(problems[:_SHOWN]) + (f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""))
    return Rows(stamps, columns)


def _in_json(text: str) -> Callable[[str], list[Any]]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"not JSON: {error}") from error

    def column(path: str) -> list[Any]:
        found = [document]
        for step in path.split("."):
            if step == "*":
                if not all(isinstance(value, list) for value in found):
                    raise Unreadable(f"{path}: there is no list at '*'")
                found = [value for values in found for value in values]
            else:
                if not all(isinstance(value, dict) and step in value for value in found):
                    raise Unreadable(f"{path}: there is no {step!r}")
                found = [value[step] for value in found]
        return found

    return column


def _in_csv(text: str) -> Callable[[str], list[Any]]:
    try:
        rows = [row for row in csv.reader(io.StringIO(text), strict=True) if row]
    except csv.Error as error:
        raise Unreadable(f"not CSV: {error}") from error
    header = [cell.strip() for cell in rows[0]] if rows else []
    ragged = next((n for n, row in enumerate(rows, start=1) if len(row) != len(header)), None)
    if ragged is not None:
        raise Unreadable(f"line {ragged} has {len(rows[ragged - 1])} fields, the header {len(header)}")

    def column(name: str) -> list[Any]:
        if name not in header:
            raise Unreadable(f"there is no column {name!r}; there are {', '.join(header) or 'none'}")
        return [row[header.index(name)].strip() for row in rows[1:]]

    return column


def _seconds(value: Any, zone: tzinfo, where: str, problems: list[str]) -> float:
    stamp = number(value) if isinstance(value, str) else finite(value)
    if stamp is not None:
        return stamp
    try:
        read = datetime.fromisoformat(value if isinstance(value, str) else "")
        return (read if read.tzinfo else read.replace(tzinfo=zone)).timestamp()
    except (ValueError, OverflowError):
        problems.append(f"{where}: {str(value)[:40]!r} is neither seconds since 1970 nor a time as 2025-07-15T12:00Z")
        return math.nan


def _number(value: Any, place: Place, where: str, problems: list[str]) -> float | None:
    """Returns a value in the unit wanted; an empty cell or a null is missing, anything else that is no number is a problem."""
    if value is None or value == "":
        return None
    read = number(value) if isinstance(value, str) else finite(value)
    if read is None:
        problems.append(f"{where}: {str(value)[:40]!r} is not a number")
        return None
    return read * place.factor + place.offset


def _signals(source: ForecastSource, site: Site, rows: Rows, now_s: float) -> tuple[Series, ...]:
    if source.gives == "weather":
        return _weather(site, rows, now_s)
    if source.gives == "load":
        columns = {f"{hall}.it_load_kw": values for hall, values in rows.columns.items()}
        return tuple(_held(s, _known(rows.times_s, v), now_s, STEP_LEAST_S, max) for s, v in columns.items())
    signal = PRICE if source.gives == "price" else CARBON
    return tuple(_held(signal, _known(rows.times_s, values), now_s, _PRICE_STEP_S, fmean) for values in rows.columns.values())


def _weather(site: Site, rows: Rows, now_s: float) -> tuple[Series, ...]:
    found = {}
    for name in ("drybulb_c", "wetbulb_c", "humidity_pct"):
        if name in rows.columns:
            found[name] = _hourly(_known(rows.times_s, rows.columns[name]), now_s)
    if "wetbulb_c" not in found:
        start_s, drybulb = found["drybulb_c"]
        other_s, humidity = found["humidity_pct"]
        first = max(start_s, other_s)
        pairs = list(zip(drybulb[round((first - start_s) / HOUR_S) :], humidity[round((first - other_s) / HOUR_S) :], strict=False))
        wrong = next(((t, rh) for t, rh in pairs if not (-60.0 <= t <= 60.0 and 0.0 <= rh <= 105.0)), None)
        if wrong is not None or not pairs:
            raise Unreadable(f"{wrong[0]:g} degC at {wrong[1]:g} % of relative humidity cannot be" if wrong else "dry bulb and humidity have no hour in common")
        psychrolib.SetUnitSystem(psychrolib.SI)
        # services round, and state a little more than 100 % in fog
        wetbulb = tuple(psychrolib.GetTWetBulbFromRelHum(t, min(rh, 100.0) / 100.0, 1000.0 * site.site.pressure_kpa) for t, rh in pairs)
        found["wetbulb_c"] = (first, wetbulb)
    named = {"drybulb_c": "weather.oa_drybulb_c", "wetbulb_c": "weather.oa_wetbulb_c"}
    return tuple(Series(named[name], start, HOUR_S, values) for name, (start, values) in found.items() if name in named)


def _known(times_s: Sequence[float], values: Sequence[float | None]) -> list[tuple[float, float]]:
    """Returns the rows that have a value, in order of time, each time once. Raises Unreadable where there is none."""
    rows = sorted({t: v for t, v in zip(times_s, values, strict=True) if v is not None}.items())
    if not rows:
        raise Unreadable("no value at all")
    return rows


def _hourly(rows: Sequence[tuple[float, float]], now_s: float) -> tuple[float, tuple[float, ...]]:
    """Returns the first full hour [s] and a value for each, linear between what is stated, from the hour of now to the first long gap."""
    end_s = next((a for (a, _), (b, _) in pairwise(rows) if b - a > GAP_MOST_S and b > now_s), rows[-1][0])
    first = max(math.ceil(rows[0][0] / HOUR_S), math.floor(now_s / HOUR_S))
    last = math.floor(min(end_s, now_s + AHEAD_S) / HOUR_S)
    if last < first:
        raise Unreadable(f"it ends at {rows[-1][0]:.0f}, it is {now_s:.0f} now [s since 1970 UTC]")
    hours = np.arange(first, last + 1) * HOUR_S
    times, values = zip(*rows, strict=True)
    return float(hours[0]), tuple(float(v) for v in np.interp(hours, times, values))


def _held(signal: str, rows: Sequence[tuple[float, float]], now_s: float, least_s: float, of: Callable[[Sequence[float]], float]) -> Series:
    """Returns a signal of which each row holds until the next, on a grid of ``least_s`` to an hour; ``of`` makes one value of those within a step."""
    distance = median(b - a for (a, _), (b, _) in pairwise(rows)) if len(rows) > 1 else HOUR_S
    fits = math.gcd(*(round(t) for t, _ in rows), round(distance), 3600)
    step_s = float(min(max(fits, least_s), HOUR_S))
    step_s = step_s if AHEAD_S / step_s <= VALUES_MOST else math.ceil(AHEAD_S / VALUES_MOST / 300.0) * 300.0
    start = max(math.floor(rows[0][0] / step_s), math.floor(now_s / step_s))
    end_s = min(rows[-1][0] + distance, now_s + AHEAD_S)
    values: list[float] = []
    for k in range(start, math.ceil(end_s / step_s)):
        within = [v for t, v in rows if k * step_s < t < (k + 1) * step_s]
        held = next((v for t, v in reversed(rows) if t <= k * step_s), None)
        values.append(of([*([] if held is None else [held]), *within]))
    if not values:
        raise Unreadable(f"it ends at {end_s:.0f}, it is {now_s:.0f} now [s since 1970 UTC]")
    return Series(signal, start * step_s, step_s, tuple(values))


def _year(source: ForecastSource, site: Site, path: Path, now_s: float) -> tuple[Series, ...]:
    """Returns the hours of a typical or published year, whatever year it is now."""
    start_s = math.floor(now_s / HOUR_S) * HOUR_S
    hours = [start_s + k * HOUR_S for k in range(round(AHEAD_S / HOUR_S))]
    try:
        if source.gives == "weather":
            offset = source.zone.utcoffset(datetime.fromtimestamp(now_s).replace(month=1, day=1))
            weather = open_weather(path, offset.total_seconds() / HOUR_S if offset is not None else None)
            now = [weather.at(t) for t in hours]
            columns = {"weather.oa_drybulb_c": [w.oa_drybulb_c for w in now], "weather.oa_wetbulb_c": [w.oa_wetbulb_c for w in now]}
            return tuple(Series(signal, start_s, HOUR_S, tuple(values)) for signal, values in columns.items())
        price = source.gives == "price"
        tariff = tariff_of(site, path if price else None, None if price else path)
    except SourceError as error:
        raise Unreadable(str(error).replace("\n", "; ")) from error
    values = tuple((tariff.price_per_kwh if price else tariff.carbon_kg_per_kwh)(t) for t in hours)
    return (Series(PRICE if price else CARBON, start_s, HOUR_S, values),)
