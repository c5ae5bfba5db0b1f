"""What holds of every verdict on the liquid and the humidity side, in generated situations; each limit is written again, by hand."""

import math
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from safety.envelope import judge
from safety.limits import LiquidLimits, SetpointLimits
from safety.records import Situation, Verdict
from tests.safety.test_envelope import numbers, trends

TCS, TCS_DP, FWS = "hall-b.tcs_setpoint_c", "hall-b.tcs_dp_setpoint_kpa", "fws.fws_setpoint_c"
WET, DRY = "hall-a.humidify_setpoint_c", "hall-a.dehumidify_setpoint_c"
CHWS, AIR = "plant.chws_setpoint_c", "hall-a.crah_supply_setpoint_c"
RANGE = {TCS: (18.0, 40.0), TCS_DP: (50.0, 300.0), FWS: (20.0, 40.0), WET: (-9.0, 15.0), DRY: (-9.0, 15.0)}
PER_MIN = {TCS: (1.0, 1.0), TCS_DP: (20.0, 60.0), FWS: (1.0, 1.0)}  # down, up
COOLER = {TCS: -1, TCS_DP: 1, FWS: -1}
CLASS_C, MARGIN_K, GAP_K = 40.0, 2.0, 2.0
WELL = {
    "cdu-1.leak_state": 0.0,
    "cdu-1.filter_dp_kpa": 20.0,
    "hall-b.it_power_cap_kw": 1000.0,
    "hall-a.room_dewpoint_c": 10.0,
    "hall-b.tcs_supply_temp_c": 35.0,
}
"""1000 of 6000 kW: at the least flow share, 0.35, 28.7 kPa do, less than the range has."""

proposals = st.dictionaries(st.sampled_from([*RANGE, "nobody.tcs_setpoint_c", ""]), numbers, max_size=6)
seen = st.fixed_dictionaries(
    {},
    optional={
        "hall-b.tcs_supply_temp_c": st.floats(15.0, 60.0) | numbers,
        "hall-b.it_power_cap_kw": st.floats(0.0, 7000.0) | numbers,
        "cdu-1.leak_state": st.sampled_from([0.0, 1.0, math.nan]),
        "cdu-1.filter_dp_kpa": st.floats(0.0, 100.0) | numbers,
        "hall-a.room_dewpoint_c": st.floats(-5.0, 45.0) | numbers,
        "hall-a.room_rh_pct": st.floats(0.0, 100.0) | numbers,
        "hall-a.rack_inlet_max_c": st.floats(15.0, 40.0) | numbers,
    },
)
within = st.fixed_dictionaries({name: st.floats(low, high) for name, (low, high) in RANGE.items()})
situations = st.builds(
    Situation,
    at_s=st.just(0.0),
    elapsed_s=st.just(300.0) | st.floats(0.0, 900.0) | numbers,
    measured=seen,
    in_force=within,
    writable=st.just(frozenset(RANGE)),
    inlets=st.dictionaries(st.just("hall-a"), trends),
)
thorough = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def loop(calm):
    """A hall of 6 MW on technology water of class S40, 200 kPa at design flow, beside the calm hall, which may be wetted and dried."""
    setpoints = {
        TCS: SetpointLimits(18.0, 40.0, 1.0, 1.0),
        TCS_DP: SetpointLimits(50.0, 300.0, 60.0, 20.0),
        FWS: SetpointLimits(20.0, 40.0, 1.0, 1.0),
        WET: SetpointLimits(-9.0, 15.0, None, None),
        DRY: SetpointLimits(-9.0, 15.0, None, None),
    }
    liquid = LiquidLimits("hall-b", CLASS_C, 6000.0, 200.0, 0.35, ("fws",), ("cdu-1.leak_state",), {"cdu-1.filter_dp_kpa": 50.0})
    return replace(calm.limits, setpoints=setpoints, liquids=(liquid,))


def after(verdict: Verdict, situation: Situation, name: str) -> float:
    """What is in force once the verdict is followed."""
    return verdict.permitted.get(name, situation.in_force[name])


def known(situation: Situation, name: str) -> float | None:
    value = situation.measured.get(name)
    number = value is not None and (not isinstance(value, int) or abs(value) < 10**300) and math.isfinite(value)
    return float(value) if number else None


@thorough
@given(proposals, situations, st.none() | st.floats(40.001, 90.0))
def test_never_less_cooling_in_a_hot_liquid_loop_nor_in_one_that_nobody_sees(loop, asked, situation, supply_c):
    """Water is warmed in a hot loop for the dew point alone, which is the electronics' own limit."""
    measured = {k: v for k, v in situation.measured.items() if k != "hall-b.tcs_supply_temp_c"} | (
        {} if supply_c is None else {"hall-b.tcs_supply_temp_c": supply_c}
    )
    situation = replace(situation, measured=measured)
    verdict = judge(asked, situation, loop)
    dewpoint_c = known(situation, "hall-a.room_dewpoint_c")
    for name, direction in COOLER.items():
        held, now = situation.in_force[name], after(verdict, situation, name)
        if name == TCS and dewpoint_c is not None:
            assert now <= max(held, min(dewpoint_c + MARGIN_K, CLASS_C)) + 1e-6
        else:
            assert (now - held) * direction >= -1e-6


