"""What is in force at the plant and what is ours to move, as the plant itself says; nothing is remembered that can be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from plant_models.site.load import LoadedSite
from safety.records import Measurements
from safety.signals import Authority, Role, point


@dataclass(frozen=True)
class Holdings:
    """Setpoints by name: in force now, ours to move, taken in hand by a person; and whether the BAS follows any of ours (None: no point says so)."""

    in_force: Mapping[str, float]
    writable: frozenset[str]
    in_hand: frozenset[str]
    followed: bool | None


def holdings(loaded: LoadedSite, measured: Measurements, requested: Mapping[str, float]) -> Holdings:
    """Reads from the effective and authority points what is in force and who moves it.

    A setpoint without an effective point is taken to be what was last requested, or the BAS's own value before that. One whose authority
    point exists but could not be read is not ours to move.
    """
    known = loaded.points.by_signal
    in_force: dict[str, float] = {}
    writable, in_hand, remote = set(), set(), []
    for setpoint in loaded.points.setpoints:
        effective, authority = point(setpoint, Role.EFFECTIVE), point(setpoint, Role.AUTHORITY)
        if effective in known:
            if effective in measured.values:
                in_force[setpoint] = measured.values[effective]
        else:
            in_force[setpoint] = requested.get(setpoint, loaded.site.setpoint[setpoint].own)
        if authority not in known:
            writable.add(setpoint)
            continue
        holder = measured.values.get(authority)
        if holder is None:
            continue
        if holder == Authority.HAND:
            in_hand.add(setpoint)
        else:
            writable.add(setpoint)
            remote.append(holder == Authority.REMOTE)
    return Holdings(in_force, frozenset(writable & in_force.keys()), frozenset(in_hand), any(remote) if remote else None)
