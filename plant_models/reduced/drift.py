"""Keeps a model true as machines age: a slow update with forgetting, in bounded steps, and a test that says when that no longer suffices.

No library: River and its like bring compiled learners for a test of ten lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from plant_models.reduced.parameters import PlantParameters, ReducedParameters

_MEMORY_DAYS = 14.0  # after this a day counts for 1/e
_STEP_MOST = 0.01  # a day: fouling takes weeks, what is faster is a fault
_AWAY_MOST = 0.15  # over the identified model: the range of published ageing factors, 1.03-1.15
_TOLERATED = 0.02  # of a power, a day: what a good model is usually off by
_ALARM = 0.15  # sum of what was not tolerated: a week and a half at 3.5 %
_CORRECTED: Mapping[str, tuple[str, ...]] = {
    "chillers_kw": ("carnot_share", "carnot_fixed_share", "chiller_load_share", "chiller_standing_kw"),
    "towers_kw": ("tower_fan_linear_kw", "tower_fan_cubic_kw"),
    "chw_pumps_kw": ("chw_pump_standing_kw", "chw_pump_lift_kw", "chw_pump_pipe_kw", "chw_pump_friction_kw"),
    "cw_pumps_kw": ("cw_pump_kw",),
}
"""The parameters in proportion to which a group's power stands."""


@dataclass(frozen=True)
class Tracked:
    """What is remembered of one group: factor on its power, and the two sums of the test, upwards and downwards."""

    factor: float = 1.0
    up: float = 0.0
    down: float = 0.0

    @property
    def drifted(self) -> bool:
        """Returns whether the model needs to be identified again."""
        return max(self.up, self.down) > _ALARM


@dataclass(frozen=True)
class Upkeep:
    """What is remembered from day to day, by group of power such as ``plant.chillers_kw``."""

    groups: Mapping[str, Tracked] = field(default_factory=dict)

    @property
    def drifted(self) -> tuple[str, ...]:
        """Returns the groups for which the model needs to be identified again."""
        return tuple(sorted(g for g, t in self.groups.items() if t.drifted))


def follow(upkeep: Upkeep, measured_kwh: Mapping[str, float], identified_kwh: Mapping[str, float]) -> Upkeep:
    """Returns the memory after one day: its measured energy and that of the identified model, by group [kWh]; a group without both is as it was.

    The factor moves with a memory of two weeks, by 1 % a day and to 15 % at most. The test is Page's cumulative sum, both ways, of the relative
    error of the identified model beyond 2 %, so that the update cannot hide a drift from it.
    """
    groups = dict(upkeep.groups)
    for group in measured_kwh.keys() & identified_kwh.keys():
        if measured_kwh[group] > 0.0 and identified_kwh[group] > 0.0:
            groups[group] = _followed(groups.get(group, Tracked()), measured_kwh[group] / identified_kwh[group])
    return Upkeep(groups)


def _followed(before: Tracked, ratio: float) -> Tracked:
    step = min(max((ratio - before.factor) / _MEMORY_DAYS, -_STEP_MOST), _STEP_MOST)
    factor = min(max(before.factor + step, 1.0 - _AWAY_MOST), 1.0 + _AWAY_MOST)
    error = ratio - 1.0
    return Tracked(factor, max(before.up + error - _TOLERATED, 0.0), max(before.down - error - _TOLERATED, 0.0))


def updated(identified: ReducedParameters, upkeep: Upkeep) -> ReducedParameters:
    """Returns the identified model with each plant's powers multiplied by their factors; halls are as identified."""
    return replace(identified, plants={name: _scaled(name, p, upkeep) for name, p in identified.plants.items()})


def _scaled(name: str, p: PlantParameters, upkeep: Upkeep) -> PlantParameters:
    changes = {
        parameter: getattr(p, parameter) * upkeep.groups[f"{name}.{group}"].factor
        for group, parameters in _CORRECTED.items()
        if f"{name}.{group}" in upkeep.groups
        for parameter in parameters
    }
    return replace(p, **changes)
