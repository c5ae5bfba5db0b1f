"""Start and stop sequences of one chiller as the BAS runs them, with anti-recycle and run hours (Guideline 36-2021 5.20.4.16 and .17)."""

from __future__ import annotations

import math
from collections import deque
from enum import Enum
from typing import Final

from plant_models.site.topology import Chiller
from safety.signals import MachineState

START_TO_START_S: Final = 1200.0  # makers: 15-20 min
STOP_TO_START_S: Final = 60.0  # Carrier 19XRV
STARTS_PER_HOUR: Final = 3  # makers
LIMITED: Final = 0.75  # 5.20.4.16: running machines are limited to 75 % ...
_UNLOADED_PCT: Final = 80.0  # ... until below 80 %
_UNLOAD_S: Final = 300.0  # ... or 5 min
_MINIMUM_FLOW_S: Final = 60.0  # 5.20.4.16: after the minimum flow's ramp
_HEAD_PRESSURE_S: Final = 40.0  # 5.20.4.16: 10 s pump, 30 s head pressure
_VALVE_STROKE_S: Final = 120.0  # 60-300 s: slow enough for 30 %/min of flow through the running machines
_PROOF_S: Final = 30.0  # proof of flow: 10-30 s
_PROOF_TIMEOUT_S: Final = 180.0  # engineering value: no flow for this long is a failed start
_PROOF_SHARE: Final = 0.9  # of the machine's minimum evaporator flow
_PRELUBE_S: Final = 45.0  # 30-90 s
_COAST_S: Final = 60.0  # before its flow is taken away; coast-down 2.5 min (York) goes on in the slowly closing valve's stroke
_PUMP_OFF_S: Final = 30.0


class Step(Enum):
    """Where a machine is in its sequence; the order of members is the order of steps."""

    IDLE = "idle"
    UNLOAD_OTHERS = "unload others"
    MINIMUM_FLOW = "minimum flow"
    CONDENSER_PUMP = "condenser pump, head pressure"
    OPEN_VALVE = "open valve"
    PROVE_FLOW = "prove flow"
    PRELUBE = "prelube"
    RUN = "run"
    COAST = "coast"
    CLOSE_VALVE = "close valve"
    PUMP_OFF = "pump off"


_STARTING: Final = (Step.UNLOAD_OTHERS, Step.MINIMUM_FLOW, Step.CONDENSER_PUMP, Step.OPEN_VALVE, Step.PROVE_FLOW, Step.PRELUBE)
_STOPPING: Final = (Step.COAST, Step.CLOSE_VALVE, Step.PUMP_OFF)
_WITH_PUMP: Final = (Step.CONDENSER_PUMP, Step.OPEN_VALVE, Step.PROVE_FLOW, Step.PRELUBE, Step.RUN, *_STOPPING)
_WITH_FLOW: Final = (Step.MINIMUM_FLOW, Step.CONDENSER_PUMP, Step.OPEN_VALVE, Step.PROVE_FLOW, Step.PRELUBE, Step.RUN, Step.COAST, Step.CLOSE_VALVE)


