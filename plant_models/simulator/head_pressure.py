"""Head-pressure control of a plant's chillers (Guideline 36-2021 5.20.10): first the towers' cap goes down, then the condensers' valves."""

from __future__ import annotations

from typing import Final

LIFT_MARGIN_K: Final = 1.5  # engineering value: the loop holds this much above the maker's minimum lift
THROTTLE_LEAST: Final = 0.35  # engineering value: valve position that leaves a condenser about half of its flow
_GAIN_PER_K: Final = 0.12  # engineering values: towers, basin and condenser answer in about four minutes, 5 .. 10 K for the whole range of speed
_RESET_S: Final = 350.0
_CAP_ABOVE: Final = 0.1  # engineering value: what the cap leaves to fans that it does not hold


class HeadPressure:
    """A loop on the lift: its first half lowers the towers' fan cap from full speed to the minimum, its second half throttles condenser water."""

    def __init__(self, lift_min_k: float) -> None:
        """Takes the highest minimum lift of the plant's chillers [K]."""
        self._target_k = lift_min_k + LIFT_MARGIN_K
        self._integral = 0.0
        self.demand = 0.0

    def scan(self, elapsed_s: float, lift_k: float | None, speed: float | None, minimum: float) -> None:
        """Moves the loop on; without running compressors (None) there is nothing to hold.

        The cap follows the fans' present ``speed`` (share, None unknown) from a little above, so that it bites at once; ``minimum`` is their least.
        """
        if lift_k is None:
            self.demand = 0.0
            return
        short_k = self._target_k - lift_k
        idle = 0.0 if speed is None else 0.5 * min(max(1.0 - speed - _CAP_ABOVE, 0.0) / max(1.0 - minimum, 1e-3), 1.0)
        self._integral = min(max(self._integral + _GAIN_PER_K * short_k * elapsed_s / _RESET_S, idle), 1.0)
        self.demand = min(max(_GAIN_PER_K * short_k + self._integral, 0.0), 1.0)

    def fan_cap(self, minimum: float) -> float:
        """Returns the towers' highest speed share, down to their minimum."""
        return 1.0 - (1.0 - minimum) * min(2.0 * self.demand, 1.0)

    @property
    def condenser_valve(self) -> float:
        """Returns the position of running machines' condenser valves, share."""
        return 1.0 - (1.0 - THROTTLE_LEAST) * max(2.0 * self.demand - 1.0, 0.0)
