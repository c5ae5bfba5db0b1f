"""Resets of the liquid side: class, pressure, and facility water that trims and responds on the units' valves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plant_models.reset import ResetMemory, fixed, reset
from plant_models.site.load import load_site
from plant_models.site.topology import Site

FWS = "fws.fws_setpoint_c"
RUNNING = {f"cdu-{i}.machine_state": 2.0 for i in range(1, 5)} | {"cdu-5.machine_state": 0.0, "cdu-5.cdu_valve_pct": 100.0}


@pytest.fixture(scope="module")
def site() -> Site:
    """Returns reference plant B."""
    return load_site(Path(__file__).parents[2] / "config/reference-b", {}).site


def course(site: Site, valve_pct: float | None, cycles: int, follow: bool = True, start_c: float = 36.0) -> list[float]:
    """Returns the facility water setpoint cycle by cycle, with every running valve at one position."""
    memory, in_force, seen_c = ResetMemory(), start_c, []
    for k in range(cycles):
        seen: dict[str, float] = dict(RUNNING) | {f"{FWS}.effective": in_force}
        seen |= {} if valve_pct is None else {f"cdu-{i}.cdu_valve_pct": valve_pct for i in range(1, 5)}
        setpoints, memory = reset(site, memory, seen, 300.0 * k)
        seen_c.append(setpoints[FWS])
        in_force = setpoints[FWS] if follow else in_force
    return seen_c


def test_technology_water_is_a_kelvin_below_its_class_and_pressure_at_design(site: Site) -> None:
    setpoints, _ = reset(site, ResetMemory(), RUNNING, 0.0)
    assert setpoints["hall-b.tcs_setpoint_c"] == 44.0
    assert setpoints["hall-b.tcs_dp_setpoint_kpa"] == 250.0


def test_facility_water_trims_warmer_and_responds_colder(site: Site) -> None:
    assert course(site, 60.0, 4) == pytest.approx([36.0, 36.2, 36.4, 36.6])
    assert course(site, 95.0, 4) == pytest.approx([36.0, 35.5, 35.0, 34.5])
    assert course(site, 85.0, 4) == pytest.approx([36.0] * 4)
    assert course(site, None, 4) == pytest.approx([36.0] * 4)  # blind: it stays
    assert course(site, 60.0, 40)[-1] == 39.0  # a kelvin below W40
    assert course(site, 95.0, 60)[-1] == 18.0


def test_a_standby_units_open_valve_is_not_heard(site: Site) -> None:
    assert course(site, 60.0, 3)[-1] > 36.0


def test_the_reset_keeps_to_what_is_in_force_when_somebody_else_moves_it(site: Site) -> None:
    assert max(course(site, 60.0, 30, follow=False)) < 37.0


def test_fixed_holds_what_the_bas_holds(site: Site) -> None:
    setpoints = fixed(site, {})
    assert (setpoints[FWS], setpoints["hall-b.tcs_setpoint_c"], setpoints["hall-b.tcs_dp_setpoint_kpa"]) == (36.0, 40.0, 250.0)


@given(st.dictionaries(st.sampled_from(["cdu-1.cdu_valve_pct", "cdu-2.cdu_valve_pct", f"{FWS}.effective", "cdu-1.machine_state"]), st.floats(-1e6, 1e6)))
def test_whatever_is_read_setpoints_stay_in_their_range(site: Site, seen: Mapping[str, float]) -> None:
    memory = ResetMemory()
    for k in range(3):
        setpoints, memory = reset(site, memory, seen, 300.0 * k)
        for name, value in setpoints.items():
            assert site.setpoint[name].low <= value <= site.setpoint[name].high
