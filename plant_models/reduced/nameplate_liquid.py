"""Where identification of the liquid side starts from: data sheets of CDUs and dry coolers, and usual values. Never used for control."""

from __future__ import annotations

import math

from plant_models.reduced.liquid_parameters import LoopParameters, TcsParameters
from plant_models.site.liquid import Cdu, FacilityLoop, LiquidCooling
from plant_models.site.topology import Hall, Site

_WATER_KJ_PER_KGK = 4.186
_AIR_SHARE = 0.55  # of a dry cooler's resistance: the air's at full fans, film and what it warms by
_GLYCOL_CP = 0.4  # of the mass: what a share of propylene glycol takes from water's specific heat
_WATER_EXPONENT = 0.5


def tcs_of_name_plate(site: Site, hall: Hall, liquid: LiquidCooling) -> TcsParameters:
    """Returns start values for a hall's technology water."""
    units = [c for c in site.cdu if c.hall == hall.name]
    duty = max(len(units) - 1, 1)  # one stands by
    cp = _WATER_KJ_PER_KGK * (1.0 - _GLYCOL_CP * liquid.glycol_share)
    conductance, least_kgs = _conductance(units[0], cp)
    return TcsParameters(
        tcs_tau_s=150.0,
        tcs_over_setpoint_k=0.0,
        rise_k=hall.liquid_capacity_kw / (cp * liquid.flow_kgs),
        dp_kpa=liquid.dp_kpa,
        pump_standing_kw=0.05 * duty * units[0].power_kw,
        pump_cubic_kw=0.2 * sum(u.power_kw for u in units[:duty]),
        case_rise_k=25.0,  # of a 1 kW plate at about 0.95 L/min (Open Compute Project, OAI guidelines 2023)
        case_flow_share=0.35,  # of that, the film's part
        leakage_per_k=0.0015,  # 0.05-0.3 %/K of silicon
        leakage_at_c=65.0,
        unit_kw_per_k=duty * conductance / (duty * least_kgs / 100.0) ** _WATER_EXPONENT,
        unit_tcs_exponent=0.2,
        unit_water_exponent=_WATER_EXPONENT,
        unit_open_flow_kgs=1.2 * duty * units[0].fws_flow_kgs,
    )


def _conductance(unit: Cdu, cp_kj_per_kgk: float) -> tuple[float, float]:
    """Returns the conductance of a unit at its data sheet's point [kW/K], and the least facility water that could take its heat there [kg/s]."""
    rise, cold_k = unit.heat_kw / (cp_kj_per_kgk * unit.tcs_flow_kgs), unit.approach_k
    hot_k = max(rise + cold_k - unit.heat_kw / (_WATER_KJ_PER_KGK * unit.fws_flow_kgs), 0.5)
    mean_k = (hot_k - cold_k) / math.log(hot_k / cold_k) if abs(hot_k - cold_k) > 1e-3 else cold_k
    return unit.heat_kw / mean_k, unit.heat_kw / (_WATER_KJ_PER_KGK * (rise + cold_k))


def loop_of_name_plate(site: Site, loop: FacilityLoop) -> LoopParameters:
    """Returns start values for a facility loop."""
    coolers = [c for c in site.dry_cooler if c.loop == loop.name]
    first = coolers[0]
    entering_c = first.leaving_c + first.heat_kw / (_WATER_KJ_PER_KGK * first.water_flow_kgs)
    k_per_kw = (entering_c - first.air_c) / first.heat_kw
    pump = math.fsum(p.count * p.power_kw for p in site.pump if p.plant == loop.name)
    flow = loop.flow_kgs
    return LoopParameters(
        fws_tau_s=300.0,
        fws_over_setpoint_k=0.0,
        return_bias_k=0.0,
        flow_least_kgs=loop.flow_min_share * flow,
        pump_standing_kw=0.05 * pump,
        pump_linear_kw=loop.dp_kpa / 720.0,  # kJ/kg per MPa over 72 % of efficiency
        pump_cubic_kw=0.3 * pump / (flow / 100.0) ** 3,
        cooler_flow_kgs=first.water_flow_kgs,
        cooler_air_k_per_kw=_AIR_SHARE * k_per_kw,
        cooler_air_exponent=0.9,
        cooler_water_k_per_kw=(1.0 - _AIR_SHARE) * k_per_kw,
        cooler_water_exponent=0.9,
        air_over_k=0.5,  # hot air that wind brings back, 0-3 K
        fan_kw=math.fsum(c.fan_power_kw for c in coolers) / len(coolers),
        cooler_up_share=0.5,
        pads_cool_share=0.8 if any(c.pads for c in coolers) else 0.0,
        trim_capacity_kw=math.fsum(t.capacity_kw for t in site.trim_chiller if t.loop == loop.name),
        trim_kw_per_kw=0.28,  # air-cooled, COP 3.5 at warm water
    )
