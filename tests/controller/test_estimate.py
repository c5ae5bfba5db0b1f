"""The estimator comes to rest on what is measured, survives gaps, says when it knows too little, and is the same to the last bit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from controller.encode import from_text, to_text
from controller.estimate import REMEMBER_S, Estimator, EstimatorMemory
from plant_models.reduced.model import drift_of, layout_of, respond, share_of
from plant_models.reduced.nameplate import from_name_plate
from plant_models.reduced.observe import disturbances_known
from plant_models.reduced.parameters import ReducedParameters
from plant_models.site.load import load_site
from plant_models.site.topology import Site
from safety.records import Estimate, Measurements

SITE = load_site(Path(__file__).parents[2] / "config" / "reference-a", {}).site
PARAMETERS = from_name_plate(SITE)
IN_FORCE = {s: r.own for s, r in SITE.setpoint.items()}
CYCLE_S = 300.0


def readings(changed: Mapping[str, float] | None = None) -> dict[str, float]:
    """Returns plausible measurements of reference plant A."""
    values = {
        "plant.chws_temp_c": 10.0,
        "plant.chwr_temp_c": 17.5,
        "plant.cws_temp_c": 24.0,
        "plant.chw_flow_kgs": 115.0,
        "hall-a.crah_supply_temp_c": 20.0,
        "hall-a.rack_inlet_max_c": 22.5,
        "hall-a.crah_return_temp_c": 28.5,
        "hall-a.it_load_kw": 3400.0,
        "hall-a.crah_fan_power_kw": 250.0,
        "weather.oa_wetbulb_c": 19.0,
        "chwp.running_count": 4.0,
        "cwp.running_count": 4.0,
        "wse.economiser_state": 0.0,
    }
    values |= {f"ch-{i}.machine_state": 2.0 if i < 5 else 0.0 for i in range(1, 6)} | {f"ch-{i}.power_kw": 120.0 if i < 5 else 0.0 for i in range(1, 6)}
    values |= {f"ct-{i}.machine_state": 2.0 for i in range(1, 6)}
    return values | dict(changed or {})


class ModelPlant:
    """A plant with the model's equations and other numbers, read without noise."""

    def __init__(self, site: Site, parameters: ReducedParameters) -> None:
        """Starts at the usual readings."""
        self.site, self.parameters = site, parameters
        values = readings()
        self.states = {s: values.get(s, 28.5) for s in layout_of(site).states}
        self.measured = values

    def run(self, seconds: float) -> dict[str, float]:
        """Runs and returns what is read then."""
        for _ in range(int(seconds / 20.0)):
            disturbances = disturbances_known(self.site, self.parameters, self.measured, self.states) | {"hall-a.it_base_kw": 3400.0}
            response = respond(self.site, self.parameters, self.states, IN_FORCE, disturbances, {})
            self.states = {s: float(v + 20.0 * response.rates[s]) for s, v in self.states.items()}
        self.measured |= {s: v for s, v in self.states.items() if s in self.measured}
        self.measured["hall-a.it_load_kw"] = float(response.powers_kw["hall-a.it_kw"])
        self.measured["plant.chw_flow_kgs"] = float(response.outputs["plant.chw_flow_kgs"])
        chillers = float(response.powers_kw["plant.chillers_kw"])
        self.measured |= {f"ch-{i}.power_kw": chillers / 4.0 for i in range(1, 5)}
        return dict(self.measured)


def other_parameters() -> ReducedParameters:
    """Returns parameters that the estimator does not know: leakier, weaker, thirstier."""
    plant = replace(PARAMETERS.plants["plant"], carnot_share=1.2 * PARAMETERS.plants["plant"].carnot_share)
    hall = replace(PARAMETERS.halls["hall-a"], recirculation_base_share=0.15, coil_flow_kgs=60.0)
    return replace(PARAMETERS, plants={"plant": plant}, halls={"hall-a": hall})


def run_on_other_plant(cycles: int) -> tuple[list[Estimate], EstimatorMemory]:
    """Returns the estimates on a plant unlike the model."""
    plant, estimator = ModelPlant(SITE, other_parameters()), Estimator(SITE, PARAMETERS)
    memory, estimates = estimator.start(), []
    for k in range(cycles):
        estimate, memory = estimator.update(memory, Measurements(CYCLE_S * k, plant.run(CYCLE_S)), IN_FORCE)
        estimates.append(estimate)
    return estimates, memory


def test_nothing_known_gives_no_estimate_and_names_what_is_missing() -> None:
    """A cold start without sensors."""
    estimator = Estimator(SITE, PARAMETERS)
    estimate, _ = estimator.update(estimator.start(), Measurements(0.0, {}), {})
    assert not estimate.valid
    assert "hall-a.rack_inlet_max_c" in estimate.says
    assert "weather.oa_wetbulb_c" in estimate.says


