"""Runs the reduced model over many stretches of a table at once, for fits of its dynamics and for its errors some steps ahead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plant_models.reduced.liquid_side import LOOP_SETPOINTS, LOOP_STATE, TCS_SETPOINTS, TCS_STATE, it_base_kw, liquid_halls
from plant_models.reduced.model import HALL_SETPOINTS, HALL_STATES, PLANT_SETPOINTS, PLANT_STATES, Response, cw_speed_of, respond
from plant_models.reduced.parameters import ReducedParameters
from plant_models.reduced.plant import WATER_KJ_PER_KGK
from plant_models.reduced.smooth import Value
from plant_models.reduced.table import Array, Data
from plant_models.reduced.weather import DRYBULB, WETBULB
from safety.signals import measurement_of

Columns = dict[str, Array]
_SUBSTEP_S = 60.0  # a Runge-Kutta step of fourth order stands 2.7 times the shortest lag, 45 s


@dataclass(frozen=True)
class Series:
    """A table as the model takes it: states, setpoints and disturbances by name, each by row."""

    states: Columns
    setpoints: Columns
    disturbances: Columns

    def at(self, rows: NDArray[np.int_]) -> tuple[Columns, Columns, Columns]:
        """Returns states, setpoints and disturbances of some rows."""
        return (
            {k: v[rows] for k, v in self.states.items()},
            {k: v[rows] for k, v in self.setpoints.items()},
            {k: v[rows] for k, v in self.disturbances.items()},
        )


def series_of(data: Data, parameters: ReducedParameters) -> Series:
    """Returns what the model needs, row by row; thermal mass, which nothing measures, as return air smoothed over an hour."""
    site = data.site
    states = {f"{p.name}.{s}": data[f"{p.name}.{s}"] for p in site.plant for s in PLANT_STATES if data.has(f"{p.name}.{s}")}
    states |= {f"{n}.chwr_temp_c": data[f"{n}.chwr_temp_c"] - p.chwr_bias_k for n, p in parameters.plants.items()}
    states |= {f"{p.name}.cws_temp_c": data[f"{p.name}.chws_temp_c"] + 12.0 for p in site.plant if f"{p.name}.cws_temp_c" not in states}
    disturbances: Columns = {WETBULB: data[WETBULB] if data.has(WETBULB) else np.full(data["at_s"].size, 15.0)}
    for hall in site.hall:
        supply, inlet, back, _ = (f"{hall.name}.{s}" for s in HALL_STATES)
        states[supply], states[inlet] = data[supply], data[inlet]
        p = parameters.halls[hall.name]
        states[back] = data[back] - p.return_bias_k if data.has(back) else data[supply] + 10.0
        states[f"{hall.name}.mass_temp_c"] = _smoothed(states[back], 3600.0 / data.step_s)
    states |= {f"{h.name}.{TCS_STATE}": data[f"{h.name}.{TCS_STATE}"] for h in liquid_halls(site)}
    states |= {f"{loop.name}.{LOOP_STATE}": data[f"{loop.name}.{LOOP_STATE}"] for loop in site.facility_loop}
    setpoints: Columns = {}
    kinds_of = ((site.plant, PLANT_SETPOINTS), (site.hall, HALL_SETPOINTS), (liquid_halls(site), TCS_SETPOINTS), (site.facility_loop, LOOP_SETPOINTS))
    for equipment, kinds in kinds_of:
        for setpoint in (f"{e.name}.{k}" for e in equipment for k in kinds):
            setpoints[setpoint] = data.setpoint(setpoint, measurement_of(setpoint))
    for hall in site.hall:
        dp_kpa = setpoints.get(f"{hall.name}.tcs_dp_setpoint_kpa", 0.0)
        disturbances[f"{hall.name}.it_base_kw"] = it_base_kw(hall, parameters, data[f"{hall.name}.it_load_kw"], states, dp_kpa)
    for plant in site.plant:
        speed = cw_speed_of(site, plant)
        if speed is not None and data.has(speed):  # a record from before the pumps' speed was offered is one of full speed
            setpoints[speed] = data[speed]
        disturbances |= _plant_disturbances(data, plant.name, states)
    for loop in site.facility_loop:
        disturbances |= {f"{loop.name}.coolers_running": data.coolers[loop.name].running, f"{loop.name}.wet_share": data.coolers[loop.name].wet_share}
        disturbances[DRYBULB] = data[DRYBULB]
    return Series(states, setpoints, disturbances)


def _plant_disturbances(data: Data, name: str, states: Columns) -> Columns:
    m = data.machines[name]
    served = any(h.plant == name for h in data.site.hall)
    flow = data[f"{name}.chw_flow_kgs"]
    heat = WATER_KJ_PER_KGK * flow * (states[f"{name}.chwr_temp_c"] - states[f"{name}.chws_temp_c"])
    return {
        f"{name}.chillers_running": m.chillers,
        f"{name}.cells_running": m.cells,
        f"{name}.chw_pumps_running": m.chw_pumps,
        f"{name}.cw_pumps_running": m.cw_pumps,
        f"{name}.in_line_share": m.in_line,
        f"{name}.free_share": m.free,
        f"{name}.mode_known": np.ones_like(flow),
        f"{name}.other_heat_kw": 0.0 * flow if served else heat,
        f"{name}.other_flow_kgs": 0.0 * flow if served else flow,
    }


def _smoothed(values: Array, steps: float) -> Array:
    found = np.array(values)
    share = 1.0 / max(steps, 1.0)
    for i in range(1, found.size):
        found[i] = found[i - 1] + share * (values[i] - found[i - 1]) if np.isfinite(values[i]) else found[i - 1]
    return found


def run(data: Data, parameters: ReducedParameters, series: Series, starts: NDArray[np.int_], steps: int) -> list[Columns]:
    """Returns the model's states after 1 .. ``steps`` rows from each start, all starts side by side; inputs are those of the row at a step's end."""
    states, _, _ = series.at(starts)
    after = []
    for k in range(1, steps + 1):
        _, setpoints, disturbances = series.at(starts + k)
        states = advance(data, parameters, states, setpoints, disturbances)
        after.append(states)
    return after


def advance(
    data: Data, parameters: ReducedParameters, states: Mapping[str, Value], setpoints: Mapping[str, Value], disturbances: Mapping[str, Value]
) -> Columns:
    """Returns the states one row on, by Runge-Kutta steps of fourth order."""
    count = max(1, round(data.step_s / _SUBSTEP_S))
    h = data.step_s / count
    x = dict(states)

    def rates(at: Mapping[str, Value]) -> Mapping[str, Value]:
        return respond(data.site, parameters, at, setpoints, disturbances, {}).rates

    for _ in range(count):
        k1 = rates(x)
        k2 = rates({s: v + 0.5 * h * k1[s] for s, v in x.items()})
        k3 = rates({s: v + 0.5 * h * k2[s] for s, v in x.items()})
        k4 = rates({s: v + h * k3[s] for s, v in x.items()})
        x = {s: v + h / 6.0 * (k1[s] + 2.0 * k2[s] + 2.0 * k3[s] + k4[s]) for s, v in x.items()}
    return x


def respond_at(
    data: Data, parameters: ReducedParameters, states: Mapping[str, Value], setpoints: Mapping[str, Value], disturbances: Mapping[str, Value]
) -> Response:
    """Returns the model's answer to some states and inputs."""
    return respond(data.site, parameters, states, setpoints, disturbances, {})
