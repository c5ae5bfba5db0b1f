"""CRAHs, servers, rows, exchangers and electrical losses: design points, signs, bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plant_models.components import crah, electrical, exchanger, fluids, rows, server
from plant_models.components.server import ServerParameters

SERVER = ServerParameters()


def test_coil_design_point() -> None:
    air, water = 5000.0 / 12.0, 5000.0 / 10.0  # heat capacity flows at 34 -> 22 and 12 -> 22 degC [kW/K]
    assert exchanger.heat_kw(crah.coil_ua_kw_per_k(1.0, 1.0, 456.0), air, water, 34.0, 12.0) == pytest.approx(5000.0, rel=0.02)


@given(st.floats(0.0, 50.0), st.floats(0.0, 1.0))
def test_effectiveness_stays_between_nothing_and_everything(ntu: float, ratio: float) -> None:
    value = float(exchanger.counterflow_effectiveness(ntu, ratio))
    assert 0.0 <= value <= 1.0
    assert float(exchanger.counterflow_effectiveness(ntu + 0.5, ratio)) >= value


@given(st.floats(0.0, 200.0), st.floats(0.0, 200.0), st.floats(5.0, 40.0), st.floats(5.0, 40.0))
def test_exchanger_never_crosses_temperatures(hot: float, cold: float, hot_in: float, cold_in: float) -> None:
    heat = float(exchanger.heat_kw(300.0, hot * fluids.CP_WATER, cold * fluids.CP_WATER, hot_in, cold_in))
    assert abs(heat) <= min(hot, cold) * fluids.CP_WATER * abs(hot_in - cold_in) + 1e-9
    assert heat * (hot_in - cold_in) >= 0.0


def test_economiser_plates_at_design_have_their_effectiveness() -> None:
    ua = exchanger.design_plate_ua_kw_per_k(140.0, 0.8)
    flow = 140.0 * fluids.CP_WATER
    assert exchanger.heat_kw(exchanger.plate_ua_kw_per_k(1.0, 1.0, ua), flow, flow, 18.0, 8.0) == pytest.approx(0.8 * flow * 10.0, rel=2e-3)


def test_valve_is_equal_percentage_with_leakage_and_authority() -> None:
    assert crah.valve_opening(0.0) == pytest.approx(0.001)
    assert crah.valve_opening(1.0) == pytest.approx(1.0)
    positions = np.linspace(0.0, 1.0, 41)
    conductance = np.asarray(crah.branch_conductance(positions, 10.0, 0.4))
    assert np.all(np.diff(conductance) > 0)
    assert conductance[-1] == pytest.approx(10.0)


def test_fans_cube_roughly_and_rest_at_nothing() -> None:
    assert crah.fan_power_share(0.0) == 0.0
    assert crah.fan_power_share(1.0) == pytest.approx(1.0, abs=0.002)
    assert crah.fan_power_share(0.5) == pytest.approx(0.30, abs=0.01)


def test_server_power_rises_as_measured() -> None:
    def power(inlet: float) -> float:
        return float(sum(server.power_kw(SERVER, 20.0, 0.6, inlet, server.fan_speed(SERVER, inlet))))

    sensitivity = 100.0 * (power(30.0) / power(23.0) - 1.0) / 7.0
    assert 0.33 <= sensitivity <= 0.50  # %/K, Coroama 2025
    assert power(18.0) < power(25.0) < power(32.0) < power(38.0)


def test_server_air_flow_carries_its_power_at_design() -> None:
    flow = server.air_flow_kgs(SERVER, 20.0, 1.0, 1.0)
    assert flow * fluids.CP_AIR * 12.0 == pytest.approx(20.0)


def test_rows_without_cold_air_breathe_hot_air() -> None:
    assert rows.recirculated_share(0.0, 10.0, 0.05) == pytest.approx(1.0)
    assert rows.recirculated_share(30.0, 10.0, 0.05) == pytest.approx(0.05, abs=0.001)
    shares = np.asarray(rows.recirculated_share(np.linspace(0.0, 20.0, 81), 10.0, 0.05))
    assert np.all(np.diff(shares) < 0)
    assert rows.inlet_c(20.0, 34.0, 0.2, rows.TOP_WEIGHT) == pytest.approx(20.0 + 14.0 * 0.32)
    assert rows.inlet_c(20.0, 34.0, 0.9, rows.TOP_WEIGHT) == pytest.approx(34.0)


@given(st.floats(0.0, 100.0), st.floats(0.1, 100.0), st.floats(0.0, 0.3))
def test_rows_never_take_more_cold_air_than_is_delivered(delivered: float, drawn: float, tight: float) -> None:
    assert (1.0 - float(rows.recirculated_share(delivered, drawn, tight))) * drawn <= delivered + 1e-9


def test_ups_efficiency_is_the_published_one() -> None:
    for load, efficiency in ((0.25, 0.960), (0.5, 0.968), (0.75, 0.969), (1.0, 0.967)):
        losses = electrical.losses_kw(electrical.UPS_MODERN, 1000.0, load * 1000.0)
        assert load * 1000.0 / (load * 1000.0 + losses) == pytest.approx(efficiency, abs=0.002)


def test_humidity_goes_round() -> None:
    for dewpoint in (-5.0, 5.0, 12.0, 20.0):
        assert fluids.dewpoint_c(fluids.humidity_ratio(dewpoint, 98.0), 98.0) == pytest.approx(dewpoint, abs=1e-9)
    saturated = fluids.humidity_ratio_at_wetbulb(15.0, 15.0, 101.325)
    assert saturated == pytest.approx(0.01065, rel=5e-3)  # psychrometric chart, 15 degC saturated
    assert fluids.humidity_ratio_at_wetbulb(30.0, 20.0, 101.325) == pytest.approx(0.0106, rel=2e-2)
