"""How many chilled-water pumps run (Guideline 36-2021 5.20.6), and the slow ramp of the minimum flow that the bypass holds (5.20.8)."""

from __future__ import annotations

from typing import Final

from plant_models.simulator.timers import Held
from plant_models.site.topology import PumpGroup

_MARGIN: Final = 0.03  # 5.20.6.6
_STAGE_S: Final = 600.0  # 5.20.6.6
_LOW_DP_KPA: Final = 10.0  # 5.20.6.6: the pumps cannot hold their setpoint ...
_LOW_DP_S: Final = 300.0  # ... for 5 min


class PumpStaging:
    """Equal headered pumps, staged by flow."""

    def __init__(self, group: PumpGroup | None, design_flow_kgs: float) -> None:
        """Takes the pumps and the flow that they hold together at design [kg/s]; a plant may have none."""
        self._group = group
        self._design_kgs = design_flow_kgs
        self._needed = max(1, round(design_flow_kgs / group.flow_kgs)) if group else 0
        self._up, self._down, self._low_dp = Held(), Held(), Held()
        self.count = self._needed

    def scan(self, now_s: float, flow_kgs: float | None, dp_kpa: float | None, dp_setpoint_kpa: float) -> None:
        """Adds or drops a pump."""
        if self._group is None or flow_kgs is None:
            return
        share = flow_kgs / self._design_kgs
        low_dp = dp_kpa is not None and dp_kpa < dp_setpoint_kpa - _LOW_DP_KPA
        by_flow = self._up.for_at_least(_STAGE_S, share > self.count / self._needed - _MARGIN, now_s)
        by_dp = self._low_dp.for_at_least(_LOW_DP_S, low_dp, now_s)
        down = self._down.for_at_least(_STAGE_S, share <= (self.count - 1) / self._needed - _MARGIN and not low_dp, now_s)
        if (by_flow or by_dp) and self.count < self._group.count:
            self._step(1)
        elif down and self.count > 1:
            self._step(-1)

    def _step(self, change: int) -> None:
        self.count += change
        for timer in (self._up, self._down, self._low_dp):
            timer.reset()


def slow(present: float, wanted: float, elapsed_s: float, full_range: float, range_s: float) -> float:
    """Returns the value one scan nearer to what is wanted, the full range taking ``range_s``."""
    step = full_range * elapsed_s / range_s
    return present + min(max(wanted - present, -step), step)
