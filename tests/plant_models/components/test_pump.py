"""Pumps: flow where curve and circuit meet, affinity laws, efficiencies, power at design."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plant_models.components import pump

FLOW, HEAD = 37.3, 250.0


@given(st.integers(1, 6), st.floats(0.25, 1.0), st.floats(1e-3, 1.0))
def test_curve_and_circuit_meet(count: int, speed: float, circuit: float) -> None:
    total = float(pump.flow_kgs(count, speed, circuit, 0.0, FLOW, HEAD))
    assert total > 0.0
    assert pump.head_kpa(total / count, speed, FLOW, HEAD) == pytest.approx(circuit * total**2, rel=1e-9)


def test_affinity_laws_hold_on_a_quadratic_circuit() -> None:
    full, half = (float(pump.flow_kgs(3, s, 0.02, 0.0, FLOW, HEAD)) for s in (1.0, 0.5))
    assert half == pytest.approx(full / 2)
    shafts = [float(pump.shaft_kw(f / 3, s, FLOW, HEAD, 0.72)) for f, s in ((full, 1.0), (half, 0.5))]
    assert shafts[1] == pytest.approx(shafts[0] / 8, rel=1e-6)


def test_no_flow_without_pumps_or_against_too_much_static_head() -> None:
    assert pump.flow_kgs(0, 1.0, 0.02, 0.0, FLOW, HEAD) == 0.0
    assert pump.flow_kgs(2, 0.3, 0.02, 50.0, FLOW, HEAD) == 0.0


def test_design_power_is_the_name_plate() -> None:
    circuit = pump.head_kpa(FLOW, 1.0, FLOW, HEAD) / FLOW**2
    assert pump.flow_kgs(1, 1.0, circuit, 0.0, FLOW, HEAD) == pytest.approx(FLOW)
    shaft = float(pump.shaft_kw(FLOW, 1.0, FLOW, HEAD, 0.72))
    assert float(pump.electric_kw(shaft, 1.0, 13.6)) == pytest.approx(13.9, rel=0.03)  # 250 kPa at 37.3 kg/s, site.toml of reference-a


def test_power_rises_with_speed_and_flow() -> None:
    speeds = np.linspace(0.2, 1.0, 33)
    flows = np.asarray(pump.flow_kgs(3, speeds, 0.015, 0.0, FLOW, HEAD))
    powers = 3 * np.asarray(pump.electric_kw(pump.shaft_kw(flows / 3, speeds, FLOW, HEAD, 0.72), speeds, 13.6))
    assert np.all(np.diff(flows) > 0)
    assert np.all(np.diff(powers) > 0)


def test_efficiencies_match_their_tables() -> None:
    loads, motors = (0.1, 0.2, 0.3, 0.4, 0.6, 1.0), (0.644, 0.903, 0.957, 1.0, 1.0, 1.0)  # US DOE 2014, 35 kW, relative to 0.955
    speeds, drives = (0.25, 0.42, 0.5, 0.63, 0.75, 1.0), (0.86, 0.92, 0.935, 0.95, 0.96, 0.97)  # US DOE tip sheet
    assert np.asarray(pump.motor_efficiency(np.array(loads))) / 0.955 == pytest.approx(np.array(motors), abs=0.02)
    assert np.asarray(pump.converter_efficiency(np.array(speeds))) == pytest.approx(np.array(drives), abs=0.006)
    assert pump.hydraulic_efficiency(1.0, 1.0, 0.72) == pytest.approx(0.72, rel=2e-3)
    assert pump.hydraulic_efficiency(1.2, 0.3, 0.72) < 0.6
