"""Certificates of OPC UA on disk: the daemon's own, made on the first start, and which servers are trusted; nothing here talks to a server.

``own/`` holds the daemon's certificate and key, ``trusted/`` servers' certificates or those of their issuers, put there by a person, and
``rejected/`` what unknown servers have shown. The folders are looked at anew for each connection, so trust needs no restart.
"""

from __future__ import annotations

import os
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import structlog
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

log = structlog.get_logger()

WARN_BEFORE: Final = timedelta(days=30)
_VALID: Final = timedelta(days=5 * 365)
_BACKDATED: Final = timedelta(days=1)  # a server whose clock is behind would call a new certificate not yet valid
_KEY_BITS: Final = 2048
_KEY_BITS_LEAST: Final = 2048  # of all three policies
_REJECTED_MOST: Final = 50  # a stranger must not fill the disk
_TOLD_MOST: Final = 200
_SUFFIXES: Final = (".der", ".pem", ".crt", ".cer")


class Refused(ValueError):  # noqa: N818  # a refusal is a statement about the peer, not a fault of the program
    """Why a server is not spoken to, in a sentence that says what to do about it."""


@dataclass(frozen=True, slots=True)
class Own:
    """The daemon's certificate (DER), its key (PEM), the application URI that stands in the certificate, and when it ends."""

    certificate: bytes
    key: bytes
    application_uri: str
    ends: datetime
    path: Path


class Keys:
    """The folders of one site's certificates."""

    def __init__(self, directory: Path, site_directory: Path = Path()) -> None:
        """Takes the folder for own, trusted and rejected certificates, and the one that paths in ``site.toml`` are relative to."""
        self.directory, self.site_directory = directory, site_directory
        self.trusted, self.rejected = directory / "trusted", directory / "rejected"
        self._making = threading.Lock()
        self._told: set[tuple[str, str]] = set()

    def own(self) -> Own:
        """Returns the daemon's certificate and key, made now where there are none; takes a moment then, so call it in a thread.

        Raises Refused where they cannot be made, read, or do not belong together.
        """
        folder = self.directory / "own"
        certificate_file, key_file = folder / "certificate.der", folder / "key.pem"
        with self._making:
            try:
                for made in (folder, self.trusted, self.rejected):
                    made.mkdir(parents=True, exist_ok=True, mode=0o700)
                if not key_file.exists():
                    _write_key(key_file)
                key_pem = key_file.read_bytes()
                key = serialization.load_pem_private_key(key_pem, None)
                if not isinstance(key, rsa.RSAPrivateKey):
                    raise Refused(f"{key_file} holds no RSA key; remove it and {certificate_file} to have new ones made")
                if not certificate_file.exists():
                    _write_certificate(certificate_file, key)
                certificate = _loaded(certificate_file)
                uris = _uris(certificate)
            except Refused:
                raise
            except (OSError, ValueError, TypeError) as error:
                raise Refused(f"own certificate in {folder}: {error}") from error
        if certificate.public_key() != key.public_key() or not uris:
            raise Refused(f"{certificate_file} does not belong to {key_file} or has no application URI; remove it to have a new one made")
        der = certificate.public_bytes(serialization.Encoding.DER)
        return Own(der, key_pem, uris[0], certificate.not_valid_after_utc, certificate_file)

    def judge(self, certificate: x509.Certificate, application_uri: str | None, url: str, now: datetime | None = None) -> None:
        """Returns for a server's certificate that may be relied on.

        Raises Refused for one that is unknown (and puts it into ``rejected/``), not valid now, too weak, or another application's.
        """
        at = datetime.now(UTC) if now is None else now
        name = certificate.subject.rfc4514_string()
        if not self._is_trusted(certificate, at):
            kept = self._reject(certificate)
            print_of = certificate.fingerprint(hashes.SHA256()).hex()
            raise Refused(f"the certificate of {url} is not trusted ({name}, SHA-256 {print_of}); if that is the server's own, move {kept} to {self.trusted}")
        if at > certificate.not_valid_after_utc:
            raise Refused(f"the certificate of {url} ({name}) expired on {_day(certificate.not_valid_after_utc)}; renew it in the server and trust the new one")
        if at < certificate.not_valid_before_utc:
            begins, here = (t.isoformat(timespec="minutes") for t in (certificate.not_valid_before_utc, at))
            raise Refused(f"the certificate of {url} ({name}) is not valid before {begins}, here it is {here}; see which clock is wrong")
        public = certificate.public_key()
        if not isinstance(public, rsa.RSAPublicKey) or public.key_size < _KEY_BITS_LEAST:
            raise Refused(f"the certificate of {url} ({name}) has no RSA key of at least {_KEY_BITS_LEAST} bits; renew it in the server")
        if application_uri is not None and application_uri not in _uris(certificate):
            whose = ", ".join(_uris(certificate)) or "no application"
            raise Refused(f"the certificate of {url} ({name}) is that of {whose}, the server calls itself {application_uri}")

    def ending(self, whose: str, ends: datetime, now: datetime | None = None) -> str:
        """Returns a sentence where a certificate ends within 30 days, and logs it once a day; empty otherwise."""
        at = datetime.now(UTC) if now is None else now
        if ends - at > WARN_BEFORE:
            return ""
        days = (ends - at).days
        says = f"{whose} expired on {_day(ends)}" if ends <= at else f"{whose} expires on {_day(ends)}, in {days} days"
        self.tell("opcua_certificate_ends", says, _day(at))
        return says

    def tell(self, event: str, says: str, again: str = "") -> None:
        """Logs a warning, once for each text and ``again``."""
        if (says, again) not in self._told:
            if len(self._told) >= _TOLD_MOST:
                self._told.clear()
            self._told.add((says, again))
            log.warning(event, says=says)

    def _is_trusted(self, certificate: x509.Certificate, at: datetime) -> bool:
        return any(known == certificate or _issued(known, certificate, at) for known in self._trusted_certificates())

    def _trusted_certificates(self) -> Iterator[x509.Certificate]:
        for path in sorted(self.trusted.glob("*")):
            if path.suffix.lower() not in _SUFFIXES:
                continue
            try:
                yield _loaded(path)
            except (OSError, ValueError) as error:
                self.tell("opcua_certificate_unreadable", f"{path} is no certificate and trusts nobody: {error}")

    def _reject(self, certificate: x509.Certificate) -> Path:
        names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        word = re.sub(r"[^A-Za-z0-9.-]+", "-", str(names[0].value))[:40].strip("-.") if names else "server"
        path = self.rejected / f"{word or 'server'}-{certificate.fingerprint(hashes.SHA256()).hex()[:16]}.der"
        try:
            if not path.exists():
                self.rejected.mkdir(parents=True, exist_ok=True, mode=0o700)
                older = sorted(self.rejected.glob("*.der"), key=lambda p: p.stat().st_mtime)
                for old in older[: max(len(older) - _REJECTED_MOST + 1, 0)]:
                    old.unlink()
                path.write_bytes(certificate.public_bytes(serialization.Encoding.DER))
        except OSError as error:
            self.tell("opcua_rejected_not_kept", f"{path} could not be written: {error}")
        return path


