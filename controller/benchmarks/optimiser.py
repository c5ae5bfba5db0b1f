"""The optimiser's benchmark: the tracker on a recorded day, the same problems in plain CasADi with IPOPT and with fatrop, and on the largest site.

Times are of the processor, one core, so that whatever else runs on the machine counts little.
"""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import casadi as ca

from controller.benchmarks.plain import PlainProblem
from controller.benchmarks.requests import large, of_a_day, usual
from controller.optimise.problem import problem_of
from controller.optimise.request import PlanRequest
from controller.stages import stages_of
from plant_models.reduced.nameplate import from_name_plate
from plant_models.site.limits import limits_of
from plant_models.site.load import load_site

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # do-mpc warns of its optional parts when imported
    from controller.optimise.tracker import Tracker

SITE_A: Final = Path(__file__).parents[2] / "config" / "reference-a"
_HOURS: Final = 24.0
_COMPARED: Final = 24
_LARGE: Final = 20
_SAME: Final = 1e-3  # of the objective: contenders that end elsewhere did not solve the same problem
_FATROP: Final = {"expand": True, "print_time": False, "fatrop.print_level": 0, "fatrop.tol": 1e-5, "fatrop.mu_init": 1e-2}


def measure(say: Callable[[str], None], hours: float = _HOURS, compared: int = _COMPARED, large_count: int = _LARGE) -> dict[str, Any]:
    """Returns the section ``optimiser`` of bench.json, without the planner."""
    loaded = load_site(SITE_A, {})
    say(f"optimiser: recording the requests of {hours:g} hours of policy mpc on site A")
    requests = of_a_day(SITE_A, hours)
    tracker = Tracker(loaded.site, limits_of(loaded.site, loaded.points), stages_of(loaded).parameters)
    say(f"optimiser: {len(requests)} requests solved again")
    took_ms, solved = timed(tracker, requests)
    found = {"tracker_ms": _spread(took_ms), "tracker_unsolved": len(requests) - solved}
    say(f"optimiser: {compared} of them in plain CasADi, with IPOPT and with fatrop")
    found |= _contest(tracker, requests[:: max(len(requests) // compared, 1)])
    say("optimiser: 16 chillers, 16 cells, 20 halls")
    site, limits = large(loaded)
    parameters = from_name_plate(site)
    big = Tracker(site, limits, parameters)
    took_ms, solved = timed(big, [usual(site, limits, parameters, seed) for seed in range(large_count)])
    return found | {"large_site_tracker_ms": _spread(took_ms), "large_site_unsolved": large_count - solved}


def timed(tracker: Tracker, requests: Sequence[PlanRequest]) -> tuple[list[float], int]:
    """Returns what each plan took [ms], the build of the solver left out, and how many were solved."""
    tracker.build(requests[0].iterations_limit)
    took_ms, solved = [], 0
    for request in requests:
        began = time.process_time()
        solved += tracker.plan(request).solved
        took_ms.append(1000.0 * (time.process_time() - began))
    return took_ms, solved


def _contest(tracker: Tracker, requests: Sequence[PlanRequest]) -> dict[str, Any]:
    """Returns the ratios of the solvers' median times on the same problems from the same start, and how often each found the same."""
    options = tracker._solver_options(requests[0].iterations_limit)
    contenders = {"plain_casadi": PlainProblem(tracker, "ipopt", options)}
    if ca.has_nlpsol("fatrop"):
        contenders["structured_solver"] = PlainProblem(tracker, "fatrop", _FATROP | {"fatrop.max_iter": requests[0].iterations_limit}, staged=True)
    times: dict[str, list[float]] = {"ours": [], **{name: [] for name in contenders}}
    same = dict.fromkeys(contenders, 0)
    for request in requests:
        tracker._load(problem_of(tracker._site, tracker._parameters, tracker._limits, request))
        answers = {name: each.solve(tracker._mpc) for name, each in contenders.items()}
        began = time.process_time()
        tracker._mpc.solve()
        times["ours"].append(time.process_time() - began)
        ours = float(ca.DM(tracker._mpc.S.stats()["iterations"]["obj"][-1]))
        for name, (took_s, success, objective) in answers.items():
            times[name].append(took_s)
            same[name] += success and abs(objective - ours) <= _SAME * abs(ours)
    ratios = {f"ratio_vs_{name}": statistics.median(times["ours"]) / statistics.median(times[name]) for name in contenders}
    return ratios | {f"same_as_{name}": f"{count} of {len(requests)}" for name, count in same.items()}


def _spread(values_ms: Sequence[float]) -> dict[str, float]:
    return {"p50": round(statistics.median(values_ms), 1), "p99": round(statistics.quantiles(values_ms, n=100, method="inclusive")[98], 1)}
