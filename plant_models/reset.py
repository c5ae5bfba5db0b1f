"""Guideline 36 resets as pure functions: the daemon's fallback and the policy ``g36``; and the constants of policy ``fixed``.

Sequences are not here: staging, pumps and economiser belong to the BAS.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from plant_models.reset_liquid import LoopMemory, liquid_setpoints, loop_memory
from plant_models.site.topology import Chiller, Hall, Plant, SetpointRange, Site
from safety.signals import MachineState

_RECOMMENDED_C: Final = 27.0  # ASHRAE TC 9.9 2021, upper end of the recommended range
_OVER_WETBULB_K: Final = 3.5  # policy "fixed": wet bulb + 3.5 K ...
_CONDENSER_RANGE_C: Final = (15.6, 29.4)  # ... within 60-85 F
_EARLY: Final = 0.95  # of a period from which a step is due: cycles are not exact to the second
_WATER_KJ_PER_KGK: Final = 4.186


@dataclass(frozen=True, slots=True)
class Tuning:
    """Parameters of the resets: Guideline 36-2021 values where it has any; the others are what an operator tunes once.

    ``approach_*``, ``spread_k``, ``chws_warmest_c``, ``importance`` and ``inlet_gain`` were searched one by one, for the least facility energy, on
    reference-a under its generated load on 8 May and 12 November in Greensboro and 18 February and 26 August in Miami;
    ``python -m plant_models.reset_search`` searches them again.
    """

    delay_s: float = 900.0  # 5.20.5.2 Td
    period_s: float = 300.0  # 5.20.5.2 T
    ignored: float = 2.0  # 5.20.5.2 I
    trim: float = -0.02  # 5.20.5.2
    respond: float = 0.03  # 5.20.5.2, for each request above the ignored ones
    respond_most: float = 0.07  # 5.20.5.2
    stage_hold_s: float = 900.0  # 5.20.5.2.c
    importance: float = 3.0  # 5.1.14.2: a hall's group of CRAHs counts as three, so that one hall is heard over the ignored requests
    error_3_k: float = 1.5  # requests of a data hall: 3 above 1.5 K ...
    error_2_k: float = 1.0  # ... 2 above 1 K of supply air over setpoint
    error_s: float = 120.0
    valve_high_pct: float = 95.0
    valve_low_pct: float = 85.0
    chws_warmest_c: float = 15.6  # 5.20.5.2, 60 F
    approach_least_k: float = 3.5  # no condenser water is asked for that towers would only reach at full speed ...
    approach_most_k: float = 3.5  # ... and none so warm that compressors pay more than fans save
    inlet_gain: float = 0.4  # K of supply air for each kelvin of the hottest inlet from its target, each period
    supply_raise_k: float = 0.5  # at most, each period
    supply_lower_k: float = 1.5
    supply_coldest_c: float = 16.0
    spread_k: float = 4.0  # hottest inlet over supply air that the fans hold: just enough air for the servers, little recirculated
    spread_gain_pct: float = 4.0  # of speed for each kelvin, each period
    fan_lower_pct: float = 3.0  # at most, each period
    fan_raise_pct: float = 10.0


G36: Final = Tuning()


@dataclass(frozen=True, slots=True)
class PlantMemory:
    """What the reset of one plant remembers; ``level`` 0 .. 1 is its output, times are plant times [s]."""

    level: float
    began_at_s: float
    stepped_at_s: float
    held_until_s: float
    running: float


@dataclass(frozen=True, slots=True)
class HallMemory:
    """What the resets of one hall remember: its setpoints, the last step, since when supply air is too warm, whether the valve asks for more."""

    supply_c: float
    fan_pct: float
    stepped_at_s: float
    warm_since_s: float | None
    warmer_since_s: float | None
    valve_asks: bool


@dataclass(frozen=True, slots=True)
class ResetMemory:
    """What the resets of a whole site remember, by equipment; empty at the start."""

    plants: Mapping[str, PlantMemory] = field(default_factory=dict)
    halls: Mapping[str, HallMemory] = field(default_factory=dict)
    loops: Mapping[str, LoopMemory] = field(default_factory=dict)


def reset(site: Site, memory: ResetMemory, measured: Mapping[str, float], at_s: float, tuning: Tuning = G36) -> tuple[dict[str, float], ResetMemory]:
    """Returns the setpoints that Guideline 36 asks for now, by setpoint, and what to remember.

    ``measured`` holds readings by signal, in-force setpoints as ``.effective``; what is missing leaves its part as it was. Called once a
    cycle; timers count plant time ``at_s`` [s]. A reset begins at, and keeps to, what is in force, so that it may take over at any time. Only setpoints with a
    range in the site are returned, each within it.
    """
    halls = {h.name: _hall(site, h, memory.halls.get(h.name), measured, at_s, tuning) for h in site.hall}
    plants = {p.name: _plant(site, p, memory.plants.get(p.name), halls, measured, at_s, tuning) for p in site.plant}
    setpoints: dict[str, float] = {}
    for plant in site.plant:
        chws_c, dp_kpa = _water(site, plant, plants[plant.name].level, tuning)
        setpoints[f"{plant.name}.chws_setpoint_c"] = chws_c
        setpoints[f"{plant.name}.chw_dp_setpoint_kpa"] = dp_kpa
        cws_c = condenser_setpoint_c(site, plant, chws_c, measured, tuning)
        if cws_c is not None:
            setpoints[f"{plant.name}.cws_setpoint_c"] = cws_c
    setpoints |= {f"{pumps.name}.speed_setpoint_pct": 100.0 for pumps in site.pump if pumps.serves == "cw"}  # 5.20.9: at design flow
    for hall in site.hall:
        setpoints[f"{hall.name}.crah_supply_setpoint_c"] = halls[hall.name].supply_c
        setpoints[f"{hall.name}.crah_fan_setpoint_pct"] = halls[hall.name].fan_pct
    loops = {loop.name: loop_memory(site, loop, memory.loops.get(loop.name), measured, at_s) for loop in site.facility_loop}
    return _within(site, setpoints | liquid_setpoints(site, loops)), ResetMemory(plants, halls, loops)


def fixed(site: Site, measured: Mapping[str, float]) -> dict[str, float]:
    """Returns the setpoints of policy ``fixed``: each its own constant, condenser water wet bulb + 3.5 K within 15.6 .. 29.4 degC; no stage."""
    setpoints = {name: allowed.own for name, allowed in site.setpoint.items() if not name.endswith(".running_setpoint_count")}
    wetbulb_c = measured.get("weather.oa_wetbulb_c")
    if wetbulb_c is not None:
        setpoints |= {s: _clip(wetbulb_c + _OVER_WETBULB_K, *_CONDENSER_RANGE_C) for s in setpoints if s.endswith(".cws_setpoint_c")}
    return _within(site, setpoints)


def condenser_setpoint_c(site: Site, plant: Plant, chws_c: float, measured: Mapping[str, float], tuning: Tuning) -> float | None:
    """Returns the leaving tower temperature that holds the return by lift (5.20.12.2): CHWS + clamp(A PLR + B, lift_min, lift_max) less the range.

    Where load, flow or temperatures of running machines are unknown, wet bulb + 3.5 K; None where the wet bulb is unknown too.
    """
    wetbulb_c = measured.get("weather.oa_wetbulb_c")
    return_c, supply_c = measured.get(f"{plant.name}.cwr_temp_c"), measured.get(f"{plant.name}.cws_temp_c")
    running = _running(site, plant, measured)
    load = part_load(plant, running, measured)
    if return_c is None or supply_c is None or load is None:
        return None if wetbulb_c is None else _clip(wetbulb_c + _OVER_WETBULB_K, *_CONDENSER_RANGE_C)
    lift_min = max(c.lift_min_k for c in running)
    lift_max = max(min(c.lift_max_k for c in running), lift_min)
    a = 1.1 * (lift_max - lift_min)
    wanted_c = chws_c + _clip(a * load + lift_max - a, lift_min, lift_max) - max(return_c - supply_c, 0.0)
    return wanted_c if wetbulb_c is None else _clip(wanted_c, wetbulb_c + tuning.approach_least_k, wetbulb_c + tuning.approach_most_k)


def part_load(plant: Plant, running: tuple[Chiller, ...], measured: Mapping[str, float]) -> float | None:
    """Returns the load of the running machines over their capacity, by their own loads, else by the plant's heat balance; None where unknown."""
    capacity_kw = sum(c.capacity_kw for c in running)
    if capacity_kw <= 0.0:
        return None
    loads = [measured.get(f"{c.name}.load_pct") for c in running]
    if all(pct is not None for pct in loads):
        return sum(c.capacity_kw * pct / 100.0 for c, pct in zip(running, loads, strict=True) if pct is not None) / capacity_kw
    waters = [measured.get(f"{plant.name}.{q}") for q in ("chw_flow_kgs", "chwr_temp_c", "chws_temp_c")]
    flow_kgs, return_c, supply_c = waters
    if flow_kgs is None or return_c is None or supply_c is None:
        return None
    return max(flow_kgs * _WATER_KJ_PER_KGK * (return_c - supply_c), 0.0) / capacity_kw


