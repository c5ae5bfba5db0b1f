"""Judges a model on days that were not used to fit it, by running it freely over them, and says where it misses what is accepted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from plant_models.reduced.fit_dynamics import whole_stretches
from plant_models.reduced.fit_machines import chillers_of, power_kw, pumps_of, towers_of
from plant_models.reduced.liquid_side import liquid_halls, loop_machines
from plant_models.reduced.parameters import ReducedParameters
from plant_models.reduced.simulate import Columns, Series, advance, respond_at
from plant_models.reduced.table import Array, Data, Mask

COOLING: Final = "site.cooling_total_kw"
FACILITY: Final = "site.facility_kw"
_HOUR_S = 3600.0
_DAY_S = 86400.0
_EVERY_S = 900.0  # from start to start of the predictions an hour ahead, at least
_USED_LEAST_KW = 0.1

Errors = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Bound:
    """The largest error of a kind with which a model is published, and where the number comes from."""

    error: str
    most: float
    source: str


ACCEPTED: Final[Mapping[str, tuple[Bound, ...]]] = {
    "cooling_total_kw": (Bound("cv_rmse", 0.05, "hourly; asked for by users surveyed"), Bound("nmbe", 0.05, "the same, of the sum")),
    "facility_kw": (Bound("cv_rmse", 0.05, "hourly"),),
    "rack_inlet_max_c": (Bound("rmse_k", 0.3, "an hour ahead"),),
    "chws_temp_c": (Bound("rmse_k", 0.5, "an hour ahead; engineering value"),),
    "cws_temp_c": (Bound("rmse_k", 0.8, "an hour ahead; engineering value"),),
    "tcs_supply_temp_c": (Bound("rmse_k", 0.5, "an hour ahead; engineering value"),),
    "fws_supply_temp_c": (Bound("rmse_k", 0.5, "an hour ahead; engineering value"),),
}
"""By quantity. ASHRAE Guideline 14-2014 asks 0.30 hourly and 0.10 of the sum."""
AFTER_EXCITATION: Final = 0.08
"""Of hourly cooling power in place of 0.05, where the data span less than ``LONG_DAYS``."""
LONG_DAYS: Final = 10.0


def misses(errors: Errors, days: float) -> tuple[str, ...]:
    """Returns what keeps a model from being published, a line each: the quantity, its error and the bound."""
    found = []
    for quantity, each in errors.items():
        for bound in ACCEPTED.get(quantity.partition(".")[2], ()):
            most = AFTER_EXCITATION if bound.most == ACCEPTED["cooling_total_kw"][0].most and days < LONG_DAYS else bound.most
            value = abs(each.get(bound.error, 0.0))
            if not value <= most:
                found.append(f"{quantity}: {bound.error} {value:.3f} on days held back; accepted: {most:g} ({bound.source})")
    return tuple(found)


def judge(data: Data, parameters: ReducedParameters, series: Series, among: Mask) -> dict[str, dict[str, float]]:
    """Returns the model's errors on some rows: powers as hourly means of a free run over each day, states an hour ahead.

    In both, loads, weather, setpoints and what runs are as measured: the errors are the model's, not a forecast's.
    """
    return _powers(data, parameters, series, among) | _ahead(data, parameters, series, among)


def measured_powers(data: Data) -> dict[str, Array]:
    """Returns the measured power of each group of which all machines are metered [kW], with the sum of those that cool, and the facility's."""
    groups: dict[str, Array | None] = {f"{h.name}.crah_fans_kw": data.table.get(f"{h.name}.crah_fan_power_kw") for h in data.site.hall}
    for plant in data.site.plant:
        groups[f"{plant.name}.chillers_kw"] = power_kw(data, chillers_of(data, plant))
        groups[f"{plant.name}.chw_pumps_kw"] = power_kw(data, pumps_of(data, plant, "chw"))
        groups[f"{plant.name}.cw_pumps_kw"] = power_kw(data, pumps_of(data, plant, "cw"))
        groups[f"{plant.name}.towers_kw"] = power_kw(data, towers_of(data, plant))
    groups |= {f"{h.name}.cdu_pumps_kw": power_kw(data, [c.name for c in data.site.cdu if c.hall == h.name]) for h in liquid_halls(data.site)}
    for loop in data.site.facility_loop:
        groups |= {f"{loop.name}.{group}": power_kw(data, names) for group, names in loop_machines(data.site, loop.name).items()}
    known = {group: values for group, values in groups.items() if values is not None}
    sums = {COOLING: np.sum(list(known.values()), axis=0)} if known else {}
    facility = data.table.get("site.facility_power_kw")
    return known | sums | ({FACILITY: facility} if facility is not None else {})


