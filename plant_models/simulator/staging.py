"""How many chillers of a plant run, and which: Guideline 36-2021 5.20.4, or as many as somebody outside asks for within what the BAS itself protects; with
equal run hours.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from plant_models.simulator.sequences import LIMITED, Machine, Step
from plant_models.simulator.timers import Held, RollingMean
from plant_models.site.topology import Chiller
from safety.signals import MachineState

WATER_KJ_PER_KGK: Final = 4.186
_HOLD_S: Final = 900.0  # 5.20.4.15: 15 min
_MEAN_S: Final = 300.0  # 5.20.4.9: 5-min mean
_STEADY_PER_MIN: Final = 0.025  # 5.20.4.15: no change while load moves the other way by more than 2.5 %/min
_CHWS_FAILSAFE_K: Final = 1.0  # 5.20.4.15
_DP_FAILSAFE_KPA: Final = 13.8  # 5.20.4.15, 2 psi
_OVERLOAD_S: Final = 120.0  # engineering value: a stage that cannot carry the load is passed through, timers or not
_START_SHARE: Final = 0.85  # engineering value: load of machines that begin together, after free cooling or before the simulation
_STAGGER_S: Final = 30.0  # engineering value: between machines that begin together
_ASKED_SHARE: Final = 0.92  # engineering value: load of a stage up to which the BAS believes who asks for no more machines
_PROTECTED_S: Final = 1800.0  # engineering value: after a start of its own the BAS stops no machine because it is asked to
_BYPASS_MARGIN: Final = 1.08  # engineering value: over the makers' minimum, for what valves and sensors are off by
_ORDER: Final = {"positive_displacement": 0, "vsd_centrifugal": 1, "constant_speed_centrifugal": 2}  # 5.20.4.7


@dataclass(frozen=True, slots=True)
class Duty:
    """What a plant's chillers have to do now; None is unknown.

    ``return_c`` is the water that comes back from the load, ``entering_c`` the same after an economiser; ``asked_count`` are the machines that somebody
    outside asks for, None where the BAS counts by itself.
    """

    chws_setpoint_c: float
    dp_setpoint_kpa: float
    chws_c: float | None
    entering_c: float | None
    return_c: float | None
    flow_kgs: float | None
    dp_kpa: float | None
    lift_k: float | None
    free_cooling: bool
    asked_count: float | None = None


def stage_part_load(spec: Chiller, lift_k: float | None) -> float:
    """Returns the part load ratio at which one more machine is better (SPLR, 5.20.4.12) for the present lift [K]."""
    if spec.kind == "positive_displacement":
        return 0.80
    if spec.kind == "constant_speed_centrifugal" or lift_k is None:
        return 0.90
    span = spec.lift_max_k - spec.lift_min_k
    return min(max(0.9 * (lift_k + 0.4 * spec.lift_max_k - 1.4 * spec.lift_min_k) / span, 0.45), 0.90)


class Staging:
    """The chillers of one plant."""

    def __init__(self, chillers: Sequence[Chiller]) -> None:
        """Takes the plant's machines in the site's order."""
        self.machines = tuple(Machine(spec) for spec in chillers)
        self._required = RollingMean(_MEAN_S)
        self._changed_at_s = -math.inf
        self._began_at_s = -math.inf
        self._wanted = 0
        self._protected_until_s = -math.inf
        self.count = 0
        """The stage that is followed: machines that are to run, in free cooling those that would."""
        self.protects = False
        """Whether the BAS runs another stage than it is asked for."""
        self.failing = False
        """Whether water or pressure fall short of what they are to be."""
        self._up, self._down, self._warm, self._low_dp, self._overload = Held(), Held(), Held(), Held(), Held()

    def begin(self, load_kw: float | None, free_cooling: bool) -> None:
        """Puts as many machines into operation as the load needs; without a known load, all but a quarter of them."""
        if free_cooling:
            return
        ready = self._by_preference(m for m in self.machines if m.available)
        missing = load_kw if load_kw is not None else 0.75 * sum(m.spec.capacity_kw for m in ready)
        for machine in ready:
            if missing <= 0.0 and self._wanted > 0:
                break
            machine.run_from_the_start()
            self._wanted += 1
            missing -= _START_SHARE * machine.spec.capacity_kw

    def power_failed(self) -> None:
        """Finds every machine off; as many as ran are wanted back as soon as there is power."""
        self._wanted = max(self._wanted, len(self.running))
        for machine in self.machines:
            machine.power_failed()

    @property
    def running(self) -> tuple[Machine, ...]:
        """Returns the machines whose compressors may run."""
        return tuple([m for m in self.machines if m.running])

    @property
    def changing(self) -> bool:
        """Returns whether a machine is being started or stopped."""
        return any(m.moving for m in self.machines)

    @property
    def limit(self) -> float:
        """Returns the demand limit of running machines: 75 % while another one is being started."""
        return LIMITED if any(m.state is MachineState.STARTING for m in self.machines) else 1.0

    @property
    def part_load(self) -> float:
        """Returns the load over the capacity of the running machines, 0 where it is unknown."""
        capacity = sum(m.spec.capacity_kw for m in self.running)
        return (self._required.value or 0.0) / capacity if capacity > 0.0 else 0.0

    @property
    def flow_min_kgs(self) -> float:
        """Returns the bypass setpoint: the highest minimum share of the machines with flow times their design flow together (5.20.8), with a margin."""
        used = [m.spec for m in self.machines if m.wants_flow]
        return _BYPASS_MARGIN * max((s.evaporator_flow_min_share for s in used), default=0.0) * sum(s.evaporator_flow_kgs for s in used)

    def scan(self, now_s: float, elapsed_s: float, duty: Duty, seen: Mapping[str, float]) -> None:
        """Moves sequences on, then decides whether one more or one less machine runs; one change at a time."""
        was_changing = self.changing
        self._move(now_s, elapsed_s, seen)
        if self.changing:
            if not duty.free_cooling and (not self.running or any(m.step is Step.COAST and not m.available for m in self.machines)):
                self._wanted = self._wanted or self._needed(duty)
                self._replace(now_s)
            return
        if was_changing:
            self._changed_at_s = now_s
            for timer in (self._up, self._down, self._overload):
                timer.reset()
        required = _heat_kw(duty.flow_kgs, duty.entering_c, duty.chws_setpoint_c)
        if required is not None:
            self._required.add(required, now_s)
        self._decide(now_s, duty)
        self._show(now_s, duty)

    def _show(self, now_s: float, duty: Duty) -> None:
        granted = None if duty.free_cooling else self._granted(now_s, duty)
        own = self._needed(duty) if duty.free_cooling else max(self._wanted, 1)
        self.count = own if granted is None else granted
        self.protects = duty.asked_count is not None and self.count != round(duty.asked_count)

    def _granted(self, now_s: float, duty: Duty) -> int | None:
        """Returns the stage asked for as far as the BAS grants it, None where none is asked for: never too few for the load, and none stops after a start
        of the BAS's own.
        """
        if duty.asked_count is None:
            return None
        ready = self._by_preference(m for m in self.machines if m.available)
        carried_kw = accumulate(_ASKED_SHARE * m.spec.capacity_kw for m in ready)
        least = len(self.running) if self._required.value is None else 1 + sum(kw < self._required.value for kw in carried_kw)
        least = max(least, len(self.running)) if now_s < self._protected_until_s else least
        return min(max(round(duty.asked_count), least, 1), len(ready))

    def _move(self, now_s: float, elapsed_s: float, seen: Mapping[str, float]) -> None:
        loads = {m: seen[s] for m in self.machines if m.running and (s := f"{m.spec.name}.load_pct") in seen}
        for machine in self.machines:
            name = machine.spec.name
            if seen.get(f"{name}.machine_state") == MachineState.FAILED and not machine.failed:
                machine.trip(now_s)
            if machine.locked_out:
                machine.stop(now_s)
            others = [load for m, load in loads.items() if m is not machine]
            machine.scan(now_s, elapsed_s, max(others, default=None), seen.get(f"{name}.evaporator_flow_kgs"))

    def _decide(self, now_s: float, duty: Duty) -> None:
        if duty.free_cooling:
            self._wanted = 0
            for machine in self.running:
                machine.stop(now_s)
            return
        if not self.running:
            self._wanted = max(self._wanted, self._needed(duty))
        if len(self.running) < self._wanted:
            self._replace(now_s)
            return
        failing_s = self._failing_s(now_s, duty)
        self.failing = failing_s > 0.0
        overloaded = self._overload.for_at_least(_OVERLOAD_S, self.part_load > 1.0, now_s)
        granted, runs = self._granted(now_s, duty), len(self.running)
        more, fewer = (self._wants_up(now_s, duty), self._wants_down(now_s, duty)) if granted is None else (runs < granted, runs > granted)
        up, down = more or failing_s >= _HOLD_S, fewer and failing_s == 0.0
        settled = now_s - self._changed_at_s >= _HOLD_S
        if settled and down:
            if self._stop_one(now_s):
                self._wanted = len(self.running)
        elif ((settled and up) or overloaded) and any(m.may_start(now_s) for m in self.machines):
            self._wanted = len(self.running) + 1
            if overloaded or failing_s >= _HOLD_S:
                self._protected_until_s = now_s + _PROTECTED_S
            self._replace(now_s)

    def _wants_up(self, now_s: float, duty: Duty) -> bool:
        capacity = sum(m.spec.capacity_kw for m in self.running)
        ratio = min((stage_part_load(m.spec, duty.lift_k) for m in self.running), default=math.inf)
        efficient = self.part_load > ratio and self._required.per_min > -_STEADY_PER_MIN * capacity
        return self._up.for_at_least(_HOLD_S, efficient, now_s)

    def _wants_down(self, now_s: float, duty: Duty) -> bool:
        stays = sorted(self.running, key=self._first_to_stop)[1:]
        if not stays or self._required.value is None:
            return False
        capacity = sum(m.spec.capacity_kw for m in stays)
        ratio = min(stage_part_load(m.spec, duty.lift_k) for m in stays)
        enough = self._required.value / capacity < ratio and self._required.per_min < _STEADY_PER_MIN * capacity
        return self._down.for_at_least(_HOLD_S, enough, now_s)

    def _failing_s(self, now_s: float, duty: Duty) -> float:
        """Returns how long a fail-safe condition has held [s]; 0 means none holds, a condition of this very scan counts one second."""
        warm = duty.chws_c is not None and duty.chws_c > duty.chws_setpoint_c + _CHWS_FAILSAFE_K
        low = duty.dp_kpa is not None and duty.dp_kpa < duty.dp_setpoint_kpa - _DP_FAILSAFE_KPA
        held_s = max(self._warm.s(warm, now_s), self._low_dp.s(low, now_s))
        return max(held_s, 1.0) if warm or low else 0.0

    def _needed(self, duty: Duty) -> int:
        """Returns how many machines carry the whole load without an economiser: on its way out it soon gives little, warm towers suit compressors."""
        load_kw = _heat_kw(duty.flow_kgs, duty.return_c, duty.chws_setpoint_c)
        ready = self._by_preference(m for m in self.machines if m.available)
        carried_kw = list(accumulate(_START_SHARE * m.spec.capacity_kw for m in ready))
        return 1 if load_kw is None else min(1 + sum(kw < load_kw for kw in carried_kw), len(ready))

    def _replace(self, now_s: float) -> None:
        """Starts the machine that is next, where one is missing; one at a time, but where none runs those needed begin together.

        What cannot start now is tried again at the next scan.
        """
        self._wanted = min(max(self._wanted, 1), sum(m.available for m in self.machines))
        starting = sum(m.state is MachineState.STARTING for m in self.machines)
        if len(self.running) + starting >= self._wanted or (starting and (self.running or now_s - self._began_at_s < _STAGGER_S)):
            return
        ready = self._by_preference(m for m in self.machines if m.may_start(now_s))
        if ready:
            self._began_at_s = now_s
            ready[0].start(now_s)

    def _stop_one(self, now_s: float) -> bool:
        for machine in sorted(self.running, key=self._first_to_stop):
            if machine.ran_for_s(now_s) >= _HOLD_S:
                machine.stop(now_s)
                return True
        return False

    def _by_preference(self, machines: Iterable[Machine]) -> list[Machine]:
        return sorted(machines, key=lambda m: (_ORDER[m.spec.kind], m.run_s, self.machines.index(m)))

    def _first_to_stop(self, machine: Machine) -> tuple[int, float, int]:
        return (-_ORDER[machine.spec.kind], -machine.run_s, -self.machines.index(machine))


def _heat_kw(flow_kgs: float | None, warm_c: float | None, setpoint_c: float) -> float | None:
    return None if flow_kgs is None or warm_c is None else max(0.0, flow_kgs * WATER_KJ_PER_KGK * (warm_c - setpoint_c))
