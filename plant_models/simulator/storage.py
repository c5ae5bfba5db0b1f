"""A stratified chilled-water tank second by second: layers that water pushes up and down, with the mixing that costs a real tank its figure of merit."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from plant_models.components import pipe
from plant_models.components.fluids import CP_WATER, KG_PER_M3_WATER, Expr
from plant_models.simulator.layout import stack
from plant_models.simulator.plant_file import TankTruth
from plant_models.site.topology import Tank

_STILL_WATER_KW_PER_MK = 0.6e-3  # conductivity of water
_HEIGHT_PER_DIAMETER = 1.0
_PI = 3.14159265


class Storage:
    """A plant's tank, or none. Layers count from the top, where warm water is; charging water comes in at the bottom."""

    def __init__(self, tank: Tank | None, truth: TankTruth) -> None:
        """Takes the tank as the site names it and as it truly is."""
        self.tank, self.truth = tank, truth
        self.layers = truth.layers if tank else 0
        volume_m3 = tank.volume_m3 if tank else 1.0
        self._layer_kg = KG_PER_M3_WATER * volume_m3 / truth.layers
        diameter_m = (4.0 * volume_m3 / (_PI * _HEIGHT_PER_DIAMETER)) ** (1.0 / 3.0)
        between_m = _HEIGHT_PER_DIAMETER * diameter_m / truth.layers
        self._still_kw_per_k = _STILL_WATER_KW_PER_MK * _PI / 4.0 * diameter_m**2 / between_m
        self._loss_kw_per_k = truth.loss_kw_per_k / truth.layers

    def fields(self) -> list[tuple[str, int]]:
        """Returns the state's fields with their lengths."""
        return [("layers_c", self.layers), ("tank_valve", 1)] if self.tank else []

    def capacities_kj_per_k(self) -> dict[str, Expr]:
        """Returns the heat capacity of each state that stores heat."""
        return {"layers_c": CP_WATER * self._layer_kg} if self.tank else {}

    def start(self, supply_c: float) -> dict[str, float]:
        """Returns an empty (warm) tank with its valves shut."""
        return {"layers_c": supply_c + 7.0, "tank_valve": 0.0} if self.tank else {}

    def gained_kw(self, s: Mapping[str, Expr], u: Mapping[str, Expr]) -> Expr:
        """Returns the heat that comes in through the insulation [kW]."""
        return sum((self._loss_kw_per_k * (u["oa_drybulb_c"] - s["layers_c"][i]) for i in range(self.layers)), 0.0)

    def step(self, s: Mapping[str, Expr], u: Mapping[str, Expr], d: Mapping[str, Expr], top_inlet_c: Expr, dt: float) -> dict[str, Expr]:
        """Returns the state ``dt`` seconds on; what comes in at the top while the tank gives has ``top_inlet_c``."""
        if not self.tank:
            return {}
        now = [s["layers_c"][i] for i in range(self.layers)]
        rising = pipe.transported(now[::-1], s["header_c"], dt * d["charge"] / self._layer_kg)[::-1]
        sinking = pipe.transported(now, top_inlet_c, dt * d["discharge"] / self._layer_kg)
        mixing = self._still_kw_per_k + self.truth.mixing_share * CP_WATER * (d["charge"] + d["discharge"])
        between = [0.0, *(mixing * (above - below) for above, below in pairwise(now)), 0.0]
        after = []
        for i, here in enumerate(now):
            heat_kw = between[i] - between[i + 1] + self._loss_kw_per_k * (u["oa_drybulb_c"] - here)
            after.append(rising[i] + sinking[i] - here + dt * heat_kw / (CP_WATER * self._layer_kg))
        stroke = dt / self.truth.valve_s
        return {"layers_c": stack(after), "tank_valve": s["tank_valve"] + np.clip(u["tank_share"] - s["tank_valve"], -stroke, stroke)}
