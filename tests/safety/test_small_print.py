"""What is easily overlooked in gate, memories, modes and wear: a value that is larger than the time, a wording, an end that is met exactly."""

import math
from dataclasses import replace

import pytest

from safety.limits import ChillerLimits, HallLimits, Limits, PlantLimits, RegisterLimits, SetpointLimits
from safety.modes import ROW_OF, Condition, Mode, ModeRules, ModeState, after_restart, next_mode
from safety.ownership import Maintenance, arranged
from safety.quality import GateMemory, GateRule, check
from safety.records import Fault, FaultCause, Measurements, Reading, Run, Snapshot, Status
from safety.ride_through import air_loss_seconds, heat_kw, load_step_kw, stored_seconds
from safety.rollback import Trigger, triggered
from safety.signals import parse
from safety.starts import may_start
from safety.trends import Trends, trend_of, update
from safety.wear import WearLedger, choose_writes

LEFT, RIGHT, THIRD = "a.rack_inlet_c", "b.rack_inlet_c", "c.rack_inlet_c"


def seen(values, at_s=0.0):
    return Snapshot(at_s, {name: Reading(name, value, Status.GOOD, at_s) for name, value in values.items()})


def causes(rule, *samples):
    """What becomes of one signal's samples (time [s], value; None: no reading)."""
    memory, became = GateMemory(), []
    for at_s, value in samples:
        measured, memory = check(seen({} if value is None else {LEFT: value}, at_s), {LEFT: rule}, memory)
        became.append(measured.values.get(LEFT) or str(measured.faults[0].cause))
    return became


def test_a_gap_does_not_make_a_jump_believable():
    assert causes(GateRule(rate_per_min=2.0), (0.0, 10.0), (60.0, None), (120.0, 20.0)) == [10.0, "missing", "too_fast"]


def test_a_value_larger_than_the_time_is_judged_like_any_other():
    assert causes(GateRule(rate_per_min=2.0), (0.0, 5000.0), (60.0, 5010.0)) == [5000.0, "too_fast"]
    assert causes(GateRule(stuck_after_s=600.0), (0.0, 5000.0), (601.0, 5000.0)) == [5000.0, "stuck"]


def test_a_reading_without_value_and_detail_says_so():
    measured, _ = check(Snapshot(0.0, {LEFT: Reading(LEFT, None, Status.MISSING, 0.0)}), {}, GateMemory())
    assert measured.faults == (Fault(LEFT, FaultCause.MISSING, "no reading"),)


def test_a_reading_that_two_outvote_says_against_what():
    measured, _ = check(seen({LEFT: 20.0, RIGHT: 25.0, THIRD: 25.5}), {LEFT: GateRule(siblings=(RIGHT, THIRD))}, GateMemory())
    assert measured.faults == (Fault(LEFT, FaultCause.DISAGREES, "20 against 25, 25.5, tolerance 1"),)


def test_what_the_gate_remembers_is_in_one_order():
    names = [f"row-{n}.rack_inlet_c" for n in range(20)]
    _, memory = check(seen(dict.fromkeys(names, 20.0)), {name: GateRule(stuck_after_s=600.0) for name in names}, GateMemory())
    assert list(memory.unchanged) == sorted(names)


def test_a_wrong_name_is_told_what_is_known_and_what_was_meant():
    with pytest.raises(ValueError, match=r"known: aisle_dp_pa, alarm, approach_k, available_state, "):
        parse("ch-1.wind_c")
    with pytest.raises(ValueError, match="role 'wish' must be"):
        parse("plant.chws_setpoint_c.wish")


def test_a_cycle_longer_than_the_window_compares_two_samples_and_no_third():
    limits, memory = Limits({}, halls=(HallLimits("h", "p"),)), Trends()
    for at_s, inlet_c in ((0.0, 22.0), (880.0, 23.0), (1790.0, 25.0)):
        memory = update(memory, Measurements(at_s, {"h.rack_inlet_max_c": inlet_c}), limits)
    assert trend_of(memory, "h", 1790.0).rise_k == 2.0


@pytest.mark.parametrize(("name", "value", "last", "deadband"), [("plant.odd_c", 4.0, 4.0, 1.0), ("plant.chws_setpoint_c", 12.0, 12.0, 0.0)])
def test_what_is_in_the_register_is_not_written_again(name, value, last, deadband):
    limits = Limits({}, registers={name: RegisterLimits(deadband, False)})
    assert choose_writes({name: value}, {name: last}, WearLedger(), limits, 0.0)[0] == {}


def test_off_is_the_end_even_where_a_setpoint_falls_at_once(calm, decide):
    fan = "hall-a.crah_fan_setpoint_pct"
    limits = replace(calm.limits, setpoints={fan: SetpointLimits(30.0, 100.0, None, None, True)})
    assert decide({fan: -1.0}, in_force={fan: 60.0}, limits=limits)[0] == {fan: 0.0}


def test_fans_of_dry_coils_do_not_wait_for_a_dew_point(calm, decide):
    fan = "hall-a.crah_fan_setpoint_pct"
    assert decide({fan: 70.0}, {"hall-a.room_dewpoint_c": None}, limits=calm.hall(dry_coil=True)) == ({fan: 70.0}, {})


