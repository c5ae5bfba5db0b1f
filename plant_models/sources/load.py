"""IT load of each hall as utilisation 0 .. 1: a generated day-and-week shape with noise, or a recorded trace played again and again."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from plant_models.sources.problems import Problem, SourceError, number, read_lines

_HOUR_S: Final = 3600.0
_DAY_S: Final = 86400.0
_GRID_S: Final = 60.0
_MINUTES: Final = 1440
_RAMP_MINUTES: Final = 5  # engineering value: accelerators of a training job come up within minutes
_JOBS: Final = 2  # stream of the seed, after the two noises
_EPOCH_WEEKDAY: Final = 3  # 1 January 1970 was a Thursday
_UTILISATION: Final = ("utilisation", "utilization", "cpu_load")
_POWER: Final = ("it_load_kw", "kw", "power_kw")
_TIME: Final = ("time", "time_s", "time_local", "time_utc", "timestamp", "datetime")


class Load(Protocol):
    """Utilisation of each hall at an instant of plant time."""

    def at(self, at_s: float) -> tuple[float, ...]:
        """Returns utilisation 0 .. 1 of each hall, in the site's order, at a plant time [s since 1970 UTC]."""
        ...


@dataclass(frozen=True, slots=True)
class LoadShape:
    """A generated load: shares of full utilisation, times in local standard hours.

    Swing and noise are engineering values between the flat days of batch clusters and the 2:1 days of user-facing services.
    """

    mean: float = 0.65
    daily_swing: float = 0.12  # half of the difference between the afternoon's top and the night's bottom
    peak_hour: float = 15.0
    weekend_drop: float = 0.06
    fast_sd: float = 0.015
    fast_correlation_s: float = 1800.0
    slow_sd: float = 0.025
    slow_correlation_s: float = 10800.0
    job_h: float = 0.0  # mean length of a job that takes the whole hall; 0: no such jobs
    job_swing: float = 0.0  # half of the difference between a hall full of a job and one between two jobs


SHAPES: Final[Mapping[str, LoadShape]] = {
    "service": LoadShape(),
    "batch": LoadShape(mean=0.82, daily_swing=0.02, weekend_drop=0.0, fast_sd=0.01, slow_sd=0.02),  # a queue that is never empty
    "training": LoadShape(mean=0.70, daily_swing=0.0, weekend_drop=0.0, fast_sd=0.01, slow_sd=0.01, job_h=5.0, job_swing=0.28),
}


