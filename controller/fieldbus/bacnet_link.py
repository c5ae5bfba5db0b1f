"""One BACnet/IP device on the wire: a UDP port of our own, one confirmed request at a time, and every failure as a value."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from bacpypes3.apdu import (  # type: ignore[import-untyped]  # the library has no types
    AbortPDU,
    AbortReason,
    ErrorRejectAbortNack,
    RejectPDU,
    RejectReason,
    SimpleAckPDU,
)
from bacpypes3.app import Application  # type: ignore[import-untyped]
from bacpypes3.errors import ServicesError  # type: ignore[import-untyped]
from bacpypes3.ipv4.link import NormalLinkLayer  # type: ignore[import-untyped]
from bacpypes3.local.device import DeviceObject  # type: ignore[import-untyped]
from bacpypes3.pdu import IPv4Address  # type: ignore[import-untyped]

# Every failure is returned with its reason; the library's own lines and traces would repeat it on stderr, outside of the daemon's log.
logging.getLogger("bacpypes3").setLevel(logging.CRITICAL + 1)

SUBSCRIBER: Final = 1  # our process identifier in subscriptions
_OUR_INSTANCE: Final = 4194302  # a client is never looked up by its instance; this is the highest there is
_OUR_VENDOR: Final = 0  # ASHRAE
_LARGEST_APDU: Final = 1476  # of BACnet/IP (ASHRAE 135, annex J)
_SEGMENTS: Final = 32
_TOO_BIG: Final = frozenset({AbortReason.bufferOverflow, AbortReason.segmentationNotSupported, AbortReason.apduTooLong, AbortReason.outOfResources})
_NO_SERVICE: Final = frozenset({"unrecognized-service", "reject-unrecognized-service", "service-request-denied", "optional-functionality-not-supported"})

OnChange = Callable[[tuple[int, int], Sequence[Any]], None]
"""Told of a notification: type number and instance of the object, and its property values."""


class Kind(StrEnum):
    """What kind of trouble a request met."""

    SILENT = "silent"
    REFUSED = "refused"
    TOO_BIG = "too_big"
    NO_SERVICE = "no_service"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a request has no result; ``code`` is the device's own word for it, such as ``unknown-object``."""

    kind: Kind
    detail: str
    code: str = ""


class _Stack(Application):  # type: ignore[misc]  # the library has no types
    """The library's application without objects to serve: it asks, and hears of changes."""

    on_change: OnChange | None = None
    peer: IPv4Address | None = None

    async def confirmation(self, apdu: Any) -> None:
        """Takes an answer as the base does; one to a request that has ended already is nothing, the library fails over it."""
        with contextlib.suppress(asyncio.InvalidStateError):
            await super().confirmation(apdu)

    async def do_ConfirmedCOVNotificationRequest(self, apdu: Any) -> None:  # noqa: N802  # the library's name
        """Takes a change and acknowledges it; one that nobody asked for is refused, so that its sender stops."""
        if not self._taken(apdu):
            raise ServicesError(errorCode="unknownSubscription")
        await self.response(SimpleAckPDU(context=apdu))

    async def do_UnconfirmedCOVNotificationRequest(self, apdu: Any) -> None:  # noqa: N802  # the library's name
        """Takes a change."""
        self._taken(apdu)

    def _taken(self, apdu: Any) -> bool:
        if self.on_change is None or apdu.pduSource != self.peer or apdu.subscriberProcessIdentifier != SUBSCRIBER:
            return False
        kind, instance = apdu.monitoredObjectIdentifier
        self.on_change((int(kind), int(instance)), apdu.listOfValues)
        return True


