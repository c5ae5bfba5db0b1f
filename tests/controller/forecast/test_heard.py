"""What sources and operators say is taken whole or not at all, kept as long as it is believed, and shown with the reason where it is not."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.encode import from_text, to_text
from controller.forecast.heard import KEPT_MOST, Heard
from controller.forecast.outlook import Origin, Outlook, believed
from plant_models.site.load import load_site
from safety.records import Quantiles
from tests.controller.conftest import CONFIG

LOAD, WETBULB = "hall-a.it_load_kw", "weather.oa_wetbulb_c"
NOW_S = 1.75e9
HOUR_S = 3600.0
TOML = '[forecast.weather]\ngives = "weather"\nformat = "open-meteo"\nurl = "https://weather.example/"\nbelieved_for_s = 7200\n'
OWN = {LOAD: Quantiles((500.0,) * 25, (600.0,) * 25, (700.0,) * 25), WETBULB: Quantiles((19.0,) * 25, (20.0,) * 25, (21.0,) * 25)}
INSTANTS = tuple(NOW_S + 300.0 * k for k in range(25))


@pytest.fixture
def heard(tmp_path: Path) -> Heard:
    """Of the small site, which has a weather service."""
    for name in ("points.csv", "site.toml"):
        (tmp_path / name).write_text((CONFIG / "small" / name).read_text())
    with (tmp_path / "site.toml").open("a") as file:
        file.write(TOML)
    return Heard(load_site(tmp_path, {}).site)


def saying(source: str, signal: str, values: list[float], **more: Any) -> dict[str, Any]:
    """Returns what the boundary's process passes on."""
    return {"source": source, "series": [{"signal": signal, "start_s": NOW_S - 600.0, "step_s": HOUR_S, "values": values, **more}]}


def test_a_weather_service_is_believed_until_it_is_too_old(heard: Heard) -> None:
    assert heard.outlook(NOW_S) == Outlook()
    assert heard.told(NOW_S, {})[0]["says"] == "not heard yet"
    assert heard.say(saying("weather", WETBULB, [20.0 + 0.25 * k for k in range(48)]), NOW_S) == {"done": "say"}
    (said,) = heard.outlook(NOW_S).provided
    assert (said.origin, said.says, said.at(NOW_S)) == (Origin.WEATHER_SERVICE, "weather", pytest.approx(20.0 + 0.25 * 600.0 / HOUR_S))
    assert said.end_s - NOW_S <= 27 * HOUR_S, "no more than a day ahead goes into each record"
    assert [t["believed"] for t in heard.told(NOW_S, {WETBULB: 21.0})] == [True]
    assert heard.outlook(NOW_S + 7300.0) == Outlook()
    (told,) = heard.told(NOW_S + 7300.0, {})
    assert (told["believed"], told["says"]) == (False, "last heard 7300 s ago, believed for 7200 s")


def test_trouble_is_shown_and_the_last_good_word_stands(heard: Heard) -> None:
    heard.say(saying("weather", WETBULB, [20.0] * 9), NOW_S)
    heard.say({"source": "weather", "trouble": "HTTP 503; asked again in 60 s"}, NOW_S + 60.0)
    (told,) = heard.told(NOW_S + 60.0, {})
    assert (told["trouble"], told["believed"], told["age_s"]) == ("HTTP 503; asked again in 60 s", True, 60.0)


def test_a_service_of_another_place_is_not_believed_and_the_reason_is_shown(heard: Heard) -> None:
    heard.say(saying("weather", WETBULB, [11.0] * 9), NOW_S)
    (told,) = heard.told(NOW_S, {WETBULB: 20.0})
    assert (told["believed"], told["says"]) == (False, f"{WETBULB} is -9.0 K off the site's sensor, at most 5 K")
    assert believed(OWN, heard.outlook(NOW_S), {WETBULB: 20.0}, INSTANTS) == OWN
    assert believed(OWN, heard.outlook(NOW_S), {}, INSTANTS) == OWN, "without its sensor the site's own forecast says what is so now"


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        (saying("moon", WETBULB, [20.0]), "must be one of weather, scheduler, power-cap"),
        (saying("weather", LOAD, [20.0]), "must be one of weather.oa_drybulb_c, weather.oa_wetbulb_c"),
        (saying("weather", WETBULB, [20.0, 41.0]), "41 must be -60 .. 40"),
        (saying("weather", WETBULB, [20.0, math.nan]), "finite number"),
        (saying("weather", WETBULB, [20.0, 10**400]), ""),
        (saying("weather", WETBULB, [20.0], step_s=1.0), "step_s 1 must be 300 .. 86400"),
        (saying("weather", WETBULB, [20.0], step_s=0.0), "step_s 0 must be"),
        (saying("weather", WETBULB, [20.0], start_s=0.0), "within 14 days"),
        (saying("weather", WETBULB, [20.0] * 401), "401 values: at most 400"),
        (saying("scheduler", LOAD, [1000.1]), "must be 0 .. 1000"),
        (saying("scheduler", LOAD, [-1.0]), "must be 0 .. 1000"),
        ({"source": "weather", "series": saying("weather", WETBULB, [20.0])["series"] * 65}, "65 series: at most 64"),
        ({"source": "weather", "series": [], "stage": "auto"}, "Unexpected keyword argument"),
        ({"source": ["weather"]}, "source: Input should be a valid string"),
        ({}, "source: Field required"),
    ],
)
def test_what_cannot_be_is_refused_whole(heard: Heard, asked: dict[str, Any], problem: str) -> None:
    reply = heard.say(asked, NOW_S)
    assert reply["error"]
    assert problem in " ".join(reply["problems"])
    assert heard.outlook(NOW_S) == Outlook()


