"""The condenser-water side of one plant second by second: pumps, towers, return header, and the loop that holds the leaving temperature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from plant_models.components import merkel, tower
from plant_models.components.fluids import CP_WATER, KG_PER_M3_WATER, Expr
from plant_models.simulator import actuators
from plant_models.simulator.plant_file import TowerTruth, WaterTruth
from plant_models.site.topology import Tower

FIELDS_EACH = ("fill_c", "basin_c", "tower_valve")
FIELDS = ("cw_return_c", "fan", "fan_integral")
_BYPASS_SHARE = 0.8  # of a cell's water that the open tower bypass keeps off the fill
_EQUALISED_KGS = 5.0  # through the equalising line, a cell
_DRY = 1e-6


class CondenserWater:
    """Any number of tower cells on one return header."""

    def __init__(self, cells: Sequence[Tower], truths: Sequence[TowerTruth], truth: WaterTruth, design_flow_kgs: float) -> None:
        """Takes the cells as named and as they truly are, the plant's parameters, and the design flow of all condenser water [kg/s]."""
        self.cells = tuple(cells)
        self._truth = truth
        self.design_kgs = np.array([c.water_flow_kgs for c in cells])
        self.fan_kw = np.array([c.fan_power_kw for c in cells])
        self._merkel = np.array([float(t.map == "merkel") for t in truths])
        self._fill_factor = np.array([t.fill_factor for t in truths])
        self._fill_s = np.array([t.fill_s for t in truths])
        self._heater_kw = np.array([t.heater_kw for t in truths])
        self._loss_kw_per_k = np.array([t.basin_loss_kw_per_k for t in truths])
        self._basin_kj_per_k = CP_WATER * KG_PER_M3_WATER * np.array([t.basin_m3 for t in truths])
        self._header_kj_per_k = CP_WATER * max(design_flow_kgs, 1.0) * truth.condenser_pipe_s

    @property
    def count(self) -> int:
        """Returns the number of cells."""
        return len(self.cells)

    def capacities_kj_per_k(self) -> dict[str, Expr]:
        """Returns the heat capacity of each state that stores heat."""
        return {"basin_c": self._basin_kj_per_k, "cw_return_c": self._header_kj_per_k}

    def health(self) -> dict[str, Expr]:
        """Returns what fouling leaves of each fill."""
        return {"tower_fill": self._fill_factor}

    def shares(self, s: Mapping[str, Expr]) -> Expr:
        """Returns each cell's share of the water, by its valve; even where all are shut."""
        open_ = s["tower_valve"] + _DRY
        return open_ / np.sum(open_)

    def leaving_c(self, s: Mapping[str, Expr]) -> Expr:
        """Returns the condenser water leaving the towers [degC]; without towers it is what came back."""
        return np.sum(self.shares(s) * s["basin_c"]) if self.cells else s["cw_return_c"]

    def duty(self, s: Mapping[str, Expr], u: Mapping[str, Expr], flow_kgs: Expr) -> dict[str, Expr]:
        """Returns what each cell does now.

        Water, evaporation, drift and blowdown [kg/s]; heat rejected and lost by the basin, fan and heater power [kW]; fan speed share.
        """
        water = flow_kgs * self.shares(s)
        over_fill = 1.0 - _BYPASS_SHARE * u["tower_bypass"]
        rejected = tower.heat_kw(water * over_fill, s["cw_return_c"], s["fill_c"])
        speed = s["fan"] * s["tower_valve"]
        evaporated = tower.evaporation_kgs(rejected, u["oa_drybulb_c"])
        drift = self._truth.drift_share * water
        return {
            "water": water,
            "over_fill": over_fill,
            "rejected": rejected,
            "speed": speed,
            "power": self.fan_kw * tower.fan_power_share(speed),
            "heaters": self._heater_kw * u["basin_heaters"],
            "lost": self._loss_kw_per_k * (s["basin_c"] - u["oa_drybulb_c"]),
            "evaporated": evaporated,
            "blowdown": tower.blowdown_kgs(evaporated, drift, self._truth.cycles_of_concentration) + drift,
        }

    def step(self, s: Mapping[str, Expr], u: Mapping[str, Expr], duty: Mapping[str, Expr], into_header_kw: Expr, dt: float) -> dict[str, Expr]:
        """Returns the state ``dt`` seconds on; ``into_header_kw`` is the heat that flows into the return header over its temperature [kW]."""
        error = self.leaving_c(s) - u["cws_setpoint_c"]
        wanted = np.clip(self._truth.fan_gain_per_k * error + s["fan_integral"], u["tower_fan_low"], u["tower_fan_high"])
        integral = s["fan_integral"] + dt / self._truth.fan_reset_s * self._truth.fan_gain_per_k * error
        share = duty["water"] * duty["over_fill"] / self.design_kgs
        at = (s["cw_return_c"], s["fill_c"], u["oa_wetbulb_c"], share, duty["speed"], u["tower_fill"])
        target = tower.leaving_target_c(*at)
        if self._merkel.any():
            target = target + self._merkel * (merkel.leaving_target_c(*at) - target)
        basins = np.sum(s["basin_c"]) / max(self.count, 1)
        arriving = (
            CP_WATER * duty["water"] * (s["cw_return_c"] - s["basin_c"])
            - duty["rejected"]
            - duty["lost"]
            + duty["heaters"]
            + CP_WATER * _EQUALISED_KGS * (basins - s["basin_c"])
        )
        return {
            "fill_c": s["fill_c"] + dt / self._fill_s * (target - s["fill_c"]),
            "basin_c": s["basin_c"] + dt / self._basin_kj_per_k * arriving,
            "tower_valve": actuators.moved(s["tower_valve"], u["tower_on"], dt, actuators.TOWER_VALVE_STROKE_S),
            "cw_return_c": s["cw_return_c"] + dt / self._header_kj_per_k * into_header_kw,
            "fan": actuators.moved(s["fan"], wanted, dt, actuators.TOWER_FAN_RAMP_S),
            "fan_integral": np.clip(integral, u["tower_fan_low"], u["tower_fan_high"]),
        }
