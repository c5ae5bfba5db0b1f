"""The chillers of one plant second by second: capacity control, compressor power, surge and hot gas, evaporator and condenser volumes, valves.

What trips a machine by its own panel is stated here, not latched: whoever runs the plant takes it out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from plant_models.components import chiller, chiller_curves
from plant_models.components.fluids import CP_WATER, Expr
from plant_models.simulator import actuators
from plant_models.simulator.layout import stack
from plant_models.simulator.plant_file import ChillerTruth
from plant_models.site.topology import Chiller

FIELDS = ("evaporator_c", "condenser_c", "heat_kw", "valve", "hot_gas", "surges", "no_flow_s")
_CAPACITY_LAG_S = 15.0
_COASTING = 0.7  # of capacity left after each second once the compressor is off
_UNLOAD_SHARE_PER_S = 0.02
_EVAPORATOR_CUT_OUT_C = 3.5
_CONDENSER_CUT_OUT_C = 46.0
_FREEZING_C = 2.8  # makers trip at 2-3 degC of leaving water, after unloading from the cut-out on
_PRESSURE_C = 47.5
_NO_FLOW_SHARE = 0.5  # of the machine's minimum evaporator flow
_NO_FLOW_S = 10.0  # makers: 5-15 s
_ALIVE_SHARE = 0.02  # of capacity from which a compressor can surge
_HOT_GAS_MOST = 0.5  # engineering value: part load that the open hot-gas valve carries
_HOT_GAS_S = 60.0  # its stroke
_SURGE_DEPTH = 0.05  # engineering value: part load below the line at which the flow reverses
_SURGE_PERIOD_S = 10.0  # engineering value
_SURGE_WINDOW_S = 300.0  # engineering value: five surges ...
_SURGES_MOST = 5.0  # ... in five minutes trip the machine
_AIR_RISE_K = 12.0  # engineering value: air through an air-cooled condenser at full load
_AIR_LAG_S = 60.0
TRIPS = ("none", "surge", "evaporator freezing", "no evaporator flow", "condenser pressure")


class ChillerGroup:
    """Any number of chillers in parallel."""

    def __init__(self, machines: Sequence[Chiller], truths: Sequence[ChillerTruth]) -> None:
        """Takes the machines as the site names them and as they truly are, in the same order."""
        self.machines = tuple(machines)
        self.curves = tuple(chiller_curves.curves_of(m.kind, t.curves, t.curve_form) for m, t in zip(machines, truths, strict=True))
        self.capacity_kw = np.array([m.capacity_kw for m in machines])
        self.evaporator_kgs = np.array([m.evaporator_flow_kgs for m in machines])
        self.condenser_kgs = np.array([m.condenser_flow_kgs for m in machines])
        self._age, self._capacity_factor = np.array([t.age for t in truths]), np.array([t.capacity_factor for t in truths])
        self._evaporator_kj_per_k = CP_WATER * self.evaporator_kgs * np.array([t.evaporator_s for t in truths])
        self._condenser_kj_per_k = CP_WATER * self.condenser_kgs * np.array([t.condenser_s for t in truths])
        self._air = np.array([float(c.air) for c in self.curves])
        self._flow_least_kgs = _NO_FLOW_SHARE * np.array([m.evaporator_flow_min_share * m.evaporator_flow_kgs for m in machines])
        self._motor_heat = np.array([t.motor_heat_share for t in truths])
        self._tracking_s = np.array([t.tracking_s for t in truths])
        self._ramp_per_s = np.array([t.ramp_share_per_min for t in truths]) / 60.0
        self._valve_s = np.array([t.isolation_valve_s for t in truths])

    @property
    def count(self) -> int:
        """Returns how many there are."""
        return len(self.machines)

    @property
    def water_kg(self) -> float:
        """Returns the chilled water in the evaporators [kg]."""
        return float(np.sum(self._evaporator_kj_per_k)) / CP_WATER

    def capacities_kj_per_k(self) -> dict[str, Expr]:
        """Returns the heat capacity of each state that stores heat."""
        return {"evaporator_c": self._evaporator_kj_per_k, "condenser_c": self._condenser_kj_per_k * (1.0 - self._air)}

    def health(self) -> dict[str, Expr]:
        """Returns power over that of the clean machine, and capacity over the name plate's, of each."""
        return {"chiller_age": self._age, "chiller_capacity": self._capacity_factor}

    def duty(self, s: Mapping[str, Expr], u: Mapping[str, Expr], condenser_in_c: Expr) -> dict[str, Expr]:
        """Returns what each machine does now.

        Power, heat to condenser water, to the plant room and to outside air, available capacity [kW]; energy outside its curves; part load that hot
        gas has to carry; 1 while it surges.
        """
        each = [self._one(i, s, u, condenser_in_c) for i in range(self.count)]
        column = {name: stack([one[name] for one in each]) for name in ("available", "power", "outside", "hot_gas", "surging")}
        used = column["power"] * u["chiller_age"]
        rejected = s["heat_kw"] + self._motor_heat * used
        return column | {
            "power": used,
            "rejected": (1.0 - self._air) * rejected,
            "to_air": self._air * rejected,
            "to_room": (1.0 - self._motor_heat) * used,
            "outside": column["outside"] * used,
        }

    def _one(self, i: int, s: Mapping[str, Expr], u: Mapping[str, Expr], condenser_in_c: Expr) -> dict[str, Expr]:
        machine, curves = self.machines[i], self.curves[i]
        chws, leaving, heat = s["evaporator_c"][i], s["condenser_c"][i], s["heat_kw"][i]
        entering = u["oa_drybulb_c"] if curves.air else condenser_in_c
        condenser, lift = leaving if curves.leaving else entering, leaving - chws
        passed = chiller.metered_share(lift, machine.lift_min_k)
        now = self.capacity_kw[i] * u["chiller_capacity"][i] * chiller.capacity_share(curves, chws, condenser) * passed
        unloading, short, surging = curves.plr_least, 0.0 * lift, 0.0 * lift
        if machine.kind != "positive_displacement":
            unloading = chiller.surge_plr(lift, machine.lift_min_k, machine.lift_max_k)
            short = chiller.surge_line(lift, machine.lift_min_k, machine.lift_max_k) - heat / now
            alive = np.where(heat > _ALIVE_SHARE * self.capacity_kw[i], 1.0, 0.0)
            surging = alive * np.where(s["hot_gas"][i] < short - _SURGE_DEPTH, 1.0, 0.0)
        power = chiller.power_kw(curves, heat, now, chws, entering, leaving, unloading)
        outside = chiller.outside_curve(curves, chws, condenser)
        return {"available": now, "power": power, "outside": outside, "hot_gas": np.clip(short, 0.0, _HOT_GAS_MOST), "surging": surging}

    def trip_state(self, s: Mapping[str, Expr], i: int) -> Expr:
        """Returns why a machine's own panel trips it now, as an index of TRIPS; 0 for a machine that is well or off."""
        alive = np.where(s["heat_kw"][i] > _ALIVE_SHARE * self.capacity_kw[i], 1.0, 0.0)
        pressure = np.where(s["condenser_c"][i] > _PRESSURE_C, 4.0, 0.0)
        no_flow = np.where(s["no_flow_s"][i] > _NO_FLOW_S, 3.0, pressure)
        freezing = np.where(s["evaporator_c"][i] < _FREEZING_C, 2.0, no_flow)
        return alive * np.where(s["surges"][i] >= _SURGES_MOST, 1.0, freezing)

    def step(self, s: Mapping[str, Expr], u: Mapping[str, Expr], duty: Mapping[str, Expr], water: Mapping[str, Expr], dt: float) -> dict[str, Expr]:
        """Returns the state ``dt`` seconds on; ``water``: chw_in_c, cw_in_c [degC], evaporator and condenser flows of each machine [kg/s]."""
        capacity = self.capacity_kw * u["chiller_capacity"]
        most = np.minimum(u["chiller_limit"] * capacity, duty["available"])
        through = CP_WATER * water["evaporator_kgs"]
        needed = through * (water["chw_in_c"] - u["chws_setpoint_c"]) + self._evaporator_kj_per_k / self._tracking_s * (
            s["evaporator_c"] - u["chws_setpoint_c"]
        )
        safe = np.clip(s["evaporator_c"] - _EVAPORATOR_CUT_OUT_C, 0.0, 1.0) * np.clip((_CONDENSER_CUT_OUT_C - s["condenser_c"]) / 3.0, 0.0, 1.0)
        starved = u["chiller_on"] * np.where(water["evaporator_kgs"] < self._flow_least_kgs, 1.0, 0.0)
        warming = CP_WATER * water["condenser_kgs"] * (water["cw_in_c"] - s["condenser_c"]) + duty["rejected"]
        aired = u["oa_drybulb_c"] + _AIR_RISE_K * s["heat_kw"] / self.capacity_kw - s["condenser_c"]
        stroke = dt / _HOT_GAS_S * _HOT_GAS_MOST
        move = np.clip((np.clip(needed, 0.0, most) * safe - s["heat_kw"]) / _CAPACITY_LAG_S, -_UNLOAD_SHARE_PER_S * capacity, self._ramp_per_s * capacity)
        return {
            "evaporator_c": s["evaporator_c"] + dt / self._evaporator_kj_per_k * (through * (water["chw_in_c"] - s["evaporator_c"]) - s["heat_kw"]),
            "condenser_c": s["condenser_c"] + dt * ((1.0 - self._air) / self._condenser_kj_per_k * warming + self._air / _AIR_LAG_S * aired),
            "heat_kw": np.where(u["chiller_on"] > 0.5, s["heat_kw"] + dt * move, s["heat_kw"] * _COASTING**dt),
            "valve": actuators.moved(s["valve"], u["chiller_valve"], dt, self._valve_s),
            "hot_gas": s["hot_gas"] + np.clip(duty["hot_gas"] - s["hot_gas"], -stroke, stroke),
            "surges": s["surges"] + dt * (duty["surging"] / _SURGE_PERIOD_S - s["surges"] / _SURGE_WINDOW_S),
            "no_flow_s": starved * (s["no_flow_s"] + dt),
        }
