"""Devices of a site that share one gateway are one server on the bench; what the bench cannot serve it says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.framer import FramerType

from hil.bench import Bench, Pace
from plant_models.site.load import LoadedSite, load_site

HEADER = "signal,protocol,device,address,type,word_order,scale,offset,unit,access,stale_after_s,plausible_low,plausible_high,write_class,tags"
PLANT = '[site]\nname = "yard"\n[[plant]]\nname = "plant"\nchw_flow_kgs = 50\nloop_volume_m3 = 20\n'
ROW = "plant.{quantity},modbus,{device},{unit}:40001,int16,,0.1,0,degC,r,30,,,,"


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str], LoadedSite]:
    def loaded(keys: str) -> LoadedSite:
        devices = "".join(f'[device.{name}]\nprotocol = "modbus"\n{keys}' for name in ("first", "second"))
        (tmp_path / "site.toml").write_text(PLANT + devices)
        rows = (ROW.format(quantity="chws_temp_c", device="first", unit=1), ROW.format(quantity="chwr_temp_c", device="second", unit=2))
        (tmp_path / "points.csv").write_text("\n".join((HEADER, *rows)) + "\n")
        return load_site(tmp_path, {})

    return loaded


@pytest.mark.parametrize(("keys", "framer"), [("", FramerType.SOCKET), ('transport = "rtu-over-tcp"\n', FramerType.RTU)], ids=["tcp", "rtu-over-tcp"])
async def test_devices_behind_one_gateway_are_one_server(load: Callable[[str], LoadedSite], double: Any, keys: str, framer: FramerType) -> None:
    site = double(**{"plant.chws_temp_c": 7.5, "plant.chwr_temp_c": 13.5})
    async with Bench(load(keys), site, Pace(), {"first": 0}) as bench:
        ports = {name: told["port"] for name, told in json.loads(bench.environ["COLDAISLE_DEVICE"]).items()}
        assert len(bench.devices) == 1
        assert ports == dict.fromkeys(("first", "second"), bench.devices[0].port)
        client = AsyncModbusTcpClient("127.0.0.1", port=ports["second"], framer=framer, retries=0, timeout=5)
        assert await client.connect()
        assert [(await client.read_holding_registers(0, count=1, device_id=unit)).registers for unit in (1, 2)] == [[75], [135]]
        client.close()


async def test_a_transport_that_the_bench_cannot_serve_is_an_error(load: Callable[[str], LoadedSite], double: Any) -> None:
    serial = 'transport = "rtu"\nserial = { port = "/dev/ttyUSB0" }\n'
    with pytest.raises(OSError, match="tcp and rtu-over-tcp only, not the devices first, second"):
        await Bench(load(serial), double(), Pace()).open()