class BacnetLink:
    """A UDP port that speaks with one device; requests must not overlap, the caller keeps them in line."""

    def __init__(self, host: str, port: int, local_host: str, local_port: int, on_change: OnChange | None = None) -> None:
        """Binds nothing yet; without a local host the address of the interface that leads to the device is taken."""
        self._host, self._port, self._local = host, port, (local_host, local_port)
        self._on_change = on_change
        self._stack: _Stack | None = None
        self._wire: NormalLinkLayer | None = None
        self._peer: IPv4Address | None = None

    @property
    def name(self) -> str:
        """Returns how messages name the device."""
        return f"bacnet-ip://{self._host}:{self._port}"

    async def bind(self, timeout_s: float) -> Trouble | None:
        """Takes a local port unless there is one; returns in words why it could not."""
        if self._stack is not None:
            return None
        try:
            async with asyncio.timeout(timeout_s):
                found = await asyncio.get_running_loop().getaddrinfo(self._host, self._port, family=socket.AF_INET, type=socket.SOCK_DGRAM)
            peer = found[0][4]
            own = _bound(self._local[0] or _towards(str(peer[0]), int(peer[1])), self._local[1])
        except OSError as failure:
            return Trouble(Kind.SILENT, f"{self.name}: no port of our own towards it ({failure})")
        self._peer = IPv4Address((peer[0], peer[1]))
        ours = IPv4Address(own.getsockname())
        device = DeviceObject(
            objectIdentifier=("device", _OUR_INSTANCE),
            objectName="coldaisle",
            vendorIdentifier=_OUR_VENDOR,
            maxApduLengthAccepted=_LARGEST_APDU,
            maxSegmentsAccepted=_SEGMENTS,
        )
        stack = _Stack.from_object_list([device])
        stack.on_change, stack.peer = self._on_change, self._peer
        self._wire = NormalLinkLayer(ours, bind_socket=own)
        stack.nsap.bind(self._wire, address=ours)
        self._stack = stack
        return None

    async def ask(self, request: Any, timeout_s: float, attempts: int = 1) -> Any:
        """Sends one confirmed request and returns the answer, or a Trouble.

        The same datagram is sent ``attempts`` times at most within ``timeout_s`` [s], under one invoke id, so that a late answer to the first
        still counts and one to an earlier request never does.
        """
        stack = self._stack
        if stack is None:
            return Trouble(Kind.SILENT, f"{self.name}: no port of our own")
        stack.device_object.apduTimeout = stack.device_object.apduSegmentTimeout = max(1, int(1000 * timeout_s / attempts))
        stack.device_object.numberOfApduRetries = attempts - 1
        request.pduDestination = self._peer
        try:
            async with asyncio.timeout(2.0 * timeout_s):  # the library's own timers end it sooner, unless an answer in segments goes on and on
                return await stack.request(request)
        except ErrorRejectAbortNack as refusal:
            return self._trouble(refusal, timeout_s)
        except TimeoutError:
            return Trouble(Kind.SILENT, f"{self.name}: no whole answer within {2.0 * timeout_s:g} s")

    async def who_is(self, low: int, high: int, timeout_s: float) -> list[tuple[str, int, int]] | Trouble:
        """Asks once who is there with an instance from ``low`` to ``high``, and returns host, port and instance of whoever answered in time.

        The address may be that of one device or the broadcast address of its network; devices behind a router are left out.
        """
        if (trouble := await self.bind(timeout_s)) is not None:
            return trouble
        assert self._stack is not None
        heard = await self._stack.who_is(low, high, address=self._peer, timeout=timeout_s)
        found = {
            (str(i.pduSource.addrTuple[0]), int(i.pduSource.addrTuple[1]), int(i.iAmDeviceIdentifier[1])) for i in heard if hasattr(i.pduSource, "addrTuple")
        }
        return sorted(found, key=lambda one: one[2])

    async def close(self) -> None:
        """Gives the port back; never raises."""
        stack, wire, self._stack, self._wire = self._stack, self._wire, None, None
        if stack is None or wire is None:
            return
        for pending in (*stack.asap.clientTransactions, *stack.asap.serverTransactions):
            pending.stop_timer()
        await asyncio.gather(*wire.server._transport_tasks, return_exceptions=True)  # a port that is still being opened would stay behind
        await asyncio.sleep(0)  # the callback that takes the port
        wire.close()
        for _ in range(3):  # the transport's own callback, the socket's, and what was being sent
            await asyncio.sleep(0)

    def _trouble(self, refusal: BaseException, timeout_s: float) -> Trouble:
        if isinstance(refusal, AbortPDU):
            reason = refusal.apduAbortRejectReason
            if reason == AbortReason.noResponse and not refusal.apduSrv:
                return Trouble(Kind.SILENT, f"{self.name}: no answer within {timeout_s:g} s")
            return Trouble(Kind.TOO_BIG if reason in _TOO_BIG else Kind.REFUSED, f"aborted: {AbortReason(reason)}", str(AbortReason(reason)))
        if isinstance(refusal, RejectPDU):
            code = str(RejectReason(refusal.apduAbortRejectReason))
            return Trouble(Kind.NO_SERVICE if code in _NO_SERVICE else Kind.REFUSED, f"rejected: {code}", code)
        code = str(getattr(refusal, "errorCode", "")) or type(refusal).__name__
        return Trouble(Kind.NO_SERVICE if code in _NO_SERVICE else Kind.REFUSED, code, code)


def _bound(host: str, port: int) -> socket.socket:
    own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        own.setblocking(False)
        own.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)  # for who-is
        own.bind((host, port))
    except OSError:
        own.close()
        raise
    return own


def _towards(host: str, port: int) -> str:
    """Returns the address of our own from which a host would be reached; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((host, port))
        return str(probe.getsockname()[0])
