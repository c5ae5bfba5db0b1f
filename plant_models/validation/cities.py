"""Plant A at constant settings through a typical year in several cities, beside an independent steady-state calculation of the same plant."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from plant_models.simulator.bas import Manner
from plant_models.simulator.conditions import DAY_S, HOUR_S
from plant_models.simulator.plant_file import ChillerTruth, PlantTruth
from plant_models.simulator.site import SimulatedSite
from plant_models.simulator.truth import Truth
from plant_models.site.load import LoadedSite
from plant_models.sources.weather import NOMINAL_YEAR, Weather, open_weather, start_of
from plant_models.validation.targets import Found, Section

_KW_PER_TON: Final = 3.51685
_WARM_UP_H: Final = 1
_ELECTRICAL: Final = 0.07  # of each PUE below: UPS 4.5 %, distribution 1.5 %, lighting 1 %
_BAND: Final = 0.10  # cooling energy at constant settings, either way
_UTILISATION: Final = 0.538  # 3.5 MW of 5 MW with servers that idle at 35 %
_AGE: Final = 1.08  # power over that of the clean machine, as in the calculation

_MISS_ABOVE: Final = (
    "beside an economiser the BAS holds the machines' least lift and the guideline's stages (at 16 degC four of them at a third of load, tower water "
    "at 19 degC in 9 to 13 degC wet bulb), where the calculation lets the towers go as cold as they can"
)
_MISS_BELOW: Final = "few days: more hours without compressors than in the year"

Expected = tuple[float, float, float]  # PUE, plant kW/ton, WUE [L/kWh] of the cases below
CASES: Final[Mapping[str, Manner]] = {
    "7 degC, no economiser": Manner(
        {"plant.chws_setpoint_c": 7.0, "hall-a.crah_supply_setpoint_c": 18.0, "plant.cws_setpoint_c": 24.0, "hall-a.crah_fan_setpoint_pct": 75.0},
        over_wetbulb_k=None,
        economiser=False,
    ),
    "10 degC, economiser": Manner({"plant.chws_setpoint_c": 10.0, "hall-a.crah_supply_setpoint_c": 20.0, "hall-a.crah_fan_setpoint_pct": 75.0}),
    "16 degC, supply air 24 degC": Manner(
        {"plant.chws_setpoint_c": 16.0, "hall-a.crah_supply_setpoint_c": 24.0, "hall-a.crah_fan_setpoint_pct": 75.0, "plant.chw_dp_setpoint_kpa": 90.0}
    ),
}
EXPECTED: Final[Mapping[str, tuple[Expected, Expected, Expected]]] = {  # steady state, hourly typical year, plant A, 3.5 MW IT, power x 1.08
    "Phoenix": ((1.342, 0.655, 2.03), (1.253, 0.407, 1.88), (1.199, 0.263, 1.62)),
    "Chicago": ((1.340, 0.648, 1.83), (1.228, 0.328, 1.67), (1.187, 0.222, 1.45)),
    "Atlanta": ((1.346, 0.667, 1.94), (1.260, 0.428, 1.80), (1.211, 0.299, 1.56)),
}
_FILES: Final[Mapping[str, tuple[str, str]]] = {  # file in the folder of weather files, or a bundled place of like climate
    "Phoenix": ("USA_AZ_Phoenix-Sky.Harbor_TMYx.epw.gz", ""),
    "Chicago": ("USA_IL_Chicago.OHare_TMYx.epw.gz", ""),
    "Atlanta": ("", "greensboro"),
}


@dataclass(frozen=True)
class _Constant:
    """The same utilisation at any time."""

    use: float

    def at(self, at_s: float) -> tuple[float, ...]:
        """Returns utilisation of the one hall."""
        return (self.use,)


def weathers(folder: Path | None) -> dict[str, Weather]:
    """Returns the weather of every city that there is one for: from ``folder`` where it has the file, else from what is bundled."""
    found = {}
    for city, (file, bundled) in _FILES.items():
        path = folder / file if folder and file else None
        if path is not None and path.is_file():
            found[city] = open_weather(path)
        elif bundled:
            found[city] = open_weather(bundled)
    return found


def cross_check(loaded: LoadedSite, truth: PlantTruth, folder: Path | None, days: int, told: Callable[[str], None]) -> Section:
    """Runs every case in every city on some days spread over the year, and returns what came out beside what is expected."""
    chillers = {c.name: replace(truth.chiller.get(c.name, ChillerTruth()), age=_AGE, capacity_factor=1.0) for c in loaded.site.chiller}
    aged = replace(truth, chiller=chillers)
    first = date(NOMINAL_YEAR, 1, 1)
    starts = [first + timedelta(days=round((k + 0.5) * 365 / days)) for k in range(days)]
    found: list[Found] = []
    for city, weather in weathers(folder).items():
        for (case, manner), expected in zip(CASES.items(), EXPECTED[city], strict=True):
            told(f"cities: {city}, {case}")
            found += explained(_rows(f"{city}, {case}", expected, [_day(loaded, aged, weather, day, manner) for day in starts], city))
    says = (
        f"Plant A at 3.5 MW of IT and constant settings, chillers at {_AGE} times the power of clean ones, {days} days spread over a typical year, after "
        f"{_WARM_UP_H} h that do not count; beside a steady-state calculation for all its hours with ideal staging, which such a run should meet within "
        "10 % of cooling energy (towers, pumps, chillers, CRAH fans). PUE and water have bands of their own. Few days make a coarse year: ask for more."
    )
    return Section("The same plant in several cities", says, found)


def explained(found: Sequence[Found]) -> list[Found]:
    """Returns the targets with what is known of each miss beside it."""
    return [f if f.passed else replace(f, remark="; ".join(filter(None, (f.remark, _MISS_ABOVE if f.value > f.high else _MISS_BELOW)))) for f in found]


def _day(loaded: LoadedSite, truth: PlantTruth, weather: Weather, day: date, manner: Manner) -> tuple[Truth, Truth]:
    start_s = start_of(day, weather)
    site = SimulatedSite(loaded.site, loaded.points, truth, weather, _Constant(_UTILISATION), 0, start_s - _WARM_UP_H * HOUR_S, manner=manner)
    site.advance(start_s)
    before = site.truth
    site.advance(start_s + DAY_S)
    return before, site.truth


def _rows(what: str, expected: Expected, runs: Sequence[tuple[Truth, Truth]], city: str) -> list[Found]:
    it = sum(after.it_kwh - before.it_kwh for before, after in runs)
    cooling = sum(after.cooling_kwh - before.cooling_kwh for before, after in runs)
    fans = sum(after.energy_kwh["crah_fans"] - before.energy_kwh["crah_fans"] for before, after in runs)
    facility = sum(after.facility_kwh - before.facility_kwh for before, after in runs)
    water = sum(a.water_evaporated_kg + a.water_blowdown_kg - b.water_evaporated_kg - b.water_blowdown_kg for b, a in runs)
    heat = facility - cooling + fans
    pue, kw_per_ton, wue = expected
    share = pue - 1.0 - _ELECTRICAL
    climate = "weather of Greensboro NC" if city == "Atlanta" else ""
    basis = "steady-state calculation +-10 %"
    return [
        Found(f"{what}: cooling energy over IT", round(share * (1 - _BAND), 4), round(share * (1 + _BAND), 4), "", basis, cooling / it, climate),
        Found(f"{what}: plant power", round(kw_per_ton * 0.9, 3), round(kw_per_ton * 1.1, 3), "kW/ton", basis, (cooling - fans) / heat * _KW_PER_TON),
        Found(f"{what}: PUE", round(pue - 0.03, 3), round(pue + 0.03, 3), "", "steady-state calculation +-0.03", facility / it),
        Found(f"{what}: water", round(wue * 0.85, 2), round(wue * 1.15, 2), "L/kWh", "steady-state calculation +-15 %", water / it),
    ]
