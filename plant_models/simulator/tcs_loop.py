"""The technology water of one liquid hall second by second: racks with cold plates, pipes, and CDUs in parallel with their pumps and valves.

Coolant runs CDUs -> supply pipe -> racks -> return pipe -> CDUs. All nodes are explicit, so that heat leaving one enters the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from plant_models.components import cdu, cold_plate, coolant, crah, exchanger, pump
from plant_models.components.fluids import KG_PER_M3_WATER, Expr
from plant_models.simulator.liquid_truth import CduTruth
from plant_models.simulator.pipe import along, node_names
from plant_models.simulator.plant_file import HallTruth, PlantTruth
from plant_models.site.topology import Hall, Site

EACH: Final = ("cdu_c", "cdu_on", "cdu_valve", "cdu_integral")
_NODES: Final = 3
SUPPLY, RETURN = node_names("tcs_supply", _NODES), node_names("tcs_return", _NODES)
SINGLE: Final = (*SUPPLY, "tcs_rack_c", *RETURN, "tcs_flow", "tcs_speed", "tcs_integral")
_INERTIA_S: Final = 2.0  # of the coolant in the loop, Modelica Buildings and OCP: fluid tau 2 s
_STILL: Final = 1e-3
_NONE_KGS: Final = 1e-9  # so little that what it carries does not show in any balance
_LITRES_PER_MIN: Final = 60.0
_HOTTEST_CASE_C: Final = 105.0  # hardware throttles here; leakage is not read beyond


class TcsLoop:
    """A hall's technology water with its numbers."""

    def __init__(self, hall: Hall, site: Site, truth: PlantTruth) -> None:
        """Gathers the hall's units. Raises ValueError for an air hall, and where a unit's data sheet contradicts itself."""
        if hall.liquid is None:
            raise ValueError(f"hall {hall.name} has no liquid side")
        self.hall, self.liquid = hall, hall.liquid
        self.units = tuple(c for c in site.cdu if c.hall == hall.name)
        own = truth.hall.get(hall.name, HallTruth())
        self.truth, self._idle_share = own.tcs, own.server.idle_share
        glycols = {loop.name: loop.glycol_share for loop in site.facility_loop}
        self._fws_glycol = [glycols[unit.loop] for unit in self.units]
        designs = [
            cdu.CduDesign(u.heat_kw, u.approach_k, u.tcs_flow_kgs, u.fws_flow_kgs, self.liquid.glycol_share, g)
            for u, g in zip(self.units, self._fws_glycol, strict=True)
        ]
        self._ua = np.array([d.ua_kw_per_k() for d in designs])
        self._mean_c = (designs[0].tcs_mean_c, designs[0].fws_mean_c)
        self.tcs_kgs, self.fws_kgs = np.array([u.tcs_flow_kgs for u in self.units]), np.array([u.fws_flow_kgs for u in self.units])
        self._fws_cp = np.array([coolant.specific_heat_kj_per_kgk(g) for g in self._fws_glycol])
        truths = [truth.cdu.get(u.name, CduTruth()) for u in self.units]
        self._health: dict[str, Expr] = {
            "cdu_clean": np.array([t.clean_factor for t in truths]),
            "cdu_filter": np.array([t.filter_factor for t in truths]),
        }
        self.cp, self._rho = coolant.specific_heat_kj_per_kgk(self.liquid.glycol_share), coolant.density_kg_per_m3(self.liquid.glycol_share)
        self._unit_kgs = float(np.mean(self.tcs_kgs))
        self._head_kpa = self.truth.pump_head_kpa or 1.1 * (self.liquid.dp_kpa + self.truth.pipe_kpa + self.truth.cdu_kpa)
        self._shaft_design_kw = 1.05 * self._unit_kgs / self._rho * self._head_kpa / self.truth.pump_efficiency

    @property
    def count(self) -> int:
        """Returns how many units there are."""
        return len(self.units)

    def health(self) -> dict[str, Expr]:
        """Returns what ages or fails, as the plant file states it."""
        return self._health

    def fields(self) -> list[tuple[str, int]]:
        """Returns the state fields with their lengths."""
        return [(f"{self.hall.name}.{f}", self.count) for f in EACH] + [(f"{self.hall.name}.{f}", 1) for f in SINGLE]

    def capacities_kj_per_k(self) -> dict[str, Expr]:
        """Returns the heat capacity of each state that stores heat."""
        own, total = self.truth, self.cp * self._rho * self.liquid.volume_m3
        pipes = dict.fromkeys(SUPPLY, own.supply_share * total / _NODES) | dict.fromkeys(RETURN, own.return_share * total / _NODES)
        rest = max(1.0 - own.supply_share - own.return_share - own.rack_share, 0.05)
        return pipes | {"tcs_rack_c": own.rack_share * total, "cdu_c": rest * total * self.tcs_kgs / float(np.sum(self.tcs_kgs))}

    def start(self, supply_c: float) -> dict[str, float]:
        """Returns a state near rest at a supply temperature [degC]."""
        warm_c = supply_c + 8.0
        temperatures = dict.fromkeys((*SUPPLY, "cdu_c"), supply_c) | dict.fromkeys((*RETURN, "tcs_rack_c"), warm_c)
        loops = {"cdu_on": 0.0, "cdu_valve": 0.4, "cdu_integral": 0.4, "tcs_flow": 0.6 * self.liquid.flow_kgs, "tcs_speed": 0.7, "tcs_integral": 0.7}
        return temperatures | loops

    def demand(self, s: Mapping[str, Expr], use: Expr) -> dict[str, Expr]:
        """Returns what the racks ask of the coolant at a utilisation 0 .. 1: power, case temperature, flow, and the conductance of the units' valves."""
        own, liquid = self.truth, self.liquid
        flow = s["tcs_flow"]
        share = self._idle_share + (1.0 - self._idle_share) * use
        plates = 1000.0 * self.hall.liquid_capacity_kw / own.plate_w
        mean_l = flow / self._rho * 1000.0 * _LITRES_PER_MIN / plates
        case_c = cold_plate.case_c(s[SUPPLY[-1]], mean_l, own.plate_w * share)
        leakage = 1.0 + own.leakage_per_k * (np.minimum(case_c, _HOTTEST_CASE_C) - own.leakage_at_c)
        opened = self.fws_kgs / own.fws_kpa**0.5
        return {
            "it": self.hall.liquid_capacity_kw * share * leakage,
            "work": self.hall.liquid_capacity_kw * use,
            "case_c": cold_plate.case_c(s[SUPPLY[-1]], own.plate_flow_factor * mean_l, own.plate_w * share),
            "dp_kpa": cold_plate.pressure_kpa(np.maximum(flow, 0.0) + _STILL, liquid.flow_kgs, liquid.dp_kpa),
            "conductance": crah.branch_conductance(s["cdu_valve"], opened, own.valve_authority),
        }

    def pumps(self, s: Mapping[str, Expr], u: Mapping[str, Expr]) -> dict[str, Expr]:
        """Returns the flow that the pumps would hold at their speed [kg/s], each unit's flow now, and their shaft and electric power [kW]."""
        own, flow = self.truth, s["tcs_flow"]
        count = np.sum(s["cdu_on"])
        running = np.maximum(count, 0.05)
        inside = own.cdu_kpa / self._unit_kgs**2 * (1.0 + own.filter_kpa / own.cdu_kpa * (np.sum(u["cdu_filter"] * s["cdu_on"]) / running - 1.0))
        outside = cold_plate.quadratic_resistance(flow, self.liquid.flow_kgs, self.liquid.dp_kpa) + own.pipe_kpa / self.liquid.flow_kgs**2
        wanted = pump.flow_kgs(count, s["tcs_speed"], outside + inside / (running * running), 0.0, self._unit_kgs, self._head_kpa)
        each = flow / running
        shaft = pump.shaft_kw(each, s["tcs_speed"], self._unit_kgs, self._head_kpa, own.pump_efficiency) * KG_PER_M3_WATER / self._rho
        electric = pump.electric_kw(shaft, s["tcs_speed"], self._shaft_design_kw)
        return {
            "wanted": wanted,
            "flows": flow * s["cdu_on"] / running,
            "shaft": shaft * s["cdu_on"],
            "electric": electric * s["cdu_on"],
            "filter_kpa": own.filter_kpa * u["cdu_filter"] * (flow * s["cdu_on"] / running / self.tcs_kgs) ** 2,
        }

    def exchange(self, s: Mapping[str, Expr], u: Mapping[str, Expr], pumped: Mapping[str, Expr], fws_kgs: Expr, fws_in_c: Expr) -> Expr:
        """Returns the heat [kW] that each unit gives to facility water, which enters at a flow [kg/s] and temperature [degC] of its own."""
        in_c = s[RETURN[-1]]
        films = [coolant.film_factor(in_c, self._mean_c[0], self.liquid.glycol_share)]
        films.append(coolant.film_factor(np.sum(fws_in_c) / self.count, self._mean_c[1], self._fws_glycol[0]))
        ua = cdu.ua_kw_per_k(self._ua * u["cdu_clean"], pumped["flows"] / self.tcs_kgs, fws_kgs / self.fws_kgs, *films)
        return exchanger.heat_kw(ua, pumped["flows"] * self.cp, fws_kgs * self._fws_cp, in_c, fws_in_c)

    def step(self, s: Mapping[str, Expr], u: Mapping[str, Expr], d: Mapping[str, Expr], dt: float) -> dict[str, Expr]:
        """Returns the state ``dt`` seconds on; ``d`` holds demand, pumps and ``exchanged`` [kW] of each unit."""
        cap, flow = self.capacities_kj_per_k(), s["tcs_flow"]
        units = np.maximum(np.sum(d["flows"]), _NONE_KGS)
        leaving_c = np.sum(d["flows"] * s["cdu_c"]) / units
        through = self.cp * np.sum(d["flows"])
        return_c = s[RETURN[-1]]
        into_units = self.cp * d["flows"] * (return_c - s["cdu_c"]) + d["shaft"] - d["exchanged"]
        moved = {
            "cdu_c": s["cdu_c"] + dt / cap["cdu_c"] * into_units,
            "tcs_rack_c": s["tcs_rack_c"] + dt / cap["tcs_rack_c"] * (through * (s[SUPPLY[-1]] - s["tcs_rack_c"]) + d["it"]),
            "tcs_flow": flow + dt / _INERTIA_S * (d["wanted"] - flow),
        }
        return moved | along(s, SUPPLY, leaving_c, through, cap, dt) | along(s, RETURN, s["tcs_rack_c"], through, cap, dt) | self._loops(s, u, d, dt)

    def _loops(self, s: Mapping[str, Expr], u: Mapping[str, Expr], d: Mapping[str, Expr], dt: float) -> dict[str, Expr]:
        """Returns valves, pumps and their integrals: each unit holds its own supply, all pumps together the racks' pressure; a valve shuts without flow."""
        own = self.truth
        error_k = s["cdu_c"] - u["tcs_setpoint_c"]
        proven = np.where(s["cdu_on"] > 0.5, 1.0, 0.0)
        wanted = np.clip(own.valve_gain_per_k * error_k + s["cdu_integral"], 0.0, 1.0) * proven
        short_kpa = u["tcs_dp_setpoint_kpa"] - d["dp_kpa"]
        speed = np.clip(own.dp_gain_per_kpa * short_kpa + s["tcs_integral"], own.pump_speed_min, 1.0)
        stroke, rise = dt / own.valve_s, dt / own.pump_s
        return {
            "cdu_on": s["cdu_on"] + np.clip(u["cdu_on"] - s["cdu_on"], -rise, rise),
            "cdu_valve": s["cdu_valve"] + np.clip(wanted - s["cdu_valve"], -stroke, stroke),
            "cdu_integral": np.where(
                proven > 0.5, np.clip(s["cdu_integral"] + dt / own.valve_reset_s * own.valve_gain_per_k * error_k, 0.0, 1.0), s["cdu_integral"]
            ),
            "tcs_speed": s["tcs_speed"] + np.clip(speed - s["tcs_speed"], -rise, rise),
            "tcs_integral": np.clip(s["tcs_integral"] + dt / own.dp_reset_s * own.dp_gain_per_kpa * short_kpa, own.pump_speed_min, 1.0),
        }
