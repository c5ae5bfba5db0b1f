"""A plan of bounded steps of several setpoints at once, from which a model can be identified: balanced, mutually uncorrelated; moves nothing itself."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from plant_models.reduced.excite import careful, towards
from safety.limits import Limits, SetpointLimits

AMPLITUDES: Final[Mapping[str, float]] = {
    "chws_setpoint_c": 1.5,  # steps of machines, pumps and halls as usual in commissioning, engineering values
    "cws_setpoint_c": 2.0,
    "chw_dp_setpoint_kpa": 20.0,
    "crah_supply_setpoint_c": 1.0,
    "crah_fan_setpoint_pct": 10.0,
    "tcs_setpoint_c": 1.0,
    "fws_setpoint_c": 1.5,
}
"""How far each quantity is moved to either side of what is in force when the plan begins."""
CLOCK_S: Final = (1200.0, 3600.0)
"""How long one step lasts, 20 to 60 min: longer than the lags of halls and water, shorter than a change of the weather."""
HOURS_MOST: Final = 24.0
_ORDERS: Final = (8, 16)  # steps of one block: a Hadamard matrix of that order has one column less of balanced, orthogonal steps
_DRAWS: Final = 60  # block orders that are tried for the least correlation of what rates make of the steps
_GRID_S: Final = 300.0
_MOVING: Final = 0.8  # of a step's time that a setpoint may be on its way, at most
_STRICT: Final = ConfigDict(extra="forbid", frozen=True, strict=True)


class PlanError(Exception):
    """A plan that cannot be made or used; ``problems`` says all that is wrong, a line each."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        """Takes what is wrong."""
        self.problems = problems
        super().__init__("\n".join(problems))


@dataclass(frozen=True)
class StepPlan:
    """Offsets from what is in force at the beginning, by setpoint and step, in the setpoint's own unit; each step lasts ``clock_s``."""

    __pydantic_config__ = _STRICT
    site: str
    seed: int
    clock_s: Annotated[float, Field(ge=CLOCK_S[0], le=CLOCK_S[1])]
    steps: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    correlation: Annotated[float, Field(ge=0, le=1)] = 0.0
    """The largest between two setpoints, after their rates."""

    @property
    def duration_s(self) -> float:
        """Returns how long the whole plan lasts [s]."""
        return self.clock_s * max((len(s) for s in self.steps.values()), default=0)

    def offset(self, setpoint: str, elapsed_s: float) -> float:
        """Returns the offset of a setpoint some time after the beginning, 0 before and after the plan."""
        number = math.floor(elapsed_s / self.clock_s)
        return self.steps[setpoint][number] if 0 <= number < len(self.steps[setpoint]) else 0.0


def design(site: str, limits: Limits, hours: float, seed: int, only: Sequence[str] = ()) -> StepPlan:
    """Returns a plan of blocks of steps for the setpoints that the site offers, or for some of them.

    In each block every setpoint is as long above as below, and no two go together: columns of a Hadamard matrix, their rows in random order
    (Plackett and Burman 1946). Of several orders that with the least correlation after the limits' rates is taken; the same seed gives the same
    plan. Raises PlanError with what is not possible.
    """
    offered = [s for s in sorted(limits.setpoints) if s.partition(".")[2] in AMPLITUDES]
    names = [s for s in offered if s in only] if only else offered
    problems = [f"setpoint {s}: not one that steps can move; allowed: {', '.join(offered)}" for s in only if s not in offered]
    order = next((o for o in _ORDERS if len(names) < o), 0)
    if not names or not order:
        problems.append(f"{len(names)} setpoints to move; allowed: 1 .. {_ORDERS[-1] - 1}")
    least_h = max(order, _ORDERS[0]) * CLOCK_S[0] / 3600.0
    if not least_h <= hours <= HOURS_MOST:
        problems.append(f"hours {hours:g}: must be {least_h:.2f} ({max(order, _ORDERS[0])} steps of {CLOCK_S[0] / 60:g} min) .. {HOURS_MOST:g}")
    if seed < 0:
        problems.append(f"seed {seed}: must be 0 or more")
    if problems:
        raise PlanError(tuple(problems))
    blocks = int(hours / least_h + 1e-9)
    clock_s = min(3600.0 * hours / (blocks * order), CLOCK_S[1])
    random = np.random.default_rng(seed)
    amplitudes = {n: _amplitude(n, limits, clock_s) for n in names}
    plans = [StepPlan(site, seed, clock_s, _drawn(amplitudes, blocks, order, random)) for _ in range(_DRAWS)]
    judged = [(correlation(p, limits), number) for number, p in enumerate(plans)]
    worst, best = min(judged)
    return StepPlan(site, seed, clock_s, plans[best].steps, round(worst, 4))


