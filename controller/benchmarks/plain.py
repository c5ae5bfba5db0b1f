"""The tracker's problem a second time, in plain CasADi: the same variables, equations, bounds and start, without do-mpc, for solvers to be compared on.

It borrows the model's compiled equations from the tracker, so that only the formulation and the solver differ.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import casadi as ca
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_DEGREE: Final = 2  # of the Radau collocation, as the tracker's


@dataclass
class _Parts:
    """Variables and constraints as they are gathered; ``equal`` says which constraints are equations."""

    variables: list[Any] = field(default_factory=list)
    places: dict[str, slice] = field(default_factory=dict)
    constraints: list[Any] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)
    equal: list[bool] = field(default_factory=list)
    size: int = 0

    def variable(self, name: str, count: int) -> Any:
        """Returns a new variable."""
        self.variables.append(ca.MX.sym(name, count))
        self.places[name] = slice(self.size, self.size + count)
        self.size += count
        return self.variables[-1]

    def hold(self, expression: Any, low: float = 0.0, high: float = 0.0) -> None:
        """Adds constraints; equations where nothing else is said."""
        count = expression.shape[0]
        self.constraints.append(expression)
        self.low += [low] * count
        self.high += [high] * count
        self.equal += [low == high] * count


class PlainProblem:
    """The problem of a built tracker for one of CasADi's solvers; ``staged`` writes it as a structured solver wants it: a state carries what links stages."""

    def __init__(self, tracker: Any, solver: str, options: Mapping[str, Any], staged: bool = False) -> None:
        """Builds the solver. Raises RuntimeError where CasADi does not have it."""
        self._steps, self._staged = tracker._steps, staged
        model, mpc, parts = tracker._model, tracker._mpc, _Parts()
        self._x_scale, self._u_scale = ca.DM(mpc._x_scaling.cat), ca.DM(mpc._u_scaling.cat)
        self._soft = mpc._eps.shape[0]
        series, p = ca.MX.sym("series", model.n_tvp, self._steps + 1), ca.MX.sym("p", model.n_p)
        start, in_force = ca.MX.sym("start", model.n_x), ca.MX.sym("in_force", model.n_u)
        x, before = parts.variable("x0", model.n_x), (parts.variable("v0", model.n_u) if staged else in_force / self._u_scale)
        begin = [x - start / self._x_scale] + ([before - in_force / self._u_scale] if staged else [])
        cost, weights, none = ca.MX(0), ca.DM(mpc.rterm_factor.cat), ca.DM.zeros(model.n_z)
        for k in range(self._steps):
            u, within = parts.variable(f"u{k}", model.n_u), parts.variable(f"c{k}", model.n_x)
            copy = [parts.variable(f"d{k}", model.n_x)] if staged else []
            excess, after = parts.variable(f"e{k}", self._soft), parts.variable(f"x{k + 1}", model.n_x)
            if staged:
                carried = parts.variable(f"v{k + 1}", model.n_u)
                parts.hold(after - copy[0])
                parts.hold(carried - u)
            for equation in begin:
                parts.hold(equation)
            begin = []
            self._collocate(parts, model, (x, within, *(copy or [after])), (u, series[:, k], p), tracker._step_s)
            soft = mpc._nl_cons_fun(x * self._x_scale, u * self._u_scale, none, series[:, k], p, excess)
            parts.hold(soft, -np.inf, 0.0)
            if k:
                _limit_moves(parts, tracker, u - before)
            cost += mpc.epsterm_fun(excess) + ca.dot(weights, (u - before) ** 2)
            x, before = after, (carried if staged else u)
        cost += mpc.mterm_fun(x * self._x_scale, series[:, self._steps], p)
        problem = {"x": ca.vertcat(*parts.variables), "f": cost, "g": ca.vertcat(*parts.constraints), "p": ca.vertcat(start, in_force, ca.vec(series), p)}
        structure: dict[str, Any] = {"structure_detection": "auto", "equality": parts.equal} if staged else {}
        self._solver = ca.nlpsol("plain", solver, problem, {**options, **structure})
        self._parts = parts

    def _collocate(self, parts: _Parts, model: Any, points: tuple[Any, ...], held: tuple[Any, ...], step_s: float) -> None:
        """Adds that the states follow the model between two instants."""
        u, series, p = held
        slopes = ca.collocation_coeff(ca.collocation_points(_DEGREE, "radau"))[0]
        course = ca.horzcat(*points)
        for j, at in enumerate(points[1:]):
            rate = model._rhs_fun(at * self._x_scale, u * self._u_scale, ca.DM.zeros(model.n_z), series, p, ca.DM.zeros(model.n_w))
            parts.hold(course @ slopes[:, j] - step_s * rate / self._x_scale)

    def solve(self, mpc: Any) -> tuple[float, bool, float]:
        """Solves what a tracker was loaded with; returns processor time [s], success and objective."""
        start, low, high = np.zeros(self._parts.size), np.full(self._parts.size, -np.inf), np.full(self._parts.size, np.inf)
        start[self._parts.places["x0"]] = _flat(mpc.opt_x_num["_x", 0, 0, -1])
        if self._staged:
            start[self._parts.places["v0"]] = _flat(mpc.opt_p_num["_u_prev"]) / _flat(self._u_scale)
        for k in range(self._steps):
            u, x = _flat(mpc.opt_x_num["_u", k, 0]), _flat(mpc.opt_x_num["_x", k + 1, 0, -1])
            values = {f"u{k}": u, f"c{k}": _flat(mpc.opt_x_num["_x", k + 1, 0, 0]), f"d{k}": x, f"x{k + 1}": x, f"v{k + 1}": u}
            for name, value in values.items():
                if name in self._parts.places:
                    start[self._parts.places[name]] = value
            low[self._parts.places[f"u{k}"]], high[self._parts.places[f"u{k}"]] = _flat(mpc.lb_opt_x["_u", k, 0]), _flat(mpc.ub_opt_x["_u", k, 0])
            low[self._parts.places[f"e{k}"]] = 0.0
        given = np.concatenate(
            [_flat(mpc.opt_p_num["_x0"]), _flat(mpc.opt_p_num["_u_prev"]), *map(_flat, mpc.opt_p_num["_tvp"]), _flat(mpc.opt_p_num["_p", 0])]
        )
        began = time.process_time()
        found = self._solver(x0=start, lbx=low, ubx=high, lbg=self._parts.low, ubg=self._parts.high, p=given)
        took_s = time.process_time() - began
        return took_s, bool(self._solver.stats()["success"]), float(found["f"])


def _limit_moves(parts: _Parts, tracker: Any, move: Any) -> None:
    minutes = tracker._step_s / 60.0
    for i, setpoint in enumerate(tracker._layout.setpoints):
        limit = tracker._limits.setpoints.get(setpoint)
        if limit is not None and (limit.raise_per_min is not None or limit.lower_per_min is not None):
            scale = float(tracker._mpc._u_scaling.cat[i])
            low = -np.inf if limit.lower_per_min is None else -limit.lower_per_min * minutes / scale
            parts.hold(move[i], low, np.inf if limit.raise_per_min is None else limit.raise_per_min * minutes / scale)


def _flat(values: Any) -> Array:
    return np.asarray(ca.DM(values)).ravel()
