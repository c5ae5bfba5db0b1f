"""Stored cold, load step and air loss against numbers worked out by hand and against published ones."""

import math
from dataclasses import replace

import pytest

from safety.limits import ChillerLimits, HallLimits, Limits, PlantLimits
from safety.ride_through import RideThrough, air_loss_seconds, heat_kw, load_step_kw, needed_kelvin, reserves, running_kw, spare_kelvin, stored_seconds

PLANT = PlantLimits("plant", stored_m3=85.0, ride_through_floor_s=300.0)
HALL = HallLimits("hall-a", "plant", it_capacity_kw=6000.0, racks=250)
CHILLERS = tuple(ChillerLimits(name, "plant", 8.0, 25.0, 20.0, capacity_kw=2000.0) for name in ("ch-1", "ch-2", "ch-3"))
SITE = Limits({}, CHILLERS, (HALL,), (PLANT,))
NOW = {
    "hall-a.rack_inlet_max_c": 24.0,
    "hall-a.it_load_kw": 5000.0,
    "ch-1.machine_state": 2.0,
    "ch-2.machine_state": 2.0,
    "ch-3.machine_state": 0.0,
}
RHO_CP = 4172.0


def seen(**changes):
    return {**NOW, **{name.replace("__", "-").replace("_dot_", "."): value for name, value in changes.items()}}


@pytest.mark.parametrize(("inlet_c", "minutes"), [(24.0, 9.5), (28.0, 4.7)])
def test_site_a_rides_through_as_published(inlet_c, minutes):
    assert stored_seconds(PLANT, SITE, NOW | {"hall-a.rack_inlet_max_c": inlet_c}) / 60.0 == pytest.approx(minutes, abs=0.05)


def test_stored_cold_by_hand_and_its_ends():
    assert stored_seconds(PLANT, SITE, NOW) == pytest.approx(85.0 * RHO_CP * 8.0 / 5000.0)
    assert stored_seconds(PLANT, SITE, NOW | {"hall-a.rack_inlet_max_c": 33.0}) == 0.0
    assert stored_seconds(PLANT, SITE, NOW | {"hall-a.it_load_kw": 0.0}) == math.inf
    assert stored_seconds(PLANT, SITE, NOW | {"hall-a.it_load_kw": -3.0}) == math.inf
    assert stored_seconds(PLANT, SITE, {"hall-a.it_load_kw": 5000.0}) is None
    assert stored_seconds(replace(PLANT, stored_m3=None), SITE, NOW) is None
    unlisted = replace(SITE, halls=(replace(HALL, it_capacity_kw=None),))
    assert stored_seconds(PLANT, unlisted, {"hall-a.rack_inlet_max_c": 24.0}) is None


def test_heat_is_what_the_air_of_a_plants_halls_carries():
    assert heat_kw(PLANT, SITE, NOW | {"hall-a.crah_fan_power_kw": 100.0}) == 5100.0
    assert heat_kw(PLANT, SITE, NOW | {"hall-a.crah_fan_power_kw": -1.0}) == 5000.0
    assert heat_kw(PLANT, SITE, {}) == 6000.0, "an unknown load counts as the capacity"
    liquid = replace(HALL, name="hall-b", air_share=0.2)
    other = replace(HALL, name="hall-c", plant="elsewhere")
    both = replace(SITE, halls=(HALL, replace(liquid, plant=None), other))
    assert heat_kw(PLANT, both, NOW | {"hall-b.it_load_kw": 1000.0, "hall-c.it_load_kw": 9.0}) == 5200.0
    assert heat_kw(PLANT, replace(SITE, halls=()), NOW) is None


def test_the_hottest_of_all_halls_counts():
    both = replace(SITE, halls=(HALL, replace(HALL, name="hall-b", inlet_allowable_c=35.0)))
    assert spare_kelvin(PLANT, both, NOW | {"hall-b.rack_inlet_max_c": 28.0}) == 7.0
    assert spare_kelvin(PLANT, both, NOW | {"hall-b.rack_inlet_max_c": 25.0}) == 8.0
    assert spare_kelvin(PLANT, both, NOW) is None
    assert spare_kelvin(PLANT, replace(SITE, halls=()), NOW) is None


def test_the_floor_in_kelvin():
    assert needed_kelvin(PLANT, SITE, NOW) == pytest.approx(300.0 * 5000.0 / (85.0 * RHO_CP))
    assert needed_kelvin(replace(PLANT, ride_through_floor_s=None), SITE, NOW) is None
    assert needed_kelvin(replace(PLANT, stored_m3=None), SITE, NOW) is None
    assert needed_kelvin(PLANT, replace(SITE, halls=()), NOW) is None


