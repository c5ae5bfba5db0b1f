"""The closed vocabulary of signals: which quantities exist, their units, and how a signal's name is taken apart.

A signal is ``equipment.quantity`` (``ch-1.chws_temp_c``); a setpoint maps to up to three points, ``equipment.quantity.request``,
``.effective`` and ``.authority``. Equipment names are the site's own, quantities are only those listed here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final


class Kind(StrEnum):
    """What a quantity is, physically; it decides which checks and conversions apply."""

    TEMPERATURE = "temperature"
    DIFFERENCE = "temperature_difference"
    PRESSURE = "pressure"
    FLOW = "flow"
    POWER = "power"
    ENERGY = "energy"
    SHARE = "share"
    HUMIDITY = "humidity"
    COUNT = "count"
    STATE = "state"
    TIME = "time"


UNIT_OF_SUFFIX: Final[Mapping[str, str]] = {
    "c": "degC",
    "k": "K",
    "kpa": "kPa",
    "pa": "Pa",
    "kgs": "kg/s",
    "kw": "kW",
    "kwh": "kWh",
    "pct": "%",
    "s": "s",
    "count": "1",
    "state": "1",
}


@dataclass(frozen=True, slots=True)
class Quantity:
    """One quantity of the vocabulary."""

    name: str
    kind: Kind
    says: str

    @property
    def unit(self) -> str:
        """Returns the unit that the name's last part states, "1" for the system words."""
        return UNIT_OF_SUFFIX.get(self.name.rsplit("_", 1)[-1], "1")


class Role(StrEnum):
    """Which of a setpoint's points a signal names."""

    REQUEST = "request"
    EFFECTIVE = "effective"
    AUTHORITY = "authority"


class Authority(IntEnum):
    """Who moves a setpoint, as its authority point states it (contract: enum 0=hand, 1=local, 2=remote)."""

    HAND = 0
    LOCAL = 1
    REMOTE = 2


class MachineState(IntEnum):
    """The run state of a machine as its status point states it."""

    OFF = 0
    STARTING = 1
    RUNNING = 2
    STOPPING = 3
    FAILED = 4
    LOCKED_OUT = 5


class EconomiserState(IntEnum):
    """The mode of the waterside economiser as its status point states it (physics 3.6: FMC, PMC, FC)."""

    OFF = 0
    PARTIAL = 1
    FULL = 2


_T, _D, _P, _F, _W, _S, _N = Kind.TEMPERATURE, Kind.DIFFERENCE, Kind.PRESSURE, Kind.FLOW, Kind.POWER, Kind.SHARE, Kind.COUNT

