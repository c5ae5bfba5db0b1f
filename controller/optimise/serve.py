"""The optimiser's process: requests for plans come in on stdin, a JSON line each, and each is answered by one line on stdout.

It ends when its parent does. Whatever a library prints goes to stderr, so that stdout carries answers only.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import sys
import warnings
from pathlib import Path
from typing import Final, TextIO

from controller.encode import from_text, to_text
from controller.optimise.planner import Planner
from controller.optimise.request import Answer, PlanRequest, Ready
from plant_models.reduced.parameters import ModelFileError, load_parameters
from plant_models.site.limits import limits_of
from plant_models.site.load import SiteErrors, load_site
from safety.records import Proposal

_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h
_NICE: Final = 5  # the guard's heartbeat goes before a solve on a gateway with one core


def main(arguments: list[str] | None = None) -> int:
    """Serves until stdin ends; returns 2 where the site or its model cannot be used, having said why on stdout."""
    parser = argparse.ArgumentParser(prog="python -m controller.optimise.serve", description=__doc__)
    parser.add_argument("directory", type=Path, help="the site's directory")
    parser.add_argument("--time-limited", action="store_true", help="limit each solve by wall time too; not where results must repeat exactly")
    options = parser.parse_args(arguments)
    answers = _claim_stdout()
    _end_with_parent()
    os.nice(_NICE)
    try:
        tracker, planner = _build(options.directory, options.time_limited)
    except (SiteErrors, ModelFileError) as error:
        _say(answers, Ready(ready=False, says=str(error)))
        return 2
    _say(answers, Ready(ready=True))
    for number, line in enumerate(sys.stdin, start=1):
        _say(answers, Answer(number, _planned(tracker, planner, from_text(PlanRequest, line))))
    return 0


def _planned(tracker: Tracker, planner: Planner, request: PlanRequest) -> Proposal:
    """Returns the tracker's proposal, completed by the planner, which comes after it."""
    return planner.complete(request, tracker.plan(request))


def _build(directory: Path, time_limited: bool) -> tuple[Tracker, Planner]:
    loaded = load_site(directory)
    site = loaded.site
    path = site.directory / site.optimiser.model
    parameters = load_parameters(path, site)
    time_limit_wall_s = site.timing.solver_time_limit_wall_s if time_limited else None
    limits = limits_of(site, loaded.points)
    tracker = Tracker(site, limits, parameters, time_limit_wall_s)
    tracker.build(site.timing.solver_iterations)
    return tracker, Planner(site, limits, parameters, time_limit_wall_s)


def _claim_stdout() -> TextIO:
    """Returns the real stdout, and sends whatever else is printed to stderr."""
    own = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return own


def _end_with_parent() -> None:
    """Asks the kernel to end this process with its parent, where there is such a kernel; elsewhere the end of stdin does."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _say(answers: TextIO, message: Ready | Answer) -> None:
    answers.write(to_text(message) + "\n")
    answers.flush()


with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # do-mpc warns of its optional parts when imported
    from controller.optimise.tracker import Tracker

if __name__ == "__main__":
    sys.exit(main())
