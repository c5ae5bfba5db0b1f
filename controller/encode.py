"""Frozen dataclasses to JSON text and back, bit for bit: what the journal, the worker's pipe and the control socket speak."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping, Set
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter

T = TypeVar("T")


def plain(value: Any) -> Any:
    """Returns a value of dataclasses, mappings, sequences and enums as plain JSON values; sets are sorted, so that equal values give equal text."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(plain(k)): plain(v) for k, v in value.items()}
    if isinstance(value, Set):
        return sorted(plain(v) for v in value)
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return str(value) if isinstance(value, Path) else value


def to_text(value: Any) -> str:
    """Returns a value as one line of JSON; floats keep every bit, NaN and infinities are written as the constants that ``json`` reads."""
    return json.dumps(plain(value), separators=(",", ":"))


@cache
def _adapter(kind: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(cast(type[Any], kind))


def from_plain(kind: type[T], value: Any) -> T:
    """Builds a dataclass from plain JSON values.

    Raises ValueError where they do not fit.
    """
    return from_text(kind, json.dumps(value))


def from_text(kind: type[T], text: str | bytes) -> T:
    """Builds a dataclass from its JSON text.

    Raises ValueError where the text is not JSON or does not fit.
    """
    result: T = _adapter(cast(Hashable, kind)).validate_json(text)
    return result
