"""Runs function blocks of IEC 61131-3 structured text, as parsed by blark: assignments, IF and expressions, which is all that the reference block uses.

Anything else is refused, so that the block cannot grow beyond what is tested.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from blark import transform as st
from blark.parse import parse_source_code

FUNCTIONS: Mapping[str, Callable[..., Any]] = {"MIN": min, "MAX": max, "ABS": abs, "LIMIT": lambda low, value, high: min(max(value, low), high)}
OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
    "AND": lambda a, b: a and b,
    "OR": lambda a, b: a or b,
}
EMPTY: Mapping[str, Any] = {"BOOL": False, "UINT": 0, "INT": 0, "LREAL": 0.0}


def function_blocks(path: Path) -> dict[str, st.FunctionBlock]:
    """Returns the function blocks of a file by name."""
    items = parse_source_code(path.read_text()).transform().items
    return {str(block.name): block for block in items if isinstance(block, st.FunctionBlock)}


class Instance:
    """One instance of a function block: its variables keep their values between calls."""

    def __init__(self, block: st.FunctionBlock) -> None:
        self._statements = block.body.statements
        self.variables: dict[str, Any] = {}
        self._types: dict[str, str] = {}
        for declarations in block.declarations:
            for row in declarations.items:
                kind = str(row.init.spec.type) if row.init.spec else ""
                for variable in row.variables:
                    name = str(variable.name if not hasattr(variable, "variable") else variable.variable)
                    self._types[name] = kind
                    self.variables[name] = EMPTY[kind] if row.init.value is None else self._value(row.init.value)

    def __call__(self, **given: Any) -> None:
        unknown = given.keys() - self.variables.keys()
        assert not unknown, unknown
        self.variables |= given
        self._run(self._statements)

    def __getattr__(self, name: str) -> Any:
        return self.variables[name]

    def _run(self, statements: list[Any]) -> None:
        for statement in statements:
            if isinstance(statement, st.AssignmentStatement):
                (target,) = statement.variables
                name = str(target.name)
                value = self._value(statement.expression)
                assert type(value) is type(EMPTY[self._types[name]]), f"{name} : {self._types[name]} := {value!r}"
                self.variables[name] = value
            elif isinstance(statement, st.IfStatement):
                self._choose(statement)
            else:
                raise NotImplementedError(type(statement).__name__)

    def _choose(self, statement: st.IfStatement) -> None:
        for clause in (statement, *statement.else_ifs):
            condition = self._value(clause.if_expression)
            assert isinstance(condition, bool), f"IF {clause.if_expression}"
            if condition:
                self._run(clause.statements.statements)
                return
        if statement.else_clause is not None:
            self._run(statement.else_clause.statements.statements)

    def _value(self, expression: Any) -> Any:
        match expression:
            case st.Boolean():
                return str(expression.value).upper() == "TRUE"
            case st.Integer():
                return int(expression.value)
            case st.Real():
                return float(str(expression))
            case st.SimpleVariable():
                return self.variables[str(expression.name)]
            case st.ParenthesizedExpression():
                return self._value(expression.expr)
            case st.UnaryOperation():
                value = self._value(expression.expr)
                return (not value) if str(expression.op).upper() == "NOT" else -value
            case st.BinaryOperation():
                return OPERATORS[str(expression.op).upper()](self._value(expression.left), self._value(expression.right))
            case st.FunctionCall():
                return FUNCTIONS[str(expression.name.name)](*(self._value(p.value) for p in expression.parameters))
        raise NotImplementedError(type(expression).__name__)
