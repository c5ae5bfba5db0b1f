"""The bound that perfect knowledge allows, policy ``oracle``: searches from four policies' days, and whether they agree. It is a bound only where they do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any, Final

from controller.backtest import Task, run_policy
from controller.hindsight import manner_of, rank_of
from controller.oracle import Budget, Improved, Start, improve
from controller.side_by_side import Told, run_jobs
from plant_models.simulator.bas import Manner
from plant_models.site.load import load_site

STARTS: Final = ("fixed", "static", "g36", "mpc")
AGREE_PCT: Final = 0.5
"""Of cooling energy: restarts that end further apart, or a doubling of the search that changes more, are not a bound."""
_PREPARATION: Final = 0.1  # of the time


def with_bound(tasks: Sequence[Task], oracle: Task, budget: Budget, told: Told, processes: int | None = None) -> dict[str, dict[str, Any]]:
    """Runs the other policies and then the search for the bound from each of the four; returns the results by policy, the oracle's with ``bound``.

    Raises side_by_side.JobError where one fails.
    """
    config, conditions = oracle.config, oracle.conditions
    loaded = load_site(config)
    usable = [p for p in STARTS if p != "mpc" or (config / loaded.site.optimiser.model).exists()]
    asked = {task.policy: replace(task, course=True) for task in tasks}
    runs = asked | {p: Task(config, conditions, p, course=True) for p in usable if p not in asked}
    preparing = dict.fromkeys(runs, 0.0)

    def prepared(name: str, share: float) -> None:
        preparing[name] = share
        told("oracle", _PREPARATION * sum(preparing.values()) / len(runs))
        if name in asked:
            told(name, share)

    results = run_jobs({name: partial(run_policy, task) for name, task in runs.items()}, prepared, processes)
    courses = {name: result.pop("course") for name, result in results.items()}
    starts = {name: Start(name, _warm_up(results[name]), courses[name]) for name in usable}
    cleanest = min(usable, key=lambda name: rank_of(results[name], {}, loaded.site, conditions.days))
    searching = dict.fromkeys(starts, 0.0)

    def searched(name: str, share: float) -> None:
        searching[name] = share
        told("oracle", _PREPARATION + (1.0 - _PREPARATION) * sum(searching.values()) / len(starts))

    jobs = {name: partial(improve, config, conditions, start, starts[cleanest], budget) for name, start in starts.items()}
    ends: dict[str, Improved] = run_jobs(jobs, searched, processes)
    best = min(ends.values(), key=lambda end: end.ranks[-1])
    found = run_jobs({"oracle": partial(run_policy, replace(oracle, manner=best.manner))}, lambda _name, _share: None, processes)["oracle"]
    cooling_kwh = found["energy_kwh"]["cooling_total"]
    found["bound"] = {**agreement(ends, cooling_kwh), "from": best.policy, "bearable": cleanest, "budget": asdict(budget)}
    return {name: results[name] for name in asked} | {"oracle": found}


def _warm_up(result: Mapping[str, Any]) -> Manner:
    """Returns how the BAS ran the hours before the day: on the constants where those were searched, else by itself."""
    return manner_of(result["constants"]) if "constants" in result else Manner()


def agreement(ends: Mapping[str, Improved], cooling_kwh: float) -> dict[str, Any]:
    """Returns whether the searches agree within ``AGREE_PCT`` of cooling energy, and doubling the better half of them changed less; with all figures."""
    best_violation, best_kwh = min(end.ranks[-1] for end in ends.values())
    restarts = {}
    for name, end in ends.items():
        half = max(i for i, runs in enumerate(end.runs) if 2 * runs <= end.runs[-1] or i == 0)
        restarts[name] = {
            "facility_kwh": end.ranks[-1][1],
            "violation": end.ranks[-1][0],
            "start_facility_kwh": end.ranks[0][1],
            "start_violation": end.ranks[0][0],
            "runs": end.runs[-1],
            "above_best_pct": 100.0 * (end.ranks[-1][1] - best_kwh) / cooling_kwh,
            "doubling_pct": 100.0 * (end.ranks[half][1] - end.ranks[-1][1]) / cooling_kwh,
        }
    reasons = [f"no search from {name}" for name in STARTS if name not in ends]
    for name, each in restarts.items():
        if each["above_best_pct"] > AGREE_PCT or each["violation"] > best_violation + 1e-9:
            reasons.append(f"from {name} it ended {each['above_best_pct']:.2f} % of cooling energy above the best, violation {each['violation']:.3g}")
        if abs(each["doubling_pct"]) >= AGREE_PCT:
            reasons.append(f"from {name} the second half of the search still changed {each['doubling_pct']:.2f} %")
    return {"converged": not reasons, "reasons": reasons, "restarts": restarts}
