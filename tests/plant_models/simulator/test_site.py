"""The whole simulated site: what its signals show, how its sensors err, how time passes, what is true."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from plant_models.simulator.plant_file import load_plant_file
from plant_models.simulator.sensors import FaultKind, Sensors
from plant_models.simulator.site import SimulatedSite
from plant_models.site.load import LoadedSite, load_site
from plant_models.site.points import Points
from plant_models.sources.load import GeneratedLoad
from plant_models.sources.weather import Weather, day_of, open_weather, start_of
from safety.signals import MachineState

CONFIG = Path(__file__).parents[3] / "config"
Make = Callable[..., SimulatedSite]


@pytest.fixture(scope="module")
def greensboro() -> Weather:
    return open_weather("greensboro")


@pytest.fixture
def make(site_a: LoadedSite, greensboro: Weather) -> Make:
    def build(seed: int = 0, day: str = "07-15", loaded: LoadedSite = site_a, points: Points | None = None) -> SimulatedSite:
        load = GeneratedLoad(len(loaded.site.hall), seed, greensboro.utc_offset_h)
        truth = load_plant_file(CONFIG / loaded.site.site.name / "plant.toml", loaded.site)
        start_s = start_of(day_of(day), greensboro)
        return SimulatedSite(loaded.site, points or loaded.points, truth, greensboro, load, seed, start_s)

    return build


@pytest.mark.parametrize("name", ["reference-a", "reference-b", "reference-c", "small"])
def test_every_declared_point_is_served(name: str, make: Make) -> None:
    loaded = load_site(CONFIG / name, {})
    site = make(loaded=loaded)
    site.advance(site.now_s + 60)
    for point in loaded.points.rows:
        assert point.signal in site.signals
        value = site.read(point.signal)
        if point.readable and point.plausible_low is not None and not point.signal.endswith(".request"):
            assert value is not None
            assert point.plausible_low <= value <= point.plausible_high


def test_points_that_nobody_produces_are_named(make: Make, site_a: LoadedSite) -> None:
    strange = replace(site_a.points.rows[10], signal="cdu-1.cdu_flow_kgs")
    with pytest.raises(ValueError, match=r"cdu-1\.cdu_flow_kgs"):
        make(points=Points((*site_a.points.rows, strange)))


def test_unknown_signals_are_key_errors(make: Make) -> None:
    site = make()
    for act in (lambda: site.read("plant.bogus"), lambda: site.write("plant.chws_temp_c", 1.0), lambda: site.set_fault("bas.heartbeat", "dead")):
        with pytest.raises(KeyError):
            act()


def test_same_seed_same_bytes_however_often_it_is_read(make: Make) -> None:
    quiet, nosy = make(seed=3), make(seed=3)
    names = sorted(quiet.signals)
    for _ in range(20):
        nosy.advance(nosy.now_s + 15)
        for _ in range(3):
            [nosy.read(n) for n in names]
    quiet.advance(quiet.now_s + 300)
    assert [quiet.read(n) for n in names] == [nosy.read(n) for n in names]
    assert quiet.truth == nosy.truth


def test_another_seed_has_other_biases(make: Make) -> None:
    one, other = make(seed=1), make(seed=2)
    assert one.read("hall-a-r01.rack_inlet_c") != other.read("hall-a-r01.rack_inlet_c") or one.read("ch-1.chws_temp_c") != other.read("ch-1.chws_temp_c")


def test_time_passes_by_seconds_and_scans_every_five(make: Make) -> None:
    steps, whole = make(), make()
    first = steps.now_s
    for second in range(1, 31):
        steps.advance(first + second)
        assert steps.now_s == first + second
    whole.advance(first + 30)
    assert steps.truth == whole.truth
    steps.advance(first + 30.7)
    assert steps.now_s == first + 30
    assert steps.read("bas.clock_s") == first + 30


def test_sensors_show_the_truth_within_their_class(make: Make) -> None:
    site = make()
    site.advance(site.now_s + 4 * 3600)
    errors = {"plant.chws_temp_c": [], "hall-a.it_load_kw": [], "plant.chw_flow_kgs": [], "weather.oa_wetbulb_c": [], "hall-a.crah_supply_temp_c": []}
    for _ in range(120):
        site.advance(site.now_s + 30)
        for signal, seen in errors.items():
            seen.append(site.read(signal) - site.truth.values[signal])
    allowed = {"plant.chws_temp_c": 0.35, "plant.chw_flow_kgs": 5.0, "hall-a.it_load_kw": 70.0, "weather.oa_wetbulb_c": 0.7, "hall-a.crah_supply_temp_c": 0.8}
    for signal, seen in errors.items():
        assert np.max(np.abs(seen)) <= allowed[signal], signal
        assert np.std(seen) > 0.0


def test_bias_noise_resolution_and_lag_are_those_of_the_class() -> None:
    sensors = Sensors([f"r{i}.chws_temp_c" for i in range(400)], {}, 7, 5.0)
    sensors.scan(np.full(400, 10.0))
    shown = []
    for _ in range(60):
        sensors.scan(np.full(400, 10.0))
        shown.append(list(sensors.readings.values()))
    values = np.array(shown)
    bias = values.mean(axis=0) - 10.0
    assert np.abs(bias).max() <= 0.2 + 0.03
    assert np.std(bias) == pytest.approx(0.2 / np.sqrt(3.0), rel=0.1)
    assert np.allclose(values * 10.0, np.round(values * 10.0))
    for _ in range(6):
        sensors.scan(np.full(400, 20.0))
    after_30_s = np.array(list(sensors.readings.values())).mean() - 10.0 - bias.mean()
    assert after_30_s == pytest.approx(10.0 * (1.0 - np.exp(-1.0)), abs=0.1)


def test_faults_of_sensors(make: Make) -> None:
    site = make()
    site.advance(site.now_s + 60)
    site.set_fault("plant.chws_temp_c", "dead")
    assert site.read("plant.chws_temp_c") is None
    site.set_fault("plant.chw_flow_kgs", FaultKind.FROZEN)
    frozen = site.read("plant.chw_flow_kgs")
    site.set_fault("weather.oa_wetbulb_c", FaultKind.BIAS, 4.0)
    site.advance(site.now_s + 300)
    assert site.read("plant.chws_temp_c") is None
    assert site.read("plant.chw_flow_kgs") == frozen
    assert site.read("weather.oa_wetbulb_c") - site.truth.values["weather.oa_wetbulb_c"] > 3.0
    for signal in ("plant.chws_temp_c", "plant.chw_flow_kgs"):
        site.set_fault(signal, None)
    site.advance(site.now_s + 10)
    assert site.read("plant.chws_temp_c") is not None
    assert site.read("plant.chw_flow_kgs") != frozen


def test_hottest_inlet_is_the_hottest_row_that_still_reads(make: Make) -> None:
    site = make()
    site.advance(site.now_s + 600)
    rows = {f"hall-a-r{i:02d}.rack_inlet_c": site.read(f"hall-a-r{i:02d}.rack_inlet_c") for i in range(1, 11)}
    hottest = max(rows, key=lambda r: rows[r])
    assert site.read("hall-a.rack_inlet_max_c") == rows[hottest]
    site.set_fault(hottest, "dead")
    site.advance(site.now_s + 5)
    assert site.read("hall-a.rack_inlet_max_c") < rows[hottest]
    for row in rows:
        site.set_fault(row, "dead")
    site.advance(site.now_s + 5)
    assert site.read("hall-a.rack_inlet_max_c") is None


def test_a_tripped_chiller_stops_and_is_seen(make: Make) -> None:
    site = make()
    site.advance(site.now_s + 1800)
    running = next(c for c in ("ch-1", "ch-2", "ch-3", "ch-4", "ch-5") if site.truth.values[f"{c}.power_kw"] > 50.0)
    site.trip(running)
    site.advance(site.now_s + 60)
    assert site.truth.values[f"{running}.power_kw"] < 1.0
    assert site.read(f"{running}.machine_state") == MachineState.FAILED
    with pytest.raises(KeyError):
        site.trip("ch-99")


def test_truth_counts_from_the_start_and_closes(make: Make) -> None:
    site = make()
    before = site.truth
    site.advance(site.now_s + 3600)
    after = site.truth
    assert before.facility_kwh == 0.0
    assert after.facility_kwh == pytest.approx(sum(after.energy_kwh.values()))
    assert after.cooling_kwh == pytest.approx(after.facility_kwh - after.it_kwh - after.energy_kwh["electrical_losses"])
    assert after.facility_kwh - after.rejected_kwh == pytest.approx(after.stored_kwh - before.stored_kwh, rel=1e-6)
    assert 3000.0 < after.it_kwh < 5000.0


def test_a_crah_stops_and_runs_again_while_the_site_runs(make: Make, site_a: LoadedSite) -> None:
    site = make()

    def recirculated_pct() -> np.ndarray:
        site.advance(site.now_s + 5)
        return np.array([site.truth.values[f"{row}.recirculated_pct"] for row in site_a.site.hall[0].rows])

    site.advance(site.now_s + 1800)
    before = recirculated_pct()
    site.set_crah_failed("hall-a", (13,))
    rise = recirculated_pct() - before
    assert int(np.argmax(rise)) == 6  # unit 13 of 18 stands by row 7 of 10
    assert rise[6] > before[6]
    site.set_crah_failed("hall-a", ())
    assert np.abs(recirculated_pct() - before).max() < 0.1 * rise[6]
    with pytest.raises(ValueError, match="from 1 to 18"):
        site.set_crah_failed("hall-a", (19,))
    with pytest.raises(KeyError):
        site.set_crah_failed("hall-x", (1,))
