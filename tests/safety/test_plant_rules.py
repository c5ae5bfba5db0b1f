"""Stages, spare capacity and stored cold: each rule in the situation that it is for, and with what it needs missing."""

from dataclasses import replace

import pytest

from safety.limits import ChillerLimits, SetpointLimits
from safety.records import InletTrend, Run

CHWS, DP, CWS = "plant.chws_setpoint_c", "plant.chw_dp_setpoint_kpa", "plant.cws_setpoint_c"
AIR, FAN = "hall-a.crah_supply_setpoint_c", "hall-a.crah_fan_setpoint_pct"
STAGE = "plant.running_setpoint_count"
NOW = 100_000.0
HOT = {"hall-a": InletTrend(400.0, 0.0, 0.0, 0.0)}


@pytest.fixture
def stages(calm):
    """The calm site with three chillers of 500 kW and a requested stage."""
    chillers = tuple(ChillerLimits(name, "plant", 8.0, 25.0, 20.0, capacity_kw=500.0) for name in ("ch-1", "ch-2", "ch-3"))
    plants = (replace(calm.limits.plants[0], load_step_kw=100.0, stored_m3=20.0),)
    setpoints = {**calm.limits.setpoints, STAGE: SetpointLimits(0.0, 3.0, None, None, whole=True)}
    halls = (replace(calm.limits.halls[0], it_capacity_kw=1400.0),)
    return replace(calm.limits, chillers=chillers, plants=plants, setpoints=setpoints, halls=halls)


RESTED = {"ch-1": Run(True), "ch-2": Run(False), "ch-3": Run(False)}
ONE_RUNS = {"ch-1.machine_state": 2.0, "ch-2.machine_state": 0.0, "ch-3.machine_state": 0.0, "hall-a.it_load_kw": 300.0}


@pytest.fixture
def stage(decide, stages):
    def stage(asked, held=1.0, measured=None, runs=RESTED, limits=stages, **changes):
        seen = {**ONE_RUNS, **(measured or {})}
        changes.setdefault("writable", frozenset({STAGE}))
        permitted, rules = decide({STAGE: asked}, seen, {STAGE: held}, limits=limits, at_s=NOW, runs=runs, **changes)
        return permitted.get(STAGE), rules.get(STAGE, "")

    return stage


def test_stages_change_one_at_a_time(stage):
    assert stage(2.0) == (2.0, "")
    assert stage(1.0) == (1.0, "")
    assert stage(3.0) == (2.0, "starts")
    for state in (1.0, 3.0, None):
        assert stage(2.0, measured={"ch-3.machine_state": state}) == (1.0, "starts")


def test_no_machine_starts_too_soon(stage):
    tired = {"ch-1": Run(True), "ch-2": Run(False, NOW - 100.0), "ch-3": Run(False, 0.0, (NOW - 1000.0,))}
    assert stage(2.0, runs=tired) == (1.0, "starts")
    assert stage(2.0, runs={}) == (1.0, "starts")
    assert stage(2.0, runs=tired | {"ch-3": Run(False)}) == (2.0, "")
    assert stage(2.0, runs=tired | {"ch-3": Run(False)}, measured={"ch-3.hand_state": 1.0}) == (1.0, "starts")
    assert stage(2.0, runs=tired | {"ch-3": Run(False)}, withdrawn=frozenset({"ch-3"})) == (1.0, "starts")


def test_no_machine_stops_too_soon(stage):
    running = {"ch-2.machine_state": 2.0}
    both = {"ch-1": Run(True, NOW - 100.0), "ch-2": Run(True, NOW - 100.0), "ch-3": Run(False)}
    assert stage(1.0, 2.0, running, both) == (2.0, "starts")
    assert stage(1.0, 2.0, running, both | {"ch-2": Run(True, NOW - 900.0)}) == (1.0, "")