QUANTITIES: Final[Mapping[str, Quantity]] = {
    q.name: q
    for q in (
        # chilled-water side (equipment: a chilled-water plant, or one machine of it)
        Quantity("chws_temp_c", _T, "chilled water supply temperature"),
        Quantity("chwr_temp_c", _T, "chilled water return temperature"),
        Quantity("chw_flow_kgs", _F, "chilled water flow"),
        Quantity("chw_dp_kpa", _P, "chilled water differential pressure at the remote sensor"),
        Quantity("chws_setpoint_c", _T, "setpoint of the chilled water supply temperature"),
        Quantity("chw_dp_setpoint_kpa", _P, "setpoint of the chilled water differential pressure"),
        Quantity("evaporator_flow_kgs", _F, "water flow through a chiller's evaporator"),
        # condenser side
        Quantity("cws_temp_c", _T, "condenser water leaving the towers"),
        Quantity("cwr_temp_c", _T, "condenser water leaving the condensers"),
        Quantity("cw_flow_kgs", _F, "condenser water flow"),
        Quantity("cws_setpoint_c", _T, "setpoint of the condenser water leaving the towers"),
        Quantity("condenser_flow_kgs", _F, "water flow through a chiller's condenser"),
        Quantity("fan_pct", _S, "fan speed of a tower cell"),
        Quantity("fan_setpoint_pct", _S, "setpoint of a tower cell's fan speed"),
        Quantity("basin_temp_c", _T, "water temperature in a tower basin"),
        # machines
        Quantity("power_kw", _W, "electric power of a machine or a group of machines"),
        Quantity("load_pct", _S, "load of a machine, share of its design capacity"),
        Quantity("speed_pct", _S, "speed of a pump or fan"),
        Quantity("speed_setpoint_pct", _S, "setpoint of a pump's speed"),
        Quantity("machine_state", Kind.STATE, "run state of a machine, see MachineState"),
        Quantity("economiser_state", Kind.STATE, "mode of the waterside economiser, see EconomiserState"),
        Quantity("heat_kw", _W, "heat flow through an exchanger"),
        Quantity("running_count", _N, "machines of a group that are running"),
        Quantity("running_setpoint_count", _N, "requested stage: chillers of a plant that are to run"),
        # air side (equipment: a hall, or one row of it)
        Quantity("it_load_kw", _W, "electric power of the IT equipment with its own fans"),
        Quantity("rack_inlet_max_c", _T, "hottest rack inlet of a hall"),
        Quantity("rack_inlet_c", _T, "hottest rack inlet of a row"),
        Quantity("crah_supply_temp_c", _T, "CRAH supply air temperature"),
        Quantity("crah_return_temp_c", _T, "CRAH return air temperature"),
        Quantity("crah_supply_setpoint_c", _T, "setpoint of the CRAH supply air temperature"),
        Quantity("crah_fan_pct", _S, "CRAH fan speed"),
        Quantity("crah_fan_setpoint_pct", _S, "setpoint of the CRAH fan speed"),
        Quantity("crah_valve_pct", _S, "position of the most open CRAH valve"),
        Quantity("crah_fan_power_kw", _W, "electric power of a hall's CRAH fans"),
        Quantity("aisle_dp_pa", _P, "pressure of a hall's cold aisles over its hot aisles"),
        Quantity("room_dewpoint_c", _T, "dew point of the room air"),
        Quantity("humidify_setpoint_c", _T, "dew point below which a hall is humidified"),
        Quantity("dehumidify_setpoint_c", _T, "dew point above which a hall is dehumidified"),
        Quantity("room_rh_pct", Kind.HUMIDITY, "relative humidity of the room air"),
        # liquid side
        Quantity("tcs_supply_temp_c", _T, "technology water supply temperature"),
        Quantity("tcs_return_temp_c", _T, "technology water return temperature"),
        Quantity("tcs_setpoint_c", _T, "setpoint of the technology water supply temperature"),
        Quantity("cdu_flow_kgs", _F, "technology water flow of a CDU"),
        Quantity("tcs_dp_kpa", _P, "differential pressure of technology water at the worst rack of a hall"),
        Quantity("tcs_dp_setpoint_kpa", _P, "setpoint of the technology water differential pressure"),
        Quantity("fws_supply_temp_c", _T, "facility water supply temperature, of a loop or leaving one of its machines"),
        Quantity("fws_return_temp_c", _T, "facility water return temperature"),
        Quantity("fws_setpoint_c", _T, "setpoint of the facility water supply temperature"),
        Quantity("fws_flow_kgs", _F, "facility water flow, of a loop or through a CDU"),
        Quantity("fws_dp_kpa", _P, "facility water differential pressure at the remote sensor"),
        Quantity("cdu_valve_pct", _S, "position of a CDU's facility water valve"),
        Quantity("filter_dp_kpa", _P, "pressure lost in a CDU's filter"),
        Quantity("leak_state", Kind.STATE, "1 while a leak detector is wet"),
        Quantity("low_pressure_state", Kind.STATE, "1 while a CDU's technology water has too little pressure"),
        Quantity("pad_state", Kind.STATE, "1 while a dry cooler's adiabatic pads are wet"),
        Quantity("it_power_cap_kw", _W, "power that the IT side allows all racks of a hall"),
        # machines that are somebody else's for now (equipment: a machine)
        Quantity("hand_state", Kind.STATE, "1 while a machine is in hand, 0 in automatic"),
        Quantity("local_state", Kind.STATE, "1 while a machine is switched to local, 0 in remote"),
        Quantity("available_state", Kind.STATE, "1 while a machine may be called upon, 0 while not"),
        # the building (equipment: site, a hall or a plant), with leak_state: 0 is none
        Quantity("generator_state", Kind.STATE, "1 while on generator"),
        Quantity("transfer_state", Kind.STATE, "1 while power is being transferred from one supply to another"),
        Quantity("power_disturbance_state", Kind.STATE, "1 while the utility reports or shows a disturbance"),
        Quantity("fire_state", Kind.STATE, "1 while the fire alarm stands"),
        # outside and electrical
        Quantity("oa_drybulb_c", _T, "outside dry bulb"),
        Quantity("oa_wetbulb_c", _T, "outside wet bulb"),
        Quantity("facility_power_kw", _W, "electric power of the whole facility"),
        Quantity("losses_power_kw", _W, "losses of UPS and distribution, and lighting"),
        # reduced quantities of control
        Quantity("approach_k", _D, "leaving water over wet bulb"),
        Quantity("lift_k", _D, "leaving condenser water over leaving chilled water"),
        # the two systems themselves
        Quantity("heartbeat", _N, "a counter that moves while its owner lives"),
        Quantity("clock_s", Kind.TIME, "plant clock, seconds since 1970 in UTC (bench only)"),
        Quantity("owner_id", _N, "who holds the lease"),
        Quantity("kill_switch_state", Kind.STATE, "1 while the kill switch at the BAS keeps every setpoint from the daemon"),
        Quantity("daemon_lost_state", Kind.STATE, "1 from a lease that lapsed without a hand-back until the next lease: the BMS's alarm"),
        Quantity("stage_allowed_state", Kind.STATE, "highest stage of the daemon that the BAS allows, see safety.modes"),
        Quantity("mode", Kind.STATE, "mode of the daemon, see safety.modes"),
        Quantity("stage", Kind.STATE, "stage of the daemon, see safety.modes"),
        Quantity("alarm", Kind.STATE, "1 while the daemon has an alarm"),
        Quantity("done_until_s", Kind.TIME, "plant time up to which the daemon's work is done (bench only)"),
    )
}