def test_running_capacity_leaves_out_what_is_not_ours():
    assert running_kw(PLANT, SITE, NOW) == 4000.0
    assert running_kw(PLANT, SITE, NOW | {"ch-2.hand_state": 1.0}) == 2000.0
    assert running_kw(PLANT, SITE, {k: v for k, v in NOW.items() if k != "ch-3.machine_state"}) is None
    assert running_kw(PLANT, replace(SITE, chillers=(replace(CHILLERS[0], capacity_kw=None),)), NOW) is None
    assert running_kw(PLANT, replace(SITE, chillers=(*CHILLERS, replace(CHILLERS[0], name="ch-9", plant="other"))), NOW) == 4000.0


def test_the_largest_load_step():
    store_kw = 85.0 * RHO_CP * 8.0 / 600.0
    assert load_step_kw(PLANT, SITE, NOW) == pytest.approx(store_kw)
    assert load_step_kw(PLANT, SITE, NOW | {"hall-a.it_load_kw": 3000.0}) == pytest.approx(1000.0 + store_kw)
    assert load_step_kw(PLANT, SITE, NOW | {"hall-a.rack_inlet_max_c": 40.0, "hall-a.it_load_kw": 3000.0}) == 1000.0
    slow = replace(SITE, chillers=(*CHILLERS[:2], replace(CHILLERS[2], start_s=1200.0)))
    assert load_step_kw(PLANT, slow, NOW) == pytest.approx(store_kw / 2.0)
    assert load_step_kw(PLANT, replace(SITE, chillers=()), NOW) is None
    for missing in ("ch-1.machine_state", "hall-a.rack_inlet_max_c"):
        assert load_step_kw(PLANT, SITE, {k: v for k, v in NOW.items() if k != missing}) is None
    assert load_step_kw(PLANT, replace(SITE, halls=(replace(HALL, it_capacity_kw=None),)), {**NOW, "hall-a.it_load_kw": math.nan}) is None
    assert load_step_kw(replace(PLANT, stored_m3=None), SITE, NOW) is None


@pytest.mark.parametrize(("rack_kw", "low_s", "high_s"), [(5.0, 30.0, 50.0), (10.0, 12.5, 13.5), (20.0, 5.0, 6.0), (30.0, 3.5, 4.4)])
def test_without_air_a_hall_is_hot_within_the_published_seconds(rack_kw, low_s, high_s):
    assert low_s <= air_loss_seconds(HALL, NOW | {"hall-a.it_load_kw": rack_kw * 250.0}) <= high_s


def test_without_air_a_light_load_waits_for_the_mass():
    # 2 kW a rack: the air soon runs 4.4 K ahead of 250 + 13 kJ/K that 8 K take 1052 s to warm
    assert air_loss_seconds(HALL, NOW | {"hall-a.it_load_kw": 500.0}) == pytest.approx(8.0 * 263.0 / 2.0)
    at_edge = air_loss_seconds(HALL, NOW | {"hall-a.it_load_kw": 3.6 * 250.0})
    assert at_edge == pytest.approx(8.0 * 263.0 / 3.6)
    just_over = air_loss_seconds(HALL, NOW | {"hall-a.it_load_kw": 3.6000001 * 250.0})
    assert just_over == pytest.approx(-13000.0 / 450.0 * math.log1p(-3600.0 / 3600.0001), rel=1e-3)
    assert just_over < at_edge
    assert air_loss_seconds(HALL, NOW | {"hall-a.it_load_kw": 0.0}) == math.inf
    assert air_loss_seconds(HALL, NOW | {"hall-a.rack_inlet_max_c": 33.0}) == 0.0
    assert air_loss_seconds(replace(HALL, air_share=0.5), NOW | {"hall-a.it_load_kw": 1000.0}) == air_loss_seconds(HALL, NOW | {"hall-a.it_load_kw": 500.0})
    assert air_loss_seconds(replace(HALL, racks=0), NOW) is None
    assert air_loss_seconds(HALL, {"hall-a.it_load_kw": 1.0}) is None
    assert air_loss_seconds(HALL, {"hall-a.rack_inlet_max_c": 24.0}) is None


def test_all_of_it_for_every_plant():
    two = replace(SITE, plants=(PLANT, PlantLimits("none")))
    first, second = reserves(two, NOW)
    assert first == RideThrough(
        "plant", 5000.0, stored_seconds(PLANT, SITE, NOW), 300.0, load_step_kw(PLANT, SITE, NOW), {"hall-a": air_loss_seconds(HALL, NOW)}
    )
    assert second == RideThrough("none", None, None, None, None, {})
    assert RideThrough("p", None, None, None, None) == RideThrough("p", None, None, None, None, {})
