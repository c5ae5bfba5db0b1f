"""The demo: a day of a simulated site on the wire with a daemon in charge, live, then compared with its baselines on the same weather and seed."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from hil.bench import Bench, Pace
from hil.demo_view import Screen, Shown, comparison, screen_of
from hil.fixtures import SUFFIX, pack
from hil.intents import intervention_counts
from hil.process import DaemonProcess, persistence, run_tool
from hil.scores import Trace, mode_minutes
from plant_models.simulator.conditions import Conditions, Prepared, simulate
from plant_models.simulator.series import Columns, Series
from plant_models.site.load import LoadedSite, load_site
from safety.modes import Mode

BASELINES: Final = ("g36", "fixed")
SHOWN_EVERY_WALL_S: Final = 0.25


class DemoError(Exception):
    """The demo cannot go on; the message says why and where to look."""


@dataclass
class Demo:
    """One run of the demo; everything that it leaves behind stands in ``out``."""

    config: Path
    out: Path
    conditions: Conditions = field(default_factory=Conditions)
    packed: Path | None = None
    """Where the first cycles of the daemon's journal are put too, for a replay as a test."""

    async def run(self) -> None:
        """Plays the demo to its end. Raises DemoError where a part of it fails, SiteErrors or SourceError for bad input."""
        loaded = load_site(self.config)
        self.out.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self.out / "state", ignore_errors=True)
        screen = screen_of(sys.stdout)
        screen.say(
            f"{loaded.site.site.name}, {self.conditions.days:g} day from {self.conditions.start}, {self.conditions.weather}, seed {self.conditions.seed}"
        )
        baselines = await self._baselines(screen)
        policy, series = await self._live(loaded, screen, baselines)
        truth = {"scenario": baselines["scenario"], "policy": policy, "series": series}
        (self.out / "truth.json").write_text(json.dumps(truth, indent=1))
        screen.show_table(comparison({"coldaisle": policy, **{name: baselines["policies"][name] for name in BASELINES}}))
        await self._report(screen)

    async def _baselines(self, screen: Screen) -> dict[str, Any]:
        """Runs the baselines on the same weather, load and seed, in process and as fast as they go."""
        path = self.out / "backtest.json"
        policies = [word for name in BASELINES for word in ("--policy", name)]
        words = ["backtest", "--config", str(self.config), *policies, *self._conditions(), "--series", "--json", str(path)]
        screen.say(f"the same day with {' and '.join(BASELINES)} first, to compare with")
        began_wall_s = time.monotonic()
        status = await run_tool(words, self.out / "backtest.log")
        if status != 0:
            raise DemoError(f"coldaisle backtest ended with {status}; see {self.out / 'backtest.log'}")
        screen.say(f"done in {time.monotonic() - began_wall_s:.0f} s")
        result: dict[str, Any] = json.loads(path.read_text())
        return result

    def _conditions(self) -> list[str]:
        given = self.conditions
        load = ["--load", str(given.load)] if given.load else []
        ageing = ["--ageing-seed", str(given.ageing_seed)] if given.ageing_seed is not None else []
        return ["--weather", given.weather, *load, "--start", given.start, "--days", f"{given.days:g}", "--seed", str(given.seed), *ageing]

    async def _live(self, loaded: LoadedSite, screen: Screen, baselines: Mapping[str, Any]) -> tuple[dict[str, Any], Columns]:
        """Runs the day on the wire with the daemon in charge; returns its score as ``backtest --json`` has it, and its course."""
        screen.say("warming the site up under its own controls")
        prepared = await asyncio.to_thread(simulate, loaded, self.conditions)
        pace = Pace(guard_s=loaded.site.timing.guard_s, wait_for_daemon=True)
        async with Bench(loaded, prepared.site, pace, dict.fromkeys(loaded.site.device, 0)) as bench:
            trace, series = Trace(loaded, prepared.site, bench.watch), Series(loaded, prepared.site)
            bench.each_step += [trace.observe, series.observe]
            daemon = DaemonProcess(self.config, {**bench.environ, **persistence(self.out / "state")}, self.out / "daemon.log")
            await daemon.start()
            screen.say(f"daemon started as a process of its own, over {', '.join(f'{d.name} on port {d.port}' for d in bench.devices)}")
            try:
                with screen:
                    await self._day(bench, prepared, daemon, _Teller(screen, prepared, trace, series, baselines))
                screen.say("the day is over; the daemon hands back")
            finally:
                status = await daemon.stop()
        if status != 0:
            screen.say(f"the daemon ended with {status}; see {daemon.log}")
        score = trace.scores.result()
        journal = self.out / "state" / "journal.sqlite"
        if self.packed:
            pack(journal, self.packed / f"demo{SUFFIX}")
        counts = {"mode_minutes": mode_minutes(trace.moments), "interventions": intervention_counts(journal), "writes": len(bench.watch.setpoints())}
        return {**score, **counts}, series.columns

    async def _day(self, bench: Bench, prepared: Prepared, daemon: DaemonProcess, teller: _Teller) -> None:
        running = asyncio.create_task(bench.run_until(prepared.until_s))
        ended = asyncio.create_task(daemon.wait())
        try:
            while not running.done():
                await asyncio.wait([running, ended], timeout=SHOWN_EVERY_WALL_S, return_when=asyncio.FIRST_COMPLETED)
                teller.tell()
                if ended.done() and not running.done():
                    raise DemoError(f"the daemon ended with {daemon.exit_status}:\n{daemon.tail()}")
            await running
        finally:
            for task in (running, ended):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    async def _report(self, screen: Screen) -> None:
        page = self.out / "report.html"
        files = ["--truth", str(self.out / "truth.json"), "--backtest", str(self.out / "backtest.json")]
        status = await run_tool(["report", str(self.out / "state" / "journal.sqlite"), "--out", str(page), *files], self.out / "report.log")
        if status != 0:
            raise DemoError(f"coldaisle report ended with {status}; see {self.out / 'report.log'}")
        screen.say(f"report: {page}")


