"""Commands over recorded or simulated time: backtest, replay, report."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from controller.policies import POLICIES
from plant_models.site.load import SiteErrors, load_site
from plant_models.sources.load import SHAPES


def add_commands(commands: Any) -> None:
    """Adds backtest, replay and report."""
    _add_backtest(commands)
    replay = commands.add_parser("replay", help="decide every recorded cycle again and report what differs")
    replay.add_argument("journal", type=Path)
    replay.add_argument("--cycle", type=int, metavar="N", help="only this cycle")
    replay.add_argument("--solve", action="store_true", help="also solve every plan again; --config names the site then")
    replay.add_argument("--config", type=Path, metavar="DIR", help="the site's directory, for --solve")
    _json(replay)
    replay.set_defaults(run=_replay, refuses=SiteErrors)

    report = commands.add_parser("report", help="write the evidence of a journal as one HTML page")
    report.add_argument("journal", type=Path)
    report.add_argument("--out", type=Path, required=True, metavar="FILE")
    report.add_argument("--truth", type=Path, metavar="FILE", help="a bench's true time series, JSON")
    report.add_argument("--backtest", type=Path, metavar="FILE", help="what `coldaisle backtest --json FILE` wrote, to compare with")
    report.add_argument("--investment", type=float, metavar="COST", help="what the controller costs once, in the site's currency, for payback and return")
    _json(report)
    report.set_defaults(run=_report, refuses=SiteErrors)


def _add_backtest(commands: Any) -> None:
    backtest = commands.add_parser("backtest", help="run policies against the detailed simulator in plant time and compare them")
    backtest.add_argument("--config", type=Path, required=True, metavar="DIR")
    backtest.add_argument(
        "--policy",
        action="append",
        required=True,
        choices=list(POLICIES),
        help="may be given several times: " + "; ".join(f"{n}: {p.says}" for n, p in POLICIES.items()),
    )
    backtest.add_argument("--weather", default="greensboro", help="greensboro, miami, or an EPW, TMY or CSV file (default: %(default)s)")
    backtest.add_argument("--load", type=Path, metavar="FILE", help="IT load; default: a generated daily shape with noise")
    backtest.add_argument("--shape", default="service", choices=sorted(SHAPES), help="of the generated load (default: %(default)s)")
    backtest.add_argument("--price", type=Path, metavar="FILE", help="hourly energy prices, known to the plan a day ahead; default: the site's tariff")
    backtest.add_argument("--carbon", type=Path, metavar="FILE", help="hourly carbon intensity, likewise; default: the site's mean")
    backtest.add_argument("--start", default="07-15", metavar="DATE", help="first day, as 07-15 or 2025-07-15 (default: %(default)s)")
    backtest.add_argument("--days", type=float, default=1.0, metavar="N", help="days that count; six hours of warm-up come before (default: 1)")
    backtest.add_argument("--seed", type=int, default=0, metavar="S", help="draws IT load and sensors (default: %(default)s)")
    backtest.add_argument("--ageing-seed", type=int, metavar="S", help="draws wear and faults of the site (default: as its plant.toml states)")
    backtest.add_argument("--journal", type=Path, metavar="DIR", help="also record every cycle, as DIR/<policy>.sqlite")
    backtest.add_argument("--oracle-sweeps", type=int, default=4, metavar="N", help="of the search for the bound over the day (default: %(default)s)")
    backtest.add_argument(
        "--oracle-block-h", type=float, default=2.0, metavar="H", help="hours that it moves at once: longer is quicker (default: %(default)s)"
    )
    backtest.add_argument("--series", action="store_true", help="add time series to the JSON")
    backtest.add_argument("--jobs", type=int, metavar="N", help="policies at once (default: one a processor)")
    _json(backtest)
    backtest.set_defaults(run=_backtest, refuses=SiteErrors)


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", nargs="?", const="-", metavar="FILE", help="print one JSON object last, or write it to FILE")


def _emit(where: str | None, value: Mapping[str, Any], text: str) -> None:
    if where is None:
        print(text)
    elif where == "-":
        print(json.dumps(value))
    else:
        Path(where).write_text(json.dumps(value, indent=1) + "\n")


def _backtest(asked: argparse.Namespace) -> int:
    from controller.backtest import Task
    from controller.compare import outcome, run_all, table
    from controller.oracle import Budget
    from controller.progress import Shares
    from controller.side_by_side import JobError
    from controller.stages import stages_of
    from plant_models.reduced.parameters import ModelFileError
    from plant_models.simulator.conditions import Conditions, inputs
    from plant_models.sources.problems import SourceError
    from plant_models.sources.tariff import tariff_of

    conditions = Conditions(**{each.name: getattr(asked, each.name) for each in fields(Conditions) if hasattr(asked, each.name)})
    policies = list(dict.fromkeys(asked.policy))
    tasks = [Task(asked.config, conditions, p, asked.journal / f"{p}.sqlite" if asked.journal else None, asked.series) for p in policies]
    budget = Budget(asked.oracle_sweeps, asked.oracle_block_h)
    try:
        if problems := budget.problems():
            raise ValueError("\n".join(problems))
        loaded = load_site(asked.config)
        inputs(loaded, conditions)
        tariff_of(loaded.site, conditions.price, conditions.carbon)
        stages_of(loaded)
        with Shares(policies) as told:
            results = run_all(tasks, told, asked.jobs, budget)
    except (SourceError, ModelFileError, ValueError) as error:
        print(f"coldaisle backtest: {error}", file=sys.stderr)
        return 2
    except JobError as error:
        print(f"coldaisle backtest: {error}", file=sys.stderr)
        return 1
    found = outcome(asked.config, conditions, results)
    _emit(asked.json, found, table(found))
    return 0


def _replay(asked: argparse.Namespace) -> int:
    from controller.journal import JournalError
    from controller.log import configure
    from controller.replay import replay

    configure("auto", logging.WARNING)
    if asked.solve and asked.config is None:
        print("coldaisle replay: --solve needs --config, whose site solves again", file=sys.stderr)
        return 2
    try:
        found = replay(asked.journal, asked.cycle, asked.config if asked.solve else None, told=_counted)
    except JournalError as error:
        print(f"coldaisle replay: {error}", file=sys.stderr)
        return 2
    lines = [f"{found['cycles']} cycles, {found['identical']} identical"]
    lines += [f"cycle {d['cycle']} differs in {', '.join(d['parts'])}" for d in found["different"]]
    _emit(asked.json, found, "\n".join(lines))
    return 0 if found["identical"] == found["cycles"] else 1


def _counted(done: int) -> None:
    if done % 100 == 0:
        print(f"{done} cycles replayed", file=sys.stderr)


def _report(asked: argparse.Namespace) -> int:
    from controller.report.write import report_command

    if asked.investment is not None and not 0.0 < asked.investment < float("inf"):
        print(f"coldaisle report: --investment {asked.investment:g}: must be above 0", file=sys.stderr)
        return 2

    def told(proof: Mapping[str, Any] | None) -> None:
        if asked.json is not None:
            _emit(asked.json, proof or {}, "")

    return report_command(asked.journal, asked.out, asked.truth, asked.backtest, asked.investment, told)
