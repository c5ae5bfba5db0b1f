"""Modbus peers that a test holds in its hands: slaves on a serial line or behind TCP, and certificates made for a moment."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import os
import ssl
import struct
import tty
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pymodbus.framer.rtu import FramerRTU

from plant_models.site.codec import encode
from plant_models.site.links import Serial
from plant_models.site.points import Point, WriteClass
from plant_models.site.topology import Device

Say = Callable[[bytes], None]
Tamper = Callable[[bytes, Say], bytes | None]


def point(signal: str, address: str, kind: str = "float32", scale: float = 1.0, unit: str = "degC", device: str = "plc", order: str = "ABCD") -> Point:
    return Point(signal, "modbus", device, address, kind, order, scale, 0.0, unit, "rw", 30.0, None, None, WriteClass.VOLATILE)


def sealed(frame: bytes) -> bytes:
    """The checksum is the library's, not ours."""
    return frame + FramerRTU.compute_CRC(frame).to_bytes(2, "big")


@dataclass
class Slaves:
    """The units on one line: holding registers by unit; ``dead`` ones are silent. ``tamper`` sees each reply and may spoil, keep or delay it."""

    registers: dict[int, list[int]] = field(default_factory=lambda: {unit: [0] * 200 for unit in (1, 2, 3)})
    dead: set[int] = field(default_factory=set)
    tamper: Tamper | None = None
    deaf: Callable[[], bool] = lambda: False
    heard: list[bytes] = field(default_factory=list)

    def put(self, point: Point, value: float) -> None:
        unit, number = point.address.split(":")
        words, offset = encode(point, value), int(number[1:]) - 1
        self.registers[int(unit)][offset : offset + len(words)] = words

    def functions(self) -> list[int]:
        return [frame[1] for frame in self.heard]

    def take(self, buffer: bytearray, say: Say) -> None:
        """Answers the requests that stand whole in the buffer."""
        while len(buffer) >= 8:
            size = {16: 9 + buffer[6], 22: 10}.get(buffer[1], 8)
            if len(buffer) < size:
                return
            frame = bytes(buffer[:size])
            del buffer[:size]
            assert sealed(frame[:-2]) == frame
            if self.deaf():
                continue
            self.heard.append(frame)
            if frame[0] in self.dead or frame[0] not in self.registers:
                continue
            reply: bytes | None = sealed(frame[:1] + self.answer(frame[0], frame[1], frame[2:-2]))
            if self.tamper is not None and reply is not None:
                reply = self.tamper(reply, say)
            if reply is not None:
                say(reply)

    def answer(self, unit: int, function: int, body: bytes) -> bytes:
        memory, (offset, number) = self.registers[unit], struct.unpack_from(">HH", body)
        if function in (3, 4):
            if offset + number > len(memory):
                return bytes((function | 0x80, 2))
            return struct.pack(f">BB{number}H", function, 2 * number, *memory[offset : offset + number])
        if function == 6:
            memory[offset] = number
            return bytes((function,)) + body
        if function == 16:
            memory[offset : offset + number] = struct.unpack_from(f">{number}H", body, 5)
            return bytes((function,)) + body[:4]
        if function == 22:
            (ones,) = struct.unpack_from(">H", body, 4)
            memory[offset] = memory[offset] & number | ones & ~number
            return bytes((function,)) + body
        return bytes((function | 0x80, 1))


class SerialPeer:
    """Slaves at the far end of a pty, which takes any speed but no parity."""

    def __init__(self, slaves: Slaves) -> None:
        self._near, self._far = os.openpty()
        tty.setraw(self._far)
        os.set_blocking(self._near, False)
        self.path = Path(os.ttyname(self._far))
        self._buffer, self._slaves = bytearray(), slaves
        asyncio.get_running_loop().add_reader(self._near, self._readable)
        self.device = Device("modbus", transport="rtu", serial=Serial(self.path, 115200, "none"), quiet_wall_s=0.1)

    def _readable(self) -> None:
        self._buffer += os.read(self._near, 4096)
        self._slaves.take(self._buffer, self.say)

    def say(self, data: bytes) -> None:
        if self._near >= 0:
            os.write(self._near, data)

    async def close(self) -> None:
        if self._near >= 0:
            asyncio.get_running_loop().remove_reader(self._near)
            os.close(self._near)
            os.close(self._far)
            self._near = -1


class TcpPeer:
    """Slaves behind a gateway that passes the frames of its serial line through."""

    def __init__(self, slaves: Slaves) -> None:
        self._slaves, self._server, self._tasks = slaves, None, set()
        self.accepted = 0

    async def open(self) -> TcpPeer:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.device = Device("modbus", port=self._server.sockets[0].getsockname()[1], transport="rtu-over-tcp", quiet_wall_s=0.1)
        return self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self._tasks.add(asyncio.current_task())
        self.say: Say = lambda data: None if writer.is_closing() else writer.write(data)
        buffer = bytearray()
        with suppress(OSError, asyncio.CancelledError):
            while data := await reader.read(4096):
                buffer += data
                self._slaves.take(buffer, self._pass_on)
        writer.close()

    def _pass_on(self, data: bytes) -> None:
        """A line has one end: what comes late goes to whoever is connected then."""
        self.say(data)

    async def close(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@dataclass(frozen=True)
class Authority:
    """Signs certificates for a moment, each a pair of PEM files in ``folder``."""

    folder: Path
    name: str = "site authority"
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def file(self) -> Path:
        path = self.folder / f"{self.name.replace(' ', '-')}.pem"
        if not path.exists():
            path.write_bytes(self._signed(self.name, self.key, [], days=(-1, 30), authority=True))
        return path

    def issue(self, name: str, hosts: Iterable[str] = (), days: tuple[float, float] = (-1, 30)) -> tuple[Path, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        paths = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        paths[0].write_bytes(self._signed(name, key, hosts, days))
        form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
        return paths

    def _signed(self, name: str, key: ec.EllipticCurvePrivateKey, hosts: Iterable[str], days: tuple[float, float], authority: bool = False) -> bytes:
        now = datetime.datetime.now(datetime.UTC)
        subject, issuer = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, n)]) for n in (name, self.name))
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key()).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now + datetime.timedelta(days[0])).not_valid_after(now + datetime.timedelta(days[1]))
        builder = builder.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        if not authority:
            builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        if names := [x509.IPAddress(ipaddress.ip_address(h)) if h[0].isdigit() else x509.DNSName(h) for h in hosts]:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def server_context(authority: Authority, pair: tuple[Path, Path], newest: bool = True) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    context.load_verify_locations(authority.file)
    context.verify_mode = ssl.CERT_REQUIRED
    if not newest:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


def with_keys(device: Device, **keys: object) -> Device:
    return replace(device, **keys)  # type: ignore[arg-type]


@asynccontextmanager
async def null_modem() -> AsyncIterator[tuple[Path, Path]]:
    """Two serial ports, each the far end of the other."""
    loop = asyncio.get_running_loop()
    pairs = [os.openpty() for _ in range(2)]
    for near, far in pairs:
        tty.setraw(far)
        os.set_blocking(near, False)

    def pump(source: int, target: int) -> None:
        with suppress(OSError):
            os.write(target, os.read(source, 4096))

    for (source, _), (target, _) in (pairs, pairs[::-1]):
        loop.add_reader(source, pump, source, target)
    yield Path(os.ttyname(pairs[0][1])), Path(os.ttyname(pairs[1][1]))
    for pair in pairs:
        loop.remove_reader(pair[0])
        for fd in pair:
            os.close(fd)
