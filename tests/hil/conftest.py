"""What the bench's tests share: a site of three lines that stands in for the simulator where only the wire matters."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from plant_models.site.points import Point, WriteClass


class Double:
    """A site whose signals are what the test puts there; ``dead`` ones show no value."""

    def __init__(self, now_s: float = 1_752_552_000.0, **values: float) -> None:
        self.now_s = now_s
        self.values: dict[str, float | None] = dict(values)
        self.written: list[tuple[str, float]] = []
        self.advanced: list[float] = []

    def read(self, signal: str) -> float | None:
        return self.now_s if signal == "bas.clock_s" else self.values.get(signal, 0.0)

    def write(self, signal: str, value: float) -> None:
        self.written.append((signal, value))
        self.values[signal] = value

    def advance(self, until_s: float) -> None:
        self.now_s = until_s
        self.advanced.append(until_s)


def point(signal: str, address: str, kind: str, access: str = "r", scale: float = 1.0, unit: str = "degC", word_order: str = "ABCD") -> Point:
    """Returns one row of a points table."""
    protocol = "opcua" if "nsu=" in address else "modbus"
    return Point(signal, protocol, "plc", address, kind, word_order, scale, 0.0, unit, access, 30.0, None, None, WriteClass.VOLATILE)  # type: ignore[arg-type]  # the literals are the tests'


@pytest.fixture(scope="session")
def double() -> type[Double]:
    """Returns the class of the stand-in."""
    return Double


@pytest.fixture(scope="session")
def row() -> Callable[..., Point]:
    """Returns the maker of rows."""
    return point
