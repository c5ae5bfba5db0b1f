"""Commands of the registry of learned policies: list, add, promote, retire; a running daemon takes a change up at its next start."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plant_models.site.load import SiteErrors, load_site

if TYPE_CHECKING:
    from controller.residual.registry import Known, Registry


def add_commands(commands: Any) -> None:
    """Adds policy with list, add and move."""
    policy = commands.add_parser("policy", help="the learned policies of this gateway: what they are, how far they have come")
    what = policy.add_subparsers(dest="what", metavar="WHAT", required=True)
    listed = what.add_parser("list", help="every policy with its state and what it was trained on")
    add = what.add_parser("add", help="take a policy file in as a candidate, signed with this gateway's key")
    add.add_argument("file", type=Path, help="what `coldaisle train` wrote")
    move = what.add_parser("move", help="candidate, shadow, canary, active, retired: up one step at a time with evidence, down at once")
    move.add_argument("digest", help="its beginning is enough")
    move.add_argument("state", choices=["shadow", "canary", "active", "retired"])
    move.add_argument("--evidence", default="", metavar="FILE", help="the report or benchmark that shows what it saves; needed for canary and active")
    for parser in (listed, add, move):
        parser.add_argument("--config", type=Path, required=True, metavar="DIR", help="the site's directory")
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.set_defaults(run=_run, refuses=SiteErrors)
    for parser in (add, move):
        parser.add_argument("--reason", required=True, help="why; it is kept in the registry")


def _run(asked: argparse.Namespace) -> int:
    from controller.residual.policy import PolicyError
    from controller.residual.registry import Registry
    from controller.rollout.versions import VersionError, Versions

    loaded = load_site(asked.config)
    try:
        registry = Registry(Versions(loaded.site.persistence.directory / "versions"), loaded)
        found = _do(asked, registry)
    except (PolicyError, VersionError) as error:
        print(f"coldaisle policy {asked.what}: {error}", file=sys.stderr)
        return 2
    told = {"policies": [_told(registry, one) for one in found]}
    print(json.dumps(told, indent=1) if asked.json else "\n".join(_line(one) for one in told["policies"]) or "no policy is known")
    return 0


def _do(asked: argparse.Namespace, registry: Registry) -> tuple[Known, ...]:
    from controller.residual.policy import PolicyError
    from controller.residual.registry import State

    if asked.what == "list":
        return registry.known
    if asked.what == "add":
        return (registry.add(asked.file, time.time(), getpass.getuser(), asked.reason),)
    if asked.evidence and not Path(asked.evidence).is_file():
        raise PolicyError(f"--evidence {asked.evidence}: no such file")
    return (registry.move(asked.digest, State(asked.state), time.time(), getpass.getuser(), asked.reason, asked.evidence),)


def _told(registry: Registry, one: Known) -> dict[str, Any]:
    policy = registry.policy(one.digest)
    last = one.changes[-1]
    trained = {"command": policy.trained.command, "seed": policy.trained.seed, "evaluation": dict(policy.trained.evaluation)}
    return {"digest": one.digest, "state": one.state, "since_s": last.at_s, "who": last.who, "reason": last.reason, "evidence": last.evidence, **trained}


def _line(one: dict[str, Any]) -> str:
    return f"{one['digest'][:12]}  {one['state']:9s}  {one['who']}: {one['reason']}  ({one['command']}, seed {one['seed']})"
