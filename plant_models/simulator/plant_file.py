"""The true parameters of a simulated site (``plant.toml``); only the simulator reads them, the daemon and its models never do."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from plant_models.components.aisle import ContainmentName, lost_shares
from plant_models.components.chiller_curves import CURVES, Form, MachineName
from plant_models.components.moisture import HumidifierName
from plant_models.components.server import ServerParameters
from plant_models.simulator.liquid_truth import CduTruth, CoolerTruth, LoopTruth, TcsTruth, TrimTruth
from plant_models.site.topology import Hall, Site

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
DewPoint = Annotated[float, Field(ge=-20, le=30)]
_STRICT = ConfigDict(extra="forbid", frozen=True)


class PlantFileError(ValueError):
    """A plant file that cannot be used; says every problem, one a line."""


@dataclass(frozen=True)
class WaterTruth:
    """Pipes, pumps and local loops of one chilled-water plant. Shares of volume are of the site's ``loop_volume_m3``, the rest is the buffer tank."""

    __pydantic_config__ = _STRICT
    supply_header_share: Share = 0.04
    supply_pipe_share: Share = 0.15
    return_pipe_share: Share = 0.26
    condenser_pipe_s: Annotated[float, Field(ge=10, le=600)] = 45.0  # volume of the condenser return over design flow
    chw_pump_head_kpa: Positive = 250.0
    chw_pump_efficiency: Annotated[float, Field(gt=0.2, le=0.9)] = 0.72
    primary_pump_head_kpa: Positive = 110.0  # chillers and headers alone; only where the plant has primary pumps
    chw_pipe_kpa: Positive = 40.0  # at design flow, between plant and remote sensor
    evaporator_kpa: Positive = 60.0
    cw_pump_head_kpa: Positive = 220.0
    cw_pump_efficiency: Annotated[float, Field(gt=0.2, le=0.9)] = 0.72
    cw_static_kpa: NonNegative = 50.0
    condenser_kpa: Positive = 110.0  # with its pump's branch and balancing valve
    pump_speed_min: Annotated[float, Field(ge=0.1, le=0.6)] = 0.2
    dp_gain_per_kpa: Positive = 0.0015
    dp_reset_s: Annotated[float, Field(ge=5, le=600)] = 15.0
    fan_gain_per_k: Positive = 0.06
    fan_reset_s: Annotated[float, Field(ge=20, le=1200)] = 180.0
    cycles_of_concentration: Annotated[float, Field(gt=1, le=20)] = 5.0
    drift_share: Share = 2e-5  # of circulating flow, modern eliminators
    stray_share: Share = 0.0  # three-way valves left open: conductance past the coils over that of the design flow
    process_heat_kw: NonNegative = 0.0  # a load without a hall
    process_flow_kgs: NonNegative = 0.0  # its branch at design differential pressure


@dataclass(frozen=True)
class ChillerTruth:
    """One chiller as it really is."""

    __pydantic_config__ = _STRICT
    curves: MachineName | None = None  # None: by the kind in site.toml
    curve_form: Form | None = None  # None: reformulated for variable speed and screws, plain EIR for vanes and air-cooled
    age: Annotated[float, Field(ge=0.8, le=1.5)] = 1.08  # power over that of the clean machine
    capacity_factor: Annotated[float, Field(ge=0.5, le=1.3)] = 1.0
    evaporator_s: Annotated[float, Field(ge=10, le=200)] = 40.0  # volume over design flow
    condenser_s: Annotated[float, Field(ge=10, le=200)] = 40.0
    tracking_s: Annotated[float, Field(ge=30, le=300)] = 80.0  # closed loop of the chiller's own controller
    ramp_share_per_min: Annotated[float, Field(gt=0, le=1)] = 0.2
    isolation_valve_s: Annotated[float, Field(ge=5, le=300)] = 90.0
    motor_heat_share: Share = 1.0  # of power that reaches the condenser (hermetic)


@dataclass(frozen=True)
class TowerTruth:
    """One tower cell as it really is."""

    __pydantic_config__ = _STRICT
    map: Literal["york", "merkel"] = "york"  # how its leaving water is worked out
    fill_factor: Annotated[float, Field(gt=0.3, le=1.2)] = 0.95
    fill_s: Annotated[float, Field(ge=5, le=120)] = 15.0
    basin_m3: Positive = 6.0
    basin_loss_kw_per_k: NonNegative = 0.15  # to the air: 15 m2 at 10 W/(m2 K)
    heater_kw: NonNegative = 8.0  # holds 4.5 degC at -18 degC with a margin of two


@dataclass(frozen=True)
class EconomiserTruth:
    """The economiser's plates and its own condenser-water pump."""

    __pydantic_config__ = _STRICT
    effectiveness: Annotated[float, Field(gt=0.2, lt=0.95)] = 0.8  # clean, at design flows
    factor: Annotated[float, Field(gt=0.2, le=1.2)] = 1.0  # what fouling leaves of the plates' UA
    flow_kgs: Positive | None = None  # of condenser water; None: the plant's chilled-water flow
    chw_kpa: Positive = 25.0
    pump_head_kpa: Positive = 180.0
    pump_efficiency: Annotated[float, Field(gt=0.2, le=0.9)] = 0.72
    valve_s: Annotated[float, Field(ge=5, le=600)] = 120.0


