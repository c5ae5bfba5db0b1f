"""A real daemon process on a real wire, for as long as a test may take: in charge, recorded, handing back; the scenarios themselves take longer."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from hil.rig import rig_of
from hil.scenarios.judge import hand_back
from hil.scores import too_fast
from plant_models.simulator.conditions import Conditions
from safety.modes import Stage

SMALL = Path(__file__).parents[2] / "config" / "small"


@pytest.fixture
def resets_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site without a model: its daemon runs on Guideline 36 resets, whatever the state of the optimiser's model file."""
    monkeypatch.setenv("COLDAISLE_TIMING__PLAN_DEADLINE_WALL_S", "0.3")
    monkeypatch.setenv("COLDAISLE_TIMING__SOLVER_TIME_LIMIT_WALL_S", "0.2")
    return Path(shutil.copytree(SMALL, tmp_path / "small", ignore=shutil.ignore_patterns("model.json")))


async def test_a_daemon_takes_charge_over_the_wire_and_hands_back(resets_only: Path, tmp_path: Path) -> None:
    async with rig_of(resets_only, Conditions(), tmp_path / "state") as rig:
        await rig.daemon.start()
        assert await rig.run(1.0, lambda: rig.in_charge() or not rig.daemon.alive), rig.daemon.tail()
        await rig.run(0.25)
        assert rig.in_charge(), rig.daemon.tail()
        assert rig.watch.setpoints()
        await hand_back(rig)
        assert rig.check_journal() == 0
        assert all(c.passed for c in rig.checks), rig.checks
        assert too_fast(rig.trace.moments, rig.limits) == []
        result = rig.result("test", 0)
        assert result["passed"]
        assert result["energy_kwh"]["facility_total"] > result["energy_kwh"]["it_without_fans"] > 0


async def test_a_daemon_in_shadow_sends_no_write_and_records_what_it_would_have(resets_only: Path, tmp_path: Path) -> None:
    """The device side is watched, not the daemon: every write request that reaches it counts, heartbeat and clock included."""
    state = tmp_path / "state"
    async with rig_of(resets_only, Conditions(), state, stage="shadow") as rig:
        await rig.daemon.start()
        await rig.run(0.7, lambda: len(records(state)) >= 3 or not rig.daemon.alive)
        assert rig.daemon.alive, rig.daemon.tail()
        assert not rig.watch.seen
        assert not rig.now.remote
    recorded = records(state)
    assert len(recorded) >= 3
    assert all(record["given"]["stage"] == Stage.SHADOW and record["decision"]["command"]["writes"] == {} for record in recorded)
    assert any(record["decision"]["would_write"] for record in recorded)


def records(state: Path) -> list[dict[str, Any]]:
    journals = list(state.rglob("journal.sqlite"))
    if not journals:
        return []
    db = sqlite3.connect(f"{journals[0].as_uri()}?mode=ro", uri=True)
    try:
        return [json.loads(text) for (text,) in db.execute("SELECT record FROM cycle ORDER BY cycle")]
    except sqlite3.OperationalError:  # not made yet
        return []
    finally:
        db.close()
