"""Limits of a site against numbers written by hand: narrowed where it says so, refused where it would widen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from plant_models.site.limits import limits_of
from plant_models.site.load import LoadedSite, Problem, SiteErrors, load_site
from safety.limits import SETPOINT_DEFAULTS, ChillerLimits, PlantLimits, SetpointLimits
from safety.signals import QUANTITIES

CONFIG = Path(__file__).parents[3] / "config"
Spoil = Callable[..., list[Problem]]
Load = Callable[..., LoadedSite]


def test_reference_a_narrows_every_setpoint() -> None:
    loaded = load_site(CONFIG / "reference-a", {})
    limits = limits_of(loaded.site, loaded.points)
    assert limits.setpoints == {
        "plant.chws_setpoint_c": SetpointLimits(6.0, 18.0, 0.1, 0.25),
        "plant.chw_dp_setpoint_kpa": SetpointLimits(34.5, 150.0, 15.0, 7.5),
        "plant.cws_setpoint_c": SetpointLimits(15.6, 29.4, 0.56, 0.56),
        "hall-a.crah_supply_setpoint_c": SetpointLimits(16.0, 26.0, 0.2, 0.33),
        "hall-a.crah_fan_setpoint_pct": SetpointLimits(30.0, 100.0, None, 5.0),
        "plant.running_setpoint_count": SetpointLimits(1.0, 5.0, None, None, whole=True),
        "cwp.speed_setpoint_pct": SetpointLimits(80.0, 100.0, 10.0, 10.0),
    }
    assert limits.condenser_pumps == {"cwp": "plant"}
    assert limits.chillers[4] == ChillerLimits("ch-5", "plant", 8.0, 25.0, 18.65, chws_min_c=5.0, capacity_kw=1407.0, condenser_flow_min_kgs=34.05)
    cells = ("ct-1", "ct-2", "ct-3", "ct-4", "ct-5")
    assert limits.plants == (
        PlantLimits("plant", cells, economiser=True, economiser_signal="wse.economiser_state", stored_m3=85.0, ride_through_floor_s=300.0),
    )
    (hall,) = limits.halls
    assert (hall.name, hall.plant, hall.rows[-1], len(hall.rows)) == ("hall-a", "plant", "hall-a-r10", 10)
    assert (hall.inlet_recommended_c, hall.inlet_allowable_c, hall.inlet_rate_k_per_h) == (27.0, 32.0, 20.0)
    assert (hall.dewpoint_max_c, hall.rh_max_pct, hall.dewpoint_margin_k, hall.dry_coil) == (15.0, 60.0, 2.0, False)


def test_a_hall_states_its_class_its_tape_its_coils_and_what_it_measures(load: Load, site_text: str) -> None:
    hall = '\ncrah_air_flow_kgs = 90\ninlet_class = "A2"\ntape = true\ndry_coil = true\n'
    hall += "[limits]\ninlet_recommended_c = 25\ndewpoint_max_c = 13\ndewpoint_margin_k = 3\n"
    loaded = load(site_text.replace("\ncrah_air_flow_kgs = 90\n", hall))
    (limits,) = limits_of(loaded.site, loaded.points).halls
    assert (limits.inlet_recommended_c, limits.inlet_allowable_c, limits.inlet_rate_k_per_h) == (25.0, 35.0, 5.0)
    assert limits.rows == ("hall-a-r01",)  # the second row has no sensor
    assert (limits.dewpoint_max_c, limits.rh_max_pct) == (None, None)  # no such sensors
    assert (limits.dewpoint_margin_k, limits.dry_coil) == (3.0, True)


def test_rates_are_narrowed(load: Load, site_text: str) -> None:
    loaded = load(site_text.replace("own = 9", "own = 9\nraise_per_min = 0.05\nlower_per_min = 0.2"))
    assert limits_of(loaded.site, loaded.points).setpoints["plant.chws_setpoint_c"] == SetpointLimits(6.0, 16.0, 0.05, 0.2)


WIDER = [
    ("low = 6", "low = 4", 'setpoint."plant.chws_setpoint_c".low', "4", "5 .. 18"),
    ("high = 16", "high = 21", 'setpoint."plant.chws_setpoint_c".high', "21", "5 .. 18"),
    ("own = 9", "own = 9\nraise_per_min = 0.2", 'setpoint."plant.chws_setpoint_c".raise_per_min', "0.2", "<= 0.1"),
    ("capacity_kw = 1000", "capacity_kw = 1000\nchws_max_c = 15", 'setpoint."plant.chws_setpoint_c".high', "16", "5 .. 15"),
    ("loop_volume_m3 = 20", "loop_volume_m3 = 20\nchw_dp_min_kpa = 20", "plant[plant].chw_dp_min_kpa", "20", "34.5 .. 300"),
    ("loop_volume_m3 = 20", "loop_volume_m3 = 20\nchw_dp_max_kpa = 400", "plant[plant].chw_dp_max_kpa", "400", "34.5 .. 300"),
    ("[device.plc]", "[limits]\ninlet_allowable_c = 33\n[device.plc]", "limits.inlet_allowable_c", "33", "<= 32"),
]


@pytest.mark.parametrize(("old", "new", "key", "value", "allowed"), WIDER)
def test_a_site_that_widens_a_limit_is_refused_as_it_is_loaded(spoil: Spoil, old: str, new: str, key: str, value: str, allowed: str) -> None:
    problems = spoil(site={old: new})
    assert [(p.where, p.value) for p in problems] == [(f"site.toml: {key}", value)]
    assert allowed in problems[0].allowed


def test_limits_refuse_a_widening_themselves(load: Load) -> None:
    loaded = load()
    wide = replace(loaded.site.setpoint["plant.chws_setpoint_c"], low=1.0, high=30.0)
    with pytest.raises(SiteErrors) as caught:
        limits_of(replace(loaded.site, setpoint={"plant.chws_setpoint_c": wide}), loaded.points)
    assert [p.value for p in caught.value.problems] == ["1", "30"]


def test_two_halls_report_a_shared_limit_once(spoil: Spoil) -> None:
    other = '[[hall]]\nname = "hall-b"\nit_capacity_kw = 1\nrow_count = 1\nracks_per_row = 1\ncrah_count = 1\ncrah_air_flow_kgs = 1\n'
    other += "[limits]\ninlet_allowable_c = 40\n"
    assert len(spoil(site={"[device.plc]": f"{other}[device.plc]"})) == 1


def test_a_recommended_inlet_above_the_allowable_one_is_refused(spoil: Spoil) -> None:
    problems = spoil(site={"[device.plc]": "[limits]\ninlet_allowable_c = 24\n[device.plc]"})
    assert [(p.where, p.value) for p in problems] == [("site.toml: limits.inlet_allowable_c", "24")]


def test_every_setpoint_of_the_vocabulary_has_limits() -> None:
    assert set(SETPOINT_DEFAULTS) == {name for name in QUANTITIES if "setpoint" in name}


def test_a_site_of_nothing_has_no_setpoints_to_write(load: Load, header: str) -> None:
    loaded = load('[site]\nname = "bare"\n', header)
    limits = limits_of(loaded.site, loaded.points)
    assert (dict(limits.setpoints), limits.chillers, limits.halls, limits.plants) == ({}, (), (), ())


def test_a_rung_of_a_signal_that_nothing_reads_is_refused(spoil: Spoil) -> None:
    ladder = '[ladder]\n"plant.chws_temp_c" = "hold"\n"plant.chwr_temp_c" = "hold"\n"ch-1.power_kw" = "panic"\n'
    problems = spoil(site={"[device.plc]": f"{ladder}[device.plc]"})
    assert any("panic" in p.value for p in problems)
    unread = spoil(site={"[device.plc]": f"{ladder.replace('panic', 'freeze')}[device.plc]"})
    assert [(p.where, p.allowed) for p in unread] == [('site.toml: ladder."plant.chwr_temp_c"', "a signal that a row of points.csv reads")]


def test_bands_lie_within_their_range(spoil: Spoil, load: Load, site_text: str) -> None:
    assert [p.where for p in spoil(site={"own = 9": "own = 9\nbands = [[5.0, 7.0]]"})] == ['site.toml: setpoint."plant.chws_setpoint_c".bands']
    loaded = load(site_text.replace("own = 9", "own = 9\nbands = [[7.0, 8.0]]"))
    assert limits_of(loaded.site, loaded.points).setpoints["plant.chws_setpoint_c"].bands == ((7.0, 8.0),)
