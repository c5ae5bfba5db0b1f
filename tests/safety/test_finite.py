"""Only finite numbers are numbers."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.finite import finite, known


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 10**400, -(10**400), True, False, None, "3", [], {}, 1j])
def test_what_is_not_a_finite_number_is_unknown(value):
    assert finite(value) is None
    assert known({"x": value}, "x") is None


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**300), 10**300))
def test_a_finite_number_is_itself(value):
    assert finite(value) == float(value)
    assert known({"x": value}, "x") == float(value)
    assert known({"x": value}, "y") is None
