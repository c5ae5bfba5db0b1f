"""A search improves the day it starts from without violating more, begins from exactly that day, and is a bound only where all searches agree."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from controller import bound
from controller.backtest import Task, run_policy
from controller.bound import agreement, with_bound
from controller.compare import outcome, table
from controller.oracle import Budget, Improved, Start, improve
from plant_models.simulator.bas import Manner
from plant_models.simulator.conditions import Conditions, simulate
from plant_models.simulator.course import Course
from plant_models.site.load import load_site

SMALL = Path(__file__).parents[2] / "config" / "small"
SHORT = Conditions(days=0.5 / 24, warm_up_h=1)
CHWS = "plant.chws_setpoint_c"


def quiet(_share: float) -> None:
    """Hears nothing."""


@pytest.fixture(scope="module")
def fixed() -> dict[str, Any]:
    """Returns the result of policy fixed, with its course."""
    return run_policy(Task(SMALL, SHORT, "fixed", course=True), quiet, {})


def test_a_moment_comes_back_to_the_last_bit() -> None:
    prepared = simulate(load_site(SMALL, {}), SHORT)
    site = prepared.site
    moment, ends = site.moment(), []
    for _ in range(2):
        site.go_back(moment)
        site.advance(prepared.start_s + 1800.0)
        ends.append((site.truth, site.read(f"{CHWS}.effective"), site.read("hall-a.rack_inlet_max_c")))
    assert ends[0] == ends[1]


def test_a_course_is_followed_from_its_start_and_its_end_is_held() -> None:
    course = Course(1000.0, {CHWS: [10.0, 11.0]})
    assert course.at(1000.0) == {}
    assert [course.at(t)[CHWS] for t in (1005.0, 1060.0, 1065.0, 9000.0)] == [10.0, 10.0, 11.0, 11.0]


def test_a_search_ends_below_its_start_and_counts_its_runs(fixed: dict[str, Any]) -> None:
    start = Start("fixed", Manner(), fixed["course"])
    shares: list[float] = []
    end = improve(SMALL, SHORT, start, start, Budget(sweeps=1, block_h=0.5), shares.append, {})
    violation, facility_kwh = end.ranks[0]
    assert facility_kwh == pytest.approx(fixed["energy_kwh"]["facility_total"], rel=5e-4), "it begins from the day that was recorded, minute by minute"
    assert end.ranks[-1][1] < 0.995 * facility_kwh
    assert end.ranks[-1][0] <= violation
    assert end.runs[0] == 1
    assert end.runs[-1] > 2 * 5
    assert shares == sorted(shares)
    found = run_policy(Task(SMALL, SHORT, "oracle", manner=end.manner), quiet, {})
    assert found["energy_kwh"]["facility_total"] == pytest.approx(end.ranks[-1][1], rel=1e-9), "the policy runs what was found"
    assert found["it_work"] == fixed["it_work"]


def ended(policy: str, kwh: float, half: float | None = None, violation: float = 0.0) -> Improved:
    """Returns a search that ended at an energy, after half of its runs at another."""
    ranks = ((violation, kwh + 50.0), (violation, half if half is not None else kwh), (violation, kwh))
    return Improved(policy, Manner(), ranks, (1, 50, 100))


def test_searches_that_agree_are_a_bound() -> None:
    ends = {p: ended(p, 1000.0 + 0.4 * i, 1000.0 + 0.4 * i + 0.3) for i, p in enumerate(bound.STARTS)}
    found = agreement(ends, cooling_kwh=300.0)
    assert found["converged"], found["reasons"]
    assert found["restarts"]["mpc"]["above_best_pct"] == pytest.approx(0.4)
    assert found["restarts"]["mpc"]["doubling_pct"] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"g36": ended("g36", 1001.6)}, "from g36 it ended 0.53 %"),
        ({"static": ended("static", 1000.0, violation=3.0)}, "violation 3"),
        ({"static": ended("static", 1000.0, half=1001.6)}, "still changed 0.53 %"),
        ({"mpc": None}, "no search from mpc"),
    ],
)
def test_one_that_does_not_agree_leaves_no_bound(changed: dict[str, Improved | None], says: str) -> None:
    every: dict[str, Improved | None] = {p: ended(p, 1000.0) for p in bound.STARTS} | changed
    found = agreement({p: end for p, end in every.items() if end is not None}, cooling_kwh=300.0)
    assert not found["converged"]
    assert says in "; ".join(found["reasons"])


def test_an_oracle_that_did_not_converge_is_none_and_says_what_it_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two starts only, in this process, and a search that finds nothing: it cannot converge, and all that was found is told."""

    def unmoved(_config: Path, _conditions: Conditions, start: Start, *_: Any) -> Improved:
        violation = 0.0 if start.policy == "g36" else 1.0
        return replace(ended(start.policy, 400.0, violation=violation), manner=replace(start.manner, course=start.course))

    monkeypatch.setattr(bound, "STARTS", ("fixed", "g36"))
    monkeypatch.setattr(bound, "improve", unmoved)
    monkeypatch.setattr(bound, "run_jobs", lambda jobs, _told, _processes: {name: job(quiet) for name, job in jobs.items()})
    asked = [Task(SMALL, SHORT, "g36")]
    results = with_bound(asked, Task(SMALL, SHORT, "oracle"), Budget(sweeps=1, block_h=1.0), lambda _name, _share: None)
    assert list(results) == ["g36", "oracle"]
    found = outcome(SMALL, SHORT, results)
    assert found["bound"]["from"] == "g36"
    best = found["bound"]["best_found"]
    assert found["policies"]["oracle"] is None
    assert not found["bound"]["converged"]
    assert "course" not in results["g36"]
    assert best["energy_kwh"]["facility_total"] == pytest.approx(results["g36"]["energy_kwh"]["facility_total"], rel=5e-4), "it repeats the day"
    assert best["writes"] == 0
    assert "oracle: no bound" in table(found)


def test_a_bad_budget_is_refused() -> None:
    assert Budget().problems() == []
    assert len(Budget(sweeps=0, block_h=0.1).problems()) == 2
