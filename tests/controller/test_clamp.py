"""A register's own range holds what is asked; the envelope judges what is left, and the outcome says so."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from controller.clamp import clamped, within
from plant_models.site.limits import limits_of
from plant_models.site.load import LoadedSite, load_site
from plant_models.site.points import Points
from safety.modes import Mode, Stage
from safety.records import Outcome, Situation
from tests.controller.conftest import CONFIG, Rig

Make = Callable[..., Awaitable[Rig]]
LOADED = load_site(CONFIG / "small", {})
LIMITS = limits_of(LOADED.site, LOADED.points)
CWS = "plant.cws_setpoint_c"
SUPPLY = "hall-a.crah_supply_setpoint_c"


def ranged(setpoint: str, low: float | None, high: float | None, loaded: LoadedSite = LOADED) -> Points:
    rows = (replace(p, plausible_low=low, plausible_high=high) if p.signal == f"{setpoint}.request" else p for p in loaded.points.rows)
    return Points(tuple(rows))


def held(**values: float) -> Situation:
    in_force = {CWS: 24.0, SUPPLY: 20.0, **values}
    return Situation(0.0, 300.0, {"hall-a.room_dewpoint_c": 9.0, "hall-a.room_rh_pct": 45.0, "hall-a.rack_inlet_max_c": 24.0}, in_force, frozenset(in_force))


@pytest.mark.parametrize(("low", "high", "value", "expected"), [(None, None, 3.0, 3.0), (5.0, None, 3.0, 5.0), (None, 2.0, 3.0, 2.0), (1.0, 4.0, 3.0, 3.0)])
def test_the_nearest_value_within_what_the_row_states(low: float | None, high: float | None, value: float, expected: float) -> None:
    row = ranged(CWS, low, high).by_signal[f"{CWS}.request"]
    assert within(row, value) == expected


def test_within_the_range_nothing_changes() -> None:
    wanted = {CWS: 23.0}
    assert clamped(LOADED.points, wanted, held(), LIMITS) == (wanted, ())


def test_a_clamped_value_that_the_envelope_permits_is_asked() -> None:
    wanted, clamps = clamped(ranged(SUPPLY, 19.5, 40.0), {SUPPLY: 19.0}, held(), LIMITS)
    assert wanted == {SUPPLY: 19.5}
    assert [(c.permitted, c.written) for c in clamps] == [(19.0, 19.5)]
    assert "clamped to 19.5" in clamps[0].says


def test_a_clamped_value_that_the_envelope_would_change_is_not_asked_at_all() -> None:
    wanted, clamps = clamped(ranged(CWS, 33.0, 40.0), {CWS: 23.0, SUPPLY: 19.9}, held(), LIMITS)
    assert wanted == {SUPPLY: 19.9}
    assert [(c.setpoint, c.written) for c in clamps] == [(CWS, None)]
    assert "the envelope does not permit" in clamps[0].says


async def test_what_is_clamped_stands_in_intent_register_and_outcome_and_is_not_written_again(rig: Make) -> None:
    small = await rig(Stage.AUTO)
    stages = small.engine.cycle.stages
    narrow = replace(stages.loaded, points=ranged(SUPPLY, 15.0, 21.0, stages.loaded))
    small.engine.cycle = replace(small.engine.cycle, stages=replace(stages, loaded=narrow))
    await small.run(60)
    last = small.done[-1]
    assert [(c.setpoint, c.written) for c in last.record.decision.clamps] == [(SUPPLY, 21.0)]
    assert last.record.decision.verdict.permitted[SUPPLY] > 21.0
    assert "clamped to 21" in last.receipt.says
    written = [d.record.decision.command.writes[f"{SUPPLY}.request"] for d in small.done if f"{SUPPLY}.request" in d.record.decision.command.writes]
    assert max(written) == 21.0
    assert written.count(21.0) == 1, "a clamped value is one change, not one a cycle"
    assert small.prepared.site.read(f"{SUPPLY}.request") == 21.0
    assert all(o is Outcome.VERIFIED for d in small.done for o in d.receipt.outcomes.values())
    assert small.engine.memory.mode.mode is Mode.RESET
