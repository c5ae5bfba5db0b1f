"""One chilled-water plant second by second: pumps, headers and pipes, with its chillers, condenser water and economiser.

Chilled water runs tank -> pumps -> economiser -> chillers -> header -> pipe -> coils -> pipe -> tank, the minimum-flow bypass from header to
tank; a bypass round the chillers opens with the economiser while no chiller is open. Condenser water runs basins -> condensers (constant-speed
pumps) and, by the economiser's own pump, plates -> return header -> cells. All nodes are explicit: heat leaving one enters the next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from plant_models.components import exchanger, pump
from plant_models.components.fluids import CP_WATER, KG_PER_M3_WATER, Expr
from plant_models.simulator import actuators, chiller_group, condenser_water
from plant_models.simulator.plant_file import ChillerTruth, EconomiserTruth, PlantTruth, TowerTruth, WaterTruth
from plant_models.site.topology import Plant, PumpGroup, Site

_PIPES = ("header_c", "supply_c", "far_c", "near_c", "return_c", "tank_c")
_LOOPS = ("pump_speed", "pump_integral", "pump_count", "cw_count", "bypass", "economiser", "throttle")
_LEAK_SHARE = 1e-3  # of a branch's conductance, through closed valves
_BYPASS_GAIN = 0.5
_STILL_KGS = 1e-6


class Pumps:
    """Equal pumps in parallel, of one or more groups."""

    def __init__(self, groups: Sequence[PumpGroup], head_kpa: float, efficiency: float) -> None:
        """Takes the groups and each pump's head [kPa] and efficiency at its design flow."""
        self.groups = tuple(groups)
        self.most = sum(g.count for g in groups)
        self.flow_kgs = sum(g.flow_kgs * g.count for g in groups) / self.most if groups else 1.0
        self.head_kpa, self.efficiency = head_kpa, efficiency
        self.design_shaft_kw = 1.05 * self.flow_kgs / KG_PER_M3_WATER * head_kpa / efficiency

    def shaft_and_electric_kw(self, count: Expr, flow_kgs: Expr, speed: Expr) -> tuple[Expr, Expr]:
        """Returns shaft and electric power of all [kW] at their count, total flow [kg/s] and speed share."""
        shaft = pump.shaft_kw(flow_kgs / np.maximum(count, _STILL_KGS), speed, self.flow_kgs, self.head_kpa, self.efficiency)
        return count * shaft, count * pump.electric_kw(shaft, speed, self.design_shaft_kw)


