"""Sets policies side by side: the daemon's own score, if it was scored, and those of a backtest; every saving is computed here, once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from controller.report.read import Track

DAEMON: Final = "daemon"
LABELS: Final[Mapping[str, str]] = {
    DAEMON: "coldaisle, on the wire",
    "mpc": "coldaisle, in process",
    "mpc+residual": "coldaisle with residual",
    "g36": "Guideline 36, tuned",
    "static": "best constant setpoints",
    "fixed": "fixed setpoints",
    "worst_deployed": "worst deployed",
    "oracle": "perfect knowledge",
}
WORK_TOLERANCE: Final = 0.001  # IT work must be equal; the wire's period may differ from the backtest's by a cycle in a day or less


class ReportError(Exception):
    """The input is not what the report can read; the message lists every problem, one a line."""


@dataclass(frozen=True, slots=True)
class Column:
    """One policy's score (as in ``backtest --json``) and its course over time."""

    name: str
    scores: Mapping[str, Any]

    @property
    def label(self) -> str:
        """Returns what the reader calls the policy."""
        return LABELS.get(self.name, self.name)

    @property
    def short(self) -> str:
        """Returns the label without what stands after its comma."""
        return self.label.partition(",")[0]

    def number(self, *keys: str) -> float | None:
        """Returns a number of the score by its path of keys, or None where it is absent or null."""
        value: Any = self.scores
        for key in keys:
            value = value.get(key) if isinstance(value, Mapping) else None
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) else None

    def table(self, key: str) -> Mapping[str, Any]:
        """Returns a sub-table of the score, empty where it is absent."""
        value = self.scores.get(key)
        return value if isinstance(value, Mapping) else {}

    def track(self, key: str) -> Track | None:
        """Returns one series, or None where the score has none of that name."""
        series = self.table("series")
        at_s, values = series.get("at_s"), series.get(key)
        if not (isinstance(at_s, list) and isinstance(values, list) and at_s and len(at_s) == len(values)):
            return None
        return Track(tuple(float(t) for t in at_s), tuple(None if v is None else float(v) for v in values))


@dataclass(frozen=True, slots=True)
class Saving:
    """What one policy saves against another [%], positive is better; None where a number is missing.

    ``void`` says why the two may not be compared at all.
    """

    headline_pct: float | None
    cooling_pct: float | None
    facility_pct: float | None
    cost_pct: float | None
    carbon_pct: float | None
    void: str = ""


def columns(truth: Mapping[str, Any] | None, backtest: Mapping[str, Any] | None) -> tuple[Column, ...]:
    """Returns the policies in the order in which a reader compares them: ours first, then the baselines, strongest first.

    Raises ReportError for input of another shape.
    """
    problems: list[str] = []
    found: dict[str, Column] = {}
    if truth is not None:
        if isinstance(truth.get("policy"), Mapping):
            scores = dict(truth["policy"])
            scores.setdefault("series", truth.get("series", {}))
            found[DAEMON] = Column(DAEMON, scores)
        else:
            problems.append(f"truth: policy: {truth.get('policy')!r}: must be an object as in backtest --json")
    if backtest is not None:
        policies = backtest.get("policies")
        if isinstance(policies, Mapping):
            for name, scores in policies.items():
                if isinstance(scores, Mapping):
                    found[name] = Column(name, scores)
                elif scores is not None:  # null: an oracle that did not converge
                    problems.append(f"backtest: policies.{name}: {scores!r}: must be an object or null")
        else:
            problems.append(f"backtest: policies: {policies!r}: must be an object of policies by name")
    if problems:
        raise ReportError("\n".join(problems))
    ordered = [name for name in LABELS if name in found]
    return tuple(found[name] for name in (*ordered, *sorted(found.keys() - LABELS.keys())))


def ours(among: tuple[Column, ...]) -> Column | None:
    """Returns the column that the report is about: the daemon's own score, else the best in-process policy of ours."""
    return next((c for name in (DAEMON, "mpc+residual", "mpc") for c in among if c.name == name), None)


def baselines(among: tuple[Column, ...]) -> tuple[Column, ...]:
    """Returns the columns that ours is compared with."""
    return tuple(c for c in among if c.name not in (DAEMON, "mpc", "mpc+residual", "oracle"))


def _percent(ours_: float | None, base: float | None, whole: float | None) -> float | None:
    return None if ours_ is None or base is None or not whole else 100.0 * (base - ours_) / whole


def saving(mine: Column, base: Column) -> Saving:
    """Returns what ``mine`` saves against ``base``: 100 (1 - a/b), and the headline 100 (facility_b - facility_a) / cooling_b.

    The comparison is void unless both did the same IT work.
    """
    work, base_work = mine.number("it_work"), base.number("it_work")
    if work is None or base_work is None:
        return Saving(None, None, None, None, None, "IT work is not stated")
    if not math.isclose(work, base_work, rel_tol=WORK_TOLERANCE):
        return Saving(None, None, None, None, None, f"IT work differs by {100.0 * (work / base_work - 1.0):+.2f} %" if base_work else "no IT work")
    cooling, facility = base.number("energy_kwh", "cooling_total"), base.number("energy_kwh", "facility_total")
    my_facility = mine.number("energy_kwh", "facility_total")
    return Saving(
        headline_pct=_percent(my_facility, facility, cooling),
        cooling_pct=_percent(mine.number("energy_kwh", "cooling_total"), cooling, cooling),
        facility_pct=_percent(my_facility, facility, facility),
        cost_pct=_percent(mine.number("cost"), base.number("cost"), base.number("cost")),
        carbon_pct=_percent(carbon_kg(mine), carbon_kg(base), carbon_kg(base)),
    )


def carbon_kg(column: Column) -> float | None:
    """Returns the carbon of a policy [kg], its use per kWh of IT times the IT energy."""
    use, fans, it = column.number("cue_kg_per_kwh"), column.number("energy_kwh", "server_fans"), column.number("energy_kwh", "it_without_fans")
    return None if use is None or fans is None or it is None else use * (fans + it)


def worse_violations(mine: Column, base: Column) -> tuple[str, ...]:
    """Returns the kinds of violation of which ``mine`` has more than ``base``: a saving bought with them is none."""
    pairs = ((kind, mine.number("violations", kind), base.number("violations", kind)) for kind in mine.table("violations"))
    return tuple(kind for kind, ours_, theirs in pairs if ours_ is not None and theirs is not None and ours_ > theirs)


def keys_of(among: tuple[Column, ...], table: str) -> tuple[str, ...]:
    """Returns every key that any column has in a sub-table, in the order of first appearance."""
    return tuple(dict.fromkeys(key for column in among for key in column.table(table)))
