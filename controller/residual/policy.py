"""A learned policy: a small ensemble of networks from what is known to a wish for each setpoint, and how far it knows the place it is in; it writes nothing."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from safety.authority import Doubt
from safety.records import Estimate, Proposal

FILE: Final = "policy.json"
VERSION: Final = 1
HIDDEN_MOST: Final = 64  # units of a layer: a wish takes well under a millisecond
MEMBERS_MOST: Final = 8
_STRICT: Final = ConfigDict(extra="forbid", allow_inf_nan=False, strict=False)

Array = NDArray[np.float64]


class PolicyError(Exception):
    """A policy file that is not one, or not for this site; the message names the file, every key, its value and what is allowed."""


@dataclass(frozen=True)
class Layer:
    """One layer: ``weights`` (outputs, inputs) and ``bias`` (outputs,)."""

    __pydantic_config__ = _STRICT
    weights: tuple[tuple[float, ...], ...]
    bias: tuple[float, ...]


@dataclass(frozen=True)
class Training:
    """What a policy comes from: the command, its seed, the sites it saw, and what it was found to save with the interval."""

    __pydantic_config__ = _STRICT
    command: str
    seed: Annotated[int, Field(ge=0)]
    sites: tuple[str, ...] = ()
    evaluation: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Policy:
    """A policy as its file states it.

    ``observed`` names what it sees: ``state:``, ``load:``, ``offset:`` and a name of the estimate, or ``plan:`` and a setpoint; ``asked`` names the
    setpoints that it may correct. An observation is standardised by ``mean`` and ``scale``; ``distance_most`` bounds its root mean square,
    ``disagreement_most`` the spread of the members' wishes after bounding, each as seen in training.
    """

    __pydantic_config__ = _STRICT
    site: str
    observed: Annotated[tuple[str, ...], Field(min_length=1, max_length=256)]
    asked: Annotated[tuple[str, ...], Field(min_length=1, max_length=64)]
    mean: tuple[float, ...]
    scale: tuple[Annotated[float, Field(gt=0)], ...]
    ensemble: Annotated[tuple[Annotated[tuple[Layer, ...], Field(min_length=1, max_length=4)], ...], Field(min_length=1, max_length=MEMBERS_MOST)]
    distance_most: Annotated[float, Field(gt=0)]
    disagreement_most: Annotated[float, Field(gt=0)]
    trained: Training
    version: Annotated[int, Field(ge=VERSION, le=VERSION)] = VERSION

    @property
    def digest(self) -> str:
        """Returns the SHA-256 of the policy in its canonical text."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    @cached_property
    def _numbers(self) -> tuple[Array, Array, list[list[tuple[Array, Array]]]]:
        members = [[(np.array(layer.weights), np.array(layer.bias)) for layer in member] for member in self.ensemble]
        return np.array(self.mean), np.array(self.scale), members

    def wish(self, plan: Proposal, estimate: Estimate) -> Mapping[str, float]:
        """Returns the wished correction by setpoint: the members' mean, any real number; nothing where an observation is missing."""
        wishes = self._wishes(plan, estimate)
        return {} if wishes is None else dict(zip(self.asked, map(float, wishes.mean(axis=0)), strict=True))

    def doubts(self, plan: Proposal, estimate: Estimate) -> frozenset[Doubt]:
        """Returns why this policy is not to be trusted here: something unknown, a place it has not seen, or members that disagree."""
        seen = self._seen(plan, estimate)
        if seen is None:
            return frozenset({Doubt.INPUT_UNKNOWN})
        far = math.sqrt(float((seen * seen).mean())) > self.distance_most
        wishes = self._wishes(plan, estimate)
        apart = wishes is None or not np.isfinite(wishes).all() or float(np.ptp(np.tanh(wishes), axis=0).max()) > self.disagreement_most
        return frozenset(doubt for doubt, holds in ((Doubt.OUT_OF_DISTRIBUTION, far), (Doubt.ENSEMBLE_DISAGREES, apart)) if holds)

    def _seen(self, plan: Proposal, estimate: Estimate) -> Array | None:
        places = {"state": estimate.states, "load": estimate.loads_kw, "offset": estimate.offsets, "plan": plan.setpoints}
        values = [places[kind].get(name) for kind, _, name in (o.partition(":") for o in self.observed)]
        if not estimate.valid or any(v is None or not math.isfinite(v) for v in values):
            return None
        mean, scale, _ = self._numbers
        return (np.array(values, dtype=float) - mean) / scale

    def _wishes(self, plan: Proposal, estimate: Estimate) -> Array | None:
        """Returns every member's wish (members, setpoints). Sums are NumPy's own, not BLAS's, so that a replay gives the same bits on any machine."""
        seen = self._seen(plan, estimate)
        if seen is None:
            return None
        found = []
        for member in self._numbers[2]:
            values = seen
            for number, (weights, bias) in enumerate(member):
                values = (weights * values).sum(axis=1) + bias
                values = np.tanh(values) if number < len(member) - 1 else values
            found.append(values)
        return np.array(found)


