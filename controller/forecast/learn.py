"""What the past says of one signal: its usual day and week, how long a departure from them lasts, and how wide the truth spreads around a forecast.

Everything is learnt from hourly means and kept as plain values, so that a forecast can be made again from a record. Nothing here knows what a
signal means or where it comes from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from safety.records import Quantiles

Floats = NDArray[np.float64]

HORIZONS_H: Final = (1, 3, 6, 12, 24)
HOUR_S: Final = 3600.0
DAY_H: Final = 24
WEEK_H: Final = 168
TAIL: Final = 0.1  # share of the truth above the upper quantile, and below the lower
_Z90: Final = 1.2816  # the 90 % quantile of a normal distribution
_LEARN_DAY: Final = 0.15  # weight of the newest day in an hour's mean
_LEARN_WEEK: Final = 0.35  # weight of the newest week
_LEARN_SLOW: Final = 1.0 / 24.0  # the slow part of a departure is its mean over about a day
_LEARN_SIZE: Final = 0.01  # of the size of errors, which scales the steps of the quantiles
_STEP: Final = 0.25  # step of a quantile, in mean absolute errors: an excess moves it by 0.9 of this, a miss by 0.1
_FORGET: Final = 0.998  # an hour, of the regression: about three weeks count
_TRUSTED_H: Final = 72.0  # hours of experience that weigh as much as the prior
_FAST_LASTS_H: Final = 4.0  # prior: how long the fast part of a departure lasts
_SLOW_LASTS_H: Final = 36.0  # prior: how long the slow part lasts
_SPARSE_H: Final = 6  # forecasts a multiple of this ahead are kept every so many hours less often: their errors are alike from hour to hour
_FEATURES: Final = 3  # fast part, slow part, what the week says beyond the day


@dataclass(frozen=True)
class Awaited:
    """A forecast of an hour's mean that waits for its truth: the hour [h since 1970 UTC], what was known, and what was said."""

    hour: int
    usual: float
    features: tuple[float, ...]
    low: float
    median: float
    high: float


@dataclass(frozen=True)
class Horizon:
    """What is known of forecasts this many hours ahead: normal equations of the departure, quantiles of the error, and how often the truth was inside."""

    hours: int
    gram: tuple[float, ...] = (0.0,) * (_FEATURES * _FEATURES)
    moment: tuple[float, ...] = (0.0,) * _FEATURES
    weight: float = 0.0
    low: float = 0.0
    high: float = 0.0
    size: float = 0.0
    judged: int = 0
    inside: int = 0
    awaited: tuple[Awaited, ...] = ()

    @property
    def coverage(self) -> float | None:
        """Returns the share of truths between the quantiles (aim 0.8), None while nothing was judged."""
        return self.inside / self.judged if self.judged else None


@dataclass(frozen=True)
class Learnt:
    """One signal: last value and time, the mean of the hour that runs, usual hours of the day and the week in UTC (None: not seen), and its horizons."""

    value: float
    at_s: float
    hour: int
    sum: float
    count: int
    day: tuple[float | None, ...] = (None,) * DAY_H
    week: tuple[float | None, ...] = (None,) * WEEK_H
    slow: float = 0.0
    horizons: tuple[Horizon, ...] = ()


def begin(value: float, at_s: float, spread: float) -> Learnt:
    """Returns what is known after the first value; ``spread`` is the standard deviation of an hour's change to start from."""
    horizons = tuple(Horizon(h, low=-_Z90 * spread * math.sqrt(h), high=_Z90 * spread * math.sqrt(h), size=spread * math.sqrt(h)) for h in HORIZONS_H)
    return Learnt(value, at_s, hour=_hour(at_s), sum=value, count=1, horizons=horizons)


def learn(known: Learnt, value: float, at_s: float) -> Learnt:
    """Returns what is known after one more value; all but the value itself is learnt when its hour has passed. An older value changes nothing."""
    if at_s <= known.at_s:
        return known
    hour = _hour(at_s)
    if hour == known.hour:
        return replace(known, value=value, at_s=at_s, sum=known.sum + value, count=known.count + 1)
    taught = _teach(known, known.hour, known.sum / known.count)
    return replace(taught, value=value, at_s=at_s, hour=hour, sum=value, count=1)


def ahead(known: Learnt, instants_s: Sequence[float]) -> Quantiles:
    """Returns the forecast at instants [s]; the last value persists until a whole day was seen. Quantiles widen from nothing."""
    hours = np.maximum((np.array(instants_s, dtype=float) - known.at_s) / HOUR_S, 0.0)
    grid = [0.0, *(float(h.hours) for h in known.horizons)]
    median = known.value + np.zeros_like(hours)
    now = usual(known, known.at_s)
    if now is not None:
        weights = np.array([(1.0, 1.0, 0.0), *(_weights(h) for h in known.horizons)])
        fast, slow, week = (np.interp(hours, grid, weights[:, i]) for i in range(_FEATURES))
        then = np.array([_between(known.day, at) for at in instants_s])
        beyond = np.array([_beyond(known, at) for at in instants_s]) - _beyond(known, known.at_s) * np.exp(-hours)
        median = then + fast * (known.value - now - known.slow) + slow * known.slow + week * beyond
    low, high = (median + _spread(hours, grid, [getattr(h, side) for h in known.horizons]) for side in ("low", "high"))
    return Quantiles(tuple(low.tolist()), tuple(median.tolist()), tuple(high.tolist()))


