"""How a hall's cold air reaches rows of racks: recirculated share of the inlet air, and the hottest inlet of a row.

Validity: any flow; a row without cold air takes all its inlet from the hot side.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from plant_models.components.fluids import Expr

TOP_WEIGHT: Final = 1.6  # of recirculation at the top of a rack, mean 1 (engineering value)
_UNEVEN: Final = 0.08  # spread of cold air between the racks of a row, share of what they draw (engineering value)


def recirculated_share(delivered_kgs: Expr, drawn_kgs: Expr, tight_share: Expr) -> Expr:
    """Returns the share of hot air in a row's inlet: leaks of a well-fed row, and the cold air that its racks miss.

    Some racks of a row run short before the row does, so the bend at delivered = drawn is round.
    """
    short = 1.0 - delivered_kgs / np.maximum(drawn_kgs, 1e-6)
    missing = np.minimum(0.5 * (short + np.sqrt(short * short + _UNEVEN * _UNEVEN)), 1.0)
    return tight_share + (1.0 - tight_share) * missing


def inlet_c(cold_c: Expr, hot_c: Expr, recirculated: Expr, weight: float = 1.0) -> Expr:
    """Returns the inlet temperature [degC] at a height with that weight of the recirculated share."""
    share = np.minimum(recirculated * weight, 1.0)
    return cold_c + share * (hot_c - cold_c)