def _issued(issuer: x509.Certificate, certificate: x509.Certificate, at: datetime) -> bool:
    """Returns whether a trusted authority that is valid now has signed a certificate."""
    try:
        authority = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        if not authority or not issuer.not_valid_before_utc <= at <= issuer.not_valid_after_utc:
            return False
        certificate.verify_directly_issued_by(issuer)
    except (x509.ExtensionNotFound, ValueError, TypeError, InvalidSignature):
        return False
    return True


def _loaded(path: Path) -> x509.Certificate:
    content = path.read_bytes()
    return x509.load_pem_x509_certificate(content) if content.lstrip().startswith(b"-----BEGIN") else x509.load_der_x509_certificate(content)


def _uris(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return list(names.get_values_for_type(x509.UniformResourceIdentifier))


def _write_key(path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)


def _write_certificate(path: Path, key: rsa.RSAPrivateKey) -> None:
    """Writes a self-signed certificate as OPC 10000-6, 6.2.2 asks of a client's."""
    host = socket.gethostname() or "localhost"
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "coldaisle"), x509.NameAttribute(NameOID.ORGANIZATION_NAME, host[:64])])
    now = datetime.now(UTC)
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=True,
        data_encipherment=True,
        key_agreement=False,
        key_cert_sign=True,  # of itself
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    uri = x509.UniformResourceIdentifier(f"urn:{re.sub(r'[^A-Za-z0-9.-]', '-', host)}:coldaisle")
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + _VALID)
        .add_extension(x509.SubjectAlternativeName([uri, x509.DNSName(re.sub(r"[^A-Za-z0-9.-]", "-", host))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
    )
    path.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER))


def _day(at: datetime) -> str:
    return at.date().isoformat()