def requests(memory: HallMemory, at_s: float, tuning: Tuning) -> float:
    """Returns a hall's chilled-water reset requests, 0 .. 3, times its importance."""

    def held(since_s: float | None) -> bool:
        return since_s is not None and at_s - since_s >= tuning.error_s

    count = 3 if held(memory.warmer_since_s) else 2 if held(memory.warm_since_s) else 1 if memory.valve_asks else 0
    return tuning.importance * count


def _running(site: Site, plant: Plant, measured: Mapping[str, float]) -> tuple[Chiller, ...]:
    return tuple(c for c in site.chiller if c.plant == plant.name and measured.get(f"{c.name}.machine_state") == MachineState.RUNNING)


def _range(site: Site, setpoint: str, fallback: SetpointRange) -> SetpointRange:
    return site.setpoint.get(setpoint, fallback)


def _water_ranges(site: Site, plant: Plant, tuning: Tuning) -> tuple[tuple[float, float], tuple[float, float]]:
    """Returns coldest and warmest chilled water [degC], and least and most differential pressure [kPa], that the reset spans."""
    chws = _range(site, f"{plant.name}.chws_setpoint_c", SetpointRange(6.0, 18.0, 10.0))
    dp = _range(site, f"{plant.name}.chw_dp_setpoint_kpa", SetpointRange(plant.chw_dp_min_kpa, plant.chw_dp_max_kpa, plant.chw_dp_max_kpa))
    machines = [c.chws_max_c for c in site.chiller if c.plant == plant.name]
    warmest = max(min([tuning.chws_warmest_c, chws.high, *machines]), chws.own)
    return (chws.own, warmest), (max(plant.chw_dp_min_kpa, dp.low), min(plant.chw_dp_max_kpa, dp.high))


