from controller.reuse import go_on
from safety.records import Proposal, Source

SP = "plant.chws_setpoint_c"
GOOD = Proposal(Source.PLAN, 1000.0, True, {SP: 10.0}, "10 is best", ahead={SP: (10.0, 10.5, 11.0, 11.5)})
FAILED = Proposal(Source.PLAN, 1300.0, False, {}, "out of time")


def test_a_solved_plan_is_used_as_it_is() -> None:
    assert go_on(GOOD, None, 1000.0, 300.0) is GOOD


def test_the_last_good_plan_goes_on_for_two_steps_and_no_longer() -> None:
    first = go_on(FAILED, GOOD, 1300.0, 300.0)
    assert (first.solved, first.setpoints, "out of time" in first.says) == (True, {SP: 10.5}, True)
    assert go_on(FAILED, GOOD, 1600.0, 300.0).setpoints == {SP: 11.0}
    assert go_on(FAILED, GOOD, 1900.0, 300.0) is FAILED


def test_without_a_plan_from_before_or_from_the_future_there_is_none() -> None:
    assert go_on(FAILED, None, 1300.0, 300.0) is FAILED
    assert go_on(FAILED, GOOD, 400.0, 300.0) is FAILED


def test_a_plan_shorter_than_its_age_is_not_stretched() -> None:
    short = Proposal(Source.PLAN, 1000.0, True, {SP: 10.0}, ahead={SP: (10.0,)})
    assert go_on(FAILED, short, 1300.0, 300.0) is FAILED
