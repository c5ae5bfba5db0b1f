"""Runs several policies side by side, each in a process of its own, and compares what they used."""

from __future__ import annotations

import logging
import multiprocessing
import os
import queue
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any, Final

from controller.backtest import Task, run_policy
from controller.encode import plain
from controller.log import configure
from controller.report.compare import Column, saving
from controller.version import VERSION
from plant_models.simulator.conditions import Conditions

BASELINES: Final = ("fixed", "static", "g36", "mpc")
Told = Callable[[str, float], None]


class PolicyError(Exception):
    """A policy's run ended with an exception; the message is its traceback."""


def run_all(tasks: Sequence[Task], told: Told, processes: int | None = None) -> dict[str, dict[str, Any]]:
    """Runs every task, as many at once as there are processors, and returns the results by policy in the tasks' order; ``told`` hears policy and share done.

    Raises PolicyError where one fails; the others are stopped.
    """
    context = multiprocessing.get_context("spawn")
    messages: Queue[tuple[str, str, Any]] = context.Queue()
    waiting = list(tasks)
    running: dict[str, multiprocessing.context.SpawnProcess] = {}
    results: dict[str, dict[str, Any]] = {}
    try:
        while len(results) < len(tasks):
            while waiting and len(running) < (processes or os.cpu_count() or 1):
                task = waiting.pop(0)
                running[task.policy] = context.Process(target=_run, args=(task, messages), daemon=False)
                running[task.policy].start()
            policy, what, value = _next(messages, running)
            if what == "progress":
                told(policy, value)
            elif what == "failed":
                raise PolicyError(f"policy {policy}:\n{value}")
            else:
                results[policy] = value
                running.pop(policy).join()
    finally:
        for process in running.values():
            process.terminate()
            process.join()
    return {task.policy: results[task.policy] for task in tasks}


def _next(messages: Queue[tuple[str, str, Any]], running: Mapping[str, multiprocessing.context.SpawnProcess]) -> tuple[str, str, Any]:
    while True:
        try:
            return messages.get(timeout=1.0)
        except queue.Empty:
            for policy, process in running.items():
                if process.exitcode not in (None, 0):
                    raise PolicyError(f"policy {policy}: its process ended with {process.exitcode}") from None


def _run(task: Task, messages: Queue[tuple[str, str, Any]]) -> None:
    configure("auto", logging.WARNING)
    try:
        messages.put((task.policy, "result", run_policy(task, lambda share: messages.put((task.policy, "progress", share)))))
    except Exception:  # noqa: BLE001  # entry point of a process: whatever went wrong is told to the parent
        messages.put((task.policy, "failed", traceback.format_exc()))


def savings(policies: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Returns what each policy saves against each baseline, by ``<policy>_vs_<baseline>``; a comparison that is void says why."""
    pairs = [(a, b) for b in BASELINES for a in policies if b in policies and a != b and not (a in BASELINES and BASELINES.index(a) < BASELINES.index(b))]
    found = {f"{a}_vs_{b}": asdict(saving(Column(a, policies[a]), Column(b, policies[b]))) for a, b in pairs}
    return {pair: {key: value for key, value in each.items() if key != "void" or value} for pair, each in found.items()}


def outcome(config: Path, conditions: Conditions, policies: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Returns what ``backtest --json`` prints: the scenario with everything needed to run it again, the policies, and the savings between them."""
    scenario = {"config": str(config), **plain(conditions), "version": VERSION}
    return {"scenario": scenario, "policies": dict(policies), "savings": savings(policies)}


def table(found: Mapping[str, Any]) -> str:
    """Returns an outcome as text: one column a policy, energy by machine, what was violated, and the savings."""
    policies = found["policies"]
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
    return "\n".join(lines)