def _water(site: Site, plant: Plant, level: float, tuning: Tuning) -> tuple[float, float]:
    """Returns chilled water and differential pressure of a reset level (5.20.5.2.b): below one half pressure moves, above it temperature."""
    (coldest, warmest), (least, most) = _water_ranges(site, plant, tuning)
    return warmest - (warmest - coldest) * max(2.0 * level - 1.0, 0.0), least + (most - least) * min(2.0 * level, 1.0)


def _level_of(site: Site, plant: Plant, measured: Mapping[str, float], tuning: Tuning) -> float | None:
    """Returns the level whose setpoints are nearest to those in force, None where they are unknown."""
    (coldest, warmest), (least, most) = _water_ranges(site, plant, tuning)
    chws_c = measured.get(f"{plant.name}.chws_setpoint_c.effective")
    dp_kpa = measured.get(f"{plant.name}.chw_dp_setpoint_kpa.effective")
    if chws_c is not None and warmest > coldest and chws_c < warmest - 0.05 * (warmest - coldest):
        return 0.5 + 0.5 * _clip((warmest - chws_c) / (warmest - coldest), 0.0, 1.0)
    if chws_c is None or dp_kpa is None or most <= least:
        return None
    return 0.5 * _clip((dp_kpa - least) / (most - least), 0.0, 1.0)


def _plant(
    site: Site, plant: Plant, before: PlantMemory | None, halls: Mapping[str, HallMemory], measured: Mapping[str, float], at_s: float, tuning: Tuning
) -> PlantMemory:
    """Trims or responds, where a step is due."""
    in_force = _level_of(site, plant, measured, tuning)
    running = float(len(_running(site, plant, measured)))
    if before is None:
        return PlantMemory(1.0 if in_force is None else in_force, at_s, at_s, -math.inf, running)
    held_until_s = before.held_until_s if running == before.running else at_s + tuning.stage_hold_s
    due = at_s - before.stepped_at_s >= _EARLY * tuning.period_s and at_s - before.began_at_s >= _EARLY * tuning.delay_s
    level = _kept(before.level, in_force, tuning.respond_most)
    if not due or at_s < held_until_s:
        return replace(before, level=level, held_until_s=held_until_s, running=running)
    served = [h.name for h in site.hall if h.plant in (None, plant.name)]
    above = sum(requests(halls[name], at_s, tuning) for name in served) - tuning.ignored
    level += tuning.trim + (min(tuning.respond * above, tuning.respond_most) if above > 0.0 else 0.0)
    return PlantMemory(_clip(level, 0.0, 1.0), before.began_at_s, at_s, held_until_s, running)


