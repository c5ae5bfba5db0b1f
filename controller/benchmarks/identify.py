"""``python -m controller.benchmarks.identify``: what identification finds on drawn sites, after bounded steps, and as machines age; it tunes nothing.

Every site is the simulator's, worn as its seed draws it, and seen through its own sensors. Steps are made here without a daemon, as a plan asks.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from plant_models.reduced.daily import DAY_S
from plant_models.reduced.drift import Upkeep, follow, updated
from plant_models.reduced.excite import careful, towards
from plant_models.reduced.identify import fit, identify
from plant_models.reduced.judge import COOLING, free_run, judge, measured_powers, misses
from plant_models.reduced.nameplate import from_name_plate
from plant_models.reduced.parameters import load_parameters, save_parameters
from plant_models.reduced.prbs import design
from plant_models.reduced.simulate import series_of
from plant_models.reduced.table import Data, prepare
from plant_models.simulator.conditions import Conditions, inputs, truth_of
from plant_models.simulator.experiment import Row, Table, commission, operate
from plant_models.simulator.site import SimulatedSite
from plant_models.site.limits import limits_of
from plant_models.site.load import LoadedSite, SiteErrors, load_site
from plant_models.sources.weather import open_weather

FROM: Final = ("03-10", "11-05", "05-01", "07-10", "10-01", "01-10")
"""First day by seed, so that seasons differ: March, November, May, July, October, January; further seeds begin again."""
COMMISSIONED: Final = "simulated commissioning: 7 stretches of 2.5 days of random steps in all seasons, Greensboro weather, seeds 1-7"
"""What the examples' models say that they come from."""
PASSIVE_DAYS: Final = 7.0
BLOCKS_H: Final = (0.0, 6.0, 12.0, 18.0)  # of the eighth day: four blocks of three hours, ordinary operation between them
BLOCK_H: Final = 3.0
JUDGED_DAYS: Final = 2.0
FOULED: Final = 0.15  # of power, over 30 days
FOULING_DAYS: Final = 30
_HOURS_A_DAY: Final = 8.0  # that stand for a day as machines foul
_HOUR_S: Final = 3600.0


@dataclass(frozen=True)
class Case:
    """A drawn site: the example it is built as, its seed, its first day and weather."""

    loaded: LoadedSite
    seed: int
    start: str
    weather: str = "greensboro"

    def simulated(self, day: float = 0.0, ageing: float = 1.0) -> SimulatedSite:
        """Returns the site some days after its first, six hours before it is looked at, its compressors drawing ``ageing`` times as much."""
        asked = Conditions(weather=self.weather, seed=self.seed, ageing_seed=self.seed, start=self.start)
        weather, load, start_s = inputs(self.loaded, asked)
        truth = truth_of(self.loaded, asked)
        truth = replace(truth, chiller={n: replace(c, age=c.age * ageing) for n, c in truth.chiller.items()})
        return SimulatedSite(self.loaded.site, self.loaded.points, truth, weather, load, self.seed, start_s + DAY_S * day - 6 * _HOUR_S)


def drawn(case: Case, days: float) -> dict[str, Any]:
    """Returns the errors on days held back of a model identified from ordinary operation, under Guideline 36 resets."""
    limits = limits_of(case.loaded.site, case.loaded.points)
    found = identify(case.loaded.site, operate(case.loaded.site, case.simulated(), limits, days), f"seed {case.seed}")
    return {"seed": case.seed, "start": case.start, "days": days, "errors": found.held_back, "missed": list(found.missed)}


