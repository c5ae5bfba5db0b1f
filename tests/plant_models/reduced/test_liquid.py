"""The reduced model's liquid side: signs, limits, equal on floats and symbols, and what the fit finds again in readings made from known parameters."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import casadi
import numpy as np
import pytest
from numpy.typing import NDArray

from plant_models.reduced.fit_liquid import fit_liquid_side
from plant_models.reduced.liquid import LoopInputs, LoopResponse, TcsInputs, TcsResponse, loop_response, tcs_response
from plant_models.reduced.liquid_parameters import LoopParameters, TcsParameters
from plant_models.reduced.liquid_side import it_base_kw, loops_of
from plant_models.reduced.nameplate import from_name_plate
from plant_models.reduced.table import prepare
from plant_models.site.load import load_site
from plant_models.site.topology import Site

casadi.GlobalOptions.setNumpyMode(-1)
CAPACITY_KW = 5100.0
COOLERS = 3
TCS = TcsParameters(
    tcs_tau_s=150.0,
    tcs_over_setpoint_k=0.0,
    rise_k=15.0,
    dp_kpa=250.0,
    pump_standing_kw=4.0,
    pump_cubic_kw=52.0,
    case_rise_k=25.0,
    case_flow_share=0.35,
    leakage_per_k=0.0015,
    leakage_at_c=65.0,
    unit_kw_per_k=1900.0,
    unit_tcs_exponent=0.1,
    unit_water_exponent=0.5,
    unit_open_flow_kgs=155.0,
)
LOOP = LoopParameters(
    fws_tau_s=300.0,
    fws_over_setpoint_k=0.0,
    return_bias_k=0.0,
    flow_least_kgs=32.0,
    pump_standing_kw=4.0,
    pump_linear_kw=0.17,
    pump_cubic_kw=10.0,
    cooler_flow_kgs=126.0,
    cooler_air_k_per_kw=0.0022,
    cooler_air_exponent=0.9,
    cooler_water_k_per_kw=0.0019,
    cooler_water_exponent=0.9,
    air_over_k=0.8,
    fan_kw=117.0,
    cooler_up_share=0.5,
    pads_cool_share=0.8,
    trim_capacity_kw=0.0,
    trim_kw_per_kw=0.28,
)
RACKS = TcsInputs(40.0, 40.0, 250.0, 4000.0, 36.0)
AIR = LoopInputs(36.0, 36.0, 4060.0, 80.0, 3.0, 0.0, 28.0, 21.0)


def racks(**changes: float) -> TcsResponse:
    """Returns technology water's response with changed inputs."""
    return tcs_response(TCS, CAPACITY_KW, replace(RACKS, **changes))


def loop(p: LoopParameters = LOOP, **changes: float) -> LoopResponse:
    """Returns the loop's response with changed inputs."""
    return loop_response(p, COOLERS, p.trim_capacity_kw > 0.0, replace(AIR, **changes))


@pytest.fixture(scope="module")
def liquid_site() -> Site:
    """Returns reference plant B."""
    return load_site(Path(__file__).parents[3] / "config/reference-b", {}).site


def test_power_goes_the_way_of_physics() -> None:
    assert loop(drybulb_c=30.0).coolers_kw > loop().coolers_kw
    assert loop(heat_kw=4500.0).coolers_kw > loop().coolers_kw
    assert loop(fws_setpoint_c=38.0).coolers_kw < loop().coolers_kw
    assert loop(water_kgs=100.0).pumps_kw > loop().pumps_kw
    assert loop(drybulb_c=33.0, wet_share=1.0).coolers_kw < loop(drybulb_c=33.0).coolers_kw
    usual = racks()
    assert racks(dp_kpa=120.0).pumps_kw < 0.5 * usual.pumps_kw
    assert racks(dp_kpa=120.0).case_c > usual.case_c
    assert racks(dp_kpa=120.0).it_kw > usual.it_kw
    assert racks(tcs_c=42.0).it_kw > usual.it_kw
    assert racks(tcs_c=42.0).water_kgs < usual.water_kgs  # a wider gap needs less water
    assert racks(base_kw=4500.0).water_kgs > usual.water_kgs


def test_the_units_take_the_heat_at_the_differences_at_both_ends() -> None:
    """Logarithmic mean by hand: the water that the model gives closes the balance within 2 % over all gaps that occur."""
    for gap in (2.0, 3.0, 5.0, 8.0, 12.0):
        u = racks(fws_c=40.0 - gap)
        rise = 15.0 * u.heat_kw / CAPACITY_KW
        other = rise + gap - u.heat_kw / (4.186 * u.water_kgs)
        mean = (gap - other) / np.log(gap / other)
        least = u.heat_kw / (4.186 * (rise + gap))
        assert 1900.0 * (least / 100.0) ** 0.5 * mean == pytest.approx(u.heat_kw, rel=0.03), gap


