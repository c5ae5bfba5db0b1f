"""When each chiller started and stopped: an explicit memory, and whether one may start or stop now without harm to motor, oil and contacts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from safety.finite import known
from safety.limits import ChillerLimits, Limits
from safety.records import Measurements, Run
from safety.signals import MachineState

WINDOW_S: Final = 43200.0  # makers count starts in 12 h
HOUR_S: Final = 3600.0
_ON: Final = (MachineState.STARTING, MachineState.RUNNING)
_MOVING: Final = (MachineState.STARTING, MachineState.STOPPING)


@dataclass(frozen=True, slots=True)
class Starts:
    """Memory, persisted: each chiller's run, by name."""

    runs: Mapping[str, Run] = field(default_factory=dict)


def update(memory: Starts, measured: Measurements, limits: Limits) -> Starts:
    """Takes one set of accepted measurements into the memory; an unknown state changes nothing."""
    at_s, runs = measured.taken_at_s, {}
    for chiller in limits.chillers:
        state, last = known(measured.values, f"{chiller.name}.machine_state"), memory.runs.get(chiller.name)
        on = state in _ON
        if state is None:
            run = last
        elif last is None:
            run = Run(on)
        elif on is last.on:
            run = last
        else:
            run = Run(on, at_s, (*last.starts_s, at_s) if on else last.starts_s)
        if run is not None:
            runs[chiller.name] = Run(run.on, run.since_s, tuple(s for s in run.starts_s if not at_s - s > WINDOW_S))
    return Starts(runs)


def moving(chiller: ChillerLimits, measured: Mapping[str, float]) -> bool:
    """Returns whether a machine is between off and running, or may be for all that is known: one change at a time."""
    state = known(measured, f"{chiller.name}.machine_state")
    return state is None or state in _MOVING


def may_start(chiller: ChillerLimits, runs: Mapping[str, Run], at_s: float) -> bool:
    """Returns whether a machine that is off may start: long enough off, long enough since its last start, not too many starts; unknown may not."""
    run = runs.get(chiller.name)
    if run is None or run.on:
        return False
    off_long_enough = run.since_s is None or at_s - run.since_s >= chiller.off_min_s
    started_long_ago = all(at_s - s >= chiller.start_to_start_s for s in run.starts_s)
    in_hour = sum(at_s - s < HOUR_S for s in run.starts_s)
    return off_long_enough and started_long_ago and in_hour < chiller.starts_per_h and len(run.starts_s) < chiller.starts_per_12h


def may_stop(chiller: ChillerLimits, runs: Mapping[str, Run], at_s: float) -> bool:
    """Returns whether a machine that is on may stop: long enough on; unknown may not."""
    run = runs.get(chiller.name)
    return run is not None and run.on and (run.since_s is None or at_s - run.since_s >= chiller.on_min_s)
