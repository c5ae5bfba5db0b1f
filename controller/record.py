"""What a cycle was given and what it decided: the record that alone suffices to decide it again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.clamp import Clamp
from controller.doubt import Misses
from controller.encode import to_text
from controller.estimate import EstimatorMemory
from controller.forecast import ForecastMemory
from controller.forecast.outlook import Outlook
from controller.lifetime import WriteRates
from controller.watch import WatchMemory
from plant_models.reset import ResetMemory
from safety.authority import Doubt
from safety.balance import BalanceMemory
from safety.conditions import Settling
from safety.grants import Footing, Grant
from safety.limits import Limits
from safety.modes import Condition, ModeState, Stage
from safety.ownership import Maintenance
from safety.quality import GateMemory
from safety.records import Command, Estimate, Forecast, Measurements, Proposal, Receipt, Snapshot, Verdict
from safety.ride_through import RideThrough
from safety.starts import Starts
from safety.trends import Trends
from safety.wear import WearLedger


@dataclass(frozen=True)
class CycleMemory:
    """All that one cycle hands to the next; every stage's own memory, nothing hidden in an object."""

    at_s: float
    gate: GateMemory
    trends: Trends
    estimator: EstimatorMemory
    forecast: ForecastMemory
    reset: ResetMemory
    mode: ModeState
    wear: WearLedger
    requested: Mapping[str, float] = field(default_factory=dict)
    """What was last asked of the BAS in this spell of authority; empty while it is in charge."""
    plan: Proposal | None = None
    authority_share: float = 0.0
    refusals: int = 0
    bas_beat: float | None = None
    cycles: int = 0
    watch: WatchMemory = field(default_factory=WatchMemory)
    rates: WriteRates = field(default_factory=WriteRates)
    settling: Settling = field(default_factory=Settling)
    starts: Starts = field(default_factory=Starts)
    maintenance: tuple[Maintenance, ...] = ()
    balance: BalanceMemory = field(default_factory=dict)
    misses: Misses = field(default_factory=dict)
    footing: Footing = field(default_factory=Footing)
    narrowed: bool = False
    """Whether the envelope changed in this cycle what only the learned correction had asked."""


@dataclass(frozen=True)
class Orders:
    """What came from outside since the last cycle: the operator's orders, the guard's worst finding, a late cycle."""

    release: bool = False
    engage: bool = False
    guard: tuple[Condition, ...] = ()
    maintenance: Maintenance | None = None
    """Equipment that a person takes out of the daemon's hands now."""
    maintenance_over: str = ""
    """Equipment whose maintenance a person ends now."""
    who: str = ""
    reason: str = ""
    setpoints: Mapping[str, float] = field(default_factory=dict)
    """The last known good ones, after a rollback: what RESET asks for instead of Guideline 36."""
    steps: Mapping[str, float] = field(default_factory=dict)
    """The next step of an excitation that a person has consented to, by setpoint."""


@dataclass(frozen=True)
class Given:
    """Everything a cycle's decision follows from, beside the site in the run's header."""

    stage: Stage
    memory: CycleMemory
    limits: Limits
    orders: Orders
    last_receipt: Receipt | None
    snapshot: Snapshot
    plan: Proposal
    outlook: Outlook = field(default_factory=Outlook)
    grants: Mapping[str, Grant] = field(default_factory=dict)
    """What of each setpoint is lent to the daemon in this cycle."""


@dataclass(frozen=True)
class Decision:
    """What the cycle made of it, stage by stage; ``would_write`` is what a stage that may write nothing would have written."""

    measured: Measurements
    estimate: Estimate
    forecast: Forecast
    corrected: Proposal
    reset: Proposal
    conditions: frozenset[Condition]
    proposal: Proposal
    verdict: Verdict
    would_write: Mapping[str, float]
    command: Command
    memory: CycleMemory
    says: str
    clamps: tuple[Clamp, ...] = ()
    reserves: tuple[RideThrough, ...] = ()
    """What each plant has stored against the loss of its chillers now."""
    doubts: frozenset[Doubt] = frozenset()
    accepted: Verdict | None = None
    """What was judged of the values that persons accepted, where only those are lent."""


@dataclass(frozen=True)
class CycleRecord:
    """One whole cycle up to its intent; the receipt is added beside it in the journal."""

    given: Given
    decision: Decision

    @property
    def digest(self) -> str:
        """Returns the SHA-256 of all that was given, so that a changed input shows even where it changed no decision."""
        return hashlib.sha256(to_text(self.given).encode()).hexdigest()


@dataclass(frozen=True)
class RunHeader:
    """What stays the same during one run of the daemon: version, site, points and model, as plain JSON values, and why the run began."""

    version: str
    policy: str
    site: Any
    points: Any
    model: Any
    why: str