def _hall(site: Site, hall: Hall, before: HallMemory | None, measured: Mapping[str, float], at_s: float, tuning: Tuning) -> HallMemory:
    """Moves supply air by the hottest inlet and fans by how far that is above supply air."""
    supply = _range(site, f"{hall.name}.crah_supply_setpoint_c", SetpointRange(16.0, 26.0, 20.0))
    fan = _range(site, f"{hall.name}.crah_fan_setpoint_pct", SetpointRange(30.0, 100.0, 90.0))
    supply_now = measured.get(f"{hall.name}.crah_supply_setpoint_c.effective")
    fan_now = measured.get(f"{hall.name}.crah_fan_setpoint_pct.effective")
    if before is None:
        started = HallMemory(supply.own if supply_now is None else supply_now, fan.own if fan_now is None else fan_now, at_s, None, None, False)
        return _asking(hall, started, measured, at_s, tuning)
    supply_c = _kept(before.supply_c, supply_now, tuning.supply_raise_k)
    fan_pct = _kept(before.fan_pct, fan_now, tuning.fan_raise_pct)
    inlet_c, air_c = _hottest_inlet_c(hall, measured), measured.get(f"{hall.name}.crah_supply_temp_c")
    stepped_at_s = before.stepped_at_s
    if inlet_c is not None and at_s - stepped_at_s >= _EARLY * tuning.period_s:
        recommended_c = site.limits.inlet_recommended_c or _RECOMMENDED_C
        spare_k = recommended_c - site.optimiser.inlet_margin_k - inlet_c
        supply_c += _clip(tuning.inlet_gain * spare_k, -tuning.supply_lower_k, tuning.supply_raise_k)
        if inlet_c > recommended_c:
            fan_pct += tuning.fan_raise_pct
        elif air_c is not None:
            fan_pct += _clip(tuning.spread_gain_pct * (inlet_c - air_c - tuning.spread_k), -tuning.fan_lower_pct, tuning.fan_raise_pct)
        stepped_at_s = at_s
    moved = replace(
        before,
        supply_c=_clip(supply_c, max(supply.low, tuning.supply_coldest_c), supply.high),
        fan_pct=_clip(fan_pct, fan.low, fan.high),
        stepped_at_s=stepped_at_s,
    )
    return _asking(hall, moved, measured, at_s, tuning)


def _asking(hall: Hall, memory: HallMemory, measured: Mapping[str, float], at_s: float, tuning: Tuning) -> HallMemory:
    """Returns the memory with what the hall asks of the plant: for how long supply air has been too warm, and the valve's hysteresis."""
    air_c = measured.get(f"{hall.name}.crah_supply_temp_c")
    setpoint_c = measured.get(f"{hall.name}.crah_supply_setpoint_c.effective", memory.supply_c)
    valve_pct = measured.get(f"{hall.name}.crah_valve_pct")
    error_k = -math.inf if air_c is None else air_c - setpoint_c
    asks = memory.valve_asks
    if valve_pct is not None:
        asks = valve_pct > tuning.valve_high_pct or (asks and valve_pct >= tuning.valve_low_pct)
    return replace(
        memory,
        warm_since_s=_since(memory.warm_since_s, error_k > tuning.error_2_k, at_s),
        warmer_since_s=_since(memory.warmer_since_s, error_k > tuning.error_3_k, at_s),
        valve_asks=asks,
    )


def _hottest_inlet_c(hall: Hall, measured: Mapping[str, float]) -> float | None:
    inlets = [measured[s] for s in (f"{hall.name}.rack_inlet_max_c", *(f"{row}.rack_inlet_c" for row in hall.rows)) if s in measured]
    return max(inlets, default=None)


def _since(before_s: float | None, holds: bool, at_s: float) -> float | None:
    return (before_s if before_s is not None else at_s) if holds else None


def _kept(own: float, in_force: float | None, apart: float) -> float:
    """Returns the reset's own value while what is in force follows it, else what is in force: somebody else moves the setpoint meanwhile."""
    return own if in_force is None or abs(own - in_force) <= apart else in_force


def _within(site: Site, setpoints: Mapping[str, float]) -> dict[str, float]:
    return {s: _clip(v, site.setpoint[s].low, site.setpoint[s].high) for s, v in setpoints.items() if s in site.setpoint}


def _clip(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)
