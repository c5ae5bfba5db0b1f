"""One chilled-water plant second by second: pumps, headers and pipes, with its chillers, condenser water and economiser.

Chilled water runs tank -> pumps -> economiser -> chillers -> header -> pipe -> coils -> pipe -> tank, the minimum-flow bypass from header to
tank; a bypass round the chillers opens with the economiser while no chiller is open. Condenser water runs basins -> condensers (constant-speed
pumps) and, by the economiser's own pump, plates -> return header -> cells. All nodes are explicit: heat leaving one enters the next.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from plant_models.components import exchanger, pipe, pump
from plant_models.components.fluids import CP_WATER, KG_PER_M3_WATER, Expr
from plant_models.simulator import actuators, chiller_group, condenser_water
from plant_models.simulator.hydraulics import STILL_KGS, Hydraulics
from plant_models.simulator.layout import stack
from plant_models.simulator.plant_file import ChillerTruth, EconomiserTruth, PlantTruth, TankTruth, TowerTruth, WaterTruth
from plant_models.simulator.storage import Storage
from plant_models.site.topology import Plant, Site

_NODES = ("header_c", "far_c", "near_c", "tank_c")
_PIPES = ("supply_c", "return_c")
_LOOPS = ("pump_speed", "pump_integral", "pump_count", "cw_count", "cw_speed", "bypass", "economiser", "throttle")
_BYPASS_GAIN = 0.5
_MIXED_SHARE = 0.2  # of a pipe's water that mixes, in coils, bends and headers; the rest moves as a plug
_CELLS_MOST = 8
_CELL_MOVED_MOST = 0.7  # of a cell in a second at design flow


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
        tank = next((t for t in site.tank if t.plant == plant.name), None)
        self.storage = Storage(tank, truth.tank.get(tank.name, TankTruth()) if tank else TankTruth())
        self.water = Hydraulics(plant, pumps, own, self.chillers, self.plates if self.economiser else None, tank)
        design = max(float(np.sum(self.chillers.condenser_kgs)), self.water.plates_kgs)
        self.tower = condenser_water.CondenserWater(cells, [truth.tower.get(t.name, TowerTruth()) for t in cells], own, design)
        self._plates_ua = exchanger.design_plate_ua_kw_per_k(self.water.plates_kgs, self.plates.effectiveness) if self.economiser else 0.0
        self._cells = {name: self._cell_count(share) for name, share in (("supply_c", own.supply_pipe_share), ("return_c", own.return_pipe_share))}

    def _cell_count(self, share: float) -> int:
        """Returns in how many cells a pipe is, so that a step at design flow moves less than one of them."""
        plug_kg = (1.0 - _MIXED_SHARE) * share * KG_PER_M3_WATER * self.plant.loop_volume_m3
        return int(np.clip(_CELL_MOVED_MOST * plug_kg / self.plant.chw_flow_kgs, 1, _CELLS_MOST))

    def fields(self) -> list[tuple[str, int]]:
        """Returns the plant's state fields with their lengths."""
        name = self.plant.name
        each = [(f, self.chillers.count) for f in chiller_group.FIELDS] + [(f, self.tower.count) for f in condenser_water.FIELDS_EACH]
        single = [(f, 1) for f in _NODES + _LOOPS + condenser_water.FIELDS + (("primary_count",) if self.water.primary else ())]
        return [(f"{name}.{f}", n) for f, n in [*each, *self._cells.items(), *self.storage.fields(), *single]]

    def capacities_kj_per_k(self) -> dict[str, Expr]:
        """Returns the heat capacity of each state that stores heat; the tank has what pipes and evaporators leave of the loop's volume."""
        own, total = self.truth, CP_WATER * KG_PER_M3_WATER * self.plant.loop_volume_m3
        mixed = {"far_c": own.supply_pipe_share, "near_c": own.return_pipe_share}
        held = {"header_c": own.supply_header_share * total, **{name: _MIXED_SHARE * share * total for name, share in mixed.items()}}
        pipes = {name: (1.0 - _MIXED_SHARE) * share * total for name, share in zip(_PIPES, mixed.values(), strict=True)}
        tank = total - sum(held.values()) - sum(pipes.values()) - CP_WATER * self.chillers.water_kg
        cells = {name: heat / self._cells[name] for name, heat in pipes.items()}
        machines = self.chillers.capacities_kj_per_k() | self.tower.capacities_kj_per_k()
        return held | cells | {"tank_c": max(tank, 0.02 * total)} | self.storage.capacities_kj_per_k() | machines

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
        loops |= {"pump_speed": 0.6, "pump_count": 0.0, "primary_count": 0.0, "cw_count": 0.0, "bypass": 0.0, "economiser": 0.0}
        loops |= {"throttle": 1.0, "cw_speed": 1.0}
        return cold | warm | condensers | loops | self.storage.start(supply_c)

    def economiser_heat_kw(self, s: Mapping[str, Expr], u: Mapping[str, Expr], f: Mapping[str, Expr], tower_c: Expr) -> Expr:
        """Returns the heat [kW] that the plates take from the returning chilled water; signed."""
        if self.economiser is None:
            return 0.0 * s["economiser"]
        ua = exchanger.plate_ua_kw_per_k(f["total"] / self.plant.chw_flow_kgs, f["plates"] / self.water.plates_kgs, self._plates_ua * u["plates_factor"])
        return exchanger.heat_kw(ua, f["total"] * CP_WATER, f["plates"] * CP_WATER, s["tank_c"], tower_c)

    def duty(self, s: Mapping[str, Expr], u: Mapping[str, Expr], coils: Expr) -> dict[str, Expr]:
        """Returns everything that flows now: water, heat and power, with the chillers' and towers' duties."""
        f = self.water.flows(s, u, coils)
        tower_c = self.tower.leaving_c(s)
        plates = self.economiser_heat_kw(s, u, f, tower_c)
        pumps = self.water.power(s, f)
        plates_shaft = f["plates"] / KG_PER_M3_WATER * self.plates.pump_head_kpa / self.plates.pump_efficiency
        return (
            f
            | pumps
            | {
                "tower_c": tower_c,
                "plates_kw": plates,
                "before_chillers_c": s["tank_c"] - plates / (CP_WATER * np.maximum(f["total"], STILL_KGS)),
                "plates_shaft": plates_shaft,
                "plates_pump_kw": plates_shaft / pump.MOTOR_BEST,
                "chillers": self.chillers.duty(s, u, tower_c),
                "gained": self.storage.gained_kw(s, u),
                "cells": self.tower.duty(s, u, f["cw"] + f["plates"]),
            }
        )

    def rejected_kw(self, d: Mapping[str, Expr]) -> Expr:
        """Returns the heat that leaves the site now [kW]: to the air from towers and their fans, to plant rooms from motors and drives."""
        chillers, cells = d["chillers"], d["cells"]
        motors = d["chw_pump_kw"] - d["chw_shaft"] + d["cw_pump_kw"] - d["cw_shaft"] + d["plates_pump_kw"] - d["plates_shaft"]
        return (
            -d["gained"]
            + np.sum(cells["rejected"])
            + np.sum(cells["lost"])
            + np.sum(cells["power"])
            + motors
            + np.sum(chillers["to_room"])
            + np.sum(chillers["to_air"])
        )

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
            | self.storage.step(s, u, d, d["before_chillers_c"] if self.water.primary is None else s["tank_c"], dt)
            | self._loops(s, u, d, dt)
            | self.chillers.step(s, u, d["chillers"], water, dt)
            | self.tower.step(s, u, d["cells"], to_header, dt)
        )

    def _pipes(self, s: Mapping[str, Expr], d: Mapping[str, Expr], coil_heat_kw: Expr, dt: float) -> dict[str, Expr]:
        cap = self.capacities_kj_per_k()
        cells = {name: [s[name][i] for i in range(n)] for name, n in self._cells.items()}
        top_c, bottom_c = (s["layers_c"][0], s["layers_c"][-1]) if self.storage.tank else (s["tank_c"], s["header_c"])
        coils, charge, discharge = d["coils"], d["charge"], d["discharge"]
        across, back = d["bypass"] + np.maximum(d["decoupler"], 0.0), np.maximum(-d["decoupler"], 0.0)
        into_header = np.sum(d["evaporators"] * (s["evaporator_c"] - s["header_c"])) + d["around"] * (d["before_chillers_c"] - s["header_c"])
        into_header += back * (s["tank_c"] - s["header_c"]) + discharge * (bottom_c - s["header_c"])
        into_return = coils * (cells["return_c"][-1] - s["tank_c"]) + across * (s["header_c"] - s["tank_c"]) + charge * (top_c - s["tank_c"])
        heat = {
            "header_c": CP_WATER * into_header,
            "far_c": CP_WATER * coils * (cells["supply_c"][-1] - s["far_c"]),
            "near_c": CP_WATER * coils * (s["far_c"] - s["near_c"]) + coil_heat_kw + self.truth.process_heat_kw,
            "tank_c": CP_WATER * into_return + d["chw_shaft"],
        }
        inlets = {"supply_c": s["header_c"], "return_c": s["near_c"]}
        moved = {name: stack(pipe.transported(cells[name], inlets[name], dt * CP_WATER * coils / cap[name])) for name in _PIPES}
        return {name: s[name] + dt / cap[name] * kw for name, kw in heat.items()} | moved

    def _loops(self, s: Mapping[str, Expr], u: Mapping[str, Expr], d: Mapping[str, Expr], dt: float) -> dict[str, Expr]:
        own = self.truth
        error = u["chw_dp_setpoint_kpa"] - d["dp_kpa"]
        wanted = np.clip(own.dp_gain_per_kpa * error + s["pump_integral"], own.pump_speed_min, 1.0)
        integral = np.clip(s["pump_integral"] + dt / own.dp_reset_s * own.dp_gain_per_kpa * error, own.pump_speed_min, 1.0)
        running = u["chw_pump_count"] > 0.5
        lacking = _BYPASS_GAIN * (u["chw_flow_min_kgs"] - d["total"]) / self.plant.chw_flow_kgs
        drive, bypass = np.where(running, wanted, own.pump_speed_min), dt / actuators.BYPASS_STROKE_S
        counts = {"pump_count": (u["chw_pump_count"], self.water.chw.most), "cw_count": (u["cw_pump_count"], self.water.cw.most)}
        if self.water.primary is not None:
            counts["primary_count"] = (u["chw_primary_count"], self.water.primary.most)
        started = {name: actuators.moved(s[name], np.minimum(on, most), dt, actuators.PUMP_START_S) for name, (on, most) in counts.items()}
        return started | {
            "pump_speed": actuators.moved(s["pump_speed"], drive, dt, actuators.DRIVE_RAMP_S),
            "cw_speed": actuators.moved(s["cw_speed"], u["cw_pump_speed"], dt, actuators.DRIVE_RAMP_S),
            "pump_integral": np.where(running, integral, own.pump_speed_min),
            "bypass": np.clip(s["bypass"] + np.clip(dt * lacking, -bypass, bypass), 0.0, 1.0),
            "economiser": actuators.moved(s["economiser"], u["economiser"], dt, self.plates.valve_s),
            "throttle": actuators.moved(s["throttle"], u["condenser_throttle"], dt, actuators.THROTTLE_STROKE_S),
        }
