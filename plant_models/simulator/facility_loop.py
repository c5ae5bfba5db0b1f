"""One facility loop second by second: pumps, dry coolers with pads, trim chillers, pipes; CDUs take from it what their valves let through.

Water runs tank -> pumps -> dry coolers (or past them, by the mixing valve) -> header -> trim chillers -> supply pipe -> CDUs and minimum-flow bypass ->
return pipe -> tank. All nodes are explicit: heat leaving one enters the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from plant_models.components import coolant, dry_cooler, pump, trim_chiller
from plant_models.components.fluids import Expr
from plant_models.simulator.hydraulics import Pumps
from plant_models.simulator.layout import stack
from plant_models.simulator.liquid_truth import CoolerTruth, LoopTruth, TrimTruth
from plant_models.simulator.pipe import along, node_names
from plant_models.simulator.plant_file import PlantTruth
from plant_models.site.liquid import DryCooler, FacilityLoop
from plant_models.site.topology import Site

EACH_COOLER: Final = ("cooler_c", "cooler_valve", "wet")
EACH_TRIM: Final = ("trim_kw",)
_NODES: Final = 3
SUPPLY, RETURN = node_names("supply", _NODES), node_names("return", _NODES)
SINGLE: Final = ("header_c", "trim_c", *SUPPLY, *RETURN, "tank_c", "fan", "fan_integral", "mix", "bypass", "pump_count", "pump_speed", "pump_integral")
_VALVE_S: Final = 90.0
_FAN_RAMP_S: Final = 40.0
_PUMP_RAMP_S: Final = 15.0
_DRIVE_RAMP_S: Final = 30.0
_BYPASS_S: Final = 60.0
_BYPASS_GAIN: Final = 0.5
_MIX_S: Final = 90.0
_MIX_GAIN_PER_K_S: Final = 0.002
_MIX_BELOW_K: Final = 1.2  # the mixing valve opens once water is this far below its setpoint, when fans can do no less
_PADS_S: Final = 240.0  # until pads are wet through, or dry
_LEAK_SHARE: Final = 1e-3
_STILL_KGS: Final = 1e-6
_TRIM_COASTING: Final = 0.7
_TRIM_LAG_S: Final = 15.0
_FREEZING_C: Final = 5.0  # a trim chiller cuts out


def cooler_design(cooler: DryCooler, specific_heat: float) -> dry_cooler.CoolerDesign:
    """Returns a cooler's design from its data sheet."""
    entering_c = cooler.leaving_c + cooler.heat_kw / (cooler.water_flow_kgs * specific_heat)
    return dry_cooler.CoolerDesign(cooler.heat_kw, cooler.fan_power_kw, cooler.air_c, entering_c, cooler.leaving_c)


