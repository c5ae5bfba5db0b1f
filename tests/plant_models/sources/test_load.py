"""IT load: generated shapes are the same however they are asked, traces repeat, bad traces are refused."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plant_models.sources.load import SHAPES, GeneratedLoad, LoadShape, open_load
from plant_models.sources.problems import SourceError

START_S = 1_752_555_600.0  # Tuesday 15 July 2025, midnight at UTC-5
HOUR_S = 3600.0


def test_the_same_seed_gives_the_same_load_however_it_is_asked() -> None:
    forward, backward = GeneratedLoad(2, 7, -5.0), GeneratedLoad(2, 7, -5.0)
    times = [START_S + 977.0 * k for k in range(300)]
    ahead = [forward.at(t) for t in times]
    assert ahead == [backward.at(t) for t in reversed(times)][::-1]
    assert GeneratedLoad(2, 8, -5.0).at(START_S) != forward.at(START_S)
    assert forward.at(START_S)[0] != forward.at(START_S)[1]


def test_day_night_and_weekend_differ() -> None:
    quiet = GeneratedLoad(1, 0, -5.0, LoadShape(fast_sd=0.0, slow_sd=0.0))
    assert quiet.at(START_S + 15 * HOUR_S)[0] == pytest.approx(0.65 + 0.12)
    assert quiet.at(START_S + 3 * HOUR_S)[0] == pytest.approx(0.65 - 0.12)
    saturday = START_S + 4 * 24 * HOUR_S
    assert quiet.at(saturday + 15 * HOUR_S)[0] == pytest.approx(0.65 + 0.12 - 0.06)


def test_noise_has_the_stated_size_and_no_seams() -> None:
    shape = LoadShape(daily_swing=0.0, weekend_drop=0.0)
    load = GeneratedLoad(1, 3, 0.0, shape)
    values = [load.at(START_S + 60.0 * k)[0] for k in range(20 * 1440)]
    spread = mean((v - 0.65) ** 2 for v in values) ** 0.5
    assert spread == pytest.approx((0.015**2 + 0.025**2) ** 0.5, rel=0.2)
    assert max(abs(b - a) for a, b in pairwise(values)) < 0.03  # an innovation of the fast noise has an sd of 0.0038


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 1000), st.floats(0.0, 4e9))
def test_utilisation_is_a_share(seed: int, at_s: float) -> None:
    assert all(0.0 <= u <= 1.0 for u in GeneratedLoad(2, seed).at(at_s))


def test_a_trace_repeats_and_is_linear_between_rows(tmp_path: Path) -> None:
    path = tmp_path / "week.csv"
    path.write_text(",cpu_load\n1,0.2\n2,0.4\n3,0.8\n")
    load = open_load(path, [("hall-a", 1000.0), ("hall-b", 500.0)])
    assert load.at(0.0) == pytest.approx((0.2, 0.2))
    assert load.at(0.5 * HOUR_S) == pytest.approx((0.3, 0.3))
    assert load.at(2.5 * HOUR_S) == pytest.approx((0.5, 0.5))  # on its way to the first row again
    assert load.at(3 * HOUR_S) == pytest.approx((0.2, 0.2))
    shifted = open_load(path, [("hall-a", 1000.0)], utc_offset_h=-5.0)
    assert shifted.at(START_S) == pytest.approx((0.2,))  # local midnight is row one: a day is eight traces


def test_power_becomes_utilisation_and_halls_may_have_columns(tmp_path: Path) -> None:
    power = tmp_path / "power.csv"
    power.write_text("time_s,it_load_kw\n0,500\n15,650\n")
    assert open_load(power, [("hall-a", 1000.0)], idle_share=0.3).at(15.0) == pytest.approx((0.5,))
    halls = tmp_path / "halls.csv"
    halls.write_text("time,hall-a,hall-b\n2023-01-01T00:00,0.1,0.9\n2023-01-01T00:30,0.2,0.8\n")
    assert open_load(halls, [("hall-a", 1.0), ("hall-b", 1.0)]).at(1800.0) == pytest.approx((0.2, 0.8))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("cpu_load\n0.1\n40\n", "bad.csv:3: '40' (allowed: 0 .. 1, a share and not percent)"),
        ("cpu_load\n0.1\nx\n", "bad.csv:3: 'x' (allowed: 0 .. 1, a share and not percent)"),
        ("it_load_kw\n10\n2000\n", "bad.csv:3: '2000' (allowed: 0 .. 1000 kW)"),
        ("nothing\n1\n2\n", "bad.csv:1: columns nothing (allowed: one of"),
        ("time,cpu_load\n0,0.1\n60,0.1\n180,0.1\n", "bad.csv:4: 120 s after the row before (allowed: rows 60 s apart, as the first two)"),
        ("time,cpu_load\n60,0.1\n0,0.1\n-60,0.1\n", "bad.csv:3: -60 s after the row before (allowed: rows forward in time)"),
        ("time,cpu_load\nnoon,0.1\n60,0.1\n", "bad.csv:2: time 'noon'"),
        ("cpu_load\n0.1\n", "bad.csv: 2 lines"),
        ("a,cpu_load\n1,0.1\n2\n", "bad.csv:3: 1 fields (allowed: 2)"),
    ],
)
def test_bad_traces_are_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(SourceError) as caught:
        open_load(path, [("hall-a", 1000.0)])
    assert str(caught.value.problems[0]).startswith(says)


def test_every_shape_is_a_share_and_training_comes_in_steps() -> None:
    """A service swings with the day, a batch queue hardly at all, training jobs by half the hall within minutes."""
    steps = {}
    for name, shape in SHAPES.items():
        load = GeneratedLoad(1, seed=3, shape=shape)
        values = [load.at(START_S + k * 300.0)[0] for k in range(3 * 288)]
        assert 0.0 <= min(values) <= max(values) <= 1.0
        steps[name] = max(abs(b - a) for a, b in pairwise(values))
    assert steps["service"] < 0.08
    assert steps["batch"] < 0.08
    assert steps["training"] > 0.3


def test_jobs_leave_no_step_at_midnight_and_repeat_by_seed() -> None:
    one, two = (GeneratedLoad(1, seed=5, shape=SHAPES["training"]) for _ in range(2))
    for day in range(10):
        before, after = one.at((20000 + day) * 86400.0 - 60.0)[0], one.at((20000 + day) * 86400.0)[0]
        assert abs(after - before) < 0.12
        assert two.at((20000 + day) * 86400.0 + 40000.0) == one.at((20000 + day) * 86400.0 + 40000.0)
