"""What the reduced model needs to know, taken from a site's measurements: setpoints in force, what runs, loads and measured powers."""

from __future__ import annotations

from collections.abc import Mapping

from plant_models.reduced.liquid_side import LOOP_STATE, TCS_STATE, it_base_kw, liquid_halls, loop_machines
from plant_models.reduced.model import PLANT_STATES, layout_of
from plant_models.reduced.parameters import PlantParameters, ReducedParameters
from plant_models.reduced.plant import WATER_KJ_PER_KGK
from plant_models.reduced.weather import DRYBULB, WETBULB
from plant_models.site.topology import Plant, Site
from safety.signals import EconomiserState, MachineState, measurement_of

Signals = Mapping[str, float]


def signals_used(site: Site) -> frozenset[str]:
    """Returns every measurement that the reduced model of a site can make use of."""
    plants = {f"{p.name}.{q}" for p in site.plant for q in (*PLANT_STATES, "chw_flow_kgs", "chw_dp_kpa", "cwr_temp_c", "cw_flow_kgs")}
    halls = {
        f"{h.name}.{q}"
        for h in site.hall
        for q in ("it_load_kw", "rack_inlet_max_c", "crah_supply_temp_c", "crah_return_temp_c", "crah_fan_pct", "crah_fan_power_kw", "room_dewpoint_c")
    }
    rows = {f"{row}.rack_inlet_c" for h in site.hall for row in h.rows}
    names = [c.name for c in site.chiller] + [t.name for t in site.tower]
    machines = {f"{name}.{q}" for name in names for q in ("machine_state", "power_kw")} | {f"{t.name}.fan_pct" for t in site.tower}
    pumps = {f"{p.name}.{q}" for p in site.pump for q in ("running_count", "power_kw", "speed_pct")}
    economisers = {f"{e.name}.{q}" for e in site.economiser for q in ("economiser_state", "heat_kw")}
    site_wide = {WETBULB, "site.losses_power_kw", "site.facility_power_kw"}
    return frozenset(plants | halls | rows | machines | pumps | economisers | site_wide | _liquid_signals(site))


def _liquid_signals(site: Site) -> set[str]:
    tcs = {f"{h.name}.{q}" for h in liquid_halls(site) for q in (TCS_STATE, "tcs_return_temp_c", "tcs_dp_kpa")}
    loops = {f"{loop.name}.{q}" for loop in site.facility_loop for q in (LOOP_STATE, "fws_return_temp_c", "fws_flow_kgs")}
    units = {f"{c.name}.{q}" for c in site.cdu for q in ("machine_state", "power_kw", "cdu_flow_kgs")}
    coolers = {f"{c.name}.{q}" for c in site.dry_cooler for q in ("machine_state", "power_kw", "fan_pct", "pad_state")}
    trims = {f"{t.name}.{q}" for t in site.trim_chiller for q in ("machine_state", "power_kw")}
    return tcs | loops | units | coolers | trims | ({DRYBULB} if site.facility_loop else set())


def biases_k(parameters: ReducedParameters) -> dict[str, float]:
    """Returns what each measured state's sensor reads above the state itself, as identified [K]."""
    plants = {f"{name}.chwr_temp_c": p.chwr_bias_k for name, p in parameters.plants.items()}
    return plants | {f"{name}.crah_return_temp_c": h.return_bias_k for name, h in parameters.halls.items()}


def setpoints_known(site: Site, measured: Signals, in_force: Signals) -> dict[str, float]:
    """Returns a value for every setpoint of the model: in force, else as its measurement shows, else what the BAS would use by itself."""
    known: dict[str, float] = {}
    ranges = {p.name: p for p in site.plant}
    for setpoint in layout_of(site).setpoints:
        equipment, _, quantity = setpoint.partition(".")
        if setpoint in in_force:
            known[setpoint] = in_force[setpoint]
        elif measurement_of(setpoint) in measured:
            known[setpoint] = measured[measurement_of(setpoint)]
        elif setpoint in site.setpoint:
            known[setpoint] = site.setpoint[setpoint].own
        elif quantity == "chw_dp_setpoint_kpa":  # a site that neither offers nor measures it: the usual value of its design
            known[setpoint] = ranges[equipment].chw_dp_max_kpa
        else:
            known[setpoint] = design_dp_kpa(site, equipment) if quantity == "tcs_dp_setpoint_kpa" else _USUAL[quantity]
    return known


def design_dp_kpa(site: Site, hall: str) -> float:
    """Returns the pressure of technology water at a hall's racks by design [kPa], 0 in an air hall."""
    return next((h.liquid.dp_kpa for h in site.hall if h.name == hall and h.liquid), 0.0)


_DEPRESSION_K = 5.0  # a usual day
_USUAL = {
    "chws_setpoint_c": 10.0,
    "cws_setpoint_c": 24.0,
    "crah_supply_setpoint_c": 20.0,
    "crah_fan_setpoint_pct": 90.0,
    "tcs_setpoint_c": 40.0,
    "fws_setpoint_c": 35.0,
    "speed_setpoint_pct": 100.0,
}


