"""OPC UA servers with security for the tests, certificates of any age, and a server in a process of its own that can be stopped and killed."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from asyncua import ua
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.server import Server
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from controller.fieldbus import Raw
from controller.fieldbus.opcua import OpcUaBus
from plant_models.site.points import Point, WriteClass
from safety.records import Status

URI = "urn:test:air"
SERVER_URI = "urn:test:server"
ALL_POLICIES = tuple(
    ua.SecurityPolicyType[f"{p}_{m}"] for p in ("Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss") for m in ("Sign", "SignAndEncrypt")
)
DAY = timedelta(days=1)
PATIENCE_S = 40.0


def point(signal: str, access: str = "r", stale_after_s: float = 60.0, kind: str = "float", **more: Any) -> Point:
    unit = {"c": "degC", "pct": "%"}.get(signal.split(".")[1].rsplit("_", 1)[-1], "1")
    address = f"nsu={URI};s={signal}"
    return Point(signal, "opcua", "air", address, kind, "", 1.0, 0.0, unit, access, stale_after_s, None, None, WriteClass.VOLATILE, **more)  # type: ignore[arg-type]


INLET, SUPPLY = point("hall-a.rack_inlet_max_c"), point("hall-a.crah_supply_temp_c")
REQUEST = point("hall-a.crah_supply_setpoint_c.request", "rw")


async def eventually(condition: Callable[[], bool]) -> None:
    """Waits until something is so."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if condition():
                return
            await asyncio.sleep(0.02)


