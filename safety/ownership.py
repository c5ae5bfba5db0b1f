"""Whose a machine is: what is in hand, local, not available, failed, locked out or in maintenance leaves plan, capacity and redundancy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from safety.finite import known
from safety.signals import MachineState

NOT_OURS: Final[tuple[tuple[str, frozenset[float], str], ...]] = (
    ("hand_state", frozenset({1.0}), "in hand at the machine"),
    ("local_state", frozenset({1.0}), "switched to local"),
    ("available_state", frozenset({0.0}), "not available"),
    ("machine_state", frozenset({float(MachineState.FAILED)}), "failed"),
    ("machine_state", frozenset({float(MachineState.LOCKED_OUT)}), "locked out"),
)
"""What a machine's points say when it is not to be counted on: quantity, values, in words; the first that applies names the reason."""

WHOLE_SITE: Final = "site"


@dataclass(frozen=True, slots=True)
class Maintenance:
    """A person takes equipment, or the whole ``site``, out of the daemon's hands until a time [s, plant time]."""

    equipment: str
    owner: str
    reason: str
    ends_s: float


def standing(maintenance: Iterable[Maintenance], at_s: float) -> tuple[Maintenance, ...]:
    """Returns what has not ended; an end that is no time has none."""
    return tuple(one for one in maintenance if not one.ends_s <= at_s)


def arranged(maintenance: Iterable[Maintenance], begun: Maintenance | None, over: str, at_s: float) -> tuple[Maintenance, ...]:
    """Returns the maintenance that stands after a person begins one, or ends that of ``over`` ("" for none); one equipment has one at most."""
    again = {over, begun.equipment if begun else ""}
    kept = tuple(one for one in maintenance if one.equipment not in again)
    return standing(kept if begun is None else (*kept, begun), at_s)


def why_not(machine: str, measured: Mapping[str, float], withdrawn: Iterable[str] = ()) -> str:
    """Says why a machine cannot be counted on, "" where nothing speaks against it; points that a site has not, or that are silent, say nothing."""
    if machine in withdrawn:
        return "in maintenance"
    for quantity, values, says in NOT_OURS:
        if known(measured, f"{machine}.{quantity}") in values:
            return says
    return ""


def callable_now(machine: str, measured: Mapping[str, float], withdrawn: Iterable[str] = ()) -> bool:
    """Returns whether a machine can be counted on."""
    return not why_not(machine, measured, withdrawn)