@thorough
@given(proposals, situations)
def test_technology_water_is_above_the_dew_point_by_its_margin_after_every_verdict(loop, asked, situation):
    dewpoint_c = known(situation, "hall-a.room_dewpoint_c")
    assume(dewpoint_c is not None)
    assert after(judge(asked, situation, loop), situation, TCS) >= min(dewpoint_c + MARGIN_K, RANGE[TCS][1]) - 1e-6


@thorough
@given(proposals, situations)
def test_technology_water_is_not_made_colder_while_the_dew_point_is_unknown(loop, asked, situation):
    situation = replace(situation, measured={k: v for k, v in situation.measured.items() if k != "hall-a.room_dewpoint_c"})
    assert after(judge(asked, situation, loop), situation, TCS) >= situation.in_force[TCS] - 1e-6


@thorough
@given(proposals, situations)
def test_racks_have_the_flow_for_the_power_that_they_may_draw_after_every_verdict(loop, asked, situation):
    cap_kw = known(situation, "hall-b.it_power_cap_kw")
    share = 1.0 if cap_kw is None else min(max(cap_kw / 6000.0, 0.35), 1.0)
    assert after(judge(asked, situation, loop), situation, TCS_DP) >= 200.0 * share**1.85 - 1e-6


@thorough
@given(within, st.sampled_from(sorted(COOLER)), st.floats(0.0, 1.0), st.floats(40.001, 60.0))
def test_more_cooling_of_a_hot_liquid_loop_always_passes_within_its_limits(loop, calm, held, name, share, supply_c):
    """The limits: range, rate in five minutes, the dew point's margin (12 degC here, below every range)."""
    down, up = (5.0 * per_min for per_min in PER_MIN[name])
    low, high = RANGE[name]
    furthest = max(low, held[name] - down) if COOLER[name] < 0 else min(high, held[name] + up)
    asked = held[name] + 0.999 * share * (furthest - held[name])
    situation = calm.situation({**WELL, "hall-b.tcs_supply_temp_c": supply_c}, held, writable=frozenset({name}))
    verdict = judge({name: asked}, situation, loop)
    assert verdict == Verdict({name: asked}, ())


@thorough
@given(within, st.fixed_dictionaries({}, optional={name: st.floats(0.0, 1.0) for name in COOLER}))
def test_a_calm_proposal_of_liquid_setpoints_passes_untouched(loop, calm, held, shares):
    asked = {}
    for name, share in shares.items():
        (low, high), (down, up) = RANGE[name], PER_MIN[name]
        bottom, top = max(low, held[name] - 4.95 * down), min(high, held[name] + 4.95 * up)
        asked[name] = bottom + share * (top - bottom)
    situation = calm.situation(WELL, held, writable=frozenset(COOLER))
    assert judge(asked, situation, loop) == Verdict({name: asked[name] for name in COOLER if name in asked}, ())


@thorough
@given(proposals, situations)
def test_a_hall_is_never_brought_to_wetting_and_drying_together_whatever_is_asked(loop, asked, situation):
    """What an operator crossed already stays as it is while a hall is hot or unseen, and comes apart otherwise."""
    wet_c, dry_c = sorted((situation.in_force[WET], situation.in_force[DRY]))
    situation = replace(situation, in_force={**situation.in_force, WET: min(wet_c, dry_c - GAP_K, 13.0), DRY: max(dry_c, -7.0)})
    assume(situation.in_force[WET] >= -9.0)
    verdict = judge(asked, situation, loop)
    assert after(verdict, situation, WET) <= after(verdict, situation, DRY) - GAP_K + 1e-6


@thorough
@given(
    st.dictionaries(st.sampled_from([CHWS, AIR]), numbers), st.sampled_from([(15.001, 50.0), (10.0, 60.001), (None, 50.0), (10.0, None)]), st.floats(0.0, 1.0)
)
def test_in_a_humid_hall_water_and_air_are_raised_for_nothing_but_the_dew_point(calm, asked, air, share):
    """Machines at rest, so that no machine asks for warmer water."""
    dewpoint_c, rh_pct = air
    held = {CHWS: 6.0 + 12.0 * share, AIR: 16.0 + 10.0 * share}
    situation = calm.situation({"hall-a.room_dewpoint_c": dewpoint_c, "hall-a.room_rh_pct": rh_pct, "ch-1.machine_state": 0.0}, held)
    verdict = judge(asked, situation, calm.limits)
    assert verdict.permitted.get(CHWS, held[CHWS]) <= held[CHWS] + 1e-6
    assert verdict.permitted.get(AIR, held[AIR]) <= max(held[AIR], (dewpoint_c or -math.inf) + MARGIN_K) + 1e-6
