"""One heat, several estimates: the reading that contradicts them is found out, and nothing is blamed on a guess."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from safety import balance
from safety.balance import BalanceRule, HeatEstimate, PlantHeat, contradicted, contradictions, estimates_of, weigh
from safety.records import FaultCause, Measurements

RULE = BalanceRule("plant", {"ch-1": 1000.0}, ("hall-a",), ("hall-a",), ("hall-a",), (), "site.losses_power_kw", 0.15, 50.0)
WSE = dataclasses.replace(RULE, economisers=("wse",))
MEMORY = TypeAdapter(dict[str, PlantHeat])
CALM = {
    "plant.chw_flow_kgs": 25.0,
    "plant.chwr_temp_c": 18.0,
    "plant.chws_temp_c": 10.0,
    "ch-1.evaporator_flow_kgs": 25.0,
    "ch-1.chws_temp_c": 10.0,
    "ch-1.load_pct": 83.8,
    "ch-1.power_kw": 160.0,
    "ch-1.machine_state": 2.0,
    "plant.cw_flow_kgs": 50.0,
    "plant.cwr_temp_c": 29.0,
    "plant.cws_temp_c": 24.2368,
    "hall-a.it_load_kw": 770.0,
    "hall-a.crah_fan_power_kw": 30.0,
    "hall-a.crah_return_temp_c": 33.0,
    "site.losses_power_kw": 38.0,
}
"""Every estimate is 838 kW."""


def run(*spells, rule=RULE, memory=None, step_s=300.0):
    """What is blamed after each spell (minutes, readings that are otherwise; None is missing), whether it is contradicted, and the memory."""
    at_s, memory, became = 0.0, memory or {}, []
    for minutes, other in spells:
        for _ in range(round(60.0 * minutes / step_s)):
            values = {k: v for k, v in (CALM | other).items() if v is not None}
            measured, memory = weigh(Measurements(at_s, values), (rule,), memory)
            at_s += step_s
        became.append({fault.signal for fault in measured.faults} or contradicted(memory))
        assert memory == MEMORY.validate_json(MEMORY.dump_json(dict(memory)))
    return became, memory


def test_the_numbers_are_what_was_written_twice():
    assert (balance.WATER_KJ_PER_KG_K, balance.SMOOTHED_S, balance.PERSISTS_S, balance.SETTLES_S) == (4.19, 600.0, 1800.0, 1800.0)
    assert (balance.WINDOW_S, balance.LOAD_CHANGE, balance.AIR_CHANGE_K, balance.GAP_MAX_S) == (900.0, 0.1, 1.5, 1800.0)
    assert BalanceRule("plant", {}) == BalanceRule("plant", {}, (), (), (), (), "", 0.15, 0.0)
    assert balance.UNEXPLAINED == ""
    assert PlantHeat(1.0, 2.0) == PlantHeat(1.0, 2.0, (), (), {}, {}, frozenset())


def test_every_side_of_a_calm_plant_says_the_same():
    found = {name: estimate.heat_kw for name, estimate in estimates_of(RULE, CALM).items()}
    assert found == pytest.approx(dict.fromkeys(("water", "header", "evaporators", "halls", "condenser", "load"), 838.0), abs=0.5)
    assert estimates_of(RULE, CALM)["halls"].signals == {"hall-a.it_load_kw"}, "an error of fans and losses would not be noticed"
    assert estimates_of(RULE, CALM)["condenser"].signals == {"plant.cw_flow_kgs", "plant.cwr_temp_c", "plant.cws_temp_c", "ch-1.power_kw"}


def test_an_estimate_needs_every_reading_of_its_own():
    for lost, gone in {
        "plant.chw_flow_kgs": {"water"},
        "plant.chwr_temp_c": {"water", "header", "evaporators"},
        "plant.chws_temp_c": {"water", "header"},
        "ch-1.power_kw": {"condenser"},
        "ch-1.load_pct": {"load"},
        "hall-a.it_load_kw": {"halls"},
        "hall-a.crah_fan_power_kw": {"halls"},
        "site.losses_power_kw": {"halls"},
    }.items():
        left = estimates_of(RULE, {signal: value for signal, value in CALM.items() if signal != lost})
        assert set(estimates_of(RULE, CALM)) - set(left) == gone, lost


def test_losses_are_shared_by_load_and_left_out_where_a_site_has_none():
    two = dataclasses.replace(RULE, of_site=("hall-a", "hall-b"))
    assert estimates_of(two, CALM | {"hall-b.it_load_kw": 770.0})["halls"].heat_kw == pytest.approx(819.0)
    assert "halls" not in estimates_of(two, CALM)
    assert estimates_of(dataclasses.replace(RULE, losses=""), CALM)["halls"].heat_kw == pytest.approx(800.0)
    assert estimates_of(RULE, CALM | {"hall-a.it_load_kw": 0.0})["halls"].heat_kw == pytest.approx(30.0)
    assert estimates_of(RULE, CALM | {"hall-a.it_load_kw": 0.5})["halls"].heat_kw == pytest.approx(68.5)
    assert "halls" not in estimates_of(dataclasses.replace(RULE, halls=()), CALM)
    unlisted = dataclasses.replace(RULE, of_site=("hall-b",))
    assert "halls" not in estimates_of(unlisted, {"hall-b.it_load_kw": 770.0, "hall-a.crah_fan_power_kw": 30.0, "site.losses_power_kw": 38.0})


def test_what_an_economiser_carries_goes_round_the_chillers():
    off = {"ch-1.machine_state": 0.0, "ch-1.load_pct": 0.0, "wse.heat_kw": 838.0}
    assert set(estimates_of(WSE, CALM | off)) == {"water", "halls", "condenser", "load"}
    assert set(estimates_of(WSE, CALM | {"wse.heat_kw": 0.0})) == set(estimates_of(RULE, CALM))
    assert estimates_of(WSE, CALM | off)["load"].heat_kw == pytest.approx(838.0)
    assert set(estimates_of(RULE, CALM | off)) == set(estimates_of(RULE, CALM)), "without an economiser it has no other way"
    two = dataclasses.replace(WSE, chillers={"ch-1": 1000.0, "ch-2": 1000.0})
    other = {"ch-2.evaporator_flow_kgs": 0.0, "ch-2.chws_temp_c": 10.0, "ch-2.power_kw": 0.0, "ch-2.load_pct": 0.0, "ch-2.machine_state": 0.0}
    assert "header" in estimates_of(two, CALM | other | {"wse.heat_kw": 0.0}), "one running chiller is enough"


@pytest.mark.parametrize(
    ("signal", "wrong"),
    [
        ("plant.chwr_temp_c", 20.0),
        ("plant.chwr_temp_c", 16.0),
        ("plant.chws_temp_c", 12.0),
        ("plant.chw_flow_kgs", 17.5),
        ("plant.chw_flow_kgs", 35.0),
        ("hall-a.it_load_kw", 500.0),
        ("ch-1.load_pct", 40.0),
    ],
)
def test_the_reading_that_explains_a_contradiction_is_blamed_after_half_an_hour_and_comes_back(signal, wrong):
    became, memory = run((90, {}), (25, {signal: wrong}), (35, {signal: wrong}), (90, {}))
    load_stepped = signal == "hall-a.it_load_kw"
    assert became == [False, False, False if load_stepped else {signal}, False]
    assert memory["plant"].standing == frozenset()


def test_a_load_meter_that_is_suddenly_wrong_is_blamed_once_the_step_is_over():
    became, _ = run((60, {}), (90, {"hall-a.it_load_kw": 500.0}))
    assert became == [False, {"hall-a.it_load_kw"}]


def test_a_blamed_reading_is_unknown_to_all_that_follows():
    _, memory = run((60, {}), (60, {"plant.chw_flow_kgs": 17.5}))
    seen = Measurements(7200.0, CALM | {"plant.chw_flow_kgs": 17.5})
    measured, _ = weigh(seen, (RULE,), memory)
    assert set(CALM) - set(measured.values) == {"plant.chw_flow_kgs"}
    fault = measured.faults[0]
    assert (fault.signal, fault.cause, fault.says) == ("plant.chw_flow_kgs", FaultCause.DISAGREES, "17.5 contradicts the plant's heat balance")
    gone = {signal: value for signal, value in CALM.items() if signal != "plant.chw_flow_kgs"}
    assert weigh(Measurements(7200.0, gone), (RULE,), memory)[0] == Measurements(7200.0, gone)


@pytest.mark.parametrize(
    "other",
    [
        {"plant.cwr_temp_c": 27.0},  # as well the flow or the other temperature
        {"plant.chwr_temp_c": 20.0, "hall-a.it_load_kw": None, "plant.cw_flow_kgs": None, "ch-1.load_pct": None, "ch-1.evaporator_flow_kgs": 17.5},
        {"plant.chw_flow_kgs": 10.0, "ch-1.evaporator_flow_kgs": None, "plant.cw_flow_kgs": None, "ch-1.load_pct": None},  # two estimates
    ],
)
def test_what_no_single_reading_explains_is_a_contradiction_without_blame(other):
    assert run((45, {}), (100, other))[0] == [False, True]


def test_one_plant_of_two_is_enough_to_be_contradicted():
    calm, torn = PlantHeat(0.0, 0.0), PlantHeat(0.0, 0.0, standing=frozenset({balance.UNEXPLAINED}))
    assert contradicted({"a": calm, "b": torn})
    assert not contradicted({"a": calm, "b": calm})
    assert not contradicted({})


def test_blamed_readings_are_told_in_order():
    blamed = ["ch-1.load_pct", "hall-a.it_load_kw", "plant.chw_flow_kgs", "plant.chwr_temp_c", "plant.chws_temp_c", "plant.cw_flow_kgs"]
    memory = {"plant": PlantHeat(0.0, 0.0, standing=frozenset({*blamed, balance.UNEXPLAINED}))}
    measured, _ = weigh(Measurements(0.0, CALM), (RULE,), memory)
    assert [fault.signal for fault in measured.faults] == blamed


def test_one_estimate_contradicts_nothing():
    assert contradictions(RULE, {}) == contradictions(RULE, {"water": HeatEstimate(1.0, frozenset({"a"}))}) == frozenset()


@pytest.mark.parametrize(("other_kw", "found"), [(114.9, frozenset()), (120.0, {"a"}), (80.0, {"a"})])
def test_the_tolerance_is_of_the_median(other_kw, found):
    rule = BalanceRule("plant", {}, tolerance=0.15)
    each = {"x": (other_kw, "a"), "y": (100.0, "b"), "z": (100.0, "c")}
    assert contradictions(rule, {name: HeatEstimate(kw, frozenset({signal})) for name, (kw, signal) in each.items()}) == found
    assert contradictions(dataclasses.replace(rule, floor_kw=20.0), {n: HeatEstimate(kw, frozenset({s})) for n, (kw, s) in each.items()}) == frozenset()


@pytest.mark.parametrize("unsettled", ["ch-1.machine_state", "hall-a.it_load_kw", "hall-a.crah_return_temp_c"])
def test_nothing_is_judged_for_half_an_hour_after_the_plant_was_unsettled(unsettled):
    step = {"ch-1.machine_state": 1.0, "hall-a.it_load_kw": 860.0, "hall-a.crah_return_temp_c": 34.6}[unsettled]
    wrong = {"plant.chw_flow_kgs": 17.5}
    _, memory = run((60, {}), (5, {unsettled: step}))
    assert memory["plant"].unsettled_s == 3600.0
    assert memory["plant"].smoothed_kw == {}
    assert run((60, {}), (55, wrong | {unsettled: step}))[0][1] is False
    became, _ = run((60, {}), (60, wrong), (15, wrong | {unsettled: step}))
    assert became == [False, {"plant.chw_flow_kgs"}, {"plant.chw_flow_kgs"}], "what stands meanwhile stays"


def test_small_moves_of_load_and_air_unsettle_nothing():
    _, memory = run((60, {}), (5, {"hall-a.it_load_kw": 830.0, "hall-a.crah_return_temp_c": 34.4}), (5, {"hall-a.crah_return_temp_c": None}))
    assert memory["plant"].unsettled_s == 0.0


def test_a_plant_is_settled_half_an_hour_after_it_was_first_seen():
    assert run((30, {}))[1]["plant"].smoothed_kw == {}
    assert run((35, {}))[1]["plant"].smoothed_kw != {}


@pytest.mark.parametrize("at_s", [-1.0, 9000.1, 1e9])
def test_after_a_gap_or_a_clock_that_ran_backwards_the_plant_is_unsettled_and_what_stands_stays(at_s):
    _, memory = run((60, {}), (60, {"plant.chw_flow_kgs": 17.5}))
    assert memory["plant"].at_s == 6900.0
    at_s = at_s if at_s != 9000.1 else 8700.1
    _, after = weigh(Measurements(at_s, CALM), (RULE,), memory)
    assert (after["plant"].unsettled_s, after["plant"].recent[0][0], len(after["plant"].recent)) == (at_s, at_s, 1)
    assert after["plant"].standing == {"plant.chw_flow_kgs"}
    assert weigh(Measurements(8700.0, CALM), (RULE,), memory)[1]["plant"].unsettled_s == 0.0


@pytest.mark.parametrize(("at_s", "unsettled_s"), [(6899.5, 6899.5), (6900.0, 0.0), (6900.5, 0.0)])
def test_a_second_look_at_the_same_time_changes_nothing_and_one_before_it_does(at_s, unsettled_s):
    _, memory = run((60, {}), (60, {"plant.chw_flow_kgs": 17.5}))
    seen_s = memory["plant"].seen_s
    after = weigh(Measurements(at_s, CALM | {"plant.chw_flow_kgs": 17.5}), (RULE,), memory)[1]["plant"]
    assert after.unsettled_s == unsettled_s
    assert after.seen_s == seen_s == {"plant.chw_flow_kgs": 1800.0}
    assert [one[0] for one in after.recent] == {6899.5: [6899.5], 6900.0: [6000.0, 6300.0, 6600.0, 6900.0], 6900.5: [6300.0, 6600.0, 6900.0, 6900.5]}[at_s]


def test_after_a_gap_what_was_seen_is_remembered():
    _, memory = run((60, {}), (20, {"plant.chw_flow_kgs": 17.5}))
    seen_s = memory["plant"].seen_s
    assert seen_s
    assert weigh(Measurements(1e6, CALM), (RULE,), memory)[1]["plant"].seen_s == seen_s


def test_estimates_are_smoothed_over_ten_minutes():
    _, memory = run((60, {}), (5, {"plant.chw_flow_kgs": 24.0}))
    was_kw, is_kw = 25.0 * 4.19 * 8.0, 24.0 * 4.19 * 8.0
    assert memory["plant"].smoothed_kw["water"] == pytest.approx(is_kw + 0.60653066 * (was_kw - is_kw))


def test_an_economiser_that_changes_its_way_unsettles_the_plant():
    _, memory = run((60, {"wse.heat_kw": 0.0, "wse.economiser_state": 0.0}), (5, {"wse.heat_kw": 0.0, "wse.economiser_state": 1.0}), rule=WSE)
    assert memory["plant"].unsettled_s == 3600.0


@pytest.mark.parametrize(
    ("other", "unsettled"),
    [
        ({"hall-a.it_load_kw": 693.0}, False),
        ({"hall-a.it_load_kw": 692.9}, True),
        ({"hall-a.it_load_kw": 696.0}, False),
        ({"hall-a.crah_return_temp_c": 34.5}, False),
        ({"hall-a.crah_return_temp_c": 34.51}, True),
    ],
)
def test_how_far_load_and_air_may_move(other, unsettled):
    assert run((60, {}), (5, other))[1]["plant"].unsettled_s == (3600.0 if unsettled else 0.0)


def test_air_that_is_unknown_unsettles_nothing_and_that_of_two_halls_may_move_twice_as_far():
    assert run((60, {"hall-a.crah_return_temp_c": None}))[1]["plant"].unsettled_s == 0.0
    assert run((60, {}), (30, {"hall-a.crah_return_temp_c": None}))[1]["plant"].unsettled_s == 0.0
    two, air = dataclasses.replace(RULE, cooled=("hall-a", "hall-b")), "hall-b.crah_return_temp_c"
    assert run((60, {air: 33.0, "hall-b.it_load_kw": 0.0}), (5, {air: 36.0, "hall-b.it_load_kw": 0.0}), rule=two)[1]["plant"].unsettled_s == 0.0
    assert run((60, {air: 33.0, "hall-b.it_load_kw": 0.0}), (5, {air: 36.1, "hall-b.it_load_kw": 0.0}), rule=two)[1]["plant"].unsettled_s == 3600.0


def test_an_error_of_its_own_size_must_be_more_than_what_is_allowed():
    exact = dataclasses.replace(RULE, tolerance=0.0, floor_kw=50.0)
    assert "hall-a.crah_fan_power_kw" not in estimates_of(exact, CALM | {"hall-a.crah_fan_power_kw": 50.0})["halls"].signals
    assert "hall-a.crah_fan_power_kw" in estimates_of(exact, CALM | {"hall-a.crah_fan_power_kw": 50.1})["halls"].signals


def test_nothing_is_blamed_by_one_other_estimate_or_for_just_what_is_allowed():
    rule = BalanceRule("plant", {}, tolerance=0.0, floor_kw=16.0)
    assert contradictions(rule, {"x": HeatEstimate(120.0, frozenset({"a"})), "y": HeatEstimate(100.0, frozenset())}) == {balance.UNEXPLAINED}
    each = {"x": (121.0, "a"), "y": (100.0, "b"), "z": (110.0, "c")}
    assert contradictions(rule, {n: HeatEstimate(kw, frozenset({s})) for n, (kw, s) in each.items()}) == {balance.UNEXPLAINED}
    assert contradictions(rule, {n: HeatEstimate(kw + (n == "x"), frozenset({s})) for n, (kw, s) in each.items()}) == {"a"}


def test_what_was_seen_fades_as_it_grew_and_stands_until_nothing_is_left():
    before = {"f": 1800.0, "e": 900.0, "d": 600.0, "c": 300.5, "b": 300.0, "a": 299.5}
    last = PlantHeat(0.0, -10000.0, (2.0,), (), {}, before, frozenset({"d", "b"}))
    after = weigh(Measurements(300.0, CALM), (RULE,), {"plant": last})[1]["plant"]
    assert list(after.seen_s.items()) == [("c", 0.5), ("d", 300.0), ("e", 600.0), ("f", 1500.0)]
    assert after.standing == {"d"}
    wrong = CALM | {"plant.chw_flow_kgs": 17.5}
    assert weigh(Measurements(300.0, wrong), (RULE,), {"plant": dataclasses.replace(last, seen_s={})})[1]["plant"].seen_s == {"plant.chw_flow_kgs": 300.0}


def test_a_short_contradiction_is_forgotten():
    became, memory = run((60, {}), (20, {"plant.chw_flow_kgs": 17.5}), (60, {}), (20, {"plant.chw_flow_kgs": 17.5}))
    assert became == [False] * 4
    assert 0.0 < memory["plant"].seen_s["plant.chw_flow_kgs"] <= 1200.0


@given(st.dictionaries(st.sampled_from(sorted(CALM)), st.floats() | st.none()), st.floats())
def test_whatever_is_read_only_readings_are_taken_out(other, at_s):
    values = {signal: value for signal, value in (CALM | other).items() if value is not None}
    memory = run((60, {}), (60, {"plant.chw_flow_kgs": 17.5}))[1]
    measured, _ = weigh(Measurements(at_s, values), (RULE, WSE), memory)
    assert set(values) - set(measured.values) <= {"plant.chw_flow_kgs"}
    assert {fault.signal for fault in measured.faults} == set(values) - set(measured.values)
