"""``python -m controller.benchmarks.forecast``: skill and coverage of the forecasts on weather and load traces, as JSON."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from controller.forecast.skill import Service, Skill, skill_of
from plant_models.sources.load import GeneratedLoad, open_load
from plant_models.sources.weather import open_weather

_HOUR_S: Final = 3600.0
_WEEK_H: Final = 168
_LEARNING_H: Final = 14 * 24
_AHEAD_H: Final = 24
_WETBULB_SPREAD_K: Final = 1.0
_LOAD_SPREAD: Final = 0.05
_SERVICE_BIAS_K: Final = 1.0  # engineering values of a service some kilometres away: it is off by this, and by a walk that is _SERVICE_SD_K after a day
_SERVICE_SD_K: Final = 1.5


def main(arguments: list[str] | None = None) -> int:
    """Judges the traces asked for and prints one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m controller.benchmarks.forecast", description=__doc__)
    parser.add_argument("--weather", action="append", metavar="NAME|FILE", help="wet bulb of a weather file or bundled place (default: greensboro, miami)")
    parser.add_argument("--load", action="append", type=Path, metavar="FILE", help="IT load of a CSV file (default: the generated load)")
    parser.add_argument("--hours", type=int, default=8760, help="how much of each weather year is used (default: all)")
    parser.add_argument("--load-weeks", type=int, default=4, help="how much of each load trace is used; recorded ones repeat themselves (default 4)")
    given = parser.parse_args(arguments)
    found: dict[str, Any] = {}
    for name in given.weather or ("greensboro", "miami"):
        weather = open_weather(name)
        wetbulb_c = weather.wetbulb_c[: given.hours]
        found[f"oa_wetbulb_c: {weather.name}"] = _said(skill_of(wetbulb_c, _WETBULB_SPREAD_K, _LEARNING_H))
        served = skill_of(wetbulb_c, _WETBULB_SPREAD_K, _LEARNING_H, _service(wetbulb_c))
        found[f"oa_wetbulb_c: {weather.name}, with a weather service"] = _said(served)
    for name, hourly in _loads(given.load, given.load_weeks * _WEEK_H):
        found[f"utilisation: {name}"] = _said(skill_of(hourly, _LOAD_SPREAD, min(_LEARNING_H, len(hourly) // 2)))
    print(json.dumps(found, indent=1))
    return 0


def _service(hourly: Sequence[float]) -> Service:
    """Returns a service that knows the future but for a constant bias and a walk that grows with the horizon; each hour draws its own."""

    def says(hour: int) -> Sequence[float]:
        steps = np.random.default_rng((0, hour)).standard_normal(_AHEAD_H) * _SERVICE_SD_K / math.sqrt(_AHEAD_H)
        truth = np.array(hourly[hour : hour + _AHEAD_H + 1])
        noise = np.concatenate([[0.0], np.cumsum(steps)])[: truth.size]
        return [float(v) for v in truth + _SERVICE_BIAS_K + noise]

    return says


def _loads(paths: Sequence[Path] | None, hours: int) -> list[tuple[str, list[float]]]:
    if not paths:
        load = GeneratedLoad(1, seed=0)
        return [("generated, seed 0", [load.at(i * _HOUR_S)[0] for i in range(hours)])]
    traces = [(path.name, open_load(path, [("hall", 1.0)])) for path in paths]
    return [(name, [trace.at(i * _HOUR_S)[0] for i in range(hours)]) for name, trace in traces]


def _said(skills: Sequence[Skill]) -> dict[str, Any]:
    return {
        f"{s.hours}_h": {
            "rmse": round(s.rmse, 4),
            "persistence_rmse": round(s.persistence_rmse, 4),
            "rmse_lower_pct": round(100.0 * (1.0 - s.rmse / s.persistence_rmse), 1) if s.persistence_rmse else math.nan,
            "coverage_of_80": round(s.coverage, 3),
            "judged": s.judged,
        }
        for s in skills
    }


if __name__ == "__main__":
    raise SystemExit(main())
