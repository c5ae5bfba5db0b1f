"""What a site would draw at rest with more or fewer machines, instant by instant, each with the best setpoints of a small grid, by its reduced model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from plant_models.reduced.model import Response, cw_speed_of, respond
from plant_models.reduced.parameters import ReducedParameters
from plant_models.reduced.weather import WETBULB
from plant_models.site.topology import Plant, Site
from safety.limits import Limits

Array = NDArray[np.float64]
Values = Mapping[str, Array]
_STEP_S: Final = 60.0  # a Runge-Kutta step of fourth order stands 2.7 times the shortest lag, 45 s
_STEPS: Final = 40  # three times the longest lag that matters, that of the returning water
_SHORT_KW_PER_K: Final = 600.0  # as the tracker weighs a kelvin beyond the inlet's limit
_WATER_BAND_K: Final = 0.5  # half of Guideline 36-2021 5.20.4.15's 1 K, at which the BAS starts a chiller
_CHWS_K: Final = (-2.0, -1.0, 0.0, 1.0, 2.0)  # around what the tracker comes to
_OVER_WETBULB_K: Final = (2.5, 4.0, 6.0, 8.5)
_SPEED_PCT: Final = (100.0, 82.0, 65.0)
_OVER: Final = "over_wetbulb_k"


class Rest:
    """The rest states of one site around a present state and the setpoints that the tracker comes to."""

    def __init__(self, site: Site, parameters: ReducedParameters, limits: Limits, states: Mapping[str, float], offsets: Mapping[str, float]) -> None:
        """Takes the site with its model, and states and offsets as estimated now."""
        self._site, self._parameters, self._limits = site, parameters, limits
        self._states, self._offsets = states, offsets

    def power_kw(self, plant: Plant, setpoints: Mapping[str, float], instants: Sequence[Sequence[Mapping[str, float]]], *, searched: bool) -> Array:
        """Returns the facility's power and what passed limits weigh [kW] of (instants, stages), with the best of the grid's setpoints where ``searched``.

        ``instants`` holds disturbances and soft limits by name, for each instant one for each stage.
        """
        tried = self._grid(plant, setpoints) if searched else [dict(setpoints)]
        series = {n: np.repeat(np.array([[at[n] for at in row] for row in instants]).ravel(), len(tried)) for n in instants[0][0]}
        size = series[WETBULB].size
        asked = {s: np.tile(np.array([t[s] for t in tried]), size // len(tried)) for s in setpoints}
        cws = f"{plant.name}.cws_setpoint_c"
        if searched and cws in self._limits.setpoints:
            over = np.tile(np.array([t[_OVER] for t in tried]), size // len(tried))
            asked[cws] = np.clip(series[WETBULB] + over, self._limits.setpoints[cws].low, self._limits.setpoints[cws].high)
        x: Values = {s: np.full(size, v) for s, v in self._states.items()}

        def answer(at: Values) -> Response:
            return respond(self._site, self._parameters, at, asked, series, self._offsets)

        with np.errstate(all="ignore"):  # a stage that cannot carry its load runs away: it is priced as such below
            for _ in range(_STEPS):
                x = _advance(answer, x)
            found = answer(x)
            cost = found.facility_kw + _SHORT_KW_PER_K * self._beyond_k(plant, x, asked, series)
        priced: Array = np.where(np.isfinite(cost), cost, np.inf).reshape(len(instants), len(instants[0]), len(tried)).min(axis=2)
        return priced

    def _beyond_k(self, plant: Plant, x: Values, asked: Values, series: Values) -> Array:
        """Returns by how many kelvin inlets pass their soft limit and the plant's water its setpoint, all together."""
        halls = sum(np.maximum(x[f"{h.name}.rack_inlet_max_c"] - series[f"{h.name}.inlet_high_c"], 0.0) for h in self._site.hall)
        warm = x[f"{plant.name}.chws_temp_c"] - asked[f"{plant.name}.chws_setpoint_c"] - _WATER_BAND_K
        beyond: Array = halls + np.maximum(warm, 0.0)
        return beyond

    def _grid(self, plant: Plant, setpoints: Mapping[str, float]) -> list[dict[str, float]]:
        chws, speed, known = f"{plant.name}.chws_setpoint_c", cw_speed_of(self._site, plant), self._limits.setpoints
        waters = [setpoints[chws] + k for k in _CHWS_K] if chws in known else [setpoints[chws]]
        speeds = [{speed: pct} for pct in _SPEED_PCT] if speed is not None and speed in known else [{}]
        asked = ({**setpoints, chws: water, _OVER: over} | pumps for water, over, pumps in product(waters, _OVER_WETBULB_K, speeds))
        return [{s: self._within(s, v) for s, v in each.items()} for each in asked]

    def _within(self, setpoint: str, value: float) -> float:
        bounds = self._limits.setpoints.get(setpoint)
        return value if bounds is None else min(max(value, bounds.low), bounds.high)


def _advance(answer: Callable[[Values], Response], x: Values) -> Values:
    """Returns the states one Runge-Kutta step on."""

    def rates(at: Values) -> Values:
        return answer(at).rates

    k1 = rates(x)
    k2 = rates({s: v + 0.5 * _STEP_S * k1[s] for s, v in x.items()})
    k3 = rates({s: v + 0.5 * _STEP_S * k2[s] for s, v in x.items()})
    k4 = rates({s: v + _STEP_S * k3[s] for s, v in x.items()})
    return {s: v + _STEP_S / 6.0 * (k1[s] + 2.0 * k2[s] + 2.0 * k3[s] + k4[s]) for s, v in x.items()}
