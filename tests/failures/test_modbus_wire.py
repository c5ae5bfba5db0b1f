"""A Modbus wire that fails under a daemon in charge: what it reads, who is in charge, and where the actuator ends up."""

from __future__ import annotations

import pytest

from safety.modes import Condition, Mode
from safety.records import Status
from tests.failures import wire
from tests.failures.conftest import TIMEOUT_S, Make

LASTING = {
    "late": (wire.late(2 * TIMEOUT_S), None),
    "black hole": (wire.always(wire.swallow), wire.always(wire.swallow)),
    "requests swallowed": (None, wire.always(wire.swallow)),
    "reset": (wire.reset, None),
    "closed": (wire.finish, None),
    "half frames": (wire.always(wire.half), None),
    "garbage": (wire.always(wire.garbage), None),
    "wrong transaction": (wire.always(wire.other_transaction), None),
    "wrong unit": (wire.always(wire.other_unit), None),
    "no registers": (wire.always(wire.no_registers), None),
    "too few registers": (wire.always(wire.one_register_less), None),
    "gateway target silent": (wire.always(wire.exception(11)), None),
    "device failure": (wire.always(wire.exception(4)), None),
}


@pytest.mark.parametrize("spoil", LASTING, ids=lambda name: name.replace(" ", "_"))
async def test_a_wire_that_stays_spoilt_hands_the_plant_back(wired: Make, spoil: str) -> None:
    small = await wired()
    await small.in_charge()
    began_s = small.behind.now_s
    small.spoil(*LASTING[spoil])
    await small.run(15)
    seen = small.done[-1].record.given.snapshot.readings
    assert {(r.value, r.status) for r in seen.values()} == {(None, Status.MISSING)}
    assert all(r.detail for r in seen.values())
    small.assert_back_under_the_bas(Condition.INLET_UNKNOWN)
    assert small.requests()[-1][0] <= began_s, "nothing reached the device that could not be read"


A_WHOLE_BLOCK = 100  # bytes: a reply of the cycle's, not of the guard's few points

MOMENTARY = {
    "lost": lambda: wire.first(wire.swallow, A_WHOLE_BLOCK),
    "half frame": lambda: wire.first(wire.half, A_WHOLE_BLOCK),
    "garbage": lambda: wire.first(wire.garbage, A_WHOLE_BLOCK),
    "wrong transaction": lambda: wire.first(wire.other_transaction, A_WHOLE_BLOCK),
    "wrong unit": lambda: wire.first(wire.other_unit, A_WHOLE_BLOCK),
    "no registers": lambda: wire.first(wire.no_registers, A_WHOLE_BLOCK),
    "busy": lambda: wire.first(wire.exception(6), A_WHOLE_BLOCK),
    "split": lambda: wire.drip,
    "coalesced": lambda: wire.first(wire.twice, A_WHOLE_BLOCK),
}


@pytest.mark.parametrize("spoil", MOMENTARY, ids=lambda name: name.replace(" ", "_"))
async def test_a_moment_of_trouble_holds_what_is_in_force_and_no_more(wired: Make, spoil: str) -> None:
    small = await wired()
    await small.in_charge()
    small.spoil(MOMENTARY[spoil]())
    await small.run(5)
    small.assert_in_charge_still()
    await small.run(5)
    small.assert_in_charge_still()
    assert small.mode is Mode.RESET
