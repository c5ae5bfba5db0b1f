"""One session with an OPC UA server: secure channel, identity, what the server allows; a session that failed is never mended, a new one is made."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import structlog
from asyncua import ua
from asyncua.client.client import Client
from asyncua.common.utils import ServiceError
from asyncua.crypto import security_policies, uacrypto
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaError, UaStatusCodeError
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from controller.fieldbus.opcua_security import Keys, Own, Refused
from controller.fieldbus.opcua_values import name_of
from plant_models.site.address import parse_opcua_address
from plant_models.site.opcua import OpcUa, password_of
from plant_models.site.points import Point

# Every failure is returned with its reason; the library's own lines and traces would repeat it on stderr, outside of the daemon's log.
logging.getLogger("asyncua").setLevel(logging.CRITICAL + 1)
log = structlog.get_logger()

FAILURES: Final = (UaError, ServiceError, OSError, ValueError, AssertionError)
"""What the library raises for a lost, silent or unintelligible server (TimeoutError is an OSError; some refusals are bare assertions)."""
NODES_A_REQUEST: Final = 500
_SESSION_TIMEOUT_MS: Final = 60_000  # a server keeps few sessions, and one left by a crash counts until then (opcua-asyncio 351)
_KEEP_ALIVE_S: Final = 10.0
_GOODBYE_S: Final = 0.5
_NAMESPACES: Final = ua.NodeId(ua.Int32(ObjectIds.Server_NamespaceArray))
_LIMITS: Final = (
    ua.NodeId(ua.Int32(ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead)),
    ua.NodeId(ua.Int32(ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerWrite)),
    ua.NodeId(ua.Int32(ObjectIds.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall)),
)
_NOT_LET_IN: Final = frozenset({StatusCodes.BadUserAccessDenied, StatusCodes.BadIdentityTokenRejected, StatusCodes.BadIdentityTokenInvalid})
_FULL: Final = frozenset({StatusCodes.BadTooManySessions, StatusCodes.BadMaxConnectionsReached, StatusCodes.BadTooManyOperations})
_PATIENCE_S: Final = {"refused": 30.0, "full": 5.0}  # a wrong password tried again and again locks an account


@dataclass
class Session:
    """What is known of a server for as long as one connection to it lasts; ``ends`` is when which certificate ends."""

    client: Client
    namespaces: Mapping[str, int]
    read_chunk: int
    write_chunk: int
    items_chunk: int
    ends: tuple[tuple[str, datetime], ...] = ()
    types: dict[str, str] = field(default_factory=dict)
    nodes: dict[str, ua.NodeId] = field(default_factory=dict)

    def node(self, point: Point) -> ua.NodeId | None:
        """Returns a point's node, None where the server does not have its namespace."""
        if (known := self.nodes.get(point.address)) is not None:
            return known
        address = parse_opcua_address(point.address)
        index = self.namespaces.get(address.namespace_uri)
        if index is None:
            return None
        self.nodes[point.address] = node = ua.NodeId.from_string(f"ns={index};{address.kind}={address.identifier}")
        return node


class _Client(Client):
    """asyncua's client, except that it never sends a password that others on the network could read."""

    async def activate_session(self, username: str | None = None, password: str | None = None, certificate: Any = None) -> ua.ActivateSessionResult:
        """Activates the session as the base does.

        Raises Refused where the server wants a password as plain text over a channel that is not encrypted.
        """
        if username is not None:
            wanted = self.server_policy(ua.UserTokenType.UserName).SecurityPolicyUri
            if wanted == security_policies.SecurityPolicyNone.URI and self.security_policy.Mode != ua.MessageSecurityMode.SignAndEncrypt:
                raise Refused(f'{self.server_url.geturl()} wants the password unencrypted; set mode = "SignAndEncrypt"')
        return await super().activate_session(username, password, certificate)


async def connect(url: str, of: OpcUa, keys: Keys | None, timeout_s: float, request_timeout_s: float) -> Session:
    """Returns a new session, made within ``timeout_s`` [s]; the daemon's certificate may be made before that.

    Raises one of FAILURES; nothing is left open then.
    """
    own = await _own(of, keys)
    client = _client(url, request_timeout_s)
    try:
        async with asyncio.timeout(timeout_s):
            ends = await _secure(client, url, of, keys, own) if keys is not None and own is not None else ()
            await client.connect()
            session = await _met(client)
    except asyncio.CancelledError:
        await part(client)
        raise
    except FAILURES as failure:
        await part(client)
        hint = _hint(failure, own)
        if hint:
            raise Refused(f"{words(failure)}; {hint}") from failure
        raise
    session.ends = ends
    return session


def _client(url: str, request_timeout_s: float) -> _Client:
    client = _Client(url, timeout=request_timeout_s, watchdog_intervall=_KEEP_ALIVE_S, auto_reconnect=False)
    client.name = client.description = "coldaisle"
    client.application_uri = "urn:coldaisle:daemon"
    client.session_timeout = _SESSION_TIMEOUT_MS
    return client


async def _own(of: OpcUa, keys: Keys | None) -> Own | None:
    if of.security == "none":
        return None
    if keys is None:
        raise Refused("there is no folder for certificates")
    return await asyncio.to_thread(keys.own)


