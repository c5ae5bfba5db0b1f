"""A real journal of two hours and scores with round numbers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from controller.estimate import EstimatorMemory
from controller.forecast import ForecastMemory
from controller.journal import Event, Journal
from controller.record import CycleMemory, CycleRecord, Decision, Given, Orders, RunHeader
from plant_models.reset import ResetMemory
from safety.limits import SETPOINT_DEFAULTS, HallLimits, Limits
from safety.modes import Mode, ModeState, Stage
from safety.quality import GateMemory
from safety.records import (
    Command,
    Estimate,
    Forecast,
    Intervention,
    Measurements,
    Outcome,
    Proposal,
    Receipt,
    Snapshot,
    Source,
    Verdict,
)
from safety.trends import Trends
from safety.wear import WearLedger

START_S = 1_752_595_200.0  # 15 July 2025, 16:00 UTC
CHWS = "plant.chws_setpoint_c"
LIMITS = Limits({CHWS: SETPOINT_DEFAULTS["chws_setpoint_c"]}, halls=(HallLimits("hall-a", "plant"),))
SITE = {"site": {"name": "test-site", "time_zone": "Etc/GMT+5"}, "timing": {"cycle_s": 300.0}}


def cycle_record(nth: int, at_s: float) -> CycleRecord:
    """Returns a cycle: the first three on resets, then on plans; every fourth writes, the tenth is narrowed."""
    mode = Mode.RESET if nth < 3 else Mode.OPTIMISE
    memory = CycleMemory(at_s, GateMemory(), Trends(), EstimatorMemory(), ForecastMemory(), ResetMemory(), ModeState(mode, None, at_s), WearLedger())
    solved = nth >= 2
    plan = Proposal(Source.PLAN, at_s, solved=solved, setpoints={CHWS: 14.0 + 0.1 * nth} if solved else {}, iterations=20 + nth)
    measured = Measurements(at_s, {"hall-a.rack_inlet_max_c": 25.0 + 0.05 * nth, f"{CHWS}.effective": 13.0 + 0.1 * nth, "hall-a.it_load_kw": 3000.0})
    verdict = Verdict({CHWS: 14.0}, (Intervention("rate", CHWS, 15.0, 14.0),) if nth == 10 else ())
    command = Command({f"{CHWS}.request": 14.0 + 0.1 * nth} if nth % 4 == 0 else {})
    decision = Decision(
        measured=measured,
        estimate=Estimate(at_s, {}, {}, {}, valid=True),
        forecast=Forecast(at_s, 300.0, {}),
        corrected=plan,
        reset=plan,
        conditions=frozenset(),
        proposal=plan,
        verdict=verdict,
        would_write=command.writes,
        command=command,
        memory=memory,
        says=f"cycle {nth} says <b>nothing</b> & more",
    )
    return CycleRecord(Given(Stage.AUTO, memory, LIMITS, Orders(), None, Snapshot(at_s, {}), plan), decision)


async def _fill(path: Path, cycles: int) -> None:
    journal = Journal(path)
    run = await journal.begin(START_S, RunHeader("1.2.3", "mpc", SITE, [], {}, "test"))
    await journal.note(Event(START_S, "engaged", "operator", "trial <1>", "AUTO"))
    for nth in range(cycles):
        record = cycle_record(nth, START_S + 300.0 * nth)
        number = await journal.intend(run, record, record.digest)
        if nth != cycles - 1:  # the last one was cut off before its receipt
            await journal.complete(number, Receipt(record.given.snapshot.taken_at_s, dict.fromkeys(record.decision.command.writes, Outcome.VERIFIED)))
    journal.close()


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Returns a journal of 25 cycles."""
    path = tmp_path / "journal.sqlite"
    asyncio.run(_fill(path, 25))
    return path


@pytest.fixture
def empty_journal(tmp_path: Path) -> Path:
    """Returns a journal without a cycle."""
    path = tmp_path / "empty.sqlite"
    asyncio.run(_fill(path, 0))
    return path


def scores(cooling: float, it_work: float = 10.0, *, series: bool = True) -> dict[str, Any]:
    """Returns a policy's score whose facility uses 1000 kWh beside its cooling."""
    score: dict[str, Any] = {
        "energy_kwh": {"chillers": 0.8 * cooling, "towers": 0.2 * cooling, "cooling_total": cooling, "server_fans": 100.0, "it_without_fans": 900.0},
        "it_work": it_work,
        "pue": (1000.0 + cooling) / 1000.0,
        "cost": 0.1 * (1000.0 + cooling),
        "violations": {"inlet_above_recommended_rack_minutes": 3, "inlet_above_allowable_rack_minutes": 0},
        "mode_minutes": {"OPTIMISE": 120.0},
        "interventions": {"rate": 1},
        "solve_ms": None,
        "cycle_ms": {"p50": 1.5},
    }
    score["energy_kwh"]["facility_total"] = 1000.0 + cooling
    if series:
        at_s = [START_S + 300.0 * i for i in range(25)]
        score["series"] = {"at_s": at_s, "facility_kw": [500.0 + cooling + i for i in range(25)], "inlet_max_c": [25.5] * 25}
    return score


@pytest.fixture
def truth() -> dict[str, Any]:
    """Returns the daemon's own run, scored."""
    score = scores(150.0)
    return {"scenario": {"site": "test-site", "days": 1}, "series": score.pop("series"), "policy": score}


@pytest.fixture
def backtest() -> dict[str, Any]:
    """Returns three policies of a backtest."""
    return {"scenario": {"seed": 0}, "policies": {"fixed": scores(300.0), "g36": scores(200.0), "mpc": scores(160.0), "oracle": None}, "savings": {}}
