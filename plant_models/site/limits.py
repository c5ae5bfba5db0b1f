"""Narrows the limits of ``safety.limits`` by what a site says of itself; a value that would widen one is refused, not clipped."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Final

from plant_models.site.liquid import LiquidCooling
from plant_models.site.points import Points, WriteClass
from plant_models.site.problems import Problem, SiteErrors
from plant_models.site.settings import FILE
from plant_models.site.topology import Hall, Plant, SetpointRange, Site
from safety.limits import (
    INLET_ALLOWABLE_C,
    INLET_RATE_K_PER_H,
    INLET_RATE_TAPE_K_PER_H,
    SETPOINT_DEFAULTS,
    ChillerLimits,
    Direction,
    HallLimits,
    Limits,
    LiquidLimits,
    PlantLimits,
    RegisterLimits,
    SetpointLimits,
    Widening,
    narrow,
    narrow_value,
)
from safety.signals import Role, parse, point

_DP: Final = "chw_dp_setpoint_kpa"
_CHWS: Final = "chws_setpoint_c"


def limits_of(site: Site, points: Points) -> Limits:
    """Returns the envelope's limits of a site: the defaults of ``safety.limits``, narrowed by its machines and by its own ranges.

    The declared setpoints are those with a request point. Raises SiteErrors, naming key, value and what is allowed, where the site would widen a limit.
    """
    signals = frozenset(points.by_signal)
    setpoints = {name: site.setpoint[name] for name in points.setpoints}
    problems = widenings(site, setpoints)
    if problems:
        raise SiteErrors(problems)
    chillers = tuple(
        ChillerLimits(
            name=chiller.name,
            plant=chiller.plant,
            lift_min_k=chiller.lift_min_k,
            lift_max_k=chiller.lift_max_k,
            evaporator_flow_min_kgs=chiller.evaporator_flow_kgs * chiller.evaporator_flow_min_share,
            condenser_flow_min_kgs=chiller.condenser_flow_kgs * chiller.condenser_flow_min_share,
            chws_min_c=chiller.chws_min_c,
            capacity_kw=chiller.capacity_kw,
        )
        for chiller in site.chiller
    )
    return Limits(
        setpoints={name: _narrowed(site, name, limits)[0] for name, limits in setpoints.items()},
        chillers=chillers,
        halls=tuple(_hall(site, hall, signals)[0] for hall in site.hall),
        plants=tuple(_plant(site, plant, signals) for plant in site.plant),
        registers={name: RegisterLimits(limits.deadband, _wears(points, name)) for name, limits in setpoints.items()},
        condenser_pumps={pumps.name: pumps.plant for pumps in site.pump if pumps.serves == "cw" and pumps.plant},
        liquids=tuple(_liquid(site, hall, hall.liquid, signals) for hall in site.hall if hall.liquid),
    )


def _plant(site: Site, plant: Plant, signals: Collection[str]) -> PlantLimits:
    """Returns what a plant stands as a whole; its economiser's state counts where a point shows it."""
    economisers = [e.name for e in site.economiser if e.plant == plant.name]
    states = [f"{name}.economiser_state" for name in economisers if f"{name}.economiser_state" in signals]
    return PlantLimits(
        name=plant.name,
        basins=tuple(t.name for t in site.tower if t.plant == plant.name and f"{t.name}.basin_temp_c" in signals),
        economiser=bool(economisers),
        economiser_signal=states[0] if states else "",
        stored_m3=plant.loop_volume_m3,
        ride_through_floor_s=plant.ride_through_floor_s,
        spare_machines=plant.spare_chillers,
        load_step_kw=plant.load_step_kw,
    )


def _liquid(site: Site, hall: Hall, liquid: LiquidCooling, signals: Collection[str]) -> LiquidLimits:
    """Returns what the technology water of a hall stands; only sensors that the site has are asked."""
    cdus = [cdu for cdu in site.cdu if cdu.hall == hall.name]
    alarms = (f"{cdu.name}.{alarm}" for cdu in cdus for alarm in ("leak_state", "low_pressure_state"))
    filters = {f"{cdu.name}.filter_dp_kpa": cdu.filter_dp_max_kpa for cdu in cdus}
    return LiquidLimits(
        hall=hall.name,
        tcs_max_c=liquid.tcs_max_c,
        it_capacity_kw=hall.it_capacity_kw,
        dp_kpa=liquid.dp_kpa,
        flow_min_share=liquid.flow_min_share,
        facility_loops=tuple(dict.fromkeys(cdu.loop for cdu in cdus)),
        alarms=tuple(alarm for alarm in alarms if alarm in signals),
        filters_kpa={signal: most for signal, most in filters.items() if signal in signals},
    )


def _wears(points: Points, setpoint: str) -> bool:
    """Returns whether a setpoint's register wears out, or may for all that its row says."""
    return points.by_signal[point(setpoint, Role.REQUEST)].write_class is not WriteClass.VOLATILE


