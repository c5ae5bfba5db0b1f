"""The cheapest course of a plant's stage over a day by dynamic programming: one machine a change, time between changes, a price on each start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
DWELL_STEPS: Final = 2  # operators' rules: machines stay on, or off, for 15-30 min
_SHORT_KWH: Final = 1e4  # more than any saving: of one machine too few for a step


@dataclass(frozen=True, slots=True)
class Path:
    """A course of counts, one a step, what it costs, and what no course at all could cost less than."""

    counts: tuple[int, ...]
    cost_kwh: float
    bound_kwh: float


def cheapest(cost_kwh: Array, least: NDArray[np.int_], start: int, first: tuple[int, int], start_kwh: float) -> Path:
    """Returns the cheapest course through ``cost_kwh`` (steps, counts from 1 up) [kWh a step].

    ``least`` is the fewest machines that the load needs at each step: a course that has fewer is chosen only where none has enough. ``start`` is the
    count before the first step, ``first`` the lowest and highest that the first may be; each machine more costs ``start_kwh``. Between two changes
    lie ``DWELL_STEPS`` steps, except where the load asks for one more at once.
    """
    steps, most = cost_kwh.shape
    least = np.minimum(least, most)
    priced = cost_kwh + _SHORT_KWH * np.maximum(least[:, None] - np.arange(1, most + 1)[None, :], 0)
    value = np.zeros((steps + 1, most, DWELL_STEPS + 1))  # the third index: steps since the last change, up to the dwell
    choice = np.zeros((steps, most, DWELL_STEPS + 1), dtype=int)
    for k in range(steps - 1, -1, -1):
        for i in range(most):
            for age in range(DWELL_STEPS + 1):
                options = _options(i, age, most, i + 1 < least[k], first if k == 0 else None)
                following = [(priced[k, j] + start_kwh * max(j - i, 0) + value[k + 1, j, _aged(i, j, age)], j) for j in options]
                value[k, i, age], choice[k, i, age] = min(following)
    i = min(max(start, 1), most) - 1
    age, cost, found = DWELL_STEPS, 0.0, []
    for k in range(steps):
        j = int(choice[k, i, age])
        cost += float(cost_kwh[k, j]) + start_kwh * max(j - i, 0)
        age, i = _aged(i, j, age), j
        found.append(j + 1)
    bound = float(sum(np.min(cost_kwh[k, least[k] - 1 :]) for k in range(steps)))
    return Path(tuple(found), cost, min(bound, cost))


def _options(i: int, age: int, most: int, short: bool, first: tuple[int, int] | None) -> list[int]:
    """Returns the counts, less one each, that may follow one that has stood for so many steps; ``short`` of machines one may start at any time."""
    moves = [i] if age < DWELL_STEPS else [i - 1, i, i + 1]
    near = [j for j in {*moves, i + 1 if short else i} if 0 <= j < most]
    return near if first is None else [j for j in near if first[0] <= j + 1 <= first[1]] or [i]


def _aged(i: int, j: int, age: int) -> int:
    return min(age + 1, DWELL_STEPS) if i == j else 0
