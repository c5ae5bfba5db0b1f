"""The reduced model's liquid side: signs, limits, equal on floats and symbols, and what the fit finds again in readings made from known parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import casadi
import numpy as np
import pytest
from numpy.typing import NDArray

from plant_models.reduced.fit_liquid import errors_of, fit_liquid, powers_of, readings_of
from plant_models.reduced.liquid import LiquidInputs, LiquidParameters, LiquidResponse, LiquidState, liquid_response
from plant_models.site.load import load_site
from plant_models.site.topology import Site

casadi.GlobalOptions.setNumpyMode(-1)
P = LiquidParameters(
    tcs_tau_s=150.0,
    fws_tau_s=300.0,
    reach_k=3.0,
    heat_kw=5100.0,
    pump_standing_kw=4.0,
    pump_cubic_kw=52.0,
    dp_kpa=250.0,
    case_rise_k=25.0,
    case_flow_share=0.35,
    leakage_per_k=0.0015,
    leakage_at_c=65.0,
    flow_kgs=95.0,
    flow_heat_exponent=1.2,
    flow_gap_exponent=0.6,
    fws_pump_standing_kw=2.0,
    fws_pump_linear_kw=0.2,
    fws_pump_cubic_kw=5.0,
    cooler_kw_per_k=520.0,
    cooler_water_exponent=0.3,
    cooler_air_exponent=0.7,
    fan_kw=353.0,
    pads_cool_share=0.8,
)
USUAL = LiquidInputs(40.0, 250.0, 36.0, 4000.0, 28.0, 21.0)
AT_REST = LiquidState(40.0, 36.0)


def answer(state: LiquidState = AT_REST, **changes: float) -> LiquidResponse:
    """Returns the response with changed inputs."""
    return liquid_response(P, state, replace(USUAL, **changes))


@pytest.fixture(scope="module")
def site() -> Site:
    """Returns reference plant B."""
    return load_site(Path(__file__).parents[3] / "config/reference-b", {}).site


def test_power_goes_the_way_of_physics() -> None:
    usual = answer()
    assert answer(drybulb_c=30.0).dry_coolers_kw > usual.dry_coolers_kw
    assert answer(base_kw=4500.0).dry_coolers_kw > usual.dry_coolers_kw
    assert answer(AT_REST, fws_setpoint_c=38.0).dry_coolers_kw < usual.dry_coolers_kw
    assert answer(tcs_dp_kpa=120.0).cdu_pumps_kw < 0.5 * usual.cdu_pumps_kw
    assert answer(tcs_dp_kpa=120.0).case_c > usual.case_c
    assert answer(tcs_dp_kpa=120.0).it_kw > usual.it_kw
    assert answer(LiquidState(42.0, 36.0)).it_kw > usual.it_kw
    assert answer(LiquidState(42.0, 36.0)).flow_kgs < usual.flow_kgs  # a wider gap needs less water
    assert answer(drybulb_c=33.0, wet_share=1.0).dry_coolers_kw < answer(drybulb_c=33.0).dry_coolers_kw


def test_setpoints_out_of_reach_are_not_reached() -> None:
    hot = answer(drybulb_c=40.0)
    assert hot.rates.fws_c > 0.0
    assert hot.fan_share == pytest.approx(1.0, abs=0.02)
    assert hot.dry_coolers_kw <= P.fan_kw
    assert answer(tcs_setpoint_c=36.5).rates.tcs_c > (36.5 - 40.0) / P.tcs_tau_s  # valves open wide leave 2.4 K
    assert abs(answer().rates.tcs_c) < 1e-3


def test_floats_and_symbols_agree_and_gradients_are_finite() -> None:
    symbols = casadi.SX.sym("x", 8)
    state, inputs = LiquidState(symbols[0], symbols[1]), LiquidInputs(*(symbols[i] for i in range(2, 8)))
    response = liquid_response(P, state, inputs)
    outputs = casadi.vertcat(response.rates.tcs_c, response.rates.fws_c, response.it_kw, response.cdu_pumps_kw, response.fws_pumps_kw, response.dry_coolers_kw)
    function, slope = (casadi.Function("f", [symbols], [e]) for e in (outputs, casadi.jacobian(outputs, symbols)))
    for seed in range(20):
        r = np.random.default_rng(seed)
        x = r.uniform([25, 18, 28, 60, 18, 1000, -15, -16], [46, 40, 44, 300, 39, 5200, 38, 24])
        floats = liquid_response(P, LiquidState(*x[:2]), LiquidInputs(*x[2:]))
        seen = [floats.rates.tcs_c, floats.rates.fws_c, floats.it_kw, floats.cdu_pumps_kw, floats.fws_pumps_kw, floats.dry_coolers_kw]
        assert np.asarray(function(x)).ravel() == pytest.approx(seen, rel=1e-9, abs=1e-12)
        exact = np.asarray(slope(x))
        assert np.all(np.isfinite(exact))
        for i in range(8):
            h = 1e-4 * max(abs(x[i]), 1.0)
            up, down = (np.asarray(function(x + s * h * np.eye(8)[i])).ravel() for s in (1, -1))
            assert (up - down) / (2 * h) == pytest.approx(exact[:, i], rel=1e-3, abs=1e-4)


def readings(site: Site, rows: int = 3000, seed: int = 3) -> dict[str, NDArray[np.float64]]:
    """Returns a table as the site's BAS would show it if the site were the model, with noise of sensors."""
    r = np.random.default_rng(seed)
    hold = r.uniform(size=(rows // 30 + 1, 3)).repeat(30, axis=0)[:rows]
    tcs, dp, fws = 36.0 + 8.0 * hold[:, 0], 80.0 + 200.0 * hold[:, 1], 28.0 + 7.0 * hold[:, 2]
    base = 3600.0 + 900.0 * np.sin(np.arange(rows) / 40.0) + 20.0 * r.standard_normal(rows)
    drybulb = 27.0 + 5.0 * np.sin(np.arange(rows) / 60.0)
    fws = np.maximum(fws, drybulb + 6.0)  # what coolers can reach
    tcs = np.maximum(tcs, fws + 4.0)
    state = LiquidState(tcs, fws)
    out = liquid_response(P, state, LiquidInputs(tcs, dp, fws, base, drybulb, drybulb - 5.0))
    noise = {name: 1.0 + 0.005 * r.standard_normal(rows) for name in ("cdu", "flow", "pump", "fan")}
    flow = out.flow_kgs * noise["flow"]
    table = {
        "at_s": 300.0 * np.arange(rows),
        "hall-b.tcs_supply_temp_c": tcs,
        "hall-b.tcs_setpoint_c": tcs,
        "hall-b.tcs_dp_kpa": dp,
        "hall-b.it_load_kw": out.it_kw / 0.85,
        "fws.fws_supply_temp_c": fws,
        "fws.fws_setpoint_c": fws,
        "fws.fws_return_temp_c": fws + out.heat_kw / (4.18 * out.flow_kgs),
        "fws.fws_flow_kgs": flow,
        "fwp.power_kw": out.fws_pumps_kw * noise["pump"],
        "weather.oa_drybulb_c": drybulb,
        "weather.oa_wetbulb_c": drybulb - 5.0,
    }
    table |= {f"cdu-{i}.power_kw": out.cdu_pumps_kw / 5.0 * noise["cdu"] for i in range(1, 6)}
    coolers = {
        "power_kw": out.dry_coolers_kw / 3.0 * noise["fan"],
        "fan_pct": 100.0 * out.fan_share,
        "pad_state": np.zeros(rows),
        "machine_state": np.full(rows, 2.0),
    }
    return table | {f"dc-{i}.{q}": values for i in range(1, 4) for q, values in coolers.items()}


def test_the_fit_finds_what_the_readings_were_made_of(site: Site) -> None:
    table = readings(site)
    found = fit_liquid(site, site.hall[0], site.facility_loop[0], table)
    close = {"pump_cubic_kw": 0.05, "flow_kgs": 0.05, "flow_heat_exponent": 0.05, "flow_gap_exponent": 0.05, "cooler_kw_per_k": 0.1}
    close |= {"cooler_air_exponent": 0.1, "cooler_water_exponent": 0.3}
    for name, tolerance in close.items():
        assert asdict(found)[name] == pytest.approx(asdict(P)[name], rel=tolerance), name
    assert found.leakage_per_k == pytest.approx(0.0015, abs=0.0007)
    for group, (seen, modelled) in powers_of(found, site.hall[0], readings_of(site, site.hall[0], site.facility_loop[0], table)).items():
        assert errors_of(seen, modelled)["cv_rmse_pct"] < 6.0, group
    with pytest.raises(ValueError, match="at least 100"):
        fit_liquid(site, site.hall[0], site.facility_loop[0], {name: column[:50] for name, column in table.items()})


def test_rows_with_gaps_are_left_out(site: Site) -> None:
    table: Mapping[str, NDArray[np.float64]] = readings(site, rows=400)
    table["fws.fws_flow_kgs"][::2] = np.nan
    assert len(readings_of(site, site.hall[0], site.facility_loop[0], table).at_s) == 200
