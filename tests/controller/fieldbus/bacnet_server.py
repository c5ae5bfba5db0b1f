"""A BACnet/IP device for the tests, of the library's own objects, and a proxy of datagrams."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bacpypes3.apdu import AbortPDU, AbortReason
from bacpypes3.app import Application
from bacpypes3.basetypes import PriorityValue, StatusFlags
from bacpypes3.errors import ExecutionError, PropertyError, UnrecognizedService
from bacpypes3.ipv4.link import NormalLinkLayer
from bacpypes3.local.analog import AnalogInputObject, AnalogValueObject
from bacpypes3.local.binary import BinaryValueObject
from bacpypes3.local.cmd import Commandable
from bacpypes3.local.cov import GenericCriteria
from bacpypes3.local.device import DeviceObject
from bacpypes3.local.multistate import MultiStateValueObject
from bacpypes3.local.object import Object
from bacpypes3.object import IntegerValueObject, LargeAnalogValueObject
from bacpypes3.pdu import IPv4Address

from controller.fieldbus.bacnet import BacnetBus
from plant_models.site.address import parse_bacnet_address
from plant_models.site.codec import from_device, to_device
from plant_models.site.points import Point, WriteClass
from plant_models.site.topology import Device


class _Commanded(Commandable):
    stuck = False

    async def write_property(self, attr: Any, value: Any, index: Any = None, priority: Any = None) -> None:
        signal = str(self.objectName)
        app = self._app
        if signal in app.read_only:
            raise PropertyError(errorCode="writeAccessDenied")
        if signal in app.ignoring:
            return
        await super().write_property(attr, value, index, priority)


class _Flagged:
    """Status flags as the test sets them."""

    @property
    def statusFlags(self) -> Any:  # noqa: N802
        return StatusFlags(self._app.flags.get(str(self.objectName), [0, 0, 0, 0]))

    @statusFlags.setter
    def statusFlags(self, value: Any) -> None:  # noqa: N802
        pass


class _AV(_Flagged, _Commanded, AnalogValueObject): ...


class _AI(_Flagged, AnalogInputObject): ...


class _PlainAV(_Flagged, AnalogValueObject): ...


class _BV(_Commanded, BinaryValueObject): ...


class _MSV(_Commanded, MultiStateValueObject):
    _cov_criteria = GenericCriteria  # the one of the library asks for a property that the object does not have


class _IV(_Commanded, Object, IntegerValueObject):
    _cov_criteria = GenericCriteria


class _LAV(_Commanded, Object, LargeAnalogValueObject): ...


_KINDS = {
    "analog-value": (_AV, {"covIncrement": 0.1}),
    "analog-input": (_AI, {"covIncrement": 0.1}),
    "binary-value": (_BV, {}),
    "multi-state-value": (_MSV, {"numberOfStates": 10}),
    "integer-value": (_IV, {}),
    "large-analog-value": (_LAV, {}),
}


class _Stack(Application):
    """Counts what it is asked, and refuses what the test says."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.asked: list[tuple[str, int]] = []
        self.no_services: set[str] = set()
        self.objects_at_most = 1000
        self.read_only: set[str] = set()
        self.ignoring: set[str] = set()
        self.flags: dict[str, list[int]] = {}

    async def indication(self, apdu: Any) -> None:
        name = type(apdu).__name__
        self.asked.append((name, len(apdu.listOfReadAccessSpecs) if name == "ReadPropertyMultipleRequest" else 1))
        await super().indication(apdu)

    async def do_ReadPropertyMultipleRequest(self, apdu: Any) -> None:  # noqa: N802
        if "multiple" in self.no_services:
            raise UnrecognizedService
        if len(apdu.listOfReadAccessSpecs) > self.objects_at_most:
            await self.response(AbortPDU(True, reason=AbortReason.bufferOverflow, context=apdu))
            return
        await super().do_ReadPropertyMultipleRequest(apdu)

    async def do_SubscribeCOVRequest(self, apdu: Any) -> None:  # noqa: N802
        if "subscribe" in self.no_services:
            raise ExecutionError(errorClass="resources", errorCode="noSpaceToAddListElement")
        await super().do_SubscribeCOVRequest(apdu)