def usual(known: Learnt, at_s: float) -> float | None:
    """Returns the usual value at a time of day, linear between the middles of the hours; None until a whole day was seen."""
    if None in known.day:
        return None
    return _between(known.day, at_s)


def _hour(at_s: float) -> int:
    return math.floor(at_s / HOUR_S)


def _between(hours: Sequence[float | None], at_s: float) -> float:
    position = at_s / HOUR_S - 0.5
    before = math.floor(position)
    first, second = hours[before % len(hours)], hours[(before + 1) % len(hours)]
    if first is None or second is None:
        return 0.0
    return first + (position - before) * (second - first)


def _beyond(known: Learnt, at_s: float) -> float:
    """Returns what the hour of the week says beyond the hour of the day; nothing until a whole week was seen."""
    usual_day = usual(known, at_s)
    return 0.0 if usual_day is None or None in known.week else _between(known.week, at_s) - usual_day


def _teach(known: Learnt, hour: int, mean: float) -> Learnt:
    """Returns what is known after an hour's mean: forecasts of it are judged, the departure is split, then the usual hours move towards it."""
    middle_s = (hour + 0.5) * HOUR_S
    before = usual(known, middle_s)
    horizons = tuple(_judge(h, hour, mean) for h in known.horizons)
    slow = known.slow
    if before is not None:
        departure = mean - before
        slow += _LEARN_SLOW * (departure - slow)
        horizons = tuple(_await(replace(known, slow=slow), h, hour, departure) for h in horizons)
    return replace(known, day=_towards(known.day, hour, mean, _LEARN_DAY), week=_towards(known.week, hour, mean, _LEARN_WEEK), slow=slow, horizons=horizons)


def _towards(hours: tuple[float | None, ...], hour: int, mean: float, weight: float) -> tuple[float | None, ...]:
    place = hour % len(hours)
    old = hours[place]
    return (*hours[:place], _kept(mean if old is None else old + weight * (mean - old)), *hours[place + 1 :])


def _await(known: Learnt, horizon: Horizon, hour: int, departure: float) -> Horizon:
    """Returns the horizon with one more forecast that waits for its truth."""
    middle_s, due_s = (hour + 0.5) * HOUR_S, (hour + horizon.hours + 0.5) * HOUR_S
    then = usual(known, due_s)
    if then is None or hour % (1 + horizon.hours // _SPARSE_H):
        return horizon
    features = (departure - known.slow, known.slow, _beyond(known, due_s) - _beyond(known, middle_s) * math.exp(-horizon.hours))
    median = then + sum(c * f for c, f in zip(_weights(horizon), features, strict=True))
    known_then = tuple(_kept(f) for f in features)
    said = Awaited(hour + horizon.hours, _kept(then), known_then, _kept(median + horizon.low), _kept(median), _kept(median + horizon.high))
    return replace(horizon, awaited=(*horizon.awaited, said))


def _kept(value: float) -> float:
    """Returns a value as it is remembered: six figures are more than any sensor has, and every cycle is journalled with its memory."""
    return float(f"{value:.6g}")


def _judge(horizon: Horizon, hour: int, mean: float) -> Horizon:
    """Returns the horizon after the truth of an hour: its regression and its quantiles move, and what was said of it is done with."""
    said = next((a for a in horizon.awaited if a.hour == hour), None)
    horizon = replace(horizon, awaited=tuple(a for a in horizon.awaited if a.hour > hour))
    if said is None:
        return horizon
    target = mean - said.usual
    gram = tuple(_kept(_FORGET * g + x * y) for g, (x, y) in zip(horizon.gram, ((x, y) for x in said.features for y in said.features), strict=True))
    moment = tuple(_kept(_FORGET * m + x * target) for m, x in zip(horizon.moment, said.features, strict=True))
    size = horizon.size + _LEARN_SIZE * (abs(mean - said.median) - horizon.size)
    step = _STEP * size
    return replace(
        horizon,
        gram=gram,
        moment=moment,
        weight=_FORGET * horizon.weight + 1.0,
        low=min(horizon.low - step * ((mean < said.low) - TAIL), 0.0),
        high=max(horizon.high + step * ((mean > said.high) - TAIL), 0.0),
        size=size,
        judged=horizon.judged + 1,
        inside=horizon.inside + (said.low <= mean <= said.high),
    )


def _weights(horizon: Horizon) -> tuple[float, ...]:
    """Returns the weights of the features: least squares of what was seen, drawn towards the prior while little was."""
    prior = np.array([math.exp(-horizon.hours / _FAST_LASTS_H), math.exp(-horizon.hours / _SLOW_LASTS_H), 0.0])
    if horizon.weight == 0.0:
        return tuple(prior.tolist())
    gram = np.array(horizon.gram).reshape(_FEATURES, _FEATURES)
    pull = (_TRUSTED_H / horizon.weight) * np.diag(np.diag(gram)) + 1e-9 * (1.0 + np.trace(gram)) * np.eye(_FEATURES)
    return tuple(np.linalg.solve(gram + pull, np.array(horizon.moment) + pull @ prior).tolist())


def _spread(hours: Floats, grid: Sequence[float], learnt: Sequence[float]) -> Floats:
    """Returns a quantile of the error at horizons [h]: as the square root up to the first learnt one, then linear between them."""
    first = grid[1]
    early = np.sqrt(np.minimum(hours, first) / first) * learnt[0]
    late: Floats = np.interp(hours, grid, [0.0, *learnt])
    return np.where(hours <= first, early, late)
