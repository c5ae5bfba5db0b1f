"""Proposals and situations by chance: mostly near the limits, often with something missing, sometimes with what is no number at all."""

from __future__ import annotations

import math
from random import Random
from typing import Any, Final

from safety.records import InletTrend, Run, Situation
from tests.fuzz.site import ALLOWED, CHILLERS, ROWS, SIGNALS

STRANGE: Final[tuple[Any, ...]] = (math.nan, math.inf, -math.inf, 1e308, -1e308, 5e-324, 10**400, -(10**400), True, False, None, "12", "", [], {}, 1j, -0.0, 0)
UNKNOWN_NAMES: Final = (
    "plant.chws_temp_c",
    "nobody.chws_setpoint_c",
    "plant.chws_setpoint_c.request",
    "nonsense",
    "",
    ".",
    "a.b.c.d",
    "hall-a.crah_fan_setpoint_pct ",
)
AROUND: Final = {
    "rack_inlet_max_c": (20.0, 36.0),
    "rack_inlet_c": (20.0, 36.0),
    "room_dewpoint_c": (2.0, 24.0),
    "room_rh_pct": (10.0, 80.0),
    "chws_temp_c": (3.0, 20.0),
    "cwr_temp_c": (12.0, 42.0),
    "cws_temp_c": (4.0, 32.0),
    "evaporator_flow_kgs": (0.0, 60.0),
    "basin_temp_c": (2.0, 30.0),
    "oa_wetbulb_c": (-10.0, 28.0),
    "tcs_supply_temp_c": (20.0, 36.0),
    "it_power_cap_kw": (0.0, 2500.0),
    "it_load_kw": (0.0, 1500.0),
    "filter_dp_kpa": (10.0, 70.0),
}
"""Where measurements lie, by quantity."""

CALM: Final = {"rack_inlet_max_c": 24.0, "rack_inlet_c": 23.0, "room_dewpoint_c": 9.0, "room_rh_pct": 45.0}
AT_REST: Final = (0.0, 4.0, 5.0)
EDGES: Final = (27.0, 32.0, 35.0, 15.0, 60.0, 7.0, 5.0, 21.0)
"""Numbers on which a rule turns."""


def proposal(rng: Random, situation: Situation) -> dict[str, Any]:
    """Returns what somebody might ask for: any names with any values."""
    asked: dict[str, Any] = {}
    for name in rng.sample(tuple(ALLOWED), rng.randint(0, len(ALLOWED))):
        held = situation.in_force.get(name, 20.0)
        near = held + rng.gauss(0.0, 1.0) if isinstance(held, float) and abs(held) < 1e6 else 20.0
        asked[name] = rng.choice((near, near, rng.uniform(-50.0, 250.0), ALLOWED[name].low, ALLOWED[name].high, rng.choice(STRANGE)))
    if rng.random() < 0.1:
        asked[rng.choice(UNKNOWN_NAMES)] = rng.choice((20.0, rng.choice(STRANGE)))
    return asked


def situation(rng: Random) -> Situation:
    """Returns a plant in some state: calm halls in one of three, machines at rest in as many, edges and gaps throughout."""
    calm, at_rest = rng.random() < 0.3, rng.random() < 0.3
    return Situation(
        at_s=rng.choice((0.0, 1.7e9, math.nan)),
        elapsed_s=rng.choice((300.0, 300.0, 60.0, 5.0, 0.0, 900.0, 1e9, -300.0, rng.choice(STRANGE))),
        measured={signal: value for signal in SIGNALS if (value := _measured(rng, signal, calm, at_rest)) is not None},
        in_force={name: value for name in ALLOWED if (value := _held(rng, name)) is not None},
        writable=frozenset(ALLOWED) if rng.random() < 0.3 else frozenset(rng.sample((*ALLOWED, *UNKNOWN_NAMES), rng.randint(0, 8))),
        inlets={hall: _trend(rng, calm) for hall in ROWS if rng.random() < 0.95},
        frozen=frozenset(rng.sample(tuple(ALLOWED), 3)) if rng.random() < 0.1 else frozenset(),
        confidence=rng.choice((0.0, 0.5, rng.choice(STRANGE))) if rng.random() < 0.1 else 1.0,
        runs={chiller: _run(rng) for chiller in CHILLERS if rng.random() < 0.9},
    )


def _measured(rng: Random, signal: str, calm: bool, at_rest: bool) -> Any:
    quantity = signal.partition(".")[2]
    dice = rng.random()
    if dice < 0.02:
        return rng.choice(STRANGE)
    if dice < 0.05:
        return None
    if quantity == "leak_state":
        return rng.choice((0.0, 0.0, 0.0, 0.0, 1.0))
    if quantity == "machine_state":
        return rng.choice(AT_REST if at_rest else (0.0, 1.0, 2.0, 2.0, 2.0, 3.0, 4.0, 5.0, 9.0))
    if calm and quantity in CALM:
        return CALM[quantity] + rng.uniform(-1.0, 1.0)
    if dice < 0.1:
        return rng.choice(EDGES) + rng.choice((-1e-9, 0.0, 1e-9))
    return rng.uniform(*AROUND[quantity])


def _run(rng: Random) -> Run:
    """Returns what a machine did: times are before 0 and before 1.7e9 alike."""
    return Run(rng.random() < 0.5, rng.choice((None, -100.0, -1000.0, 1.7e9 - 100.0, math.nan)), (-1100.0, -3000.0)[: rng.randint(0, 2)])


def _held(rng: Random, name: str) -> Any:
    low, high = ALLOWED[name].low, ALLOWED[name].high
    dice = rng.random()
    if dice < 0.05:
        return rng.choice((None, rng.choice(STRANGE)))
    if dice < 0.15:
        return rng.uniform(low - 5.0, high + 5.0)
    if ALLOWED[name].whole:
        return float(rng.randint(int(low), int(high)))
    return rng.choice((low, high)) if dice < 0.2 else rng.uniform(low, high)


def _trend(rng: Random, calm: bool) -> InletTrend:
    if calm:
        return InletTrend(0.0, rng.uniform(-4.0, 4.0), rng.uniform(0.0, 1.0), rng.uniform(0.0, 1.0))
    rate = rng.choice((None, math.nan, math.inf, 0.0, 20.0, -20.0, 5.0, rng.uniform(-40.0, 40.0), rng.uniform(-4.0, 4.0)))
    moved = (0.0, 0.0, 5.0, math.nan, rng.uniform(0.0, 8.0))
    return InletTrend(rng.choice((0.0, 299.0, 300.0, math.nan, rng.uniform(0.0, 900.0))), rate, rng.choice(moved), rng.choice(moved))
