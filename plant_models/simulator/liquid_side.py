"""The liquid side of a whole site in one second: every liquid hall's technology water and every facility loop, and the heat between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import numpy as np

from plant_models.components.fluids import Expr
from plant_models.simulator.facility_loop import SUPPLY, FacilityWater
from plant_models.simulator.layout import stack
from plant_models.simulator.plant_file import PlantTruth
from plant_models.simulator.tcs_loop import TcsLoop
from plant_models.site.topology import Site

_Each: TypeAlias = Mapping[str, Mapping[str, Expr]]  # values by name, by hall or loop
TCS_COMMANDED: Final = ("cdu_on", "tcs_setpoint_c", "tcs_dp_setpoint_kpa")
LOOP_COMMANDED: Final = (
    "fws_pump_count", "fws_dp_setpoint_kpa", "fws_setpoint_c", "cooler_on", "cooler_fan_low", "cooler_fan_high", "pads", "trim_on",
)  # fmt: skip
_HOUR_S: Final = 3600.0
_TCS_START_C: Final = 38.0
_FWS_START_C: Final = 34.0


class LiquidSide:
    """The liquid halls and loops of a site; empty where it has none."""

    def __init__(self, site: Site, truth: PlantTruth) -> None:
        """Builds every part."""
        self.halls = {h.name: TcsLoop(h, site, truth) for h in site.hall if h.liquid}
        self.loops = {loop.name: FacilityWater(loop, site, truth) for loop in site.facility_loop}
        self._parts: dict[str, TcsLoop | FacilityWater] = {**self.halls, **self.loops}

    def fields(self) -> list[tuple[str, int]]:
        """Returns the state fields of every part with their lengths."""
        return [f for part in self._parts.values() for f in part.fields()]

    def input_fields(self) -> list[tuple[str, int]]:
        """Returns the inputs of every part with their lengths: what is commanded."""
        fields = [(f"{name}.{f}", part.count if f == "cdu_on" else 1) for name, part in self.halls.items() for f in TCS_COMMANDED]
        for name, loop in self.loops.items():
            lengths = {"cooler_on": len(loop.coolers), "pads": len(loop.coolers), "trim_on": len(loop.trims)}
            fields += [(f"{name}.{f}", lengths.get(f, 1)) for f in LOOP_COMMANDED]
        return fields

    def health(self) -> dict[str, Expr]:
        """Returns what ages or fails, as the plant file states it."""
        return {f"{name}.{field}": value for name, part in self._parts.items() for field, value in part.health().items()}

    def capacities_kj_per_k(self) -> dict[str, Expr]:
        """Returns the heat capacity of each state that stores heat."""
        return {f"{name}.{field}": value for name, part in self._parts.items() for field, value in part.capacities_kj_per_k().items()}

    def start(self) -> dict[str, float]:
        """Returns a state near rest, pumps off."""
        halls = {f"{name}.{k}": v for name, part in self.halls.items() for k, v in part.start(min(_TCS_START_C, part.liquid.tcs_max_c - 2.0)).items()}
        loops = {f"{name}.{k}": v for name, part in self.loops.items() for k, v in part.start(min(_FWS_START_C, part.loop.fws_max_c - 2.0)).items()}
        return halls | loops

    def demand(self, s: _Each, u: _Each, uses: Mapping[str, Expr]) -> dict[str, dict[str, Expr]]:
        """Returns what every liquid hall's racks ask of the coolant at a utilisation, 0 .. 1 by hall, and what its pumps do."""
        return {name: part.demand(s[name], uses[name]) | part.pumps(s[name], u[name]) for name, part in self.halls.items()}

    def duty(self, s: _Each, u: _Each, asked: _Each) -> dict[str, dict[str, Expr]]:
        """Returns what flows in every loop now."""
        return {name: loop.duty(s[name], u[name], self._branches(name, asked)) for name, loop in self.loops.items()}

    def exchanged(self, s: _Each, u: _Each, asked: _Each, duties: _Each) -> dict[str, dict[str, Expr]]:
        """Returns by hall the facility water through each unit [kg/s], its temperature [degC], and the heat that it takes [kW]."""
        found = {}
        for name, part in self.halls.items():
            loops = [unit.loop for unit in part.units]
            water = asked[name]["conductance"] * stack([duties[loop]["dp_kpa"] ** 0.5 for loop in loops])
            entering_c = stack([s[loop][SUPPLY[-1]] for loop in loops])
            found[name] = {"fws_kgs": water, "fws_in_c": entering_c, "exchanged": part.exchange(s[name], u[name], asked[name], water, entering_c)}
        return found

    def step(self, s: _Each, u: _Each, asked: _Each, duties: _Each, heats: _Each, dt: float) -> dict[str, Expr]:
        """Returns the state of every part ``dt`` seconds on."""
        after: dict[str, Expr] = {}
        for name, part in self.halls.items():
            after |= {f"{name}.{k}": v for k, v in part.step(s[name], u[name], {**asked[name], **heats[name]}, dt).items()}
        for name, loop in self.loops.items():
            given = sum((heats[hall]["exchanged"][i] for hall, i in self._units_of(name)), 0.0)
            after |= {f"{name}.{k}": v for k, v in loop.step(s[name], u[name], duties[name], given, dt).items()}
        return after

    def powers(self, asked: _Each, duties: _Each) -> dict[str, Expr]:
        """Returns electric power by category [kW]; trim chillers count as chillers."""
        return {
            "dry_coolers": sum((np.sum(d["fan_kw"]) for d in duties.values()), 0.0),
            "fws_pumps": sum((d["pump_kw"] for d in duties.values()), 0.0),
            "cdu_pumps": sum((np.sum(d["electric"]) for d in asked.values()), 0.0),
            "chillers": sum((np.sum(d["trim_power"]) for d in duties.values()), 0.0),
            "it_without_fans": sum((d["it"] for d in asked.values()), 0.0),
        }

    def to_room_kw(self, hall: str, asked: _Each) -> Expr:
        """Returns what motors and drives of a hall's CDUs, which stand in it, give to its air [kW]."""
        return np.sum(asked[hall]["electric"]) - np.sum(asked[hall]["shaft"]) if hall in asked else 0.0

    def counts(self, s: _Each, duties: _Each) -> dict[str, Expr]:
        """Returns what the site's counters count of the loops, a second: pads' water [kg] and heat that leaves the site [kWh]."""
        return {
            "water_evaporated_kg": sum((np.sum(d["evaporated"]) for d in duties.values()), 0.0),
            "water_blowdown_kg": sum((np.sum(d["blowdown"]) for d in duties.values()), 0.0),
            "rejected_kwh": sum((loop.rejected_kw(duties[name], s[name]) for name, loop in self.loops.items()), 0.0) / _HOUR_S,
        }

    def _units_of(self, loop: str) -> Sequence[tuple[str, int]]:
        return [(name, i) for name, part in self.halls.items() for i, unit in enumerate(part.units) if unit.loop == loop]

    def _branches(self, loop: str, asked: _Each) -> Expr:
        return sum((asked[name]["conductance"][i] for name, i in self._units_of(loop)), 1e-3)
