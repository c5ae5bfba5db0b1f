"""A site's machines as they stand: their vectors, seen and set by name. What moves them in time is elsewhere, one site or many at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from plant_models.simulator.commands import Commands
from plant_models.simulator.equations import COMMANDED, COUNTERS, ENERGIES, WEATHER, Array, Equations
from plant_models.simulator.liquid_side import LOOP_COMMANDED, TCS_COMMANDED
from plant_models.sources.weather import WeatherNow

STEP_S: Final = 1.0
SCAN_S: Final = 5.0
STEPS: Final = 5
"""Steps of one second between two scans of the BAS."""


@dataclass(frozen=True, slots=True)
class Vectors:
    """Where a site's numbers stand: state, inputs and outputs of the last step, each (n,), may be views; they stay where they are."""

    state: Array
    inputs: Array
    outputs: Array


class Machines:
    """A site's machines behind names. ``names`` says what the outputs are."""

    def __init__(self, equations: Equations, names: Sequence[str], vectors: Vectors, weather: WeatherNow, utilisation: Sequence[float]) -> None:
        """Fills the vectors: near rest, machines off, everything as healthy as the plant file says, under this weather and utilisation."""
        self.equations, self.names = equations, tuple(names)
        self.state, self.inputs, self.outputs = vectors.state, vectors.inputs, vectors.outputs
        self._healthy = equations.healthy_inputs()
        self.inputs[:] = self._healthy
        self.state[:] = equations.start(weather.oa_wetbulb_c)
        self.outputs[:] = 0.0
        self._fields = equations.inputs.view(self.inputs)
        self._plants = [[self._fields[f"{name}.{f}"] for f in COMMANDED] for name in equations.plants]
        self._halls = [[self._fields[f"{name}.{f}"] for f in ("supply_setpoint_c", "fan_share", "utilisation")] for name in equations.halls]
        self._tcs = [[self._fields[f"{name}.{f}"] for f in TCS_COMMANDED] for name in equations.liquid.halls]
        self._loops = [[self._fields[f"{name}.{f}"] for f in LOOP_COMMANDED] for name in equations.liquid.loops]
        self._weather = self.inputs[: len(WEATHER)]
        self._where = {name: i for i, name in enumerate(self.names)}
        self.surround(weather, utilisation)

    def step(self, steps: int = STEPS) -> None:
        """Steps some seconds under what was last taken. Raises NotImplementedError here: this class does not know how."""
        raise NotImplementedError

    def surround(self, weather: WeatherNow, utilisation: Sequence[float]) -> None:
        """Takes weather and utilisation (0 .. 1, one a hall) that hold from now on."""
        self._weather[:] = (weather.oa_drybulb_c, weather.oa_wetbulb_c, weather.pressure_kpa)
        for (_, _, use), load in zip(self._halls, utilisation, strict=True):
            use[:] = load

    def command(self, commands: Commands) -> None:
        """Takes commands that hold from now on."""
        for fields, given in zip(self._plants, commands.plants, strict=True):
            for where, name in zip(fields, COMMANDED, strict=True):
                where[:] = getattr(given, name)
        for (supply, fan, _), supply_c, fan_share in zip(self._halls, commands.crah_supply_setpoint_c, commands.crah_fan_share, strict=True):
            supply[:], fan[:] = supply_c, fan_share
        for parts, wanted, names in ((self._tcs, commands.tcs, TCS_COMMANDED), (self._loops, commands.loops, LOOP_COMMANDED)):
            for each, asked in zip(parts, wanted, strict=True):
                for where, name in zip(each, names, strict=True):
                    where[:] = getattr(asked, name)

    def adopt(self, commands: Commands) -> None:
        """Puts valves, pumps and fans where the commands want them at once; for the start only."""
        state = self.equations.state.view(self.state)
        for name, given in zip(self.equations.plants, commands.plants, strict=True):
            wanted = {"valve": given.chiller_valve, "tower_valve": given.tower_on, "pump_count": given.chw_pump_count, "cw_count": given.cw_pump_count}
            for field, value in (wanted | {"economiser": given.economiser}).items():
                state[f"{name}.{field}"][:] = value
        for name, fan in zip(self.equations.halls, commands.crah_fan_share, strict=True):
            state[f"{name}.fan"][:] = fan
        for name, tcs in zip(self.equations.liquid.halls, commands.tcs, strict=True):
            state[f"{name}.cdu_on"][:] = tcs.cdu_on
        for name, loop in zip(self.equations.liquid.loops, commands.loops, strict=True):
            state[f"{name}.pump_count"][:], state[f"{name}.cooler_valve"][:], state[f"{name}.wet"][:] = loop.fws_pump_count, loop.cooler_on, loop.pads

    def wear(self, field: str, value: float | Sequence[float]) -> None:
        """Changes a machine's health (``Equations.health``): a factor on what the plant file says, or the value itself of a share.

        Raises KeyError for anything else.
        """
        if field not in self.equations.health:
            raise KeyError(field)
        factor = 1.0 if field.endswith("_share") else self._healthy[self.equations.inputs.slices[field]]
        self._fields[field][:] = factor * np.asarray(value)

    def fail_crahs(self, hall: str, units: Sequence[int]) -> None:
        """Stops just these CRAHs of a hall, numbered from 1 along its rows; none: all run. Undoes other wear of its air flow.

        Raises KeyError for an unknown hall, ValueError for a unit that there is not, or for all of them.
        """
        for field, value in self.equations.halls[hall].health_with_failed(units).items():
            self._fields[f"{hall}.{field}"][:] = value

    def value(self, name: str) -> float:
        """Returns one output of the last step by name. Raises KeyError on an unknown one."""
        return float(self.outputs[self._where[name]])

    def values(self) -> Mapping[str, float]:
        """Returns every output of the last step by name."""
        return dict(zip(self.names, self.outputs.tolist(), strict=True))

    def energies_kwh(self) -> dict[str, float]:
        """Returns electric energy since the start by category [kWh]."""
        view = self.equations.state.view(self.state)
        return {e: float(view[f"energy.{e}"][0]) for e in ENERGIES}

    def counters(self) -> dict[str, float]:
        """Returns the other counters since the start: utilisation, water, energy outside the chillers' curves."""
        view = self.equations.state.view(self.state)
        return {c: float(view[f"count.{c}"][0]) for c in COUNTERS}

    def stored_kwh(self) -> float:
        """Returns the heat stored in water, air and mass [kWh] over 0 degC."""
        return float(self.equations.stored_kj_per_k @ self.state) / 3600.0
