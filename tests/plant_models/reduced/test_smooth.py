"""Smooth stand-ins stay on the safe side of what they replace, and close to it."""

from __future__ import annotations

import numpy as np
import psychrolib
from hypothesis import given
from hypothesis import strategies as st

from plant_models.reduced.smooth import larger, positive, saturated_enthalpy_kj_kg, saturated_enthalpy_slope, smaller, step_up

numbers = st.floats(-1e4, 1e4)
widths = st.floats(1e-3, 10.0)


@given(numbers, widths)
def test_positive_lies_above_the_kink_by_half_its_width_at_most(x: float, width: float) -> None:
    """Rounding never goes below max(x, 0)."""
    assert max(x, 0.0) - 1e-9 <= positive(x, width) <= max(x, 0.0) + 0.5 * width + 1e-9


@given(numbers, numbers, widths)
def test_smaller_and_larger_bracket_their_arguments(a: float, b: float, width: float) -> None:
    """Neither bound is ever passed."""
    assert smaller(a, b, width) <= min(a, b) + 1e-9
    assert larger(a, b, width) >= max(a, b) - 1e-9


def test_a_share_is_half_at_the_threshold_and_nearly_whole_a_width_beyond() -> None:
    """A mode's share runs from nothing to all."""
    assert step_up(0.0, 1.0) == 0.5
    assert step_up(1.0, 1.0) > 0.95
    assert step_up(-1.0, 1.0) < 0.05


def test_saturated_enthalpy_follows_psychrolib() -> None:
    """The polynomial is within 0.05 kJ/kg at sea level from -2 to 45 degC, its slope within 1 %."""
    psychrolib.SetUnitSystem(psychrolib.SI)
    temps = np.arange(-2.0, 45.1, 1.0)
    exact = np.array([psychrolib.GetSatAirEnthalpy(float(t), 101325.0) / 1000.0 for t in temps])
    assert np.abs(saturated_enthalpy_kj_kg(temps) - exact).max() < 0.05
    by_difference = (saturated_enthalpy_kj_kg(temps + 0.01) - saturated_enthalpy_kj_kg(temps - 0.01)) / 0.02
    assert np.allclose(saturated_enthalpy_slope(temps), by_difference, rtol=1e-4)
