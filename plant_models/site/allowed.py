"""Says in words what a key of ``site.toml`` may hold, from the types of the topology, so that no message repeats a range by hand."""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import is_dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

_WORDS: Final[Mapping[Any, str]] = {float: "a number", int: "a whole number", bool: "true or false", str: "text", Path: "a path", types.NoneType: "nothing"}
_BOUNDS: Final = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
_NAME: Final = 'lower-case letters and digits joined by "-", such as "hall-a"'


def keys_of(hint: Any) -> Mapping[str, Any]:
    """Returns the keys that a table may have and the type of each; none for anything but a table."""
    bare = _bare(hint)
    return get_type_hints(bare, include_extras=True) if is_dataclass(bare) else {}


def hint_at(hint: Any, path: Sequence[Any]) -> Any:
    """Returns the type at a path below a type, None where the path leaves what is known."""
    for step in path:
        bare = _bare(hint)
        known = keys_of(bare)
        inner = get_args(bare)
        if step in known:
            hint = known[step]
        elif isinstance(step, int) and get_origin(bare) is tuple and step < len(inner):
            hint = inner[step]
        else:
            return None
    return hint


def in_words(hint: Any) -> str:
    """Returns what a type allows, such as "a number, at least 10, at most 900"."""
    bare = _bare(hint)
    if is_dataclass(bare):
        return f"a table with the keys {', '.join(keys_of(bare))}"
    if get_origin(bare) is Literal:
        return ", ".join(str(choice) for choice in get_args(bare))
    if get_origin(bare) is tuple:
        return f"[{', '.join(in_words(inner) for inner in get_args(bare))}]"
    limits = _limits(hint)
    return _NAME if "pattern" in limits else ", ".join([_WORDS.get(bare, "a value"), *limits.values()])


def _bare(hint: Any) -> Any:
    """Strips annotations, and None from an optional type."""
    if get_origin(hint) is Annotated:
        return _bare(get_args(hint)[0])
    if get_origin(hint) in (Union, types.UnionType):
        return _bare(next(inner for inner in get_args(hint) if inner is not types.NoneType))
    return hint


def _limits(hint: Any) -> dict[str, str]:
    """Returns the bounds that an annotated type states, in words by pydantic's name."""
    if get_origin(hint) in (Union, types.UnionType):
        return _limits(next(inner for inner in get_args(hint) if inner is not types.NoneType))
    stated: dict[str, str] = {}
    for item in _metadata(hint):
        stated |= {name: f"{words} {getattr(item, name):.10g}" for name, words in _BOUNDS.items() if getattr(item, name, None) is not None}
        if getattr(item, "pattern", None):
            stated["pattern"] = _NAME
    return stated


def _metadata(hint: Any) -> Iterable[Any]:
    for item in getattr(hint, "__metadata__", ()):
        yield from getattr(item, "metadata", (item,))
