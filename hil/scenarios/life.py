"""The life of a site over the wire: from monitor to auto by the operator's commands, with an override, a demotion and a rollback, all in the audit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from hil.intents import Noted, read_events
from hil.rig import Rig
from hil.scenarios.judge import hand_back
from safety.modes import Mode

REASON: Final = ("--reason", "scenario on the bench")
HAND_H: Final = 4.75  # longer than what is reported as lingering
KEPT_MOMENTS: Final = 5000  # of the trace: a life is too long to be kept whole


@dataclass(frozen=True)
class Life:
    """How long each stage lasts [h], and why criteria are passed over, "" where they are to be earned."""

    monitor_h: float
    shadow_h: float
    advisory_h: float
    canary_step_h: Sequence[float]
    auto_h: float
    override: str = ""


LONG: Final = Life(24.5, 72.5, 24.5, (12.5, 12.5, 24.5), 14 * 24.0)
SHORT: Final = Life(0.4, 0.7, 0.5, (0.3, 0.3, 0.4), 6.5, override="a life in a few hours")


async def live_long(rig: Rig) -> None:
    """Lives three weeks and earns every stage but the one after the demotion."""
    await _live(rig, LONG)


async def live_shortly(rig: Rig) -> None:
    """Lives a few hours; a person passes over what there was no time to earn."""
    await _live(rig, SHORT)


async def _live(rig: Rig, life: Life) -> None:
    rig.bench.each_step.append(lambda: _forget(rig))
    if life.override:
        rig.daemon.environ = {**rig.daemon.environ, "COLDAISLE_ROLLOUT__CANARY_HOURS_LOCAL": "[0, 24]"}  # it is over before it is day
    await rig.daemon.start()
    await rig.run(life.monitor_h)
    rig.check("in monitor nothing was written", not rig.watch.seen, f"{len(rig.watch.seen)} writes")
    await _raised(rig, life, "shadow")
    await rig.run(life.shadow_h)
    rig.check("in shadow nothing was written", not rig.watch.seen, f"{len(rig.watch.seen)} writes")
    await _raised(rig, life, "advisory")
    await _advised(rig, life)
    for step, hours in enumerate(life.canary_step_h, start=1):
        await _raised(rig, life, "canary", "--step", str(step))
        await rig.run(hours)
        if step == len(life.canary_step_h):
            await _drilled(rig)
    await _raised(rig, life, "auto")
    taken = await rig.run(2.0, lambda: rig.mode in (Mode.OPTIMISE, Mode.PLAN_ONLY) and rig.in_charge())
    rig.check("in auto it has the plant under its plan", taken, rig.mode)
    await _overridden(rig)
    await _rolled_back(rig)
    await _demoted(rig, life)
    await rig.run(max(life.auto_h - 12.0, 0.5))
    rig.check("and goes on", rig.daemon.alive, rig.mode)
    told = await rig.daemon.ask("scoreboard", "--json")
    rig.check("the scoreboard tells", bool(told and told["to_date"]["cycles"]), told and told["to_date"]["predicted_saving_kw"])
    await hand_back(rig)
    await _judged(rig)


def _forget(rig: Rig) -> None:
    for trace in (rig.trace, rig.alone_trace):
        if len(trace.moments) > 2 * KEPT_MOMENTS:
            del trace.moments[:-KEPT_MOMENTS]


async def _raised(rig: Rig, life: Life, stage: str, *more: str) -> None:
    """Raises the stage as a person does, on what was earned, or passing over it."""
    override = ("--override-criteria", life.override) if life.override else ()
    status = await rig.daemon.order("stage", stage, *more, *override, *REASON)
    rig.check(f"raised to {' '.join((stage, *more))}{' passing over criteria' if override else ', which it earned'}", status == 0, f"exit status {status}")


async def _advised(rig: Rig, life: Life) -> None:
    """Accepts the first proposal and looks for it on the wire."""
    await rig.run(life.advisory_h)
    told: dict[str, Any] = await rig.daemon.ask("status", "--json") or {}
    advice = (told.get("advice") or {}).get("open") or {}
    before = len(rig.watch.setpoints())
    rig.check("without a person's word nothing was asked of the plant", not before, f"{before} setpoint writes")
    if rig.check("a proposal stands open", bool(advice), advice.get("setpoints")):
        status = await rig.daemon.order("accept", str(advice["number"]), *REASON)
        await rig.run(2.0 * rig.loaded.site.timing.cycle_s / 3600.0)
        written = {w.signal.removesuffix(".request") for w in rig.watch.setpoints()}
        rig.check("accepted, it is written, and nothing else", status == 0 and written == set(advice["setpoints"]), sorted(written))


async def _drilled(rig: Rig) -> None:
    """Drills the fallback as soon as something is lent, within the canary's hours."""
    lent = await rig.run(24.0, lambda: bool(rig.now.remote))
    status = await rig.daemon.order("drill", *REASON)
    await rig.run(1.0)
    passed = [e for e in _events(rig) if e.what == "drill" and json.loads(e.value)["passed"]]
    rig.check("a drill in canary passed", lent and status == 0 and bool(passed), f"order {status}, {len(passed)} passed")