def _amplitude(setpoint: str, limits: Limits, clock_s: float) -> float:
    """Returns how far a setpoint is moved to either side: as usual, but no farther than its rates lead from one side to the other in time."""
    limit = careful(setpoint, limits.setpoints[setpoint])
    slowest = min((rate for rate in (limit.raise_per_min, limit.lower_per_min) if rate is not None), default=math.inf)
    return min(AMPLITUDES[setpoint.partition(".")[2]], round(0.5 * _MOVING * slowest * clock_s / 60.0, 2))


def _drawn(amplitudes: Mapping[str, float], blocks: int, order: int, random: np.random.Generator) -> dict[str, tuple[float, ...]]:
    columns = _hadamard(order)[:, 1:]
    signs = np.vstack([columns[random.permutation(order)][:, random.permutation(order - 1)[: len(amplitudes)]] for _ in range(blocks)])
    return {name: tuple(float(amplitude * sign) for sign in signs[:, i]) for i, (name, amplitude) in enumerate(amplitudes.items())}


def _hadamard(order: int) -> NDArray[np.float64]:
    """Returns Sylvester's matrix of an order that is a power of two."""
    found = np.ones((1, 1))
    while len(found) < order:
        found = np.block([[found, found], [found, -found]])
    return found


def correlation(plan: StepPlan, limits: Limits) -> float:
    """Returns the largest correlation between two setpoints of a plan as their rates let them move, 0 with one alone."""
    courses = np.array([_course(plan, s, limits) for s in plan.steps])
    if len(courses) < 2:
        return 0.0
    found = np.abs(np.corrcoef(courses) - np.eye(len(courses)))
    return float(np.max(found))


def _course(plan: StepPlan, setpoint: str, limits: Limits) -> NDArray[np.float64]:
    """Returns the offsets of a setpoint every five minutes, no faster than its rates."""
    limit, most = careful(setpoint, limits.setpoints[setpoint]), max(map(abs, plan.steps[setpoint]))
    free = SetpointLimits(-most, most, limit.raise_per_min, limit.lower_per_min)
    value, found = 0.0, []
    for k in range(int(plan.duration_s / _GRID_S)):
        value = towards(value, plan.offset(setpoint, _GRID_S * k), free, _GRID_S)
        found.append(value)
    return np.array(found)


def as_plan(content: object, limits: Limits, site: str) -> StepPlan:
    """Returns a plan from plain JSON values.

    Raises PlanError with all problems: a key or value that is not allowed, another site, a setpoint that is not offered or moved too far, steps of
    unequal number, more than ``HOURS_MOST``.
    """
    try:
        plan = _ADAPTER.validate_json(json.dumps(content))
    except ValidationError as error:
        raise PlanError(tuple(f"{'.'.join(str(w) for w in e['loc']) or 'plan'}: {e['msg']}" for e in error.errors())) from None
    problems = [] if plan.site == site else [f"site: {plan.site!r}; this is {site!r}"]
    for setpoint, offsets in plan.steps.items():
        most = AMPLITUDES.get(setpoint.partition(".")[2], 0.0)
        if setpoint not in limits.setpoints or most == 0.0:
            problems.append(f"steps.{setpoint}: not a setpoint of this site that steps can move")
        elif not all(abs(offset) <= most for offset in offsets):
            problems.append(f"steps.{setpoint}: {max(offsets, key=abs):g}; allowed: {-most:g} .. {most:g}")
    if len({len(offsets) for offsets in plan.steps.values()}) != 1 or not plan.duration_s:
        problems.append("steps: each setpoint needs the same number of steps, one at least")
    if plan.duration_s > 3600.0 * HOURS_MOST:
        problems.append(f"steps: {plan.duration_s / 3600.0:g} h; allowed: {HOURS_MOST:g} h at most")
    if problems:
        raise PlanError(tuple(problems))
    return plan


_ADAPTER: Final = TypeAdapter(StepPlan)


def save_plan(plan: StepPlan, path: Path) -> None:
    """Writes a plan; the same plan gives the same bytes."""
    path.write_text(json.dumps(asdict(plan), indent=1, sort_keys=True) + "\n")


def load_plan(path: Path, limits: Limits, site: str) -> StepPlan:
    """Reads a plan. Raises PlanError with all problems, no file and no JSON among them."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise PlanError((f"cannot be read as JSON: {error}",)) from None
    return as_plan(content, limits, site)
