"""The machines of one site in time, compiled by CasADi: five steps of one second between two scans of the BAS in one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import casadi
import numpy as np

from plant_models.simulator.commands import Commands
from plant_models.simulator.equations import Array, Equations
from plant_models.simulator.machines import STEPS, Machines, Vectors
from plant_models.simulator.plant_file import PlantTruth
from plant_models.site.topology import Site
from plant_models.sources.weather import WeatherNow


class Plant(Machines):
    """A site's machines in time."""

    def __init__(self, site: Site, truth: PlantTruth, weather: WeatherNow, utilisation: Sequence[float]) -> None:
        """Compiles the site's equations and starts near rest, machines off. Raises ValueError for a site whose air is too quick for steps of 1 s."""
        equations = Equations(site, truth)
        self.step_function, names = compiled(equations)
        vectors = Vectors(np.zeros(equations.state.size), np.zeros(equations.inputs.size), np.zeros(len(names)))
        super().__init__(equations, names, vectors, weather, utilisation)
        self._after = np.zeros_like(self.state)
        bound = (self.state, self.inputs, self._after, self.outputs)
        self._second, self._scan = _Bound(self.step_function, *bound), _Bound(_between_scans(self.step_function), *bound)
        self._second()

    def step(self, steps: int = STEPS) -> None:
        """Steps some seconds; 5 at once are quickest."""
        if steps == STEPS:
            self._scan()
            self.state[:] = self._after
            return
        for _ in range(steps):
            self._second()
            self.state[:] = self._after

    def advance(self, commands: Commands, weather: WeatherNow, utilisation: Sequence[float], steps: int = STEPS) -> None:
        """Steps some seconds under constant commands, weather and utilisation (0 .. 1, one a hall)."""
        self.surround(weather, utilisation)
        self.command(commands)
        self.step(steps)


def compiled(equations: Equations) -> tuple[casadi.Function, tuple[str, ...]]:
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
    for _ in range(STEPS - 1):
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
