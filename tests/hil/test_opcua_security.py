"""The simulated OPC UA device with security: one policy, one certificate, and who is let in."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from asyncua import Client, ua
from asyncua.crypto.cert_gen import setup_self_signed_certificate
from asyncua.crypto.security_policies import SecurityPolicyAes256Sha256RsaPss
from asyncua.ua.uaerrors import BadUserAccessDenied
from cryptography.x509.oid import ExtendedKeyUsageOID

from hil.devices.opcua import OpcUaDevice
from hil.devices.opcua_security import Secured
from hil.devices.watch import Watch
from plant_models.site.opcua import OpcUa
from plant_models.site.points import Point

URI = "urn:coldaisle:site:air"
SUPPLY = "hall-a.crah_supply_temp_c"


async def _client(device: OpcUaDevice, folder: Path, password: str) -> Client:
    client = Client(f"opc.tcp://127.0.0.1:{device.port}/coldaisle/")
    client.application_uri = "urn:test:client"
    key, certificate = folder / "client.pem", folder / "client.der"
    await setup_self_signed_certificate(key, certificate, client.application_uri, "localhost", [ExtendedKeyUsageOID.CLIENT_AUTH], {})
    await client.set_security(SecurityPolicyAes256Sha256RsaPss, certificate, key, mode=ua.MessageSecurityMode.Sign)
    client.set_user("coldaisle")
    client.set_password(password)
    return client


async def test_it_offers_what_is_asked_for_and_nothing_less(row: Callable[..., Point], double: Any, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("correct horse\n")
    of = OpcUa(security="Aes256Sha256RsaPss", mode="Sign", user="coldaisle", password_file=Path("password"))
    points = (row(SUPPLY, f"nsu={URI};s=supply", "float"),)
    device = OpcUaDevice("air", points, double(**{SUPPLY: 19.5}), Watch(), path="/coldaisle/", secured=Secured(of, tmp_path / "keys", tmp_path))
    await device.open()
    kept = (tmp_path / "keys" / "air.der").read_bytes()
    assert stat.S_IMODE((tmp_path / "keys" / "air.pem").stat().st_mode) == 0o600

    endpoints = await Client(f"opc.tcp://127.0.0.1:{device.port}/coldaisle/").connect_and_get_server_endpoints()
    assert [(e.SecurityMode.name, e.SecurityPolicyUri, e.ServerCertificate) for e in endpoints] == [("Sign", SecurityPolicyAes256Sha256RsaPss.URI, kept)]
    assert [t.TokenType for t in endpoints[0].UserIdentityTokens] == [ua.UserTokenType.UserName]

    with pytest.raises(BadUserAccessDenied):
        await (await _client(device, tmp_path, "wrong horse")).connect()
    async with await _client(device, tmp_path, "correct horse") as client:
        node = client.get_node(f"ns={await client.get_namespace_index(URI)};s=supply")
        assert await node.read_value() == 19.5
    await device.close()
    assert (tmp_path / "keys" / "air.der").read_bytes() == kept
