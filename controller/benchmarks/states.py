"""``python -m controller.benchmarks.states``: plans from thousands of random measured states, far outside all limits too; each is a finite plan within
the bounds or a stated fallback, in time.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from controller.benchmarks.requests import far_out
from controller.optimise.problem import problem_of
from controller.optimise.request import PlanRequest
from controller.side_by_side import run_jobs
from controller.stages import stages_of
from plant_models.site.limits import limits_of
from plant_models.site.load import LoadedSite, SiteErrors, load_site
from safety.records import Proposal

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # do-mpc warns of its optional parts when imported
    from controller.optimise.tracker import Tracker

_CONFIGS: Final = Path(__file__).parents[2] / "config"
_SLACK: Final = 1e-6


def trial(loaded: LoadedSite, tracker: Tracker, number: int, seed: int) -> tuple[str, float]:
    """Returns what came of one state, ``solved``, why there is no plan, or ``WRONG`` and what is, and the processor time that it took [s]."""
    request = far_out(loaded, tracker._parameters, number, seed)
    began = time.process_time()
    plan = tracker.plan(request)
    took_s = time.process_time() - began
    if not plan.solved:
        return (_reason(plan.says) if plan.says and not plan.setpoints else "WRONG: no plan and no reason"), took_s
    return _wrong(tracker, request, plan) or "solved", took_s


def _reason(says: str) -> str:
    """Returns a reason without the numbers and names of its case."""
    return says.partition(": not measured")[0].partition(" after ")[0]


def _wrong(tracker: Tracker, request: PlanRequest, plan: Proposal) -> str | None:
    problem = problem_of(tracker._site, tracker._parameters, tracker._limits, request)
    for setpoint, ahead in plan.ahead.items():
        bounds = zip(ahead, problem.lower[setpoint], problem.upper[setpoint], strict=True)
        if not all(math.isfinite(v) and low - _SLACK <= v <= high + _SLACK for v, low, high in bounds):
            return f"WRONG: {setpoint} outside its bounds or not finite"
    if not all(map(math.isfinite, plan.predicted.values())):
        return "WRONG: a prediction is not finite"
    ours = set(request.writable) & set(tracker._layout.setpoints)
    return None if set(plan.setpoints) == ours else "WRONG: not what was ours to move"


def some(config: Path, numbers: range, seed: int, told: Callable[[float], None] = lambda _share: None) -> tuple[Counter[str], list[float]]:
    """Returns how often each outcome came, and the time of each [s]."""
    loaded = load_site(config, {})
    tracker = Tracker(loaded.site, limits_of(loaded.site, loaded.points), stages_of(loaded).parameters, loaded.site.timing.solver_time_limit_wall_s)
    tracker.build(loaded.site.timing.solver_iterations)
    found: Counter[str] = Counter()
    took_s = []
    for done, number in enumerate(numbers, start=1):
        outcome, seconds = trial(loaded, tracker, number, seed)
        found[outcome] += 1
        took_s.append(seconds)
        told(done / len(numbers))
    return found, took_s


def main(arguments: list[str] | None = None) -> int:
    """Runs the states asked for; returns 1 where one gave neither a plan within the bounds nor a reason, or took longer than the deadline."""
    given = _parser().parse_args(arguments)
    try:
        deadline_s = load_site(given.config, {}).site.timing.plan_deadline_wall_s
    except SiteErrors as error:
        print(error, file=sys.stderr)
        return 2
    parts = {f"part {k + 1}": range(k, given.count, given.jobs) for k in range(min(given.jobs, given.count))}
    results = run_jobs({name: partial(some, given.config, numbers, given.seed) for name, numbers in parts.items()}, _told, given.jobs)
    found: Counter[str] = sum((counts for counts, _ in results.values()), Counter())
    took_s = sorted(seconds for _, times in results.values() for seconds in times)
    wrong = {outcome: count for outcome, count in found.items() if outcome.startswith("WRONG")}
    result: dict[str, Any] = {
        "count": len(took_s),
        "seed": given.seed,
        "solved": found["solved"],
        "fallbacks": {reason: count for reason, count in found.most_common() if reason != "solved" and reason not in wrong},
        "wrong": wrong,
        "late": sum(seconds > deadline_s for seconds in took_s),
        "processor_s": {"p50": took_s[len(took_s) // 2], "max": took_s[-1]},
    }
    print(json.dumps(result, indent=1))
    return 1 if wrong or result["late"] else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m controller.benchmarks.states", description="Plans from random measured states, far outside all limits too."
    )
    parser.add_argument("--config", type=Path, default=_CONFIGS / "reference-a", metavar="DIR", help="the site (default: reference-a)")
    parser.add_argument("--count", type=_positive, default=10000, metavar="N", help="how many states (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="draws them (default %(default)s)")
    parser.add_argument("--jobs", type=_positive, default=os.cpu_count() or 1, metavar="N", help="processes at once (default: one a processor)")
    return parser


def _positive(text: str) -> int:
    if not (text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r}: a number of 1 or more")
    return int(text)


_tenths: dict[str, int] = {}


def _told(name: str, share: float) -> None:
    if int(10 * share) > _tenths.get(name, 0):
        _tenths[name] = int(10 * share)
        print(f"{name}: {10 * _tenths[name]} %", file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
