"""Mutation testing of safety/: ``python -m tests.mutation`` changes one thing at a time and demands that a test notices.

Writes mutation.json. Ends with 1 where a survivor has no written reason in survivors.toml, or where that list names one that is killed by now.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.mutation import trial
from tests.mutation.mutants import Mutant, enums_of, mutants_of
from tests.mutation.reach import reach
from tests.mutation.verdicts import KILLED, SURVIVED, TIMED_OUT, Memory, Verdict, accepted, gone, told

ROOT: Final = Path(__file__).parents[2]
LISTED: Final = Path(__file__).parent / "survivors.toml"
SLOWER: Final = 20.0  # a mutant that takes so many times as long as the tests without any change has not ended
LIMIT_AT_LEAST_S: Final = 60.0
TELL_EVERY_S: Final = 15.0
OUTCOMES: Final = {trial.ALIVE: SURVIVED, trial.KILLED: KILLED}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the mutants that are asked for; returns the exit status."""
    asked = _arguments(argv)
    os.chdir(ROOT)
    sources = {f"safety.{path.stem}": path.read_text() for path in sorted(Path("safety").glob("*.py"))}
    tests = {str(path): path.read_text() for path in sorted(Path("tests/safety").glob("*.py"))}
    found = [
        mutants_of(module, text, enums_of(sources)) for module, text in sources.items() if not asked.only or f"{module.replace('.', '/')}.py" in asked.only
    ]
    mutants = [(tree, mutant) for tree, several in found for mutant in several]
    whole = [] if asked.sample else sorted({mutant.module for _, mutant in mutants})
    if asked.sample:
        mutants = random.Random(asked.seed).sample(mutants, min(asked.sample, len(mutants)))
    reached = reach(sources, tests)
    if asked.fresh:
        asked.cache.unlink(missing_ok=True)
    memory = Memory(asked.cache, sources, tests, reached)
    trial.prepare()
    began_s = time.monotonic()
    verdicts = _Runs(asked.jobs, reached).all(mutants, memory)
    reasons = accepted(LISTED)
    stale = gone(reasons, verdicts, whole)
    result = {"command": " ".join(["python -m tests.mutation", *(sys.argv[1:] if argv is None else argv)]), **told(verdicts, reasons)}
    result |= {"accepted_but_killed": [{"where": where, "change": change} for where, change in stale]}
    asked.out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    _say(result, time.monotonic() - began_s)
    return 1 if result["unexplained"] or stale else 0


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "mutation.json", help="where the result goes (mutation.json)")
    parser.add_argument("--only", nargs="+", default=[], metavar="FILE", help="modules to change, as safety/rules.py; all without it")
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="so many mutants only, chosen at random")
    parser.add_argument("--seed", type=int, default=0, help="of the choice (0)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at a time (one for each core)")
    parser.add_argument("--cache", type=Path, default=ROOT / "out/mutation.json", help="verdicts of earlier runs that still hold")
    parser.add_argument("--fresh", action="store_true", help="believe no earlier run")
    asked = parser.parse_args(argv)
    asked.out, asked.cache = asked.out.absolute(), asked.cache.absolute()
    return asked


