"""Cold plates, distribution units, dry coolers and trim chillers against published records, and the signs of what they do."""

from __future__ import annotations

import numpy as np
import pytest

from plant_models.components import cdu, cold_plate, coolant, dry_cooler, exchanger, trim_chiller

PG25_TABLE = {  # L/min: K/W, Open Compute Project, OAI liquid cooling guidelines 2023, figures 7 and 8
    0.4: 0.0389, 0.5: 0.0325, 0.6: 0.0300, 0.7: 0.0280, 0.8: 0.0265, 0.9: 0.0255, 1.0: 0.0245,
    1.2: 0.0230, 1.4: 0.0220, 1.6: 0.0214, 1.8: 0.0209, 2.0: 0.0204, 2.2: 0.0200, 2.4: 0.0197,
}  # fmt: skip
COOLER = dry_cooler.CoolerDesign()
RATES = (COOLER.ua_kw_per_k, COOLER.water_kw_per_k, COOLER.air_kw_per_k)


@pytest.mark.parametrize(("flow", "resistance"), PG25_TABLE.items())
def test_the_cold_plate_meets_its_table(flow: float, resistance: float) -> None:
    assert cold_plate.resistance_k_per_w(flow) == pytest.approx(resistance, rel=0.026)


def test_a_processor_is_hotter_with_less_flow_and_more_power() -> None:
    flows = np.linspace(0.1, 3.0, 40)
    assert np.all(np.diff(cold_plate.case_c(40.0, flows, 1000.0)) < 0.0)
    assert cold_plate.case_c(40.0, 0.95, 1000.0) == pytest.approx(64.8, abs=0.3)
    assert cold_plate.case_c(40.0, 0.95, 700.0) < cold_plate.case_c(40.0, 0.95, 1000.0) < cold_plate.case_c(41.0, 0.95, 1000.0)
    assert np.isfinite(cold_plate.case_c(40.0, 0.0, 1000.0))


def test_the_quadratic_that_a_circuit_is_solved_with_meets_the_exponent_at_its_flow() -> None:
    assert cold_plate.pressure_kpa(5.0, 10.0, 50.0) == pytest.approx(50.0 * 0.5**1.85)
    for flow in (1.0, 4.0, 10.0, 13.0):
        assert cold_plate.quadratic_resistance(flow, 10.0, 50.0) * flow**2 == pytest.approx(cold_plate.pressure_kpa(flow, 10.0, 50.0))


@pytest.mark.parametrize(
    "design",
    [
        cdu.CduDesign(),  # 2 MW, 3 K at 26.8 degC facility water
        cdu.CduDesign(1368.0, 4.0, 20.6, 20.6, 0.20, 0.0),  # Vertiv XDU1350
    ],
)
def test_a_distribution_unit_meets_its_approach(design: cdu.CduDesign) -> None:
    supply_c = 26.8 + design.approach_k
    entering_c = supply_c + design.heat_kw / design.tcs_kw_per_k
    heat_kw = exchanger.heat_kw(design.ua_kw_per_k(), design.tcs_kw_per_k, design.fws_kw_per_k, entering_c, 26.8)
    assert heat_kw == pytest.approx(design.heat_kw, rel=0.005)
    assert cdu.ua_kw_per_k(design.ua_kw_per_k(), 1.0, 1.0) == pytest.approx(design.ua_kw_per_k())


def test_a_unit_that_cannot_do_it_says_so() -> None:
    with pytest.raises(ValueError, match=r"cannot reach an approach of 0\.1 K"):
        cdu.CduDesign(approach_k=0.1, fws_flow_kgs=20.0).ua_kw_per_k()
    with pytest.raises(ValueError, match="a dry cooler of 2931 kW cannot cool"):
        _ = dry_cooler.CoolerDesign(leaving_c=35.1).ua_kw_per_k


def test_a_units_conductance_falls_with_either_flow_and_with_cold() -> None:
    shares = np.linspace(0.05, 1.2, 30)
    assert np.all(np.diff(cdu.ua_kw_per_k(500.0, shares, 1.0)) > 0.0)
    assert np.all(np.diff(cdu.ua_kw_per_k(500.0, 1.0, shares)) > 0.0)
    films = coolant.film_factor(np.array([15.0, 25.0, 38.0, 50.0]), 38.0, 0.25)
    assert np.all(np.diff(films) > 0.0)
    assert films[2] == 1.0
    assert films[0] == pytest.approx(0.73, abs=0.03)  # twice the viscosity costs a quarter of the film


