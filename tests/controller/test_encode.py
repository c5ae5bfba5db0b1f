import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.encode import from_text, plain, to_text
from safety.records import Outcome, Proposal, Reading, Receipt, Snapshot, Source, Status

finite = st.floats(allow_nan=False, allow_infinity=True)


@given(finite, finite, st.text(max_size=20))
def test_what_goes_in_comes_out_bit_for_bit(value: float, at_s: float, says: str) -> None:
    snapshot = Snapshot(
        at_s, {"a.power_kw": Reading("a.power_kw", value, Status.GOOD, at_s, says), "b.power_kw": Reading("b.power_kw", None, Status.MISSING, 0.0)}
    )
    assert from_text(Snapshot, to_text(snapshot)) == snapshot


def test_not_a_number_survives() -> None:
    read = from_text(Reading, to_text(Reading("a.power_kw", math.nan, Status.GOOD, 0.0)))
    assert read.value is not None
    assert math.isnan(read.value)


def test_enums_tuples_and_nested_values_keep_their_types() -> None:
    proposal = Proposal(Source.PLAN, 1.0, True, {"x": 0.1 + 0.2}, ahead={"x": (1.0, 2.0)})
    receipt = Receipt(2.0, {"x.request": Outcome.DIFFERS}, {"x.request": 3.0})
    assert from_text(Proposal, to_text(proposal)) == proposal
    assert from_text(Receipt, to_text(receipt)) == receipt


def test_sets_are_written_in_order_so_that_equal_values_give_equal_text() -> None:
    assert plain(frozenset({"b", "a"})) == ["a", "b"]


def test_what_does_not_fit_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="signal"):
        from_text(Reading, '{"value": 1}')
    with pytest.raises(ValueError, match="JSON"):
        from_text(Reading, "{")
