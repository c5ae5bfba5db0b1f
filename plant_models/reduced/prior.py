"""Least squares that keep to a start value where the data say little: rows in sequence are alike, so all of them together count for some days' worth only."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.optimize import least_squares, nnls

from plant_models.reduced.table import Array

_WORTH = 100.0  # rows that a table counts for at most: loads and weather of neighbouring rows are nearly the same


def fit_shares(shapes: Sequence[Array], values: Array, start: Sequence[float], spread: Sequence[float], notable: float) -> tuple[tuple[float, ...], float]:
    """Returns non-negative weights of the shapes that add up to the values, and what is left.

    Errors are taken relative to the values, ``notable`` is one that matters; ``spread`` is how far a weight may usually lie from its start.
    """
    weight = np.sqrt(min(_WORTH / values.size, 1.0)) / (notable * np.maximum(values, 0.1 * float(np.mean(values))))
    usual, wide = np.asarray(start, dtype=float), np.asarray(spread, dtype=float)
    left = np.vstack([np.column_stack(list(shapes)) * weight[:, None], np.diag(1.0 / wide)])
    found, rest = nnls(left, np.concatenate([values * weight, usual / wide]))
    return tuple(map(float, found)), float(rest)


def fit_curve(
    residual: Callable[[Array], Array], start: Sequence[float], spread: Sequence[float], lower: Sequence[float], upper: Sequence[float]
) -> tuple[float, ...]:
    """Returns the arguments within bounds that make residuals small; a residual of 1 is notable, and outliers count less."""
    usual, wide, low, high = (np.asarray(v, dtype=float) for v in (start, spread, lower, upper))

    def weighted(a: Array) -> Array:
        rows = residual(a)
        return np.concatenate([rows * np.sqrt(min(_WORTH / rows.size, 1.0)), (a - usual) / wide])

    margin = 1e-3 * (high - low)
    best = least_squares(weighted, np.clip(usual, low + margin, high - margin), bounds=(low, high), loss="soft_l1", x_scale=wide)
    return tuple(map(float, best.x))