@pytest.mark.parametrize(
    ("share", "temp_c", "mpas", "kj", "kg"),
    [(0.0, 40.0, 0.653, 4.179, 992.3), (0.25, 20.0, 2.45, 3.92, 1019.3), (0.25, 40.0, 1.35, 3.969, 1009.9), (0.4, 40.0, 2.14, 3.771, 1020.1)],
)
def test_coolant_is_what_coolprop_says(share: float, temp_c: float, mpas: float, kj: float, kg: float) -> None:
    assert coolant.viscosity_mpas(temp_c, share) == pytest.approx(mpas, rel=0.025)
    assert coolant.specific_heat_kj_per_kgk(share) == pytest.approx(kj, rel=0.013)
    assert coolant.density_kg_per_m3(share) == pytest.approx(kg, rel=0.01)


def test_the_dry_cooler_meets_its_record() -> None:
    assert dry_cooler.heat_kw(*RATES, 1.0, 1.0, 46.11, 35.0) == pytest.approx(2931.0, rel=1e-6)
    assert COOLER.fan_kw * dry_cooler.fan_power_share(1.0) == pytest.approx(117.68)
    assert 5.0 <= COOLER.leaving_c - COOLER.air_c <= 8.0


def test_the_dry_cooler_is_monotone_and_stops_with_its_water() -> None:
    speeds = np.linspace(0.0, 1.0, 30)
    heats = dry_cooler.heat_kw(*RATES, 1.0, speeds, 44.0, 20.0)
    assert np.all(np.diff(heats[speeds > dry_cooler.FREE_CONVECTION]) > 0.0)
    assert 0.0 < heats[0] < 0.2 * heats[-1]
    assert np.all(np.diff(dry_cooler.heat_kw(*RATES, np.linspace(0.1, 1.2, 30), 0.6, 44.0, 20.0)) > 0.0)
    assert np.all(np.diff(dry_cooler.heat_kw(*RATES, 1.0, 0.6, 44.0, np.linspace(-20.0, 44.0, 30))) < 0.0)
    assert dry_cooler.heat_kw(*RATES, 0.0, 1.0, 44.0, 20.0) == 0.0
    assert dry_cooler.heat_kw(*RATES, 1.0, 1.0, 30.0, 40.0) < 0.0  # hotter air warms the water
    assert np.all(dry_cooler.crossflow_effectiveness(speeds * 5.0, 0.7) < exchanger.counterflow_effectiveness(speeds * 5.0, 0.7) + 2e-6)


def test_pads_cool_towards_the_wet_bulb_and_use_water() -> None:
    cooled_k = dry_cooler.pads_cool_k(35.0, 22.0, 1.0, 0.8)
    assert cooled_k == pytest.approx(10.4)
    assert dry_cooler.pads_cool_k(35.0, 22.0, 0.0, 0.8) == 0.0
    water = dry_cooler.pad_water_kgs(COOLER.air_kw_per_k, 1.0, cooled_k)
    assert water == pytest.approx(COOLER.air_kw_per_k * 10.4 / 2450.0)
    assert dry_cooler.heat_kw(*RATES, 1.0, 0.5, 44.0, 35.0 - cooled_k) > dry_cooler.heat_kw(*RATES, 1.0, 0.5, 44.0, 35.0)


def test_a_trim_chiller_has_the_efficiency_of_its_kind_and_obeys_the_second_law() -> None:
    full = trim_chiller.available_kw(1000.0, 7.0, 35.0)
    assert 2.7 <= full / trim_chiller.power_kw(full, full, 7.0, 35.0) <= 3.5
    for air_c in (5.0, 20.0, 35.0, 45.0):
        for leaving_c in (7.0, 18.0, 25.0, 32.0):
            available = trim_chiller.available_kw(1000.0, leaving_c, air_c)
            power = trim_chiller.power_kw(0.6 * available, available, leaving_c, air_c)
            lift_k = max(air_c + 10.0 - leaving_c + 3.0, 8.0)
            assert 0.6 * available / power <= 0.45 * (leaving_c - 1.5 + 273.15) / lift_k + 1e-9
            assert trim_chiller.power_kw(0.0, available, leaving_c, air_c) == 0.0
    warm, hot = (trim_chiller.power_kw(600.0, trim_chiller.available_kw(1000.0, 25.0, t), 25.0, t) for t in (30.0, 40.0))
    assert warm < hot
