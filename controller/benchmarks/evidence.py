"""``python -m controller.benchmarks.evidence``: switchback experiments on simulated plants whose true saving is known; writes evidence.json.

What is tested is the report's own design and statistics (controller/rollout/switchback.py, controller/report/effect.py). Worlds are kept as they end.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from controller.benchmarks.energy import CONFIGS, code_digest, keep, revision
from controller.report.effect import Effect, Hours, effect
from controller.rollout.switchback import Arm, Design, arms
from plant_models.simulator.bas import Manner
from plant_models.simulator.conditions import Conditions, simulate
from plant_models.site.load import load_site

CLIMATES: Final = ("greensboro", "miami")
STARTS: Final = ("01-08", "07-08")
SITES: Final = ("reference-a", "small")
CARRY_OVER_H: Final = 2
_LOAD_NOISE: Final = 0.005  # what is known of the IT work that was done, as a meter of class 0.5 would tell it
_FIRST_DAY: Final = date(2026, 1, 1)
_COLUMNS: Final = ("cooling_kw", "facility_kw", "it_kw", "wetbulb_c")
_CONTRASTS: Final[Mapping[str, Mapping[str, float]]] = {
    "legacy": {},
    "warm": {"chws_setpoint_c": 14.0, "crah_supply_setpoint_c": 22.5, "crah_fan_setpoint_pct": 80.0},
    "slight": {"chws_setpoint_c": 11.0},
}
"""Own setpoints of the simulated BAS by name of the policy: two fast controllers, of a large and of a small saving, beside what the site does itself."""

Rows = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class World:
    """One plant under one course of weather and load, worn by its seed."""

    site: str
    climate: str
    start: str
    seed: int


@dataclass(frozen=True, slots=True)
class Run:
    """What is simulated of a world: one policy throughout, or, with a seed, ``policy`` and legacy in turns as its schedule says."""

    world: World
    policy: str
    days: int
    switch_seed: int | None = None


def schedule_of(seed: int, days: int) -> NDArray[np.float64]:
    """Returns which hours of the longest experiment are the controller's (hours,), 1 or 0."""
    design = Design(seed, _FIRST_DAY, max(1, days // 14), carry_over_h=float(CARRY_OVER_H))
    return np.array([arm is Arm.CONTROLLER for arm in arms(design)], dtype=float).repeat(24)


def rows_of(run: Run) -> Rows:
    """Simulates a run and returns its hours (hours, 4): true cooling and facility power, IT work as power, and wet bulb.

    Raises SourceError, SiteErrors or ValueError as ``simulate`` does.
    """
    loaded = load_site(CONFIGS / run.world.site)
    manners = {name: _manner(loaded.site.setpoint, own) for name, own in _CONTRASTS.items()}
    w = run.world
    conditions = Conditions(weather=w.climate, seed=w.seed, start=w.start, days=float(run.days), ageing_seed=w.seed, warm_up_h=12)
    schedule = np.ones(24 * run.days) if run.switch_seed is None else schedule_of(run.switch_seed, run.days)
    prepared = simulate(loaded, conditions, manner=manners[run.policy] if schedule[0] else manners["legacy"])
    site, before, rows = prepared.site, prepared.site.truth, []
    for hour, ours in enumerate(schedule[: 24 * run.days]):
        if hour and ours != schedule[hour - 1]:
            site.bas.adopt(manners[run.policy] if ours else manners["legacy"])
        site.advance(prepared.start_s + 3600.0 * (hour + 1))
        now = site.truth
        it_kw = now.it_work_kwh - before.it_work_kwh
        rows.append((now.cooling_kwh - before.cooling_kwh, now.facility_kwh - before.facility_kwh, it_kw, now.values["weather.oa_wetbulb_c"]))
        before = now
    return np.array(rows)


def _manner(offered: Mapping[str, Any], own: Mapping[str, float]) -> Manner:
    return Manner({name: own[quantity] for name in offered if (quantity := name.partition(".")[2]) in own})


def experiment(rows: Mapping[str, Rows], schedule: NDArray[np.float64], looks: int, seed: int) -> tuple[Effect, int]:
    """Evaluates one experiment as a site would: look after each block, stop where the interval excludes no saving; returns the estimate and the look.

    ``rows`` holds the hours under ``controller`` and under ``legacy``; a run that was really switched is both.
    """
    ours = schedule[:, None] > 0.5
    seen = np.where(ours, rows["controller"], rows["legacy"])
    seen[:, 2] *= 1.0 + _LOAD_NOISE * np.random.default_rng(seed).standard_normal(len(seen))
    kept = np.ones(len(schedule), dtype=bool)
    for at in np.flatnonzero(np.diff(schedule)) + 1:
        kept[at : at + CARRY_OVER_H] = False
    hours = np.arange(len(schedule), dtype=float)
    for look in range(1, looks + 1):
        within = kept & (hours < look * 14 * 24)
        found = effect(Hours(hours[within] // 24, hours[within] % 24, schedule[within], *seen[within].T), look, looks, seed=seed)
        if found is None:
            raise ValueError(f"{len(schedule) // 24} days: an experiment needs a block of 14 days at least")
        if found.decided or look == looks:
            return found, look
    raise ValueError(f"looks {looks}: 1 or more")


def true_saving_pct(controller: Rows, legacy: Rows) -> float:
    """Returns what the controller truly saves [%]: facility energy over the base's cooling energy, both throughout, same weather and load."""
    return float(100.0 * (legacy[:, 1].sum() - controller[:, 1].sum()) / legacy[:, 0].sum())


def main(arguments: list[str] | None = None) -> int:
    """Runs the worlds that are not kept yet, evaluates all experiments and writes the result."""
    given = _parser().parse_args(arguments)
    looks = given.days // 14
    if not looks:
        print(f"--days {given.days}: a block is 14 days, so 14 or more", file=sys.stderr)
        return 2
    worlds = [World(s, c, d, seed) for seed in range(given.seed, given.seed + given.seeds) for s in SITES for c in CLIMATES for d in STARTS]
    runs = [Run(w, policy, given.days) for w in worlds for policy in _CONTRASTS]
    runs += [Run(w, policy, given.days, 1000 + k) for w in worlds for policy in ("warm", "slight") for k in range(given.switched)]
    found = simulated(runs, given.cache, given.jobs)
    result = evaluate(worlds, found, given, looks)
    keep(given.out, json.dumps(result, indent=1) + "\n")
    print(json.dumps({k: v for k, v in result.items() if k != "worlds"}, indent=1))
    return 0


def simulated(runs: Sequence[Run], cache: Path, jobs: int | None) -> dict[Run, Rows]:
    """Returns the hours of every run, from the cache where they are there; a changed line of the product's code makes them anew."""
    cache.mkdir(parents=True, exist_ok=True)
    sources = code_digest()
    files = {run: cache / f"{hashlib.sha256(json.dumps([asdict(run), _CONTRASTS, sources], default=dict).encode()).hexdigest()}.json" for run in runs}
    missing = [run for run in runs if not files[run].exists()]
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        for number, (run, rows) in enumerate(pool.imap_unordered(partial(_told, rows_of), missing), start=1):
            keep(files[run], json.dumps(rows.tolist()))
            print(f"run {number} of {len(missing)}: {run.world}, {run.policy}, switched {run.switch_seed}", file=sys.stderr, flush=True)
    return {run: np.array(json.loads(path.read_text())) for run, path in files.items()}


def _told(simulate_one: Any, run: Run) -> tuple[Run, Rows]:
    return run, simulate_one(run)


def evaluate(worlds: Sequence[World], found: Mapping[Run, Rows], given: argparse.Namespace, looks: int) -> dict[str, Any]:
    """Returns evidence.json: experiments composed of hours of both arms, those really switched, and those of two equal controllers."""
    days = looks * 14
    composed: list[tuple[Effect, int, float]] = []
    switched: list[tuple[Effect, int, float]] = []
    null: list[tuple[Effect, int, float]] = []
    for w, world in enumerate(worlds):
        whole = {policy: found[Run(world, policy, given.days)][: days * 24] for policy in _CONTRASTS}
        for policy in ("warm", "slight"):
            truth = true_saving_pct(whole[policy], whole["legacy"])
            for k in range(given.experiments):
                both = {"controller": whole[policy], "legacy": whole["legacy"]}
                seed = 10_000 * w + k
                composed.append((*experiment(both, schedule_of(seed, days), looks, seed), truth))
            for k in range(given.switched):
                real = found[Run(world, policy, given.days, 1000 + k)][: days * 24]
                switched.append((*experiment({"controller": real, "legacy": real}, schedule_of(1000 + k, days), looks, k), truth))
        for k in range(2 * given.experiments):
            seed = 10_000 * w + 5000 + k
            same = {"controller": whole["legacy"], "legacy": whole["legacy"]}
            null.append((*experiment(same, schedule_of(seed, days), looks, seed), 0.0))
    every = [*composed, *switched]
    return {
        "revision": revision(),
        "command": f"make bench-evidence SEED={given.seed} SEEDS={given.seeds} DAYS={given.days} EXPERIMENTS={given.experiments} SWITCHED={given.switched}",
        "experiments": len(every),
        "mean_error_pp": float(np.mean([e.saving_pct - truth for e, _, truth in every])),
        "coverage_95": float(np.mean([e.low_pct <= truth <= e.high_pct for e, _, truth in every])),
        "null_experiments": len(null),
        "null_claims_share": float(np.mean([e.decided for e, _, _ in null])),
        "composed": _summary(composed),
        "switched": _summary(switched),
        "null": _summary(null),
        "worlds": [asdict(world) for world in worlds],
    }


def _summary(results: Sequence[tuple[Effect, int, float]]) -> dict[str, Any] | None:
    if not results:
        return None
    errors = np.array([e.saving_pct - truth for e, _, truth in results])
    return {
        "experiments": len(results),
        "mean_error_pp": float(errors.mean()),
        "rms_error_pp": float(np.sqrt((errors**2).mean())),
        "coverage_95": float(np.mean([e.low_pct <= truth <= e.high_pct for e, _, truth in results])),
        "half_width_pp": float(np.mean([(e.high_pct - e.low_pct) / 2.0 for e, _, _ in results])),
        "decided_share": float(np.mean([e.decided for e, _, _ in results])),
        "blocks": float(np.mean([look for _, look, _ in results])),
        "true_saving_pct": [float(min(t for _, _, t in results)), float(max(t for _, _, t in results))],
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m controller.benchmarks.evidence", description="Switchback experiments with known truth, resumable.")
    parser.add_argument("--seed", type=int, default=0, help="of the first world (default %(default)s)")
    parser.add_argument("--seeds", type=int, default=1, help="worlds of each site, climate and season (default %(default)s)")
    parser.add_argument("--days", type=int, default=28, help="longest course of an experiment, in blocks of 14 (default %(default)s)")
    parser.add_argument("--experiments", type=int, default=25, help="schedules drawn for each world and controller (default %(default)s)")
    parser.add_argument("--switched", type=int, default=2, help="of which are really switched on the simulated plant, beside (default %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("evidence.json"), metavar="FILE", help="where the result is written (default %(default)s)")
    parser.add_argument("--cache", type=Path, default=Path("out/bench-evidence"), metavar="DIR", help="where simulated runs are kept (default %(default)s)")
    parser.add_argument("--jobs", type=int, help="runs at once (default: one a processor)")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
