"""What must never be exceeded, as tables with their sources; a site narrows these numbers and never widens them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Final


class Direction(IntEnum):
    """Which way a setpoint moves; the value is the sign of the move."""

    LOWER = -1
    HIGHER = 1


MORE_COOLING: Final[Mapping[str, Direction]] = {
    "chws_setpoint_c": Direction.LOWER,
    "chw_dp_setpoint_kpa": Direction.HIGHER,
    "cws_setpoint_c": Direction.LOWER,
    "crah_supply_setpoint_c": Direction.LOWER,
    "crah_fan_setpoint_pct": Direction.HIGHER,
    "tcs_setpoint_c": Direction.LOWER,
    "tcs_dp_setpoint_kpa": Direction.HIGHER,
    "fws_setpoint_c": Direction.LOWER,
    "fan_setpoint_pct": Direction.HIGHER,
    "speed_setpoint_pct": Direction.HIGHER,
    "running_setpoint_count": Direction.HIGHER,
}
"""The direction of each setpoint quantity that means more cooling; the dew points of humidifiers and dehumidifiers have none."""


@dataclass(frozen=True, slots=True)
class SetpointLimits:
    """How far and how fast one setpoint may move, in its own unit and that unit per minute.

    ``low`` is the floor while the machine is on; ``off_allowed`` permits 0 as well and nothing in between. A rate of None means at once.
    Speeds strictly inside one of ``bands`` are locked out: there a fan or pump resonates. ``whole`` is for machines that are counted.
    Raises ValueError where low, high, a rate or a band cannot be a limit.
    """

    low: float
    high: float
    raise_per_min: float | None
    lower_per_min: float | None
    off_allowed: bool = False
    bands: tuple[tuple[float, float], ...] = ()
    whole: bool = False

    def __post_init__(self) -> None:
        """Refuses limits that would not limit."""
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low <= self.high):
            raise ValueError(f"range {self.low} .. {self.high}: both must be finite and low <= high")
        for rate in (self.raise_per_min, self.lower_per_min):
            if rate is not None and not (math.isfinite(rate) and rate > 0.0):
                raise ValueError(f"rate {rate}: must be finite and > 0")
        if self.off_allowed and self.low <= 0.0:
            raise ValueError(f"low {self.low}: must be > 0 where 0 means off")
        for lowest, highest in self.bands:
            if not self.low <= lowest < highest <= self.high:
                raise ValueError(f"band {lowest} .. {highest}: must rise and lie within {self.low} .. {self.high}")


SETPOINT_DEFAULTS: Final[Mapping[str, SetpointLimits]] = {
    "chws_setpoint_c": SetpointLimits(
        low=5.0,  # lowest leaving water of catalogue chillers without glycol (EnergyPlus Chillers.idf)
        high=20.0,  # warmest leaving water that makers offer for high-temperature duty; each machine's own maximum narrows it
        raise_per_min=0.1,  # engineering value: 6 K/h, a third of the inlet's 20 K/h
        lower_per_min=0.25,  # engineering value: 1 K is 556 kW at 133 kg/s
    ),
    "chw_dp_setpoint_kpa": SetpointLimits(
        low=34.5,  # ASHRAE Guideline 36-2021 5.20.5.2, 5 psi
        high=300.0,  # engineering value: shut-off head of the usual pumps
        raise_per_min=15.0,  # flow change of at most 10 %/min (chiller makers): 20 % of dp, at 75 kPa
        lower_per_min=7.5,  # half of that: evaporator flow falls with it
    ),
    "cws_setpoint_c": SetpointLimits(
        low=12.8,  # lowest entering condenser water with head-pressure control, 55 F (chiller makers)
        high=35.0,  # ASHRAE design condenser water
        raise_per_min=0.56,  # ASHRAE Guideline 36-2021 5.20.12.2.a: 5.6 K in a ramp of 10 min
        lower_per_min=0.56,  # ASHRAE Guideline 36-2021 5.20.12.2.a
    ),
    "crah_supply_setpoint_c": SetpointLimits(
        low=15.0,  # ASHRAE TC 9.9 2021, A1 allowable, lower end
        high=27.0,  # ASHRAE TC 9.9 2021, recommended, upper end
        raise_per_min=0.2,  # engineering value: 12 K/h, below the inlet's 20 K/h
        lower_per_min=0.33,  # ASHRAE TC 9.9 2021: 20 K/h
    ),
    "crah_fan_setpoint_pct": SetpointLimits(
        low=30.0,  # usual minimum of EC fans in CRAH units
        high=100.0,
        raise_per_min=None,  # air may rise at once
        lower_per_min=5.0,  # engineering value: a quarter of the fans' range in a cycle of 5 min
    ),
    "tcs_setpoint_c": SetpointLimits(
        low=15.0,  # engineering value: below it no hall is dry enough
        high=50.0,  # ASHRAE TC 9.9 2024, class S50; the loop's own class narrows it
        raise_per_min=1.0,  # OCP liquid cooling guidance: 1 K/min
        lower_per_min=1.0,  # OCP liquid cooling guidance: 1 K/min
    ),
    "tcs_dp_setpoint_kpa": SetpointLimits(
        low=30.0,  # engineering value: a quarter of design flow where racks lose 300 kPa
        high=620.0,  # Open Compute Project, CDU white paper 2026: most external head
        raise_per_min=60.0,  # engineering value: within a CDU pump's 30 s over its range
        lower_per_min=20.0,  # engineering value: a third of that, processors answer in seconds
    ),
    "fws_setpoint_c": SetpointLimits(
        low=10.0,  # engineering value: below W17 a chilled-water plant serves
        high=50.0,  # ASHRAE TC 9.9 2024, class W+ of today's loops; the loop's own class narrows it
        raise_per_min=1.0,  # as the technology water behind it
        lower_per_min=1.0,  # as the technology water behind it
    ),
    "fan_setpoint_pct": SetpointLimits(
        low=25.0,  # tower makers: oil-lubricated gears; a belt stands 6 Hz
        high=100.0,
        raise_per_min=20.0,  # engineering value: a tower fan's drive ramps in minutes
        lower_per_min=20.0,  # engineering value
        off_allowed=True,
    ),
    "speed_setpoint_pct": SetpointLimits(
        low=30.0,  # engineering value: below it a pump gives no head against the loop
        high=100.0,
        raise_per_min=10.0,  # chiller makers: flow changes of at most 10 %/min
        lower_per_min=10.0,  # chiller makers: flow changes of at most 10 %/min
    ),
    "running_setpoint_count": SetpointLimits(
        low=0.0,
        high=32.0,  # as many machines as a group may have
        raise_per_min=None,  # one at a time, and when a machine may start: rule "starts"
        lower_per_min=None,
        whole=True,
    ),
    "humidify_setpoint_c": SetpointLimits(
        low=-9.0,  # ASHRAE TC 9.9 2021, recommended dew point, lower end
        high=15.0,  # ASHRAE TC 9.9 2021, recommended dew point, upper end
        raise_per_min=0.1,  # engineering value: 6 K/h
        lower_per_min=0.1,  # engineering value
    ),
    "dehumidify_setpoint_c": SetpointLimits(
        low=-9.0,  # ASHRAE TC 9.9 2021, recommended dew point, lower end
        high=15.0,  # ASHRAE TC 9.9 2021, recommended dew point, upper end
        raise_per_min=0.1,  # engineering value: 6 K/h
        lower_per_min=0.1,  # engineering value
    ),
}
"""Absolute limits of each setpoint quantity."""

INLET_ALLOWABLE_C: Final[Mapping[str, float]] = {
    "A1": 32.0,  # ASHRAE TC 9.9 2021
    "A2": 35.0,  # ASHRAE TC 9.9 2021
    "A3": 40.0,  # ASHRAE TC 9.9 2021
    "A4": 45.0,  # ASHRAE TC 9.9 2021
}
"""Highest allowable rack inlet by equipment class [degC]."""

INLET_RATE_K_PER_H: Final[float] = 20.0  # ASHRAE TC 9.9 2021, without tape
INLET_RATE_TAPE_K_PER_H: Final[float] = 5.0  # ASHRAE TC 9.9 2021, with tape


@dataclass(frozen=True, slots=True)
class ChillerLimits:
    """What one chiller stands."""

    name: str
    plant: str
    lift_min_k: float  # vendor, site: leaving condenser over leaving evaporator
    lift_max_k: float  # vendor, site
    evaporator_flow_min_kgs: float  # vendor, site
    evaporator_flow_margin: float = 1.05  # engineering value: below minimum times this no flow is taken away
    chws_min_c: float = 5.0  # vendor: lowest setpoint
    evaporator_leaving_min_c: float = 4.0  # makers' low-temperature cut-out, 3-4 degC
    freeze_margin_k: float = 1.0  # engineering value, over the cut-out
    flow_change_per_min: float = 0.1  # chiller makers, 10-30 %/min of flow
    capacity_kw: float | None = None  # vendor, site
    start_s: float = 600.0  # chiller makers: valves, flow proof, oil, and half of a load ramp of 10 min
    start_to_start_s: float = 1200.0  # chiller makers, 15-20 min
    starts_per_h: int = 3  # motor makers
    starts_per_12h: int = 8  # engineering value
    on_min_s: float = 900.0  # operators' rules, 15-30 min
    off_min_s: float = 900.0  # operators' rules, 15-30 min
    condenser_flow_min_kgs: float = 0.0  # vendor, site
    condenser_flow_margin: float = 1.05  # engineering value: below minimum times this no condenser water is taken away
    lift_margin_k: float = 2.0  # engineering value: nearer to its highest lift no condenser water is taken away


@dataclass(frozen=True, slots=True)
class PlantLimits:
    """What a plant stands as a whole; ``basins`` names the tower cells that have a basin sensor.

    ``economiser_signal`` is the state of its waterside economiser, "" where it has none. ``stored_m3`` is the water that carries on when
    chillers stop; a floor of None is none. ``spare_machines`` run beyond what ``load_step_kw``, the largest credible step, needs.
    """

    name: str
    basins: tuple[str, ...] = ()
    basin_min_c: float = 7.0  # tower makers: leaving water in freezing weather
    economiser: bool = False
    economiser_signal: str = ""
    economiser_inlet_min_c: float = 4.0  # engineering value: condenser water in a plate exchanger
    stored_m3: float | None = None  # site
    ride_through_floor_s: float | None = None  # site
    spare_machines: int = 0  # site
    load_step_kw: float = 0.0  # site


@dataclass(frozen=True, slots=True)
class HallLimits:
    """What a hall's IT equipment stands. ``plant`` None means that every plant may serve it.

    ``dewpoint_max_c`` and ``rh_max_pct`` are None where the hall has no such sensor; a sensor that exists and fails is not None.
    """

    name: str
    plant: str | None
    rows: tuple[str, ...] = ()
    inlet_recommended_c: float = 27.0  # ASHRAE TC 9.9 2021, recommended, upper end
    inlet_allowable_c: float = INLET_ALLOWABLE_C["A1"]
    inlet_rate_k_per_h: float = INLET_RATE_K_PER_H
    inlet_rise_k_per_15min: float = 5.0  # ASHRAE TC 9.9 2021
    hot_after_s: float = 300.0  # engineering value: one sensor above the recommended limit for 5 min
    dewpoint_max_c: float | None = 15.0  # ASHRAE TC 9.9 2021
    rh_max_pct: float | None = 60.0  # ASHRAE TC 9.9 2021
    dewpoint_margin_k: float = 2.0  # engineering value: supply air, and dry coils, over the dew point
    dry_coil: bool = False  # chilled water too stays above the dew point
    it_capacity_kw: float | None = None  # site
    air_share: float = 1.0  # site: of the IT load, what the hall's air takes
    racks: int = 0  # site


@dataclass(frozen=True, slots=True)
class LiquidLimits:
    """What the technology water of one hall stands. ``alarms`` are its CDUs' contacts (0 is well), ``filters_kpa`` the most that each filter may take."""

    hall: str
    tcs_max_c: float  # ASHRAE TC 9.9 2024, the loop's class
    it_capacity_kw: float  # site
    dp_kpa: float  # site: of a rack at design flow
    flow_min_share: float  # site: of design flow
    facility_loops: tuple[str, ...] = ()
    alarms: tuple[str, ...] = ()
    filters_kpa: Mapping[str, float] = field(default_factory=dict)  # vendor, site


