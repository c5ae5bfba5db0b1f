"""The reduced model closes its energy balance at rest, moves the right way, and is the same for floats and symbols on sites of every shape."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import plant_models.reduced
from plant_models.reduced.hall import coil_effectiveness
from plant_models.reduced.model import drift_of, layout_of, respond
from plant_models.reduced.nameplate import from_name_plate
from plant_models.reduced.parameters import ReducedParameters
from plant_models.reduced.weather import WETBULB
from plant_models.site.topology import Site


def test_at_rest_all_electricity_and_no_more_leaves_by_the_towers(made: SimpleNamespace, site: Site, parameters: ReducedParameters) -> None:
    """Heat from water is IT and fan heat; nothing is stored at rest."""
    states, setpoints, disturbances = made.at_rest(site, parameters, {})
    response = respond(site, parameters, states, setpoints, disturbances, {})
    assert max(abs(r) for r in response.rates.values()) < 1e-5
    into_water = response.powers_kw["hall-a.it_kw"] + response.powers_kw["hall-a.crah_fans_kw"]
    assert response.outputs["plant.chiller_heat_kw"] == pytest.approx(into_water, rel=2e-3)


@pytest.mark.parametrize(
    ("changed", "group", "sign"),
    [
        ({"plant.chws_setpoint_c": 16.0}, "plant.chillers_kw", -1),
        ({"plant.chws_setpoint_c": 16.0}, "plant.chw_pumps_kw", 1),
        ({"plant.cws_setpoint_c": 25.0}, "plant.chillers_kw", 1),
        ({"plant.cws_setpoint_c": 25.0}, "plant.towers_kw", -1),
        ({WETBULB: 20.0}, "plant.towers_kw", 1),
        ({"hall-a.crah_fan_setpoint_pct": 85.0}, "hall-a.crah_fans_kw", 1),
        ({"hall-a.crah_supply_setpoint_c": 22.0}, "hall-a.it_kw", 1),
        ({"hall-a.crah_supply_setpoint_c": 22.0}, "plant.chw_pumps_kw", -1),
        ({"hall-a.it_base_kw": 4000.0}, "plant.chillers_kw", 1),
    ],
)
def test_powers_move_the_right_way(made: SimpleNamespace, site: Site, parameters: ReducedParameters, changed: dict[str, float], group: str, sign: int) -> None:
    """Signs of the derivatives that the optimiser lives on."""
    powers = []
    for change in ({}, changed):
        states, setpoints, disturbances = made.at_rest(site, parameters, change, hours=12.0)
        powers.append(float(respond(site, parameters, states, setpoints, disturbances, {}).powers_kw[group]))
    assert math.copysign(1.0, powers[1] - powers[0]) == sign
    assert abs(powers[1] - powers[0]) > 0.05


def test_a_coil_short_of_water_cannot_hold_its_setpoint(made: SimpleNamespace, site: Site, parameters: ReducedParameters) -> None:
    """With warm water and little pressure the supply air stays above its setpoint, and with pressure it comes back."""
    starved = {"plant.chws_setpoint_c": 18.0, "plant.chw_dp_setpoint_kpa": 5.0, "hall-a.crah_supply_setpoint_c": 20.0}
    warm, _, _ = made.at_rest(site, parameters, starved, hours=6.0)
    fed, _, _ = made.at_rest(site, parameters, starved | {"plant.chw_dp_setpoint_kpa": 150.0, "plant.chws_setpoint_c": 10.0}, hours=6.0)
    assert warm["hall-a.crah_supply_temp_c"] > 21.0
    assert fed["hall-a.crah_supply_temp_c"] == pytest.approx(20.0, abs=0.2)


def test_less_air_than_the_servers_draw_makes_the_hottest_inlet_hotter(made: SimpleNamespace, site: Site, parameters: ReducedParameters) -> None:
    """Recirculation."""
    enough, _, _ = made.at_rest(site, parameters, {"hall-a.crah_fan_setpoint_pct": 80.0}, hours=6.0)
    little, _, _ = made.at_rest(site, parameters, {"hall-a.crah_fan_setpoint_pct": 40.0}, hours=6.0)
    assert little["hall-a.rack_inlet_max_c"] > enough["hall-a.rack_inlet_max_c"] + 1.0


def test_free_cooling_needs_no_compressor(made: SimpleNamespace, site: Site, parameters: ReducedParameters) -> None:
    """With the economiser alone in cold air chillers and their pumps draw next to nothing."""
    cold = {WETBULB: 2.0, "plant.in_line_share": 1.0, "plant.free_share": 1.0, "plant.chws_setpoint_c": 16.0}
    states, setpoints, disturbances = made.at_rest(site, parameters, cold, hours=8.0)
    response = respond(site, parameters, states, setpoints, disturbances, {})
    assert response.powers_kw["plant.chillers_kw"] < 5.0
    assert response.powers_kw["plant.cw_pumps_kw"] == pytest.approx(0.0)
    assert states["plant.chws_temp_c"] < 18.0


def test_a_drift_that_undoes_a_rate_brings_rest_without_moving_power(made: SimpleNamespace, site: Site, parameters: ReducedParameters) -> None:
    """A sensor's offset against its setpoint is no load on the chillers."""
    states, setpoints, disturbances = made.at_rest(site, parameters, {})
    offset = states | {"plant.chws_temp_c": states["plant.chws_temp_c"] + 0.2}
    moving = respond(site, parameters, offset, setpoints, disturbances, {})
    resting = respond(site, parameters, offset, setpoints, disturbances, {drift_of("plant.chws_temp_c"): -3600.0 * moving.rates["plant.chws_temp_c"]})
    assert resting.rates["plant.chws_temp_c"] == pytest.approx(0.0, abs=1e-12)
    water_kw = 4.186 * resting.outputs["plant.chw_flow_kgs"] * (offset["plant.chwr_temp_c"] - offset["plant.chws_temp_c"])
    assert resting.outputs["plant.chiller_heat_kw"] == pytest.approx(water_kw, rel=1e-3)
    assert moving.outputs["plant.chiller_heat_kw"] > water_kw + 50.0


