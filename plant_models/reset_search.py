"""``python -m plant_models.reset_search``: looks for better constants of the Guideline 36 resets by running them on simulated days; changes nothing itself."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

from plant_models.reset import G36, ResetMemory, Tuning, reset
from plant_models.scores import Scores
from plant_models.simulator.conditions import HOUR_S, Conditions, simulate
from plant_models.simulator.machines import SCAN_S
from plant_models.site.load import LoadedSite, load_site
from plant_models.site.problems import SiteErrors
from plant_models.sources.problems import SourceError

CELLS: Final = ("greensboro:05-08", "greensboro:11-12", "miami:02-18", "miami:08-26")  # none of them is in the energy benchmark
_BAS_ALONE_H: Final = 1
_SETTLING_H: Final = 2  # under the resets, not counted
_LOOK_SCANS: Final = 12  # between two looks at the truth: a minute
_WORTH_PCT: Final = 0.02  # of facility energy from which a change is taken up
_HEARTBEATS: Final = 65535
TRIALS: Final[Mapping[str, tuple[Mapping[str, float], ...]]] = {  # what is tried in place of each present value, one group at a time
    "chws_warmest_c": ({"chws_warmest_c": 14.5}, {"chws_warmest_c": 17.0}),
    "approach": (
        {"approach_least_k": 2.5, "approach_most_k": 2.5},
        {"approach_least_k": 3.0, "approach_most_k": 5.0},
        {"approach_least_k": 4.5, "approach_most_k": 4.5},
    ),
    "inlet_gain": ({"inlet_gain": 0.2}, {"inlet_gain": 0.3}, {"inlet_gain": 0.6}),
    "spread_k": ({"spread_k": 3.5}, {"spread_k": 4.5}, {"spread_k": 5.0}),
    "importance": ({"importance": 2.0}, {"importance": 4.0}),
    "trim": ({"trim": -0.01}, {"trim": -0.03}),
    "supply_raise_k": ({"supply_raise_k": 0.25},),
}


@dataclass(frozen=True)
class Result:
    """What one tuning used over all cells [kWh of the facility] and violated, by kind."""

    tuning: Tuning
    facility_kwh: tuple[float, ...]
    violations: Mapping[str, float]

    def saved_pct(self, other: Result) -> float:
        """Returns by how much facility energy is below that of ``other``, mean over the cells [%]."""
        return sum(100.0 * (1.0 - a / b) for a, b in zip(self.facility_kwh, other.facility_kwh, strict=True)) / len(self.facility_kwh)

    def worse(self, other: Result) -> list[str]:
        """Returns the kinds of violation that are more than under ``other``."""
        return [kind for kind, amount in self.violations.items() if amount > other.violations[kind] + 1e-6]


def run(loaded: LoadedSite, tuning: Tuning, cells: Sequence[Conditions], hours: int) -> Result:
    """Returns what a tuning gives over all cells, each run as the daemon in mode RESET would."""
    scored = [_scored(loaded, tuning, cell, hours) for cell in cells]
    violations = {kind: sum(s["violations"][kind] for s in scored) for kind in scored[0]["violations"]}
    return Result(tuning, tuple(s["energy_kwh"]["facility_total"] for s in scored), violations)


def _scored(loaded: LoadedSite, tuning: Tuning, cell: Conditions, hours: int) -> Mapping[str, Any]:
    prepared = simulate(loaded, cell)
    site, scores, memory = prepared.site, Scores(loaded.site), ResetMemory()
    readable = sorted({p.signal for p in loaded.points.rows if p.readable})
    site.write("daemon.owner_id", float(loaded.site.lease.owner_id))
    scans = round((_SETTLING_H + hours) * HOUR_S / SCAN_S)
    for scan in range(scans):
        if scan * SCAN_S % loaded.site.timing.cycle_s == 0:
            seen = {signal: value for signal in readable if (value := site.read(signal)) is not None}
            setpoints, memory = reset(loaded.site, memory, seen, site.now_s, tuning)
            for name in setpoints.keys() & loaded.points.setpoints:
                site.write(f"{name}.request", setpoints[name])
        site.write("daemon.heartbeat", float(scan % _HEARTBEATS + 1))
        if scan * SCAN_S >= _SETTLING_H * HOUR_S and scan % _LOOK_SCANS == 0:
            scores.observe(site)
        site.advance(site.now_s + SCAN_S)
    scores.observe(site)
    return scores.result()


def combined(now: Result, found: Mapping[str, Sequence[Result]]) -> Tuning:
    """Returns the present tuning with the best value of each group that saves enough and violates nothing more."""
    tuning = now.tuning
    for results in found.values():
        better = [r for r in results if r.saved_pct(now) >= _WORTH_PCT and not r.worse(now)]
        if better:
            best = max(better, key=lambda r: r.saved_pct(now))
            tuning = replace(tuning, **changed(now.tuning, best.tuning))
    return tuning


def changed(before: Tuning, after: Tuning) -> dict[str, float]:
    """Returns the constants of ``after`` that are not those of ``before``, by name."""
    return {f.name: getattr(after, f.name) for f in fields(Tuning) if getattr(after, f.name) != getattr(before, f.name)}


def _line(result: Result, now: Result) -> str:
    named = ", ".join(f"{name} {value:g}" for name, value in changed(now.tuning, result.tuning).items()) or "present constants"
    violated = ", ".join(f"{kind} {amount:.0f}" for kind, amount in result.violations.items() if amount >= 0.5) or "no violations"
    return f"{named}: {result.saved_pct(now):+.3f} % of facility energy saved; {violated}"


def _cell(text: str, seed: int) -> Conditions:
    weather, _, day = text.rpartition(":")
    return Conditions(weather=weather, start=day, seed=seed, warm_up_h=_BAS_ALONE_H)


def main(arguments: list[str] | None = None) -> int:
    """Tries every constant by itself, then the best of each together, and prints what each gives beside the present ones."""
    parser = argparse.ArgumentParser(prog="python -m plant_models.reset_search", description="Looks for better constants of the Guideline 36 resets.")
    parser.add_argument("--config", type=Path, default=Path("config/reference-a"), metavar="DIR", help="the simulated site (default %(default)s)")
    parser.add_argument("--cell", action="append", metavar="WEATHER:MM-DD", help=f"a day to run, may be given again (default {' '.join(CELLS)})")
    parser.add_argument("--hours", type=int, default=24, metavar="N", help="hours of each day that count (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of load and sensors (default %(default)s)")
    given = parser.parse_args(arguments)
    if given.hours < 1:
        parser.error(f"--hours {given.hours}: 1 or more")
    try:
        loaded = load_site(given.config, {})
        cells = [_cell(text, given.seed) for text in given.cell or CELLS]
        now = run(loaded, G36, cells, given.hours)
    except (SiteErrors, SourceError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    print(_line(now, now), flush=True)
    found: dict[str, list[Result]] = {}
    for group, trials in TRIALS.items():
        found[group] = [run(loaded, replace(G36, **values), cells, given.hours) for values in trials]
        print("\n".join(_line(result, now) for result in found[group]), flush=True)
    together = combined(now, found)
    if changed(G36, together):
        print("together: " + _line(run(loaded, together, cells, given.hours), now))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