def test_setpoints_out_of_reach_are_not_reached() -> None:
    hot = loop(drybulb_c=40.0)
    assert hot.rate > 0.0
    assert hot.short_k > 3.0
    assert hot.fan_share == pytest.approx(1.0, abs=0.02)
    assert hot.coolers_kw <= 1.02 * COOLERS * LOOP.fan_kw
    assert racks(tcs_setpoint_c=36.0).rate > (36.0 - 40.0) / TCS.tcs_tau_s  # valves open wide leave a gap
    assert racks(tcs_setpoint_c=36.0).short_k > 0.1
    assert abs(racks().rate) < 1e-3


def test_trim_chillers_take_what_the_coolers_leave() -> None:
    trimmed = replace(LOOP, trim_capacity_kw=4000.0)
    hot, alone = loop(trimmed, drybulb_c=36.0), loop(drybulb_c=36.0)
    assert hot.short_k < 0.5 < alone.short_k
    assert hot.trims_kw > 50.0
    assert loop(trimmed, drybulb_c=10.0).trims_kw < 10.0


def test_another_cooler_joins_where_fans_would_run_fast() -> None:
    """The BAS gives it water, so a colder setpoint costs less than one cooler's fans say."""
    for drybulb_c in (22.0, 25.0, 28.0, 31.0):
        one, all_of_them = loop(coolers_running=1.0, drybulb_c=drybulb_c), loop(drybulb_c=drybulb_c)
        assert one.coolers >= 1.0
        assert one.fan_share < max(0.55, 1.05 * all_of_them.fan_share)
        assert one.coolers_kw > 0.95 * all_of_them.coolers_kw  # by the cube law more fans at less speed need less
    assert loop(coolers_running=1.0, drybulb_c=30.0).coolers > 1.5
    assert loop(coolers_running=1.0, drybulb_c=-5.0).coolers_kw < 10.0


def test_floats_and_symbols_agree_and_gradients_are_finite() -> None:
    symbols = casadi.SX.sym("x", 9)

    def outputs(x: object) -> list[object]:
        v = [x[i] for i in range(9)]  # type: ignore[index]
        t = tcs_response(TCS, CAPACITY_KW, TcsInputs(v[0], v[1], v[2], v[3], v[4]))
        own = loop_response(replace(LOOP, trim_capacity_kw=1000.0), COOLERS, True, LoopInputs(v[4], v[5], t.heat_kw, t.water_kgs, 2.0, 0.5, v[6], v[7]))
        return [t.rate, t.it_kw, t.pumps_kw, own.rate, own.pumps_kw, own.coolers_kw, own.trims_kw]

    expression = casadi.vertcat(*outputs(symbols))
    function, slope = (casadi.Function("f", [symbols], [e]) for e in (expression, casadi.jacobian(expression, symbols)))
    for seed in range(20):
        r = np.random.default_rng(seed)
        x = r.uniform([25, 28, 60, 500, 18, 18, -15, -16, 0], [46, 44, 300, 5200, 40, 39, 38, 24, 1])
        assert np.asarray(function(x)).ravel() == pytest.approx(outputs(x), rel=1e-9, abs=1e-9)
        exact = np.asarray(slope(x))
        assert np.all(np.isfinite(exact))
        for i in range(8):
            h = 1e-5 * max(abs(x[i]), 1.0)
            up, down = (np.asarray(function(x + s * h * np.eye(9)[i])).ravel() for s in (1, -1))
            assert (up - down) / (2 * h) == pytest.approx(exact[:, i], rel=2e-3, abs=1e-3)


def test_work_is_found_again_in_the_power_that_it_draws(liquid_site: Site) -> None:
    parameters, hall = from_name_plate(liquid_site), liquid_site.hall[0]
    states = {"hall-b.crah_supply_temp_c": 21.0, "hall-b.rack_inlet_max_c": 25.0, "hall-b.tcs_supply_temp_c": 43.0}
    base = it_base_kw(hall, parameters, 4500.0, states, 200.0)
    p = parameters.tcs["hall-b"]
    liquid = tcs_response(p, hall.liquid_capacity_kw, TcsInputs(43.0, 43.0, 200.0, 0.85 * base, 38.0)).it_kw
    air = 0.15 * base * (1.0 + 0.0035 * (21.0 + 0.6 * 4.0 - 25.0))
    assert liquid + air == pytest.approx(4500.0, rel=0.001)


def test_a_hall_on_two_loops_is_shared_by_the_heat_of_its_units(liquid_site: Site) -> None:
    units = tuple(replace(c, loop="other" if c.name == "cdu-1" else c.loop) for c in liquid_site.cdu)
    assert loops_of(replace(liquid_site, cdu=units), liquid_site.hall[0]) == {"fws": pytest.approx(0.8), "other": pytest.approx(0.2)}


