"""A BACnet/IP device that serves the points of a simulated site as objects; requests are commands in priority arrays over the BAS's own value."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any, Final

from bacpypes3.app import Application  # type: ignore[import-untyped]  # the library has no types
from bacpypes3.basetypes import PriorityValue, Reliability  # type: ignore[import-untyped]
from bacpypes3.errors import ExecutionError, PropertyError  # type: ignore[import-untyped]
from bacpypes3.ipv4.link import NormalLinkLayer  # type: ignore[import-untyped]
from bacpypes3.local.analog import AnalogInputObject, AnalogOutputObject, AnalogValueObject  # type: ignore[import-untyped]
from bacpypes3.local.binary import BinaryInputObject, BinaryOutputObject, BinaryValueObject  # type: ignore[import-untyped]
from bacpypes3.local.cmd import Commandable  # type: ignore[import-untyped]
from bacpypes3.local.cov import GenericCriteria  # type: ignore[import-untyped]
from bacpypes3.local.device import DeviceObject  # type: ignore[import-untyped]
from bacpypes3.local.multistate import MultiStateInputObject, MultiStateOutputObject, MultiStateValueObject  # type: ignore[import-untyped]
from bacpypes3.local.object import Object as LocalObject  # type: ignore[import-untyped]
from bacpypes3.object import IntegerValueObject, LargeAnalogValueObject, PositiveIntegerValueObject  # type: ignore[import-untyped]
from bacpypes3.pdu import IPv4Address  # type: ignore[import-untyped]

from hil.devices import Served
from hil.devices.watch import REQUEST, Watch
from plant_models.site.address import parse_bacnet_address
from plant_models.site.codec import from_device, raw_of
from plant_models.site.points import Point

logging.getLogger("bacpypes3").setLevel(logging.CRITICAL + 1)  # it prints a trace for every datagram that is not understood

_LENT: Final = range(12, 16)  # slots of priority 13 to 16, counted from 0: what a supervisory controller may command
_LARGEST_APDU: Final = 1476
_SAME: Final = 1e-4
_COV_INCREMENT: Final = 0.1


class _IntegerValue(LocalObject, IntegerValueObject):  # type: ignore[misc]  # the library has no types
    _cov_criteria = GenericCriteria


class _LargeAnalogValue(LocalObject, LargeAnalogValueObject):  # type: ignore[misc]
    _cov_criteria = GenericCriteria


class _PositiveIntegerValue(LocalObject, PositiveIntegerValueObject):  # type: ignore[misc]
    _cov_criteria = GenericCriteria


class _MultiStateInput(MultiStateInputObject):  # type: ignore[misc]
    _cov_criteria = GenericCriteria  # the library's own asks for an increment, which states do not have


class _MultiStateOutput(MultiStateOutputObject):  # type: ignore[misc]
    _cov_criteria = GenericCriteria


class _MultiStateValue(MultiStateValueObject):  # type: ignore[misc]
    _cov_criteria = GenericCriteria


_SHOWN: Final = {
    "analog-input": AnalogInputObject,
    "analog-output": AnalogOutputObject,
    "analog-value": AnalogValueObject,
    "binary-input": BinaryInputObject,
    "binary-output": BinaryOutputObject,
    "binary-value": BinaryValueObject,
    "multi-state-input": _MultiStateInput,
    "multi-state-output": _MultiStateOutput,
    "multi-state-value": _MultiStateValue,
    "integer-value": _IntegerValue,
    "large-analog-value": _LargeAnalogValue,
    "positive-integer-value": _PositiveIntegerValue,
}


class _Slots(Commandable):  # type: ignore[misc]
    """What makes an object commandable, and tells the device when a command changed."""

    _told: Callable[[], None] | None = None

    def recalculating(self) -> None:
        """Finds the command that counts."""
        super().recalculating()
        if self._told is not None:
            self._told()


_COMMANDED: Final = {
    name: type(f"Commanded{kind.__name__}", (_Slots, kind), {"_cov_criteria": kind._cov_criteria})
    for name, kind in _SHOWN.items()
    if not name.endswith("-input")
}


class _Stack(Application):  # type: ignore[misc]
    """The library's application, with a look at each write before it counts."""

    _look: Callable[[Any], None]

    async def do_WritePropertyRequest(self, apdu: Any) -> None:  # noqa: N802  # the library's name
        """Serves a write."""
        self._look(apdu)
        await super().do_WritePropertyRequest(apdu)


