"""Checks that a site's section ``[rollout]`` agrees with its setpoints and only makes the package's criteria stricter."""

from __future__ import annotations

from collections.abc import Iterator

from plant_models.site.problems import Problem, shown
from plant_models.site.settings import FILE
from plant_models.site.topology import Site
from safety.graduation import CRITERIA, STEP


def rollout_problems(site: Site) -> Iterator[Problem]:
    """Yields what is wrong with hours, groups and criteria."""
    first, last = site.rollout.canary_hours_local
    if first >= last:
        yield Problem(f"{FILE}: rollout.canary_hours_local", f"[{first}, {last}]", "first hour below last hour")
    taken: dict[str, str] = {}
    for group, setpoints in site.rollout.group.items():
        for setpoint in setpoints:
            at = f"{FILE}: rollout.group.{group}"
            if setpoint not in site.setpoint:
                yield Problem(at, shown(setpoint), f"setpoints of this site: {', '.join(site.setpoint) or 'none'}")
            elif taken.setdefault(setpoint, group) != group:
                yield Problem(at, shown(setpoint), f"a setpoint once: group {taken[setpoint]} has it already")
    yield from _criteria(site)


def _criteria(site: Site) -> Iterator[Problem]:
    rows = {row.key: row for row in (*CRITERIA, STEP)}
    for key, bound in site.rollout.criteria.items():
        at, row = f'{FILE}: rollout.criteria."{key}"', rows.get(key)
        if row is None:
            yield Problem(at, f"{bound:g}", f"one of {', '.join(rows)}")
        elif (bound < row.bound) if row.least else (bound > row.bound):
            yield Problem(at, f"{bound:g}", f"{'at least' if row.least else 'at most'} {row.bound:g}: a site can only be stricter")