class Machine:
    """One chiller under the BAS."""

    def __init__(self, spec: Chiller) -> None:
        """Takes the machine's name plate."""
        self.spec = spec
        self.valve = 0.0
        self.run_s = 0.0
        self.start_count = 0
        self.failed = False
        self.locked_out = False
        self._step = Step.IDLE
        self._since_s = -math.inf
        self._starts: deque[float] = deque(maxlen=STARTS_PER_HOUR)
        self._stopped_at_s = -math.inf

    @property
    def state(self) -> MachineState:
        """Returns the run state as the status point states it."""
        if self._step in _STARTING:
            return MachineState.STARTING
        if self._step is Step.RUN:
            return MachineState.RUNNING
        if self._step in _STOPPING and not self.failed:
            return MachineState.STOPPING
        if self.locked_out:
            return MachineState.LOCKED_OUT
        return MachineState.FAILED if self.failed else MachineState.OFF

    @property
    def step(self) -> Step:
        """Returns where the machine is in its sequence."""
        return self._step

    @property
    def running(self) -> bool:
        """Returns whether the compressor may run."""
        return self._step is Step.RUN

    @property
    def moving(self) -> bool:
        """Returns whether a start or stop is under way."""
        return self._step not in (Step.IDLE, Step.RUN)

    @property
    def wants_pump(self) -> bool:
        """Returns whether a condenser pump must run for it."""
        return self._step in _WITH_PUMP

    @property
    def wants_flow(self) -> bool:
        """Returns whether its minimum evaporator flow must be held."""
        return self._step in _WITH_FLOW

    @property
    def available(self) -> bool:
        """Returns whether the BAS may use it at all."""
        return not (self.failed or self.locked_out)

    def may_start(self, now_s: float) -> bool:
        """Returns whether it is off, available, and no anti-recycle rule holds it back."""
        if self._step is not Step.IDLE or not self.available or now_s - self._stopped_at_s < STOP_TO_START_S:
            return False
        if self._starts and now_s - self._starts[-1] < START_TO_START_S:
            return False
        return len(self._starts) < STARTS_PER_HOUR or now_s - self._starts[0] >= 3600.0

    def ran_for_s(self, now_s: float) -> float:
        """Returns for how long the compressor has been running [s], 0 while it is not."""
        return now_s - self._since_s if self.running else 0.0

    def start(self, now_s: float) -> None:
        """Begins the start sequence."""
        self._enter(Step.UNLOAD_OTHERS, now_s)

    def stop(self, now_s: float) -> None:
        """Begins the stop sequence; a start under way is given up."""
        if self._step is Step.IDLE or self._step in _STOPPING:
            return
        self._stopped_at_s = now_s
        self._enter(Step.COAST, now_s)

    def power_failed(self) -> None:
        """Finds itself off without a sequence; anti-recycle times are waived (Carrier 19XRV)."""
        self._step, self.valve = Step.IDLE, 0.0
        self._starts.clear()
        self._stopped_at_s = -math.inf

    def trip(self, now_s: float) -> None:
        """Takes a machine out that reported a fault of its own; it stays out until ``failed`` is cleared."""
        self.failed = True
        self.stop(now_s)

    def run_from_the_start(self) -> None:
        """Puts the machine into operation without a sequence: it was running before the simulation began."""
        self.valve = 1.0
        self._step = Step.RUN

    def scan(self, now_s: float, elapsed_s: float, others_load_pct: float | None, evaporator_flow_kgs: float | None) -> None:
        """Moves the sequence on.

        ``others_load_pct`` is the highest load of the other running machines, None where none runs or none is known [%].
        """
        if self.running:
            self.run_s += elapsed_s
        stroke = elapsed_s / _VALVE_STROKE_S
        if self._step is Step.OPEN_VALVE:
            self.valve = min(1.0, self.valve + stroke)
        elif self._step is Step.CLOSE_VALVE:
            self.valve = max(0.0, self.valve - stroke)
        following = self._following(now_s - self._since_s, others_load_pct, evaporator_flow_kgs)
        if following is None:
            return
        if following is Step.RUN:
            self._starts.append(now_s)
            self.start_count += 1
        self._enter(following, now_s)

    def _following(self, in_step_s: float, others_load_pct: float | None, flow_kgs: float | None) -> Step | None:
        """Returns the step that follows now, or None."""
        if self._step in (Step.IDLE, Step.RUN):
            return None
        proven = in_step_s >= _PROOF_S and (flow_kgs is None or flow_kgs >= _PROOF_SHARE * self.spec.evaporator_flow_min_share * self.spec.evaporator_flow_kgs)
        if self._step is Step.PROVE_FLOW and not proven and in_step_s >= _PROOF_TIMEOUT_S:
            self.failed = True
            return Step.COAST
        unloaded = others_load_pct is None or others_load_pct < _UNLOADED_PCT or in_step_s >= _UNLOAD_S
        done = {
            Step.UNLOAD_OTHERS: (unloaded, Step.MINIMUM_FLOW),
            Step.MINIMUM_FLOW: (in_step_s >= _MINIMUM_FLOW_S, Step.CONDENSER_PUMP),
            Step.CONDENSER_PUMP: (in_step_s >= _HEAD_PRESSURE_S, Step.OPEN_VALVE),
            Step.OPEN_VALVE: (self.valve >= 1.0, Step.PROVE_FLOW),
            Step.PROVE_FLOW: (proven, Step.PRELUBE),
            Step.PRELUBE: (in_step_s >= _PRELUBE_S, Step.RUN),
            Step.COAST: (in_step_s >= _COAST_S, Step.CLOSE_VALVE),
            Step.CLOSE_VALVE: (self.valve <= 0.0, Step.PUMP_OFF),
            Step.PUMP_OFF: (in_step_s >= _PUMP_OFF_S, Step.IDLE),
        }
        is_done, following = done[self._step]
        return following if is_done else None

    def _enter(self, step: Step, now_s: float) -> None:
        self._step, self._since_s = step, now_s
