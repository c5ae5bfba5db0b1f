"""The rules of the envelope, one function each: what a rule permits of one setpoint in its situation, independent of what is asked.

A rule whose measurement is missing takes its cautious branch. Which rule has the last word stands in ``safety.envelope``, not here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from safety.case import FREE, Case, Interval, inlet_unknown, may_pass_water, may_run
from safety.finite import finite, known
from safety.limits import ChillerLimits, Direction, HallLimits

COLDEST_WHEN_BLIND_C: Final = 7.0  # chilled water of design; an evaporator whose leaving temperature is unknown is not driven colder


def confidence(case: Case) -> Interval:
    """A proposer that is trusted less takes smaller steps towards less cooling, down to none; how far it is trusted comes with the situation."""
    share, held, more = finite(case.situation.confidence), case.held, case.more_cooling
    share = 0.0 if share is None else min(max(share, 0.0), 1.0)
    if share >= 1.0 or held is None or more is None:
        return FREE
    down, up = case.steps
    least = held - down * share if share > 0.0 else held  # an endless step times nothing is no number
    return Interval(low=least) if more is Direction.HIGHER else Interval(high=held + up * share if share > 0.0 else held)


def humidity(case: Case) -> Interval:
    """While a hall is humid, or may be, neither chilled water nor supply air is raised, and it is never dried and wetted together (ASHRAE TC 9.9)."""
    if case.quantity == "humidify_setpoint_c":
        return Interval(high=_dew_points_of_other(case, "dehumidify_setpoint_c", min, math.inf) - case.limits.humidity_gap_k)
    if case.quantity == "dehumidify_setpoint_c":
        return Interval(low=_dew_points_of_other(case, "humidify_setpoint_c", max, -math.inf) + case.limits.humidity_gap_k)
    if case.quantity in ("chws_setpoint_c", "crah_supply_setpoint_c") and any(_humid(case, hall) for hall in case.halls):
        return case.not_less_cooling()
    return FREE


def dew_point(case: Case) -> Interval:
    """Supply air, and chilled water of dry coils, stays above the hall's dew point by a margin; a hot inlet comes first."""
    if case.hot:
        return FREE
    permitted = FREE
    for hall in case.halls:
        air = case.quantity == "crah_supply_setpoint_c"
        water = case.quantity == "chws_setpoint_c" and hall.dry_coil
        if hall.dewpoint_max_c is not None and (air or water):
            dewpoint_c = case.measured(f"{hall.name}.room_dewpoint_c")
            permitted = permitted.meet(case.not_more_cooling() if dewpoint_c is None else Interval(low=dewpoint_c + hall.dewpoint_margin_k))
    return permitted


def rate(case: Case) -> Interval:
    """No setpoint moves faster than its limit, except towards more cooling of a hot room; from the floor the next step down is off."""
    held = case.held
    if held is None:
        return FREE
    down, up = case.steps
    off_is_next = case.bounds.off_allowed and held <= case.bounds.low and down > 0.0
    permitted = Interval(0.0 if off_is_next else held - down, held + up)
    if not case.hot:
        return permitted
    towards_more = case.not_less_cooling()
    return Interval(-math.inf if towards_more.low == -math.inf else permitted.low, math.inf if towards_more.high == math.inf else permitted.high)


def sensor(case: Case) -> Interval:
    """What depends on a lost reading stays where it is; more cooling of a hot room does not wait for it."""
    if case.setpoint not in case.situation.frozen or case.held is None:
        return FREE
    return case.not_less_cooling() if case.hot else Interval(case.held, case.held)


def inlet_rate(case: Case) -> Interval:
    """While an inlet rises too fast, or may, cooling is not reduced; while one falls too fast in rooms that are not hot, it is not increased."""
    permitted = FREE
    for hall in case.halls:
        rising, falling = _moves_too_fast(case, hall)
        if rising:
            permitted = permitted.meet(case.not_less_cooling())
        if falling and not case.hot:
            permitted = permitted.meet(case.not_more_cooling())
    return permitted


def inlet(case: Case) -> Interval:
    """Above the recommended inlet, or with an unknown one, cooling is not reduced; above the allowable one it is full at once."""
    full = case.full_cooling
    if full is not None and case.overheated:
        fullest = case.not_less_cooling().clamp(full)  # what is in force beyond the range is not cooled less than the way back asks
        return Interval(fullest, fullest)
    if case.hot or any(inlet_unknown(hall, case.situation) for hall in case.halls):
        return case.not_less_cooling()
    return FREE


def absolute_range(case: Case) -> Interval:
    """Nothing leaves the range; a value in force that is outside it comes back one full step at a time."""
    low = 0.0 if case.bounds.off_allowed else case.bounds.low
    high = case.bounds.high
    held = case.held
    if held is None:
        return Interval(low, high)
    down, up = case.steps
    return Interval(min(low, held + up), max(high, held - down))


