"""What is learnt of a signal: usual hours, departures that fade, quantiles that hold the truth as often as they say."""

from __future__ import annotations

import math
import random

import pytest

from controller.forecast.learn import HORIZONS_H, HOUR_S, WEEK_H, Learnt, ahead, begin, learn, usual

DAY_S = 86400.0


def taught(values: list[float], spread: float = 1.0) -> Learnt:
    """Returns what is known after one value in the middle of each hour."""
    known = begin(values[0], 0.5 * HOUR_S, spread)
    for i, value in enumerate(values[1:], start=1):
        known = learn(known, value, (i + 0.5) * HOUR_S)
    return known


def swing(hour: int) -> float:
    """A plain day."""
    return 10.0 + 3.0 * math.sin(2.0 * math.pi * hour / 24.0)


def noisy(hours: int, seed: int) -> list[float]:
    """The plain day with a noise of which 0.9 is left after an hour."""
    draw = random.Random(seed)
    noise, values = 0.0, []
    for hour in range(hours):
        noise = 0.9 * noise + draw.gauss(0.0, 0.5)
        values.append(swing(hour) + noise)
    return values


def test_an_older_or_equal_time_changes_nothing() -> None:
    """A clock that stands still teaches nothing."""
    known = begin(5.0, 1000.0, 1.0)
    assert learn(known, 9.0, 1000.0) is known
    assert learn(known, 9.0, 999.0) is known


def test_an_hour_is_learnt_as_its_mean_when_it_has_passed() -> None:
    """Not before."""
    known = begin(4.0, 0.0, 1.0)
    known = learn(known, 8.0, 1800.0)
    assert known.day[0] is None
    known = learn(known, 100.0, 3600.0)
    assert known.day[0] == 6.0
    assert usual(known, 0.0) is None


def test_a_regular_day_is_forecast_from_its_hours() -> None:
    """A quarter of a day ahead, where persistence errs most."""
    known = taught([swing(h) for h in range(10 * 24)])
    at_s = known.at_s + 6 * HOUR_S
    said = ahead(known, [at_s])
    assert said.median[0] == pytest.approx(swing(10 * 24 - 1 + 6), abs=0.1)
    assert abs(known.value - swing(10 * 24 - 1 + 6)) > 2.0


def test_a_departure_from_the_usual_fades() -> None:
    """Where 0.9 of a departure is left after an hour, that much of a new one is forecast, and less than half of it for the day after."""
    known = taught(noisy(60 * 24, seed=3))
    at_s = (60 * 24 + 0.5) * HOUR_S
    instants_s = [at_s + h * HOUR_S for h in (0, 1, 24)]
    calm, disturbed = (ahead(learn(known, 10.0 + more, at_s), instants_s).median for more in (0.0, 4.0))
    now, soon, tomorrow = (d - c for c, d in zip(calm, disturbed, strict=True))
    assert now == pytest.approx(4.0, abs=1e-9)
    assert soon == pytest.approx(0.9 * 4.0, abs=0.4)
    assert abs(tomorrow) < 0.5 * 4.0


def test_the_week_is_used_once_it_is_known() -> None:
    """Weekends at half load: on a Friday evening the forecast for Saturday noon knows."""

    def load(hour: int) -> float:
        return 50.0 if hour % WEEK_H >= 120 else 100.0

    weeks = 8
    known = taught([load(h) for h in range(weeks * WEEK_H + 118)])
    said = ahead(known, [known.at_s + 24 * HOUR_S]).median[0]
    assert load(weeks * WEEK_H + 117 + 24) == 50.0
    assert said < 72.0


@pytest.mark.parametrize("seed", [1, 2])
def test_eight_truths_in_ten_lie_between_the_quantiles(seed: int) -> None:
    """At every learnt horizon, on a noise with memory that it was not tuned on."""
    known = taught(noisy(120 * 24, seed))
    for horizon in known.horizons:
        assert horizon.judged > 100
        assert horizon.coverage == pytest.approx(0.8, abs=0.06), horizon.hours


def test_quantiles_widen_from_nothing_and_hold_the_median() -> None:
    """Now is known; later is not."""
    known = taught([swing(h) + (h % 7) * 0.1 for h in range(15 * 24)])
    said = ahead(known, [known.at_s + k * 900.0 for k in range(4 * 24 + 1)])
    assert said.low[0] == said.median[0] == said.high[0] == known.value
    assert all(low <= median <= high for low, median, high in zip(said.low, said.median, said.high, strict=True))
    assert said.high[4] - said.low[4] > 0.0


def test_forecasts_whose_hour_was_missed_are_dropped_without_being_judged() -> None:
    """Two days without readings: what waited for them is gone, and learning goes on."""
    known = taught([swing(h) for h in range(5 * 24)])
    judged = [h.judged for h in known.horizons]
    known = learn(known, swing(7 * 24), (7 * 24 + 0.5) * HOUR_S)
    known = learn(known, swing(7 * 24 + 1), (7 * 24 + 1.5) * HOUR_S)
    assert all(after.judged <= before + 1 for after, before in zip(known.horizons, judged, strict=True))
    assert all(a.hour > 7 * 24 for h in known.horizons for a in h.awaited)


def test_what_is_awaited_stays_few() -> None:
    """The memory is journalled with every cycle."""
    known = taught([swing(h) for h in range(30 * 24)])
    assert [len(h.awaited) for h in known.horizons] <= [1, 3, 4, 5, 6]
    assert tuple(h.hours for h in known.horizons) == HORIZONS_H


def test_a_horizon_that_judged_nothing_states_no_coverage() -> None:
    """None is not zero."""
    assert begin(1.0, 0.0, 1.0).horizons[0].coverage is None
