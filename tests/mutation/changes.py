"""What may be changed at one node of a syntax tree; each change is small, and a program that is well tested notices every one."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

DROP: Final = object()
"""In place of a new node: the old one is left out of its list."""

COMPARISONS: Final[Mapping[type[ast.cmpop], tuple[type[ast.cmpop], ...]]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
ARITHMETIC: Final[Mapping[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
SWAPPED: Final[Mapping[str, str]] = {"min": "max", "max": "min", "any": "all", "all": "any", "sorted": "list"}
ABOUT: Final = 0.1  # a number is made a tenth larger and a tenth smaller


@dataclass(frozen=True)
class Change:
    """What was there, what comes instead in words, and the new node."""

    old: str
    told: str
    new: Any


def changes_of(node: ast.AST, parent: ast.AST, field: str, enums: Mapping[str, tuple[str, ...]], inside: bool) -> Iterator[Change]:
    """Returns every change of one node; ``inside`` a function, where a list of alternatives is no table."""
    for new in _alternatives(node, parent, field, enums):
        yield Change(_short(node), _short(new), ast.fix_missing_locations(ast.copy_location(new, node)))
    if isinstance(node, ast.Dict) and isinstance(parent, ast.Assign | ast.AnnAssign) and len(node.keys) > 1:
        for at, key in enumerate(node.keys):
            rest = _with(node, keys=[*node.keys[:at], *node.keys[at + 1 :]], values=[*node.values[:at], *node.values[at + 1 :]])
            yield Change(f"key {'**' if key is None else _short(key)}", "removed", rest)
    if field in ("test", "ifs") and not (isinstance(node, ast.Constant) or isinstance(parent, ast.While)):
        for value in (True, False):
            yield Change(_short(node), str(value), ast.copy_location(ast.Constant(value), node))
    if _removable(node, parent, field):
        yield Change(_short(node), "removed", ast.copy_location(ast.Pass(), node))
    if _row(node, parent, field, inside) or field in ("keywords", "decorator_list"):
        yield Change(_short(node), "removed", DROP)


def _alternatives(node: ast.AST, parent: ast.AST, field: str, enums: Mapping[str, tuple[str, ...]]) -> Iterator[ast.AST]:
    """Returns the nodes that may stand in place of one."""
    if isinstance(node, ast.Constant):
        yield from (ast.Constant(value) for value in _other_values(node.value, parent))
    elif isinstance(node, ast.JoinedStr) and field != "format_spec":
        yield ast.Constant("")
    elif isinstance(node, ast.Compare):
        for at, operator in enumerate(node.ops):
            for other in COMPARISONS[type(operator)]:
                yield _with(node, ops=[*node.ops[:at], other(), *node.ops[at + 1 :]])
    elif isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
        yield _with(node, op=ARITHMETIC[type(node.op)]())
    elif isinstance(node, ast.BoolOp):
        yield _with(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
        for at in range(len(node.values)):
            rest = [*node.values[:at], *node.values[at + 1 :]]
            yield rest[0] if len(rest) == 1 else _with(node, values=rest)
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.Return) and node.value is not None and not _is_truth(node.value):
        yield _with(node, value=ast.Constant(None))
    elif isinstance(node, ast.AugAssign) and type(node.op) in ARITHMETIC:
        yield _with(node, op=ARITHMETIC[type(node.op)]())
    elif isinstance(node, ast.Name | ast.Attribute) and field != "func":
        yield from _other_names(node, enums)
    elif isinstance(node, ast.Call) and ast.unparse(node.func) in SWAPPED:
        yield _with(node, func=ast.Name(SWAPPED[ast.unparse(node.func)], ast.Load()), keywords=_keywords(node))


def _other_values(value: object, parent: ast.AST) -> Iterator[Any]:
    """Returns other values for a literal; a text for people becomes empty, since its wording is nobody's limit."""
    if isinstance(parent, ast.JoinedStr | ast.FormattedValue):
        return
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value + 1, value - 1)
    elif isinstance(value, float):
        yield from (value + ABOUT * abs(value), value - ABOUT * abs(value)) if value else (1.0, -1.0)
    elif isinstance(value, str):
        yield "" if " " in value else f"{value}x"
    elif value is None and not isinstance(parent, ast.Compare):
        yield 0.0


def _other_names(node: ast.Name | ast.Attribute, enums: Mapping[str, tuple[str, ...]]) -> Iterator[ast.AST]:
    """Returns the next member of an enum, and infinity with the other sign."""
    if ast.unparse(node) == "math.inf":
        yield ast.UnaryOp(ast.USub(), copy.copy(node))
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr in enums.get(node.value.id, ()):
        members = enums[node.value.id]
        yield _with(node, attr=members[(members.index(node.attr) + 1) % len(members)])


def _removable(node: ast.AST, parent: ast.AST, field: str) -> bool:
    """Returns whether a statement can go without leaving a name undefined."""
    if field not in ("body", "orelse", "finalbody") or isinstance(parent, ast.Lambda | ast.IfExp):
        return False
    if isinstance(node, ast.Assign):
        return isinstance(node.targets[0], ast.Attribute | ast.Subscript)
    return isinstance(node, ast.Expr | ast.AugAssign | ast.Raise | ast.Continue | ast.Break)


def _row(node: ast.AST, parent: ast.AST, field: str, inside: bool) -> bool:
    """Returns whether a node is one of several rows of a table."""
    if field != "elts" or len(getattr(parent, "elts", ())) < 2:
        return False
    return isinstance(parent, ast.Set | ast.List) or (isinstance(parent, ast.Tuple) and not inside)


def _keywords(call: ast.Call) -> list[ast.keyword]:
    """Returns the keywords that the swapped function takes as well."""
    return [] if ast.unparse(call.func) == "sorted" else call.keywords


def _is_truth(node: ast.AST) -> bool:
    """Returns whether a node is True, False or None, which change by themselves."""
    return isinstance(node, ast.Constant) and (node.value is None or isinstance(node.value, bool))


def _with(node: ast.AST, **fields: Any) -> ast.AST:
    """Returns a copy of a node with other fields."""
    other = copy.copy(node)
    for name, value in fields.items():
        setattr(other, name, value)
    return other


def _short(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 100 else f"{text[:97]}..."
