"""Where a model was seen to hold: the range of each state, setpoint and disturbance in the data it was identified from. Judges no setpoint."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from plant_models.reduced.parameters import Range, ReducedParameters
from plant_models.reduced.simulate import Series
from plant_models.reduced.table import Mask

_RARE = 0.002  # share of the rows at either end that are taken for noise
_SLACK = 0.05  # of the range by which a value may pass its end and still be inside


def ranges_of(series: Series, rows: Mask) -> dict[str, Range]:
    """Returns the range of each state, setpoint and disturbance over some rows, by name in its own unit; what was never known is left out."""
    found = {}
    for group in (series.states, series.setpoints, series.disturbances):
        for name, values in group.items():
            known = values[rows & np.isfinite(values)]
            if known.size:
                low, high = np.quantile(known, [_RARE, 1.0 - _RARE])
                found[name] = Range(float(low), float(high))
    return found


def outside(parameters: ReducedParameters, values: Mapping[str, float]) -> dict[str, float]:
    """Returns how far values lie outside of where the model was identified, by name, as multiples of the range; empty where all lie inside.

    A range without width counts as one of 1 in its own unit. Names of which the model's data say nothing are not judged.
    """
    found = {}
    for name, value in values.items():
        seen = parameters.validity.get(name)
        if seen is not None:
            width = max(seen.high - seen.low, 1e-3) if seen.high > seen.low else 1.0
            beyond = max(seen.low - value, value - seen.high) / width
            if beyond > _SLACK:
                found[name] = beyond
    return found
