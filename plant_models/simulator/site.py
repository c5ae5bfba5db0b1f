"""The whole simulated site in plant time: machines, sensors and BAS, with weather and IT load, behind the signals that a fieldbus would show."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from plant_models.simulator.bas import Bas, Manner
from plant_models.simulator.commands import Commands, without_power
from plant_models.simulator.equations import Array
from plant_models.simulator.machines import SCAN_S, STEP_S, Machines
from plant_models.simulator.plant import Plant
from plant_models.simulator.plant_file import PlantTruth
from plant_models.simulator.sensors import FaultKind, Sensors
from plant_models.simulator.truth import Truth
from plant_models.site.points import Points
from plant_models.site.topology import Site
from plant_models.sources.load import Load
from plant_models.sources.weather import Weather, WeatherNow
from safety.signals import QUANTITIES, MachineState, Role

_WEATHER: Final = ("oa_drybulb_c", "oa_wetbulb_c")
_LASTING: Final = ("_plant", "_weather", "_load", "_shared")  # what a moment does not hold
_CLOCK_SLACK_S: Final = 1e-6  # what a clock near 2e9 s may be off by


@dataclass(frozen=True)
class Moment:
    """All that a simulated site is at one instant, beside weather and load to come."""

    vectors: tuple[Array, Array, Array]
    others: Mapping[str, Any]


Made = Callable[[Site, PlantTruth, WeatherNow, tuple[float, ...]], Machines]


class SimulatedSite:
    """A site one can only read, write and let run; ``truth`` is for scores and tests, ``bas`` for operators' acts."""

    def __init__(
        self,
        site: Site,
        points: Points,
        truth: PlantTruth,
        weather: Weather,
        load: Load,
        seed: int,
        start_s: float,
        machines: Made = Plant,
        manner: Manner | None = None,
    ) -> None:
        """Starts the site at a plant time [s since 1970 UTC], near rest with the machines running that the BAS chooses.

        ``machines`` makes what moves the equations in time: one compiled site unless it is a member of a batch; ``manner`` is how its BAS runs
        it by itself. Raises ValueError for declared points that this site does not produce.
        """
        self._weather, self._load = weather, load
        self._shared = {id(one): one for one in (site, points, truth)}
        self.now_s = start_s
        self._next_scan_s = start_s
        self._plant = machines(site, truth, weather.at(start_s), load.at(start_s))
        self.bas = Bas(site, points, manner, truth.bas)
        rows = {f"{h.name}.rack_inlet_max_c": [f"{r}.rack_inlet_c" for r in h.rows] for h in site.hall}
        measured = [n for n in self._plant.names if n.partition(".")[2] in QUANTITIES and n not in rows]
        self._pick = np.array([self._plant.names.index(n) for n in measured], dtype=int)
        self._sensors = Sensors([*measured, *(f"weather.{w}" for w in _WEATHER)], rows, seed, SCAN_S, truth.sensors.years_since_calibration)
        self.signals: frozenset[str] = frozenset(self._sensors.signals) | self.bas.signals
        self._measured = self.signals - self.bas.signals
        unknown = [p.signal for p in points.rows if p.signal not in self.signals]
        if unknown:
            raise ValueError(f"points that the simulated site does not produce: {', '.join(unknown)}")
        self._chillers = tuple(tuple(c.name for c in site.chiller if c.plant == p.name) for p in site.plant)
        self._units = tuple(tuple(c.name for c in site.cdu if c.hall == h.name) for h in site.hall if h.liquid)
        self._tripped: set[str] = set()
        self._power_back_s = start_s
        panels = [c for names in self._chillers for c in names]
        self._panels, self._panel_at = panels, np.array([self._plant.names.index(f"{c}.trip_state") for c in panels], dtype=int)
        commands = self._scan()
        self._plant.adopt(commands)
        self._follow(commands)

    def advance(self, until_s: float) -> None:
        """Lets the site run to a plant time [s]: machines by whole seconds, the BAS and its sensors every 5 s; a part of a second waits."""
        until = until_s + _CLOCK_SLACK_S
        while self.now_s + STEP_S <= until:
            seconds = min(self._next_scan_s, until) - self.now_s
            steps = int(seconds / STEP_S + _CLOCK_SLACK_S)
            self._plant.step(steps)
            self.passed(steps * STEP_S)

    def passed(self, seconds: float) -> None:
        """Moves the clock on by what the machines were stepped, and scans where a scan is due: at once, so that the clock served is the time reached."""
        self.now_s += seconds
        if self.now_s >= self._next_scan_s - _CLOCK_SLACK_S:
            self._follow(self._scan())

    def moment(self) -> Moment:
        """Returns the present moment, to come back to."""
        others = {name: value for name, value in vars(self).items() if name not in _LASTING}
        return Moment((self._plant.state.copy(), self._plant.inputs.copy(), self._plant.outputs.copy()), copy.deepcopy(others, dict(self._shared)))

    def go_back(self, moment: Moment) -> None:
        """Goes back to a moment of this site; from there the same commands lead to the same values."""
        for vector, then in zip((self._plant.state, self._plant.inputs, self._plant.outputs), moment.vectors, strict=True):
            vector[:] = then
        vars(self).update(copy.deepcopy(dict(moment.others), dict(self._shared)))

    def _follow(self, commands: Commands) -> None:
        self._plant.surround(self._outside, self._use)
        self._plant.command(commands)

    def lose_power(self, seconds: float) -> None:
        """Takes the power from everything but the IT load and the BAS, for so long from the next scan on [s]: generators take 10-20 s."""
        self._power_back_s = self.now_s + seconds

    def _scan(self) -> Commands:
        """Returns the BAS's commands until the next scan; without power machines have none."""
        without = self.now_s < self._power_back_s
        if without:
            self.bas.power_failed()
        commands = self._commands()
        return without_power(commands) if without else commands

    def _commands(self) -> Commands:
        """Takes weather, load and readings until the next scan, and returns the BAS's commands."""
        self._outside, self._use = self._weather.at(self.now_s), self._load.at(self.now_s)
        self._sensors.scan(np.concatenate((self._plant.outputs[self._pick], (self._outside.oa_drybulb_c, self._outside.oa_wetbulb_c))))
        self._next_scan_s = self.now_s + SCAN_S
        causes = self._plant.outputs[self._panel_at]
        if causes.any():  # a machine's own panel stops it and stays tripped until mended
            self._tripped |= {c for c, cause in zip(self._panels, causes, strict=True) if cause}
        if not self._tripped:
            return self.bas.scan(self.now_s, self._sensors.readings)
        failed = {f"{c}.machine_state": float(MachineState.FAILED) for c in self._tripped}
        commands = self.bas.scan(self.now_s, {**self._sensors.readings, **failed})
        plants = (
            replace(plant, chiller_on=plant.chiller_on * np.array([n not in self._tripped for n in names], dtype=float))
            for names, plant in zip(self._chillers, commands.plants, strict=True)
        )
        racks = (
            replace(tcs, cdu_on=tcs.cdu_on * np.array([n not in self._tripped for n in names], dtype=float))
            for names, tcs in zip(self._units, commands.tcs, strict=True)
        )
        return replace(commands, plants=tuple(plants), tcs=tuple(racks))

    def read(self, signal: str) -> float | None:
        """Returns what the BAS shows of a signal, in the signal's own unit; None for a dead sensor. Raises KeyError for an unknown signal."""
        if signal in self._measured:
            return self._sensors.shown(signal)
        return self.bas.read(signal)

    def write(self, signal: str, value: float) -> None:
        """Writes a request or a ``daemon.*`` register. Raises KeyError for a signal that cannot be written."""
        self.bas.write(signal, value)

    def relinquish(self, signal: str) -> None:
        """Drops what was written to a request. Raises KeyError for any other signal."""
        setpoint, _, role = signal.rpartition(".")
        if role != Role.REQUEST:
            raise KeyError(signal)
        self.bas.relinquish(setpoint)

    def set_fault(self, signal: str, kind: FaultKind | str | None, value: float = 0.0) -> None:
        """Sets a sensor's fault from its next reading on: "dead", "frozen", "bias" by ``value``; None mends it. Raises KeyError, ValueError."""
        self._sensors.set_fault(signal, None if kind is None else FaultKind(kind), value)

    def trip(self, machine: str) -> None:
        """Trips a chiller or CDU: its compressor or pump stops and it shows FAILED to the BAS until mended. Raises KeyError for an unknown one."""
        if not any(machine in names for names in (*self._chillers, *self._units)):
            raise KeyError(machine)
        self._tripped.add(machine)

    def mend(self, machine: str) -> None:
        """Lets a tripped machine run again; the BAS wants its own reset besides (``bas.lock_out``). Raises KeyError for an untripped one."""
        self._tripped.remove(machine)

    def wear(self, field: str, value: float) -> None:
        """Changes a machine's health, as ``Machines.wear`` does."""
        self._plant.wear(field, value)

    def set_crah_failed(self, hall: str, units: Sequence[int]) -> None:
        """Stops just these CRAHs of a hall, as ``Machines.fail_crahs`` does."""
        self._plant.fail_crahs(hall, units)

    @property
    def truth(self) -> Truth:
        """Returns what is true now."""
        counted = self._plant.counters()
        del counted["process_kwh"]
        weather = {"weather.oa_drybulb_c": self._outside.oa_drybulb_c, "weather.oa_wetbulb_c": self._outside.oa_wetbulb_c}
        values = {**self._plant.values(), **weather}
        return Truth(self.now_s, values, self._plant.energies_kwh(), stored_kwh=self._plant.stored_kwh(), **counted)