class _Served:
    """One point and its object."""

    def __init__(self, point: Point, site: Served) -> None:
        self.point, self._site = point, site
        at = parse_bacnet_address(point.address)
        kind = _COMMANDED[at.object_type] if point.writable else _SHOWN[at.object_type]
        more = {"covIncrement": _COV_INCREMENT} if at.held == "real" else {"numberOfStates": 255} if "multi" in at.object_type else {}
        lowest = 1 if at.object_type.startswith("multi-state") else 0
        self.object = kind(
            objectIdentifier=(at.object_type, at.instance),
            objectName=point.signal,
            presentValue=lowest,
            eventState="normal",
            outOfService=False,
            reliability=Reliability.noFaultDetected,
            **more,
        )
        self._shown: float | None = None
        self._slotted = isinstance(self.object, Commandable)  # an output is, also one that nobody may write
        if point.writable:
            self.object._told = self._commanded

    def commands(self) -> list[int]:
        """Returns the priorities, counted from 0, at which the object is commanded."""
        return [n for n, slot in enumerate(self.object.priorityArray) if slot.null is None] if self._slotted else []

    def publish(self) -> None:
        """Shows what the site shows; where the site dropped the request that was commanded, the BAS empties the slots that it lends."""
        if not self.point.readable:
            return
        value = self._site.read(self.point.signal)
        raw = None if value is None else _held(self.point, value)
        self.object.reliability = Reliability.noFaultDetected if raw is not None else Reliability.noSensor
        if raw is None:
            return
        if self.commands():
            if abs(raw - float(self.object.presentValue)) <= _SAME * max(1.0, abs(raw)):
                return
            self._take_back()
        self._show(raw)

    def _take_back(self) -> None:
        for n in set(self.commands()) & set(_LENT):
            list.__setitem__(self.object.priorityArray, n, PriorityValue(null=()))

    def _show(self, raw: float) -> None:
        number = _typed(self.point.type, raw)
        if self._slotted:
            self.object.relinquishDefault = number
            Commandable.recalculating(self.object)
        elif raw != self._shown:
            self.object.presentValue = number
        self._shown = raw

    def _commanded(self) -> None:
        """Passes what counts now on to the site, and the BAS's own value on to the object once nobody commands it."""
        signal = self.point.signal
        if self.commands():
            self._site.write(signal, from_device(self.point, float(self.object.presentValue)))
        elif signal.endswith(REQUEST):
            relinquish = getattr(self._site, "relinquish", None)
            if relinquish is not None:
                relinquish(signal)
            value = self._site.read(signal)
            raw = None if value is None else _held(self.point, value)
            if raw is not None:
                self._show(raw)


class BacnetDevice:
    """A BACnet/IP device for all the points of one device of the site."""

    def __init__(self, name: str, points: Sequence[Point], site: Served, watch: Watch, *, host: str = "127.0.0.1", port: int = 0, instance: int = 1) -> None:
        """Takes the device's points; port 0 means any free one, chosen at the first opening."""
        self.name, self.watch = name, watch
        self.refused: set[str] = set()
        """Signals whose writes are answered with write-access-denied."""
        self._points, self._site = tuple(points), site
        self._host, self._port, self._instance = host, port, instance
        self._by_object: dict[tuple[int, int], _Served] = {}
        self._stack: _Stack | None = None
        self._wire: Any = None

    @property
    def port(self) -> int:
        """The UDP port that it listens on, 0 before it was first opened."""
        return self._port

    async def open(self) -> None:
        """Builds the objects and starts listening; after a close it listens on the same port again, with every slot empty as after a restart.

        Raises OSError when the port is taken.
        """
        own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            own.setblocking(False)
            own.bind((self._host, self._port))
        except OSError:
            own.close()
            raise
        address = IPv4Address(own.getsockname())
        self._port = int(own.getsockname()[1])
        served = [_Served(point, self._site) for point in self._points]
        device = DeviceObject(objectIdentifier=("device", self._instance), objectName=self.name, vendorIdentifier=0, maxApduLengthAccepted=_LARGEST_APDU)
        stack = _Stack.from_object_list([device, *(one.object for one in served)])
        stack._look = self._look
        self._by_object = {(int(one.object.objectIdentifier[0]), int(one.object.objectIdentifier[1])): one for one in served}
        self._wire = NormalLinkLayer(address, bind_socket=own)
        stack.nsap.bind(self._wire, address=address)
        self._stack = stack
        await asyncio.gather(*self._wire.server._transport_tasks)
        await self.publish()

    async def publish(self) -> None:
        """Shows the site's present values; a dead sensor as a fault."""
        for served in self._by_object.values():
            served.publish()

    async def close(self) -> None:
        """Stops listening and forgets every subscription."""
        stack, wire, self._stack, self._wire = self._stack, self._wire, None, None
        if stack is None:
            return
        for detection in stack._cov_detections.values():
            for subscription in detection.cov_subscriptions:
                subscription.cancel_subscription()
            detection.cov_subscriptions.clear()
        for pending in (*stack.asap.clientTransactions, *stack.asap.serverTransactions):
            pending.stop_timer()
        wire.close()
        for _ in range(3):  # the transport's own callback, the socket's, and what was being sent
            await asyncio.sleep(0)

    def served(self, signal: str) -> Any:
        """Returns the library's object of a point, for a test's hand. Raises KeyError for any other signal."""
        for one in self._by_object.values():
            if one.point.signal == signal:
                return one.object
        raise KeyError(signal)

    def _look(self, apdu: Any) -> None:
        """Records what a client asks to be written, and refuses what may not be."""
        kind, instance = apdu.objectIdentifier
        served = self._by_object.get((int(kind), int(instance)))
        tags = [tag for tag in apdu.propertyValue.tagList if tag.tag_class == 0]
        emptied = bool(tags) and tags[0].tag_number == 0  # Null
        number = None
        if served is not None and not emptied:
            try:
                raw = float(apdu.propertyValue.cast_out(served.object.get_property_type(apdu.propertyIdentifier)))
            except (TypeError, ValueError, ExecutionError, AttributeError):
                raw = float("nan")
            number = from_device(served.point, raw) if isfinite(raw) else None
        self.watch.saw(self._site.now_s, self.name, served.point.signal if served is not None else f"[{kind}:{instance}]", number)
        if served is None:
            raise ExecutionError(errorClass="object", errorCode="unknownObject")
        if not served.point.writable or served.point.signal in self.refused or int(apdu.propertyIdentifier) != 85:
            raise PropertyError(errorCode="writeAccessDenied")
        if number is None and not emptied:
            raise PropertyError(errorCode="valueOutOfRange")


def _held(point: Point, value: float) -> float | None:
    """Returns a value's raw number, or None where the object cannot hold it."""
    try:
        return raw_of(point, value)
    except ValueError:
        return None


def _typed(held: str, raw: float) -> float | int:
    return raw if held in ("real", "double") else int(raw)
