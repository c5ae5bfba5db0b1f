"""So many trials at a time, each with the tests first that are the likeliest to notice soon; from mutants to verdicts."""

from __future__ import annotations

import ast
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import CodeType
from typing import Final

from tests.mutation import trial
from tests.mutation.mutants import Mutant
from tests.mutation.verdicts import KILLED, SURVIVED, TIMED_OUT, Memory, Verdict

SLOWER: Final = 20.0  # a mutant that takes so many times as long as the tests without any change has not ended
LIMIT_AT_LEAST_S: Final = 60.0
TELL_EVERY_S: Final = 15.0
OUTCOMES: Final = {trial.ALIVE: SURVIVED, trial.KILLED: KILLED}

Begin = Callable[[Mutant | None, CodeType | None, Sequence[str], int], int]
Tried = tuple[ast.Module, Mutant]


class Runs:
    """What is known of the mutants so far, and which tests killed how many."""

    def __init__(self, jobs: int, reached: Mapping[str, frozenset[str]], memory: Memory) -> None:
        """Takes how many trials run at a time, the modules that each test file reaches, and the verdicts of earlier runs."""
        self._jobs, self._reached, self._memory = jobs, reached, memory
        self._kills: Counter[tuple[str, str]] = Counter()
        self._running: dict[int, tuple[Mutant, int, float]] = {}
        self._takes_s: dict[str, float] = {}
        self._known: dict[int, Verdict] = {}

    def all(self, mutants: Sequence[Tried]) -> list[Verdict]:
        """Returns a verdict on every mutant, in their order; ended early (Ctrl-C), what is known so far is remembered."""
        self._known = {id(m): verdict for _, m in mutants if (verdict := self._memory.recall(m)) is not None}
        print(f"{len(mutants)} mutants, {len(self._known)} known from earlier runs", file=sys.stderr, flush=True)
        self._limit_s = LIMIT_AT_LEAST_S

        def within(session: trial.Session) -> None:
            self._unchanged(session)
            self._try([(tree, m) for tree, m in mutants if m.function and id(m) not in self._known], session.in_session, False)

        try:
            trial.Session(sorted(self._reached), within)
            self._try([(tree, m) for tree, m in mutants if id(m) not in self._known], trial.anew, True)
        finally:
            self._memory.save()
        return [self._known[id(m)] for _, m in mutants]

    def _try(self, mutants: Sequence[Tried], begin: Begin, last: bool) -> None:
        """Tries the mutants; one that outlives anything but its ``last`` trial is tried again."""
        waiting, told_s = list(reversed(mutants)), time.monotonic()
        while waiting or self._running:
            while waiting and len(self._running) < self._jobs:
                self._begin(*waiting.pop(), begin, anew=last)
            for verdict in self._ended():
                if last or verdict.outcome != SURVIVED:
                    self._known[id(verdict.mutant)] = verdict
                    self._memory.keep(verdict)
            if time.monotonic() - told_s > TELL_EVERY_S:
                told_s = time.monotonic()
                self._memory.save()
                print(f"{len(self._known)}: {dict(Counter(v.outcome for v in self._known.values()))}", file=sys.stderr, flush=True)

    def _unchanged(self, session: trial.Session) -> None:
        """Runs the tests without any change: they must pass, and how long each takes says which to run first and when a mutant hangs."""
        reader, writer = os.pipe()
        child = session.in_session(None, None, list(session.items), writer)
        os.close(writer)
        *took, by = _all_of(reader).split("\n")
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) != trial.ALIVE:
            raise SystemExit(f"the tests of safety/ fail without any change: {by or 'they do not run'}")
        for line in took:
            seconds, _, test = line.partition(" ")
            self._takes_s[test] = float(seconds)
        for file in self._reached:
            self._takes_s[file] = sum(s for test, s in self._takes_s.items() if test.startswith(f"{file}::"))
        self._limit_s = max(LIMIT_AT_LEAST_S, SLOWER * sum(self._takes_s.values()))

    def _begin(self, tree: ast.Module, mutant: Mutant, begin: Begin, anew: bool) -> None:
        with mutant.applied():
            code = compile(tree, f"{mutant.where} mutated", "exec")
        reader, writer = os.pipe()
        child = begin(mutant, code, self._order(mutant.module, anew), writer)
        os.close(writer)
        self._running[child] = (mutant, reader, time.monotonic())

    def _order(self, module: str, files: bool) -> list[str]:
        """Returns the tests (or ``files`` of them) that reach the module: those first that kill the most of its mutants in the least time."""
        own = f"/test_{module.partition('.')[2]}.py"
        overhead_s = 0.2 if files else 0.005

        def worth(test: str) -> float:
            return (self._kills[module, test] + (5.0 if test.partition("::")[0].endswith(own) else 1.0)) / (self._takes_s[test] + overhead_s)

        tests = (test for test in self._takes_s if ("::" not in test) is files and module in self._reached[test.partition("::")[0]])
        return sorted(tests, key=worth, reverse=True)

    def _ended(self) -> Iterator[Verdict]:
        """Yields the verdicts of trials that have ended or take too long, after a short wait."""
        time.sleep(0.005)
        for child, (mutant, reader, began_s) in list(self._running.items()):
            ended, status = os.waitpid(child, os.WNOHANG)
            late = not ended and time.monotonic() - began_s > self._limit_s
            if late:
                os.kill(child, 9)
                _, status = os.waitpid(child, 0)
            if ended or late:
                del self._running[child]
                by = _all_of(reader)
                yield self._verdict(mutant, TIMED_OUT if late else OUTCOMES.get(os.waitstatus_to_exitcode(status)), by)

    def _verdict(self, mutant: Mutant, outcome: str | None, by: str) -> Verdict:
        if outcome is None:
            raise SystemExit(f"the trial of {mutant.where}, {mutant.change} broke off by itself")
        self._kills[mutant.module, by] += outcome == KILLED
        self._kills[mutant.module, by.partition("::")[0]] += outcome == KILLED and "::" in by
        return Verdict(mutant, outcome, by.partition("::")[0])


def _all_of(reader: int) -> str:
    """Returns all that is written to a pipe until its other end closes."""
    with os.fdopen(reader, "rb") as pipe:
        return pipe.read().decode()