class GeneratedLoad:
    """A day and week shape with two AR(1) noises on a grid of 60 s, each hall with its own; the same seed gives the same load however it is asked."""

    def __init__(self, hall_count: int, seed: int, utc_offset_h: float = 0.0, shape: LoadShape | None = None) -> None:
        """Takes the number of halls, a seed >= 0, the hours that local standard time is ahead of UTC [h], and the shape."""
        self._halls = hall_count
        self._seed = seed
        self._offset_s = utc_offset_h * _HOUR_S
        self._shape = shape or LoadShape()
        self._days: dict[tuple[int, int], list[float]] = {}
        self._minute: int | None = None
        self._around: list[tuple[float, float]] = []

    def at(self, at_s: float) -> tuple[float, ...]:
        """Returns utilisation of each hall, linear between minutes."""
        local = at_s + self._offset_s
        minute = math.floor(local / _GRID_S)
        share = local / _GRID_S - minute
        if minute != self._minute:
            self._minute, self._around = minute, [(self._on_grid(h, minute), self._on_grid(h, minute + 1)) for h in range(self._halls)]
        return tuple([before + share * (after - before) for before, after in self._around])

    def _on_grid(self, hall: int, minute: int) -> float:
        day, of_day = divmod(minute, _MINUTES)
        noise = self._days.get((hall, day))
        if noise is None:
            noise = self._days[hall, day] = self._noise_of_day(hall, day)
        return min(max(_mean_at(self._shape, minute * _GRID_S) + noise[of_day], 0.0), 1.0)

    def _noise_of_day(self, hall: int, day: int) -> list[float]:
        """Filters the innovations of the day before and of this day: after a day nothing is left of how the filter was started."""
        total = np.zeros(_MINUTES)
        for kind, (sd, correlation_s) in enumerate(
            ((self._shape.fast_sd, self._shape.fast_correlation_s), (self._shape.slow_sd, self._shape.slow_correlation_s))
        ):
            keep = math.exp(-_GRID_S / correlation_s)
            innovations = [np.random.default_rng((self._seed, hall, kind, d % 2**32)).standard_normal(_MINUTES) for d in (day - 1, day)]
            state, values = 0.0, []
            for innovation in np.concatenate(innovations):
                state = keep * state + sd * math.sqrt(1.0 - keep**2) * float(innovation)
                values.append(state)
            total += values[_MINUTES:]
        if self._shape.job_h:
            total += self._jobs_of_day(hall, day)
        return [float(v) for v in total]

    def _jobs_of_day(self, hall: int, day: int) -> NDArray[np.float64]:
        """Returns a hall full and nearly empty in turn, as one large job follows another; ramps of ``_RAMP_MINUTES``, and none across midnight."""
        generator = np.random.default_rng((self._seed, hall, _JOBS, day % 2**32))
        level, minute = generator.choice((-1.0, 1.0)), 0
        wanted = np.empty(_MINUTES)
        while minute < _MINUTES:
            until = minute + max(int(generator.exponential(self._shape.job_h * 60.0)), _RAMP_MINUTES)
            wanted[minute:until] = level * generator.uniform(0.6, 1.0)
            level, minute = -level, until
        ends = np.minimum(np.arange(_MINUTES), np.arange(_MINUTES)[::-1]) / _RAMP_MINUTES
        kernel = np.ones(_RAMP_MINUTES) / _RAMP_MINUTES
        smooth: NDArray[np.float64] = np.convolve(np.pad(wanted, (_RAMP_MINUTES - 1, 0), mode="edge"), kernel, mode="valid")
        return self._shape.job_swing * smooth * np.minimum(ends, 1.0)


def _mean_at(shape: LoadShape, local_s: float) -> float:
    days = local_s / _DAY_S
    hour = (days - math.floor(days)) * 24.0
    daily = shape.daily_swing * math.cos((hour - shape.peak_hour) / 24.0 * 2.0 * math.pi)
    # the weekend sets in and ends over six hours, so that midnight is no step
    into_week = (days + _EPOCH_WEEKDAY) % 7.0
    weekend = min(max((into_week - 4.875) / 0.25, 0.0), 1.0) * min(max((7.0 - into_week) / 0.25, 0.0), 1.0)
    return shape.mean + daily - shape.weekend_drop * weekend


class TraceLoad:
    """A recorded load, linear between its rows and begun again after the last; the first row stands at a local midnight."""

    def __init__(self, step_s: float, rows: Sequence[tuple[float, ...]], utc_offset_h: float = 0.0) -> None:
        """Takes the rows' distance [s], utilisation of each hall in each row, and the hours that local standard time is ahead of UTC [h]."""
        self._step_s = step_s
        self._rows = tuple(rows)
        self._offset_s = utc_offset_h * _HOUR_S

    def at(self, at_s: float) -> tuple[float, ...]:
        """Returns utilisation of each hall."""
        position = (at_s + self._offset_s) / self._step_s
        row = math.floor(position)
        share = position - row
        before, after = self._rows[row % len(self._rows)], self._rows[(row + 1) % len(self._rows)]
        return tuple(b + share * (a - b) for b, a in zip(before, after, strict=True))


