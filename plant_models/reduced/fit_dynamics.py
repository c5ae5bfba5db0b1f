"""Fits capacities and lags jointly: many stretches of an hour are predicted at once and their errors at every step made small, within bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from plant_models.reduced.parameters import ReducedParameters
from plant_models.reduced.simulate import Series, run, series_of
from plant_models.reduced.table import Array, Data

_FITTED: Mapping[str, tuple[str, ...]] = {
    "plants": ("supply_capacity_kj_per_k", "return_capacity_kj_per_k", "chws_tau_s", "condenser_capacity_kj_per_k", "cws_tau_s"),
    "halls": ("supply_tau_s", "inlet_tau_s", "air_capacity_kj_per_k", "mass_capacity_kj_per_k", "mass_conductance_kw_per_k"),
    "tcs": ("tcs_tau_s",),
    "loops": ("fws_tau_s",),
}
_BIASES: Mapping[str, tuple[str, ...]] = {
    "plants": ("chws_over_setpoint_k", "cws_over_setpoint_k", "chwr_bias_k"),
    "halls": ("supply_over_setpoint_k", "return_bias_k"),
    "tcs": ("tcs_over_setpoint_k",),
    "loops": ("fws_over_setpoint_k",),
}
"""What is fitted jointly, by part of the parameters: capacities and lags, and biases."""
_LAGS_S = (45.0, 900.0)
_FACTOR = 3.0  # a capacity lies within this factor of its name plate's
_AIR_FACTOR = 1.25  # downwards, of a hall's air: faster than that no step of a minute follows
_STRETCH_S = 3600.0
_STRETCHES = 48
_STRETCHES_LEAST = 8
_NOTABLE_K = 0.3
_WORTH = 300.0  # rows that all stretches count for: their errors are alike from row to row
_LOGARITHMIC = ("_tau_s", "_per_k")
_SPREAD_LOG = 0.6  # capacities and lags, against name plates
_SPREAD_K = 0.1  # biases, against the heat balance


def fit_dynamics(data: Data, parameters: ReducedParameters, seed: int = 0) -> ReducedParameters:
    """Returns parameters with capacities, lags and sensor biases fitted to stretches of an hour, drawn at random among those without a gap or a switch."""
    steps = max(3, round(_STRETCH_S / data.step_s))
    starts = whole_stretches(data, steps, data.fit)
    if starts.size < _STRETCHES_LEAST:
        return parameters
    chosen = np.sort(np.random.default_rng(seed).choice(starts, min(_STRETCHES, starts.size), replace=False))
    names, start, lower, upper = _free(data, parameters)
    logs = np.array([f.endswith(_LOGARITHMIC) for _, _, f in names])

    def fitted(a: Array) -> ReducedParameters:
        return _with(parameters, names, np.where(logs, np.exp(np.where(logs, a, 0.0)), a))

    def residual(a: Array) -> Array:
        found = fitted(a)
        errors = stretch_errors(data, found, series_of(data, found), chosen, steps) / _NOTABLE_K
        return np.concatenate([errors * np.sqrt(_WORTH / errors.size), (a - usual) / spread])

    usual = np.where(logs, np.log(np.where(logs, start, 1.0)), start)
    low, high = (np.where(logs, np.log(np.where(logs, b, 1.0)), b) for b in (lower, upper))
    spread = np.where(logs, _SPREAD_LOG, _SPREAD_K)
    best = least_squares(residual, usual, bounds=(low, high), loss="soft_l1", x_scale=spread, diff_step=np.full(len(names), 1e-4), max_nfev=6)
    return fitted(best.x)


def whole_stretches(data: Data, steps: int, among: NDArray[np.bool_]) -> NDArray[np.int_]:
    """Returns the rows from which ``steps`` rows follow without a gap in time, and with nothing switched."""
    good = data.settled & among
    window = np.convolve(good.astype(int), np.ones(steps + 1, dtype=int), mode="valid")
    return np.flatnonzero(window == steps + 1)


def stretch_errors(data: Data, parameters: ReducedParameters, series: Series, starts: NDArray[np.int_], steps: int) -> Array:
    """Returns model minus measurement of every measured state [K], over starts and steps, flat; unknown ones are 0."""
    after = run(data, parameters, series, starts, steps)
    measured = [s for s in series.states if not s.endswith(".mass_temp_c")]
    errors = [states[s] - series.states[s][starts + k] for k, states in enumerate(after, start=1) for s in measured]
    return np.nan_to_num(np.concatenate(errors), nan=0.0, posinf=1e3, neginf=-1e3)


Key = tuple[str, str, str]
"""Part of the parameters, equipment, field."""


def _free(data: Data, parameters: ReducedParameters) -> tuple[list[Key], Array, Array, Array]:
    keys = [(part, name, f) for part, own in _parts(parameters).items() for name in own for f in (*_FITTED[part], *_BIASES[part])]
    start = np.array([float(getattr(_parts(parameters)[part][name], f)) for part, name, f in keys])
    lags = np.array([f.endswith("_tau_s") for _, _, f in keys])
    biases = np.array([f in _BIASES[part] for part, _, f in keys])
    least = start / np.array([_AIR_FACTOR if f == "air_capacity_kj_per_k" else _FACTOR for _, _, f in keys])
    lower = np.where(biases, start - 4.0 * _SPREAD_K, np.where(lags, _LAGS_S[0], least))
    upper = np.where(biases, start + 4.0 * _SPREAD_K, np.where(lags, _LAGS_S[1], start * _FACTOR))
    return keys, np.clip(start, np.where(biases, lower, 1.01 * lower), np.where(biases, upper, 0.99 * upper)), lower, upper


def _parts(parameters: ReducedParameters) -> dict[str, Mapping[str, Any]]:
    return {part: getattr(parameters, part) for part in _FITTED}


def _with(parameters: ReducedParameters, keys: list[Key], values: Array) -> ReducedParameters:
    changes: dict[tuple[str, str], dict[str, float]] = {}
    for (part, name, field), value in zip(keys, values, strict=True):
        changes.setdefault((part, name), {})[field] = float(value)
    parts: dict[str, Any] = {part: {name: replace(p, **changes.get((part, name), {})) for name, p in own.items()} for part, own in _parts(parameters).items()}
    return replace(parameters, **parts)