@dataclass
class BacnetServer:
    """One device on the loopback interface; ``plain`` points have no priority array."""

    points: Sequence[Point]
    plain: frozenset[str] = frozenset()
    instance: int = 100
    port: int = 0
    segment_bytes: int = 1476
    objects: dict[str, Any] = field(default_factory=dict)
    stack: Any = None
    _wire: Any = None

    async def start(self) -> None:
        own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        own.setblocking(False)
        own.bind(("127.0.0.1", self.port))
        self.port = own.getsockname()[1]
        address = IPv4Address(own.getsockname())
        device = DeviceObject(objectIdentifier=("device", self.instance), objectName="device", vendorIdentifier=0, maxApduLengthAccepted=self.segment_bytes)
        self.objects = self.objects or {p.signal: self._object(p) for p in self.points}
        self.stack = _Stack.from_object_list([device, *self.objects.values()])
        self._wire = NormalLinkLayer(address, bind_socket=own)
        self.stack.nsap.bind(self._wire, address=address)
        await asyncio.gather(*self._wire.server._transport_tasks)

    def _object(self, point: Point) -> Any:
        at = parse_bacnet_address(point.address)
        kind, more = _KINDS[at.object_type]
        if point.signal in self.plain:
            kind = _PlainAV
        return kind(objectIdentifier=(at.object_type, at.instance), objectName=point.signal, presentValue=1, eventState="normal", outOfService=False, **more)

    async def stop(self) -> None:
        if self.stack is None:
            return
        self.drop_subscriptions()
        for pending in (*self.stack.asap.clientTransactions, *self.stack.asap.serverTransactions):
            pending.stop_timer()
        self._wire.close()
        self.stack = None
        await asyncio.sleep(0.01)

    def drop_subscriptions(self) -> None:
        """Forgets them without a word, as a device that restarts does."""
        for detection in self.stack._cov_detections.values():
            for subscription in detection.cov_subscriptions:
                subscription.cancel_subscription()
            detection.unbind()
        self.stack._cov_detections.clear()

    def own(self, point: Point, value: float) -> None:
        """Sets the device's own value: the default of an object that can be commanded."""
        raw = to_device(point, value)
        if point.type not in ("real", "double"):
            raw = round(raw)
        held = self.objects[point.signal]
        if isinstance(held, Commandable):
            held.relinquishDefault = raw
            held.recalculating()
        else:
            held.presentValue = raw

    def command(self, point: Point, value: float | None, priority: int) -> None:
        """Commands an object as another client would; None empties the slot."""
        held = self.objects[point.signal]
        slot = PriorityValue(null=()) if value is None else PriorityValue(type(held.presentValue)(to_device(point, value)))
        held.priorityArray[priority - 1] = slot

    def slot(self, point: Point, priority: int = 14) -> float | None:
        slot = self.objects[point.signal].priorityArray[priority - 1]
        return None if slot.null is not None else from_device(point, float(getattr(slot, slot._choice)))

    def get(self, point: Point) -> float:
        return from_device(point, float(self.objects[point.signal].presentValue))


def point(signal: str, address: str, scale: float = 1.0, access: str = "rw", priority: int = 14, unit: str = "") -> Point:
    """Returns one row of a points table."""
    unit = unit or {"c": "degC", "pct": "%", "s": "s"}.get(signal.split(".")[1].rsplit("_", 1)[-1], "1")
    held = parse_bacnet_address(address).held
    access = "r" if "-input" in address else access
    return Point(signal, "bacnet", "bms", address, held, "", scale, 0.0, unit, access, 30.0, None, None, WriteClass.VOLATILE, priority=priority)  # type: ignore[arg-type]  # the literals are the tests'


async def contract_parts(addresses: Mapping[str, str]) -> tuple[dict[str, Any], BacnetServer]:
    """Returns a bus, its points and hands on the device, for the tests that every protocol passes."""
    points = {s: point(s, a, 0.1 if a.startswith("integer") else 1.0) for s, a in addresses.items()}
    server = BacnetServer(list(points.values()))
    await server.start()

    async def put(signal: str, value: float) -> None:
        server.own(points[signal], value)
        if points[signal].writable:
            server.command(points[signal], None, 14)

    async def get(signal: str) -> float | None:
        return server.get(points[signal])

    async def kill(signal: str) -> None:
        server.stack.delete_object(server.objects[signal])

    async def refuse(signal: str) -> None:
        server.stack.read_only.add(signal)

    bus = BacnetBus(Device("bacnet", port=server.port, instance=server.instance), 0.4, 0.4)
    return {"bus": bus, "points": points, "put": put, "get": get, "kill": kill, "refuse": refuse, "stop": server.stop, "start": server.start}, server


Spoil = Callable[[bytes], bytes | None]


class Datagrams(asyncio.DatagramProtocol):
    """A proxy between one client and one device; ``up`` and ``down`` return what is passed on, None for a lost datagram."""

    def __init__(self, server_port: int) -> None:
        self._server = ("127.0.0.1", server_port)
        self._client: Any = None
        self._transport: Any = None
        self.up: Spoil | None = None
        self.down: Spoil | None = None
        self.port = 0

    async def start(self) -> None:
        self._transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self.port = self._transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if addr == self._server:
            spoil, target = self.down, self._client
        else:
            self._client = addr
            spoil, target = self.up, self._server
        passed = data if spoil is None else spoil(data)
        if passed is not None:
            self._transport.sendto(passed, target)

    async def stop(self) -> None:
        self._transport.close()
        await asyncio.sleep(0.01)
