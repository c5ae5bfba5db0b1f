"""The building automation system of a simulated site: it lends setpoints to whoever keeps the lease, runs every sequence, and serves its own points."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from plant_models.simulator.commands import Commands
from plant_models.simulator.course import Course
from plant_models.simulator.liquid_sequences import LoopSequences, TcsSequences
from plant_models.simulator.plant_file import BasTruth
from plant_models.simulator.plant_sequences import PlantSequences, Setpoints
from plant_models.simulator.takeover import REACH_DEFAULTS, Lease, Reach, Station
from plant_models.simulator.timers import Held
from plant_models.site.points import Points
from plant_models.site.topology import Site
from safety.modes import Mode
from safety.signals import Role, parse, point

_STAGE: Final = "running_setpoint_count"
_SPEED: Final = "speed_setpoint_pct"
_OWN: Final[Mapping[str, float]] = {"chws_setpoint_c": 10.0, "cws_setpoint_c": 24.0, "crah_supply_setpoint_c": 20.0, "crah_fan_setpoint_pct": 90.0} | {
    _SPEED: 100.0
}
_OVER_WETBULB_K: Final = 3.5  # policy "fixed": condenser water at wet bulb + 3.5 K ...
_CONDENSER_RANGE_C: Final = (15.6, 29.4)  # ... within 60-85 F
_BELOW_CLASS_K: Final = 2.0  # engineering value: technology and facility water below the limit of their class
_HOT_INLET_C: Final = 30.0  # the BAS's own protection, below the A1 allowable limit of 32 degC (ASHRAE TC 9.9 2021)
_COOL_INLET_C: Final = 27.0  # ... until back within the recommended range ...
_COOL_S: Final = 300.0  # ... for 5 min
_COUNTER: Final = 65536  # heartbeat registers are uint16
_DAEMON: Final = ("daemon.mode", "daemon.stage", "daemon.alarm", "daemon.done_until_s")

_PLANNED_MODES: Final = (Mode.OPTIMISE, Mode.PLAN_ONLY, Mode.HOLD)
_AT_ONCE_S: Final = 60.0  # what is shown of a stage does not ramp

_KILL_SWITCH: Final = "bas.kill_switch_state"
_SWITCHES: Final = (_KILL_SWITCH, "bas.daemon_lost_state")


@dataclass(frozen=True)
class Manner:
    """How a BAS runs its plant by itself, where that is not as ``site.toml`` says: other own setpoints, by name, and its habits at the condenser side."""

    own: Mapping[str, float] = field(default_factory=dict)
    over_wetbulb_k: float | None = _OVER_WETBULB_K
    """Own condenser-water setpoint over wet bulb [K]; None: it stays where it is."""
    economiser: bool = True
    """Whether waterside economisers are used."""
    course: Course | None = None
    """Own setpoints in time, from its start on instead of all that is said above."""


class Bas:
    """The BAS. Machines follow the commands that ``scan`` returns; the wire reaches it by ``read`` and ``write``."""

    def __init__(self, site: Site, points: Points, manner: Manner | None = None, habits: BasTruth | None = None) -> None:
        """Takes the site and its points; a setpoint is lent only where it has a writable request point. Raises KeyError for an unknown own setpoint."""
        self._manner = manner or Manner()
        self._habits = habits or BasTruth()
        self._site = site
        self._lease = Lease(site.lease.bas_timeout_s)
        self._plants = tuple(PlantSequences(site, i, self._habits) for i in range(len(site.plant)))
        self._tcs = tuple(TcsSequences(site, hall) for hall in site.hall if hall.liquid)
        self._loops = tuple(LoopSequences(site, i) for i in range(len(site.facility_loop)))
        self._stations = {name: _station(site, name) for name in _setpoints_of(site)}
        self._own = {name: station.own for name, station in self._stations.items()}
        self.adopt(self._manner)
        if not self._manner.economiser:
            for plant in self._plants:
                plant.leave_out_economiser()
        self._lent = frozenset(points.setpoints) & self._stations.keys()
        self._protecting = dict.fromkeys((h.name for h in site.hall), False)
        self._cooled = {h.name: Held() for h in site.hall}
        self._now_s: float | None = None
        self._heartbeat = 0
        self._registers = dict.fromkeys(_DAEMON, 0.0)
        self.clock_off_s = 0.0
        """How far the clock that is served is wrong [s], for a scenario; the BAS itself runs on."""
        self._status: dict[str, float] | None = None

    def adopt(self, manner: Manner) -> None:
        """Takes over a manner's own setpoints and condenser side; what is in use moves there at the setpoints' rates. Raises KeyError for an unknown one."""
        unknown = manner.own.keys() - self._stations.keys()
        if unknown:
            raise KeyError(f"no such setpoint: {', '.join(sorted(unknown))}")
        self._manner = manner
        for name, station in self._stations.items():
            station.own = manner.own.get(name, self._own[name])

    @property
    def signals(self) -> frozenset[str]:
        """Returns the signals that this BAS serves itself; all others are sensors."""
        lent = {point(name, role) for name in self._lent for role in Role}
        own = {"bas.heartbeat", "bas.clock_s", *_SWITCHES, "daemon.heartbeat", "daemon.owner_id"}
        return frozenset(own | self._registers.keys() | lent | self._read_status().keys())

    def scan(self, now_s: float, seen: Mapping[str, float]) -> Commands:
        """Runs every sequence once and returns the commands that hold until the next scan.

        ``now_s`` is the plant clock [s since 1970 UTC]. ``seen`` holds sensors by signal in the signal's own unit; a dead sensor is absent, a
        machine that tripped by itself shows ``machine_state`` FAILED there. The first scan chooses what is already running.
        """
        first = self._now_s is None
        elapsed_s = 0.0 if self._now_s is None else now_s - self._now_s
        self._now_s = now_s
        self._heartbeat = (self._heartbeat + 1) % _COUNTER
        usable = seen if all(map(math.isfinite, seen.values())) else {signal: value for signal, value in seen.items() if math.isfinite(value)}
        if self._lease.scan(now_s):
            for station in self._stations.values():
                station.forget()
        ahead = self._manner.course.at(now_s) if self._manner.course else {}
        if not ahead:
            self._follow_wetbulb(usable)
        for name, value in ahead.items():
            self._stations[name].own = value
        for name, station in self._stations.items():
            if first:
                station.begin()
            station.scan(elapsed_s, self._lends(name), self._forced(name, usable))
        commands = tuple(plant.scan(now_s, elapsed_s, self._in_use(plant.plant.name, ahead), usable) for plant in self._plants)
        tcs = tuple(t.scan(now_s, self._held(t.hall.name, "tcs_setpoint_c"), self._held(t.hall.name, "tcs_dp_setpoint_kpa"), usable) for t in self._tcs)
        loops = tuple(p.scan(now_s, self._held(p.loop.name, "fws_setpoint_c"), usable) for p in self._loops)
        self._show_stages()
        self._status = None
        halls = [h.name for h in self._site.hall]
        supply = np.array([self._stations[f"{h}.crah_supply_setpoint_c"].effective for h in halls])
        fan = np.array([self._stations[f"{h}.crah_fan_setpoint_pct"].effective / 100.0 for h in halls])
        return Commands(commands, supply, fan, tcs, loops)

    def read(self, signal: str) -> float | None:
        """Returns the value of one of the BAS's own points. Raises KeyError for any other signal."""
        if signal == "bas.heartbeat":
            return float(self._heartbeat)
        if signal == "bas.clock_s":
            return None if self._now_s is None else self._now_s + self.clock_off_s
        if signal in _SWITCHES:
            return float(self._lease.kill_switch if signal == _KILL_SWITCH else self._lease.lost)
        if signal == "daemon.heartbeat":
            return self._lease.heartbeat
        if signal == "daemon.owner_id":
            return self._lease.owner_id
        if signal in self._registers:
            return self._registers[signal]
        name, _, role = signal.rpartition(".")
        if name in self._lent:
            station = self._stations[name]
            served: dict[str, float] = {Role.REQUEST: station.request, Role.EFFECTIVE: station.effective, Role.AUTHORITY: station.authority}
            return float(served[role])
        if self._status is None:
            self._status = self._read_status()
        return self._status[signal]

    def write(self, signal: str, value: float) -> None:
        """Writes a request or a ``daemon.*`` register; a value that is not a number changes nothing. Raises KeyError for anything else."""
        name, _, role = signal.rpartition(".")
        writable = signal in self._registers or signal in ("daemon.heartbeat", "daemon.owner_id") or (name in self._lent and role == Role.REQUEST)
        if not writable:
            raise KeyError(signal)
        if not math.isfinite(value):
            return
        if signal == "daemon.heartbeat":
            self._lease.heartbeat = value
        elif signal == "daemon.owner_id":
            self._lease.claim(value)
        elif signal in self._registers:
            self._registers[signal] = value
        else:
            self._stations[name].ask(value)

    def relinquish(self, setpoint: str) -> None:
        """Drops a request, as emptying the slot of a command does. Raises KeyError for an unknown setpoint."""
        self._stations[setpoint].forget()

    def set_hand(self, setpoint: str, value: float | None) -> None:
        """Puts a setpoint in hand at a value, as an operator at the BAS does, or back to automatic with None. Raises KeyError, ValueError."""
        if value is not None and not math.isfinite(value):
            raise ValueError(f"{setpoint} in hand at {value}: must be a finite number")
        self._stations[setpoint].set_hand(value)

    def follow(self, course: Course) -> None:
        """Takes own setpoints in time from now on."""
        self._manner = replace(self._manner, course=course)

    def set_kill_switch(self, on: bool) -> None:
        """Turns the kill switch, as a person does at the BMS or by a hard-wired input: it needs neither the daemon nor a network."""
        self._lease.kill_switch = on

    def lock_out(self, machine: str, locked: bool) -> None:
        """Locks a chiller or CDU out for work on it, or gives it back; giving back clears a trip too. Raises KeyError for an unknown one."""
        for racks in self._tcs:
            if machine in racks.units:
                racks.lock_out(machine, locked)
                return
        known = {m.spec.name: m for plant in self._plants for m in plant.staging.machines}
        known[machine].locked_out = locked
        if not locked:
            known[machine].failed = False

    def set_leak(self, cdu: str, wet: bool) -> None:
        """Wets a CDU's leak detector, or dries it; the unit stops while wet. Raises KeyError for an unknown one."""
        racks = {unit: racks for racks in self._tcs for unit in racks.units}[cdu]
        (racks.leaking.add if wet else racks.leaking.discard)(cdu)

    def power_failed(self) -> None:
        """Takes a power failure: every machine is off at once, and anti-recycle times are waived at the restart (Carrier 19XRV)."""
        for plant in self._plants:
            plant.staging.power_failed()

    @property
    def start_counts(self) -> Mapping[str, int]:
        """Returns how often each chiller was started, by name."""
        return {m.spec.name: m.start_count for plant in self._plants for m in plant.staging.machines}

    def _read_status(self) -> dict[str, float]:
        parts: tuple[PlantSequences | TcsSequences | LoopSequences, ...] = (*self._plants, *self._tcs, *self._loops)
        return {signal: value for part in parts for signal, value in part.read().items()}

    def _held(self, equipment: str, quantity: str) -> float:
        return self._stations[f"{equipment}.{quantity}"].effective

    def _in_use(self, plant: str, ahead: Mapping[str, float]) -> Setpoints:
        chws, dp, cws = (self._held(plant, q) for q in ("chws_setpoint_c", "chw_dp_setpoint_kpa", "cws_setpoint_c"))
        pumps = next((p.name for p in self._site.pump if p.plant == plant and p.serves == "cw"), None)
        stage = self._stations.get(f"{plant}.{_STAGE}")
        asked = stage.asked if stage and stage.asked is not None else ahead.get(f"{plant}.{_STAGE}")
        return Setpoints(chws, dp, cws, self._held(pumps, _SPEED) if pumps else 100.0, asked)

    def _lends(self, setpoint: str) -> bool:
        """Returns whether a setpoint follows requests now; the stage only while the daemon says that a plan is in charge, resets count no machines."""
        lent = self._lease.alive and setpoint in self._lent
        return lent and (not setpoint.endswith(_STAGE) or self._registers["daemon.mode"] in _PLANNED_MODES)

    def _show_stages(self) -> None:
        """Shows at its station which stage each plant follows; the BAS protects by one of its own."""
        for plant in self._plants:
            station = self._stations.get(f"{plant.plant.name}.{_STAGE}")
            if station is not None:
                station.own = float(plant.staging.count)
                station.scan(_AT_ONCE_S, self._lends(f"{plant.plant.name}.{_STAGE}"), station.own if plant.staging.protects else None)

    def _follow_wetbulb(self, seen: Mapping[str, float]) -> None:
        """Lets the BAS's own condenser-water setpoint follow the wet bulb, or the lift by load; without a wet bulb it stays where it was."""
        wetbulb_c, over_k = seen.get("weather.oa_wetbulb_c"), self._manner.over_wetbulb_k
        by_lift = self._habits.condenser_rule == "lift"
        for plant in self._plants:
            wanted_c = plant.cws_by_lift_c(self._stations[f"{plant.plant.name}.chws_setpoint_c"].effective, seen) if by_lift else wetbulb_c
            if wanted_c is not None and over_k is not None:
                own_c = wanted_c + (0.0 if by_lift else over_k)
                self._stations[f"{plant.plant.name}.cws_setpoint_c"].own = min(max(own_c, _CONDENSER_RANGE_C[0]), _CONDENSER_RANGE_C[1])

    def _forced(self, setpoint: str, seen: Mapping[str, float]) -> float | None:
        """Returns 100 % for the fans of a hall that is too hot: the last defence needs nobody else."""
        hall, _, quantity = setpoint.partition(".")
        if quantity != "crah_fan_setpoint_pct" or self._now_s is None:
            return None
        inlet_c = seen.get(f"{hall}.rack_inlet_max_c")
        if inlet_c is not None and inlet_c > _HOT_INLET_C:
            self._protecting[hall] = True
        if self._cooled[hall].for_at_least(_COOL_S, inlet_c is not None and inlet_c <= _COOL_INLET_C, self._now_s):
            self._protecting[hall] = False
        return 100.0 if self._protecting[hall] else None


