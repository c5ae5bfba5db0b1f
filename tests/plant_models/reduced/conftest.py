"""Sites of every shape, and states at rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from plant_models.reduced.model import layout_of, respond
from plant_models.reduced.nameplate import from_name_plate
from plant_models.reduced.parameters import ReducedParameters
from plant_models.site.load import load_site
from plant_models.site.topology import Site

CONFIG = Path(__file__).parents[3] / "config"


@pytest.fixture(scope="session")
def site() -> Site:
    """Returns reference plant A."""
    return load_site(CONFIG / "reference-a", {}).site


@pytest.fixture(scope="session")
def parameters(site: Site) -> ReducedParameters:
    """Returns its parameters by name plate."""
    return from_name_plate(site)


def shapes(site: Site) -> dict[str, Site]:
    """Returns sites of every shape: whole, without halls, without chillers, without a plant, with two of each."""
    second_plant = replace(site.plant[0], name="north")
    second_hall = replace(site.hall[0], name="hall-b", plant="north")
    third_hall = replace(site.hall[0], name="hall-c")
    others = {"chiller": tuple(replace(c, name=f"n{c.name}", plant="north") for c in site.chiller[:2])}
    others["tower"] = tuple(replace(t, name=f"n{t.name}", plant="north") for t in site.tower[:2])  # type: ignore[assignment]
    return {
        "whole": site,
        "no halls": replace(site, hall=()),
        "no chillers": replace(site, chiller=(), tower=(), economiser=()),
        "no plant": replace(site, plant=(), chiller=(), tower=(), economiser=(), pump=(), hall=(replace(site.hall[0], plant=None),)),
        "two of each": replace(
            site,
            plant=(*site.plant, second_plant),
            hall=(*site.hall, second_hall, third_hall),
            chiller=(*site.chiller, *others["chiller"]),
            tower=(*site.tower, *others["tower"]),  # type: ignore[arg-type]
        ),
    }


USUAL_STATES = {
    "chws_temp_c": 14.0,
    "chwr_temp_c": 22.0,
    "cws_temp_c": 23.0,
    "crah_supply_temp_c": 21.0,
    "rack_inlet_max_c": 24.0,
    "crah_return_temp_c": 32.0,
    "mass_temp_c": 32.0,
}
USUAL_SETPOINTS = {
    "chws_setpoint_c": 14.0,
    "chw_dp_setpoint_kpa": 120.0,
    "cws_setpoint_c": 23.0,
    "crah_supply_setpoint_c": 21.0,
    "crah_fan_setpoint_pct": 75.0,
    "speed_setpoint_pct": 100.0,
}
USUAL_DISTURBANCES = {
    "chillers_running": 3.0,
    "cells_running": 4.0,
    "chw_pumps_running": 4.0,
    "cw_pumps_running": 4.0,
    "in_line_share": 0.0,
    "free_share": 0.0,
    "mode_known": 1.0,
    "other_heat_kw": 0.0,
    "other_flow_kgs": 0.0,
    "it_base_kw": 3500.0,
    "oa_wetbulb_c": 18.0,
}


def usual(site: Site) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
    """Returns usual states, setpoints and disturbances of a site by name."""
    layout = layout_of(site)
    return (
        {s: USUAL_STATES[s.partition(".")[2]] for s in layout.states},
        {s: USUAL_SETPOINTS[s.partition(".")[2]] for s in layout.setpoints},
        {s: USUAL_DISTURBANCES[s.partition(".")[2]] for s in layout.disturbances},
    )


def at_rest(
    site: Site, parameters: ReducedParameters, changed: Mapping[str, float], hours: float = 30.0
) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
    """Returns states at rest under usual inputs with some changed, and those inputs."""
    states, setpoints, disturbances = usual(site)
    setpoints |= {k: v for k, v in changed.items() if k in setpoints}
    disturbances |= {k: v for k, v in changed.items() if k in disturbances}
    for _ in range(int(hours * 3600 / 20)):
        rates = respond(site, parameters, states, setpoints, disturbances, {}).rates
        states = {s: float(v + 20.0 * rates[s]) for s, v in states.items()}
    return states, setpoints, disturbances


@pytest.fixture(scope="session")
def made() -> SimpleNamespace:
    """Returns the builders of this file."""
    return SimpleNamespace(shapes=shapes, usual=usual, at_rest=at_rest)
