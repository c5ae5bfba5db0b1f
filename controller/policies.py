"""The ways to run a site that a backtest can compare, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from plant_models.simulator.bas import Manner
from plant_models.site.topology import Site
from safety.modes import Stage


@dataclass(frozen=True)
class Policy:
    """One way to run a site: the stage, and whether there is an optimiser."""

    stage: Stage
    optimiser: bool
    says: str
    manner: Callable[[Site], Manner] | None = None
    """How the BAS runs the site, where that is not as ``site.toml`` says."""
    searched: bool = False
    """Whether the BAS's constants are first searched in hindsight."""
    bound: bool = False
    """Whether it is the bound, searched from the other policies' days."""


def _worst(site: Site) -> Manner:
    """Returns policy ``worst_deployed``: 7 degC chilled water, 24 degC condenser water, 18 degC supply air, fans at 90 %, no economiser (LBNL level 0)."""
    own = {f"{p.name}.{q}": v for p in site.plant for q, v in (("chws_setpoint_c", 7.0), ("cws_setpoint_c", 24.0), ("chw_dp_setpoint_kpa", p.chw_dp_max_kpa))}
    own |= {f"{h.name}.{q}": v for h in site.hall for q, v in (("crah_supply_setpoint_c", 18.0), ("crah_fan_setpoint_pct", 90.0))}
    return Manner(own, over_wetbulb_k=None, economiser=False)


POLICIES: Final[Mapping[str, Policy]] = {
    "worst_deployed": Policy(
        Stage.MONITOR, False, "the BAS on cold constant setpoints without its economiser, as plants are often found; for context only", _worst
    ),
    "fixed": Policy(Stage.MONITOR, False, "the BAS on its own fixed setpoints; the daemon only reads"),
    "static": Policy(Stage.MONITOR, False, "the BAS on the best constant setpoints in hindsight, found by search on the simulator", searched=True),
    "g36": Policy(Stage.AUTO, False, "Guideline 36 resets, with a supply-air and fan reset on the hottest inlet"),
    "mpc": Policy(Stage.AUTO, True, "model-predictive control behind the envelope"),
    "oracle": Policy(
        Stage.MONITOR,
        False,
        "the bound: the best day that perfect knowledge of plant and future finds, searched on the simulator from fixed, static, g36 and mpc; takes long",
        bound=True,
    ),
}
