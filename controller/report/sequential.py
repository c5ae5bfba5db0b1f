"""Critical values of a test that is looked at several times: the error of 5 % is spent over the looks, so that stopping early costs nothing in honesty."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import norm, t

ALPHA: Final = 0.05
_GRID: Final = 801  # points of the density between a look's bounds: doubling them moves no critical value by 1e-4
_BOUND_MOST: Final = 40.0  # standard deviations: beyond them lies nothing that numbers can hold


def spent(share: float, alpha: float = ALPHA) -> float:
    """Returns how much of ``alpha`` may be spent when a share (0 .. 1] of the information is in.

    4 - 4 Phi(z(alpha / 4) / sqrt(share)): Lan and DeMets 1983, of O'Brien and Fleming's kind, both sides.
    """
    return float(4.0 * norm.sf(norm.isf(alpha / 4.0) / np.sqrt(share)))


@cache
def critical_values(looks: int, alpha: float = ALPHA) -> tuple[float, ...]:
    """Returns what the statistic's absolute value must exceed at each of ``looks`` equally spaced looks, for a normal statistic.

    Each solves P(stops at this look and not before | no effect) = what is newly spent; the density of the sum that has not stopped yet is carried from
    look to look (Armitage, McPherson and Rowe 1969).
    """
    found: list[float] = []
    sums, density = np.zeros(1), np.ones(1)
    for look in range(1, looks + 1):
        newly = spent(look / looks, alpha) - (spent((look - 1) / looks, alpha) if look > 1 else 0.0)
        bound = float(brentq(lambda z, s=sums, d=density, n=look, p=newly: _stops(s, d, z * np.sqrt(n)) - p, 0.1, _BOUND_MOST))
        found.append(bound)
        sums, density = _carried(sums, density, bound * np.sqrt(look))
    return tuple(found)


def _stops(sums: NDArray[np.float64], density: NDArray[np.float64], bound: float) -> float:
    """Returns the probability that the next increment, of unit variance, carries a sum beyond the bound; ``density`` holds weights already."""
    return float(density @ (norm.sf(bound - sums) + norm.sf(bound + sums)))


def _carried(sums: NDArray[np.float64], density: NDArray[np.float64], bound: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns the sums within the bound after one more increment with their weights, by Simpson's rule."""
    grid = np.linspace(-bound, bound, _GRID)
    simpson = np.full(_GRID, 2.0)
    simpson[1::2], simpson[0], simpson[-1] = 4.0, 1.0, 1.0
    return grid, (norm.pdf(grid[:, None] - sums[None, :]) @ density) * simpson * (grid[1] - grid[0]) / 3.0


def critical_value(look: int, looks: int, degrees_of_freedom: float, alpha: float = ALPHA) -> float:
    """Returns the critical value at look 1 .. ``looks`` for a statistic of Student's kind: the same tail probability as the normal one's."""
    return float(t.isf(norm.sf(critical_values(looks, alpha)[look - 1]), degrees_of_freedom))