def test_the_cause_is_the_gravest_also_where_a_site_caps():
    rules = ModeRules(advisory=frozenset({Condition.HEAT_WAVE}))
    after = next_mode(ModeState(Mode.OPTIMISE, None, 0.0, healthy_cycles=3), frozenset({Condition.NO_PLAN, Condition.HEAT_WAVE}), 10.0, rules)
    assert (after.mode, after.cause) == (Mode.RELEASE, Condition.HEAT_WAVE)


def test_only_a_release_is_latched_across_a_restart():
    after = after_restart(ModeState(Mode.RESET, Condition.NO_PLAN, 0.0, latched=True), 10.0)
    assert after == ModeState(Mode.RELEASE, Condition.RESTARTED, 10.0)


def test_a_return_that_spends_nothing_forgets_nothing():
    after = next_mode(ModeState(Mode.RELEASE, None, 0.0, returns_s=(5.0,)), frozenset(), 10.0, ModeRules())
    assert after == ModeState(Mode.RESET, None, 10.0, returns_s=(5.0,))


def test_what_a_person_does_to_clear_is_said_in_a_word():
    assert ROW_OF[Condition.OPERATOR_RELEASE].clears == "engage"


PLANT = PlantLimits("p", stored_m3=10.0)
SITE = Limits(
    {},
    chillers=(ChillerLimits("ch-1", "p", 8.0, 25.0, 20.0, capacity_kw=100.0, start_s=0.5), ChillerLimits("ch-2", "q", 8.0, 25.0, 20.0, start_s=900.0)),
    halls=(HallLimits("h", "p", it_capacity_kw=50.0, racks=1),),
    plants=(PLANT,),
)
QUIET = {"h.rack_inlet_max_c": 24.0, "h.it_load_kw": 0.5, "ch-1.machine_state": 2.0}


def test_a_load_below_zero_is_none():
    assert heat_kw(PLANT, SITE, {**QUIET, "h.it_load_kw": -5.0}) == 0.0
    assert heat_kw(PLANT, SITE, {**QUIET, "h.crah_fan_power_kw": -5.0}) == 0.5


def test_half_a_kilowatt_and_half_a_second_are_not_nothing():
    store_kj = 10.0 * 4172.0 * 8.0
    assert stored_seconds(PLANT, SITE, QUIET) == pytest.approx(store_kj / 0.5)
    assert load_step_kw(PLANT, SITE, QUIET) == pytest.approx(99.5 + store_kj / 0.5)
    assert math.isfinite(air_loss_seconds(SITE.halls[0], QUIET))


def test_a_machine_of_which_nothing_is_known_may_not_start():
    assert may_start(SITE.chillers[0], {}, 0.0) is False
    assert may_start(SITE.chillers[0], {"ch-1": Run(True)}, 0.0) is False


CHWS, DP, CWS = "plant.chws_setpoint_c", "plant.chw_dp_setpoint_kpa", "plant.cws_setpoint_c"
OFF = {"ch-1.machine_state": 0.0}


def test_a_little_doubt_takes_a_little_of_a_step(decide):
    assert decide({CHWS: 12.5}, confidence=0.95)[0] == {CHWS: pytest.approx(12.475)}


def test_a_cold_basin_is_the_towers_business_alone(decide):
    cold = OFF | {"ct-1.basin_temp_c": 3.0}
    assert decide({CHWS: 11.5, DP: 80.0}, cold) == ({CHWS: 11.5, DP: 80.0}, {})


def test_an_economiser_counts_where_it_is(calm, decide):
    with_one, without = PlantLimits("plant", economiser=True), PlantLimits("plant")
    cold = OFF | {"plant.cws_temp_c": 3.0}
    for plants, permitted in (
        ((with_one,), 25.0),
        ((with_one, PlantLimits("plant-b")), 25.0),
        ((without,), 24.0),
        ((without, PlantLimits("plant-b", economiser=True)), 24.0),
    ):
        assert decide({CWS: 24.0}, cold, limits=replace(calm.limits, plants=plants))[0] == {CWS: permitted}


def test_flow_at_its_least_pressure_and_over_a_long_time(calm, decide):
    assert decide({DP: 55.0}, in_force={DP: 40.0}, elapsed_s=60.0) == ({DP: pytest.approx(48.4)}, {DP: "minimum_flow"})
    free = replace(calm.limits, setpoints={DP: SetpointLimits(10.0, 150.0, None, None)})
    assert decide({DP: 20.0}, in_force={DP: 150.0}, limits=free, elapsed_s=900.0)[0] == {DP: 20.0}


def test_ending_one_maintenance_leaves_every_other(calm):
    one = Maintenance("x", "M. Owner", "bearing", 900.0)
    assert arranged((one,), None, "ch-1", 0.0) == (one,)


@pytest.mark.parametrize("trigger", [Trigger.VIOLATION_MIN, Trigger.WORSE_THAN_LEGACY_PCT])
def test_a_time_that_ran_backwards_rolls_nothing_back(trigger):
    assert triggered({trigger: 1000.0}, -0.5) is None
    assert triggered({trigger: 1000.0}, 0.0).trigger is trigger
