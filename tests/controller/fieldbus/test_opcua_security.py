"""OPC UA with security, on the wire: policies, users, certificates of every kind, and what a person is told to do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from asyncua import ua
from asyncua.common.utils import ServiceError
from structlog.testing import capture_logs

from controller.fieldbus import Raw
from controller.fieldbus.opcua import OpcUaBus
from controller.fieldbus.opcua_security import Keys, Refused
from plant_models.site.opcua import OpcUa
from plant_models.site.topology import Device
from safety.records import Outcome, Status
from tests.controller.fieldbus.opcua_server import INLET, REQUEST, Certificate, SecureServer, until_good

pytestmark = pytest.mark.asyncio(loop_scope="module")  # a server is shared by the tests of a module

FINE = OpcUa(security="Basic256Sha256")


@pytest.fixture(scope="module")
def good() -> Certificate:
    return Certificate()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(good: Certificate) -> AsyncIterator[SecureServer]:
    server = SecureServer(good)
    await server.start()
    yield server
    await server.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def server(shared: SecureServer, good: Certificate) -> AsyncIterator[SecureServer]:
    shared.users.__init__()  # type: ignore[misc]
    yield shared
    if shared.certificate is not good or shared.validator is not None:
        await shared.restart(certificate=good, validator=None)


@pytest.fixture
def keys(tmp_path: Path, good: Certificate) -> Keys:
    made = Keys(tmp_path / "opcua", tmp_path)
    made.trusted.mkdir(parents=True)
    (made.trusted / "server.der").write_bytes(good.der)
    return made


async def read(server: SecureServer, of: OpcUa, keys: Keys | None) -> Raw:
    bus = OpcUaBus(Device("opcua", port=server.port, path="/test/", opcua=of), 10.0, 10.0, keys=keys)
    try:
        return (await bus.read([INLET]))[INLET.signal]
    finally:
        await bus.close()


@pytest.mark.parametrize("mode", ["Sign", "SignAndEncrypt"])
@pytest.mark.parametrize("policy", ["Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss"])
async def test_every_policy_and_mode_reads_and_writes(server: SecureServer, keys: Keys, policy: Any, mode: Any) -> None:
    bus = OpcUaBus(Device("opcua", port=server.port, path="/test/", opcua=OpcUa(security=policy, mode=mode)), 10.0, 10.0, keys=keys)
    assert (await bus.read([INLET]))[INLET.signal].value == 20.0
    assert dict(await bus.write([(REQUEST, 18.5)])) == {REQUEST.signal: Outcome.VERIFIED}
    assert await server.nodes[REQUEST.signal].read_value() == 18.5
    assert bus._session is not None
    assert bus._session.client.security_policy.Mode.name == mode
    assert bus._session.client.certificate_validator is not None
    await bus.close()


async def test_what_the_server_does_not_offer_is_refused_with_what_it_does(server: SecureServer, keys: Keys) -> None:
    raw = await read(server, OpcUa(), keys)
    assert (raw.value, raw.status) == (None, Status.MISSING)
    await server.restart(policies=[ua.SecurityPolicyType.Basic256Sha256_Sign])
    raw = await read(server, FINE, keys)
    await server.restart(policies=SecureServer.policies)
    assert (raw.value, raw.status) == (None, Status.MISSING)
    assert "does not offer Basic256Sha256 SignAndEncrypt; it offers Basic256Sha256 Sign" in raw.detail


async def test_an_unknown_server_is_put_aside_and_trusted_without_a_restart(server: SecureServer, tmp_path: Path, good: Certificate) -> None:
    keys = Keys(tmp_path / "opcua")
    bus = OpcUaBus(Device("opcua", port=server.port, path="/test/", opcua=FINE), 10.0, 10.0, keys=keys)
    with capture_logs() as logs:
        raw = (await bus.read([INLET]))[INLET.signal]
    (kept,) = keys.rejected.iterdir()
    assert kept.read_bytes() == good.der
    assert (raw.value, raw.status) == (None, Status.MISSING)
    assert "is not trusted (CN=Test server" in raw.detail
    assert f"move {kept} to {keys.trusted}" in raw.detail
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [("opcua_refused", "warning")]
    assert dict(await bus.write([(REQUEST, 30.0)])) == {REQUEST.signal: Outcome.UNREACHABLE}
    kept.rename(keys.trusted / kept.name)
    assert await until_good(bus, INLET) == 20.0
    await bus.close()


async def test_a_trusted_authority_vouches_for_its_servers(server: SecureServer, tmp_path: Path) -> None:
    authority = Certificate(authority=True)
    await server.restart(certificate=Certificate(issuer=authority))
    keys = Keys(tmp_path / "opcua")
    keys.trusted.mkdir(parents=True)
    (keys.trusted / "stranger.der").write_bytes(Certificate(authority=True).der)
    assert "is not trusted" in (await read(server, FINE, keys)).detail
    (keys.trusted / "authority.der").write_bytes(authority.der)
    assert (await read(server, FINE, keys)).status is Status.GOOD


@pytest.mark.parametrize(
    ("certificate", "says"),
    [
        (Certificate(begins_days=-30, ends_days=-1), "expired on"),
        (Certificate(begins_days=2), "is not valid before"),
        (Certificate(uri="urn:somebody:else"), "is that of urn:somebody:else, the server calls itself urn:test:server"),
        (Certificate(bits=1024), "has no RSA key of at least 2048 bits"),
    ],
    ids=["expired", "not yet valid", "of another application", "weak"],
)
async def test_a_trusted_certificate_that_cannot_be_relied_on_is_refused(server: SecureServer, keys: Keys, certificate: Certificate, says: str) -> None:
    (keys.trusted / "this.der").write_bytes(certificate.der)
    await server.restart(certificate=certificate)
    raw = await read(server, FINE, keys)
    assert (raw.value, raw.status) == (None, Status.MISSING)
    assert says in raw.detail


async def test_a_certificate_that_ends_soon_is_told_in_the_log_and_with_the_reading(server: SecureServer, keys: Keys) -> None:
    ending = Certificate(ends_days=9.5)
    (keys.trusted / "this.der").write_bytes(ending.der)
    await server.restart(certificate=ending)
    with capture_logs() as logs:
        raw = await read(server, FINE, keys)
        await read(server, FINE, keys)
    assert (raw.value, raw.status) == (20.0, Status.GOOD)
    assert "expires on" in raw.detail
    assert "in 9 days" in raw.detail
    assert [entry["event"] for entry in logs] == ["opcua_certificate_ends"]


async def test_the_certificate_of_the_session_is_judged_too(server: SecureServer, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str | None] = []

    def judged(self: Keys, _certificate: Any, uri: str | None, url: str, now: Any = None) -> None:
        seen.append(uri)
        if len(seen) == 2:
            raise Refused(f"the certificate of {url} is another one now")

    monkeypatch.setattr(Keys, "judge", judged)
    raw = await read(server, FINE, keys)
    assert (len(seen), raw.value, raw.status) == (2, None, Status.MISSING)
    assert "is another one now" in raw.detail


async def test_a_server_that_does_not_trust_us_is_told_apart(server: SecureServer, keys: Keys) -> None:
    async def distrust(_certificate: Any, _application: Any) -> None:
        raise ServiceError(ua.StatusCodes.BadCertificateUntrusted)

    await server.restart(validator=distrust)
    raw = await read(server, FINE, keys)
    assert (raw.value, raw.status) == (None, Status.MISSING)
    assert f"if the server does not trust us, give it {keys.directory / 'own' / 'certificate.der'}" in raw.detail


async def test_a_user_is_let_in_with_the_password_of_the_file(server: SecureServer, keys: Keys, tmp_path: Path) -> None:
    server.users.anonymous = False
    (tmp_path / "password").write_text("correct horse\n")
    of = OpcUa(security="Basic256Sha256", mode="Sign", user="coldaisle", password_file=Path("password"))
    assert (await read(server, of, keys)).status is Status.GOOD
    assert (await read(server, FINE, keys)).status is Status.MISSING


async def test_a_wrong_password_is_not_tried_again_and_again(server: SecureServer, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIR_PASSWORD", "wrong horse")
    of = OpcUa(security="Basic256Sha256", user="coldaisle", password_variable="AIR_PASSWORD")
    bus = OpcUaBus(Device("opcua", port=server.port, path="/test/", opcua=of), 10.0, 10.0, keys=keys)
    details = [(await bus.read([INLET]))[INLET.signal].detail for _ in range(3)]
    assert server.users.asked == 1
    assert all("BadUserAccessDenied" in d for d in details)
    assert "tried again in" in details[1]
    assert not any("wrong horse" in d for d in details)
    await bus.close()


async def test_a_password_that_is_missing_is_said_by_its_variable(server: SecureServer, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIR_PASSWORD", raising=False)
    raw = await read(server, OpcUa(security="Basic256Sha256", user="coldaisle", password_variable="AIR_PASSWORD"), keys)
    assert "no password for user coldaisle: the environment variable AIR_PASSWORD is not set" in raw.detail


async def test_a_password_never_goes_over_a_channel_that_can_be_read(server: SecureServer, keys: Keys, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("correct horse")
    for endpoint in server.iserver.endpoints:
        for token in endpoint.UserIdentityTokens:
            token.SecurityPolicyUri = "http://opcfoundation.org/UA/SecurityPolicy#None"
    of = OpcUa(security="Basic256Sha256", mode="Sign", user="coldaisle", password_file=tmp_path / "password")
    raw = await read(server, of, keys)
    await server.restart()
    assert "wants the password unencrypted" in raw.detail
    assert server.users.asked == 0


async def test_a_user_is_let_in_with_a_certificate(server: SecureServer, keys: Keys, tmp_path: Path) -> None:
    user = Certificate(uri="urn:test:user")
    (tmp_path / "user.der").write_bytes(user.der)
    (tmp_path / "user.pem").write_bytes(user.pem)
    of = OpcUa(security="Basic256Sha256", user_certificate=Path("user.der"), user_key=Path("user.pem"))
    server.users.certificate = user.der
    assert (await read(server, of, keys)).status is Status.GOOD
    server.users.certificate = b"another"
    assert "BadUserAccessDenied" in (await read(server, of, keys)).detail
