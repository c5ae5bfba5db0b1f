"""An OPC UA server browsed on the wire: types, units, access and namespaces by URI; what holds no number is left out by name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from asyncua import ua
from asyncua.server.server import Server

from controller.scan import Found, Pace, Survey
from controller.scan.draft import draft_of
from controller.scan.opcua import OpcuaScanner
from tests.controller.fieldbus.conftest import free_port

URI = "urn:test:air"
pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Air:
    url: str
    writes: list[Any]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def air() -> AsyncIterator[Air]:
    """A hall with a temperature in degF, a writable setpoint, a text, an array, an integer node id, a bad value and a loop of references."""
    port = free_port()
    server = Server()
    await server.init()
    url = f"opc.tcp://127.0.0.1:{port}/air/"
    server.set_endpoint(url)
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    space = await server.register_namespace(URI)
    hall = await server.nodes.objects.add_object(space, "HallA")
    temperature = await hall.add_variable(ua.NodeId("HallA.SupplyTemp", space), "SupplyTemp", 67.1, ua.VariantType.Float)
    units = ua.EUInformation("http://www.opcfoundation.org/UA/units/un/cefact", 4604232, ua.LocalizedText("°F"), ua.LocalizedText("degree Fahrenheit"))
    await temperature.add_property(space, "EngineeringUnits", units)
    setpoint = await hall.add_variable(ua.NodeId(1001, space), "Supply SP", 20, ua.VariantType.Int16)
    await setpoint.set_writable()
    await hall.add_variable(ua.NodeId("HallA.Name", space), "Name", "hall")
    await hall.add_variable(ua.NodeId("HallA.Rows", space), "Rows", [1.0, 2.0])
    bad = await hall.add_variable(ua.NodeId("HallA.RH", space), "RH", 40.0, ua.VariantType.Double)
    await bad.write_value(ua.DataValue(ua.Variant(None, ua.VariantType.Null), ua.StatusCode(ua.UInt32(ua.StatusCodes.BadSensorFailure))))
    again = await server.nodes.objects.add_folder(space, "Favourites")
    await again.add_reference(hall, ua.ObjectIds.Organizes)
    await hall.add_reference(again, ua.ObjectIds.HasComponent)
    seen: list[Any] = []
    await server.start()
    yield Air(url, seen)
    await server.stop()


async def scanned(url: str, **more: Any) -> tuple[Survey, dict[str, Found], list[str]]:
    said: list[str] = []
    survey = await OpcuaScanner("air", url, {"protocol": "opcua"}, **more).scan(Pace(100_000.0), said.append)
    return survey, {p.names[-1]: p for p in survey.points}, said


async def test_variables_are_found_with_type_unit_access_and_namespace(air: Air) -> None:
    survey, found, said = await scanned(air.url)
    assert survey.answered
    assert set(found) == {"SupplyTemp", "Supply SP", "RH"}
    supply, setpoint = found["SupplyTemp"], found["Supply SP"]
    assert (supply.address, supply.type, supply.unit, supply.writable, supply.shown) == (f"nsu={URI};s=HallA.SupplyTemp", "float", "°F", False, "67.1")
    assert supply.names == ("HallA", "SupplyTemp")
    assert (setpoint.address, setpoint.type, setpoint.writable) == (f"nsu={URI};i=1001", "int16", True)
    assert (found["RH"].type, found["RH"].hint) == ("double", "BadSensorFailure")
    assert survey.details["left_out"] == {"no number": 2}
    assert said


async def test_the_draft_of_a_browsed_server_guesses_its_signals(air: Air) -> None:
    survey, _, _ = await scanned(air.url)
    draft = draft_of([survey])
    assert {(r["signal"], r["unit"], r["access"]) for r in draft.rows} == {
        ("hall-a.crah_supply_temp_c", "degF", "r"),
        ("hall-a.crah_supply_setpoint_c.request", "degC", "rw"),
        ("hall-a.room_rh_pct", "%", "r"),
    }


async def test_the_requests_are_few_and_counted(air: Air) -> None:
    survey, _, _ = await scanned(air.url)
    assert 0 < survey.requests <= 12


async def test_a_server_with_more_than_is_wanted_is_cut_off_with_a_remark(air: Air) -> None:
    survey, found, _ = await scanned(air.url, most=1)
    assert len(found) <= 1
    assert survey.remarks[0] == "stopped at 1 variables; there may be more"


async def test_where_nothing_listens_the_survey_says_so() -> None:
    survey, found, _ = await scanned(f"opc.tcp://127.0.0.1:{free_port()}/")
    assert (survey.answered, found) == (False, {})
    assert "127.0.0.1" in survey.remarks[0]


async def test_a_server_that_accepts_and_says_nothing_is_given_up() -> None:
    async def listen(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    held: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(listen, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    survey, _, _ = await scanned(f"opc.tcp://127.0.0.1:{port}/", timeout_s=0.3)
    assert not survey.answered
    assert survey.remarks
    for writer in held:
        writer.close()
    silent.close()
