"""Fits the liquid side's parameters to what a site showed, block by block by least squares; what the data cannot say comes from name plates.

A table has columns by signal, one row a cycle, setpoints in force by their plain name; rows with a missing value are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from plant_models.reduced.liquid import LiquidInputs, LiquidParameters, LiquidState, base_kw, flow_share, liquid_response
from plant_models.site.liquid import FacilityLoop, LiquidCooling
from plant_models.site.topology import Hall, Site
from safety.signals import MachineState

Column = NDArray[np.float64]
_CP_WATER: Final = 4.18
_LEAKAGE_AT_C: Final = 65.0
_LEAKAGE_USUAL_PER_K: Final = 0.0015  # 0.05-0.3 %/K of silicon
_LEAKAGE_SPREAD_PER_K: Final = 0.0007  # how sure that is, against what the data say
_CASE_RISE_K: Final = 25.0  # of a 1 kW plate at about 0.95 L/min (Open Compute Project, OAI guidelines 2023)
_CASE_FLOW_SHARE: Final = 0.35  # of that, the film's part
_PADS: Final = 0.8
_TAU_S: Final = (60.0, 1800.0)
_STEADY_K: Final = 0.5
_ROWS_LEAST: Final = 30
_FANS_PCT: Final = 23.0  # above the minimum, where the fans' speed says something


@dataclass(frozen=True, slots=True)
class Readings:
    """What the fit needs of one loop and its hall, clean rows only; powers [kW], flow [kg/s], temperatures [degC]."""

    at_s: Column
    tcs_c: Column
    tcs_setpoint_c: Column
    dp_kpa: Column
    it_kw: Column
    cdu_pumps_kw: Column
    fws_c: Column
    fws_return_c: Column
    fws_setpoint_c: Column
    flow_kgs: Column
    fws_pumps_kw: Column
    coolers_kw: Column
    fan_pct: Column
    drybulb_c: Column
    wetbulb_c: Column
    wet_share: Column
    coolers_share: Column

    @property
    def heat_kw(self) -> Column:
        """Returns the heat that facility water carries [kW]."""
        return _CP_WATER * self.flow_kgs * (self.fws_return_c - self.fws_c)


def readings_of(site: Site, hall: Hall, loop: FacilityLoop, table: Mapping[str, Column]) -> Readings:
    """Returns a table's clean rows for one hall and its loop. Raises KeyError for a column that is not there."""
    units, coolers = [c.name for c in site.cdu if c.hall == hall.name], [c.name for c in site.dry_cooler if c.loop == loop.name]
    pumps = [p.name for p in site.pump if p.plant == loop.name]

    def summed(names: list[str], quantity: str) -> Column:
        return np.asarray(np.sum([table[f"{n}.{quantity}"] for n in names], axis=0))

    columns = {
        "at_s": table["at_s"],
        "tcs_c": table[f"{hall.name}.tcs_supply_temp_c"],
        "tcs_setpoint_c": table[f"{hall.name}.tcs_setpoint_c"],
        "dp_kpa": table[f"{hall.name}.tcs_dp_kpa"],
        "it_kw": table[f"{hall.name}.it_load_kw"],
        "cdu_pumps_kw": summed(units, "power_kw"),
        "fws_c": table[f"{loop.name}.fws_supply_temp_c"],
        "fws_return_c": table[f"{loop.name}.fws_return_temp_c"],
        "fws_setpoint_c": table[f"{loop.name}.fws_setpoint_c"],
        "flow_kgs": table[f"{loop.name}.fws_flow_kgs"],
        "fws_pumps_kw": summed(pumps, "power_kw"),
        "coolers_kw": summed(coolers, "power_kw"),
        "fan_pct": np.asarray(np.max([table[f"{c}.fan_pct"] for c in coolers], axis=0)),
        "drybulb_c": table["weather.oa_drybulb_c"],
        "wetbulb_c": table["weather.oa_wetbulb_c"],
        "wet_share": summed(coolers, "pad_state") / max(len(coolers), 1),
        "coolers_share": np.asarray(np.mean([table[f"{c}.machine_state"] == MachineState.RUNNING for c in coolers], axis=0)),
    }
    clean = np.all([np.isfinite(c) for c in columns.values()], axis=0)
    clean &= columns["coolers_share"] > 0.0
    clean &= (columns["flow_kgs"] > 1.0) & (columns["fws_return_c"] > columns["fws_c"] + 1.0)
    return Readings(**{name: column[clean] for name, column in columns.items()})


