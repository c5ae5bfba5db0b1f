"""One look at every point: what is believed and what is not, how long each device takes, and that nothing is ever written."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest

from controller.cli import main
from controller.fieldbus import Raw
from controller.fieldbus.memory import MemoryBus, memory_buses
from controller.live import as_json, as_text, doubts, look
from plant_models.site.load import LoadedSite, load_site
from plant_models.site.points import Point
from safety.records import Status
from tests.controller.conftest import CONFIG
from tests.controller.fieldbus.conftest import ModbusServer

SMALL = load_site(CONFIG / "small", {})
REQUEST = "plant.chws_setpoint_c.request"


@dataclass
class Site:
    """Shows the middle of what is plausible for each point."""

    points: dict[str, Point]

    def read(self, signal: str) -> float:
        row = self.points[signal]
        if row.plausible_low is None or row.plausible_high is None:
            return 1.0
        return 0.5 * (row.plausible_low + row.plausible_high)

    def write(self, signal: str, value: float) -> None:
        raise AssertionError(f"{signal} was written")


def buses_of(loaded: LoadedSite) -> dict[str, MemoryBus]:
    return dict(memory_buses(loaded.points, Site(dict(loaded.points.by_signal))))


async def test_every_readable_point_is_read_once_and_believed() -> None:
    live = await look(SMALL, buses_of(SMALL))
    assert {s.point.signal for s in live.points} == {p.signal for p in SMALL.points.rows if p.readable}
    assert live.good, [s for s in live.points if not s.good]
    assert set(live.unread) == {p.signal for p in SMALL.points.rows if not p.readable}
    assert live.requests[REQUEST] == 15.0
    assert [(p.name, p.points, p.answered) for p in live.peers] == [("plant-plc", 78, 78)]


async def test_the_round_trip_is_the_shortest_of_one_point_read_alone() -> None:
    now = iter([0.0, 0.5, 1.0, 1.030, 2.0, 2.010, 3.0, 3.020])
    live = await look(SMALL, buses_of(SMALL), lambda: next(now))
    assert live.peers[0].read_all_ms == pytest.approx(500.0)
    assert live.peers[0].round_trip_ms == pytest.approx(10.0)


async def test_a_dead_device_a_dead_point_and_a_bad_status_are_not_good() -> None:
    buses = buses_of(SMALL)
    buses["plant-plc"].faults.dead.add(REQUEST)
    buses["plant-plc"].faults.status["plant.chws_temp_c"] = Status.UNCERTAIN
    live = await look(SMALL, buses)
    assert {s.point.signal for s in live.points if not s.good} == {REQUEST, "plant.chws_temp_c"}
    assert live.requests[REQUEST] is None
    buses["plant-plc"].faults.unreachable = True
    dead = await look(SMALL, buses)
    assert (dead.peers[0].answered, dead.peers[0].round_trip_ms) == (0, None)
    assert "no answer" in as_text(dead)


def row(signal: str, unit: str, low: float | None = None, high: float | None = None) -> Point:
    known = SMALL.points.by_signal[signal]
    return replace(known, unit=unit, plausible_low=low, plausible_high=high, enumeration={})


@pytest.mark.parametrize(
    ("point", "value", "said"),
    [
        (row("plant.chws_temp_c", "degC"), 10.0, []),
        (row("plant.chws_temp_c", "degC", 0.0, 40.0), 41.0, ["outside of the plausible 0 .. 40"]),
        (row("plant.chws_temp_c", "degC"), 70.0, ["70 degC cannot be a temperature; the device's 70 would be 21.11 if it is in degF"]),
        (row("plant.chws_temp_c", "degC"), 288.0, ["would be 14.85 if it is in K"]),
        (row("plant.chws_temp_c", "degC"), 1e30, ["1e+30 degC cannot be a temperature"]),
        (row("plant.chw_dp_kpa", "kPa"), 90000.0, ["90 if it is in Pa"]),
        (row("ch-1.machine_state", "1"), 2.5, ["no whole number"]),
        (row("plant.chws_setpoint_c.authority", "1"), 2.0, []),
    ],
)
def test_values_that_no_plant_has_name_the_unit_that_would_fit(point: Point, value: float, said: list[str]) -> None:
    found = list(doubts(point, Raw(value, Status.GOOD)))
    assert len(found) == len(said)
    assert all(words in text for words, text in zip(said, found, strict=True))


async def test_the_json_has_value_quality_doubts_round_trip_requests_and_tags() -> None:
    told = json.loads(json.dumps(as_json(await look(SMALL, buses_of(SMALL)))))
    first = next(p for p in told["points"] if p["signal"] == "plant.chws_temp_c")
    assert first == {
        "signal": "plant.chws_temp_c",
        "device": "plant-plc",
        "address": "3:40015",
        "value": 20.0,
        "unit": "degC",
        "status": "good",
        "detail": "",
        "doubts": [],
        "tags": ["brick:Chilled_Water_Supply_Temperature_Sensor"],
    }
    assert told["good"] is True
    assert told["devices"]["plant-plc"]["round_trip_ms"] >= 0.0
    assert told["requests"][REQUEST] == 15.0


@pytest.fixture
async def plc() -> AsyncIterator[ModbusServer]:
    """The small site's controller on the wire, every register at zero but two temperatures."""
    server = ModbusServer(units=(3,))
    await server.start()
    known = SMALL.points.by_signal
    server.put(known["plant.chws_temp_c"], 9.5)
    server.put(known["plant.chwr_temp_c"], 70.0)
    yield server
    await server.stop()


async def test_check_live_on_the_wire_writes_nothing_and_exits_1(
    plc: ModbusServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLDAISLE_DEVICE__PLANT-PLC__PORT", str(plc.port))
    before = list(plc.memory[3])
    status = await asyncio.to_thread(main, ["check", "--config", str(CONFIG / "small"), "--live", "--json"])
    told = json.loads(capsys.readouterr().out)
    by_signal = {p["signal"]: p for p in told["live"]["points"]}
    assert by_signal["plant.chws_temp_c"]["value"] == 9.5
    assert by_signal["plant.chwr_temp_c"]["doubts"]
    assert status == 1
    assert {function for function, _, _ in plc.requests} <= {1, 2, 3, 4}
    assert plc.memory[3] == before
    assert told["points"]["tags"]["hall-a.rack_inlet_max_c"] == ["brick:Max_Temperature_Sensor"]
    assert await asyncio.to_thread(main, ["check", "--config", str(CONFIG / "small"), "--live"]) == 1
    assert "nothing was written" in capsys.readouterr().out


def test_without_live_nothing_is_asked_and_the_tags_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--config", str(CONFIG / "small"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert "live" not in told
    assert told["points"]["tags"]["plant.chws_temp_c"] == ["brick:Chilled_Water_Supply_Temperature_Sensor"]
