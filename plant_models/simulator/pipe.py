"""A pipe as a chain of mixed volumes: transport delay with the smearing that a real pipe has; used by every liquid loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from plant_models.components.fluids import Expr


def node_names(pipe: str, nodes: int) -> tuple[str, ...]:
    """Returns the state fields of a pipe, in the order in which water passes."""
    return tuple(f"{pipe}_{i + 1}_c" for i in range(nodes))


def along(
    s: Mapping[str, Expr], names: Sequence[str], entering_c: Expr, flow_kw_per_k: Expr, capacities_kj_per_k: Mapping[str, Expr], dt: float
) -> dict[str, Expr]:
    """Returns the pipe's nodes ``dt`` seconds on [degC]; what leaves one enters the next."""
    before = [entering_c, *(s[name] for name in names[:-1])]
    return {name: s[name] + dt / capacities_kj_per_k[name] * flow_kw_per_k * (upstream - s[name]) for name, upstream in zip(names, before, strict=True)}
