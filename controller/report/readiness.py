"""What a switchback experiment on a site could find out: how long it takes for a saving of a size, and what missing meters cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from controller.report.effect import scatter
from controller.report.experiment import hours_recorded
from controller.report.read import History
from controller.rollout.switchback import days_needed
from plant_models.site.load import LoadedSite
from plant_models.site.topology import Site

EFFECTS_PCT: Final = (2.0, 3.0, 5.0, 10.0)
_MODELLED: Final = 0.10  # engineering value: daily error of a machine's power that is modelled, not metered; ASHRAE Guideline 14 allows 10 % NMBE hourly
_SHARES: Final[Mapping[str, float]] = {"chillers": 0.60, "pumps": 0.15, "towers": 0.08, "CRAH fans": 0.17}  # design: usual split of an air-cooled site


def readiness(loaded: LoadedSite, history: History) -> dict[str, Any] | None:
    """Returns days per arm by saving [%], the scatter behind them, and each group of machines with its missing meters; None where too little is recorded."""
    hours = hours_recorded(history)
    found = None if hours is None else scatter(hours)
    if hours is None or found is None:
        return None
    noise_pct, autocorrelation = found
    missing = missing_meters(loaded)
    errors_pct = {group: 100.0 * _MODELLED * _SHARES[group] for group, names in missing.items() if names}
    widened = {group: math.hypot(noise_pct, error) / noise_pct for group, error in errors_pct.items()}
    whole = math.hypot(noise_pct, *errors_pct.values()) / noise_pct  # errors of different machines are independent
    return {
        "days_recorded": hours.days,
        "noise_pct": noise_pct,
        "autocorrelation": autocorrelation,
        "days_per_arm": {f"{effect:g}": days_needed(noise_pct, autocorrelation, effect) for effect in EFFECTS_PCT},
        "missing_meters": {group: list(names) for group, names in missing.items() if names},
        "interval_widened": widened,
        "interval_widened_in_all": whole,
        "wetbulb_range_c": [float(np.min(hours.wetbulb_c)), float(np.max(hours.wetbulb_c))],
    }


def missing_meters(loaded: LoadedSite) -> dict[str, tuple[str, ...]]:
    """Returns, by group of machines, those whose power no point reads."""
    metered = loaded.points.by_signal
    return {group: tuple(s for s in signals if s not in metered) for group, signals in _meters(loaded.site).items()}


def _meters(site: Site) -> dict[str, list[str]]:
    return {
        "chillers": [f"{c.name}.power_kw" for c in site.chiller],
        "pumps": [f"{p.name}.power_kw" for p in site.pump],
        "towers": [f"{t.name}.power_kw" for t in site.tower],
        "CRAH fans": [f"{h.name}.crah_fan_power_kw" for h in site.hall],
    }


def as_text(found: Mapping[str, Any]) -> str:
    """Returns what was found in sentences."""
    lines = [
        f"{found['days_recorded']} days recorded; load and weather leave {found['noise_pct']:.1f} % of scatter from day to day, "
        f"autocorrelation {found['autocorrelation']:.2f}, wet bulb {found['wetbulb_range_c'][0]:.0f} to {found['wetbulb_range_c'][1]:.0f} C"
    ]
    lines += [f"a saving of {effect:>3s} % needs {days} days on each arm" for effect, days in found["days_per_arm"].items()]
    for group, names in found["missing_meters"].items():
        lines.append(f"not metered, {group}: {', '.join(names)}; widens the interval by {100.0 * (found['interval_widened'][group] - 1.0):.0f} %")
    if not found["missing_meters"]:
        lines.append("every machine's power is metered")
    return "\n".join(lines)
