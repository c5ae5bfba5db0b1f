"""Named fields in one flat vector, seen alike through NumPy and CasADi."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import casadi
import numpy as np

from plant_models.components.fluids import Expr


class Layout:
    """Where each named field stands in a vector."""

    def __init__(self, fields: Sequence[tuple[str, int]]) -> None:
        """Takes (name, length) in order; lengths may be 0. Raises ValueError on a name that comes twice."""
        self.slices: dict[str, slice] = {}
        start = 0
        for name, length in fields:
            if name in self.slices:
                raise ValueError(f"field {name!r} comes twice")
            self.slices[name] = slice(start, start + length)
            start += length
        self.size = start

    def view(self, vector: Expr) -> dict[str, Expr]:
        """Returns every field of a vector by name; of a NumPy vector as views."""
        return {name: vector[where] for name, where in self.slices.items()}

    def pack(self, values: Mapping[str, Expr], symbolic: bool) -> Expr:
        """Returns the vector of these fields, each a scalar or of its own length. Raises KeyError on a missing one."""
        parts = [self._sized(values[name], where.stop - where.start, symbolic) for name, where in self.slices.items()]
        return casadi.vertcat(*parts) if symbolic else np.concatenate(parts) if parts else np.zeros(0)

    @staticmethod
    def _sized(value: Expr, length: int, symbolic: bool) -> Expr:
        if not symbolic:
            return np.broadcast_to(np.asarray(value, dtype=float).reshape(-1) if length != 0 else np.zeros(0), (length,))
        expression = casadi.SX(value) if not isinstance(value, np.ndarray) else casadi.SX(casadi.DM(value))
        if length == 0:
            return casadi.SX(0, 1)
        return casadi.repmat(expression, length, 1) if expression.numel() == 1 and length > 1 else casadi.densify(expression)


def stack(parts: Sequence[Expr]) -> Expr:
    """Returns scalars as one column, of CasADi expressions or of floats."""
    if any(isinstance(p, casadi.SX) for p in parts):
        return casadi.vertcat(*parts)
    return np.array([float(np.asarray(p).reshape(-1)[0]) for p in parts])
