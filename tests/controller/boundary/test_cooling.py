"""What a scheduler is told follows from the daemon's facts: room, minutes, what a kW costs, and when load must go."""

from __future__ import annotations

from typing import Any

import pytest

from controller.boundary.cooling import cooling_of
from controller.boundary.marginal import marginal_kw
from controller.estimate import Estimator
from controller.stages import stages_of
from plant_models.site.load import LoadedSite, load_site
from safety.records import Measurements
from tests.controller.conftest import CONFIG

SMALL = load_site(CONFIG / "small", {})
MEASURED = {
    "hall-a.it_load_kw": 700.0,
    "hall-a.rack_inlet_max_c": 25.0,
    "hall-a.crah_supply_temp_c": 20.0,
    "hall-a.crah_return_temp_c": 32.0,
    "hall-a.crah_fan_pct": 80.0,
    "plant.chws_temp_c": 10.0,
    "plant.chwr_temp_c": 16.0,
    "plant.cws_temp_c": 24.0,
    "plant.chw_flow_kgs": 30.0,
    "weather.oa_wetbulb_c": 20.0,
    "ch-1.machine_state": 2.0,
    "ch-2.machine_state": 0.0,
    "ct-1.machine_state": 2.0,
    "ct-2.machine_state": 0.0,
}
SERIES = {"site.carbon_kg_per_kwh": {"median": [0.4] * 13 + [0.2] * 12}, "site.energy_price_per_kwh": {"median": [0.1] * 25}}


def facts(loaded: LoadedSite = SMALL, age_s: float = 10.0, withdrawn: tuple[str, ...] = (), **more: float | None) -> dict[str, Any]:
    """Returns the daemon's facts of a calm moment, but for ``more`` (None: not measured; '__' in place of '.', '_' of '-')."""
    measured = {**MEASURED, **{k.replace("__", ".").replace("hall_a", "hall-a").replace("ch_", "ch-"): v for k, v in more.items()}}
    values = {k: v for k, v in measured.items() if v is not None}
    stages = stages_of(loaded)
    estimator = Estimator(loaded.site, stages.parameters)
    estimate, _ = estimator.update(estimator.start(), Measurements(1.75e9, values), {})
    return {
        "site": "small",
        "now_s": 1.75e9 + age_s,
        "stage": "AUTO",
        "mode": "RESET",
        "cause": None,
        "bas_in_charge": False,
        "cycle": 7,
        "at_s": 1.75e9,
        "measured": values,
        "in_force": {},
        "states": dict(estimate.states),
        "offsets": dict(estimate.offsets),
        "forecast": {"made_at_s": 1.75e9, "step_s": 300.0, "series": SERIES},
        "withdrawn": list(withdrawn),
    }


def test_room_is_what_hall_and_plant_have_left() -> None:
    told = cooling_of(SMALL, facts(), None, shed_before=False)
    assert (told.headroom_kw, told.halls["hall-a"].headroom_kw, told.shedding) == (300.0, 300.0, False)
    assert (told.plants["plant"].heat_kw, told.plants["plant"].available_kw) == (700.0, 2110.0)
    # 20 m3 x 4172 kJ/m3K x 7 K / 700 kW
    assert told.minutes_to_limit == pytest.approx(20.0 * 4172.0 * 7.0 / 700.0 / 60.0, abs=0.01)
    less = cooling_of(SMALL, facts(withdrawn=("ch-2",)), None, shed_before=False)
    assert (less.plants["plant"].available_kw, less.headroom_kw) == (1055.0, 300.0)
    full = cooling_of(SMALL, facts(withdrawn=("ch-2",), hall_a__it_load_kw=900.0), None, shed_before=False)
    assert full.headroom_kw == 100.0


def test_nothing_is_offered_in_a_hot_hall_or_on_old_facts() -> None:
    assert cooling_of(SMALL, facts(hall_a__rack_inlet_max_c=27.1), None, shed_before=False).headroom_kw == 0.0
    old = cooling_of(SMALL, facts(age_s=901.0), None, shed_before=False)
    assert (old.fresh, old.headroom_kw, old.shedding) == (False, 0.0, False)
    assert cooling_of(SMALL, facts(hall_a__it_load_kw=None), None, shed_before=False).headroom_kw is None
    nothing = cooling_of(SMALL, {k: facts()[k] for k in ("site", "stage", "mode", "bas_in_charge", "now_s", "cause")}, None, shed_before=False)
    assert (nothing.fresh, nothing.headroom_kw, nothing.at_s) == (False, None, None)


def test_shedding_brings_the_hottest_inlet_back_below_its_limit_and_lasts_until_it_is_calm() -> None:
    hot = cooling_of(SMALL, facts(hall_a__rack_inlet_max_c=33.0), None, shed_before=False).halls["hall-a"]
    # the inlet rises 13 K over supply air at 700 kW; 31 degC is 11 K
    assert hot.shed_kw == pytest.approx(700.0 * 2.0 / 13.0, abs=0.01)
    assert "33.0 degC, 32 is allowed" in hot.because
    warm = facts(hall_a__rack_inlet_max_c=31.5)
    assert not cooling_of(SMALL, warm, None, shed_before=False).shedding
    assert cooling_of(SMALL, warm, None, shed_before=True).shedding
    assert not cooling_of(SMALL, facts(hall_a__rack_inlet_max_c=29.9), None, shed_before=True).shedding
    blown = cooling_of(SMALL, facts(hall_a__rack_inlet_max_c=33.0, hall_a__crah_supply_temp_c=33.0), None, shed_before=False).halls["hall-a"]
    assert blown.shed_kw == 700.0


def test_shedding_is_what_no_machine_can_carry() -> None:
    lost = cooling_of(SMALL, facts(withdrawn=("ch-1", "ch-2")), None, shed_before=False).halls["hall-a"]
    assert (lost.shed_kw, lost.headroom_kw, lost.because) == (700.0, 0.0, "the machines that may be called cannot carry the heat")


def test_a_further_kw_costs_what_the_model_says_times_carbon_and_price() -> None:
    told = cooling_of(SMALL, facts(), (1.2, 0.15), shed_before=False)
    assert (told.marginal.carbon_kg_per_it_kwh, told.marginal.cost_per_it_kwh) == (pytest.approx(0.48), pytest.approx(0.12))
    assert [(h.at_s - 1.75e9, h.carbon_kg_per_kwh) for h in told.ahead] == [(0.0, 0.4), (3600.0, 0.4), (7200.0, 0.2)]


def test_the_marginal_kw_is_the_difference_of_two_settled_states() -> None:
    stages = stages_of(SMALL)
    found = marginal_kw(SMALL.site, stages.parameters, facts())
    assert found is not None
    facility, cooling = found
    assert 0.02 < cooling < 0.6
    assert facility == pytest.approx(1.0 + cooling + stages.parameters.site.losses_share, abs=1e-6)
    assert marginal_kw(SMALL.site, stages.parameters, {**facts(), "states": {}}) is None
    assert marginal_kw(SMALL.site, stages.parameters, facts(hall_a__it_load_kw=0.0)) is None
