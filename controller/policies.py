"""The ways to run a site that a backtest can compare, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from safety.modes import Stage


@dataclass(frozen=True)
class Policy:
    """One way to run a site: the stage, and whether there is an optimiser."""

    stage: Stage
    optimiser: bool
    says: str


POLICIES: Final[Mapping[str, Policy]] = {
    "fixed": Policy(Stage.MONITOR, False, "the BAS on its own fixed setpoints; the daemon only reads"),
    "g36": Policy(Stage.AUTO, False, "Guideline 36 resets, with a supply-air and fan reset on the hottest inlet"),
    "mpc": Policy(Stage.AUTO, True, "model-predictive control behind the envelope"),
}
