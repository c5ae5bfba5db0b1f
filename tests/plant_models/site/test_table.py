"""Each mistake in a cell gives one message with line, column, value and what is allowed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from plant_models.site.load import Problem
from plant_models.site.table import read_rows

Spoil = Callable[..., list[Problem]]

TEMPERATURE = "plant.chws_temp_c,modbus,plc,3:40001,float32,ABCD,1,0,degC,r,30,0,40,,"
REQUEST = "plant.chws_setpoint_c.request,modbus,plc,3:40003,int16,,0.1,0,degC,rw,30,0,30,volatile,"
STATE = "ch-1.machine_state,modbus,plc,3:40005,uint16,,1,0,enum:0=off|2=running,r,30,,,,"
AIR = "hall-a-r01.rack_inlet_c,opcua,air,nsu=urn:site:air;s=R1,float,,1,0,degC,r,60,5,60,,"


@pytest.mark.parametrize(
    ("row", "old", "new", "line", "column", "value", "allowed"),
    [
        (TEMPERATURE, "plant.chws_temp_c", "plant.chws_temp_f", 2, "signal", "chws_temp_f", "chws_temp_c"),
        (TEMPERATURE, "plant.chws_temp_c", "plant", 2, "signal", "'plant'", "equipment.quantity"),
        (TEMPERATURE, "plant.chws_temp_c", "Plant.chws_temp_c", 2, "signal", "Plant", "lower-case"),
        (TEMPERATURE, "plant.chws_temp_c", "", 2, "signal", "empty", "equipment.quantity"),
        (TEMPERATURE, "plant.chws_temp_c", "plant.chws_setpoint_c", 2, "signal", "chws_setpoint_c", ".request, .effective, .authority"),
        (TEMPERATURE, "plant.chws_temp_c", "plant.chws_temp_c.request", 2, "signal", "request", "only a setpoint has a role"),
        (TEMPERATURE, "plant.chws_temp_c", "ch-9.chws_temp_c", 2, "signal", "'ch-9'", "ch-1"),
        (TEMPERATURE, "modbus", "dnp3", 2, "protocol", "dnp3", "modbus, opcua, bacnet"),
        (TEMPERATURE, "modbus", "Modbus", 2, "protocol", "Modbus", "modbus, opcua"),
        (TEMPERATURE, "plc", "plcc", 2, "device", "'plcc'", "air, plc"),
        (TEMPERATURE, "plc", "", 2, "device", "''", "air, plc"),
        (TEMPERATURE, "3:40001", "40001", 2, "address", "40001", "unit:number"),
        (TEMPERATURE, "3:40001", "3:10001", 2, "address", "10001", "3xxxx or 4xxxx for type float32"),
        (TEMPERATURE, "3:40001", "3:465536", 2, "address", "465536", "room for 2 registers"),
        (REQUEST, "3:40003", "3:30003", 3, "address", "30003", "read only"),
        (REQUEST, "3:40003,int16", "3:40003,bit", 3, "address", "40003", "0xxxx or 1xxxx for type bit"),
        (AIR, "nsu=urn:site:air;s=R1", "ns=2;s=R1", 7, "address", "ns=2", "nsu="),
        (TEMPERATURE, "float32", "float", 2, "type", "'float'", "float32"),
        (TEMPERATURE, "float32", "", 2, "type", "empty", "float32"),
        (AIR, "float", "float32", 7, "type", "float32", "double"),
        (TEMPERATURE, "ABCD", "", 2, "word_order", "empty", "ABCD, CDAB, BADC, DCBA"),
        (TEMPERATURE, "ABCD", "big", 2, "word_order", "big", "ABCD, CDAB, BADC, DCBA"),
        (REQUEST, "int16,,", "int16,CDAB,", 3, "word_order", "CDAB", "empty for type int16"),
        (AIR, "float,,", "float,ABCD,", 7, "word_order", "ABCD", "empty"),
        (TEMPERATURE, "ABCD,1,", "ABCD,nan,", 2, "scale", "nan", "finite"),
        (TEMPERATURE, "ABCD,1,", "ABCD,inf,", 2, "scale", "inf", "finite"),
        (TEMPERATURE, "ABCD,1,", "ABCD,1e999,", 2, "scale", "1e999", "finite"),
        (TEMPERATURE, "ABCD,1,", 'ABCD,"0,1",', 2, "scale", "0,1", "decimal point"),
        (TEMPERATURE, "ABCD,1,", "ABCD,0,", 2, "scale", "'0'", "other than 0"),
        (TEMPERATURE, "ABCD,1,", "ABCD,,", 2, "scale", "empty", "finite"),
        (TEMPERATURE, "1,0,degC", "1,zero,degC", 2, "offset", "zero", "finite"),
        (TEMPERATURE, "degC", "kPa", 2, "unit", "kPa", "degC, degF, K"),
        (TEMPERATURE, "degC", "enum:0=off", 2, "unit", "enum:0=off", "converts to degC"),
        (STATE, "enum:0=off|2=running", "kW", 5, "unit", "kW", "enum:"),
        (STATE, "enum:0=off|2=running", "enum:off", 5, "unit", "enum:off", "code=name"),
        (STATE, "enum:0=off|2=running", "enum:0=running|1=off", 5, "unit", "0=running", "0=off|1=starting"),
        (STATE, ",,1,0,enum", ",,10,0,enum", 5, "scale", "10", "not converted"),
        (STATE, ",,1,0,enum", ",,1,5,enum", 5, "offset", "5", "not converted"),
        (TEMPERATURE, "degC,r,", "degC,read,", 2, "access", "read", "r, w, rw"),
        (TEMPERATURE, "degC,r,", "degC,rw,", 2, "access", "rw", "only .request points"),
        (REQUEST, "degC,rw,", "degC,r,", 3, "access", "'r'", "the daemon writes this point"),
        (TEMPERATURE, "r,30,", "r,,", 2, "stale_after_s", "empty", "more than 0"),
        (TEMPERATURE, "r,30,", "r,0,", 2, "stale_after_s", "'0'", "more than 0"),
        (TEMPERATURE, "r,30,", "r,soon,", 2, "stale_after_s", "soon", "finite"),
        (TEMPERATURE, "30,0,40", "30,40,40", 2, "plausible_low", "40", "less than plausible_high, which is 40"),
        (TEMPERATURE, "30,0,40", "30,0,hot", 2, "plausible_high", "hot", "finite"),
        (REQUEST, "volatile", "flash", 3, "write_class", "flash", "volatile, eeprom"),
    ],
)
def test_one_wrong_cell_gives_one_message(spoil: Spoil, row: str, old: str, new: str, line: int, column: str, value: str, allowed: str) -> None:
    problems = spoil(points={row: row.replace(old, new, 1)})
    assert [p.where for p in problems] == [f"points.csv line {line}, column {column}"]
    assert value in problems[0].value
    assert allowed in problems[0].allowed


@pytest.mark.parametrize(("change", "fields"), [(lambda row: row.removesuffix(","), 14), (lambda row: row + ",", 16)])
def test_a_row_with_a_field_too_few_or_too_many_is_one_message(spoil: Spoil, change: Callable[[str], str], fields: int) -> None:
    problems = spoil(points={REQUEST: change(REQUEST)})
    assert problems == [Problem("points.csv line 3", f"{fields} fields", "15 fields, as in the header")]


def test_a_spreadsheets_semicolons_are_named(header: str) -> None:
    rows, problems = read_rows(header.replace(",", ";") + "\n" + TEMPERATURE.replace(",", ";"))
    assert rows is None
    assert len(problems) == 1
    assert "semicolons" in problems[0].value
    assert "commas" in problems[0].allowed


def test_missing_unknown_and_repeated_columns_are_all_named(header: str) -> None:
    rows, problems = read_rows(header.replace("offset", "ofset").replace("tags", "unit") + "\n")
    assert rows is None
    assert [p.value for p in problems] == [
        "column offset is missing",
        "column tags is missing",
        "column 'unit' stands there 2 times",
        "column 'ofset' is not known",
    ]
    assert all(p.where == "points.csv line 1" for p in problems)


def test_an_unknown_column_does_not_hide_what_is_wrong_below(header: str) -> None:
    _, problems = read_rows(f"{header},comment\n{TEMPERATURE.replace('ABCD', 'XYZ')},hello\n")
    rows, _ = read_rows(f"{header},comment\n{TEMPERATURE.replace('ABCD', 'XYZ')},hello\n")
    assert [p.value for p in problems] == ["column 'comment' is not known"]
    assert rows is not None
    assert [p.where for p in rows[0].problems] == ["points.csv line 2, column word_order"]


@pytest.mark.parametrize("text", ["", "\n", "\n\n"])
def test_an_empty_table_has_no_header(text: str) -> None:
    rows, problems = read_rows(text)
    assert rows is None
    assert [p.value for p in problems] == ["no header"]


def test_columns_may_stand_in_any_order_and_empty_rows_are_skipped(header: str) -> None:
    names, cells = header.split(","), TEMPERATURE.split(",")
    text = "\n".join([",".join(reversed(names)), ",,,,,,,,,,,,,,", "", ",".join(reversed(cells))])
    rows, problems = read_rows(text)
    assert problems == []
    assert rows is not None
    assert [(row.line, row["signal"], row.problems) for row in rows] == [(4, "plant.chws_temp_c", [])]


def test_a_quote_that_does_not_close_is_named(header: str) -> None:
    _, problems = read_rows(f'{header}\n"plant.chws_temp_c,modbus\n')
    assert len(problems) == 1
    assert "comma-separated" in problems[0].value


def test_a_row_becomes_a_point_with_all_its_cells(header: str) -> None:
    rows, _ = read_rows(f"{header}\n{REQUEST}priority=14\n{STATE}\n")
    assert rows is not None
    request, state = (row.point for row in rows)
    assert request is not None
    assert state is not None
    assert (request.signal, request.protocol, request.device, request.address) == ("plant.chws_setpoint_c.request", "modbus", "plc", "3:40003")
    assert (request.type, request.word_order, request.scale, request.offset, request.unit) == ("int16", "", 0.1, 0.0, "degC")
    assert (request.access, request.stale_after_s, request.plausible_low, request.plausible_high) == ("rw", 30.0, 0.0, 30.0)
    assert (request.write_class, request.tags, request.line, request.enumeration) == ("volatile", "priority=14", 2, {})
    assert state.enumeration == {0: "off", 2: "running"}
    assert (state.plausible_low, state.write_class) == (None, "")
