"""A site's description as frozen values: what ``site.toml`` may say, with units in each name and the allowed range in each type.

The daemon, the simulator and the optimiser all read a site through these. True parameters of a simulated machine are not here: they
stand in ``plant.toml`` and only the simulator reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from plant_models.site.forecast import Boundary, ForecastSource
from plant_models.site.keys import Celsius, Name, NonNegative, Positive
from plant_models.site.links import Serial, Tls
from plant_models.site.liquid import Cdu, DryCooler, FacilityLoop, LiquidCooling, TrimChiller
from plant_models.site.opcua import OpcUa

_STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


@dataclass(frozen=True)
class About:
    """Where the site is."""

    __pydantic_config__ = _STRICT
    name: Name
    time_zone: str = "UTC"
    pressure_kpa: Annotated[float, Field(ge=60, le=110)] = 101.325


@dataclass(frozen=True)
class Clock:
    """Whose clock the daemon follows: ``wall``, or ``point`` (the signal ``bas.clock_s``; bench only)."""

    __pydantic_config__ = _STRICT
    source: Literal["wall", "point"] = "wall"


@dataclass(frozen=True)
class Timing:
    """Periods in plant time [s]; limits of I/O and solver in wall time [s]."""

    __pydantic_config__ = _STRICT
    cycle_s: Annotated[float, Field(ge=10, le=900)] = 300.0
    guard_s: Annotated[float, Field(ge=1, le=30)] = 5.0
    read_timeout_wall_s: Positive = 2.0
    write_timeout_wall_s: Positive = 2.0
    plan_deadline_wall_s: Positive = 4.0
    solver_time_limit_wall_s: Positive = 3.0
    solver_iterations: Annotated[int, Field(ge=5, le=3000)] = 150


@dataclass(frozen=True)
class Lease:
    """The heartbeat that keeps authority, and the time-out after which the BAS takes it back (safety.md section 6)."""

    __pydantic_config__ = _STRICT
    heartbeat_period_s: Annotated[float, Field(ge=1, le=30)] = 5.0
    bas_timeout_s: Annotated[float, Field(ge=10, le=120)] = 30.0
    proven: bool = False
    owner_id: Annotated[int, Field(ge=1, le=65535)] = 1


@dataclass(frozen=True)
class Rollout:
    """How far the operator's trust may go; ``simulated`` sites may be started at any stage.

    ``group`` names setpoints that are trusted together; those of no group are trusted by equipment, a machine's with its plant's. ``criteria`` are
    stricter bounds of ``safety.graduation``, by key. Authority from advisory on ends ``renew_days`` after a person last gave or renewed it.
    """

    __pydantic_config__ = _STRICT
    simulated: bool = False
    return_after_healthy_cycles: Annotated[int, Field(ge=1, le=100)] = 3
    renew_days: Annotated[float, Field(ge=1, le=366)] = 90.0
    canary_hours_local: tuple[Annotated[int, Field(ge=0, le=24)], Annotated[int, Field(ge=0, le=24)]] = (9, 15)
    canary_span_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    advice_expires_s: Annotated[float, Field(ge=300, le=14400)] = 1800.0
    advice_holds_s: Annotated[float, Field(ge=900, le=86400)] = 14400.0
    acknowledge_s: Annotated[float, Field(ge=60, le=86400)] = 900.0
    group: Mapping[Name, tuple[str, ...]] = field(default_factory=dict)
    criteria: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Drill:
    """When the fallback is drilled: down to Guideline 36 resets, down to the BAS, and back (safety.md sections 1 and 3)."""

    __pydantic_config__ = _STRICT
    period_days: Annotated[float, Field(ge=0, le=366)] = 0.0  # 0: only when ordered
    hours_local: tuple[Annotated[int, Field(ge=0, le=24)], Annotated[int, Field(ge=0, le=24)]] = (9, 15)
    release_max_s: Annotated[float, Field(ge=60, le=3600)] = 1800.0  # from the hand-back to authority again


@dataclass(frozen=True)
class Persistence:
    """Where the daemon keeps its journal and its socket."""

    __pydantic_config__ = _STRICT
    directory: Path = Path("/var/lib/coldaisle")
    socket: Path = Path("/run/coldaisle/control.sock")


@dataclass(frozen=True)
class Money:
    """Tariff, carbon and water prices the plan minimises beside energy."""

    __pydantic_config__ = _STRICT
    energy_price_per_kwh: NonNegative = 0.094  # USD/kWh, Frontier accounting price (physics 8)
    peak_price_per_kwh: NonNegative | None = None
    peak_hours_local: tuple[Annotated[int, Field(ge=0, le=24)], Annotated[int, Field(ge=0, le=24)]] = (16, 21)
    carbon_kg_per_kwh: NonNegative = 0.363  # PJM hourly mean 2022 (physics 8)
    carbon_price_per_kg: NonNegative = 0.0


@dataclass(frozen=True)
class Device:
    """One peer on the wire."""

    __pydantic_config__ = _STRICT
    protocol: Literal["modbus", "opcua", "bacnet"]
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 502
    path: str = "/"  # of an OPC UA endpoint
    max_registers: Annotated[int, Field(ge=1, le=125)] = 100  # in one request
    max_gap_registers: Annotated[int, Field(ge=0, le=60)] = 8  # holes a block may read across
    read: Literal["poll", "subscribe"] = "poll"  # of an OPC UA device; points.csv may say otherwise of a point
    opcua: OpcUa = field(default_factory=OpcUa)
    settle_s: Annotated[float, Field(ge=0, le=60)] = 0.0  # from a write until the device shows it, in plant time; points.csv may say otherwise of a point
    still_after_s: Annotated[float, Field(ge=0, le=3600)] = 120.0  # nothing of a device moving for so long is not believed (plant time); 0: not watched
    instance: Annotated[int, Field(ge=0, le=4194302)] | None = None  # of a BACnet device
    local_host: str = ""  # address of our own that BACnet is spoken from; empty: that of the interface that leads to the device
    local_port: Annotated[int, Field(ge=0, le=65535)] = 0  # UDP port of our own for BACnet; 0: any free one
    cov_lifetime_s: Annotated[int, Field(ge=0, le=86400)] = 0  # of a BACnet subscription to changes of value; 0: polled only
    transport: Literal["tcp", "rtu", "rtu-over-tcp", "tls"] = "tcp"  # of Modbus
    serial: Serial | None = None  # for rtu
    tls: Tls | None = None  # for tls
    timeout_wall_s: Annotated[float, Field(gt=0, le=60, allow_inf_nan=False)] | None = None  # for each request; None: as [timing] says
    read_retries: Annotated[int, Field(ge=0, le=3)] = 0  # a write is never sent again
    pause_wall_s: Annotated[float, Field(ge=0, le=5)] = 0.0  # between an answer and the next request
    connect_settle_wall_s: Annotated[float, Field(ge=0, le=10)] = 0.0  # between connecting and the first request
    quiet_wall_s: Annotated[float, Field(ge=0, le=60)] | None = None  # silence after a lost reply on RTU; None: one time-out
    bit_writes: Literal["none", "mask", "read-modify-write"] = "none"  # how bits of a register are written: function 22, or the whole register


@dataclass(frozen=True)
class Hall:
    """A hall with its CRAH group, which cools all of its heat or what technology water leaves of it; its rows are named ``<hall>-r01`` and so on."""

    __pydantic_config__ = _STRICT
    name: Name
    it_capacity_kw: Positive
    row_count: Annotated[int, Field(ge=1, le=100)]
    racks_per_row: Annotated[int, Field(ge=1, le=100)]
    crah_count: Annotated[int, Field(ge=1, le=200)]
    crah_air_flow_kgs: Positive  # of all CRAHs together at full speed
    plant: Name | None = None  # the chilled-water plant that serves it
    inlet_class: Literal["A1", "A2", "A3", "A4"] = "A1"
    tape: bool = False
    dry_coil: bool = False  # coils or uninsulated pipes must stay above the room's dew point too
    liquid: LiquidCooling | None = None

    @property
    def liquid_capacity_kw(self) -> float:
        """Returns the IT power at full utilisation that technology water takes [kW]."""
        return self.it_capacity_kw * self.liquid.fraction if self.liquid else 0.0

    @property
    def air_capacity_kw(self) -> float:
        """Returns the IT power at full utilisation that the hall's air takes [kW]."""
        return self.it_capacity_kw - self.liquid_capacity_kw

    @property
    def rows(self) -> tuple[str, ...]:
        """Returns the equipment names of the hall's rows."""
        return tuple(f"{self.name}-r{i + 1:02d}" for i in range(self.row_count))


