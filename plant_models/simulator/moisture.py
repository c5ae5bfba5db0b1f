"""The moisture balance of one hall: make-up air, coils, humidifier and dehumidifier, with their heat where the plant file has a ``humidity`` table.

Heat of make-up air other than its moisture is left out: its unit is taken to bring it at room temperature.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from plant_models.components import fluids, moisture
from plant_models.components.fluids import LATENT_KJ_PER_KG, Expr
from plant_models.simulator.plant_file import HallTruth

_HOUR_S = 3600.0


@dataclass(frozen=True)
class Moisture:
    """A hall's moisture with its numbers; ``air_kg`` is the hall's air, ``coils`` whether water cools it."""

    truth: HallTruth
    racks: int
    air_kg: float
    coils: bool

    @property
    def capacity_kj(self) -> float:
        """Returns the latent heat of a humidity ratio of 1 [kJ], 0 where it is not counted."""
        return self.air_kg * LATENT_KJ_PER_KG if self.truth.humidity else 0.0

    def flows(self, ratio: Expr, air_kgs: Expr, sensible_kw: Expr, u: Mapping[str, Expr]) -> dict[str, Expr]:
        """Returns the moisture gained [kg/s], the electric power for it, and heat [kW]: to the coils' water, to the air, in with make-up air.

        ``u`` holds weather and ``water_c``. Heat is 0 without a ``humidity`` table.
        """
        condensed = moisture.condensed_kgs(air_kgs, ratio, u["water_c"], u["pressure_kpa"]) if self.coils else 0.0 * ratio
        made_up = self._makeup_kgs(ratio, u)
        table = self.truth.humidity
        if table is None:
            return {"moisture_kgs": made_up - condensed, "humidity_kw": 0.0, "latent": 0.0, "moist": 0.0, "makeup": 0.0, "sensible_share": 1.0}
        dewpoint_c = fluids.dewpoint_c(ratio, u["pressure_kpa"])
        low_c, high_c = table.band_dewpoint_c
        wetted = self.racks * table.humidifier_kg_per_h_rack / _HOUR_S * moisture.humidifier_share(dewpoint_c, low_c, table.throttling_k)
        dried = self.racks * table.dehumidifier_kg_per_h_rack / _HOUR_S * moisture.dehumidifier_share(dewpoint_c, high_c, table.throttling_k)
        electric_kw = moisture.HUMIDIFIER_KJ_PER_KG[table.humidifier] * wetted + moisture.DEHUMIDIFIER_KJ_PER_KG * dried
        return {
            "moisture_kgs": made_up - condensed + wetted - dried,
            "humidity_kw": electric_kw,
            "latent": LATENT_KJ_PER_KG * condensed,
            "moist": electric_kw - LATENT_KJ_PER_KG * (wetted - dried),
            "makeup": LATENT_KJ_PER_KG * made_up,
            "sensible_share": moisture.sensible_heat_ratio(sensible_kw, condensed),
        }

    def _makeup_kgs(self, ratio: Expr, u: Mapping[str, Expr]) -> Expr:
        """Returns the moisture that make-up air brings [kg/s], between two dew points of its unit; negative where it dries."""
        low, high = (fluids.humidity_ratio(t, u["pressure_kpa"]) for t in self.truth.makeup_dewpoint_c)
        makeup = np.clip(fluids.humidity_ratio_at_wetbulb(u["oa_drybulb_c"], u["oa_wetbulb_c"], u["pressure_kpa"]), low, high)
        return self.air_kg * self.truth.makeup_changes_per_h / _HOUR_S * (makeup - ratio)