@dataclass(frozen=True, slots=True)
class RegisterLimits:
    """How a setpoint's register is written: changes below ``deadband`` wait, and a register not known to be volatile wears out."""

    deadband: float = 0.0
    wears: bool = True


@dataclass(frozen=True, slots=True)
class Limits:
    """All limits of a site, narrowed; ``setpoints`` holds the declared ones and is the whitelist, ``registers`` is by setpoint too."""

    setpoints: Mapping[str, SetpointLimits]
    chillers: tuple[ChillerLimits, ...] = ()
    halls: tuple[HallLimits, ...] = ()
    plants: tuple[PlantLimits, ...] = ()
    tcs_dewpoint_margin_k: float = 2.0  # ASHRAE TC 9.9, liquid cooling: technology water over the dew point
    wetbulb_signal: str = "weather.oa_wetbulb_c"
    elapsed_max_s: float = 900.0  # the longest cycle: a longer gap earns no larger step
    registers: Mapping[str, RegisterLimits] = field(default_factory=dict)
    liquids: tuple[LiquidLimits, ...] = ()
    humidity_gap_k: float = 2.0  # engineering value: dew point from where humidifying ends to where dehumidifying begins
    condenser_pumps: Mapping[str, str] = field(default_factory=dict)  # whose condensers a group of pumps serves: plant by group


