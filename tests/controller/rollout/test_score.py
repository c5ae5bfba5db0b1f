"""The scoreboard's sums by hand: what plans and what was in force were expected to draw, errors one step ahead, days that end, and what a restart finds."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from controller.cli import main
from controller.rollout.groups import uniform
from controller.rollout.resume import resume_rollout
from controller.rollout.score import BAND, Scoreboard, Sums, sums_of, told_sums
from safety.graduation import Measure
from safety.modes import Stage
from tests.controller.conftest import Rig
from tests.controller.rollout.test_site_life import SUPPLY, ask, living

Make = Callable[..., Awaitable[Rig]]


def test_sums_add_up_by_stage_and_time() -> None:
    first = Sums(0.0, 3600.0, {"SHADOW": 1.0}, cycles=12, plans=12, compared_h=1.0, planned_kwh=880.0, held_kwh=900.0, held_cooling_kwh=200.0)
    second = Sums(3600.0, 7200.0, {"ADVISORY": 1.0}, cycles=12, plans=6, compared_h=0.5, planned_kwh=440.0, held_kwh=450.0, held_cooling_kwh=100.0)
    both = first + second
    assert (both.begin_s, both.end_s, both.hours) == (0.0, 7200.0, {"SHADOW": 1.0, "ADVISORY": 1.0})
    told = told_sums(both)
    assert told["predicted_mean_kw"] == {"plan": pytest.approx(880.0), "in_force": pytest.approx(900.0)}
    assert told["predicted_saving_kw"] == pytest.approx(20.0)
    assert told["predicted_saving_cooling_pct"] == pytest.approx(10.0)
    assert told["band_kw"] is None, "no error is known yet, so no band is claimed"
    assert both.counted()[Measure.PLANNED_PCT] == 75.0
    assert both.days_from(Stage.SHADOW) == pytest.approx(2.0 / 24.0)
    assert both.days_from(Stage.ADVISORY) == pytest.approx(1.0 / 24.0)
    assert Sums() + first == first
    watched = Sums(0.0, 3600.0, {"MONITOR": 1.0})
    assert (watched + watched + first).counted()[Measure.MONITOR_DAYS] == pytest.approx(3.0 / 24.0), "a cycle in monitor plans nothing and counts all the same"


def test_what_is_not_known_is_not_counted() -> None:
    assert Sums().counted() == {Measure.MONITOR_DAYS: 0.0, Measure.SHADOW_DAYS: 0.0, Measure.ADVISORY_DAYS: 0.0}
    assert told_sums(Sums())["predicted_mean_kw"] is None


async def test_a_cycle_in_shadow_is_scored_against_what_stayed_in_force(rig: Make) -> None:
    small, daemon = await living(rig, Stage.SHADOW)
    await small.run(21)
    record = small.done[-1].record
    sums = sums_of(small.engine.loaded, record)
    metered = record.decision.measured.values["site.facility_power_kw"]
    assert (sums.cycles, sums.plans, sums.power_errors) == (1, 1, 1)
    assert sums.power_error_kw == pytest.approx(900.0 - metered)
    assert sums.held_kwh - sums.planned_kwh == pytest.approx(20.0 / 12.0)
    assert sums.hours == {"SHADOW": pytest.approx(1.0 / 12.0)}
    told = (await ask(daemon, "scoreboard"))["last"]
    assert told["would_write"][SUPPLY] == pytest.approx(told["in_force"][SUPPLY] + 1.0, abs=0.01)
    assert told["predicted_kw"]["plan"] == 880.0
    board = daemon.promotions.scoreboard.to_date
    assert board.rmse_kw is not None
    assert told["predicted_kw"]["band"] == pytest.approx(BAND * board.rmse_kw)


async def test_a_day_that_ends_is_an_event_and_a_restart_goes_on_from_there(rig: Make) -> None:
    small, daemon = await living(rig, Stage.SHADOW)
    await small.run(11)
    board = daemon.promotions.scoreboard
    board.days[-1] = ("2025-07-14", replace(board.days[-1][1], cycles=99))
    await small.run(5)
    scored = await small.journal.events("scored")
    assert [json.loads(e.value)[0] for e in scored] == ["2025-07-14"]
    await small.run(10)
    before = board.to_date
    board.days.clear()
    daemon.promotions.trusts = replace(uniform(small.engine.loaded, Stage.SHADOW, 0.0))
    await resume_rollout(small.journal, daemon.promotions, daemon.advisor, daemon.overrides)
    after = board.to_date
    assert (after.cycles, after.hours) == (before.cycles, before.hours)
    assert after.power_error_kw2 == pytest.approx(before.power_error_kw2)
    assert board.days[0][0] == "2025-07-14"


async def test_the_command_scores_a_journal(rig: Make, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    small, _daemon = await living(rig, Stage.SHADOW)
    await small.run(16)
    small.journal.close()
    capsys.readouterr()
    assert main(["scoreboard", str(small.journal.path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["to_date"]["cycles"] == len(small.done)
    assert "an estimate" in told["says"]
    assert main(["scoreboard", str(small.journal.path)]) == 0
    assert "plan 880 kW, in force 900 kW, saving 20" in capsys.readouterr().out
    assert main(["scoreboard", str(tmp_path / "none.sqlite")]) == 2
    assert main(["scoreboard"]) == 2


async def test_a_board_knows_no_day_before_its_first_cycle(rig: Make) -> None:
    small = await rig(Stage.SHADOW)
    assert Scoreboard(small.engine.loaded).told()["last"] is None


async def test_a_proposal_that_nobody_decides_on_expires_and_an_acceptance_ends(rig: Make) -> None:
    small, daemon = await living(rig, Stage.ADVISORY)
    await small.run(16)
    first = daemon.advisor.open
    assert first is not None
    assert first.number == 1
    daemon.advisor.open = replace(first, expires_s=small.engine.clock.now_s() + 1.0)
    assert "has expired" in (await daemon.advisor.accept(1, "anna", "late", small.engine.clock.now_s() + 2.0))["error"]
    await small.run(5)
    assert daemon.advisor.counts == {"accepted": 0, "rejected": 0, "expired": 1}
    assert (await ask(daemon, "reject", number=2))["done"] == "reject"
    await small.run(5)
    assert (await ask(daemon, "accept", number=3))["done"] == "accept"
    await small.run(5)
    assert small.engine.memory.requested.keys() == {SUPPLY}
    daemon.advisor.kept[0] = replace(daemon.advisor.kept[0], until_s=small.engine.clock.now_s())
    await small.run(10)
    assert small.engine.memory.requested == {}
    assert daemon.advisor.told()["accepted_pct"] == 50.0
    whats = [e.what for what in ("advice_expired", "advice_rejected", "advice_accepted", "advice_over") for e in await small.journal.events(what)]
    assert whats == ["advice_expired", "advice_rejected", "advice_accepted", "advice_over"]
