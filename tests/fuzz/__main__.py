"""Fuzzing of the envelope: ``python -m tests.fuzz --n 1000000 --seed 0`` judges so many proposals and prints what escaped, as JSON.

Ends with 1 where anything did; each escape names the case, which ``--case`` judges again by itself.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from random import Random
from typing import Any, Final

from safety.envelope import judge
from tests.fuzz.draws import proposal, situation
from tests.fuzz.oracle import escapes
from tests.fuzz.seen import Seen
from tests.fuzz.site import LIMITS

A_SITUATION: Final = 10  # proposals that are judged in each
BATCH: Final = 20_000
SHOWN: Final = 20


def main(argv: Sequence[str] | None = None) -> int:
    """Fuzzes, prints the outcome; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--n", type=int, default=1_000_000, help="proposals (1000000)")
    parser.add_argument("--seed", type=int, default=0, help="of the draws (0)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (one for each core)")
    parser.add_argument("--case", type=int, help="judge this situation alone and print it")
    asked = parser.parse_args(argv)
    if asked.case is not None:
        print(*(f"{seen}\n{proposed}\n{wrong}" for _, seen, proposed, wrong in judged(asked.seed, asked.case, asked.case + 1)), sep="\n\n")
        return 0
    began_s, result = time.monotonic(), {"proposals": 0, "situations": 0, "interventions": Counter[str](), "escaped": 0, "escapes": []}
    cases = -(-asked.n // A_SITUATION)
    starts = range(0, cases, BATCH // A_SITUATION)
    with ProcessPoolExecutor(asked.jobs) as pool:
        for part in pool.map(_batch, ((asked.seed, first, min(first + BATCH // A_SITUATION, cases)) for first in starts)):
            _add(result, part)
            print(f"{result['proposals']} of {asked.n}, escaped: {result['escaped']}, {time.monotonic() - began_s:.0f} s", file=sys.stderr, flush=True)
    print(json.dumps({"seed": asked.seed, **result, "interventions": dict(sorted(result["interventions"].items()))}, indent=1))
    return 1 if result["escaped"] else 0


def fuzz(seed: int, first: int, end: int) -> dict[str, Any]:
    """Judges the situations of these numbers, ten proposals in each; returns counts and the first escapes."""
    result: dict[str, Any] = {"proposals": 0, "situations": end - first, "interventions": Counter[str](), "escaped": 0, "escapes": []}
    for case, _, _, wrong in judged(seed, first, end, result["interventions"]):
        result["proposals"] += 1
        result["escaped"] += bool(wrong)
        if wrong and len(result["escapes"]) < SHOWN:
            result["escapes"].append({"case": case, "wrong": wrong})
    return result


def judged(seed: int, first: int, end: int, counted: Counter[str] | None = None) -> Iterator[tuple[int, Any, Any, list[str]]]:
    """Returns the number, the situation, the proposal and what is wrong with the verdict, for each proposal."""
    for case in range(first, end):
        rng = Random(f"{seed} {case}")
        now = situation(rng)
        seen = Seen(now.measured, now.in_force, now.inlets, now.elapsed_s, now.frozen, now.confidence)
        for turn in range(A_SITUATION):
            asked = proposal(rng, now)
            verdict = judge(asked, now, LIMITS)
            wrong = list(escapes(seen, now.writable, verdict.permitted))
            told = {i.signal: i.permitted for i in verdict.interventions}
            wrong += [f"{name}: dropped in silence" for name in asked if name not in verdict.permitted and told.get(name, 0.0) is not None]
            if turn == 0:
                again = judge(verdict.permitted, now, LIMITS)
                wrong += ["judged twice it comes out differently"] if again.permitted != verdict.permitted or again.interventions else []
            if counted is not None:
                counted.update(i.rule for i in verdict.interventions)
            yield case, now, asked, wrong


def _batch(span: tuple[int, int, int]) -> dict[str, Any]:
    return fuzz(*span)


def _add(result: dict[str, Any], part: dict[str, Any]) -> None:
    for key in ("proposals", "situations", "escaped"):
        result[key] += part[key]
    result["interventions"].update(part["interventions"])
    result["escapes"] = (result["escapes"] + part["escapes"])[:SHOWN]


if __name__ == "__main__":
    sys.exit(main())