@dataclass(frozen=True)
class TankTruth:
    """A stratified chilled-water tank as it really is."""

    __pydantic_config__ = _STRICT
    layers: Annotated[int, Field(ge=3, le=20)] = 12
    mixing_share: Share = 0.05  # of the flow that diffusers stir between neighbouring layers: figure of merit about 0.9
    loss_kw_per_k: NonNegative = 0.1
    valve_s: Annotated[float, Field(ge=5, le=600)] = 120.0


@dataclass(frozen=True)
class HumidityTruth:
    """A hall's humidifier and dehumidifier and the dew points that they hold; with this table latent heat counts too."""

    __pydantic_config__ = _STRICT
    band_dewpoint_c: tuple[DewPoint, DewPoint] = (-9.0, 15.0)  # ASHRAE TC 9.9 2021, recommended dew point
    throttling_k: Annotated[float, Field(ge=0.25, le=5)] = 1.0  # of dew point, from rest to full output
    humidifier: HumidifierName = "steam"
    humidifier_kg_per_h_rack: Annotated[float, Field(ge=0, le=0.5)] = 0.1
    dehumidifier_kg_per_h_rack: Annotated[float, Field(ge=0, le=0.5)] = 0.1


@dataclass(frozen=True)
class HallTruth:
    """One hall as it really is. Row lists have one entry a row, or are empty for an even hall."""

    __pydantic_config__ = _STRICT
    crah_fan_kw_per_kgs: Positive = 0.60  # fan power over air flow at full speed: 500 Pa at 70 %
    coil_ua_kw_per_k_per_kgs: Positive = 1.04  # coil UA over air flow at full speed
    coil_factor: Annotated[float, Field(gt=0.3, le=1.2)] = 0.92
    valve_leak_share: Share = 0.0  # of the open coils' conductance that shut valves let through, beyond their published leakage
    crah_share: Annotated[float, Field(gt=0.2, le=1)] = 1.0  # of the hall's CRAHs that run
    coil_flow_kgs: Positive | None = None  # water at open valves and design dp; None: the plant's flow by capacity
    valve_authority: Annotated[float, Field(gt=0.05, lt=1)] = 0.4
    valve_s: Annotated[float, Field(ge=5, le=300)] = 90.0
    supply_sensor_s: Annotated[float, Field(ge=5, le=300)] = 45.0  # lag of the sensor that the valve's loop acts on: 30-90 s
    valve_gain_per_k: Positive = 0.03  # 0.1 with a reset of 20 s, a stroke of 240 s and a sensor of 90 s hunts with a period of about 5 min
    valve_reset_s: Annotated[float, Field(ge=20, le=1200)] = 150.0
    fan_ramp_s: Annotated[float, Field(ge=5, le=300)] = 40.0
    containment: ContainmentName | None = None  # fills empty row lists and leak_share from ``aisle.CONTAINMENTS``; None: even rows
    leak_share: Share | None = None  # of supply air that never reaches a row; None: the containment's, 0.06 without one
    leak_kgs_at_10_pa: Positive | None = None  # of the containment, in place of leak_share; gives the aisle a pressure
    crah_failed: tuple[int, ...] = ()  # numbers of the units that do not run, 1 .. crah_count along the rows; rows near them get less
    row_flow: tuple[Positive, ...] = ()  # cold air, relative
    row_load: tuple[Positive, ...] = ()  # IT load, relative
    row_recirculation: tuple[Share, ...] = ()  # share of hot air in a well-fed row's inlet
    server: ServerParameters = field(default_factory=ServerParameters)
    server_kj_per_k_rack: Positive = 220.0
    server_fan_s: Annotated[float, Field(ge=5, le=300)] = 20.0
    air_m3_per_rack: Positive = 11.0
    supply_kj_per_k_kgs: Positive = 13.0  # plenum air and coils over air flow at full speed
    mass_kj_per_k_rack: Positive = 250.0
    mass_kw_per_k_rack: Positive = 0.45
    slab_kj_per_k_rack: Positive = 5000.0
    slab_kw_per_k_rack: NonNegative = 0.02
    makeup_changes_per_h: NonNegative = 0.3
    makeup_dewpoint_c: tuple[float, float] = (7.5, 11.0)  # the make-up air unit keeps outside air between these
    humidity: HumidityTruth | None = None
    tcs: TcsTruth = field(default_factory=TcsTruth)


@dataclass(frozen=True)
class ElectricalTruth:
    """UPS, distribution and lighting; ratings over the site's IT capacity."""

    __pydantic_config__ = _STRICT
    ups: tuple[float, float, float] = (0.0085, 0.016, 0.016)  # between modern and old: 95.5 % at 35 % load
    ups_rated_share: Positive = 2.0  # 2N
    transformer_rated_share: Positive = 1.4
    busway_share: Share = 0.005
    lighting_share: Share = 0.007


