"""The search for the bound: a day's setpoints improved block by block on the true simulator, with its weather, load and wear known in advance.

One search starts from one policy's recorded day; ``controller/bound.py`` compares where several of them end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from controller.hindsight import STARTS, Range, Rank, rank_of, search
from plant_models.scores import Scores
from plant_models.simulator.bas import Manner
from plant_models.simulator.conditions import DAY_S, HOUR_S, Conditions, simulate
from plant_models.simulator.course import STEP_S, Course
from plant_models.simulator.site import Moment
from plant_models.site.load import LoadedSite, load_site

_STEPS: Final = {quantity: (step, fine) for quantity, (_, step, fine) in STARTS.items()} | {"cws_setpoint_c": (1.5, 0.4)}
_ROUNDS: Final = 3  # of the pattern search in one block: its steps are taken as long as they help


@dataclass(frozen=True, slots=True)
class Budget:
    """How long to search: sweeps over the day, the length of a block [h]; a block is judged together with the one after it."""

    sweeps: int = 4
    block_h: float = 2.0

    def problems(self) -> list[str]:
        """Returns what is out of range, one line each."""
        found = [] if self.sweeps >= 1 else [f"oracle-sweeps {self.sweeps}: must be 1 or more"]
        return found if 0.25 <= self.block_h <= 24.0 else [*found, f"oracle-block-h {self.block_h:g}: must be 0.25 .. 24"]


@dataclass(frozen=True, slots=True)
class Start:
    """One policy's day: how the BAS ran the warm-up before it, and the setpoints that were in force."""

    policy: str
    manner: Manner
    course: Course


@dataclass(frozen=True, slots=True)
class Improved:
    """What a search made of its start: the best day, and its rank and the runs that it took, at the start and after each sweep."""

    policy: str
    manner: Manner
    ranks: tuple[Rank, ...]
    runs: tuple[int, ...]


def improve(
    config: Path,
    conditions: Conditions,
    start: Start,
    cleanest: Start,
    budget: Budget,
    told: Callable[[float], None] = lambda _share: None,
    environ: Mapping[str, str] | None = None,
) -> Improved:
    """Returns the best day found from ``start``; ``told`` hears the share done.

    A day may violate in each block what ``cleanest`` violates there, and no more counts as good. Raises SourceError, SiteErrors or ValueError
    as ``simulate`` does.
    """
    loaded = load_site(config, environ)
    bearable = _Day(loaded, conditions, cleanest, budget).violations()
    day = _Day(loaded, conditions, start, budget)
    best = (day.rank(day.run_through(), bearable), day.shifts)
    ranks, runs = [best[0]], [day.runs]
    for sweep in range(budget.sweeps):
        day.sweep(bearable, 0.5**sweep, lambda share, sweep=sweep: told((sweep + share) / budget.sweeps))  # type: ignore[misc]  # a default binds it
        best = min(best, (day.rank(day.run_through(), bearable), day.shifts), key=lambda found: found[0])
        day.shifts = best[1]
        ranks.append(best[0])
        runs.append(day.runs)
    return Improved(start.policy, replace(start.manner, course=day.course()), tuple(ranks), tuple(runs))


Shifts = tuple[Mapping[str, float], ...]
"""By how much each setpoint is moved from the start's course, block by block."""


