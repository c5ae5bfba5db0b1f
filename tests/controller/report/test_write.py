"""The page as a reader gets it: one file, nothing loaded, every number where it belongs, whatever parts are missing."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from controller.report.compare import ReportError
from controller.report.write import report_command, write_report

VOID = {"meta", "br"}


class Reader(HTMLParser):
    """Checks that tags are balanced and gathers words and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.attributes: set[str] = set()
        self.headings: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes |= {name for name, _ in attrs}
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.words.append(data)
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)


def read(path: Path) -> tuple[str, Reader]:
    """Returns the page's text and what a reader sees of it."""
    text = path.read_text()
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    return text, reader


def test_a_whole_report_stands_alone(journal: Path, truth: dict[str, Any], backtest: dict[str, Any], tmp_path: Path) -> None:
    out = tmp_path / "deep" / "report.html"
    write_report(journal, out, truth, backtest)
    text, reader = read(out)
    assert not {"src", "href", "onclick"} & reader.attributes
    assert not re.search(r"https?://|url\(|@import|fetch\(", text)
    assert reader.headings == [
        "Over plant time",
        "Energy",
        "Violations",
        "Interventions",
        "Who was in charge",
        "Solver",
        "Figures of the field",
        "The daemon's own record",
        "Last decisions",
        "Events",
    ]


def test_savings_stand_beside_violations(journal: Path, truth: dict[str, Any], backtest: dict[str, Any], tmp_path: Path) -> None:
    write_report(journal, tmp_path / "r.html", truth, backtest)
    text, _ = read(tmp_path / "r.html")
    tiles = re.findall(r'<div class="name">(.*?)</div><div class="value [a-z]*">(.*?)</div>', text)
    assert tiles[:4] == [
        ("Saving against Guideline 36", "25.0<small> %</small>"),
        ("Saving against fixed setpoints", "50.0<small> %</small>"),
        ("Rack-minutes over recommended inlet", "3"),
        ("PUE", "1.150"),
    ]


def test_a_saving_bought_with_violations_is_not_shown_as_good(truth: dict[str, Any], backtest: dict[str, Any], tmp_path: Path) -> None:
    write_report(None, tmp_path / "r.html", truth, backtest)
    assert '<div class="value good">25.0' in read(tmp_path / "r.html")[0]
    truth["policy"]["violations"]["inlet_above_recommended_rack_minutes"] = 4
    write_report(None, tmp_path / "r.html", truth, backtest)
    text, reader = read(tmp_path / "r.html")
    assert '<div class="value bad">25.0' in text
    assert '<div class="value bad">4<' in text
    assert "but more violations, of 1 kind" in reader.words


def test_unequal_it_work_shows_no_saving(truth: dict[str, Any], backtest: dict[str, Any], tmp_path: Path) -> None:
    truth["policy"]["it_work"] = 9.0
    write_report(None, tmp_path / "r.html", truth, backtest)
    text, reader = read(tmp_path / "r.html")
    assert "IT work differs by -10.00 %" in " ".join(reader.words)
    assert "25.0<small> %" not in text


def test_what_the_plant_says_is_text_and_never_markup(journal: Path, tmp_path: Path) -> None:
    write_report(journal, tmp_path / "r.html", None, None)
    text, reader = read(tmp_path / "r.html")
    assert "cycle 24 says <b>nothing</b> & more" in " ".join(reader.words)
    assert "<b>nothing" not in text
    assert "trial <1>" in " ".join(reader.words)


def test_a_journal_alone_claims_no_saving(journal: Path, tmp_path: Path) -> None:
    write_report(journal, tmp_path / "r.html", None, None)
    text, reader = read(tmp_path / "r.html")
    assert "Saving" not in text
    assert "no saving is stated" in " ".join(reader.words)
    assert {"Over plant time", "Last decisions"} <= set(reader.headings)


def test_a_backtest_alone_is_reported(backtest: dict[str, Any], tmp_path: Path) -> None:
    write_report(None, tmp_path / "r.html", None, backtest)
    text, reader = read(tmp_path / "r.html")
    assert ("Saving against Guideline 36", "20.0<small> %</small>") in re.findall(r'<div class="name">(.*?)</div><div class="value [a-z]*">(.*?)</div>', text)
    assert "Last decisions" not in reader.headings


def test_scores_without_series_are_reported_without_panels(backtest: dict[str, Any], tmp_path: Path) -> None:
    for score in backtest["policies"].values():
        if score:
            del score["series"]
    write_report(None, tmp_path / "r.html", None, backtest)
    _, reader = read(tmp_path / "r.html")
    assert "Over plant time" not in reader.headings
    assert "Energy" in reader.headings


def test_the_same_input_gives_the_same_bytes(journal: Path, truth: dict[str, Any], backtest: dict[str, Any], tmp_path: Path) -> None:
    for name in ("a.html", "b.html"):
        write_report(journal, tmp_path / name, truth, backtest)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_nothing_at_all_is_an_error(empty_journal: Path, tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="nothing to report"):
        write_report(empty_journal, tmp_path / "r.html", None, None)
    assert not (tmp_path / "r.html").exists()


def test_the_command_lists_every_problem_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "truth.json").write_text("[1]")
    (tmp_path / "backtest.json").write_text("{")
    assert report_command(tmp_path / "absent", tmp_path / "r.html", tmp_path / "truth.json", tmp_path / "backtest.json") == 2
    said = capsys.readouterr().err
    assert "truth.json: truth: must be a JSON object, not list" in said
    assert "backtest.json: backtest:" in said
    assert report_command(tmp_path / "absent", tmp_path / "r.html") == 2
    assert "no such journal" in capsys.readouterr().err
    assert not (tmp_path / "r.html").exists()


def test_the_command_writes_the_page(journal: Path, truth: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    assert report_command(journal, tmp_path / "r.html", tmp_path / "truth.json") == 0
    assert (tmp_path / "r.html").read_text().startswith("<!doctype html>")
