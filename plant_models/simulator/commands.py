"""What the sequences of the simulated BAS command of the machines, held between two BAS scans; local loops inside the plant follow it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PlantCommands:
    """Commands to one chilled-water plant. Shares are 0 .. 1.

    chiller_on            (n_chiller,) 1 where the compressor may run (its start sequence is done), else 0
    chiller_valve         (n_chiller,) wanted position of evaporator and condenser isolation valves
    chiller_limit         (n_chiller,) demand limit, share of capacity, 0.4 .. 1
    chws_setpoint_c       chilled water supply setpoint in use [degC]
    chw_pump_count        chilled-water pumps running
    chw_primary_count     primary pumps running, of a primary/secondary plant
    tank_share            wanted position of the tank's valves, 1 charging .. -1 giving
    chw_dp_setpoint_kpa   differential pressure setpoint in use [kPa]
    chw_flow_min_kgs      minimum evaporator flow that the bypass holds [kg/s]
    cw_pump_count         condenser-water pumps running
    cw_pump_speed         their wanted speed, share
    tower_on              (n_tower,) 1 where a cell has water and its fan may run
    cws_setpoint_c        condenser water leaving tower setpoint in use [degC]
    tower_fan_low         fan speed floor of running cells, 0 where fans may stop
    tower_fan_high        fan speed cap (head pressure, load)
    tower_bypass          1 while the tower bypass holds condenser water up (head pressure)
    condenser_throttle    position of running machines' condenser valves, share (head pressure)
    basin_heaters         1 while the heaters of the cells' basins are on
    economiser            wanted position of the economiser's valves, 0 off .. 1 in line
    """

    chiller_on: Array
    chiller_valve: Array
    chiller_limit: Array
    chws_setpoint_c: float
    chw_pump_count: float
    chw_dp_setpoint_kpa: float
    chw_flow_min_kgs: float
    cw_pump_count: float
    tower_on: Array
    cws_setpoint_c: float
    tower_fan_low: float
    tower_fan_high: float
    tower_bypass: float
    condenser_throttle: float
    basin_heaters: float
    economiser: float
    chw_primary_count: float = 0.0
    cw_pump_speed: float = 1.0
    tank_share: float = 0.0


@dataclass(frozen=True, slots=True)
class TcsCommands:
    """Commands to one liquid hall's CDUs.

    cdu_on                (n_cdu,) 1 where a unit's pump may run
    tcs_setpoint_c        technology water supply setpoint in use [degC]
    tcs_dp_setpoint_kpa   rack differential pressure setpoint in use [kPa]
    """

    cdu_on: Array
    tcs_setpoint_c: float
    tcs_dp_setpoint_kpa: float


@dataclass(frozen=True, slots=True)
class LoopCommands:
    """Commands to one facility loop. Shares are 0 .. 1.

    fws_pump_count        pumps running
    fws_dp_setpoint_kpa   differential pressure setpoint in use [kPa]
    fws_setpoint_c        facility water supply setpoint in use [degC]
    cooler_on             (n_cooler,) 1 where a dry cooler has water
    cooler_fan_low        fan speed floor of coolers in use, 0 where fans may stop
    cooler_fan_high       fan speed cap
    pads                  (n_cooler,) 1 where pads are wetted
    trim_on               (n_trim,) 1 where a trim chiller may run
    """

    fws_pump_count: float
    fws_dp_setpoint_kpa: float
    fws_setpoint_c: float
    cooler_on: Array
    cooler_fan_low: float
    cooler_fan_high: float
    pads: Array
    trim_on: Array


@dataclass(frozen=True, slots=True)
class Commands:
    """Commands to the whole site: an entry for each plant, for each hall supply air setpoint [degC] and fan speed share, for each liquid hall and each
    facility loop, in the site's order.
    """

    plants: tuple[PlantCommands, ...]
    crah_supply_setpoint_c: Array
    crah_fan_share: Array
    tcs: tuple[TcsCommands, ...] = ()
    loops: tuple[LoopCommands, ...] = ()


def without_power(commands: Commands) -> Commands:
    """Returns what is left of commands while pumps, fans, compressors and heaters have no power."""
    plants = tuple(
        replace(
            p,
            chiller_on=0.0 * p.chiller_on,
            chw_pump_count=0.0,
            chw_primary_count=0.0,
            cw_pump_count=0.0,
            tower_fan_low=0.0,
            tower_fan_high=0.0,
            basin_heaters=0.0,
        )
        for p in commands.plants
    )
    tcs = tuple(replace(t, cdu_on=0.0 * t.cdu_on) for t in commands.tcs)
    loops = tuple(replace(p, fws_pump_count=0.0, cooler_fan_low=0.0, cooler_fan_high=0.0, trim_on=0.0 * p.trim_on) for p in commands.loops)
    return replace(commands, plants=plants, crah_fan_share=0.0 * commands.crah_fan_share, tcs=tcs, loops=loops)