def test_the_first_measurements_are_the_first_states() -> None:
    """Nothing is mixed into a fresh start."""
    estimator = Estimator(SITE, PARAMETERS)
    estimate, _ = estimator.update(estimator.start(), Measurements(0.0, readings()), IN_FORCE)
    assert estimate.valid
    assert estimate.states["plant.chws_temp_c"] == 10.0
    assert estimate.loads_kw["hall-a.it_load_kw"] == 3400.0


def test_at_rest_the_model_with_its_offsets_stands_where_the_plant_stands() -> None:
    """Offset-free: one cycle ahead the corrected model keeps the measured inlet, though its own parameters would not."""
    estimates, memory = run_on_other_plant(60)
    last = estimates[-1]
    plain = dict.fromkeys(last.offsets, 0.0)
    known = dict(memory.known)
    moved = {}
    for name, offsets in (("corrected", last.offsets), ("plain", plain)):
        states = dict(last.states)
        disturbances = disturbances_known(SITE, PARAMETERS, known, states)
        for _ in range(30):
            rates = respond(SITE, PARAMETERS, states, IN_FORCE, disturbances, offsets).rates
            states = {s: float(v + 20.0 * rates[s]) for s, v in states.items()}
        moved[name] = abs(states["hall-a.rack_inlet_max_c"] - last.states["hall-a.rack_inlet_max_c"])
    assert moved["corrected"] < 0.05
    assert moved["plain"] > 0.3


def test_the_chillers_share_is_learnt() -> None:
    """A plant that draws a fifth more per heat shows so."""
    estimates, _ = run_on_other_plant(60)
    assert estimates[-1].offsets[share_of("plant.chillers_kw")] == pytest.approx(0.18, abs=0.06)


def test_a_missing_sensor_stands_in_for_a_quarter_hour_and_no_longer() -> None:
    """Then the estimate is invalid; when it is back, so is the estimate."""
    estimator = Estimator(SITE, PARAMETERS)
    memory = estimator.start()
    values = readings()
    _, memory = estimator.update(memory, Measurements(0.0, values), IN_FORCE)
    gone = {s: v for s, v in values.items() if s != "hall-a.rack_inlet_max_c"}
    valid = []
    for k in range(1, 6):
        estimate, memory = estimator.update(memory, Measurements(CYCLE_S * k, gone), IN_FORCE)
        valid.append(estimate.valid)
    assert valid == [CYCLE_S * k <= REMEMBER_S for k in range(1, 6)]
    back, _ = estimator.update(memory, Measurements(6 * CYCLE_S, values), IN_FORCE)
    assert back.valid


def test_a_number_that_is_none_changes_nothing() -> None:
    """NaN counts as missing."""
    estimator = Estimator(SITE, PARAMETERS)
    estimate, _ = estimator.update(estimator.start(), Measurements(0.0, readings({"hall-a.rack_inlet_max_c": float("nan")})), IN_FORCE)
    assert not estimate.valid


def test_drift_stays_within_bounds_whatever_is_measured() -> None:
    """A sensor that lies wildly cannot make the model run away."""
    estimator = Estimator(SITE, PARAMETERS)
    memory = estimator.start()
    for k in range(50):
        estimate, memory = estimator.update(memory, Measurements(CYCLE_S * k, readings({"hall-a.crah_return_temp_c": 60.0 if k % 2 else 5.0})), IN_FORCE)
    p = PARAMETERS.halls["hall-a"]
    response_s = p.air_capacity_kj_per_k / (0.7 * p.air_flow_kgs)
    assert abs(estimate.offsets[drift_of("hall-a.crah_return_temp_c")]) <= 5.0 * 3600.0 / response_s + 1e-6


def test_the_belief_in_free_cooling_follows_what_the_bas_does() -> None:
    """The BAS keeps chillers on in cold air: the model learns that it needs warmer water; and back."""
    estimator = Estimator(SITE, PARAMETERS)
    memory = estimator.start()
    seen = []
    for state in (0.0, 2.0):
        for _ in range(24):
            at_s = 0.0 if memory.at_s < 0.0 else memory.at_s + CYCLE_S
            values = readings({"weather.oa_wetbulb_c": -5.0, "wse.economiser_state": state})
            estimate, memory = estimator.update(memory, Measurements(at_s, values), IN_FORCE)
        seen.append(estimate.offsets["plant.free_offset_k"])
    assert seen[0] > 2.0
    assert seen[1] < seen[0]


def test_the_same_readings_give_the_same_bits_through_the_journal() -> None:
    """Memory that went through JSON continues to the same estimate."""
    plant = ModelPlant(SITE, other_parameters())
    inputs = [plant.run(CYCLE_S) for _ in range(6)]
    estimator = Estimator(SITE, PARAMETERS)
    direct, recorded = estimator.start(), estimator.start()
    for k, values in enumerate(inputs):
        first, direct = estimator.update(direct, Measurements(CYCLE_S * k, values), IN_FORCE)
        second, after = Estimator(SITE, PARAMETERS).update(recorded, Measurements(CYCLE_S * k, values), IN_FORCE)
        recorded = from_text(EstimatorMemory, to_text(after))
        assert to_text(first) == to_text(second)
    assert recorded == direct
