"""The command that asks devices what they have and drafts a table of points."""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from controller.scan import Scanner, Survey
    from controller.scan.bacnet import BacnetNetwork
    from plant_models.site.address import Table

MODBUS_PORT, OPCUA_PORT, BACNET_PORT, BACNET_LAST = 502, 4840, 47808, 4194302
SERIAL_LAST_UNIT, LAST_UNIT = 247, 255
UNITS_ALLOWED = "unit ids 1 .. 247 and 255, such as 1-10,255"


class Reach(NamedTuple):
    """What is probed of a Modbus device: unit ids, tables, first and last offset, most registers a request, and the time-out [s]."""

    units: list[int]
    tables: list[Table]
    first: int
    last: int
    block: int
    timeout_s: float


class ScanErrors(Exception):  # noqa: N818  # plural on purpose: it carries every problem at once
    """What was asked for cannot be scanned; the text has one problem a line."""


def add_commands(commands: Any) -> None:
    """Adds scan."""
    scan = commands.add_parser("scan", help="ask devices what they have and draft a points.csv; reads only")
    scan.add_argument("--opcua", action="append", default=[], metavar="URL", help="browse an OPC UA server, opc.tcp://HOST:PORT/PATH; may be repeated")
    scan.add_argument("--modbus", action="append", default=[], metavar="HOST[:PORT]", help="probe a Modbus TCP device or gateway; may be repeated")
    scan.add_argument("--bacnet", action="append", default=[], metavar="HOST[:PORT]", help="who-is to a BACnet device or a broadcast address; may be repeated")
    scan.add_argument("--instances", default="0-4194302", help="BACnet device instances that are asked (default %(default)s)")
    scan.add_argument("--config", type=Path, metavar="DIR", help="a site whose devices are scanned as site.toml says: transport, security, user")
    scan.add_argument("--device", action="append", default=[], metavar="NAME", help="only this device of --config; may be repeated")
    scan.add_argument("--units", default="1-10", help="Modbus unit ids to try, such as 1-10,20 (default %(default)s)")
    scan.add_argument("--tables", default="holding,input", help="Modbus tables: holding, input, coil, discrete (default %(default)s)")
    scan.add_argument("--range", default="1-200", help="Modbus registers of each table, counted from 1 (default %(default)s)")
    scan.add_argument("--block", type=int, default=50, help="most Modbus registers in one request (default %(default)s)")
    scan.add_argument("--rate", type=float, default=10.0, help="most requests a second to all devices together (default %(default)g)")
    scan.add_argument("--timeout", type=float, default=1.0, help="wait for a Modbus answer [s] (default %(default)g)")
    scan.add_argument("--out", type=Path, metavar="FILE", help="write the draft there; without it, it is printed")
    scan.add_argument("--force", action="store_true", help="overwrite --out")
    scan.add_argument("--holes", type=Path, metavar="FILE", help="keep in FILE which Modbus registers do not exist, and do not ask those of an earlier scan")
    scan.add_argument("--json", action="store_true", help="print one JSON object instead of the draft")
    scan.set_defaults(run=_scan, refuses=ScanErrors)


def _scan(asked: argparse.Namespace) -> int:
    from controller.scan.draft import as_json, draft_of, site_toml

    scanners, networks, holes = _scanners(asked)
    surveys = asyncio.run(_run(scanners, networks, asked.rate))
    draft = draft_of(surveys)
    for survey in surveys:
        _say(f"{survey.device}: {'answered' if survey.answered else 'no answer'}, {len(survey.points)} points in {survey.requests} requests")
        for remark in survey.remarks:
            _say(f"{survey.device}: {remark}")
    answered = any(survey.answered for survey in surveys)
    if asked.holes and answered:
        _keep(asked.holes, holes, surveys)
    if asked.out and draft.rows:
        asked.out.write_text(draft.text, encoding="utf-8")
        _say(f"{asked.out}: {len(draft.rows)} rows, {draft.guessed} with a guessed signal; check every one. Devices for site.toml:\n\n{site_toml(surveys)}")
    if asked.json:
        print(json.dumps({**as_json(surveys, draft), "out": str(asked.out) if asked.out and draft.rows else None}, indent=1))
    elif not asked.out and draft.rows:
        print(draft.text, end="")
    return 0 if answered else 1


