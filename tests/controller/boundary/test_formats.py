"""What sources send becomes series on an even grid under the site's signals, or is refused with what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psychrolib  # type: ignore[import-untyped]  # ships no type information
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.boundary.formats import Unreadable, series_of
from controller.encode import plain
from controller.forecast.heard import Heard, Series
from plant_models.site.load import load_site
from tests.controller.boundary.conftest import MakeSite
from tests.controller.conftest import CONFIG

NOW_S = 1752580800.0  # 2025-07-15T12:00Z
HOUR_S = 3600.0
DRYBULB, WETBULB = "weather.oa_drybulb_c", "weather.oa_wetbulb_c"
OPEN_METEO = '[forecast.w]\ngives = "weather"\nformat = "open-meteo"\nurl = "https://weather.example/"\n'
MET_NO = OPEN_METEO.replace("open-meteo", "met-no")
JOBS = '[forecast.w]\ngives = "load"\nformat = "json"\nfile = "jobs.json"\ntime = "jobs.*.start"\nseries.hall-a = {at = "jobs.*.mw", factor = 1000.0}\n'
PRICES = """[forecast.w]
gives = "price"
format = "csv"
file = "p.csv"
time = "time"
time_zone = "Europe/Berlin"
series.price_per_kwh = {at = "EUR/MWh", factor = 0.001}
"""


def read(make: MakeSite, toml: str, sent: Any, now_s: float = NOW_S) -> tuple[Series, ...]:
    site = make(toml).site
    body = sent if isinstance(sent, bytes) else json.dumps(sent).encode()
    series = series_of(site.forecast["w"], site, body, now_s)
    assert "error" not in Heard(site).say({"source": "w", "series": plain(series)}, now_s), "the daemon takes what is read here"
    return series


def meteo(hours: int, drybulb: Any = 25.0, humidity: Any = 50.0) -> dict[str, Any]:
    """Returns an answer of Open-Meteo's /v1/forecast, from the midnight before NOW_S."""
    times = [f"2025-07-{15 + k // 24:02d}T{k % 24:02d}:00" for k in range(hours)]
    return {"hourly": {"time": times, "temperature_2m": [drybulb] * hours, "relative_humidity_2m": [humidity] * hours}}


def test_open_meteo_gives_dry_and_wet_bulb_from_now_on(site_with: MakeSite) -> None:
    sent = meteo(72)
    sent["hourly"]["temperature_2m"] = [20.0 + 0.1 * k for k in range(72)]
    found = {s.signal: s for s in read(site_with, OPEN_METEO, sent)}
    assert (found[DRYBULB].start_s, found[DRYBULB].step_s, found[DRYBULB].values[0]) == (NOW_S, HOUR_S, pytest.approx(21.2))
    assert len(found[DRYBULB].values) == 51
    psychrolib.SetUnitSystem(psychrolib.SI)
    assert found[WETBULB].values[0] == pytest.approx(psychrolib.GetTWetBulbFromRelHum(21.2, 0.5, 98_000.0)), "at the pressure of the site"


def test_met_norway_gives_steps_of_an_hour_and_then_of_six(site_with: MakeSite) -> None:
    rows = [(k, 20.0 + 0.5 * k) for k in (*range(4), 9, 15)]
    series = [
        {
            "time": f"2025-07-15T{12 + k:02d}:00:00Z" if k < 12 else "2025-07-16T03:00:00Z",
            "data": {"instant": {"details": {"air_temperature": t, "relative_humidity": 60.0}}},
        }
        for k, t in rows
    ]
    found = {s.signal: s for s in read(site_with, MET_NO, {"properties": {"timeseries": series}})}
    assert found[DRYBULB].values == pytest.approx([20.0 + 0.5 * k for k in range(16)])


def test_across_a_long_gap_nothing_is_said(site_with: MakeSite) -> None:
    sent = meteo(48)
    sent["hourly"]["temperature_2m"][18:40] = [None] * 22
    assert len(read(site_with, OPEN_METEO, sent)[0].values) == 6


def test_jobs_hold_until_the_next_and_the_highest_of_a_step_counts(site_with: MakeSite) -> None:
    jobs = [{"start": NOW_S + 600.0 * k, "mw": mw} for k, mw in enumerate((0.5, 0.9, 0.4))]
    (found,) = read(site_with, JOBS, {"jobs": jobs})
    assert (found.signal, found.start_s, found.step_s, found.values) == ("hall-a.it_load_kw", NOW_S, 600.0, (500.0, 900.0, 400.0))
    odd = [{"start": NOW_S + 100.0 * k, "mw": 0.1 * k} for k in range(7)]
    (coarse,) = read(site_with, JOBS, {"jobs": odd})
    assert (coarse.step_s, coarse.values) == (600.0, pytest.approx((500.0, 600.0)))