SMALL = load_site(CONFIG / "small", {}).site


@given(st.lists(st.floats(0.0, 1000.0), min_size=1, max_size=400), st.sampled_from(["scheduler", "power-cap"]))
def test_a_scheduler_may_add_load_and_removes_none(values: list[float], who: str) -> None:
    heard = Heard(SMALL)
    assert "error" not in heard.say(saying(who, LOAD, values, step_s=300.0), NOW_S)
    outlook = heard.outlook(NOW_S)
    assert all(len(p.median) <= KEPT_MOST for p in outlook.provided)
    found, own = believed(OWN, outlook, {LOAD: 600.0}, INSTANTS)[LOAD], OWN[LOAD]
    for side in ("low", "median", "high"):
        assert all(v >= o for v, o in zip(getattr(found, side), getattr(own, side), strict=True))
    if who == "power-cap":
        assert found.median == own.median
    assert believed({}, outlook, {}, INSTANTS) == {}, "of a load that was never measured nobody is believed"


def test_an_operator_overrides_until_the_end_which_comes_by_itself(heard: Heard) -> None:
    asked = {"signal": LOAD, "value": 300.0, "until_s": NOW_S + 3600.0}
    assert heard.override(asked, "ann", "hall is being emptied", NOW_S)["done"] == "forecast"
    heard.say(saying("scheduler", LOAD, [900.0] * 9), NOW_S)
    found = believed(OWN, heard.outlook(NOW_S), {LOAD: 600.0}, INSTANTS)[LOAD].median
    assert found == (300.0,) * 12 + (900.0,) * 13
    assert heard.told(NOW_S, {})[-1]["says"] == "ann: hall is being emptied"
    assert heard.ended(NOW_S) == []
    assert [p.signal for p in heard.ended(NOW_S + 3600.0)] == [LOAD]
    assert heard.ended(NOW_S + 3600.0) == []


def test_an_override_outlives_a_restart_and_can_be_cleared(heard: Heard) -> None:
    heard.override({"signal": WETBULB, "value": 25.0, "until_s": NOW_S + 3600.0}, "ann", "storm", NOW_S)
    recorded = from_text(Outlook, to_text(heard.outlook(NOW_S)))
    again = Heard(heard.site)
    again.resume(recorded)
    assert again.outlook(NOW_S + 60.0) == recorded
    assert again.clear(WETBULB)["done"] == "forecast"
    assert again.outlook(NOW_S + 60.0) == Outlook()
    assert "nothing is overridden" in again.clear(WETBULB)["error"]


@pytest.mark.parametrize(
    ("signal", "value", "until_s"),
    [
        ("moon.phase", 1.0, NOW_S + 1),
        (LOAD, 1001.0, NOW_S + 1),
        (LOAD, math.nan, NOW_S + 1),
        (LOAD, "600", NOW_S + 1),
        (LOAD, 600.0, NOW_S),
        (LOAD, 600.0, None),
        (LOAD, 600.0, NOW_S + 8 * 86400.0),
    ],
)
def test_an_override_must_be_plausible_and_must_end(heard: Heard, signal: str, value: object, until_s: object) -> None:
    assert "error" in heard.override({"signal": signal, "value": value, "until_s": until_s}, "ann", "why", NOW_S)
    assert heard.outlook(NOW_S) == Outlook()


def test_what_goes_into_a_record_is_small(heard: Heard) -> None:
    heard.say(saying("weather", WETBULB, [20.123456 + k % 7 for k in range(400)]), NOW_S)
    heard.say(saying("scheduler", LOAD, [600.123456 + k % 7 for k in range(400)], step_s=300.0), NOW_S)
    assert len(json.dumps(to_text(heard.outlook(NOW_S)))) < 2500
