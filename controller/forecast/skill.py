"""How good forecasts of one signal would have been: error beside persistence's, and how often the truth was between the quantiles."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from controller.forecast.learn import HOUR_S, ahead, begin, learn
from controller.forecast.outlook import Origin, Outlook, Provided, believed

JUDGED_H: Final = (1, 6, 24)


@dataclass
class Skill:
    """Forecasts so many hours ahead against the truth; every figure is over ``judged`` forecasts, each made before its truth was known."""

    hours: int
    judged: int = 0
    inside: int = 0
    squares: list[float] = field(default_factory=list)
    persistence_squares: list[float] = field(default_factory=list)

    @property
    def rmse(self) -> float:
        """Returns the root mean square error, in the signal's unit."""
        return math.sqrt(sum(self.squares) / self.judged)

    @property
    def persistence_rmse(self) -> float:
        """Returns the same of persistence: the value of now."""
        return math.sqrt(sum(self.persistence_squares) / self.judged)

    @property
    def coverage(self) -> float:
        """Returns the share of truths between the 10 % and 90 % quantiles."""
        return self.inside / self.judged

    def judge(self, low: float, median: float, high: float, persisted: float, truth: float) -> None:
        """Counts one forecast."""
        self.judged += 1
        self.inside += low <= truth <= high
        self.squares.append((median - truth) ** 2)
        self.persistence_squares.append((persisted - truth) ** 2)


Service = Callable[[int], Sequence[float]]
"""What a weather service says at an hour of that hour and of those after it."""
_ANY: Final = "weather.oa_wetbulb_c"


def skill_of(hourly: Sequence[float], spread: float, learning_h: int, service: Service | None = None) -> tuple[Skill, ...]:
    """Returns the skill at ``JUDGED_H`` of forecasts made every hour once ``learning_h`` hours were seen; learning goes on meanwhile.

    ``hourly`` are hourly values without gaps, ``spread`` the standard deviation of an hour's change to begin with; a ``service`` is believed as the
    daemon believes it. Raises ValueError for a series too short to judge.
    """
    if len(hourly) <= learning_h + max(JUDGED_H):
        raise ValueError(f"{len(hourly)} hours: more than {learning_h + max(JUDGED_H)} are needed")
    found = tuple(Skill(h) for h in JUDGED_H)
    known = begin(hourly[0], 0.5 * HOUR_S, spread)
    for i, value in enumerate(hourly):
        at_s = (i + 0.5) * HOUR_S
        known = learn(known, value, at_s)
        if i < learning_h:
            continue
        instants_s = [at_s + h * HOUR_S for h in (0, *JUDGED_H)]
        said = ahead(known, instants_s)
        if service is not None:
            stated = Provided(_ANY, Origin.WEATHER_SERVICE, at_s, HOUR_S, tuple(service(i)))
            said = believed({_ANY: said}, Outlook((stated,)), {_ANY: value}, instants_s)[_ANY]
        for skill, low, median, high in zip(found, said.low[1:], said.median[1:], said.high[1:], strict=True):
            if i + skill.hours < len(hourly):
                skill.judge(low, median, high, value, hourly[i + skill.hours])
    return found
