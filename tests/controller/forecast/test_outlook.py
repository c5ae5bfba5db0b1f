"""What others say is believed as far as its row states, and a hostile forecast can only add cooling."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.forecast.outlook import BELIEF, Origin, Outlook, Provided, believed
from safety.records import Quantiles

LOAD, WETBULB, PRICE = "hall-a.it_load_kw", "weather.oa_wetbulb_c", "site.energy_price_per_kwh"
INSTANTS = tuple(1000.0 + 300.0 * k for k in range(13))
OWN = {
    LOAD: Quantiles((2900.0,) * 13, (3000.0,) * 13, (3100.0,) * 13),
    WETBULB: Quantiles((19.0,) * 13, (20.0,) * 13, (21.0,) * 13),
    PRICE: Quantiles((0.1,) * 13, (0.1,) * 13, (0.1,) * 13),
}


def said(signal: str, origin: Origin, values: tuple[float, ...], start_s: float = 1000.0, step_s: float = 900.0) -> Outlook:
    """Returns an outlook of one series."""
    return Outlook((Provided(signal, origin, start_s, step_s, values),))


def test_every_origin_has_its_row() -> None:
    assert set(BELIEF) == set(Origin)


def test_nothing_said_changes_nothing() -> None:
    assert believed(OWN, Outlook(), {}, INSTANTS) == OWN


def test_a_published_price_replaces_the_tariff_where_it_is_said() -> None:
    found = believed(OWN, said(PRICE, Origin.PUBLISHED, (0.2, 0.3)), {}, INSTANTS)[PRICE]
    assert found.median == (0.2,) * 3 + (0.3,) * 3 + (0.1,) * 7
    assert found.low == found.median == found.high


@given(st.lists(st.one_of(st.floats(allow_nan=True, allow_infinity=True), st.just(0.0)), min_size=1, max_size=6))
def test_a_schedulers_forecast_can_only_add_load(values: list[float]) -> None:
    found = believed(OWN, said(LOAD, Origin.SCHEDULER, tuple(values)), {LOAD: 3000.0}, INSTANTS)[LOAD]
    own = OWN[LOAD]
    for side in ("low", "median", "high"):
        assert all(math.isfinite(v) and v >= o for v, o in zip(getattr(found, side), getattr(own, side), strict=True))


def test_a_scheduler_that_announces_more_is_believed_at_once() -> None:
    found = believed(OWN, said(LOAD, Origin.SCHEDULER, (4000.0,) * 5), {LOAD: 3000.0}, INSTANTS)[LOAD]
    assert found.median == (4000.0,) * 13


def test_a_weather_service_is_corrected_by_the_sites_sensor_and_less_so_later() -> None:
    found = believed(OWN, said(WETBULB, Origin.WEATHER_SERVICE, (23.0,) * 5), {WETBULB: 21.0}, INSTANTS)[WETBULB]
    assert found.median[0] == pytest.approx(21.0)
    assert found.median[12] == pytest.approx(23.0 - 2.0 * math.exp(-1.0 / 6.0))
    assert [h - m for h, m in zip(found.high, found.median, strict=True)] == pytest.approx([1.0] * 13)


def test_an_operator_goes_before_everybody_until_the_end() -> None:
    both = Outlook((*said(LOAD, Origin.OPERATOR, (2000.0,) * 2).provided, *said(LOAD, Origin.SCHEDULER, (4000.0,) * 5).provided))
    assert believed(OWN, both, {LOAD: 3000.0}, INSTANTS)[LOAD].median == (2000.0,) * 6 + (4000.0,) * 7


def test_a_signal_we_cannot_forecast_is_taken_only_if_said_of_every_instant() -> None:
    assert LOAD not in believed({}, said(LOAD, Origin.OPERATOR, (2000.0,) * 2), {}, INSTANTS)
    assert believed({}, said(LOAD, Origin.OPERATOR, (2000.0,) * 5), {}, INSTANTS)[LOAD].low == (2000.0,) * 13
