"""The estimator: the reduced model run beside the plant, corrected by what was measured, with slow offsets that make it free of steady error.

It does not plan and does not judge readings; the gate did that. NumPy floats only, so the same inputs give the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from plant_models.reduced.liquid_side import LOOP_STATE, TCS_STATE, liquid_halls
from plant_models.reduced.model import Response, drift_of, free_offset_of, layout_of, respond, share_of
from plant_models.reduced.observe import biases_k, disturbances_known, powers_measured, setpoints_known, signals_used
from plant_models.reduced.parameters import ReducedParameters
from plant_models.reduced.plant import WATER_KJ_PER_KGK
from plant_models.reduced.weather import DRYBULB
from plant_models.site.topology import Site
from safety.records import Estimate, Measurements
from safety.signals import EconomiserState

REMEMBER_S = 900.0  # a missing measurement stands in with its last value for this long, the longest cycle
_STEP_S = 20.0  # half the shortest time constant of a hall's air
_TRUST = 0.8  # share of an innovation that corrects a state: sensors are filtered by their own lag
_LEARN = 0.2  # share that becomes lasting drift: an hour of cycles forgets a wrong one
_LEARN_POWER = 0.1
_DRIFT_MOST_K = 5.0  # a state may rest this far from where the model alone would have it
_SHARE_MOST = 0.3
_POWER_LEAST_KW = 2.0
_LEARN_MODE_K_PER_S = 5.0 / 3600.0  # slower than chilled water may be raised, so that the plan gets ahead of the belief
_MODE_MOST_K = 12.0
_FARTHEST_C = 200.0  # engineering value: no water or air of a site; readings far from one another can drive the model there


@dataclass(frozen=True)
class EstimatorMemory:
    """What one update hands to the next: the model's states, the offsets, and every measurement last seen with its time."""

    at_s: float = -math.inf
    states: Mapping[str, float] = field(default_factory=dict)
    offsets: Mapping[str, float] = field(default_factory=dict)
    known: Mapping[str, float] = field(default_factory=dict)
    seen_at_s: Mapping[str, float] = field(default_factory=dict)


