"""Whole days of the reference sites under their own BAS: efficiency, water and temperature differences beside those of real plants."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from plant_models.simulator.conditions import HOUR_S, Conditions, simulate
from plant_models.simulator.truth import Truth
from plant_models.site.load import load_site
from plant_models.validation.targets import Found, Section

_HOURS: Final = 24


def day_targets(config: Path, told: Callable[[str], None]) -> Section:
    """Returns what a day gives: plant A in spring and summer, plant B, liquid-cooled, in spring where it is configured."""
    told("days: plant A")
    found = []
    before, after, dt = _day(config / "reference-a", "04-10")
    found += [
        Found("plant A, April, economiser: PUE", 1.15, 1.30, "", "survey and models", _pue(before, after)),
        Found("plant A, April: water", 1.2, 2.1, "L/kWh", "water-cooled plants 1.4-2.1, less in the cold", _water(before, after)),
        Found("plant A, April: chilled water return over supply, mean", 5.0, 10.0, "K", "survey", dt),
    ]
    if (config / "reference-b").is_dir():
        told("days: plant B")
        before, after, _ = _day(config / "reference-b", "04-10")
        it = after.it_kwh - before.it_kwh
        pumps = after.energy_kwh.get("cdu_pumps", 0.0) - before.energy_kwh.get("cdu_pumps", 0.0)
        found += [
            Found("plant B, liquid: PUE", 1.03, 1.12, "", "warm liquid cooling", _pue(before, after), "electrical losses alone are 0.05 to 0.07"),
            Found("plant B: CDU pumps over IT", 1.0, 4.0, "%", "OCP and Frontier CDUs", 100.0 * pumps / it),
            Found("plant B: water", 0.0, 0.4, "L/kWh", "dry coolers 0-0.05; its chilled-water plant has towers", _water(before, after)),
        ]
    says = (
        "Reference sites for a day at Greensboro, 10 April, seed 0, after six hours that do not count, under their own BAS with the setpoints of `site.toml`."
    )
    return Section("Whole days", says, found)


def _day(directory: Path, start: str) -> tuple[Truth, Truth, float]:
    site = simulate(load_site(directory, {}), Conditions(start=start)).site
    plant = next(p for p in site.truth.values if p.endswith(".chwr_temp_c") and not p.startswith(("ch-", "wse"))).partition(".")[0]
    before, differences = site.truth, []
    for _ in range(_HOURS):
        site.advance(site.now_s + HOUR_S)
        values = site.truth.values
        differences.append(values[f"{plant}.chwr_temp_c"] - values[f"{plant}.chws_temp_c"])
    return before, site.truth, sum(differences) / len(differences)


def _pue(before: Truth, after: Truth) -> float:
    return (after.facility_kwh - before.facility_kwh) / (after.it_kwh - before.it_kwh)


def _water(before: Truth, after: Truth) -> float:
    kg = after.water_evaporated_kg + after.water_blowdown_kg - before.water_evaporated_kg - before.water_blowdown_kg
    return kg / (after.it_kwh - before.it_kwh)
