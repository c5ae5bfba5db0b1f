"""Fits a plant's static parameters on data whose heat balance is closed, in the order in which one rests on the other."""

from __future__ import annotations

import numpy as np
from scipy.optimize import nnls

from plant_models.reduced.fit_economiser import fit_economiser
from plant_models.reduced.fit_machines import fit_chillers, fit_chw_pumps, fit_cw_pumps, fit_towers
from plant_models.reduced.parameters import PlantParameters, SiteParameters
from plant_models.reduced.table import Data
from plant_models.site.topology import Plant


def fit_plant(data: Data, plant: Plant, start: PlantParameters) -> PlantParameters:
    """Returns a plant's parameters fitted to the steady rows; what the data do not show keeps its start value."""
    fitted = start
    for fit in (fit_chw_pumps, fit_cw_pumps, fit_economiser, fit_chillers, fit_towers):
        fitted = fit(data, plant, fitted)
    return fitted


def fit_site(data: Data, start: SiteParameters) -> SiteParameters:
    """Returns the losses of the electrical chain over IT power."""
    loads = [f"{h.name}.it_load_kw" for h in data.site.hall]
    if not data.has("site.losses_power_kw", *loads) or not loads:
        return start
    rows = data.usable(data.fit, "site.losses_power_kw", *loads)
    it_kw = np.sum([data[s] for s in loads], axis=0)[rows]
    (fixed, share), _ = nnls(np.column_stack([np.ones_like(it_kw), it_kw]), data["site.losses_power_kw"][rows])
    return SiteParameters(float(fixed), float(share))