class Estimator:
    """States, loads and offsets of one site, from its measurements."""

    def __init__(self, site: Site, parameters: ReducedParameters) -> None:
        """Takes the site and the identified parameters of its reduced model."""
        self._site = site
        self._parameters = parameters
        self._layout = layout_of(site)
        self._used = signals_used(site)
        self._needed = _needed(site)
        self._bias_k = biases_k(parameters)

    def start(self) -> EstimatorMemory:
        """Returns the memory of an estimator that has seen nothing."""
        return EstimatorMemory()

    @np.errstate(over="ignore", divide="ignore", invalid="ignore")  # far-out readings may leave no finite answer; that is looked at below
    def update(self, memory: EstimatorMemory, measured: Measurements, in_force: Mapping[str, float]) -> tuple[Estimate, EstimatorMemory]:
        """Returns the estimate at the time of the measurements; ``in_force`` are the setpoints that acted since the last update."""
        at_s = measured.taken_at_s
        known, seen = self._remember(memory, measured)
        missing = sorted(s for s in self._needed if s not in known)
        if missing:
            estimate = Estimate(at_s, {}, {}, dict(memory.offsets), valid=False, says=f"not measured for {REMEMBER_S:.0f} s: {', '.join(missing)}")
            return estimate, EstimatorMemory(at_s, {}, memory.offsets, known, seen)
        setpoints = setpoints_known(self._site, known, in_force)
        states, offsets = self._correct(memory, measured, known, setpoints)
        response = self._respond(states, setpoints, known, offsets)
        offsets = self._learn_powers(offsets, response, measured.values)
        offsets = self._learn_modes(offsets, response, measured.values, max(at_s - memory.at_s, 0.0))
        loads = self._loads(states, known, response)
        if not all(map(math.isfinite, (*states.values(), *loads.values(), *offsets.values()))):
            estimate = Estimate(at_s, {}, {}, dict(memory.offsets), valid=False, says="the model has no answer to what is measured")
            return estimate, EstimatorMemory(at_s, {}, memory.offsets, known, seen)
        return Estimate(at_s, states, loads, offsets, valid=True), EstimatorMemory(at_s, states, offsets, known, seen)

    def _remember(self, memory: EstimatorMemory, measured: Measurements) -> tuple[dict[str, float], dict[str, float]]:
        now = {s: v for s, v in measured.values.items() if s in self._used and math.isfinite(v)}
        seen = {**memory.seen_at_s, **dict.fromkeys(now, measured.taken_at_s)}
        fresh = {s: at for s, at in seen.items() if measured.taken_at_s - at <= REMEMBER_S}
        return {s: now.get(s, memory.known.get(s, math.nan)) for s in fresh}, fresh

    def _respond(self, states: Mapping[str, float], setpoints: Mapping[str, float], known: Mapping[str, float], offsets: Mapping[str, float]) -> Response:
        disturbances = disturbances_known(self._site, self._parameters, known, states)
        return respond(self._site, self._parameters, states, setpoints, disturbances, offsets)

    def _correct(
        self, memory: EstimatorMemory, measured: Measurements, known: Mapping[str, float], setpoints: Mapping[str, float]
    ) -> tuple[dict[str, float], dict[str, float]]:
        """Returns states and offsets after prediction over the time passed and correction by what was measured just now."""
        elapsed = measured.taken_at_s - memory.at_s
        if not memory.states or not 0.0 < elapsed <= 2.0 * REMEMBER_S:
            return self._from_measurements(known), dict(memory.offsets)
        states, offsets = self._predict(memory, known, setpoints, elapsed), dict(memory.offsets)
        if not all(abs(value) <= _FARTHEST_C for value in states.values()):
            return self._from_measurements(known), offsets
        response_s = self._response_times_s(known)
        for state in self._layout.states:
            if state in measured.values and state in response_s:
                innovation = measured.values[state] - self._bias_k.get(state, 0.0) - states[state]
                states[state] += _TRUST * innovation
                reach_h = response_s[state] * -math.expm1(-elapsed / response_s[state]) / 3600.0
                most = _DRIFT_MOST_K / (response_s[state] / 3600.0)
                drift = offsets.get(drift_of(state), 0.0) + _LEARN * innovation / reach_h
                offsets[drift_of(state)] = min(max(drift, -most), most)
        return states, offsets

    def _from_measurements(self, known: Mapping[str, float]) -> dict[str, float]:
        """Returns states that agree with the measurements, the unmeasured ones at rest beside them."""
        states: dict[str, float] = {}
        for plant in self._site.plant:
            supply = known[f"{plant.name}.chws_temp_c"]
            states[f"{plant.name}.chws_temp_c"] = supply
            states[f"{plant.name}.chwr_temp_c"] = self._without_bias(known, f"{plant.name}.chwr_temp_c", supply + 6.0)
            states[f"{plant.name}.cws_temp_c"] = known.get(f"{plant.name}.cws_temp_c", supply + 12.0)
        for hall in self._site.hall:
            supply = known[f"{hall.name}.crah_supply_temp_c"]
            back = self._without_bias(known, f"{hall.name}.crah_return_temp_c", supply + 10.0)
            states[f"{hall.name}.crah_supply_temp_c"] = supply
            states[f"{hall.name}.rack_inlet_max_c"] = known[f"{hall.name}.rack_inlet_max_c"]
            states[f"{hall.name}.crah_return_temp_c"] = back
            states[f"{hall.name}.mass_temp_c"] = back
        return states | {s: known[s] for s in _liquid_states(self._site)}

    def _without_bias(self, known: Mapping[str, float], signal: str, otherwise: float) -> float:
        return known[signal] - self._bias_k.get(signal, 0.0) if signal in known else otherwise

    def _predict(self, memory: EstimatorMemory, known: Mapping[str, float], setpoints: Mapping[str, float], elapsed_s: float) -> dict[str, float]:
        """Returns the states after ``elapsed_s`` [s], by Runge-Kutta steps of fourth order with the present disturbances held."""
        disturbances = disturbances_known(self._site, self._parameters, known, memory.states)
        count = math.ceil(elapsed_s / _STEP_S)
        step = elapsed_s / count

        def rates(at: Mapping[str, float]) -> Mapping[str, float]:
            return respond(self._site, self._parameters, at, setpoints, disturbances, memory.offsets).rates

        def moved(by: Mapping[str, float], step_s: float) -> dict[str, float]:
            return {s: v + step_s * by[s] for s, v in states.items()}

        states = dict(memory.states)
        for _ in range(count):
            first = rates(states)
            second = rates(moved(first, step / 2.0))
            third = rates(moved(second, step / 2.0))
            fourth = rates(moved(third, step))
            states = {s: float(v + step / 6.0 * (first[s] + 2.0 * second[s] + 2.0 * third[s] + fourth[s])) for s, v in states.items()}
        return states

    def _response_times_s(self, known: Mapping[str, float]) -> dict[str, float]:
        """Returns how fast a drift shows in its state [s]."""
        times: dict[str, float] = {}
        for plant in self._site.plant:
            p = self._parameters.plants[plant.name]
            flow = max(known.get(f"{plant.name}.chw_flow_kgs", plant.chw_flow_kgs), 0.1 * plant.chw_flow_kgs)
            times[f"{plant.name}.chws_temp_c"] = p.chws_tau_s
            times[f"{plant.name}.chwr_temp_c"] = p.return_capacity_kj_per_k / (WATER_KJ_PER_KGK * flow)
            times[f"{plant.name}.cws_temp_c"] = p.cws_tau_s
        for hall in self._site.hall:
            h = self._parameters.halls[hall.name]
            times[f"{hall.name}.crah_supply_temp_c"] = h.supply_tau_s
            times[f"{hall.name}.rack_inlet_max_c"] = h.inlet_tau_s
            times[f"{hall.name}.crah_return_temp_c"] = h.air_capacity_kj_per_k / (0.7 * h.air_flow_kgs)
        times |= {f"{name}.{TCS_STATE}": p.tcs_tau_s for name, p in self._parameters.tcs.items()}
        times |= {f"{name}.{LOOP_STATE}": p.fws_tau_s for name, p in self._parameters.loops.items()}
        return times

    def _learn_powers(self, offsets: Mapping[str, float], response: Response, measured: Mapping[str, float]) -> dict[str, float]:
        learnt = dict(offsets)
        for group, seen_kw in powers_measured(self._site, measured).items():
            share = learnt.get(share_of(group), 0.0)
            plain_kw = float(response.powers_kw[group]) / (1.0 + share)
            if min(plain_kw, seen_kw) > _POWER_LEAST_KW:
                share += _LEARN_POWER * (seen_kw / plain_kw - 1.0 - share)
                learnt[share_of(group)] = min(max(share, -_SHARE_MOST), _SHARE_MOST)
        return learnt

    def _learn_modes(self, offsets: Mapping[str, float], response: Response, measured: Mapping[str, float], elapsed_s: float) -> dict[str, float]:
        """Moves what is believed of the economiser towards what the BAS does: the BAS tunes its own prediction, and nothing shows how."""
        learnt = dict(offsets)
        for economiser in self._site.economiser:
            state = measured.get(f"{economiser.name}.economiser_state")
            if state is not None:
                name = free_offset_of(economiser.plant)
                believed = float(response.outputs[f"{economiser.plant}.alone_share"])
                seen = 1.0 if state >= EconomiserState.FULL else 0.0
                moved = learnt.get(name, 0.0) + _LEARN_MODE_K_PER_S * min(elapsed_s, REMEMBER_S) * (believed - seen)
                learnt[name] = min(max(moved, -_MODE_MOST_K), _MODE_MOST_K)
        return learnt

    def _loads(self, states: Mapping[str, float], known: Mapping[str, float], response: Response) -> dict[str, float]:
        disturbances = disturbances_known(self._site, self._parameters, known, states)
        loads = {f"{h.name}.it_base_kw": disturbances[f"{h.name}.it_base_kw"] for h in self._site.hall}
        loads |= {f"{h.name}.it_load_kw": known[f"{h.name}.it_load_kw"] for h in self._site.hall}
        loads |= {f"{p.name}.chiller_heat_kw": float(response.outputs[f"{p.name}.chiller_heat_kw"]) for p in self._site.plant}
        return loads


def _needed(site: Site) -> frozenset[str]:
    """Returns the measurements without which nothing can be estimated."""
    halls = {f"{h.name}.{q}" for h in site.hall for q in ("it_load_kw", "rack_inlet_max_c", "crah_supply_temp_c")}
    plants = {f"{p.name}.chws_temp_c" for p in site.plant}
    weather = {"weather.oa_wetbulb_c"} if site.tower else set()
    bare = {f"{p.name}.chwr_temp_c" for p in site.plant if not any(h.plant == p.name for h in site.hall)}
    dry = {DRYBULB} if site.facility_loop else set()
    return frozenset(halls | plants | weather | bare | dry | _liquid_states(site))


def _liquid_states(site: Site) -> set[str]:
    return {f"{h.name}.{TCS_STATE}" for h in liquid_halls(site)} | {f"{loop.name}.{LOOP_STATE}" for loop in site.facility_loop}
