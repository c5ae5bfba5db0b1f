"""Commands around trust: how plans compare with what ran, what people override, what was changed and by whom, and whether anybody changed that since."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from controller.cli.operate import ask_daemon
from plant_models.site.load import SiteErrors, load_site

if TYPE_CHECKING:
    from controller.rollout.audit import Audited, Row


def add_commands(commands: Any) -> None:
    """Adds scoreboard, overrides and audit."""
    scoreboard = commands.add_parser("scoreboard", help="plans beside what ran: predicted power of both, errors, and which criteria for the next stage are met")
    scoreboard.add_argument("journal", nargs="?", type=Path, metavar="JOURNAL", help="a journal instead of the running daemon")
    scoreboard.add_argument("--config", type=Path, metavar="DIR", help="the site's directory; needed without JOURNAL")
    scoreboard.add_argument("--json", action="store_true", help="print one JSON object")
    scoreboard.set_defaults(run=_scoreboard, refuses=SiteErrors)
    overrides = commands.add_parser("overrides", help="list the setpoints that people move at the BAS, and for how long")
    overrides.add_argument("--config", type=Path, required=True, metavar="DIR", help="the site's directory, with site.toml and points.csv")
    overrides.add_argument("--json", action="store_true", help="print one JSON object")
    overrides.set_defaults(run=_overrides, refuses=SiteErrors)
    audit = commands.add_parser("audit", help="show what was changed, by whom, when and why; verify that nobody has changed that since")
    audit.add_argument("do", nargs="?", choices=["show", "verify"], default="show", help="default %(default)s")
    audit.add_argument("--config", type=Path, required=True, metavar="DIR", help="the site's directory, with site.toml and points.csv")
    audit.add_argument("--export", type=Path, metavar="FILE", help="write every row as a JSON object a line, the sealed head last")
    audit.add_argument("--head", metavar="ROW:DIGEST", help="with verify: a head that was noted elsewhere, as an earlier verification printed it")
    audit.add_argument("--json", action="store_true", help="print one JSON object")
    audit.set_defaults(run=_audit, refuses=SiteErrors)


def _scoreboard(asked: argparse.Namespace) -> int:
    if asked.journal is None and asked.config is None:
        print("coldaisle scoreboard: JOURNAL or --config DIR is needed", file=sys.stderr)
        return 2
    answer = _from_journal(asked.journal) if asked.journal else ask_daemon(asked, {"do": "scoreboard"})
    if answer is None:
        return 2 if asked.journal else 1
    if asked.json:
        print(json.dumps(answer, indent=1))
        return 0
    for day in answer["days"]:
        print(f"{day['day']}: {_in_words(day)}")
    print(f"to date: {_in_words(answer['to_date'])}")
    for name, group in answer.get("groups", {}).items():
        step = f", step {group['step']}" if group["step"] else ""
        further = f"; next {group['next']}" if group["next"] else ""
        print(f"group {name}: {group['stage']}{step}{further}")
        for row in group["criteria"]:
            have = "unknown" if row["have"] is None else f"{row['have']:.2f}"
            print(f"  {'met ' if row['met'] else 'open'} {row['key']}: {have} {row['told']}, needed {row['needed']:g}")
    print(answer["says"])
    return 0


def _from_journal(path: Path) -> dict[str, Any] | None:
    """Returns the scoreboard of a whole journal; None after saying why there is none."""
    from controller.journal import JournalError, JournalReader
    from controller.replay import stages_of_header
    from controller.rollout.score import Scoreboard

    try:
        reader = JournalReader(path)
        headers = reader.headers()
        if not headers:
            raise JournalError(f"{path}: no run is in it")
        board = Scoreboard(stages_of_header(headers[max(headers)]).loaded)
        for entry in reader.entries():
            board.add(entry.record)
        reader.close()
    except JournalError as error:
        print(f"coldaisle scoreboard: {error}", file=sys.stderr)
        return None
    return board.told()


def _in_words(sums: dict[str, Any]) -> str:
    """Returns a day in one line."""
    hours = ", ".join(f"{hours:.1f} h {name.lower()}" for name, hours in sums["hours"].items()) or "nothing yet"
    line = f"{hours}; {sums['plans']} of {sums['cycles']} cycles with a plan"
    if sums["predicted_saving_kw"] is not None:
        plan, held = sums["predicted_mean_kw"]["plan"], sums["predicted_mean_kw"]["in_force"]
        band = f" +- {sums['band_kw']:.0f}" if sums["band_kw"] is not None else ""
        share = f" ({sums['predicted_saving_cooling_pct']:.1f} % of cooling)" if sums["predicted_saving_cooling_pct"] is not None else ""
        line += f"; plan {plan:.0f} kW, in force {held:.0f} kW, saving {sums['predicted_saving_kw']:.0f}{band} kW{share}"
    return f"{line}; {sums['interventions']} interventions, {sums['predicted_violation_min']:.0f} min predicted above recommended"


def _overrides(asked: argparse.Namespace) -> int:
    answer = ask_daemon(asked, {"do": "overrides"})
    if answer is None:
        return 1
    if asked.json:
        print(json.dumps(answer, indent=1))
        return 0
    for override in answer["overrides"]:
        print(f"{override['setpoint']}: {override['hours']:.1f} h; {override['says']}")
    return 0


def _audit(asked: argparse.Namespace) -> int:
    from controller.rollout.audit import AuditError, as_lines, head_of, rows_of, stated, verify
    from controller.rollout.versions import VersionError, public_key

    directory = load_site(asked.config).site.persistence.directory
    journal = directory / "journal.sqlite"
    try:
        if asked.do == "verify":
            noted = stated(asked.head) if asked.head else None
            return _verified(verify(journal, public_key(directory / "versions"), noted), asked.json)
        rows = list(rows_of(journal))
        if asked.export:
            asked.export.write_text("".join(f"{line}\n" for line in as_lines(rows, head_of(directory))))
            print(f"{len(rows)} rows written to {asked.export}", file=sys.stderr)
    except (AuditError, VersionError, OSError, ValueError) as error:
        print(f"coldaisle audit: {error}", file=sys.stderr)
        return 2
    if asked.json:
        print(json.dumps({"rows": [asdict(row) for row in rows]}))
    elif not asked.export:
        for row in rows:
            print(_line(row))
    return 0


def _line(row: Row) -> str:
    when = datetime.fromtimestamp(row.at_s, UTC).isoformat(timespec="seconds")
    before, after = _short(row.before), _short(row.after)
    changed = f": {before} -> {after}" if before else f": {after}" if after else ""
    return f"{row.row:6d} {when} {row.who:12s} {row.what}{changed} ({row.reason})"


def _short(value: str) -> str:
    """Returns a value without the part of it that only a restart needs."""
    try:
        told = json.loads(value)
    except ValueError:
        return value
    if not isinstance(told, dict) or "trusts" not in told:
        return value
    return ", ".join(f"{name} {one if isinstance(one, str) else json.dumps(one)}" for name, one in told.items() if name != "trusts")


def _verified(audited: Audited, as_json: bool) -> int:
    if as_json:
        print(json.dumps({"verified": not audited.found, **asdict(audited)}))
        return 1 if audited.found else 0
    for wrong in audited.found:
        print(f"row {wrong.row}: {wrong.says}")
    older = f", {audited.unchained} older ones from before there was a chain" if audited.unchained else ""
    signed = "" if audited.signed else "; signatures not checked: there is no public key"
    print(f"{'TAMPERED' if audited.found else 'whole'}: {audited.rows} rows{older}{signed}; head {audited.head or 'none'}")
    return 1 if audited.found else 0
