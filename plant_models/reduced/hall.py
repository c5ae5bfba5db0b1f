"""A hall of the reduced model: supply air, hottest inlet, return air and thermal mass, and the water that its coils draw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plant_models.reduced.parameters import HallParameters
from plant_models.reduced.smooth import Value, larger, positive, smaller

AIR_KJ_PER_KGK = 1.006
_STILL_KGS = 1e-9  # neither air nor water moves: nothing is reached, rather than 0/0


@dataclass(frozen=True, slots=True)
class HallState:
    """Temperatures of a hall [degC]: CRAH supply, hottest inlet, return air, thermal mass."""

    supply_c: Value
    inlet_c: Value
    return_c: Value
    mass_c: Value


@dataclass(frozen=True, slots=True)
class HallInputs:
    """What acts on a hall: setpoints, the air-cooled IT power it would draw at 25 degC inlet [kW], and the water that its coils are given."""

    supply_setpoint_c: Value
    fan_share: Value
    it_base_kw: Value
    water_c: Value
    dp_share: Value
    """Differential pressure over the plant's largest."""


@dataclass(frozen=True, slots=True)
class HallResponse:
    """Rates of the hall's states [K/s], powers [kW], heat to the water [kW] and water drawn [kg/s]."""

    rates: HallState
    it_kw: Value
    fan_kw: Value
    coil_kw: Value
    water_kgs: Value
    mean_inlet_c: Value
    short_k: Value
    """Supply air that the coil leaves above its setpoint, at rest."""


def it_factor(p: HallParameters, mean_inlet_c: Value) -> Value:
    """Returns IT power over its power at 25 degC inlet: leakage and server fans rise with the inlet (physics of server fans: Coroama 2025)."""
    return 1.0 + p.it_per_k * (mean_inlet_c - 25.0) + p.it_per_k_hot * (positive(mean_inlet_c - 27.0, 1.0) - positive(-2.0, 1.0))


def mean_inlet_c(p: HallParameters, supply_c: Value, inlet_c: Value) -> Value:
    """Returns the mean rack inlet [degC] from supply air and hottest inlet."""
    return supply_c + p.mean_inlet_share * (inlet_c - supply_c)


def fan_power_kw(p: HallParameters, fan_share: Value) -> Value:
    """Returns the electric power of the CRAH fans [kW]."""
    return fan_share * (p.fan_linear_kw + p.fan_cubic_kw * fan_share * fan_share)


def coil_effectiveness(p: HallParameters, fan_share: Value, water_kgs: Value) -> Value:
    """Returns heat over that of air cooled to the water's temperature."""
    return p.coil_reach_share * water_kgs / (water_kgs + p.coil_flow_kgs * np.power(fan_share, p.coil_flow_exponent) + _STILL_KGS)


def coil_water_kgs(p: HallParameters, fan_share: Value, effectiveness: Value) -> Value:
    """Returns the water flow that gives an effectiveness, the inverse of ``coil_effectiveness``."""
    scale = p.coil_flow_kgs * np.power(fan_share, p.coil_flow_exponent)
    return scale * effectiveness / positive(p.coil_reach_share - effectiveness, 0.03)


def inlet_rise_k(p: HallParameters, capacity_kw: float, fan_share: Value, it_kw: Value, mean_inlet: Value) -> Value:
    """Returns the hottest inlet above supply air [K] at rest: hot air drawn back where the CRAHs move less air than the servers."""
    idle = p.server_idle_share
    server_kgs = p.server_flow_kgs * (idle + (1.0 - idle) * it_kw / capacity_kw) * (1.0 + p.server_flow_per_k * (mean_inlet - 25.0))
    shortfall = positive(p.recirculation_onset - p.air_flow_kgs * fan_share / server_kgs, 0.1)
    share = p.recirculation_base_share + p.recirculation_slope * shortfall
    # What is drawn back is hotter than the servers' rise alone by what was drawn back before it.
    return share / positive(1.0 - share, 0.1) * it_kw / (server_kgs * AIR_KJ_PER_KGK)


def hall_response(p: HallParameters, capacity_kw: float, served: bool, x: HallState, u: HallInputs) -> HallResponse:
    """Returns how a hall answers; ``served`` is whether a plant's water cools it, else its supply air always reaches its setpoint.

    ``capacity_kw`` is the air-cooled IT power at design [kW].
    """
    mean = mean_inlet_c(p, x.supply_c, x.inlet_c)
    it_kw = u.it_base_kw * it_factor(p, mean)
    fan_kw = fan_power_kw(p, u.fan_share)
    air_kw_per_k = p.air_flow_kgs * u.fan_share * AIR_KJ_PER_KGK
    coil_kw = air_kw_per_k * (x.return_c - x.supply_c)
    held_c = u.supply_setpoint_c + p.supply_over_setpoint_k
    supply_target, water_kgs = held_c, 0.0 * coil_kw
    if served:
        open_kgs = p.coil_open_flow_kgs * np.sqrt(u.dp_share)
        reach = coil_effectiveness(p, u.fan_share, open_kgs)
        supply_target = larger(held_c, x.return_c - reach * (x.return_c - u.water_c), 0.2)
        wanted = positive(x.return_c - x.supply_c, 0.1) / positive(x.return_c - u.water_c, 1.0)
        water_kgs = smaller(coil_water_kgs(p, u.fan_share, wanted), open_kgs, 0.02 * p.coil_open_flow_kgs)
    to_mass_kw = p.mass_conductance_kw_per_k * (x.return_c - x.mass_c)
    rates = HallState(
        supply_c=(supply_target - x.supply_c) / p.supply_tau_s,
        inlet_c=(x.supply_c + inlet_rise_k(p, capacity_kw, u.fan_share, it_kw, mean) - x.inlet_c) / p.inlet_tau_s,
        return_c=(it_kw * (1.0 + p.heat_share / p.air_share) + fan_kw - coil_kw - to_mass_kw) / p.air_capacity_kj_per_k,
        mass_c=to_mass_kw / p.mass_capacity_kj_per_k,
    )
    return HallResponse(rates, it_kw, fan_kw, coil_kw, water_kgs, mean, supply_target - held_c)
