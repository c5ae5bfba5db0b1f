"""Commands around what others say of the hours ahead: an operator's own forecast, what is known and believed now, and the boundary's process."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import json
import math
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from plant_models.site.load import SiteErrors, load_site


class OutlookErrors(Exception):  # noqa: N818  # plural on purpose: it carries every problem at once
    """What was asked for cannot be; the text has one problem a line."""


def add_commands(commands: Any) -> None:
    """Adds forecast with show, override and clear, and boundary."""
    forecast = commands.add_parser("forecast", help="show what is expected of the hours ahead and who says so, or state something else for a while")
    what = forecast.add_subparsers(dest="what", metavar="WHAT", required=True)
    show = what.add_parser("show", help="the forecast of the last cycle with its quantiles, and each source with its age and whether it is believed")
    _config(show)
    show.add_argument("--json", action="store_true", help="print one JSON object")
    show.set_defaults(run=_show, refuses=SiteErrors)

    override = what.add_parser("override", help="put your own forecast of a signal in place of everybody else's until it ends by itself")
    _config(override)
    override.add_argument("--signal", required=True, help="such as hall-a.it_load_kw, weather.oa_wetbulb_c, site.energy_price_per_kwh")
    override.add_argument("--value", type=float, required=True, help="in the signal's own unit")
    end = override.add_mutually_exclusive_group(required=True)
    end.add_argument("--until", metavar="TIME", help="as 2025-07-15T18:00, in the site's time zone unless it states one")
    end.add_argument("--hours", type=float, metavar="H", help="from now")
    _reason(override)
    override.set_defaults(run=_override, refuses=(SiteErrors, OutlookErrors))

    clear = what.add_parser("clear", help="end your own forecast of a signal now")
    _config(clear)
    clear.add_argument("--signal", required=True)
    _reason(clear)
    clear.set_defaults(run=_clear, refuses=SiteErrors)

    boundary = commands.add_parser("boundary", help="the process at the boundary: asks sources of forecasts, serves schedulers; the daemon does without it")
    _config(boundary)
    boundary.add_argument("--log", choices=["auto", "json", "console"], default="auto", help="log format; auto is console on a terminal, else JSON lines")
    boundary.add_argument("--openapi", action="store_true", help="print the OpenAPI document of the port and end")
    boundary.set_defaults(run=_boundary, refuses=SiteErrors)


def _config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, required=True, metavar="DIR", help="the site's directory")


def _reason(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--reason", required=True, help="why; it is kept in the journal")


def _show(asked: argparse.Namespace) -> int:
    from controller.cli.operate import ask_daemon

    status = ask_daemon(asked, {"do": "status"})
    facts = None if status is None else ask_daemon(asked, {"do": "facts"})
    if status is None or facts is None:
        return 1
    told = {"forecast": facts.get("forecast"), "sources": status["forecasts"]}
    print(json.dumps(told, indent=1) if asked.json else "\n".join(_in_words(told, ZoneInfo(load_site(asked.config).site.site.time_zone))))
    return 0


def _in_words(answer: dict[str, Any], zone: ZoneInfo) -> list[str]:
    """Returns each signal now, and at whole hours ahead as median with its 10 % and 90 % quantiles; then the sources."""
    forecast = answer["forecast"]
    if forecast is None:
        return ["no cycle was recorded yet in this run", *(source_in_words(s, zone) for s in answer["sources"])]
    steps = len(next(iter(forecast["series"].values()), {"median": []})["median"])
    every = max(round(3600.0 / forecast["step_s"]), 1)
    lines = [f"made at {_time(forecast['made_at_s'], zone)}, hours ahead: median (10 % .. 90 %)"]
    for signal, series in forecast["series"].items():
        said = [f"{k // every} h {series['median'][k]:.4g} ({series['low'][k]:.4g} .. {series['high'][k]:.4g})" for k in range(0, steps, every)]
        lines.append(f"  {signal}: {', '.join(said)}")
    return [*lines, *(source_in_words(s, zone) for s in answer["sources"])]


def source_in_words(source: dict[str, Any], zone: ZoneInfo) -> str:
    """Returns one source of ``forecasts`` in ``status`` as a line."""
    if source["source"] == "operator":
        return f"  forecast of {source['gives']} overridden: {source['value']:g} until {_time(source['until_s'], zone)}; {source['says']}"
    age = "" if source["age_s"] is None else f", heard {source['age_s'] / 60.0:.0f} min ago"
    believed = "believed" if source["believed"] else "not believed"
    trouble = f"; {source['trouble']}" if source["trouble"] else ""
    return f"  source {source['source']} ({source['gives']}{age}): {believed}: {source['says']}{trouble}"


def _time(at_s: float, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(at_s, UTC).astimezone(zone).isoformat(sep=" ", timespec="minutes")


def _override(asked: argparse.Namespace) -> int:
    from controller.cli.operate import ask_daemon

    problems = [] if math.isfinite(asked.value) else [f"--value {asked.value}: must be a finite number"]
    until_s = None
    if asked.hours is None:
        try:
            stamp = datetime.fromisoformat(asked.until)
            zone = ZoneInfo(load_site(asked.config).site.site.time_zone)
            until_s = (stamp if stamp.tzinfo else stamp.replace(tzinfo=zone)).timestamp()
        except ValueError:
            problems.append(f"--until {asked.until!r}: must be a time as 2025-07-15T18:00")
    elif not (math.isfinite(asked.hours) and asked.hours > 0.0):
        problems.append(f"--hours {asked.hours}: must be more than 0")
    if problems:
        raise OutlookErrors("\n".join(problems))
    if until_s is None:
        facts = ask_daemon(asked, {"do": "facts"})
        if facts is None:
            return 1
        until_s = facts["now_s"] + 3600.0 * asked.hours
    order = {"do": "forecast", "signal": asked.signal, "value": asked.value, "until_s": until_s, "reason": asked.reason, "who": getpass.getuser()}
    return _told(ask_daemon(asked, order))


def _clear(asked: argparse.Namespace) -> int:
    from controller.cli.operate import ask_daemon

    return _told(ask_daemon(asked, {"do": "forecast", "signal": asked.signal, "reason": asked.reason, "who": getpass.getuser()}))


def _told(answer: dict[str, Any] | None) -> int:
    if answer is None:
        return 1
    print(answer["says"])
    return 0


def _boundary(asked: argparse.Namespace) -> int:
    loaded = load_site(asked.config)
    try:
        from controller.boundary.process import BoundaryError, openapi, run
    except ImportError as error:
        print(f"coldaisle boundary: {error.name} is not installed; it comes with coldaisle[boundary]", file=sys.stderr)
        return 2
    from controller.log import configure
    from plant_models.reduced.parameters import ModelFileError

    if asked.openapi:
        print(json.dumps(openapi(), indent=1))
        return 0
    configure(asked.log)
    try:
        asyncio.run(run(loaded, lambda address: print(f"schedulers are served at {address}", file=sys.stderr, flush=True)))
    except (BoundaryError, ModelFileError) as error:
        print(f"coldaisle boundary: {error}", file=sys.stderr)
        return 2
    return 0