@dataclass(frozen=True, slots=True)
class Widening:
    """A site's value that would widen a limit: which key, the value, and what is allowed in words."""

    key: str
    value: float
    allowed: str


@dataclass(frozen=True, slots=True)
class Narrowed:
    """A narrowed setpoint limit; where ``problems`` is not empty, ``limits`` is the default as it was."""

    limits: SetpointLimits
    problems: tuple[Widening, ...] = field(default=())


def narrow(
    default: SetpointLimits,
    low: float | None = None,
    high: float | None = None,
    raise_per_min: float | None = None,
    lower_per_min: float | None = None,
) -> Narrowed:
    """Narrows a setpoint's default limits by a site's values; None keeps the default, a value that widens is named in ``problems``."""
    edges = {key: value for key, value in (("low", low), ("high", high)) if value is not None}
    rates = {key: value for key, value in (("raise_per_min", raise_per_min), ("lower_per_min", lower_per_min)) if value is not None}
    problems = [Widening(k, v, f"{default.low:g} .. {default.high:g}") for k, v in edges.items() if not default.low <= v <= default.high]
    if low is not None and high is not None and low > high:
        problems.append(Widening("low", low, f"<= high, {high:g}"))
    for key, value in rates.items():
        fastest = getattr(default, key)
        if not (math.isfinite(value) and 0.0 < value <= (math.inf if fastest is None else fastest)):
            problems.append(Widening(key, value, "> 0" if fastest is None else f"> 0 and <= {fastest:g}"))
    return Narrowed(default if problems else replace(default, **edges, **rates), tuple(problems))  # type: ignore[arg-type]  # no flag among them


def narrow_value(key: str, default: float, value: float | None, cautious: Direction) -> float | Widening:
    """Narrows a single number: the site's value may only lie on the ``cautious`` side of the default, None keeps it."""
    if value is None:
        return default
    keeps = value <= default if cautious is Direction.LOWER else value >= default
    if math.isfinite(value) and keeps:
        return value
    return Widening(key, value, f"{'<=' if cautious is Direction.LOWER else '>='} {default:g}")
