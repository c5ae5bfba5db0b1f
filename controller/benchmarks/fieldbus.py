"""The fieldbus benchmark: 2,000 Modbus registers and 2,000 OPC UA nodes through the daemon's own buses, beside a C client and a loop over single points.

Every contender reads the same registers of the same server in the same blocks over one connection, in turns within one run; what the last scan of each
turn gave is checked, value by value, outside of the time taken.

Three figures stand beside the C client's: ``library`` is the bare pymodbus client in a loop over the same blocks, as it comes; ``wire`` ends with
registers in hand, as the C client does; ``coldaisle`` with a value and a status for each point, which neither of them makes.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from asyncua.client.client import Client
from pymodbus.client import AsyncModbusTcpClient

from controller.benchmarks.opcua_server import PATH, URI
from controller.benchmarks.peers import Took, Tools, c_client, compiled, modbus_server, opcua_server
from controller.clock import WallClock
from controller.fieldbus import Raw
from controller.fieldbus.modbus import ModbusBus
from controller.fieldbus.modbus_link import ModbusLink, Trouble, link_to
from controller.fieldbus.opcua import OpcUaBus
from controller.plant import Plant, connect_buses
from plant_models.site.address import Table
from plant_models.site.load import LoadedSite
from plant_models.site.points import Point, Points, WriteClass
from plant_models.site.topology import About, Device, Site
from safety.records import Command, Outcome, Status

UNITS: Final = 20
REGISTERS: Final = 100  # of each unit, one point each and one request together
NODES: Final = 2000
DELAY_MS: Final = 50
_ROUNDS: Final = 10
_SCANS: Final = 15  # of each contender in each round
_WRITES: Final = 50
_CLASS: Final = WriteClass.VOLATILE

Say = Callable[[str], None]
Scan = Callable[[], Awaitable[Any]]


class WrongValueError(Exception):
    """A contender read or wrote something else than what stands there: its time counts for nothing."""


def modbus_points(units: int = UNITS, registers: int = REGISTERS, device: str = "gateway") -> tuple[Point, ...]:
    """Returns one int16 point for each register."""
    return tuple(
        Point(
            f"u{unit}-{at}.chws_temp_c",
            "modbus",
            device,
            f"{unit}:4{at + 1:04d}",
            "int16",
            "ABCD",
            0.1,
            0.0,
            "degC",
            "r",
            30.0,
            None,
            None,
            WriteClass.VOLATILE,
        )
        for unit in range(1, units + 1)
        for at in range(registers)
    )


def opcua_points(nodes: int = NODES) -> tuple[Point, ...]:
    """Returns one point for each node."""
    return tuple(
        Point(f"n{i}.chws_temp_c", "opcua", "server", f"nsu={URI};s=n{i}", "float", "", 1.0, 0.0, "degC", "r", 30.0, None, None, _CLASS) for i in range(nodes)
    )


async def measure(say: Say) -> dict[str, Any]:
    """Returns the section ``fieldbus`` of bench.json. Raises peers.ToolError where gcc or libmodbus is."""
    with compiled() as tools:
        result: dict[str, Any] = {}
        async with modbus_server(tools) as port, opcua_server(NODES) as opcua_port:
            say("fieldbus: 2,000 Modbus registers over 20 units, six clients in turns")
            modbus = await _modbus(tools, port)
            result["modbus_wall_ratio_vs_c"] = modbus["wire_ratio_vs_c"]
            say("fieldbus: 2,000 OPC UA nodes, in requests of many and one by one")
            opcua = await _opcua(opcua_port)
            say("fieldbus: 1,000 Modbus registers and 1,000 OPC UA nodes in one scan; writes until they are verified")
            result |= await _plant(port, opcua_port)
        say("fieldbus: 20 devices of 50 ms, in parallel and on one connection")
        async with modbus_server(tools, DELAY_MS) as port:
            result["devices_of_50_ms"] = await _slow_devices(port)
    return {**result, "modbus": modbus, "opcua": opcua}


async def _modbus(tools: Tools, port: int) -> dict[str, Any]:
    points = modbus_points()
    bus = ModbusBus(Device("modbus", port=port, max_registers=REGISTERS), 5.0, 5.0)
    link = link_to(Device("modbus", port=port))
    plain = AsyncModbusTcpClient("127.0.0.1", port=port, timeout=5.0, retries=0)
    await bus.open()
    await link.open(5.0)
    await plain.connect()
    sides: dict[str, list[Took]] = {name: [] for name in ("coldaisle", "wire", "library", "c_libmodbus", "one_by_one", "c_libmodbus_one_by_one")}
    try:
        _check(points, await bus.read(points))  # connected, and its blocks made
        for _ in range(_ROUNDS):
            sides["c_libmodbus"].append(await c_client(tools, port, UNITS, REGISTERS, REGISTERS, _SCANS))
            sides["library"].append((await _timed(lambda: _by_block(plain), _SCANS))[0])
            sides["wire"].append((await _timed(lambda: _blocks(link), _SCANS))[0])
            took, raws = await _timed(lambda: bus.read(points), _SCANS)
            _check(points, raws)
            sides["coldaisle"].append(took)
            sides["c_libmodbus_one_by_one"].append(await c_client(tools, port, UNITS, REGISTERS, 1, 1))
            sides["one_by_one"].append((await _timed(lambda: _one_by_one(plain), 1))[0])
    finally:
        plain.close()
        await link.close()
        await bus.close()
    return {
        "wire_ratio_vs_c": _ratio(sides["wire"], sides["c_libmodbus"]),
        "library_ratio_vs_c": _ratio(sides["library"], sides["c_libmodbus"]),
        "values_ratio_vs_c": _ratio(sides["coldaisle"], sides["c_libmodbus"]),
        "times_faster_than_one_by_one": _ratio(sides["one_by_one"], sides["coldaisle"]),
        "points": len(points),
        "requests_a_scan": UNITS,
        **{name: _described(took, len(points)) for name, took in sides.items()},
    }


async def _opcua(port: int) -> dict[str, Any]:
    points = opcua_points()
    bus = OpcUaBus(Device("opcua", port=port, path=PATH), 10.0, 10.0)
    await bus.open()
    bulk, loop = [], []
    try:
        _check(points, await bus.read(points))
        async with Client(f"opc.tcp://127.0.0.1:{port}{PATH}", timeout=10.0) as plain:
            space = await plain.get_namespace_index(URI)
            nodes = [plain.get_node(f"ns={space};s=n{i}") for i in range(NODES)]

            async def one_by_one() -> None:
                for i, node in enumerate(nodes):
                    if abs(await node.read_value() - i / 10) > 1e-3:
                        raise WrongValueError(f"node {i}")

            for _ in range(_ROUNDS):
                took, raws = await _timed(lambda: bus.read(points), 3)
                _check(points, raws)
                bulk.append(took)
                loop.append((await _timed(one_by_one, 1))[0])
    finally:
        await bus.close()
    sides = {name: _described(took, len(points)) for name, took in {"coldaisle": bulk, "one_by_one": loop}.items()}
    return {"times_faster_than_one_by_one": _ratio(loop, bulk), "points": len(points), **sides}


async def _plant(modbus_port: int, opcua_port: int) -> dict[str, float]:
    """A scan of 2,000 points over both protocols, and writes to both until they are read back, as the cycle does them."""
    asked = (
        Point("plant.chws_setpoint_c.request", "modbus", "gateway", "1:43001", "int16", "ABCD", 0.1, 0.0, "degC", "rw", 30.0, None, None, WriteClass.VOLATILE),
        Point("hall-a.crah_supply_setpoint_c.request", "opcua", "server", f"nsu={URI};s=n{NODES - 1}", "float", "", 1.0, 0.0, "degC", "rw", 30.0, None, None,
              _CLASS),
    )  # fmt: skip
    read = (*modbus_points(UNITS // 2), *opcua_points(NODES // 2))
    devices = {"gateway": Device("modbus", port=modbus_port, max_registers=REGISTERS), "server": Device("opcua", port=opcua_port, path=PATH)}
    loaded = LoadedSite(Site(About("bench"), device=devices), Points((*read, *asked)))
    plant = Plant(loaded, connect_buses(loaded), WallClock(), writes_enabled=True)
    signals = tuple(p.signal for p in read)

    await plant.open()
    try:
        await plant.read(signals)
        scanned, snapshot = await _timed(lambda: plant.read(signals), 3 * _ROUNDS)
        if any(r.status is not Status.GOOD for r in snapshot.readings.values()):
            raise WrongValueError("a point of the mixed scan is not good")
        written: dict[str, tuple[float, ...]] = {}
        for point in asked:
            values = iter(float(10 + i % 10) for i in range(_WRITES + 1))
            await _write(plant, point.signal, next(values))

            async def write(signal: str = point.signal, values: Iterable[float] = values) -> None:
                await _write(plant, signal, next(iter(values)))

            written[point.protocol] = (await _timed(write, _WRITES))[0].scan_s
    finally:
        await plant.close()
    return {
        "scan_2000_mixed_points_ms": _ms(statistics.median(scanned.scan_s)),
        "scan_2000_mixed_points_p99_ms": _ms(_p99(scanned.scan_s)),
        "write_to_verified_ms": _ms(max(_p99(took) for took in written.values())),
        **{f"write_to_verified_{protocol}_p50_ms": _ms(statistics.median(took)) for protocol, took in written.items()},
    }


async def _write(plant: Plant, signal: str, value: float) -> None:
    command = Command({signal: value})
    receipt = await plant.verify(command, await plant.write(command))
    if receipt.outcomes[signal] is not Outcome.VERIFIED:
        raise WrongValueError(f"{signal}: {receipt.outcomes[signal]} {receipt.says}")


async def _slow_devices(port: int) -> dict[str, float]:
    """Twenty gateways with a unit each, against one with twenty units, each request answered after 50 ms."""
    points = modbus_points()
    device = Device("modbus", port=port, max_registers=REGISTERS)
    buses = [ModbusBus(device, 5.0, 5.0) for _ in range(UNITS)]
    one = ModbusBus(device, 5.0, 5.0)
    shares = [points[i * REGISTERS : (i + 1) * REGISTERS] for i in range(UNITS)]

    async def parallel() -> dict[str, Raw]:
        answers = await asyncio.gather(*(bus.read(share) for bus, share in zip(buses, shares, strict=True)))
        return {signal: raw for answer in answers for signal, raw in answer.items()}

    try:
        _check(points, await parallel())
        _check(points, await one.read(points))
        together, apart_raws = await _timed(parallel, 2 * _ROUNDS)
        in_line, line_raws = await _timed(lambda: one.read(points), 5)
        _check(points, apart_raws)
        _check(points, line_raws)
    finally:
        await asyncio.gather(*(bus.close() for bus in (*buses, one)))
    return {
        "times_faster_than_one_connection": _ratio([in_line], [together]),
        "parallel_ms": _ms(statistics.median(together.scan_s)),
        "one_connection_ms": _ms(statistics.median(in_line.scan_s)),
    }


def _check(points: Sequence[Point], raws: Mapping[str, Raw]) -> None:
    """Raises WrongValueError for a value that is not what the servers hold."""
    for i, point in enumerate(points):
        wanted = (i % REGISTERS if point.protocol == "modbus" else i) / 10
        value = raws[point.signal].value
        if value is None or abs(value - wanted) > 1e-3:
            raise WrongValueError(f"{point.signal}: {raws[point.signal]}, {wanted:g} stands there")


async def _blocks(link: ModbusLink) -> None:
    """One scan that ends with the registers, checked as the C client checks them."""
    for unit in range(1, UNITS + 1):
        found = await link.read(unit, Table.HOLDING, 0, REGISTERS, 5.0)
        if isinstance(found, Trouble) or found[-1] != REGISTERS - 1:
            raise WrongValueError(f"unit {unit}: {found}")


async def _by_block(client: AsyncModbusTcpClient) -> None:
    for unit in range(1, UNITS + 1):
        reply = await client.read_holding_registers(0, count=REGISTERS, device_id=unit)
        if reply.isError() or reply.registers[-1] != REGISTERS - 1:
            raise WrongValueError(f"unit {unit}: {reply}")


async def _one_by_one(client: AsyncModbusTcpClient) -> None:
    for unit in range(1, UNITS + 1):
        for at in range(REGISTERS):
            reply = await client.read_holding_registers(at, count=1, device_id=unit)
            if reply.isError() or reply.registers != [at]:
                raise WrongValueError(f"unit {unit}, register {at}: {reply}")


async def _timed(scan: Scan, scans: int) -> tuple[Took, Any]:
    """Returns what the scans took, and what the last one gave."""
    took: list[float] = []
    cpu_s = time.process_time()
    for _ in range(scans):
        began = time.perf_counter()
        found = await scan()
        took.append(time.perf_counter() - began)
    return Took(tuple(took), time.process_time() - cpu_s), found


def _described(rounds: Sequence[Took], points: int) -> dict[str, float]:
    scans = [s for took in rounds for s in took.scan_s]
    median = statistics.median(scans)
    cpu_s = sum(took.cpu_s for took in rounds) / len(scans)
    return {
        "points_per_s": round(points / median),
        "quick_ms": _ms(_quick(rounds)),
        "p50_ms": _ms(median),
        "p99_ms": _ms(_p99(scans)),
        "cpu_s_a_scan": round(cpu_s, 6),
    }


def _ratio(above: Sequence[Took], below: Sequence[Took]) -> float:
    """Returns how many times longer one contender took, by its quick scans (10 % quantile): what else runs on a machine only adds time."""
    return round(_quick(above) / _quick(below), 2)


def _quick(rounds: Sequence[Took]) -> float:
    return statistics.quantiles([s for took in rounds for s in took.scan_s], n=10, method="inclusive")[0]


def _p99(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[98]


def _ms(seconds: float) -> float:
    return round(1000.0 * seconds, 3)
