"""How much of its bounded correction the learned policy may apply: none until one is installed; it falls at once and rises slowly."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from safety.finite import finite


class Doubt(StrEnum):
    """Why the learned correction is trusted less."""

    INPUT_UNKNOWN = "input_unknown"
    OUT_OF_DISTRIBUTION = "out_of_distribution"
    EXTRAPOLATES = "extrapolates"
    ENSEMBLE_DISAGREES = "ensemble_disagrees"
    FORECAST_WIDE = "forecast_wide"
    MODEL_DRIFTS = "model_drifts"
    ENVELOPE_INTERVENED = "envelope_intervened"


CEILING: Final[Mapping[Doubt, float]] = {
    Doubt.INPUT_UNKNOWN: 0.0,
    Doubt.OUT_OF_DISTRIBUTION: 0.0,
    Doubt.ENSEMBLE_DISAGREES: 0.0,
    Doubt.EXTRAPOLATES: 0.0,
    Doubt.FORECAST_WIDE: 0.25,  # engineering value
    Doubt.MODEL_DRIFTS: 0.25,  # engineering value
    Doubt.ENVELOPE_INTERVENED: 0.5,  # engineering value: a corrected plan that was narrowed is the correction's doing
}
"""The share that remains under each doubt; the lowest holds."""

PLAN_CEILING: Final[Mapping[Doubt, float]] = {
    Doubt.OUT_OF_DISTRIBUTION: 0.0,
    Doubt.EXTRAPOLATES: 0.5,  # engineering value: a little outside of where the model was identified
    Doubt.FORECAST_WIDE: 0.5,  # engineering value
    Doubt.MODEL_DRIFTS: 0.5,  # engineering value
}
"""How much of its steps towards less cooling a plan keeps under each doubt; any other doubt is the correction's alone."""

RISE_PER_H: Final = 0.1  # engineering value: ten quiet hours from none to all
ELAPSED_MAX_S: Final = 900.0  # the longest cycle: a gap earns no trust


def plan_confidence(doubts: frozenset[Doubt] = frozenset()) -> float:
    """Returns how far a plan is trusted in this cycle, 0 .. 1: at once, with no memory; without any trust it is not used at all."""
    return min((PLAN_CEILING[doubt] for doubt in doubts if doubt in PLAN_CEILING), default=1.0)


def residual_authority(installed: bool, previous: float = 0.0, doubts: frozenset[Doubt] = frozenset(), elapsed_s: float = 0.0) -> float:
    """Returns the residual's share 0 .. 1 for this cycle, from the last cycle's share and the time since [s]."""
    share, passed_s = finite(previous), finite(elapsed_s)
    if not installed or share is None:
        return 0.0
    risen = max(share, 0.0) + RISE_PER_H * min(max(passed_s or 0.0, 0.0), ELAPSED_MAX_S) / 3600.0
    return min(risen, 1.0, *(CEILING[doubt] for doubt in doubts))
