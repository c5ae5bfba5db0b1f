"""A secured OPC UA server whose certificate stops being good under a daemon in charge of a site with two devices: who is told what, and who is in charge."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hil.devices import opcua_security
from plant_models.site.opcua import OpcUa
from plant_models.site.topology import Site
from safety.modes import Condition
from safety.records import FaultCause, Status
from safety.signals import Authority
from tests.controller.fieldbus.opcua_server import Certificate
from tests.failures.conftest import Make, Rig

AIR = "air-server"
INLET, CHWS = "hall-a.rack_inlet_max_c", "plant.chws_setpoint_c"
SERVER_URI = f"urn:coldaisle:bench:{AIR}"


def secured(folder: Path) -> Any:
    def change(site: Site) -> Site:
        air = replace(site.device[AIR], opcua=OpcUa(security="Basic256Sha256"))
        return replace(site, device={**site.device, AIR: air}, persistence=replace(site.persistence, directory=folder))

    return change


def show(folder: Path, certificate: Certificate) -> None:
    """From its next start on the server shows this one."""
    of_server = folder / "bench-opcua"
    of_server.mkdir(parents=True, exist_ok=True)
    (of_server / f"{AIR}.der").write_bytes(certificate.der)
    (of_server / f"{AIR}.pem").write_bytes(certificate.pem)


def trust(folder: Path, certificate: Certificate, name: str) -> None:
    trusted = folder / "opcua" / "trusted"
    trusted.mkdir(parents=True, exist_ok=True)
    (trusted / name).write_bytes(certificate.der)


async def in_charge(wired: Make, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    async def as_it_is(*_: object) -> None: ...

    monkeypatch.setattr(opcua_security, "setup_self_signed_certificate", as_it_is)
    good = Certificate(uri=SERVER_URI)
    show(folder, good)
    trust(folder, good, "good.der")
    site = await wired("reference-a", change_site=secured(folder))
    await site.in_charge()
    return site


async def restart(site: Rig, folder: Path, certificate: Certificate) -> None:
    air = next(d for d in site.bench.devices if d.name == AIR)
    await air.close()
    show(folder, certificate)
    await air.open()


@pytest.mark.parametrize(
    ("certificate", "trusted", "says"),
    [
        (Certificate(uri=SERVER_URI, begins_days=-30, ends_days=-1), True, "expired on"),
        (Certificate(uri=SERVER_URI, begins_days=2), True, "is not valid before"),
        (Certificate(uri=SERVER_URI), False, "is not trusted"),
    ],
    ids=["expired", "not_yet_valid", "untrusted"],
)
async def test_a_certificate_that_is_not_good_any_more_hands_the_plant_back_and_the_rest_is_read(
    wired: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, certificate: Certificate, trusted: bool, says: str
) -> None:
    site = await in_charge(wired, tmp_path, monkeypatch)
    if trusted:
        trust(tmp_path, certificate, "also.der")
    await restart(site, tmp_path, certificate)
    await site.run(9)  # the BAS comes back at the slower of each setpoint's rates
    reading = site.last(INLET)
    assert (reading.value, reading.status, site.fault(INLET)) == (None, Status.MISSING, FaultCause.MISSING)
    assert says in reading.detail or "left alone" in reading.detail
    assert site.last("plant.chws_temp_c").status is Status.GOOD, "the daemon goes on with what remains"
    site.assert_back_under_the_bas(Condition.INLET_UNKNOWN)
    assert site.authority(CHWS) is not Authority.REMOTE
    if not trusted:
        trust(tmp_path, certificate, "now.der")
        await site.answering(INLET)
        await site.mended()
