"""The true course of a simulated site, minute by minute, for pictures and comparisons."""

from __future__ import annotations

from plant_models.simulator.site import SimulatedSite
from plant_models.simulator.truth import Truth
from plant_models.site.load import LoadedSite

Columns = dict[str, list[float | None]]
MINUTE_H = 1.0 / 60.0


class Series:
    """Keeps the site's true course once a minute, as lists by name; powers are means over the minute before."""

    def __init__(self, loaded: LoadedSite, site: SimulatedSite) -> None:
        """Watches ``site``."""
        self._loaded, self._site = loaded, site
        self._before = site.truth
        self.columns: Columns = {name: [] for name in ("at_s", "facility_kw", "cooling_kw", "it_kw", "inlet_max_c", "oa_wetbulb_c")}

    def observe(self) -> None:
        """Adds the present moment, if the last one is a minute old."""
        elapsed_h = (self._site.now_s - self._before.at_s) / 3600.0
        if elapsed_h < MINUTE_H:
            return
        now, before = self._site.truth, self._before
        powers_kw = ((now.facility_kwh - before.facility_kwh), (now.cooling_kwh - before.cooling_kwh), (now.it_kwh - before.it_kwh))
        values = (now.at_s, *(kwh / elapsed_h for kwh in powers_kw), hottest_inlet_c(self._loaded, now), now.values["weather.oa_wetbulb_c"])
        for column, value in zip(self.columns.values(), values, strict=True):
            column.append(value)
        self._before = now


def hottest_inlet_c(loaded: LoadedSite, truth: Truth) -> float | None:
    """Returns the hottest true rack inlet of the site [degC], None where it has no hall."""
    return max((truth.values[f"{hall.name}.rack_inlet_max_c"] for hall in loaded.site.hall), default=None)
