"""Prices and carbon from files as others would publish them a day ahead: the next day, hour by hour."""

from __future__ import annotations

import math
from typing import Final

from controller.forecast import CARBON, PRICE
from controller.forecast.outlook import Origin, Outlook, Provided
from plant_models.site.topology import Site
from plant_models.sources.tariff import HourlyYear, Tariff

_HOUR_S: Final = 3600.0
_MARGIN_H: Final = 2  # beyond the horizon: an hour for its rounding, and one for a late cycle


def published(tariff: Tariff, site: Site, at_s: float) -> Outlook:
    """Returns what is published at an instant for as far as the optimiser looks; nothing for what the site's own tariff states."""
    hours = math.ceil(site.optimiser.horizon_steps * site.optimiser.step_s / _HOUR_S) + _MARGIN_H
    start_s = math.floor(at_s / _HOUR_S) * _HOUR_S
    years = {PRICE: tariff.price_year, CARBON: tariff.carbon_year}
    return Outlook(tuple(_ahead(signal, year, start_s, hours) for signal, year in years.items() if year is not None))


def _ahead(signal: str, year: HourlyYear, start_s: float, hours: int) -> Provided:
    values = tuple(year.at(start_s + k * _HOUR_S) for k in range(hours))
    return Provided(signal, Origin.PUBLISHED, start_s, _HOUR_S, values, year.name)
