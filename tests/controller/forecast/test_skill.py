"""Forecasts beat persistence on real weather and on a load with a day and a week; the figure is a command's."""

from __future__ import annotations

import json

import pytest

from controller.benchmarks.forecast import main
from controller.forecast.skill import skill_of


def test_wet_bulb_and_load_are_better_than_persistence(capsys: pytest.CaptureFixture[str]) -> None:
    """Ten weeks of a typical year and the generated load, at 1, 6 and 24 hours."""
    assert main(["--weather", "greensboro", "--hours", "1700"]) == 0
    found = json.loads(capsys.readouterr().out)
    own, served, load = found
    assert served == f"{own}, with a weather service"
    for horizon, said in found.pop(served).items():
        assert said["rmse"] < found[own][horizon]["rmse"], horizon
        assert said["coverage_of_80"] >= 0.8, "the spread stays that of our own forecast, which is worse"
    assert list(found) == [own, load]
    for trace, horizons in found.items():
        for horizon, said in horizons.items():
            assert said["rmse"] < said["persistence_rmse"], (trace, horizon)
            assert 0.68 <= said["coverage_of_80"] <= 0.92, (trace, horizon)


def test_nothing_of_the_future_is_used() -> None:
    """Changing what comes after the last forecast's making changes no forecast: only the truth it is judged by."""
    values = [float(10 + h % 24) for h in range(30 * 24)]
    changed = [*values[:-1], values[-1] + 100.0]
    first, second = skill_of(values, 1.0, 14 * 24)[0], skill_of(changed, 1.0, 14 * 24)[0]
    assert first.squares[:-1] == second.squares[:-1]
    assert first.squares[-1] != second.squares[-1]


def test_a_series_too_short_is_refused() -> None:
    """With how much is needed."""
    with pytest.raises(ValueError, match="more than 360 are needed"):
        skill_of([1.0] * 300, 1.0, 14 * 24)
