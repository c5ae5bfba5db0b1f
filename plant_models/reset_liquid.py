"""Resets of the liquid side, part of policy ``g36``: technology water at its class, pumps at design pressure, facility water as warm as valves allow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from plant_models.site.liquid import FacilityLoop
from plant_models.site.topology import SetpointRange, Site
from safety.signals import MachineState

_CLASS_MARGIN_K: Final = 1.0  # engineering value: below the class, for the swing of the units' own loops
_PERIOD_S: Final = 300.0  # trim and respond, ASHRAE Guideline 36-2021 5.1.14
_EARLY: Final = 0.95
_TRIM_K: Final = 0.2  # engineering value: warmer, each period in which no unit asks
_RESPOND_K: Final = 0.5  # engineering value: colder, each period in which one asks
_VALVE_HIGH_PCT: Final = 90.0  # a unit asks above ...
_VALVE_LOW_PCT: Final = 80.0  # ... and no longer below; between these the setpoint stays
_APART_K: Final = 0.75  # what is in force and does not follow within this is somebody else's


@dataclass(frozen=True, slots=True)
class LoopMemory:
    """What the reset of one facility loop remembers: its setpoint [degC] and the last step, in plant time [s]."""

    fws_c: float
    stepped_at_s: float


def liquid_setpoints(site: Site, loops: Mapping[str, LoopMemory]) -> dict[str, float]:
    """Returns the setpoints that the resets ask for, by setpoint; ranges are not applied here."""
    setpoints = {f"{name}.fws_setpoint_c": memory.fws_c for name, memory in loops.items()}
    for hall in site.hall:
        if hall.liquid:
            setpoints[f"{hall.name}.tcs_setpoint_c"] = hall.liquid.tcs_max_c - _CLASS_MARGIN_K
            pressure = site.setpoint.get(f"{hall.name}.tcs_dp_setpoint_kpa")
            setpoints[f"{hall.name}.tcs_dp_setpoint_kpa"] = pressure.own if pressure else hall.liquid.dp_kpa
    return setpoints


def loop_memory(site: Site, loop: FacilityLoop, before: LoopMemory | None, measured: Mapping[str, float], at_s: float) -> LoopMemory:
    """Trims facility water warmer while every running unit's valve has room, and makes it colder while one has none, once a period."""
    allowed = site.setpoint.get(f"{loop.name}.fws_setpoint_c", SetpointRange(15.0, loop.fws_max_c, loop.fws_max_c - 2.0))
    in_force = measured.get(f"{loop.name}.fws_setpoint_c.effective")
    if before is None:
        return LoopMemory(allowed.own if in_force is None else in_force, at_s)
    fws_c = before.fws_c if in_force is None or abs(before.fws_c - in_force) <= _APART_K else in_force
    if at_s - before.stepped_at_s < _EARLY * _PERIOD_S:
        return replace(before, fws_c=fws_c)
    valve_pct = _most_open_pct(site, loop, measured)
    if valve_pct is not None:
        fws_c += -_RESPOND_K if valve_pct > _VALVE_HIGH_PCT else _TRIM_K if valve_pct < _VALVE_LOW_PCT else 0.0
    return LoopMemory(min(max(fws_c, allowed.low), allowed.high, loop.fws_max_c - _CLASS_MARGIN_K), at_s)


def _most_open_pct(site: Site, loop: FacilityLoop, measured: Mapping[str, float]) -> float | None:
    """Returns the most open valve of the units that run on the loop [%], None where none is known."""
    running = (c.name for c in site.cdu if c.loop == loop.name and measured.get(f"{c.name}.machine_state", MachineState.RUNNING) == MachineState.RUNNING)
    return max((measured[s] for name in running if (s := f"{name}.cdu_valve_pct") in measured), default=None)
