"""Identifies a site's reduced model from its measurements: machines first, then the dynamics jointly, judged on days held back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from plant_models.reduced.fit_coil import fit_coils
from plant_models.reduced.fit_dynamics import fit_dynamics, whole_stretches
from plant_models.reduced.fit_hall import fit_hall
from plant_models.reduced.fit_heat import balance
from plant_models.reduced.fit_liquid import fit_liquid_side
from plant_models.reduced.fit_plant import fit_plant, fit_site
from plant_models.reduced.judge import judge, misses
from plant_models.reduced.nameplate import from_name_plate
from plant_models.reduced.parameters import FittedOn, ReducedParameters
from plant_models.reduced.simulate import Series, run, series_of
from plant_models.reduced.table import Data, IdentificationError, Table, prepare
from plant_models.reduced.validity import ranges_of
from plant_models.reduced.weather import WETBULB
from plant_models.site.topology import Site

__all__ = ["IdentificationError", "Identified", "identify"]

DAYS_LEAST = 3.0
HOLD_BACK_EVERY = 4
_SPREAD_S = 900.0  # the time within which the next plans can act on what they see
_MOVED_LEAST: Mapping[str, float] = {
    "chws_setpoint_c": 0.5,
    "chw_dp_setpoint_kpa": 5.0,
    "cws_setpoint_c": 0.5,
    "crah_supply_setpoint_c": 0.4,
    "crah_fan_setpoint_pct": 3.0,
    "tcs_setpoint_c": 0.5,
    "tcs_dp_setpoint_kpa": 5.0,
    "fws_setpoint_c": 0.5,
}
"""Standard deviation below which the data hardly show an offered setpoint's effect: it is then mostly that of the name plates."""


@dataclass(frozen=True)
class Identified:
    """A model, its errors on days that were not used to fit it (by quantity ``cv_rmse``, ``nmbe`` of the mean, ``rmse_k`` [K]), and what it misses.

    A model that misses anything is not to be published.
    """

    parameters: ReducedParameters
    held_back: Mapping[str, Mapping[str, float]]
    missed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def identify(site: Site, table: Table, source: str, days_least: float = DAYS_LEAST) -> Identified:
    """Returns the model of a site identified from a table of measurements at cycle pace, every fourth day held back.

    ``table`` has ``at_s`` [s] and a column for each signal, setpoints in force by their plain name. Raises IdentificationError with all that the
    data lack.
    """
    data = prepare(site, table, days_least, HOLD_BACK_EVERY)
    parameters = fit(data, from_name_plate(site))
    series = series_of(data, parameters)
    held_back = judge(data, parameters, series, ~data.fit)
    at_s = table["at_s"]
    fitted_on = FittedOn(source, float(at_s[0]), float(at_s[-1]), int(at_s.size), held_back)
    published = replace(parameters, fitted_on=fitted_on, validity=ranges_of(series, data.fit))
    return Identified(published, held_back, misses(held_back, at_s.size * data.step_s / 86400.0), notes_on(data))


def fit(data: Data, start: ReducedParameters) -> ReducedParameters:
    """Returns parameters fitted to the rows that may be used: heat balance, then machines and halls, then the dynamics jointly."""
    start = balance(data, fit_liquid_side(data, start))
    site = data.site
    halls = {h.name: fit_hall(data, h, start.halls[h.name]) for h in site.hall}
    for plant in site.plant:
        halls |= fit_coils(data, plant, halls)
    plants = {p.name: fit_plant(data, p, start.plants[p.name]) for p in site.plant}
    parameters = replace(start, site=fit_site(data, start.site), plants=plants, halls=halls)
    parameters = fit_dynamics(data, parameters)
    series = series_of(data, parameters)
    spread = {h.name: _inlet_spread_k(data, parameters, series, f"{h.name}.rack_inlet_max_c") for h in site.hall}
    return replace(parameters, halls={n: replace(h, inlet_spread_k=spread[n]) for n, h in parameters.halls.items()})


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


def notes_on(data: Data) -> tuple[str, ...]:
    """Returns what the data did not show, so that a start value stands in the model."""
    notes = []
    for setpoint in data.site.setpoint:
        least = _MOVED_LEAST.get(setpoint.partition(".")[2], 0.0)
        moved = float(np.nanstd(data[setpoint])) if data.has(setpoint) else least
        if not moved >= least:
            notes.append(f"{setpoint}: moved by {moved:.2f} (standard deviation); below {least:g} its effect is mostly the name plates'")
    for plant in data.site.plant:
        m = data.machines[plant.name]
        has = any(e.plant == plant.name for e in data.site.economiser)
        if has and not (0.02 < float(m.free.mean()) < 0.98):
            notes.append(f"{plant.name}: the economiser alone in {100 * m.free.mean():.0f} % of the rows; where the BAS trusts it is as on the name plate")
    if data.has(WETBULB) and float(np.nanmax(data[WETBULB]) - np.nanmin(data[WETBULB])) < 8.0:
        notes.append("wet bulb spans less than 8 K: towers and economiser are known for this weather only")
    return tuple(notes)
