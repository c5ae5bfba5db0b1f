"""Weather: bundled places, user files of four formats, and every kind of bad file refused with file, line, value and what is allowed."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import date
from pathlib import Path

import psychrolib  # type: ignore[import-untyped]  # ships no type information
import pytest

from plant_models.sources.problems import SourceError
from plant_models.sources.weather import Weather, day_of, open_weather, start_of

HOUR_S = 3600.0


@pytest.fixture(scope="module")
def greensboro() -> Weather:
    return open_weather("greensboro")


def rows(change: Callable[[int, list[str]], list[str] | None] = lambda _i, cells: cells, header: str = "time_local,dry_bulb_degC,relative_humidity_pct") -> str:
    """Returns a year of hourly CSV, each row as changed by a test; None leaves it out."""
    lines = [header]
    for i in range(8760):
        day = date.fromordinal(date(2023, 1, 1).toordinal() + i // 24)
        cells = change(i, [f"{day.isoformat()}T{i % 24:02d}:00", f"{10 + (i % 24) / 2:.1f}", "60"])
        if cells is not None:
            lines.append(",".join(cells))
    return "\n".join(lines) + "\n"


def write(folder: Path, text: str, name: str = "place.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def problems_of(path: Path) -> list[str]:
    with pytest.raises(SourceError) as caught:
        open_weather(path)
    return [str(p) for p in caught.value.problems]


def test_greensboro_is_what_its_file_says(greensboro: Weather) -> None:
    midnight_s = start_of(date(2025, 1, 1), greensboro)
    at_one = greensboro.at(midnight_s + HOUR_S)  # line 3 of the TMY3: 01/01, 01:00, dry bulb 10.0, humidity 77, 993 mbar
    assert at_one.oa_drybulb_c == pytest.approx(10.0)
    assert at_one.pressure_kpa == pytest.approx(99.3)
    psychrolib.SetUnitSystem(psychrolib.SI)
    assert at_one.oa_wetbulb_c == pytest.approx(psychrolib.GetTWetBulbFromRelHum(10.0, 0.77, 99300.0))
    assert greensboro.utc_offset_h == -5.0
    assert greensboro.notes == ()


def test_miami_is_read_from_its_fixed_columns() -> None:
    miami = open_weather("miami")
    at_one = miami.at(start_of(date(2025, 1, 1), miami) + HOUR_S)  # first line of the TMY2: 0200 tenths, 073 %, 1017 mbar
    assert at_one.oa_drybulb_c == pytest.approx(20.0)
    assert at_one.pressure_kpa == pytest.approx(101.7)
    assert miami.name == "MIAMI"


def test_between_hours_it_is_linear_and_the_year_does_not_matter(greensboro: Weather) -> None:
    start_s = start_of(day_of("07-15"), greensboro)
    a, b, half = (greensboro.at(start_s + h * HOUR_S) for h in (6.0, 7.0, 6.5))
    assert half.oa_drybulb_c == pytest.approx((a.oa_drybulb_c + b.oa_drybulb_c) / 2)
    assert half.oa_wetbulb_c == pytest.approx((a.oa_wetbulb_c + b.oa_wetbulb_c) / 2)
    other_year = greensboro.at(start_of(date(2031, 7, 15), greensboro) + 6.5 * HOUR_S)
    assert other_year == half


def test_the_twenty_ninth_of_february_repeats_the_day_before(greensboro: Weather) -> None:
    leap_s, before_s = start_of(date(2028, 2, 29), greensboro), start_of(date(2028, 2, 28), greensboro)
    for hour in range(23):
        assert greensboro.at(leap_s + hour * HOUR_S) == greensboro.at(before_s + hour * HOUR_S)
    march = greensboro.at(start_of(date(2028, 3, 1), greensboro))
    assert march == greensboro.at(start_of(date(2025, 3, 1), greensboro))


def test_the_year_closes_on_itself(greensboro: Weather) -> None:
    year_end_s = start_of(date(2026, 1, 1), greensboro)
    assert abs(greensboro.at(year_end_s - 1.0).oa_drybulb_c - greensboro.at(year_end_s).oa_drybulb_c) < 0.01


def test_wetbulb_is_never_above_drybulb(greensboro: Weather) -> None:
    assert all(w <= d + 1e-9 for w, d in zip(greensboro.wetbulb_c, greensboro.drybulb_c, strict=True))


def test_start_is_local_standard_midnight(greensboro: Weather) -> None:
    assert start_of(date(2025, 7, 15), greensboro) == 1752555600.0  # 05:00 UTC
    assert day_of("07-15") == date(2025, 7, 15)
    assert day_of("2024-02-29") == date(2024, 2, 29)
    with pytest.raises(ValueError, match="written 2025-07-15 or 07-15"):
        day_of("15 July")


def test_epw_and_csv_and_gzip(tmp_path: Path) -> None:
    header = ["LOCATION,Somewhere,-,X,src,1,0,0,2.0,100.0", *["COMMENT"] * 7]
    body = []
    for i in range(8760):
        day = date.fromordinal(date(2023, 1, 1).toordinal() + i // 24)
        body.append(f"2001,{day.month},{day.day},{i % 24 + 1},60,?,{15 + i % 24 / 10:.1f},9.9,50,101000")
    packed = tmp_path / "some.epw.gz"
    packed.write_bytes(gzip.compress("\n".join(header + body).encode()))
    weather = open_weather(packed)
    assert (weather.name, weather.utc_offset_h) == ("Somewhere", 2.0)
    midnight_s = start_of(date(2025, 5, 1), weather)
    assert weather.at(midnight_s + HOUR_S).oa_drybulb_c == pytest.approx(15.0)  # hour 1 ends at 01:00
    assert weather.at(midnight_s).oa_drybulb_c == pytest.approx(17.3)  # hour 24 of the day before
    plain = open_weather(write(tmp_path, rows()), utc_offset_h=1.0)
    assert plain.at(start_of(date(2025, 5, 1), plain) + 12 * HOUR_S).oa_drybulb_c == pytest.approx(16.0)
    assert any("101.325" in n for n in plain.notes)


def test_a_leap_years_file_is_taken_without_its_extra_day(tmp_path: Path) -> None:
    extra = [f"2024-02-29T{h:02d}:00,40.0,60" for h in range(24)]
    weather = open_weather(write(tmp_path, rows() + "\n".join(extra) + "\n"))
    assert max(weather.drybulb_c) < 40.0
    assert any("24 hours of 29 February" in n for n in weather.notes)


def test_short_holes_are_filled_and_noted_long_ones_refused(tmp_path: Path) -> None:
    def short(i: int, cells: list[str]) -> list[str] | None:
        return None if i in (100, 101, 102) else cells

    weather = open_weather(write(tmp_path, rows(short)))
    assert sum("missing for 3 h" in n for n in weather.notes) == 2  # dry bulb and humidity
    assert weather.drybulb_c[101] == pytest.approx((weather.drybulb_c[99] + weather.drybulb_c[103]) / 2)

    def long(i: int, cells: list[str]) -> list[str] | None:
        return None if 100 <= i <= 103 else cells

    found = problems_of(write(tmp_path, rows(long)))
    assert found[0] == "place.csv:101: dry bulb missing for 4 h after this line (allowed: holes of at most 3 h)"


def test_a_hole_over_the_years_end_is_a_hole(tmp_path: Path) -> None:
    found = problems_of(write(tmp_path, rows(lambda i, cells: None if i in (8757, 8758, 8759, 0) else cells)))
    assert "missing for 4 h" in found[0]


@pytest.mark.parametrize("sentinel", ["9999", "-9900", "", "nan", "99.9"])
def test_sentinels_are_holes_not_temperatures(tmp_path: Path, sentinel: str) -> None:
    weather = open_weather(write(tmp_path, rows(lambda i, c: [c[0], sentinel, c[2]] if i == 500 else c)))
    assert any("dry bulb missing for 1 h" in n for n in weather.notes)
    assert max(weather.drybulb_c) < 25.0


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        (1, "95.2", "place.csv:502: dry bulb 95.2 (allowed: -60 .. 60 degC, not Fahrenheit)"),
        (2, "101", "place.csv:502: relative humidity 101 (allowed: 0 .. 100 %, not a pressure)"),
        (2, "1600.0", "place.csv:502: relative humidity 1600 (allowed: 0 .. 100 %, not a pressure)"),
        (1, "warm", "place.csv:502: dry bulb 'warm' (allowed: -60 .. 60 degC, not Fahrenheit)"),
    ],
)
def test_impossible_values_are_named(tmp_path: Path, column: int, value: str, says: str) -> None:
    def bad(i: int, cells: list[str]) -> list[str]:
        return [value if k == column else c for k, c in enumerate(cells)] if i == 500 else cells

    assert problems_of(write(tmp_path, rows(bad))) == [says]


def test_humidity_as_a_share_is_refused(tmp_path: Path) -> None:
    assert "percent, not a share" in problems_of(write(tmp_path, rows(lambda _i, c: [c[0], c[1], "0.6"])))[0]


def test_all_problems_are_named_at_once(tmp_path: Path) -> None:
    found = problems_of(write(tmp_path, rows(lambda i, c: [c[0], "88", "140"] if i in (10, 20) else c)))
    assert len(found) == 4


def test_an_hour_twice_is_refused(tmp_path: Path) -> None:
    found = problems_of(write(tmp_path, rows(lambda i, c: ["2023-01-01T05:00", c[1], c[2]] if i == 6 else c)))
    assert found == ["place.csv:8: 01-01 05 h again, first on line 7 (allowed: each hour once)"]


def test_files_that_are_no_weather(tmp_path: Path) -> None:
    assert "no such file" in problems_of(tmp_path / "absent.epw")[0]
    assert "0 lines" in problems_of(write(tmp_path, ""))[0]
    assert "no column for drybulb" in problems_of(write(tmp_path, "time,a,relative_humidity_pct\n1,2,3\n"))[0]
    assert "no column for drybulb" in problems_of(write(tmp_path, "time,dry_bulb_degF,relative_humidity_pct\n2023-01-01T00:00,50,60\n"))[0]
    assert "LOCATION with ten fields" in problems_of(write(tmp_path, "LOCATION,x\nfoo\n", "a.epw"))[0]
    assert "full hours" in problems_of(write(tmp_path, "time,dry_bulb_degC,relative_humidity_pct\n2023-01-01T00:30,5,60\n2023-01-01T01:30,5,60\n"))[0]
    broken = tmp_path / "broken.csv.gz"
    broken.write_bytes(gzip.compress(b"time,dry" * 100)[:-10])
    assert "cannot be read" in problems_of(broken)[0]
