"""Strokes, ramps and hysteresis, and what a badly tuned loop makes of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from plant_models.simulator.actuators import moved
from plant_models.simulator.plant_file import PlantTruth


def test_no_actuator_is_quicker_than_its_stroke() -> None:
    position = 0.0
    for second in range(1, 61):
        position = float(moved(position, 1.0, 1.0, 60.0))
        assert position == pytest.approx(second / 60.0)
    assert float(moved(position, 1.0, 1.0, 60.0)) == pytest.approx(1.0)


@pytest.mark.parametrize(("wanted", "ends"), [(0.505, 0.5), (0.495, 0.5), (0.55, 0.54), (0.40, 0.41), (1.0, 1.0), (0.0, 0.0)])
def test_a_positioner_rests_within_its_hysteresis_but_reaches_its_ends(wanted: float, ends: float) -> None:
    position = 0.5
    for _ in range(200):
        position = float(moved(position, wanted, 1.0, 60.0, 0.01))
    assert position == pytest.approx(ends)


def limit_cycle(start: Callable[..., Any], truth: PlantTruth) -> tuple[float, float]:
    """Returns swing of the coil valve and mean period of its cycle [s], in the last of two hours of constant load and setpoints."""
    runner = start(truth=truth, chws_setpoint_c=7.0, supply_c=22.0)
    runner.run(3600)
    valve = []
    for _ in range(720):
        runner.run(5)
        valve.append(runner.plant.value("hall-a.crah_valve_pct"))
    centred = np.array(valve) - np.mean(valve)
    crossings = int(np.sum((centred[:-1] < 0.0) & (centred[1:] >= 0.0)))
    return float(np.ptp(centred)), 3600.0 / max(crossings, 1)


def test_a_badly_tuned_valve_loop_hunts_and_a_well_tuned_one_does_not(start: Callable[..., Any], truth_a: PlantTruth) -> None:
    hunting = replace(truth_a.hall["hall-a"], valve_gain_per_k=0.1, valve_reset_s=20.0, valve_s=240.0, supply_sensor_s=90.0)
    calm, _ = limit_cycle(start, truth_a)
    swing, period_s = limit_cycle(start, replace(truth_a, hall={"hall-a": hunting}))
    assert calm < 3.0
    assert swing > 30.0
    assert 180.0 <= period_s <= 480.0
