"""The plate exchanger of a coolant distribution unit between facility water and technology water; counter-flow, both films with flow and viscosity.

Validity: each flow 0.05 .. 1.3 of design.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from plant_models.components import coolant
from plant_models.components.fluids import Expr

_FILM: Final = 0.8  # h ~ flow^0.8
_LEAST_SHARE: Final = 1e-3


@dataclass(frozen=True)
class CduDesign:
    """A unit's exchanger at design: heat [kW], approach of technology supply over facility water [K], flows [kg/s], glycol shares, temperatures [degC]."""

    heat_kw: float = 2000.0  # Open Compute Project, CDU white paper 2026 ("Deschutes")
    approach_k: float = 3.0
    tcs_flow_kgs: float = 31.5
    fws_flow_kgs: float = 32.3
    tcs_glycol: float = 0.25
    fws_glycol: float = 0.0
    tcs_mean_c: float = 38.0
    fws_mean_c: float = 34.0

    @property
    def tcs_kw_per_k(self) -> float:
        """Returns the heat capacity flow of the technology water at design [kW/K]."""
        return self.tcs_flow_kgs * coolant.specific_heat_kj_per_kgk(self.tcs_glycol)

    @property
    def fws_kw_per_k(self) -> float:
        """Returns the heat capacity flow of the facility water at design [kW/K]."""
        return self.fws_flow_kgs * coolant.specific_heat_kj_per_kgk(self.fws_glycol)

    def ua_kw_per_k(self) -> float:
        """Returns the UA [kW/K] that gives the design's approach. Raises ValueError where no counter-flow exchanger does."""
        tcs, fws = self.tcs_kw_per_k, self.fws_kw_per_k
        least, most = min(tcs, fws), max(tcs, fws)
        effectiveness = self.heat_kw / (least * (self.heat_kw / tcs + self.approach_k))
        ratio = min(least / most, 0.999)
        if not 0.0 < effectiveness < 1.0:
            raise ValueError(
                f"a CDU of {self.heat_kw:g} kW cannot reach an approach of {self.approach_k:g} K with {self.fws_flow_kgs:g} kg/s of facility water"
            )
        return least * math.log((1.0 - effectiveness * ratio) / (1.0 - effectiveness)) / (1.0 - ratio)


def ua_kw_per_k(design_ua: Expr, tcs_share: Expr, fws_share: Expr, tcs_film: Expr = 1.0, fws_film: Expr = 1.0) -> Expr:
    """Returns the UA [kW/K] at flows as shares of design; equal films at design, the film factors are those of ``coolant.film_factor``."""
    tcs = np.maximum(tcs_share, _LEAST_SHARE) ** _FILM * tcs_film
    fws = np.maximum(fws_share, _LEAST_SHARE) ** _FILM * fws_film
    return design_ua * 2.0 / (1.0 / tcs + 1.0 / fws)
