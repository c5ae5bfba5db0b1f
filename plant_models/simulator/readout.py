"""What can be read off a plant or hall, by signal, out of what the equations worked out; true values, sensors come after."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from plant_models.components import aisle, fluids
from plant_models.components.fluids import Expr
from plant_models.simulator.chilled_water import ChilledWater
from plant_models.simulator.hall_air import HallAir

_RUNNING_SHARE = 0.002  # of capacity from which a compressor counts as running


def plant_signals(p: ChilledWater, after: Mapping[str, Expr], u: Mapping[str, Expr], d: Mapping[str, Expr]) -> dict[str, Expr]:
    """Returns a plant's readable values: temperatures after the step, flows and powers during it."""
    name = p.plant.name
    signals = {
        f"{name}.chws_temp_c": after["header_c"],
        f"{name}.chwr_temp_c": after["tank_c"],
        f"{name}.chw_flow_kgs": d["total"],
        f"{name}.chw_dp_kpa": d["dp_kpa"],
        f"{name}.cws_temp_c": d["tower_c"],
        f"{name}.cwr_temp_c": after["cw_return_c"],
        f"{name}.cw_flow_kgs": d["cw"] + d["plates"],
        f"{name}.bypass_pct": 100.0 * after["bypass"],
    }
    for i, machine in enumerate(p.chillers.machines):
        signals |= {
            f"{machine.name}.power_kw": d["chillers"]["power"][i],
            f"{machine.name}.load_pct": 100.0 * after["heat_kw"][i] / machine.capacity_kw,
            f"{machine.name}.cooling_kw": after["heat_kw"][i],
            f"{machine.name}.chws_temp_c": after["evaporator_c"][i],
            f"{machine.name}.chwr_temp_c": d["before_chillers_c"],
            f"{machine.name}.cws_temp_c": d["tower_c"],
            f"{machine.name}.cwr_temp_c": after["condenser_c"][i],
            f"{machine.name}.evaporator_flow_kgs": d["evaporators"][i],
            f"{machine.name}.condenser_flow_kgs": d["condensers"][i],
            f"{machine.name}.trip_state": p.chillers.trip_state(after, i),
            f"{machine.name}.running_count": np.where(after["heat_kw"][i] > _RUNNING_SHARE * machine.capacity_kw, 1.0, 0.0) * u["chiller_on"][i],
        }
    for i, cell in enumerate(p.tower.cells):
        signals |= {
            f"{cell.name}.fan_pct": 100.0 * d["cells"]["speed"][i],
            f"{cell.name}.power_kw": d["cells"]["power"][i],
            f"{cell.name}.basin_temp_c": after["basin_c"][i],
            f"{cell.name}.rejected_kw": d["cells"]["rejected"][i],
        }
    water = p.water
    sets = [(water.chw, d["chw_group_kw"], 100.0 * after["pump_speed"]), (water.cw, d["cw_pump_kw"], 100.0 * after["cw_speed"])]
    if water.primary is not None:
        sets.append((water.primary, d["primary_kw"], 100.0))
        signals |= {f"{group.name}.chw_flow_kgs": d["coils"] * (group.count / water.chw.most) for group in water.chw.groups}
        signals[f"{name}.decoupler_flow_kgs"] = d["total"] - d["coils"]
    if p.storage.tank is not None:
        layers = {f"{p.storage.tank.name}.layer_{i + 1}_c": after["layers_c"][i] for i in range(p.storage.layers)}
        signals |= layers | {f"{p.storage.tank.name}.charge_flow_kgs": d["charge"] - d["discharge"]}
    for pumps, power, speed in sets:
        for group in pumps.groups:
            signals |= {f"{group.name}.power_kw": power * (group.count / pumps.most), f"{group.name}.speed_pct": speed}
    if p.economiser is not None:
        wse = p.economiser.name
        signals |= {
            f"{wse}.heat_kw": d["plates_kw"],
            f"{wse}.power_kw": d["plates_pump_kw"],
            f"{wse}.chws_temp_c": d["before_chillers_c"],
            f"{wse}.chwr_temp_c": after["tank_c"],
            f"{wse}.load_pct": 100.0 * after["economiser"],
        }
    return signals


def hall_signals(h: HallAir, after: Mapping[str, Expr], u: Mapping[str, Expr], asked: Mapping[str, Expr], heat: Mapping[str, Expr]) -> dict[str, Expr]:
    """Returns a hall's readable values; ``<row>.rack_inlet_c`` is the row's hottest inlet, ``<row>.inlet_mean_c`` its mean."""
    name = h.hall.name
    dewpoint = fluids.dewpoint_c(after["humidity"], u["pressure_kpa"])
    aisle_c = np.sum(after["cold_c"]) / h.hall.row_count
    signals = {
        f"{name}.it_load_kw": asked["it"],
        f"{name}.rack_inlet_max_c": np.max(asked["inlet_top"]),
        f"{name}.crah_supply_temp_c": after["supply_c"],
        f"{name}.crah_return_temp_c": heat["return_c"],
        f"{name}.crah_fan_pct": 100.0 * after["fan"],
        f"{name}.crah_valve_pct": 100.0 * after["valve"],
        f"{name}.crah_fan_power_kw": heat["fan"],
        f"{name}.room_dewpoint_c": dewpoint,
        f"{name}.room_rh_pct": np.minimum(100.0 * fluids.saturation_pressure_kpa(dewpoint) / fluids.saturation_pressure_kpa(aisle_c), 100.0),
        f"{name}.coil_kw": heat["coil"] + heat["latent"],
        f"{name}.coil_flow_kgs": heat["water_kgs"],
    }
    if h.truth.humidity is not None:
        signals |= {f"{name}.humidity_kw": heat["humidity_kw"], f"{name}.coil_sensible_pct": 100.0 * heat["sensible_share"]}
    if h.truth.leak_kgs_at_10_pa is not None:
        delivered, drawn = np.sum(asked["delivered"]), np.sum(asked["drawn"])
        signals[f"{name}.aisle_dp_pa"] = aisle.pressure_pa(delivered, drawn, h.truth.leak_kgs_at_10_pa)
        signals[f"{name}.aisle_leak_kgs"] = delivered - drawn
    for i, row in enumerate(h.hall.rows):
        signals |= {f"{row}.rack_inlet_c": asked["inlet_top"][i], f"{row}.inlet_mean_c": asked["inlet"][i]}
        signals[f"{row}.recirculated_pct"] = 100.0 * asked["recirculated"][i]
    return signals