def disturbances_known(site: Site, parameters: ReducedParameters, measured: Signals, states: Signals) -> dict[str, float]:
    """Returns every disturbance of the model from measurements and states; what is not measured is taken as the design suggests."""
    known = {WETBULB: measured.get(WETBULB, states.get(_first_cws(site), 20.0) - 4.0)}
    for hall in site.hall:
        dp_kpa = measured.get(f"{hall.name}.tcs_dp_kpa", design_dp_kpa(site, hall.name))
        known[f"{hall.name}.it_base_kw"] = float(it_base_kw(hall, parameters, measured.get(f"{hall.name}.it_load_kw", 0.0), states, dp_kpa))
    for plant in site.plant:
        known |= _plant_disturbances(site, plant, parameters.plants[plant.name], measured, states)
    for loop in site.facility_loop:
        known |= _loop_disturbances(site, loop.name, measured)
        known[DRYBULB] = measured.get(DRYBULB, known[WETBULB] + _DEPRESSION_K)
    return known


def _first_cws(site: Site) -> str:
    return f"{site.plant[0].name}.cws_temp_c" if site.plant else ""


def _loop_disturbances(site: Site, loop: str, measured: Signals) -> dict[str, float]:
    coolers = [c.name for c in site.dry_cooler if c.loop == loop]
    wet = sum(measured.get(f"{c}.pad_state", 0.0) for c in coolers) / max(len(coolers), 1)
    return {f"{loop}.coolers_running": float(max(_running(coolers, measured, len(coolers)), 1)), f"{loop}.wet_share": wet}


def _plant_disturbances(site: Site, plant: Plant, p: PlantParameters, measured: Signals, states: Signals) -> dict[str, float]:
    name = plant.name
    served = any(h.plant == name for h in site.hall)
    flow = measured.get(f"{name}.chw_flow_kgs", plant.chw_flow_kgs)
    heat = WATER_KJ_PER_KGK * flow * (states[f"{name}.chwr_temp_c"] - states[f"{name}.chws_temp_c"])
    economiser = max((measured.get(f"{e.name}.economiser_state", 0.0) for e in site.economiser if e.plant == name), default=0.0)
    chillers = [c.name for c in site.chiller if c.plant == name]
    guess = 0 if economiser >= EconomiserState.FULL else min(len(chillers), max(1, round(heat / max(p.stage_up_load_share * p.chiller_capacity_kw, 1.0) + 0.5)))
    running = _running(chillers, measured, guess)
    cells = [t.name for t in site.tower if t.plant == name]
    return {
        f"{name}.chillers_running": float(running),
        f"{name}.cells_running": float(_running(cells, measured, min(len(cells), max(running, 1)))),
        f"{name}.chw_pumps_running": _pumps(site, name, "chw", measured, max(running, 1)),
        f"{name}.cw_pumps_running": _pumps(site, name, "cw", measured, max(running, 1) if cells else 0),
        f"{name}.in_line_share": 1.0 if economiser >= EconomiserState.PARTIAL else 0.0,
        f"{name}.free_share": 1.0 if economiser >= EconomiserState.FULL else 0.0,
        f"{name}.mode_known": 1.0,
        f"{name}.other_heat_kw": 0.0 if served else heat,
        f"{name}.other_flow_kgs": 0.0 if served else flow,
    }


def _running(machines: list[str], measured: Signals, guess: int) -> int:
    states = [measured[f"{m}.machine_state"] for m in machines if f"{m}.machine_state" in measured]
    return sum(1 for s in states if s == MachineState.RUNNING) if states else guess


def _pumps(site: Site, plant: str, serves: str, measured: Signals, guess: int) -> float:
    counts = [measured.get(f"{p.name}.running_count", float(min(p.count, guess))) for p in site.pump if p.plant == plant and p.serves == serves]
    return float(sum(counts))


def powers_measured(site: Site, measured: Signals) -> dict[str, float]:
    """Returns the measured power [kW] of each group of which every machine's power is known."""
    groups: dict[str, list[str]] = {f"{h.name}.crah_fans_kw": [f"{h.name}.crah_fan_power_kw"] for h in site.hall}
    for plant in site.plant:
        groups[f"{plant.name}.chillers_kw"] = [f"{c.name}.power_kw" for c in site.chiller if c.plant == plant.name]
        groups[f"{plant.name}.towers_kw"] = [f"{t.name}.power_kw" for t in site.tower if t.plant == plant.name]
        groups[f"{plant.name}.chw_pumps_kw"] = [f"{p.name}.power_kw" for p in site.pump if p.plant == plant.name and p.serves == "chw"]
        groups[f"{plant.name}.cw_pumps_kw"] = [f"{p.name}.power_kw" for p in site.pump if p.plant == plant.name and p.serves == "cw"]
    groups |= {f"{h.name}.cdu_pumps_kw": [f"{c.name}.power_kw" for c in site.cdu if c.hall == h.name] for h in liquid_halls(site)}
    for loop in site.facility_loop:
        groups |= {f"{loop.name}.{group}": [f"{n}.power_kw" for n in names] for group, names in loop_machines(site, loop.name).items()}
    return {group: sum(measured[m] for m in members) for group, members in groups.items() if members and all(m in measured for m in members)}
