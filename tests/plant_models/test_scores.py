"""Scores by hand: energies, totals, money, water, and every kind of violation on a truth that a test writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from plant_models.scores import VIOLATIONS, Scores
from plant_models.simulator.truth import Truth
from plant_models.site.load import load_site
from plant_models.site.topology import Limits, Money, Site

ROOT = Path(__file__).parents[2]
START_S = 1_752_555_600.0  # midnight at the site
CALM = {
    "hall-a.room_dewpoint_c": 10.0,
    "hall-a.room_rh_pct": 45.0,
    "hall-a.crah_supply_temp_c": 21.0,
    **{f"hall-a-r{i:02d}.rack_inlet_c": 24.0 for i in range(1, 11)},
    **{
        f"ch-{i}.{name}": value
        for i in range(1, 6)
        for name, value in (("running_count", 0.0), ("evaporator_flow_kgs", 30.0), ("cwr_temp_c", 29.0), ("chws_temp_c", 10.0))
    },
}
USED = {
    "chillers": 500.0,
    "chw_pumps": 50.0,
    "cw_pumps": 90.0,
    "economiser_pumps": 10.0,
    "towers": 50.0,
    "crah_fans": 200.0,
    "electrical_losses": 250.0,
    "server_fans": 200.0,
    "it_without_fans": 3300.0,
}


@dataclass
class Seen:
    """A site whose truth is what a test says."""

    truth: Truth


def truth(at_s: float, values: Mapping[str, float] | None = None, hours: float = 0.0, stored: float = 1000.0) -> Truth:
    """Returns the truth after some hours of constant use."""
    return Truth(
        at_s=at_s,
        values=CALM | dict(values or {}),
        energy_kwh={k: 100.0 + v * hours for k, v in USED.items()},
        it_work_kwh=3000.0 * hours,
        water_evaporated_kg=5000.0 * hours,
        water_blowdown_kg=1000.0 * hours,
        outside_curve_kwh=20.0 * hours,
        rejected_kwh=4500.0 * hours,
        stored_kwh=stored,
    )


@pytest.fixture(scope="module")
def site() -> Site:
    return load_site(ROOT / "config/reference-a", {}).site


def hour(site: Site, values: Mapping[str, float] | None = None, step_s: float = 60.0) -> dict[str, Any]:
    """Returns the score of an hour in which the same holds all the time."""
    scores = Scores(site)
    for k in range(round(3600.0 / step_s) + 1):
        scores.observe(Seen(truth(START_S + k * step_s, values, k * step_s / 3600.0)))
    return scores.result()


def violations(site: Site, values: Mapping[str, float]) -> dict[str, float]:
    found: dict[str, float] = hour(site, values)["violations"]
    return {k: v for k, v in found.items() if v}


def test_energies_totals_and_ratios(site: Site) -> None:
    result = hour(site)
    energy = result["energy_kwh"]
    assert {k: energy[k] for k in USED} == pytest.approx(USED)
    assert all(energy[k] == 0.0 for k in ("dry_coolers", "cdu_pumps", "humidity", "heaters"))
    assert energy["cooling_total"] == pytest.approx(900.0)
    assert energy["facility_total"] == pytest.approx(4650.0)
    assert result["pue"] == pytest.approx(4650.0 / 3500.0)
    assert result["it_work"] == pytest.approx(3000.0)
    assert result["wue_l_per_kwh"] == pytest.approx(6000.0 / 3500.0)
    assert result["cue_kg_per_kwh"] == pytest.approx(0.363 * 4650.0 / 3500.0)
    assert result["cost"] == pytest.approx(0.094 * 4650.0)
    assert result["kw_per_ton"] == pytest.approx(700.0 / (4000.0 / 3.51685))
    assert result["outside_curve_kwh"] == pytest.approx(20.0)
    assert result["starts"] == 0
    assert result["violations"] == dict.fromkeys(VIOLATIONS, 0.0)


def test_the_keys_are_those_of_the_product(site: Site) -> None:
    result = hour(site)
    assert list(result) == [
        "energy_kwh",
        "stored_kwh_th_delta",
        "it_work",
        "pue",
        "wue_l_per_kwh",
        "cue_kg_per_kwh",
        "cost",
        "kw_per_ton",
        "outside_curve_kwh",
        "violations",
        "starts",
    ]


def test_heat_left_in_the_site_is_charged_at_the_plants_mean_cop(site: Site) -> None:
    scores = Scores(site)
    scores.observe(Seen(truth(START_S)))
    scores.observe(Seen(truth(START_S + 3600.0, hours=1.0, stored=1400.0)))
    result = scores.result()
    assert result["stored_kwh_th_delta"] == pytest.approx(-400.0)
    charge = 400.0 * 700.0 / 4000.0
    assert result["energy_kwh"]["cooling_total"] == pytest.approx(900.0 + charge)
    assert result["energy_kwh"]["facility_total"] == pytest.approx(4650.0 + charge)
    assert result["cost"] == pytest.approx(0.094 * (4650.0 + charge))


def test_peak_hours_and_carbon_have_their_price(site: Site) -> None:
    money = Money(energy_price_per_kwh=0.1, peak_price_per_kwh=0.3, peak_hours_local=(16, 21), carbon_kg_per_kwh=0.4, carbon_price_per_kg=0.05)
    scores = Scores(replace(site, money=money))
    for h in range(25):
        scores.observe(Seen(truth(START_S + h * 3600.0 - 1.0, hours=float(h))))
    assert scores.result()["cost"] == pytest.approx(4650.0 * (19 * 0.1 + 5 * 0.3) + 24 * 4650.0 * 0.4 * 0.05)


def test_rack_minutes_and_degree_minutes(site: Site) -> None:
    found = violations(site, {"hall-a-r03.rack_inlet_c": 28.5, "hall-a-r04.rack_inlet_c": 33.0})
    assert found == pytest.approx(
        {
            "inlet_above_recommended_rack_minutes": 2 * 25 * 60.0,
            "inlet_degree_minutes_above_recommended": 25 * 60.0 * (1.5 + 6.0),
            "inlet_above_allowable_rack_minutes": 25 * 60.0,
        }
    )


def test_a_sites_narrower_limits_count(site: Site) -> None:
    narrow = replace(site, limits=Limits(inlet_recommended_c=23.0, inlet_allowable_c=23.5, dewpoint_max_c=9.0, dewpoint_margin_k=5.0))
    found = violations(narrow, {"hall-a.room_dewpoint_c": 9.5, "hall-a.crah_supply_temp_c": 14.0})
    assert found["inlet_above_recommended_rack_minutes"] == pytest.approx(250 * 60.0)
    assert found["inlet_above_allowable_rack_minutes"] == pytest.approx(250 * 60.0)
    assert found["humidity_minutes"] == pytest.approx(60.0)
    assert found["air_dew_point_minutes"] == pytest.approx(60.0)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"hall-a.crah_supply_temp_c": 11.9}, {"air_dew_point_minutes": 60.0}),
        ({"hall-a.room_dewpoint_c": 15.1}, {"humidity_minutes": 60.0}),
        ({"hall-a.room_rh_pct": 60.1}, {"humidity_minutes": 60.0}),
        ({"ch-1.running_count": 1.0, "ch-1.evaporator_flow_kgs": 18.6}, {"min_flow_minutes": 60.0}),  # half of 37.3 is 18.65
        ({"ch-1.running_count": 0.0, "ch-1.evaporator_flow_kgs": 0.0}, {}),
        ({"ch-1.running_count": 1.0, "ch-1.cwr_temp_c": 17.9}, {"lift_minutes": 60.0}),
        ({"ch-1.running_count": 0.0, "ch-1.cwr_temp_c": 5.0}, {}),
        ({"hall-a-r01.rack_inlet_c": 27.0, "hall-a.room_rh_pct": 60.0, "hall-a.crah_supply_temp_c": 12.0}, {}),
    ],
)
def test_minutes_of_each_kind(site: Site, values: dict[str, float], expected: dict[str, float]) -> None:
    assert violations(site, values) == pytest.approx(expected)


def starts(site: Site, times_s: list[float]) -> dict[str, Any]:
    """Returns the score of two hours in which a machine starts at these times and runs two minutes each, with too little lift."""
    scores = Scores(site)
    for k in range(121):
        at_s = k * 60.0
        on = any(s <= at_s < s + 120.0 for s in times_s)
        scores.observe(Seen(truth(START_S + at_s, {"ch-2.running_count": float(on), "ch-2.cwr_temp_c": 12.0}, k / 60.0)))
    return scores.result()


def test_starts_are_counted_and_those_too_often(site: Site) -> None:
    assert starts(site, [600.0, 1800.0, 3000.0])["starts"] == 3
    assert starts(site, [600.0, 1800.0, 3000.0])["violations"]["starts_over_limit"] == 0
    assert starts(site, [600.0, 1200.0])["violations"]["starts_over_limit"] == 1
    assert starts(site, [300.0, 1260.0, 2220.0, 3180.0])["violations"]["starts_over_limit"] == 1  # four within an hour
    assert starts(site, [600.0])["violations"]["lift_minutes"] == 0  # lift is not judged in the first ten minutes


def rates(site: Site, course: list[float], step_s: float = 60.0) -> float:
    scores = Scores(site)
    for k, inlet in enumerate(course):
        scores.observe(Seen(truth(START_S + k * step_s, {"hall-a-r05.rack_inlet_c": inlet}, k * step_s / 3600.0)))
    found: float = scores.result()["violations"]["inlet_rate_events"]
    return found


def test_inlet_rates_are_events_not_minutes(site: Site) -> None:
    slow = [20.0 + 0.3 * k for k in range(20)]
    assert rates(site, slow) == 0  # 4.5 K in 15 min
    fast = [24.0] * 5 + [29.5] * 60 + [24.0] * 30
    assert rates(site, fast) == 2  # up and, an hour later, down again
    steady = [15.0 + 0.32 * k for k in range(66)]
    assert rates(site, steady) == 0  # 4.8 K in 15 min and 19.2 K an hour are allowed
    tape = replace(site, hall=(replace(site.hall[0], tape=True),))
    assert rates(tape, [20.0 + 0.1 * k for k in range(60)]) == 1  # 6 K/h


def test_one_look_is_no_score(site: Site) -> None:
    scores = Scores(site)
    with pytest.raises(ValueError, match="two looks"):
        scores.result()
    scores.observe(Seen(truth(START_S)))
    with pytest.raises(ValueError, match="two looks"):
        scores.result()


def test_sites_without_halls_or_chillers_are_scored(site: Site) -> None:
    bare = replace(site, hall=(), chiller=(), tower=(), economiser=())
    assert hour(bare)["energy_kwh"]["facility_total"] == pytest.approx(4650.0)


def test_technology_water_is_judged_by_the_dew_point_and_by_its_class() -> None:
    site_b = load_site(ROOT / "config/reference-b", {}).site
    rows = {f"hall-b-r{i:02d}.rack_inlet_c": 24.0 for i in range(1, 7)}
    calm = rows | {"hall-b.room_dewpoint_c": 10.0, "hall-b.room_rh_pct": 45.0, "hall-b.crah_supply_temp_c": 21.0, "hall-b.tcs_supply_temp_c": 40.0}
    assert violations(site_b, calm) == {}
    assert violations(site_b, calm | {"hall-b.tcs_supply_temp_c": 11.9}) == {"tcs_dew_point_minutes": pytest.approx(60.0)}
    assert violations(site_b, calm | {"hall-b.tcs_supply_temp_c": 45.1}) == {"tcs_over_class_minutes": pytest.approx(60.0)}
    assert violations(site_b, calm | {"hall-b.tcs_supply_temp_c": 44.9}) == {}
