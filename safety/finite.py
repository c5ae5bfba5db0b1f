"""The one way a number enters a rule: finite, or unknown (in Python ``max(22.0, nan)`` is 22.0, which would switch a rule off in silence)."""

from __future__ import annotations

import math
from collections.abc import Mapping


def finite(value: object) -> float | None:
    """Returns the value as a float, or None for anything that is not a finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def known(values: Mapping[str, float], signal: str) -> float | None:
    """Returns a signal's value, or None where it is missing or not a finite number."""
    return finite(values.get(signal))