async def until(bus: OpcUaBus, wanted: Point, holds: Callable[[Raw], bool]) -> Raw:
    """Reads a point again and again until something holds of it."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            raw = (await bus.read([wanted]))[wanted.signal]
            if holds(raw):
                return raw
            await asyncio.sleep(0.02)


async def until_good(bus: OpcUaBus, wanted: Point) -> float | None:
    """Reads a point until it is good, and returns its value."""
    return (await until(bus, wanted, lambda raw: raw.status is Status.GOOD)).value


@dataclass
class Certificate:
    """A certificate and its key, both as bytes; valid from and to days from now."""

    begins_days: float = -1.0
    ends_days: float = 365.0
    uri: str = SERVER_URI
    bits: int = 2048
    key: Any = field(default=None, repr=False)
    issuer: Certificate | None = field(default=None, repr=False)
    authority: bool = False
    der: bytes = field(default=b"", init=False, repr=False)
    pem: bytes = field(default=b"", init=False, repr=False)

    def __post_init__(self) -> None:
        self.key = self.key or rsa.generate_private_key(public_exponent=65537, key_size=self.bits)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority" if self.authority else "Test server")])
        issuer = x509.load_der_x509_certificate(self.issuer.der).subject if self.issuer else name
        names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(self.uri), x509.DNSName("localhost")])
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(issuer).public_key(self.key.public_key()).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now + self.begins_days * DAY).not_valid_after(now + self.ends_days * DAY).add_extension(names, critical=False)
        builder = builder.add_extension(x509.BasicConstraints(ca=self.authority, path_length=None), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        self.der = builder.sign(self.issuer.key if self.issuer else self.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
        self.pem = self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())

    @property
    def loaded(self) -> x509.Certificate:
        return x509.load_der_x509_certificate(self.der)


class Users:
    """Lets in who has the password or shows the certificate, and anybody without a name while ``anonymous``."""

    def __init__(self) -> None:
        self.password, self.certificate, self.anonymous, self.asked = "correct horse", b"", True, 0

    def get_user(self, _server: Any, username: str | None = None, password: str | None = None, certificate: Any = None) -> User | None:
        self.asked += 1
        if username is not None:
            return User(role=UserRole.User, name=username) if (username, password) == ("coldaisle", self.password) else None
        if self.certificate:
            return User(role=UserRole.User) if certificate == self.certificate else None
        return User(role=UserRole.User) if self.anonymous else None


@dataclass
class SecureServer:
    """An OPC UA server with every policy; its address space is built once, certificate and tokens may change between starts."""

    certificate: Certificate | None = None
    points: Sequence[Point] = (INLET, SUPPLY, REQUEST)
    policies: Sequence[Any] = ALL_POLICIES
    port: int = 0
    users: Users = field(default_factory=Users)
    validator: Any = None
    nodes: dict[str, Any] = field(default_factory=dict)
    _server: Server | None = None

    async def start(self) -> None:
        if self._server is None:
            self._server = await self._build()
        server = self._server
        server.set_endpoint(f"opc.tcp://127.0.0.1:{self.port}/test/")
        server.iserver.endpoints.clear()
        server._policies.clear()
        server.set_security_policy(list(self.policies))
        server.iserver.certificate_validator = self.validator
        if self.certificate is not None:
            await server.load_certificate(self.certificate.der, "der")
            await server.load_private_key(self.certificate.pem, None, "pem")
        await server.start()
        assert server.bserver is not None
        self.port = int(server.bserver.port)

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop()

    async def restart(self, **changes: Any) -> None:
        await self.stop()
        for name, value in changes.items():
            setattr(self, name, value)
        await self.start()

    async def _build(self) -> Server:
        server = Server(user_manager=self.users)  # type: ignore[arg-type]  # it takes any with get_user
        await server.init()
        await server.set_application_uri(SERVER_URI)
        index = await server.register_namespace(URI)
        for one in self.points:
            kind = next(v for v in ua.VariantType if v.name.lower() == one.type)
            self.nodes[one.signal] = node = await server.nodes.objects.add_variable(ua.NodeId(one.signal, index), one.signal, 20.0, kind)
            await node.set_writable(one.writable)
        return server

    async def put(self, signal: str, value: float, status: int = ua.StatusCodes.Good, at: datetime | None = None) -> None:
        variant = ua.Variant(value, ua.VariantType.Float)
        await self.nodes[signal].write_value(ua.DataValue(variant, ua.StatusCode(ua.UInt32(status)), at or datetime.now(UTC)))  # type: ignore[arg-type]

    @property
    def iserver(self) -> Any:
        assert self._server is not None
        return self._server.iserver


async def serve(port: int, before: int) -> None:
    """Serves two points that count up, until killed; ``before`` namespaces stand before theirs."""
    server = SecureServer(policies=[ua.SecurityPolicyType.NoSecurity], port=port)
    server._server = Server()
    await server._server.init()
    for number in range(before):
        await server._server.register_namespace(f"urn:other:{number}")
    index = await server._server.register_namespace(URI)
    nodes = [await server._server.nodes.objects.add_variable(ua.NodeId(p.signal, index), p.signal, 20.0, ua.VariantType.Float) for p in (INLET, SUPPLY)]
    await server.start()
    sys.stdout.write(f"{server.port}\n")
    sys.stdout.flush()
    count = 0
    while True:
        count += 1
        await nodes[0].write_value(ua.Variant(20.0 + count % 1000 / 100, ua.VariantType.Float))
        await asyncio.sleep(0.1)


@dataclass
class ServerProcess:
    """A server in a process of its own."""

    port: int = 0
    before: int = 0
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        arguments = ("-m", "tests.controller.fieldbus.opcua_server", "--port", str(self.port), "--before", str(self.before))
        root = Path(__file__).parents[3]
        self.process = await asyncio.create_subprocess_exec(sys.executable, *arguments, cwd=root, stdout=asyncio.subprocess.PIPE)
        assert self.process.stdout is not None
        self.port = int(await self.process.stdout.readline())

    def send(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    async def kill(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.communicate()
        self.process = None


if __name__ == "__main__":
    asked = argparse.ArgumentParser()
    asked.add_argument("--port", type=int, default=0)
    asked.add_argument("--before", type=int, default=0)
    given = asked.parse_args()
    asyncio.run(serve(given.port, given.before))