SYSTEM_WORDS: Final[frozenset[str]] = frozenset({"heartbeat", "owner_id", "mode", "stage", "alarm"})

_STEERS: Final[Mapping[str, str]] = {
    "tcs_setpoint_c": "tcs_supply_temp_c",
    "fws_setpoint_c": "fws_supply_temp_c",
    "humidify_setpoint_c": "room_dewpoint_c",
    "dehumidify_setpoint_c": "room_dewpoint_c",
}
_EQUIPMENT: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Parts:
    """A signal's name taken apart."""

    equipment: str
    quantity: Quantity
    role: Role | None

    @property
    def setpoint(self) -> str:
        """Returns the name without its role, ``plant.chws_setpoint_c``."""
        return f"{self.equipment}.{self.quantity.name}"


def parse(signal: str) -> Parts:
    """Takes a signal's name apart.

    Raises ValueError, saying what is allowed, for an equipment name that is not lower-case words joined by "-", an unknown quantity,
    or a role on anything but a setpoint.
    """
    pieces = signal.split(".")
    if len(pieces) not in (2, 3):
        raise ValueError(f"{signal!r}: a signal is equipment.quantity or equipment.quantity.role")
    equipment, name = pieces[0], pieces[1]
    if not _EQUIPMENT.fullmatch(equipment):
        raise ValueError(f"{signal!r}: equipment {equipment!r} must be lower-case letters and digits joined by '-'")
    quantity = QUANTITIES.get(name)
    if quantity is None:
        raise ValueError(f"{signal!r}: unknown quantity {name!r}; known: {', '.join(sorted(QUANTITIES))}")
    if len(pieces) == 2:
        return Parts(equipment, quantity, None)
    if "setpoint" not in name:
        raise ValueError(f"{signal!r}: only a setpoint has a role")
    if pieces[2] not in list(Role):
        raise ValueError(f"{signal!r}: role {pieces[2]!r} must be one of {', '.join(Role)}")
    return Parts(equipment, quantity, Role(pieces[2]))


def point(setpoint: str, role: Role) -> str:
    """Returns the signal of one of a setpoint's points: ``("plant.chws_setpoint_c", REQUEST)`` -> ``plant.chws_setpoint_c.request``."""
    return f"{setpoint}.{role}"


def measurement_of(setpoint: str) -> str:
    """Returns the measurement that a setpoint steers: ``plant.chws_setpoint_c`` -> ``plant.chws_temp_c``."""
    equipment, _, name = setpoint.partition(".")
    plain = name.replace("_setpoint", "")
    measured = plain if plain in QUANTITIES else _STEERS.get(name, name.replace("_setpoint_c", "_temp_c"))
    if measured not in QUANTITIES:
        raise ValueError(f"{setpoint!r} has no measurement in the vocabulary")
    return f"{equipment}.{measured}"


def unit_of(name: str) -> str | None:
    """Returns the unit that a quantity's last word states, or None when it states none (only SYSTEM_WORDS may)."""
    return UNIT_OF_SUFFIX.get(name.rsplit("_", 1)[-1])