def test_prices_stand_in_their_own_time_zone_and_unit(site_with: MakeSite) -> None:
    (found,) = read(site_with, PRICES, b"time,EUR/MWh\n2025-07-15 14:00,80\n2025-07-15 15:00,-20\n")
    assert (found.start_s, found.step_s, found.values) == (NOW_S, HOUR_S, pytest.approx((0.08, -0.02)))


def test_a_years_file_says_the_same_hours_of_any_year(site_with: MakeSite, tmp_path: Path) -> None:
    rows = [
        f"2023-{m:02d}-{d:02d} {h:02d}:00,{20 + h / 10},50"
        for m in range(1, 13)
        for d in range(1, (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[m - 1] + 1)
        for h in range(24)
    ]
    (tmp_path / "year.csv").write_text("time,oa_drybulb_c,rh_pct\n" + "\n".join(rows))
    toml = '[forecast.w]\ngives = "weather"\nformat = "year"\nfile = "year.csv"\ntime_zone = "Etc/GMT+5"\n'
    found = {s.signal: s for s in read(site_with, toml, b"")}
    assert found[DRYBULB].values[0] == pytest.approx(20.7), "12 UTC is 7 h there"


@pytest.mark.parametrize(
    ("toml", "sent", "says"),
    [
        (OPEN_METEO, b"<html>", "not JSON"),
        (OPEN_METEO, b"\xff\xfe", "not UTF-8"),
        (OPEN_METEO, b"[" * 100_000, "not JSON"),
        (OPEN_METEO, {"error": True}, "there is no 'hourly'"),
        (OPEN_METEO, {"hourly": {"time": "now"}}, "there is no list at '\\*'"),
        (OPEN_METEO, {"hourly": {"time": []}}, "0 times"),
        (OPEN_METEO, {**meteo(3), "hourly": {**meteo(3)["hourly"], "temperature_2m": [1.0]}}, "1 values for 3 times"),
        (OPEN_METEO, meteo(3, drybulb="warm"), "row 1: 'warm' is not a number; .*row 3"),
        (OPEN_METEO, meteo(30, drybulb=77.0), "77 degC at 50 % of relative humidity cannot be"),
        (OPEN_METEO, meteo(30, humidity=500.0), "cannot be"),
        (OPEN_METEO, meteo(30, drybulb=None), "no value at all"),
        (OPEN_METEO, meteo(30, drybulb=10**400), "is not a number"),
        (JOBS, {"jobs": [{"start": 10**400, "mw": 1.0}]}, "neither seconds"),
        (JOBS, {"jobs": [{"start": "0001-01-01T00:00+14:00", "mw": 1.0}]}, "it ends at"),
        (OPEN_METEO, meteo(5), "it ends at 1752552000, it is 1752580800 now"),
        (JOBS, {"jobs": [{"start": "soon", "mw": 1.0}]}, "row 1: 'soon' is neither seconds since 1970 nor a time"),
        (JOBS, {"jobs": [{"start": True, "mw": 1.0}]}, "neither seconds"),
        (JOBS, {"jobs": [{"start": NOW_S - 99_999.0, "mw": 1.0}]}, "it ends at"),
        (PRICES, b"time,price\n1,2\n", "there is no column 'EUR/MWh'; there are time, price"),
        (PRICES, b"time,EUR/MWh\n1\n", "line 2 has 1 fields, the header 2"),
        (PRICES, b"", "there is no column 'time'; there are none"),
    ],
)
def test_what_cannot_be_read_says_why(site_with: MakeSite, toml: str, sent: Any, says: str) -> None:
    with pytest.raises(Unreadable, match=says):
        read(site_with, toml, sent)


SMALL = load_site(CONFIG / "small", {}).site
ANYTHING = st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3), max_leaves=6)


@given(st.lists(ANYTHING, max_size=4), st.lists(ANYTHING, max_size=4))
def test_no_answer_whatever_is_more_than_unreadable(times: list[Any], values: list[Any]) -> None:
    from plant_models.site.forecast import ForecastSource, Place

    source = ForecastSource("load", "json", url="http://x/", time="t.*", series={"hall-a": Place("v.*")})
    try:
        found = series_of(source, SMALL, json.dumps({"t": times, "v": values}).encode(), NOW_S)
    except Unreadable:
        return
    assert all(len(s.values) <= 400 for s in found)
