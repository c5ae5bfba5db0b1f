"""What persons ask and order over the control socket: each order needs a reason and is a row of the audit; what follows from it is decided elsewhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog

from controller.boundary.desk import Desk
from controller.cycle import Done
from controller.engine import Engine
from controller.explain import explanation
from controller.forecast.heard import Heard
from controller.journal import Event
from controller.record import Orders
from controller.rollout.advice import Advisor
from controller.rollout.drills import Drills
from controller.rollout.excitations import Excitations
from controller.rollout.experiments import SwitchbackError, Switchbacks, design_from
from controller.rollout.overrides import Overrides
from controller.rollout.promotion import Order, Promotions
from controller.rollout.rollback import ALL, LAST_GOOD, RollbackError, Rollbacks
from controller.rollout.versions import VersionError
from safety.finite import finite
from safety.modes import Mode, Stage
from safety.ownership import WHOLE_SITE, Maintenance
from safety.rollback import Part

log = structlog.get_logger()

MAINTENANCE_MOST_H: Final = 168.0  # a week: what takes longer is a change of the site's description
QUESTIONS: Final = ("status", "explain", "facts", "scoreboard", "overrides")
Answer = Mapping[str, Any]


@dataclass
class Operators:
    """Answers the control socket; ``note`` puts events into the journal, ``status`` and ``last`` are the daemon's."""

    engine: Engine
    note: Callable[[Event], Awaitable[None]]
    status: Callable[[], Answer]
    last: Callable[[], Done | None]
    drills: Drills
    rollbacks: Rollbacks
    switchbacks: Switchbacks
    excitations: Excitations
    heard: Heard
    desk: Desk
    promotions: Promotions
    advisor: Advisor
    overrides: Overrides

    def __post_init__(self) -> None:
        """Lists what can be ordered."""
        self._orders: Mapping[str, Callable[[Answer, str, str], Awaitable[Answer]]] = {
            "release": self._release,
            "engage": self._engage,
            "stage": self._change_stage,
            "accept": self._accept,
            "reject": self._reject,
            "drill": self._drill,
            "rollback": self._roll_back,
            "maintenance": self._maintain,
            "excite": self.excitations.answer,
            "forecast": self._override_forecast,
            "switchback": self._switch_back,
        }

    async def answer(self, request: Mapping[str, Any]) -> Answer:
        """Answers one request of the control socket."""
        do = str(request.get("do"))
        if do in QUESTIONS:
            return self._told(do)
        if do not in self._orders:
            return {"error": f"do={do!r}: must be {', '.join(QUESTIONS)}, {', '.join(self._orders)}"}
        reason, who = str(request.get("reason", "")).strip(), str(request.get("who", "")) or "operator"
        if not reason:
            return {"error": f"{do}: a reason is needed"}
        return await self._orders[do](request, who, reason)

    def _told(self, do: str) -> Answer:
        if do == "status":
            return self.status()
        if do == "facts":
            return self.desk.facts(self.engine.clock.now_s())
        if do == "overrides":
            return {"overrides": self.overrides.told(self.engine.clock.now_s())}
        if do == "scoreboard":
            return {**self.promotions.scoreboard.told(), "groups": self.promotions.told(), "advice": self.advisor.told()}
        last = self.last()
        return explanation(last.record) if last else {"error": "no cycle was recorded yet in this run"}

    async def _release(self, _request: Answer, who: str, reason: str) -> Answer:
        self.engine.order(Orders(release=True, who=who, reason=reason))
        await self._note("release", who, reason, Mode.RELEASE.name, self.engine.memory.mode.mode.name)
        log.warning("released", who=who, reason=reason)
        return {"done": "release", "says": "the heartbeat has stopped"}

    async def _engage(self, _request: Answer, who: str, reason: str) -> Answer:
        self.rollbacks.engaged()
        self.engine.order(Orders(engage=True, who=who, reason=reason))
        await self._note("engage", who, reason, "authority", self.engine.memory.mode.mode.name)
        log.warning("engaged", who=who, reason=reason)
        return {"done": "engage", "says": "authority returns when the next cycles are healthy"}

    async def _change_stage(self, request: Answer, who: str, reason: str) -> Answer:
        known = {stage.name.lower(): stage for stage in Stage}
        wanted, step, groups = str(request.get("stage", "")), request.get("step"), request.get("group") or ()
        if wanted not in known:
            return {"error": f"stage {wanted!r}: must be one of {', '.join(known)}"}
        if step is not None and (not isinstance(step, int) or isinstance(step, bool)):
            return {"error": f"stage: step {step!r} must be a whole number from 1"}
        override = str(request.get("override") or "").strip()
        order = Order(known[wanted], who, reason, tuple(str(name) for name in groups), None if step is None else step - 1, override)
        return await self.promotions.order(order)

    async def _accept(self, request: Answer, who: str, reason: str) -> Answer:
        number = finite(request.get("number"))
        if number is None:
            return {"error": "accept: the number of a proposal is needed"}
        return await self.advisor.accept(int(number), who, reason, self.engine.clock.now_s())

    async def _reject(self, request: Answer, who: str, reason: str) -> Answer:
        number = finite(request.get("number"))
        if number is None:
            return {"error": "reject: the number of a proposal is needed"}
        return await self.advisor.reject(int(number), who, reason, self.engine.clock.now_s())

    async def _drill(self, _request: Answer, who: str, reason: str) -> Answer:
        refused = await self.drills.order(who, reason)
        return {"error": f"drill: {refused}"} if refused else {"done": "drill", "says": "the drill begins with the next cycle; its result is in the journal"}

    async def _maintain(self, request: Answer, who: str, reason: str) -> Answer:
        """Takes equipment, or the whole site, out of the daemon's hands for some hours; no hours end it."""
        equipment, hours = str(request.get("equipment", "")), finite(request.get("hours"))
        known = {WHOLE_SITE, *(c.name for c in self.engine.loaded.site.chiller), *(t.name for t in self.engine.loaded.site.tower)}
        if equipment not in known:
            return {"error": f"maintenance: equipment {equipment!r} must be one of {', '.join(sorted(known))}"}
        if hours is None or not 0.0 <= hours <= MAINTENANCE_MOST_H:
            return {"error": f"maintenance: hours must be 0 (it is over) .. {MAINTENANCE_MOST_H:g}"}
        ends_s = self.engine.clock.now_s() + 3600.0 * hours
        begun = Maintenance(equipment, who, reason, ends_s) if hours > 0.0 else None
        self.engine.order(Orders(maintenance=begun, maintenance_over="" if begun else equipment, who=who, reason=reason))
        await self._note("maintenance", who, reason, f"{equipment} {hours:g} h")
        log.warning("maintenance_begun" if begun else "maintenance_over", equipment=equipment, hours=hours, who=who, reason=reason)
        return {"done": "maintenance", "equipment": equipment, "ends_s": ends_s, "says": "from the next cycle on"}

    async def _override_forecast(self, request: Answer, who: str, reason: str) -> Answer:
        """Takes an operator's forecast of a signal, or ends it where no value is given."""
        begins = request.get("value") is not None
        signal = str(request.get("signal", ""))
        reply = self.heard.override(request, who, reason, self.engine.clock.now_s()) if begins else self.heard.clear(signal)
        if "error" not in reply:
            value = f"{signal} {request['value']:g} until {reply['until_s']:.0f}" if begins else signal
            await self._note("forecast_override" if begins else "forecast_override_over", who, reason, value)
            log.warning("forecast_overridden" if begins else "forecast_override_over", signal=signal, who=who, reason=reason)
        return reply

    async def _switch_back(self, request: Answer, who: str, reason: str) -> Answer:
        try:
            if request.get("what") == "stop":
                await self.switchbacks.stop(who, reason)
                return {"done": "switchback", "says": "the experiment is over; its seed and days are in the journal"}
            sealed = await self.switchbacks.begin(design_from(request), who, reason)
        except (SwitchbackError, ValueError) as error:
            return {"error": f"switchback: {error}"}
        return {"done": "switchback", "seal": sealed, "says": f"the experiment is sealed: {sealed}"}

    async def _roll_back(self, request: Answer, who: str, reason: str) -> Answer:
        named = [str(name) for name in request.get("parts", ())]
        unknown = [name for name in named if name not in {*Part, "all"}]
        if unknown or not named:
            return {"error": f"rollback {', '.join(unknown) or 'of nothing'}: must be {', '.join(Part)} or all"}
        parts = ALL if "all" in named else [Part(name) for name in named]
        try:
            return {"done": "rollback", "says": await self.rollbacks.order(parts, str(request.get("to") or LAST_GOOD), who, reason)}
        except (RollbackError, VersionError) as error:
            return {"error": f"rollback: {error}"}

    async def _note(self, what: str, who: str, reason: str, value: str, before: str = "") -> None:
        await self.note(Event(self.engine.clock.now_s(), what, who, reason, value, before))