def test_no_stage_below_load_step_and_redundancy(stage, stages):
    running = {"ch-1.machine_state": 2.0, "ch-2.machine_state": 2.0}
    old = {"ch-1": Run(True), "ch-2": Run(True), "ch-3": Run(False)}
    assert stage(1.0, 2.0, running | {"hall-a.it_load_kw": 400.0}, old) == (1.0, "")
    assert stage(1.0, 2.0, running | {"hall-a.it_load_kw": 400.1}, old) == (2.0, "capacity")
    assert stage(1.0, 2.0, running | {"hall-a.it_load_kw": 5000.0}, old) == (3.0, "capacity")
    spare = replace(stages, plants=(replace(stages.plants[0], spare_machines=1),))
    assert stage(1.0, 2.0, running, old, spare) == (2.0, "capacity")
    assert stage(0.0, 1.0) == (1.0, "capacity")
    assert stage(0.0, 1.0, {"hall-a.it_load_kw": 0.0}, limits=replace(stages, plants=(replace(stages.plants[0], load_step_kw=0.0),))) == (0.0, "")


def test_the_smallest_machines_count_and_what_is_not_ours_does_not(stage, stages):
    big = replace(stages, chillers=(replace(stages.chillers[0], capacity_kw=5000.0), *stages.chillers[1:]))
    running = {"ch-1.machine_state": 2.0, "ch-2.machine_state": 2.0, "hall-a.it_load_kw": 600.0}
    old = {"ch-1": Run(True), "ch-2": Run(True), "ch-3": Run(False)}
    assert stage(1.0, 2.0, running, old, big) == (2.0, "capacity")
    out = {"hall-a.it_load_kw": 1400.0, "ch-3.machine_state": 5.0, "ch-2.machine_state": 2.0}
    assert stage(1.0, 2.0, out, old) == (2.0, "capacity")


def test_an_unknown_capacity_stops_no_machine(stage, stages):
    old = {"ch-1": Run(True), "ch-2": Run(True), "ch-3": Run(False)}
    running = {"ch-2.machine_state": 2.0}
    unknown = replace(stages, chillers=(replace(stages.chillers[0], capacity_kw=None), *stages.chillers[1:]))
    assert stage(1.0, 2.0, running, old, unknown) == (2.0, "capacity")
    silent = replace(stages, halls=(replace(stages.halls[0], it_capacity_kw=None),))
    assert stage(1.0, 2.0, running | {"hall-a.it_load_kw": None}, old, silent) == (2.0, "capacity")
    assert stage(1.0, 2.0, running | {"hall-a.it_load_kw": None}, old) == (3.0, "capacity"), "the capacity of the hall counts"
    assert stage(1.0, 2.0, running, old, replace(stages, plants=())) == (1.0, "")


def test_machines_are_whole(stage):
    assert stage(1.4) == (2.0, "range")
    assert stage(1.0, 1.5, {"hall-a.it_load_kw": 300.0}) == (1.0, "")


def test_a_stage_with_nothing_known_in_force_is_not_asked(stage):
    assert stage(2.0, held=None) == (None, "rate")


# running 500 kW, water 12 C out and 18 C back: at 10 kg/s it carries 250.8 kW, so 249.2 kW are left, or 5.96 K
CARRIES = {**ONE_RUNS, "plant.chws_temp_c": 12.0, "plant.chwr_temp_c": 18.0, "plant.chw_flow_kgs": 10.0, "ch-1.chws_temp_c": 12.0}


@pytest.mark.parametrize(
    ("changes", "permitted"),
    [
        ({"plant.chw_flow_kgs": 19.0}, 11.704),
        ({"plant.chw_flow_kgs": 10.0}, 10.75),
        ({"plant.chw_flow_kgs": 30.0}, 12.0),
        ({"plant.chw_flow_kgs": None}, 10.75),
        ({"plant.chw_flow_kgs": 0.0}, 10.75),
        ({"plant.chw_flow_kgs": -1.0}, 10.75),
        ({"plant.chwr_temp_c": None, "plant.chw_flow_kgs": 19.0}, 10.75),
        ({"plant.chws_temp_c": None, "plant.chw_flow_kgs": 19.0}, 10.75),
        ({"ch-1.machine_state": None, "plant.chw_flow_kgs": 30.0}, 10.75),
        ({"ch-1.machine_state": 0.0, "plant.chw_flow_kgs": 30.0}, 10.75),
        ({"plant.chwr_temp_c": 11.0, "plant.chw_flow_kgs": 200.0}, 11.402),
    ],
)
def test_colder_water_waits_for_spare_capacity(decide, stages, changes, permitted):
    only = frozenset({CHWS})
    value, rules = decide({CHWS: 9.0}, CARRIES | changes, limits=stages, writable=only)
    assert value == {CHWS: pytest.approx(permitted, abs=1e-3)}
    assert rules == {CHWS: "rate" if permitted == 10.75 else "spare"}


