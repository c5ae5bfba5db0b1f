"""What became of each mutant: remembered by what it depends on, held against the list of accepted survivors, and told."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.mutation.mutants import Mutant

KILLED, SURVIVED, TIMED_OUT = "killed", "survived", "timed out"
REASON_AT_LEAST: Final = 20  # letters: "equivalent" alone explains nothing


@dataclass(frozen=True)
class Verdict:
    """What became of one mutant, and which test file killed it."""

    mutant: Mutant
    outcome: str
    by: str = ""


class Memory:
    """Verdicts of earlier runs: a kill holds while the killing file and the modules that it reaches are as they were, a survival while all such files are."""

    def __init__(self, path: Path, sources: Mapping[str, str], tests: Mapping[str, str], reached: Mapping[str, frozenset[str]]) -> None:
        """Takes the file that verdicts are kept in, and what they depend on: modules by name, test files by path, and which file reaches which module."""
        self._path, self._reached = path, reached
        self._conftest = "".join(text for name, text in sorted(tests.items()) if name.endswith("conftest.py"))
        self._sources, self._tests = sources, tests
        self._kept: dict[str, list[str]] = json.loads(path.read_text()) if path.exists() else {}

    def recall(self, mutant: Mutant) -> Verdict | None:
        """Returns the verdict of an earlier run that still holds."""
        outcome, by, key = self._kept.get(self._name(mutant), ["", "", ""])
        return Verdict(mutant, outcome, by) if outcome and key == self._key(mutant, by) else None

    def keep(self, verdict: Verdict) -> None:
        """Remembers a verdict; a time-out is tried again."""
        if verdict.outcome != TIMED_OUT:
            self._kept[self._name(verdict.mutant)] = [verdict.outcome, verdict.by, self._key(verdict.mutant, verdict.by)]

    def save(self) -> None:
        """Writes what is remembered."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(json.dumps(self._kept))

    def _name(self, mutant: Mutant) -> str:
        return f"{mutant.where} {mutant.change}"

    def _key(self, mutant: Mutant, by: str) -> str:
        """Returns the digest of what a verdict depends on: one file killed the mutant, or all that reach its module did not."""
        files = [by] if by else [file for file, modules in self._reached.items() if mutant.module in modules]
        return _digest(self._conftest, *(self._text_of(file) for file in sorted(files)))

    def _text_of(self, file: str) -> str:
        """Returns a test file's text with that of the files that it takes names from, and of the modules that it reaches."""
        text = self._tests.get(file, "")
        others = [self._tests.get(f"{name.replace('.', '/')}.py", "") for name in re.findall(r"(?m)^from (tests\.[\w.]+) import", text)]
        return "\0".join([text, *others, *(self._sources[name] for name in sorted(self._reached.get(file, ())))])


def accepted(path: Path) -> dict[tuple[str, str], str]:
    """Returns the reasons of the accepted survivors by (where, change).

    Raises ValueError where an entry is there twice or gives no real reason.
    """
    rows = tomllib.loads(path.read_text()).get("survivor", []) if path.exists() else []
    reasons = {(row["where"], row["change"]): row["reason"] for row in rows}
    if len(reasons) != len(rows):
        raise ValueError(f"{path}: an entry is there twice")
    if short := [key for key, reason in reasons.items() if len(reason) < REASON_AT_LEAST]:
        raise ValueError(f"{path}: these entries need a reason of {REASON_AT_LEAST} letters at least: {short}")
    return reasons


def gone(listed: Iterable[tuple[str, str]], verdicts: Iterable[Verdict], modules: Iterable[str]) -> list[tuple[str, str]]:
    """Returns the listed survivors of whole modules that are killed now or exist no more: the list can only shrink."""
    alive = {(v.mutant.where, v.mutant.change) for v in verdicts if v.outcome == SURVIVED}
    files = {f"{module.replace('.', '/')}.py" for module in modules}
    return [key for key in listed if key not in alive and key[0].partition(":")[0] in files]


def told(verdicts: Iterable[Verdict], reasons: Mapping[tuple[str, str], str]) -> dict[str, object]:
    """Returns the result as it is written: counts, and every survivor with its reason (None: unexplained)."""
    all_of_them = list(verdicts)
    survivors = [v.mutant for v in all_of_them if v.outcome == SURVIVED]
    return {
        "mutants": len(all_of_them),
        "killed": sum(v.outcome == KILLED for v in all_of_them),
        "timed_out": sum(v.outcome == TIMED_OUT for v in all_of_them),
        "unexplained": sum((m.where, m.change) not in reasons for m in survivors),
        "survivors": [{"where": m.where, "line": m.line, "change": m.change, "reason": reasons.get((m.where, m.change))} for m in survivors],
        "modules": {name: _counts([v for v in all_of_them if v.mutant.module == name]) for name in sorted({v.mutant.module for v in all_of_them})},
    }


def _counts(verdicts: list[Verdict]) -> dict[str, int]:
    return {"mutants": len(verdicts), "killed": sum(v.outcome == KILLED for v in verdicts), "survived": sum(v.outcome == SURVIVED for v in verdicts)}


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:24]