@pytest.mark.parametrize("shape", ["whole", "no halls", "no chillers", "no plant", "two of each"])
def test_floats_and_symbols_give_the_same_on_every_shape_of_site(made: SimpleNamespace, site: Site, shape: str) -> None:
    """The estimator's model is the optimiser's model, to 1e-9, and finite."""
    import casadi as ca

    ca.GlobalOptions.setNumpyMode(-1)
    site = made.shapes(site)[shape]
    parameters = from_name_plate(site)
    groups = made.usual(site)
    floats = respond(site, parameters, *groups, {})
    symbols = [{name: ca.SX.sym(name.replace(".", "_").replace("-", "_")) for name in group} for group in groups]
    response = respond(site, parameters, *symbols, {})
    arguments = [ca.vertcat(*group.values()) for group in symbols]
    for found, expected in ((response.rates, floats.rates), (response.powers_kw, floats.powers_kw), (response.outputs, floats.outputs)):
        if not expected:
            continue
        function = ca.Function("f", arguments, [ca.vertcat(*found.values())])
        values = [float(v) for v in function(*(list(group.values()) for group in groups)).full().ravel()]
        assert all(math.isfinite(v) for v in values)
        assert values == pytest.approx([float(v) for v in expected.values()], rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("changed", [{}, {WETBULB: 4.0, "plant.in_line_share": 1.0, "plant.mode_known": 0.5}, {"hall-a.crah_fan_setpoint_pct": 45.0}])
def test_gradients_are_exact_and_smooth(made: SimpleNamespace, site: Site, parameters: ReducedParameters, changed: dict[str, float]) -> None:
    """CasADi's derivatives of rates and facility power by every state and setpoint are those of central differences, and finite."""
    import casadi as ca

    ca.GlobalOptions.setNumpyMode(-1)
    states, setpoints, disturbances = made.usual(site)
    setpoints |= {k: v for k, v in changed.items() if k in setpoints}
    disturbances |= {k: v for k, v in changed.items() if k in disturbances}
    names = [*states, *setpoints]
    x = ca.SX.sym("x", len(names))
    symbols = {name: x[i] for i, name in enumerate(names)}
    response = respond(site, parameters, {s: symbols[s] for s in states}, {s: symbols[s] for s in setpoints}, disturbances, {})
    outputs = ca.vertcat(*response.rates.values(), response.facility_kw)
    exact = np.asarray(ca.Function("j", [x], [ca.jacobian(outputs, x)])([*states.values(), *setpoints.values()]))

    def values(at: dict[str, float]) -> np.ndarray:
        found = respond(site, parameters, {s: at[s] for s in states}, {s: at[s] for s in setpoints}, disturbances, {})
        return np.array([*found.rates.values(), found.facility_kw], dtype=float)

    for i, name in enumerate(names):
        step = 1e-4
        rises = values({**states, **setpoints, name: (states | setpoints)[name] + step}) - values(
            {**states, **setpoints, name: (states | setpoints)[name] - step}
        )
        assert np.isfinite(exact[:, i]).all()
        assert exact[:, i] == pytest.approx(rises / (2.0 * step), rel=1e-4, abs=1e-6), name


def test_the_layout_follows_from_the_site_alone(made: SimpleNamespace, site: Site) -> None:
    """Every state has a rate, and every offset corrects something that exists."""
    for shape in made.shapes(site).values():
        layout = layout_of(shape)
        response = respond(shape, from_name_plate(shape), *made.usual(shape), {})
        assert set(response.rates) == set(layout.states)
        shares = {o.removesuffix("_share") + "_kw" for o in layout.offsets if o.endswith("_share")}
        assert shares <= set(response.powers_kw)


def test_nothing_of_the_reduced_model_or_the_optimiser_reads_the_true_parameters() -> None:
    """Parameters come from identification: no module here names the simulator's file or imports its machines."""
    root = Path(next(iter(plant_models.reduced.__path__))).parents[1]
    sources = [*(root / "plant_models/reduced").glob("*.py"), *(root / "controller/optimise").glob("*.py"), root / "controller/estimate.py"]
    assert len(sources) > 10
    for path in sources:
        text = path.read_text()
        assert "plant.toml" not in text, path
        assert "plant_file" not in text, path
        assert "plant_models.simulator" not in text, path
        assert "plant_models.components" not in text, path


def test_a_coil_without_air_and_water_reaches_nothing(parameters: ReducedParameters) -> None:
    hall = next(iter(parameters.halls.values()))
    assert coil_effectiveness(hall, 0.0, 0.0) == 0.0
    assert coil_effectiveness(hall, 0.5, 20.0) > 0.0