def test_spare_capacity_yields_to_a_hot_room_and_to_free_cooling(decide, stages):
    tight, only = CARRIES | {"plant.chw_flow_kgs": 30.0}, frozenset({CHWS})
    hot = {"hall-a-r01.rack_inlet_c": 28.0, "hall-a-r02.rack_inlet_c": 28.0}
    assert decide({CHWS: 9.0}, tight | hot, limits=stages, writable=only)[0] == {CHWS: 9.0}
    free = replace(stages, plants=(replace(stages.plants[0], economiser=True, economiser_signal="wse.economiser_state"),))
    for state, permitted in ((0.0, 12.0), (1.0, 10.75), (None, 10.75)):
        assert decide({CHWS: 9.0}, tight | {"wse.economiser_state": state}, limits=free, writable=only)[0] == {CHWS: permitted}
    assert decide({CHWS: 9.0}, tight, limits=replace(stages, plants=()), writable=only)[0] == {CHWS: 10.75}
    assert decide({AIR: 20.0}, tight, limits=stages)[0] == {AIR: 20.0}
    above = decide({CHWS: 9.0}, tight | {"plant.chws_temp_c": 13.0}, limits=stages, writable=only)
    assert above[0] == {CHWS: 12.0}, "what is in force is not taken back"
    assert decide({CHWS: 9.0}, tight, {CHWS: None}, limits=stages, writable=only)[0] == {}


@pytest.fixture
def floored(stages):
    """A floor of 300 s: at 300 kW and 20 m3 inlets must be 1.0786 K below 32 C."""
    return replace(stages, plants=(replace(stages.plants[0], ride_through_floor_s=300.0),))


NEEDED_K = 300.0 * 300.0 / (20.0 * 4172.0)
INLET, SUPPLY, WATER = "hall-a.rack_inlet_max_c", "hall-a.crah_supply_temp_c", "plant.chws_temp_c"
ROWS = {f"hall-a-r0{i}.rack_inlet_c": 24.0 for i in (1, 2, 3)}


def at(spare_k, **changes):
    """Measured with the hottest inlet so far below where the floor stands; it has been so warm for a short time only."""
    return {**ONE_RUNS, **ROWS, INLET: 32.0 - NEEDED_K - spare_k, WATER: 12.0, SUPPLY: 21.0, **changes}


COOL = {"hall-a": InletTrend(0.0, 0.0, 0.0, 0.0)}


def test_stored_cold_stays_above_its_floor(decide, floored):
    def ask(setpoint, value, spare_k, held=None, elapsed_s=300.0, **seen):
        permitted, rules = decide({setpoint: value}, at(spare_k, **seen), held, limits=floored, inlets=COOL, elapsed_s=elapsed_s)
        return permitted[setpoint], rules.get(setpoint, "")

    assert ask(CHWS, 12.4, 0.5) == (12.4, "")
    assert ask(CHWS, 12.4, 0.3) == (pytest.approx(12.3), "ride_through")
    assert ask(AIR, 21.9, 0.3) == (pytest.approx(21.3), "ride_through")
    assert ask(CHWS, 12.4, 0.0) == (pytest.approx(12.0), "ride_through")
    assert ask(CHWS, 12.4, -0.3) == (pytest.approx(11.7), "ride_through")
    assert ask(CHWS, 12.1, -1.0, elapsed_s=60.0) == (11.75, "ride_through"), "it comes back at its rate"
    assert ask(CHWS, 12.4, 0.5, **{WATER: 11.8}) == (pytest.approx(12.3), "ride_through"), "what is in force has not arrived yet"
    assert ask(CHWS, 12.4, 0.5, **{WATER: 12.5}) == (12.4, "")
    assert ask(CHWS, 12.4, 0.5, **{WATER: None}) == (12.4, "")
    assert ask(FAN, 55.0, 0.1) == (55.0, "")
    assert ask(FAN, 55.0, 0.0) == (60.0, "ride_through")
    assert ask(DP, 85.0, -0.1) == (90.0, "ride_through")
    assert ask(CWS, 26.0, -0.1)[0] == 26.0, "condenser water stores nothing"