async def _overridden(rig: Rig) -> None:
    """Puts a setpoint in hand for some hours."""
    setpoint = sorted(rig.now.effective)[0]
    rig.site.bas.set_hand(setpoint, rig.now.effective[setpoint])
    await rig.run(HAND_H)
    told: dict[str, Any] = await rig.daemon.ask("overrides", "--json") or {}
    rig.check("an override is seen", [o["setpoint"] for o in told.get("overrides", [])] == [setpoint], told.get("overrides"))
    rig.site.bas.set_hand(setpoint, None)
    await rig.run(0.5)


async def _rolled_back(rig: Rig) -> None:
    """Rolls the setpoints back and engages again."""
    status = await rig.daemon.order("rollback", "setpoints", *REASON)
    kept = await rig.run(0.5, lambda: rig.mode is Mode.RESET)
    status += await rig.daemon.order("engage", *REASON)
    again = await rig.run(1.5, lambda: rig.mode in (Mode.OPTIMISE, Mode.PLAN_ONLY))
    rig.check("rolled back, and engaged again", kept and again and status == 0, f"orders {status}, mode {rig.mode}")


async def _demoted(rig: Rig, life: Life) -> None:
    """Turns every inlet sensor dead twice: the second latched fault of a week costs the stage."""
    for turn in (1, 2):
        _set_inlets(rig, "dead")
        gone = await rig.run(1.0, lambda: rig.mode is Mode.RELEASE)
        _set_inlets(rig, None)
        await rig.run(0.25)
        rig.check(f"a hall without inlet readings is handed back, time {turn}", gone, rig.mode)
        status = await rig.daemon.order("engage", *REASON)
        await rig.run(0.5)
        rig.check("engaged again", status == 0, status)
    lowered = [e for e in _events(rig) if e.what == "stage" and e.who == "daemon"]
    rig.check("the second fault in a week costs the stage", bool(lowered), lowered[-1].value[:80] if lowered else "no event")
    status = await rig.daemon.order("stage", "auto", "--override-criteria", life.override or "the sensors are mended", *REASON)
    taken = await rig.run(1.5, rig.in_charge)
    rig.check("a person raises it again", status == 0 and taken, f"order {status}, mode {rig.mode}")


def _set_inlets(rig: Rig, fault: str | None) -> None:
    for signal in sorted(s for s in rig.site.signals if s.endswith((".rack_inlet_max_c", ".rack_inlet_c"))):
        rig.site.set_fault(signal, fault)


async def _judged(rig: Rig) -> None:
    """Checks that every step is in the audit and that nobody has changed it."""
    whats = [e.what for e in _events(rig)]
    wanted = ("stage", "advice_accepted", "drill", "override", "override_lingers", "override_over", "rollback", "engage", "latched")
    missing = [what for what in wanted if what not in whats]
    rig.check("every step is in the audit", not missing, f"missing {missing}" if missing else f"{len(whats)} rows")
    status = await rig.daemon.order("audit", "verify")
    rig.check("and nobody has changed it", status == 0, f"exit status {status}")


def _events(rig: Rig) -> tuple[Noted, ...]:
    return read_events(rig.state / "journal.sqlite")