class _Day:
    """The day of one start, that can be run in part from where a block begins."""

    def __init__(self, loaded: LoadedSite, conditions: Conditions, start: Start, budget: Budget) -> None:
        prepared = simulate(loaded, conditions, manner=start.manner)
        self._loaded, self._tariff, self._site = loaded, prepared.tariff, prepared.site
        self._start_s, self._until_s = prepared.start_s, prepared.until_s
        self._base = start.course
        self._block_s = budget.block_h * HOUR_S
        count = max(round((self._until_s - self._start_s) / self._block_s), 1)
        self._edges = [*(self._start_s + k * self._block_s for k in range(count)), self._until_s]
        self._begin = self._site.moment()
        names = [name for name in start.course.values if name.partition(".")[2] in _STEPS]
        self.shifts: Shifts = (dict.fromkeys(names, 0.0),) * count
        self.runs = 0

    def run_through(self) -> dict[str, Any]:
        """Returns the scores of the whole day as it stands."""
        scores = self._scores()
        self._run(self._begin, self.course(), self._until_s, scores)
        return scores.result()

    def violations(self) -> list[dict[str, float]]:
        """Returns what the day violates up to each edge of its blocks, by kind."""
        scores = self._scores()
        found: list[dict[str, float]] = [{}]
        self._site.go_back(self._begin)
        self._site.bas.follow(self.course())
        scores.observe(self._site)
        for edge in self._edges[1:]:
            self._on(edge, scores)
            found.append(scores.result()["violations"])
        return found

    def rank(self, result: Mapping[str, Any], bearable: list[dict[str, float]]) -> Rank:
        """Returns the rank of a whole day."""
        return rank_of(result, bearable[-1], self._loaded.site, (self._until_s - self._start_s) / DAY_S)

    def sweep(self, bearable: list[dict[str, float]], scale: float, told: Callable[[float], None]) -> None:
        """Improves one block after the other, each with the next one behind it."""
        moment = self._begin
        for k in range(len(self.shifts)):
            told(k / len(self.shifts))
            found = search(self._ranges(k, scale), lambda shift, k=k, moment=moment: self._judged(k, shift, moment, bearable), _unheard, _ROUNDS)  # type: ignore[misc]
            self._shift(k, found.constants)
            self._run(moment, self.course(), self._edges[k + 1], self._scores())
            moment = self._site.moment()

    def _ranges(self, k: int, scale: float) -> dict[str, Range]:
        ranges = {}
        for name, shift in self.shifts[k].items():
            step, fine = _STEPS[name.partition(".")[2]]
            allowed = self._loaded.site.setpoint[name]
            span = allowed.high - allowed.low
            ranges[name] = Range(-span, span, shift, max(scale * step, fine), fine)
        return ranges

    def _judged(self, k: int, shift: Mapping[str, float], moment: Moment, bearable: list[dict[str, float]]) -> Rank:
        """Returns the rank of a block and the one after it, with one block shifted."""
        end = min(k + 2, len(self.shifts))
        kept, self.shifts = self.shifts, _with(self.shifts, k, shift)
        scores = self._scores()
        self._run(moment, self.course(), self._edges[end], scores)
        self.shifts = kept
        here = {kind: amount - bearable[k].get(kind, 0.0) for kind, amount in bearable[end].items()}
        days = 0.5 * (self._edges[end] - self._edges[k]) / DAY_S  # every block is judged twice
        return rank_of(scores.result(), here, self._loaded.site, days)

    def _shift(self, k: int, shift: Mapping[str, float]) -> None:
        self.shifts = _with(self.shifts, k, shift)

    def course(self) -> Course:
        """Returns the setpoints of the day: the start's, shifted block by block, within what the site allows."""
        values = {}
        for name, base in self._base.values.items():
            allowed = self._loaded.site.setpoint[name]
            shifts = [self.shifts[self._block_of(minute)].get(name, 0.0) for minute in range(len(base))]
            values[name] = [min(max(v + s, allowed.low), allowed.high) if s else v for v, s in zip(base, shifts, strict=True)]
        return Course(self._start_s, values)

    def _block_of(self, minute: int) -> int:
        return min(int(minute * STEP_S / self._block_s), len(self.shifts) - 1)

    def _scores(self) -> Scores:
        return Scores(self._loaded.site, self._tariff)

    def _run(self, moment: Moment, course: Course, until_s: float, scores: Scores) -> None:
        self.runs += 1
        self._site.go_back(moment)
        self._site.bas.follow(course)
        scores.observe(self._site)
        self._on(until_s, scores)

    def _on(self, until_s: float, scores: Scores) -> None:
        while self._site.now_s < until_s:
            self._site.advance(min(self._site.now_s + STEP_S, until_s))
            scores.observe(self._site)


def _with(shifts: Shifts, k: int, shift: Mapping[str, float]) -> Shifts:
    return (*shifts[:k], dict(shift), *shifts[k + 1 :])


def _unheard(_share: float) -> None:
    """Hears nothing."""
