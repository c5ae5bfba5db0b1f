"""A seeded sample of the fuzzing, and that its oracle notices an envelope which lets everything through."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from tests.fuzz.__main__ import fuzz
from tests.fuzz.draws import proposal, situation
from tests.fuzz.oracle import CLAIMS, At, escapes
from tests.fuzz.seen import Seen, number
from tests.fuzz.site import ALLOWED, INF, LIMITS


def test_none_of_ten_thousand_proposals_escapes():
    result = fuzz(seed=7, first=0, end=1000)
    assert result["proposals"] == 10_000
    assert result["escapes"] == []
    assert set(result["interventions"]) >= {"range", "rate", "inlet", "inlet_rate", "humidity", "dew_point", "liquid", "lift", "minimum_flow", "freeze"}


def test_the_site_is_what_was_written_twice():
    for name, allowed in ALLOWED.items():
        limits = LIMITS.setpoints[name]
        assert (limits.low, limits.high, limits.off_allowed, limits.whole) == (allowed.low, allowed.high, allowed.off, allowed.whole)
        assert (limits.lower_per_min or INF, limits.raise_per_min or INF) == (allowed.down, allowed.up)


def test_every_claim_catches_an_envelope_that_lets_everything_through():
    caught: Counter[str] = Counter()
    for case in range(300):
        rng = Random(f"0 {case}")
        now = situation(rng)
        seen = Seen(now.measured, now.in_force, now.inlets, now.elapsed_s, now.frozen, now.confidence)
        through = {name: value for name, asked in proposal(rng, now).items() if name in ALLOWED and (value := number(asked)) is not None}
        for name, value in through.items():
            if (held := number(now.in_force.get(name))) is not None:
                caught.update(claim.__name__ for claim in CLAIMS if claim(At(name, value, held, seen, through)))
    assert all(caught[claim.__name__] >= 3 for claim in CLAIMS), caught


@pytest.mark.parametrize(
    ("permitted", "says"),
    [
        ({"plant.chws_temp_c": 12.0}, "not ours"),
        ({"hall-a.crah_fan_setpoint_pct": float("nan")}, "no number"),
        ({"hall-a.crah_fan_setpoint_pct": 80}, "no number"),
        ({"cdu-1.tcs_setpoint_c": 30.0}, "nothing known in force"),
        ({}, "in an overheated room"),
    ],
)
def test_the_oracle_catches(permitted, says):
    seen = Seen({"hall-a.rack_inlet_max_c": 33.0}, {"hall-a.crah_fan_setpoint_pct": 60.0}, {}, 300.0)
    writable = frozenset({"hall-a.crah_fan_setpoint_pct", "cdu-1.tcs_setpoint_c"})
    assert any(says in wrong for wrong in escapes(seen, writable, permitted))