def readings(seed: int = 3) -> dict[str, NDArray[np.float64]]:
    """Returns a table of reference plant B as its BAS would show it if the liquid side were the model, with noise of sensors."""
    rows, r = 4 * 288, np.random.default_rng(seed)
    hold = r.uniform(size=(rows // 18 + 1, 3)).repeat(18, axis=0)[:rows]
    dp, fws = 100.0 + 200.0 * hold[:, 1], 27.0 + 10.0 * hold[:, 2]
    drybulb = np.minimum(23.0 + 6.0 * np.sin(np.arange(rows) / 60.0), fws - 4.0)  # what coolers can reach
    tcs = np.maximum(33.0 + 10.0 * hold[:, 0], fws + 2.5)
    base = 5000.0 + 900.0 * np.sin(np.arange(rows) / 40.0) + 8.0 * r.standard_normal(rows)
    t = tcs_response(TCS, CAPACITY_KW, TcsInputs(tcs, tcs, dp, 0.85 * base, fws))
    own = loop_response(LOOP, COOLERS, False, LoopInputs(fws, fws, t.heat_kw, t.water_kgs, 3.0, 0.0, drybulb, drybulb - 5.0))
    noise = {name: 1.0 + 0.005 * r.standard_normal(rows) for name in ("cdu", "flow", "pump", "fan")}
    table = {
        "at_s": 300.0 * np.arange(rows),
        "hall-b.tcs_supply_temp_c": tcs,
        "hall-b.tcs_setpoint_c": tcs,
        "hall-b.tcs_return_temp_c": tcs + 15.0 * t.heat_kw / CAPACITY_KW / np.sqrt(dp / 250.0),
        "hall-b.tcs_dp_setpoint_kpa": dp,
        "hall-b.it_load_kw": t.it_kw + 0.15 * base,
        "fws.fws_supply_temp_c": fws,
        "fws.fws_setpoint_c": fws,
        "fws.fws_return_temp_c": fws + t.heat_kw / (4.186 * own.flow_kgs) + 0.2,
        "fws.fws_flow_kgs": own.flow_kgs * noise["flow"],
        "fwp.power_kw": own.pumps_kw * noise["pump"],
        "weather.oa_drybulb_c": drybulb,
        "weather.oa_wetbulb_c": drybulb - 5.0,
        "hall-b.crah_supply_temp_c": np.full(rows, 22.0),
        "hall-b.rack_inlet_max_c": np.full(rows, 27.0),
        "plant.chws_temp_c": np.full(rows, 14.0),
        "plant.chwr_temp_c": np.full(rows, 20.0),
        "plant.chw_flow_kgs": np.full(rows, 30.0),
    }
    table |= {f"cdu-{i}.power_kw": t.pumps_kw / 5.0 * noise["cdu"] for i in range(1, 6)}
    coolers = {"power_kw": own.coolers_kw / 3.0 * noise["fan"], "fan_pct": 100.0 * own.fan_share, "machine_state": np.full(rows, 2.0)}
    return table | {f"dc-{i}.{q}": values for i in range(1, 4) for q, values in coolers.items()}


def test_the_fit_finds_what_the_readings_were_made_of(liquid_site: Site) -> None:
    data = prepare(liquid_site, readings(), 3.0, 4)
    found = fit_liquid_side(data, from_name_plate(liquid_site))
    tcs, own = asdict(found.tcs["hall-b"]), asdict(found.loops["fws"])
    close = {"pump_cubic_kw": 0.05, "unit_kw_per_k": 0.1, "unit_water_exponent": 0.2, "rise_k": 0.03}
    for name, tolerance in close.items():
        assert tcs[name] == pytest.approx(asdict(TCS)[name], rel=tolerance), name
    assert tcs["leakage_per_k"] == pytest.approx(0.0015, abs=0.0005)
    assert own["return_bias_k"] == pytest.approx(0.2, abs=0.15)
    assert found.halls["hall-b"].air_share == pytest.approx(0.15, abs=0.02)
    for fan, tolerance in ((0.4, 0.1), (0.8, 0.1)):
        made = 1.0 / (0.0022 * fan**-0.9 + 0.0019 * 0.25**-0.9)
        got = 1.0 / (own["cooler_air_k_per_kw"] * fan ** -own["cooler_air_exponent"] + own["cooler_water_k_per_kw"] * 0.25 ** -own["cooler_water_exponent"])
        assert got == pytest.approx(made, rel=tolerance), fan


def test_what_the_readings_do_not_show_stays_as_on_the_data_sheets(liquid_site: Site) -> None:
    """With next to no clean row every value is the start's."""
    table, start = readings(), from_name_plate(liquid_site)
    table["fws.fws_flow_kgs"][20:] = np.nan
    found = fit_liquid_side(prepare(liquid_site, table, 3.0, 4), start)
    assert asdict(found.tcs["hall-b"])["unit_kw_per_k"] == start.tcs["hall-b"].unit_kw_per_k
    assert found.loops["fws"].cooler_air_k_per_kw == start.loops["fws"].cooler_air_k_per_kw
