"""Critical values of a test with several looks, against published tables and against a simulation."""

from __future__ import annotations

import numpy as np
import pytest

from controller.report.sequential import critical_value, critical_values, spent


def test_one_look_is_the_usual_test() -> None:
    assert critical_values(1) == pytest.approx((1.959964,), abs=1e-5)


def test_four_looks_as_published_for_spending_of_obrien_and_flemings_kind() -> None:
    assert critical_values(4) == pytest.approx((4.3326, 2.9631, 2.3590, 2.0141), abs=2e-4)  # Jennison and Turnbull 2000, Lan-DeMets, two-sided 5 %


def test_all_that_may_be_spent_is_spent_at_the_end() -> None:
    assert spent(1.0) == pytest.approx(0.05)
    assert spent(0.25) < 1e-4


def test_many_looks_are_no_trouble() -> None:
    assert len(critical_values(26)) == 26
    assert critical_values(26)[-1] < 2.2


@pytest.mark.parametrize("looks", [2, 3, 6])
def test_chance_alone_crosses_in_five_per_cent(looks: int) -> None:
    steps = np.random.default_rng(3).standard_normal((200_000, looks)).cumsum(axis=1)
    statistic = np.abs(steps) / np.sqrt(np.arange(1, looks + 1))
    assert (statistic > np.array(critical_values(looks))).any(axis=1).mean() == pytest.approx(0.05, abs=0.002)


def test_few_degrees_of_freedom_ask_for_more() -> None:
    assert critical_value(1, 1, 9.0) == pytest.approx(2.2622, abs=1e-3)  # Student's table
    assert critical_value(1, 1, 1e6) == pytest.approx(1.95996, abs=1e-4)
