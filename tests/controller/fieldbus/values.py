"""A site in memory that holds what it is given."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class MemoryValues:
    values: dict[str, float | None] = field(default_factory=dict)

    def read(self, signal: str) -> float | None:
        return self.values.get(signal, 0.0)

    def write(self, signal: str, value: float) -> None:
        self.values[signal] = value
