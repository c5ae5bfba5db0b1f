"""A compiled step of one site replayed for many at once: each of its scalar instructions becomes one NumPy operation on a whole row of sites.

The equations stay written once: whatever CasADi traced is what runs here, so a new machine or topology needs nothing from this module.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import casadi
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Rows = list[Array]
Operation = Callable[[], object]


def _if_else_zero(condition: Array, value: Array, *, out: Array) -> None:
    out[...] = np.where(condition, value, 0.0)  # a product would make NaN of an infinite value that is not chosen


def _copy(value: Array, *, out: Array) -> None:
    np.copyto(out, value)


_OPERATIONS: Final[dict[int, Callable[..., object]]] = {
    casadi.OP_ASSIGN: _copy,
    casadi.OP_ADD: np.add,
    casadi.OP_SUB: np.subtract,
    casadi.OP_MUL: np.multiply,
    casadi.OP_DIV: np.divide,
    casadi.OP_NEG: np.negative,
    casadi.OP_EXP: np.exp,
    casadi.OP_LOG: np.log,
    casadi.OP_LOG1P: np.log1p,
    casadi.OP_EXPM1: np.expm1,
    casadi.OP_POW: np.power,
    casadi.OP_CONSTPOW: np.power,
    casadi.OP_SQRT: np.sqrt,
    casadi.OP_SQ: np.square,
    casadi.OP_TWICE: partial(np.multiply, 2.0),
    casadi.OP_INV: np.reciprocal,
    casadi.OP_SIN: np.sin,
    casadi.OP_COS: np.cos,
    casadi.OP_TANH: np.tanh,
    casadi.OP_FLOOR: np.floor,
    casadi.OP_CEIL: np.ceil,
    casadi.OP_FABS: np.fabs,
    casadi.OP_SIGN: np.sign,
    casadi.OP_FMIN: np.minimum,
    casadi.OP_FMAX: np.maximum,
    casadi.OP_LT: np.less,
    casadi.OP_LE: np.less_equal,
    casadi.OP_EQ: np.equal,
    casadi.OP_NE: np.not_equal,
    casadi.OP_NOT: np.logical_not,
    casadi.OP_AND: np.logical_and,
    casadi.OP_OR: np.logical_or,
    casadi.OP_IF_ELSE_ZERO: _if_else_zero,
}


class Replay:
    """A function (state, inputs) -> (state, outputs) of one site, for ``count`` sites: arrays of (n, count), one column a site."""

    def __init__(self, function: casadi.Function, count: int) -> None:
        """Takes an SX function of two vectors that returns two. Raises ValueError for an operation that has no counterpart here."""
        self.state, self.inputs = np.zeros((function.size1_in(0), count)), np.zeros((function.size1_in(1), count))
        self.outputs = np.zeros((function.size1_out(1), count))
        self._after = np.zeros_like(self.state)
        work = list(np.zeros((function.sz_w(), count)))
        self._there = _program(function, work, (self.state, self.inputs), (self._after, self.outputs))
        self._back = _program(function, work, (self._after, self.inputs), (self.state, self.outputs))

    def step(self, steps: int) -> None:
        """Steps every site ``steps`` times."""
        with np.errstate(all="ignore"):  # both sides of a choice are worked out, as CasADi does without a word
            for i in range(steps):
                for operation in self._back if i % 2 else self._there:
                    operation()
        if steps % 2:
            self.state[:] = self._after


def _program(function: casadi.Function, work: Rows, arguments: tuple[Array, Array], results: tuple[Array, Array]) -> list[Operation]:
    """Returns the function's instructions as calls bound to their rows."""
    program: list[Operation] = []
    shown: dict[int, Array] = {}  # work slots that hold an argument's row or a constant, until something is written there
    for k in range(function.n_instructions()):
        code, given, target = function.instruction_id(k), function.instruction_input(k), function.instruction_output(k)
        if code == casadi.OP_CONST:
            shown[target[0]] = np.array(function.instruction_constant(k))
        elif code == casadi.OP_INPUT:
            shown[target[0]] = arguments[given[0]][given[1]]
        elif code == casadi.OP_OUTPUT:
            program.append(partial(np.copyto, results[target[0]][target[1]], _row(given[0], shown, work)))
        elif code in _OPERATIONS:
            rows = [_row(g, shown, work) for g in given]
            program.append(partial(_OPERATIONS[code], *rows, out=work[target[0]]))
            shown.pop(target[0], None)
        else:
            raise ValueError(f"{function.name()}: instruction {k} is CasADi's operation {code}, which cannot be replayed for many sites")
    return program


def _row(slot: int, shown: dict[int, Array], work: Rows) -> Array:
    return shown[slot] if slot in shown else work[slot]
