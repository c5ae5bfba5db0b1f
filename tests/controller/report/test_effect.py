"""The estimate of a saving on made-up plants whose truth is known: bias, coverage, claims where there is nothing, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from controller.report.effect import Hours, effect, scatter
from controller.rollout.switchback import Arm, Design, arms

DAYS = 28


def made(seed: int, saving: float, days: int = DAYS) -> tuple[Hours, float]:
    """Returns hours of an experiment, two after each switch left out, and the true saving of cooling energy [%]."""
    draw = np.random.default_rng(seed)
    hour = np.arange(24 * days)
    weather = np.zeros(days)
    scatter_kw = np.zeros(days)
    for day in range(1, days):
        weather[day] = 0.8 * weather[day - 1] + draw.normal(0.0, 2.5)
        scatter_kw[day] = 0.4 * scatter_kw[day - 1] + draw.normal(0.0, 15.0)
    wet = 15.0 + weather.repeat(24) + 4.0 * np.sin(2.0 * np.pi * (hour % 24 - 9) / 24.0)
    it = 4000.0 + 300.0 * np.sin(2.0 * np.pi * (hour % 24 - 8) / 24.0) + draw.normal(0.0, 40.0, days).repeat(24)
    legacy = 800.0 + 15.0 * (wet - 15.0) + 0.5 * np.maximum(wet - 12.0, 0.0) ** 2 + 0.15 * (it - 4000.0) + scatter_kw.repeat(24)
    ours = legacy * (1.0 - saving * (1.0 + 0.05 * (wet - 15.0)))
    arm = np.array([a is Arm.CONTROLLER for a in arms(Design(seed, date(2026, 1, 1), days // 14))], dtype=float).repeat(24)
    seen = np.where(arm > 0.5, ours, legacy)
    kept = np.ones(len(hour), dtype=bool)
    for at in np.flatnonzero(np.diff(arm)) + 1:
        kept[at : at + 2] = False
    parts = (hour // 24, hour % 24, arm, seen, seen + it, it, wet)
    return Hours(*(np.asarray(part, dtype=float)[kept] for part in parts)), float(100.0 * (1.0 - ours.sum() / legacy.sum()))


def test_the_estimate_is_without_bias_and_its_interval_holds_the_truth() -> None:
    errors, held = [], []
    for seed in range(60):
        hours, truth = made(seed, 0.05)
        found = effect(hours, headline=False)
        assert found is not None
        errors.append(found.saving_pct - truth)
        held.append(found.low_pct <= truth <= found.high_pct)
    assert abs(np.mean(errors)) <= 0.3
    assert np.mean(held) >= 0.9


def test_equal_controllers_are_rarely_called_different() -> None:
    found = [effect(made(seed, 0.0)[0]) for seed in range(60)]
    assert np.mean([f.decided for f in found if f is not None]) <= 0.07


def test_a_headline_over_the_facility_agrees_with_cooling_where_it_is_all_that_changed() -> None:
    hours, truth = made(1, 0.08)
    whole, cooling = effect(hours), effect(hours, headline=False)
    assert whole is not None
    assert cooling is not None
    assert whole.saving_pct == pytest.approx(cooling.saving_pct, abs=1e-6)
    assert whole.saving_pct == pytest.approx(truth, abs=1.0)
    assert whole.kw == pytest.approx(whole.saving_pct / 100.0 * whole.base_kw)


def test_an_early_look_has_a_wider_interval() -> None:
    hours, _ = made(2, 0.05)
    early, last = effect(hours, 1, 4), effect(hours, 4, 4)
    assert early is not None
    assert last is not None
    assert early.saving_pct == last.saving_pct
    assert early.high_pct - early.low_pct == pytest.approx(4.3326 / 2.0141 * (last.high_pct - last.low_pct), rel=1e-3)


def test_too_few_days_or_one_arm_alone_give_no_estimate() -> None:
    hours, _ = made(3, 0.05)
    few = Hours(*(getattr(hours, name)[hours.day < 11] for name in Hours.__slots__))
    assert effect(few) is None
    assert effect(replace(hours, controller=np.zeros_like(hours.day))) is None


def test_hours_of_unequal_length_or_without_a_number_are_refused() -> None:
    hours, _ = made(4, 0.0)
    with pytest.raises(ValueError, match="one length"):
        replace(hours, it_kw=hours.it_kw[:-1])
    with pytest.raises(ValueError, match="not finite: wetbulb_c"):
        replace(hours, wetbulb_c=np.where(hours.day == 3, np.nan, hours.wetbulb_c))


def test_scatter_is_what_load_and_weather_leave() -> None:
    hours, _ = made(5, 0.0, 56)
    found = scatter(hours)
    assert found is not None
    assert found[0] == pytest.approx(100.0 * 16.4 / 800.0, rel=0.35)  # 15 kW of news a day with 0.4 of the day before, of about 800 kW
    assert 0.0 <= found[1] <= 0.7
