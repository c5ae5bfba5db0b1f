"""Flows and pressures of one chilled-water plant in closed form: variable primary with a bypass, or primary and secondary pumps with a decoupler."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from plant_models.components import pump
from plant_models.components.fluids import KG_PER_M3_WATER, Expr
from plant_models.simulator.chiller_group import ChillerGroup
from plant_models.simulator.plant_file import EconomiserTruth, WaterTruth
from plant_models.site.topology import Plant, PumpGroup, Tank

LEAK_SHARE = 1e-3  # of a branch's conductance, through closed valves
STILL_KGS = 1e-6
_TANK_KPA = 50.0  # over an open valve, its pipes and diffusers at the tank's design flow


class Pumps:
    """Equal pumps in parallel, of one or more groups."""

    def __init__(self, groups: Sequence[PumpGroup], head_kpa: float, efficiency: float) -> None:
        """Takes the groups and each pump's head [kPa] and efficiency at its design flow."""
        self.groups = tuple(groups)
        self.most = sum(g.count for g in groups)
        self.flow_kgs = sum(g.flow_kgs * g.count for g in groups) / self.most if groups else 1.0
        self.head_kpa, self.efficiency = head_kpa, efficiency
        self.design_shaft_kw = 1.05 * self.flow_kgs / KG_PER_M3_WATER * head_kpa / efficiency

    def flow(self, count: Expr, speed: Expr, circuit: Expr, static_kpa: float = 0.0) -> Expr:
        """Returns the flow of all [kg/s] at their count and speed share against a circuit [kPa/(kg/s)^2] and a static head [kPa]."""
        return pump.flow_kgs(count, speed, circuit, static_kpa, self.flow_kgs, self.head_kpa)

    def shaft_and_electric_kw(self, count: Expr, flow_kgs: Expr, speed: Expr) -> tuple[Expr, Expr]:
        """Returns shaft and electric power of all [kW] at their count, total flow [kg/s] and speed share."""
        shaft = pump.shaft_kw(flow_kgs / np.maximum(count, STILL_KGS), speed, self.flow_kgs, self.head_kpa, self.efficiency)
        return count * shaft, count * pump.electric_kw(shaft, speed, self.design_shaft_kw)


