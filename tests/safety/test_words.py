"""The words and numbers by which values are known outside: in journals, on the wire, at the BMS; and what is taken where nothing is said."""

import pytest

from safety.modes import Condition, Return
from safety.records import (
    Command,
    Estimate,
    Fault,
    FaultCause,
    Measurements,
    Outcome,
    Proposal,
    Reading,
    Receipt,
    Run,
    Situation,
    Source,
    Status,
    Verdict,
)
from safety.signals import QUANTITIES, Authority, EconomiserState, Kind, MachineState, Role

BY_HAND = {
    Status: {"GOOD": "good", "UNCERTAIN": "uncertain", "BAD": "bad", "MISSING": "missing"},
    FaultCause: {
        "MISSING": "missing",
        "BAD_STATUS": "bad_status",
        "STALE": "stale",
        "NOT_FINITE": "not_finite",
        "IMPLAUSIBLE": "implausible",
        "TOO_FAST": "too_fast",
        "STUCK": "stuck",
        "DISAGREES": "disagrees",
    },
    Source: {"PLAN": "plan", "CORRECTED": "corrected", "RESET": "reset", "EXPERIMENT": "experiment", "KEEP": "keep", "NONE": "none"},
    Outcome: {"VERIFIED": "verified", "REFUSED": "refused", "NOT_READ_BACK": "not_read_back", "DIFFERS": "differs", "UNREACHABLE": "unreachable"},
    Return: {"AT_ONCE": "at_once", "AFTER_HEALTHY_CYCLES": "after_healthy_cycles", "UNDER_TOKEN": "under_token", "BY_PERSON": "by_person"},
    Kind: {
        "TEMPERATURE": "temperature",
        "DIFFERENCE": "temperature_difference",
        "PRESSURE": "pressure",
        "FLOW": "flow",
        "POWER": "power",
        "ENERGY": "energy",
        "SHARE": "share",
        "HUMIDITY": "humidity",
        "COUNT": "count",
        "STATE": "state",
        "TIME": "time",
    },
    Role: {"REQUEST": "request", "EFFECTIVE": "effective", "AUTHORITY": "authority"},
    Authority: {"HAND": 0, "LOCAL": 1, "REMOTE": 2},
    MachineState: {"OFF": 0, "STARTING": 1, "RUNNING": 2, "STOPPING": 3, "FAILED": 4, "LOCKED_OUT": 5},
    EconomiserState: {"OFF": 0, "PARTIAL": 1, "FULL": 2},
}

QUANTITIES_BY_HAND = {
    "temperature": "chws_temp_c chwr_temp_c chws_setpoint_c cws_temp_c cwr_temp_c cws_setpoint_c basin_temp_c rack_inlet_max_c rack_inlet_c "
    "crah_supply_temp_c crah_return_temp_c crah_supply_setpoint_c room_dewpoint_c humidify_setpoint_c dehumidify_setpoint_c tcs_supply_temp_c "
    "tcs_return_temp_c tcs_setpoint_c fws_supply_temp_c fws_return_temp_c fws_setpoint_c oa_drybulb_c oa_wetbulb_c",
    "flow": "chw_flow_kgs evaporator_flow_kgs cw_flow_kgs condenser_flow_kgs cdu_flow_kgs fws_flow_kgs",
    "pressure": "chw_dp_kpa chw_dp_setpoint_kpa tcs_dp_kpa tcs_dp_setpoint_kpa fws_dp_kpa filter_dp_kpa",
    "share": "fan_pct fan_setpoint_pct load_pct speed_pct speed_setpoint_pct crah_fan_pct crah_fan_setpoint_pct crah_valve_pct cdu_valve_pct",
    "power": "power_kw heat_kw it_load_kw crah_fan_power_kw it_power_cap_kw facility_power_kw losses_power_kw",
    "state": "machine_state economiser_state leak_state low_pressure_state pad_state hand_state local_state available_state generator_state "
    "transfer_state power_disturbance_state fire_state kill_switch_state daemon_lost_state mode stage alarm",
    "count": "running_count running_setpoint_count heartbeat owner_id",
    "humidity": "room_rh_pct",
    "temperature_difference": "approach_k lift_k",
    "time": "clock_s done_until_s",
}


@pytest.mark.parametrize("words", BY_HAND, ids=lambda words: words.__name__)
def test_words_and_numbers_are_what_was_written_twice(words):
    assert {one.name: one.value for one in words} == BY_HAND[words]


def test_a_condition_is_called_what_its_name_says():
    assert all(condition.value == condition.name.lower() for condition in Condition)


def test_every_quantity_that_was_written_twice_is_there_and_of_its_kind():
    assert {name: kind for kind, names in QUANTITIES_BY_HAND.items() for name in names.split()}.items() <= {
        name: quantity.kind.value for name, quantity in QUANTITIES.items()
    }.items()


def test_what_is_taken_where_nothing_is_said_is_what_was_written_twice():
    assert Reading("a", 1.0, Status.GOOD, 2.0) == Reading("a", 1.0, Status.GOOD, 2.0, "")
    assert Measurements(1.0, {}) == Measurements(1.0, {}, ())
    assert Fault("a", FaultCause.STALE, "old").says == "old"
    assert Estimate(1.0, {}, {}, {}, True) == Estimate(1.0, {}, {}, {}, True, "")
    assert Proposal(Source.PLAN, 1.0, True, {}) == Proposal(Source.PLAN, 1.0, True, {}, "", 0, None, {}, {}, {})
    assert Run(True) == Run(True, None, ())
    calm = Situation(1.0, 2.0, {}, {}, frozenset())
    assert (calm.inlets, calm.frozen, calm.confidence, calm.runs, calm.withdrawn) == ({}, frozenset(), 1.0, {}, frozenset())
    assert Verdict({}) == Verdict({}, ())
    assert Command({}) == Command({}, False)
    assert Receipt(1.0, {}) == Receipt(1.0, {}, {}, "")
