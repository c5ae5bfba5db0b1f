"""True parameters of the liquid side in ``plant.toml``; values without a source are engineering values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import ConfigDict, Field

from plant_models.site.keys import NonNegative, Positive

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Efficiency = Annotated[float, Field(gt=0.2, le=0.9)]
_STRICT = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class TcsTruth:
    """The technology water of one hall: plates, pipes, pumps and loops. Shares of volume are of the hall's ``volume_m3``, the rest is in the CDUs."""

    __pydantic_config__ = _STRICT
    supply_share: Share = 0.25
    rack_share: Share = 0.20
    return_share: Share = 0.25
    plate_w: Positive = 1000.0  # of a processor at full utilisation: B200 1000 W, next 1200-1400 W
    plate_flow_factor: Annotated[float, Field(gt=0.3, le=1.2)] = 0.92  # of the mean flow that the worst plate gets
    leakage_per_k: NonNegative = 0.0015  # of power, by case temperature
    leakage_at_c: Positive = 65.0  # case temperature at which the rating holds
    pipe_kpa: Positive = 60.0  # at the hall's design flow
    cdu_kpa: Positive = 110.0  # exchanger and filter of a unit at its design flow
    filter_kpa: Positive = 20.0  # of these, the clean filter
    pump_head_kpa: Positive | None = None  # of a unit at its design flow; None: what racks, pipes and unit lose at design, and a tenth
    pump_efficiency: Efficiency = 0.6  # compact pumps beside the racks
    pump_speed_min: Annotated[float, Field(ge=0.1, le=0.6)] = 0.25
    pump_s: Annotated[float, Field(ge=5, le=120)] = 30.0  # rise time, Modelica Buildings LiquidCooled.CDUs
    dp_gain_per_kpa: Positive = 0.001
    dp_reset_s: Annotated[float, Field(ge=2, le=600)] = 12.0
    valve_s: Annotated[float, Field(ge=10, le=300)] = 120.0  # stroke, Modelica Buildings LiquidCooled.CDUs
    valve_gain_per_k: Positive = 0.035
    valve_reset_s: Annotated[float, Field(ge=10, le=1200)] = 90.0
    valve_authority: Annotated[float, Field(gt=0.05, lt=1)] = 0.5
    fws_kpa: Positive = 120.0  # of a unit's facility side at design flow, valve open: OCP 103-186


@dataclass(frozen=True)
class CduTruth:
    """One CDU as it really is."""

    __pydantic_config__ = _STRICT
    clean_factor: Annotated[float, Field(gt=0.3, le=1.2)] = 1.0  # what fouling leaves of the exchanger's UA
    filter_factor: Annotated[float, Field(ge=1, le=20)] = 1.0  # a clogging filter's loss over the clean one's


@dataclass(frozen=True)
class LoopTruth:
    """One facility loop: pipes, pumps and the loops of its BAS. Shares of volume are of the loop's ``volume_m3``, the rest is its tank."""

    __pydantic_config__ = _STRICT
    header_share: Share = 0.06
    supply_share: Share = 0.22
    return_share: Share = 0.22
    pipe_kpa: Positive = 70.0  # at design flow, between plant and CDUs
    cooler_kpa: Positive = 60.0
    pump_head_kpa: Positive = 300.0
    pump_efficiency: Efficiency = 0.75
    pump_speed_min: Annotated[float, Field(ge=0.1, le=0.6)] = 0.25
    dp_gain_per_kpa: Positive = 0.0012
    dp_reset_s: Annotated[float, Field(ge=5, le=600)] = 15.0
    fan_gain_per_k: Positive = 0.06
    fan_reset_s: Annotated[float, Field(ge=20, le=1200)] = 200.0
    recirculation_k: Annotated[float, Field(ge=0, le=3)] = 0.5  # hot air that wind brings back to the coolers, 0-3 K
    pad_cycles: Annotated[float, Field(gt=1, le=20)] = 3.0  # of concentration of the pads' water


@dataclass(frozen=True)
class CoolerTruth:
    """One dry cooler as it really is."""

    __pydantic_config__ = _STRICT
    clean_factor: Annotated[float, Field(gt=0.3, le=1.2)] = 0.95
    water_s: Annotated[float, Field(ge=5, le=200)] = 25.0  # volume over design flow
    pad_effectiveness: Annotated[float, Field(ge=0.5, le=0.95)] = 0.8  # 0.7-0.9


@dataclass(frozen=True)
class TrimTruth:
    """One trim chiller as it really is."""

    __pydantic_config__ = _STRICT
    age: Annotated[float, Field(ge=0.8, le=1.5)] = 1.08  # power over that of the clean machine
    tracking_s: Annotated[float, Field(ge=30, le=600)] = 90.0
    ramp_share_per_min: Annotated[float, Field(gt=0, le=1)] = 0.2
