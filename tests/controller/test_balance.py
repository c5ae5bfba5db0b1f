"""A sensor that drifts within its range is found out by the heat balance of the simulated plant, and a healthy plant is left alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from safety.modes import Condition, Stage
from safety.records import FaultCause
from tests.controller.conftest import Rig

Make = Callable[..., Awaitable[Rig]]
RETURN, FLOW = "plant.chwr_temp_c", "plant.chw_flow_kgs"


def disagreeing(small: Rig) -> list[set[str]]:
    """By cycle, the readings that were taken out because they contradict others."""
    return [{f.signal for f in one.record.decision.measured.faults if f.cause is FaultCause.DISAGREES} for one in small.done]


@pytest.mark.parametrize(("signal", "share", "offset"), [(RETURN, 0.0, 2.0), (FLOW, -0.3, 0.0)])
async def test_a_biased_reading_is_blamed_within_an_hour_and_nothing_before(rig: Make, signal: str, share: float, offset: float) -> None:
    small = await rig(Stage.AUTO)
    await small.run(90)
    assert small.engine.memory.balance["plant"].smoothed_kw, "the plant had settled, so that it was judged"
    assert disagreeing(small) == [set()] * len(small.done)
    small.prepared.site.set_fault(signal, "bias", offset + share * small.prepared.site.read(signal))
    await small.run(60)
    assert disagreeing(small)[-1] == {signal}
    assert signal not in small.done[-1].record.decision.measured.values
    assert not any(Condition.READINGS_DISAGREE in one.record.decision.conditions for one in small.done), "which reading it is was known"


async def test_a_contradiction_that_no_single_reading_explains_resets(rig: Make) -> None:
    small = await rig(Stage.AUTO)
    await small.run(60)
    small.prepared.site.set_fault("plant.cw_flow_kgs", "bias", -0.4 * small.prepared.site.read("plant.cw_flow_kgs"))
    await small.run(75)
    assert disagreeing(small) == [set()] * len(small.done)
    assert Condition.READINGS_DISAGREE in small.done[-1].record.decision.conditions
