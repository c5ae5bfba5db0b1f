"""Puts a plan into one sentence: what moves most, and what holds it."""

from __future__ import annotations

from collections.abc import Mapping

from controller.optimise.problem import Problem

_NOTABLE = {
    "chws_setpoint_c": 0.1,
    "chw_dp_setpoint_kpa": 2.0,
    "cws_setpoint_c": 0.2,
    "crah_supply_setpoint_c": 0.1,
    "crah_fan_setpoint_pct": 1.0,
    "tcs_setpoint_c": 0.1,
    "tcs_dp_setpoint_kpa": 2.0,
    "fws_setpoint_c": 0.2,
    "speed_setpoint_pct": 2.0,
}
_TOUCHES = 1e-3  # of a setpoint's notable move: closer than this a bound holds it
_WEIGHS_KW = 0.5  # a soft limit with a smaller multiplier than this holds nothing [kW/K]


def binding_limits(ahead: Mapping[str, tuple[float, ...]], problem: Problem, soft: Mapping[str, float]) -> dict[str, float]:
    """Returns what holds the plan: soft limits with their multipliers [kW/K], and 1.0 for each setpoint whose first step lies on a bound."""
    binding = {name: multiplier for name, multiplier in soft.items() if multiplier > _WEIGHS_KW}
    for setpoint, values in ahead.items():
        near = _TOUCHES * _NOTABLE[setpoint.partition(".")[2]]
        low, high = problem.lower[setpoint][0], problem.upper[setpoint][0]
        if high - low > near and values[0] - low < near:
            binding[f"{setpoint}.low"] = 1.0
        elif high - low > near and high - values[0] < near:
            binding[f"{setpoint}.high"] = 1.0
    return binding


def say(setpoints: Mapping[str, float], in_force: Mapping[str, float], binding: Mapping[str, float], predicted: Mapping[str, float]) -> str:
    """Returns one sentence on a plan."""
    moves = sorted(((abs(v - in_force[s]) / _NOTABLE[s.partition(".")[2]], s) for s, v in setpoints.items()), reverse=True)
    notable = [f"{s} {in_force[s]:.1f} -> {setpoints[s]:.1f}" for size, s in moves if size >= 1.0][:2]
    what = f"moves {', '.join(notable)}" if notable else "moves nothing by more than its deadband"
    soft = sorted(((m, name) for name, m in binding.items() if not name.endswith((".low", ".high"))), reverse=True)
    edges = [name for name in binding if name.endswith((".low", ".high"))]
    holds = [f"{name} ({m:.0f} kW/K)" for m, name in soft[:2]] or edges[:2]
    held = f"held by {', '.join(holds)}" if holds else "no limit holds it"
    return f"{what}; {held}; the site draws {predicted['site.facility_kw']:.0f} kW one step on"
