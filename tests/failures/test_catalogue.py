"""The failures that real gateways meet, each with the tests that provoke it on the wire; the numbers are those of the list that the project keeps.

Tests below ``tests/failures`` look at quality, mode and the actuator under a daemon in charge; those of the buses at what a read or a write returns.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUS, OPCUA_BUS = "tests/controller/fieldbus/test_modbus.py", "tests/controller/fieldbus/test_opcua.py"
CONTRACT, CODEC = "tests/controller/fieldbus/test_contract.py", "tests/plant_models/site/test_codec.py"
WIRE, DEVICE, OPCUA = "tests/failures/test_modbus_wire.py", "tests/failures/test_modbus_device.py", "tests/failures/test_opcua_device.py"
RTU, FEED = "tests/controller/fieldbus/test_modbus_rtu.py", "tests/controller/fieldbus/test_opcua_subscription.py"
SERIAL, SECURED = "tests/failures/test_serial_wire.py", "tests/failures/test_opcua_security_device.py"
FED, STILL, BACNET = "tests/failures/test_opcua_subscription_device.py", "tests/failures/test_still_device.py", "tests/failures/test_bacnet_device.py"
LASTING, MOMENT = f"{WIRE}::test_a_wire_that_stays_spoilt_hands_the_plant_back", f"{WIRE}::test_a_moment_of_trouble_holds_what_is_in_force_and_no_more"

HELD: Mapping[str, tuple[str, ...]] = {
    "1 late reply misattributed": (f"{BUS}::test_a_late_reply_is_never_taken_for_another_requests", LASTING, MOMENT),
    "2 transaction id mismatch": (f"{BUS}::test_a_spoilt_reply_is_missing_and_the_next_read_is_right", LASTING, MOMENT),
    "3 unit id mismatch": (f"{BUS}::test_a_spoilt_reply_is_missing_and_the_next_read_is_right", LASTING, MOMENT),
    "4 never reconnects": (
        f"{CONTRACT}::test_a_device_that_is_dead_at_the_start_is_missing_and_found_later",
        f"{DEVICE}::test_a_device_that_reboots_is_taken_up_again_without_a_restart",
    ),
    "5 first request swallowed after connect": (f"{DEVICE}::test_a_device_that_swallows_the_first_request_of_each_connection_is_left_to_the_bas",),
    "6 one-connection gateway": (f"{DEVICE}::test_a_gateway_that_serves_one_connection_is_given_one",),
    "7 one dead unit stalls the others": (
        f"{BUS}::test_a_dead_unit_behind_a_gateway_does_not_take_the_others_with_it",
        f"{BUS}::test_many_dead_units_cost_two_time_outs_at_most",
        f"{DEVICE}::test_a_dead_unit_behind_the_gateway_takes_no_other_with_it",
    ),
    "8 gateway reboot leaves a stale socket": (
        f"{DEVICE}::test_a_device_that_reboots_is_taken_up_again_without_a_restart",
        f"{DEVICE}::test_a_stopped_process_behind_an_open_connection_is_missing_and_found_again",
        LASTING,
    ),
    "9 RS-485 contention": (f"{DEVICE}::test_contention_behind_the_gateway_holds_and_hands_nothing_back",),
    "10 CRC and turnaround": (
        f"{RTU}::test_a_spoilt_frame_is_missing_and_the_next_read_is_right",
        f"{RTU}::test_a_device_that_needs_a_pause_after_its_answer_gets_it",
        f"{SERIAL}::test_a_line_that_stays_spoilt_hands_the_plant_back_and_is_taken_up_again",
        f"{SERIAL}::test_one_spoilt_frame_costs_nothing_where_reads_are_repeated",
    ),
    "11 word order, 32-bit writes": (
        f"{CODEC}::test_registers_and_value_are_the_same_both_ways",
        f"{BUS}::test_types_of_several_registers_and_bits_come_back_as_written",
    ),
    "12 sentinels": (
        f"{BUS}::test_values_that_say_not_measured_are_bad",
        f"{DEVICE}::test_a_sensor_that_says_not_measured_is_unknown",
        f"{DEVICE}::test_a_whole_number_that_says_not_measured_is_unknown",
    ),
    "13 scale missing or rounded on write": (
        f"{CONTRACT}::test_a_write_lands_rounded_to_the_points_step",
        f"{DEVICE}::test_what_arrives_is_what_was_decided_to_the_registers_step",
    ),
    "14 zeros at wake-up": (f"{DEVICE}::test_zeros_at_wake_up_are_not_believed",),
    "15 spikes": (f"{DEVICE}::test_a_spike_moves_nothing",),
    "16 block over a hole": (f"{BUS}::test_a_block_over_a_hole_is_split_and_the_split_remembered",),
    "17 wrong register count": (f"{BUS}::test_a_spoilt_reply_is_missing_and_the_next_read_is_right", LASTING),
    "18 EEPROM wear": (f"{DEVICE}::test_a_register_that_wears_is_spared",),
    "19 acknowledged, not applied": (f"{DEVICE}::test_a_write_that_is_acknowledged_and_not_applied_hands_the_plant_back",),
    "20 OPC UA session expiry": (f"{OPCUA}::test_a_session_that_the_server_has_ended_is_opened_anew_and_none_is_left_behind",),
    "21 silent subscription": (
        f"{FEED}::test_a_subscription_that_dies_in_silence_is_noticed_and_made_anew",
        f"{FEED}::test_a_point_that_dies_within_a_living_subscription_is_noticed",
        f"{FED}::test_a_subscription_that_falls_silent_is_polled_and_made_anew",
        f"{FED}::test_a_server_that_goes_silent_with_its_subscription_hands_the_plant_back",
    ),
    "22 BadTooManySessions": (f"{OPCUA}::test_a_server_without_a_session_to_spare_is_asked_again_until_it_has_one",),
    "23 namespace index moved": (
        f"{OPCUA_BUS}::test_a_namespace_that_moved_is_found_by_its_uri",
        f"{OPCUA}::test_a_server_that_restarts_with_its_namespaces_moved_is_found_by_uri",
    ),
    "24 clock skew, certificate not yet valid or expired": (
        f"{SECURED}::test_a_certificate_that_is_not_good_any_more_hands_the_plant_back_and_the_rest_is_read",
        f"{FED}::test_a_server_whose_clock_is_wrong_is_told_and_its_values_keep_their_age",
    ),
    "25 write refused for type or timestamp": (
        f"{OPCUA_BUS}::test_each_node_is_written_in_its_own_type",
        f"{OPCUA}::test_a_write_that_the_server_refuses_is_told_apart_and_hands_the_plant_back",
    ),
    "also: unchanged for days, shown healthy": (
        f"{DEVICE}::test_a_controller_that_stands_still_behind_good_answers_is_not_believed",
        f"{STILL}::test_a_device_that_stands_still_is_noticed_beside_one_that_lives",
    ),
    "also: a failed read turned into 0": (LASTING, f"{CONTRACT}::test_what_is_not_a_number_is_unknown_never_zero"),
    "also: quality stays good after a loss": (
        f"{OPCUA}::test_a_reading_that_the_server_calls_bad_is_unknown",
        f"{OPCUA}::test_a_wire_that_stays_spoilt_hands_the_plant_back_and_is_taken_up_again",
    ),
    "also: BACnet override not relinquished": (
        f"{BACNET}::test_a_release_empties_our_slots_and_the_bas_goes_on_with_its_own",
        f"{BACNET}::test_a_device_that_goes_silent_and_keeps_our_commands_is_given_them_back_when_it_answers_again",
    ),
    "also: slow scan hits a fixed time-out": (f"{DEVICE}::test_replies_that_take_their_time_are_waited_for_one_by_one",),
}


def test_every_failure_of_the_list_is_here_once() -> None:
    assert sorted(int(name.split()[0]) for name in HELD if not name.startswith("also")) == list(range(1, 26))
    assert sum(name.startswith("also") for name in HELD) == 5


@pytest.mark.parametrize("failure", HELD)
def test_every_test_that_is_named_exists(failure: str) -> None:
    assert HELD[failure]
    for named in HELD[failure]:
        path, _, name = named.partition("::")
        defined = {n.name for n in ast.parse((ROOT / path).read_text()).body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)}
        assert name in defined, named
