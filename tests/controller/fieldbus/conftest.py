"""Devices on the wire for the tests of the fieldbus: a Modbus and an OPC UA server, and a proxy that spoils what passes through it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
import pytest_asyncio
from asyncua import ua
from asyncua.server.server import Server

from controller.fieldbus import Fieldbus
from controller.fieldbus.memory import MemoryBus
from controller.fieldbus.modbus import ModbusBus
from controller.fieldbus.opcua import OpcUaBus
from plant_models.site.address import parse_modbus_address
from plant_models.site.codec import encode
from plant_models.site.points import Point, WriteClass
from plant_models.site.topology import Device
from tests.controller.fieldbus.bacnet_server import contract_parts
from tests.controller.fieldbus.modbus_server import ModbusServer, free_port, on_transport
from tests.controller.fieldbus.values import MemoryValues

URI = "urn:test:air"
TIMEOUT_S = 0.6


def point(protocol: Literal["modbus", "opcua"], signal: str, address: str, kind: str, scale: float = 1.0, access: Literal["r", "rw"] = "rw") -> Point:
    unit = {"c": "degC", "pct": "%"}.get(signal.split(".")[1].rsplit("_", 1)[-1], "1")
    return Point(signal, protocol, "plc", address, kind, "ABCD", scale, 0.0, unit, access, 30.0, None, None, WriteClass.VOLATILE)


@dataclass
class OpcUaServer:
    """An OPC UA server with one variable for each point, in a namespace known by its URI only."""

    points: Sequence[Point]
    port: int = 0
    namespaces_before: Sequence[str] = ()
    nodes: dict[str, Any] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    running: bool = False
    _server: Server | None = None
    _folder: Any = None
    _index: int = 0

    async def start(self) -> None:
        if self._server is None:
            self._server = await self._build()
        if not self.running:
            await self._server.start()
            self.running = True

    async def stop(self) -> None:
        if self.running and self._server is not None:
            await self._server.stop()
            self.running = False

    async def rebuild(self, namespaces_before: Sequence[str] = ()) -> None:
        """Starts as another server would on the same port, its namespaces counted anew."""
        await self.stop()
        self.namespaces_before, self._server = namespaces_before, None
        await self.start()

    async def reset(self) -> None:
        """Puts every node back as it was built, whatever a test did to it."""
        await self.start()
        await self.limit_nodes(0)
        for point in self.points:
            if point.signal in self.deleted:
                await self._add(point)
            await self.put(point.signal, 0.0)
            await self.nodes[point.signal].set_writable(point.writable)
        self.deleted.clear()

    async def delete(self, signal: str) -> None:
        await self.nodes[signal].delete()
        self.deleted.add(signal)

    async def _build(self) -> Server:
        self.port = self.port or free_port()
        server = Server()
        await server.init()
        server.set_endpoint(f"opc.tcp://127.0.0.1:{self.port}/test/")
        server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        for uri in self.namespaces_before:
            await server.register_namespace(uri)
        self._index = await server.register_namespace(URI)
        self._folder = await server.nodes.objects.add_folder(self._index, "Air")
        for point in self.points:
            await self._add(point)
        return server

    async def _add(self, point: Point) -> None:
        kind = next(v for v in ua.VariantType if v.name.lower() == point.type)
        node_id = ua.NodeId(point.address.split(";s=")[1], self._index)
        zero = False if point.type == "boolean" else 0.0 if point.type in ("float", "double") else 0
        self.nodes[point.signal] = node = await self._folder.add_variable(node_id, point.signal, zero, kind)
        await node.set_writable(point.writable)

    async def limit_nodes(self, count: int) -> None:
        assert self._server is not None
        limits = ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead
        await self._server.get_node(ua.NodeId(limits)).write_value(ua.Variant(count, ua.VariantType.UInt32))

    async def put(self, signal: str, value: float, status: int = ua.StatusCodes.Good) -> None:
        node = self.nodes[signal]
        kind = await node.read_data_type_as_variant_type()
        number = value if kind in (ua.VariantType.Float, ua.VariantType.Double) else int(value)
        await node.write_value(ua.DataValue(ua.Variant(number, kind), ua.StatusCode(status)))

    async def get(self, signal: str) -> float:
        return float(await self.nodes[signal].read_value())


Tamper = Callable[[bytes, asyncio.StreamWriter], Awaitable[bytes | None]]


@dataclass
class Proxy:
    """A TCP proxy; ``down`` sees each piece of data on its way to the client and returns what is passed on, ``up`` the same towards the server."""

    server_port: int
    down: Tamper | None = None
    up: Tamper | None = None
    port: int = 0
    accepted: int = 0
    _listener: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self) -> None:
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.server_port)
        except OSError:
            writer.transport.abort()
            return
        for source, target, way in ((reader, up_writer, "up"), (up_reader, writer, "down")):
            task = asyncio.create_task(self._pump(source, target, way))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, way: str) -> None:
        try:
            while data := await source.read(4096):
                tamper = self.down if way == "down" else self.up
                passed = data if tamper is None else await tamper(data, target)
                if passed:
                    target.write(passed)
        except OSError:
            pass
        finally:
            target.close()

    async def stop(self) -> None:
        if self._listener is not None:
            self._listener.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0.01)


@pytest.fixture
async def modbus_server() -> AsyncIterator[ModbusServer]:
    server = ModbusServer(units=(1, 2, 3))
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def proxy(modbus_server: ModbusServer) -> AsyncIterator[Proxy]:
    between = Proxy(modbus_server.port)
    await between.start()
    yield between
    await between.stop()


@pytest.fixture
async def modbus_bus(proxy: Proxy) -> AsyncIterator[ModbusBus]:
    """The bus talks to the device through the proxy."""
    bus = ModbusBus(Device("modbus", port=proxy.port), TIMEOUT_S, TIMEOUT_S)
    await bus.open()
    yield bus
    await bus.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opcua_server_of() -> AsyncIterator[Callable[[Sequence[Point]], Awaitable[OpcUaServer]]]:
    """Gives a server with a variable for each point, as it was built; it takes seconds to start, so a module's tests share it."""
    shared: list[OpcUaServer] = []

    async def build(points: Sequence[Point]) -> OpcUaServer:
        if not shared:
            shared.append(OpcUaServer(points))
        await shared[0].reset()
        return shared[0]

    yield build
    for server in shared:
        await server.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def proxy_of() -> AsyncIterator[Callable[[int], Awaitable[Proxy]]]:
    """Starts a proxy in front of a port."""
    started: list[Proxy] = []

    async def build(port: int) -> Proxy:
        proxy = Proxy(port)
        await proxy.start()
        started.append(proxy)
        return proxy

    yield build
    for proxy in started:
        await proxy.stop()


