"""The command line of the bench: ``coldaisle-hil list | serve | run | campaign | demo``; exit status 0 done, 1 the answer is no, 2 bad input."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import signal
import sys
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

CONFIG: Final = Path("config")
PROG: Final = "coldaisle-hil"


class InputError(Exception):
    """Something on the command line, or in a file that it names, cannot be used; the message lists every problem, one a line."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit status."""
    parser = _parser()
    given = parser.parse_args(arguments)
    logging.getLogger("asyncua").setLevel(logging.ERROR)  # it tells of every session that comes and goes
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
    try:
        return int(given.do(given))
    except InputError as error:
        print(f"{PROG} {given.command}: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{PROG} {given.command}: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=PROG, description="A simulated site on the wire, and scenarios for a daemon that runs it.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    listing = commands.add_parser("list", help="print the scenarios, one name a line")
    listing.set_defaults(do=_list)

    serving = commands.add_parser("serve", help="serve a simulated site on the wire until it is stopped, or for --days of plant time")
    _add_site(serving, required=True)
    _add_conditions(serving, days=None)
    pace = serving.add_mutually_exclusive_group()
    pace.add_argument("--speed", type=float, metavar="X", help="plant time at X times real time (default 1)")
    pace.add_argument("--lockstep", action="store_true", help="plant time follows daemon.done_until_s; it runs on after 5 s of silence")
    serving.add_argument("--run-on", type=float, default=60.0, metavar="X", help="in lockstep, times real time while the daemon is silent (default 60)")
    serving.add_argument("--ports", default="", metavar="DEVICE=PORT,..", help='TCP ports, 0 for any free one; "free" for free ones everywhere')
    serving.add_argument("--wait", action="store_true", help="in lockstep, let plant time stand still until the daemon's first mark")
    serving.set_defaults(do=_serve)

    running = commands.add_parser("run", help="run one scenario against a real daemon process")
    running.add_argument("scenario", metavar="SCENARIO", help=f"a name of `{PROG} list`")
    running.set_defaults(do=_run)
    campaign = commands.add_parser("campaign", help="run all scenarios, or those named")
    campaign.add_argument("scenario", nargs="*", metavar="SCENARIO", help=f"names of `{PROG} list` (default all of at most a day)")
    campaign.set_defaults(do=_campaign)
    for command in (running, campaign):
        _add_site(command, required=False)
        _add_conditions(command, days=None)
        command.add_argument("--keep", type=Path, metavar="DIR", help="keep the daemon's journal and log here")
        _add_pack(command)
        command.add_argument("--json", nargs="?", const="-", metavar="FILE", help="print the result as JSON, or write it to FILE")

    demo = commands.add_parser("demo", help="a day with a daemon in charge, live, compared with its baselines, and a report page")
    _add_site(demo, required=False)
    _add_conditions(demo, days=1.0)
    demo.add_argument("--out", type=Path, default=Path("out/demo"), metavar="DIR", help="where everything is put (default out/demo)")
    _add_pack(demo)
    demo.set_defaults(do=_demo)
    return parser


def _add_site(parser: argparse.ArgumentParser, *, required: bool) -> None:
    default = None if required else CONFIG / "reference-a"
    parser.add_argument("--config", type=Path, required=required, default=default, metavar="DIR", help=f"directory of the site (default {default})")


def _add_pack(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--pack", type=Path, metavar="DIR", help="put the first cycles of each journal here, compressed, for a replay as a test")


def _add_conditions(parser: argparse.ArgumentParser, days: float | None) -> None:
    parser.add_argument("--weather", default="greensboro", metavar="PLACE|FILE", help="greensboro, miami, or an EPW, TMY2, TMY3, CSV file (default greensboro)")
    parser.add_argument("--load", type=Path, metavar="FILE", help="IT load as CSV (default: generated from the seed)")
    parser.add_argument("--seed", type=int, default=0, help="seed of load and sensors (default 0)")
    parser.add_argument("--ageing-seed", type=int, metavar="S", help="seed of wear and faults (default: the site as its plant.toml states it)")
    parser.add_argument("--start", default="07-15", metavar="DATE", help="first day, 2025-07-15 or 07-15 (default 07-15)")
    parser.add_argument("--days", type=float, default=days, help="days of plant time" + (f" (default {days:g})" if days else " (default: no end)"))


def _conditions(given: argparse.Namespace, days: float) -> Any:
    from plant_models.simulator.conditions import Conditions

    conditions = Conditions(given.weather, given.load, given.seed, given.start, days if given.days is None else given.days, ageing_seed=given.ageing_seed)
    problems = [f"--{problem}" for problem in conditions.problems()]
    if problems:
        raise InputError("\n".join(problems))
    return conditions


def _checked(action: Any) -> Any:
    """Calls ``action`` and turns the errors of site, weather, load and start into InputError."""
    from plant_models.site.load import SiteErrors
    from plant_models.sources.problems import SourceError

    try:
        return action()
    except (SiteErrors, SourceError, ValueError) as error:
        raise InputError(str(error)) from error


def _list(_given: argparse.Namespace) -> int:
    from hil.scenarios import SCENARIOS

    print("\n".join(SCENARIOS))
    return 0


def _serve(given: argparse.Namespace) -> int:
    from hil.bench import Bench, Pace
    from hil.progress import say
    from plant_models.simulator.conditions import simulate
    from plant_models.site.load import load_site

    conditions = _conditions(given, 3660.0)
    bad = [f"--{name} {value:g}: must be above 0" for name, value in (("speed", given.speed), ("run-on", given.run_on)) if value is not None and value <= 0]
    if bad:
        raise InputError("\n".join(bad))
    loaded = _checked(lambda: load_site(given.config))
    ports = _ports(given.ports, tuple(loaded.site.device))
    say(f"{loaded.site.site.name}: warming up under its own controls")
    prepared = _checked(lambda: simulate(loaded, conditions, lambda hour: say(f"  {hour} h")))
    speed = None if given.lockstep else given.speed or 1.0
    pace = Pace(speed, loaded.site.timing.guard_s, run_on_speed=given.run_on, wait_for_daemon=given.wait)

    async def serve() -> None:
        task = asyncio.current_task()
        assert task is not None
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        with suppress(asyncio.CancelledError):
            async with Bench(loaded, prepared.site, pace, ports) as bench:
                for device in bench.devices:
                    say(f"{device.name} on port {device.port}")
                print("".join(f"{name}='{value}'" for name, value in bench.environ.items()), flush=True)
                await bench.run_until(prepared.until_s)

    asyncio.run(serve())
    return 0


def _ports(text: str, devices: Sequence[str]) -> dict[str, int]:
    """Returns ports by device. Raises InputError with all problems."""
    if text == "free":
        return dict.fromkeys(devices, 0)
    found: dict[str, int] = {}
    problems = []
    for item in filter(None, text.split(",")):
        name, _, port = item.partition("=")
        if name not in devices:
            problems.append(f"--ports {item}: no device {name!r}; there are {', '.join(devices)}")
        elif not port.isdecimal() or int(port) > 65535:
            problems.append(f"--ports {item}: a port is a number 0 .. 65535")
        else:
            found[name] = int(port)
    if problems:
        raise InputError("\n".join(problems))
    return found


def _run(given: argparse.Namespace) -> int:
    result = _results(given, [given.scenario])[0]
    _print(result, given.json)
    return 0 if result["passed"] else 1


def _campaign(given: argparse.Namespace) -> int:
    from hil.scenarios import SCENARIOS, summary

    results = _results(given, given.scenario or [name for name, scenario in SCENARIOS.items() if scenario.days <= 1.0])
    result = summary(results)
    _print(result, given.json)
    return 0 if result["passed"] == result["scenarios"] else 1


async def _stoppable(work: Coroutine[Any, Any, Any]) -> Any:
    """Lets SIGTERM end ``work`` as Ctrl-C does, so that no daemon is left behind."""
    task = asyncio.ensure_future(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        raise InputError("stopped before it was over") from None


def _results(given: argparse.Namespace, names: Sequence[str]) -> list[dict[str, Any]]:
    from hil.scenarios import SCENARIOS, Scenario, run_scenario
    from plant_models.site.load import load_site

    unknown = [name for name in names if name not in SCENARIOS]
    if unknown:
        raise InputError("\n".join(f"scenario {name!r}: must be one of {', '.join(SCENARIOS)}" for name in unknown))
    conditions = _conditions(given, 1.0)
    _checked(lambda: load_site(given.config))

    def run(scenario: Scenario) -> dict[str, Any]:
        keep = given.keep / scenario.name if given.keep else None
        result: dict[str, Any] = _checked(lambda: asyncio.run(_stoppable(run_scenario(scenario, given.config, conditions, keep, given.pack))))
        return result

    return [run(SCENARIOS[name]) for name in names]


def _print(result: dict[str, Any], where: str | None) -> None:
    text = json.dumps(result, indent=1)
    if where is None:
        print("passed" if not result.get("failed") and result["passed"] else "failed")
    elif where == "-":
        print(text)
    else:
        Path(where).parent.mkdir(parents=True, exist_ok=True)
        Path(where).write_text(text + "\n")


def _demo(given: argparse.Namespace) -> int:
    from hil.demo import Demo, play

    conditions = _conditions(given, 1.0)
    return int(_checked(lambda: play(Demo(given.config, given.out, conditions, given.pack))))


if __name__ == "__main__":
    sys.exit(main())
