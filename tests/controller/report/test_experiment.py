"""A switchback experiment read back out of a journal's cycles and events: whose hours, what is left out, what it says, what it is worth."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from controller.journal import Event
from controller.record import RunHeader
from controller.report.experiment import found_in, hours_recorded
from controller.report.metrics import metrics
from controller.report.money import worth
from controller.report.proof import as_json, experiment_html, proof_of
from controller.report.read import History, Moment
from controller.report.readiness import as_text, readiness
from controller.rollout.switchback import Arm, Design, arms, seal
from plant_models.site.load import load_site
from plant_models.site.points import Points
from safety.limits import HallLimits, Limits

DESIGN = Design(seed=11, first_day=date(2026, 1, 5), blocks_most=2)
LIMITS = Limits({}, halls=(HallLimits("hall-a", "plant"),))
FIRST_S = datetime(2026, 1, 5, tzinfo=UTC).timestamp()


def history(saving: float, days: int = 28, sealed: str | None = None) -> History:
    """Returns a journal of hourly cycles in which the controller's days use a share less cooling."""
    draw = np.random.default_rng(5)
    schedule = arms(DESIGN)
    daily = draw.normal(0.0, 8.0, days)
    moments = []
    for hour in range(24 * days):
        ours = schedule[hour // 24] is Arm.CONTROLLER
        wet = 8.0 + 5.0 * np.sin(hour / 24.0 / 4.0) + 3.0 * np.sin(2.0 * np.pi * hour / 24.0)
        cooling = (500.0 + 12.0 * (wet - 8.0) + daily[hour // 24]) * (1.0 - saving * ours)
        measured = {"ch-1.power_kw": 0.8 * cooling, "hall-a.crah_fan_power_kw": 0.2 * cooling, "hall-a.it_load_kw": 2000.0, "weather.oa_wetbulb_c": wet}
        measured |= {"site.facility_power_kw": cooling + 2100.0, "plant.chw_flow_kgs": 80.0, "plant.chws_temp_c": 10.0, "plant.chwr_temp_c": 16.0}
        measured |= {"hall-a-r01.rack_inlet_c": 26.0 if hour % 2 else 28.0}
        mode = "OPTIMISE" if ours else "RELEASE"
        moments.append(Moment(FIRST_S + 3600.0 * hour, "AUTO", mode, "plan", True, 9, "", measured, 0, {}, {}, (), {}, 1990.0))
    told = {**asdict(DESIGN), "first_day": "2026-01-05"}
    begun = json.dumps({k: v for k, v in told.items() if k != "seed"} | {"seal": sealed or seal(DESIGN)})
    events = (
        Event(FIRST_S - 3600.0, "switchback_begun", "anna", "prove it", begun),
        Event(FIRST_S + 86400.0 * days, "switchback_ended", "daemon", "its last day is over", json.dumps(told | {"seal": seal(DESIGN)})),
    )
    money = {"energy_price_per_kwh": 0.1, "carbon_kg_per_kwh": 0.4}
    header = RunHeader("1", "daemon", {"site": {"name": "t", "time_zone": "UTC"}, "timing": {"cycle_s": 3600}, "money": money}, {}, {}, "test")
    return History(header, LIMITS, tuple(moments), events, 1)


def test_the_saving_that_was_made_is_found_with_its_interval() -> None:
    outcome = found_in(history(0.08))
    assert outcome is not None
    assert outcome.sealed
    assert outcome.days == {"controller": 14, "legacy": 14}
    assert outcome.headline is not None
    assert outcome.headline.low_pct <= 8.0 <= outcome.headline.high_pct
    assert outcome.headline.saving_pct == pytest.approx(8.0, abs=1.0)
    assert outcome.says.startswith("the controller saves")
    schedule = arms(DESIGN)
    assert outcome.excluded["carry-over"] == 2 * sum(a is not b for a, b in pairwise(schedule))
    assert outcome.fallback_minutes == 0.0


def test_nothing_saved_is_said_in_the_same_form() -> None:
    proof = proof_of(history(0.0), investment=1000.0)
    assert proof.outcome is not None
    assert proof.outcome.says == "no difference was found: the interval contains no saving at all"
    assert "95 % interval" in experiment_html(proof)
    assert proof.worth is not None
    assert proof.worth.payback_years is None


def test_days_that_were_not_the_sealed_ones_are_shown_up() -> None:
    proof = proof_of(history(0.08, sealed="0" * 64))
    assert not as_json(proof)["experiment"]["sealed"]
    assert "not those that were sealed" in experiment_html(proof)


def test_a_block_that_is_not_complete_says_nothing() -> None:
    outcome = found_in(history(0.08, days=13))
    assert outcome is not None
    assert (outcome.blocks, outcome.headline) == (0, None)
    assert "no block is complete" in outcome.says


def test_fallback_counts_in_the_controllers_arm() -> None:
    whole = history(0.08)
    ours = next(n for n, m in enumerate(whole.moments) if m.mode == "OPTIMISE")
    moments = tuple(replace(m, mode="RELEASE") if n in range(ours, ours + 3) else m for n, m in enumerate(whole.moments))
    outcome = found_in(replace(whole, moments=moments))
    assert outcome is not None
    assert outcome.fallback_minutes == 180.0
    assert outcome.days == {"controller": 14, "legacy": 14}


def test_hours_before_an_experiment_belong_to_nobody() -> None:
    hours = hours_recorded(history(0.0))
    assert hours is not None
    assert hours.days == 28
    assert not hours.controller.any()
    assert hours.it_kw[0] == 1990.0  # referred to one inlet temperature, where the estimate gives it


def test_what_could_be_found_is_told_beforehand_and_missing_meters_widen_it() -> None:
    site = load_site(Path(__file__).parents[3] / "config" / "small", {})
    whole = readiness(site, history(0.0))
    assert whole is not None
    assert whole["missing_meters"] == {}
    assert whole["interval_widened_in_all"] == 1.0
    assert whole["days_per_arm"]["10"] < whole["days_per_arm"]["2"]
    assert "every machine's power is metered" in as_text(whole)
    dark = tuple(p for p in site.points.rows if p.signal not in ("ch-1.power_kw", "hall-a.crah_fan_power_kw"))
    found = readiness(replace(site, points=Points(dark)), history(0.0))
    assert found is not None
    assert found["missing_meters"] == {"chillers": ["ch-1.power_kw"], "CRAH fans": ["hall-a.crah_fan_power_kw"]}
    noise = found["noise_pct"]
    assert found["interval_widened_in_all"] == pytest.approx((noise**2 + 6.0**2 + 1.7**2) ** 0.5 / noise)  # a tenth of 60 % and of 17 % of the power
    assert readiness(site, history(0.0, days=11)) is None


def test_a_years_worth_with_its_ends() -> None:
    outcome = found_in(history(0.08))
    assert outcome is not None
    assert outcome.headline is not None
    found = worth(outcome.headline, 0.1, 0.4, investment=10_000.0)
    year_kwh = outcome.headline.saving_pct / 100.0 * outcome.headline.base_kw * 8760.0
    assert found.energy_kwh.mean == pytest.approx(year_kwh)
    assert found.cost.mean == pytest.approx(0.1 * year_kwh)
    assert found.carbon_kg.high == pytest.approx(0.4 * outcome.headline.high_pct / 100.0 * outcome.headline.base_kw * 8760.0)
    assert found.payback_years is not None
    assert found.payback_years.low < 10_000.0 / found.cost.mean < found.payback_years.high


def test_figures_of_the_field_by_hand() -> None:
    whole = history(0.0)
    found = metrics(whole)
    facility = np.mean([m.measured["site.facility_power_kw"] for m in whole.moments])
    assert found["PUE"].value == pytest.approx(facility / 2000.0)
    assert found["DCiE"].value == pytest.approx(2000.0 / facility)
    assert found["CUE"].value == pytest.approx(0.4 * facility / 2000.0)
    heat = 4.19 * 80.0 * 6.0
    assert found["CER"].value == pytest.approx(heat / (facility - 2100.0))
    assert found["kW/ton"].value == pytest.approx(0.8 * (facility - 2100.0) / heat * 3.51685)
    assert found["RCI_HI"].value == pytest.approx(100.0 * (1.0 - 0.5 * 1.0 / 5.0))  # half of the looks 1 K above 27, of 5 K to 32
    assert found["WUE"].value is None
    assert "no water meter" in found["WUE"].says
