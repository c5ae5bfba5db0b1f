"""Why a plan, or a learned correction of it, is trusted less in this cycle; how much less stands in ``safety.authority``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from plant_models.reduced.observe import disturbances_known, setpoints_known
from plant_models.reduced.parameters import ReducedParameters
from plant_models.reduced.validity import outside
from plant_models.site.load import LoadedSite
from safety.authority import Doubt
from safety.limits import Limits, RegisterLimits
from safety.records import Estimate, Forecast, Measurements, Proposal, Quantiles

AHEAD_S: Final = 3600.0  # what happens within the hour has been decided by the plan that is written now
LOAD_WIDTH: Final = 0.25  # engineering value, of a hall's capacity, between the 10 % and 90 % quantiles
WETBULB_WIDTH_K: Final = 6.0  # engineering value
WETBULB: Final = "weather.oa_wetbulb_c"
FAR: Final = 0.5  # engineering value: as multiples of the range in which the model was identified
COUNTED: Final = ("_running", "_share", "_known")
"""Numbers of machines and modes: a machine out of order is no weather that nobody has seen."""
MISSED_MOST_K: Final = 1.0  # Guideline 36-2021 5.20.4.15: what chilled water may miss its setpoint by; an inlet may miss by the margin that its plan keeps
MEMORY_S: Final = 3600.0  # of prediction errors: a single transition is no drift
STEP_TOLERANCE: Final = 0.2  # of a step, by which a cycle may come late and still be the one that was predicted

Misses = Mapping[str, float]
"""How far measurements were from what the last plan had predicted, by signal: mean size of the last hour [K]."""


def doubts_of(
    loaded: LoadedSite,
    parameters: ReducedParameters,
    forecast: Forecast,
    estimate: Estimate,
    measured: Measurements,
    in_force: Mapping[str, float],
    misses: Misses,
) -> frozenset[Doubt]:
    """Returns what speaks against a plan made now; a quantity that is not forecast is another matter (no forecast, no plan)."""
    found = set()
    most = {f"{hall.name}.it_load_kw": LOAD_WIDTH * hall.it_capacity_kw for hall in loaded.site.hall} | {WETBULB: WETBULB_WIDTH_K}
    if any(_width(forecast, forecast.series[signal]) > allowed for signal, allowed in most.items() if signal in forecast.series):
        found.add(Doubt.FORECAST_WIDE)
    beyond = outside(parameters, _where(loaded, parameters, estimate, measured, in_force)) if estimate.valid else {}
    if beyond:
        found.add(Doubt.OUT_OF_DISTRIBUTION if max(beyond.values()) > FAR else Doubt.EXTRAPOLATES)
    if any(missed_k > most_k for signal, most_k in _judged(loaded).items() if (missed_k := misses.get(signal, 0.0))):
        found.add(Doubt.MODEL_DRIFTS)
    return frozenset(found)


def missed(loaded: LoadedSite, limits: Limits, before: Misses, plan: Proposal | None, requested: Mapping[str, float], measured: Measurements) -> Misses:
    """Returns the prediction errors with this cycle's: the plan of one step ago against what is measured, where the plan was what was asked for.

    A plan that was narrowed, not used, or made at another time proves nothing about its model: then what was known stays.
    """
    if plan is None or not plan.setpoints or not _was_asked(limits, plan, requested):
        return before
    elapsed_s = measured.taken_at_s - plan.made_at_s
    step_s = loaded.site.optimiser.step_s
    if abs(elapsed_s - step_s) > STEP_TOLERANCE * step_s:
        return before
    share = min(elapsed_s / MEMORY_S, 1.0)
    after = dict(before)
    for signal in _judged(loaded):
        if signal in plan.predicted and signal in measured.values:
            known = before.get(signal, 0.0)
            after[signal] = known + share * (abs(measured.values[signal] - plan.predicted[signal]) - known)
    return after


def _judged(loaded: LoadedSite) -> dict[str, float]:
    """Returns the temperatures that a plan is judged by and how far they may be off [K]."""
    inlets = {f"{hall.name}.rack_inlet_max_c": max(loaded.site.optimiser.inlet_margin_k, MISSED_MOST_K) for hall in loaded.site.hall}
    return inlets | {f"{plant.name}.chws_temp_c": MISSED_MOST_K for plant in loaded.site.plant}


def _was_asked(limits: Limits, plan: Proposal, requested: Mapping[str, float]) -> bool:
    bands = {s: limits.registers.get(s, RegisterLimits()).deadband for s in plan.setpoints}
    return all(s in requested and abs(requested[s] - value) <= bands[s] + 1e-6 for s, value in plan.setpoints.items())


def _where(loaded: LoadedSite, parameters: ReducedParameters, estimate: Estimate, measured: Measurements, in_force: Mapping[str, float]) -> dict[str, float]:
    """Returns the point in state, setpoints and disturbances at which the model is asked."""
    site, states = loaded.site, estimate.states
    at = {**states, **setpoints_known(site, measured.values, in_force), **disturbances_known(site, parameters, measured.values, states)}
    return {name: value for name, value in at.items() if not name.endswith(COUNTED)}


def _width(forecast: Forecast, series: Quantiles) -> float:
    """Returns the distance of the outer quantiles an hour ahead, in the quantity's own unit."""
    at = min(round(AHEAD_S / forecast.step_s), len(series.high) - 1)
    return series.high[at] - series.low[at]