async def _secure(client: _Client, url: str, of: OpcUa, keys: Keys, own: Own) -> tuple[tuple[str, datetime], ...]:
    """Sets policy, certificates and identity, and returns when the certificates end; the server's certificate is judged before anything is sent under it."""
    policy = getattr(security_policies, f"SecurityPolicy{of.security}")
    mode = ua.MessageSecurityMode[of.mode]
    endpoints = await client.connect_and_get_server_endpoints()
    offered = [e for e in endpoints if e.EndpointUrl.startswith("opc.tcp") and e.SecurityPolicyUri == policy.URI and e.SecurityMode == mode]
    if not offered:
        choices = sorted({f"{(e.SecurityPolicyUri or '').rpartition('#')[2]} {e.SecurityMode.name.rstrip('_')}" for e in endpoints})
        raise Refused(f"{url} does not offer {of.security} {of.mode}; it offers {', '.join(choices) or 'nothing'}")
    shown = uacrypto.x509_from_der(offered[0].ServerCertificate)  # type: ignore[no-untyped-call]  # the first of a chain
    if shown is None:
        raise Refused(f"{url} offers {of.security} without a certificate")

    async def validate(certificate: x509.Certificate, server: ua.ApplicationDescription) -> None:
        keys.judge(certificate, server.ApplicationUri, url)

    keys.judge(shown, offered[0].Server.ApplicationUri, url)
    client.certificate_validator = validate  # without it the library does not look at the certificate that the session shows
    client.application_uri = own.application_uri
    theirs = uacrypto.CertProperties(shown.public_bytes(Encoding.DER), "der")
    await client.set_security(policy, uacrypto.CertProperties(own.certificate, "der"), uacrypto.CertProperties(own.key, "pem"), None, theirs, mode)
    await _identify(client, of, keys)
    return (f"the certificate of {url}", shown.not_valid_after_utc), (f"our certificate {own.path}", own.ends)


async def _identify(client: _Client, of: OpcUa, keys: Keys) -> None:
    if of.user is not None:
        client.set_user(of.user)
        client.set_password(await asyncio.to_thread(password_of, of, keys.site_directory))
    elif of.user_certificate is not None and of.user_key is not None:
        try:
            await client.load_client_certificate(str(keys.site_directory / of.user_certificate))
            await client.load_private_key(keys.site_directory / of.user_key)
        except (OSError, ValueError, TypeError) as error:
            raise Refused(f"user_certificate or user_key cannot be read: {error}") from error


def _hint(failure: BaseException, own: Own | None) -> str:
    """Returns what a person may do about a refusal that says nothing; servers close the channel without a word on a certificate they do not trust."""
    code = failure.code if isinstance(failure, UaStatusCodeError) else None
    silent = isinstance(failure, AssertionError | ConnectionError) and not isinstance(failure, ConnectionRefusedError)
    name = name_of(ua.StatusCode(ua.UInt32(code))) if code is not None else ""
    if own is not None and (silent or name.startswith("BadCertificate") or name == "BadSecurityChecksFailed"):
        return f"if the server does not trust us, give it {own.path}" + (f", valid until {own.ends.date().isoformat()}" if own.ends else "")
    return ""


async def _met(client: Client) -> Session:
    """Namespaces by URI, anew on each connect because their numbers move (opcua-asyncio 1793), and how much a request may carry."""
    found = await client.uaclient.read_attributes([_NAMESPACES, *_LIMITS], AttributeIds.Value)
    array, *limits = (dv.Value.Value if dv.Value is not None else None for dv in found)
    uris = array if isinstance(array, list) else []
    read_chunk, write_chunk, items_chunk = (_chunk(limit) for limit in limits)
    return Session(client, {uri: index for index, uri in enumerate(uris)}, read_chunk, write_chunk, items_chunk)


def _chunk(limit: object) -> int:
    """Returns how many nodes one request may name; a server that states 0 or nothing sets no limit."""
    return min(limit, NODES_A_REQUEST) if isinstance(limit, int) and limit > 0 else NODES_A_REQUEST


async def part(client: Client) -> None:
    """Says goodbye if the server still listens, for a moment only, and leaves neither socket nor task."""
    publishing = client.uaclient.session._publish_task
    try:
        async with asyncio.timeout(_GOODBYE_S):
            await client.disconnect()
    except FAILURES:
        pass
    finally:
        client.disconnect_socket()
        if publishing is not None:  # the library leaves it running where the connection was lost before
            publishing.cancel()
            with contextlib.suppress(asyncio.CancelledError, *FAILURES):
                await publishing
    for _ in range(2):  # the transport's own callback, then the socket's
        await asyncio.sleep(0)


def patience_s(failure: BaseException) -> float:
    """Returns how long to leave a server alone after a failure that trying again would make worse [s]; 0 after any other."""
    cause = failure.__cause__ if isinstance(failure, Refused) and failure.__cause__ is not None else failure
    code = cause.code if isinstance(cause, UaStatusCodeError) else None
    return _PATIENCE_S["refused"] if code in _NOT_LET_IN else _PATIENCE_S["full"] if code in _FULL else 0.0


def words(failure: BaseException) -> str:
    """Returns a failure in words."""
    text = str(failure)
    if isinstance(failure, Refused) or (type(failure) is ValueError and text):
        return text
    return f"{type(failure).__name__} {text}".strip() if text else type(failure).__name__