def _powers(data: Data, parameters: ReducedParameters, series: Series, among: Mask) -> dict[str, dict[str, float]]:
    measured = measured_powers(data)
    hour = max(1, round(_HOUR_S / data.step_s))
    model: dict[str, list[Array]] = {group: [] for group in measured}
    seen: dict[str, list[Array]] = {group: [] for group in measured}
    starts: dict[int, list[int]] = {}
    for first, steps in _stretches(data, among, hour):
        starts.setdefault(steps, []).append(first)
    for steps, firsts in starts.items():  # stretches of one length run side by side
        at = np.array(firsts)
        powers = _grouped(free_run(data, parameters, series, at, steps), measured)
        rows = at + 1 + np.arange(steps)[:, None]
        for group, values in measured.items():
            model[group].append(_hourly(powers[group], hour))
            seen[group].append(_hourly(values[rows], hour))
    found = {group: _relative(np.concatenate(model[group]), np.concatenate(seen[group])) for group in measured if seen[group]}
    return {group: errors for group, errors in found.items() if errors}


def _hourly(values: Array, hour: int) -> Array:
    return np.asarray(values.reshape(-1, hour, values.shape[1]).mean(axis=1).ravel())


def _stretches(data: Data, among: Mask, hour: int) -> list[tuple[int, int]]:
    """Returns first row and number of steps, whole hours, of each stretch of wanted rows without a gap, a day long at most."""
    at_s = data["at_s"]
    joined = among[1:] & among[:-1] & (np.abs(np.diff(at_s) - data.step_s) <= 0.5 * data.step_s)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], joined, [False])).astype(int)))
    day = round(_DAY_S / data.step_s)
    found = []
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        for start in range(int(first), int(last), day):
            steps = min(day, int(last) - start) // hour * hour
            if steps:
                found.append((start, steps))
    return found


def free_run(data: Data, parameters: ReducedParameters, series: Series, starts: NDArray[np.int_], steps: int) -> Columns:
    """Returns the powers by group [kW] and the whole facility's, shape (steps, starts), of the model run from measured states with measured inputs."""
    states, _, _ = series.at(starts)
    powers: dict[str, list[Array]] = {}
    for k in range(1, steps + 1):
        _, setpoints, disturbances = series.at(starts + k)
        states = advance(data, parameters, states, setpoints, disturbances)
        response = respond_at(data, parameters, states, setpoints, disturbances)
        for group, kw in (*response.powers_kw.items(), (FACILITY, response.facility_kw)):
            powers.setdefault(group, []).append(np.broadcast_to(np.asarray(kw, dtype=float), starts.shape))
    return {group: np.array(values) for group, values in powers.items()}


def _grouped(run: Columns, measured: Mapping[str, Array]) -> Columns:
    groups = [g for g in measured if g in run and g != FACILITY]
    return {**run, COOLING: np.sum([run[g] for g in groups], axis=0)} if groups else dict(run)


def _relative(model: Array, measured: Array) -> dict[str, float]:
    known = np.isfinite(model) & np.isfinite(measured)
    mean = float(np.mean(measured[known])) if known.any() else 0.0
    if mean < _USED_LEAST_KW:
        return {}
    error = (model - measured)[known]
    return {"cv_rmse": float(np.sqrt(np.mean(error**2)) / mean), "nmbe": float(np.mean(error) / mean)}


def _ahead(data: Data, parameters: ReducedParameters, series: Series, among: Mask) -> dict[str, dict[str, float]]:
    """Returns the errors of states an hour ahead [K], over hours in which, and 15 min before which, nothing was switched."""
    steps, every = (max(1, round(s / data.step_s)) for s in (_HOUR_S, _EVERY_S))
    starts = whole_stretches(data, steps, among)[::every]
    if not starts.size:
        return {}
    states, _, _ = series.at(starts)
    for k in range(1, steps + 1):
        _, setpoints, disturbances = series.at(starts + k)
        states = advance(data, parameters, states, setpoints, disturbances)
    found = {}
    for state, values in states.items():
        error = (values - series.states[state][starts + steps])[np.isfinite(values - series.states[state][starts + steps])]
        if error.size and not state.endswith(".mass_temp_c") and data.has(state):
            found[state] = {"rmse_k": float(np.sqrt(np.mean(error**2))), "bias_k": float(np.mean(error))}
    return found
