"""The frames of a serial line that fail under a daemon in charge: nothing but a checksum, a unit and time say whose reply comes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from plant_models.site.topology import Site
from safety.modes import Condition, Mode
from safety.records import Status
from tests.controller.fieldbus.modbus_peers import sealed
from tests.failures import wire
from tests.failures.conftest import TIMEOUT_S, Make, Rig

LONG = 60  # bytes: a reply of the cycle's, not of the guard's few points


def rtu(site: Site, **keys: Any) -> Site:
    return replace(site, device={name: replace(d, transport="rtu-over-tcp", quiet_wall_s=0.05, **keys) for name, d in site.device.items()})


def flipped(data: bytes) -> bytes:
    return data[:4] + bytes((data[4] ^ 1,)) + data[5:]


def of_another_unit(data: bytes) -> bytes:
    return sealed(bytes((data[0] + 1,)) + data[1:-2])


def garbage(data: bytes) -> bytes:
    return b"\x55\xaa\x33" * 5


async def under_rtu(wired: Make, **keys: Any) -> Rig:
    site = await wired(change_site=lambda site: rtu(site, **keys))
    await site.in_charge()
    return site


LASTING = {
    "a wrong checksum": wire.always(flipped),
    "of another unit": wire.always(of_another_unit),
    "garbage": wire.always(garbage),
    "silence": wire.always(wire.swallow),
    "late": wire.late(1.2 * TIMEOUT_S),
}


@pytest.mark.parametrize("spoil", LASTING, ids=lambda name: name.replace(" ", "_"))
async def test_a_line_that_stays_spoilt_hands_the_plant_back_and_is_taken_up_again(wired: Make, spoil: str) -> None:
    site = await under_rtu(wired)
    began_s = site.behind.now_s
    site.spoil(LASTING[spoil])
    await site.run(7)
    seen = site.done[-1].record.given.snapshot.readings
    assert {(r.value, r.status) for r in seen.values()} == {(None, Status.MISSING)}
    site.assert_back_under_the_bas(Condition.INLET_UNKNOWN)
    assert site.requests()[-1][0] <= began_s
    if spoil == "late":
        site.spoil()
        await site.mended()


@pytest.mark.parametrize("change", [flipped, wire.swallow], ids=lambda c: c.__name__)
async def test_one_spoilt_frame_costs_nothing_where_reads_are_repeated(wired: Make, change: Any) -> None:
    site = await under_rtu(wired, read_retries=1)
    site.spoil(wire.first(change, LONG))
    await site.run(6)
    site.assert_in_charge_still()
    assert site.mode is Mode.RESET
    assert {r.status for d in site.done[-1:] for r in d.record.given.snapshot.readings.values()} == {Status.GOOD}