def stepped(case: Case) -> dict[str, Any]:
    """Returns the errors, on two days of ordinary operation afterwards, of models from 7 passive days with 12 h of steps, and of a hall's from 3 h."""
    site, limits = case.loaded.site, limits_of(case.loaded.site, case.loaded.points)
    plant = case.simulated()
    first_s = plant.now_s + 6 * _HOUR_S + DAY_S * PASSIVE_DAYS
    plans = [design(site.site.name, limits, BLOCK_H, number) for number in range(len(BLOCKS_H))]
    centres: dict[int, Mapping[str, float]] = {}

    def steps(row: Row, asked: Mapping[str, float], at_s: float) -> Mapping[str, float]:
        for number, hour in enumerate(BLOCKS_H):
            elapsed_s = at_s - first_s - _HOUR_S * hour
            if 0.0 <= elapsed_s < _HOUR_S * BLOCK_H:
                centre = centres.setdefault(number, {s: row[s] for s in plans[number].steps})
                targets = {s: centre[s] + plans[number].offset(s, elapsed_s) for s in centre}
                return {s: towards(row[s], t, careful(s, limits.setpoints[s]), site.timing.cycle_s) for s, t in targets.items()}
        return asked

    table = operate(site, plant, limits, PASSIVE_DAYS + 1.0 + JUDGED_DAYS, steps)
    at_s = table["at_s"] - first_s
    return {
        "seed": case.seed,
        "start": case.start,
        "correlations": [p.correlation for p in plans],
        "passive": _judged(site, table, at_s < 0.0, at_s >= DAY_S),
        "passive_and_steps": _judged(site, table, at_s < DAY_S, at_s >= DAY_S),
        "hall_from_3_h": _judged(site, table, (at_s >= 0.0) & (at_s < _HOUR_S * BLOCK_H), at_s >= DAY_S),
    }


def _judged(site: Any, table: Table, fitted: Any, judged: Any) -> dict[str, Any]:
    data = replace(prepare(site, table, 0.0, 10_000), fit=fitted)
    parameters = fit(data, from_name_plate(site))
    errors = judge(data, parameters, series_of(data, parameters), judged)
    return {"errors": errors, "missed": list(misses(errors, PASSIVE_DAYS))}


def fouled(case: Case) -> list[dict[str, float]]:
    """Returns, day by day as its chillers foul, the error of the sum of cooling energy of the identified model, and of the one updated until then."""
    site, limits = case.loaded.site, limits_of(case.loaded.site, case.loaded.points)
    identified = load_parameters(site.directory / site.optimiser.model, site)
    upkeep, found = Upkeep(), []
    for day in range(FOULING_DAYS):
        plant = case.simulated(float(day), 1.0 + FOULED * day / (FOULING_DAYS - 1))
        data = prepare(site, operate(site, plant, limits, _HOURS_A_DAY / 24.0), 0.0, 1)
        model = updated(identified, upkeep)
        found.append({"day": day, "identified": _sum_error(data, identified), "updated": _sum_error(data, model), "drifted": float(bool(upkeep.drifted))})
        measured, expected = _energies(data, identified)
        upkeep = follow(upkeep, measured, expected)
    return found


def _energies(data: Data, model: Any) -> tuple[dict[str, float], dict[str, float]]:
    powers = free_run(data, model, series_of(data, model), np.array([0]), data["at_s"].size - 1)
    seen = measured_powers(data)
    groups = sorted(seen.keys() & powers.keys())
    return {g: float(np.nansum(seen[g][1:])) for g in groups}, {g: float(np.nansum(powers[g])) for g in groups}


def _sum_error(data: Data, model: Any) -> float:
    measured, expected = _energies(data, model)
    groups = [g for g in measured if g.partition(".")[2] != "facility_kw"]
    return sum(expected[g] for g in groups) / sum(measured[g] for g in groups) - 1.0


def commissioned(loaded: LoadedSite, out: Path | None) -> dict[str, Any]:
    """Returns the errors on days held back of a model identified from simulated commissioning in all seasons; writes it if it is accepted."""
    table = commission(loaded, loaded.site.directory / "plant.toml", open_weather("greensboro"), told=lambda line: print(line, file=sys.stderr))
    found = identify(loaded.site, table, COMMISSIONED)
    if out is not None and not found.missed:
        save_parameters(found.parameters, out)
    return {"errors": found.held_back, "missed": list(found.missed), "model": str(out) if out is not None and not found.missed else None}


