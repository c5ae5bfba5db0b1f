"""Every small change that can be made to a module of safety/, one at a time: operators, conditions, statements, and the literals of its tables."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.mutation.changes import DROP, changes_of

ANNOTATIONS = frozenset({"annotation", "returns", "type_params"})
ALIASES = frozenset({"Callable", "Mapping", "Sequence", "dict", "tuple", "list", "frozenset", "set"})


@dataclass(frozen=True)
class Mutant:
    """One change: where it is (module and what it stands in), the line as it was, and what becomes of which part of it.

    ``function`` is the function or method whose body it is in, "" where it is in a table, a default, a decorator or a class.
    """

    module: str
    scope: str
    function: str
    line: int
    change: str
    parent: ast.AST
    field: str
    index: int | None
    new: Any

    @property
    def where(self) -> str:
        """Returns the file and what the change stands in; line numbers move, so they are not part of it."""
        return f"{self.module.replace('.', '/')}.py:{self.scope}".rstrip(":")

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Puts the change into the tree that it was found in, and takes it out again."""
        whole = getattr(self.parent, self.field)
        if self.index is None:
            setattr(self.parent, self.field, self.new)
        else:
            setattr(self.parent, self.field, [*whole[: self.index], *([] if self.new is DROP else [self.new]), *whole[self.index + 1 :]])
        try:
            yield
        finally:
            setattr(self.parent, self.field, whole)


def mutants_of(module: str, source: str, enums: Mapping[str, tuple[str, ...]]) -> tuple[ast.Module, list[Mutant]]:
    """Returns a module's tree and every mutant of it, in order of the lines; ``enums`` are the members by the name that an enum has anywhere."""
    tree = ast.parse(source)
    lines = source.splitlines()
    known = {**enums, **_aliases(tree, enums)}
    found: list[Mutant] = []
    seen: dict[tuple[str, str], int] = {}
    for scope, function, parent, field, index, node in _sites(tree, "", ""):
        for change in changes_of(node, parent, field, known, scope.rpartition(".")[2].lstrip("_").islower()):
            text = lines[node.lineno - 1].split("  #")[0].strip() if hasattr(node, "lineno") else ""
            told = f"{text}: {change.old} -> {change.told}"
            count = seen[scope, told] = seen.get((scope, told), 0) + 1
            told += f" (no. {count})" if count > 1 else ""
            found.append(Mutant(module, scope, function, getattr(node, "lineno", 0), told, parent, field, index, change.new))
    return tree, found


def enums_of(sources: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Returns the members of every enum that the sources define, by the enum's name."""
    found = {}
    for source in sources.values():
        for node in ast.parse(source).body:
            if isinstance(node, ast.ClassDef) and any("Enum" in ast.unparse(base) for base in node.bases):
                found[node.name] = tuple(t.id for s in node.body if isinstance(s, ast.Assign) for t in s.targets if isinstance(t, ast.Name))
    return found


def _aliases(tree: ast.Module, enums: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Returns the enums that a module gives shorter names, as in ``_M, _R = Mode, Return``."""
    short = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple):
            pairs = zip(node.targets[0].elts, node.value.elts, strict=True)
            short |= {t.id: enums[v.id] for t, v in pairs if isinstance(t, ast.Name) and isinstance(v, ast.Name) and v.id in enums}
    return short


Site = tuple[str, str, ast.AST, str, int | None, ast.AST]


def _sites(node: ast.AST, scope: str, function: str) -> Iterator[Site]:
    """Returns every node that may be changed with what it stands in; annotations, docstrings, imports and names of types are left alone."""
    for field, value in ast.iter_fields(node):
        if field in ANNOTATIONS or (isinstance(node, ast.AnnAssign | ast.Assign) and field != "value"):
            continue
        body = scope if isinstance(node, ast.FunctionDef) and field == "body" and not function else function
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(child, ast.AST) or _left_alone(child):
                continue
            inner = _scope(child, scope)
            yield inner, body, node, field, index, child
            yield from _sites(child, inner, body)


def _left_alone(node: ast.AST) -> bool:
    if isinstance(node, ast.Import | ast.ImportFrom | ast.expr_context):
        return True
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    alias = isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript) and isinstance(node.value.value, ast.Name)
    return alias and node.value.value.id in ALIASES  # type: ignore[attr-defined]  # an Assign whose value is a Subscript of a Name


def _scope(node: ast.AST, outer: str) -> str:
    """Returns the name of what a node stands in: the function, the class, or the table that a module assigns."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        name: str | None = node.name
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        name = target.id if isinstance(target, ast.Name) else None
    else:
        name = None
    if name is None:
        return outer
    if not outer:
        return name
    return f"{outer}.{name}" if isinstance(node, ast.FunctionDef) or (outer[0].isupper() and "." not in outer) else outer
