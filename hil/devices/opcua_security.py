"""Security of a simulated OPC UA device: the one policy that ``site.toml`` asks for, a certificate kept on disk, and who is let in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from asyncua import ua
from asyncua.crypto.cert_gen import setup_self_signed_certificate
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.server import Server
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from plant_models.site.opcua import OpcUa, password_of


class Secured:
    """What a device offers and whom it lets in: who has the password or the user's certificate, or anybody where no user is named.

    Any client's own certificate is taken, this is a bench. The device's certificate, ``<folder>/<device>.der``, stays the same over
    restarts, so that a person has to trust it once only.
    """

    def __init__(self, of: OpcUa, folder: Path, site_directory: Path) -> None:
        """Takes a device's settings, where certificates are kept, and what paths in ``site.toml`` are relative to."""
        self._of, self._folder, self._site_directory = of, folder, site_directory

    async def apply(self, server: Server, name: str) -> None:
        """Sets policy, certificate and tokens of a server that was not started yet; the certificate is made where there is none."""
        uri = f"urn:coldaisle:bench:{name}"
        certificate, key = self._folder / f"{name}.der", self._folder / f"{name}.pem"
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        await setup_self_signed_certificate(key, certificate, uri, "localhost", [ExtendedKeyUsageOID.SERVER_AUTH], {})
        key.chmod(0o600)
        await server.set_application_uri(uri)
        await server.load_certificate(certificate)
        await server.load_private_key(key)
        server.set_security_policy([ua.SecurityPolicyType[f"{self._of.security}_{self._of.mode}"]])
        server.set_identity_tokens([self._token])

    @property
    def _token(self) -> type:
        if self._of.user is not None:
            return ua.UserNameIdentityToken
        return ua.AnonymousIdentityToken if self._of.user_certificate is None else ua.X509IdentityToken

    def get_user(self, _server: Any, username: str | None = None, password: str | None = None, certificate: bytes | None = None) -> User | None:
        """Returns the user who is let in, None for anybody else; asyncua's own name."""
        of = self._of
        if of.user is not None:
            known = (username, password) == (of.user, password_of(of, self._site_directory))
        elif of.user_certificate is not None:
            content = (self._site_directory / of.user_certificate).read_bytes()
            loaded = x509.load_pem_x509_certificate(content) if content.startswith(b"-----BEGIN") else x509.load_der_x509_certificate(content)
            known = certificate == loaded.public_bytes(Encoding.DER)
        else:
            known = True
        return User(role=UserRole.User, name=username) if known else None