def fit_liquid(site: Site, hall: Hall, loop: FacilityLoop, table: Mapping[str, Column]) -> LiquidParameters:
    """Returns the parameters of a hall's liquid side and its loop. Raises ValueError for an air hall, or with fewer than 100 clean rows."""
    if hall.liquid is None:
        raise ValueError(f"hall {hall.name} has no liquid side")
    r = readings_of(site, hall, loop, table)
    if len(r.at_s) < 100:
        raise ValueError(f"{len(r.at_s)} clean rows of {hall.name} and {loop.name}; at least 100 are needed")
    heat_kw = hall.liquid_capacity_kw
    standing, cubic = _power_in_flow(r, hall.liquid)
    flow, of_heat, of_gap = _valves(r, heat_kw)
    pumping = nnls(np.column_stack([np.ones_like(r.flow_kgs), r.flow_kgs, (r.flow_kgs / 100.0) ** 3]), r.fws_pumps_kw)[0]
    cooler, of_water, of_air = _coolers(site, loop, r)
    approach = max((c.approach_k for c in site.cdu if c.hall == hall.name), default=3.0)
    return LiquidParameters(
        tcs_tau_s=_tau_s(r.at_s, r.tcs_c, r.tcs_setpoint_c),
        fws_tau_s=_tau_s(r.at_s, r.fws_c, r.fws_setpoint_c),
        reach_k=approach,
        heat_kw=heat_kw,
        pump_standing_kw=standing,
        pump_cubic_kw=cubic,
        dp_kpa=hall.liquid.dp_kpa,
        case_rise_k=_CASE_RISE_K,
        case_flow_share=_CASE_FLOW_SHARE,
        leakage_per_k=_leakage_per_k(r, hall, hall.liquid),
        leakage_at_c=_LEAKAGE_AT_C,
        flow_kgs=flow,
        flow_heat_exponent=of_heat,
        flow_gap_exponent=of_gap,
        fws_pump_standing_kw=float(pumping[0]),
        fws_pump_linear_kw=float(pumping[1]),
        fws_pump_cubic_kw=float(pumping[2]),
        cooler_kw_per_k=cooler,
        cooler_water_exponent=of_water,
        cooler_air_exponent=of_air,
        fan_kw=sum(c.fan_power_kw for c in site.dry_cooler if c.loop == loop.name),
        pads_cool_share=_PADS if any(c.pads for c in site.dry_cooler if c.loop == loop.name) else 0.0,
    )


def powers_of(p: LiquidParameters, hall: Hall, r: Readings) -> dict[str, tuple[Column, Column]]:
    """Returns seen and modelled power by group [kW], at the load, the temperatures and the coolers in service that were seen."""
    base = base_kw(p, hall.liquid_capacity_kw / hall.it_capacity_kw * r.it_kw, r.tcs_c, flow_share(p, r.dp_kpa))
    inputs = LiquidInputs(r.tcs_setpoint_c, r.dp_kpa, r.fws_setpoint_c, base, r.drybulb_c, r.wetbulb_c, r.wet_share, r.coolers_share)
    answer = liquid_response(p, LiquidState(r.tcs_c, r.fws_c), inputs)
    return {
        "cdu_pumps": (r.cdu_pumps_kw, answer.cdu_pumps_kw),
        "fws_pumps": (r.fws_pumps_kw, answer.fws_pumps_kw),
        "dry_coolers": (r.coolers_kw, answer.dry_coolers_kw),
        "liquid_cooling": (
            r.cdu_pumps_kw + r.fws_pumps_kw + r.coolers_kw,
            answer.cdu_pumps_kw + answer.fws_pumps_kw + answer.dry_coolers_kw,
        ),
        "heat": (r.heat_kw, answer.heat_kw),
    }


def errors_of(seen: Column, modelled: Column) -> dict[str, float]:
    """Returns CV(RMSE) and NMBE [%] of one quantity."""
    mean = float(np.mean(seen))
    return {
        "cv_rmse_pct": 100.0 * float(np.sqrt(np.mean((modelled - seen) ** 2))) / mean,
        "nmbe_pct": 100.0 * float(np.mean(modelled - seen)) / mean,
    }


def _power_in_flow(r: Readings, liquid: LiquidCooling) -> tuple[float, float]:
    share = np.sqrt(np.maximum(r.dp_kpa, 0.0) / liquid.dp_kpa)
    found = nnls(np.column_stack([np.ones_like(share), share**3]), r.cdu_pumps_kw)[0]
    return float(found[0]), float(found[1])


