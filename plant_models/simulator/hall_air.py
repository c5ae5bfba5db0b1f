"""The air of one hall second by second: CRAH group, rows of racks, aisles, thermal mass, moisture.

All nodes are explicit, so that heat leaving one is heat entering the next to the last digit; ``least_time_constant_s`` tells whether a step is stable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from plant_models.components import aisle, crah, exchanger, fluids, rows, server
from plant_models.components.fluids import CP_AIR, CP_WATER, Expr
from plant_models.simulator import actuators
from plant_models.simulator.moisture import Moisture
from plant_models.simulator.plant_file import HallTruth, PlantTruth
from plant_models.site.topology import Hall, Site

_STILL_AIR_SHARE = 0.01  # of design flow that moves with the fans off
_KG_PER_M3_AIR = 1.18
_UNNAMED = aisle.Containment((0.03, 0.03), (0.06, 0.06), 0.0)  # where the plant file names none: rows alike (engineering values)

STATE = ("cold_c", "rack_c", "hot_c", "server_speed", "supply_c", "supply_seen_c", "mass_c", "slab_c", "valve", "valve_integral", "fan", "humidity")
_PER_ROW = ("cold_c", "rack_c", "hot_c", "server_speed")


@dataclass(frozen=True)
class HallAir:
    """A hall's equations with its numbers."""

    hall: Hall
    truth: HallTruth
    design_dp_kpa: float
    coil_flow_kgs: float

    @classmethod
    def of(cls, hall: Hall, site: Site, truth: PlantTruth) -> HallAir:
        """Returns a hall with its true parameters; its coils take their share of the plant's design flow unless the plant file says otherwise."""
        own = truth.hall.get(hall.name, HallTruth())
        plant = next((p for p in site.plant if p.name == hall.plant), None)
        if plant is None:
            return cls(hall, own, 1.0, 1.0)
        served = sum(h.air_capacity_kw for h in site.hall if h.plant == hall.plant)
        return cls(hall, own, plant.chw_dp_max_kpa, own.coil_flow_kgs or plant.chw_flow_kgs * hall.air_capacity_kw / served)

    @property
    def moisture(self) -> Moisture:
        """Returns the hall's moisture balance."""
        racks = self.hall.row_count * self.hall.racks_per_row
        return Moisture(self.truth, racks, racks * self.truth.air_m3_per_rack * _KG_PER_M3_AIR, coils=self.hall.plant is not None)

    @property
    def _containment(self) -> aisle.Containment:
        named = self.truth.containment
        return _UNNAMED if named is None else aisle.CONTAINMENTS[named]

    def row_air(self) -> NDArray[np.float64]:
        """Returns the rows' cold air, mean 1: less near CRAHs that do not run."""
        given = np.array(self.truth.row_flow) if self.truth.row_flow else self._containment.row_air(self.hall.row_count)
        return _relative(given * (1.0 - aisle.lost_shares(self.hall.row_count, self.hall.crah_count, self.truth.crah_failed)))

    @property
    def capacity_kw(self) -> NDArray[np.float64]:
        """Returns the IT power of each row that its air takes at full utilisation and 25 degC inlet [kW]; the liquid part has no server fans."""
        return np.full(self.hall.row_count, self.hall.air_capacity_kw / self.hall.row_count)

    def health(self) -> dict[str, Expr]:
        """Returns what ages or fails, as the plant file states it; by row the cold air's distribution and the recirculated share when well fed."""
        truth, count, containment = self.truth, self.hall.row_count, self._containment
        leak_share = containment.leak_share_mean() if truth.leak_share is None else truth.leak_share
        return {
            "row_air": self.row_air(),
            "row_load": _relative(np.array(truth.row_load or (1.0,) * count)),
            "tight_share": np.array(truth.row_recirculation) if truth.row_recirculation else containment.row_tight_share(count),
            "leak_share": leak_share if truth.leak_kgs_at_10_pa is None else 0.0,
            "coil_factor": truth.coil_factor,
            "valve_leak_share": truth.valve_leak_share,
            "crah_share": truth.crah_share * (1.0 - len(set(truth.crah_failed)) / self.hall.crah_count),
        }

    def health_with_failed(self, units: Sequence[int]) -> dict[str, Expr]:
        """Returns what of ``health`` is other when just these CRAHs do not run. Raises ValueError for a unit that there is not, or for all of them."""
        changed = replace(self, truth=replace(self.truth, crah_failed=tuple(units))).health()
        return {field: changed[field] for field in ("row_air", "crah_share")}

    def fields(self) -> list[tuple[str, int]]:
        """Returns the hall's state fields with their lengths."""
        return [(f"{self.hall.name}.{f}", self.hall.row_count if f in _PER_ROW else 1) for f in STATE]

    def capacities_kj_per_k(self) -> dict[str, NDArray[np.float64] | float]:
        """Returns the heat capacity of each state that stores heat; of the humidity ratio its latent heat [kJ]."""
        racks, per_row, truth = self.hall.row_count * self.hall.racks_per_row, self.hall.racks_per_row, self.truth
        air = per_row * truth.air_m3_per_rack * _KG_PER_M3_AIR * CP_AIR / 2.0
        return {
            "cold_c": np.full(self.hall.row_count, air),
            "hot_c": np.full(self.hall.row_count, air),
            "rack_c": np.full(self.hall.row_count, per_row * truth.server_kj_per_k_rack),
            "supply_c": truth.supply_kj_per_k_kgs * self.hall.crah_air_flow_kgs,
            "mass_c": racks * truth.mass_kj_per_k_rack,
            "slab_c": racks * truth.slab_kj_per_k_rack,
            "humidity": self.moisture.capacity_kj,
        }

    def least_time_constant_s(self) -> float:
        """Returns the shortest time constant of an air node at full flows [s]."""
        flow = float(self.row_air().max()) * self.hall.crah_air_flow_kgs / self.hall.row_count
        drawn = 1.8 * self.hall.air_capacity_kw / self.hall.row_count / (CP_AIR * self.truth.server.air_difference_k)
        node = self.capacities_kj_per_k()["cold_c"]
        return float(np.min(node)) / (max(flow, drawn) * CP_AIR + self.truth.mass_kw_per_k_rack * self.hall.racks_per_row)

    def start(self, supply_c: float) -> dict[str, float]:
        """Returns a state near rest at a supply temperature [degC]."""
        hot = supply_c + 11.0
        values = {
            "cold_c": supply_c,
            "rack_c": hot,
            "hot_c": hot,
            "server_speed": 1.0,
            "supply_c": supply_c,
            "supply_seen_c": supply_c,
            "mass_c": hot,
            "slab_c": hot,
        }
        return values | {"valve": 0.6, "valve_integral": 0.6, "fan": 0.8, "humidity": float(fluids.humidity_ratio(9.5, 101.325))}

    def demand(self, s: Mapping[str, Expr], u: Mapping[str, Expr]) -> dict[str, Expr]:
        """Returns what the hall asks before water and losses are known: row inlets, IT powers, air flows, conductance of its coils."""
        air = self.hall.crah_air_flow_kgs * np.maximum(s["fan"] * u["crah_share"], _STILL_AIR_SHARE)
        delivered = (1.0 - u["leak_share"]) * air * u["row_air"] / self.hall.row_count
        row_use = np.clip(u["utilisation"] * u["row_load"], 0.0, 1.0)
        drawn = server.air_flow_kgs(self.truth.server, self.capacity_kw, row_use, s["server_speed"])
        recirculated = rows.recirculated_share(delivered, drawn, u["tight_share"])
        mean = rows.inlet_c(s["cold_c"], s["hot_c"], recirculated)
        electronics, fans = server.power_kw(self.truth.server, self.capacity_kw, row_use, mean, s["server_speed"])
        open_ = self.coil_flow_kgs / self.design_dp_kpa**0.5
        controlled = crah.branch_conductance(s["valve"], open_, self.truth.valve_authority)
        conductance = u["crah_share"] * np.maximum(controlled, u["valve_leak_share"] * open_)
        return {
            "air": air,
            "leaked": u["leak_share"] * air,
            "delivered": delivered,
            "drawn": drawn,
            "recirculated": recirculated,
            "inlet": mean,
            "inlet_top": rows.inlet_c(s["cold_c"], s["hot_c"], recirculated, rows.TOP_WEIGHT),
            "electronics": electronics,
            "server_fans": fans,
            "it": np.sum(electronics) + np.sum(fans),
            "work": np.sum(self.capacity_kw * row_use),
            "conductance": conductance,
        }

    def return_c(self, s: Mapping[str, Expr], d: Mapping[str, Expr]) -> Expr:
        """Returns the air temperature that comes back to the CRAHs [degC]: hot aisles, what overflows the cold ones, what leaks before them."""
        taken = (1.0 - d["recirculated"]) * d["drawn"]
        return (d["leaked"] * s["supply_c"] + np.sum(taken * s["hot_c"]) + np.sum((d["delivered"] - taken) * s["cold_c"])) / d["air"]

    def coil_heat_kw(self, air_kgs: Expr, return_c: Expr, water_kgs: Expr, water_c: Expr, u: Mapping[str, Expr]) -> Expr:
        """Returns the sensible heat that the coils take from the air [kW]."""
        working = u["crah_share"]
        design_ua = working * self.truth.coil_ua_kw_per_k_per_kgs * self.hall.crah_air_flow_kgs * u["coil_factor"]
        ua = crah.coil_ua_kw_per_k(water_kgs / (working * self.coil_flow_kgs), air_kgs / (working * self.hall.crah_air_flow_kgs), design_ua)
        return exchanger.heat_kw(ua, air_kgs * CP_AIR, water_kgs * CP_WATER, return_c, water_c)

    def fan_kw(self, s: Mapping[str, Expr], u: Mapping[str, Expr]) -> Expr:
        """Returns the power of the hall's CRAH fans [kW]; all of it heats the air."""
        return u["crah_share"] * self.truth.crah_fan_kw_per_kgs * self.hall.crah_air_flow_kgs * crah.fan_power_share(s["fan"])

    def step(self, s: Mapping[str, Expr], d: Mapping[str, Expr], u: Mapping[str, Expr], dt: float) -> dict[str, Expr]:
        """Returns the state ``dt`` seconds on; ``u`` also holds coil, fan, losses, moist [kW], return_c [degC], moisture_kgs."""
        truth, racks = self.truth, self.hall.row_count * self.hall.racks_per_row
        cap, n = self.capacities_kj_per_k(), self.hall.row_count
        to_mass = truth.mass_kw_per_k_rack * self.hall.racks_per_row * (s["hot_c"] - s["mass_c"])
        to_slab = truth.slab_kw_per_k_rack * racks * (s["mass_c"] - s["slab_c"])
        through_rack = d["drawn"] * CP_AIR
        power = d["electronics"] + d["server_fans"]
        error = s["supply_seen_c"] - u["supply_setpoint_c"]
        wanted = np.clip(truth.valve_gain_per_k * error + s["valve_integral"], 0.0, 1.0)
        speed = server.fan_speed(truth.server, d["inlet"])
        return {
            "cold_c": s["cold_c"] + dt / cap["cold_c"] * d["delivered"] * CP_AIR * (s["supply_c"] - s["cold_c"]),
            "rack_c": s["rack_c"] + dt / cap["rack_c"] * (power - through_rack * (s["rack_c"] - d["inlet"])),
            "hot_c": s["hot_c"] + dt / cap["hot_c"] * (through_rack * (s["rack_c"] - s["hot_c"]) - to_mass + u["losses"] / n),
            "supply_c": s["supply_c"] + dt / cap["supply_c"] * (d["air"] * CP_AIR * (u["return_c"] - s["supply_c"]) + u["fan"] + u["moist"] - u["coil"]),
            "supply_seen_c": s["supply_seen_c"] + dt / truth.supply_sensor_s * (s["supply_c"] - s["supply_seen_c"]),
            "mass_c": s["mass_c"] + dt / cap["mass_c"] * (np.sum(to_mass) - to_slab),
            "slab_c": s["slab_c"] + dt / cap["slab_c"] * to_slab,
            "server_speed": s["server_speed"] + dt / truth.server_fan_s * (speed - s["server_speed"]),
            "valve_integral": np.clip(s["valve_integral"] + dt / truth.valve_reset_s * truth.valve_gain_per_k * error, 0.0, 1.0),
            "valve": actuators.moved(s["valve"], wanted, dt, truth.valve_s, actuators.VALVE_HYSTERESIS),
            "fan": actuators.moved(s["fan"], u["fan_share"], dt, truth.fan_ramp_s),
            "humidity": s["humidity"] + dt * u["moisture_kgs"] / self.moisture.air_kg,
        }


def _relative(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(values / values.mean())