def test_stored_cold_that_is_unknown_is_not_spent(decide, floored):
    silent = replace(floored, halls=(replace(floored.halls[0], it_capacity_kw=None),))
    asked = {CHWS: 12.4, FAN: 55.0}
    assert decide(asked, at(5.0), limits=floored, inlets=COOL) == (asked, {})
    permitted, rules = decide(asked, at(5.0, **{"hall-a.it_load_kw": None}), limits=silent, inlets=COOL)
    assert permitted == {CHWS: 12.0, FAN: 60.0}
    assert set(rules.values()) == {"ride_through"}
    assert decide(asked, at(5.0, **{INLET: None, "hall-a-r01.rack_inlet_c": None}), limits=floored, inlets=COOL)[0] == {CHWS: 12.0, FAN: 60.0}


@pytest.mark.parametrize("plant", [{"ride_through_floor_s": None}, {"stored_m3": None}, {"name": "other"}])
def test_a_plant_without_a_floor_or_without_these_halls_holds_nothing(decide, floored, plant):
    halls = (replace(floored.halls[0], plant="plant"),)
    none = replace(floored, plants=(replace(floored.plants[0], **plant),), halls=halls)
    assert decide({CHWS: 12.4}, at(-1.0), limits=none, inlets=COOL)[0] == {CHWS: 12.4}


def test_with_nothing_in_force_stored_cold_compares_with_nothing(decide, floored):
    assert decide({CHWS: 12.4}, at(-1.0), {CHWS: None}, limits=floored, inlets=COOL)[0].get(CHWS) is None


def test_spare_capacity_is_for_chilled_water_and_for_its_own_plant_only(decide, stages, stage):
    busy = {"plant.chw_flow_kgs": 30.0, "plant.chws_temp_c": 12.0, "plant.chwr_temp_c": 18.0, "ch-2.machine_state": 2.0}
    assert stage(1.0, held=2.0, measured=busy, runs={"ch-1": Run(True), "ch-2": Run(True), "ch-3": Run(False)}) == (1.0, "")
    tight, only = CARRIES | {"plant.chw_flow_kgs": 30.0}, frozenset({CHWS})
    behind = replace(stages, plants=(replace(stages.plants[0], name="other"), *stages.plants))
    assert decide({CHWS: 9.0}, tight, limits=behind, writable=only)[0] == {CHWS: 12.0}
    overloaded = CARRIES | {"plant.chw_flow_kgs": 100.0, "plant.chwr_temp_c": 18.0, "plant.chws_temp_c": 12.0}
    assert decide({CHWS: 9.0}, overloaded, {CHWS: 13.0}, limits=stages, writable=only)[0] == {CHWS: pytest.approx(12.0, abs=1e-6)}


def test_the_ends_of_stored_cold(decide, floored):
    def ask(setpoint, value, seen):
        permitted, rules = decide({setpoint: value}, seen, limits=floored, inlets=COOL)
        return permitted[setpoint], rules.get(setpoint, "")

    assert ask(AIR, 21.9, at(0.5, **{SUPPLY: 20.8})) == (pytest.approx(21.3), "ride_through"), "air in force has not arrived yet"
    assert ask(CHWS, 12.4, at(0.3, **{WATER: 12.5})) == (pytest.approx(12.3), "ride_through"), "warmer water than asked for is no reserve"
    assert ask(FAN, 55.0, at(0.0, **{INLET: 32.0, "hall-a.it_load_kw": 0.0})) == (60.0, "ride_through"), "nothing left is not enough"


def test_with_nothing_in_force_an_overheated_room_is_cooled_whatever_capacity_and_store_say(decide, floored):
    over, runs = at(-2.0, **{INLET: 33.0}), {"ch-1": Run(True), "ch-2": Run(False), "ch-3": Run(False)}
    unknown = {STAGE: None, AIR: None, FAN: None}
    permitted, _ = decide({}, over, unknown, floored, inlets=COOL, runs=runs, at_s=NOW, confidence=0.5, writable=frozenset(unknown))
    assert permitted[AIR] == 16.0
    assert permitted[FAN] == 100.0
