"""What can be read off liquid halls, CDUs and facility loops, by signal; true values, sensors come after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np

from plant_models.components.fluids import Expr
from plant_models.simulator.facility_loop import RETURN as FWS_RETURN
from plant_models.simulator.facility_loop import FacilityWater
from plant_models.simulator.liquid_side import LiquidSide
from plant_models.simulator.tcs_loop import RETURN, SUPPLY, TcsLoop

_Each: TypeAlias = Mapping[str, Mapping[str, Expr]]


def liquid_signals(liquid: LiquidSide, after: _Each, u: _Each, asked: _Each, duties: _Each, heats: _Each) -> dict[str, Expr]:
    """Returns every readable value of the liquid side: temperatures after the step, flows and powers during it."""
    signals: dict[str, Expr] = {}
    for name, part in liquid.halls.items():
        signals |= _hall(part, after[name], asked[name], heats[name])
    for name, loop in liquid.loops.items():
        signals |= _loop(loop, after[name], u[name], duties[name])
    return signals


def _hall(part: TcsLoop, after: Mapping[str, Expr], d: Mapping[str, Expr], heat: Mapping[str, Expr]) -> dict[str, Expr]:
    """Returns a hall's technology water and its CDUs; ``case_max_c`` and ``liquid_kw`` are beyond the vocabulary."""
    name = part.hall.name
    signals = {
        f"{name}.tcs_supply_temp_c": after[SUPPLY[-1]],
        f"{name}.tcs_return_temp_c": after[RETURN[-1]],
        f"{name}.tcs_dp_kpa": d["dp_kpa"],
        f"{name}.case_max_c": d["case_c"],
        f"{name}.liquid_kw": d["it"],
    }
    for i, unit in enumerate(part.units):
        signals |= {
            f"{unit.name}.tcs_supply_temp_c": after["cdu_c"][i],
            f"{unit.name}.tcs_return_temp_c": after[RETURN[-1]],
            f"{unit.name}.cdu_flow_kgs": d["flows"][i],
            f"{unit.name}.fws_flow_kgs": heat["fws_kgs"][i],
            f"{unit.name}.cdu_valve_pct": 100.0 * after["cdu_valve"][i],
            f"{unit.name}.filter_dp_kpa": d["filter_kpa"][i],
            f"{unit.name}.speed_pct": 100.0 * after["tcs_speed"] * after["cdu_on"][i],
            f"{unit.name}.power_kw": d["electric"][i],
            f"{unit.name}.heat_kw": heat["exchanged"][i],
        }
    return signals


def _loop(loop: FacilityWater, after: Mapping[str, Expr], u: Mapping[str, Expr], d: Mapping[str, Expr]) -> dict[str, Expr]:
    """Returns a facility loop and its machines."""
    name = loop.loop.name
    signals = {
        f"{name}.fws_supply_temp_c": after["trim_c"],
        f"{name}.fws_return_temp_c": after[FWS_RETURN[-1]],
        f"{name}.fws_flow_kgs": d["total"],
        f"{name}.fws_dp_kpa": d["dp_kpa"],
        f"{name}.mix_pct": 100.0 * after["mix"],
    }
    for i, cooler in enumerate(loop.coolers):
        signals |= {
            f"{cooler.name}.fan_pct": 100.0 * d["speed"][i],
            f"{cooler.name}.power_kw": d["fan_kw"][i],
            f"{cooler.name}.fws_supply_temp_c": after["cooler_c"][i],
            f"{cooler.name}.rejected_kw": d["rejected"][i],
        }
    for i, trim in enumerate(loop.trims):
        signals |= {
            f"{trim.name}.power_kw": d["trim_power"][i],
            f"{trim.name}.load_pct": 100.0 * after["trim_kw"][i] / trim.capacity_kw,
            f"{trim.name}.running_count": np.where(after["trim_kw"][i] > 0.002 * trim.capacity_kw, 1.0, 0.0) * u["trim_on"][i],
        }
    for group in loop.pumps.groups:
        signals |= {f"{group.name}.power_kw": d["pump_kw"] * (group.count / loop.pumps.most), f"{group.name}.speed_pct": 100.0 * after["pump_speed"]}
    return signals
