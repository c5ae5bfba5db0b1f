"""Plant A disturbed on purpose: loss of cooling, steps of setpoints, a starting chiller; times beside those of real plants."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

import numpy as np

from plant_models.simulator.bas import Manner
from plant_models.simulator.commands import Commands, PlantCommands
from plant_models.simulator.plant import Plant
from plant_models.simulator.plant_file import HallTruth, PlantTruth
from plant_models.simulator.site import SimulatedSite
from plant_models.site.load import LoadedSite
from plant_models.site.topology import Site
from plant_models.sources.weather import NOMINAL_YEAR, Weather, WeatherNow, start_of
from plant_models.validation.targets import Found, Section
from safety.signals import EconomiserState

_HEAT_UP: Final = {5.0: ((30.0, 50.0), (108.0, 553.0)), 10.0: ((12.0, 13.0), (30.0, 50.0)), 20.0: ((5.0, 6.0), (12.6, 12.7))}
"""By kW a rack, seconds from 24 degC to 32 and to 40 degC of air and mass alone."""
_HOT_C: Final = (32.0, 40.0)
_SETTLED_S: Final = 7200
_COASTING_S: Final = 60.0  # what plenum air, coil water and coasting fans add: 10-60 s
_CLOCK_S: Final = 5
_SLOWER: Final = "the source has no mass between the heat and the air; here each rack stores 220 kJ/K of its own, by the next line what it costs"
_LIGHT_KJ_PER_K: Final = 60.0  # a rack of sheet metal and boards without chassis, drives and power supplies
_CHWS_C: Final = 10.0
_WETBULBS_C: Final = (8.0, 8.0, 1.0, 1.0, 1.0, 8.0, 8.0, 8.0)  # hour by hour: beside compressors, alone, beside them again
_YEAR_H: Final = 8760
_USE: Final = 0.538  # 3.5 MW of 5 MW


@dataclass(frozen=True)
class _Use:
    """The same utilisation at any time."""

    use: tuple[float, ...]

    def at(self, at_s: float) -> tuple[float, ...]:
        """Returns utilisation of each hall."""
        return self.use


class _Held:
    """A plant under commands that change only when told; whether water, air or machines follow is what is looked at."""

    def __init__(self, site: Site, truth: PlantTruth, running: int, utilisation: float, **changes: Any) -> None:
        self._weather, self._use = WeatherNow(26.0, 20.0, 98.0), (utilisation,)
        chillers, cells = len(site.chiller), len(site.tower)
        on = (np.arange(chillers) < running).astype(float)
        plant = PlantCommands(
            chiller_on=on,
            chiller_valve=on,
            chiller_limit=np.ones(chillers),
            chws_setpoint_c=10.0,
            chw_pump_count=running + 1.0,
            chw_dp_setpoint_kpa=150.0,
            chw_flow_min_kgs=18.0 * running,
            cw_pump_count=float(running),
            tower_on=np.ones(cells),
            cws_setpoint_c=23.5,
            tower_fan_low=0.25,
            tower_fan_high=1.0,
            tower_bypass=0.0,
            condenser_throttle=1.0,
            basin_heaters=0.0,
            economiser=0.0,
        )
        self._commands = Commands((plant,), np.array([20.0]), np.array([0.9]))
        self.command(**changes)
        self.plant = Plant(site, truth, self._weather, self._use)
        self.plant.adopt(self._commands)

    def command(self, **changes: Any) -> None:
        """Changes the plant's commands, ``supply_c`` or ``fan``; ``utilisation`` too."""
        self._use = (changes.pop("utilisation", self._use[0]),)
        supply = np.array([changes.pop("supply_c", self._commands.crah_supply_setpoint_c[0])])
        fan = np.array([changes.pop("fan", self._commands.crah_fan_share[0])])
        self._commands = Commands((replace(self._commands.plants[0], **changes),), supply, fan)

    def run(self, seconds: float) -> Plant:
        """Lets time pass, five seconds at once."""
        for _ in range(int(seconds) // _CLOCK_S):
            self.plant.advance(self._commands, self._weather, self._use)
        return self.plant

    def trace(self, name: str, seconds: float) -> list[float]:
        """Returns a value every five seconds."""
        return [self.run(_CLOCK_S).value(name) for _ in range(int(seconds) // _CLOCK_S)]


def transient_targets(loaded: LoadedSite, truth: PlantTruth) -> Section:
    """Returns every target of the plant in motion, for plant A."""
    site = loaded.site
    says = (
        "Plant A held under fixed commands and then disturbed. Times to a temperature after loss of all air cooling are of air and mass alone in the "
        f"source; the plant has plenum air, coils and coasting fans besides, which add up to {_COASTING_S:g} s. 30 kW a rack is left out: its air would be "
        "quicker than the simulator's second, and such a site is refused."
    )
    found = [*_heat_up(site, truth), *_steps(site, truth), *_starting(site, truth), *_riding(site, truth), *_economising(loaded, truth)]
    return Section("The plant in motion", says, found)


def _heat_up(site: Site, truth: PlantTruth) -> list[Found]:
    basis = "Khankari 2011; Schneider WP 179"
    found = []
    for kw, ranges in _HEAT_UP.items():
        for limit, (low, high), taken in zip(_HOT_C, ranges, _heated(site, truth, kw, HallTruth().server_kj_per_k_rack), strict=True):
            late = taken > high + _COASTING_S
            what = f"loss of air, {kw:g} kW a rack: to {limit:g} degC"
            found.append(Found(what, low, high + _COASTING_S, "s", basis, taken, _SLOWER if late else ""))
            if late:
                light = _heated(site, truth, kw, _LIGHT_KJ_PER_K)[_HOT_C.index(limit)]
                found.append(Found(f"{what}, with {_LIGHT_KJ_PER_K:g} kJ/K a rack", low, high + _COASTING_S, "s", basis, light))
    return found


def _heated(site: Site, truth: PlantTruth, kw: float, rack_kj_per_k: float) -> tuple[float, ...]:
    """Returns when a middle row's inlet passes each limit after all CRAH fans stop [s], at a power [kW] and mass of its own [kJ/K] of each rack."""
    hall = site.hall[0]
    capacity = kw * hall.row_count * hall.racks_per_row
    scaled = replace(site, hall=(replace(hall, it_capacity_kw=capacity, crah_air_flow_kgs=hall.crah_air_flow_kgs * capacity / hall.it_capacity_kw),))
    own = truth.hall.get(hall.name, HallTruth())
    even = replace(own, row_flow=(), row_load=(), row_recirculation=(), coil_flow_kgs=None, server_kj_per_k_rack=rack_kj_per_k)
    held = _Held(scaled, replace(truth, hall={hall.name: even}), 5, 1.0, fan=1.0, supply_c=23.0)
    held.run(_SETTLED_S)
    held.command(fan=0.0)
    trace = held.trace(f"{hall.rows[4]}.inlet_mean_c", 1200.0)
    return tuple(_CLOCK_S * next((i + 1 for i, t in enumerate(trace) if t > limit), len(trace)) for limit in _HOT_C)


def _share_of_step(trace: list[float], before: float) -> float:
    """Returns when 63 % of a step's change is reached [s]."""
    half = before + 0.632 * (trace[-1] - before)
    rising = trace[-1] > before
    return _CLOCK_S * next(i + 1 for i, v in enumerate(trace) if (v >= half if rising else v <= half))


def _steps(site: Site, truth: PlantTruth) -> list[Found]:
    hall, plant = site.hall[0].name, site.plant[0].name
    held = _Held(site, truth, 3, 0.547)
    before = held.run(_SETTLED_S).value(f"{plant}.chws_temp_c")
    held.command(chws_setpoint_c=11.0)
    chws = _share_of_step(held.trace(f"{plant}.chws_temp_c", 900.0), before)
    held = _Held(site, truth, 4, 0.4)
    state = held.run(_SETTLED_S).equations.state
    held.command(utilisation=0.6)
    racks = [float(np.mean(state.view(held.run(_CLOCK_S).state)[f"{hall}.rack_c"])) for _ in range(120)]
    supply = _Held(site, truth, 4, 0.547)
    air = supply.run(_SETTLED_S).value(f"{hall}.crah_supply_temp_c")
    supply.command(supply_c=21.0)
    return [
        Found("chilled water after a step of its setpoint, 63 %", 60.0, 200.0, "s", "chillers' controllers 60-120 s, header 60-200 s", chws),
        Found("racks after a step of IT load, 63 %", 90.0, 900.0, "s", "90-180 s of the rack, 2-15 min with the room's mass", _share_of_step(racks, racks[0])),
        Found(
            "supply air after a step of its setpoint, 63 %",
            30.0,
            240.0,
            "s",
            "valve loops, integral time 60-240 s",
            _share_of_step(supply.trace(f"{hall}.crah_supply_temp_c", 900.0), air),
        ),
    ]


def _starting(site: Site, truth: PlantTruth) -> list[Found]:
    name = f"{site.plant[0].name}.chws_temp_c"
    held = _Held(site, truth, 3, 0.547)
    held.run(_SETTLED_S)
    four = (np.arange(len(site.chiller)) < 4).astype(float)
    held.command(chiller_valve=four, cw_pump_count=4.0)
    trace = held.trace(name, 150.0)
    held.command(chiller_on=four)
    trace += held.trace(name, 900.0)
    above = _CLOCK_S * sum(t > 10.5 for t in trace) / 60.0
    return [
        Found("a fourth chiller starts: chilled water above its setpoint", 0.5, 2.0, "K", "staging transients of real plants", max(trace) - 10.0),
        Found("a fourth chiller starts: minutes 0.5 K above", 3.0, 10.0, "min", "staging transients of real plants", above),
    ]


def _riding(site: Site, truth: PlantTruth) -> list[Found]:
    name = f"{site.hall[0].rows[4]}.inlet_mean_c"
    held = _Held(site, truth, 5, 1.0, fan=1.0)
    held.run(_SETTLED_S)
    held.command(chiller_on=np.zeros(len(site.chiller)))
    trace = held.trace(name, 1800.0)
    minutes = _CLOCK_S / 60.0 * next((i + 1 for i, t in enumerate(trace) if t > 32.0), len(trace))
    return [Found("all chillers stop at 5 MW, pumps and fans go on: to 32 degC", 6.0, 15.0, "min", "85 m3 of water and 8 K: 9.5 min", minutes)]


def _economising(loaded: LoadedSite, truth: PlantTruth) -> list[Found]:
    """Returns for how long chilled water is 0.5 K too warm once an economiser has taken the load over alone, and once it has given it back."""
    plant, hours = loaded.site.plant[0].name, len(_WETBULBS_C)
    wetbulbs = (*_WETBULBS_C, *(_WETBULBS_C[-1:] * (_YEAR_H - hours)))
    weather = Weather("made", 0.0, tuple(t + 4.0 for t in wetbulbs), wetbulbs, (98.0,) * _YEAR_H)
    own = {f"{plant}.chws_setpoint_c": _CHWS_C, "hall-a.crah_supply_setpoint_c": 20.0, "hall-a.crah_fan_setpoint_pct": 75.0}
    began_s = start_of(date(NOMINAL_YEAR, 1, 1), weather)
    site = SimulatedSite(loaded.site, loaded.points, truth, weather, _Use((_USE,)), 0, began_s, manner=Manner(own))
    state = f"{loaded.site.economiser[0].name}.economiser_state"
    above: list[bool] = []
    entered: dict[tuple[float | None, float | None], int] = {}
    before = site.read(state)
    for minute in range(60 * (hours - 1)):
        site.advance(site.now_s + 60.0)
        above.append(site.truth.values[f"{plant}.chws_temp_c"] > _CHWS_C + 0.5)
        now = site.read(state)
        if now != before:
            entered[before, now] = minute
        before = now
    found = []
    basis = "transitions of real plants: valves, condenser water too cold"
    for what, change, remark in (
        ("takes over alone", (EconomiserState.PARTIAL, EconomiserState.FULL), ""),
        ("gives the load back", (EconomiserState.FULL, EconomiserState.PARTIAL), "the guideline waits for 15 min of warm supply water before"),
    ):
        lost = float(sum(above[entered[change] : entered[change] + 60]))
        found.append(Found(f"an economiser {what}: minutes 0.5 K above from then on", 10.0, 20.0, "min", basis, lost, remark))
    return found
