"""The machines of a whole site with their local loops, compiled by CasADi: five steps of one second between two scans of the BAS in one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import casadi
import numpy as np

from plant_models.simulator.commands import Commands
from plant_models.simulator.equations import COMMANDED, COUNTERS, ENERGIES, WEATHER, Array, Equations
from plant_models.simulator.plant_file import PlantTruth
from plant_models.site.topology import Site
from plant_models.sources.weather import WeatherNow

STEP_S: Final = 1.0
SCAN_S: Final = 5.0
_STEPS: Final = 5


class Plant:
    """A site's machines in time. ``state`` and ``outputs`` are plain vectors; ``names`` says what the outputs are."""

    def __init__(self, site: Site, truth: PlantTruth, weather: WeatherNow, utilisation: Sequence[float]) -> None:
        """Compiles the site's equations and starts near rest, machines off. Raises ValueError for a site whose air is too quick for steps of 1 s."""
        self.equations = Equations(site, truth)
        self.inputs = self.equations.healthy_inputs()
        self._fields = self.equations.inputs.view(self.inputs)
        self._plants = [[self._fields[f"{name}.{f}"] for f in COMMANDED] for name in self.equations.plants]
        self._halls = [[self._fields[f"{name}.{f}"] for f in ("supply_setpoint_c", "fan_share", "utilisation")] for name in self.equations.halls]
        self._weather = self.inputs[: len(WEATHER)]
        self.state: Array = self.equations.start(weather.oa_wetbulb_c)
        self.step_function, self.names = _compiled(self.equations)
        self.outputs: Array = np.zeros(len(self.names))
        self._where = {name: i for i, name in enumerate(self.names)}
        self._after = np.zeros_like(self.state)
        vectors = (self.state, self.inputs, self._after, self.outputs)
        self._second, self._scan = _Bound(self.step_function, *vectors), _Bound(_between_scans(self.step_function), *vectors)
        self._surround(weather, utilisation)
        self._second()

    def _surround(self, weather: WeatherNow, utilisation: Sequence[float]) -> None:
        self._weather[:] = (weather.oa_drybulb_c, weather.oa_wetbulb_c, weather.pressure_kpa)
        for (_, _, use), load in zip(self._halls, utilisation, strict=True):
            use[:] = load

    def _command(self, commands: Commands) -> None:
        for fields, given in zip(self._plants, commands.plants, strict=True):
            for where, name in zip(fields, COMMANDED, strict=True):
                where[:] = getattr(given, name)
        for (supply, fan, _), supply_c, fan_share in zip(self._halls, commands.crah_supply_setpoint_c, commands.crah_fan_share, strict=True):
            supply[:], fan[:] = supply_c, fan_share

    def adopt(self, commands: Commands) -> None:
        """Puts valves, pumps and fans where the commands want them at once; for the start only."""
        state = self.equations.state.view(self.state)
        for name, given in zip(self.equations.plants, commands.plants, strict=True):
            wanted = {"valve": given.chiller_valve, "tower_valve": given.tower_on, "pump_count": given.chw_pump_count, "cw_count": given.cw_pump_count}
            for field, value in (wanted | {"economiser": given.economiser}).items():
                state[f"{name}.{field}"][:] = value
        for name, fan in zip(self.equations.halls, commands.crah_fan_share, strict=True):
            state[f"{name}.fan"][:] = fan

    def advance(self, commands: Commands, weather: WeatherNow, utilisation: Sequence[float], steps: int = _STEPS) -> None:
        """Steps some seconds under constant commands, weather and utilisation (0 .. 1, one a hall); 5 at once are quickest."""
        self._surround(weather, utilisation)
        self._command(commands)
        if steps == _STEPS:
            self._scan()
            self.state[:] = self._after
            return
        for _ in range(steps):
            self._second()
            self.state[:] = self._after

    def wear(self, field: str, value: float | Sequence[float]) -> None:
        """Changes a machine's health: ``<plant>.chiller_age``, ``<plant>.tower_fill``, ``<hall>.coil_factor`` (1 as in the plant file), ``<hall>.tight_share``.

        Raises KeyError for anything else.
        """
        if not field.endswith((".chiller_age", ".tower_fill", ".coil_factor", ".tight_share")):
            raise KeyError(field)
        self._fields[field][:] = value

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


def _compiled(equations: Equations) -> tuple[casadi.Function, tuple[str, ...]]:
    """Returns one second as a CasADi function (state, inputs) -> (state, outputs), and the outputs' names."""
    state, inputs = casadi.SX.sym("state", equations.state.size), casadi.SX.sym("inputs", equations.inputs.size)
    after, signals = equations.step(state, inputs, symbolic=True)
    outputs = casadi.vertcat(*(casadi.SX(v) for v in signals.values()))
    after, outputs = casadi.cse([after, outputs])
    step = casadi.Function("second", [state, inputs], [casadi.densify(after), casadi.densify(outputs)])
    return step, tuple(signals)


def _between_scans(step: casadi.Function) -> casadi.Function:
    """Returns the steps between two scans as one function; the outputs are the last step's."""
    state, inputs = casadi.MX.sym("state", step.size1_in(0)), casadi.MX.sym("inputs", step.size1_in(1))
    after, outputs = step(state, inputs)
    for _ in range(_STEPS - 1):
        after, outputs = step(after, inputs)
    return casadi.Function("scan", [state, inputs], [after, outputs])


class _Bound:
    """A CasADi function bound to vectors that it works on in place."""

    def __init__(self, function: casadi.Function, state: Array, inputs: Array, after: Array, outputs: Array) -> None:
        """Binds the vectors; they must stay where they are in memory."""
        self._buffer, self._trigger = function.buffer()  # the buffer must live as long as its trigger
        sides: Any = ((self._buffer.set_arg, (state, inputs)), (self._buffer.set_res, (after, outputs)))  # casadi's stubs know only C signatures
        for bind, vectors in sides:
            for i, vector in enumerate(vectors):
                bind(i, memoryview(vector))

    def __call__(self) -> None:
        """Evaluates the function once."""
        self._trigger()
