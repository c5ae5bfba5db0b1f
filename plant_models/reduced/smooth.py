"""Smooth stand-ins for the kinks of a plant, written with NumPy ufuncs so that they take floats, arrays and CasADi symbols alike."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

Value: TypeAlias = Any  # a float, a NumPy array or a CasADi symbol: one set of equations for all three


def positive(x: Value, width: float) -> Value:
    """Returns max(x, 0) rounded over ``width``, in the unit of ``x``; at x = 0 it is width / 2."""
    return 0.5 * (x + np.sqrt(x * x + width * width))


def smaller(a: Value, b: Value, width: float) -> Value:
    """Returns min(a, b) rounded over ``width``, never above either."""
    return a - positive(a - b, width)


def larger(a: Value, b: Value, width: float) -> Value:
    """Returns max(a, b) rounded over ``width``, never below either."""
    return a + positive(b - a, width)


def saturated_enthalpy_kj_kg(temp_c: Value) -> Value:
    """Returns the enthalpy of saturated air [kJ/kg] at sea level, -2 to 45 degC, error 0.04 kJ/kg (fit to psychrolib)."""
    t = temp_c
    return 9.3969 + t * (1.73516 + t * (0.016986 + t * (9.0389e-4 + t * (-9.690e-6 + t * 2.648e-7))))


def step_up(x: Value, width: float) -> Value:
    """Returns a share that rises from 0 to 1 where ``x`` passes 0, nine tenths of it within ``width`` to either side."""
    return 0.5 * (1.0 + np.tanh(1.5 * x / width))


def saturated_enthalpy_slope(temp_c: Value) -> Value:
    """Returns the slope of ``saturated_enthalpy_kj_kg`` [kJ/kg K]."""
    t = temp_c
    return 1.73516 + t * (2 * 0.016986 + t * (3 * 9.0389e-4 + t * (-4 * 9.690e-6 + t * 5 * 2.648e-7)))
