"""The command line: help everywhere, lists that are lists, and bad input refused with everything that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from hil.cli import main
from hil.scenarios import SCENARIOS, summary

SMALL = str(Path(__file__).parents[2] / "config" / "small")


@pytest.mark.parametrize("words", [[], ["list"], ["serve"], ["run"], ["campaign"], ["demo"]])
def test_every_command_has_help(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*words, "--help"])
    assert ended.value.code == 0
    assert "usage: coldaisle-hil" in capsys.readouterr().out


def test_list_prints_one_name_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    assert capsys.readouterr().out.splitlines() == list(SCENARIOS)
    assert "kill-daemon" in SCENARIOS


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["serve", "--config", SMALL, "--seed", "-1", "--days", "0"], ["--seed -1", "--days 0"]),
        (["serve", "--config", SMALL, "--speed", "-2", "--run-on", "0"], ["--speed -2", "--run-on 0"]),
        (["serve", "--config", SMALL, "--ports", "nope=1,plant-plc=x"], ["nope", "plant-plc=x"]),
        (["serve", "--config", SMALL, "--weather", "/no/such/file"], ["/no/such/file"]),
        (["serve", "--config", SMALL, "--start", "13-45"], ["13-45"]),
        (["serve", "--config", "/no/such/site"], ["/no/such/site"]),
        (["run", "no-such-scenario"], ["no-such-scenario", "kill-daemon"]),
        (["campaign", "one", "two"], ["'one'", "'two'"]),
        (["demo", "--config", "/no/such/site"], ["/no/such/site"]),
    ],
)
def test_bad_input_is_refused_with_every_problem(words: list[str], said: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    told = capsys.readouterr().err
    assert all(word in told for word in said)


def test_a_campaign_counts_failures_waits_and_lost_records() -> None:
    violations = {"inlet_above_allowable_rack_minutes": 2.0}
    one = {"scenario": "a", "passed": True, "back_under_bas_after_s": 30.0, "violations": violations, "bas_alone_violations": violations, "lost_records": 0}
    two = one | {"scenario": "b", "passed": False, "back_under_bas_after_s": None, "lost_records": 3}
    assert summary([one, two]) == {
        "scenarios": 2,
        "passed": 1,
        "failed": ["b"],
        "seconds_to_safe": {"p50": 30.0, "max": 30.0},
        "rack_minutes_above_allowable": {"daemon": 4.0, "bas_alone": 4.0},
        "lost_records": 3,
    }
