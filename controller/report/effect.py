"""What a controller saved, estimated from hours on two arms: regressed on load and weather, days as clusters, the interval honest about early looks."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

from controller.report.sequential import ALPHA, critical_values

Array = NDArray[np.float64]
DAYS_LEAST: Final = 12  # below that the regression leaves too few days to tell scatter from effect
_DRAWS: Final = 999
_DAY_TERMS: Final = 7  # of the regression's terms, those that vary from day to day


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours of an experiment, carry-over already discarded; every array has the shape (hours,).

    ``day`` numbers the days, ``hour`` is the hour of the day, ``controller`` is 1 where the controller had the arm, fallback minutes included (intent to
    treat), power in kW, ``it_kw`` at equal inlet temperature where that is known, ``wetbulb_c`` outside.
    """

    day: Array
    hour: Array
    controller: Array
    cooling_kw: Array
    facility_kw: Array
    it_kw: Array
    wetbulb_c: Array

    def __post_init__(self) -> None:
        """Raises ValueError for arrays of different length or numbers that are not finite."""
        lengths = {f.name: getattr(self, f.name).shape for f in fields(self)}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"arrays of one length are needed: {lengths}")
        wrong = [name for name in lengths if not np.isfinite(getattr(self, name)).all()]
        if wrong:
            raise ValueError(f"not finite: {', '.join(wrong)}")

    @property
    def days(self) -> int:
        """Returns how many days have hours."""
        return len(np.unique(self.day))


@dataclass(frozen=True, slots=True)
class Effect:
    """A saving [%] with its interval of 95 % over all looks; ``kw`` is its mean power, ``base_kw`` the legacy arm's mean cooling power.

    ``noise_pct`` is the scatter of daily cooling power that load and weather leave [%], ``autocorrelation`` that of a day's with the next day's.
    """

    saving_pct: float
    low_pct: float
    high_pct: float
    standard_error_pct: float
    kw: float
    base_kw: float
    days: int
    noise_pct: float
    autocorrelation: float

    @property
    def decided(self) -> bool:
        """Returns whether the interval excludes no saving at all."""
        return self.low_pct > 0.0 or self.high_pct < 0.0


@dataclass(frozen=True, slots=True)
class _Fit:
    """A regression by days: ``inverse`` of the whole normal matrix, coefficients, and each day's scores (days, terms)."""

    inverse: Array
    gram: Array
    coefficients: Array
    scores: Array


def effect(hours: Hours, look: int = 1, looks: int = 1, headline: bool = True, seed: int = 0, alpha: float = ALPHA) -> Effect | None:
    """Estimates what the controller saves of the legacy arm's cooling energy [%], or returns None where days or arms are too few.

    ``headline`` takes the difference of facility power over the base's cooling power (evidence 1), else that of cooling power. Hourly power is regressed on
    load, wet bulb, its square, hour of day, the arm, and the arm times load and wet bulb, all centred (Lin 2013), so that the arm's coefficient
    is the mean effect over the hours that were. Days are clusters; the interval is that of a wild bootstrap's Student statistic (Cameron, Gelbach and Miller
    2008), widened to the critical value of this look of so many planned looks.
    """
    _, number = np.unique(hours.day, return_inverse=True)
    arms = np.array([hours.controller[number == d].mean() for d in range(hours.days)])
    if hours.days < DAYS_LEAST or min((arms > 0.5).sum(), (arms <= 0.5).sum()) < DAYS_LEAST // 3:
        return None
    terms = _terms(hours)
    cooling = _fit(terms, hours.cooling_kw, number, hours.days)
    outcome = _fit(terms, hours.facility_kw, number, hours.days) if headline else cooling
    base_kw, change_kw = float(cooling.coefficients[0]), float(outcome.coefficients[1])
    saving = -change_kw / base_kw
    error = float(_error(outcome.inverse, outcome.scores[None], cooling.scores[None], saving, base_kw)[0])
    widest = critical_values(looks, alpha)[look - 1] * _quantile(outcome, cooling, seed, alpha) / critical_values(1, alpha)[0] * error
    noise_pct, autocorrelation = _spread(_daily_residuals(hours.cooling_kw - terms @ cooling.coefficients, number), base_kw)
    return Effect(
        saving_pct=100.0 * saving,
        low_pct=100.0 * (saving - widest),
        high_pct=100.0 * (saving + widest),
        standard_error_pct=100.0 * error,
        kw=-change_kw,
        base_kw=base_kw,
        days=hours.days,
        noise_pct=noise_pct,
        autocorrelation=autocorrelation,
    )


