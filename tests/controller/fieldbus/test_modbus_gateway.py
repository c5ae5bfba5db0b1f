"""Several devices: behind one gateway on one connection, one request at a time; on connections of their own, in parallel; each asked in its own manner."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from controller.clock import WallClock
from controller.fieldbus.modbus import ModbusBus
from controller.fieldbus.modbus_link import Kind, Trouble, link_to
from controller.plant import Plant, connect_buses
from plant_models.site.address import Table
from plant_models.site.load import load_site
from plant_models.site.topology import Device
from safety.records import Outcome, Status
from tests.controller.fieldbus.conftest import Proxy, free_port
from tests.controller.fieldbus.modbus_peers import point

SUPPLY, SUPPLY_2, SUPPLY_3 = (f"ch-{unit}.chws_temp_c" for unit in (1, 2, 3))
HEADER = "signal,protocol,device,address,type,word_order,scale,offset,unit,access,stale_after_s,plausible_low,plausible_high,write_class,tags"
SITE = """
[site]
name = "yard"
[timing]
read_timeout_wall_s = 5
[device.first]
protocol = "modbus"
port = {port}
[device.second]
protocol = "modbus"
port = {port}
max_registers = 1
timeout_wall_s = 0.3
[device.third]
protocol = "modbus"
port = {other}
[[plant]]
name = "plant"
chw_flow_kgs = 50
loop_volume_m3 = 20
"""


def site_of(tmp_path: Path, port: int, other: int) -> Any:
    chillers = "".join(f'\n[[chiller]]\nname = "ch-{n}"\nplant = "plant"\ncapacity_kw = 1000\n' for n in (1, 2, 3))
    (tmp_path / "site.toml").write_text(SITE.format(port=port, other=other) + chillers)
    rows = (f"ch-{n}.chws_temp_c,modbus,{device},{n}:40001,int16,,0.1,0,degC,r,30,,,," for n, device in ((1, "first"), (2, "second"), (3, "third")))
    (tmp_path / "points.csv").write_text("\n".join((HEADER, *rows)) + "\n")
    return load_site(tmp_path, {})


@pytest.fixture
async def other_proxy(modbus_server: Any) -> AsyncIterator[Proxy]:
    between = Proxy(modbus_server.port)
    await between.start()
    yield between
    await between.stop()


@pytest.fixture
async def plant(tmp_path: Path, proxy: Proxy, other_proxy: Proxy, modbus_server: Any) -> AsyncIterator[Plant]:
    for unit in (1, 2, 3):
        modbus_server.memory[unit][0] = 70 + unit
    loaded = site_of(tmp_path, proxy.port, other_proxy.port)
    made = Plant(loaded, connect_buses(loaded), WallClock())
    await made.open()
    yield made
    await made.close()


async def test_devices_behind_one_gateway_share_one_connection_and_take_turns(plant: Plant, proxy: Proxy) -> None:
    waiting = most = 0

    async def up(data: bytes, _: asyncio.StreamWriter) -> bytes:
        nonlocal waiting, most
        waiting += len(data) // 12
        most = max(most, waiting)
        await asyncio.sleep(0.01)
        return data

    async def down(data: bytes, _: asyncio.StreamWriter) -> bytes:
        nonlocal waiting
        waiting -= 1
        return data

    proxy.up, proxy.down = up, down
    snapshots = await asyncio.gather(*(plant.read([signal]) for signal in (SUPPLY, SUPPLY_2)), plant.read())
    assert [round(s.readings[name].value or 0, 6) for s, name in zip(snapshots, (SUPPLY, SUPPLY_2, SUPPLY_3), strict=True)] == [7.1, 7.2, 7.3]
    assert (proxy.accepted, most) == (1, 1)


async def test_devices_on_connections_of_their_own_are_read_in_parallel(plant: Plant, proxy: Proxy, other_proxy: Proxy) -> None:
    met = asyncio.Barrier(2)

    async def up(data: bytes, _: asyncio.StreamWriter) -> bytes:
        await met.wait()  # neither request goes on before the other has been sent
        return data

    proxy.up = other_proxy.up = up
    async with asyncio.timeout(20):
        snapshot = await plant.read([SUPPLY, SUPPLY_3])
    assert {r.status for r in snapshot.readings.values()} == {Status.GOOD}


async def test_each_device_behind_a_gateway_has_its_own_time_out(plant: Plant, proxy: Proxy) -> None:
    async def up(data: bytes, _: asyncio.StreamWriter) -> bytes | None:
        return None if data[6] == 2 else data

    proxy.up = up
    snapshot = await plant.read()
    assert "within 0.3 s" in snapshot.readings[SUPPLY_2].detail
    assert {snapshot.readings[s].status for s in (SUPPLY, SUPPLY_3)} == {Status.GOOD}


async def test_a_gateway_that_swallows_what_comes_right_after_connecting_is_given_time() -> None:
    loop = asyncio.get_running_loop()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        deaf_until_s = loop.time() + 0.05
        request = await reader.readexactly(12)
        if loop.time() >= deaf_until_s:
            writer.write(request[:4] + b"\0\5" + request[6:8] + b"\2\0\x4b")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    bus = ModbusBus(Device("modbus", port=server.sockets[0].getsockname()[1], connect_settle_wall_s=0.3), 0.5, 0.5)
    assert (await bus.read([point(SUPPLY, "1:40001", "int16", 0.1)]))[SUPPLY].value == 7.5
    await bus.close()
    server.close()
    await server.wait_closed()


async def test_a_read_is_asked_again_and_a_write_is_not(modbus_server: Any, proxy: Proxy) -> None:
    spoilt: list[int] = []

    async def up(data: bytes, _: asyncio.StreamWriter) -> bytes | None:
        if len(spoilt) < 2:
            spoilt.append(data[7])
            return None
        return data

    modbus_server.memory[1][0] = 75
    proxy.up = up
    wanted = point(SUPPLY, "1:40001", "int16", 0.1)
    bus = ModbusBus(Device("modbus", port=proxy.port, read_retries=2), 0.2, 0.2)
    assert (await bus.read([wanted]))[SUPPLY].value == 7.5
    spoilt.clear()
    assert dict(await bus.write([(wanted, 8.0)])) == {SUPPLY: Outcome.UNREACHABLE}
    assert spoilt == [6]
    assert [function for function, _, _ in modbus_server.requests].count(6) == 0
    await bus.close()


async def test_a_busy_device_is_asked_again(proxy: Proxy, modbus_server: Any) -> None:
    busy = [True]

    async def down(data: bytes, _: asyncio.StreamWriter) -> bytes:
        return data[:4] + b"\0\3" + data[6:7] + bytes((data[7] | 0x80, 6)) if busy and busy.pop() else data

    proxy.down = down
    modbus_server.memory[1][0] = 75
    bus = ModbusBus(Device("modbus", port=proxy.port, read_retries=1), 2.0, 2.0)
    assert (await bus.read([point(SUPPLY, "1:40001", "int16", 0.1)]))[SUPPLY].value == 7.5
    await bus.close()


async def test_a_device_that_cannot_set_single_bits_refuses_and_nothing_else_is_tried(proxy: Proxy, modbus_server: Any) -> None:
    async def down(data: bytes, _: asyncio.StreamWriter) -> bytes:
        return data[:4] + b"\0\3" + data[6:7] + b"\x96\1"

    proxy.down = down
    bus = ModbusBus(Device("modbus", port=proxy.port), 2.0, 2.0)
    assert dict(await bus.write([(point("daemon.alarm", "1:40010.5", "bit", unit="1"), 1.0)])) == {"daemon.alarm": Outcome.REFUSED}
    assert {function for function, _, _ in modbus_server.requests} <= {22}
    await bus.close()


async def test_random_bytes_for_replies_never_give_a_value(proxy: Proxy) -> None:
    chance = random.Random(20260722)

    async def down(data: bytes, _: asyncio.StreamWriter) -> bytes:
        kept = chance.choice((0, 2, 4, 7, 8))  # the header may be right, even the function: never the rest
        noise = chance.randbytes(chance.randrange(1, 90))
        return data[:kept] + (noise if kept < 7 or len(noise) != len(data) - kept else noise[1:])

    proxy.down = down
    wanted, setpoint = [point(SUPPLY, "1:40001"), point(SUPPLY_2, "1:40101")], point("plant.chws_setpoint_c.request", "1:40150", "int16", 0.1)
    bus = ModbusBus(Device("modbus", port=proxy.port), 0.02, 0.02)
    for _ in range(80):
        raws = await bus.read(wanted)
        assert {r.value for r in raws.values()} == {None}
        assert (await bus.write([(setpoint, 8.0)]))[setpoint.signal] is not Outcome.VERIFIED
    proxy.down = None
    async with asyncio.timeout(20):
        while (await bus.read(wanted))[SUPPLY].value != 0.0:  # noqa: ASYNC110  # each turn is a read
            await asyncio.sleep(0.02)
    await bus.close()


async def test_a_link_says_why_it_has_no_connection() -> None:
    port = free_port()
    link = link_to(Device("modbus", port=port))
    trouble = await link.read(1, Table.HOLDING, 0, 1, 1.0)
    assert isinstance(trouble, Trouble)
    assert (trouble.kind, str(port) in trouble.says) == (Kind.UNREACHABLE, True)
    assert isinstance(await link_to(Device("modbus", "no..host")).read(1, Table.HOLDING, 0, 1, 1.0), Trouble)


@pytest.mark.parametrize(("bits", "count"), [(8, 8), (3, 3), (17, 17)])
async def test_bits_come_back_in_the_order_of_their_numbers(modbus_bus: ModbusBus, bits: int, count: int) -> None:
    coils = [point(f"ch-{i}.machine_state", f"1:0{1 + i:04d}", "bit", unit="1") for i in range(count)]
    written = {p.signal: float(i % 3 == 0) for i, p in enumerate(coils)}
    await modbus_bus.write([(p, written[p.signal]) for p in coils])
    assert {s: r.value for s, r in (await modbus_bus.read(coils)).items()} == written
