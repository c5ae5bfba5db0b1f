"""Identifies a site's reduced model from its measurements: machines first, then the dynamics jointly, judged on days held back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from plant_models.reduced.fit_dynamics import fit_dynamics, whole_stretches
from plant_models.reduced.fit_hall import fit_hall
from plant_models.reduced.fit_plant import chillers_of, fit_plant, fit_site, power_kw, pumps_of, towers_of
from plant_models.reduced.model import WETBULB
from plant_models.reduced.nameplate import from_name_plate
from plant_models.reduced.parameters import FittedOn, ReducedParameters
from plant_models.reduced.simulate import Series, respond_rows, run, series_of
from plant_models.reduced.table import Array, Data, IdentificationError, Mask, Table, prepare
from plant_models.site.topology import Site

__all__ = ["IdentificationError", "Identified", "identify"]

DAYS_LEAST = 3.0
HOLD_BACK_EVERY = 4
_SETTLED_ROWS_LEAST = 200
_MEAN_OVER_S = 900.0  # errors of powers are judged on quarter-hour means
_AHEAD_S = 3600.0
_SPREAD_S = 900.0  # the time within which the next plans can act on what they see
_MOVED_LEAST: Mapping[str, float] = {
    "chws_setpoint_c": 0.5,
    "chw_dp_setpoint_kpa": 5.0,
    "cws_setpoint_c": 0.5,
    "crah_supply_setpoint_c": 0.4,
    "crah_fan_setpoint_pct": 3.0,
}
"""Standard deviation that each offered setpoint must show, else its effect cannot be told."""


@dataclass(frozen=True)
class Identified:
    """A model, and its errors on days that were not used to fit it: by quantity ``cv_rmse``, ``nmbe`` (of the mean) or ``rmse_k`` [K]."""

    parameters: ReducedParameters
    held_back: Mapping[str, Mapping[str, float]]
    notes: tuple[str, ...] = ()


def identify(site: Site, table: Table, source: str, days_least: float = DAYS_LEAST) -> Identified:
    """Returns the model of a site identified from a table of measurements at cycle pace, every fourth day held back.

    ``table`` has ``at_s`` [s] and a column for each signal, setpoints in force by their plain name. Raises IdentificationError with all that the
    data lack.
    """
    data = prepare(site, table, days_least, HOLD_BACK_EVERY)
    _refuse_still(data)
    start = from_name_plate(site)
    parameters = replace(
        start,
        site=fit_site(data, start.site),
        plants={p.name: fit_plant(data, p, start.plants[p.name]) for p in site.plant},
        halls={h.name: fit_hall(data, h, start.halls[h.name]) for h in site.hall},
    )
    parameters = fit_dynamics(data, parameters)
    series = series_of(data, parameters)
    spread = {h.name: _inlet_spread_k(data, parameters, series, f"{h.name}.rack_inlet_max_c") for h in site.hall}
    parameters = replace(parameters, halls={n: replace(h, inlet_spread_k=spread[n]) for n, h in parameters.halls.items()})
    held_back = errors(data, parameters, series, ~data.fit)
    at_s = table["at_s"]
    fitted_on = FittedOn(source, float(at_s[0]), float(at_s[-1]), int(at_s.size), held_back)
    return Identified(replace(parameters, fitted_on=fitted_on), held_back, _notes(data))


def _refuse_still(data: Data) -> None:
    """Refuses data in which nothing settles or an offered setpoint hardly moves."""
    problems = []
    settled = int((data.settled & data.fit).sum())
    if settled < _SETTLED_ROWS_LEAST:
        problems.append(f"steady rows: {settled}; at least {_SETTLED_ROWS_LEAST} are needed, 15 min after anything is switched")
    for setpoint in data.site.setpoint:
        least = _MOVED_LEAST.get(setpoint.partition(".")[2])
        if least is not None and data.has(setpoint):
            moved = float(np.nanstd(data[setpoint]))
            if not moved >= least:
                problems.append(f"{setpoint}: moved by {moved:.2f} (standard deviation); at least {least:g} is needed to tell its effect")
    if problems:
        raise IdentificationError(tuple(problems))


def errors(data: Data, parameters: ReducedParameters, series: Series, among: Mask) -> dict[str, dict[str, float]]:
    """Returns the model's errors on some rows: powers on quarter-hour means, states an hour ahead."""
    response = respond_rows(data, parameters, series)
    found: dict[str, dict[str, float]] = {}
    for group, measured in _measured_powers(data).items():
        model = np.broadcast_to(np.asarray(response.facility_kw if group == "site.facility_kw" else response.powers_kw[group], dtype=float), measured.shape)
        rows = among & data.settled & np.isfinite(measured) & np.isfinite(model)
        if rows.any() and float(np.mean(measured[rows])) > 0.1:
            found[group] = _relative(model, measured, rows, max(1, round(_MEAN_OVER_S / data.step_s)))
    ahead = _ahead(data, parameters, series, among)
    return found | {state: {"rmse_k": float(np.sqrt(np.mean(e**2)))} for state, e in ahead.items() if e.size}


