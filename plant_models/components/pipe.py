"""Water that moves along a pipe or through a layered tank without much mixing: plug flow on cells, second order, monotone and conserving.

Validity: what moves in a step is at most one cell; water flows from the first cell to the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from plant_models.components.fluids import Expr

_STILL_K2 = 1e-12


def limited_slope(behind: Expr, ahead: Expr) -> Expr:
    """Returns van Leer's slope of two differences [K]: their harmonic mean where they agree in sign, else none (Journal of Computational Physics 1974)."""
    agree = np.maximum(behind * ahead, 0.0)
    both = behind + ahead
    return 2.0 * agree * both / (both * both + _STILL_K2)


def transported(cells: Sequence[Expr], inlet_c: Expr, moved_share: Expr) -> list[Expr]:
    """Returns the cells' temperatures [degC] after a step in which ``moved_share`` (0 .. 1) of a cell's water came in at the inlet.

    What leaves has the last cell's temperature, so that energy is kept: a front passes in volume over flow and stays within about two cells.
    """
    faces = [inlet_c]
    before = inlet_c
    for here, after in pairwise(cells):
        faces.append(here + 0.5 * (1.0 - moved_share) * limited_slope(here - before, after - here))
        before = here
    faces.append(cells[-1])
    return [here + moved_share * (entering - leaving) for here, entering, leaving in zip(cells, faces[:-1], faces[1:], strict=True)]
