"""Machines by themselves beside what is published of such machines: chillers, towers, servers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from plant_models.components import chiller, server, tower
from plant_models.components.chiller_curves import AIR_COOLED_SCREW, ChillerCurves, curves_of
from plant_models.components.fluids import CP_WATER
from plant_models.validation.targets import Found, Section

_CAP: Final = "the cap (0.75 of Carnot) or the edge of the curves limits this machine"
_KW_PER_TON: Final = 3.51685
_VANES: Final = ("york-yt-1055", "york-yt-1758", "carrier-19ex-5208")
_VSD: Final = ("carrier-19xr-1407-vsd", "carrier-19xr-2391-vsd", "trane-cvhe-1442-vsd")
_AHRI_C: Final = (6.67, 29.44)  # leaving chilled, entering condenser water
_IPLV: Final = ((1.0, 29.44, 0.01), (0.75, 23.89, 0.42), (0.5, 18.33, 0.45), (0.25, 18.33, 0.12))  # load, entering condenser water, weight: AHRI 550/590
_PLR: Final = (0.25, 0.5, 0.75, 1.0)
_PUBLISHED: Final[Mapping[str, Mapping[tuple[float, float], tuple[float, ...]]]] = {  # COP at _PLR, bare curves at reference condenser flow
    "york-yt-1055": {(6.67, 29.44): (4.18, 5.83, 6.14, 5.91), (8.5, 20.0): (5.63, 7.86, 8.26, 7.95)},
    "carrier-19xr-1407-vsd": {(6.67, 29.44): (2.96, 5.38, 6.03, 5.98), (8.5, 20.0): (8.5, 10.58, 9.12, 7.98)},
}


def machine_targets() -> Section:
    """Returns every target that a machine meets by itself."""
    says = "Clean machines from their published curves, with the guards of the simulator, at rest; no plant around them."
    return Section("Machines", says, [*_regression(), *_chillers(), *_sensitivities(), *_towers(), _servers()])


def _cop(curves: ChillerCurves, chws_c: float, entering_c: float, plr: float, of_reference: bool, bare: bool = False) -> float:
    """Returns the COP at rest; ``plr`` is of the reference capacity or of what is available, ``bare`` leaves the guards out."""
    leaving = entering_c + 5.0
    heat = power = 0.0
    for _ in range(60):
        condenser = leaving if curves.leaving else entering_c
        available = curves.capacity_kw * float(chiller.capacity_share(curves, chws_c, condenser))
        if bare:
            available = curves.capacity_kw * float(chiller.biquadratic(curves.capft, chws_c, condenser))
        heat = plr * (curves.capacity_kw if of_reference else available)
        if bare:
            power = heat * float(chiller.curve_eir(curves, chws_c, condenser, heat / available))
        else:
            power = float(chiller.power_kw(curves, heat, available, chws_c, entering_c, leaving, curves.plr_least))
        if curves.air:
            break
        leaving = entering_c + (heat + power) / (curves.condenser_flow_kgs * CP_WATER)
    return heat / power


def _regression() -> list[Found]:
    found = []
    for name, states in _PUBLISHED.items():
        curves = curves_of("", name)
        errors = [
            abs(_cop(curves, chws, entering, plr, of_reference=False, bare=True) - cop)
            for (chws, entering), cops in states.items()
            for plr, cop in zip(_PLR, cops, strict=True)
        ]
        found.append(Found(f"{curves.source}: largest difference from its published COP, 8 states", 0.0, 0.02, "", "EnergyPlus data set", max(errors)))
    return found


def _chillers() -> list[Found]:
    found = []
    capped: list[tuple[float, str]] = []
    for name in _VANES + _VSD:
        curves = curves_of("", name)
        capped.append((_cop(curves, *_AHRI_C, 1.0, of_reference=False), name))
        bare = _cop(curves, *_AHRI_C, 1.0, of_reference=False, bare=True)
        found.append(Found(f"{curves.source}: full-load COP of its curves, AHRI", 5.5, 7.0, "", "manufacturers' curves", bare))
    worst, name = min(capped)
    found.append(Found("the same with the simulator's guards, worst machine", 5.5, 7.0, "", "manufacturers' curves", worst, _at_rating(curves_of("", name))))
    default = curves_of("vsd_centrifugal")
    found.append(
        Found("default machine: full load, AHRI", 0.50, 0.64, "kW/ton", "manufacturers' curves", _KW_PER_TON / _cop(default, *_AHRI_C, 1.0, of_reference=False))
    )
    for what, kind, low, high in (("constant speed", "constant_speed_centrifugal", 6.0, 7.4), ("variable speed", "vsd_centrifugal", 8.0, 11.0)):
        curves = curves_of(kind)
        others = [f"{other.source} {_iplv(other):.2f}" for name in _VANES + _VSD if (other := curves_of("", name)).leaving == curves.leaving]
        remark = f"of {curves.source}, the default of its kind; {', '.join(others)}"
        found.append(Found(f"IPLV, {what}", low, high, "", "AHRI 550/590 weights", _iplv(curves), remark))
    found.append(
        Found("air-cooled screw, 35 degC air, full load: COP", 2.7, 3.5, "", "90.1 Path A curves", _cop(AIR_COOLED_SCREW, 6.67, 35.0, 1.0, of_reference=False))
    )
    return found


def _iplv(curves: ChillerCurves) -> float:
    return sum(weight * _cop(curves, _AHRI_C[0], entering, plr, of_reference=True) for plr, entering, weight in _IPLV)


def _at_rating(curves: ChillerCurves) -> str:
    """Returns where a machine's published curves end, for the remark on its rating point."""
    water, most_c = "leaving" if curves.leaving else "entering", curves.condenser_range_c[1]
    return f"{curves.source}: published to {most_c:.1f} degC of {water} condenser water; the rating point lies beyond, where the lift extrapolates it"


