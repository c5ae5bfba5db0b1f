"""The command ``scan``: a draft that check then reads, no file overwritten, bad input refused all at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from controller.cli import main
from plant_models.site.problems import SiteErrors
from tests.controller.fieldbus.conftest import ModbusServer, free_port


@pytest.fixture
async def plc() -> AsyncIterator[ModbusServer]:
    server = ModbusServer(units=(3,))
    server.holes |= {5}
    await server.start()
    yield server
    await server.stop()


def words(plc: ModbusServer, *more: str) -> list[str]:
    return ["scan", "--modbus", f"127.0.0.1:{plc.port}", "--units", "3", "--tables", "holding", "--range", "1-10", "--rate", "1000", *more]


async def test_a_draft_is_written_once_and_only_overwritten_when_told(plc: ModbusServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "points.csv"
    assert await asyncio.to_thread(main, words(plc, "--out", str(out), "--json")) == 0
    printed = capsys.readouterr()
    told = json.loads(printed.out)
    device = f"modbus-127-0-0-1-{plc.port}"
    assert (told["points"], told["guessed"], told["out"]) == (9, 0, str(out))
    assert told["devices"][device]["units"]["3"]["holding"]["holes"] == [[5, 5]]
    assert f"[device.{device}]" in printed.err
    draft = out.read_text()
    assert draft.splitlines()[1].startswith(f"?3:40001,modbus,{device},3:40001,uint16,,1,0,1,r,30,,,,")
    plc.requests.clear()
    assert await asyncio.to_thread(main, words(plc, "--out", str(out))) == 2
    assert "exists; allowed: a new file, or --force" in capsys.readouterr().err
    assert (out.read_text(), plc.requests) == (draft, [])
    plc.memory[3][0] = 9
    assert await asyncio.to_thread(main, words(plc, "--out", str(out), "--force")) == 0
    assert "scan:shown=9" in out.read_text()


async def test_check_names_every_row_that_a_person_must_complete(plc: ModbusServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    await asyncio.to_thread(main, words(plc, "--out", str(tmp_path / "points.csv")))
    section = f'[device.modbus-127-0-0-1-{plc.port}]\nprotocol = "modbus"\nport = {plc.port}\n'
    (tmp_path / "site.toml").write_text(f'[site]\nname = "drafted"\n{section}')
    capsys.readouterr()
    assert main(["check", "--config", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert said.count("in place of what the draft left open") == 9
    assert len(said.splitlines()) == 9, said
    assert SiteErrors.__name__ not in said


async def test_known_holes_are_kept_and_not_asked_again(plc: ModbusServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    holes = tmp_path / "holes.json"
    await asyncio.to_thread(main, words(plc, "--holes", str(holes)))
    assert json.loads(holes.read_text()) == {f"127.0.0.1:{plc.port}": {"3": {"holding": [[5, 5]]}}}
    plc.requests.clear()
    await asyncio.to_thread(main, words(plc, "--holes", str(holes)))
    assert not any(offset <= 5 < offset + count for _, offset, count in plc.requests)
    assert capsys.readouterr().out.count("signal,protocol") == 2, "without --out the draft is printed"
    holes.write_text("[1]")
    assert await asyncio.to_thread(main, words(plc, "--holes", str(holes))) == 2


def test_where_nothing_answers_the_answer_is_no(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "points.csv"
    assert main(["scan", "--modbus", f"127.0.0.1:{free_port()}", "--out", str(out)]) == 1
    assert "no answer, 0 points" in capsys.readouterr().err
    assert not out.exists()


def test_everything_that_is_wrong_with_what_was_asked_is_said_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = [
        "--opcua",
        "http://x",
        "--modbus",
        "host:99999",
        "--units",
        "0-3",
        "--tables",
        "holding,cupboard",
        "--range",
        "5-2",
        "--rate",
        "0",
        "--block",
        "200",
    ]
    assert main(["scan", *wrong, "--out", str(tmp_path / "no" / "points.csv")]) == 2
    said = capsys.readouterr().err
    for words_of in ("'http://x'", "'host:99999'", "'0-3'", "'cupboard'", "'5-2'", "--rate 0", "--block 200", "no such directory"):
        assert words_of in said
    assert main(["scan"]) == 2
    assert "nothing to scan" in capsys.readouterr().err
    assert main(["scan", "--modbus", "h", "--units", "250"]) == 2
    assert "1 .. 247 and 255" in capsys.readouterr().err
