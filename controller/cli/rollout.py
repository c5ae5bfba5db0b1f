"""Commands around trust: what was changed and by whom, and whether anybody has changed that since."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plant_models.site.load import SiteErrors, load_site

if TYPE_CHECKING:
    from controller.rollout.audit import Audited, Row


def add_commands(commands: Any) -> None:
    """Adds audit."""
    audit = commands.add_parser("audit", help="show what was changed, by whom, when and why; verify that nobody has changed that since")
    audit.add_argument("do", nargs="?", choices=["show", "verify"], default="show", help="default %(default)s")
    audit.add_argument("--config", type=Path, required=True, metavar="DIR", help="the site's directory, with site.toml and points.csv")
    audit.add_argument("--export", type=Path, metavar="FILE", help="write every row as a JSON object a line, the sealed head last")
    audit.add_argument("--head", metavar="ROW:DIGEST", help="with verify: a head that was noted elsewhere, as an earlier verification printed it")
    audit.add_argument("--json", action="store_true", help="print one JSON object")
    audit.set_defaults(run=_audit, refuses=SiteErrors)


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
    changed = f": {row.before} -> {row.after}" if row.before else f": {row.after}" if row.after else ""
    return f"{row.row:6d} {when} {row.who:12s} {row.what}{changed} ({row.reason})"


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
