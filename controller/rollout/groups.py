"""How far each group of setpoints is trusted, and what of it is lent to the daemon at a given time; pure, it raises and lowers nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from controller.encode import from_text, to_text
from plant_models.site.load import LoadedSite
from safety.grants import STEPS, Grant, Grants, spanned
from safety.modes import Stage
from safety.signals import Role, point

DAY_S: Final = 86400.0
NO_SETPOINTS: Final = "site"


@dataclass(frozen=True, slots=True)
class GroupTrust:
    """How far one group is trusted: its stage, the step of a canary, since when it is so, and when a person last gave or renewed it [s]."""

    stage: Stage
    step: int
    since_s: float
    renewed_s: float


@dataclass(frozen=True)
class Trusts:
    """All groups of a site by name, and from when on what they show is counted [s]."""

    groups: Mapping[str, GroupTrust]
    counted_from_s: float

    @property
    def stage(self) -> Stage:
        """Returns the site's stage: that of its furthest group."""
        return max(trust.stage for trust in self.groups.values())

    def told(self) -> dict[str, str]:
        """Returns each group's stage in words."""
        return {name: f"{t.stage.name} step {t.step + 1} of {STEPS}" if t.stage is Stage.CANARY else t.stage.name for name, t in self.groups.items()}


def members(loaded: LoadedSite) -> dict[str, tuple[str, ...]]:
    """Returns the setpoints of each group: those that the site names together, the others by equipment, a machine's with its plant's.

    One empty group where there is none.
    """
    site = loaded.site
    plant_of = {machine.name: machine.plant for kind in (site.chiller, site.tower, site.pump) for machine in kind}
    group_of = {setpoint: name for name, setpoints in site.rollout.group.items() for setpoint in setpoints}
    found: dict[str, tuple[str, ...]] = {}
    for setpoint in loaded.points.setpoints:
        equipment = setpoint.partition(".")[0]
        name = group_of.get(setpoint, plant_of.get(equipment, equipment))
        found[name] = (*found.get(name, ()), setpoint)
    return found or {NO_SETPOINTS: ()}


def uniform(loaded: LoadedSite, stage: Stage, at_s: float) -> Trusts:
    """Returns every group of a site at one stage, given now."""
    return Trusts({name: GroupTrust(stage, 0, at_s, at_s) for name in members(loaded)}, at_s)


def lowered_to(trusts: Trusts, most: Stage, at_s: float) -> Trusts:
    """Returns the same trust, nowhere above a stage."""
    groups = {n: t if t.stage <= most else replace(t, stage=most, step=0, since_s=at_s) for n, t in trusts.groups.items()}
    return replace(trusts, groups=groups)


def from_event(loaded: LoadedSite, value: str, at_s: float) -> Trusts:
    """Reads what an event ``stage`` says; a bare stage holds for every group. A group that the site did not have then begins in monitor."""
    if value in Stage.__members__:
        return uniform(loaded, Stage[value], at_s)
    said = from_text(Trusts, json.dumps(json.loads(value)["trusts"]))
    begin = GroupTrust(Stage.MONITOR, 0, at_s, at_s)
    return Trusts({name: said.groups.get(name, begin) for name in members(loaded)}, said.counted_from_s)


def as_event(trusts: Trusts, more: Mapping[str, object] | None = None) -> str:
    """Returns the value of an event ``stage``."""
    return json.dumps({**trusts.told(), **(more or {}), "trusts": json.loads(to_text(trusts))})


def cap_of(loaded: LoadedSite, group: str) -> tuple[Stage, str]:
    """Returns how far a group may be trusted at all on this site, and why not further."""
    if not loaded.site.lease.proven:
        return Stage.ADVISORY, "the BAS time-out of this site is not proven ([lease] proven = true after commissioning has measured it)"
    blind = [s for s in members(loaded)[group] if point(s, Role.EFFECTIVE) not in loaded.points.by_signal]
    if blind:
        return Stage.ADVISORY, f"{', '.join(blind)} has no effective point, so that an override could not be seen"
    return Stage.AUTO, ""


def overdue_days(loaded: LoadedSite, trust: GroupTrust, at_s: float) -> float:
    """Returns for how many days authority has not been renewed in time, 0 or less where it has been, or where none was given [d]."""
    return (at_s - trust.renewed_s) / DAY_S - loaded.site.rollout.renew_days if trust.stage >= Stage.ADVISORY else 0.0


def lent(loaded: LoadedSite, trusts: Trusts, accepted: Mapping[str, float], at_s: float) -> Grants:
    """Returns what is lent now: in auto everything, in canary a span within its hours, in advisory what a person accepted; nothing of what has expired."""
    grants: dict[str, Grant] = {}
    rollout, hour = loaded.site.rollout, datetime.fromtimestamp(at_s, ZoneInfo(loaded.site.site.time_zone)).hour
    within = rollout.canary_hours_local[0] <= hour < rollout.canary_hours_local[1]
    for name, setpoints in members(loaded).items():
        trust = trusts.groups[name]
        for setpoint in setpoints if overdue_days(loaded, trust, at_s) <= 0.0 else ():
            if trust.stage is Stage.AUTO:
                grants[setpoint] = Grant()
            elif trust.stage is Stage.CANARY and within:
                span = spanned(setpoint, trust.step).span
                grants[setpoint] = Grant(span=None if span is None else span * rollout.canary_span_share)
            elif trust.stage is Stage.ADVISORY and setpoint in accepted:
                grants[setpoint] = Grant(value=accepted[setpoint])
    return grants
