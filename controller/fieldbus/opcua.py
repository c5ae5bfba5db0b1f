"""An OPC UA server behind the fieldbus seam: polled reads that keep each value's status, writes in each node's own type.

Polling rather than subscriptions: the cycle wants an image of one instant, and a read that fails says so at once. Security policy None only.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from asyncua import ua
from asyncua.client.client import Client
from asyncua.client.ua_client import UaClientState
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaError

from controller.fieldbus import Raw
from controller.fieldbus.backoff import Backoff
from plant_models.site.address import parse_opcua_address
from plant_models.site.codec import OPCUA_TYPES, raw_of, value_of
from plant_models.site.points import Point
from plant_models.site.topology import Device
from safety.records import Outcome, Status

# Every failure is returned with its reason; the library's own lines and traces would repeat it on stderr, outside of the daemon's log.
logging.getLogger("asyncua").setLevel(logging.CRITICAL + 1)

_FAILURES: Final = (UaError, OSError, ValueError, AssertionError)
"""What the library raises for a lost, silent or unintelligible server (TimeoutError is an OSError; some refusals are bare assertions)."""
_NODES_A_REQUEST: Final = 500
_SESSION_TIMEOUT_MS: Final = 60_000  # a server keeps few sessions, and one left by a crash counts until then (opcua-asyncio 351)
_KEEP_ALIVE_S: Final = 10.0
_GOODBYE_S: Final = 0.5
_NAMESPACES: Final = ua.NodeId(ua.Int32(ObjectIds.Server_NamespaceArray))
_LIMITS: Final = (
    ua.NodeId(ua.Int32(ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead)),
    ua.NodeId(ua.Int32(ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerWrite)),
)
_NO_SUCH_POINT: Final = frozenset({StatusCodes.BadNodeIdUnknown, StatusCodes.BadNodeIdInvalid, StatusCodes.BadAttributeIdInvalid, StatusCodes.BadNotReadable})
_PERHAPS_NOT_APPLIED: Final = frozenset(
    {StatusCodes.BadCommunicationError, StatusCodes.BadNoCommunication, StatusCodes.BadTimeout, StatusCodes.BadDeviceFailure}
)


@dataclass
class _Session:
    """What is known of a server for as long as one connection to it lasts."""

    client: Client
    namespaces: Mapping[str, int]
    read_chunk: int
    write_chunk: int
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


class OpcUaBus:
    """One OPC UA server. After any failure the connection is given up and a new client made at the next call."""

    def __init__(self, device: Device, read_timeout_s: float = 2.0, write_timeout_s: float = 2.0) -> None:
        """Does not connect yet; time-outs are of wall time, for each request, and the first one for connecting [s]."""
        self._device = device
        self._read_timeout_s = read_timeout_s
        self._write_timeout_s = write_timeout_s
        self._turn = asyncio.Lock()
        self._session: _Session | None = None
        self._backoff = Backoff()

    @property
    def _url(self) -> str:
        return f"opc.tcp://{self._device.host}:{self._device.port}{self._device.path}"

    async def open(self) -> None:
        """Tries to connect once; later calls try again."""
        async with self._turn:
            await self._connected()

    async def release(self, points: Sequence[Point]) -> Mapping[str, Outcome]:
        """Does nothing: a node keeps its last value, and who is in charge is told by the heartbeat that stops."""
        return {}

    async def close(self) -> None:
        """Closes session, channel and connection; never raises."""
        async with self._turn:
            await self._drop()

    async def read(self, points: Sequence[Point]) -> Mapping[str, Raw]:
        """Reads all the given points, by signal, in as few requests as the server allows."""
        async with self._turn:
            session = await self._connected()
            if isinstance(session, str):
                return {p.signal: Raw(None, Status.MISSING, session) for p in points}
            answers: dict[str, Raw] = {}
            known = _known(session, points)
            for start in range(0, len(known), session.read_chunk):
                chunk = known[start : start + session.read_chunk]
                try:
                    found = await self._ask(session.client.uaclient.read_attributes([n for _, n in chunk], AttributeIds.Value), self._read_timeout_s)
                except _FAILURES as failure:
                    await self._fail()
                    lost = Raw(None, Status.MISSING, f"{self._url}: {_words(failure)}")
                    answers.update((point.signal, lost) for point, _ in known[start:])
                    break
                answers.update((point.signal, _raw(point, value)) for (point, _), value in zip(chunk, found, strict=True))
            return {p.signal: answers.get(p.signal) or Raw(None, Status.MISSING, f"{self._url} does not have the namespace of {p.address}") for p in points}

    async def write(self, values: Sequence[tuple[Point, float]]) -> Mapping[str, Outcome]:
        """Writes in the given order, once; a value that the node's type cannot hold is REFUSED without being sent."""
        async with self._turn:
            session = await self._connected()
            if isinstance(session, str):
                return {point.signal: Outcome.UNREACHABLE for point, _ in values}
            outcomes = {point.signal: Outcome.REFUSED for point, _ in values}
            known = _known(session, [point for point, _ in values])
            asked = {point.signal: value for point, value in values}
            try:
                await self._learn_types(session, known)
            except _FAILURES:
                await self._fail()
                return outcomes | {point.signal: Outcome.UNREACHABLE for point, _ in known}
            batch = [(p.signal, node, value) for p, node in known if (value := _data_value(session, p, asked[p.signal])) is not None]
            for start in range(0, len(batch), session.write_chunk):
                chunk = batch[start : start + session.write_chunk]
                try:
                    sent = session.client.uaclient.write_attributes([n for _, n, _ in chunk], [v for _, _, v in chunk])
                    results = await self._ask(sent, self._write_timeout_s)
                except _FAILURES:
                    await self._fail()
                    return outcomes | {signal: Outcome.UNREACHABLE for signal, _, _ in batch[start:]}
                outcomes.update((signal, _outcome(result)) for (signal, _, _), result in zip(chunk, results, strict=True))
            return outcomes

    async def _ask(self, request: Any, timeout_s: float) -> Any:
        async with asyncio.timeout(timeout_s):
            return await request

    async def _connected(self) -> _Session | str:
        """Returns the session, or in words why there is none."""
        if self._session is not None:
            if self._session.client.state is UaClientState.CONNECTED:
                return self._session
            await self._drop()
        if not self._backoff.may_try(time.monotonic()):
            return f"{self._url} did not answer {self._backoff.failures} times in a row, left alone for a moment"
        client = Client(self._url, timeout=max(self._read_timeout_s, self._write_timeout_s), watchdog_intervall=_KEEP_ALIVE_S, auto_reconnect=False)
        client.name = client.description = "coldaisle"
        client.application_uri = "urn:coldaisle:daemon"
        client.session_timeout = _SESSION_TIMEOUT_MS
        try:
            async with asyncio.timeout(self._read_timeout_s):
                await client.connect()
                self._session = await _met(client)
        except _FAILURES as failure:
            await _part(client)
            self._backoff = self._backoff.failed(time.monotonic())
            return f"{self._url}: {_words(failure)}"
        except asyncio.CancelledError:
            await _part(client)
            raise
        self._backoff = Backoff()
        return self._session

    async def _learn_types(self, session: _Session, known: Sequence[tuple[Point, ua.NodeId]]) -> None:
        """Asks for the types of nodes not written before; a type that is not a built-in number leaves the one in the table of points."""
        new = [(point, node) for point, node in known if point.address not in session.types]
        for start in range(0, len(new), session.read_chunk):
            chunk = new[start : start + session.read_chunk]
            found = await self._ask(session.client.uaclient.read_attributes([n for _, n in chunk], AttributeIds.DataType), self._read_timeout_s)
            for (point, _), value in zip(chunk, found, strict=True):
                session.types[point.address] = _type_name(value) or point.type

    async def _fail(self) -> None:
        self._backoff = self._backoff.failed(time.monotonic())
        await self._drop()

    async def _drop(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await _part(session.client)


async def _met(client: Client) -> _Session:
    """Namespaces by URI, anew on each connect because their numbers move (opcua-asyncio 1793), and how much a request may carry."""
    found = await client.uaclient.read_attributes([_NAMESPACES, *_LIMITS], AttributeIds.Value)
    array, read_limit, write_limit = (dv.Value.Value if dv.Value is not None else None for dv in found)
    uris = array if isinstance(array, list) else []
    return _Session(client, {uri: index for index, uri in enumerate(uris)}, _chunk(read_limit), _chunk(write_limit))


def _chunk(limit: object) -> int:
    """Returns how many nodes one request may name; a server that states 0 or nothing sets no limit."""
    return min(limit, _NODES_A_REQUEST) if isinstance(limit, int) and limit > 0 else _NODES_A_REQUEST


async def _part(client: Client) -> None:
    """Says goodbye if the server still listens, for a moment only, and leaves neither socket nor task."""
    try:
        async with asyncio.timeout(_GOODBYE_S):
            await client.disconnect()
    except _FAILURES:
        pass
    finally:
        client.disconnect_socket()
    for _ in range(2):  # the transport's own callback, then the socket's
        await asyncio.sleep(0)


def _known(session: _Session, points: Sequence[Point]) -> list[tuple[Point, ua.NodeId]]:
    return [(point, node) for point in points if (node := session.node(point)) is not None]


def _raw(point: Point, found: ua.DataValue) -> Raw:
    code = found.StatusCode or ua.StatusCode()
    if code.is_bad():
        return Raw(None, Status.MISSING if code.value in _NO_SUCH_POINT else Status.BAD, code.name)
    held = found.Value.Value if found.Value is not None else None
    value = value_of(point, float(held)) if isinstance(held, int | float) else None
    if value is None:
        return Raw(None, Status.BAD, f"{held!r} is no measurement")
    return Raw(value, Status.GOOD) if code.is_good() else Raw(value, Status.UNCERTAIN, code.name)


def _type_name(found: ua.DataValue) -> str | None:
    node = found.Value.Value if found.Value is not None else None
    if not isinstance(node, ua.NodeId) or node.NamespaceIndex != 0 or not isinstance(node.Identifier, int) or not 1 <= node.Identifier <= 25:
        return None
    name = ua.VariantType(node.Identifier).name.lower()
    return name if name in OPCUA_TYPES else None


def _data_value(session: _Session, point: Point, value: float) -> ua.DataValue | None:
    """A number in the node's own type, without status and timestamps, which many servers refuse (opcua-asyncio 536); None if it does not fit."""
    name = session.types[point.address]
    try:
        raw = raw_of(replace(point, type=name), value)
    except ValueError:
        return None
    held = OPCUA_TYPES[name]
    kind = next(v for v in ua.VariantType if v.name.lower() == name)
    number: bool | int | float = bool(raw) if name == "boolean" else int(raw) if held.low is not None else float(raw)
    return ua.DataValue(ua.Variant(number, kind), StatusCode=None)


def _outcome(result: ua.StatusCode) -> Outcome:
    if result.is_good():
        return Outcome.VERIFIED
    return Outcome.UNREACHABLE if result.value in _PERHAPS_NOT_APPLIED else Outcome.REFUSED


def _words(failure: BaseException) -> str:
    text = str(failure)
    return f"{type(failure).__name__} {text}".strip() if text else type(failure).__name__