def _per_k(power: Callable[[float], float]) -> float:
    return 100.0 * float(np.log(power(0.5) / power(-0.5)))


def _sensitivities() -> list[Found]:
    basis = "quartiles of 159 chillers"
    found, signs = [], []
    for bare in (True, False):
        chws, condenser = [], []
        for name in _VANES + _VSD:
            by_chws, by_condenser = _sensitivity(curves_of("", name), bare)
            chws.append(by_chws)
            condenser.append(by_condenser)
        how, remark = ("bare curves", "") if bare else ("as simulated", _CAP)
        found.append(
            Found(f"power less for each kelvin of warmer chilled water, median machine, {how}", 1.9, 3.2, "%/K", basis, float(np.median(chws)), remark)
        )
        found.append(
            Found(f"power more for each kelvin of warmer condenser water, median machine, {how}", 1.9, 3.0, "%/K", basis, float(np.median(condenser)), remark)
        )
        signs += chws + condenser
    return [*found, Found("the same signs for all machines: least of both", 0.0, 100.0, "%/K", "physics", min(signs))]


def _sensitivity(curves: ChillerCurves, bare: bool) -> tuple[float, float]:
    """Returns by how much power falls with chilled water and rises with condenser water [%/K], at 7 and 24 degC and 70 % load."""

    def power(chws_c: float, entering_c: float) -> float:
        return 1.0 / _cop(curves, chws_c, entering_c, 0.7, of_reference=True, bare=bare)

    return -_per_k(lambda k: power(7.0 + k, 24.0)), _per_k(lambda k: power(7.0, 24.0 + k))


def _towers() -> list[Found]:
    cold = [float(tower.york_approach_k(t, 5.56, 1.0)) for t in (0.0, 5.0, 10.0)]
    return [
        Found(
            "tower approach at 25.6 degC wet bulb, 5.56 K range, LG 1", 3.83, 3.84, "K", "YorkCalc check value", float(tower.york_approach_k(25.6, 5.56, 1.0))
        ),
        Found("tower approach at design, fill as in plant A (0.95)", 2.8, 6.7, "K", "survey of plants", float(tower.york_approach_k(25.6, 5.56, 1.0 / 0.95))),
        Found("tower approach in the cold, mean of 0, 5, 10 degC wet bulb", 7.5, 11.5, "K", "8 to 11 K published", float(np.mean(cold))),
    ]


def _servers() -> Found:
    given = server.ServerParameters()

    def power(inlet_c: float) -> float:
        return float(sum(server.power_kw(given, 1.0, 0.7, inlet_c, server.fan_speed(given, inlet_c))))

    return Found("server power against inlet, 23 to 30 degC", 0.35, 0.5, "%/K", "Coroama 2025, measured", 100.0 * (power(30.0) / power(23.0) - 1.0) / 7.0)