def lift(case: Case) -> Interval:
    """The lift of each running chiller stays between its machine's minimum and maximum (ASHRAE Guideline 36-2021 5.20.10)."""
    rule = {"cws_setpoint_c": _lift_by_condenser, "chws_setpoint_c": _lift_by_evaporator}.get(case.quantity)
    permitted = FREE
    if rule is not None:
        for chiller in case.chillers:
            if may_run(chiller, case.situation):
                permitted = permitted.meet(rule(case, chiller))
    return permitted


def minimum_flow(case: Case) -> Interval:
    """No pressure is taken away while an evaporator's flow is at its minimum, or may be; and none changes flow faster than a running machine stands.

    No speed is taken from condenser pumps while a running machine has the least condenser water that it stands, or may, or is near its highest lift.
    """
    if case.equipment in case.limits.condenser_pumps:
        thirsty = any(_thirsty(case, chiller) for chiller in case.chillers if may_run(chiller, case.situation))
        return case.not_less_cooling() if thirsty else FREE
    if case.quantity != "chw_dp_setpoint_kpa":
        return FREE
    permitted = FREE
    for chiller in case.chillers:
        if may_pass_water(chiller, case.situation):
            permitted = permitted.meet(_flow_change(case, chiller))
            if _starved(case, chiller):
                permitted = permitted.meet(case.not_less_cooling())
    return permitted


def freeze(case: Case) -> Interval:
    """Chilled water is not driven colder near an evaporator's cut-out, condenser water not while a basin is near freezing."""
    floors = [-math.inf]
    if case.quantity == "chws_setpoint_c":
        floors += [_evaporator_floor_c(case, chiller) for chiller in case.chillers if may_run(chiller, case.situation)]
    if case.quantity == "cws_setpoint_c" and (_basins_cold(case) or _economiser_cold(case)):
        floors.append(case.bounds.high if case.held is None else case.held)
    return Interval(low=max(floors))


def _humid(case: Case, hall: HallLimits) -> bool:
    """Returns whether a hall is humid by any of its sensors, or one of them is silent."""
    for name, highest in (("room_dewpoint_c", hall.dewpoint_max_c), ("room_rh_pct", hall.rh_max_pct)):
        value = case.measured(f"{hall.name}.{name}")
        if highest is not None and (value is None or value > highest):
            return True
    return False


def _moves_too_fast(case: Case, hall: HallLimits) -> tuple[bool, bool]:
    """Returns whether the hottest inlet rises (or may) and whether it falls faster than the equipment stands."""
    trend = case.situation.inlets.get(hall.name)
    if trend is None:
        return True, False
    slope = trend.rate_k_per_h
    rising = slope is None or not slope <= hall.inlet_rate_k_per_h or not trend.rise_k <= hall.inlet_rise_k_per_15min
    falling = (slope is not None and slope < -hall.inlet_rate_k_per_h) or trend.fall_k > hall.inlet_rise_k_per_15min
    return rising, falling


def _starved(case: Case, chiller: ChillerLimits) -> bool:
    """Returns whether too little water passes the chiller, or it is unknown how much."""
    flow_kgs = case.measured(f"{chiller.name}.evaporator_flow_kgs")
    return flow_kgs is None or flow_kgs < chiller.evaporator_flow_min_kgs * chiller.evaporator_flow_margin


def _thirsty(case: Case, chiller: ChillerLimits) -> bool:
    """Returns whether a running chiller's condenser has the least water it stands, or is near its highest lift, or may be for all that is known."""
    flow_kgs, hot_c, cold_c = (case.measured(f"{chiller.name}.{q}") for q in ("condenser_flow_kgs", "cwr_temp_c", "chws_temp_c"))
    if flow_kgs is None or hot_c is None or cold_c is None:
        return True
    return flow_kgs < chiller.condenser_flow_min_kgs * chiller.condenser_flow_margin or hot_c - cold_c > chiller.lift_max_k - chiller.lift_margin_k


def _flow_change(case: Case, chiller: ChillerLimits) -> Interval:
    """Returns the pressures that change flow, which goes with their square root, by no more than the machine stands.

    In a hot room flow may rise faster: too fast a rise upsets a machine's control, too fast a fall trips it.
    """
    held = case.held
    if held is None or held < case.bounds.low:
        return FREE
    share = chiller.flow_change_per_min * case.minutes
    return Interval(held * max(1.0 - share, 0.0) ** 2, math.inf if case.hot else held * (1.0 + share) ** 2)


def _dew_points_of_other(case: Case, quantity: str, of: Callable[..., float], none: float) -> float:
    """Returns the dew point that the hall's other setpoint has or is about to have, ``none`` where the hall has no other."""
    other = f"{case.equipment}.{quantity}"
    values = (case.decided.get(other), known(case.situation.in_force, other))
    return of((value for value in values if value is not None), default=none)


