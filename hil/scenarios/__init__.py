"""What may go wrong between a daemon and its site, one row each: what happens, and what must be so afterwards."""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any, Final

from hil.fixtures import SUFFIX, pack
from hil.progress import say
from hil.rig import Rig, rig_of
from hil.scenarios import life, people, plant, process
from plant_models.simulator.conditions import Conditions


@dataclass(frozen=True)
class Scenario:
    """One row: its name, what it does in words, the stage of the daemon, and the play itself; ``days`` of plant time, more than one only when asked for."""

    name: str
    says: str
    play: Callable[[Rig], Awaitable[None]]
    stage: str = "auto"
    days: float = 1.0


async def run_scenario(scenario: Scenario, config: Path, conditions: Conditions, keep: Path | None = None, packed: Path | None = None) -> dict[str, Any]:
    """Runs one scenario and returns its result; the daemon's state and log stay in ``keep``, a small journal in ``packed``, where they are given."""
    with tempfile.TemporaryDirectory(prefix="coldaisle-hil-") as temporary:
        state = keep or Path(temporary)
        state.mkdir(parents=True, exist_ok=True)
        say(f"{scenario.name}: {scenario.says}")
        lasting = replace(conditions, days=max(conditions.days, scenario.days))
        async with rig_of(config, lasting, state, scenario.stage) as rig:
            await scenario.play(rig)
            lost = rig.check_journal()
            if packed:
                pack(state / "journal.sqlite", packed / f"{scenario.name}{SUFFIX}")
            rig.check_heat()
            result = rig.result(scenario.name, lost)
            if not result["passed"]:
                say(f"the end of the daemon's log:\n{rig.daemon.tail()}")
            return result


SCENARIOS: Final[Mapping[str, Scenario]] = {
    s.name: s
    for s in (
        Scenario("kill-daemon", "the daemon is killed while it writes setpoints, and started again", process.kill_daemon),
        Scenario("freeze-daemon", "the daemon's process is stopped for a while without ending", process.freeze_daemon),
        Scenario("stop-daemon", "the daemon is asked to stop, as systemd does", process.stop_daemon),
        Scenario("lose-devices", "every device vanishes from the network and comes back", plant.lose_devices),
        Scenario("dead-inlets", "every rack inlet sensor dies", plant.kill_inlet_sensors),
        Scenario("kill-worker", "the optimiser's process is killed", process.kill_worker),
        Scenario("hung-solver", "the optimiser hangs, and so does each one that is started after it", process.hang_solver),
        Scenario("full-disk", "the journal's disk is full", process.fill_disk),
        Scenario("clock-jump-forward", "the clock that the daemon follows jumps an hour ahead", process.jump_forward),
        Scenario("clock-jump-back", "the clock that the daemon follows jumps an hour back, and is put right later", process.jump_back),
        Scenario("dead-opcua", "every OPC UA server vanishes while Modbus lives", plant.lose_opcua),
        Scenario("flapping-sensor", "a hall's inlet sensors come and go every few minutes", plant.flap_sensors),
        Scenario("all-nan-hall", "no sensor of a hall shows a number any more", plant.blind_hall),
        Scenario("second-daemon", "a second daemon of the same configuration is started on the plant", people.start_second),
        Scenario("kill-switch", "a person turns the kill switch at the BAS while the daemon is frozen", people.turn_kill_switch),
        Scenario("kill-switch-network-dead", "a person turns the kill switch while no device can be reached", people.turn_kill_switch_cut_off),
        Scenario("drill", "an operator orders a drill of the fallback", people.drill),
        Scenario("rollback", "an operator rolls back everything, and engages again later", people.roll_back),
        Scenario("rollback-versions", "an operator orders an earlier model and an earlier configuration back", people.roll_back_versions),
        Scenario("shadow", "a daemon in shadow is watched on the wire", people.watch_shadow, stage="shadow"),
        Scenario("short-life", "a site goes from monitor to auto in some hours", life.live_shortly, stage="monitor"),
        Scenario("site-life", "a site goes from monitor to auto in three weeks and earns it", life.live_long, stage="monitor", days=23.0),
    )
}


def summary(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Returns a campaign under the names of ``coldaisle-hil campaign --json``."""
    waits_s = [r["back_under_bas_after_s"] for r in results if r["back_under_bas_after_s"] is not None]

    def hot(whose: str) -> float:
        return sum(float(r[whose]["inlet_above_allowable_rack_minutes"]) for r in results)

    return {
        "scenarios": len(results),
        "passed": sum(r["passed"] for r in results),
        "failed": [r["scenario"] for r in results if not r["passed"]],
        "seconds_to_safe": {"p50": median(waits_s) if waits_s else None, "max": max(waits_s, default=None)},
        "rack_minutes_above_allowable": {"daemon": hot("violations"), "bas_alone": hot("bas_alone_violations")},
        "lost_records": sum(r["lost_records"] for r in results),
    }
