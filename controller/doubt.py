"""Why a plan, or a learned correction of it, is trusted less in this cycle; how much less stands in ``safety.authority``."""

from __future__ import annotations

from typing import Final

from plant_models.site.load import LoadedSite
from safety.authority import Doubt
from safety.records import Forecast, Quantiles

AHEAD_S: Final = 3600.0  # what happens within the hour has been decided by the plan that is written now
LOAD_WIDTH: Final = 0.25  # engineering value, of a hall's capacity, between the 10 % and 90 % quantiles
WETBULB_WIDTH_K: Final = 6.0  # engineering value
WETBULB: Final = "weather.oa_wetbulb_c"


def doubts_of(loaded: LoadedSite, forecast: Forecast) -> frozenset[Doubt]:
    """Returns what speaks against a plan made for this forecast; a quantity that is not forecast is another matter (no forecast, no plan)."""
    most = {f"{hall.name}.it_load_kw": LOAD_WIDTH * hall.it_capacity_kw for hall in loaded.site.hall} | {WETBULB: WETBULB_WIDTH_K}
    wide = any(_width(forecast, forecast.series[signal]) > allowed for signal, allowed in most.items() if signal in forecast.series)
    return frozenset({Doubt.FORECAST_WIDE}) if wide else frozenset()


def _width(forecast: Forecast, series: Quantiles) -> float:
    """Returns the distance of the outer quantiles an hour ahead, in the quantity's own unit."""
    at = min(round(AHEAD_S / forecast.step_s), len(series.high) - 1)
    return series.high[at] - series.low[at]