def widenings(site: Site, setpoints: Mapping[str, SetpointRange]) -> list[Problem]:
    """Returns every value of a site that would widen a limit, or that contradicts what its machines stand; ``setpoints`` are those to look at."""
    found = [problem for name, limits in setpoints.items() for problem in _narrowed(site, name, limits)[1]]
    for plant in site.plant:
        edges = narrow(SETPOINT_DEFAULTS[_DP], plant.chw_dp_min_kpa, plant.chw_dp_max_kpa).problems if plant.chw_dp_min_kpa < plant.chw_dp_max_kpa else ()
        found += _problems(f"plant[{plant.name}]", edges, {"low": "chw_dp_min_kpa", "high": "chw_dp_max_kpa"})
    for hall in site.hall:
        found += [problem for problem in _hall(site, hall, ())[1] if problem not in found]
    return found


def _narrowed(site: Site, name: str, limits: SetpointRange) -> tuple[SetpointLimits, list[Problem]]:
    """Returns a setpoint's limits, narrowed by the machines it acts on and then by the site's own range."""
    narrowed, at = narrow(_of_machines(site, name), limits.low, limits.high, limits.raise_per_min, limits.lower_per_min), f'setpoint."{name}"'
    problems, within = _problems(at, narrowed.problems, {}), narrowed.limits
    wrong = [band for band in limits.bands if not within.low <= band[0] < band[1] <= within.high]
    problems += [Problem(f"{FILE}: {at}.bands", f"{low:g} .. {high:g}", f"rising, within {within.low:g} .. {within.high:g}") for low, high in wrong]
    return within if wrong else replace(within, bands=limits.bands), problems


def _of_machines(site: Site, name: str) -> SetpointLimits:
    """Returns the default limits of a setpoint, narrowed to what every machine stands that it acts on.

    Machines that contradict each other, or that state more than the default, narrow nothing.
    """
    parts = parse(name)
    default = SETPOINT_DEFAULTS[parts.quantity.name]
    ranges: list[tuple[float, float]] = []
    if parts.quantity.name == _CHWS:
        ranges = [(c.chws_min_c, c.chws_max_c) for c in site.chiller if parts.equipment in (c.name, c.plant)]
    elif parts.quantity.name == _DP:
        ranges = [(p.chw_dp_min_kpa, p.chw_dp_max_kpa) for p in site.plant if parts.equipment == p.name]
    elif parts.quantity.name == "tcs_setpoint_c":
        ranges = [(default.low, h.liquid.tcs_max_c) for h in site.hall if h.liquid and parts.equipment == h.name]
    elif parts.quantity.name == "tcs_dp_setpoint_kpa":
        ranges = [(h.liquid.dp_min_kpa, h.liquid.dp_max_kpa) for h in site.hall if h.liquid and parts.equipment == h.name]
    elif parts.quantity.name == "fws_setpoint_c":
        ranges = [(default.low, loop.fws_max_c) for loop in site.facility_loop if parts.equipment == loop.name]
    low, high = max([default.low, *(low for low, _ in ranges)]), min([default.high, *(high for _, high in ranges)])
    return replace(default, low=low, high=high) if low <= high else default


def _hall(site: Site, hall: Hall, signals: Collection[str]) -> tuple[HallLimits, list[Problem]]:
    """Returns a hall's limits; a limit of air that no point measures is None, and only rows with a sensor are rows."""
    own, default = site.limits, HallLimits(name=hall.name, plant=hall.plant)
    refused: list[Widening] = []

    def narrowed(key: str, limit: float, value: float | None, cautious: Direction = Direction.LOWER) -> float:
        number = narrow_value(key, limit, value, cautious)
        if isinstance(number, Widening):
            refused.append(number)
            return limit
        return number

    dewpoint_max_c = None if default.dewpoint_max_c is None else narrowed("dewpoint_max_c", default.dewpoint_max_c, own.dewpoint_max_c)
    limits = replace(
        default,
        rows=tuple(row for row in hall.rows if f"{row}.rack_inlet_c" in signals),
        inlet_recommended_c=narrowed("inlet_recommended_c", default.inlet_recommended_c, own.inlet_recommended_c),
        inlet_allowable_c=narrowed("inlet_allowable_c", INLET_ALLOWABLE_C[hall.inlet_class], own.inlet_allowable_c),
        inlet_rate_k_per_h=INLET_RATE_TAPE_K_PER_H if hall.tape else INLET_RATE_K_PER_H,
        dewpoint_max_c=dewpoint_max_c if f"{hall.name}.room_dewpoint_c" in signals else None,
        rh_max_pct=default.rh_max_pct if f"{hall.name}.room_rh_pct" in signals else None,
        dewpoint_margin_k=narrowed("dewpoint_margin_k", default.dewpoint_margin_k, own.dewpoint_margin_k, Direction.HIGHER),
        dry_coil=hall.dry_coil,
        it_capacity_kw=hall.it_capacity_kw,
        air_share=hall.air_capacity_kw / hall.it_capacity_kw,
        racks=hall.row_count * hall.racks_per_row,
    )
    problems = _problems("limits", refused, {})
    if not refused and limits.inlet_recommended_c > limits.inlet_allowable_c:
        allowed = f"at least the recommended inlet, {limits.inlet_recommended_c:g}"
        problems.append(Problem(f"{FILE}: limits.inlet_allowable_c", f"{limits.inlet_allowable_c:g}", allowed))
    return limits, problems


def _problems(at: str, found: Iterable[Widening], keys: Mapping[str, str]) -> list[Problem]:
    return [
        Problem(f"{FILE}: {at}.{keys.get(one.key, one.key)}", f"{one.value:g}", f"{one.allowed} (a site narrows limits, it never widens them)") for one in found
    ]
