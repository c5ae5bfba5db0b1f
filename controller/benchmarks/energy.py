"""``python -m controller.benchmarks.energy``: policies side by side over sites, climates, seasons and loads, on worn machines; writes energy.json.

Every cell is cached by its content and written as it ends, so that an interrupted run goes on where it was.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import random
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from controller.backtest import Task
from controller.benchmarks.energy_summary import summary
from controller.compare import outcome, run_all
from controller.encode import plain
from controller.oracle import Budget
from controller.policies import POLICIES as KNOWN
from controller.side_by_side import JobError
from plant_models.simulator.conditions import Conditions
from plant_models.sources.load import SHAPES
from plant_models.sources.weather import BUNDLED, open_weather

CONFIGS: Final = Path(__file__).parents[2] / "config"
SITES: Final = ("reference-a", "reference-b", "reference-c")
SHARED_WEATHER: Final = ("USA_AZ_Phoenix-Sky.Harbor_TMYx.epw.gz", "SWE_Stockholm.Arlanda_IWEC.epw.gz")  # used where --weather-dir has them
SEASONS: Final[Mapping[str, str]] = {"winter": "01-15", "spring": "04-10", "summer": "07-15", "autumn": "10-20"}
POLICIES: Final = ("fixed", "static", "g36", "mpc")
SAMPLE: Final = 8
WARM_UP_H: Final = 12
PACKAGES: Final = ("controller", "plant_models", "safety")


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """One day of one site: where its weather comes from, which season, which load; ``seed`` draws load, sensors and wear."""

    site: str
    climate: str
    season: str
    load: str
    seed: int


def cells_of(climates: Sequence[str], seed: int, sites: Sequence[str] = SITES) -> list[Cell]:
    """Returns every cell, each with its own seed drawn from the benchmark's."""
    corners = itertools.product(sites, climates, SEASONS, sorted(SHAPES))
    return [Cell(*corner, seed=_seed(seed, corner)) for corner in corners]


def sample_of(cells: Sequence[Cell], count: int, seed: int) -> list[Cell]:
    """Returns a seeded sample that takes sites, climates and seasons in turn, so that few cells say something of each."""
    draw = random.Random(seed)
    left, seen = sorted(cells), {name: dict[str, int]() for name in ("site", "climate", "season", "load")}
    chosen: list[Cell] = []
    while left and len(chosen) < count:
        draw.shuffle(left)
        cell = min(left, key=lambda c: sum(counts.get(getattr(c, name), 0) for name, counts in seen.items()))
        left.remove(cell)
        chosen.append(cell)
        for name, counts in seen.items():
            counts[getattr(cell, name)] = counts.get(getattr(cell, name), 0) + 1
    return chosen


def _seed(seed: int, corner: Sequence[str]) -> int:
    return int(hashlib.sha256(json.dumps([seed, *corner]).encode()).hexdigest()[:6], 16)


def digest_of(cell: Cell, policies: Sequence[str], weather: str, sources: str, budget: Budget) -> str:
    """Returns what a cell's result follows from: the cell, the policies, the oracle's budget, the site's files, the weather and the product's own code."""
    files = sorted(p for p in (CONFIGS / cell.site).iterdir() if p.is_file())
    contents = [hashlib.sha256(p.read_bytes()).hexdigest() for p in files]
    return hashlib.sha256(json.dumps([asdict(cell), list(policies), contents, weather, sources, asdict(budget)]).encode()).hexdigest()


def code_digest() -> str:
    """Returns the SHA-256 of the product's code: a changed line may change a cell."""
    found = hashlib.sha256()
    for package in PACKAGES:
        for path in sorted((CONFIGS.parent / package).rglob("*.py")):
            found.update(path.read_bytes())
    return found.hexdigest()


def run_cell(cell: Cell, policies: Sequence[str], weather: str, told: Callable[[str, float], None], jobs: int | None, budget: Budget) -> dict[str, Any]:
    """Runs the policies of one cell and returns its entry of energy.json. Raises JobError where one fails."""
    conditions = Conditions(weather=weather, seed=cell.seed, start=SEASONS[cell.season], shape=cell.load, ageing_seed=cell.seed, warm_up_h=WARM_UP_H)
    config = CONFIGS / cell.site
    results = run_all([Task(config, conditions, policy) for policy in policies], told, jobs, budget)
    return {**asdict(cell), **{k: v for k, v in outcome(config, conditions, results).items() if k != "scenario"}, "conditions": plain(conditions)}


