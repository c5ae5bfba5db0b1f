"""Commands around the model of a site: identify it, plan the steps that show what it needs, and consent to them."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plant_models.site.load import LoadedSite, SiteErrors, load_site

if TYPE_CHECKING:
    from plant_models.reduced.prbs import StepPlan


def add_commands(commands: Any) -> None:
    """Adds identify and excite."""
    identify = commands.add_parser("identify", help="fit the reduced model to recorded readings and write a versioned model file")
    _config(identify)
    identify.add_argument("--data", type=Path, action="append", metavar="FILE", help="a journal or a Parquet table; may be given several times")
    identify.add_argument("--update", action="store_true", help="follow new days of the data by a bounded step; default data: the daemon's journal")
    identify.add_argument("--out", type=Path, metavar="FILE", help="where to write the model if it is accepted; default: the file that site.toml names")
    identify.add_argument("--json", nargs="?", const="-", metavar="FILE", help="print one JSON object last, or write it to FILE")
    identify.set_defaults(run=_identify, refuses=SiteErrors)

    excite = commands.add_parser("excite", help="plan bounded steps of several setpoints for identification, and consent to them")
    todo = excite.add_subparsers(dest="do", metavar="DO", required=True)
    plan = todo.add_parser("plan", help="design steps and write them to a file; nothing is moved")
    _config(plan)
    plan.add_argument("--hours", type=float, required=True, metavar="H", help="how long the steps last")
    plan.add_argument("--seed", type=int, default=0, metavar="S", help="draws the order of the steps (default: %(default)s)")
    plan.add_argument("--setpoint", action="append", default=[], metavar="NAME", help="move only this one; may be given several times")
    plan.add_argument("--out", type=Path, metavar="FILE", help="the plan as a file that `excite begin` takes")
    plan.add_argument("--json", action="store_true", help="print one JSON object")
    plan.set_defaults(run=_plan, refuses=SiteErrors)
    begin = todo.add_parser("begin", help="consent to a plan: the running daemon makes its steps, judged by the envelope")
    begin.add_argument("plan", type=Path, metavar="FILE", help="as `excite plan --out` wrote it")
    stop = todo.add_parser("stop", help="end the steps; what was in force before comes back")
    for order in (begin, stop):
        _config(order)
        order.add_argument("--reason", required=True, help="why; it is kept in the journal")
        order.set_defaults(run=_order, refuses=SiteErrors)


def _config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, required=True, metavar="DIR", help="the site's directory, with site.toml and points.csv")


def _identify(asked: argparse.Namespace) -> int:
    from controller.identify import IdentifyError, identify_site
    from controller.rollout.versions import VersionError
    from controller.update import update_site

    loaded = load_site(asked.config)
    if (not asked.update and not asked.data) or (asked.update and asked.out):
        print("coldaisle identify: needs --data FILE, or --update without --out", file=sys.stderr)
        return 2
    try:
        if asked.update:
            found = update_site(loaded, asked.data or [loaded.site.persistence.directory / "journal.sqlite"])
        else:
            found = identify_site(loaded, asked.data, asked.out)
    except (IdentifyError, VersionError) as error:
        print(f"coldaisle identify: {error}", file=sys.stderr)
        return 2
    if asked.json is None:
        print(found.text)
    elif asked.json == "-":
        print(json.dumps(found.result))
    else:
        Path(asked.json).write_text(json.dumps(found.result, indent=1) + "\n")
    return 0 if found.published else 1


def _plan(asked: argparse.Namespace) -> int:
    from plant_models.reduced.prbs import PlanError, design, save_plan
    from plant_models.site.limits import limits_of

    loaded = load_site(asked.config)
    try:
        plan = design(loaded.site.site.name, limits_of(loaded.site, loaded.points), asked.hours, asked.seed, asked.setpoint)
        if asked.out:
            save_plan(plan, asked.out)
    except (PlanError, OSError) as error:
        print(f"coldaisle excite plan: {error}", file=sys.stderr)
        return 2
    print(json.dumps(asdict(plan)) if asked.json else _as_text(plan, asked.out))
    return 0


def _as_text(plan: StepPlan, out: Path | None) -> str:
    width = max(map(len, plan.steps))
    rows = [f"  {name:{width}s} {max(map(abs, offsets)):5g}  {''.join('+' if o > 0 else '-' for o in offsets)}" for name, offsets in plan.steps.items()]
    head = f"{plan.duration_s / 3600.0:g} h of steps of {plan.clock_s / 60.0:g} min around what is in force when they begin; nothing is moved yet:"
    said = f"each as long above as below; largest correlation between two of them, after their rates: {plan.correlation:.2f}"
    more = f"consent: coldaisle excite begin {out} --config DIR --reason WHY" if out else "with --out it is written to a file that `excite begin` takes"
    return "\n".join([head, *rows, said, more])


def _order(asked: argparse.Namespace) -> int:
    from controller.control import ControlError, ask
    from plant_models.reduced.prbs import PlanError, load_plan
    from plant_models.site.limits import limits_of

    loaded: LoadedSite = load_site(asked.config)
    request: dict[str, Any] = {"do": "excite", "reason": asked.reason, "who": getpass.getuser()}
    try:
        if asked.do == "begin":
            request["plan"] = asdict(load_plan(asked.plan, limits_of(loaded.site, loaded.points), loaded.site.site.name))
        answer = asyncio.run(ask(loaded.site.persistence.socket, request))
    except PlanError as error:
        print("\n".join(f"coldaisle excite begin: {asked.plan}: {problem}" for problem in error.problems), file=sys.stderr)
        return 2
    except ControlError as error:
        print(f"coldaisle excite {asked.do}: {error}", file=sys.stderr)
        return 1
    print(answer["says"])
    return 0
