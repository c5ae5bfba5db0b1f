"""All sequences of one chilled-water plant together: what the BAS sees goes in, the plant's commands come out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from plant_models.simulator.commands import PlantCommands
from plant_models.simulator.condenser import Condenser
from plant_models.simulator.economiser import EconomiserSequence, Waters
from plant_models.simulator.head_pressure import LIFT_MARGIN_K
from plant_models.simulator.plant_file import BasTruth
from plant_models.simulator.pumps import PumpStaging, slow
from plant_models.simulator.staging import WATER_KJ_PER_KGK, Duty, Staging
from plant_models.site.topology import Site
from safety.signals import EconomiserState, MachineState

_MINIMUM_FLOW_RAMP_S: Final = 300.0  # Guideline 36-2021 5.20.8: 5 min over the whole range
_LIFT_BAND_K: Final = 2.0  # engineering value: nearer to a machine's highest lift its condenser has all water
_DESIGN_RANGE_K: Final = 5.6  # 10 F, a common design
_BESIDE_IT: Final = 1.10  # engineering value: fans, losses and envelope on top of the IT load, for the first staging only


@dataclass(frozen=True, slots=True)
class Setpoints:
    """What a plant's local loops are to hold: chilled water [degC], differential pressure [kPa], condenser water [degC], speed of condenser pumps [%]; and
    the stage that somebody outside asks for, None where nobody does.
    """

    chws_c: float
    dp_kpa: float
    cws_c: float
    cw_pump_pct: float = 100.0
    stage_count: float | None = None


class PlantSequences:
    """Staging, pumps, economiser, condenser side of one plant."""

    def __init__(self, site: Site, index: int, habits: BasTruth | None = None) -> None:
        """Takes the site, which of its plants this is, and how its BAS is set up."""
        self._habits, self._zone = habits or BasTruth(), ZoneInfo(site.site.time_zone)
        self.plant = site.plant[index]
        name = self.plant.name
        chillers = [c for c in site.chiller if c.plant == name]
        self._towers = [t for t in site.tower if t.plant == name]
        self._economisers = [e for e in site.economiser if e.plant == name]
        self._pump_groups = {serves: next((p for p in site.pump if p.plant == name and p.serves == serves), None) for serves in ("chw", "chw_primary", "cw")}
        self._halls = [h for h in site.hall if h.plant == name or (h.plant is None and index == 0)]
        self.staging = Staging(chillers)
        self.pumps = PumpStaging(self._pump_groups["chw"], self.plant.chw_flow_kgs)
        self.economiser = EconomiserSequence(bool(self._economisers))
        self._lift_max_k = min((c.lift_max_k for c in chillers), default=0.0)
        self._has_tank = any(t.plant == name for t in site.tank)
        self._lift_min_k = max((c.lift_min_k for c in chillers), default=0.0)
        self.condenser = Condenser(self._pump_groups["cw"], self._towers, self._lift_min_k)
        self._primary = self.plant.hydraulics == "primary_secondary"
        secondary = self._pump_groups["chw"]
        self._pumped = f"{secondary.name}.chw_flow_kgs" if self._primary and secondary else self._signal("chw_flow_kgs")
        self._flow_min_kgs = 0.0
        self._begun = False

    def leave_out_economiser(self) -> None:
        """Runs the plant as if it had no economiser."""
        self.economiser = EconomiserSequence(exists=False)

    def scan(self, now_s: float, elapsed_s: float, setpoints: Setpoints, seen: Mapping[str, float]) -> PlantCommands:
        """Runs every sequence once, in the order in which water flows, and returns the commands."""
        waters = self._waters(setpoints, seen)
        if not self._begun:
            self._begin(now_s, waters, seen)
        self.economiser.scan(now_s, elapsed_s, waters)
        lift_k = self._lift_k(seen)
        self.staging.scan(now_s, elapsed_s, self._duty(setpoints, waters, lift_k, seen), seen)
        self.pumps.scan(now_s, seen.get(self._pumped), seen.get(self._signal("chw_dp_kpa")), setpoints.dp_kpa)
        self._flow_min_kgs = slow(self._flow_min_kgs, self.staging.flow_min_kgs, elapsed_s, self.plant.chw_flow_kgs, _MINIMUM_FLOW_RAMP_S)
        cws_c = self._condense(now_s, elapsed_s, setpoints, waters, lift_k, seen)
        return self._commands(setpoints, cws_c, self._cw_speed(setpoints, lift_k), self._tank_share(now_s))

    def read(self) -> dict[str, float]:
        """Returns the status points of the plant's machines by signal."""
        states = {f"{m.spec.name}.machine_state": float(m.state) for m in self.staging.machines}
        for i, tower in enumerate(self._towers):
            states[f"{tower.name}.machine_state"] = float(MachineState.RUNNING if i < self.condenser.cells else MachineState.OFF)
        for serves, count in (("chw", self.pumps.count), ("chw_primary", self._primary_count), ("cw", self.condenser.pump_count)):
            group = self._pump_groups[serves]
            if group:
                states[f"{group.name}.running_count"] = float(count)
        states.update({f"{e.name}.economiser_state": float(self.economiser.state) for e in self._economisers})
        return states

    def _begin(self, now_s: float, waters: Waters, seen: Mapping[str, float]) -> None:
        """Chooses what was running before the simulation began, so that it does not begin with a hot hall."""
        self._begun = True
        self.economiser.begin(now_s, waters)
        flow_kgs = seen.get(self._signal("chw_flow_kgs"))
        it_kw = [seen[s] for h in self._halls if (s := f"{h.name}.it_load_kw") in seen]
        load_kw: float | None = None
        if it_kw:
            load_kw = _BESIDE_IT * sum(it_kw)
        elif flow_kgs is not None and waters.chwr_c is not None:
            load_kw = max(0.0, flow_kgs * WATER_KJ_PER_KGK * (waters.chwr_c - waters.chws_setpoint_c))
        self.staging.begin(load_kw, self.economiser.free_cooling)
        self._flow_min_kgs = self.staging.flow_min_kgs

    def _waters(self, setpoints: Setpoints, seen: Mapping[str, float]) -> Waters:
        flow_kgs, chwr_c = seen.get(self._signal("chw_flow_kgs")), seen.get(self._signal("chwr_temp_c"))
        downstream_c = next((seen[s] for e in self._economisers if (s := f"{e.name}.chws_temp_c") in seen), None)
        heat_kw = [seen[s] for e in self._economisers if (s := f"{e.name}.heat_kw") in seen]
        if downstream_c is None:
            downstream_c = chwr_c - sum(heat_kw) / (flow_kgs * WATER_KJ_PER_KGK) if heat_kw and flow_kgs and chwr_c is not None else chwr_c
        return Waters(
            chws_setpoint_c=setpoints.chws_c,
            chws_c=seen.get(self._signal("chws_temp_c")),
            chwr_c=chwr_c,
            downstream_c=downstream_c,
            flow_share=None if flow_kgs is None else flow_kgs / self.plant.chw_flow_kgs,
            wetbulb_c=seen.get("weather.oa_wetbulb_c"),
        )

    def _duty(self, setpoints: Setpoints, waters: Waters, lift_k: float | None, seen: Mapping[str, float]) -> Duty:
        return Duty(
            chws_setpoint_c=setpoints.chws_c,
            dp_setpoint_kpa=setpoints.dp_kpa,
            chws_c=waters.chws_c,
            entering_c=waters.downstream_c,
            return_c=waters.chwr_c,
            flow_kgs=seen.get(self._signal("chw_flow_kgs")),
            dp_kpa=seen.get(self._signal("chw_dp_kpa")),
            lift_k=lift_k,
            free_cooling=self.economiser.free_cooling,
            asked_count=setpoints.stage_count,
        )

    def _lift_k(self, seen: Mapping[str, float]) -> float | None:
        """Returns the smallest lift of the running machines, by the plant's headers where a machine's own sensors are missing; None without compressors."""
        lifts = []
        for machine in self.staging.running:
            name = machine.spec.name
            hot = seen.get(f"{name}.cwr_temp_c", seen.get(self._signal("cwr_temp_c")))
            cold = seen.get(f"{name}.chws_temp_c", seen.get(self._signal("chws_temp_c")))
            if hot is not None and cold is not None:
                lifts.append(hot - cold)
        return min(lifts, default=None)

    def _condense(self, now_s: float, elapsed_s: float, setpoints: Setpoints, waters: Waters, lift_k: float | None, seen: Mapping[str, float]) -> float:
        """Runs the condenser side and returns the setpoint of the water that leaves the towers; an economiser may ask for colder water."""
        in_line = self.economiser.state is not EconomiserState.OFF
        machines = sum(m.wants_pump for m in self.staging.machines)
        self.condenser.count(machines, self.plant.chw_flow_kgs if in_line else 0.0, self._cw_speed(setpoints, lift_k))
        asked = self.economiser.tower_target_c(waters)
        setpoint_c = setpoints.cws_c if asked is None else min(setpoints.cws_c, asked)
        part_load = 1.0 if in_line else self.staging.part_load
        self.condenser.scan(now_s, elapsed_s, seen, setpoint_c, seen.get(self._signal("cws_temp_c")), part_load, lift_k)
        return setpoint_c

    def _commands(self, setpoints: Setpoints, cws_c: float, cw_speed: float, tank_share: float) -> PlantCommands:
        machines = self.staging.machines
        return PlantCommands(
            chiller_on=np.array([float(m.running) for m in machines]),
            chiller_valve=np.array([m.valve for m in machines]),
            chiller_limit=np.full(len(machines), self.staging.limit),
            chws_setpoint_c=setpoints.chws_c,
            chw_pump_count=float(self.pumps.count),
            chw_dp_setpoint_kpa=setpoints.dp_kpa,
            chw_flow_min_kgs=self._flow_min_kgs,
            cw_pump_count=float(self.condenser.pump_count),
            cw_pump_speed=cw_speed,
            tower_on=np.array([float(i < self.condenser.cells) for i in range(len(self._towers))]),
            cws_setpoint_c=cws_c,
            tower_fan_low=self.condenser.fan_low,
            tower_fan_high=self.condenser.fan_high,
            tower_bypass=float(self.condenser.bypass),
            condenser_throttle=self.condenser.head_pressure.condenser_valve,
            basin_heaters=float(self.condenser.heaters),
            tank_share=tank_share,
            chw_primary_count=float(self._primary_count),
            economiser=float(in_line_share(self.economiser.state)),
        )

    def cws_by_lift_c(self, chws_setpoint_c: float, seen: Mapping[str, float]) -> float | None:
        """Returns the leaving tower water [degC] whose return gives the lift that the load wants (5.20.12.2.a); None without compressors.

        The guideline's lift is of the water that returns from the condensers; their present range turns it into what leaves the towers.
        """
        if not self.staging.running or self._lift_max_k <= self._lift_min_k:
            return None
        least_k, most_k = self._lift_min_k + LIFT_MARGIN_K, self._lift_max_k
        slope_k = 1.1 * (most_k - least_k)
        lift_k = min(max(slope_k * self.staging.part_load + most_k - slope_k, least_k), most_k)
        hot_c, cold_c = seen.get(self._signal("cwr_temp_c")), seen.get(self._signal("cws_temp_c"))
        range_k = _DESIGN_RANGE_K if hot_c is None or cold_c is None else max(hot_c - cold_c, 0.0)
        return chws_setpoint_c + lift_k - range_k

    def _cw_speed(self, setpoints: Setpoints, lift_k: float | None) -> float:
        """Returns the speed share of the condenser pumps: full while a machine changes, falls short or is near its highest lift, else as asked for."""
        high = lift_k is not None and lift_k > self._lift_max_k - _LIFT_BAND_K
        return 1.0 if high or self.staging.changing or self.staging.failing else setpoints.cw_pump_pct / 100.0

    def _tank_share(self, now_s: float) -> float:
        """Returns what the tank is to do by the BAS's own hours: 1 charge, -1 give, 0 wait."""
        if not self._has_tank:
            return 0.0
        hour = datetime.fromtimestamp(now_s, self._zone).hour
        charging, giving = (_within(hour, hours) for hours in (self._habits.tank_charging_hours, self._habits.tank_giving_hours))
        return float(charging) - float(giving)

    @property
    def _primary_count(self) -> int:
        """Returns the primary pumps that run: one for each machine that must have water."""
        return sum(m.wants_flow for m in self.staging.machines) if self._primary else 0

    def _signal(self, quantity: str) -> str:
        return f"{self.plant.name}.{quantity}"


def in_line_share(state: EconomiserState) -> float:
    """Returns the wanted position of the economiser's valves."""
    return 0.0 if state is EconomiserState.OFF else 1.0


def _within(hour: int, hours: tuple[int, int]) -> bool:
    first, last = hours
    return first <= hour < last if first <= last else hour >= first or hour < last
