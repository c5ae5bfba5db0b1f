"""The Gymnasium environments: accepted by Gymnasium's own checker, repeatable, paid for what they use, alike one by one and together."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import plant_models.environment as environment

SHORT: dict[str, Any] = {"days": 0.02, "step_s": 300.0, "warm_up_h": 0.05}


def small(**options: Any) -> Any:
    return gymnasium.make("coldaisle/Small-v0", **{**SHORT, **options})


def test_gymnasium_accepts_it() -> None:
    check_env(small().unwrapped, skip_render_check=True)


def test_every_identifier_is_registered() -> None:
    assert environment.IDS.keys() <= set(gymnasium.registry)


@pytest.mark.parametrize("identifier", sorted(environment.IDS))
def test_every_site_can_be_played(identifier: str) -> None:
    env = gymnasium.make(identifier, **{**SHORT, "warm_up_h": 0.0})
    env.reset(seed=2)
    seen, reward, _, _, _ = env.step(np.zeros(env.action_space.shape, dtype=np.float32))
    assert env.observation_space.contains(seen)
    assert reward < 0.0


def test_an_episode_has_its_length_and_its_price() -> None:
    env = small(ageing=False, start="07-15")
    env.reset(seed=1)
    env_price = env.unwrapped.world.loaded.site.money.energy_price_per_kwh
    ended, steps = False, 0
    while not ended:
        _, reward, terminated, ended, info = env.step(np.zeros(env.action_space.shape, dtype=np.float32))
        steps += 1
        assert not terminated
        assert info["facility_kwh"] > info["cooling_kwh"] > 0.0
        assert reward == pytest.approx(-info["facility_kwh"] * env_price - 0.01 * info["degree_rack_minutes"])
    assert steps == round(0.02 * 86400.0 / 300.0)


def test_actions_reach_the_plant_and_heat_is_punished() -> None:
    worst, mild = small(start="07-15", days=0.1), small(start="07-15", days=0.1)
    degrees = []
    for env, supply in ((worst, 1.0), (mild, -1.0)):
        env.reset(seed=3)
        asked = env.unwrapped.world.asked
        action = np.array([supply if "crah_supply" in a else -supply if "fan" in a else 0.0 for a in asked], dtype=np.float32)
        total = 0.0
        for _ in range(20):
            seen, _, _, _, info = env.step(action)
            total += info["degree_rack_minutes"]
        names = env.unwrapped.world.observed
        in_force = seen[names.index("hall-a.crah_supply_setpoint_c.effective")]
        assert in_force > 22.0 if supply > 0.0 else in_force < 20.0
        degrees.append(total)
    assert degrees[0] > degrees[1]


def test_many_are_what_they_would_be_one_by_one() -> None:
    many = gymnasium.make_vec("coldaisle/Small-v0", num_envs=3, vectorization_mode="vector_entry_point", **SHORT)
    seen, _ = many.reset(seed=11)
    alone = [small() for _ in range(3)]
    firsts = [env.reset(seed=11 + i)[0] for i, env in enumerate(alone)]
    assert np.array_equal(seen, np.stack(firsts))
    actions = np.linspace(-0.5, 0.5, 3 * many.single_action_space.shape[0], dtype=np.float32).reshape(3, -1)
    for _ in range(2):
        seen, rewards, _, _, _ = many.step(actions)
        for i, env in enumerate(alone):
            own, reward, _, _, _ = env.step(actions[i])
            assert np.array_equal(seen[i], own)
            assert rewards[i] == pytest.approx(reward, rel=1e-9)


def test_many_begin_again_in_the_step_after_their_last() -> None:
    many = gymnasium.make_vec("coldaisle/Small-v0", num_envs=2, vectorization_mode="vector_entry_point", **{**SHORT, "days": 0.004})
    first, _ = many.reset(seed=5)
    zeros = np.zeros(many.action_space.shape, dtype=np.float32)
    _, _, _, truncated, _ = many.step(zeros)
    assert truncated.all()
    again, rewards, _, truncated, _ = many.step(zeros)
    assert not truncated.any()
    assert (rewards == 0.0).all()
    assert not np.array_equal(first, again)


def test_a_bad_setting_is_refused_whole() -> None:
    with pytest.raises(ValueError, match=r"step_s 7: .*\ndays 0: .*\npenalty -1: "):
        small(step_s=7.0, days=0.0, penalty=-1.0)
    with pytest.raises(TypeError, match="colour"):
        small(colour="red")
    env = small()
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.unwrapped.step(np.zeros(env.action_space.shape, dtype=np.float32))
