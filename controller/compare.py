"""Compares what policies used that ran side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Final

from controller.backtest import Task, run_policy
from controller.bound import with_bound
from controller.encode import plain
from controller.oracle import Budget
from controller.policies import POLICIES
from controller.report.compare import Column, saving
from controller.side_by_side import Told, run_jobs
from controller.version import VERSION
from plant_models.simulator.conditions import Conditions

BASELINES: Final = ("fixed", "static", "g36", "mpc")


def run_all(tasks: Sequence[Task], told: Told, processes: int | None = None, budget: Budget | None = None) -> dict[str, dict[str, Any]]:
    """Runs every task, as many at once as there are processors, and returns the results by policy in the tasks' order; ``told`` hears policy and share done.

    ``budget`` is the oracle's. Raises JobError where one fails; the others are stopped.
    """
    oracle = next((task for task in tasks if POLICIES[task.policy].bound), None)
    if oracle is None:
        return run_jobs({task.policy: partial(run_policy, task) for task in tasks}, told, processes)
    found = with_bound([task for task in tasks if task is not oracle], oracle, budget or Budget(), told, processes)
    return {task.policy: found[task.policy] for task in tasks}


def savings(policies: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Returns what each policy saves against each baseline, by ``<policy>_vs_<baseline>``; a comparison that is void says why."""
    pairs = [(a, b) for b in BASELINES for a in policies if b in policies and a != b and not (a in BASELINES and BASELINES.index(a) < BASELINES.index(b))]
    found = {f"{a}_vs_{b}": asdict(saving(Column(a, policies[a]), Column(b, policies[b]))) for a, b in pairs}
    return {pair: {key: value for key, value in each.items() if key != "void" or value} for pair, each in found.items()}


def outcome(config: Path, conditions: Conditions, policies: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Returns what ``backtest --json`` prints: the scenario with everything needed to run it again, the policies, and the savings between them.

    An oracle that did not converge is None; what it found stands under ``bound`` all the same.
    """
    scenario = {"config": str(config), **plain(conditions), "version": VERSION}
    entries = {name: {key: value for key, value in each.items() if key != "bound"} for name, each in policies.items()}
    found: dict[str, Any] = {"scenario": scenario, "policies": entries}
    for name, each in policies.items():
        if "bound" in each:
            found["bound"] = dict(each["bound"])
            if not each["bound"]["converged"]:
                found["bound"]["best_found"], found["policies"][name] = entries[name], None
    return found | {"savings": savings({name: each for name, each in found["policies"].items() if each is not None})}


def table(found: Mapping[str, Any]) -> str:
    """Returns an outcome as text: one column a policy, energy by machine, what was violated, and the savings."""
    policies = {name: each for name, each in found["policies"].items() if each is not None}
    if found.get("bound", {}).get("best_found"):
        policies["best found"] = found["bound"]["best_found"]
    rows: list[tuple[str, list[str]]] = [("", list(policies))]
    energies = [machine for machine in next(iter(policies.values()))["energy_kwh"] if any(p["energy_kwh"][machine] for p in policies.values())]
    rows += [(f"{machine} [kWh]", [f"{p['energy_kwh'][machine]:.1f}" for p in policies.values()]) for machine in energies]
    rows += [(key, [f"{p[key]:.4f}" for p in policies.values()]) for key in ("pue", "wue_l_per_kwh", "kw_per_ton")]
    kinds = [kind for kind in next(iter(policies.values()))["violations"] if any(p["violations"][kind] for p in policies.values())]
    rows += [(kind, [f"{p['violations'][kind]:.1f}" for p in policies.values()]) for kind in kinds or []]
    rows += [("interventions", [str(sum(p["interventions"].values())) for p in policies.values()]), ("writes", [str(p["writes"]) for p in policies.values()])]
    lines = [f"{name:42s}" + "".join(f"{cell:>14s}" for cell in cells) for name, cells in rows]
    for pair, saved in found["savings"].items():
        parts = (f"{key} {value:+.2f}" if isinstance(value, float) else str(value) for key, value in saved.items() if value is not None)
        lines.append(f"{pair:42s}" + ", ".join(parts))
    return "\n".join(lines + told_bound(found["bound"]) if "bound" in found else lines)


def told_bound(bound: Mapping[str, Any]) -> list[str]:
    """Returns in words whether the search for the bound converged, and where each of its restarts began and ended."""
    lines = ["oracle: converged" if bound["converged"] else f"oracle: no bound, {'; '.join(bound['reasons'])}"]
    for name, each in bound["restarts"].items():
        ended = f"{each['start_facility_kwh']:.0f} -> {each['facility_kwh']:.0f} kWh in {each['runs']} runs, {each['above_best_pct']:.2f} % above the best"
        lines.append(f"  from {name:8s} {ended}, the second half of the search brought {each['doubling_pct']:.2f} %, violation {each['violation']:.3g}")
    return lines
