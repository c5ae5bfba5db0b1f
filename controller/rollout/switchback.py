"""Plans a switchback experiment: which periods run on the daemon and which on the BAS's own control, drawn from a sealed seed; it runs nothing."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

WEEK: Final = 7
RUN_DAYS_MOST: Final = 3  # evidence 3: at most three equal days in a row
_RUN_PERIODS_MOST: Final = 2  # where a period is longer than a day: two of a kind are the fewest that leave a choice
_DRAWS_MOST: Final = 10_000
_CARRY_OVER_H: Final = 1.0  # evidence 3: max(1 h, 3 x slowest time constant)
_CARRY_OVER_TIME_CONSTANTS: Final = 3.0


class Arm(StrEnum):
    """Who controls the plant in a period; LEGACY is RELEASE, the BAS's own control."""

    CONTROLLER = "controller"
    LEGACY = "legacy"


@dataclass(frozen=True, slots=True)
class Design:
    """A switchback experiment as it is fixed before it starts.

    ``period_days`` is 1, or 2 and more where cold is stored, so that each period begins and ends with the store as full; ``blocks_most`` bounds how
    long it may go on; ``carry_over_h`` is discarded after each switch [h]. Raises ValueError with every problem.
    """

    seed: int
    first_day: date
    blocks_most: int = 4
    period_days: int = 1
    carry_over_h: float = 2.0
    detect_pct: float = 5.0

    def __post_init__(self) -> None:
        """Refuses a design that cannot be run."""
        problems = [
            f"{name} {value}: {allowed}"
            for name, value, fits, allowed in (
                ("seed", self.seed, 0 <= self.seed < 2**128, "0 or more, below 2^128"),
                ("blocks_most", self.blocks_most, 1 <= self.blocks_most <= 26, "1 to 26"),
                ("period_days", self.period_days, 1 <= self.period_days <= WEEK, "1 to 7"),
                ("carry_over_h", self.carry_over_h, _CARRY_OVER_H <= self.carry_over_h <= 12.0, "1 to 12"),
                ("detect_pct", self.detect_pct, 0.0 < self.detect_pct <= 100.0, "above 0, at most 100"),
            )
            if not fits
        ]
        if problems:
            raise ValueError("\n".join(problems))

    @property
    def block_days(self) -> int:
        """Returns the days of one block: each weekday falls to both arms equally often in it."""
        return 2 * WEEK * self.period_days

    @property
    def days_most(self) -> int:
        """Returns how many days the experiment may last at most."""
        return self.blocks_most * self.block_days


def carry_over_h(slowest_time_constant_s: float) -> float:
    """Returns what is discarded after a switch [h]: an hour, or three times the plant's slowest time constant [s] (evidence 3)."""
    return max(_CARRY_OVER_H, _CARRY_OVER_TIME_CONSTANTS * slowest_time_constant_s / 3600.0)


def arms(design: Design) -> tuple[Arm, ...]:
    """Returns the arm of each day, from the first day on, for the longest course of the experiment.

    The first half of a block is drawn, the second is its mirror image in the arms: a day and the day half a block later have the same weekday and different
    arms. Drawn again while more than three equal days (two equal periods, where a period is longer than a day) would follow each other, also
    across blocks. Each draw is SHA-256 of seed, block and attempt, so that it can be repeated in any language.
    """
    most = RUN_DAYS_MOST if design.period_days == 1 else _RUN_PERIODS_MOST
    periods: list[Arm] = []
    for block in range(design.blocks_most):
        periods += next(drawn for attempt in range(_DRAWS_MOST) if _longest_run([*periods, *(drawn := _block(design.seed, block, attempt))]) <= most)
    return tuple(arm for arm in periods for _ in range(design.period_days))


def _block(seed: int, block: int, attempt: int) -> list[Arm]:
    bits = hashlib.sha256(f"{seed}:{block}:{attempt}".encode()).digest()[0]
    first = [Arm.CONTROLLER if bits >> i & 1 else Arm.LEGACY for i in range(WEEK)]
    return first + [Arm.LEGACY if arm is Arm.CONTROLLER else Arm.CONTROLLER for arm in first]


def _longest_run(periods: list[Arm]) -> int:
    longest = run = 1
    for before, after in itertools.pairwise(periods):
        run = run + 1 if after is before else 1
        longest = max(longest, run)
    return longest


def arm_on(design: Design, day: date) -> Arm | None:
    """Returns the arm of a day, None outside of the experiment."""
    number = (day - design.first_day).days
    return arms(design)[number] if 0 <= number < design.days_most else None


def seal(design: Design) -> str:
    """Returns the fingerprint that is published before the first day: SHA-256 over the whole design, seed and arms included, in canonical JSON."""
    told = asdict(design) | {"first_day": design.first_day.isoformat(), "arms": list(arms(design))}
    return hashlib.sha256(json.dumps(told, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def blocks_complete(design: Design, days_done: int) -> int:
    """Returns how many blocks have ended: only then may the experiment be looked at."""
    return min(days_done, design.days_most) // design.block_days


def last_day(design: Design) -> date:
    """Returns the last day of the longest course."""
    return design.first_day + timedelta(days=design.days_most - 1)


def days_needed(noise_pct: float, autocorrelation: float, effect_pct: float) -> int:
    """Returns the days per arm that find an effect [% of the legacy arm] with 80 % power at 5 %, two-sided.

    ``noise_pct`` is the scatter of daily values that load and weather do not explain [%], ``autocorrelation`` that of a day with the next, 0 .. < 1.
    n = 2 ((1.96 + 0.84) CV / d)^2 (1 + rho) / (1 - rho) (evidence 4). Raises ValueError for an effect of 0 or an autocorrelation of 1 or more.
    """
    if effect_pct <= 0.0 or not 0.0 <= autocorrelation < 1.0 or noise_pct < 0.0:
        raise ValueError(f"noise {noise_pct}, autocorrelation {autocorrelation}, effect {effect_pct}: noise 0 or more, autocorrelation 0 to 1, effect above 0")
    days = 2.0 * ((1.96 + 0.84) * noise_pct / effect_pct) ** 2
    return math.ceil(days * (1.0 + autocorrelation) / (1.0 - autocorrelation))
