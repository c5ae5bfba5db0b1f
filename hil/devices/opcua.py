"""An OPC UA device that serves the points of a simulated site as nodes, with status and source time; clients' writes go to the site."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from typing import Any, Final

from asyncua import ua
from asyncua.common.callback import CallbackType
from asyncua.server.address_space import AttributeValue
from asyncua.server.server import Server
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import BadOutOfRange

from hil.devices import Served
from hil.devices.opcua_security import Secured
from hil.devices.watch import Watch
from plant_models.site.address import parse_opcua_address
from plant_models.site.codec import from_device, raw_of
from plant_models.site.points import Point

_VARIANT: Final = {
    "boolean": ua.VariantType.Boolean,
    "sbyte": ua.VariantType.SByte,
    "byte": ua.VariantType.Byte,
    "int16": ua.VariantType.Int16,
    "uint16": ua.VariantType.UInt16,
    "int32": ua.VariantType.Int32,
    "uint32": ua.VariantType.UInt32,
    "int64": ua.VariantType.Int64,
    "uint64": ua.VariantType.UInt64,
    "float": ua.VariantType.Float,
    "double": ua.VariantType.Double,
}
_FLOATS: Final = (ua.VariantType.Float, ua.VariantType.Double)
_GOOD: Final = ua.StatusCode()
_SENSOR_FAILURE: Final = ua.StatusCode(ua.UInt32(StatusCodes.BadSensorFailure))
_NO_VALUE: Final = ua.Variant(None, ua.VariantType.Null)


@dataclass(slots=True)
class _Node:
    """A point, its type on the wire, and the place in the server's address space that holds its value."""

    point: Point
    variant: ua.VariantType
    attribute: AttributeValue


class OpcUaDevice:
    """An OPC UA server for all the points of one device, without security unless that is asked for."""

    def __init__(
        self,
        name: str,
        points: Sequence[Point],
        site: Served,
        watch: Watch,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        path: str = "/",
        secured: Secured | None = None,
    ) -> None:
        """Takes the device's points; port 0 means any free one, chosen at the first opening. With ``secured`` nothing else is offered."""
        self.name, self.watch = name, watch
        self._points, self._site = tuple(points), site
        self._host, self._port, self._path, self._secured = host, port, path, secured
        self._server: Server | None = None
        self._nodes: dict[ua.NodeId, _Node] = {}

    @property
    def port(self) -> int:
        """The TCP port that it listens on, 0 before it was first opened."""
        return self._port

    async def open(self) -> None:
        """Builds the address space and starts listening; after a close it listens on the same port again.

        Raises OSError when the port is taken.
        """
        server = Server() if self._secured is None else Server(user_manager=self._secured)  # type: ignore[arg-type]  # it takes any with get_user
        logging.getLogger("asyncua.server.server").setLevel(logging.ERROR)  # it warns at every start that there is no certificate; none is wanted here
        server.disable_clock()
        await server.init()
        server.set_endpoint(f"opc.tcp://{self._host}:{self._port}{self._path}")
        server.set_server_name(self.name)
        if self._secured is None:
            server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
            server.set_identity_tokens([ua.AnonymousIdentityToken])
        else:
            await self._secured.apply(server, self.name)
        self._nodes = {}
        for point in self._points:
            await self._add(server, point)
        server.iserver.callback_service.addListener(CallbackType.PreWrite, self._note)  # type: ignore[arg-type]  # asyncua keys by the enum but types str
        await self.publish()
        await server.start()
        assert server.bserver is not None  # what start() made
        self._port = int(server.bserver.port)
        self._server = server

    async def publish(self) -> None:
        """Shows the site's present values with the plant clock as source time; a dead sensor as Bad, without a value."""
        shown_at = _time(self._site.now_s)
        for node in self._nodes.values():
            if node.point.readable:
                node.attribute.value = shown = self._shown(node, shown_at)
                for handle, callback in list(node.attribute.datachange_callbacks.items()):
                    await callback(handle, shown)

    async def close(self) -> None:
        """Stops listening and drops every connection."""
        if self._server is not None:
            await self._server.stop()
            self._server = None

    async def _add(self, server: Server, point: Point) -> None:
        at = parse_opcua_address(point.address)
        space = await server.register_namespace(at.namespace_uri)
        identifier = ua.NodeId.from_string(f"ns={space};{at.kind}={at.identifier}")
        variant = _VARIANT[point.type]
        zero = ua.Variant(_typed(0.0, variant), variant)
        made = await server.nodes.objects.add_variable(identifier, ua.QualifiedName(point.signal, space), zero)
        if point.writable:
            await made.set_writable()
        attribute = server.iserver.aspace[made.nodeid].attributes[AttributeIds.Value]
        attribute.value_setter = self._written
        self._nodes[made.nodeid] = _Node(point, variant, attribute)

    def _shown(self, node: _Node, at: Any) -> ua.DataValue:
        value = self._site.read(node.point.signal)
        raw = None if value is None else _held(node.point, value)
        if raw is None:
            return ua.DataValue(_NO_VALUE, _SENSOR_FAILURE, at)
        return ua.DataValue(ua.Variant(_typed(raw, node.variant), node.variant), _GOOD, at)

    def _note(self, event: Any, _service: object) -> None:
        """Records what clients ask to be written, before access and type are checked."""
        for asked in event.request_params.NodesToWrite if event.is_external else ():
            node = self._nodes.get(asked.NodeId)
            signal = node.point.signal if node else f"[{asked.NodeId.to_string()}]"
            value = asked.Value.Value.Value if asked.Value.Value is not None else None
            number = float(value) if isinstance(value, int | float) else None
            self.watch.saw(self._site.now_s, self.name, signal, from_device(node.point, number) if node and number is not None else number)

    def _written(self, data: Any, _attribute: AttributeIds, value: ua.DataValue) -> None:
        """Passes an accepted write on to the site and shows what the site makes of it.

        Raises ServiceError where it holds no number.
        """
        node = self._nodes[data.nodeid]
        raw = value.Value.Value if value.Value is not None else None
        if not isinstance(raw, int | float) or not isfinite(raw):
            raise BadOutOfRange
        self._site.write(node.point.signal, from_device(node.point, float(raw)))
        node.attribute.value = self._shown(node, _time(self._site.now_s)) if node.point.readable else value


def _time(at_s: float) -> Any:
    """Returns a plant time as asyncua encodes it; it takes plain datetimes but declares a class of its own."""
    return datetime.fromtimestamp(at_s, UTC)


def _typed(raw: float, variant: ua.VariantType) -> float | int | bool:
    """Returns a raw number as the Python type that goes with its type on the wire."""
    if variant in _FLOATS:
        return raw
    return bool(raw) if variant == ua.VariantType.Boolean else int(raw)


def _held(point: Point, value: float) -> float | None:
    """Returns a value's raw number, or None where the point's type cannot hold it."""
    try:
        return raw_of(point, value)
    except ValueError:
        return None