@dataclass(frozen=True)
class SensorTruth:
    """What time has done to the site's instruments."""

    __pydantic_config__ = _STRICT
    years_since_calibration: Annotated[float, Field(ge=0, le=20)] = 0.0


Hours = tuple[Annotated[int, Field(ge=0, le=24)], Annotated[int, Field(ge=0, le=24)]]


@dataclass(frozen=True)
class BasTruth:
    """Habits of the simulated BAS. Hours are local, from the first to before the second, past midnight too."""

    __pydantic_config__ = _STRICT
    condenser_rule: Literal["wetbulb", "lift"] = "wetbulb"  # its own setpoint: wet bulb + 3.5 K, or lift by load (Guideline 36-2021 5.20.12.2.a)
    bad_loop: Literal["tower_fan", "crah_valve"] | None = None
    tank_charging_hours: Hours = (0, 0)
    tank_giving_hours: Hours = (0, 0)


@dataclass(frozen=True)
class PlantTruth:
    """The whole file: tables by equipment name; equipment that is not named has the defaults."""

    __pydantic_config__ = _STRICT
    plant: Mapping[str, WaterTruth] = field(default_factory=dict)
    chiller: Mapping[str, ChillerTruth] = field(default_factory=dict)
    tower: Mapping[str, TowerTruth] = field(default_factory=dict)
    economiser: Mapping[str, EconomiserTruth] = field(default_factory=dict)
    tank: Mapping[str, TankTruth] = field(default_factory=dict)
    hall: Mapping[str, HallTruth] = field(default_factory=dict)
    facility_loop: Mapping[str, LoopTruth] = field(default_factory=dict)
    cdu: Mapping[str, CduTruth] = field(default_factory=dict)
    dry_cooler: Mapping[str, CoolerTruth] = field(default_factory=dict)
    trim_chiller: Mapping[str, TrimTruth] = field(default_factory=dict)
    bas: BasTruth = field(default_factory=BasTruth)
    electrical: ElectricalTruth = field(default_factory=ElectricalTruth)
    sensors: SensorTruth = field(default_factory=SensorTruth)


_ADAPTER = TypeAdapter(PlantTruth)


def load_plant_file(path: Path, site: Site) -> PlantTruth:
    """Reads a site's true parameters.

    Raises PlantFileError with every problem (key, value, what is allowed): not TOML, an unknown key, equipment that the site does not have,
    a row list of another length than the hall's rows.
    """
    try:
        truth = _ADAPTER.validate_python(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise PlantFileError(f"{path.name}: {error}") from error
    except ValidationError as error:
        lines = [f"{path.name}: {'.'.join(str(p) for p in e['loc'])} = {e['input']!r}: {e['msg']}" for e in error.errors()]
        raise PlantFileError("\n".join(lines)) from error
    problems = [f"{path.name}: {p}" for p in _misfits(truth, site)]
    if problems:
        raise PlantFileError("\n".join(problems))
    return truth


def _misfits(truth: PlantTruth, site: Site) -> list[str]:
    problems = []
    for table in ("plant", "chiller", "tower", "economiser", "tank", "hall", "facility_loop", "cdu", "dry_cooler", "trim_chiller"):
        known = {e.name for e in getattr(site, table)}
        strangers = sorted(getattr(truth, table).keys() - known)
        problems += [f"[{table}.{name}]: the site has no such {table}; it has {', '.join(sorted(known)) or 'none'}" for name in strangers]
    for machine, chiller in truth.chiller.items():
        if chiller.curves and chiller.curve_form and (chiller.curves, chiller.curve_form) not in CURVES:
            forms = ", ".join(sorted(form for name, form in CURVES if name == chiller.curves))
            problems.append(f"chiller.{machine}.curve_form: {chiller.curve_form!r}; allowed: {forms}")
    for hall in site.hall:
        given = truth.hall.get(hall.name, HallTruth())
        for key in ("row_flow", "row_load", "row_recirculation"):
            count = len(getattr(given, key))
            if count not in (0, hall.row_count):
                problems.append(f"hall.{hall.name}.{key}: {count} values; allowed: {hall.row_count} (the hall's rows) or none")
        problems += _air_misfits(hall, given)
    return problems


def _air_misfits(hall: Hall, given: HallTruth) -> list[str]:
    problems = []
    if given.leak_share is not None and given.leak_kgs_at_10_pa is not None:
        problems.append(f"hall.{hall.name}.leak_share = {given.leak_share:g}: leak_kgs_at_10_pa takes its place; allowed: one of the two")
    if given.humidity is not None:
        (low_c, high_c), apart_k = given.humidity.band_dewpoint_c, 2.0 * given.humidity.throttling_k
        if high_c - low_c < apart_k:
            problems.append(
                f"hall.{hall.name}.humidity.band_dewpoint_c: {low_c:g} .. {high_c:g}; allowed: ends at least {apart_k:g} K apart (twice throttling_k)"
            )
    try:
        lost_shares(hall.row_count, hall.crah_count, given.crah_failed)
    except ValueError as error:
        problems.append(f"hall.{hall.name}.crah_failed: {error}")
    return problems
