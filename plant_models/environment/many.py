"""Many simulated sites as one Gymnasium vector environment, moved together as a batch; episodes are of one length and begin together."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from plant_models.environment.episode import Episode, open_world, setting_of
from plant_models.simulator.batch import Batch
from plant_models.simulator.site import Made, SimulatedSite

Rows = NDArray[np.float32]


class ColdaisleVectorEnv(VectorEnv[Rows, Rows, NDArray[Any]]):
    """The same observation, action and reward as ``ColdaisleEnv``, one row a site."""

    metadata = {"render_modes": [], "autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012  # as Gymnasium declares it

    def __init__(self, num_envs: int = 1, **options: Any) -> None:
        """Takes how many sites and the fields of ``Setting``. Raises SiteErrors, SourceError, TypeError or ValueError with what is wrong."""
        if num_envs < 1:
            raise ValueError(f"num_envs {num_envs}: 1 or more")
        self.world = open_world(setting_of(options))
        self.num_envs = num_envs
        self.single_observation_space = spaces.Box(self.world.low, self.world.high, dtype=np.float32)
        self.single_action_space = spaces.Box(-1.0, 1.0, (len(self.world.asked),), np.float32)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._episodes: list[Episode] = []
        self._randoms: list[np.random.Generator] = []
        self._batch: Batch | None = None
        self._step = 0

    def reset(self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None) -> tuple[Rows, dict[str, Any]]:
        """Builds every site anew; a number seeds the first site, the next the second and so on, as Gymnasium's own vector environments do."""
        if seed is not None or not self._randoms:
            seeds = [None] * self.num_envs if seed is None else [seed + i for i in range(self.num_envs)] if isinstance(seed, int) else seed
            self._randoms = [gymnasium.utils.seeding.np_random(s)[0] for s in seeds]
        self._episodes = []
        if self._batch is None:
            self._batch = Batch(self.world.loaded.site, self.world.truth, self.num_envs, self._build)
        else:
            for number in range(self.num_envs):
                self._batch.renew(number)
        self._batch.advance(self.world.warm_up_scans)
        for episode in self._episodes:
            episode.begin()
        self._step = 0
        return self._observed(), {}

    def _build(self, number: int, machines: Made) -> SimulatedSite:
        self._episodes.append(Episode(self.world, self._randoms[number], machines))
        return self._episodes[-1].site

    def step(self, actions: Rows) -> tuple[Rows, NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
        """Asks every site for its row and lets ``step_s`` pass; after the last step of the episodes it resets instead, whatever is asked.

        Raises gymnasium.error.ResetNeeded before the first reset.
        """
        if self._batch is None:
            raise gymnasium.error.ResetNeeded("reset the environment before its first step")
        never = np.zeros(self.num_envs, dtype=bool)
        if self._step >= self.world.steps:
            seen, info = self.reset()
            return seen, np.zeros(self.num_envs), never, never.copy(), info
        for episode, action in zip(self._episodes, actions, strict=True):
            episode.ask(action)
        for _ in range(self.world.scans_a_step):
            for episode in self._episodes:
                episode.beat()
            self._batch.advance()
            for episode in self._episodes:
                episode.watch()
        self._step += 1
        settled = [episode.settle() for episode in self._episodes]
        parts = {name: np.array([p[name] for _, p in settled]) for name in settled[0][1]}
        truncated = np.full(self.num_envs, self._step >= self.world.steps)
        return self._observed(), np.array([reward for reward, _ in settled]), never, truncated, parts

    def _observed(self) -> Rows:
        return np.stack([episode.observe() for episode in self._episodes])
