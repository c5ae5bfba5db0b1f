"""A calm site for the safety tests: one plant with a chiller and a tower cell, one hall with three rows; every number written by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest

from safety.envelope import judge
from safety.limits import ChillerLimits, HallLimits, Limits, PlantLimits, SetpointLimits
from safety.records import InletTrend, Situation

CHWS, DP, CWS = "plant.chws_setpoint_c", "plant.chw_dp_setpoint_kpa", "plant.cws_setpoint_c"
AIR, FAN = "hall-a.crah_supply_setpoint_c", "hall-a.crah_fan_setpoint_pct"
TCS = "cdu-1.tcs_setpoint_c"

LIMITS = Limits(
    setpoints={
        CWS: SetpointLimits(15.0, 30.0, 0.5, 0.5),
        CHWS: SetpointLimits(6.0, 18.0, 0.1, 0.25),
        DP: SetpointLimits(40.0, 150.0, 15.0, 7.5),
        AIR: SetpointLimits(16.0, 26.0, 0.2, 0.33),
        FAN: SetpointLimits(30.0, 100.0, None, 5.0),
        TCS: SetpointLimits(18.0, 40.0, 1.0, 1.0),
    },
    chillers=(ChillerLimits("ch-1", "plant", lift_min_k=8.0, lift_max_k=25.0, evaporator_flow_min_kgs=20.0),),
    halls=(HallLimits("hall-a", "plant", ("hall-a-r01", "hall-a-r02", "hall-a-r03")),),
    plants=(PlantLimits("plant", ("ct-1",)),),
)

CALM: Mapping[str, float] = {
    "hall-a.rack_inlet_max_c": 24.0,
    "hall-a-r01.rack_inlet_c": 23.0,
    "hall-a-r02.rack_inlet_c": 24.0,
    "hall-a-r03.rack_inlet_c": 23.5,
    "hall-a.room_dewpoint_c": 10.0,
    "hall-a.room_rh_pct": 45.0,
    "ch-1.machine_state": 2.0,
    "ch-1.chws_temp_c": 12.0,
    "ch-1.cwr_temp_c": 29.0,
    "ch-1.evaporator_flow_kgs": 30.0,
    "plant.chws_temp_c": 12.0,
    "plant.cws_temp_c": 25.0,
    "ct-1.basin_temp_c": 25.0,
    "weather.oa_wetbulb_c": 18.0,
}

IN_FORCE: Mapping[str, float] = {CWS: 25.0, CHWS: 12.0, DP: 90.0, AIR: 21.0, FAN: 60.0, TCS: 30.0}

STEADY = InletTrend(hot_for_s=0.0, rate_k_per_h=0.0, rise_k=0.0, fall_k=0.0)


@dataclass(frozen=True)
class Calm:
    """The calm site and its situation, to be changed by a test."""

    limits: Limits = LIMITS
    measured: Mapping[str, float] = None  # type: ignore[assignment]
    in_force: Mapping[str, float] = None  # type: ignore[assignment]

    def situation(self, measured: Mapping[str, float | None] | None = None, in_force: Mapping[str, float | None] | None = None, **changes: object) -> Situation:
        """Returns the calm situation with some values changed; None takes a value away."""
        seen = {**CALM, **(measured or {})}
        held = {**IN_FORCE, **(in_force or {})}
        calm = Situation(
            at_s=0.0,
            elapsed_s=300.0,
            measured={name: value for name, value in seen.items() if value is not None},
            in_force={name: value for name, value in held.items() if value is not None},
            writable=frozenset(IN_FORCE),
            inlets={"hall-a": STEADY},
        )
        return replace(calm, **changes)  # type: ignore[arg-type]  # the fields of Situation

    def hall(self, **changes: object) -> Limits:
        """Returns the limits with the hall's changed."""
        return replace(self.limits, halls=(replace(self.limits.halls[0], **changes),))  # type: ignore[arg-type]  # the fields of HallLimits


@pytest.fixture(scope="session")
def calm() -> Calm:
    """The calm site."""
    return Calm(measured=CALM, in_force=IN_FORCE)


@pytest.fixture
def decide(calm):
    def decide(asked, measured=None, in_force=None, limits=None, **changes):
        verdict = judge(asked, calm.situation(measured, in_force, **changes), limits or calm.limits)
        return dict(verdict.permitted), {i.signal: i.rule for i in verdict.interventions}

    return decide
