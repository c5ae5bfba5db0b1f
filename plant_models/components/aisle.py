"""Aisles between CRAHs and rows: kinds of containment, pressure over its leaks, and the rows that a stopped CRAH leaves short.

Rows do not exchange air with each other. Validity of the pressure: below 50 Pa, where dampers and servers do not yet give way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from plant_models.components.fluids import Expr

Array = NDArray[np.float64]
ContainmentName = Literal["hot_aisle", "cold_aisle", "open"]

_LEAK_EXPONENT: Final = 0.65  # cracks and gaps, between laminar 1 and turbulent 0.5
_LEAK_AT_PA: Final = 10.0
_THROW_UNITS: Final = 1.3  # standard deviation of a CRAH's reach along the rows, in distances between units (engineering value: 30 % lost below a failed one)


@dataclass(frozen=True, slots=True)
class Containment:
    """What a kind of containment lets past, lowest and highest.

    tight_share    share of hot air in a well-fed row's inlet
    leak_share     share of supply air that never reaches a row
    row_spread     rows' cold air lies within +- this share of their mean
    """

    tight_share: tuple[float, float]
    leak_share: tuple[float, float]
    row_spread: float

    def row_air(self, count: int) -> Array:
        """Returns the relative cold air of rows, least next to the CRAHs, where fast air below the floor passes the tiles."""
        return _graded(1.0 - self.row_spread, 1.0 + self.row_spread, count)

    def row_tight_share(self, count: int) -> Array:
        """Returns the share of hot air in the inlets of well-fed rows, most where there is least cold air."""
        return _graded(self.tight_share[1], self.tight_share[0], count)

    def leak_share_mean(self) -> float:
        """Returns the middle of the leaks' range."""
        return 0.5 * sum(self.leak_share)


CONTAINMENTS: Final[Mapping[ContainmentName, Containment]] = {
    "hot_aisle": Containment((0.02, 0.05), (0.03, 0.08), 0.05),  # chimneys too (engineering values, all three)
    "cold_aisle": Containment((0.03, 0.08), (0.05, 0.15), 0.08),
    "open": Containment((0.10, 0.30), (0.20, 0.50), 0.20),
}


def pressure_pa(delivered_kgs: Expr, drawn_kgs: Expr, leak_kgs_at_10_pa: Expr) -> Expr:
    """Returns the cold aisle's pressure over the hot aisle [Pa] at which leaks pass what servers do not draw: leak = C dp^0.65, either way.

    ``leak_kgs_at_10_pa`` [kg/s] > 0 is the leak at 10 Pa.
    """
    share = (delivered_kgs - drawn_kgs) / leak_kgs_at_10_pa
    return _LEAK_AT_PA * share * np.abs(share) ** (1.0 / _LEAK_EXPONENT - 1.0)


def lost_shares(row_count: int, unit_count: int, failed: Sequence[int]) -> Array:
    """Returns the share of each row's cold air that came from failed units; units 1 .. ``unit_count`` stand evenly along the rows.

    Raises ValueError for a unit that there is not, or when none would be left.
    """
    if not set(failed) <= set(range(1, unit_count + 1)) or len(set(failed)) >= unit_count:
        raise ValueError(f"failed CRAHs {list(failed)}: allowed are numbers from 1 to {unit_count}, not all of them")
    rows_at = (np.arange(row_count) + 0.5) * unit_count / row_count
    distance = (rows_at[:, None] - (np.arange(unit_count) + 0.5)[None, :]) / _THROW_UNITS
    reach = np.exp(-0.5 * distance**2)
    lost: Array = reach[:, [n - 1 for n in sorted(set(failed))]].sum(axis=1) / reach.sum(axis=1)
    return lost


def _graded(first: float, last: float, count: int) -> Array:
    graded: Array = first + (last - first) * (np.arange(count) + 0.5) / count
    return graded
