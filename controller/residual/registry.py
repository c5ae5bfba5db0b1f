"""The policies that a gateway knows: content-addressed, signed, each with its state and how it came to it; it trains and judges nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

from controller.residual.policy import FILE, Policy, PolicyError, as_text, read_policy
from controller.rollout.versions import VersionError, Versions
from plant_models.site.load import LoadedSite

KIND: Final = "policy"
STATES_FILE: Final = "policies.json"


class State(StrEnum):
    """How far a policy has come."""

    CANDIDATE = "candidate"
    SHADOW = "shadow"
    CANARY = "canary"
    ACTIVE = "active"
    RETIRED = "retired"


ALLOWED: Final[Mapping[State, tuple[State, ...]]] = {
    State.CANDIDATE: (State.SHADOW, State.RETIRED),
    State.SHADOW: (State.CANARY, State.RETIRED),
    State.CANARY: (State.ACTIVE, State.SHADOW, State.RETIRED),
    State.ACTIVE: (State.SHADOW, State.RETIRED),
    State.RETIRED: (),
}
"""To which states a policy may go from each: up one step at a time, down at once, and never back from retirement."""

UPWARDS: Final = frozenset({State.CANARY, State.ACTIVE})
"""States in which a policy may move setpoints: each is reached only with evidence."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a policy's state: when [s], who, why, and on what evidence."""

    at_s: float
    who: str
    state: str
    reason: str
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """A policy in the registry: its digest and its changes, oldest first."""

    digest: str
    changes: tuple[Change, ...]

    @property
    def state(self) -> State:
        """Returns the present state."""
        return State(self.changes[-1].state)


def fingerprint(loaded: LoadedSite) -> str:
    """Returns what a policy is trained for: the SHA-256 of the site's name, its machines and the setpoints that it offers."""
    site = loaded.site
    machines = [[m.name for m in kind] for kind in (site.plant, site.hall, site.chiller, site.tower, site.pump, site.economiser)]
    return hashlib.sha256(json.dumps([site.site.name, machines, sorted(loaded.points.setpoints)]).encode()).hexdigest()


class Registry:
    """The policies of one gateway; its list is signed with the key that signs versions."""

    def __init__(self, versions: Versions, loaded: LoadedSite) -> None:
        """Opens the registry. Raises VersionError where its list was not signed by this gateway's key."""
        self._versions, self._loaded = versions, loaded
        signed = versions.read_signed(STATES_FILE)
        self._known = {d: Known(d, tuple(Change(**c) for c in changes)) for d, changes in (signed or {}).items()}

    @property
    def known(self) -> tuple[Known, ...]:
        """Returns every policy, in the order in which they came."""
        return tuple(self._known.values())

    def add(self, path: Path, at_s: float, who: str, reason: str) -> Known:
        """Takes a policy file in as a candidate. Raises PolicyError for a file that is unfit for this site."""
        policy = read_policy(path, fingerprint(self._loaded), frozenset(self._loaded.points.setpoints))
        digest = self._versions.keep(KIND, {FILE: as_text(policy).encode()})
        if digest not in self._known:
            self._known[digest] = Known(digest, (Change(at_s, who, State.CANDIDATE, reason),))
            self._write()
        return self._known[digest]

    def move(self, digest: str, state: State, at_s: float, who: str, reason: str, evidence: str = "") -> Known:
        """Moves a policy to another state; the one that was active steps back into shadow.

        Raises PolicyError for a step that is not allowed, one upwards without evidence, or a policy that is not whole.
        """
        one = self.find(digest)
        if state not in ALLOWED[one.state]:
            allowed = ", ".join(ALLOWED[one.state]) or "nothing"
            raise PolicyError(f"policy {one.digest[:12]} is {one.state}: it may go to {allowed}, not to {state}")
        if state in UPWARDS and not evidence:
            raise PolicyError(f"policy {one.digest[:12]}: to become {state} it needs evidence: a report or the benchmark that shows what it saves")
        self.policy(one.digest)
        if state is State.ACTIVE:
            for other in self._in(State.ACTIVE):
                self._add(other, Change(at_s, who, State.SHADOW, f"{one.digest[:12]} becomes active: {reason}"))
        self._add(one, Change(at_s, who, state, reason, evidence))
        self._write()
        return self._known[one.digest]

    def back(self, at_s: float, who: str, reason: str) -> Known | None:
        """Puts the policy that was active before in charge again, none where there was none; returns it. The present one is retired: it must not come back."""
        present = self._in(State.ACTIVE)
        earlier = [k for k in self.known if k.state is State.SHADOW and any(c.state == State.ACTIVE for c in k.changes)]
        for one in present:
            self._add(one, Change(at_s, who, State.RETIRED, reason))
        last = max(earlier, key=lambda k: k.changes[-1].at_s, default=None) if present else None
        if last is not None:
            self._add(last, Change(at_s, who, State.ACTIVE, reason, "it was active before"))
        self._write()
        return None if last is None else self._known[last.digest]

    def find(self, start: str) -> Known:
        """Returns the policy whose digest begins so. Raises PolicyError where there is none or more than one."""
        found = [k for d, k in self._known.items() if start and d.startswith(start)]
        if len(found) != 1:
            raise PolicyError(f"policy {start!r}: {len(found)} known policies begin so; needed is one")
        return found[0]

    def policy(self, digest: str) -> Policy:
        """Returns a policy by its whole digest. Raises PolicyError where it is not kept, not signed, changed, or not for this site."""
        try:
            folder = self._versions.folder(KIND, digest)
        except VersionError as error:
            raise PolicyError(str(error)) from error
        return read_policy(folder / FILE, fingerprint(self._loaded), frozenset(self._loaded.points.setpoints))

    def active(self) -> Policy | None:
        """Returns the policy in charge, None where there is none. Raises PolicyError where it is not what was signed."""
        found = self._in(State.ACTIVE)
        return self.policy(found[0].digest) if found else None

    def _in(self, state: State) -> list[Known]:
        return [k for k in self.known if k.state is state]

    def _add(self, one: Known, change: Change) -> None:
        self._known[one.digest] = replace(one, changes=(*one.changes, change))

    def _write(self) -> None:
        self._versions.write_signed(STATES_FILE, {d: [asdict(c) for c in k.changes] for d, k in self._known.items()})
