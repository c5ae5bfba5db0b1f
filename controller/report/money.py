"""What a measured saving is worth: kWh, cost, carbon and payback, each with the ends of its interval; an assumption stands beside every number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from controller.report.effect import Effect

_HOURS_A_YEAR: Final = 8760.0


@dataclass(frozen=True, slots=True)
class Ends:
    """An estimate and the ends of its interval of 95 %."""

    low: float
    mean: float
    high: float


@dataclass(frozen=True, slots=True)
class Worth:
    """A saving over a year at the experiment's mean load and weather; payback [years] is None where nothing is saved for sure."""

    energy_kwh: Ends
    cost: Ends
    carbon_kg: Ends
    payback_years: Ends | None
    roi_pct: Ends | None


def worth(effect: Effect, price_per_kwh: float, carbon_kg_per_kwh: float, carbon_price_per_kg: float = 0.0, investment: float | None = None) -> Worth:
    """Returns what a saving is worth in a year.

    Prices in the site's currency; carbon intensity is an average one unless the site states a marginal one. ``investment`` is what the controller
    costs once; return on investment is that of the first year.
    """
    energy = Ends(*(share / 100.0 * effect.base_kw * _HOURS_A_YEAR for share in (effect.low_pct, effect.saving_pct, effect.high_pct)))
    carbon = _scaled(energy, carbon_kg_per_kwh)
    cost = _scaled(energy, price_per_kwh + carbon_kg_per_kwh * carbon_price_per_kg)
    if investment is None:
        return Worth(energy, cost, carbon, None, None)
    payback = Ends(investment / cost.high, investment / cost.mean, investment / cost.low) if cost.low > 0.0 else None
    return Worth(energy, cost, carbon, payback, _scaled(cost, 100.0 / investment) if investment > 0.0 else None)


def _scaled(ends: Ends, by: float) -> Ends:
    return Ends(ends.low * by, ends.mean * by, ends.high * by)