@dataclass(frozen=True)
class Chiller:
    """A chiller as its name plate and its data sheet state it."""

    __pydantic_config__ = _STRICT
    name: Name
    plant: Name
    capacity_kw: Positive
    kind: Literal["vsd_centrifugal", "constant_speed_centrifugal", "positive_displacement"] = "vsd_centrifugal"
    evaporator_flow_kgs: Positive = 60.6
    condenser_flow_kgs: Positive = 68.1
    evaporator_flow_min_share: Annotated[float, Field(gt=0, lt=1)] = 0.4
    condenser_flow_min_share: Annotated[float, Field(gt=0, lt=1)] = 0.5  # chiller makers
    lift_min_k: Positive = 8.0
    lift_max_k: Positive = 25.0
    chws_min_c: Celsius = 5.0
    chws_max_c: Celsius = 18.0


@dataclass(frozen=True)
class Tower:
    """One cell of a cooling tower."""

    __pydantic_config__ = _STRICT
    name: Name
    plant: Name
    water_flow_kgs: Positive
    fan_power_kw: Positive
    fan_min_pct: Annotated[float, Field(ge=0, le=100)] = 25.0


@dataclass(frozen=True)
class PumpGroup:
    """Equal pumps in parallel: chilled water (``chw``), condenser water (``cw``), or facility water (``fws``) of the loop that ``plant`` names."""

    __pydantic_config__ = _STRICT
    name: Name
    plant: Name
    serves: Literal["chw", "chw_primary", "cw", "fws"]
    count: Annotated[int, Field(ge=1, le=32)]
    flow_kgs: Positive  # of each at design
    power_kw: Positive  # of each at design


