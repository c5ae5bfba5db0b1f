"""Guideline 36 resets against an oracle written a second time, by hand-worked vectors, and by what must hold for any reading."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plant_models.reset import G36, HallMemory, PlantMemory, ResetMemory, condenser_setpoint_c, fixed, requests, reset
from plant_models.site.load import load_site
from plant_models.site.topology import Site

ROOT = Path(__file__).parents[2]
CYCLE_S = 300.0
START_S = 1_752_555_600.0
SUPPLY, FAN = "hall-a.crah_supply_setpoint_c", "hall-a.crah_fan_setpoint_pct"
CHWS, DP, CWS = "plant.chws_setpoint_c", "plant.chw_dp_setpoint_kpa", "plant.cws_setpoint_c"
CALM = {"hall-a.rack_inlet_max_c": 26.0, "hall-a.crah_supply_temp_c": 23.0, "hall-a.crah_valve_pct": 70.0}

SERVED = CALM | {f"{SUPPLY}.effective": 23.0}  # supply air is at its setpoint


@pytest.fixture(scope="module")
def site() -> Site:
    return load_site(ROOT / "config/reference-a", {}).site


class Oracle:
    """The resets once more, as a mutable machine with the numbers of reference-a and of the guideline written out."""

    def __init__(self) -> None:
        self.percent = 100.0
        self.age_s = 0.0
        self.step_age_s = 0.0
        self.hold_s = 0.0
        self.stage: float | None = None
        self.supply, self.fan = 20.0, 90.0
        self.over_2 = self.over_3 = -1.0
        self.valve = False

    def demand(self, seen: Mapping[str, float]) -> int:
        if self.over_3 >= 120.0:
            return 9
        if self.over_2 >= 120.0:
            return 6
        return 3 if self.valve else 0

    def listen(self, seen: Mapping[str, float]) -> None:
        error = seen["hall-a.crah_supply_temp_c"] - self.supply
        self.over_2 = (self.over_2 + CYCLE_S if self.over_2 >= 0 else 0.0) if error > 1.0 else -1.0
        self.over_3 = (self.over_3 + CYCLE_S if self.over_3 >= 0 else 0.0) if error > 1.5 else -1.0
        valve = seen["hall-a.crah_valve_pct"]
        if valve > 95.0:
            self.valve = True
        elif valve < 85.0:
            self.valve = False

    def cycle(self, seen: Mapping[str, float], stage: float) -> dict[str, float]:
        first = self.stage is None
        if not first:
            self.age_s += CYCLE_S
            self.step_age_s += CYCLE_S
            self.hold_s = max(0.0, self.hold_s - CYCLE_S)
            self.air(seen)
        self.listen(seen)
        if not first and stage != self.stage:
            self.hold_s = 900.0
        if not first and self.age_s >= 900.0 and self.step_age_s >= 300.0 and self.hold_s == 0.0:
            extra = self.demand(seen) - 2
            self.percent += -2.0 + (min(3.0 * extra, 7.0) if extra > 0 else 0.0)
            self.percent = max(0.0, min(100.0, self.percent))
            self.step_age_s = 0.0
        self.stage = stage
        dp = 150.0 if self.percent > 50.0 else 34.5 + (150.0 - 34.5) * self.percent / 50.0
        warmest = min(G36.chws_warmest_c, 18.0)
        chws = warmest if self.percent < 50.0 else 10.0 + (warmest - 10.0) * (100.0 - self.percent) / 50.0
        return {CHWS: chws, DP: dp, SUPPLY: self.supply, FAN: self.fan}

    def air(self, seen: Mapping[str, float]) -> None:
        inlet = seen["hall-a.rack_inlet_max_c"]
        wish = G36.inlet_gain * (26.0 - inlet)
        self.supply += max(-1.5, min(0.5, wish))
        self.supply = max(16.0, min(26.0, self.supply))
        if inlet > 27.0:
            self.fan += 10.0
        else:
            wish = G36.spread_gain_pct * (inlet - seen["hall-a.crah_supply_temp_c"] - G36.spread_k)
            self.fan += max(-3.0, min(10.0, wish))
        self.fan = max(30.0, min(100.0, self.fan))


def walk(seed: int, cycles: int) -> list[tuple[dict[str, float], float]]:
    """Returns seeded readings that wander through every branch, and how many machines run."""
    rng = np.random.default_rng(seed)
    inlet, supply, valve, stage = 25.0, 21.0, 80.0, 3.0
    course = []
    for _ in range(cycles):
        inlet += 0.2 * (25.8 - inlet) + float(rng.normal(0.0, 0.4))
        supply += 0.2 * (22.0 - supply) + float(rng.normal(0.0, 0.7))
        valve = float(np.clip(valve + rng.normal(0.0, 6.0), 0.0, 100.0))
        stage = float(rng.choice([stage, stage, stage, stage, 3.0, 4.0]))
        course.append(({"hall-a.rack_inlet_max_c": inlet, "hall-a.crah_supply_temp_c": supply, "hall-a.crah_valve_pct": valve}, stage))
    return course


def running(count: float) -> dict[str, float]:
    return {f"ch-{i}.machine_state": 2.0 if i <= count else 0.0 for i in range(1, 6)}


@pytest.mark.parametrize("seed", range(6))
def test_resets_agree_with_the_oracle(site: Site, seed: int) -> None:
    oracle, memory = Oracle(), ResetMemory()
    levels = set()
    for k, (seen, stage) in enumerate(walk(seed, 400)):
        expected = oracle.cycle(seen, stage)
        setpoints, memory = reset(site, memory, seen | running(stage), START_S + k * CYCLE_S)
        levels.add(round(memory.plants["plant"].level, 2))
        for name, value in expected.items():
            assert setpoints[name] == pytest.approx(value, abs=1e-9), (k, name)
    assert len(levels) > 20  # the walk did move the reset


def test_trim_and_respond_by_hand(site: Site) -> None:
    memory = ResetMemory()
    levels = []
    for k in range(8):
        _, memory = reset(site, memory, SERVED, START_S + k * CYCLE_S)
        levels.append(memory.plants["plant"].level)
    assert levels == pytest.approx([1.0, 1.0, 1.0, 0.98, 0.96, 0.94, 0.92, 0.90])  # 15 min, then -2 % each 5 min
    hungry = SERVED | {"hall-a.crah_valve_pct": 96.0}
    _, memory = reset(site, memory, hungry, START_S + 8 * CYCLE_S)
    assert memory.plants["plant"].level == pytest.approx(0.90 - 0.02 + 0.03)  # 3 requests, 2 ignored
    between = SERVED | {"hall-a.crah_valve_pct": 90.0}
    _, memory = reset(site, memory, between, START_S + 9 * CYCLE_S)
    assert memory.plants["plant"].level == pytest.approx(0.92)  # the request holds until 85 %
    warm = SERVED | {"hall-a.crah_supply_temp_c": 30.0}
    _, memory = reset(site, memory, warm, START_S + 10 * CYCLE_S)
    _, memory = reset(site, memory, warm, START_S + 11 * CYCLE_S)
    assert memory.plants["plant"].level == pytest.approx(
        0.90 + 0.07 - 0.02
    )  # one cycle of waiting for two minutes, then 9 requests: at most +7 %, less the trim


def test_level_maps_to_pressure_then_temperature(site: Site) -> None:
    def at(level: float) -> dict[str, float]:
        memory = ResetMemory(plants={"plant": PlantMemory(level, START_S, START_S, 0.0, 0.0)})
        return reset(site, memory, {}, START_S + 1.0)[0]

    warmest = G36.chws_warmest_c
    assert (at(1.0)[CHWS], at(1.0)[DP]) == pytest.approx((10.0, 150.0))
    assert (at(0.75)[CHWS], at(0.75)[DP]) == pytest.approx(((10.0 + warmest) / 2, 150.0))
    assert (at(0.5)[CHWS], at(0.5)[DP]) == pytest.approx((warmest, 150.0))
    assert (at(0.25)[CHWS], at(0.25)[DP]) == pytest.approx((warmest, 92.25))
    assert (at(0.0)[CHWS], at(0.0)[DP]) == pytest.approx((warmest, 34.5))


def test_a_stage_change_holds_the_reset_for_a_quarter_hour(site: Site) -> None:
    memory = ResetMemory()
    levels = []
    for k in range(12):
        _, memory = reset(site, memory, SERVED | running(3.0 if k < 6 else 4.0), START_S + k * CYCLE_S)
        levels.append(memory.plants["plant"].level)
    assert levels[5] == levels[6] == levels[7] == levels[8]
    assert levels[9] == pytest.approx(levels[8] - 0.02)


def test_requests_of_a_hall_by_hand() -> None:
    quiet = HallMemory(22.0, 80.0, 0.0, None, None, False)
    assert requests(quiet, 1000.0, G36) == 0.0
    assert requests(replace(quiet, valve_asks=True), 1000.0, G36) == 1 * G36.importance
    assert requests(replace(quiet, warm_since_s=881.0), 1000.0, G36) == 0.0  # 119 s
    assert requests(replace(quiet, warm_since_s=880.0), 1000.0, G36) == 2 * G36.importance
    assert requests(replace(quiet, warm_since_s=0.0, warmer_since_s=880.0, valve_asks=True), 1000.0, G36) == 3 * G36.importance


def test_condenser_water_by_lift_by_hand(site: Site) -> None:
    """Lift window 8 .. 25 K: A = 18.7, B = 6.3. At a part load of 0.6: 17.52 K over 12 degC, less a range of 5 K: 24.52 degC."""
    loads = {f"ch-{i}.load_pct": 60.0 for i in range(1, 6)}
    seen = running(3.0) | loads | {"plant.cwr_temp_c": 29.0, "plant.cws_temp_c": 24.0, "weather.oa_wetbulb_c": 20.3}
    tuning = replace(G36, approach_least_k=3.5, approach_most_k=5.0)
    assert condenser_setpoint_c(site, site.plant[0], 12.0, seen, tuning) == pytest.approx(24.52)
    assert condenser_setpoint_c(site, site.plant[0], 12.0, seen | {"weather.oa_wetbulb_c": 23.0}, tuning) == pytest.approx(26.5)  # fans would race
    assert condenser_setpoint_c(site, site.plant[0], 12.0, seen | {"weather.oa_wetbulb_c": 15.0}, tuning) == pytest.approx(20.0)  # compressors would pay
    light = seen | {f"ch-{i}.load_pct": 5.0 for i in range(1, 6)} | {"weather.oa_wetbulb_c": 11.0}
    assert condenser_setpoint_c(site, site.plant[0], 12.0, light, tuning) == pytest.approx(15.0)  # lift_min 8 K
    without = {k: v for k, v in seen.items() if k != "weather.oa_wetbulb_c"}
    assert condenser_setpoint_c(site, site.plant[0], 12.0, without, tuning) == pytest.approx(24.52)


def test_condenser_water_by_wet_bulb_where_lift_is_unknown(site: Site) -> None:
    for missing in ("plant.cwr_temp_c", "plant.cws_temp_c"):
        seen = running(3.0) | {"plant.cwr_temp_c": 29.0, "plant.cws_temp_c": 24.0, "weather.oa_wetbulb_c": 20.0, "ch-1.load_pct": 50.0}
        del seen[missing]
        assert reset(site, ResetMemory(), seen, START_S)[0][CWS] == pytest.approx(23.5)
    assert reset(site, ResetMemory(), {"weather.oa_wetbulb_c": 5.0}, START_S)[0][CWS] == pytest.approx(15.6)
    assert CWS not in reset(site, ResetMemory(), {}, START_S)[0]


def test_part_load_falls_back_to_the_heat_balance(site: Site) -> None:
    flow = {"plant.chw_flow_kgs": 100.0, "plant.chwr_temp_c": 18.0, "plant.chws_temp_c": 12.0}  # 2511.6 kW of 4221 kW: 0.595
    seen = running(3.0) | flow | {"plant.cwr_temp_c": 29.0, "plant.cws_temp_c": 24.0}
    expected = 12.0 + (18.7 * 100.0 * 4.186 * 6.0 / (3 * 1407.0) + 6.3) - 5.0
    assert condenser_setpoint_c(site, site.plant[0], 12.0, seen, G36) == pytest.approx(expected)


def test_a_reset_begins_at_what_is_in_force_and_is_bumpless(site: Site) -> None:
    in_force = {f"{CHWS}.effective": 13.5, f"{DP}.effective": 150.0, f"{SUPPLY}.effective": 22.4, f"{FAN}.effective": 63.0}
    setpoints, _ = reset(site, ResetMemory(), CALM | in_force, START_S)
    assert (setpoints[CHWS], setpoints[DP], setpoints[SUPPLY], setpoints[FAN]) == pytest.approx((13.5, 150.0, 22.4, 63.0))
    low = {f"{CHWS}.effective": G36.chws_warmest_c, f"{DP}.effective": 80.0}
    setpoints, _ = reset(site, ResetMemory(), CALM | low, START_S)
    assert (setpoints[CHWS], setpoints[DP]) == pytest.approx((G36.chws_warmest_c, 80.0))


def test_resets_do_not_wind_up_while_somebody_else_moves_the_setpoints(site: Site) -> None:
    cool = {"hall-a.rack_inlet_max_c": 22.0, "hall-a.crah_supply_temp_c": 20.0, "hall-a.crah_valve_pct": 40.0}
    in_force = {f"{CHWS}.effective": 12.0, f"{DP}.effective": 150.0, f"{SUPPLY}.effective": 20.0, f"{FAN}.effective": 80.0}
    memory = ResetMemory()
    for k in range(200):
        setpoints, memory = reset(site, memory, cool | in_force, START_S + k * CYCLE_S)
        assert abs(setpoints[SUPPLY] - 20.0) <= 1.0 + 1e-9
        assert abs(setpoints[FAN] - 80.0) <= 20.0
        assert abs(setpoints[CHWS] - 12.0) <= 1.5


def test_a_hot_inlet_gets_colder_air_and_more_of_it(site: Site) -> None:
    _, memory = reset(site, ResetMemory(), CALM, START_S)
    hot = CALM | {"hall-a.rack_inlet_max_c": 27.5}
    setpoints, _ = reset(site, memory, hot, START_S + CYCLE_S)
    assert setpoints[SUPPLY] == pytest.approx(20.0 - 0.4 * 1.5)
    assert setpoints[FAN] == pytest.approx(100.0)


def test_rows_count_where_the_halls_own_maximum_is_missing_or_lower(site: Site) -> None:
    _, memory = reset(site, ResetMemory(), CALM, START_S)
    by_row = {"hall-a-r04.rack_inlet_c": 28.0, "hall-a.crah_supply_temp_c": 23.0}
    setpoints, _ = reset(site, memory, by_row, START_S + CYCLE_S)
    assert setpoints[SUPPLY] == pytest.approx(20.0 - 0.4 * 2.0)


def test_unknown_inlets_leave_air_as_it_is(site: Site) -> None:
    _, memory = reset(site, ResetMemory(), CALM, START_S)
    setpoints, _ = reset(site, memory, {}, START_S + CYCLE_S)
    assert (setpoints[SUPPLY], setpoints[FAN]) == (20.0, 90.0)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from([*CALM, "weather.oa_wetbulb_c", "plant.cwr_temp_c", "plant.cws_temp_c", "ch-1.load_pct", "ch-1.machine_state"]),
            st.floats(-60.0, 200.0),
        ),
        min_size=1,
        max_size=20,
    ),
    st.floats(5.0, 2000.0),
)
def test_whatever_is_read_setpoints_stay_in_range_and_memory_is_json(site: Site, course: list[dict[str, float]], period_s: float) -> None:
    memory = ResetMemory()
    for k, seen in enumerate(course):
        setpoints, memory = reset(site, memory, seen, START_S + k * period_s)
        for name, value in setpoints.items():
            assert site.setpoint[name].low <= value <= site.setpoint[name].high
        again, _ = reset(site, memory, seen, START_S + k * period_s)
        assert again.keys() == setpoints.keys()
    json.dumps(asdict(memory), allow_nan=True)


def test_only_offered_setpoints_are_returned_and_bare_sites_work(site: Site) -> None:
    few = replace(site, setpoint={CHWS: site.setpoint[CHWS]})
    assert reset(few, ResetMemory(), CALM | {"weather.oa_wetbulb_c": 20.0}, START_S)[0].keys() == {CHWS}
    water_only = replace(site, hall=(), setpoint={CHWS: site.setpoint[CHWS], DP: site.setpoint[DP]})
    assert reset(water_only, ResetMemory(), {}, START_S)[0] == {CHWS: 10.0, DP: 150.0}
    no_chillers = replace(site, chiller=(), tower=(), economiser=())
    assert reset(no_chillers, ResetMemory(), {"weather.oa_wetbulb_c": 20.0}, START_S)[0][CWS] == pytest.approx(23.5)


def test_the_policy_fixed(site: Site) -> None:
    assert fixed(site, {"weather.oa_wetbulb_c": 20.0}) == {CHWS: 10.0, DP: 150.0, CWS: 23.5, SUPPLY: 20.0, FAN: 90.0, "cwp.speed_setpoint_pct": 100.0}
    assert fixed(site, {"weather.oa_wetbulb_c": 2.0})[CWS] == 15.6
    assert fixed(site, {"weather.oa_wetbulb_c": 28.0})[CWS] == 29.4
    assert fixed(site, {})[CWS] == 24.0


def test_the_resets_load_no_heavy_library() -> None:
    code = "import sys, plant_models.reset; print(sorted({'casadi', 'pandas', 'numpy', 'scipy', 'pvlib'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
