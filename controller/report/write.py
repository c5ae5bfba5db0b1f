"""Writes the evidence report from a journal, a score of the daemon's own run and a backtest, whichever of them exist."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from controller.journal import JournalError
from controller.report.compare import ReportError, columns
from controller.report.page import Evidence, page
from controller.report.proof import as_json, proof_of
from controller.report.read import read_history


def write_report(
    journal_path: Path | None, out_path: Path, truth: Mapping[str, Any] | None, backtest: Mapping[str, Any] | None, investment: float | None = None
) -> dict[str, Any] | None:
    """Writes one self-contained HTML file and returns what a journal proves as JSON, None without a journal.

    ``backtest`` is what ``backtest --json`` prints, ``truth`` the daemon's own run scored the same way: {"scenario", "policy", "series"}.
    Raises ReportError for input that cannot be read or when there is nothing to report, JournalError for a journal that cannot be read.
    """
    history = read_history(journal_path) if journal_path else None
    found = columns(truth, backtest)
    if history is None and not found:
        raise ReportError("nothing to report: the journal holds no cycle yet, and neither a score nor a backtest was given")
    scenario: Mapping[str, Any] = next((s["scenario"] for s in (truth, backtest) if s and isinstance(s.get("scenario"), Mapping)), {})
    text = page(Evidence(history, found, scenario, investment))
    out_path.parent.mkdir(parents=True, exist_ok=True)
    out_path.write_text(text, encoding="utf-8")
    return as_json(proof_of(history, investment)) if history else None


def _load(path: Path | None, what: str, problems: list[str]) -> dict[str, Any] | None:
    if path is None:
        return None
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        problems.append(f"{path}: {what}: {error}")
        return None
    if not isinstance(value, dict):
        problems.append(f"{path}: {what}: must be a JSON object, not {type(value).__name__}")
        return None
    return value


def report_command(
    journal: Path | None,
    out: Path,
    truth: Path | None = None,
    backtest: Path | None = None,
    investment: float | None = None,
    told: Callable[[dict[str, Any] | None], None] = lambda _proof: None,
) -> int:
    """Runs ``coldaisle report``; ``told`` hears what the journal proves, as JSON. Returns 0, or 2 after listing every problem of the input on stderr."""
    problems: list[str] = []
    scored, tested = _load(truth, "truth", problems), _load(backtest, "backtest", problems)
    if not problems:
        try:
            told(write_report(journal, out, scored, tested, investment))
        except (ReportError, JournalError, OSError) as error:
            problems.append(str(error))
    for problem in problems:
        print(f"coldaisle report: {problem}", file=sys.stderr)
    if not problems:
        print(f"report written: {out}", file=sys.stderr)
    return 2 if problems else 0
