"""Setpoints in time: what a BAS is to hold minute by minute. Where they come from is elsewhere."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

STEP_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Course:
    """Setpoints by name, a value for each minute after ``start_s`` [s, plant time], the last one held; all lists are of one length.

    A minute's end belongs to it and its beginning does not: at ``start_s`` itself whoever ran the site before still does.
    """

    start_s: float
    values: Mapping[str, Sequence[float]]

    def at(self, now_s: float) -> dict[str, float]:
        """Returns the setpoints at an instant, none up to the start."""
        if now_s <= self.start_s:
            return {}
        minute = math.ceil((now_s - self.start_s) / STEP_S) - 1
        return {name: float(values[min(minute, len(values) - 1)]) for name, values in self.values.items()}
