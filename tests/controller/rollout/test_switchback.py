"""The schedule of a switchback experiment: balance, runs, the seal, and how many days a saving needs."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.rollout.switchback import Arm, Design, arm_on, arms, blocks_complete, carry_over_h, days_needed, last_day, seal

DESIGN = Design(seed=7, first_day=date(2026, 3, 2))


@given(st.integers(0, 2**64), st.integers(1, 6), st.integers(1, 3))
def test_each_weekday_falls_to_both_arms_equally_often_in_every_block(seed: int, blocks: int, period_days: int) -> None:
    design = replace(DESIGN, seed=seed, blocks_most=blocks, period_days=period_days)
    days = [(DESIGN.first_day + timedelta(days=n), arm) for n, arm in enumerate(arms(design))]
    for block in range(blocks):
        within = days[block * 14 * period_days : (block + 1) * 14 * period_days]
        for weekday in range(7):
            found = [arm for day, arm in within if day.weekday() == weekday]
            assert found.count(Arm.CONTROLLER) == found.count(Arm.LEGACY) == period_days


@given(st.integers(0, 2**64))
def test_at_most_three_equal_days_follow_each_other(seed: int) -> None:
    assert max(len(list(run)) for _, run in groupby(arms(replace(DESIGN, seed=seed, blocks_most=8)))) <= 3


def test_two_seeds_give_two_schedules_and_one_seed_the_same_for_ever() -> None:
    assert arms(replace(DESIGN, seed=8)) != arms(DESIGN)
    assert "".join(arm[0] for arm in arms(replace(DESIGN, blocks_most=1))) == "clcclcllcllclc"  # so that anyone may draw it again, in any version


def test_a_day_has_its_arm_and_days_outside_have_none() -> None:
    assert arm_on(DESIGN, date(2026, 3, 2)) is arms(DESIGN)[0]
    assert arm_on(DESIGN, last_day(DESIGN)) is arms(DESIGN)[-1]
    assert arm_on(DESIGN, date(2026, 3, 1)) is None
    assert arm_on(DESIGN, last_day(DESIGN) + timedelta(days=1)) is None


@pytest.mark.parametrize("changed", [{"seed": 8}, {"first_day": date(2026, 3, 3)}, {"blocks_most": 3}, {"carry_over_h": 3.0}, {"detect_pct": 4.0}])
def test_the_seal_changes_with_anything_that_is_sealed(changed: dict[str, object]) -> None:
    assert seal(replace(DESIGN, **changed)) != seal(DESIGN)


def test_a_design_that_cannot_be_run_is_refused_with_every_problem() -> None:
    with pytest.raises(ValueError, match=r"(?s)seed -1.*blocks_most 0.*period_days 8.*carry_over_h 0.5.*detect_pct 0"):
        Design(seed=-1, first_day=date(2026, 3, 2), blocks_most=0, period_days=8, carry_over_h=0.5, detect_pct=0.0)


def test_only_whole_blocks_count() -> None:
    assert [blocks_complete(DESIGN, days) for days in (0, 13, 14, 27, 28, 56, 99)] == [0, 0, 1, 1, 2, 4, 4]


def test_carry_over_is_an_hour_or_three_time_constants() -> None:
    assert carry_over_h(600.0) == 1.0
    assert carry_over_h(3600.0) == 3.0


def test_days_as_published_for_a_scatter_of_five_per_cent() -> None:
    assert days_needed(5.0, 0.0, 3.0) == 44  # evidence 4
    assert days_needed(5.0, 0.0, 9.0) == 5
    assert days_needed(5.0, 0.5, 3.0) == 131  # three times as many where half of a day's scatter stays to the next
    with pytest.raises(ValueError, match="effect above 0"):
        days_needed(5.0, 0.0, 0.0)