def _valves(r: Readings, heat_kw: float) -> tuple[float, float, float]:
    """Returns facility water at design heat and 5 K between the waters [kg/s], and its exponents of heat and gap; rows with next to no gap say little."""
    gap = r.tcs_c - r.fws_c
    rows = (gap > 1.0) & (r.heat_kw > 0.05 * heat_kw)
    terms = np.column_stack([np.ones(int(rows.sum())), np.log(r.heat_kw[rows] / heat_kw), -np.log(gap[rows] / 5.0)])
    found = np.linalg.lstsq(terms, np.log(r.flow_kgs[rows]), rcond=None)[0]
    return float(np.exp(found[0])), float(np.clip(found[1], 0.2, 3.0)), float(np.clip(found[2], 0.0, 3.0))


def _coolers(site: Site, loop: FacilityLoop, r: Readings) -> tuple[float, float, float]:
    """Returns the coolers' conductance with all fans at full speed and 100 kg/s of water [kW/K], and its exponents of water and of fan speed."""
    most_kw = sum(c.fan_power_kw for c in site.dry_cooler if c.loop == loop.name)
    air_c = r.drybulb_c - r.wet_share * _PADS * np.maximum(r.drybulb_c - r.wetbulb_c, 0.0)
    over_k = r.fws_c - air_c
    steady = np.abs(np.diff(r.fws_c, prepend=r.fws_c[0])) < _STEADY_K
    rows = steady & (r.fan_pct > _FANS_PCT) & (over_k > 1.0) & (r.coolers_kw > 0.0)
    if rows.sum() < _ROWS_LEAST:
        rows = (r.coolers_kw > 0.0) & (over_k > 1.0)
    water, each = _CP_WATER * r.flow_kgs[rows], r.coolers_share[rows]
    conductance = water * np.log(1.0 + (r.fws_return_c - r.fws_c)[rows] / over_k[rows]) / each
    share = (r.coolers_kw[rows] / (most_kw * each)) ** (1.0 / 3.0)
    terms = np.column_stack([np.ones(int(rows.sum())), np.log(r.flow_kgs[rows] / (100.0 * each)), np.log(share)])
    found = np.linalg.lstsq(terms, np.log(conductance), rcond=None)[0]
    return float(np.exp(found[0])), float(np.clip(found[1], 0.0, 1.0)), float(np.clip(found[2], 0.2, 2.0))


def _tau_s(at_s: Column, value: Column, target: Column) -> float:
    """Returns the lag of a closed loop [s] by how much of its error is gone at the next row, where the setpoint moved."""
    elapsed = np.diff(at_s)
    moved = (np.abs(target[1:] - value[:-1]) > 0.5) & (elapsed > 0.0) & (elapsed < 1000.0)
    if moved.sum() < 5:
        return 300.0
    error, change = (target[1:] - value[:-1])[moved], (value[1:] - value[:-1])[moved]
    gone = float(np.clip(np.sum(error * change) / np.sum(error * error), 0.02, 0.995))
    return float(np.clip(-float(np.median(elapsed[moved])) / np.log(1.0 - gone), *_TAU_S))


def _leakage_per_k(r: Readings, hall: Hall, liquid: LiquidCooling) -> float:
    """Returns the relative rise of liquid-cooled power with case temperature: by changes from row to row, as far as these outweigh what is usual."""
    share = np.sqrt(np.maximum(r.dp_kpa, 1.0) / liquid.dp_kpa)
    load = r.it_kw / hall.it_capacity_kw
    by_setpoints_c = r.tcs_c + _CASE_RISE_K * float(np.mean(load)) * _CASE_FLOW_SHARE / share  # what load does to the case is left out: it is no cause
    near = np.diff(r.at_s) < 1000.0
    cause, effect = np.diff(by_setpoints_c)[near], np.diff(np.log(r.it_kw))[near] / liquid.fraction
    noise = max(float(np.var(effect)), 1e-9)
    weight = float(np.sum(cause * cause)) / noise
    prior = 1.0 / _LEAKAGE_SPREAD_PER_K**2
    found = (float(np.sum(cause * effect)) / noise + prior * _LEAKAGE_USUAL_PER_K) / (weight + prior)
    return float(np.clip(found, 0.0, 0.01))
