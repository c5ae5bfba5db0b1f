"""The chillers of one plant second by second: capacity control, compressor power, evaporator and condenser volumes, isolation valves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from plant_models.components import chiller
from plant_models.components.fluids import CP_WATER, Expr
from plant_models.simulator.layout import stack
from plant_models.simulator.plant_file import ChillerTruth
from plant_models.site.topology import Chiller

FIELDS = ("evaporator_c", "condenser_c", "heat_kw", "valve")
_CAPACITY_LAG_S = 15.0
_COASTING = 0.7  # of capacity left after each second once the compressor is off
_UNLOAD_SHARE_PER_S = 0.02
_EVAPORATOR_CUT_OUT_C = 3.5
_CONDENSER_CUT_OUT_C = 46.0
_BY_KIND = {"vsd_centrifugal": "carrier-19xr-1407-vsd", "constant_speed_centrifugal": "york-yt-1055", "positive_displacement": "york-yt-1055"}


class ChillerGroup:
    """Any number of chillers in parallel."""

    def __init__(self, machines: Sequence[Chiller], truths: Sequence[ChillerTruth]) -> None:
        """Takes the machines as the site names them and as they truly are, in the same order."""
        self.machines = tuple(machines)
        self.curves = tuple(chiller.CURVES[t.curves or _BY_KIND[m.kind]] for m, t in zip(machines, truths, strict=True))
        self.capacity_kw = np.array([m.capacity_kw for m in machines])
        self.evaporator_kgs = np.array([m.evaporator_flow_kgs for m in machines])
        self.condenser_kgs = np.array([m.condenser_flow_kgs for m in machines])
        self._age, self._capacity_factor = np.array([t.age for t in truths]), np.array([t.capacity_factor for t in truths])
        self._evaporator_kj_per_k = CP_WATER * self.evaporator_kgs * np.array([t.evaporator_s for t in truths])
        self._condenser_kj_per_k = CP_WATER * self.condenser_kgs * np.array([t.condenser_s for t in truths])
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
        return {"evaporator_c": self._evaporator_kj_per_k, "condenser_c": self._condenser_kj_per_k}

    def health(self) -> dict[str, Expr]:
        """Returns power over that of the clean machine, and capacity over the name plate's, of each."""
        return {"chiller_age": self._age, "chiller_capacity": self._capacity_factor}

    def duty(self, s: Mapping[str, Expr], u: Mapping[str, Expr], condenser_in_c: Expr) -> dict[str, Expr]:
        """Returns what each machine does now: power, heat to the condenser, available capacity [kW], 1 where outside its curves."""
        available, power, outside = [], [], []
        for i, (machine, curves) in enumerate(zip(self.machines, self.curves, strict=True)):
            chws, leaving = s["evaporator_c"][i], s["condenser_c"][i]
            condenser = leaving if curves.leaving else condenser_in_c
            now = self.capacity_kw[i] * u["chiller_capacity"][i] * chiller.capacity_share(curves, chws, condenser)
            surge = chiller.surge_plr(leaving - chws, machine.lift_min_k, machine.lift_max_k)
            unloading = surge if machine.kind != "positive_displacement" else curves.plr_least
            power.append(chiller.power_kw(curves, s["heat_kw"][i], now, chws, condenser_in_c, leaving, unloading))
            available.append(now)
            outside.append(chiller.outside_curve(curves, chws, condenser))
        used = stack(power) * u["chiller_age"]
        return {
            "power": used,
            "rejected": s["heat_kw"] + self._motor_heat * used,
            "to_room": (1.0 - self._motor_heat) * used,
            "available": stack(available),
            "outside": stack(outside) * used,
        }

    def step(self, s: Mapping[str, Expr], u: Mapping[str, Expr], duty: Mapping[str, Expr], water: Mapping[str, Expr], dt: float) -> dict[str, Expr]:
        """Returns the state ``dt`` seconds on; ``water``: chw_in_c, cw_in_c [degC], evaporator and condenser flows of each machine [kg/s]."""
        capacity = self.capacity_kw * u["chiller_capacity"]
        most = np.minimum(u["chiller_limit"] * capacity, duty["available"])
        through = CP_WATER * water["evaporator_kgs"]
        needed = through * (water["chw_in_c"] - u["chws_setpoint_c"]) + self._evaporator_kj_per_k / self._tracking_s * (
            s["evaporator_c"] - u["chws_setpoint_c"]
        )
        safe = np.clip(s["evaporator_c"] - _EVAPORATOR_CUT_OUT_C, 0.0, 1.0) * np.clip((_CONDENSER_CUT_OUT_C - s["condenser_c"]) / 3.0, 0.0, 1.0)
        move = np.clip((np.clip(needed, 0.0, most) * safe - s["heat_kw"]) / _CAPACITY_LAG_S, -_UNLOAD_SHARE_PER_S * capacity, self._ramp_per_s * capacity)
        return {
            "evaporator_c": s["evaporator_c"] + dt / self._evaporator_kj_per_k * (through * (water["chw_in_c"] - s["evaporator_c"]) - s["heat_kw"]),
            "condenser_c": s["condenser_c"]
            + dt / self._condenser_kj_per_k * (CP_WATER * water["condenser_kgs"] * (water["cw_in_c"] - s["condenser_c"]) + duty["rejected"]),
            "heat_kw": np.where(u["chiller_on"] > 0.5, s["heat_kw"] + dt * move, s["heat_kw"] * _COASTING**dt),
            "valve": s["valve"] + np.clip(u["chiller_valve"] - s["valve"], -dt / self._valve_s, dt / self._valve_s),
        }
