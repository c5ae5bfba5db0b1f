"""The daemon's side of the boundary: hears what sources say and gives the facts of the last cycle, over a socket where no orders are taken."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from controller.cycle import Done
from controller.encode import plain
from controller.engine import Engine
from controller.forecast.heard import Heard
from controller.hold import holdings
from plant_models.site.load import LoadedSite
from safety.modes import WRITES, Mode

PAUSE_WALL_S: Final = 0.02  # after each answer: whoever asks without end must not take the daemon's time


class Desk:
    """Answers one question at a time."""

    def __init__(self, loaded: LoadedSite, engine: Engine, heard: Heard, last: Callable[[], Done | None]) -> None:
        """Takes the site, what runs it, where sayings are kept, and how to get at the last finished cycle."""
        self._loaded, self._engine, self._heard, self._last = loaded, engine, heard, last
        self._one = asyncio.Lock()

    async def answer(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Answers ``facts`` and ``say``; anything else is refused here, whoever asks."""
        async with self._one:
            await asyncio.sleep(PAUSE_WALL_S)
            do, now_s = request.get("do"), self._engine.clock.now_s()
            if do == "say":
                return {**self._heard.say({k: v for k, v in request.items() if k != "do"}, now_s), "now_s": now_s}
            if do in ("facts", "status"):
                return self.facts(now_s)
            return {"error": f"do={str(do)[:80]!r}: must be facts or say"}

    def facts(self, now_s: float) -> Mapping[str, Any]:
        """Returns who is in charge and what the last cycle measured, estimated and forecast; no more than that while there was none."""
        mode = self._engine.memory.mode
        known = {"site": self._loaded.site.site.name, "now_s": now_s, "stage": self._engine.stage.name, "mode": mode.mode.name, "cause": mode.cause}
        known["bas_in_charge"] = mode.mode is Mode.RELEASE or not WRITES[self._engine.stage].setpoints
        done = self._last()
        if done is None:
            return known
        decision = done.record.decision
        measured = decision.measured
        return {
            **known,
            "cycle": done.cycle,
            "at_s": measured.taken_at_s,
            "conditions": plain(decision.conditions),
            "measured": plain(measured.values),
            "in_force": plain(holdings(self._loaded, measured, self._engine.memory.requested).in_force),
            "states": plain(decision.estimate.states),
            "offsets": plain(decision.estimate.offsets),
            "forecast": plain(decision.forecast),
            "withdrawn": [one.equipment for one in decision.memory.maintenance],
        }