@dataclass(frozen=True)
class Economiser:
    """A waterside economiser in series upstream of the chillers."""

    __pydantic_config__ = _STRICT
    name: Name
    plant: Name
    heat_kw: Positive


@dataclass(frozen=True)
class Plant:
    """A chilled-water plant; its machines name it."""

    __pydantic_config__ = _STRICT
    name: Name
    chw_flow_kgs: Positive  # at design
    loop_volume_m3: Positive
    chw_dp_min_kpa: Positive = 34.5  # G36 5.20.5.2
    chw_dp_max_kpa: Positive = 150.0
    ride_through_floor_s: Positive | None = None  # of stored cold to the allowable inlet, fans and pumps running; None: shown, not held
    spare_chillers: Annotated[int, Field(ge=0, le=8)] = 0  # that run beyond the need, where the site requests stages
    load_step_kw: NonNegative = 0.0  # the largest credible step of its halls while a chiller starts
    hydraulics: Literal["variable_primary", "primary_secondary"] = "variable_primary"  # the latter has pump groups "chw_primary" beside "chw"


@dataclass(frozen=True)
class Tank:
    """A stratified chilled-water tank: beside the chillers of a variable-primary plant, or as the decoupler of a primary/secondary one."""

    __pydantic_config__ = _STRICT
    name: Name
    plant: Name
    volume_m3: Positive
    flow_kgs: Positive  # at open valves


@dataclass(frozen=True)
class SetpointRange:
    """What the site allows of one setpoint; it narrows the limits of ``safety.limits``, never widens them."""

    __pydantic_config__ = _STRICT
    low: float
    high: float
    own: float  # what the BAS would use by itself, also the start of a reset
    raise_per_min: Positive | None = None
    lower_per_min: Positive | None = None
    deadband: NonNegative = 0.0
    bands: tuple[tuple[NonNegative, NonNegative], ...] = ()  # locked out between their ends: resonance of a fan or pump


