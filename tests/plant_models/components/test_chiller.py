"""Chillers: published COP values, second-law cap, signs of derivatives, behaviour outside the curves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plant_models.components import chiller
from plant_models.components.chiller import CARRIER_19XR_1407_VSD, YORK_YT_1055, ChillerCurves

CP = 4.186
PLR = (0.25, 0.5, 0.75, 1.0)
# COP of the bare published curves at reference condenser flow; (chilled water leaving, condenser water entering) [degC]
CARRIER = {(6.67, 29.44): (2.96, 5.38, 6.03, 5.98), (7.0, 24.0): (4.91, 7.60, 7.46, 6.89), (8.5, 20.0): (8.50, 10.58, 9.12, 7.98)}
YORK = {(6.67, 29.44): (4.18, 5.83, 6.14, 5.91), (7.0, 24.0): (4.86, 6.77, 7.12, 6.85), (8.5, 20.0): (5.63, 7.86, 8.26, 7.95)}


def bare_cop(curves: ChillerCurves, chws_c: float, entering_c: float, plr: float) -> float:
    """Returns the COP of the unguarded curves with the leaving condenser water that belongs to it."""
    leaving, heat, power = entering_c + 5.0, 0.0, 0.0
    for _ in range(60):
        condenser = leaving if curves.leaving else entering_c
        heat = plr * curves.capacity_kw * chiller.biquadratic(curves.capft, chws_c, condenser)
        power = heat * chiller.curve_eir(curves, chws_c, condenser, plr)
        leaving = entering_c + (heat + power) / (curves.condenser_flow_kgs * CP)
    return heat / power


@pytest.mark.parametrize(("curves", "published"), [(CARRIER_19XR_1407_VSD, CARRIER), (YORK_YT_1055, YORK)])
def test_bare_curves_give_the_published_cop(curves: ChillerCurves, published: dict[tuple[float, float], tuple[float, ...]]) -> None:
    for (chws, entering), cops in published.items():
        for plr, cop in zip(PLR, cops, strict=True):
            assert bare_cop(curves, chws, entering, plr) == pytest.approx(cop, abs=0.012), (chws, entering, plr)


@pytest.mark.parametrize("curves", [CARRIER_19XR_1407_VSD, YORK_YT_1055])
def test_full_load_at_rating_is_within_the_market(curves: ChillerCurves) -> None:
    assert 5.5 <= bare_cop(curves, 6.67, 29.44, 1.0) <= 7.0  # AHRI 550/590, 0.50-0.64 kW/ton


@given(st.sampled_from([CARRIER_19XR_1407_VSD, YORK_YT_1055]), st.floats(4, 22), st.floats(10, 42), st.floats(1, 8), st.floats(0.2, 1.0))
def test_cop_never_beats_its_share_of_carnot(curves: ChillerCurves, chws: float, entering: float, rise: float, plr: float) -> None:
    eir = chiller.guarded_eir(curves, chws, entering, entering + rise, plr)
    carnot = (chws - 1.5 + 273.15) / max(entering + rise - chws + 3.0, 8.0)
    assert 1.0 / eir <= {True: 0.62, False: 0.55}[curves.leaving] * carnot * (1 + 1e-12)


@pytest.mark.parametrize("curves", [CARRIER_19XR_1407_VSD, YORK_YT_1055])
def test_power_rises_with_load_and_lift_everywhere(curves: ChillerCurves) -> None:
    chws, entering, load = np.meshgrid(np.linspace(5, 18, 27), np.linspace(13, 34, 22), np.linspace(0.3, 0.95, 14), indexing="ij")

    def power(c: np.ndarray, e: np.ndarray, share: np.ndarray) -> np.ndarray:
        leaving = e + 5.5 * share
        condenser = leaving if curves.leaving else e
        available = curves.capacity_kw * chiller.capacity_share(curves, c, condenser)
        heat = share * 0.8 * curves.capacity_kw
        return np.asarray(chiller.power_kw(curves, heat, available, c, e, leaving, 0.1))

    base = power(chws, entering, load)
    usual = entering + 5.5 * load - chws > 6.0  # below that the least lift of 8 K holds the power
    falls_with_chws = power(chws + 0.5, entering, load) <= base * 1.002
    rises_with_condenser = power(chws, entering + 0.5, load) >= base * 0.998
    rises_with_load = power(chws, entering, load + 0.03) >= base * 0.998
    # the fits break a sign at corners of their own range; a published fit passes the screen with fewer than 5 % of such points
    assert falls_with_chws[usual].mean() > 0.95
    assert rises_with_condenser[usual].mean() > 0.95
    assert rises_with_load.mean() > 0.95


def test_warm_chilled_water_beyond_the_curve_saves_power_by_the_lift() -> None:
    at_10, at_16 = (chiller.guarded_eir(CARRIER_19XR_1407_VSD, t, 25.0, 30.0, 0.8) for t in (10.0, 16.0))
    lift_10, lift_16 = (30 - 10 + 3) / (10 - 1.5 + 273.15), (30 - 16 + 3) / (16 - 1.5 + 273.15)
    assert at_16 / at_10 == pytest.approx(lift_16 / lift_10, rel=1e-9)


def test_capacity_grows_beyond_the_curve_but_not_without_bound() -> None:
    inside, outside = (chiller.capacity_share(CARRIER_19XR_1407_VSD, t, 28.0) for t in (10.0, 12.0))
    assert outside == pytest.approx(inside * 1.06)
    assert chiller.capacity_share(CARRIER_19XR_1407_VSD, 30.0, 20.0) == 1.25


def test_surge_holds_power_and_cycling_ends_at_nothing() -> None:
    def power(heat: float) -> float:
        return float(chiller.power_kw(CARRIER_19XR_1407_VSD, heat, 1400.0, 7.0, 24.0, 28.0, 0.45))

    assert power(0.0) == 0.0
    assert power(0.3 * 1400) == power(0.4 * 1400)
    assert power(0.1 * 1400) == pytest.approx(0.5 * power(0.2 * 1400))
    assert chiller.surge_plr(8.0, 8.0, 25.0) == pytest.approx(0.10)
    assert chiller.surge_plr(25.0, 8.0, 25.0) == pytest.approx(0.60)


def test_outside_curve_is_told() -> None:
    assert chiller.outside_curve(CARRIER_19XR_1407_VSD, 9.0, 30.0) == 0.0
    assert chiller.outside_curve(CARRIER_19XR_1407_VSD, 12.0, 30.0) == 1.0
    assert chiller.outside_curve(CARRIER_19XR_1407_VSD, 9.0, 40.0) == 1.0