def scatter(hours: Hours) -> tuple[float, float] | None:
    """Returns what load, weather and hour leave unexplained of the daily mean of cooling power [%], and its autocorrelation from a day to the next.

    None where days are too few. Arms are not told apart: this is for the time before an experiment.
    """
    if hours.days < DAYS_LEAST:
        return None
    _, number = np.unique(hours.day, return_inverse=True)
    terms = _terms(hours)[:, [0, *range(2, 9)]]
    residual = _daily_residuals(hours.cooling_kw - terms @ (np.linalg.pinv(terms) @ hours.cooling_kw), number)
    return _spread(residual, float(hours.cooling_kw.mean()))


def _spread(residual: Array, base_kw: float) -> tuple[float, float]:
    deviation = float(np.sqrt((residual**2).sum() / (len(residual) - min(_DAY_TERMS, len(residual) - 2))))
    return 100.0 * deviation / base_kw, max(0.0, min(0.95, float(np.corrcoef(residual[:-1], residual[1:])[0, 1])))


def _daily_residuals(residual: Array, number: NDArray[np.intp]) -> Array:
    return np.array([residual[number == d].mean() for d in range(number.max() + 1)])


def _terms(hours: Hours) -> Array:
    """Returns the regression's terms (hours, terms): the mean, the arm, and what else moves power, centred on the whole experiment."""
    it = hours.it_kw - hours.it_kw.mean()
    wet = hours.wetbulb_c - hours.wetbulb_c.mean()
    angle = 2.0 * np.pi * hours.hour / 24.0
    others = [it, wet, wet**2, *(f(n * angle) for n in (1, 2) for f in (np.sin, np.cos))]
    centred = [c - c.mean() for c in others]
    return np.column_stack([np.ones(len(it)), hours.controller, *centred, hours.controller * it, hours.controller * wet])


def _fit(terms: Array, power_kw: Array, number: NDArray[np.intp], days: int) -> _Fit:
    by_day = [terms[number == d] for d in range(days)]
    gram = np.array([x.T @ x for x in by_day])
    inverse = np.linalg.pinv(gram.sum(axis=0))
    coefficients = inverse @ (terms.T @ power_kw)
    scores = np.array([x.T @ (power_kw[number == d] - x @ coefficients) for d, x in enumerate(by_day)])
    return _Fit(inverse, gram, coefficients, scores)


def _error(inverse: Array, outcome: Array, base: Array, saving: float | Array, base_kw: float | Array) -> Array:
    """Returns the standard error of the saving from the days' scores (draws, days, terms): delta method, days as clusters, few-clusters factor."""
    change, mean = outcome @ inverse[1], base @ inverse[0]
    influence = -(change + np.atleast_1d(saving)[:, None] * mean) / np.atleast_1d(base_kw)[:, None]
    days = influence.shape[1]
    return np.asarray(np.sqrt(days / (days - min(_DAY_TERMS, days - 2)) * (influence**2).sum(axis=1)))


def _quantile(outcome: _Fit, cooling: _Fit, seed: int, alpha: float) -> float:
    """Returns the bootstrap's quantile of the Student statistic's absolute value, never below the normal one's."""
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(_DRAWS, len(outcome.scores)))
    moved = {id(fit): np.einsum("bd,dk->bk", signs, fit.scores) @ fit.inverse for fit in (outcome, cooling)}
    scores = {id(fit): signs[:, :, None] * fit.scores - np.einsum("dkl,bl->bdk", fit.gram, moved[id(fit)]) for fit in (outcome, cooling)}
    base_kw = cooling.coefficients[0] + moved[id(cooling)][:, 0]
    saving = -(outcome.coefficients[1] + moved[id(outcome)][:, 1]) / base_kw
    error = _error(outcome.inverse, scores[id(outcome)], scores[id(cooling)], saving, base_kw)
    truth = -outcome.coefficients[1] / cooling.coefficients[0]
    return max(float(np.quantile(np.abs(saving - truth) / error, 1.0 - alpha)), critical_values(1, alpha)[0])