async def _run(scanners: Sequence[Scanner], networks: Sequence[BacnetNetwork], rate: float) -> list[Survey]:
    from controller.scan import Pace

    pace = Pace(rate)
    met = [scanner for network in networks for scanner in await network.find(pace, _say)]
    return [await scanner.scan(pace, _say) for scanner in (*scanners, *met)]


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def _scanners(asked: argparse.Namespace) -> tuple[list[Scanner], list[BacnetNetwork], dict[str, Any]]:
    """Returns the devices and the networks that are to be scanned, and the holes known so far.

    Raises ScanErrors with everything that is wrong with what was asked.
    """
    from controller.scan.modbus import ModbusScanner
    from controller.scan.opcua import OpcuaScanner

    problems: list[str] = []
    units = _numbers(asked.units, 1, LAST_UNIT, "--units", UNITS_ALLOWED, problems)
    if any(SERIAL_LAST_UNIT < unit < LAST_UNIT for unit in units):
        problems.append(f"--units {asked.units!r}; allowed: {UNITS_ALLOWED}")
    registers = _numbers(asked.range, 1, 65536, "--range", "one range of registers counted from 1, such as 1-200", problems, one=True)
    tables = _tables(asked.tables, problems)
    holes = _known(asked.holes, problems)
    for option, value, least, most in (("--rate", asked.rate, 0.01, 1000.0), ("--timeout", asked.timeout, 0.01, 60.0), ("--block", asked.block, 1, 125)):
        if not (math.isfinite(value) and least <= value <= most):
            problems.append(f"{option} {value:g}; allowed: {least:g} .. {most:g}")
    if asked.out and asked.out.exists() and not asked.force:
        problems.append(f"--out {asked.out}: exists; allowed: a new file, or --force")
    if asked.out and not asked.out.parent.is_dir():
        problems.append(f"--out {asked.out}: no such directory; allowed: a file in a directory that exists")
    if not (asked.opcua or asked.modbus or asked.bacnet or asked.config):
        problems.append("nothing to scan; allowed: --opcua URL, --modbus HOST[:PORT], --bacnet HOST[:PORT], --config DIR, or several of them")
    networks = _networks(asked, problems)
    reach = Reach(units, tables, min(registers, default=1) - 1, max(registers, default=1) - 1, asked.block, asked.timeout)
    scanners: list[Scanner] = _declared(asked, reach, holes, problems)
    for url in asked.opcua:
        parts = _split(url, "opc.tcp", OPCUA_PORT)
        if parts is None:
            problems.append(f"--opcua {url!r}; allowed: opc.tcp://HOST:PORT/PATH")
            continue
        host, port, path = parts
        settings: dict[str, str | int] = {"protocol": "opcua", "host": host, "port": port, "path": path}
        scanners.append(OpcuaScanner(_name("opcua", host, port, OPCUA_PORT), f"opc.tcp://{host}:{port}{path}", settings))
    for place in asked.modbus:
        parts = _split(f"modbus://{place}", "modbus", MODBUS_PORT)
        if parts is None or parts[2] != "/":
            problems.append(f"--modbus {place!r}; allowed: HOST or HOST:PORT")
            continue
        host, port, _ = parts
        scanners.append(ModbusScanner(_name("modbus", host, port, MODBUS_PORT), host, port, *reach, _known_of(holes, host, port)))
    if problems:
        raise ScanErrors("\n".join(problems))
    return scanners, networks, holes


def _known_of(holes: dict[str, Any], host: str, port: int) -> dict[int, Any]:
    return {int(unit): runs for unit, runs in holes.get(f"{host}:{port}", {}).items()}


def _networks(asked: argparse.Namespace, problems: list[str]) -> list[BacnetNetwork]:
    if not asked.bacnet:
        return []
    from controller.scan.bacnet import BacnetNetwork

    instances = _numbers(asked.instances, 0, BACNET_LAST, "--instances", f"one range of instances 0 .. {BACNET_LAST}, such as 100-199", problems, one=True)
    networks = []
    for place in asked.bacnet:
        parts = _split(f"bacnet://{place}", "bacnet", BACNET_PORT)
        if parts is None or parts[2] != "/":
            problems.append(f"--bacnet {place!r}; allowed: HOST or HOST:PORT, of a device or the broadcast address of a network")
        elif instances:
            networks.append(BacnetNetwork(parts[0], parts[1], instances[0], instances[-1]))
    return networks


