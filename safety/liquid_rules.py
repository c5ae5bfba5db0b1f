"""The envelope's rules of technology and facility water: dew point, class, flow for the power that racks may draw, and alarms that freeze."""

from __future__ import annotations

import math
from typing import Final

from safety.case import FREE, Case, Interval
from safety.limits import LiquidLimits

FLOW_EXPONENT: Final = 1.85  # turbulent loss of cold plates and hoses over flow
LIQUID: Final = frozenset({"tcs_setpoint_c", "tcs_dp_setpoint_kpa", "fws_setpoint_c"})


def liquid(case: Case) -> Interval:
    """Technology water stays above every dew point, racks get the flow for the power they may draw, and an alarm at a CDU freezes its setpoints."""
    if case.quantity not in LIQUID:
        return FREE
    permitted = FREE
    for loop in _loops(case):
        permitted = permitted.meet(_of_loop(case, loop))
    return permitted.meet(_over_dew_point(case)) if case.quantity == "tcs_setpoint_c" else permitted


def _of_loop(case: Case, loop: LiquidLimits) -> Interval:
    """Returns what one hall's loop permits; what must not be exceeded comes before what is frozen."""
    must = _flow_floor(loop, case) if case.quantity == "tcs_dp_setpoint_kpa" else FREE
    if case.quantity != "fws_setpoint_c" and _alarmed(case, loop):
        must = must.meet(FREE if case.held is None else Interval(case.held, case.held))
    supply_c = case.measured(f"{loop.hall}.tcs_supply_temp_c")
    if supply_c is None or supply_c > loop.tcs_max_c:
        must = must.meet(case.not_less_cooling())
    return must


def _alarmed(case: Case, loop: LiquidLimits) -> bool:
    """Returns whether an alarm of a CDU stands or a filter takes more pressure than it may; a silent sensor counts as both."""
    if any(case.measured(signal) != 0.0 for signal in loop.alarms):
        return True
    lost = [(case.measured(signal), most_kpa) for signal, most_kpa in loop.filters_kpa.items()]
    return any(lost_kpa is None or lost_kpa > most_kpa for lost_kpa, most_kpa in lost)


def _flow_floor(loop: LiquidLimits, case: Case) -> Interval:
    """Returns the pressure that gives racks the flow for the power that they may draw; with the cap unknown, for all of it."""
    cap_kw = case.measured(f"{loop.hall}.it_power_cap_kw")
    share = 1.0 if cap_kw is None else min(max(cap_kw / loop.it_capacity_kw, loop.flow_min_share), 1.0)
    return Interval(low=loop.dp_kpa * math.pow(share, FLOW_EXPONENT))


def _over_dew_point(case: Case) -> Interval:
    """Returns what stays above the dew point of every hall by the margin; while one is unknown, water is not made colder."""
    dewpoints_c = [case.measured(f"{hall.name}.room_dewpoint_c") for hall in case.limits.halls if hall.dewpoint_max_c is not None]
    floors = [value + case.limits.tcs_dewpoint_margin_k for value in dewpoints_c if value is not None]
    permitted = Interval(low=max(floors, default=-math.inf))
    return permitted.meet(case.not_more_cooling()) if len(floors) < len(dewpoints_c) or not floors else permitted


def _loops(case: Case) -> tuple[LiquidLimits, ...]:
    """Returns the loops that the setpoint acts on: its hall's, or all behind its facility water."""
    return tuple(loop for loop in case.limits.liquids if case.equipment == loop.hall or case.equipment in loop.facility_loops)
