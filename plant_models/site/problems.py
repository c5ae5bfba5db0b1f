"""What is wrong with a site's files: problems as values, and the one error that carries all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_SHOWN: Final = 80
_MARKS: Final = ((b"\xef\xbb\xbf", "UTF-8 with a byte-order mark"), (b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"))
_ENCODING: Final = 'UTF-8 without a byte-order mark (in a spreadsheet: save as "CSV UTF-8", in an editor choose "UTF-8", no "BOM")'


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where it stands, what stands there, what may stand there."""

    where: str
    value: str
    allowed: str

    def __str__(self) -> str:
        """Returns one line that a person can act on."""
        return f"{self.where}: {self.value}; allowed: {self.allowed}"


class SiteErrors(Exception):  # noqa: N818  # plural on purpose: it carries every problem at once
    """A site that cannot be used; ``problems`` holds all that is wrong with it, the text has one a line."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Takes all problems found, in the order of the files."""
        self.problems = tuple(problems)
        super().__init__("\n".join(str(p) for p in self.problems))


def shown(value: Any) -> str:
    """Returns a value as a message shows it: text quoted, on one line, cut at 80 characters."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # Python refuses to print an integer of more than 4300 digits
        return "a value too long to show"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def read_text(path: Path) -> tuple[str | None, list[Problem]]:
    """Returns a UTF-8 file's text, or None and what is wrong with the file."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None, [Problem(path.name, "missing", f"a file {path}")]
    except (OSError, ValueError) as error:
        return None, [Problem(path.name, f"cannot be read: {error}", "a readable file")]
    for mark, name in _MARKS:
        if content.startswith(mark):
            return None, [Problem(f"{path.name} line 1", f"is {name}", _ENCODING)]
    try:
        return content.decode("utf-8"), []
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return None, [Problem(f"{path.name} line {line}", f"byte 0x{content[error.start]:02x} is not UTF-8", _ENCODING)]
