"""Machines outside of what their makers published, weather and load at their ends: the extrapolation is counted, energy still closes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from plant_models.site.load import LoadedSite
from plant_models.sources.load import open_load
from plant_models.sources.problems import SourceError
from plant_models.sources.weather import WeatherNow, open_weather

Start = Callable[..., Any]
CURVE_C = (4.44, 10.0)  # chilled water range of the published machine


def closure_share(plant: Any) -> float:
    return abs(plant.value("site.closure_kw")) / plant.value("site.heat_in_kw")


@pytest.mark.parametrize(("chws_c", "outside"), [(9.0, False), (16.0, True)])
def test_energy_outside_the_curves_is_counted_and_closes(start: Start, chws_c: float, outside: bool) -> None:
    runner = start(chws_setpoint_c=chws_c, supply_c=max(chws_c + 6.0, 20.0), running=4)
    plant = runner.run(2 * 3600)
    before, used = plant.counters()["outside_curve_kwh"], plant.energies_kwh()["chillers"]
    plant = runner.run(3600)
    counted, used = plant.counters()["outside_curve_kwh"] - before, plant.energies_kwh()["chillers"] - used
    assert CURVE_C[0] <= chws_c <= CURVE_C[1] or outside
    assert counted == pytest.approx(used if outside else 0.0, rel=1e-6, abs=1e-6)
    assert closure_share(plant) < 1e-9


@pytest.mark.parametrize("weather", [WeatherNow(50.0, 33.0, 98.0), WeatherNow(-40.0, -40.0, 105.0), WeatherNow(45.0, 16.0, 75.0)])
@pytest.mark.parametrize("utilisation", [0.0, 1.0])
def test_energy_closes_at_the_ends_of_weather_and_load(start: Start, weather: WeatherNow, utilisation: float) -> None:
    runner = start(running=5, utilisation=utilisation)
    runner.weather = weather
    for _ in range(60):
        plant = runner.run(60)
        assert closure_share(plant) < 1e-9
    assert np.all(np.isfinite(plant.state))


def test_load_over_capacity_names_file_line_and_what_is_allowed(tmp_path: Path, site_a: LoadedSite) -> None:
    path = tmp_path / "load.csv"
    path.write_text("time_s,it_load_kw\n0,3000\n3600,5200\n7200,-1\n", encoding="utf-8")
    with pytest.raises(SourceError) as refused:
        open_load(path, [(h.name, h.it_capacity_kw) for h in site_a.site.hall])
    assert [(p.where, p.value) for p in refused.value.problems] == [("load.csv:3", "'5200'"), ("load.csv:4", "'-1'")]
    assert all("0 .. 5000 kW" in p.allowed for p in refused.value.problems)


@pytest.mark.parametrize(
    ("header", "cells", "says"),
    [
        ("oa_drybulb_c,oa_rh_pct", lambda t: (t + 273.15, 50.0), "dry bulb"),
        ("oa_drybulb_c,oa_rh_pct", lambda t: (1.8 * t + 32.0, 50.0), "not Fahrenheit"),
        ("oa_drybulb_c,oa_rh_pct,pressure_kpa", lambda t: (t, 50.0, 1013.0), "pressure"),
        ("oa_drybulb_c,oa_rh_pct", lambda t: (t, 0.5), "percent, not a share"),
    ],
)
def test_a_year_in_the_wrong_unit_is_refused(tmp_path: Path, header: str, cells: Callable[[float], tuple[float, ...]], says: str) -> None:
    lines = [f"time,{header}"]
    for hour in range(8760):
        day, of_day = divmod(hour, 24)
        stamp = np.datetime64("2023-01-01T00:00") + np.timedelta64(hour, "h")
        warm = 15.0 + 12.0 * np.sin(2.0 * np.pi * (day - 110) / 365.0) + 5.0 * np.sin(2.0 * np.pi * (of_day - 9) / 24.0)
        lines.append(f"{stamp}," + ",".join(f"{c:.2f}" for c in cells(float(warm))))
    path = tmp_path / "year.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(SourceError) as refused:
        open_weather(path)
    assert says in str(refused.value)
    assert all(p.where.startswith("year.csv") for p in refused.value.problems)
