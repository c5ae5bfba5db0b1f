"""The command that measures a site's time-out before anything else may write to it."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plant_models.site.load import LoadedSite, SiteErrors, load_site

if TYPE_CHECKING:
    from controller.rollout.conformance import Proof


def add_commands(commands: Any) -> None:
    """Adds conformance."""
    prove = commands.add_parser("conformance", help="measure the BAS's time-out: takes a setpoint for some minutes, falls silent, and times it coming back")
    prove.add_argument("--config", type=Path, required=True, metavar="DIR", help="the site's directory, with site.toml and points.csv")
    prove.add_argument("--setpoint", action="append", default=[], metavar="NAME", help="which; may be repeated (default the first one of each device)")
    prove.add_argument("--reason", required=True, help="why, and who at the BMS agreed; it is kept in the journal")
    prove.add_argument("--json", action="store_true", help="print one JSON object")
    prove.set_defaults(run=_prove, refuses=SiteErrors)


def _prove(asked: argparse.Namespace) -> int:
    from controller.encode import plain
    from controller.journal import JournalError
    from controller.rollout.conformance import ConformanceError, advice, choose

    loaded = load_site(asked.config)
    try:
        proofs = asyncio.run(_measure(loaded, choose(loaded, tuple(asked.setpoint)), asked.reason))
    except (ConformanceError, JournalError) as error:
        print(f"coldaisle conformance: {error}", file=sys.stderr)
        return 2
    says = advice(loaded, proofs)
    if asked.json:
        print(json.dumps({"proofs": plain(proofs), "advice": says, "passed": all(p.passed for p in proofs)}, indent=1))
    else:
        for proof in proofs:
            print(f"{proof.setpoint} on {proof.device}: time-out {_s(proof.timeout_s)}, in force left our value after {_s(proof.left_after_s)}")
            print("".join(f"  FAILED: {failure}\n" for failure in proof.failed), end="")
        print(says)
    return 0 if all(p.passed for p in proofs) else 1


def _s(seconds: float | None) -> str:
    return "never seen" if seconds is None else f"{seconds:.1f} s"


async def _measure(loaded: LoadedSite, setpoints: tuple[str, ...], reason: str) -> tuple[Proof, ...]:
    from controller.clock import PointClock, WallClock
    from controller.encode import to_text
    from controller.journal import Event, Journal
    from controller.plant import Plant, connect_buses
    from controller.rollout.conformance import Conformance
    from controller.rollout.versions import Versions

    directory = loaded.site.persistence.directory
    journal = Journal(directory / "journal.sqlite", Versions(directory / "versions").seal)
    clock = PointClock() if loaded.site.clock.source == "point" else WallClock()
    plant = Plant(loaded, connect_buses(loaded), clock, writes_enabled=True)
    if isinstance(clock, PointClock):
        clock.follow(plant)
    await plant.open()
    proofs: list[Proof] = []
    try:
        await clock.ready()
        await journal.note(Event(clock.now_s(), "conformance_begun", getpass.getuser(), reason, ", ".join(setpoints)))
        conformance = Conformance(loaded, plant, clock)
        for setpoint in setpoints:
            print(f"{setpoint}: taking it, then silence", file=sys.stderr)
            proofs.append(await conformance.prove(setpoint))
            await journal.note(Event(clock.now_s(), "conformance", getpass.getuser(), reason, to_text(proofs[-1])))
    finally:
        await plant.close()
        journal.close()
    return tuple(proofs)