_ADAPTER: Final = TypeAdapter(Policy)


def as_text(policy: Policy) -> str:
    """Returns the text of a policy's file, its digest included; the same policy gives the same bytes."""
    return json.dumps({"digest": policy.digest, **asdict(policy)}, sort_keys=True) + "\n"


def read_policy(path: Path, site: str, setpoints: frozenset[str]) -> Policy:
    """Reads a policy for the site with this fingerprint and these setpoints.

    Raises PolicyError with all problems: no file, not JSON, a key or value that is not allowed, shapes that do not fit, another site's, or a digest that
    does not match the content.
    """
    try:
        content: Any = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise PolicyError(f"{path}: {error}; a policy is made by `coldaisle train`") from error
    if not isinstance(content, dict):
        raise PolicyError(f"{path}: holds {type(content).__name__}; allowed: a JSON object")
    digest = content.pop("digest", None)
    try:
        policy = _ADAPTER.validate_json(json.dumps(content))
    except ValidationError as error:
        raise PolicyError("\n".join(f"{path}: {'.'.join(str(w) for w in e['loc'])}: {e['msg']}" for e in error.errors())) from None
    problems = _misfits(policy, site, setpoints)
    if digest != policy.digest:
        problems.append(f"digest: {str(digest)[:12]!r} does not match the content, {policy.digest[:12]!r}")
    if problems:
        raise PolicyError("\n".join(f"{path}: {p}" for p in problems))
    return policy


def _misfits(policy: Policy, site: str, setpoints: frozenset[str]) -> list[str]:
    problems = [] if policy.site == site else [f"site: {policy.site[:12]!r}; this site is {site[:12]!r}: a policy is trained for one site"]
    unknown = sorted(set(policy.asked) - setpoints)
    if unknown:
        problems.append(f"asked: {', '.join(unknown)}; the site offers {', '.join(sorted(setpoints))}")
    kinds = sorted({o for o in policy.observed if o.partition(":")[0] not in ("state", "load", "offset", "plan")})
    if kinds:
        problems.append(f"observed: {', '.join(kinds)}; allowed: state:, load:, offset: or plan: and a name")
    width = len(policy.observed)
    problems += [
        f"{name}: {len(values)} numbers; observed has {width}" for name, values in (("mean", policy.mean), ("scale", policy.scale)) if len(values) != width
    ]
    for number, member in enumerate(policy.ensemble):
        problems += [f"ensemble.{number}.{what}" for what in _shape_problems(member, width, len(policy.asked))]
    return problems


def _shape_problems(member: tuple[Layer, ...], inputs: int, outputs: int) -> list[str]:
    problems = []
    for number, layer in enumerate(member):
        if {len(row) for row in layer.weights} != {inputs} or len(layer.weights) != len(layer.bias) or len(layer.bias) > HIDDEN_MOST:
            problems.append(f"{number}: weights and bias do not fit: rows of {inputs} inputs are needed, as many rows as biases, at most {HIDDEN_MOST}")
        inputs = len(layer.bias)
    return problems if inputs == outputs else [*problems, f"{len(member) - 1}: {inputs} outputs; asked has {outputs}"]
