"""What is wrong with a weather or load file: every problem with file, line, value and what is allowed."""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_SHOWN: Final = 20
_GZIP_MAGIC: Final = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where it stands, what stands there, what may stand there."""

    where: str
    value: str
    allowed: str

    def __str__(self) -> str:
        """Returns one line that a person can act on."""
        return f"{self.where}: {self.value} (allowed: {self.allowed})"


class SourceError(Exception):
    """A file that cannot be used; ``problems`` holds all of them, the text the first twenty."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Takes all problems found in a file."""
        self.problems = tuple(problems)
        rest = len(self.problems) - _SHOWN
        more = [f"and {rest} more"] if rest > 0 else []
        super().__init__("\n".join([*(str(p) for p in self.problems[:_SHOWN]), *more]))


def number(text: str) -> float | None:
    """Returns the finite number that a cell holds, or None."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def read_lines(path: Path) -> list[str]:
    """Returns a text file's lines, unpacked when it is gzip-compressed.

    Raises SourceError when the file cannot be read or unpacked.
    """
    try:
        raw = path.read_bytes()
        content = gzip.decompress(raw) if raw.startswith(_GZIP_MAGIC) else raw
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError([Problem(str(path), f"cannot be read: {error}", "a text file, gzip-compressed or not")]) from error
    return content.decode("utf-8-sig", errors="replace").splitlines()