def _evaporator_floor_c(case: Case, chiller: ChillerLimits) -> float:
    """Returns the coldest setpoint that a running chiller stands now [degC]."""
    near_cut_out_c = chiller.evaporator_leaving_min_c + chiller.freeze_margin_k
    floor_c = max(chiller.chws_min_c, near_cut_out_c)
    leaving_c = case.measured(f"{chiller.name}.chws_temp_c")
    if leaving_c is None:
        leaving_c = case.measured(f"{chiller.plant}.chws_temp_c")
    held = COLDEST_WHEN_BLIND_C if case.held is None else case.held
    if leaving_c is None:
        return max(floor_c, min(held, COLDEST_WHEN_BLIND_C))
    return max(floor_c, held) if leaving_c < near_cut_out_c else floor_c


def _basins_cold(case: Case) -> bool:
    """Returns whether any basin of the plant is near freezing; a silent sensor is stood in for by the leaving water."""
    leaving_c = case.measured(f"{case.equipment}.cws_temp_c")
    for plant in case.limits.plants:
        for basin in plant.basins if plant.name == case.equipment else ():
            basin_c = case.measured(f"{basin}.basin_temp_c")
            water_c = leaving_c if basin_c is None else basin_c
            if water_c is None or water_c < plant.basin_min_c:
                return True
    return False


def _economiser_cold(case: Case) -> bool:
    """Returns whether condenser water is, or may be, near what a waterside economiser's exchanger stands."""
    water_c = case.measured(f"{case.equipment}.cws_temp_c")
    return any(p.name == case.equipment and p.economiser and (water_c is None or water_c < p.economiser_inlet_min_c) for p in case.limits.plants)


def _weather_floor_c(case: Case, chiller: ChillerLimits) -> float:
    """Returns what the condenser water cannot go below soon, whatever its setpoint: wet bulb, and not above its own temperature [degC]."""
    wetbulb_c, water_c = case.measured(case.limits.wetbulb_signal), case.measured(f"{chiller.plant}.cws_temp_c")
    return -math.inf if wetbulb_c is None or water_c is None else min(wetbulb_c, water_c)


def _lift_by_condenser(case: Case, chiller: ChillerLimits) -> Interval:
    """Returns the condenser water setpoints that keep one machine's lift; back into the window at the setpoint's own rate."""
    leaving_c, entering_c = case.measured(f"{chiller.name}.cwr_temp_c"), case.measured(f"{chiller.plant}.cws_temp_c")
    evaporator_c, held = _evaporator_c(case, chiller), case.held
    if leaving_c is None or entering_c is None or evaporator_c is None:
        return Interval(low=case.bounds.high if held is None else held)
    rise_k = max(leaving_c - entering_c, 0.0)
    lowest, highest = evaporator_c + chiller.lift_min_k - rise_k, evaporator_c + chiller.lift_max_k - rise_k
    if lowest <= _weather_floor_c(case, chiller):
        lowest = -math.inf
    if held is None:
        return Interval(lowest, highest)
    down, up = case.steps
    return Interval(min(lowest, held + up), max(highest, held - down))


def _lift_by_evaporator(case: Case, chiller: ChillerLimits) -> Interval:
    """Returns the chilled water setpoints that keep one machine's lift with the condenser water that can be had now."""
    leaving_c, entering_c = case.measured(f"{chiller.name}.cwr_temp_c"), case.measured(f"{chiller.plant}.cws_temp_c")
    if leaving_c is None or entering_c is None:
        return case.not_less_cooling()
    coming_c = max(_condenser_reach_c(case, chiller, entering_c), _weather_floor_c(case, chiller))
    highest = coming_c + max(leaving_c - entering_c, 0.0) - chiller.lift_min_k
    lowest = leaving_c - chiller.lift_max_k
    held = case.held
    if held is None:
        return Interval(lowest, highest)
    down, _ = case.steps
    return Interval(min(lowest, held), max(highest, held - down))


def _evaporator_c(case: Case, chiller: ChillerLimits) -> float | None:
    """Returns the warmest that a chiller's leaving water is or is asked to be [degC], None while nothing is known of it."""
    asked = [case.decided.get(f"{name}.chws_setpoint_c", known(case.situation.in_force, f"{name}.chws_setpoint_c")) for name in (chiller.name, chiller.plant)]
    return max((value for value in (*asked, case.measured(f"{chiller.name}.chws_temp_c")) if value is not None), default=None)


def _condenser_reach_c(case: Case, chiller: ChillerLimits, entering_c: float) -> float:
    """Returns the warmest condenser water setpoint that can be in force after this verdict, else the water as it is [degC]."""
    name = f"{chiller.plant}.cws_setpoint_c"
    held, bounds = known(case.situation.in_force, name), case.limits.setpoints.get(name)
    if held is None or bounds is None:
        return entering_c
    if name not in case.situation.writable:
        return held
    step = math.inf if bounds.raise_per_min is None else bounds.raise_per_min * case.minutes
    return max(held, min(held + step, bounds.high))
