"""Learned policies: what they wish, when they doubt themselves, and which files are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from controller.residual.correct import Residual
from controller.residual.policy import Layer, Policy, PolicyError, Training, as_text, read_policy
from safety.authority import Doubt
from safety.records import Estimate, Proposal, Source

CHWS, FAN = "plant.chws_setpoint_c", "hall-a.crah_fan_setpoint_pct"
SITE = "a" * 64
OFFERED = frozenset({CHWS, FAN})
ESTIMATE = Estimate(0.0, {"plant.chws_temp_c": 12.0}, {"hall-a.it_base_kw": 900.0}, {}, True)
PLAN = Proposal(Source.PLAN, 0.0, True, {CHWS: 12.0, FAN: 60.0}, "plan")


def policy(members: int = 2, seed: int = 0, **changes: Any) -> Policy:
    """Returns an ensemble of small random networks that nearly agree."""
    draw = np.random.default_rng(seed)
    common = [(draw.normal(0.0, 0.4, (8, 3)), np.zeros(8)), (draw.normal(0.0, 0.3, (2, 8)), np.zeros(2))]

    def layer(weights: Any, bias: Any) -> Layer:
        near = weights + draw.normal(0.0, 0.01, weights.shape)
        return Layer(tuple(map(tuple, near.tolist())), tuple(bias.tolist()))

    made = Policy(
        site=SITE,
        observed=("state:plant.chws_temp_c", "load:hall-a.it_base_kw", f"plan:{CHWS}"),
        asked=(CHWS, FAN),
        mean=(11.0, 800.0, 11.0),
        scale=(2.0, 200.0, 2.0),
        ensemble=tuple(tuple(layer(*one) for one in common) for _ in range(members)),
        distance_most=3.0,
        disagreement_most=0.2,
        trained=Training("coldaisle train", 0),
    )
    return replace(made, **changes)


def test_a_file_gives_back_the_same_policy_and_the_same_bits(tmp_path: Path) -> None:
    made = policy()
    (tmp_path / "p.json").write_text(as_text(made))
    again = read_policy(tmp_path / "p.json", SITE, OFFERED)
    assert again == made
    assert as_text(again) == as_text(made)
    assert again.wish(PLAN, ESTIMATE) == made.wish(PLAN, ESTIMATE)


def test_a_wish_is_the_networks_own_arithmetic() -> None:
    made = policy(members=1)
    x = (np.array([12.0, 900.0, 12.0]) - [11.0, 800.0, 11.0]) / [2.0, 200.0, 2.0]
    (first, second) = made.ensemble[0]
    by_hand = np.array(second.weights) @ np.tanh(np.array(first.weights) @ x)
    assert list(made.wish(PLAN, ESTIMATE).values()) == pytest.approx(by_hand.tolist(), rel=1e-12)
    assert made.doubts(PLAN, ESTIMATE) == frozenset()


def test_a_place_it_has_not_seen_is_out_of_distribution() -> None:
    far = replace(ESTIMATE, states={"plant.chws_temp_c": 25.0})
    assert Doubt.OUT_OF_DISTRIBUTION in policy().doubts(PLAN, far)


@pytest.mark.parametrize(
    "estimate", [replace(ESTIMATE, loads_kw={}), replace(ESTIMATE, valid=False), replace(ESTIMATE, states={"plant.chws_temp_c": float("nan")})]
)
def test_what_is_not_known_is_doubted_and_nothing_is_wished(estimate: Estimate) -> None:
    assert policy().doubts(PLAN, estimate) == {Doubt.INPUT_UNKNOWN}
    assert policy().wish(PLAN, estimate) == {}
    assert Residual(policy()).correct(PLAN, estimate, 1.0).setpoints == PLAN.setpoints


def test_members_that_disagree_are_doubted() -> None:
    one, other = policy(seed=1).ensemble[0], policy(seed=2).ensemble[0]
    assert Doubt.ENSEMBLE_DISAGREES in policy(ensemble=(one, other), disagreement_most=0.01).doubts(PLAN, ESTIMATE)


def test_a_policy_that_overflows_is_doubted_and_moves_nothing() -> None:
    wild = tuple(replace(one, weights=tuple(tuple(1e308 for _ in row) for row in one.weights)) for one in policy().ensemble[0])
    broken = policy(ensemble=(wild,))
    with np.errstate(all="ignore"):
        assert Doubt.ENSEMBLE_DISAGREES in broken.doubts(PLAN, ESTIMATE)


Break = Callable[[dict[str, Any]], None]


@pytest.mark.parametrize(
    ("says", "change"),
    [
        ("digest", lambda c: c["ensemble"][0][0]["bias"].__setitem__(0, 0.5)),
        ("site: 'b", lambda c: c.update(site="b" * 64)),
        ("asked: plant.unknown_c", lambda c: c.update(asked=[CHWS, "plant.unknown_c"])),
        ("observed: raw:x", lambda c: c["observed"].__setitem__(0, "raw:x")),
        ("mean: 2 numbers", lambda c: c.update(mean=[1.0, 2.0])),
        ("weights and bias do not fit", lambda c: c["ensemble"][0][0]["weights"][0].append(1.0)),
        ("outputs; asked has", lambda c: c["ensemble"][0].pop()),
        ("version", lambda c: c.update(version=2)),
        ("scale.1", lambda c: c["scale"].__setitem__(1, 0.0)),
        ("extra", lambda c: c.update(extra=1)),
        ("trained", lambda c: c.pop("trained")),
    ],
)
def test_a_file_that_is_unfit_is_refused_with_what_is_wrong(says: str, change: Break, tmp_path: Path) -> None:
    content = json.loads(as_text(policy()))
    change(content)
    (tmp_path / "p.json").write_text(json.dumps(content))
    with pytest.raises(PolicyError, match=says):
        read_policy(tmp_path / "p.json", SITE, OFFERED)


def test_all_problems_are_told_at_once_and_no_file_is_told_too(tmp_path: Path) -> None:
    content = json.loads(as_text(policy())) | {"site": "b" * 64, "mean": [1.0]}
    (tmp_path / "p.json").write_text(json.dumps(content))
    with pytest.raises(PolicyError, match=r"(?s)site:.*mean:.*digest:"):
        read_policy(tmp_path / "p.json", SITE, OFFERED)
    with pytest.raises(PolicyError, match="coldaisle train"):
        read_policy(tmp_path / "none.json", SITE, OFFERED)
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(PolicyError, match="a JSON object"):
        read_policy(tmp_path / "list.json", SITE, OFFERED)