def _relative(model: Array, measured: Array, rows: Mask, steps: int) -> dict[str, float]:
    m, y = model[rows], measured[rows]
    whole = m.size // steps * steps or m.size
    shape = (-1, steps) if m.size >= steps else (1, -1)
    m, y = m[:whole].reshape(shape).mean(axis=1), y[:whole].reshape(shape).mean(axis=1)
    mean = float(np.mean(y))
    return {"cv_rmse": float(np.sqrt(np.mean((m - y) ** 2)) / mean), "nmbe": float(np.mean(m - y) / mean)}


def _measured_powers(data: Data) -> dict[str, Array]:
    groups: dict[str, Array | None] = {f"{h.name}.crah_fans_kw": data.table.get(f"{h.name}.crah_fan_power_kw") for h in data.site.hall}
    for plant in data.site.plant:
        groups[f"{plant.name}.chillers_kw"] = power_kw(data, chillers_of(data, plant))
        groups[f"{plant.name}.chw_pumps_kw"] = power_kw(data, pumps_of(data, plant, "chw"))
        groups[f"{plant.name}.cw_pumps_kw"] = power_kw(data, pumps_of(data, plant, "cw"))
        groups[f"{plant.name}.towers_kw"] = power_kw(data, towers_of(data, plant))
    groups["site.facility_kw"] = data.table.get("site.facility_power_kw")
    return {group: values for group, values in groups.items() if values is not None}


def _ahead(data: Data, parameters: ReducedParameters, series: Series, among: Mask) -> dict[str, Array]:
    """Returns measured minus modelled states an hour ahead [K], by state."""
    steps = max(1, round(_AHEAD_S / data.step_s))
    starts = whole_stretches(data, steps, among)[:: max(1, steps // 4)]
    if not starts.size:
        return {}
    last = run(data, parameters, series, starts, steps)[-1]
    measured = [s for s in series.states if not s.endswith(".mass_temp_c")]
    found = {s: series.states[s][starts + steps] - last[s] for s in measured}
    return {s: e[np.isfinite(e)] for s, e in found.items()}


def _inlet_spread_k(data: Data, parameters: ReducedParameters, series: Series, inlet: str) -> float:
    """Returns how far 95 % of the hottest inlets stayed above the model a quarter hour on, the offset known at the start taken off [K]."""
    steps = max(2, round(_SPREAD_S / data.step_s) + 1)
    starts = whole_stretches(data, steps, data.still)
    if not starts.size:
        return 0.5
    after = run(data, parameters, series, starts, steps)
    offset = series.states[inlet][starts + 1] - after[0][inlet]
    grown = series.states[inlet][starts + steps] - after[-1][inlet] - offset
    return float(max(np.nanquantile(grown, 0.95), 0.0))


def _notes(data: Data) -> tuple[str, ...]:
    """Returns what the data did not show, so that a start value stands in the model."""
    notes = []
    for plant in data.site.plant:
        m = data.machines[plant.name]
        has = any(e.plant == plant.name for e in data.site.economiser)
        if has and not (0.02 < float(m.free.mean()) < 0.98):
            notes.append(f"{plant.name}: the economiser alone in {100 * m.free.mean():.0f} % of the rows; where the BAS trusts it is as on the name plate")
    if data.has(WETBULB) and float(np.nanmax(data[WETBULB]) - np.nanmin(data[WETBULB])) < 8.0:
        notes.append("wet bulb spans less than 8 K: towers and economiser are known for this weather only")
    return tuple(notes)