class _Runs:
    """So many trials at a time, each against the test files that are the likeliest to notice it first."""

    def __init__(self, jobs: int, reached: Mapping[str, frozenset[str]]) -> None:
        self._jobs, self._reached = jobs, reached
        self._kills: Counter[tuple[str, str]] = Counter()
        self._running: dict[int, tuple[Mutant, int, float]] = {}
        self._limit_s = LIMIT_AT_LEAST_S
        self._takes_s: dict[str, float] = {}

    def all(self, mutants: Sequence[tuple[object, Mutant]], memory: Memory) -> list[Verdict]:
        """Returns a verdict on every mutant, in their order; ended early (Ctrl-C), what is known so far is remembered."""
        self._unchanged()
        known = {id(m): v for _, m in mutants if (v := memory.recall(m)) is not None}
        print(f"{len(mutants)} mutants, {len(known)} known from earlier runs", file=sys.stderr)
        waiting = [(tree, m) for tree, m in reversed(mutants) if id(m) not in known]
        told_s = time.monotonic()
        try:
            while waiting or self._running:
                while waiting and len(self._running) < self._jobs:
                    self._begin(*waiting.pop())
                for verdict in self._ended():
                    known[id(verdict.mutant)] = verdict
                    memory.keep(verdict)
                if time.monotonic() - told_s > TELL_EVERY_S:
                    told_s = time.monotonic()
                    memory.save()
                    print(f"{len(known)} of {len(mutants)}: {dict(Counter(v.outcome for v in known.values()))}", file=sys.stderr, flush=True)
        finally:
            memory.save()
        return [known[id(m)] for _, m in mutants]

    def _unchanged(self) -> None:
        """Runs the tests without any change: they must pass, and how long they take says which to run first and when a mutant hangs."""
        reader, writer = os.pipe()
        _, status = os.waitpid(trial.begin("", None, sorted(self._reached), writer), 0)
        os.close(writer)
        *took, by = os.read(reader, 65536).decode().split("\n")
        os.close(reader)
        if os.waitstatus_to_exitcode(status) != trial.ALIVE:
            raise SystemExit(f"the tests of safety/ fail without any change: {by or 'they do not run'}")
        self._takes_s = {file: float(s) for file, _, s in (line.partition(" ") for line in took)}
        self._limit_s = max(LIMIT_AT_LEAST_S, SLOWER * sum(self._takes_s.values()))

    def _begin(self, tree: object, mutant: Mutant) -> None:
        with mutant.applied():
            code = compile(tree, f"{mutant.where} mutated", "exec")  # type: ignore[call-overload]  # a tree of the ast module
        reader, writer = os.pipe()
        child = trial.begin(mutant.module, code, self._order(mutant.module), writer)
        os.close(writer)
        self._running[child] = (mutant, reader, time.monotonic())

    def _order(self, module: str) -> list[str]:
        """Returns the test files that reach the module: those first that kill the most of its mutants in the least time, or are made for it."""
        name = module.partition(".")[2]

        def worth(file: str) -> float:
            return (self._kills[module, file] + (5.0 if file.endswith(f"/test_{name}.py") else 1.0)) / (self._takes_s[file] + 0.1)

        return sorted((file for file, modules in self._reached.items() if module in modules), key=worth, reverse=True)

    def _ended(self) -> Iterable[Verdict]:
        """Returns the verdicts of trials that have ended or take too long, after a short wait."""
        time.sleep(0.01)
        for child, (mutant, reader, began_s) in list(self._running.items()):
            ended, status = os.waitpid(child, os.WNOHANG)
            late = not ended and time.monotonic() - began_s > self._limit_s
            if late:
                os.kill(child, 9)
                os.waitpid(child, 0)
            if ended or late:
                del self._running[child]
                by = os.read(reader, 4096).decode()
                os.close(reader)
                yield self._verdict(mutant, TIMED_OUT if late else OUTCOMES.get(os.waitstatus_to_exitcode(status)), by)

    def _verdict(self, mutant: Mutant, outcome: str | None, by: str) -> Verdict:
        if outcome is None:
            raise SystemExit(f"the trial of {mutant.where}, {mutant.change} broke off by itself")
        self._kills[mutant.module, by] += outcome == KILLED
        return Verdict(mutant, outcome, by)


def _say(result: dict[str, object], took_s: float) -> None:
    survivors = result["survivors"]
    assert isinstance(survivors, list)
    for survivor in survivors:
        if survivor["reason"] is None:
            print(f"SURVIVED {survivor['where']} (line {survivor['line']})\n    {survivor['change']}", file=sys.stderr)
    for entry in result["accepted_but_killed"] if isinstance(result["accepted_but_killed"], list) else []:
        print(f"KILLED by now, take it off the list: {entry['where']}\n    {entry['change']}", file=sys.stderr)
    counts = {key: value for key, value in result.items() if isinstance(value, int)}
    print(f"{counts}, {len(survivors)} survivors, {took_s:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
