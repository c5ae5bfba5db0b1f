"""The energy of whole days, as measured and as an identified model has it: what the upkeep of a model is fed with; remembers nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plant_models.reduced.judge import COOLING, FACILITY, free_run, measured_powers
from plant_models.reduced.parameters import ReducedParameters
from plant_models.reduced.simulate import series_of
from plant_models.reduced.table import Data

DAY_S = 86400.0
_WHOLE = 0.9  # of a day's rows: fewer are no day


@dataclass(frozen=True)
class Day:
    """One whole day: its beginning in plant time [s], and its energy as measured and as the identified model has it, by group [kWh]."""

    began_s: float
    measured: Mapping[str, float]
    identified: Mapping[str, float]


def daily_kwh(data: Data, identified: ReducedParameters, since_s: float = 0.0) -> list[Day]:
    """Returns each whole day (UTC) from a plant time on [s] with its energies, the model run freely over it with loads, weather and setpoints as measured."""
    seen, series, found = measured_powers(data), series_of(data, identified), []
    for steps, starts in _whole_days(data, since_s).items():  # days of one length run side by side
        modelled = free_run(data, identified, series, starts, steps)
        rows = starts + 1 + np.arange(steps)[:, None]
        for column, start in enumerate(starts):
            measured: dict[str, float] = {}
            model: dict[str, float] = {}
            for group in seen.keys() & modelled.keys() - {COOLING, FACILITY}:
                of_day, of_model = seen[group][rows[:, column]], modelled[group][:, column]
                known = np.isfinite(of_day) & np.isfinite(of_model)
                measured[group] = float(of_day[known].sum() * data.step_s / 3600.0)
                model[group] = float(of_model[known].sum() * data.step_s / 3600.0)
            found.append(Day(float(np.floor(data["at_s"][start] / DAY_S) * DAY_S), measured, model))
    return sorted(found, key=lambda day: day.began_s)


def _whole_days(data: Data, since_s: float) -> dict[int, NDArray[np.int_]]:
    """Returns the first rows of whole days, by the number of steps that follow."""
    at_s, starts = data["at_s"], dict[int, list[int]]()
    number = np.floor(at_s / DAY_S)
    for day in np.unique(number[at_s >= since_s]):
        rows = np.flatnonzero(number == day)
        if rows.size >= max(_WHOLE * DAY_S / data.step_s, 2) and np.max(np.diff(at_s[rows])) <= 2.0 * data.step_s and day * DAY_S >= since_s:
            starts.setdefault(int(rows.size) - 1, []).append(int(rows[0]))
    return {steps: np.array(firsts) for steps, firsts in starts.items()}
