"""Starts and stops of machines are remembered, and anti-recycle is judged by the memory alone."""

import math
from dataclasses import replace

from pydantic import TypeAdapter

from safety.limits import ChillerLimits, Limits
from safety.records import Measurements, Run
from safety.starts import HOUR_S, WINDOW_S, Starts, may_start, may_stop, moving, update

CH = ChillerLimits("ch-1", "plant", 8.0, 25.0, 20.0)
SITE = Limits({}, (CH,))
OFF, STARTING, RUNNING, STOPPING = 0.0, 1.0, 2.0, 3.0


def follow(*seen):
    memory = Starts()
    for at_s, state in seen:
        values = {} if state is None else {"ch-1.machine_state": state}
        memory = update(memory, Measurements(at_s, values), SITE)
    return memory.runs.get("ch-1")


def test_the_windows_are_what_was_written_twice():
    assert (HOUR_S, WINDOW_S) == (3600.0, 43200.0)


def test_what_a_machine_did_is_remembered():
    assert follow((0.0, None)) is None
    assert follow((0.0, RUNNING)) == Run(True) == Run(True, None, ())
    assert follow((0.0, OFF), (5.0, OFF)) == Run(False)
    assert follow((0.0, OFF), (5.0, STARTING), (9.0, RUNNING)) == Run(True, 5.0, (5.0,))
    assert follow((0.0, RUNNING), (5.0, STOPPING), (9.0, OFF)) == Run(False, 5.0)
    assert follow((0.0, OFF), (5.0, STARTING), (6.0, None), (7.0, math.nan), (9.0, RUNNING)) == Run(True, 5.0, (5.0,))
    assert follow((0.0, OFF), (5.0, STARTING), (9.0, OFF), (20.0, STARTING)) == Run(True, 20.0, (5.0, 20.0))


def test_starts_are_forgotten_after_twelve_hours():
    assert follow((0.0, OFF), (5.0, STARTING), (5.0 + 43200.0, RUNNING)).starts_s == (5.0,)
    assert follow((0.0, OFF), (5.0, STARTING), (5.1 + 43200.0, RUNNING)).starts_s == ()


def test_one_change_at_a_time():
    assert [moving(CH, {"ch-1.machine_state": state}) for state in range(6)] == [False, True, False, True, False, False]
    assert moving(CH, {})


def test_a_machine_starts_only_when_makers_allow():
    def may(run, at_s=10_000.0, **changes):
        return may_start(replace(CH, **changes), {"ch-1": run}, at_s)

    assert may(Run(False))
    assert not may(Run(True))
    assert not may_start(CH, {}, 0.0)
    assert not may(Run(False, 9100.1))
    assert may(Run(False, 9100.0))
    assert not may(Run(False, 0.0, (8800.1,)))
    assert may(Run(False, 0.0, (8800.0,)))
    three = (6400.1, 7600.0, 8800.0)
    assert not may(Run(False, 0.0, three))
    assert may(Run(False, 0.0, (6400.0, *three[1:])))
    assert may(Run(False, 0.0, three), starts_per_h=4)
    eight = tuple(1000.0 + i for i in range(8))
    assert not may(Run(False, 0.0, eight))
    assert may(Run(False, 0.0, eight[1:]))


def test_a_machine_stops_only_when_it_ran_long_enough():
    assert may_stop(CH, {"ch-1": Run(True)}, 0.0)
    assert may_stop(CH, {"ch-1": Run(True, 100.0)}, 1000.0)
    assert not may_stop(CH, {"ch-1": Run(True, 100.1)}, 1000.0)
    assert not may_stop(CH, {"ch-1": Run(False)}, 1000.0)
    assert not may_stop(CH, {}, 1000.0)


def test_the_memory_survives_json():
    adapter = TypeAdapter(Starts)
    memory = Starts({"ch-1": Run(True, 5.0, (5.0,))})
    assert adapter.validate_json(adapter.dump_json(memory)) == memory
