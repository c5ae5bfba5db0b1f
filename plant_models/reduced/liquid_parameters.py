"""The reduced model's parameters of the liquid side: one frozen value for each hall's technology water and each facility loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import ConfigDict, Field

_STRICT = ConfigDict(extra="forbid", frozen=True, strict=True)
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Bias = Annotated[float, Field(ge=-5, le=5, allow_inf_nan=False)]
_Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


@dataclass(frozen=True)
class TcsParameters:
    """The technology water of one hall: racks with cold plates, CDUs with their pumps and valves."""

    __pydantic_config__ = _STRICT
    tcs_tau_s: _Positive
    tcs_over_setpoint_k: _Bias
    """Where the units' own control settles: reading less setpoint."""
    rise_k: _Positive
    """Of technology water at design heat and flow."""
    dp_kpa: _Positive
    """Rack pressure at design flow."""
    pump_standing_kw: _NonNegative
    """What does not depend on flow."""
    pump_cubic_kw: _NonNegative
    """At design flow, with the cube of flow."""
    case_rise_k: _NonNegative
    """Processor case over technology water at design heat and flow."""
    case_flow_share: _Share
    """Of that, what goes inversely with flow."""
    leakage_per_k: _NonNegative
    """Relative rise of the racks' power with case temperature."""
    leakage_at_c: Annotated[float, Field(allow_inf_nan=False)]
    """Case temperature at which the racks' power is the base."""
    unit_kw_per_k: _Positive
    """Conductance of the units at work together, at design flow of technology water and 100 kg/s of facility water."""
    unit_tcs_exponent: Annotated[float, Field(ge=-1, le=2)]
    """How that grows with technology water."""
    unit_water_exponent: Annotated[float, Field(ge=0, le=1)]
    """How it grows with the least facility water that could take the heat."""
    unit_open_flow_kgs: _Positive
    """Facility water with all valves open."""


@dataclass(frozen=True)
class LoopParameters:
    """One facility loop: pumps, dry coolers together, trim chillers together."""

    __pydantic_config__ = _STRICT
    fws_tau_s: _Positive
    fws_over_setpoint_k: _Bias
    """Where the fans' own control settles: reading less setpoint."""
    return_bias_k: _Bias
    """Reading of the return water less what the heat balance asks for, the supply sensor taken as right."""
    flow_least_kgs: _NonNegative
    """What the bypass keeps up."""
    pump_standing_kw: _NonNegative
    pump_linear_kw: _NonNegative
    """Per kg/s."""
    pump_cubic_kw: _NonNegative
    """Per (100 kg/s)^3."""
    cooler_flow_kgs: _Positive
    """Water of one dry cooler at design."""
    cooler_air_k_per_kw: _Positive
    """Resistance of one cooler's air at full fan speed, between entering water and entering air: film, and what the air warms by."""
    cooler_air_exponent: _Positive
    """How its inverse grows with fan speed."""
    cooler_water_k_per_kw: _Positive
    """The same of its water, at design flow."""
    cooler_water_exponent: _Positive
    """How its inverse grows with water."""
    air_over_k: Annotated[float, Field(ge=0, le=5)]
    """What wind brings back of the coolers' own warm air, over the outside air's sensor."""
    fan_kw: _NonNegative
    """Of one cooler at full speed."""
    cooler_up_share: Annotated[float, Field(gt=0, le=1)]
    """Fan speed at which the BAS gives water to another cooler."""
    pads_cool_share: _Share
    """Of the wet-bulb depression that wet pads take from the air."""
    trim_capacity_kw: _NonNegative
    """Of all trim chillers."""
    trim_kw_per_kw: _NonNegative
    """Their electric power over heat."""