class FacilityWater:
    """A facility loop with its numbers."""

    def __init__(self, loop: FacilityLoop, site: Site, truth: PlantTruth) -> None:
        """Gathers the loop's machines. Raises ValueError where a cooler's data sheet contradicts itself."""
        self.loop, self.truth = loop, truth.facility_loop.get(loop.name, LoopTruth())
        self.cp, self._rho = coolant.specific_heat_kj_per_kgk(loop.glycol_share), coolant.density_kg_per_m3(loop.glycol_share)
        self.coolers = tuple(c for c in site.dry_cooler if c.loop == loop.name)
        self.trims = tuple(t for t in site.trim_chiller if t.loop == loop.name)
        designs = [cooler_design(c, self.cp) for c in self.coolers]
        truths = [truth.dry_cooler.get(c.name, CoolerTruth()) for c in self.coolers]
        self._ua = np.array([d.ua_kw_per_k for d in designs])
        self._clean = np.array([t.clean_factor for t in truths])
        self._water_kw_per_k = np.array([d.water_kw_per_k for d in designs])
        self._air_kw_per_k = np.array([d.air_kw_per_k for d in designs])
        self.cooler_kgs, self._fan_kw = np.array([c.water_flow_kgs for c in self.coolers]), np.array([c.fan_power_kw for c in self.coolers])
        self._water_s, self._pads = (
            np.array([t.water_s for t in truths]),
            np.array([t.pad_effectiveness * c.pads for t, c in zip(truths, self.coolers, strict=True)]),
        )
        self._trim_truths = [truth.trim_chiller.get(t.name, TrimTruth()) for t in self.trims]
        self.trim_kw = np.array([t.capacity_kw for t in self.trims])
        self.pumps = Pumps([p for p in site.pump if p.plant == loop.name], self.truth.pump_head_kpa, self.truth.pump_efficiency)

    def health(self) -> dict[str, Expr]:
        """Returns what ages or fails, as the plant file states it."""
        return {"cooler_clean": self._clean}

    def fields(self) -> list[tuple[str, int]]:
        """Returns the state fields with their lengths."""
        each = [(f, len(self.coolers)) for f in EACH_COOLER] + [(f, len(self.trims)) for f in EACH_TRIM]
        return [(f"{self.loop.name}.{f}", n) for f, n in each + [(f, 1) for f in SINGLE]]

    def capacities_kj_per_k(self) -> dict[str, Expr]:
        """Returns the heat capacity of each state that stores heat; the tank has what pipes and coolers leave of the loop's volume."""
        own, total = self.truth, self.cp * self._rho * self.loop.volume_m3
        pipes = dict.fromkeys(SUPPLY, own.supply_share * total / _NODES) | dict.fromkeys(RETURN, own.return_share * total / _NODES)
        coolers = self.cp * self.cooler_kgs * self._water_s
        headers = {"header_c": own.header_share / 2.0 * total, "trim_c": own.header_share / 2.0 * total}
        rest = (1.0 - own.header_share - own.supply_share - own.return_share) * total - float(np.sum(coolers))
        return pipes | headers | {"cooler_c": coolers, "tank_c": max(rest, 0.05 * total)}

    def start(self, supply_c: float) -> dict[str, float]:
        """Returns a state near rest, pumps off, at a supply temperature [degC]."""
        cold = dict.fromkeys(("header_c", "trim_c", "cooler_c", *SUPPLY), supply_c)
        warm = dict.fromkeys((*RETURN, "tank_c"), supply_c + 6.0)
        loops = {"cooler_valve": 1.0, "wet": 0.0, "trim_kw": 0.0, "fan": 0.3, "fan_integral": 0.3, "mix": 0.0, "bypass": 0.0}
        return cold | warm | loops | {"pump_count": 0.0, "pump_speed": 0.6, "pump_integral": 0.6}

    def flows(self, s: Mapping[str, Expr], branches: Expr) -> dict[str, Expr]:
        """Returns flows [kg/s] and the remote pressure [kPa]; ``branches`` is the conductance of all units' valves together [(kg/s)/kPa^0.5]."""
        own, design = self.truth, self.loop.flow_kgs
        bypass = design / own.pump_head_kpa**0.5
        load = branches + bypass * (s["bypass"] + _LEAK_SHARE)
        circuit = 1.0 / (load * load) + (own.pipe_kpa + own.cooler_kpa) / design**2
        total = pump.flow_kgs(s["pump_count"], s["pump_speed"], circuit, 0.0, self.pumps.flow_kgs, self.pumps.head_kpa)
        opened = s["cooler_valve"] + _LEAK_SHARE
        return {
            "total": total,
            "dp_kpa": (total / load) ** 2,
            "coolers": total * (1.0 - s["mix"]) * opened / np.sum(opened),
            "past": total * s["mix"],
        }

    def duty(self, s: Mapping[str, Expr], u: Mapping[str, Expr], branches: Expr) -> dict[str, Expr]:
        """Returns everything that flows now: water, heat, fans', pumps' and trim chillers' power, pads' water."""
        f = self.flows(s, branches)
        shaft, electric = self.pumps.shaft_and_electric_kw(s["pump_count"], f["total"], s["pump_speed"])
        speed = s["fan"] * np.where(s["cooler_valve"] > 0.5, 1.0, 0.0)
        cooled_k = dry_cooler.pads_cool_k(u["oa_drybulb_c"], u["oa_wetbulb_c"], s["wet"], self._pads)
        air_c = u["oa_drybulb_c"] + self.truth.recirculation_k * speed - cooled_k
        share = f["coolers"] / self.cooler_kgs
        rejected = dry_cooler.heat_kw(self._ua * u["cooler_clean"], self._water_kw_per_k, self._air_kw_per_k, share, speed, s["tank_c"], air_c)
        evaporated = dry_cooler.pad_water_kgs(self._air_kw_per_k, speed, cooled_k)
        return f | {
            "shaft": shaft,
            "pump_kw": electric,
            "speed": speed,
            "rejected": rejected,
            "fan_kw": self._fan_kw * dry_cooler.fan_power_share(speed),
            "evaporated": evaporated,
            "blowdown": evaporated / (self.truth.pad_cycles - 1.0),
            "trim_power": self._trim_power(s, u),
        }

    def _trim_power(self, s: Mapping[str, Expr], u: Mapping[str, Expr]) -> Expr:
        powers = []
        for i, (trim, truth) in enumerate(zip(self.trims, self._trim_truths, strict=True)):
            available = trim_chiller.available_kw(trim.capacity_kw, s["trim_c"], u["oa_drybulb_c"])
            powers.append(truth.age * trim_chiller.power_kw(s["trim_kw"][i], available, s["trim_c"], u["oa_drybulb_c"]))
        return stack(powers) if powers else s["trim_kw"]

    def rejected_kw(self, d: Mapping[str, Expr], s: Mapping[str, Expr]) -> Expr:
        """Returns the heat that leaves the site now [kW]: to the air from coolers, fans and trim chillers, to plant rooms from motors and drives."""
        air = np.sum(d["rejected"]) + np.sum(d["fan_kw"]) + np.sum(s["trim_kw"]) + np.sum(d["trim_power"])
        return air + d["pump_kw"] - d["shaft"]

    def step(self, s: Mapping[str, Expr], u: Mapping[str, Expr], d: Mapping[str, Expr], from_units_kw: Expr, dt: float) -> dict[str, Expr]:
        """Returns the state ``dt`` seconds on; ``from_units_kw`` is the heat that all CDUs give to the loop."""
        cap, total = self.capacities_kj_per_k(), self.cp * d["total"]
        at_units = total * s[SUPPLY[-1]] + from_units_kw
        heat = {
            "cooler_c": self.cp * d["coolers"] * (s["tank_c"] - s["cooler_c"]) - d["rejected"],
            "header_c": self.cp * (np.sum(d["coolers"] * s["cooler_c"]) + d["past"] * s["tank_c"] - d["total"] * s["header_c"]),
            "trim_c": total * (s["header_c"] - s["trim_c"]) - np.sum(s["trim_kw"]),
            "tank_c": total * (s[RETURN[-1]] - s["tank_c"]) + d["shaft"],
            RETURN[0]: at_units - total * s[RETURN[0]],
        }
        moved = {name: s[name] + dt / cap[name] * kw for name, kw in heat.items()}
        rest = along(s, RETURN[1:], s[RETURN[0]], total, cap, dt)
        return moved | along(s, SUPPLY, s["trim_c"], total, cap, dt) | rest | self._fans(s, u, dt) | self._pumping(s, u, d, dt) | self._trim(s, u, d, dt)

    def _fans(self, s: Mapping[str, Expr], u: Mapping[str, Expr], dt: float) -> dict[str, Expr]:
        """Returns fans, mixing valve, coolers' valves and pads: one loop on the supply temperature drives fans, a slow one the mixing valve below it."""
        own = self.truth
        error_k = s["header_c"] - u["fws_setpoint_c"]  # before the trim chillers, which take what full fans leave
        wanted = np.clip(own.fan_gain_per_k * error_k + s["fan_integral"], u["cooler_fan_low"], u["cooler_fan_high"])
        integral = s["fan_integral"] + dt / own.fan_reset_s * own.fan_gain_per_k * error_k
        mixing = dt * _MIX_GAIN_PER_K_S * (-error_k - _MIX_BELOW_K)
        valve, ramp, mixed, soak = dt / _VALVE_S, dt / _FAN_RAMP_S, dt / _MIX_S, dt / _PADS_S
        return {
            "fan": s["fan"] + np.clip(wanted - s["fan"], -ramp, ramp),
            "fan_integral": np.clip(integral, u["cooler_fan_low"], u["cooler_fan_high"]),
            "mix": np.clip(s["mix"] + np.clip(mixing, -mixed, mixed), 0.0, 1.0),
            "cooler_valve": s["cooler_valve"] + np.clip(u["cooler_on"] - s["cooler_valve"], -valve, valve),
            "wet": s["wet"] + soak * (u["pads"] - s["wet"]),
        }

    def _pumping(self, s: Mapping[str, Expr], u: Mapping[str, Expr], d: Mapping[str, Expr], dt: float) -> dict[str, Expr]:
        own = self.truth
        short_kpa = u["fws_dp_setpoint_kpa"] - d["dp_kpa"]
        wanted = np.clip(own.dp_gain_per_kpa * short_kpa + s["pump_integral"], own.pump_speed_min, 1.0)
        running = u["fws_pump_count"] > 0.5
        integral = np.clip(s["pump_integral"] + dt / own.dp_reset_s * own.dp_gain_per_kpa * short_kpa, own.pump_speed_min, 1.0)
        lacking = _BYPASS_GAIN * (self.loop.flow_min_share * self.loop.flow_kgs - d["total"]) / self.loop.flow_kgs
        drive, start, bypass = dt / _DRIVE_RAMP_S, dt / _PUMP_RAMP_S, dt / _BYPASS_S
        return {
            "pump_count": s["pump_count"] + np.clip(np.minimum(u["fws_pump_count"], self.pumps.most) - s["pump_count"], -start, start),
            "pump_speed": s["pump_speed"] + np.clip(np.where(running, wanted, own.pump_speed_min) - s["pump_speed"], -drive, drive),
            "pump_integral": np.where(running, integral, own.pump_speed_min),
            "bypass": np.clip(s["bypass"] + np.clip(dt * lacking, -bypass, bypass), 0.0, 1.0),
        }

    def _trim(self, s: Mapping[str, Expr], u: Mapping[str, Expr], d: Mapping[str, Expr], dt: float) -> dict[str, Expr]:
        """Returns the trim chillers' heat: those that run share what the coolers leave to do."""
        if not self.trims:
            return {"trim_kw": s["trim_kw"]}
        tracking = np.array([t.tracking_s for t in self._trim_truths])
        ramp = np.array([t.ramp_share_per_min for t in self._trim_truths]) * self.trim_kw / 60.0
        volume = self.capacities_kj_per_k()["trim_c"]
        over = self.cp * d["total"] * (s["header_c"] - u["fws_setpoint_c"]) + volume / tracking * (s["trim_c"] - u["fws_setpoint_c"])
        available = trim_chiller.available_kw(self.trim_kw, s["trim_c"], u["oa_drybulb_c"]) * np.clip(s["trim_c"] - _FREEZING_C, 0.0, 1.0)
        share = u["trim_on"] / np.maximum(np.sum(u["trim_on"]), 1.0)
        move = np.clip((np.clip(over * share, 0.0, available) - s["trim_kw"]) / _TRIM_LAG_S, -ramp, ramp)
        return {"trim_kw": np.where(u["trim_on"] > 0.5, s["trim_kw"] + dt * move, s["trim_kw"] * _TRIM_COASTING**dt)}
