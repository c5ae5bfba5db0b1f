"""Head-pressure control of a plant's chillers (Guideline 36-2021 5.20.10): first the towers' cap goes down, then the condensers' valves close.

With a waterside economiser in line, which wants the towers' water cold, the order is the other way round.
"""

from __future__ import annotations

from typing import Final

LIFT_MARGIN_K: Final = 1.5  # engineering value: the loop holds this much above the maker's minimum lift
THROTTLE_LEAST: Final = 0.35  # engineering value: valve position that leaves a condenser about half of its flow ...
THROTTLE_ECONOMISING: Final = 0.2  # ... and, beside an economiser, about three tenths, what makers call its least
_GAIN_PER_K: Final = 0.12  # engineering values: towers, basin and condenser answer in about four minutes, 5 .. 10 K for the whole range of speed
_RESET_S: Final = 350.0
_CAP_ABOVE: Final = 0.1  # engineering value: what the cap leaves to fans that it does not hold


class HeadPressure:
    """A loop on the lift: its first half lowers the towers' fan cap from full speed to the minimum, its second half throttles condenser water.

    ``economising`` is whether an economiser is in line: then condensers are throttled first, with the towers uncapped (5.20.10.6), and the cap goes
    down only where that is not enough.
    """

    def __init__(self, lift_min_k: float) -> None:
        """Takes the highest minimum lift of the plant's chillers [K]."""
        self._target_k = lift_min_k + LIFT_MARGIN_K
        self._integral = 0.0
        self.demand = 0.0
        self.economising = False

    def scan(self, elapsed_s: float, lift_k: float | None, speed: float | None, minimum: float) -> None:
        """Moves the loop on; without running compressors (None) there is nothing to hold, but beside an economiser the valves wait nearly shut for them.

        The cap follows the fans' present ``speed`` (share, None unknown) from a little above, so that it bites at once; ``minimum`` is their least.
        """
        if lift_k is None:
            self.demand = 0.0
            if self.economising:
                self.demand = self._integral = 0.5
            return
        short_k = self._target_k - lift_k
        idle = 0.0 if speed is None or self.economising else 0.5 * min(max(1.0 - speed - _CAP_ABOVE, 0.0) / max(1.0 - minimum, 1e-3), 1.0)
        self._integral = min(max(self._integral + _GAIN_PER_K * short_k * elapsed_s / _RESET_S, idle), 1.0)
        self.demand = min(max(_GAIN_PER_K * short_k + self._integral, 0.0), 1.0)

    def fan_cap(self, minimum: float) -> float:
        """Returns the towers' highest speed share, down to their minimum."""
        return 1.0 - (1.0 - minimum) * (self._later if self.economising else self._first)

    @property
    def condenser_valve(self) -> float:
        """Returns the position of running machines' condenser valves, share."""
        if self.economising:
            return 1.0 - (1.0 - THROTTLE_ECONOMISING) * self._first
        return 1.0 - (1.0 - THROTTLE_LEAST) * self._later

    @property
    def _first(self) -> float:
        return min(2.0 * self.demand, 1.0)

    @property
    def _later(self) -> float:
        return max(2.0 * self.demand - 1.0, 0.0)
