"""Intervention statistics for the safety case: ``python -m tests.interventions BACKTEST.json ...`` writes them into docs/safety-case.md.

Each file is what ``coldaisle backtest ... --json FILE`` wrote. With ``--print`` the table is printed and the page left as it is.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

PAGE: Final = Path(__file__).parents[1] / "docs/safety-case.md"
BEGIN, END = "<!-- interventions: begin -->", "<!-- interventions: end -->"
COLUMNS: Final = (
    "site, weather, day, load",
    "policy",
    "cycles",
    "interventions by rule",
    "a cycle",
    "mode minutes",
    "inlet above recommended",
    "above allowable",
    "other violations",
)
INLET: Final = ("inlet_above_recommended_rack_minutes", "inlet_above_allowable_rack_minutes")
CYCLES_A_DAY: Final = 288


def table(outcomes: Sequence[Mapping[str, Any]]) -> str:
    """Returns one row for each policy of each outcome; violations are rack-minutes on true temperatures, "other" sums what is not an inlet's degree."""
    rows = [f"| {' | '.join(COLUMNS)} |", "|" + "---|" * len(COLUMNS)]
    for outcome in outcomes:
        s = outcome["scenario"]
        where = f"{Path(s['config']).name}, {s['weather']}, {s['start']} ({s['days']:g} d), {s['shape']}, seed {s['seed']}"
        for policy, scores in outcome["policies"].items():
            counts, cycles = scores["interventions"], round(CYCLES_A_DAY * s["days"])
            rules = ", ".join(f"{rule} {count}" for rule, count in sorted(counts.items())) or "none"
            modes = ", ".join(f"{mode} {minutes:.0f}" for mode, minutes in scores["mode_minutes"].items() if minutes)
            violations = scores["violations"]
            other = sum(value for name, value in violations.items() if name not in INLET and name != "inlet_degree_minutes_above_recommended")
            seen = " | ".join(f"{violations[name]:.0f}" for name in INLET)
            rows.append(f"| {where} | {policy} | {cycles} | {rules} | {sum(counts.values()) / cycles:.3f} | {modes} | {seen} | {other:.0f} |")
    return "\n".join(rows)


def inserted(page: str, text: str) -> str:
    """Returns the page with the text between its marks; raises ValueError where it has none."""
    if page.count(BEGIN) != 1 or page.count(END) != 1:
        raise ValueError(f"the page needs one {BEGIN} and one {END}")
    return re.sub(f"{BEGIN}.*{END}", lambda _: f"{BEGIN}\n{text}\n{END}", page, flags=re.DOTALL)


def main(argv: Sequence[str] | None = None) -> int:
    """Writes or prints the statistics; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.interventions", description=__doc__)
    parser.add_argument("outcomes", nargs="+", type=Path, metavar="BACKTEST.json")
    parser.add_argument("--print", action="store_true", help="print the table only")
    asked = parser.parse_args(argv)
    text = table([json.loads(path.read_text()) for path in asked.outcomes])
    if asked.print:
        print(text)
    else:
        PAGE.write_text(inserted(PAGE.read_text(), text))
    return 0


if __name__ == "__main__":
    sys.exit(main())
