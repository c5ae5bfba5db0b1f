"""The envelope's rules of capacity: starts and stages, spare capacity behind colder water, stored cold; one function each, independent of what is asked."""

from __future__ import annotations

from typing import Final

from safety import ride_through, starts
from safety.case import FREE, Case, Interval
from safety.limits import ChillerLimits, PlantLimits
from safety.ownership import callable_now
from safety.signals import EconomiserState

STAGE: Final = "running_setpoint_count"
WATER_KJ_PER_KGK: Final = 4.18  # IAPWS-95 at 20 degC
LESS_COLD: Final = frozenset({"chws_setpoint_c", "crah_supply_setpoint_c", "crah_fan_setpoint_pct", "chw_dp_setpoint_kpa"})
"""Setpoints by which inlets become warmer, and the water that would carry them with it."""


def starts_and_stops(case: Case) -> Interval:
    """One stage change at a time, and only by a machine that may start, or stop, without harm (makers' anti-recycle)."""
    held = case.held
    if case.quantity != STAGE or held is None:
        return FREE
    measured, runs, at_s = case.situation.measured, case.situation.runs, case.situation.at_s
    if any(starts.moving(chiller, measured) for chiller in case.chillers):
        return Interval(held, held)
    up = any(starts.may_start(c, runs, at_s) and _callable(case, c) for c in case.chillers)
    down = any(starts.may_stop(c, runs, at_s) for c in case.chillers)
    return Interval(held - 1.0 if down else held, held + 1.0 if up else held)


def capacity(case: Case) -> Interval:
    """No stage is asked for below the load, the largest step that may come while a machine starts, and the spare machines that the site wants."""
    plant = _plant(case)
    if case.quantity != STAGE or plant is None:
        return FREE
    load_kw = ride_through.heat_kw(plant, case.limits, case.situation.measured)
    ours = [c for c in case.chillers if _callable(case, c)]
    sizes = sorted(c.capacity_kw for c in ours if c.capacity_kw is not None)
    if load_kw is None or len(sizes) < len(ours):
        return case.not_less_cooling()
    needed, carried_kw = 0, 0.0
    for size_kw in sizes:
        if carried_kw >= load_kw + plant.load_step_kw:
            break
        needed, carried_kw = needed + 1, carried_kw + size_kw
    return Interval(low=float(min(needed + plant.spare_machines, len(sizes))))


def spare(case: Case) -> Interval:
    """Chilled water is asked no colder than the spare capacity of running machines can follow at once; a hot inlet comes first."""
    plant = _plant(case)
    if case.quantity != "chws_setpoint_c" or plant is None or case.hot:
        return FREE
    water_c, warm_c, flow_kgs = (case.measured(f"{plant.name}.{q}") for q in ("chws_temp_c", "chwr_temp_c", "chw_flow_kgs"))
    running_kw = ride_through.running_kw(plant, case.limits, case.situation.measured)
    economising = case.measured(plant.economiser_signal) if plant.economiser_signal else float(EconomiserState.OFF)
    if not running_kw or economising != EconomiserState.OFF or water_c is None or warm_c is None or not flow_kgs or flow_kgs < 0.0:
        return FREE  # nothing is known of what the machines could still do; the rate and the BAS's own staging remain
    spare_kw = max(running_kw - flow_kgs * WATER_KJ_PER_KGK * max(warm_c - water_c, 0.0), 0.0)
    coldest_c = water_c - spare_kw / (flow_kgs * WATER_KJ_PER_KGK)
    return Interval(low=coldest_c if case.held is None else min(coldest_c, case.held))


def stored_cold(case: Case) -> Interval:
    """Stored cold stays above the site's floor: no setpoint lets an inlet become warmer than the floor stands at the present load.

    An inlet follows its setpoint late, so what is in force counts where it is warmer than what is measured. Beyond the floor a setpoint comes back
    at its rate. With load or inlet unknown, cooling is not reduced.
    """
    water = {"chws_setpoint_c": "chws_temp_c", "crah_supply_setpoint_c": "crah_supply_temp_c"}.get(case.quantity)
    allowed = FREE
    for plant in case.limits.plants:
        cooled = ride_through.halls_of(plant, case.limits)
        if plant.ride_through_floor_s is None or not plant.stored_m3 or not set(cooled) & set(case.halls) or case.quantity not in LESS_COLD:
            continue
        needed_k, spare_k = (f(plant, case.limits, case.situation.measured) for f in (ride_through.needed_kelvin, ride_through.spare_kelvin))
        held = case.held
        if needed_k is None or spare_k is None or held is None:
            allowed = allowed.meet(case.not_less_cooling())
            continue
        shown = case.measured(f"{case.equipment}.{water}") if water else None
        coming_k = 0.0 if shown is None else max(held - shown, 0.0)
        margin_k = spare_k - needed_k - coming_k
        if water is None:
            allowed = allowed.meet(case.not_less_cooling() if margin_k <= 0.0 else FREE)
        else:
            allowed = allowed.meet(Interval(high=held + max(margin_k, -case.steps[0])))
    return allowed


def _plant(case: Case) -> PlantLimits | None:
    """Returns the plant that the setpoint belongs to."""
    return next((plant for plant in case.limits.plants if plant.name == case.equipment), None)


def _callable(case: Case, chiller: ChillerLimits) -> bool:
    """Returns whether a chiller can be counted on."""
    return callable_now(chiller.name, case.situation.measured, case.situation.withdrawn)