def _line(name: str, errors: Mapping[str, Mapping[str, float]], missed: list[str]) -> str:
    def of(quantity: str, kind: str, unit: str, factor: float = 1.0) -> str:
        values = [e[kind] for q, e in errors.items() if q.endswith(quantity) and kind in e]
        return f"{factor * max(values):5.2f} {unit}" if values else "      -"

    cooling = of(COOLING, "cv_rmse", "%", 100.0)
    rest = " ".join(f"{q} {of(q, 'rmse_k', 'K')}" for q in ("rack_inlet_max_c", "cws_temp_c"))
    return f"{name:28s} cooling {cooling} {rest}  {'accepted' if not missed else 'MISSES ' + '; '.join(m.partition(' on days')[0] for m in missed)}"


def main(arguments: list[str] | None = None) -> int:
    """Runs what is asked for and prints it; 0 when done, 1 for a model outside acceptance, 2 for a site or seeds that cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m controller.benchmarks.identify", description="What identification finds on drawn sites.")
    parser.add_argument("--config", type=Path, default=Path("config/reference-a"), metavar="DIR", help="what the sites are built as (default %(default)s)")
    parser.add_argument("--seeds", default="0-5", metavar="A-B", help="the sites drawn (default %(default)s)")
    parser.add_argument("--days", type=float, default=14.0, metavar="N", help="of ordinary operation, every fourth held back (default %(default)g)")
    parser.add_argument("--what", choices=("drawn", "steps", "fouling", "commission"), default="drawn", help="default %(default)s; each takes minutes")
    parser.add_argument("--out", type=Path, metavar="FILE", help="with commission: the model file, written if it is accepted")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write everything there")
    given = parser.parse_args(arguments)
    try:
        loaded = load_site(given.config)
        first, _, last = given.seeds.partition("-")
        seeds = range(int(first), int(last or first) + 1)
        if not seeds or seeds[0] < 0 or not 4.0 <= given.days <= 60.0:
            raise ValueError(f"seeds {given.seeds}, days {given.days:g}: seeds are A-B with 0 <= A <= B, days 4 .. 60")
    except (SiteErrors, ValueError) as error:
        print(f"identify: {error}", file=sys.stderr)
        return 2
    if given.what == "commission":
        found = commissioned(loaded, given.out)
        print(_line(loaded.site.site.name, found["errors"], found["missed"]), flush=True)
        return 1 if found["missed"] else 0
    results: list[Any] = []
    for seed in seeds:
        case = Case(loaded, seed, FROM[seed % len(FROM)])
        result = _run(case, given.what, given.days)
        results.append(result)
        if given.json:
            given.json.write_text(json.dumps({"config": given.config.name, "what": given.what, "results": results}, indent=1) + "\n")
    return 0


def _run(case: Case, what: str, days: float) -> dict[str, Any]:
    name = f"seed {case.seed} from {case.start}"
    if what == "drawn":
        found = drawn(case, days)
        print(_line(name, found["errors"], found["missed"]), flush=True)
        return found
    if what == "steps":
        found = stepped(case)
        for part in ("passive", "passive_and_steps", "hall_from_3_h"):
            print(_line(f"{name} {part}", found[part]["errors"], found[part]["missed"]), flush=True)
        return found
    course = fouled(case)
    for day in course[::5] + course[-1:]:
        print(f"{name} day {day['day']:2.0f}: identified {100 * day['identified']:+.1f} %, updated {100 * day['updated']:+.1f} %", flush=True)
    alarm = next((day["day"] for day in course if day["drifted"]), None)
    print(f"{name}: drift seen on day {alarm}" if alarm is not None else f"{name}: no drift seen", flush=True)
    return {"seed": case.seed, "days": course}


if __name__ == "__main__":
    sys.exit(main())