@dataclass
class Rig:
    """One device of any protocol under the contract: its bus, its points, and hands to set, see and break them."""

    bus: Fieldbus
    points: dict[str, Point]
    put: Callable[[str, float], Awaitable[None]]
    get: Callable[[str], Awaitable[float | None]]
    kill: Callable[[str], Awaitable[None]]
    refuse: Callable[[str], Awaitable[None]]
    stop: Callable[[], Awaitable[None]]
    start: Callable[[], Awaitable[None]]
    beyond: float = 4000.0
    """A value that the setpoint's type cannot hold."""


TEMPERATURE, SETPOINT, STATE, FAN = "plant.chws_temp_c", "plant.chws_setpoint_c.request", "ch-1.machine_state", "hall-a.crah_fan_setpoint_pct.request"


def opcua_points() -> dict[str, Point]:
    kinds = {TEMPERATURE: "float", SETPOINT: "int16", STATE: "int32", FAN: "float"}
    return {s: point("opcua", s, f"nsu={URI};s={s}", kind, 0.1 if s == SETPOINT else 1.0) for s, kind in kinds.items()}


async def _modbus_rig(transport: str = "tcp") -> tuple[Rig, Callable[[], Awaitable[None]]]:
    addresses = {TEMPERATURE: "1:40001", SETPOINT: "1:40010", STATE: "1:40012", FAN: "1:40013"}
    kinds = {TEMPERATURE: "float32", SETPOINT: "int16", STATE: "uint16", FAN: "float32"}
    points = {s: point("modbus", s, addresses[s], kinds[s], 0.1 if s == SETPOINT else 1.0) for s in addresses}
    stack = AsyncExitStack()
    server, device, folder = await on_transport(transport, stack)
    await server.start()
    bus = ModbusBus(device, 5.0, 5.0, directory=folder)

    async def shutdown() -> None:
        await server.stop()
        await stack.aclose()

    def offsets(signal: str) -> set[int]:
        offset = parse_modbus_address(points[signal].address).offset
        return set(range(offset, offset + len(encode(points[signal], 0.0))))

    async def put(signal: str, value: float) -> None:
        server.put_registers(points[signal], encode(points[signal], value) if math.isfinite(value) else [0x7FC0, 0])

    async def get(signal: str) -> float | None:
        return server.get(points[signal])

    async def kill(signal: str) -> None:
        server.holes |= offsets(signal)

    async def refuse(signal: str) -> None:
        server.read_only |= offsets(signal)

    return Rig(bus, points, put, get, kill, refuse, server.stop, server.start), shutdown


