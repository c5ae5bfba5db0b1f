"""The liquid side of a site as ``site.toml`` states it: technology water of a hall, CDUs, facility loops, dry coolers, trim chillers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field

from plant_models.site.keys import Celsius, Name, Positive

_STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
TCS_MAX_C: Final[Mapping[str, float]] = {"S30": 30.0, "S40": 40.0, "S45": 45.0, "S50": 50.0}  # ASHRAE TC 9.9 2024, technology cooling system classes
FWS_MAX_C: Final[Mapping[str, float]] = {"W17": 17.0, "W27": 27.0, "W32": 32.0, "W40": 40.0, "W45": 45.0}  # ASHRAE TC 9.9 2021, facility water classes


@dataclass(frozen=True)
class LiquidCooling:
    """What of a hall's rack power goes to technology water, and what the racks' loop stands; its CDUs name the hall."""

    __pydantic_config__ = _STRICT
    fraction: Annotated[float, Field(ge=0.5, le=0.97)]  # of rack power at design
    flow_kgs: Positive  # of all racks at design
    volume_m3: Positive
    dp_kpa: Positive  # of a rack at design flow
    dp_min_kpa: Positive
    dp_max_kpa: Positive
    tcs_class: Literal["S30", "S40", "S45", "S50"] = "S40"
    glycol_share: Annotated[float, Field(ge=0, le=0.5)] = 0.25  # PG25
    flow_min_share: Annotated[float, Field(gt=0, lt=1)] = 0.35  # of design: below it a processor at full power is too hot

    @property
    def tcs_max_c(self) -> float:
        """Returns the warmest technology water that the racks take [degC]."""
        return TCS_MAX_C[self.tcs_class]


@dataclass(frozen=True)
class Cdu:
    """A coolant distribution unit; units of one hall work in parallel, those beyond the load are spare."""

    __pydantic_config__ = _STRICT
    name: Name
    hall: Name
    loop: Name
    heat_kw: Positive
    tcs_flow_kgs: Positive
    fws_flow_kgs: Positive
    power_kw: Positive  # of its pumps at design
    approach_k: Positive = 3.0  # technology water supply over facility water at design
    filter_dp_max_kpa: Positive = 50.0


@dataclass(frozen=True)
class FacilityLoop:
    """A facility water system between CDUs and what rejects their heat; its pumps are a group that ``serves`` ``fws``."""

    __pydantic_config__ = _STRICT
    name: Name
    flow_kgs: Positive  # at design
    volume_m3: Positive
    dp_kpa: Positive  # that the pumps hold at the remote sensor
    fws_class: Literal["W17", "W27", "W32", "W40", "W45"] = "W40"
    glycol_share: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    flow_min_share: Annotated[float, Field(gt=0, lt=1)] = 0.2

    @property
    def fws_max_c(self) -> float:
        """Returns the warmest facility water of the loop's class [degC]."""
        return FWS_MAX_C[self.fws_class]


@dataclass(frozen=True)
class DryCooler:
    """A dry cooler of a facility loop, as its data sheet states it at ``air_c``."""

    __pydantic_config__ = _STRICT
    name: Name
    loop: Name
    heat_kw: Positive
    water_flow_kgs: Positive
    fan_power_kw: Positive
    air_c: Celsius = 35.0
    leaving_c: Celsius = 40.55
    fan_min_pct: Annotated[float, Field(ge=0, le=100)] = 20.0
    pads: bool = False  # adiabatic pads before the coil
    pads_on_c: Celsius = 26.0  # dry bulb above which the BAS wets them


@dataclass(frozen=True)
class TrimChiller:
    """An air-cooled chiller behind the dry coolers of a loop whose class is colder than they reach in summer."""

    __pydantic_config__ = _STRICT
    name: Name
    loop: Name
    capacity_kw: Positive
