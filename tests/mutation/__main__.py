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
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.mutation import trial
from tests.mutation.mutants import enums_of, mutants_of
from tests.mutation.reach import reach
from tests.mutation.runs import Runs
from tests.mutation.verdicts import Memory, accepted, gone, told

ROOT: Final = Path(__file__).parents[2]
LISTED: Final = Path(__file__).parent / "survivors.toml"


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
    began_s = time.monotonic()
    with TemporaryDirectory() as frozen:
        trial.prepare(Path(frozen), {**{f"{name.replace('.', '/')}.py": text for name, text in sources.items()}, **tests})
        verdicts = Runs(asked.jobs, reached, memory).all(mutants)
        os.chdir(ROOT)
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
