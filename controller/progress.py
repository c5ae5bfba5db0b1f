"""Shows on stderr how far several runs have come: bars on a terminal, a line a tenth elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn


class Shares:
    """A context in which calls with (name, share done) are shown."""

    def __init__(self, names: Sequence[str]) -> None:
        """Takes the names of the runs."""
        self._console = Console(file=sys.stderr)
        self._bars = Progress(
            TextColumn("{task.description:>12}"), BarColumn(), TextColumn("{task.percentage:3.0f} %"), TimeElapsedColumn(), console=self._console
        )
        self._tasks = {name: self._bars.add_task(name, total=1.0) for name in names}
        self._told = dict.fromkeys(names, 0)

    def __enter__(self) -> Shares:
        """Starts the display on a terminal."""
        if self._console.is_terminal:
            self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Ends the display."""
        if self._console.is_terminal:
            self._bars.stop()

    def __call__(self, name: str, share: float) -> None:
        """Takes one run's share done, 0 .. 1."""
        if self._console.is_terminal:
            self._bars.update(self._tasks[name], completed=share)
        elif int(10 * share) > self._told[name]:
            self._told[name] = int(10 * share)
            print(f"{name}: {10 * self._told[name]} %", file=sys.stderr)
