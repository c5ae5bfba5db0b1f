"""Commands of the switchback experiment: what it could find out, begin, stop."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from pathlib import Path
from typing import Any

from plant_models.site.load import SiteErrors, load_site


def add_commands(commands: Any) -> None:
    """Adds switchback with plan, start and stop."""
    switchback = commands.add_parser("switchback", help="prove the saving: whole days of the daemon and of the BAS in turns, drawn from a sealed seed")
    what = switchback.add_subparsers(dest="what", metavar="WHAT", required=True)
    plan = what.add_parser("plan", help="say from a journal how long it takes to find a saving, and which meters are missing; changes nothing")
    plan.add_argument("--config", type=Path, required=True, metavar="DIR", help="the site's directory")
    plan.add_argument("--journal", type=Path, required=True, metavar="FILE", help="two weeks or more of this site, in any stage")
    plan.add_argument("--json", action="store_true", help="print one JSON object")
    plan.set_defaults(run=_plan, refuses=SiteErrors)

    start = what.add_parser("start", help="seal a schedule and begin on its first day; the stage must be auto")
    start.add_argument("--config", type=Path, required=True, metavar="DIR", help="the site's directory")
    start.add_argument("--first-day", required=True, metavar="DATE", help="a day ahead, as 2026-03-01")
    start.add_argument("--blocks-most", type=int, metavar="N", help="ends after so many blocks at the latest (default 4, of 14 days)")
    start.add_argument("--period-days", type=int, metavar="N", help="days of one turn: 1, or 2 and more where cold is stored (default 1)")
    start.add_argument("--carry-over-h", type=float, metavar="H", help="discarded after each switch (default 2)")
    start.add_argument("--detect-pct", type=float, metavar="PCT", help="the saving worth finding, for the record (default 5)")
    start.add_argument("--seed", type=int, metavar="S", help="of the schedule (default: drawn by the daemon, known to nobody)")
    start.add_argument("--reason", required=True, help="why; it is kept in the journal")
    start.set_defaults(run=_order, refuses=SiteErrors)

    stop = what.add_parser("stop", help="end the experiment now; its seed and what was seen stay in the journal")
    stop.add_argument("--config", type=Path, required=True, metavar="DIR", help="the site's directory")
    stop.add_argument("--reason", required=True, help="why; it is kept in the journal")
    stop.set_defaults(run=_order, refuses=SiteErrors)


def _plan(asked: argparse.Namespace) -> int:
    from controller.journal import JournalError
    from controller.report.read import read_history
    from controller.report.readiness import as_text, readiness

    loaded = load_site(asked.config)
    try:
        history = read_history(asked.journal)
    except JournalError as error:
        print(f"coldaisle switchback plan: {error}", file=sys.stderr)
        return 2
    found = readiness(loaded, history) if history else None
    if found is None:
        print(f"coldaisle switchback plan: {asked.journal}: too little is recorded; 12 whole days with load, wet bulb and power are needed", file=sys.stderr)
        return 2
    print(json.dumps(found, indent=1) if asked.json else as_text(found))
    return 0


def _order(asked: argparse.Namespace) -> int:
    from controller.cli.operate import ask_daemon

    more = ("first_day", "blocks_most", "period_days", "carry_over_h", "detect_pct", "seed")
    request = {"do": "switchback", "what": asked.what, "reason": asked.reason, "who": getpass.getuser()}
    answer = ask_daemon(asked, {**request, **{name: getattr(asked, name) for name in more if getattr(asked, name, None) is not None}})
    if answer is None:
        return 1
    print(answer["says"])
    return 0
