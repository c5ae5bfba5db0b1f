"""Guideline 36 reset and staging against vectors worked by hand (``golden/*.csv``) and against a second, independently written oracle."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plant_models.reset import G36, PlantMemory, ResetMemory, condenser_setpoint_c, reset
from plant_models.simulator.staging import Duty, Staging, stage_part_load
from plant_models.site.load import load_site
from plant_models.site.topology import Chiller, Site
from safety.signals import MachineState

GOLDEN = Path(__file__).parent / "golden"
SETPOINT_C, FLOW_KGS, SCAN_S, END_S = 10.0, 100.0, 10.0, 9600.0


@pytest.fixture(scope="module")
def site() -> Site:
    return load_site(Path(__file__).parents[2] / "config/reference-a", {}).site


def rows(name: str) -> list[dict[str, str]]:
    """The rows of a golden table by the names in its last comment line."""
    lines = (GOLDEN / name).read_text().splitlines()
    names = next(line for line in reversed(lines) if line.startswith("#")).removeprefix("# ").split(",")
    return [dict(zip(names, line.split(","), strict=True)) for line in lines if not line.startswith("#")]


def running(count: float) -> dict[str, float]:
    return {f"ch-{i}.machine_state": 2.0 if i <= count else 0.0 for i in range(1, 6)}


def test_trim_and_respond(site: Site) -> None:
    memory = ResetMemory()
    for row in rows("trim_and_respond.csv"):
        asked = float(row["requests"])  # one valve that asks, and as important as there are requests
        seen = {"hall-a.crah_valve_pct": 100.0 if asked else 0.0} | running(float(row["machines"]))
        _, memory = reset(site, memory, seen, 60.0 * float(row["at_min"]), replace(G36, importance=asked))
        assert 100.0 * memory.plants["plant"].level == pytest.approx(float(row["percent"])), row


@pytest.mark.parametrize("row", rows("reset_level.csv"), ids=lambda row: row["percent"])
def test_level_to_setpoints(site: Site, row: dict[str, str]) -> None:
    memory = ResetMemory(plants={"plant": PlantMemory(float(row["percent"]) / 100.0, 0.0, 0.0, 0.0, 0.0)})
    setpoints, _ = reset(site, memory, {}, 1.0)
    assert setpoints["plant.chws_setpoint_c"] == pytest.approx(float(row["chws_c"]))
    assert setpoints["plant.chw_dp_setpoint_kpa"] == pytest.approx(float(row["dp_kpa"]))


@pytest.mark.parametrize("row", rows("condenser_by_lift.csv"), ids=lambda row: ",".join(row.values()))
def test_condenser_water_by_lift(site: Site, row: dict[str, str]) -> None:
    loads = {f"ch-{i}.load_pct": float(row["load_pct"]) for i in range(1, 6)}
    seen = running(3) | loads | {"plant.cwr_temp_c": 25.0 + float(row["range_k"]), "plant.cws_temp_c": 25.0}
    assert condenser_setpoint_c(site, site.plant[0], float(row["chws_c"]), seen, G36) == pytest.approx(float(row["cws_c"]))


def machine(name: str, kind: str, lift_min_k: float = 8.0, lift_max_k: float = 25.0) -> Chiller:
    return Chiller(name=name, plant="plant", capacity_kw=1000.0, kind=kind, lift_min_k=lift_min_k, lift_max_k=lift_max_k)  # type: ignore[arg-type]  # a literal


@pytest.mark.parametrize("row", rows("stage_part_load.csv"), ids=lambda row: ",".join(row.values()))
def test_stage_part_load(row: dict[str, str]) -> None:
    spec = machine("ch-1", row["kind"], float(row["lift_min_k"]), float(row["lift_max_k"]))
    assert stage_part_load(spec, float(row["lift_k"]) if row["lift_k"] else None) == pytest.approx(float(row["ratio"]), abs=1e-6)


@given(st.floats(2.0, 12.0), st.floats(1.0, 30.0), st.floats(-10.0, 60.0))
def test_stage_part_load_against_the_coefficients_of_the_guideline(lift_min_k: float, span_k: float, lift_k: float) -> None:
    """E = 0.9/(max - min), F = E (0.4 max - 1.4 min), ratio = E lift + F; nowhere below 0.45 or above 0.90."""
    lift_max_k = lift_min_k + span_k
    e = 0.9 / (lift_max_k - lift_min_k)
    line = e * lift_k + e * (0.4 * lift_max_k - 1.4 * lift_min_k)
    expected = 0.45 if line < 0.45 else 0.9 if line > 0.9 else line
    assert stage_part_load(machine("ch-1", "vsd_centrifugal", lift_min_k, lift_max_k), lift_k) == pytest.approx(expected)


def events(kind: str, steps: list[tuple[float, ...]], end_s: float = END_S) -> Iterator[tuple[float, str, str]]:
    """Every start, run and stop of three machines under a duty in steps (time [s], load [kW], lift [K], warm by [K], pressure short by [kPa])."""
    staging = Staging([machine(f"ch-{i}", kind) for i in (1, 2, 3)])
    staging.begin(steps[0][1], free_cooling=False)
    states = [m.state for m in staging.machines]
    for scan in range(int(end_s / SCAN_S)):
        now_s = scan * SCAN_S
        _, load_kw, lift_k, warm_k, short_kpa = max(step for step in steps if step[0] <= now_s)
        entering_c = SETPOINT_C + load_kw / (FLOW_KGS * 4.186)
        staging.scan(now_s, SCAN_S, Duty(SETPOINT_C, 100.0, SETPOINT_C + warm_k, entering_c, entering_c, FLOW_KGS, 100.0 - short_kpa, lift_k, False), {})
        for at, m in enumerate(staging.machines):
            if m.state is not states[at]:
                states[at] = m.state
                if m.state is not MachineState.OFF:
                    yield now_s, m.spec.name, m.state.name


@pytest.mark.parametrize("scenario", sorted({row["scenario"] for row in rows("staging_duty.csv")}))
def test_staging(scenario: str) -> None:
    duty = [row for row in rows("staging_duty.csv") if row["scenario"] == scenario]
    names = ("at_s", "load_kw", "lift_k", "chws_over_setpoint_k", "dp_below_setpoint_kpa")
    found = list(events(duty[0]["kind"], [tuple(float(row[name]) for name in names) for row in duty]))
    expected = [(float(row["at_s"]), row["machine"], row["state"]) for row in rows("staging_events.csv") if row["scenario"] == scenario]
    assert found == expected


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 200), st.floats(300.0, 780.0), st.floats(820.0, 990.0))
def test_the_first_start_after_a_step_in_closed_form(scan: int, before_kw: float, after_kw: float) -> None:
    """A mean over 31 samples passes 800 kW with the n-th new one; 15 min after that the second machine starts."""
    step_s = 400.0 + SCAN_S * scan
    n = math.floor(31.0 * (800.0 - before_kw) / (after_kw - before_kw)) + 1
    found = list(events("positive_displacement", [(0.0, before_kw, 15.0, 0.0, 0.0), (step_s, after_kw, 15.0, 0.0, 0.0)], 5000.0))
    assert found[0] == (step_s + SCAN_S * (n - 1) + 900.0, "ch-2", "STARTING")