def main(arguments: list[str] | None = None) -> int:
    """Runs the cells asked for; what is cached is not run again."""
    given = _parser().parse_args(arguments)
    given.policy_names = given.policy_names or list(POLICIES)
    climates = {name: name for name in BUNDLED}
    climates |= {open_weather(p).name: str(p) for name in SHARED_WEATHER if given.weather_dir and (p := given.weather_dir / name).exists()}
    sites = [site for site in given.site or SITES if (CONFIGS / site / "model.json").exists() or "mpc" not in given.policy_names]
    missing = sorted(set(given.site or SITES) - set(sites))
    if missing:
        _say(f"left out, no identified model: {', '.join(missing)}")
    if not sites:
        _say("no site is left to run")
        return 2
    budget = Budget(given.oracle_sweeps, given.oracle_block_h)
    if problems := budget.problems():
        _say("\n".join(problems))
        return 2
    every = cells_of(sorted(climates), given.seed, sites)
    chosen = every if given.cells == "all" else sample_of(every, int(given.cells), given.seed)
    sources, done = code_digest(), []
    given.cache.mkdir(parents=True, exist_ok=True)
    for number, cell in enumerate(chosen, start=1):
        content = hashlib.sha256(Path(climates[cell.climate]).read_bytes()).hexdigest() if Path(climates[cell.climate]).exists() else cell.climate
        cached = given.cache / f"{digest_of(cell, given.policy_names, content, sources, budget)}.json"
        if not cached.exists():
            _say(f"cell {number} of {len(chosen)}: {cell.site}, {cell.climate}, {cell.season}, {cell.load}, seed {cell.seed}")
            try:
                entry = run_cell(cell, given.policy_names, climates[cell.climate], _told, given.jobs, budget)
            except JobError as error:
                _say(f"cell {number} failed: {error}")
                return 1
            keep(cached, json.dumps(entry))
        done.append(json.loads(cached.read_text()))
        keep(given.out, json.dumps(result_of(done, given), indent=1) + "\n")
        _say(f"cell {number} of {len(chosen)} done; {given.out} holds {len(done)}")
    return 0


def keep(path: Path, text: str) -> None:
    """Writes a file whole or not at all: the run may be interrupted at any moment."""
    part = path.with_name(f"{path.name}.part")
    part.write_text(text)
    part.replace(path)


def result_of(entries: Sequence[Mapping[str, Any]], given: argparse.Namespace) -> dict[str, Any]:
    """Returns energy.json of the cells so far."""
    command = f"make bench-energy CELLS={given.cells} SEED={given.seed} OUT={given.out}"
    return {"revision": revision(), "seed": given.seed, "command": command, "cells": list(entries), "summary": summary(entries)}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m controller.benchmarks.energy", description="Energy of policies side by side, resumable.")
    folders = sorted(p.name for p in CONFIGS.iterdir() if p.is_dir())
    parser.add_argument("--cells", type=_count, default=str(SAMPLE), help=f"how many cells of a seeded sample, or all (default {SAMPLE})")
    parser.add_argument("--seed", type=int, default=0, help="of the sample and of every cell (default 0)")
    parser.add_argument("--out", type=Path, default=Path("energy.json"), metavar="FILE", help="where the result is written (default energy.json)")
    parser.add_argument(
        "--site",
        action="append",
        choices=folders,
        help="a folder of config/; may be repeated (default: all with a model)",
    )
    parser.add_argument("--policy", dest="policy_names", action="append", choices=sorted(KNOWN), help=f"may be repeated (default: {', '.join(POLICIES)})")
    parser.add_argument("--weather-dir", type=Path, metavar="DIR", help=f"a folder with {', '.join(SHARED_WEATHER)}, for two more climates")
    parser.add_argument("--cache", type=Path, default=Path("out/bench-energy"), metavar="DIR", help="where finished cells are kept (default out/bench-energy)")
    parser.add_argument("--oracle-sweeps", type=int, default=Budget().sweeps, metavar="N", help="as of coldaisle backtest (default %(default)s)")
    parser.add_argument("--oracle-block-h", type=float, default=Budget().block_h, metavar="H", help="likewise (default %(default)s)")
    parser.add_argument("--jobs", type=int, help="policies at once (default: one a processor)")
    return parser


def _count(text: str) -> str:
    """Returns a number of cells, or ``all``."""
    if text != "all" and not (text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r}: a number of 1 or more, or all")
    return text


def revision() -> str:
    """Returns the commit that is checked out, "unknown" outside of a repository."""
    found = subprocess.run(["git", "rev-parse", "HEAD"], cwd=CONFIGS.parent, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"


def _told(policy: str, share: float) -> None:
    if sys.stderr.isatty():
        print(f"\r  {policy}: {100 * share:3.0f} %   ", end="", file=sys.stderr, flush=True)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
