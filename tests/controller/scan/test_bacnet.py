"""Who-is and the objects of a BACnet device on the wire: names, units, what can be commanded; devices that know little; never a write."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from controller.cli import main
from controller.fieldbus.bacnet_link import BacnetLink, Kind, Trouble
from controller.scan import Found, Pace
from controller.scan.bacnet import BacnetNetwork, BacnetScanner, _unit
from controller.scan.draft import draft_of
from tests.controller.fieldbus.bacnet_server import BacnetServer, point
from tests.controller.fieldbus.conftest import free_port

FAST = Pace(100_000.0)
INLET, SUPPLY, ALARM = (
    point("hall-a.rack_inlet_max_c", "analog-input:1"),
    point("hall-a.crah_supply_setpoint_c.request", "analog-value:31"),
    point("daemon.alarm", "binary-value:1"),
)


@pytest.fixture
async def server() -> AsyncIterator[BacnetServer]:
    made = BacnetServer([INLET, SUPPLY, ALARM])
    await made.start()
    made.own(INLET, 24.0)
    made.own(SUPPLY, 20.0)
    yield made
    await made.stop()


async def scanned(port: int) -> dict[str, Found]:
    survey = await BacnetScanner("bms", "127.0.0.1", port, 100).scan(FAST, lambda _: None)
    assert survey.answered
    return {p.address: p for p in survey.points}


async def test_who_is_finds_a_device_and_its_objects_are_drafted(server: BacnetServer) -> None:
    said: list[str] = []
    (scanner,) = await BacnetNetwork("127.0.0.1", server.port, timeout_s=0.5).find(FAST, said.append)
    assert (scanner.device, scanner.instance, scanner.port) == ("bacnet-100", 100, server.port)
    assert "1 devices answered who-is" in said[0]
    survey = await scanner.scan(FAST, said.append)
    found = {p.address: p for p in survey.points}
    assert set(found) == {"analog-input:1", "analog-value:31", "binary-value:1"}
    assert (found["analog-input:1"].type, found["analog-input:1"].writable, found["analog-input:1"].shown) == ("real", False, "24")
    assert (found["analog-value:31"].writable, found["analog-value:31"].shown) == (True, "20")
    assert survey.requests == 4, "the list, and one for each object"
    rows = {row["address"]: row for row in draft_of([survey]).rows}
    assert (rows["analog-input:1"]["protocol"], rows["analog-input:1"]["device"], rows["analog-input:1"]["type"]) == ("bacnet", "bacnet-100", "real")
    assert server.slot(SUPPLY) is None


async def test_instances_that_are_not_asked_for_stay_silent(server: BacnetServer) -> None:
    said: list[str] = []
    assert await BacnetNetwork("127.0.0.1", server.port, 200, 300, timeout_s=0.2).find(FAST, said.append) == []
    assert "0 devices" in said[0]


@pytest.mark.parametrize("kind", [Kind.TOO_BIG, Kind.NO_SERVICE])
async def test_a_device_that_knows_little_is_asked_piece_by_piece(server: BacnetServer, monkeypatch: pytest.MonkeyPatch, kind: Kind) -> None:
    whole = await scanned(server.port)
    ask: Callable[..., Any] = BacnetLink.ask

    async def little(self: BacnetLink, request: Any, *more: Any) -> Any:
        of_list = getattr(request, "propertyIdentifier", None) == 76 and request.propertyArrayIndex is None
        if of_list or type(request).__name__ == "ReadPropertyMultipleRequest":
            return Trouble(kind, "too much")
        return await ask(self, request, *more)

    monkeypatch.setattr(BacnetLink, "ask", little)
    assert await scanned(server.port) == whole


async def test_a_device_that_is_not_there_is_a_remark() -> None:
    scanner = BacnetScanner("bms", "127.0.0.1", free_port(), 100, timeout_s=0.1)
    survey = await scanner.scan(FAST, lambda _: None)
    assert (survey.answered, survey.points) == (False, ())
    assert "no answer" in survey.remarks[0]


def test_units_are_those_of_the_table() -> None:
    class Tag:
        tag_class, tag_number, tag_data = 0, 9, bytes((62,))

    assert _unit([Tag()]) == "degrees-celsius"
    assert draft_of([]).rows == ()


async def test_the_command_asks_a_network(server: BacnetServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert await asyncio.to_thread(main, ["scan", "--bacnet", f"127.0.0.1:{server.port}", "--rate", "1000", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["points"], told["devices"]["bacnet-100"]["instance"]) == (3, 100)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--bacnet", "host:port"], "--bacnet 'host:port'"),
        (["--bacnet", "10.0.0.1", "--instances", "9-1"], "--instances '9-1'"),
        (["--bacnet", "10.0.0.1", "--instances", "0-4194303"], "--instances '0-4194303'"),
    ],
)
def test_what_cannot_be_asked_is_refused(words: list[str], problem: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scan", *words]) == 2
    assert problem in capsys.readouterr().err
