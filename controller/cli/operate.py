"""Commands around a running site: check it, run the daemon, and ask or order the daemon over its socket."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from plant_models.site.load import LoadedSite, SiteErrors, load_site

if TYPE_CHECKING:
    from controller.live import Live
    from controller.rollout.versions import Start, Versions


_MORE_OF_ORDER = {
    "stage": ("stage", "group", "step", "override"),
    "accept": ("number",),
    "reject": ("number",),
    "maintenance": ("equipment", "hours"),
    "rollback": ("parts", "to"),
}


def add_commands(commands: Any) -> None:
    """Adds check, run, status, explain, release, engage, drill, maintenance, rollback, stage, accept and reject."""
    check = commands.add_parser("check", help="validate a site and print what was understood")
    _config(check)
    check.add_argument("--live", action="store_true", help="also read every point once: value, quality, plausibility, round trip; nothing is written")
    check.add_argument("--json", action="store_true", help="print one JSON object")
    check.set_defaults(run=_check, refuses=SiteErrors)

    run = commands.add_parser("run", help="run the daemon")
    _config(run)
    run.add_argument("--stage", choices=["monitor", "shadow", "advisory", "canary", "auto"], help="start in this stage; it can only lower the persisted one")
    run.add_argument("--log", choices=["auto", "json", "console"], default="auto", help="log format; auto is console on a terminal, else JSON lines")
    run.set_defaults(run=_run, refuses=SiteErrors)

    status = commands.add_parser("status", help="show what the running daemon does and why")
    _config(status)
    status.add_argument("--json", action="store_true", help="print one JSON object")
    status.set_defaults(run=_status, refuses=SiteErrors)

    explain = commands.add_parser("explain", help="say why the last cycle did what it did")
    _config(explain)
    explain.add_argument("--json", action="store_true", help="print one JSON object")
    explain.set_defaults(run=_explain, refuses=SiteErrors)

    for order in (
        commands.add_parser("release", help="hand the plant back to the BAS; stays so until engaged"),
        commands.add_parser("engage", help="let the daemon take the plant again"),
        commands.add_parser("drill", help="drill the fallback now: hand the plant to the BAS for a cycle, take it back, and judge how that went"),
    ):
        _config(order)
        _reason(order)
        order.set_defaults(run=_order, refuses=SiteErrors)
    maintenance = commands.add_parser("maintenance", help="take a chiller, a tower cell or the whole site out of the daemon's hands for some hours")
    maintenance.add_argument("equipment", help='its name, or "site" for all of it')
    maintenance.add_argument("--hours", type=float, required=True, help="until it ends by itself; 0 ends it now")
    _config(maintenance)
    _reason(maintenance)
    maintenance.set_defaults(run=_order, refuses=SiteErrors)
    rollback = commands.add_parser("rollback", help="go back to what was known to be good: setpoints, model, policy, configuration")
    rollback.add_argument("parts", nargs="*", default=["all"], metavar="PART", help="setpoints, model, policy, configuration or all (default all)")
    rollback.add_argument("--to", metavar="VERSION", help="the beginning of a version's digest (default last-good)")
    _config(rollback)
    _reason(rollback)
    rollback.set_defaults(run=_order, refuses=SiteErrors)
    _add_trust(commands)


def _add_trust(commands: Any) -> None:
    """Adds what changes how far the daemon is trusted."""
    stage = commands.add_parser("stage", help="change how far the daemon is trusted; the stage that it has already renews its authority")
    stage.add_argument("stage", choices=["monitor", "shadow", "advisory", "canary", "auto"])
    stage.add_argument("--group", action="append", metavar="NAME", help="only this group of setpoints, as status names it; may be repeated (default all)")
    stage.add_argument("--step", type=int, metavar="N", help="of canary: how far from what the BAS does a setpoint may be, 1 (narrow) to 3")
    stage.add_argument("--override-criteria", dest="override", metavar="WHY", help="raise although criteria are not met; why is kept in the audit")
    _config(stage)
    _reason(stage)
    stage.set_defaults(run=_order, refuses=SiteErrors)
    for order in (
        commands.add_parser("accept", help="accept a proposal: the next cycle writes what the envelope permits of it"),
        commands.add_parser("reject", help="reject a proposal, or take back one that was accepted"),
    ):
        order.add_argument("number", type=int, metavar="ID", help="the proposal's number, as status and scoreboard show it")
        _config(order)
        _reason(order)
        order.set_defaults(run=_order, refuses=SiteErrors)


def _config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, required=True, metavar="DIR", help="the site's directory, with site.toml and points.csv")


def _reason(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--reason", required=True, help="why; it is kept in the journal")


def _check(asked: argparse.Namespace) -> int:
    from plant_models.site.describe import as_json, describe
    from plant_models.site.limits import limits_of

    loaded = load_site(asked.config)
    limits_of(loaded.site, loaded.points)
    live = asyncio.run(_look(loaded)) if asked.live else None
    if asked.json:
        from controller.live import as_json as live_as_json

        print(json.dumps({**as_json(loaded), **({"live": live_as_json(live)} if live else {})}, indent=1))
    else:
        print(describe(loaded))
        if live:
            from controller.live import as_text

            print(as_text(live))
    return 0 if live is None or live.good else 1


async def _look(loaded: LoadedSite) -> Live:
    from controller.live import look
    from controller.plant import connect_buses

    return await look(loaded, connect_buses(loaded))


def _run(asked: argparse.Namespace) -> int:
    from controller.control import ControlError
    from controller.daemon import StageError, start
    from controller.journal import JournalError
    from controller.log import configure
    from controller.rollout.versions import VersionError, Versions, start_of
    from plant_models.reduced.parameters import ModelFileError
    from safety.modes import Stage

    configure(asked.log)

    async def whole(loaded: LoadedSite, begin: Start, versions: Versions) -> tuple[bool, bool]:
        daemon = await start(loaded, Stage[asked.stage.upper()] if asked.stage else None, begin, versions)
        return await daemon.run(), daemon.again

    try:
        while True:
            own = load_site(asked.config)
            versions = Versions(own.site.persistence.directory / "versions")
            begin = start_of(own.site, os.environ, versions)
            handed_back, again = asyncio.run(whole(load_site(begin.directory, begin.environ), begin, versions))
            if not again:
                return 0 if handed_back else 1
    except (StageError, ModelFileError, JournalError, ControlError, VersionError) as error:
        print(f"coldaisle run: {error}", file=sys.stderr)
        return 2


def ask_daemon(asked: argparse.Namespace, request: dict[str, Any]) -> dict[str, Any] | None:
    """Sends one request to the running daemon; returns its answer, or None after saying why there is none."""
    from controller.control import ControlError, ask

    try:
        return asyncio.run(ask(load_site(asked.config).site.persistence.socket, request))
    except ControlError as error:
        print(f"coldaisle {asked.command}: {error}", file=sys.stderr)
        return None


def _status(asked: argparse.Namespace) -> int:
    answer = ask_daemon(asked, {"do": "status"})
    if answer is None:
        return 1
    if asked.json:
        print(json.dumps(answer, indent=1))
        return 0
    from controller.cli.outlook import source_in_words
    from controller.explain import reserve_in_words

    in_charge = "BAS IN CHARGE" if answer["bas_in_charge"] else "daemon in charge"
    cause = f", {answer['cause']}{' (latched: engage to return)' if answer['latched'] else ''}" if answer["cause"] else ""
    print(f"{answer['site']}: {in_charge}; stage {answer['stage']}, mode {answer['mode']}{cause}; {answer['cycles']} cycles in this run")
    print(f"last: {answer['says']}")
    print(f"answers for what is written: {answer['responsible']}")
    for plant, reserve in answer["reserves"].items():
        print(f"  reserve of {plant}: {reserve_in_words(reserve)}")
    if answer["model"]["drifted"]:
        print(f"  MODEL DRIFTED, identify it again: {', '.join(answer['model']['drifted'])}")
    if answer["model"]["version"]:
        print(f"  an updated model waits: coldaisle rollback model --to {answer['model']['version'][:12]} --reason WHY")
    for one in answer["maintenance"]:
        print(f"  maintenance of {one['equipment']} by {one['owner']}: {one['reason']}")
    for name, trusted in answer["groups"].items():
        print(f"  group {name}: {trusted}")
    for override in answer["overrides"]:
        print(f"  override for {override['hours']:.1f} h: {override['says']}")
    if answer["advice"]["open"]:
        advice = answer["advice"]["open"]
        changes = ", ".join(f"{name} {advice['in_force'][name]:g} -> {value:.4g}" for name, value in advice["setpoints"].items())
        print(f"  proposal {advice['number']}: {changes}")
        print(f"    {advice['reason']}; accept or reject it")
    zone = ZoneInfo(load_site(asked.config).site.site.time_zone)
    for source in answer["forecasts"]:
        print(source_in_words(source, zone))
    for finding in (f for f in answer["findings"] if f["sort"] != "override"):
        print(f"  {finding['sort'].replace('_', ' ')}: {finding['says']}")
    for setpoint, value in answer["in_force"].items():
        asked_for = answer["requested"].get(setpoint)
        print(f"  {setpoint:40s} in force {value:8.2f}" + (f", asked {asked_for:8.2f}" if asked_for is not None else ""))
    return 0


def _explain(asked: argparse.Namespace) -> int:
    from controller.explain import as_text

    answer = ask_daemon(asked, {"do": "explain"})
    if answer is None:
        return 1
    print(json.dumps(answer, indent=1) if asked.json else as_text(answer))
    return 0


def _order(asked: argparse.Namespace) -> int:
    request = {"do": asked.command, "reason": asked.reason, "who": getpass.getuser()}
    more = {name: getattr(asked, name) for name in _MORE_OF_ORDER.get(asked.command, ())}
    answer = ask_daemon(asked, {**request, **more})
    if answer is None:
        return 1
    print(answer.get("says") or f"stage {answer['before']} -> {answer['after']}")
    return 0