def _setpoints_of(site: Site) -> list[str]:
    """Returns every setpoint that the site's loops have, lent or not."""
    of_plants = [f"{p.name}.{q}" for p in site.plant for q in ("chws_setpoint_c", "chw_dp_setpoint_kpa", "cws_setpoint_c")]
    of_plants += [f"{p.name}.{_STAGE}" for p in site.plant if any(c.plant == p.name for c in site.chiller)]
    of_plants += [f"{p.name}.{_SPEED}" for p in site.pump if p.serves == "cw"]
    of_air = [f"{h.name}.{q}" for h in site.hall for q in ("crah_supply_setpoint_c", "crah_fan_setpoint_pct")]
    of_racks = [f"{h.name}.{q}" for h in site.hall if h.liquid for q in ("tcs_setpoint_c", "tcs_dp_setpoint_kpa")]
    return of_plants + of_air + of_racks + [f"{loop.name}.fws_setpoint_c" for loop in site.facility_loop]


def _station(site: Site, setpoint: str) -> Station:
    parts = parse(setpoint)
    reach: Reach = REACH_DEFAULTS[parts.quantity.name]
    allowed = site.setpoint.get(setpoint)
    if allowed is not None:
        return Station(replace(reach, low=max(reach.low, allowed.low), high=min(reach.high, allowed.high)), allowed.own)
    return Station(reach, _own(site, parts.equipment, parts.quantity.name))


def _own(site: Site, equipment: str, quantity: str) -> float:
    """Returns what the BAS holds by itself where the site does not say: design, technology and facility water a little below their class."""
    design = {f"{p.name}.chw_dp_setpoint_kpa": p.chw_dp_max_kpa for p in site.plant}
    design |= {f"{p.name}.{_STAGE}": float(sum(c.plant == p.name for c in site.chiller)) for p in site.plant}
    for hall in site.hall:
        if hall.liquid:
            design |= {f"{hall.name}.tcs_setpoint_c": hall.liquid.tcs_max_c - _BELOW_CLASS_K, f"{hall.name}.tcs_dp_setpoint_kpa": hall.liquid.dp_kpa}
    design |= {f"{loop.name}.fws_setpoint_c": loop.fws_max_c - _BELOW_CLASS_K for loop in site.facility_loop}
    return design[f"{equipment}.{quantity}"] if f"{equipment}.{quantity}" in design else _OWN[quantity]