async def _opcua_rig(server_of: Callable[[Sequence[Point]], Awaitable[OpcUaServer]]) -> tuple[Rig, Callable[[], Awaitable[None]]]:
    points = opcua_points()
    server = await server_of(list(points.values()))
    bus = OpcUaBus(Device("opcua", port=server.port, path="/test/"), 5.0, 5.0)

    async def put(signal: str, value: float) -> None:
        await server.put(signal, value / points[signal].scale)

    async def get(signal: str) -> float | None:
        return await server.get(signal) * points[signal].scale

    async def refuse(signal: str) -> None:
        await server.nodes[signal].set_read_only()

    async def leave_running() -> None: ...

    return Rig(bus, points, put, get, server.delete, refuse, server.stop, server.start), leave_running


async def _bacnet_rig() -> tuple[Rig, Callable[[], Awaitable[None]]]:
    parts, server = await contract_parts({TEMPERATURE: "analog-input:1", SETPOINT: "integer-value:10", STATE: "multi-state-value:3", FAN: "analog-value:31"})
    return Rig(**parts, beyond=4e9), server.stop


async def _memory_rig() -> tuple[Rig, Callable[[], Awaitable[None]]]:
    points = opcua_points()
    site = MemoryValues()
    bus = MemoryBus(site)

    async def put(signal: str, value: float) -> None:
        site.values[signal] = value

    async def get(signal: str) -> float | None:
        return site.values[signal]

    async def kill(signal: str) -> None:
        bus.faults.dead.add(signal)

    async def refuse(signal: str) -> None:
        bus.faults.refused.add(signal)

    async def stop() -> None:
        bus.faults.unreachable = True

    async def start() -> None:
        bus.faults.unreachable = False

    return Rig(bus, points, put, get, kill, refuse, stop, start), stop


@pytest_asyncio.fixture(params=["modbus", "modbus rtu", "modbus rtu-over-tcp", "modbus tls", "opcua", "bacnet", "memory"], loop_scope="module")
async def rig(request: pytest.FixtureRequest, opcua_server_of: Callable[[Sequence[Point]], Awaitable[OpcUaServer]]) -> AsyncIterator[Rig]:
    """A device of each protocol in turn, running; the bus is not open yet."""
    protocol, _, transport = request.param.partition(" ")
    made = {"modbus": lambda: _modbus_rig(transport), "memory": _memory_rig, "bacnet": _bacnet_rig, "opcua": lambda: _opcua_rig(opcua_server_of)}
    built, shutdown = await made[protocol]()
    yield built
    await built.bus.close()
    await shutdown()
