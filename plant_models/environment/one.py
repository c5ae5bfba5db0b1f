"""One simulated site as a Gymnasium environment: see ``Setting`` for what an episode is and what it is rewarded for."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from plant_models.environment.episode import Episode, Vector, open_world, setting_of
from plant_models.simulator.machines import SCAN_S


class ColdaisleEnv(gymnasium.Env[Vector, NDArray[np.float32]]):
    """Observation: what the points show, setpoints in force, time of day. Action: every setpoint within its range, -1 .. 1. Never ends early."""

    metadata = {"render_modes": []}  # noqa: RUF012  # as Gymnasium declares it

    def __init__(self, **options: Any) -> None:
        """Takes the fields of ``Setting``. Raises SiteErrors, SourceError, TypeError or ValueError with what is wrong."""
        self.world = open_world(setting_of(options))
        self.observation_space = spaces.Box(self.world.low, self.world.high, dtype=np.float32)
        self.action_space = spaces.Box(-1.0, 1.0, (len(self.world.asked),), np.float32)
        self._episode: Episode | None = None
        self._step = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Vector, dict[str, Any]]:
        """Builds a site of its own and lets its BAS run it warm; ``options`` are not used."""
        super().reset(seed=seed, options=options)
        episode = Episode(self.world, self.np_random)
        episode.site.advance(episode.site.now_s + self.world.warm_up_scans * SCAN_S)
        episode.begin()
        self._episode, self._step = episode, 0
        return episode.observe(), {}

    def step(self, action: NDArray[np.float32]) -> tuple[Vector, float, bool, bool, dict[str, Any]]:
        """Asks for setpoints and lets ``step_s`` pass. Raises gymnasium.error.ResetNeeded before the first reset."""
        episode = self._episode
        if episode is None:
            raise gymnasium.error.ResetNeeded("reset the environment before its first step")
        episode.ask(action)
        for _ in range(self.world.scans_a_step):
            episode.beat()
            episode.site.advance(episode.site.now_s + SCAN_S)
            episode.watch()
        self._step += 1
        reward, parts = episode.settle()
        return episode.observe(), reward, False, self._step >= self.world.steps, dict(parts)
