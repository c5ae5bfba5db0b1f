"""A draft is a table of points that the loader reads; every row that a person must complete is refused by name."""

from __future__ import annotations

from controller.scan import Found, Pace, Survey, spans
from controller.scan.draft import as_json, draft_of, our_unit, site_toml
from plant_models.site.table import COLUMNS, read_rows

AIR = "nsu=urn:air;s="


def survey(*points: Found) -> Survey:
    return Survey("opcua-air", {"protocol": "opcua", "host": "10.0.0.5", "port": 4840, "path": "/"}, True, points, requests=3)


SUPPLY = Found("opcua", f"{AIR}1", "double", ("HallA", "SupplyTemp"), "°C", shown="19.5")
SETPOINT = Found("opcua", f"{AIR}2", "float", ("HallA", "Supply SP"), "", writable=True)
ODD = Found("opcua", f"{AIR}3", "int32", ("Misc", "A, B"), "furlong", writable=True)


def test_a_guessed_row_is_whole_and_says_what_was_assumed() -> None:
    draft = draft_of([survey(SUPPLY, SETPOINT)])
    rows, problems = read_rows(draft.text)
    assert problems == []
    assert rows is not None
    assert [(r.problems, r["signal"], r["unit"], r["access"]) for r in rows] == [
        ([], "hall-a.crah_supply_temp_c", "degC", "r"),
        ([], "hall-a.crah_supply_setpoint_c.request", "degC", "rw"),
    ]
    assert rows[0]["tags"].split() == ["scan:writable=no", "scan:shown=19.5"]
    assert "scan:unit-assumed" in rows[1]["tags"].split()
    assert draft.guessed == 2


def test_a_placeholder_is_refused_with_what_to_do_and_by_nothing_else() -> None:
    draft = draft_of([survey(ODD)])
    rows, problems = read_rows(draft.text)
    assert rows is not None
    assert problems == []
    assert [str(p) for p in rows[0].problems] == [
        "points.csv line 2, column signal: '?Misc/A, B'; allowed: a signal such as \"plant.chws_temp_c\" in place of what the draft left open, or no such row"
    ]
    assert (rows[0]["access"], rows[0]["unit"]) == ("r", "furlong"), "nothing is written because a device would take it"
    assert dict(draft.reasons) == {"no equipment in its names": 1}


def test_one_signal_that_two_points_would_be_is_left_open_for_both() -> None:
    draft = draft_of([survey(SUPPLY, Found("opcua", f"{AIR}9", "double", ("Hall A", "Supply Temp"), "°C"))])
    assert [row["signal"] for row in draft.rows] == ["?HallA/SupplyTemp", "?Hall A/Supply Temp"]
    assert all("would_be_hall-a.crah_supply_temp_c" in row["tags"] for row in draft.rows)


def test_the_header_is_that_of_a_table_of_points_and_addresses_stand_for_missing_names() -> None:
    draft = draft_of([Survey("m", {}, True, (Found("modbus", "3:40001", "uint16", writable=True, shown="7", hint="perhaps float32 ABCD 9.5"),))])
    assert draft.text.splitlines()[0] == ",".join(COLUMNS)
    assert draft.rows[0]["signal"] == "?3:40001"
    assert "scan:hint=perhaps_float32_ABCD_9.5" in draft.rows[0]["tags"].split()


def test_units_are_spelt_as_the_table_spells_them_and_unknown_ones_stay() -> None:
    stated = ("°C", "°F", "KPA", "m³/h", "%RH", "kW", "RT", "bar", "furlong", "MW")
    assert [our_unit(s) for s in stated] == ["degC", "degF", "kPa", "m3/h", "%", "kW", "ton", "bar", "furlong", "MW"]


def test_only_devices_that_answered_are_declared_and_the_json_counts() -> None:
    gone = Survey("gone", {"protocol": "modbus", "host": "10.0.0.9", "port": 502}, False, remarks=("no connection",))
    both = [survey(SUPPLY, ODD), gone]
    assert site_toml(both) == '[device.opcua-air]\nprotocol = "opcua"\nhost = "10.0.0.5"\nport = 4840\npath = "/"\n'
    told = as_json(both, draft_of(both))
    assert (told["points"], told["guessed"], told["devices"]["gone"]["answered"], told["devices"]["opcua-air"]["requests"]) == (2, 1, False, 3)


def test_runs_of_numbers() -> None:
    assert spans({5, 1, 2, 3, 9}) == [(1, 3), (5, 5), (9, 9)]
    assert spans(set()) == []


async def test_the_pace_spaces_requests_and_saves_no_turns_up() -> None:
    now, slept = [0.0], []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    pace = Pace(4.0, lambda: now[0], sleep)
    for _ in range(3):
        await pace.turn()
    now[0] += 10.0
    for _ in range(2):
        await pace.turn()
    assert slept == [0.25, 0.25, 0.25]
    assert pace.turns == 5
