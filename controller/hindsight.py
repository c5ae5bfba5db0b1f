"""The best constant setpoints in hindsight, found by a pattern search on the true simulator: policy ``static``, which a dynamic controller must beat.

The BAS runs the site by itself on each candidate. Condenser water keeps a constant distance over
wet bulb, within the BAS's own range. One compiled site after the other is quicker here than a batch, which pays off for hundreds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from plant_models.scores import Scores
from plant_models.simulator.bas import Manner
from plant_models.simulator.conditions import Conditions, simulate
from plant_models.site.load import LoadedSite
from plant_models.site.topology import Site
from safety.plant_rules import STAGE

OVER_WETBULB: Final = "over_wetbulb_k"
LOOK_S: Final = 60.0  # between two looks at the truth: the final run looks every few seconds
_DEGREE_MINUTES: Final = "inlet_degree_minutes_above_recommended"
_FREE_PER_RACK_DAY: Final = 0.01  # K min of inlet above recommended that count as none
_EVENTS: Final = ("inlet_rate_events", "starts_over_limit")


Rank = tuple[float, float]
"""What a candidate violates beyond what is bearable, then what it uses: the smaller the better."""


@dataclass(frozen=True, slots=True)
class Range:
    """What one constant may be, where the search starts, and its first step; ``fine`` is the last step."""

    low: float
    high: float
    start: float
    step: float
    fine: float


@dataclass(frozen=True, slots=True)
class Found:
    """The constants found, what they use [kWh of the facility] and how many candidates were run."""

    constants: Mapping[str, float]
    facility_kwh: float
    violation: float
    runs: int

    @property
    def manner(self) -> Manner:
        """Returns how the BAS runs the site on these constants."""
        return manner_of(self.constants)


# Where the search starts, its first and its last step, by quantity: a warm plant of today (physics reference, static warm setpoints)
STARTS: Final[Mapping[str, tuple[float, float, float]]] = {
    "chws_setpoint_c": (15.0, 2.0, 0.5),
    "chw_dp_setpoint_kpa": (100.0, 30.0, 7.5),
    "cws_setpoint_c": (4.0, 1.5, 0.4),
    "crah_supply_setpoint_c": (23.5, 1.0, 0.25),
    "crah_fan_setpoint_pct": (75.0, 8.0, 2.0),
    "speed_setpoint_pct": (85.0, 10.0, 2.5),
    "tcs_setpoint_c": (36.0, 4.0, 1.0),
    "tcs_dp_setpoint_kpa": (120.0, 40.0, 10.0),
    "fws_setpoint_c": (32.0, 4.0, 1.0),
}


def manner_of(constants: Mapping[str, float]) -> Manner:
    """Returns the manner that constants mean, condenser water over wet bulb under ``OVER_WETBULB``."""
    own = {name: value for name, value in constants.items() if name != OVER_WETBULB}
    return Manner(own, over_wetbulb_k=constants.get(OVER_WETBULB, Manner().over_wetbulb_k))


def ranges_of(loaded: LoadedSite) -> dict[str, Range]:
    """Returns what is searched: each setpoint that the site offers, within its own range; condenser water as one distance over wet bulb."""
    ranges: dict[str, Range] = {}
    for name, allowed in loaded.site.setpoint.items():
        if name.endswith(f".{STAGE}"):  # the BAS stages by itself
            continue
        start, step, fine = STARTS[name.partition(".")[2]]
        if name.endswith(".cws_setpoint_c"):
            ranges[OVER_WETBULB] = Range(2.0, 10.0, start, step, fine)
        else:
            ranges[name] = Range(allowed.low, allowed.high, min(max(start, allowed.low), allowed.high), step, fine)
    return ranges


def best_constants(loaded: LoadedSite, conditions: Conditions, told: Callable[[float], None] = lambda _share: None) -> Found:
    """Returns the constants that use the least facility energy without more violations than policy ``fixed`` has; ``told`` hears the share done.

    Raises SourceError, SiteErrors or ValueError as ``simulate`` does.
    """
    bearable = _run(loaded, conditions, Manner())["violations"]

    def rank(constants: Mapping[str, float]) -> Rank:
        return rank_of(_run(loaded, conditions, manner_of(constants)), bearable, loaded.site)

    return search(ranges_of(loaded), rank, told)


def search(ranges: Mapping[str, Range], rank: Callable[[Mapping[str, float]], Rank], told: Callable[[float], None], rounds: int = 24) -> Found:
    """Returns the constants of the lowest rank that a pattern search finds.

    Each round tries one step up and down of every constant and then all steps that helped at once; without a gain steps are halved, until all are
    fine. No constants are ranked twice.
    """
    steps = {name: r.step for name, r in ranges.items()}
    centre = {name: r.start for name, r in ranges.items()}
    known: dict[tuple[tuple[str, float], ...], Rank] = {}

    def ranked(constants: Mapping[str, float]) -> Rank:
        key = tuple(sorted(constants.items()))
        if key not in known:
            known[key] = rank(constants)
        return known[key]

    for turn in range(rounds):
        told(turn / rounds)
        better = sorted((c for c in _around(centre, ranges, steps) if ranked(c) < ranked(centre)), key=ranked)
        best = min([centre, *better, _together(centre, better)], key=ranked)
        if best == centre:
            if all(steps[name] <= r.fine for name, r in ranges.items()):
                break
            steps = {name: max(0.5 * step, ranges[name].fine) for name, step in steps.items()}
        centre = best
    violation, facility_kwh = ranked(centre)
    told(1.0)
    return Found(centre, facility_kwh, violation, len(known))


def _around(centre: Mapping[str, float], ranges: Mapping[str, Range], steps: Mapping[str, float]) -> list[dict[str, float]]:
    """Returns one step up and down of each constant, within its range."""
    found = []
    for name, r in ranges.items():
        for step in (-steps[name], steps[name]):
            value = min(max(centre[name] + step, r.low), r.high)
            if value != centre[name]:
                found.append({**centre, name: value})
    return found


def _together(centre: Mapping[str, float], better: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Returns all steps that helped taken at once; of two directions of one constant the better, which stands first."""
    moved = {name: value for each in reversed(better) for name, value in each.items() if value != centre[name]}
    return {**centre, **moved}


def rank_of(result: Mapping[str, Any], bearable: Mapping[str, float], site: Site, days: float = 1.0) -> Rank:
    """Returns what a candidate violates beyond what is bearable, then its facility energy [kWh]: the smaller the better.

    ``bearable`` is by kind of violation, nothing where it is silent; ``days`` is how long the run counted.
    """
    racks = sum(h.row_count * h.racks_per_row for h in site.hall)
    free = {_DEGREE_MINUTES: _FREE_PER_RACK_DAY * racks * days, "inlet_above_recommended_rack_minutes": float("inf")}
    beyond = 0.0
    for kind, amount in result["violations"].items():
        most = max(bearable.get(kind, 0.0), free.get(kind, 0.0))
        beyond += max(amount - most, 0.0) * (10.0 if kind in _EVENTS else 1.0)
    return beyond, result["energy_kwh"]["facility_total"]


def _run(loaded: LoadedSite, conditions: Conditions, manner: Manner) -> dict[str, Any]:
    """Returns the scores of the site under its own BAS in this manner."""
    prepared = simulate(loaded, conditions, manner=manner)
    site, scores = prepared.site, Scores(loaded.site, prepared.tariff)
    scores.observe(site)
    while site.now_s < prepared.until_s:
        site.advance(min(site.now_s + LOOK_S, prepared.until_s))
        scores.observe(site)
    return scores.result()