class ChilledWater:
    """A plant's equations with its numbers."""

    def __init__(self, plant: Plant, site: Site, truth: PlantTruth) -> None:
        """Gathers the plant's machines from the site and their true parameters."""
        own = truth.plant.get(plant.name, WaterTruth())
        self.plant, self.truth = plant, own
        machines = [c for c in site.chiller if c.plant == plant.name]
        cells = [t for t in site.tower if t.plant == plant.name]
        pumps = [p for p in site.pump if p.plant == plant.name]
        self.economiser = next((e for e in site.economiser if e.plant == plant.name), None)
        self.plates = truth.economiser.get(self.economiser.name, EconomiserTruth()) if self.economiser else EconomiserTruth()
        self.chillers = chiller_group.ChillerGroup(machines, [truth.chiller.get(c.name, ChillerTruth()) for c in machines])
        self.plates_kgs = (self.plates.flow_kgs or plant.chw_flow_kgs) if self.economiser else 0.0
        self.condensers_kgs = float(np.sum(self.chillers.condenser_kgs))
        design = max(self.condensers_kgs, self.plates_kgs)
        self.tower = condenser_water.CondenserWater(cells, [truth.tower.get(t.name, TowerTruth()) for t in cells], own, design)
        self.chw_pumps = Pumps([p for p in pumps if p.serves == "chw"], own.chw_pump_head_kpa, own.chw_pump_efficiency)
        self.cw_pumps = Pumps([p for p in pumps if p.serves == "cw"], own.cw_pump_head_kpa, own.cw_pump_efficiency)
        self._resistances()

    def _resistances(self) -> None:
        """Fixes conductances [(kg/s)/kPa^0.5] and resistances [kPa/(kg/s)^2] from flows and losses at design."""
        own, flow, condensers = self.truth, self.plant.chw_flow_kgs, max(self.condensers_kgs, 1.0)
        self._evaporator = self.chillers.evaporator_kgs / own.evaporator_kpa**0.5
        self._condenser = self.chillers.condenser_kgs / own.condenser_kpa**0.5
        self._round_chillers = flow / own.evaporator_kpa**0.5
        self._plates = self.plates.chw_kpa / flow**2 if self.economiser else 0.0
        self._pipe = own.chw_pipe_kpa / flow**2
        self._bypass = flow / own.chw_pump_head_kpa**0.5
        self._process = own.process_flow_kgs / self.plant.chw_dp_max_kpa**0.5
        self._stray = flow / self.plant.chw_dp_max_kpa**0.5
        rest_kpa = own.cw_pump_head_kpa - own.cw_static_kpa - own.condenser_kpa
        self._cw_rest = max(rest_kpa, 1.0) / condensers**2
        self._plates_ua = exchanger.design_plate_ua_kw_per_k(self.plates_kgs, self.plates.effectiveness) if self.economiser else 0.0

    def fields(self) -> list[tuple[str, int]]:
        """Returns the plant's state fields with their lengths."""
        name = self.plant.name
        each = [(f, self.chillers.count) for f in chiller_group.FIELDS] + [(f, self.tower.count) for f in condenser_water.FIELDS_EACH]
        single = [(f, 1) for f in _PIPES + _LOOPS + condenser_water.FIELDS]
        return [(f"{name}.{f}", n) for f, n in each + single]

    def capacities_kj_per_k(self) -> dict[str, Expr]:
        """Returns the heat capacity of each state that stores heat; the tank has what pipes and evaporators leave of the loop's volume."""
        own, total = self.truth, CP_WATER * KG_PER_M3_WATER * self.plant.loop_volume_m3
        shares = {
            "header_c": own.supply_header_share,
            "supply_c": own.supply_pipe_share / 2.0,
            "far_c": own.supply_pipe_share / 2.0,
            "near_c": own.return_pipe_share / 2.0,
            "return_c": own.return_pipe_share / 2.0,
        }
        pipes = {name: share * total for name, share in shares.items()}
        tank = total - sum(pipes.values()) - CP_WATER * self.chillers.water_kg
        return pipes | {"tank_c": max(tank, 0.02 * total)} | self.chillers.capacities_kj_per_k() | self.tower.capacities_kj_per_k()

    def health(self) -> dict[str, Expr]:
        """Returns what ages or fails, as the plant file states it."""
        return self.chillers.health() | self.tower.health() | {"plates_factor": self.plates.factor, "stray_share": self.truth.stray_share}

    def start(self, supply_c: float, wetbulb_c: float) -> dict[str, float]:
        """Returns a state near rest, machines off, at a chilled-water supply temperature [degC]."""
        tower_c = max(wetbulb_c + 4.0, 15.0)
        cold = dict.fromkeys(("header_c", "supply_c", "far_c", "evaporator_c"), supply_c)
        warm = dict.fromkeys(("near_c", "return_c", "tank_c"), supply_c + 7.0)
        condensers = {"condenser_c": tower_c + 4.0, "cw_return_c": tower_c + 4.0, "fill_c": tower_c, "basin_c": tower_c}
        loops = {
            "heat_kw": 0.0,
            "hot_gas": 0.0,
            "surges": 0.0,
            "no_flow_s": 0.0,
            "valve": 0.0,
            "tower_valve": 0.0,
            "fan": 0.0,
            "fan_integral": 0.3,
            "pump_integral": 0.6,
        }
        return cold | warm | condensers | loops | {"pump_speed": 0.6, "pump_count": 0.0, "cw_count": 0.0, "bypass": 0.0, "economiser": 0.0, "throttle": 1.0}

    def flows(self, s: Mapping[str, Expr], u: Mapping[str, Expr], coils: Expr) -> dict[str, Expr]:
        """Returns flows [kg/s] and pressures [kPa] now; ``coils`` is the conductance of all halls' coils together."""
        open_ = self._evaporator * (s["valve"] + _LEAK_SHARE)
        around = self._round_chillers * (s["economiser"] * np.maximum(1.0 - np.sum(s["valve"]), 0.0) + _LEAK_SHARE)
        through = np.sum(open_) + around
        load = coils + self._process + self._stray * u["stray_share"] + _LEAK_SHARE * self._bypass
        far = 1.0 / np.sqrt(1.0 / (load * load) + self._pipe)
        both = far + self._bypass * s["bypass"]
        circuit = 1.0 / (through * through) + self._plates * s["economiser"] + 1.0 / (both * both)
        total = pump.flow_kgs(s["pump_count"], s["pump_speed"], circuit, 0.0, self.chw_pumps.flow_kgs, self.chw_pumps.head_kpa)
        to_coils = total * far / both
        condensers = self._condenser * (s["valve"] * s["throttle"] + _LEAK_SHARE)
        opened = np.sum(condensers) + _STILL_KGS
        cw_circuit = 1.0 / (opened * opened) + self._cw_rest
        cw = pump.flow_kgs(s["cw_count"], 1.0, cw_circuit, self.truth.cw_static_kpa, self.cw_pumps.flow_kgs, self.cw_pumps.head_kpa)
        return {
            "total": total,
            "coils": to_coils,
            "bypass": total - to_coils,
            "evaporators": total * open_ / through,
            "around": total * around / through,
            "load_conductance": load,
            "dp_kpa": (to_coils / load) ** 2,
            "cw": cw,
            "condensers": cw * condensers / opened,
            "plates": self.plates_kgs * s["economiser"],
        }

    def economiser_heat_kw(self, s: Mapping[str, Expr], u: Mapping[str, Expr], f: Mapping[str, Expr], tower_c: Expr) -> Expr:
        """Returns the heat [kW] that the plates take from the returning chilled water; signed."""
        if self.economiser is None:
            return 0.0 * s["economiser"]
        ua = exchanger.plate_ua_kw_per_k(f["total"] / self.plant.chw_flow_kgs, f["plates"] / self.plates_kgs, self._plates_ua * u["plates_factor"])
        return exchanger.heat_kw(ua, f["total"] * CP_WATER, f["plates"] * CP_WATER, s["tank_c"], tower_c)

    def duty(self, s: Mapping[str, Expr], u: Mapping[str, Expr], coils: Expr) -> dict[str, Expr]:
        """Returns everything that flows now: water, heat and power, with the chillers' and towers' duties."""
        f = self.flows(s, u, coils)
        tower_c = self.tower.leaving_c(s)
        plates = self.economiser_heat_kw(s, u, f, tower_c)
        chw_shaft, chw_kw = self.chw_pumps.shaft_and_electric_kw(s["pump_count"], f["total"], s["pump_speed"])
        cw_shaft, cw_kw = self.cw_pumps.shaft_and_electric_kw(s["cw_count"], f["cw"], 1.0)
        plates_shaft = f["plates"] / KG_PER_M3_WATER * self.plates.pump_head_kpa / self.plates.pump_efficiency
        return f | {
            "tower_c": tower_c,
            "plates_kw": plates,
            "before_chillers_c": s["tank_c"] - plates / (CP_WATER * np.maximum(f["total"], _STILL_KGS)),
            "chw_shaft": chw_shaft,
            "chw_pump_kw": chw_kw,
            "cw_shaft": cw_shaft,
            "cw_pump_kw": cw_kw,
            "plates_shaft": plates_shaft,
            "plates_pump_kw": plates_shaft / pump.MOTOR_BEST,
            "chillers": self.chillers.duty(s, u, tower_c),
            "cells": self.tower.duty(s, u, f["cw"] + f["plates"]),
        }

    def rejected_kw(self, d: Mapping[str, Expr]) -> Expr:
        """Returns the heat that leaves the site now [kW]: to the air from towers and their fans, to plant rooms from motors and drives."""
        chillers, cells = d["chillers"], d["cells"]
        motors = d["chw_pump_kw"] - d["chw_shaft"] + d["cw_pump_kw"] - d["cw_shaft"] + d["plates_pump_kw"] - d["plates_shaft"]
        return np.sum(cells["rejected"]) + np.sum(cells["lost"]) + np.sum(cells["power"]) + motors + np.sum(chillers["to_room"]) + np.sum(chillers["to_air"])

    def step(self, s: Mapping[str, Expr], u: Mapping[str, Expr], d: Mapping[str, Expr], coil_heat_kw: Expr, dt: float) -> dict[str, Expr]:
        """Returns the state ``dt`` seconds on; ``coil_heat_kw`` is what all halls' coils give to the water."""
        water = {
            "chw_in_c": d["before_chillers_c"],
            "cw_in_c": d["tower_c"],
            "evaporator_kgs": d["evaporators"],
            "condenser_kgs": d["condensers"],
        }
        returning = np.sum(d["condensers"] * s["condenser_c"]) + (d["cw"] - np.sum(d["condensers"]) + d["plates"]) * d["tower_c"]
        to_header = CP_WATER * (returning - (d["cw"] + d["plates"]) * s["cw_return_c"]) + d["plates_kw"] + d["cw_shaft"] + d["plates_shaft"]
        return (
            self._pipes(s, d, coil_heat_kw, dt)
            | self._loops(s, u, d, dt)
            | self.chillers.step(s, u, d["chillers"], water, dt)
            | self.tower.step(s, u, d["cells"], to_header, dt)
        )

    def _pipes(self, s: Mapping[str, Expr], d: Mapping[str, Expr], coil_heat_kw: Expr, dt: float) -> dict[str, Expr]:
        cap = self.capacities_kj_per_k()
        coils, bypass = CP_WATER * d["coils"], CP_WATER * d["bypass"]
        from_chillers = np.sum(d["evaporators"] * s["evaporator_c"]) + d["around"] * d["before_chillers_c"] - d["total"] * s["header_c"]
        heat = {
            "header_c": CP_WATER * from_chillers,
            "supply_c": coils * (s["header_c"] - s["supply_c"]),
            "far_c": coils * (s["supply_c"] - s["far_c"]),
            "near_c": coils * (s["far_c"] - s["near_c"]) + coil_heat_kw + self.truth.process_heat_kw,
            "return_c": coils * (s["near_c"] - s["return_c"]),
            "tank_c": coils * (s["return_c"] - s["tank_c"]) + bypass * (s["header_c"] - s["tank_c"]) + d["chw_shaft"],
        }
        return {name: s[name] + dt / cap[name] * kw for name, kw in heat.items()}

    def _loops(self, s: Mapping[str, Expr], u: Mapping[str, Expr], d: Mapping[str, Expr], dt: float) -> dict[str, Expr]:
        own = self.truth
        error = u["chw_dp_setpoint_kpa"] - d["dp_kpa"]
        wanted = np.clip(own.dp_gain_per_kpa * error + s["pump_integral"], own.pump_speed_min, 1.0)
        integral = np.clip(s["pump_integral"] + dt / own.dp_reset_s * own.dp_gain_per_kpa * error, own.pump_speed_min, 1.0)
        running = u["chw_pump_count"] > 0.5
        lacking = _BYPASS_GAIN * (u["chw_flow_min_kgs"] - d["total"]) / self.plant.chw_flow_kgs
        drive, bypass = np.where(running, wanted, own.pump_speed_min), dt / actuators.BYPASS_STROKE_S
        counts = {"pump_count": (u["chw_pump_count"], self.chw_pumps.most), "cw_count": (u["cw_pump_count"], self.cw_pumps.most)}
        started = {name: actuators.moved(s[name], np.minimum(on, most), dt, actuators.PUMP_START_S) for name, (on, most) in counts.items()}
        return started | {
            "pump_speed": actuators.moved(s["pump_speed"], drive, dt, actuators.DRIVE_RAMP_S),
            "pump_integral": np.where(running, integral, own.pump_speed_min),
            "bypass": np.clip(s["bypass"] + np.clip(dt * lacking, -bypass, bypass), 0.0, 1.0),
            "economiser": actuators.moved(s["economiser"], u["economiser"], dt, self.plates.valve_s),
            "throttle": actuators.moved(s["throttle"], u["condenser_throttle"], dt, actuators.THROTTLE_STROKE_S),
        }