@dataclass
class _Teller:
    """Tells the screen how the day goes."""

    screen: Screen
    prepared: Prepared
    trace: Trace
    series: Series
    baselines: Mapping[str, Any]
    began_wall_s: float = field(default_factory=time.monotonic)

    def tell(self) -> None:
        """Shows the newest moment, once there is one."""
        if not self.trace.moments or not self.series.columns["at_s"]:
            return
        now, begun = self.trace.moments[-1], self.prepared.start_s
        self.screen.show(
            Shown(
                at_s=now.at_s,
                time_zone=self.prepared.loaded.site.site.time_zone,
                share=(now.at_s - begun) / (self.prepared.until_s - begun),
                times_real_time=(now.at_s - begun) / max(time.monotonic() - self.began_wall_s, 1e-3),
                mode="-" if now.mode is None else Mode(int(now.mode)).name,
                hottest_inlet_c=now.hottest_inlet_c,
                facility_kw=self.series.columns["facility_kw"][-1],
                cooling_kw=self.series.columns["cooling_kw"][-1],
                effective=now.effective,
                saving_pct={name: self._saving(name, now.at_s) for name in BASELINES},
            )
        )

    def _saving(self, name: str, at_s: float) -> float | None:
        theirs = self.baselines["policies"][name].get("series")
        return saving_so_far_pct(self.series.columns, theirs, at_s) if theirs else None


def saving_so_far_pct(ours: Columns, theirs: Columns, until_s: float) -> float | None:
    """Returns what was saved of the other's cooling energy up to ``until_s`` [%], by the mean power of each; None before there is anything to compare."""
    means: dict[str, tuple[float, float]] = {}
    for key in ("facility_kw", "cooling_kw"):
        mine, others = _mean(ours, key, until_s), _mean(theirs, key, until_s)
        if mine is None or others is None:
            return None
        means[key] = (mine, others)
    cooling = means["cooling_kw"][1]
    return 100.0 * (means["facility_kw"][1] - means["facility_kw"][0]) / cooling if cooling > 0 else None


def _mean(columns: Columns, key: str, until_s: float) -> float | None:
    values = [v for at_s, v in zip(columns["at_s"], columns[key], strict=True) if v is not None and at_s is not None and at_s <= until_s]
    return sum(values) / len(values) if values else None


def play(demo: Demo) -> int:
    """Plays the demo; Ctrl-C or SIGTERM ends the daemon, then the bench. Returns 0, or 1 where it was stopped or failed."""

    async def whole() -> int:
        task = asyncio.current_task()
        assert task is not None
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        try:
            await demo.run()
        except asyncio.CancelledError:
            print("stopped; the daemon and the bench have ended", file=sys.stderr)
            return 1
        except DemoError as error:
            print(f"coldaisle-hil demo: {error}", file=sys.stderr)
            return 1
        return 0

    return asyncio.run(whole())
