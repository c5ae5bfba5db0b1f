"""Sources of forecasts and the boundary in ``site.toml``: what is refused, all at once, and what it says then."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from plant_models.site.describe import describe
from plant_models.site.forecast import boundary_socket
from plant_models.site.load import LoadedSite, Problem
from tests.plant_models.site.conftest import SITE

Spoil = Callable[..., list[Problem]]
Load = Callable[..., LoadedSite]

WEATHER = '[forecast.weather]\ngives = "weather"\nformat = "open-meteo"\nurl = "https://weather.example/v1/forecast"\n'
LOAD = '[forecast.jobs]\ngives = "load"\nformat = "json"\nfile = "jobs.json"\ntime = "hours.*.at"\nseries.hall-a.at = "hours.*.kw"\n'


def test_a_weather_service_and_a_file_drop_are_understood(load: Load, tmp_path: Path) -> None:
    site = load(SITE + WEATHER + LOAD).site
    assert (site.forecast["weather"].period_s, site.forecast["jobs"].series["hall-a"].factor) == (1800.0, 1.0)
    assert boundary_socket(site) == site.persistence.socket.with_name("boundary.sock")
    assert "weather: weather as open-meteo from https://weather.example/v1/forecast every 1800 s, believed for 21600 s" in describe(load(SITE + WEATHER))
    assert "what others say" not in describe(load(SITE))
    moved = load(SITE + '[boundary]\nsocket = "/run/b/boundary.sock"\n').site
    assert boundary_socket(moved) == Path("/run/b/boundary.sock")


@pytest.mark.parametrize(
    ("added", "where", "allowed"),
    [
        (WEATHER.replace('url = "https://weather.example/v1/forecast"', ""), "forecast.weather", "exactly one of url, file and topic"),
        (WEATHER + 'file = "w.json"\n', "forecast.weather", "exactly one"),
        (WEATHER.replace("https://", "ftp://"), "forecast.weather.url", "http:// or https://"),
        (WEATHER.replace("https://", "https://["), "forecast.weather.url", "http:// or https://"),
        (WEATHER.replace('"weather"', '"price"'), "forecast.weather.format", "json, csv or year for price"),
        (WEATHER + 'time = "hourly.time.*"\n', "forecast.weather.time", "only with format json or csv"),
        (WEATHER + 'time_zone = "Mars/Olympus"\n', "forecast.weather.time_zone", "IANA"),
        (WEATHER + 'token_file = "t"\n', "forecast.weather.token_file", "there is no"),
        (WEATHER + WEATHER.replace("forecast.weather", "forecast.other"), "forecast.other.gives", "given once; forecast.weather gives it"),
        (WEATHER.replace("forecast.weather", "forecast.scheduler"), "forecast.scheduler", "another name"),
        (WEATHER.replace("url", "topic").replace("https://weather.example/v1/forecast", "w"), "forecast.weather.topic", "table [boundary.mqtt]"),
        (LOAD.replace('format = "json"', 'format = "year"'), "forecast.jobs.format", "weather, price or carbon from a file"),
        (LOAD.replace("hall-a", "hall-z"), "forecast.jobs.series.hall-z", "of load: hall-a"),
        (LOAD.replace('time = "hours.*.at"\n', ""), "forecast.jobs.time", "a path in JSON"),
        (LOAD.replace('series.hall-a.at = "hours.*.kw"\n', ""), "forecast.jobs.series", "hall-a"),
        (LOAD.replace('"load"', '"weather"').replace("hall-a", "drybulb_c"), "forecast.jobs.series", "wetbulb_c, or drybulb_c and humidity_pct"),
        (LOAD + "period_s = 1\n", "forecast.jobs.period_s", "at least 30"),
        ('[boundary]\ntoken_file = "t"\n', "boundary.token_file", "there is no"),
        ('[boundary]\ncertificate = "site.toml"\n', "boundary.certificate", "both or neither"),
        ('[boundary]\ntell_url = "nowhere"\n', "boundary.tell_url", "http:// or https://"),
        ('[boundary.mqtt]\nhost = "broker"\nca = "ca.pem"\n', "boundary.mqtt.ca", "there is no"),
        ('[boundary]\nsocket = "/run/coldaisle/control.sock"\n', "boundary.socket", "may not give orders"),
    ],
)
def test_what_cannot_be_heard_or_understood_is_refused(spoil: Spoil, added: str, where: str, allowed: str) -> None:
    problems = spoil(site={"[[hall]]": f"{added}\n[[hall]]"})
    assert where in {p.where.removeprefix("site.toml: ") for p in problems}
    told = next(p for p in problems if p.where == f"site.toml: {where}")
    assert allowed in told.allowed


def test_all_that_is_wrong_is_said_at_once(spoil: Spoil) -> None:
    wrong = WEATHER.replace("https://", "ftp://") + LOAD.replace("hall-a", "hall-z") + '[boundary]\ntoken_file = "t"\n'
    assert len(spoil(site={"[[hall]]": f"{wrong}\n[[hall]]"})) == 3