class Hydraulics:
    """A plant's pumps and resistances. ``primary`` is None where the chilled-water pumps push water through chillers and halls alike."""

    def __init__(
        self, plant: Plant, pumps: Sequence[PumpGroup], truth: WaterTruth, chillers: ChillerGroup, plates: EconomiserTruth | None, tank: Tank | None
    ) -> None:
        """Fixes conductances [(kg/s)/kPa^0.5] and resistances [kPa/(kg/s)^2] from flows and losses at design."""
        own, flow, condensers = truth, plant.chw_flow_kgs, max(float(np.sum(chillers.condenser_kgs)), 1.0)
        self.chw = Pumps([p for p in pumps if p.serves == "chw"], own.chw_pump_head_kpa, own.chw_pump_efficiency)
        self.cw = Pumps([p for p in pumps if p.serves == "cw"], own.cw_pump_head_kpa, own.cw_pump_efficiency)
        primary = Pumps([p for p in pumps if p.serves == "chw_primary"], own.primary_pump_head_kpa, own.chw_pump_efficiency)
        self.primary = primary if plant.hydraulics == "primary_secondary" else None
        self.plates_kgs = (plates.flow_kgs or flow) if plates else 0.0
        self._evaporator = chillers.evaporator_kgs / own.evaporator_kpa**0.5
        self._condenser = chillers.condenser_kgs / own.condenser_kpa**0.5
        self._round_chillers = flow / own.evaporator_kpa**0.5
        self._plates = plates.chw_kpa / flow**2 if plates else 0.0
        self._pipe = own.chw_pipe_kpa / flow**2
        self._bypass = flow / own.chw_pump_head_kpa**0.5
        self._process = own.process_flow_kgs / plant.chw_dp_max_kpa**0.5
        self._stray = flow / plant.chw_dp_max_kpa**0.5
        self._tank = tank.flow_kgs / _TANK_KPA**0.5 if tank else 0.0
        self._cw_static_kpa = own.cw_static_kpa
        self._cw_rest = max(own.cw_pump_head_kpa - own.cw_static_kpa - own.condenser_kpa, 1.0) / condensers**2

    def flows(self, s: Mapping[str, Expr], u: Mapping[str, Expr], coils: Expr) -> dict[str, Expr]:
        """Returns flows [kg/s] and pressures [kPa] now; ``coils`` is the conductance of all halls' coils together.

        ``total`` passes the chillers (and a tank that gives beside them), ``bypass`` goes from header to return, ``decoupler`` too and back again;
        ``charge`` and ``discharge`` pass the tank.
        """
        charging, giving = (self._tank * np.clip(sign * s["tank_valve"], 0.0, 1.0) if self._tank else 0.0 * s["economiser"] for sign in (1.0, -1.0))
        open_ = self._evaporator * (s["valve"] + LEAK_SHARE)
        around = self._round_chillers * (s["economiser"] * np.maximum(1.0 - np.sum(s["valve"]), 0.0) + LEAK_SHARE)
        load = coils + self._process + self._stray * u["stray_share"] + LEAK_SHARE * self._bypass
        far = 1.0 / np.sqrt(1.0 / (load * load) + self._pipe)
        if self.primary is None:
            through = np.sum(open_) + around + giving
            both = far + self._bypass * s["bypass"] + charging
            total = self.chw.flow(s["pump_count"], s["pump_speed"], self._chillers_and_plates(through, s) + 1.0 / (both * both))
            to_coils, charge, discharge = total * far / both, total * charging / both, total * giving / through
            bypass, decoupler = total - to_coils - charge, 0.0 * total
        else:
            through = np.sum(open_) + around
            total = self.primary.flow(s["primary_count"], 1.0, self._chillers_and_plates(through, s))
            to_coils = self.chw.flow(s["pump_count"], s["pump_speed"], 1.0 / (far * far))
            across = total - to_coils
            in_tank = 1.0 if self._tank else 0.0  # the tank is the decoupler, where there is one
            charge, discharge = in_tank * np.maximum(across, 0.0), in_tank * np.maximum(-across, 0.0)
            bypass, decoupler = 0.0 * total, (1.0 - in_tank) * across
        return {
            "total": total,
            "coils": to_coils,
            "bypass": bypass,
            "decoupler": decoupler,
            "charge": charge,
            "discharge": discharge,
            "evaporators": total * open_ / through,
            "around": total * around / through,
            "load_conductance": load,
            "dp_kpa": (to_coils / load) ** 2,
            **self._condenser_water(s),
        }

    def _chillers_and_plates(self, through: Expr, s: Mapping[str, Expr]) -> Expr:
        return 1.0 / (through * through) + self._plates * s["economiser"]

    def _condenser_water(self, s: Mapping[str, Expr]) -> dict[str, Expr]:
        condensers = self._condenser * (s["valve"] * s["throttle"] + LEAK_SHARE)
        opened = np.sum(condensers) + STILL_KGS
        cw = self.cw.flow(s["cw_count"], s["cw_speed"], 1.0 / (opened * opened) + self._cw_rest, self._cw_static_kpa)
        return {"cw": cw, "condensers": cw * condensers / opened, "plates": self.plates_kgs * s["economiser"]}

    def power(self, s: Mapping[str, Expr], f: Mapping[str, Expr]) -> dict[str, Expr]:
        """Returns shaft and electric power of chilled and condenser water pumps [kW]; shaft power ends as heat in the water."""
        first = f["total"] if self.primary is None else f["coils"]
        chw_shaft, chw_kw = self.chw.shaft_and_electric_kw(s["pump_count"], first, s["pump_speed"])
        cw_shaft, cw_kw = self.cw.shaft_and_electric_kw(s["cw_count"], f["cw"], s["cw_speed"])
        known = {"chw_group_kw": chw_kw, "cw_shaft": cw_shaft, "cw_pump_kw": cw_kw}
        if self.primary is None:
            return known | {"chw_shaft": chw_shaft, "chw_pump_kw": chw_kw}
        shaft, kw = self.primary.shaft_and_electric_kw(s["primary_count"], f["total"], 1.0)
        return known | {"chw_shaft": chw_shaft + shaft, "chw_pump_kw": chw_kw + kw, "primary_kw": kw}
