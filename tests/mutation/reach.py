"""Which modules of safety/ each test file can notice a change in: those that it, its conftest and what they import reach."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_IMPORT: Final = re.compile(r"(?m)^(?:from|import) ((?:safety|tests)[\w.]*)(?: import ([\w, ]+|\())?")


def reach(sources: Mapping[str, str], tests: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """Returns the modules by test file; ``sources`` by module name, ``tests`` by path. A file that walks the package reaches all of it."""
    texts = {**sources, **{path.removesuffix(".py").replace("/", "."): text for path, text in tests.items()}}
    conftests = [name for name in texts if name.endswith("conftest")]
    found = {}
    for path, text in tests.items():
        if "/test_" in path:
            names = {path.removesuffix(".py").replace("/", "."), *(conftests if re.search(r"\b(calm|decide)\b", text) else ())}
            found[path] = frozenset(sources) if "pkgutil" in text else frozenset(_closure(names, texts)) & frozenset(sources)
    return found


def _closure(names: set[str], texts: Mapping[str, str]) -> set[str]:
    """Returns the names with all that they import, and what those import."""
    seen: set[str] = set()
    while names:
        name = names.pop()
        seen.add(name)
        for module, things in _IMPORT.findall(texts[name]):
            imported = {module, *(f"{module}.{thing.strip()}" for thing in things.split(","))}
            names |= (imported & set(texts)) - seen
    return seen