@dataclass(frozen=True)
class Limits:
    """Narrowings of the envelope's own limits; None keeps the default of ``safety.limits``."""

    __pydantic_config__ = _STRICT
    inlet_recommended_c: Annotated[float, Field(ge=18, le=27)] | None = None
    inlet_allowable_c: Annotated[float, Field(ge=20, le=45)] | None = None
    dewpoint_max_c: Annotated[float, Field(ge=0, le=15)] | None = None
    dewpoint_margin_k: Annotated[float, Field(ge=2, le=10)] | None = None


@dataclass(frozen=True)
class Conditions:
    """From where weather and load are beyond design, and what they and a disturbed utility cap: the mode at RESET, or the stage at ADVISORY."""

    __pydantic_config__ = _STRICT
    design_wetbulb_c: Annotated[float, Field(ge=0, le=40)] | None = None
    design_drybulb_c: Annotated[float, Field(ge=0, le=60)] | None = None
    high_load_share: Annotated[float, Field(ge=0.5, le=1.0)] = 0.97
    heat_wave: Literal["reset", "advisory"] = "reset"
    very_high_load: Literal["reset", "advisory"] = "reset"
    power_disturbance: Literal["reset", "advisory"] = "reset"


@dataclass(frozen=True)
class Gate:
    """What one signal must satisfy beside its row of ``points.csv``: redundant sensors of the same thing, and a value that always moves a little."""

    __pydantic_config__ = _STRICT
    siblings: tuple[str, ...] = ()  # of which three or more are outvoted by their median, and of two the safer is believed
    tolerance: Positive = 1.0  # between siblings, in the signal's own unit
    stuck_after_s: Positive | None = None
    rate_per_min: Positive | None = None  # narrower than that of its quantity


@dataclass(frozen=True)
class Balance:
    """How far estimates of a plant's heat may lie apart before the readings behind them are held to contradict each other."""

    __pydantic_config__ = _STRICT
    tolerance: Annotated[float, Field(ge=0.05, le=0.3)] = 0.15  # engineering value, of their median; see safety.balance


@dataclass(frozen=True)
class Optimiser:
    """The tracker's grid and margins."""

    __pydantic_config__ = _STRICT
    model: Path = Path("model.json")  # beside site.toml unless absolute
    step_s: Annotated[float, Field(ge=60, le=900)] = 300.0
    horizon_steps: Annotated[int, Field(ge=4, le=96)] = 24
    inlet_margin_k: Annotated[float, Field(ge=0, le=5)] = 1.0  # below the recommended limit; the resets get the same


@dataclass(frozen=True)
class Site:
    """A whole site. ``directory`` is where it was read from."""

    __pydantic_config__ = _STRICT
    site: About
    clock: Clock = field(default_factory=Clock)
    timing: Timing = field(default_factory=Timing)
    lease: Lease = field(default_factory=Lease)
    rollout: Rollout = field(default_factory=Rollout)
    drill: Drill = field(default_factory=Drill)
    persistence: Persistence = field(default_factory=Persistence)
    money: Money = field(default_factory=Money)
    limits: Limits = field(default_factory=Limits)
    conditions: Conditions = field(default_factory=Conditions)
    ladder: Mapping[str, Literal["freeze", "reset", "hold", "release"]] = field(default_factory=dict)  # by signal: what its loss leads to
    gate: Mapping[str, Gate] = field(default_factory=dict)  # by signal
    balance: Balance = field(default_factory=Balance)
    optimiser: Optimiser = field(default_factory=Optimiser)
    forecast: Mapping[Name, ForecastSource] = field(default_factory=dict)
    boundary: Boundary = field(default_factory=Boundary)
    device: Mapping[Name, Device] = field(default_factory=dict)
    plant: tuple[Plant, ...] = ()
    hall: tuple[Hall, ...] = ()
    chiller: tuple[Chiller, ...] = ()
    tower: tuple[Tower, ...] = ()
    pump: tuple[PumpGroup, ...] = ()
    economiser: tuple[Economiser, ...] = ()
    tank: tuple[Tank, ...] = ()
    facility_loop: tuple[FacilityLoop, ...] = ()
    cdu: tuple[Cdu, ...] = ()
    dry_cooler: tuple[DryCooler, ...] = ()
    trim_chiller: tuple[TrimChiller, ...] = ()
    setpoint: Mapping[str, SetpointRange] = field(default_factory=dict)
    directory: Path = Path()