def open_load(path: Path, halls: Sequence[tuple[str, float]], utc_offset_h: float = 0.0, idle_share: float = 0.0) -> TraceLoad:
    """Returns the load of a CSV file, gzip-compressed or not, for halls given as (name, IT capacity [kW]).

    Columns: ``utilisation`` (or ``cpu_load``) 0 .. 1 or ``it_load_kw`` for every hall alike, or one utilisation column named as each hall; a
    time column ([s] or ISO) where rows are not hourly. Power becomes utilisation by (power / capacity - idle_share) / (1 - idle_share).
    Raises SourceError with every problem: file, line, value, what is allowed.
    """
    lines = read_lines(path)
    if len(lines) < 3:
        raise SourceError([Problem(path.name, f"{len(lines)} lines", "a header and at least two rows")])
    columns = [c.strip().lower() for c in next(csv.reader([lines[0]]))]
    picks, in_kw = _picks(columns, [name for name, _ in halls], path.name)
    clock = next((columns.index(c) for c in _TIME if c in columns), None)
    problems: list[Problem] = []
    rows: list[tuple[float, ...]] = []
    stamps: list[tuple[int, float]] = []
    for line, cells in enumerate(csv.reader(lines[1:]), start=2):
        where = f"{path.name}:{line}"
        if len(cells) != len(columns):
            problems.append(Problem(where, f"{len(cells)} fields", f"{len(columns)}"))
            continue
        capacities = [capacity for _, capacity in halls] if in_kw else None
        rows.append(_utilisations([cells[p] for p in picks], capacities, idle_share, where, problems))
        if clock is not None:
            stamps.append((line, _seconds(cells[clock], where, problems)))
    step_s = _step_of(stamps, path.name, problems) if stamps and not problems else _HOUR_S
    if problems:
        raise SourceError(problems)
    return TraceLoad(step_s, rows, utc_offset_h)


def _picks(columns: Sequence[str], halls: Sequence[str], name: str) -> tuple[list[int], bool]:
    """Returns the column of each hall, and whether they hold kW."""
    if halls and all(h in columns for h in halls):
        return [columns.index(h) for h in halls], False
    for names, in_kw in ((_UTILISATION, False), (_POWER, True)):
        found = next((columns.index(c) for c in names if c in columns), None)
        if found is not None:
            return [found] * len(halls), in_kw
    allowed = f"one of {', '.join(_UTILISATION + _POWER)}, or a column for each of {', '.join(halls)}"
    raise SourceError([Problem(f"{name}:1", f"columns {', '.join(columns)}", allowed)])


def _utilisations(cells: Sequence[str], capacities_kw: Sequence[float] | None, idle_share: float, where: str, problems: list[Problem]) -> tuple[float, ...]:
    values = []
    for i, cell in enumerate(cells):
        raw = number(cell)
        top = capacities_kw[i] if capacities_kw is not None else 1.0
        unit = f"0 .. {top:g} kW" if capacities_kw is not None else "0 .. 1, a share and not percent"
        if raw is None or not 0.0 <= raw <= top:
            problems.append(Problem(where, repr(cell), unit))
            values.append(math.nan)
        elif capacities_kw is not None:
            values.append(max(0.0, (raw / top - idle_share) / (1.0 - idle_share)))
        else:
            values.append(raw)
    return tuple(values)


def _seconds(cell: str, where: str, problems: list[Problem]) -> float:
    value = number(cell)
    if value is not None:
        return value
    try:
        stamp = datetime.fromisoformat(cell.strip())
    except ValueError:
        problems.append(Problem(where, f"time {cell!r}", "seconds, or a time as 2023-01-01T00:00"))
        return math.nan
    return (stamp.replace(tzinfo=None) - datetime(1970, 1, 1)).total_seconds()


def _step_of(stamps: Sequence[tuple[int, float]], name: str, problems: list[Problem]) -> float:
    step_s = stamps[1][1] - stamps[0][1]
    if step_s <= 0.0:
        problems.append(Problem(f"{name}:{stamps[1][0]}", f"{step_s:g} s after the row before", "rows forward in time"))
    for (_, before), (line, after) in pairwise(stamps):
        if abs(after - before - step_s) > 1e-3 * abs(step_s):
            problems.append(Problem(f"{name}:{line}", f"{after - before:g} s after the row before", f"rows {step_s:g} s apart, as the first two"))
    return step_s
