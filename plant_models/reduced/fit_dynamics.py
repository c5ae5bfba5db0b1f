"""Fits jointly what moves in time: many stretches of an hour are predicted at once and their errors at every step made small, within bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from plant_models.reduced.parameters import ReducedParameters
from plant_models.reduced.simulate import Columns, Series, respond_at, run, series_of
from plant_models.reduced.table import Array, Data

_STRETCH_S = 3600.0
_STRETCHES = 120
_STRETCHES_LEAST = 8
_NOTABLE_K = 0.3
_WORTH = 600.0  # rows that all stretches count for: their errors are alike from row to row
_NOTABLE_FLOW = 0.05  # of a plant's design
_FLOW_EVERY = 3  # steps: flows follow from the states
_AIR_LOG = 0.22  # downwards, of a hall's air: faster than that no step of a minute follows
_WORST = 10.0  # K, or what is notable: what a run that leaves all sense counts as


@dataclass(frozen=True, slots=True)
class Free:
    """How a parameter may move: usually by ``spread``, at most by four of them and within ``low`` .. ``high``; a positive one by its logarithm."""

    spread: float
    logarithmic: bool = False
    low: float = -np.inf
    high: float = np.inf


_SLOW: Final = Free(0.6, logarithmic=True)  # capacities, against name plates
_LAG: Final = Free(0.6, logarithmic=True, low=45.0, high=900.0)
_BIAS: Final = Free(0.1)  # against the heat balance
_PLANT: Final[Mapping[str, Free]] = {
    "supply_capacity_kj_per_k": _SLOW,
    "return_capacity_kj_per_k": _SLOW,
    "chws_tau_s": _LAG,
    "condenser_capacity_kj_per_k": _SLOW,
    "cws_tau_s": _LAG,
    "chws_over_setpoint_k": _BIAS,
    "cws_over_setpoint_k": _BIAS,
    "chwr_bias_k": _BIAS,
    "lift_held_k": Free(0.5, low=0.0),
}
_HALL: Final[Mapping[str, Free]] = {
    "supply_tau_s": _LAG,
    "inlet_tau_s": _LAG,
    "air_capacity_kj_per_k": Free(0.4, logarithmic=True),
    "mass_capacity_kj_per_k": _SLOW,
    "mass_conductance_kw_per_k": Free(0.3, logarithmic=True),
    "supply_over_setpoint_k": _BIAS,
    "return_bias_k": _BIAS,
    "coil_reach_share": Free(0.05, low=0.4, high=1.0),
    "coil_flow_kgs": Free(0.2, logarithmic=True),
    "coil_flow_exponent": Free(0.3, low=0.0, high=3.0),
    "coil_open_flow_kgs": Free(0.15, logarithmic=True),
    "server_flow_kgs": Free(0.2, logarithmic=True),
    "server_idle_share": Free(0.15, low=0.0, high=1.0),
    "recirculation_base_share": Free(0.03, low=0.0, high=0.5),
    "recirculation_slope": Free(0.3, logarithmic=True),
    "recirculation_onset": Free(0.2, low=0.5, high=3.0),
}
FREE: Final[Mapping[str, Mapping[str, Free]]] = {
    "plants": _PLANT,
    "halls": _HALL,
    "tcs": {"tcs_tau_s": _LAG, "tcs_over_setpoint_k": _BIAS},
    "loops": {"fws_tau_s": _LAG, "fws_over_setpoint_k": _BIAS},
}
"""What is free in the joint fit, by part of the parameters, and how far it may usually lie from what machines and steady rows gave."""


def fit_dynamics(data: Data, parameters: ReducedParameters, seed: int = 0) -> ReducedParameters:
    """Returns parameters with lags, capacities, biases and the hall's air and coil fitted to stretches of an hour.

    These are drawn at random among those without a gap or a switch.
    """
    steps = max(3, round(_STRETCH_S / data.step_s))
    starts = whole_stretches(data, steps, data.fit)
    if starts.size < _STRETCHES_LEAST:
        return parameters
    chosen = np.sort(np.random.default_rng(seed).choice(starts, min(_STRETCHES, starts.size), replace=False))
    keys = [(part, name, f) for part, own in _parts(parameters).items() for name in own for f in FREE[part]]
    free = [FREE[part][f] for part, _, f in keys]
    logs, spread = np.array([f.logarithmic for f in free]), np.array([f.spread for f in free])

    def scaled(values: Array) -> Array:
        return np.where(logs, np.log(np.where(logs, np.maximum(values, 1e-9), 1.0)), values)

    def fitted(a: Array) -> ReducedParameters:
        return _with(parameters, keys, np.where(logs, np.exp(np.where(logs, a, 0.0)), a))

    def residual(a: Array) -> Array:
        found = fitted(a)
        errors = stretch_errors(data, found, series_of(data, found), chosen, steps)
        return np.concatenate([errors * np.sqrt(_WORTH / errors.size), (a - usual) / spread])

    start = scaled(np.array([float(getattr(_parts(parameters)[part][name], f)) for part, name, f in keys]))
    low, high = np.array([f.low for f in free]), np.array([f.high for f in free])
    reach = np.where([f == "air_capacity_kj_per_k" for _, _, f in keys], _AIR_LOG, 4.0 * spread)
    lower = np.maximum(start - reach, np.where(np.isfinite(low), scaled(low), low))
    upper = np.minimum(start + 4.0 * spread, np.where(np.isfinite(high), scaled(high), high))
    lower, upper = np.minimum(lower, upper - 1e-6), np.maximum(upper, lower + 1e-6)
    usual = np.clip(start, lower + 1e-3 * (upper - lower), upper - 1e-3 * (upper - lower))
    best = least_squares(residual, usual, bounds=(lower, upper), loss="soft_l1", x_scale=spread, diff_step=np.full(len(keys), 1e-4), max_nfev=6)
    return fitted(best.x)


def whole_stretches(data: Data, steps: int, among: NDArray[np.bool_]) -> NDArray[np.int_]:
    """Returns the rows from which ``steps`` rows follow without a gap in time, and with nothing switched."""
    good = data.settled & among
    window = np.convolve(good.astype(int), np.ones(steps + 1, dtype=int), mode="valid")
    return np.flatnonzero(window == steps + 1)


def stretch_errors(data: Data, parameters: ReducedParameters, series: Series, starts: NDArray[np.int_], steps: int) -> Array:
    """Returns model minus measurement of every measured state, and of the water that the plants deliver, over starts and steps, flat.

    They are multiples of what is notable; what was not measured is 0.
    """
    with np.errstate(all="ignore"):  # a trial of the fit may leave all sense on its way
        after = run(data, parameters, series, starts, steps)
        flows = [(k, _flows(data, parameters, series, starts + k, states)) for k, states in enumerate(after, start=1) if k % _FLOW_EVERY == 0]
    measured = [s for s in series.states if not s.endswith(".mass_temp_c")]
    found = [_error(states[s], series.states[s][starts + k]) / _NOTABLE_K for k, states in enumerate(after, start=1) for s in measured]
    for k, each in flows:
        for plant in data.site.plant:
            flow = f"{plant.name}.chw_flow_kgs"
            notable = _NOTABLE_FLOW * plant.chw_flow_kgs
            found.append(_error(each[flow] / notable, data[flow][starts + k] / notable))
    return np.concatenate(found)


def _flows(data: Data, parameters: ReducedParameters, series: Series, rows: NDArray[np.int_], states: Columns) -> Mapping[str, Array]:
    _, setpoints, disturbances = series.at(rows)
    return respond_at(data, parameters, states, setpoints, disturbances).outputs


def _error(model: Array, seen: Array) -> Array:
    """Returns model less measurement, ``_WORST`` at most; what the model cannot say counts as that, what was not measured as nothing."""
    error = np.nan_to_num(model - np.nan_to_num(seen), nan=_WORST, posinf=_WORST, neginf=-_WORST)
    return np.where(np.isfinite(seen), np.clip(error, -_WORST, _WORST), 0.0)


Key = tuple[str, str, str]
"""Part of the parameters, equipment, field."""


def _parts(parameters: ReducedParameters) -> dict[str, Mapping[str, Any]]:
    return {part: getattr(parameters, part) for part in FREE}


def _with(parameters: ReducedParameters, keys: list[Key], values: Array) -> ReducedParameters:
    changes: dict[tuple[str, str], dict[str, float]] = {}
    for (part, name, field), value in zip(keys, values, strict=True):
        changes.setdefault((part, name), {})[field] = float(value)
    parts: dict[str, Any] = {part: {name: replace(p, **changes.get((part, name), {})) for name, p in own.items()} for part, own in _parts(parameters).items()}
    return replace(parameters, **parts)