def _declared(asked: argparse.Namespace, reach: Reach, holes: dict[str, Any], problems: list[str]) -> list[Scanner]:
    """Returns the devices of a site that are to be scanned, each spoken to as ``site.toml`` says."""
    if asked.config is None:
        problems += [f"--device {name!r}; allowed: together with --config DIR" for name in asked.device]
        return []
    from controller.fieldbus.opcua_security import Keys
    from controller.scan.bacnet import BacnetScanner
    from controller.scan.modbus import ModbusScanner
    from controller.scan.opcua import OpcuaScanner
    from plant_models.site.agree import site_problems
    from plant_models.site.links import line_of
    from plant_models.site.settings import read_site

    draft, wrong = read_site(asked.config, os.environ)
    found = [*wrong, *(site_problems(draft) if draft is not None else [])]
    if draft is None or found:
        problems += [str(problem) for problem in found]
        return []
    site = draft.site
    scanners: list[Scanner] = []
    problems += [f"--device {name!r}; allowed: {', '.join(site.device) or 'none is declared'}" for name in asked.device if name not in site.device]
    for name, device in site.device.items():
        if asked.device and name not in asked.device:
            continue
        if device.protocol == "modbus":
            host, port = line_of(device)
            scanners.append(ModbusScanner(name, host, port, *reach, _known_of(holes, host, port), device, site.directory))
        elif device.protocol == "opcua":
            keys = Keys(site.persistence.directory / "opcua", site.directory)
            url = f"opc.tcp://{device.host}:{device.port}{device.path}"
            scanners.append(OpcuaScanner(name, url, {"protocol": "opcua", "host": device.host, "port": device.port}, of=device.opcua, keys=keys, declared=True))
        else:
            scanners.append(BacnetScanner(name, device.host, device.port, device.instance or 0, declared=True))
    return scanners


def _numbers(text: str, low: int, high: int, option: str, allowed: str, problems: list[str], one: bool = False) -> list[int]:
    found: list[int] = []
    pieces = text.split(",")
    for piece in pieces:
        match = re.fullmatch(r"\s*(\d{1,7})\s*(?:-\s*(\d{1,7})\s*)?", piece, re.ASCII)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not low <= first <= last <= high or (one and len(pieces) > 1):
            problems.append(f"{option} {text!r}; allowed: {allowed}")
            return []
        found += [n for n in range(first, last + 1) if n not in found] if not one else [first, last]
    return found


def _tables(text: str, problems: list[str]) -> list[Table]:
    from plant_models.site.address import Table

    names = [name.strip() for name in text.split(",")]
    wrong = [name for name in names if name not in list(Table)]
    if wrong:
        problems.append(f"--tables {', '.join(map(repr, wrong))}; allowed: {', '.join(Table)}, separated by commas")
    return [Table(name) for name in dict.fromkeys(names) if name not in wrong]


def _split(url: str, scheme: str, port: int) -> tuple[str, int, str] | None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme == scheme and bool(parts.hostname) and not parts.query and not parts.username
        return (str(parts.hostname), parts.port or port, parts.path or "/") if usable else None
    except ValueError:
        return None


def _name(protocol: str, host: str, port: int, usual: int) -> str:
    """Returns a name for a device as ``site.toml`` takes it."""
    words = re.sub(r"[^a-z0-9]+", "-", host.lower()).strip("-")
    return f"{protocol}-{words}" + (f"-{port}" if port != usual else "")


def _known(path: Path | None, problems: list[str]) -> dict[str, Any]:
    """Returns the holes that an earlier scan kept, by device, unit and table."""
    if path is None or not path.exists():
        return {}
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        runs = [run for units in held.values() for tables in units.values() for found in tables.values() for run in found]
        if all(len(run) == 2 and all(isinstance(n, int) for n in run) for run in runs) and all(unit.isdigit() for units in held.values() for unit in units):
            return dict(held)
    except (OSError, ValueError, AttributeError, TypeError):
        pass
    problems.append(f"--holes {path}: is not what an earlier scan kept; allowed: such a file, or a new one")
    return {}


def _keep(path: Path, before: dict[str, Any], surveys: Sequence[Survey]) -> None:
    kept = dict(before)
    for survey in surveys:
        if survey.answered and "units" in survey.details:
            found = {unit: {table: swept["holes"] for table, swept in tables.items()} for unit, tables in survey.details["units"].items()}
            place = f"{survey.settings['host']}:{survey.settings['port']}"
            kept[place] = {**kept.get(place, {}), **found}
    path.write_text(json.dumps(kept), encoding="utf-8")
